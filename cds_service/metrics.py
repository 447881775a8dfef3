"""What Prometheus can ask for. No label can hold a patient: every one comes from a closed list of ours.

Each application counts by itself. Where several worker processes serve one application, they count in files of
a folder that they share (``share_between_workers``), and whichever is asked answers for all.
"""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator
from enum import StrEnum
from functools import partial
from typing import Final, TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest, values
from prometheus_client.core import InfoMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from cds_service.account import Account
from fhir_mappings.unreadable import Unreadable

PREFIX: Final = "magnesium_cds"
OTHER: Final = "other"
_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"

# Seconds. The specification wants an answer within half a second; without fetching we need a fiftieth of one.
_REQUEST_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_QUERY_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
_REASONS: Final = frozenset(map(str, Unreadable))
_Counted = TypeVar("_Counted", Counter, Histogram)

# When each count began: nobody asks, it doubles the page, and several workers cannot say it.
disable_created_metrics()  # type: ignore[no-untyped-call]  # not annotated there


class Metrics:
    """The counts of one application."""

    def __init__(self, *, version: str, policy_version: str) -> None:
        self._about = _About(version, policy_version)
        self._own = CollectorRegistry()
        self._own.register(self._about)
        self._requests = self._counter("requests", "Requests answered.", "route", "service", "status")
        self._seconds = self._histogram(
            "request_seconds", "Time to answer a request.", _REQUEST_BUCKETS, "route", "service"
        )
        self._cards = self._counter("cards", "Cards decided on.", "topic", "indicator", "display")
        self._rules = self._counter("rules", "Rules run, and what they came to.", "topic", "verdict")
        self._failures = self._counter("failures", "Failures of our own.", "check")
        self._unusable = self._counter("unusable_facts", "Records that could not be used.", "reason")
        self._sources = self._counter("data_sources", "Where the data of a need came from.", "need", "source")
        self._queries = self._counter("fhir_queries", "Questions to FHIR servers.", "need", "outcome")
        self._query_seconds = self._histogram(
            "fhir_query_seconds", "Time of a question to a FHIR server.", _QUERY_BUCKETS, "need"
        )
        self._dropped = self._counter("fhir_resources_dropped", "Resources sent that were not asked for.", "need")
        self._unkept = Counter(f"{PREFIX}_records_dropped", "Decisions that could not be kept.", registry=self._own)
        self._refused = self._counter("auth_failures", "Callers turned away.", "reason")
        self._feedback = self._counter("feedback", "Feedback entries taken.", "outcome")

    def answered(self, told: Account, *, route: str, service: str, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        self._requests[route, service, str(status)].inc()
        self._seconds[route, service].observe(seconds)
        for need, source in told.sources.items():
            self._sources[need.value, source.value].inc()
        for unusable in told.unusable:
            reason = str(unusable.reason)
            self._unusable[reason if reason in _REASONS else OTHER,].inc()
        for topic, verdict in told.ran:
            self._rules[topic, verdict.value].inc()
        for decision in told.decisions:
            self._cards[decision.topic, decision.indicator.code, decision.display.value].inc()

    def failed(self, check: str) -> None:
        """Count a failure of our own."""
        self._failures[check,].inc()

    def asked(self, need: str, trouble: str, *, dropped: int, seconds: float) -> None:
        """Count a question to a FHIR server; ``trouble`` is "none" if it was answered."""
        self._queries[need, "answered" if trouble == "none" else trouble].inc()
        self._query_seconds[need,].observe(seconds)
        if dropped:
            self._dropped[need,].inc(dropped)

    def not_kept(self, count: int = 1) -> None:
        """Count decisions that could not be kept."""
        self._unkept.inc(count)

    def turned_away(self, reason: StrEnum) -> None:
        """Count a caller whose token or certificate was not accepted."""
        self._refused[reason.value,].inc()

    def fed_back(self, outcome: StrEnum) -> None:
        """Count a feedback entry."""
        self._feedback[outcome.value,].inc()

    def text(self) -> bytes:
        """Return everything counted so far, by all workers, as Prometheus reads it."""
        folder = os.environ.get(_FOLDER)
        if folder is None:
            return generate_latest(self._own)
        shared = CollectorRegistry()
        shared.register(self._about)
        MultiProcessCollector(shared, folder)  # type: ignore[no-untyped-call]  # not annotated there
        return generate_latest(shared)

    def _counter(self, name: str, what: str, *labels: str) -> _Labeled[Counter]:
        return _Labeled(Counter(f"{PREFIX}_{name}", what, labels, registry=self._own))

    def _histogram(self, name: str, what: str, buckets: tuple[float, ...], *labels: str) -> _Labeled[Histogram]:
        return _Labeled(Histogram(f"{PREFIX}_{name}", what, labels, buckets=buckets, registry=self._own))


class _Labeled(dict[tuple[str, ...], _Counted]):
    """The counts of one metric by the values of its labels. The library's own look-up takes a lock each time."""

    def __init__(self, metric: _Counted) -> None:
        super().__init__()
        self._metric: _Counted = metric

    def __missing__(self, labels: tuple[str, ...]) -> _Counted:
        """Begin a count."""
        count: _Counted = self._metric.labels(*labels)
        self[labels] = count
        return count


class _About(Collector):
    """What is running. The same in every worker, so it is not counted in files."""

    def __init__(self, version: str, policy_version: str) -> None:
        self._build = InfoMetricFamily(
            f"{PREFIX}_build", "The program.", {"version": version, "python": platform.python_version()}
        )
        self._policy = InfoMetricFamily(f"{PREFIX}_policy", "The numbers in force.", {"version": policy_version})

    def collect(self) -> Iterator[Metric]:
        """Yield the version of the program and that of the policy."""
        yield self._build
        yield self._policy


def share_between_workers() -> Callable[[], None]:
    """Make processes that are forked from this one count together, in files; return what removes the files.

    To be called before the first ``Metrics`` is made: it decides where the library keeps its numbers.
    """
    folder = tempfile.mkdtemp(prefix="magnesium-cds-metrics-")
    os.environ[_FOLDER] = folder
    values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call]  # not annotated there
    return partial(shutil.rmtree, folder, ignore_errors=True)
