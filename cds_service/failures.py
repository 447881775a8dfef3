"""Our own failures: each gets an id that the client sees and the log explains, and each is counted."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping

from cds_service.logging import Log, describe

UNHANDLED = "request"
"""The check under which a failure outside every rule is counted."""


class Failures:
    """Reports failures to the log and keeps count of them, per check."""

    def __init__(self, log: Log, new_id: Callable[[], str]) -> None:
        self._log = log
        self._new_id = new_id
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def report(self, error: BaseException, check: str = UNHANDLED) -> str:
        """Log a failure without its message, count it, and return the id under which it can be found."""
        error_id = self._new_id()
        with self._lock:
            self._counts[check] += 1
        self._log.error("failure", error_id=error_id, check=check, **describe(error))
        return error_id

    @property
    def counts(self) -> Mapping[str, int]:
        """How many failures there were of each check, since the process started."""
        with self._lock:
            return dict(self._counts)
