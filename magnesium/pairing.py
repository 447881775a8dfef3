"""Results that belong together: of one specimen, or drawn close enough to one another."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta

from magnesium.facts import LabResult
from magnesium.policy import Span


def apart(one: LabResult, other: LabResult) -> timedelta:
    """Return the longest time that may lie between two results."""
    return max(abs(other.when.latest - one.when.earliest), abs(one.when.latest - other.when.earliest))


def nearest(sample: LabResult, others: Sequence[LabResult], within: Span) -> LabResult | None:
    """Return the result drawn nearest to the sample, if it surely lies within the span of it.

    The others come oldest first: only those around the sample are looked at.
    """
    span, drawn = within.delta, sample.when.latest
    first = bisect_left(others, drawn - span, key=_earliest)
    last = bisect_right(others, drawn + span, key=_earliest)
    near = ((apart(sample, other), other.source.reference, other) for other in others[first:last])
    close = [entry for entry in near if entry[0] <= span]
    return min(close, key=lambda entry: entry[:2])[2] if close else None


def _earliest(result: LabResult) -> datetime:
    return result.when.earliest


def partner(sample: LabResult, others: Sequence[LabResult], within: Span) -> LabResult | None:
    """Return the result of the sample's own specimen, else the nearest one within the span; the others oldest first."""
    same = (other for other in others if other.specimen == sample.specimen) if sample.specimen else iter(())
    return next(same, None) or nearest(sample, others, within)
