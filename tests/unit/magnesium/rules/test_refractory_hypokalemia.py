"""clinical.md §2.4: potassium that stays low although it is being replaced."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from magnesium.facts import Analyte
from magnesium.rules.refractory_hypokalemia import judge
from magnesium.verdict import Finding, Indicator, Proposal, Quiet, Topic, Unknown
from tests.builders import (
    HEALTHY_KIDNEYS,
    INPATIENT,
    IV,
    ORAL,
    Fact,
    acute,
    aged,
    draft,
    egfr,
    given,
    iv_magnesium,
    k,
    mg,
    order,
    picture,
    problem,
    qtc,
    unreadable,
)

INFO, WARNING, CRITICAL = Indicator
BEFORE, KCL = k("3.1 mmol/L", days_ago=3), order("potassium chloride", days_ago=10)
RISKS = {
    "digoxin": order("digoxin"),
    "QT drug": order("sotalol"),
    "QTc 500": qtc("500"),
    "torsades": acute("torsades_de_pointes"),
}


def refractory(potassium: str, *more: Fact, **told: Any) -> Finding | Quiet | Unknown:
    """The verdict on a potassium that was 3.1 three days ago, under an order for potassium."""
    return judge(picture(BEFORE, k(f"{potassium} mmol/L"), KCL, *more, **told))


def finding(potassium: str, *more: Fact, **told: Any) -> Finding:
    verdict = refractory(potassium, *more, **told)
    assert isinstance(verdict, Finding), verdict
    assert verdict.topic is Topic.REFRACTORY_HYPOKALEMIA
    return verdict


def indicator(potassium: str, *more: Fact, **told: Any) -> Indicator:
    return finding(potassium, *more, **told).indicator


SEVERE, LOW = mg("1.1 mg/dL", hours_ago=2), mg("1.4 mg/dL", hours_ago=2)


class TestMagnesiumLow:
    @pytest.mark.parametrize(
        ("potassium", "magnesium", "shown"),
        [
            ("3.2", LOW, WARNING),
            ("3.0", LOW, WARNING),
            ("2.9999", LOW, CRITICAL),
            ("3.2", SEVERE, CRITICAL),
            ("3.2", mg("1.2 mg/dL"), WARNING),
            ("3.2", mg("1.1999 mg/dL"), CRITICAL),
            ("3.2", mg("0.50 mmol/L"), WARNING),
            ("3.2", mg("0.9999 mEq/L"), CRITICAL),
            ("3.2", mg("<0.6 mmol/L"), WARNING),
        ],
    )
    def test_critical_if_potassium_is_below_3_or_magnesium_severe(
        self, potassium: str, magnesium: Fact, shown: Indicator
    ) -> None:
        assert indicator(potassium, magnesium) is shown

    @pytest.mark.parametrize("risk", RISKS.values(), ids=RISKS)
    def test_critical_with_a_heart_at_risk(self, risk: Fact) -> None:
        assert indicator("3.2", LOW, risk) is CRITICAL

    def test_says_to_replace_both_and_proposes_it(self) -> None:
        found = finding("3.2", LOW, HEALTHY_KIDNEYS)
        assert (
            found.summary
            == "Potassium stays low despite replacement (K 3.2 mmol/L) and magnesium is low (Mg 1.4 mg/dL)"
        )
        assert (
            found.act[0] == "Correct magnesium with potassium, which alone often does not hold; recheck K within 24 h; "
            "the need for potassium falls once magnesium is repleted."
        )
        assert found.proposals == (Proposal.MAGNESIUM_ORAL, Proposal.SERUM_MAGNESIUM)
        (why,) = found.why
        assert "ROMK" in why

    def test_shows_potassium_that_does_not_count_as_replacement(self) -> None:
        fluid = order("potassium chloride", days_ago=2, other_ingredients=True)
        found = finding("3.2", LOW, fluid)
        line = (
            "Not counted as potassium replacement, not known to give 20 mmol/d: potassium chloride (since 12 Mar 2026)."
        )
        assert line in found.what
        assert fluid in found.evidence.facts

    def test_names_the_earlier_result_and_what_it_resisted(self) -> None:
        found = finding("3.2", LOW)
        assert found.what[:2] == (
            "K 3.2 mmol/L (14 Mar 2026 12:00); before: K 3.1 mmol/L (11 Mar 2026 12:00).",
            "Potassium replacement: potassium chloride (since 4 Mar 2026).",
        )
        assert {BEFORE, KCL, LOW} <= set(found.evidence.facts)


class TestMagnesiumUnknownOrStale:
    UNKNOWN: ClassVar = {
        "none": (),
        "stale": (mg("1.0 mg/dL", days_ago=15),),
        "not conclusive": (mg(">1.0 mg/dL"),),
        "normal after an IV dose": (mg("2.0 mg/dL"), iv_magnesium(hours_ago=3)),
    }

    @pytest.mark.parametrize("magnesium", UNKNOWN.values(), ids=UNKNOWN)
    @pytest.mark.parametrize(
        ("potassium", "shown"), [("3.2", WARNING), ("2.9", WARNING), ("2.5", WARNING), ("2.4999", CRITICAL)]
    )
    def test_critical_below_2_5(self, magnesium: tuple[Fact, ...], potassium: str, shown: Indicator) -> None:
        assert indicator(potassium, *magnesium) is shown

    @pytest.mark.parametrize("risk", RISKS.values(), ids=RISKS)
    @pytest.mark.parametrize(("potassium", "shown"), [("3.0", WARNING), ("2.9999", CRITICAL)])
    def test_critical_below_3_with_a_heart_at_risk(self, risk: Fact, potassium: str, shown: Indicator) -> None:
        assert indicator(potassium, risk) is shown

    @pytest.mark.parametrize("magnesium", UNKNOWN.values(), ids=UNKNOWN)
    def test_says_to_measure_and_proposes_it(self, magnesium: tuple[Fact, ...]) -> None:
        found = finding("3.2", *magnesium)
        assert found.summary == "Potassium stays low despite replacement (K 3.2 mmol/L): measure magnesium"
        assert found.act[0] == "Measure serum magnesium now."
        assert found.proposals == (Proposal.SERUM_MAGNESIUM,)
        assert found.why[0] == (
            "More than half of significant hypokalemia is estimated to go with magnesium deficiency, "
            "which often makes it resistant."
        )
        assert "ROMK" in found.why[1]

    @pytest.mark.parametrize(
        ("magnesium", "line"),
        [
            ((), "No usable serum magnesium on file."),
            ((mg(">1.0 mg/dL"),), "Newest magnesium not conclusive: Mg >1.0 mg/dL (14 Mar 2026 12:00)."),
            ((mg("2.0 mg/dL", days_ago=15),), "Mg 2.0 mg/dL (27 Feb 2026 12:00), in the usual range, out of date."),
            (
                (mg("2.0 mg/dL"), iv_magnesium()),
                "Mg 2.0 mg/dL (14 Mar 2026 12:00), in the usual range, drawn after an IV dose.",
            ),
        ],
    )
    def test_says_what_is_known(self, magnesium: tuple[Fact, ...], line: str) -> None:
        assert line in finding("3.2", *magnesium).what

    def test_an_aging_normal_value_counts_as_unknown(self) -> None:
        found = finding("3.2", mg("2.0 mg/dL", days_ago=4), setting=INPATIENT)
        assert found.indicator is WARNING
        assert "Mg 2.0 mg/dL (10 Mar 2026 12:00), in the usual range, older than 72 h." in found.what


class TestMagnesiumNotLow:
    @pytest.mark.parametrize("magnesium", ["1.6 mg/dL", "2.0 mg/dL", "3.0 mg/dL"], ids=["borderline", "normal", "high"])
    @pytest.mark.parametrize("potassium", ["3.2", "2.4"])
    def test_is_information(self, magnesium: str, potassium: str) -> None:
        found = finding(potassium, mg(magnesium))
        assert found.indicator is INFO
        assert "a normal serum Mg does not exclude depletion" in found.summary
        assert found.act[0].startswith("Look for what drives potassium loss")
        assert found.proposals == ()


class TestAgingLowMagnesium:
    def test_counts_one_step_lower_and_is_rechecked(self) -> None:
        found = finding("3.2", mg("1.1 mg/dL", days_ago=4), HEALTHY_KIDNEYS, setting=INPATIENT)
        assert found.indicator is WARNING
        assert Proposal.SERUM_MAGNESIUM in found.proposals

    def test_is_never_calmer_than_no_value_at_all(self) -> None:
        assert indicator("2.4", mg("1.4 mg/dL", days_ago=4), setting=INPATIENT) is CRITICAL
        assert indicator("3.2", mg("1.4 mg/dL", days_ago=4), setting=INPATIENT) is WARNING


class TestDrivers:
    @pytest.mark.parametrize(
        ("driver", "named"),
        [
            (order("furosemide"), "furosemide"),
            (order("hydrochlorothiazide"), "hydrochlorothiazide"),
            (given("gentamicin", route=IV), "gentamicin"),
            (given("amphotericin B", route=IV), "amphotericin B"),
            (given("cisplatin", route=IV), "cisplatin"),
            (problem("diarrhea"), "diarrhea"),
            (problem("alcohol_use_disorder"), "alcohol use disorder"),
            (problem("bartter_syndrome"), "Bartter syndrome"),
            (problem("hyperaldosteronism", label="Conn syndrome"), "Conn syndrome"),
        ],
    )
    def test_are_listed(self, driver: Fact, named: str) -> None:
        assert f"May drive the loss: {named}." in finding("3.2", driver).what

    def test_none_is_invented(self) -> None:
        assert not any("May drive" in line for line in finding("3.2").what)


class TestMagnesiumBeingReplaced:
    @pytest.mark.parametrize(
        "replacement",
        [draft("magnesium oxide", route=ORAL), given("magnesium oxide", hours_ago=1, route=ORAL)],
        ids=["drafted", "begun"],
    )
    def test_is_one_step_lower_and_none_is_proposed(self, replacement: Fact) -> None:
        ordering = draft("potassium chloride")
        found = finding("2.9", LOW, replacement, ordering, HEALTHY_KIDNEYS)
        assert found.indicator is WARNING
        assert found.proposals == ()
        assert found.act[0].startswith("Magnesium is already being replaced")

    def test_drafted_without_a_result_is_one_step_lower_too(self) -> None:
        assert indicator("2.4", draft("magnesium oxide", route=ORAL), draft("potassium chloride")) is WARNING

    def test_obstetric_magnesium_is_no_replacement_and_does_not_silence(self) -> None:
        # clinical.md §1.10: it silences §2.1 to 2.3 and 2.7, not this topic, and is never "replacement".
        assert indicator("2.9", LOW, problem("pregnancy"), iv_magnesium(hours_ago=1)) is CRITICAL


class TestOrderHooks:
    def test_speaks_where_potassium_is_ordered(self) -> None:
        assert indicator("3.2", LOW, draft("potassium chloride")) is WARNING

    @pytest.mark.parametrize("drafted", [draft("furosemide"), draft("potassium chloride", selected=False)])
    def test_is_silent_otherwise(self, drafted: Fact) -> None:
        verdict = refractory("3.2", LOW, drafted)
        assert verdict == Quiet(Topic.REFRACTORY_HYPOKALEMIA, "no potassium replacement is being ordered")

    def test_ordered_potassium_is_not_proposed_again(self) -> None:
        found = judge(
            picture(BEFORE, k("3.2 mmol/L"), LOW, HEALTHY_KIDNEYS, given("potassium chloride", hours_ago=60, route=IV))
        )
        assert isinstance(found, Finding)
        assert Proposal.POTASSIUM in found.proposals
        assert Proposal.POTASSIUM not in finding("3.2", LOW, HEALTHY_KIDNEYS).proposals


@pytest.mark.parametrize(
    ("kidneys", "told"), [([egfr("20")], True), ([problem("dialysis")], None), ([HEALTHY_KIDNEYS], False), ([], False)]
)
def test_bad_kidneys_are_named_where_potassium_is_at_stake(kidneys: list[Fact], told: bool | None) -> None:
    verdict = refractory("3.2", LOW, *kidneys)
    if told is None:  # not applied
        assert isinstance(verdict, Quiet)
        return
    assert isinstance(verdict, Finding)
    sentence = "Kidney function impaired: potassium per nephrology, recheck within hours."
    assert (sentence in verdict.act) is told


class TestRestraint:
    def test_no_current_potassium(self) -> None:
        assert judge(picture(KCL, LOW)) == Unknown(Topic.REFRACTORY_HYPOKALEMIA, "no current potassium")

    def test_not_refractory(self) -> None:
        quiet = Quiet(Topic.REFRACTORY_HYPOKALEMIA, "potassium is not refractory by the policy's definition")
        assert judge(picture(k("3.2 mmol/L"), KCL)) == quiet

    @pytest.mark.parametrize("analyte", [Analyte.MAGNESIUM, Analyte.POTASSIUM])
    def test_a_newer_unreadable_result_holds_it_at_warning(self, analyte: Analyte) -> None:
        chart = (BEFORE, k("2.4 mmol/L", hours_ago=2), KCL, SEVERE)
        found = judge(picture(*chart, unreadable(analyte, hours_ago=1)))
        assert isinstance(found, Finding)
        assert found.indicator is WARNING

    def test_palliative_care_sees_only_critical(self) -> None:
        palliative = problem("palliative_care")
        assert indicator("2.9", LOW, palliative) is CRITICAL
        assert refractory("3.2", LOW, palliative) == Quiet(Topic.REFRACTORY_HYPOKALEMIA, "palliative care")

    def test_under_18_is_information_without_orders(self) -> None:
        found = finding("2.4", SEVERE, HEALTHY_KIDNEYS, patient=aged(10))
        assert found.indicator is INFO
        assert found.proposals == ()
