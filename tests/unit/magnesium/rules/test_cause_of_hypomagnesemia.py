"""clinical.md §2.7, as far as FEMg goes: where a low magnesium is lost. The differential has tests of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from magnesium.facts import Analyte, LabResult, Need
from magnesium.moment import When
from magnesium.rules.cause_of_hypomagnesemia import judge
from magnesium.verdict import Finding, Indicator, Proposal, Quiet, Topic, Unknown
from tests.builders import (
    NOW,
    Fact,
    acute,
    aged,
    creatinine,
    egfr,
    iv_magnesium,
    lab,
    mg,
    order,
    picture,
    problem,
    urine_creatinine,
    urine_mg,
)

LOW = mg("1.0 mg/dL")
SAMPLES: tuple[Fact, ...] = (creatinine("1 mg/dL"), urine_creatinine("100 mg/dL"))
FULL = egfr("90")


def finding(*found: Fact, **more: Any) -> Finding:
    verdict = judge(picture(*found, **more))
    assert isinstance(verdict, Finding), verdict
    assert verdict.topic is Topic.CAUSE
    assert verdict.indicator is Indicator.INFO
    return verdict


def quiet(reason: str) -> Quiet:
    return Quiet(Topic.CAUSE, reason)


class TestFemg:
    @pytest.mark.parametrize(
        ("urine", "more", "summary", "act"),
        [
            ("3.5", [FULL], "FEMg 5.0 %: suggests renal wasting", "Look for renal wasting"),
            (
                "3.5",
                [egfr("45")],
                "FEMg 5.0 %: renal wasting likely; reduced GFR raises FEMg",
                "Look for renal wasting",
            ),
            ("2.1", [FULL], "FEMg 3.0 %: equivocal, leans renal", "consider both, renal first"),
            ("2.1", [egfr("45")], "FEMg 3.0 %: equivocal", "consider both."),
            ("0.7", [FULL], "FEMg 1.0 %: suggests extrarenal loss or low intake", "Look for gut loss"),
            ("0.7", [egfr("45")], "FEMg 1.0 %: extrarenal loss or low intake likely", "Look for gut loss"),
            ("3.5", [egfr("20")], "FEMg 5.0 %: not interpretable at this kidney function", "Do not read wasting"),
            (
                "3.5",
                [FULL, order("magnesium oxide")],
                "FEMg 5.0 %: not interpretable: magnesium given before the sample",
                "Repeat it",
            ),
        ],
    )
    def test_says_what_it_suggests_and_what_to_do(self, urine: str, more: list[Fact], summary: str, act: str) -> None:
        found = finding(LOW, *SAMPLES, urine_mg(f"{urine} mg/dL"), *more)
        assert found.summary.endswith(summary)
        assert act in found.act[0]
        assert found.proposals == ()

    def test_names_the_four_results_and_the_kidney_function(self) -> None:
        found = finding(LOW, *SAMPLES, urine_mg("3.5 mg/dL"), FULL)
        for part in (
            "urine Mg 3.5 mg/dL",
            "urine creatinine 100 mg/dL",
            "Mg 1.0 mg/dL",
            "creatinine 1 mg/dL",
            "eGFR 90 mL/min/1.73m2",
        ):
            assert part in found.what[0]
        assert {LOW, *SAMPLES, urine_mg("3.5 mg/dL"), FULL} <= set(found.evidence.facts)
        assert ("FEMg", "5.0 %") in found.evidence.derived

    def test_says_what_it_compares_and_tells_urine_calcium_beside_it(self) -> None:
        found = finding(LOW, *SAMPLES, urine_mg("3.5 mg/dL"), FULL, lab(Analyte.CALCIUM_URINE, "5 mg/dL"))
        assert found.why == ("FEMg compares what the kidney lets go with what it filters.",)
        assert any(line.startswith("Urine calcium/creatinine 0.05 mg/mg: ") for line in found.what)

    def test_results_of_one_time_are_told_with_it_once(self) -> None:
        found = finding(LOW, *SAMPLES, urine_mg("3.5 mg/dL"), FULL)
        assert found.what[0] == (
            "FEMg 5.0 % from urine Mg 3.5 mg/dL, urine creatinine 100 mg/dL, Mg 1.0 mg/dL and creatinine 1 mg/dL "
            "(14 Mar 2026 12:00); eGFR 90 mL/min/1.73m2."
        )

    @pytest.mark.parametrize(
        ("serum", "told"),
        [
            (mg("1.0 mg/dL", hours_ago=1), "Mg 1.0 mg/dL (14 Mar 2026 11:00)"),
            (mg("1.0 mg/dL", preliminary=True), "Mg 1.0 mg/dL (14 Mar 2026 12:00, not final)"),
            (
                mg("1.0 mg/dL", at=replace(When.at(NOW), zone_assumed=True)),
                "Mg 1.0 mg/dL (14 Mar 2026 12:00, time zone assumed)",
            ),
        ],
        ids=["another time", "not final", "zone assumed"],
    )
    def test_results_of_which_more_is_to_be_said_have_each_its_own(self, serum: LabResult, told: str) -> None:
        found = finding(serum, *SAMPLES, urine_mg("3.5 mg/dL"), FULL)
        assert told in found.what[0]
        assert "urine Mg 3.5 mg/dL (14 Mar 2026 12:00)" in found.what[0]

    def test_acute_injury_is_named_in_place_of_the_function(self) -> None:
        found = finding(LOW, *SAMPLES, urine_mg("3.5 mg/dL"), FULL, acute("acute_kidney_injury"))
        assert found.what[0].endswith("(14 Mar 2026 12:00); acute kidney injury.")

    def test_a_diuretic_on_board_is_named_as_the_likely_reason_of_a_renal_reading(self) -> None:
        renal = finding(LOW, *SAMPLES, urine_mg("3.5 mg/dL"), FULL, order("furosemide"))
        assert "A diuretic may explain it: furosemide." in renal.what
        extrarenal = finding(LOW, *SAMPLES, urine_mg("0.7 mg/dL"), FULL, order("furosemide"))
        assert not any("may explain it" in line for line in extrarenal.what)


class TestWithoutFemg:
    def test_where_nothing_explains_it_urine_is_proposed(self) -> None:
        found = finding(LOW)
        assert found.proposals == (Proposal.URINE_MAGNESIUM,)
        assert found.summary == (
            "Low magnesium, without an evident reason: urine Mg and creatinine would tell renal from gut loss"
        )
        assert found.what[:2] == (
            "Mg 1.0 mg/dL (14 Mar 2026 12:00); no wasting drug and no gut condition on record.",
            "FEMg not computable: no spot urine magnesium.",
        )
        assert found.why == ("FEMg tells renal from extrarenal loss.",)
        assert found.evidence.missing[0] == "spot urine magnesium"

    def test_where_causes_are_listed_the_summary_says_so(self) -> None:
        assert finding(LOW, problem("hypophosphatemia")).summary.startswith("Low magnesium, possible causes listed: ")

    def test_urine_calcium_is_told_all_the_same(self) -> None:
        found = finding(LOW, urine_creatinine("100 mg/dL"), lab(Analyte.CALCIUM_URINE, "5 mg/dL"))
        assert any(line.startswith("Urine calcium/creatinine 0.05 mg/mg: ") for line in found.what)

    def test_a_urine_taken_while_magnesium_was_not_low_does_not_help(self) -> None:
        then = {"days_ago": 5}
        chart = (
            mg("2.0 mg/dL", **then),
            creatinine("1 mg/dL", **then),
            urine_creatinine("100 mg/dL", **then),
            urine_mg("5 mg/dL", **then),
        )
        found = finding(LOW, *chart)
        assert "FEMg not computable: no urine sample taken while magnesium was low." in found.what

    @pytest.mark.parametrize(
        "reason", [order("furosemide"), problem("diarrhea")], ids=["wasting drug", "gut condition"]
    )
    def test_where_something_explains_it_there_is_no_card(self, reason: Fact) -> None:
        assert judge(picture(LOW, reason)) == Unknown(Topic.CAUSE, "FEMg not computable: no spot urine magnesium")


class TestSilence:
    @pytest.mark.parametrize(
        "sample",
        [[], [mg("1.6 mg/dL")], [mg("2.0 mg/dL")], [mg("1.0 mg/dL", days_ago=15)]],
        ids=["unknown", "borderline", "normal", "stale"],
    )
    def test_unless_magnesium_is_low_now(self, sample: list[Fact]) -> None:
        assert judge(picture(*sample)) == quiet("magnesium is not known to be low now")

    @pytest.mark.parametrize("slug", ["gitelman_syndrome", "bartter_syndrome"])
    def test_known_gitelman_or_bartter(self, slug: str) -> None:
        assert judge(picture(LOW, problem(slug))) == quiet("known Gitelman or Bartter syndrome")

    @pytest.mark.parametrize(
        "found", [[problem("dialysis")], [problem("pregnancy"), iv_magnesium()]], ids=["dialysis", "obstetric"]
    )
    def test_dialysis_and_obstetric_magnesium(self, found: list[Fact]) -> None:
        assert judge(picture(LOW, *found)) == quiet("dialysis or obstetric magnesium therapy")

    def test_palliative_care(self) -> None:
        assert judge(picture(LOW, problem("palliative_care"))) == quiet("palliative care")

    def test_a_minor_is_told_whom_the_limits_are_for(self) -> None:
        assert any(line.startswith("Under 18") for line in finding(LOW, patient=aged(10)).act)


@pytest.mark.parametrize(
    ("seen", "where"),
    [
        ({}, "on record"),
        ({"unavailable": frozenset({Need.CONDITIONS})}, "in the data at hand"),
        ({"partial": frozenset({Need.MEDICATIONS})}, "in the data at hand"),
    ],
    ids=["everything", "not the problem list", "not every drug"],
)
def test_what_could_not_be_looked_at_is_not_said_to_be_absent(seen: dict[str, Any], where: str) -> None:
    assert finding(LOW, **seen).what[0].endswith(f"; no wasting drug and no gut condition {where}.")


class TestUrineOfADay:
    """clinical.md §1.3: more than 1 mmol a day with low magnesium and none given is renal wasting."""

    @pytest.mark.parametrize(
        ("amount", "reading", "act"),
        [
            ("1.01 mmol/d", "suggests renal wasting", "Look for renal wasting: drugs first, then tubular disease."),
            ("1 mmol/d", "does not suggest renal wasting", "Look for gut loss, poor absorption or low intake."),
            ("24.1 mg/d", "suggests renal wasting", "Look for renal wasting: drugs first, then tubular disease."),
            ("24 mg/d", "does not suggest renal wasting", "Look for gut loss, poor absorption or low intake."),
        ],
    )
    def test_answers_without_an_femg(self, amount: str, reading: str, act: str) -> None:
        found = finding(LOW, lab(Analyte.MAGNESIUM_URINE_24H, amount))
        assert found.summary == f"Low magnesium, 24-h urine Mg {amount}: {reading}"
        assert f"24-h urine Mg {amount} (14 Mar 2026 12:00): {reading}." in found.what
        assert found.why == (
            "With low magnesium, more than 1 mmol/d / 24 mg/d in the urine of a day suggests that the kidney loses it.",
        )
        assert found.act[0] == act
        assert found.proposals == ()

    def test_one_that_cannot_be_read_is_told_and_the_spot_urine_still_asked_for(self) -> None:
        found = finding(LOW, lab(Analyte.MAGNESIUM_URINE_24H, "3 mmol/d"), iv_magnesium(hours_ago=20))
        assert found.summary.endswith("urine Mg and creatinine would tell renal from gut loss")
        assert any("not interpretable: magnesium given" in line for line in found.what)
        assert found.proposals == (Proposal.URINE_MAGNESIUM,)

    def test_is_told_beside_an_femg(self) -> None:
        daily = lab(Analyte.MAGNESIUM_URINE_24H, "3 mmol/d")
        found = finding(LOW, *SAMPLES, urine_mg("3.5 mg/dL"), FULL, daily)
        assert "24-h urine Mg 3 mmol/d (14 Mar 2026 12:00): suggests renal wasting." in found.what
        assert found.summary.startswith("Low magnesium, FEMg 5.0 %")


@pytest.mark.parametrize(
    ("kidneys", "said"),
    [([problem("ckd_stage_5")], "chronic kidney disease of stage 4 or 5"), ([], "no eGFR from creatinine 1 mg/dL")],
)
def test_kidney_function_without_an_egfr_is_said_in_words(kidneys: list[Fact], said: str) -> None:
    samples = (urine_creatinine("100 mg/dL"), creatinine("1 mg/dL"), urine_mg("0.7 mg/dL"))
    assert finding(LOW, *samples, *kidneys, patient=aged(None)).what[0].endswith(f"; {said}.")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([problem("hypophosphatemia")], ("Correct low phosphate: less magnesium is then filtered or lost.",)),
        (
            [problem("hypophosphatemia"), problem("metabolic_acidosis")],
            ("Correct acidosis and low phosphate: less magnesium is then filtered or lost.",),
        ),
        ([problem("burn")], ()),
    ],
)
def test_what_lessens_the_loss_once_corrected_is_said(found: list[Fact], said: tuple[str, ...]) -> None:
    assert finding(LOW, *found).act[1:] == said
    assert finding(LOW, *SAMPLES, urine_mg("3.5 mg/dL"), FULL, *found).act[1:] == said
