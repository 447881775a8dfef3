"""Which statement of the sources is used where, and which test shows it.

``docs/traceability.csv`` holds every statement in a few words, its use, and what cannot be derived: places, tests, and
why a statement is not used. Derived are the places that cite a statement themselves: ``_CITATIONS`` and docstrings of
the rules, docstrings of the core, and the columns *sources* of the knowledge files.
"""

from __future__ import annotations

import ast
import csv
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from magnesium.cause_table import causes, findings
from magnesium.drugs import drug_classes
from magnesium.knowledge import parse_table, read_table
from magnesium.policy import load_site

ROOT = Path(__file__).parents[1]
USED = frozenset({"compute", "say", "table"})
NOT_USED = "not used"
BACKGROUND = ("id", "section", "says", "sources")

_STATEMENTS = ("id", "statement", "use", "where", "test", "note")
_CONTRADICTIONS = ("id", "matter", "sources say", "statements", "resolution", "where")
_MENTION = re.compile(r"(S[0-4])-(\d{3})(?: to (?:S[0-4]-)?(\d{3}))?")
_EVERY_CAUSE = "tests/unit/magnesium/test_every_cause.py"
_DRUGS = "tests/unit/magnesium/test_drugs.py"
BY_KIND: Mapping[str, str] = {
    "cause": f"{_EVERY_CAUSE}::test_is_listed_for_a_patient_who_has_what_it_requires",
    "finding": f"{_EVERY_CAUSE}::test_every_finding_speaks_for_or_against_a_cause_of_a_patient_who_has_it",
    "class": f"{_DRUGS}::test_the_weights_are_those_of_the_specification",
    "drug": f"{_DRUGS}::test_the_members_of_the_classes_are_those_of_the_specification",
    "background": "tests/unit/tools/test_knowledge_page.py::test_prints_every_row_of_the_background",
}
"""Tests that hold every row of a table alike."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement of the sources and what becomes of it."""

    id: str
    words: str
    use: str
    written: tuple[str, ...]
    """Places that the file names."""
    derived: tuple[str, ...]
    """Places that cite the statement themselves."""
    tests: tuple[str, ...]
    """Tests of its own; what points at a row of a table is held by the test of all its rows as well (``BY_KIND``)."""
    note: str

    @property
    def places(self) -> tuple[str, ...]:
        """Every place, once each."""
        return tuple(dict.fromkeys((*self.derived, *self.written)))

    @property
    def held_by(self) -> tuple[str, ...]:
        """Its own tests, and those that hold every row of the tables it points at."""
        kinds = dict.fromkeys(place.partition(":")[0] for place in self.places)
        return (*self.tests, *(BY_KIND[kind] for kind in kinds if kind in BY_KIND))

    @property
    def used(self) -> bool:
        """Whether the product uses it; else ``note`` says why not."""
        return bool(self.places)


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Where the sources disagree, and how that is resolved."""

    id: str
    matter: str
    sources_say: str
    statements: tuple[str, ...]
    resolution: str
    places: tuple[str, ...]


@cache
def statements() -> tuple[Statement, ...]:
    """Return every statement, in the order of the sources."""
    by_statement = citations()
    return tuple(_statement(row, by_statement.get(row["id"], ())) for row in _rows("traceability.csv", _STATEMENTS))


@cache
def contradictions() -> tuple[Contradiction, ...]:
    """Return every contradiction of the sources."""
    return tuple(
        Contradiction(
            row["id"],
            row["matter"],
            row["sources say"],
            _list(row["statements"]),
            row["resolution"],
            _list(row["where"]),
        )
        for row in _rows("contradictions.csv", _CONTRADICTIONS)
    )


def _rows(name: str, columns: tuple[str, ...]) -> list[dict[str, str]]:
    return parse_table(name, (ROOT / "docs" / name).read_text(encoding="utf-8"), columns)


def _list(cell: str) -> tuple[str, ...]:
    return tuple(cell.split("|")) if cell else ()


def _statement(row: Mapping[str, str], cited: tuple[str, ...]) -> Statement:
    unused = row["use"] not in USED or row["where"] == NOT_USED
    written = () if unused else _list(row["where"])
    # A place may mention a statement to say that it does not follow it.
    derived = () if unused else cited
    return Statement(row["id"], row["statement"], row["use"], written, derived, _list(row["test"]), row["note"])


# ----- what cites a statement -----


def citations() -> Mapping[str, tuple[str, ...]]:
    """Return the places that cite each statement."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for place, statement in (*firm_citations(), *_mentions()):
        found[statement][place] = None
    return {statement: tuple(places) for statement, places in found.items()}


