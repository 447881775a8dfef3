"""What a rule answers: a finding, quiet with the reason, or unknown with what is missing. Never a guess."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from magnesium.facts import ConditionFact, Exposure, LabResult, Unusable


class Indicator(IntEnum):
    """Urgency of a finding; the names are those of CDS Hooks."""

    INFO = 1
    WARNING = 2
    CRITICAL = 3

    @property
    def code(self) -> str:
        """The CDS Hooks code."""
        return self.name.lower()

    def lowered(self) -> Indicator:
        """One step lower; info stays info."""
        return Indicator(max(self - 1, Indicator.INFO))

    def at_most(self, ceiling: Indicator) -> Indicator:
        """This indicator, or the ceiling if that is lower."""
        return min(self, ceiling)


class Topic(StrEnum):
    """Stable codes: clients remember overrides under them. The order is the order of cards of equal urgency."""

    SAFETY = "magnesium-safety"
    ARRHYTHMIA = "arrhythmia-risk"
    HYPOMAGNESEMIA = "hypomagnesemia"
    REFRACTORY_HYPOKALEMIA = "refractory-hypokalemia"
    HYPOKALEMIA = "hypokalemia"
    HYPOCALCEMIA = "hypocalcemia"
    WASTING_DRUG = "magnesium-wasting-drug"
    MONITORING = "magnesium-monitoring"
    CAUSE = "cause-of-hypomagnesemia"

    @property
    def rank(self) -> int:
        """Position in the order of cards of equal urgency."""
        return list(Topic).index(self)


class Proposal(StrEnum):
    """An order that a card may offer; the clinician signs. Drugs come only through the guards."""

    SERUM_MAGNESIUM = "serum-magnesium"
    URINE_MAGNESIUM = "urine-magnesium-creatinine"
    SERUM_CREATININE = "serum-creatinine"
    MAGNESIUM_ORAL = "magnesium-oral"
    MAGNESIUM_INTRAVENOUS = "magnesium-intravenous"
    MAGNESIUM_INTRAVENOUS_NO_DOSE = "magnesium-intravenous-without-dose"
    POTASSIUM = "potassium"


Fact = LabResult | Exposure | ConditionFact


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a finding rests on; a reader can replay the decision from it."""

    facts: tuple[Fact, ...] = ()
    thresholds: tuple[str, ...] = ()
    """Ids of the policy numbers applied, e.g. ``magnesium.severe``."""
    citations: tuple[str, ...] = ()
    """Ids of knowledge/sources.toml."""
    unusable: tuple[Unusable, ...] = ()
    missing: tuple[str, ...] = ()
    """What would have helped and is not there, in words."""
    held_back: tuple[str, ...] = ()
    """What was not said or proposed, and the guard or cap that held it."""
    derived: tuple[tuple[str, str], ...] = ()
    """Computed figures, name and text, e.g. ``("FEMg", "5.2 %")``."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a clinician should see."""

    topic: Topic
    indicator: Indicator
    summary: str
    """One sentence, plain text, fewer than 140 characters."""
    what: tuple[str, ...] = ()
    """The patient's own values, drugs and times."""
    why: tuple[str, ...] = ()
    """Why it matters, in a sentence each."""
    act: tuple[str, ...] = ()
    """What to do, most important first."""
    proposals: tuple[Proposal, ...] = ()
    evidence: Evidence = field(default_factory=Evidence)
    plan: tuple[str, ...] = ()
    """The lines of ``act`` that one card of an answer says for all: how magnesium is replaced."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """Nothing to say, and the reason."""

    topic: Topic
    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Cannot tell, and what is missing."""

    topic: Topic
    missing: str


Verdict = Finding | Quiet | Unknown
