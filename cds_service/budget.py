"""How long something may take, measured from when it was asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Stopwatch = Callable[[], float]
"""Returns seconds since some fixed point."""


@dataclass(frozen=True, slots=True)
class Budget:
    """One deadline for everything that is done for one request."""

    ends: float
    stopwatch: Stopwatch

    @property
    def left(self) -> float:
        """Seconds until the deadline; 0 when it has passed."""
        return max(0.0, self.ends - self.stopwatch())
