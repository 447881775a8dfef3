"""Bicarbonate, or total CO2 for want of it: high or low; an alkalosis or acidosis only where a pH says so.

A bicarbonate alone cannot tell a metabolic disorder from the answer to a respiratory one. So the words "alkalosis" and
"acidosis" need a pH of the same hours, and a pH on the other side takes the finding away.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from magnesium.facts import Analyte, LabResult, PatientFacts, Setting
from magnesium.pairing import nearest
from magnesium.policy import AcidBaseNumbers, Policy
from magnesium.results import lowest, newest_current, series


class AcidBaseState(StrEnum):
    """What bicarbonate and pH say, in the words of the card."""

    ALKALOSIS = "alkalosis"
    HIGH = "high bicarbonate"
    NORMAL = "bicarbonate not remarkable"
    LOW = "low bicarbonate"
    ACIDOSIS = "acidosis"
    OPPOSED = "bicarbonate and pH point to different sides: it may be compensation"
    OPEN = "bicarbonate not conclusive"

    @property
    def high(self) -> bool:
        """High bicarbonate that no pH contradicts."""
        return self in {AcidBaseState.HIGH, AcidBaseState.ALKALOSIS}

    @property
    def low(self) -> bool:
        """Low bicarbonate that no pH contradicts."""
        return self in {AcidBaseState.LOW, AcidBaseState.ACIDOSIS}


@dataclass(frozen=True, slots=True)
class AcidBase:
    """The current bicarbonate and its reading."""

    state: AcidBaseState
    bicarbonate: LabResult
    """Bicarbonate, or total CO2."""
    ph: LabResult | None = None
    """The pH that was read with it."""


def current(facts: PatientFacts, analyte: Analyte, policy: Policy, as_of: datetime) -> LabResult | None:
    """Return the newest bicarbonate, total CO2 or chloride, if it is current."""
    numbers = policy.acid_base
    window = numbers.inpatient if facts.setting is Setting.INPATIENT else numbers.outpatient
    return newest_current(facts, analyte, policy, as_of, window=window, of_several=lowest)


def read_acid_base(facts: PatientFacts, policy: Policy, as_of: datetime) -> AcidBase | None:
    """Read the current bicarbonate, else the current total CO2; None without either."""
    bicarbonate = current(facts, Analyte.BICARBONATE, policy, as_of) or current(facts, Analyte.CO2_TOTAL, policy, as_of)
    if bicarbonate is None:
        return None
    numbers = policy.acid_base
    ph = nearest(bicarbonate, series(facts, Analyte.PH, policy, as_of).results, numbers.ph_pair)
    return AcidBase(_state(bicarbonate, ph, numbers), bicarbonate, ph)


def _state(bicarbonate: LabResult, ph: LabResult | None, numbers: AcidBaseNumbers) -> AcidBaseState:
    above = numbers.high.at_most(bicarbonate.quantity) is False
    below = numbers.low.below(bicarbonate.quantity) is True
    if not (above or below):
        settled = numbers.high.at_most(bicarbonate.quantity) and numbers.low.below(bicarbonate.quantity) is False
        return AcidBaseState.NORMAL if settled else AcidBaseState.OPEN
    alkaline = ph is not None and numbers.alkaline.at_most(ph.quantity) is False
    acid = ph is not None and numbers.acid.below(ph.quantity) is True
    if (above and acid) or (below and alkaline):
        return AcidBaseState.OPPOSED
    if above:
        return AcidBaseState.ALKALOSIS if alkaline else AcidBaseState.HIGH
    return AcidBaseState.ACIDOSIS if acid else AcidBaseState.LOW
