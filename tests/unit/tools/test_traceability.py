"""Every statement of the sources is followed to a place and a test that exist, or says why it is not used."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tools import traceability
from tools.traceability import (
    NOT_USED,
    ROOT,
    USED,
    Statement,
    background,
    citations,
    contradictions,
    firm_citations,
    is_test,
    known_places,
    mentioned,
    statements,
)
from tools.traceability_page import traceability_page

STATEMENTS = {s.id: s for s in statements()}
PLACES = known_places()


def ids(statement: Statement) -> str:
    return statement.id


@pytest.mark.shared
def test_all_statements_are_there_with_their_use(shared: Path) -> None:
    with (shared / "spec" / "seed-statements.csv").open(encoding="utf-8", newline="") as rows:
        listed = [(row["id"], row["use"]) for row in csv.DictReader(rows)]
    assert [(s.id, s.use) for s in statements()] == listed


@pytest.mark.shared
def test_no_statement_is_copied_word_for_word(shared: Path) -> None:
    with (shared / "spec" / "seed-statements.csv").open(encoding="utf-8", newline="") as rows:
        sentences = {row["id"]: row["statement"] for row in csv.DictReader(rows)}
    long = [s for s in statements() if len(s.words.split()) > 8]
    assert [s.id for s in long if s.words.casefold() in sentences[s.id].casefold()] == []


def test_every_statement_is_there_once() -> None:
    assert len(STATEMENTS) == len(statements())
    assert all(s.words for s in statements())


@pytest.mark.parametrize("statement", [s for s in statements() if s.used], ids=ids)
def test_a_used_statement_has_places_and_tests_that_exist(statement: Statement) -> None:
    assert statement.use in USED
    assert set(statement.places) <= PLACES
    assert statement.held_by
    assert [test for test in statement.held_by if not is_test(test)] == []


@pytest.mark.parametrize("statement", [s for s in statements() if s.use == "compute"], ids=ids)
def test_what_is_computed_with_has_a_test_of_its_own_and_more_than_a_sentence(statement: Statement) -> None:
    assert statement.tests
    assert [place for place in statement.places if not place.startswith("background:")]


@pytest.mark.parametrize("statement", [s for s in statements() if not s.used], ids=ids)
def test_an_unused_statement_says_why(statement: Statement) -> None:
    assert statement.note
    assert statement.tests == ()
    assert "compute" not in statement.use


def test_what_is_not_used_is_cited_by_no_card_and_no_table() -> None:
    unused = {s.id for s in statements() if not s.used}
    assert [(place, cited) for place, cited in firm_citations() if cited in unused] == []


def test_nothing_cites_a_statement_that_does_not_exist() -> None:
    assert citations().keys() - STATEMENTS.keys() == set()


def test_places_are_only_asked_for_where_a_statement_is_used() -> None:
    with (ROOT / "docs" / "traceability.csv").open(encoding="utf-8", newline="") as rows:
        odd = [row["id"] for row in csv.DictReader(rows) if row["use"] not in USED and row["where"]]
    assert odd == []
    assert NOT_USED not in {place for s in statements() for place in s.places}


def test_contradictions_name_statements_and_places_that_exist() -> None:
    assert len({c.id for c in contradictions()}) == len(contradictions())
    for contradiction in contradictions():
        assert set(contradiction.statements) <= STATEMENTS.keys(), contradiction.id
        assert set(contradiction.places) <= PLACES, contradiction.id
        assert contradiction.resolution, contradiction.id


def test_the_background_names_statements_once_each() -> None:
    cited = [source for row in background() for source in row["sources"].split("|")]
    assert set(cited) <= STATEMENTS.keys()
    assert len(set(cited)) == len(cited)


def test_a_range_means_every_statement_in_it() -> None:
    assert list(mentioned("S0-194 to S0-196, S2-028 to 029; S4-003.")) == [
        "S0-194",
        "S0-195",
        "S0-196",
        "S2-028",
        "S2-029",
        "S4-003",
    ]


@pytest.mark.parametrize(
    ("test", "there"),
    [
        ("tests/test_a.py", True),
        ("tests/test_a.py::test_one", True),
        ("tests/test_a.py::TestTwo::test_three", True),
        ("tests/test_a.py::TestTwo", True),
        ("tests/test_a.py::test_three", False),
        ("tests/test_a.py::helper", False),
        ("tests/empty.py", False),
        ("tests/test_b.py", False),
        ("tests/case", True),
        ("tests/case::test_one", False),
        ("tests/folder", False),
    ],
)
def test_a_test_is_found_without_running_it(test: str, there: bool, tmp_path: Path) -> None:
    code = "raise SystemExit\ndef helper(): ...\ndef test_one(): ...\nclass TestTwo:\n    def test_three(self): ...\n"
    for folder in ("tests/case", "tests/folder"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "tests/test_a.py").write_text(code, encoding="utf-8")
    (tmp_path / "tests/empty.py").write_text("def helper(): ...\n", encoding="utf-8")
    (tmp_path / "tests/case/request.json").write_text("{}", encoding="utf-8")
    assert is_test(test, tmp_path) is there


def test_the_page_shows_every_statement_and_every_contradiction() -> None:
    page = traceability_page()
    assert [id_ for id_ in STATEMENTS if f"| {id_} |" not in page] == []
    assert [c.id for c in contradictions() if f"| {c.matter} |" not in page] == []


def test_the_statements_are_read_once() -> None:
    assert traceability.statements() is statements()
