"""Override memory: a card dismissed with a reason is not shown again for a while, unless the patient got worse.

*Worse* is the rule's own measure: a higher indicator, a lower magnesium or potassium – or calcium, where the card
tells of it –, a drug or a topic that the dismissed card did not have, or a drug that is taken or ordered again. What
cannot be compared counts as worse, so that doubt shows the card.

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
from magnesium.calcium import CalciumReading
from magnesium.drugs import members
from magnesium.facts import Analyte, LabResult
from magnesium.picture import ClinicalPicture
from magnesium.policy import Policy
from magnesium.quantity import Comparator, Quantity
from magnesium.verdict import Finding, Indicator, Topic

_STANDING = frozenset({Topic.WASTING_DRUG, Topic.MONITORING, Topic.CAUSE})
_EDGES = {Comparator.LESS: -1, Comparator.AT_MOST: -1, Comparator.MORE: 1, Comparator.AT_LEAST: 1}


class Level(NamedTuple):
    """A result as it is compared: "<0.5" is lower than 0.5."""

    value: Fraction
    """In mmol/L."""
    edge: int = 0
    """-1 if the result is only known to be under the value, 1 if only to be over it."""
    basis: str = ""
    """What a calcium is: ionized and total cannot be compared."""

    @classmethod
    def of(cls, result: LabResult | None) -> Level | None:
        """Return the level of a result; None if there is none."""
        return None if result is None else cls.from_quantity(result.quantity)

    @classmethod
    def from_quantity(cls, quantity: Quantity, basis: str = "") -> Level:
        """Return the level of a quantity."""
        return cls(quantity.canonical, _EDGES.get(quantity.comparator, 0), basis)

    def below(self, before: Level) -> bool:
        """Whether this may be lower. "Over 0.9" before may have been anything higher."""
        return self.basis != before.basis or before.edge > 0 or (self.value, self.edge) < (before.value, before.edge)


@dataclass(frozen=True, slots=True)
class Measure:
    """How bad it was when a card was shown."""

    indicator: Indicator
    topics: frozenset[Topic]
    """Everything that the card told."""
    magnesium: Level | None
    """Of the newest usable serum magnesium."""
    ionized: Level | None
    """Of the current ionized magnesium."""
    potassium: Level | None
    """Of the current potassium."""
    calcium: Level | None
    """Of the current calcium, on a card that tells of it."""
    drugs: frozenset[str]
    """Ingredients in force, in wash-out or being ordered that waste magnesium, or with which low magnesium endangers
    the heart: digoxin and QT drugs. Once more, as ``(taken)``, what is not only in wash-out, and as ``(ordered)`` what
    is being ordered: after a wash-out, or beside the drug that is taken, an order is news."""

    def worse_than(self, before: Measure) -> bool:
        """Whether this is worse than ``before``, or cannot be compared with it."""
        return (
            self.indicator > before.indicator
            or not self.topics <= before.topics
            or not self.drugs <= before.drugs
            or _fell(self.magnesium, before.magnesium)
            or _fell(self.ionized, before.ionized)
            or _fell(self.potassium, before.potassium)
            or _fell(self.calcium, before.calcium)
        )

    def to_json(self) -> dict[str, Any]:
        """Return the measure as it is stored."""
        return {
            "indicator": self.indicator.code,
            "topics": sorted(self.topics),
            "magnesium": _stored(self.magnesium),
            "ionized": _stored(self.ionized),
            "potassium": _stored(self.potassium),
            "calcium": _stored(self.calcium),
            "drugs": sorted(self.drugs),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Measure:
        """Return the measure that ``to_json`` wrote.

        Raises:
            KeyError: something is missing, or the indicator is none.
            TypeError: something has another shape.
            ValueError: a number or a topic is none.
        """
        return cls(
            indicator=Indicator[stored["indicator"].upper()],
            topics=frozenset(map(Topic, stored["topics"])),
            magnesium=_read(stored["magnesium"]),
            ionized=_read(stored["ionized"]),
            potassium=_read(stored["potassium"]),
            calcium=_read(stored["calcium"]),
            drugs=frozenset(stored["drugs"]),
        )


@dataclass(frozen=True, slots=True)
class Override:
    """A card that was dismissed with a reason."""

    at: datetime
    reason: str
    """Code of the reason, or what stands for one that was given in words."""
    measure: Measure


Overrides = Mapping[Topic, Override]
"""The newest override of each topic, for one patient and one client."""

Merge = Callable[[Sequence[Finding]], Sequence[Lead]]
"""Says which findings share a card."""

Recall = Callable[[], Overrides]
"""Looks the overrides up. Called only if there is a card that could be held back."""


def nothing_remembered() -> Overrides:
    """Return no overrides: the memory is off."""
    return {}


def measure(lead: Lead, picture: ClinicalPicture) -> Measure:
    """Return how bad what ``lead`` tells is in this patient."""
    topics = frozenset(finding.topic for finding in lead.findings)
    return Measure(
        indicator=lead.indicator,
        topics=topics,
        magnesium=Level.of(picture.magnesium.result),
        ionized=Level.of(_ionized(picture)),
        potassium=Level.of(picture.potassium.result),
        calcium=_calcium(picture.calcium) if Topic.HYPOCALCEMIA in topics else None,
        drugs=_drugs(picture),
    )


def hold_back(
    findings: Sequence[Finding], merge: Merge, picture: ClinicalPicture, recall: Recall
) -> tuple[tuple[Lead, ...], tuple[tuple[Lead, Override], ...]]:
    """Return the leads to show, and those that were dismissed before, each with its override.

    Where one stays away, the rest is merged anew: what another topic had left to that card gets its own again.
    """
    leads = merge(findings)
    if not any(map(_may_be_held, leads)):
        return tuple(leads), ()
    overrides = recall()
    held: list[tuple[Lead, Override]] = []
    while away := [(lead, overrides[lead.topic]) for lead in leads if _stays_away(lead, overrides, picture)]:
        held += away
        told = {finding.topic for lead, _ in away for finding in lead.findings}
        findings = [finding for finding in findings if finding.topic not in told]
        leads = merge(findings)
    return tuple(leads), tuple(held)


def note(lead: Lead, override: Override) -> str:
    """Return what the evidence of the other cards says of a card that is held back."""
    return f"{lead.topic}: dismissed {override.at.isoformat(timespec='minutes')} ({override.reason}), not worse since"


def window(topic: Topic, policy: Policy) -> timedelta:
    """Return how long a dismissed card of a topic stays away."""
    numbers = policy.override_memory
    return (numbers.standing if topic in _STANDING else numbers.acute).delta


def _may_be_held(lead: Lead) -> bool:
    return lead.indicator is not Indicator.CRITICAL and lead.topic is not Topic.SAFETY


def _stays_away(lead: Lead, overrides: Overrides, picture: ClinicalPicture) -> bool:
    override = overrides.get(lead.topic)
    if override is None or not _may_be_held(lead):
        return False
    recent = picture.as_of - override.at <= window(lead.topic, picture.policy)
    return recent and not measure(lead, picture).worse_than(override.measure)


def _ionized(picture: ClinicalPicture) -> LabResult | None:
    return next((result for result in picture.other_magnesium if result.analyte is Analyte.MAGNESIUM_IONIZED), None)


def _drugs(picture: ClinicalPicture) -> frozenset[str]:
    endangered = {name for exposure in (*picture.digoxin, *picture.qt_drugs) for name in exposure.ingredients}
    drafted = [drug for draft in picture.drafts for drug in members(draft)]
    ordered = {drug.ingredient for drug in drafted if drug.wasting or drug.ingredient in endangered}
    taken = {held.drug.ingredient for held in picture.wasting if not held.washing_out} | endangered | ordered
    wasting = {held.drug.ingredient for held in picture.wasting}
    marked = (*(f"{name} (taken)" for name in taken), *(f"{name} (ordered)" for name in ordered))
    return frozenset((*wasting, *taken, *marked))


def _calcium(reading: CalciumReading) -> Level | None:
    if reading.result is None:
        return None
    return Level.from_quantity(reading.corrected or reading.result.quantity, str(reading.basis))


def _fell(now: Level | None, before: Level | None) -> bool:
    """Whether a result fell. One that was not known before is worse; one that is no longer current is no news."""
    return now is not None and (before is None or now.below(before))


def _stored(level: Level | None) -> list[str | int] | None:
    return None if level is None else [str(level.value), level.edge, level.basis]


def _read(stored: Sequence[Any] | None) -> Level | None:
    if stored is None:
        return None
    value, edge, basis = stored
    return Level(Fraction(value), edge, basis)
