"""clinical.md §2.8: low calcium beside low magnesium."""

from __future__ import annotations

from typing import Any

import pytest

from magnesium.facts import Analyte
from magnesium.rules.hypocalcemia import judge
from magnesium.verdict import Finding, Indicator, Proposal, Quiet, Topic, Unknown
from tests.builders import (
    HEALTHY_KIDNEYS,
    INPATIENT,
    Fact,
    acute,
    aged,
    albumin,
    calcium,
    corrected_calcium,
    ionized,
    iv_magnesium,
    mg,
    order,
    picture,
    problem,
    qrs,
    qtc,
    unreadable,
)

INFO, WARNING, CRITICAL = Indicator
LOW_MG, LOW_CA = mg("1.4 mg/dL", hours_ago=2), ionized("1.05 mmol/L", hours_ago=2)


def quiet(reason: str) -> Quiet:
    return Quiet(Topic.HYPOCALCEMIA, reason)


def indicator(*found: Fact, **more: Any) -> Indicator | None:
    verdict = judge(picture(*found, **more))
    assert verdict.topic is Topic.HYPOCALCEMIA
    return verdict.indicator if isinstance(verdict, Finding) else None


def finding(*found: Fact, **more: Any) -> Finding:
    verdict = judge(picture(*found, **more))
    assert isinstance(verdict, Finding), verdict
    return verdict


class TestTable:
    @pytest.mark.parametrize(
        ("found", "shown"),
        [
            ([ionized("1.12 mmol/L")], None), ([ionized("1.11 mmol/L")], INFO), ([ionized("0.90 mmol/L")], INFO),
            ([ionized("0.89 mmol/L")], WARNING), ([ionized("0.80 mmol/L")], WARNING),
            ([ionized("0.79 mmol/L")], CRITICAL),
            ([ionized("4.5 mg/dL")], None), ([ionized("4.4 mg/dL")], INFO), ([ionized("3.6 mg/dL")], INFO),
            ([ionized("3.5 mg/dL")], WARNING), ([ionized("3.1 mg/dL")], CRITICAL),
            ([ionized("2.23 mEq/L")], INFO), ([ionized("1.79 mEq/L")], WARNING), ([ionized("1.59 mEq/L")], CRITICAL),
            ([corrected_calcium("2.10 mmol/L")], None), ([corrected_calcium("2.09 mmol/L")], INFO),
            ([corrected_calcium("1.90 mmol/L")], INFO), ([corrected_calcium("1.89 mmol/L")], WARNING),
            ([corrected_calcium("8.4 mg/dL")], None), ([corrected_calcium("8.3 mg/dL")], INFO),
            ([corrected_calcium("7.6 mg/dL")], INFO), ([corrected_calcium("7.5 mg/dL")], WARNING),
            ([corrected_calcium("4.19 mEq/L")], INFO), ([corrected_calcium("3.79 mEq/L")], WARNING),
            ([calcium("1.85 mmol/L"), albumin("30 g/L")], INFO), ([calcium("1.65 mmol/L"), albumin("30 g/L")], WARNING),
            ([calcium("7.0 mg/dL"), albumin("2.0 g/dL")], None), ([calcium("7.0 mg/dL"), albumin("3.5 g/dL")], WARNING),
            ([calcium("1.89 mmol/L")], INFO), ([calcium("1.90 mmol/L")], None), ([calcium("7.5 mg/dL")], INFO),
        ],
    )  # fmt: skip
    def test_by_calcium(self, found: list[Fact], shown: Indicator | None) -> None:
        assert indicator(LOW_MG, *found) is shown

    @pytest.mark.parametrize(
        ("danger", "shown"),
        [
            (acute("tetany"), CRITICAL),
            (acute("seizure"), CRITICAL),
            (acute("tetany", hours_ago=72), CRITICAL),
            (acute("tetany", hours_ago=73), INFO),
            (problem("seizure"), INFO),
            (qtc("500"), CRITICAL),
            (qtc("499"), INFO),
        ],
    )
    def test_what_makes_a_low_calcium_critical(self, danger: Fact, shown: Indicator) -> None:
        assert indicator(LOW_MG, LOW_CA, danger) is shown

    def test_a_qtc_of_a_paced_rhythm_is_one_step_lower(self) -> None:
        paced = (qtc("510"), problem("pacemaker"))
        assert indicator(LOW_MG, LOW_CA, *paced) is WARNING
        assert indicator(LOW_MG, ionized("0.79 mmol/L"), *paced) is CRITICAL
        assert indicator(LOW_MG, LOW_CA, *paced, acute("tetany")) is CRITICAL

    @pytest.mark.parametrize(("wide", "shown"), [("119", CRITICAL), ("120", WARNING)])
    def test_a_qtc_beside_a_wide_qrs_is_one_step_lower(self, wide: str, shown: Indicator) -> None:
        assert indicator(LOW_MG, LOW_CA, qtc("510"), qrs(wide)) is shown

    def test_a_qtc_before_one_that_could_not_be_read_is_one_step_lower(self) -> None:
        assert indicator(LOW_MG, LOW_CA, qtc("510", hours_ago=1), unreadable(Analyte.QTC)) is WARNING

    def test_a_total_without_albumin_is_information_whatever_else(self) -> None:
        found = finding(LOW_MG, calcium("7.5 mg/dL"), acute("tetany"), qtc("510"))
        assert found.indicator is INFO
        assert found.act[0] == "Ionized calcium or albumin needed to read this total calcium."

    @pytest.mark.parametrize(
        ("magnesium", "shown"),
        [
            ([mg("1.1 mg/dL")], INFO),
            ([mg("1.59 mg/dL")], INFO),
            ([mg("1.6 mg/dL")], None),
            ([mg("0.65 mmol/L")], INFO),
            ([mg("0.66 mmol/L")], None),
            ([mg("1.29 mEq/L")], INFO),
            ([mg("1.3 mEq/L")], None),
            ([mg("2.0 mg/dL")], None),
            ([mg("1.4 mg/dL", days_ago=14)], INFO),
            ([mg("1.4 mg/dL", days_ago=15)], None),
            ([mg(">1.0 mg/dL")], None),
            ([], None),
        ],
    )
    def test_only_with_a_severe_or_low_magnesium_now(self, magnesium: list[Fact], shown: Indicator | None) -> None:
        assert indicator(LOW_CA, *magnesium) is shown


