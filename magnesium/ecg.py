"""The corrected QT interval and the pulse, as far as the rules of this service read them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from magnesium.facts import Analyte, ConditionFact, LabResult, PatientFacts, Setting, Sex, Unusable
from magnesium.policy import EcgNumbers, Policy
from magnesium.problems import Problems
from magnesium.results import highest, if_current, lowest, newest_current, series


@dataclass(frozen=True, slots=True)
class CorrectedQt:
    """The current QTc, and what it says."""

    result: LabResult
    prolonged: bool = False
    """Surely at or above ``ecg.qtc_long`` (500 ms)."""
    borderline: bool = False
    """Not prolonged, and above the limit of the sex (``ecg.qtc_borderline_*``)."""
    pacemaker: tuple[ConditionFact, ...] = ()
    wide_qrs: LabResult | None = None
    """A current QRS at or above ``ecg.qrs_wide`` (120 ms)."""
    unverified: tuple[Unusable, ...] = ()
    """QTc results that may be newer and could not be used."""

    @property
    def overestimates(self) -> bool:
        """A paced rhythm or a wide QRS lengthens QTc: what rests on it is one step lower."""
        return bool(self.pacemaker or self.wide_qrs)

    @property
    def sure(self) -> bool:
        """Whether it may raise a critical: prolonged, not overestimated, nothing newer that could not be read."""
        return self.prolonged and not self.overestimates and not self.unverified


def read_qtc(facts: PatientFacts, problems: Problems, policy: Policy, as_of: datetime) -> CorrectedQt | None:
    """Return the newest QTc if it is current; of several of one moment the longest."""
    windows, numbers = policy.current, policy.ecg
    window = windows.qtc_inpatient if facts.setting is Setting.INPATIENT else windows.qtc_outpatient
    found = series(facts, Analyte.QTC, policy, as_of)
    result = if_current(highest(found.newest), window, as_of)
    if result is None:
        return None
    prolonged = numbers.qtc_long.below(result.quantity) is False
    qrs = newest_current(facts, Analyte.QRS, policy, as_of, window=window, of_several=highest)
    return CorrectedQt(
        result=result,
        prolonged=prolonged,
        borderline=not prolonged and _above_usual(result, facts.patient.sex, numbers),
        pacemaker=problems.of("pacemaker"),
        wide_qrs=qrs if qrs is not None and numbers.qrs_wide.below(qrs.quantity) is False else None,
        unverified=found.unverified_newer,
    )


def _above_usual(result: LabResult, sex: Sex, numbers: EcgNumbers) -> bool:
    """Whether it is surely above the usual range; where the sex is not known, above that of both."""
    limit = numbers.qtc_borderline_male if sex is Sex.MALE else numbers.qtc_borderline_female
    return limit.at_most(result.quantity) is False


def slow_pulse(facts: PatientFacts, policy: Policy, as_of: datetime) -> LabResult | None:
    """Return the newest heart rate of the last day if it is surely slow (policy ``ecg.slow_pulse``), else None."""
    newest = newest_current(
        facts, Analyte.HEART_RATE, policy, as_of, window=policy.ecg.slow_pulse_window, of_several=lowest
    )
    return newest if newest is not None and policy.ecg.slow_pulse.below(newest.quantity) is True else None
