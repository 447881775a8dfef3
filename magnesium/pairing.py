"""Results that belong together: of one specimen, or drawn close enough to one another."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from magnesium.facts import LabResult
from magnesium.policy import Span


def apart(one: LabResult, other: LabResult) -> timedelta:
    """Return the longest time that may lie between two results."""
    return max(abs(other.when.latest - one.when.earliest), abs(one.when.latest - other.when.earliest))


def nearest(sample: LabResult, others: Iterable[LabResult], within: Span) -> LabResult | None:
    """Return the result drawn nearest to the sample, if it surely lies within the span of it."""
    near = ((apart(sample, other), other.source.reference, other) for other in others)
    close = [entry for entry in near if entry[0] <= within.delta]
    return min(close, key=lambda entry: entry[:2])[2] if close else None


def partner(sample: LabResult, others: Iterable[LabResult], within: Span) -> LabResult | None:
    """Return the result of the sample's own specimen, else the nearest one within the span."""
    candidates = tuple(others)
    same = (other for other in candidates if sample.specimen and other.specimen == sample.specimen)
    return next(same, None) or nearest(sample, candidates, within)
