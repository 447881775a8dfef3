"""Which requirement of CDS Hooks is held by which test, and the page that says so.

``tests/conformance/requirements.csv`` holds the requirements. A test names those it shows with
``@pytest.mark.requirement("R-40", …)``, on itself or on its class, in any folder of ``tests/``; ``*TABLE`` stands for
the keys of a dict at the top of the module. The markers are read from the source, nothing is imported or run.
"""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from magnesium.knowledge import parse_table
from tools.markdown import table

ROOT = Path(__file__).parents[1]
CSV = "tests/conformance/requirements.csv"
LEVELS = ("SHALL", "SHALL NOT", "SHOULD", "SHOULD NOT", "MAY", "lc-should", "TOL", "PROJ", "–")
BINDS = ("service", "tests", "client", "deployment")

_COLUMNS = ("id", "section", "inferno", "level", "requirement", "binds", "adopted")
_ADOPTED = "yes"
_TESTED = frozenset({"service", "tests"})
_MARKER = "pytest.mark.requirement"
_SECTIONS: Mapping[str, str] = {
    "2.1": "Transport and JSON",
    "2.2": "Discovery",
    "2.3": "Invocation",
    "2.4": "Reading prefetch",
    "2.5": "Prefetch templates",
    "2.6": "FHIR access",
    "2.7": "Answers and status codes",
    "2.8": "Cards",
    "2.9": "Source",
    "2.10": "Suggestions and actions",
    "2.11": "Links",
    "2.12": "Feedback",
    "2.13": "Security, performance, extensions, transience",
    "2.14": "Invariants of 3.0",
    "3.8": "Forms that real requests have",
    "6.1": "Checks of the Inferno kit for Da Vinci CRD",
    "6.2": "Checks of our own",
}
_INTRODUCTION = """\
# Conformance to CDS Hooks

Written by `python -m tools.generate_docs`. Do not edit: the requirements stand in
[requirements.csv](../{csv}), and the tests name them with
`@pytest.mark.requirement`.

The service conforms to CDS Hooks 2.0.1, sends what 3.0 allows as well, and serves clients of 1.0. The words are our
own. `@n`: number of the statement in the set `cds-hooks_2.0` of the Inferno test kit for Da Vinci CRD; ids that begin
with `cds-` or `ord-` are the invariants of the logical models of 3.0.

| level | means |
|---|---|
| SHALL, SHOULD, MAY (NOT) | as the specification says |
| lc-should | a "should" in lower case: expected |
| TOL | binds the client; the service checks it or bears with it |
| PROJ | our own: not in the specification |

{counts}
"""


class ConformanceError(ValueError):
    """A row or a marker that cannot be read."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One row of the table."""

    id: str
    section: str
    inferno: tuple[str, ...]
    level: str
    words: str
    binds: str
    refusal: str
    """Why it is not adopted; empty if it is."""

    @property
    def needs_test(self) -> bool:
        """Whether a test has to show that it holds."""
        return not self.refusal and self.binds in _TESTED


def requirements(root: Path = ROOT) -> tuple[Requirement, ...]:
    """Read the requirements.

    Raises:
        ConformanceError: a row is not as it must be.
    """
    found = tuple(_requirement(row) for row in parse_table(CSV, (root / CSV).read_text(encoding="utf-8"), _COLUMNS))
    if twice := [own_id for own_id, times in Counter(r.id for r in found).items() if times > 1]:
        raise ConformanceError(f"{CSV}: twice: {', '.join(twice)}")
    return found


def _requirement(row: Mapping[str, str]) -> Requirement:
    adopted, _, why = row["adopted"].partition(": ")
    if row["level"] not in LEVELS or row["binds"] not in BINDS or row["section"] not in _SECTIONS:
        raise ConformanceError(f"{CSV}: {row['id']}: level, binds or section is none that there is")
    if not row["requirement"] or adopted != ("no" if why else _ADOPTED):
        raise ConformanceError(f"{CSV}: {row['id']}: needs words, and `yes` or `no: why` under adopted")
    return Requirement(
        row["id"],
        row["section"],
        tuple(row["inferno"].split()),
        row["level"],
        row["requirement"],
        row["binds"],
        why,
    )


# ----- markers -----


