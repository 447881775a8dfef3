"""Every requirement that binds us has a test, every marker names a requirement, and neither can be missed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.conformance import BINDS, CSV, ConformanceError, conformance_page, marked, requirements, troubles

HEADING = "id,section,inferno,level,requirement,binds,adopted"
ROWS = (
    "R-1,2.1,1 2,SHALL,Travel as JSON.,service,yes",
    "R-2,2.2,,PROJ,Be found.,service,yes",
    "R-3,2.2,,MAY,Sing.,service,no: nobody listens",
    "R-4,2.2,,SHALL,Carry out.,client,yes",
)
TESTS = """
import pytest

TABLE: dict[str, int] = {"R-1": 1, "R-2": 2, 3: 3}


@pytest.mark.requirement("R-1", "R-2")
def test_one(): ...


@pytest.mark.requirement(*TABLE)
@pytest.mark.parametrize("x", TABLE)
def test_two(x): ...


@pytest.mark.requirement("R-2")
class TestThree:
    @pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.requirement("R-1"))])
    def test_four(self, x): ...

    @pytest.mark.requirement("R-1")
    def help(self): ...


@pytest.mark.requirement("R-1")
def helper(): ...
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "tests/conformance").mkdir(parents=True)
    (tmp_path / "tests/http").mkdir()
    write(tmp_path, *ROWS)
    (tmp_path / "tests/http/test_a.py").write_text(TESTS, encoding="utf-8")
    return tmp_path


def write(root: Path, *rows: str) -> None:
    (root / CSV).write_text("\n".join((HEADING, *rows, "")), encoding="utf-8")


def test_every_requirement_that_binds_us_has_a_test() -> None:
    assert troubles() == []


def test_requirements_that_nobody_tests_say_why() -> None:
    assert all(r.needs_test or r.refusal for r in requirements())


def test_the_page_shows_every_requirement() -> None:
    page = conformance_page()
    assert [r.id for r in requirements() if f"\n| {r.id} " not in page] == []
    assert "**no test**" not in page


def test_markers_are_found_on_tests_and_classes_of_tests_only(root: Path) -> None:
    one, two = "http/test_a.py::test_one", "http/test_a.py::test_two"
    three, four = "http/test_a.py::TestThree", "http/test_a.py::TestThree::test_four"
    assert marked(root) == {"R-1": (one, two, four), "R-2": (one, two, three)}


def test_nothing_is_amiss_where_each_has_its_test(root: Path) -> None:
    assert troubles(root) == []


def test_a_requirement_without_a_test_is_named(root: Path) -> None:
    write(root, *ROWS, "R-5,2.2,,SHALL,Stay.,service,yes", "R-6,6.1,,SHALL,Send well.,tests,yes")
    assert troubles(root) == [f"{CSV}: R-5: no test names it", f"{CSV}: R-6: no test names it"]
    assert "| R-5 | SHALL | Stay. | **no test** | – |" in conformance_page(root)


def test_a_marker_of_a_requirement_that_is_none_is_named(root: Path) -> None:
    write(root, *ROWS[1:])
    assert troubles(root) == [
        f"tests/http/test_a.py::{test}: there is no requirement R-1"
        for test in ("test_one", "test_two", "TestThree::test_four")
    ]


@pytest.mark.parametrize("marker", ["ID", "*ELSEWHERE", "1", '"R-1", f"R-{1}"'])
def test_a_marker_that_cannot_be_read_is_refused(root: Path, marker: str) -> None:
    code = f"import pytest\n@pytest.mark.requirement({marker})\ndef test_one(): ...\n"
    (root / "tests/http/test_b.py").write_text(code, encoding="utf-8")
    with pytest.raises(ConformanceError, match=r"tests/http/test_b\.py:2: "):
        marked(root)


@pytest.mark.parametrize(
    "row",
    [
        ROWS[0],
        "R-5,2.1,,MUST,Stay.,service,yes",
        "R-5,2.1,,SHALL,Stay.,everybody,yes",
        "R-5,1.1,,SHALL,Stay.,service,yes",
        "R-5,2.1,,SHALL,,service,yes",
        "R-5,2.1,,SHALL,Stay.,service,",
        "R-5,2.1,,SHALL,Stay.,service,no",
        "R-5,2.1,,SHALL,Stay.,service,no: ",
        "R-5,2.1,,SHALL,Stay.,service,yes: of course",
    ],
)
def test_a_row_that_says_too_little_or_comes_twice_is_refused(root: Path, row: str) -> None:
    write(root, *ROWS, row)
    with pytest.raises(ConformanceError):
        requirements(root)


def test_the_page_says_what_became_of_each(root: Path) -> None:
    page = conformance_page(root)
    assert "| R-1 @1 @2 | SHALL | Travel as JSON. | held | `http/test_a.py::test_one`, " in page
    assert "| R-3 | MAY | Sing. | not adopted: nobody listens | – |" in page
    assert "## Discovery" in page
    assert "## Feedback" not in page
    assert all(f"\n| {binds} | " in page for binds in BINDS)
