"""The corrected QT interval, as far as the rules of this service read it."""

from __future__ import annotations

from datetime import datetime

from magnesium.facts import Analyte, LabResult, PatientFacts, Setting
from magnesium.policy import Policy
from magnesium.results import highest, lowest, series


def prolonged_qtc(facts: PatientFacts, policy: Policy, as_of: datetime) -> LabResult | None:
    """Return the newest current QTc if it is surely prolonged (policy ``ecg.qtc_long``, 500 ms), else None."""
    inpatient = facts.setting is Setting.INPATIENT
    window = policy.current.qtc_inpatient if inpatient else policy.current.qtc_outpatient
    newest = highest(series(facts, Analyte.QTC, policy, as_of).newest)
    if newest is None or not newest.when.surely_within(window.delta, as_of):
        return None
    return newest if policy.ecg.qtc_long.below(newest.quantity) is False else None


def slow_pulse(facts: PatientFacts, policy: Policy, as_of: datetime) -> LabResult | None:
    """Return the newest heart rate of the last day if it is surely slow (policy ``ecg.slow_pulse``), else None."""
    newest = lowest(series(facts, Analyte.HEART_RATE, policy, as_of).newest)
    if newest is None or not newest.when.surely_within(policy.ecg.slow_pulse_window.delta, as_of):
        return None
    return newest if policy.ecg.slow_pulse.below(newest.quantity) is True else None