def marked(root: Path = ROOT) -> Mapping[str, tuple[str, ...]]:
    """Return the tests that name each requirement, as nodes of pytest below ``tests/``.

    Raises:
        ConformanceError: a marker holds something else than ids.
    """
    found: dict[str, list[str]] = defaultdict(list)
    folder = root / "tests"
    for path in sorted(folder.rglob("test_*.py")):
        source = path.read_text(encoding="utf-8")
        if _MARKER not in source:
            continue
        place = path.relative_to(folder).as_posix()
        for node, own_id in _marks(ast.parse(source), place):
            found[own_id].append(f"{place}::{node}")
    return {own_id: tuple(tests) for own_id, tests in found.items()}


def _marks(tree: ast.Module, place: str) -> Iterator[tuple[str, str]]:
    tables = _tables(tree)
    for node, name in _tests(tree):
        for decorator in node.decorator_list:
            yield from ((name, own_id) for own_id in _ids(decorator, tables, place))


def _tests(tree: ast.Module) -> Iterator[tuple[ast.ClassDef | ast.FunctionDef, str]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node, node.name
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            yield node, node.name
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef) and inner.name.startswith("test_"):
                    yield inner, f"{node.name}::{inner.name}"


def _tables(tree: ast.Module) -> Mapping[str, tuple[str, ...]]:
    """Return the keys of the dicts at the top of a module."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict):
            (target,) = node.targets if isinstance(node, ast.Assign) else [node.target]
            keys = (key.value for key in node.value.keys if isinstance(key, ast.Constant))
            found[ast.unparse(target)] = tuple(key for key in keys if isinstance(key, str))
    return found


def _ids(decorator: ast.expr, tables: Mapping[str, tuple[str, ...]], place: str) -> Iterator[str]:
    for call in ast.walk(decorator):
        if not isinstance(call, ast.Call) or ast.unparse(call.func) != _MARKER:
            continue
        for argument in call.args:
            starred = argument.value if isinstance(argument, ast.Starred) else ast.Tuple([argument])
            if isinstance(starred, ast.Name) and starred.id in tables:
                yield from tables[starred.id]
                continue
            for entry in starred.elts if isinstance(starred, ast.Tuple) else [starred]:
                if not isinstance(entry, ast.Constant) or not isinstance(entry.value, str):
                    raise ConformanceError(
                        f"tests/{place}:{call.lineno}: the marker takes ids, or *TABLE of the module"
                    )
                yield entry.value


# ----- what is amiss, and the page -----


def troubles(root: Path = ROOT) -> list[str]:
    """Return what keeps the table from being whole: requirements without a test, markers of unknown ids."""
    every, tests = requirements(root), marked(root)
    unknown = sorted(tests.keys() - {r.id for r in every})
    return [
        *(f"{CSV}: {r.id}: no test names it" for r in every if r.needs_test and r.id not in tests),
        *(f"tests/{test}: there is no requirement {own_id}" for own_id in unknown for test in tests[own_id]),
    ]


def conformance_page(root: Path = ROOT) -> str:
    """Return the page."""
    every, tests = requirements(root), marked(root)
    parts = [_INTRODUCTION.format(csv=CSV, counts=_counts(every))]
    for section, title in _SECTIONS.items():
        rows = [r for r in every if r.section == section]
        if rows:
            parts += [f"## {title}", "", _table(rows, tests), ""]
    return "\n".join(parts)


def _counts(every: Iterable[Requirement]) -> str:
    counts = Counter((r.binds, not r.refusal) for r in every)
    rows = ((binds, str(counts[binds, True]), str(counts[binds, False])) for binds in BINDS)
    return table(("binds", "adopted", "not adopted"), rows)


def _table(rows: Iterable[Requirement], tests: Mapping[str, tuple[str, ...]]) -> str:
    return table(
        ("id", "level", "requirement", "status", "tests"),
        (
            (
                " ".join((r.id, *(f"@{number}" for number in r.inferno))),
                r.level,
                r.words,
                _status(r, tests),
                ", ".join(f"`{test}`" for test in tests.get(r.id, ())),
            )
            for r in rows
        ),
    )


def _status(requirement: Requirement, tests: Mapping[str, tuple[str, ...]]) -> str:
    if requirement.refusal:
        return f"not adopted: {requirement.refusal}"
    return "held" if requirement.id in tests else "**no test**"
