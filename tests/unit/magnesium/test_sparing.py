"""clinical.md §2.9: amiloride and aldosterone antagonists as text, each condition at its limit."""

from __future__ import annotations

from datetime import timedelta

import pytest

from magnesium.facts import Analyte
from magnesium.sparing import sparing_diuretic
from tests.builders import (
    IV,
    MINUTE,
    NOW,
    Fact,
    acute,
    aged,
    creatinine,
    draft,
    egfr,
    ended_order,
    given,
    k,
    mg,
    order,
    picture,
    problem,
    unreadable,
    urine_creatinine,
    urine_mg,
)

SENTENCE = "Persisting loss: consider amiloride or an aldosterone antagonist, if tolerated"
LOW, LOW_BEFORE = mg("1.3 mg/dL"), mg("1.4 mg/dL", days_ago=8)
PERSISTS = (LOW, LOW_BEFORE)
FUROSEMIDE, POTASSIUM, KIDNEYS = order("furosemide"), k("4.0 mmol/L"), egfr("60")


def said(*found: Fact, **more: object) -> tuple[str, ...]:
    return sparing_diuretic(picture(*found, **more))  # type: ignore[arg-type]  # more = how the picture is taken


def test_is_said_where_wasting_persists_and_it_is_safe() -> None:
    assert said(*PERSISTS, FUROSEMIDE, POTASSIUM, KIDNEYS) == (f"{SENTENCE}.",)


class TestPersisting:
    @pytest.mark.parametrize(
        ("apart", "persists"),
        [(timedelta(days=7), True), (timedelta(days=7) + MINUTE, True), (timedelta(days=7) - MINUTE, False)],
    )
    def test_low_on_two_results_7_days_apart(self, apart: timedelta, persists: bool) -> None:
        assert bool(said(LOW, mg("1.4 mg/dL", at=NOW - apart), FUROSEMIDE, POTASSIUM, KIDNEYS)) is persists

    @pytest.mark.parametrize(("day", "persists"), [("2026-03-06", True), ("2026-03-07", False)])
    def test_a_plain_date_counts_from_its_last_moment(self, day: str, persists: bool) -> None:
        assert bool(said(LOW, mg("1.4 mg/dL", at=day), FUROSEMIDE, POTASSIUM, KIDNEYS)) is persists

    @pytest.mark.parametrize(
        ("before", "persists"),
        [("1.5999 mg/dL", True), ("1.6 mg/dL", False), ("<0.6 mmol/L", True), ("<2 mg/dL", False)],
    )
    def test_the_earlier_one_was_surely_low(self, before: str, persists: bool) -> None:
        assert bool(said(LOW, mg(before, days_ago=8), FUROSEMIDE, POTASSIUM, KIDNEYS)) is persists

    @pytest.mark.parametrize(
        "now",
        [(), (mg("1.6 mg/dL"),), (mg("1.3 mg/dL", days_ago=15), mg("1.3 mg/dL", days_ago=30))],
        ids=["no newer one", "borderline", "too old"],
    )
    def test_it_is_low_now(self, now: tuple[Fact, ...]) -> None:
        assert said(*now, mg("1.4 mg/dL", days_ago=40), FUROSEMIDE, POTASSIUM, KIDNEYS) == ()


class TestRenal:
    @pytest.mark.parametrize(
        "reason",
        [
            [FUROSEMIDE],
            [order("tacrolimus")],
            [ended_order("cisplatin", days_ago=60, ended=NOW - timedelta(days=60))],
            [problem("gitelman_syndrome")],
            [problem("bartter_syndrome")],
        ],
        ids=["loop diuretic", "calcineurin inhibitor", "platinum washing out", "Gitelman", "Bartter"],
    )
    def test_a_drug_that_wastes_in_the_kidney_or_a_tubulopathy(self, reason: list[Fact]) -> None:
        assert said(*PERSISTS, *reason, POTASSIUM, KIDNEYS)

    @pytest.mark.parametrize(
        ("urine", "kidneys", "renal"),
        [("3.5", "60", True), ("3.5", "45", True), ("2.1", "60", False), ("0.7", "60", False)],
        ids=["renal", "renal likely", "equivocal", "extrarenal"],
    )
    def test_or_femg(self, urine: str, kidneys: str, renal: bool) -> None:
        pair = (mg("1.0 mg/dL"), creatinine("1 mg/dL"), urine_creatinine("100 mg/dL"), urine_mg(f"{urine} mg/dL"))
        assert bool(said(*pair, LOW_BEFORE, POTASSIUM, egfr(kidneys))) is renal

    @pytest.mark.parametrize(
        "reason",
        [[], [order("omeprazole", days_ago=400)], [order("carboplatin")], [problem("diarrhea")]],
        ids=["none", "wastes in the gut", "a weak drug", "a gut condition"],
    )
    def test_nothing_else(self, reason: list[Fact]) -> None:
        assert said(*PERSISTS, *reason, POTASSIUM, KIDNEYS) == ()