def firm_citations() -> Iterator[tuple[str, str]]:
    """Yield place and statement of what a card or a table rests on: ``_CITATIONS`` and the columns *sources*."""
    for path in _rules():
        yield from (
            (f"rule:{path.stem}", cited) for cited in _tuple_of(path, "_CITATIONS") if _MENTION.fullmatch(cited)
        )
    for place, sources in _tables():
        yield from ((place, source) for source in sources if _MENTION.fullmatch(source))


def _tables() -> Iterator[tuple[str, tuple[str, ...]]]:
    yield from ((f"policy:{number.id}", number.sources) for number in load_site().policy.numbers.values())
    yield from ((f"cause:{cause.id}", cause.sources) for cause in causes())
    yield from ((f"finding:{finding.id}", finding.sources) for finding in findings().values())
    yield from ((f"class:{drug_class.code}", drug_class.sources) for drug_class in drug_classes().values())
    yield from ((f"drug:{row['ingredient']}", _list(row["sources"])) for row in _knowledge("drugs.csv"))
    yield from ((f"background:{row['id']}", _list(row["sources"])) for row in background())


def _mentions() -> Iterator[tuple[str, str]]:
    """Yield place and statement of the docstrings; ``S0-194 to S0-197`` means all four."""
    for kind, paths in (("rule", _rules()), ("module", _modules())):
        for path in paths:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
            texts = [ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, documented)]
            yield from ((f"{kind}:{path.stem}", found) for text in texts for found in mentioned(text))


def mentioned(text: str) -> Iterator[str]:
    """Yield the statements that a text names."""
    for source, first, last in _MENTION.findall(text):
        for number in range(int(first), int(last or first) + 1):
            yield f"{source}-{number:03}"


def _tuple_of(path: Path, name: str) -> tuple[str, ...]:
    """Return the strings of a tuple at module level, without importing the module."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [name]:
            return tuple(
                c.value for c in ast.walk(node.value) if isinstance(c, ast.Constant) and isinstance(c.value, str)
            )
    return ()


def _rules() -> list[Path]:
    return [path for path in sorted((ROOT / "magnesium" / "rules").glob("*.py")) if path.stem != "__init__"]


def _modules() -> list[Path]:
    return [path for path in sorted((ROOT / "magnesium").glob("*.py")) if path.stem != "__init__"]


def background() -> list[dict[str, str]]:
    """Return the background printed on the clinicians' page."""
    return read_table("background.csv", BACKGROUND)


@cache
def _knowledge(name: str) -> list[dict[str, str]]:
    with (ROOT / "magnesium" / "knowledge" / name).open(encoding="utf-8", newline="") as rows:
        return list(csv.DictReader(rows))


# ----- what there is to point at -----


def known_places() -> frozenset[str]:
    """Return every place that a statement may point at."""
    rules = {f"rule:{path.stem}" for path in _rules()}
    modules = {f"module:{path.stem}" for path in _modules()}
    return frozenset({place for place, _ in _tables()} | rules | modules)


def is_test(test: str, root: Path = ROOT) -> bool:
    """Whether a test is there: a file with tests, a node id, or the folder of a golden case. Nothing is run."""
    path, _, node = test.partition("::")
    place = root / path
    if place.is_dir():
        return not node and (place / "request.json").is_file()
    if not place.is_file():
        return False
    tests = set(_tests(ast.parse(place.read_text(encoding="utf-8"))))
    return bool(tests) and (not node or node in tests)


def _tests(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node.name
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            yield node.name
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef) and inner.name.startswith("test_"):
                    yield f"{node.name}::{inner.name}"
