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
        ("diarrhea", "gut"),
        ("ileostomy_status", "gut"),
        ("malabsorption", "gut"),
        ("short_bowel_syndrome", "gut"),
        ("celiac_disease", "gut"),
        ("crohn_disease", "gut"),
        ("ulcerative_colitis", "gut"),
        ("bariatric_surgery_status", "gut"),
        ("pancreatitis", "gut"),
        ("malnutrition", "gut"),
        ("diabetic_ketoacidosis", "potassium_shift"),
        ("periodic_paralysis", "potassium_shift"),
    ],
)
def test_groups_what_means_the_same_to_the_rules(slug: str, group: str) -> None:
    assert getattr(read(acute(slug)), group)
    assert not getattr(read(), group)


class TestKidneyReplacementProcedure:
    """clinical.md §1.6: a procedure within 14 d, not followed by a transplant."""

    @pytest.mark.parametrize(
        ("ended", "counts"),
        [
            (ago(days=14) + MINUTE, True),
            (ago(days=14), True),
            (ago(days=14) - MINUTE, False),
            (on("2026-02-28"), True),
            (on("2026-02-27"), False),
            (NOW, True),
        ],
    )
    def test_counts_for_14_days(self, ended: datetime | When, counts: bool) -> None:
        assert bool(read(problem("kidney_replacement", onset=ended, until=ended)).dialysis) is counts

    def test_one_that_is_running_counts_however_long(self) -> None:
        assert read(problem("kidney_replacement", onset=ago(days=30))).dialysis

    def test_one_that_ran_for_long_counts_from_its_end(self) -> None:
        assert read(problem("kidney_replacement", onset=ago(days=30), until=ago(days=2))).dialysis

    def test_one_that_is_still_to_come_does_not_count(self) -> None:
        assert not read(problem("kidney_replacement", onset=NOW + MINUTE)).dialysis

    @pytest.mark.parametrize(("grafted", "counts"), [(ago(days=1), False), (ago(days=4), True)])
    def test_ends_with_a_later_transplant(self, grafted: datetime, counts: bool) -> None:
        done = problem("kidney_replacement", onset=ago(days=3), until=ago(days=3))
        assert bool(read(done, problem("kidney_transplant", onset=grafted)).dialysis) is counts


class TestDaysAfterBirth:
    """clinical.md §1.10: pregnant, or 7 d postpartum and less."""

    @pytest.mark.parametrize(
        ("born", "counts"),
        [(ago(days=7) + MINUTE, True), (ago(days=7), True), (ago(days=7) - MINUTE, False), (None, False)],
    )
    def test_a_delivery_counts_for_7_days(self, born: datetime | None, counts: bool) -> None:
        assert bool(read(problem("delivery", onset=born)).pregnancy) is counts

    @pytest.mark.parametrize("slug", ["pregnancy", "pre_eclampsia_eclampsia", "gestational_diabetes"])
    @pytest.mark.parametrize(
        ("ended", "counts"),
        [(ago(days=7) + MINUTE, True), (ago(days=7), True), (ago(days=7) - MINUTE, False), (NOW + MINUTE, True)],
    )
    def test_so_does_a_pregnancy_that_has_ended(self, slug: str, ended: datetime, counts: bool) -> None:
        assert bool(read(problem(slug, onset=ago(days=280), until=ended)).pregnancy) is counts

    @pytest.mark.parametrize("slug", ["pregnancy", "pre_eclampsia_eclampsia", "gestational_diabetes"])
    @pytest.mark.parametrize(
        ("onset", "counts"),
        [(None, True), (ago(days=301) + MINUTE, True), (ago(days=301), True), (ago(days=301) - MINUTE, False)],
    )
    def test_one_left_open_on_the_list_counts_no_longer_than_a_pregnancy_lasts(
        self, slug: str, onset: datetime | None, counts: bool
    ) -> None:
        assert bool(read(problem(slug, onset=onset)).pregnancy) is counts

    @pytest.mark.parametrize(
        ("onset", "born", "counts"),
        [
            (ago(days=100), ago(days=7), True),  # the days after
            (ago(days=100), ago(days=7) - MINUTE, False),
            (ago(days=100), on((NOW - timedelta(days=8)).date().isoformat()), False),
            (ago(days=100), NOW + MINUTE, True),  # a date that has not come says nothing
            (ago(days=100), None, True),
            (None, ago(days=30), True),  # whether it came before is not known
            (ago(days=30), ago(days=30), False),  # written down on the day of birth
            (ago(days=23), ago(days=30), False),  # and in the days after
            (ago(days=23) + MINUTE, ago(days=30), True),  # another one
        ],
    )
    def test_an_open_one_ends_with_a_delivery_since(
        self, onset: datetime | None, born: datetime | When | None, counts: bool
    ) -> None:
        birth = problem("delivery", onset=born)
        assert bool(read(problem("pregnancy", onset=onset), birth).of("pregnancy")) is counts

    def test_a_suspected_delivery_ends_nothing(self) -> None:
        birth = problem("delivery", onset=ago(days=30), suspected=True)
        assert read(problem("pregnancy", onset=ago(days=100)), birth).pregnancy


class TestSuspected:
    """clinical.md §1.8: unconfirmed or differential, shown only."""

    @pytest.mark.parametrize(
        "slug",
        [
            "myasthenia_gravis", "lambert_eaton", "av_block_high_grade", "av_block_unspecified", "sick_sinus_syndrome",
            "bradycardia", "acute_kidney_injury", "oliguria", "dialysis", "ckd_stage_4", "ckd_stage_5", "esrd",
        ],
    )  # fmt: skip
    def test_one_that_would_forbid_magnesium_is_named(self, slug: str) -> None:
        fact = problem(slug, onset=NOW, suspected=True)
        found = read(fact)
        assert (found.suspected, found.by_slug) == ((fact,), {})

    @pytest.mark.parametrize("slug", ["long_qt", "diarrhea", "gitelman_syndrome"])
    def test_any_other_is_not(self, slug: str) -> None:
        assert not read(problem(slug, suspected=True)).suspected

    def test_nor_one_that_is_established_too_or_long_ago(self) -> None:
        assert not read(problem("oliguria"), problem("oliguria", suspected=True)).suspected
        assert not read(problem("acute_kidney_injury", onset=ago(days=15), suspected=True)).suspected


@pytest.mark.parametrize(
    ("onset", "until", "counts"),
    [
        (None, None, True),
        (ago(days=365) + MINUTE, None, True),
        (ago(days=365), None, True),
        (ago(days=365) - MINUTE, None, False),
        (ago(days=400), ago(days=365), True),
        (ago(days=400), ago(days=366), False),
    ],
)
def test_gastrointestinal_bleeding_counts_for_a_year(
    onset: datetime | None, until: datetime | None, counts: bool
) -> None:
    assert bool(read(problem("gi_bleeding", onset=onset, until=until)).of("gi_bleeding")) is counts


@pytest.mark.parametrize(
    ("onset", "counts"),
    [(None, True), (ago(hours=24) + MINUTE, True), (ago(hours=24), True), (ago(hours=24) - MINUTE, False)],
)
def test_a_recorded_bradycardia_counts_for_a_day_or_without_a_date(onset: datetime | None, counts: bool) -> None:
    assert bool(read(problem("bradycardia", onset=onset)).of("bradycardia")) is counts
