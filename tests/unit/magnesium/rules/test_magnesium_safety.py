"""clinical.md §2.9: magnesium given although it is high, or although the kidneys cannot clear it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from magnesium.facts import Patient, Sex
from magnesium.rules.magnesium_safety import judge
from magnesium.verdict import Finding, Indicator, Proposal, Quiet, Topic
from tests.builders import (
    HEALTHY_KIDNEYS,
    INPATIENT,
    IV,
    NOW,
    ORAL,
    Fact,
    aged,
    creatinine,
    draft,
    egfr,
    given,
    iv_magnesium,
    mg,
    order,
    ordered_test,
    picture,
    problem,
    site_policy,
    statement,
    unreadable,
)

INFO, WARNING, CRITICAL = Indicator
OXIDE, ANTACID = order("magnesium oxide", route=ORAL), order("magnesium hydroxide", route=ORAL)
HIGH, TOXIC = mg("3.0 mg/dL", hours_ago=2), mg("5.0 mg/dL", hours_ago=2)
PREGNANT, INFUSION = problem("pregnancy"), iv_magnesium()
NOT_GIVEN = Quiet(Topic.SAFETY, "no magnesium is drafted or in force")
SAFE = Quiet(Topic.SAFETY, "magnesium is not high and nothing says that the kidneys cannot clear it")
ANTIDOTE = "Check reflexes, breathing and urine output; antidote IV calcium per local protocol."


def indicator(*found: Fact, **more: Any) -> Indicator | None:
    verdict = judge(picture(*found, **more))
    assert verdict.topic is Topic.SAFETY
    return verdict.indicator if isinstance(verdict, Finding) else None


def finding(*found: Fact, **more: Any) -> Finding:
    verdict = judge(picture(*found, **more))
    assert isinstance(verdict, Finding), verdict
    return verdict


class TestLevels:
    @pytest.mark.parametrize(
        ("sent", "usual", "obstetric"),
        [
            ("2.6 mg/dL", None, None), ("2.61 mg/dL", WARNING, None), ("4.79 mg/dL", WARNING, None),
            ("4.8 mg/dL", CRITICAL, None), ("4.81 mg/dL", CRITICAL, None), ("8.4 mg/dL", CRITICAL, None),
            ("8.41 mg/dL", CRITICAL, CRITICAL),
            ("1.05 mmol/L", None, None), ("1.06 mmol/L", WARNING, None), ("1.99 mmol/L", WARNING, None),
            ("2.0 mmol/L", CRITICAL, None), ("2.01 mmol/L", CRITICAL, None), ("3.5 mmol/L", CRITICAL, None),
            ("3.51 mmol/L", CRITICAL, CRITICAL),
            ("2.1 mEq/L", None, None), ("2.11 mEq/L", WARNING, None), ("3.99 mEq/L", WARNING, None),
            ("4.0 mEq/L", CRITICAL, None), ("7.0 mEq/L", CRITICAL, None), ("7.01 mEq/L", CRITICAL, CRITICAL),
            ("2.0 mg/dL", None, None), ("1.1 mg/dL", None, None), ("1.6 mg/dL", None, None),
            (">2.0 mg/dL", None, None), (">3.0 mg/dL", WARNING, WARNING), (">=4.8 mg/dL", CRITICAL, WARNING),
            (">8 mg/dL", CRITICAL, WARNING), (">=8.4 mg/dL", CRITICAL, WARNING), (">3.4 mmol/L", CRITICAL, WARNING),
            (">8.4 mg/dL", CRITICAL, CRITICAL), ("<5.0 mg/dL", None, None),
        ],
    )  # fmt: skip
    def test_of_magnesium_in_force(self, sent: str, usual: Indicator | None, obstetric: Indicator | None) -> None:
        assert indicator(mg(sent), OXIDE) is usual
        assert indicator(mg(sent), draft("magnesium oxide", route=ORAL)) is usual
        assert indicator(mg(sent), OXIDE, INFUSION, PREGNANT) is obstetric
        assert indicator(mg(sent), draft("magnesium sulfate", route=IV), PREGNANT) is obstetric

    @pytest.mark.parametrize(
        ("hours", "inpatient", "outpatient"),
        [(72, CRITICAL, CRITICAL), (73, None, CRITICAL), (14 * 24, None, CRITICAL), (14 * 24 + 1, None, None)],
    )
    def test_only_while_the_result_is_current(
        self, hours: int, inpatient: Indicator | None, outpatient: Indicator | None
    ) -> None:
        found = (mg("5.0 mg/dL", hours_ago=hours), OXIDE)
        assert indicator(*found, setting=INPATIENT) is inpatient
        assert indicator(*found) is outpatient

    def test_the_highest_of_one_moment_decides(self) -> None:
        found = finding(mg("2.0 mg/dL", reference="a"), mg("5.0 mg/dL", reference="b"), OXIDE, HEALTHY_KIDNEYS)
        assert found.indicator is CRITICAL
        assert "Mg 5.0 mg/dL" in found.summary
        assert "Results of one moment disagree: repeat magnesium." in found.act

    def test_the_limits_are_the_site_s(self, tmp_path: Path) -> None:
        toml = '[magnesium.toxic]\nprinted = { "mmol/L" = 1.8, "mg/dL" = 4.4, "mEq/L" = 3.6 }\nreviewed = 2026-01-01\n'
        assert indicator(mg("4.4 mg/dL"), OXIDE, policy=site_policy(tmp_path, toml)) is CRITICAL


class TestKidney:
    @pytest.mark.parametrize(
        ("found", "reason"),
        [
            ([egfr("29")], "eGFR 29 mL/min/1.73m2"),
            ([egfr("<30")], "eGFR <30 mL/min/1.73m2"),
            ([problem("dialysis")], "kidney replacement therapy"),
            ([problem("acute_kidney_injury", onset=NOW)], "acute kidney injury (recorded acute kidney injury)"),
            ([problem("ckd_stage_5")], "chronic kidney disease of stage 4 or 5"),
            (
                [creatinine("1.0 mg/dL", days_ago=2), creatinine("1.5 mg/dL")],
                "acute kidney injury (creatinine 1.5 mg/dL, 1.5 times 1.0 mg/dL or more)",
            ),
        ],
    )
    @pytest.mark.parametrize("magnesium", [[], [mg("2.0 mg/dL")], [mg("1.1 mg/dL")]], ids=["no Mg", "normal", "severe"])
    def test_that_cannot_clear_it_is_a_warning_at_any_magnesium(
        self, magnesium: list[Fact], found: list[Fact], reason: str
    ) -> None:
        shown = finding(OXIDE, *magnesium, *found)
        assert shown.indicator is WARNING
        assert shown.summary == f"Magnesium in force (magnesium oxide) with {reason}"
        assert shown.what[-1].startswith(f"Kidney: {reason}")

    @pytest.mark.parametrize(
        ("found", "patient", "reason"),
        [
            ([creatinine("6.0 mg/dL")], aged(60, Sex.UNKNOWN), "eGFR <=10.0 mL/min/1.73m2"),
            ([creatinine(">10 mg/dL")], aged(60), "eGFR <4.1 mL/min/1.73m2"),
        ],
        ids=["sex unknown", "a bound"],
    )
    def test_a_creatinine_that_is_surely_poor_is_enough(self, found: list[Fact], patient: Patient, reason: str) -> None:
        shown = finding(OXIDE, *found, patient=patient)
        assert (shown.indicator, shown.summary) == (WARNING, f"Magnesium in force (magnesium oxide) with {reason}")

    @pytest.mark.parametrize(("days", "shown"), [(14, WARNING), (15, None), (60, None)])
    def test_an_injury_shown_by_creatinine_counts_for_14_days(self, days: int, shown: Indicator | None) -> None:
        risen = (creatinine("1.0 mg/dL", days_ago=days + 2), creatinine("1.6 mg/dL", days_ago=days))
        assert indicator(OXIDE, *risen) is shown
        assert picture(OXIDE, *risen).guard.permits(Proposal.MAGNESIUM_ORAL) == ()

    @pytest.mark.parametrize("found", [[egfr("30")], [egfr("31")], [egfr(">60")], [problem("oliguria")], []])
    def test_that_clears_it_or_is_unknown_is_silent(self, found: list[Fact]) -> None:
        assert judge(picture(OXIDE, mg("2.0 mg/dL"), *found)) == SAFE

    def test_is_a_warning_in_obstetric_therapy_too(self) -> None:
        found = finding(INFUSION, PREGNANT, mg("5.0 mg/dL"), egfr("29"))
        assert found.indicator is WARNING
        assert found.act[0].startswith("Obstetric magnesium: reduced dose per local protocol; reflexes, breathing")

    def test_does_not_say_hold_to_a_patient_whose_magnesium_is_low(self) -> None:
        found = finding(OXIDE, mg("1.1 mg/dL"), egfr("29"))
        assert not any(line.startswith("Hold") for line in found.act)
        assert found.act[:2] == (
            "No antacid or laxative with magnesium; replacement only at a reduced dose, slowly.",
            "Level after each dose; nephrology or pharmacy.",
        )

    def test_the_louder_of_level_and_kidney_decides_and_both_are_told(self) -> None:
        found = finding(OXIDE, TOXIC, egfr("29"))
        assert found.indicator is CRITICAL
        assert found.summary.endswith("with Mg 5.0 mg/dL above the usual range and eGFR 29 mL/min/1.73m2")


class TestWhatIsGiven:
    @pytest.mark.parametrize(
        "exposure",
        [
            OXIDE,
            ANTACID,
            order("magnesium citrate", route=ORAL, dose_form="oral solution"),
            order("magnesium sulfate", route=ORAL),
            order("magnesium oxide", other_ingredients=True),
            statement("magnesium oxide"),
            given("magnesium sulfate", route=IV, hours_ago=48),
        ],
    )
    def test_is_replacement_antacid_laxative_or_bowel_preparation(self, exposure: Fact) -> None:
        assert indicator(HIGH, exposure) is WARNING

    @pytest.mark.parametrize(
        "exposure",
        [
            order("magnesium oxide", as_needed=True),
            order("magnesium oxide", single_dose=True),
            given("magnesium sulfate", route=IV, hours_ago=49),
            order("omeprazole"),
        ],
    )
    def test_is_not_what_was_never_given_or_long_ago(self, exposure: Fact) -> None:
        assert judge(picture(HIGH, exposure)) == NOT_GIVEN

    def test_the_order_of_the_drafts_does_not_matter(self) -> None:
        drafts = [draft("magnesium oxide"), draft("magnesium hydroxide")]
        assert finding(HIGH, *drafts) == finding(HIGH, *reversed(drafts))

    def test_isolated_high_magnesium_is_silent(self) -> None:
        assert judge(picture(mg("9.0 mg/dL"), problem("dialysis"))) == NOT_GIVEN

    def test_each_product_is_told_once(self) -> None:
        both = order("magnesium carbonate", "magnesium hydroxide")
        found = finding(HIGH, both)
        assert len([line for line in found.what if "magnesium" in line.casefold() and "since" in line]) == 1


class TestOrderHooks:
    def test_judges_what_is_selected_not_what_is_in_force(self) -> None:
        assert judge(picture(TOXIC, OXIDE, draft("omeprazole"))) == NOT_GIVEN
        assert judge(picture(TOXIC, OXIDE, draft("magnesium oxide", selected=False))) == NOT_GIVEN
        assert indicator(TOXIC, draft("magnesium oxide")) is CRITICAL
        assert indicator(TOXIC, draft("magnesium oxide", single_dose=True)) is CRITICAL

    def test_a_draft_as_needed_is_at_most_a_warning(self) -> None:
        as_needed = draft("magnesium hydroxide", as_needed=True)
        found = finding(mg("9.0 mg/dL"), as_needed)
        assert found.indicator is WARNING
        assert ANTIDOTE in found.act
        assert indicator(HIGH, as_needed) is WARNING
        assert indicator(egfr("20"), as_needed) is WARNING
        assert indicator(TOXIC, as_needed, draft("magnesium oxide")) is CRITICAL

    def test_an_oral_draft_in_pregnancy_is_no_obstetric_therapy(self) -> None:
        assert indicator(TOXIC, PREGNANT, draft("magnesium hydroxide", route=ORAL)) is CRITICAL
        assert indicator(TOXIC, PREGNANT, INFUSION, draft("magnesium hydroxide", route=ORAL)) is None

    def test_an_infusion_among_the_drafts_of_a_pregnancy_is_obstetric_therapy(self) -> None:
        drafts = (draft("magnesium sulfate", route=IV), draft("magnesium hydroxide", route=ORAL))
        assert indicator(TOXIC, PREGNANT, *drafts) is None

    def test_names_two_drugs_and_counts_the_rest(self) -> None:
        drafts = [draft(f"magnesium {salt}") for salt in ("oxide", "citrate", "hydroxide")]
        assert finding(HIGH, *drafts).summary.startswith(
            "Magnesium ordered (magnesium citrate, magnesium hydroxide and 1 more) with"
        )

    def test_says_that_it_is_ordered(self) -> None:
        assert finding(HIGH, draft("magnesium oxide")).summary == (
            "Magnesium ordered (magnesium oxide) with Mg 3.0 mg/dL above the usual range"
        )


class TestWhatItSays:
    def test_values_drugs_and_what_to_do(self) -> None:
        found = finding(HIGH, OXIDE, HEALTHY_KIDNEYS)
        assert found.summary == "Magnesium in force (magnesium oxide) with Mg 3.0 mg/dL above the usual range"
        level, drug = found.what
        assert level == "Mg 3.0 mg/dL (14 Mar 2026 10:00), above the usual range."
        assert drug.startswith("Magnesium oxide (since 12 Feb 2026")
        assert found.act == (
            "Hold magnesium, antacids and laxatives with magnesium until level and kidney function are clear.",
        )
        assert found.proposals == (Proposal.SERUM_MAGNESIUM,)
        assert HEALTHY_KIDNEYS in found.evidence.facts

    def test_the_antidote_at_a_toxic_level(self) -> None:
        assert ANTIDOTE in finding(TOXIC, OXIDE).act
        assert ANTIDOTE not in finding(HIGH, OXIDE).act
        assert ANTIDOTE in finding(mg("9.0 mg/dL"), INFUSION, PREGNANT).act

    def test_of_obstetric_magnesium_that_a_bound_may_be_too_high(self) -> None:
        found = finding(mg(">8 mg/dL"), INFUSION, PREGNANT, HEALTHY_KIDNEYS)
        assert found.summary.endswith("with Mg >8 mg/dL, may be above 8.4 mg/dL")
        assert found.act == ("Obstetric magnesium: ask for the exact value now; reflexes, breathing, urine output.",)

    def test_with_digoxin_calcium_is_given_slowly(self) -> None:
        caution = "Digoxin in force: give IV calcium slowly, on a monitor."
        assert caution in finding(TOXIC, OXIDE, order("digoxin")).act
        assert caution not in finding(HIGH, OXIDE, order("digoxin")).act

    @pytest.mark.parametrize("found", [[], [mg("2.0 mg/dL", days_ago=15)], [mg(">1.0 mg/dL")]])
    def test_asks_for_a_magnesium_that_is_not_known(self, found: list[Fact]) -> None:
        assert "Check serum magnesium." in finding(OXIDE, egfr("29"), *found).act

    def test_a_serum_magnesium_that_is_ordered_is_not_proposed(self) -> None:
        assert finding(HIGH, OXIDE, ordered_test(at=NOW)).proposals == ()


class TestRestraint:
    def test_a_newer_unread_magnesium_holds_it_at_warning_and_keeps_the_antidote(self) -> None:
        found = finding(TOXIC, OXIDE, unreadable(hours_ago=1))
        assert found.indicator is WARNING
        assert ANTIDOTE in found.act
        assert "A newer magnesium could not be read: look it up in the chart or repeat it." in found.act

    def test_a_normal_value_of_a_suspect_specimen_is_unknown(self) -> None:
        assert judge(picture(mg("5.0 mg/dL", hemolyzed="HEM"), OXIDE)) == SAFE

    def test_an_assumed_route_is_never_critical(self) -> None:
        assumed = order("magnesium hydroxide", route_assumed=True)
        assert indicator(TOXIC, assumed) is WARNING
        assert indicator(HIGH, assumed) is WARNING
        assert indicator(TOXIC, assumed, OXIDE) is CRITICAL

    def test_palliative_care_sees_only_critical(self) -> None:
        palliative = problem("palliative_care")
        assert indicator(TOXIC, OXIDE, palliative) is CRITICAL
        assert judge(picture(HIGH, OXIDE, palliative)) == Quiet(Topic.SAFETY, "palliative care")

    def test_under_18_is_information_and_keeps_the_antidote(self) -> None:
        found = finding(TOXIC, OXIDE, patient=aged(10))
        assert found.indicator is INFO
        assert ANTIDOTE in found.act
        assert any("Under 18" in line for line in found.act)