class TestSafe:
    @pytest.mark.parametrize(("value", "safe"), [("4.4999", True), ("4.5", False), ("<4.5", True), ("<5", False)])
    def test_potassium_surely_below_4_5(self, value: str, safe: bool) -> None:
        bound = value.startswith("<")
        potassium = k(f"{value} mmol/L") if not bound else k(f"<{value[1:]} mmol/L")
        assert bool(said(*PERSISTS, FUROSEMIDE, potassium, KIDNEYS)) is safe

    @pytest.mark.parametrize(
        "potassium",
        [[], [k("4.0 mmol/L", days_ago=15)], [k("4.0 mmol/L", hours_ago=2), unreadable(Analyte.POTASSIUM)]],
        ids=["unknown", "too old", "a newer one cannot be read"],
    )
    def test_potassium_is_known(self, potassium: list[Fact]) -> None:
        assert said(*PERSISTS, FUROSEMIDE, *potassium, KIDNEYS) == ()

    @pytest.mark.parametrize(("other", "safe"), [("4.4", True), ("4.5", False), ("5.9", False)])
    def test_of_two_potassium_results_of_one_moment_the_higher_counts(self, other: str, safe: bool) -> None:
        both = (k("3.9 mmol/L", reference="Observation/a"), k(f"{other} mmol/L", reference="Observation/b"))
        assert bool(said(*PERSISTS, FUROSEMIDE, *both, KIDNEYS)) is safe

    @pytest.mark.parametrize(("value", "safe"), [("45", True), ("44.9", False), (">60", True), (">30", False)])
    def test_egfr_surely_from_45(self, value: str, safe: bool) -> None:
        assert bool(said(*PERSISTS, FUROSEMIDE, POTASSIUM, egfr(value))) is safe

    @pytest.mark.parametrize(
        "kidneys",
        [
            [],
            [egfr("60", days_ago=91)],
            [KIDNEYS, acute("acute_kidney_injury")],
            [KIDNEYS, problem("dialysis")],
            [egfr("90", days_ago=5), unreadable(Analyte.CREATININE, hours_ago=1)],
        ],
        ids=["unknown", "too old", "acute injury", "dialysis", "a newer creatinine cannot be read"],
    )
    def test_kidneys_that_can_bear_it(self, kidneys: list[Fact]) -> None:
        assert said(*PERSISTS, FUROSEMIDE, POTASSIUM, *kidneys) == ()

    @pytest.mark.parametrize("drug", ["amiloride", "triamterene", "spironolactone", "eplerenone", "finerenone"])
    @pytest.mark.parametrize("make", [order, draft])
    def test_no_other_potassium_sparing_drug(self, make: object, drug: str) -> None:
        other = order(drug) if make is order else draft(drug)
        assert said(*PERSISTS, FUROSEMIDE, POTASSIUM, KIDNEYS, other) == ()

    def test_not_in_pregnancy_and_not_under_18(self) -> None:
        chart = (*PERSISTS, FUROSEMIDE, POTASSIUM, KIDNEYS)
        assert said(*chart, problem("pregnancy")) == ()
        assert said(*chart, patient=aged(17)) == ()
        assert said(*chart, patient=aged(18))


class TestCompany:
    @pytest.mark.parametrize(
        "company",
        [
            order("tacrolimus"),
            order("lisinopril"),
            order("losartan"),
            order("trimethoprim"),
            given("heparin", route=IV),
            order("potassium chloride"),
            draft("lisinopril"),
        ],
        ids=lambda exposure: f"{exposure.label} {exposure.kind}",
    )
    def test_the_risk_of_hyperkalemia_is_added_with_what_raises_potassium(self, company: Fact) -> None:
        (sentence,) = said(*PERSISTS, FUROSEMIDE, POTASSIUM, KIDNEYS, company)
        assert sentence == f"{SENTENCE}; risk of hyperkalemia with {company.label}."  # type: ignore[union-attr]

    def test_each_is_named_once(self) -> None:
        more = (order("lisinopril"), order("tacrolimus"), order("lisinopril", days_ago=3))
        (sentence,) = said(*PERSISTS, FUROSEMIDE, POTASSIUM, KIDNEYS, *more)
        assert sentence == f"{SENTENCE}; risk of hyperkalemia with tacrolimus and lisinopril."