class TestSilence:
    def test_magnesium_not_low(self) -> None:
        assert judge(picture(LOW_CA, mg("2.0 mg/dL"))) == quiet("magnesium is not known to be low now")

    @pytest.mark.parametrize("found", [[], [ionized("1.2 mmol/L")], [ionized("1.0 mmol/L", days_ago=15)]])
    def test_calcium_not_low_or_not_current(self, found: list[Fact]) -> None:
        assert judge(picture(LOW_MG, *found)) == quiet("no current calcium is low")

    @pytest.mark.parametrize(
        "newest",
        [
            ionized("0.75 mmol/L", hemolyzed="contaminated"),
            unreadable(Analyte.CALCIUM_TOTAL),
            unreadable(Analyte.CALCIUM_IONIZED),
        ],
    )
    @pytest.mark.parametrize("before", [[], [ionized("1.2 mmol/L", hours_ago=5)]], ids=["alone", "after a normal one"])
    def test_a_newest_calcium_that_cannot_be_used_is_not_called_normal(self, before: list[Fact], newest: Fact) -> None:
        verdict = judge(picture(LOW_MG, *before, newest))
        assert verdict == Unknown(Topic.HYPOCALCEMIA, "the newest calcium could not be read")

    def test_palliative_care_below_critical(self) -> None:
        palliative = problem("palliative_care")
        assert judge(picture(LOW_MG, LOW_CA, palliative)) == quiet("palliative care")
        assert indicator(LOW_MG, ionized("0.7 mmol/L"), palliative) is CRITICAL


