"""High or low bicarbonate; an alkalosis or acidosis only where a pH says so."""

from __future__ import annotations

import pytest

from magnesium.acid_base import AcidBaseState, read_acid_base
from magnesium.facts import Analyte, Setting
from tests.builders import INPATIENT, NOW, OUTPATIENT, POLICY, Fact, facts, lab

HCO3, CO2, PH = Analyte.BICARBONATE, Analyte.CO2_TOTAL, Analyte.PH
S = AcidBaseState


@pytest.mark.parametrize(
    ("bicarbonate", "ph", "state"),
    [
        ("28 mmol/L", "", S.NORMAL),
        ("28.1 mmol/L", "", S.HIGH),
        ("28.1 mmol/L", "7.45 pH", S.HIGH),
        ("28.1 mmol/L", "7.46 pH", S.ALKALOSIS),
        ("28.1 mmol/L", "7.34 pH", S.OPPOSED),
        ("20 mEq/L", "", S.NORMAL),
        ("19.9 mEq/L", "", S.LOW),
        ("19.9 mEq/L", "7.35 pH", S.LOW),
        ("19.9 mEq/L", "7.34 pH", S.ACIDOSIS),
        ("19.9 mEq/L", "7.46 pH", S.OPPOSED),
        (">40 mmol/L", "", S.HIGH),
        ("<10 mmol/L", "", S.LOW),
        (">20 mmol/L", "", S.OPEN),
        ("<25 mmol/L", "", S.OPEN),
        ("24 mmol/L", "7.20 pH", S.NORMAL),
    ],
)
def test_bicarbonate_is_read_with_the_ph(bicarbonate: str, ph: str, state: AcidBaseState) -> None:
    found: list[Fact] = [lab(HCO3, bicarbonate)]
    if ph:
        found.append(lab(PH, ph, hours_ago=4))
    reading = read_acid_base(facts(*found), POLICY, NOW)
    assert reading is not None
    assert reading.state is state
    assert (reading.ph is not None) is bool(ph)


def test_a_ph_of_another_time_does_not_count() -> None:
    reading = read_acid_base(facts(lab(HCO3, "31 mmol/L"), lab(PH, "7.5 pH", hours_ago=4.1)), POLICY, NOW)
    assert reading is not None
    assert reading.state is S.HIGH
    assert reading.ph is None


@pytest.mark.parametrize(
    ("state", "high", "low"),
    [
        (S.ALKALOSIS, True, False),
        (S.HIGH, True, False),
        (S.NORMAL, False, False),
        (S.OPPOSED, False, False),
        (S.OPEN, False, False),
        (S.LOW, False, True),
        (S.ACIDOSIS, False, True),
    ],
)
def test_only_what_no_ph_contradicts_is_a_finding(state: AcidBaseState, high: bool, low: bool) -> None:
    assert (state.high, state.low) == (high, low)


@pytest.mark.parametrize(
    ("setting", "hours", "current"),
    [(INPATIENT, 72, True), (INPATIENT, 73, False), (OUTPATIENT, 14 * 24, True), (OUTPATIENT, 14 * 24 + 1, False)],
)
def test_bicarbonate_grows_old(setting: Setting, hours: int, current: bool) -> None:
    reading = read_acid_base(facts(lab(HCO3, "31 mmol/L", hours_ago=hours), setting=setting), POLICY, NOW)
    assert (reading is not None) is current


def test_total_co2_stands_in_for_bicarbonate() -> None:
    co2 = lab(CO2, "33 mmol/L")
    stale = lab(HCO3, "24 mmol/L", days_ago=20)
    reading = read_acid_base(facts(co2, stale), POLICY, NOW)
    assert reading is not None
    assert reading.bicarbonate is co2
    fresh = lab(HCO3, "24 mmol/L", days_ago=2)
    reading = read_acid_base(facts(co2, fresh), POLICY, NOW)
    assert reading is not None
    assert reading.bicarbonate is fresh


def test_the_newest_counts() -> None:
    new = lab(HCO3, "31 mmol/L", hours_ago=1)
    reading = read_acid_base(facts(new, lab(HCO3, "18 mmol/L", hours_ago=9)), POLICY, NOW)
    assert reading is not None
    assert reading.bicarbonate is new


def test_without_bicarbonate_there_is_no_reading() -> None:
    assert read_acid_base(facts(lab(PH, "7.5 pH")), POLICY, NOW) is None
