"""Override memory: a card dismissed with a reason is not shown again for a while, unless the patient got worse.

*Worse* is the rule's own measure: a higher indicator, a lower magnesium or potassium, a wasting drug or a topic
that the dismissed card did not have. What cannot be compared counts as worse, so that doubt shows the card.

Never held back: critical cards, magnesium that may not be safe to give (each order is a decision of its own), and
the card that names checks which could not run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any, NamedTuple

from hooks.one_card import Lead
from magnesium.drugs import members
from magnesium.facts import LabResult
from magnesium.picture import ClinicalPicture
from magnesium.policy import Policy
from magnesium.quantity import Comparator
from magnesium.verdict import Indicator, Topic

_STANDING = frozenset({Topic.WASTING_DRUG, Topic.MONITORING, Topic.CAUSE})
_UNDER = frozenset({Comparator.LESS, Comparator.AT_MOST})


class Level(NamedTuple):
    """A result as it is compared: "<0.5" is lower than 0.5."""

    value: Fraction
    """In mmol/L."""
    edge: int
    """-1 if the result is only known to be under the value, else 0."""

    @classmethod
    def of(cls, result: LabResult | None) -> Level | None:
        """Return the level of a result; None if there is none."""
        if result is None:
            return None
        return cls(result.quantity.canonical, -1 if result.quantity.comparator in _UNDER else 0)


@dataclass(frozen=True, slots=True)
class Measure:
    """How bad it was when a card was shown."""

    indicator: Indicator
    topics: frozenset[Topic]
    """Everything that the card told."""
    magnesium: Level | None
    """Of the newest usable serum magnesium."""
    potassium: Level | None
    """Of the current potassium."""
    wasting: frozenset[str]
    """Ingredients that waste magnesium: in force, in wash-out or being ordered."""

    def worse_than(self, before: Measure) -> bool:
        """Whether this is worse than ``before``, or cannot be compared with it."""
        return (
            self.indicator > before.indicator
            or not self.topics <= before.topics
            or not self.wasting <= before.wasting
            or _fell(self.magnesium, before.magnesium)
            or _fell(self.potassium, before.potassium)
        )

    def to_json(self) -> dict[str, Any]:
        """Return the measure as it is stored."""
        return {
            "indicator": self.indicator.code,
            "topics": sorted(self.topics),
            "magnesium": _stored(self.magnesium),
            "potassium": _stored(self.potassium),
            "wasting": sorted(self.wasting),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Measure:
        """Return the measure that ``to_json`` wrote."""
        return cls(
            indicator=Indicator[stored["indicator"].upper()],
            topics=frozenset(map(Topic, stored["topics"])),
            magnesium=_read(stored["magnesium"]),
            potassium=_read(stored["potassium"]),
            wasting=frozenset(stored["wasting"]),
        )


@dataclass(frozen=True, slots=True)
class Override:
    """A card that was dismissed with a reason."""

    at: datetime
    reason: str
    """Code of the reason."""
    measure: Measure


Overrides = Mapping[Topic, Override]
"""The newest override of each topic, for one patient and one client."""

Recall = Callable[[], Overrides]
"""Looks the overrides up. Called only if there is a card that could be held back."""


def nothing_remembered() -> Overrides:
    """Return no overrides: the memory is off."""
    return {}


def measure(lead: Lead, picture: ClinicalPicture) -> Measure:
    """Return how bad what ``lead`` tells is in this patient."""
    drafted = (member.ingredient for draft in picture.drafts for member in members(draft) if member.wasting)
    return Measure(
        indicator=lead.indicator,
        topics=frozenset(finding.topic for finding in lead.findings),
        magnesium=Level.of(picture.magnesium.result),
        potassium=Level.of(picture.potassium.result),
        wasting=frozenset((*(held.drug.ingredient for held in picture.wasting), *drafted)),
    )


def hold_back(
    leads: Sequence[Lead], picture: ClinicalPicture, recall: Recall
) -> tuple[tuple[Lead, ...], tuple[tuple[Lead, Override], ...]]:
    """Return the leads to show, and those that were dismissed before, each with its override."""
    if not any(map(_may_be_held, leads)):
        return tuple(leads), ()
    overrides = recall()
    shown: list[Lead] = []
    held: list[tuple[Lead, Override]] = []
    for lead in leads:
        override = overrides.get(lead.topic) if _may_be_held(lead) else None
        if override is not None and _still_stands(override, lead, picture):
            held.append((lead, override))
        else:
            shown.append(lead)
    return tuple(shown), tuple(held)


def note(lead: Lead, override: Override) -> str:
    """Return what the evidence of the other cards says of a card that is held back."""
    return f"{lead.topic}: dismissed {override.at.isoformat(timespec='minutes')} ({override.reason}), not worse since"


def window(topic: Topic, policy: Policy) -> timedelta:
    """Return how long a dismissed card of a topic stays away."""
    numbers = policy.override_memory
    return (numbers.standing if topic in _STANDING else numbers.acute).delta


def _may_be_held(lead: Lead) -> bool:
    return lead.indicator is not Indicator.CRITICAL and lead.topic is not Topic.SAFETY


def _still_stands(override: Override, lead: Lead, picture: ClinicalPicture) -> bool:
    age = picture.as_of - override.at
    recent = age <= window(lead.topic, picture.policy)
    return recent and not measure(lead, picture).worse_than(override.measure)


def _fell(now: Level | None, before: Level | None) -> bool:
    """Whether a result fell. One that was not known before is worse; one that is no longer current is no news."""
    return now is not None and (before is None or now < before)


def _stored(level: Level | None) -> list[str | int] | None:
    return None if level is None else [str(level.value), level.edge]


def _read(stored: Sequence[Any] | None) -> Level | None:
    return None if stored is None else Level(Fraction(stored[0]), stored[1])
