"""Every source that a number, a drug, a cause or a rule names exists, none stands there unused, and none is overrated."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from magnesium.cause_table import causes, findings, not_used
from magnesium.drugs import drug_classes, drugs
from magnesium.knowledge import read_table
from magnesium.policy import Basis, Number
from tests.builders import POLICY
from tools.sources_page import CONFIRMED, STATUS, documents, statements

SOURCES = documents()
SEEDS = {"S0": 212, "S1": 33, "S2": 42, "S3": 20, "S4": 51}
"""How many statements each of the five source documents has."""
STATEMENT = re.compile(r"(S[0-4])-(\d{3})")
FIELDS = {"title", "kind", "statements", "identifier", "status", "review"}
DRUG_COLUMNS = ("ingredient", "class", "also", "weight", "in_force_days", "interval_days", "routes", "sources")


def cites(node: ast.Assign | ast.keyword) -> bool:
    if isinstance(node, ast.keyword):
        return node.arg == "citations"
    return any(getattr(target, "id", "").endswith("CITATIONS") for target in node.targets)


def cited_by_rules() -> Iterator[tuple[str, str]]:
    """Yield what the modules of the clinical core cite: the members of their ``_CITATIONS`` and of ``citations=``."""
    for module in sorted(Path(str(files("magnesium"))).rglob("*.py")):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            for part in ast.walk(node.value) if isinstance(node, ast.Assign | ast.keyword) and cites(node) else ():
                if isinstance(part, ast.Constant) and isinstance(part.value, str) and "|" not in part.value:
                    yield part.value, module.name


def drug_rows() -> list[dict[str, str]]:
    return read_table("drugs.csv", DRUG_COLUMNS)


def named() -> dict[str, set[str]]:
    """Return every source that is named anywhere, with the places that name it."""
    places: dict[str, set[str]] = {}

    def note(sources: Iterator[str] | tuple[str, ...] | list[str], place: str) -> None:
        for source in sources:
            places.setdefault(source, set()).add(place)

    for number in POLICY.numbers.values():
        note(number.sources, number.id)
    for drug_class in drug_classes().values():
        note(drug_class.sources, f"class {drug_class.code}")
    for row in drug_rows():
        note(row["sources"].split("|"), f"drug {row['ingredient']}")
    for cause in causes():
        note(cause.sources, f"cause {cause.id}")
    for finding in findings().values():
        note(finding.sources, f"finding {finding.id}")
    note(list(not_used()), "causes_not_used.csv")
    for source, module in cited_by_rules():
        note([source], module)
    for row in statements():
        note(row["sources"].split("|"), f"statement {row['place']}")
    return places


NAMED = named()


def test_an_ingredient_stands_in_the_table_once() -> None:
    assert len(drug_rows()) == len(drugs())


def test_rules_do_cite() -> None:
    assert {"S0-195", "fda-ppi-2011"} <= {source for source, _ in cited_by_rules()}


@pytest.mark.parametrize("source", sorted(NAMED))
def test_every_source_that_is_named_exists(source: str) -> None:
    statement = STATEMENT.fullmatch(source)
    if statement:
        seed, number = statement.groups()
        assert 1 <= int(number) <= SEEDS[seed], NAMED[source]
    else:
        assert source in SOURCES, NAMED[source]


def test_no_source_stands_there_unused() -> None:
    used = NAMED.keys() | {source.split("-")[0] for source in NAMED if STATEMENT.fullmatch(source)}
    assert sorted(SOURCES.keys() - used) == []


@pytest.mark.parametrize("source", sorted(SOURCES))
def test_every_source_says_what_it_is_and_how_it_was_checked(source: str) -> None:
    entry = SOURCES[source]
    assert entry.keys() == FIELDS
    assert entry["status"] in STATUS
    assert entry["title"]
    assert entry["review"]
    if entry["status"] in {"read", "copy", "quoted"}:
        assert entry["identifier"]
    if entry["status"] != "project" and source not in SEEDS | {"public": 0}:
        assert re.match(r"\d{4}-\d{2}-\d{2}: ", entry["review"]), "the review says when"


def confirmed(source: str) -> bool:
    seed = source.partition("-")[0] if STATEMENT.fullmatch(source) else source
    return SOURCES[seed]["status"] in CONFIRMED


@pytest.mark.parametrize("number", POLICY.numbers.values(), ids=lambda number: number.id)
def test_a_published_number_rests_on_a_document_that_was_seen(number: Number) -> None:
    if number.basis is Basis.PUBLISHED:
        assert any(confirmed(source) for source in number.sources)
        assert "local" not in number.sources
    elif number.basis is Basis.LOCAL:
        assert "local" in number.sources


@pytest.mark.parametrize("row", statements(), ids=lambda row: row["statement"][:50])
def test_a_statement_is_confirmed_by_a_document_that_was_seen_or_is_local(row: dict[str, str]) -> None:
    assert row["status"] in {"confirmed", "local"}
    sources = row["sources"].split("|")
    if row["status"] == "confirmed":
        assert all(confirmed(source) or SOURCES[source]["kind"] == "constant" for source in sources)
    else:
        assert {"local", "public", "class-effect", "qt-list"} & set(sources) or not any(map(confirmed, sources))


def test_a_local_number_in_a_drug_table_is_marked_as_local() -> None:
    for drug_class in drug_classes().values():
        if drug_class.interval or drug_class.washout:
            assert "local" in drug_class.sources, drug_class.code
    for row in drug_rows():
        if row["in_force_days"] or row["interval_days"]:
            assert "local" in row["sources"].split("|"), row["ingredient"]
