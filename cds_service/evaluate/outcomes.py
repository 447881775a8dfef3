"""What came after an alert, and what was already under way: here, and only here, the whole record is looked at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from magnesium.facts import Analyte, Exposure, ExposureKind, LabResult, PatientFacts
from magnesium.picture import ClinicalPicture
from magnesium.policy import Policy
from magnesium.replacement import magnesium_replacement
from magnesium.results import series
from magnesium.status import Status, acting, possible
from magnesium.verdict import Topic

MEASURED, REPLACED, NORMAL = timedelta(hours=48), timedelta(hours=24), timedelta(hours=72)
"""How long after an alert magnesium measured, magnesium replaced and potassium normal are looked for (the issue's)."""

_REPLACE_MAGNESIUM = frozenset({Topic.HYPOMAGNESEMIA, Topic.ARRHYTHMIA, Topic.REFRACTORY_HYPOKALEMIA})
_MEASURE = frozenset({Topic.MONITORING, Topic.WASTING_DRUG, Topic.CAUSE, Topic.HYPOCALCEMIA})


@dataclass(frozen=True, slots=True)
class Course:
    """The whole record of one patient under one policy."""

    magnesium: tuple[LabResult, ...]
    potassium: tuple[LabResult, ...]
    replaced: tuple[Exposure, ...]
    """Doses of magnesium that were given; without any administrations in the export, orders for them."""
    seen: Mapping[str, datetime]
    """When each result came to be seen, by reference."""
    ends: datetime
    policy: Policy

    @classmethod
    def of(cls, facts: PatientFacts, seen: Mapping[str, datetime], ends: datetime, policy: Policy) -> Course:
        """Read the course from all facts of a patient."""
        given = [e for e in facts.exposures if e.kind is ExposureKind.ADMINISTRATION]
        orders = (e for e in facts.exposures if e.kind is ExposureKind.ORDER and not e.as_needed)
        return cls(
            series(facts, Analyte.MAGNESIUM, policy, ends).results,
            series(facts, Analyte.POTASSIUM, policy, ends).results,
            tuple(e for e in (given or orders) if magnesium_replacement(e)),
            seen,
            ends,
            policy,
        )

    def followed_hours(self, at: datetime) -> float:
        """Return for how many hours the record goes on."""
        return max(0.0, _hours(self.ends - at))

    def magnesium_measured(self, at: datetime) -> bool:
        """Whether magnesium was drawn within 48 hours."""
        return any(_drawn_within(result, at, MEASURED) for result in self.magnesium)

    def magnesium_replaced(self, at: datetime) -> bool:
        """Whether magnesium replacement began within 24 hours; of a day, if it may have."""
        starts = (exposure.start for exposure in self.replaced if exposure.start is not None)
        return any(start.latest >= at and start.earliest <= at + REPLACED for start in starts)

    def potassium_normal(self, at: datetime) -> bool:
        """Whether potassium was surely no longer low within 72 hours."""
        low = self.policy.potassium.low
        later = (result for result in self.potassium if _drawn_within(result, at, NORMAL))
        return any(low.below(result.quantity) is False for result in later)

    def next_magnesium(self, at: datetime) -> tuple[LabResult, Status | None, float] | None:
        """Return the next magnesium that was drawn, what it says, and after how many hours."""
        result = next((r for r in self.magnesium if r.when.surely_after(at)), None)
        if result is None:
            return None
        status = acting(possible(result.quantity, self.policy))
        return result, status, _hours(result.when.earliest - at)

    def in_the_laboratory(self, at: datetime) -> bool:
        """Whether a magnesium had been drawn and was not out yet."""
        return any(r.when.surely_by(at) and self.seen.get(r.source.reference, at) > at for r in self.magnesium)


def already_done(topics: Iterable[Topic], picture: ClinicalPicture, course: Course) -> bool | None:
    """Return whether what a card advises was already being done; None where the record cannot tell.

    Low magnesium: replacement is ordered or running, or, where the last value is too old to act on, a new one is on
    its way. Low potassium: replacement is ordered or running. A drug that wastes, a missing measurement, a cause to be
    found: magnesium is on its way. Magnesium that should be stopped cannot be told: a stop is written when it is done.
    """
    told = [_done(topic, picture, course) for topic in topics]
    known = [done for done in told if done is not None]
    return all(known) if known else None


def _done(topic: Topic, picture: ClinicalPicture, course: Course) -> bool | None:
    within = picture.policy.monitoring.ordered.delta
    on_its_way = picture.magnesium_test_ordered(within) or course.in_the_laboratory(picture.as_of)
    if topic in _REPLACE_MAGNESIUM:
        return bool(picture.magnesium_ordered) if picture.magnesium.deficient else on_its_way
    if topic is Topic.HYPOKALEMIA:
        return bool(picture.potassium_ordered)
    return on_its_way if topic in _MEASURE else None


def surely_severe(result: LabResult, policy: Policy) -> bool:
    """Whether a magnesium leaves no doubt that it is severe."""
    return possible(result.quantity, policy) == {Status.SEVERE}


def _drawn_within(result: LabResult, at: datetime, span: timedelta) -> bool:
    return result.when.surely_after(at) and result.when.latest <= at + span


def _hours(span: timedelta) -> float:
    return round(span / timedelta(hours=1), 2)
