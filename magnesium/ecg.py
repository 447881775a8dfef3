"""The corrected QT interval, as far as the rules of this service read it."""

from __future__ import annotations

from datetime import datetime

from magnesium.facts import Analyte, LabResult, PatientFacts, Setting
from magnesium.policy import Policy
from magnesium.results import series


def prolonged_qtc(facts: PatientFacts, policy: Policy, as_of: datetime) -> LabResult | None:
    """Return the newest current QTc if it is surely prolonged (policy ``ecg.qtc_long``, 500 ms), else None."""
    inpatient = facts.setting is Setting.INPATIENT
    window = policy.current.qtc_inpatient if inpatient else policy.current.qtc_outpatient
    found = series(facts, Analyte.QTC, policy, as_of).results
    current = [r for r in found if r.when.surely_within(window.delta, as_of)]
    if current and policy.ecg.qtc_long.below(current[-1].quantity) is False:
        return current[-1]
    return None


def slow_pulse(facts: PatientFacts, policy: Policy, as_of: datetime) -> LabResult | None:
    """Return the newest heart rate of the last day if it is surely slow (policy ``ecg.slow_pulse``), else None."""
    found = series(facts, Analyte.HEART_RATE, policy, as_of).results
    current = [r for r in found if r.when.surely_within(policy.ecg.slow_pulse_window.delta, as_of)]
    if current and policy.ecg.slow_pulse.below(current[-1].quantity) is True:
        return current[-1]
    return None
