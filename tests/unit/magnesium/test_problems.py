"""clinical.md §1.8: the problem list as the rules read it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from magnesium.moment import When
from magnesium.problems import Problems, read_problems
from tests.builders import MINUTE, NOW, POLICY, Fact, acute, ago, facts, on, problem


def read(*found: Fact) -> Problems:
    return read_problems(facts(*found), POLICY, NOW)


def test_established_entries_count_and_suspected_ones_do_not() -> None:
    assert read(problem("long_qt")).of("long_qt")
    assert not read(problem("long_qt", suspected=True)).of("long_qt")


def test_finds_the_entries_of_any_of_several_slugs() -> None:
    found = read(problem("diarrhea"), problem("pacemaker"))
    assert [p.condition for p in found.of("pacemaker", "long_qt", "diarrhea")] == ["pacemaker", "diarrhea"]


ACUTE = ["torsades_de_pointes", "ventricular_arrhythmia", "tetany", "seizure", "cardiac_arrest"]


@pytest.mark.parametrize("slug", ACUTE)
@pytest.mark.parametrize(
    ("onset", "counts"),
    [
        (ago(hours=72) + MINUTE, True),
        (ago(hours=72), True),
        (ago(hours=72) - MINUTE, False),
        (NOW, True),
        (NOW + MINUTE, False),
        (None, False),
        (on("2026-03-11"), True),
        (on("2026-03-10"), False),
    ],
)
def test_acute_ones_count_for_72_hours(slug: str, onset: datetime | When | None, counts: bool) -> None:
    assert bool(read(problem(slug, onset=onset)).of(slug)) is counts


@pytest.mark.parametrize(
    ("onset", "counts"),
    [(timedelta(days=14) - MINUTE, True), (timedelta(days=14), True), (timedelta(days=14) + MINUTE, False)],
)
def test_acute_kidney_injury_counts_for_14_days(onset: timedelta, counts: bool) -> None:
    assert bool(read(problem("acute_kidney_injury", onset=NOW - onset)).acute_kidney_injury) is counts


def test_acute_kidney_injury_says_what_the_record_says() -> None:
    onset = ago(days=1)
    assert read(problem("acute_kidney_injury", onset=onset, label="AKI stage 2")).acute_kidney_injury == "AKI stage 2"
    assert read(problem("acute_kidney_injury", onset=onset)).acute_kidney_injury == "recorded acute kidney injury"


def test_a_chronic_one_counts_without_a_date_and_however_old() -> None:
    assert read(problem("bartter_syndrome")).salt_losing_tubulopathy
    assert read(problem("gitelman_syndrome", onset=on("1990"))).salt_losing_tubulopathy


def test_one_that_has_not_begun_does_not_count() -> None:
    assert not read(problem("long_qt", onset=NOW + MINUTE)).of("long_qt")


class TestDialysis:
    def test_counts(self) -> None:
        assert read(problem("dialysis")).dialysis

    def test_ends_with_a_later_transplant(self) -> None:
        assert not read(problem("dialysis", onset=on("2020")), problem("kidney_transplant", onset=on("2022"))).dialysis

    @pytest.mark.parametrize(
        ("begun", "grafted"),
        [(on("2023"), on("2022")), (on("2022"), on("2022")), (None, on("2022")), (on("2020"), None)],
        ids=["after the graft", "same year", "no date", "graft without a date"],
    )
    def test_counts_unless_the_transplant_surely_came_later(self, begun: When | None, grafted: When | None) -> None:
        assert read(problem("dialysis", onset=begun), problem("kidney_transplant", onset=grafted)).dialysis


@pytest.mark.parametrize(
    ("slug", "group"),
    [
        ("ckd_stage_4", "advanced_ckd"),
        ("ckd_stage_5", "advanced_ckd"),
        ("esrd", "advanced_ckd"),
        ("pregnancy", "pregnancy"),
        ("pre_eclampsia_eclampsia", "pregnancy"),
        ("gestational_diabetes", "pregnancy"),
        ("oliguria", "oliguria"),
        ("palliative_care", "palliative"),
        ("gitelman_syndrome", "salt_losing_tubulopathy"),
        ("torsades_de_pointes", "torsades"),
        ("torsades_de_pointes", "ventricular_arrhythmia"),
        ("ventricular_arrhythmia", "ventricular_arrhythmia"),
        ("seizure", "neuromuscular_signs"),
        ("tetany", "neuromuscular_signs"),
        ("diarrhea", "diarrhea"),
        ("ileostomy_status", "diarrhea"),
        ("short_bowel_syndrome", "gut"),
        ("celiac_disease", "gut"),
        ("diabetic_ketoacidosis", "potassium_shift"),
        ("periodic_paralysis", "potassium_shift"),
    ],
)
def test_groups_what_means_the_same_to_the_rules(slug: str, group: str) -> None:
    assert getattr(read(acute(slug)), group)
    assert not getattr(read(), group)
