"""clinical.md §2.5: low potassium that is not refractory."""

from __future__ import annotations

from typing import Any

import pytest

from magnesium.facts import Analyte, Exposure
from magnesium.rules.hypokalemia import judge
from magnesium.verdict import Finding, Indicator, Proposal, Quiet, Topic, Unknown
from tests.builders import (
    HEALTHY_KIDNEYS,
    INPATIENT,
    ORAL,
    Fact,
    aged,
    draft,
    egfr,
    given,
    k,
    mg,
    order,
    picture,
    problem,
    quantity,
    unreadable,
)

INFO, WARNING, CRITICAL = Indicator
LOW_K, LOW_MG = k("3.2 mmol/L"), mg("1.4 mg/dL", hours_ago=2)
KCL = draft("potassium chloride")


def quiet(reason: str) -> Quiet:
    return Quiet(Topic.HYPOKALEMIA, reason)


def finding(*found: Fact, **more: Any) -> Finding:
    verdict = judge(picture(*found, **more))
    assert isinstance(verdict, Finding), verdict
    assert verdict.topic is Topic.HYPOKALEMIA
    return verdict


@pytest.mark.parametrize(
    ("magnesium", "shown"),
    [
        ("1.1 mg/dL", WARNING),
        ("1.1999 mg/dL", WARNING),
        ("1.5999 mg/dL", WARNING),
        ("1.6 mg/dL", None),
        ("2.0 mg/dL", None),
        ("3.0 mg/dL", None),
        (">1.0 mg/dL", INFO),
    ],
)
def test_by_current_magnesium(magnesium: str, shown: Indicator | None) -> None:
    verdict = judge(picture(LOW_K, mg(magnesium)))
    assert (verdict.indicator if isinstance(verdict, Finding) else None) is shown


def test_low_magnesium_asks_to_correct_both() -> None:
    found = finding(LOW_K, LOW_MG, HEALTHY_KIDNEYS)
    assert found.summary == "Low potassium (K 3.2 mmol/L) and low magnesium (Mg 1.4 mg/dL)"
    assert found.what == ("K 3.2 mmol/L (14 Mar 2026 12:00).", "Mg 1.4 mg/dL (14 Mar 2026 10:00).")
    assert found.why == ("Low potassium may not resolve until magnesium is repleted.",)
    assert found.proposals == (Proposal.MAGNESIUM_ORAL, Proposal.SERUM_MAGNESIUM, Proposal.POTASSIUM)
    assert (
        found.act[0] == "Correct magnesium with potassium, which alone often does not hold; recheck K within 24 h; "
        "the need for potassium falls once magnesium is repleted."
    )


@pytest.mark.parametrize("magnesium", [[LOW_MG], []], ids=["low", "unknown"])
@pytest.mark.parametrize(("kidneys", "told"), [("29", True), ("30", False)])
def test_bad_kidneys_are_named_where_potassium_is_at_stake(magnesium: list[Fact], kidneys: str, told: bool) -> None:
    sentence = "Kidney function impaired: potassium per nephrology, recheck within hours."
    assert (sentence in finding(LOW_K, *magnesium, egfr(kidneys)).act) is told


@pytest.mark.parametrize(
    ("magnesium", "last"),
    [
        ([], "No usable magnesium on file."),
        ([mg("1.4 mg/dL", days_ago=15)], "Last magnesium: Mg 1.4 mg/dL (27 Feb 2026 12:00)."),
        ([mg("2.0 mg/dL", days_ago=15)], "Last magnesium: Mg 2.0 mg/dL (27 Feb 2026 12:00)."),
    ],
    ids=["unknown", "stale, low", "stale, normal"],
)
def test_unknown_or_stale_magnesium_asks_for_a_check(magnesium: list[Fact], last: str) -> None:
    found = finding(LOW_K, *magnesium)
    assert found.indicator is INFO
    assert found.summary == "Low potassium (K 3.2 mmol/L) and no current magnesium: check serum Mg"
    assert found.what == ("K 3.2 mmol/L (14 Mar 2026 12:00).", last)
    assert found.why == ("More than half of significant hypokalemia is estimated to go with magnesium deficiency.",)
    assert found.act[0] == "Check serum magnesium."
    assert found.proposals == (Proposal.SERUM_MAGNESIUM,)


def test_potassium_is_proposed_only_where_the_guard_lets_it_and_none_is_ordered() -> None:
    assert Proposal.POTASSIUM in finding(LOW_K, HEALTHY_KIDNEYS).proposals
    assert Proposal.POTASSIUM not in finding(LOW_K).proposals
    assert Proposal.POTASSIUM not in finding(LOW_K, HEALTHY_KIDNEYS, order("potassium chloride")).proposals


