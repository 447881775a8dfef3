"""The only module that reads the clock. Everything else gets the time as an argument."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Says what time it is: a zone-aware moment."""


def now() -> datetime:
    """Return the present moment, in UTC."""
    return datetime.now(UTC)


def stopwatch() -> float:
    """Return seconds since some fixed point, for measuring how long something took."""
    return time.perf_counter()
