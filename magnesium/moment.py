"""When something happened, as precisely as the record says, and no more.

FHIR allows "2026", "2026-03" and "2026-03-14" beside full instants. A partial date is an interval, and a
question about order or age is answered only if every instant of the interval gives the same answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class When:
    """A closed interval of instants in which something happened.

    ``earliest`` and ``latest`` are time-zone aware and equal for a full instant. ``zone_assumed`` is true
    where the record gave a time without a zone and the policy's zone was put in.
    """

    earliest: datetime
    latest: datetime
    zone_assumed: bool = False

    def __post_init__(self) -> None:
        """Refuse naive times and reversed intervals: both would make every comparison a guess."""
        if self.earliest.tzinfo is None or self.latest.tzinfo is None:
            msg = "a When needs time-zone aware instants"
            raise ValueError(msg)
        if self.latest < self.earliest:
            msg = f"a When cannot end ({self.latest}) before it begins ({self.earliest})"
            raise ValueError(msg)

    @classmethod
    def at(cls, instant: datetime) -> When:
        """Return the moment that is exactly ``instant``."""
        return cls(instant, instant)

    @property
    def exact(self) -> bool:
        """Whether the record gave a full instant."""
        return self.earliest == self.latest

    def surely_before(self, other: When) -> bool:
        """Whether every instant of this interval precedes every instant of ``other``."""
        return self.latest < other.earliest

    def surely_by(self, instant: datetime) -> bool:
        """Whether it had happened at ``instant``, whichever instant of the interval was the true one."""
        return self.latest <= instant

    def surely_after(self, instant: datetime) -> bool:
        """Whether it happened later than ``instant``, whichever instant of the interval was the true one."""
        return self.earliest > instant

    def surely_within(self, window: timedelta, before: datetime) -> bool:
        """Whether it lies no further than ``window`` before ``before``, whichever instant was the true one."""
        return self.earliest >= before - window

    def possibly_within(self, window: timedelta, before: datetime) -> bool:
        """Whether some instant of the interval lies no further than ``window`` before ``before``."""
        return self.latest >= before - window