@pytest.mark.parametrize(
    ("potassium", "verdict"),
    [
        ([], Unknown(Topic.HYPOKALEMIA, "no current potassium")),
        ([k("3.0 mmol/L", days_ago=15)], Unknown(Topic.HYPOKALEMIA, "no current potassium")),
        (
            [k("<3.6 mmol/L")],
            Unknown(Topic.HYPOKALEMIA, "newest potassium not conclusive: K <3.6 mmol/L (14 Mar 2026 12:00)"),
        ),
        ([k("3.5 mmol/L")], quiet("potassium is not low")),
        ([k("3.2 mmol/L", days_ago=3), LOW_K, order("potassium chloride")], quiet("refractory: said by that rule")),
        ([LOW_K, mg("1.8 mg/dL")], quiet("magnesium is not low")),
    ],
    ids=["unknown", "too old", "not conclusive", "normal", "refractory", "normal magnesium"],
)
def test_is_silent_or_cannot_tell(potassium: list[Fact], verdict: Quiet | Unknown) -> None:
    assert judge(picture(*potassium)) == verdict


def fluid(daily: str = "") -> Exposure:
    """A maintenance fluid with potassium, where the order says how much a day with that."""
    amount = quantity(Analyte.MAGNESIUM_URINE_24H, f"{daily} mmol/d") if daily else None
    return order("potassium chloride", days_ago=2, other_ingredients=True, daily_amount=amount)


@pytest.mark.parametrize(("daily", "shown"), [("", True), ("19.9", True), ("20", False)])
def test_potassium_in_a_fluid_is_shown_where_it_does_not_count_as_replacement(daily: str, shown: bool) -> None:
    line = "Not counted as potassium replacement, not known to give 20 mmol/d: "
    found = finding(LOW_K, LOW_MG, fluid(daily))
    assert any(said.startswith(f"{line}potassium chloride (since 12 Mar 2026") for said in found.what) is shown
    assert (fluid(daily) in found.evidence.facts) is shown


class TestOrderHooks:
    def test_speaks_where_potassium_is_ordered(self) -> None:
        assert finding(LOW_K, LOW_MG, KCL).indicator is WARNING

    @pytest.mark.parametrize("drafts", [[draft("furosemide")], [draft("potassium chloride", selected=False)]])
    def test_is_silent_otherwise(self, drafts: list[Fact]) -> None:
        assert judge(picture(LOW_K, LOW_MG, *drafts)) == quiet("no potassium replacement is being ordered")

    def test_drafted_magnesium_lowers_it_and_none_is_proposed(self) -> None:
        found = finding(LOW_K, LOW_MG, KCL, draft("magnesium oxide", route=ORAL), HEALTHY_KIDNEYS)
        assert found.indicator is INFO
        assert found.proposals == ()


class TestRestraint:
    def test_magnesium_begun_since_the_sample_lowers_it(self) -> None:
        assert finding(LOW_K, LOW_MG, given("magnesium oxide", hours_ago=1, route=ORAL)).indicator is INFO

    def test_an_aging_magnesium_lowers_it_and_asks_for_a_recheck(self) -> None:
        found = finding(LOW_K, mg("1.4 mg/dL", days_ago=4), setting=INPATIENT)
        assert found.indicator is INFO
        assert Proposal.SERUM_MAGNESIUM in found.proposals

    @pytest.mark.parametrize("analyte", [Analyte.MAGNESIUM, Analyte.POTASSIUM])
    def test_a_newer_unreadable_result_takes_the_orders_away(self, analyte: Analyte) -> None:
        older = (k("3.2 mmol/L", hours_ago=2), LOW_MG, HEALTHY_KIDNEYS)
        forbidden = Proposal.MAGNESIUM_ORAL if analyte is Analyte.MAGNESIUM else Proposal.POTASSIUM
        found = finding(*older, unreadable(analyte, hours_ago=1))
        assert found.indicator is WARNING
        assert forbidden not in found.proposals
        assert found.evidence.unusable

    def test_palliative_care_is_silent(self) -> None:
        assert judge(picture(LOW_K, LOW_MG, problem("palliative_care"))) == quiet("palliative care")

    def test_under_18_is_information_without_orders(self) -> None:
        found = finding(LOW_K, LOW_MG, HEALTHY_KIDNEYS, patient=aged(10))
        assert found.indicator is INFO
        assert found.proposals == ()
