"""The harness of the golden cases can fail: on whatever is changed, missing, surplus, unreadable or empty."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cds_service.replay import Answered
from tests.cases.__main__ import main
from tests.cases.harness import (
    CASES,
    HOOKS,
    CaseError,
    Play,
    answer,
    differences,
    folders,
    judged,
    pretty,
    read_case,
    select,
    service,
    update,
)

CARDS = CASES / "patient-view" / "wasting-furosemide"
SILENT = CASES / "patient-view" / "silent-normal-patient"
TABLE = CASES / "patient-view" / "potassium-limit"
Edit = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def to() -> Play:
    return service()


@pytest.fixture
def copied(tmp_path: Path) -> Callable[[Path], Path]:
    """Copy a case, to be spoilt."""

    def copy(folder: Path) -> Path:
        return shutil.copytree(folder, tmp_path / folder.parent.name / folder.name)

    return copy


def edit(path: Path, change: Edit) -> None:
    value = json.loads(path.read_text(encoding="utf-8"))
    change(value)
    path.write_text(json.dumps(value), encoding="utf-8")


def edit_rows(path: Path, change: Callable[[list[dict[str, str]]], object]) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    columns = list(rows[0])
    change(rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


class TestCards:
    def test_an_unspoilt_copy_holds(self, copied: Callable[[Path], Path], to: Play) -> None:
        for folder in (CARDS, SILENT, TABLE):
            assert differences(read_case(copied(folder)), to) == []

    @pytest.mark.parametrize(
        "change",
        [
            lambda value: value["cards"][0].update(indicator="info"),
            lambda value: value["cards"][0].update(summary="Low magnesium"),
            lambda value: value["cards"][0]["detail"].pop(),
            lambda value: value["cards"][0]["detail"].reverse(),
            lambda value: value["cards"][0]["suggestions"].pop(),
            lambda value: value["cards"][0]["suggestions"][0].update(order="MedicationRequest 1"),
            lambda value: value["cards"][0].pop("tells"),
            lambda value: value["cards"][0].update(heldBack=["something"]),
            lambda value: value["cards"][0].update(missing=["something"]),
            lambda value: value["cards"].pop(),
            lambda value: value["cards"].reverse(),
            lambda value: value["cards"].append(value["cards"][0]),
        ],
        ids=[
            "indicator",
            "summary",
            "a line less",
            "lines in another order",
            "a suggestion less",
            "another order",
            "topics",
            "held back",
            "missing data",
            "a card missing",
            "cards in another order",
            "a card too many",
        ],
    )
    def test_a_changed_expectation_fails(self, copied: Callable[[Path], Path], to: Play, change: Edit) -> None:
        folder = copied(CARDS)
        edit(folder / "cards.json", change)
        assert differences(read_case(folder), to)

    def test_a_changed_patient_fails(self, copied: Callable[[Path], Path], to: Play) -> None:
        folder = copied(CARDS)

        def raised(value: dict[str, Any]) -> None:
            value["prefetch"]["labs"]["entry"][0]["resource"]["valueQuantity"]["value"] = 1.3

        edit(folder / "request.json", raised)
        assert differences(read_case(folder), to)

    def test_another_time_fails(self, copied: Callable[[Path], Path], to: Play) -> None:
        folder = copied(CARDS)
        story = (folder / "why.md").read_text(encoding="utf-8")
        (folder / "why.md").write_text(story.replace("as of: 2026-", "as of: 2027-"), encoding="utf-8")
        assert differences(read_case(folder), to)

    def test_silence_where_cards_are_expected_fails(self, copied: Callable[[Path], Path], to: Play) -> None:
        folder = copied(CARDS)
        shutil.copy(SILENT / "request.json", folder / "request.json")
        assert differences(read_case(folder), to)

    def test_cards_where_silence_is_expected_fail(self, copied: Callable[[Path], Path], to: Play) -> None:
        folder = copied(SILENT)
        shutil.copy(CARDS / "request.json", folder / "request.json")
        assert differences(read_case(folder), to)

    def test_silence_for_another_reason_fails(self, copied: Callable[[Path], Path], to: Play) -> None:
        """A chart in which nothing could be found is silent as well: that is not the silence of a normal patient."""
        folder = copied(SILENT)
        edit(folder / "request.json", lambda value: value["prefetch"].update(labs=None))
        assert differences(read_case(folder), to)

    def test_a_refusal_is_no_silence(self, copied: Callable[[Path], Path], to: Play) -> None:
        folder = copied(SILENT)
        edit(folder / "request.json", lambda value: value["prefetch"].pop("labs"))
        assert differences(read_case(folder), to)

    def test_what_no_clinician_judges_does_not_matter(self) -> None:
        card = {"uuid": "1", "summary": "s", "indicator": "info", "source": {"topic": {"code": "t"}}}
        assert judged(card) == judged({**card, "uuid": "2", "overrideReasons": [{"code": "x"}]})

    def test_a_check_that_could_not_run_is_never_the_right_answer(self) -> None:
        card = {
            "summary": "One magnesium check could not run",
            "detail": "Low magnesium (error 1)",
            "indicator": "info",
            "source": {"topic": {"code": "checks-not-run"}},
        }
        case = read_case(CARDS)
        with pytest.raises(CaseError, match="could not run"):
            answer(case, case.request, lambda *_: Answered(HTTPStatus.OK, {"cards": [card]}))


class TestTables:
    def test_a_changed_expectation_fails(self, copied: Callable[[Path], Path], to: Play) -> None:
        folder = copied(TABLE)
        edit_rows(folder / "variants.csv", lambda rows: rows[2].update(cards="hypomagnesemia info"))
        (found,) = differences(read_case(folder), to)
        assert "line 4" in found

    def test_a_changed_value_fails(self, copied: Callable[[Path], Path], to: Play) -> None:
        folder = copied(TABLE)
        edit_rows(folder / "variants.csv", lambda rows: rows[2].update({"Observation/k value": "3.48 mmol/L"}))
        assert differences(read_case(folder), to)

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            (lambda rows: rows.clear(), "no rows"),
            (lambda rows: rows[0].update(cards=""), "empty"),
            (lambda rows: [row.update(cards="none") for row in rows], "shows nothing"),
            (lambda rows: rows.append(dict(rows[0])), "the same"),
        ],
        ids=["no rows", "nothing expected", "the same for all", "twice the same row"],
    )
    def test_a_table_that_shows_nothing_is_refused(
        self, copied: Callable[[Path], Path], change: Callable[[list[dict[str, str]]], object], said: str
    ) -> None:
        folder = copied(TABLE)
        edit_rows(folder / "variants.csv", change)
        with pytest.raises(CaseError, match=said):
            read_case(folder)

    @pytest.mark.parametrize(
        "heading", ["Observation/k value,note", "cards,k", "Observation/k value,cards,extra,cards"], ids=str
    )
    def test_a_column_nobody_knows_is_refused(self, copied: Callable[[Path], Path], heading: str) -> None:
        folder = copied(TABLE)
        cells = ",".join("x" for _ in heading.split(","))
        (folder / "variants.csv").write_text(f"{heading}\n{cells}\n", encoding="utf-8")
        with pytest.raises(CaseError):
            read_case(folder)

    @pytest.mark.parametrize("row", ["3.4 mmol/L", "3.4 mmol/L,none,,surplus"], ids=["too short", "too long"])
    def test_a_row_of_another_length_is_refused(self, copied: Callable[[Path], Path], row: str) -> None:
        folder = copied(TABLE)
        with (folder / "variants.csv").open("a", encoding="utf-8") as file:
            file.write(f"{row}\n")
        with pytest.raises(CaseError, match="cells"):
            read_case(folder)

    @pytest.mark.parametrize(
        ("column", "cell"),
        [
            ("Observation/nobody value", "3.4 mmol/L"),
            ("Observation/k value", "three point four"),
            ("Observation/k colour", "red"),
            ("MedicationRequest/furosemide drug", "furosemide"),
            ("Observation/k birthDate", "2001-01-01"),
        ],
    )
    def test_a_change_that_changes_nothing_is_refused(
        self, copied: Callable[[Path], Path], to: Play, column: str, cell: str
    ) -> None:
        folder = copied(TABLE)
        (folder / "variants.csv").write_text(f"{column},cards\n{cell},none\n,x\n", encoding="utf-8")
        with pytest.raises(CaseError):
            differences(read_case(folder), to)


class TestFolders:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        """A small collection with one case for each hook."""
        for hook in HOOKS:
            first = min((CASES / hook).iterdir())
            shutil.copytree(first, tmp_path / hook / first.name)
        return tmp_path

    def test_they_are_all_found(self, root: Path) -> None:
        assert len(folders(root)) == len(HOOKS)
        assert len(folders()) == sum(1 for hook in HOOKS for _ in (CASES / hook).iterdir())

    def test_no_cases_at_all(self, tmp_path: Path) -> None:
        with pytest.raises(CaseError, match="no cases"):
            folders(tmp_path)

    def test_a_hook_without_cases(self, root: Path) -> None:
        shutil.rmtree(root / "order-sign")
        with pytest.raises(CaseError, match="order-sign: no cases"):
            folders(root)

    def test_a_hook_that_is_none(self, root: Path) -> None:
        (root / "order-view").mkdir()
        with pytest.raises(CaseError, match="order-view"):
            folders(root)

    def test_a_file_beside_the_cases(self, root: Path) -> None:
        (root / "order-sign" / "notes.txt").touch()
        with pytest.raises(CaseError, match=r"notes\.txt"):
            folders(root)

    @pytest.mark.parametrize("name", ["why.md", "request.json", "cards.json"])
    def test_a_missing_file(self, copied: Callable[[Path], Path], name: str) -> None:
        folder = copied(CARDS)
        (folder / name).unlink()
        with pytest.raises(CaseError):
            read_case(folder)

    def test_an_empty_folder(self, tmp_path: Path) -> None:
        with pytest.raises(CaseError, match=r"why\.md"):
            read_case(tmp_path)

    @pytest.mark.parametrize("name", ["variants.csv", "card.json"], ids=["two expectations", "a misspelt file"])
    def test_a_surplus_file(self, copied: Callable[[Path], Path], name: str) -> None:
        folder = copied(CARDS)
        (folder / name).touch()
        with pytest.raises(CaseError):
            read_case(folder)

    @pytest.mark.parametrize("name", ["request.json", "cards.json"])
    @pytest.mark.parametrize("text", ["", "{", "[]", "null"])
    def test_an_unreadable_file(self, copied: Callable[[Path], Path], name: str, text: str) -> None:
        folder = copied(CARDS)
        (folder / name).write_text(text, encoding="utf-8")
        with pytest.raises(CaseError):
            read_case(folder)

    @pytest.mark.parametrize("text", ['{"cards": []}', '{"cards": [], "silent": {}}', '{"cards": {}}', "{}"], ids=str)
    def test_silence_without_reasons(self, copied: Callable[[Path], Path], text: str) -> None:
        folder = copied(CARDS)
        (folder / "cards.json").write_text(text, encoding="utf-8")
        with pytest.raises(CaseError):
            read_case(folder)

    def test_a_request_of_another_hook(self, copied: Callable[[Path], Path]) -> None:
        folder = copied(CARDS)
        edit(folder / "request.json", lambda value: value.update(hook="order-sign"))
        with pytest.raises(CaseError, match="order-sign"):
            read_case(folder)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "---\nas of: 2026-03-14T12:00:00Z\nclinical: §2.1\n---\n\nLow.\n",
            "---\nas of: 2026-03-14T12:00:00\nclinical: §2.1\n---\n\n" + "word " * 30,
            "---\nas of: today\nclinical: §2.1\n---\n\n" + "word " * 30,
            "---\nas of: 2026-03-14T12:00:00Z\nclinical: § all\n---\n\n" + "word " * 30,
            "---\nas of: 2026-03-14T12:00:00Z\n---\n\n" + "word " * 30,
        ],
        ids=["empty", "no story", "no zone", "no time", "no section", "no clinical"],
    )
    def test_a_why_that_does_not_say_why(self, copied: Callable[[Path], Path], text: str) -> None:
        folder = copied(CARDS)
        (folder / "why.md").write_text(text, encoding="utf-8")
        with pytest.raises(CaseError):
            read_case(folder)

    def test_a_dispute_that_says_nothing(self, copied: Callable[[Path], Path]) -> None:
        folder = copied(CARDS)
        (folder / "disputed.md").touch()
        with pytest.raises(CaseError, match="says nothing"):
            read_case(folder)

    def test_a_name_that_fits_no_case(self) -> None:
        assert [f.name for f in select(["patient-view/wasting-furosemide"])] == ["wasting-furosemide"]
        with pytest.raises(CaseError, match="no case"):
            select(["no-such-case"])


class TestUpdate:
    def test_it_writes_what_the_service_says_and_nothing_else(self, copied: Callable[[Path], Path], to: Play) -> None:
        for folder, name in ((CARDS, "cards.json"), (TABLE, "variants.csv")):
            own = copied(folder)
            assert not update(read_case(own), to)
            accepted = (own / name).read_text(encoding="utf-8")
            (own / name).write_text(accepted.replace("warning", "info"), encoding="utf-8")
            assert differences(read_case(own), to)
            assert update(read_case(own), to)
            assert (own / name).read_text(encoding="utf-8") == accepted

    def test_what_is_disputed_stays(self, copied: Callable[[Path], Path], to: Play) -> None:
        own = copied(CARDS)
        edit(own / "cards.json", lambda value: value["cards"].pop())
        (own / "disputed.md").write_text("The second card is wrong.", encoding="utf-8")
        assert not update(read_case(own), to)
        assert differences(read_case(own), to)

    def test_accepted_files_are_as_it_writes_them(self) -> None:
        for folder in folders():
            for path in folder.glob("*.json"):
                text = path.read_text(encoding="utf-8")
                assert text == pretty(json.loads(text)), path

    def test_the_command_line_shows_a_case(self) -> None:
        result = CliRunner().invoke(main, ["show", "patient-view/wasting-furosemide", "patient-view/potassium-limit"])
        assert result.exit_code == 0, result.output
        assert "magnesium-wasting-drug" in result.output
        assert "3.49 mmol/L" in result.output