class TestWhatItSays:
    def test_both_values_and_not_to_wait(self) -> None:
        found = finding(LOW_MG, LOW_CA, HEALTHY_KIDNEYS)
        assert found.summary == "Low calcium (ionized Ca 1.05 mmol/L) beside low magnesium (Mg 1.4 mg/dL)"
        assert found.what == (
            "Ionized Ca 1.05 mmol/L (14 Mar 2026 10:00).",
            "Mg 1.4 mg/dL (14 Mar 2026 10:00).",
        )
        assert found.why == ("Low magnesium impairs PTH release; calcium may not hold until magnesium is repleted.",)
        assert found.act[0].startswith(
            "Symptoms or a severe value: do not wait for Mg, give calcium per local protocol"
        )

    def test_the_correction(self) -> None:
        found = finding(LOW_MG, calcium("7.0 mg/dL", hours_ago=1), albumin("3.0 g/dL", hours_ago=1), HEALTHY_KIDNEYS)
        assert found.summary == "Low calcium (corrected Ca 7.80 mg/dL) beside low magnesium (Mg 1.4 mg/dL)"
        assert found.what[0].endswith(": corrected Ca 7.80 mg/dL.")
        assert found.evidence.derived == (("corrected calcium", "7.80 mg/dL"),)
        assert albumin("3.0 g/dL", hours_ago=1) in found.evidence.facts

    @pytest.mark.parametrize(
        ("found", "basis"),
        [
            ([ionized("1.0 mmol/L")], "Ionized Ca 1.0 mmol/L"),
            ([corrected_calcium("2.0 mmol/L")], "corrected by the laboratory"),
            ([calcium("2.0 mmol/L"), albumin("41 g/L")], "total, not corrected"),
        ],
    )
    def test_on_what_it_rests(self, found: list[Fact], basis: str) -> None:
        assert basis in finding(LOW_MG, *found).what[0]

    def test_with_digoxin_calcium_is_given_slowly(self) -> None:
        found = finding(LOW_MG, LOW_CA, order("digoxin"), qtc("510"))
        assert "Digoxin in force: IV calcium slowly, on a monitor." in found.act
        assert found.evidence.facts == (LOW_CA, LOW_MG, qtc("510"), order("digoxin"))
        assert not any("Digoxin" in line for line in finding(LOW_MG, LOW_CA).act)

    def test_proposes_magnesium_and_never_calcium(self) -> None:
        found = finding(LOW_MG, LOW_CA, HEALTHY_KIDNEYS)
        assert found.proposals == (Proposal.MAGNESIUM_ORAL, Proposal.SERUM_MAGNESIUM)
        assert finding(LOW_MG, LOW_CA, problem("dialysis")).proposals == (Proposal.SERUM_MAGNESIUM,)


class TestRestraint:
    def test_an_aging_magnesium_is_one_step_lower(self) -> None:
        old = mg("1.4 mg/dL", hours_ago=73)
        assert indicator(old, ionized("0.7 mmol/L"), setting=INPATIENT) is WARNING
        assert indicator(old, LOW_CA, setting=INPATIENT) is INFO

    @pytest.mark.parametrize("analyte", [Analyte.MAGNESIUM, Analyte.CALCIUM_IONIZED, Analyte.CALCIUM_TOTAL])
    def test_a_newer_result_that_could_not_be_read_holds_it_at_warning(self, analyte: Analyte) -> None:
        unread = unreadable(analyte, hours_ago=1)
        found = finding(LOW_MG, ionized("0.7 mmol/L", hours_ago=2), unread, HEALTHY_KIDNEYS)
        assert found.indicator is WARNING
        assert found.evidence.unusable == (unread,)
        assert any("could not be read" in line for line in found.act)

    @pytest.mark.parametrize(
        ("newer", "said"),
        [([], False), ([unreadable(Analyte.CALCIUM_TOTAL, hours_ago=1)], True)],
        ids=["none", "newer"],
    )
    def test_a_newer_calcium_that_could_not_be_read_is_told(self, newer: list[Fact], said: bool) -> None:
        found = finding(LOW_MG, ionized("0.7 mmol/L", hours_ago=2), *newer, HEALTHY_KIDNEYS)
        sentence = "A newer calcium could not be read: look it up in the chart or repeat it."
        assert (sentence in found.act) is said

    def test_under_18_is_information_without_orders(self) -> None:
        found = finding(LOW_MG, ionized("0.7 mmol/L"), acute("tetany"), HEALTHY_KIDNEYS, patient=aged(10))
        assert found.indicator is INFO
        assert found.proposals == ()

    def test_obstetric_magnesium_does_not_silence_it_and_takes_the_orders_away(self) -> None:
        found = finding(LOW_MG, ionized("0.7 mmol/L"), problem("pregnancy"), iv_magnesium(), HEALTHY_KIDNEYS)
        assert found.indicator is CRITICAL
        assert found.proposals == (Proposal.SERUM_MAGNESIUM,)
