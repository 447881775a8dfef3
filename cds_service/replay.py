"""Past charts, run through the service as of their own time: what would it have said?

Every chart becomes a CDS Hooks request and goes through the WSGI application like any other, with a clock
that stands at the chart's time. With a URL it goes to a running service instead, whose clock cannot be set.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from http import HTTPStatus
from itertools import islice
from typing import Any, Protocol

import msgspec
import requests

from cds_service.app import create_app
from cds_service.charts import NothingToReplayError, Piece, ReplayError, charts, hook_request, own_time
from cds_service.clients import OPEN_CLIENT
from cds_service.evaluation import Evaluation, Knowledge
from cds_service.logging import Log
from cds_service.settings import Settings
from cds_service.storage import NO_RECORDS
from fhir_mappings.unmapped import unmapped_codes
from hooks import SERVICES
from hooks.wording import NOT_RUN_CODE

_TIMEOUT_SECONDS = 30
_INDICATORS = ("critical", "warning", "info")
_MOST_PRINTED = 10
"""Unmapped codes in the printed report; the JSON has all."""
_ENCODER = msgspec.json.Encoder(decimal_format="number")


# ── Playing ───────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of one chart."""

    place: str
    chart: str = ""
    """Id of the Bundle."""
    patient: str = ""
    as_of: str = ""
    cards: tuple[tuple[str, str], ...] = ()
    """Topic and indicator of each card."""
    magnesium: str = ""
    """Status of the newest usable magnesium; only known in process."""
    magnesium_as_sent: str = ""
    unreadable: tuple[str, ...] = ()
    """Reasons; only known in process."""
    unmapped: Counter[str] = field(default_factory=Counter)
    """Laboratory codes that are not known here, with how many results carry them; only known in process."""
    error: str = ""
    skipped: bool = False
    """Nothing was wrong, there was nothing to replay."""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """What the service answered."""

    status: int
    body: Any
    evaluation: Evaluation | None = None


class Service(Protocol):
    """A service that charts are played to."""

    zone: tzinfo

    def post(self, body: bytes, hook: str, as_of: datetime) -> Answered:
        """Post a request to the service of ``hook``."""

    def unmapped(self, resources: Iterable[Any]) -> Counter[str]:
        """Count the laboratory codes that the service does not know, as far as can be told."""


class InProcess:
    """The service itself, as a WSGI application with a clock that is set before each request."""

    def __init__(self, settings: Settings, log: Log) -> None:
        self._as_of: datetime | None = None
        self._evaluation: Evaluation | None = None
        app = create_app(
            settings, clients=(OPEN_CLIENT,), records=NO_RECORDS, clock=self._clock, log=log, observe=self._observe
        )
        self._client = app.test_client()
        self._ids = {service.hook.value: service.id for service in SERVICES}
        self._knowledge: Knowledge = app.extensions["magnesium_cds"]["knowledge"]
        self.zone: tzinfo = self._knowledge.policy.time_zone

    def _clock(self) -> datetime:
        if self._as_of is None:
            raise RuntimeError("a replay knows no present")
        return self._as_of

    def _observe(self, evaluation: Evaluation) -> None:
        self._evaluation = evaluation

    def post(self, body: bytes, hook: str, as_of: datetime) -> Answered:
        """Post a request as of ``as_of``."""
        self._as_of, self._evaluation = as_of, None
        answer = self._client.post(f"/cds-services/{self._ids[hook]}", data=body, content_type="application/json")
        return Answered(answer.status_code, answer.get_json(silent=True), self._evaluation)

    def unmapped(self, resources: Iterable[Any]) -> Counter[str]:
        """Count the laboratory codes that neither the tables nor the site's policy know."""
        return unmapped_codes(resources, self._knowledge.terminology, self._knowledge.site_codes)


class Remote:
    """A running service. It judges as of its own now."""

    def __init__(self, url: str, zone: tzinfo) -> None:
        self._url = url.rstrip("/")
        self._session = requests.Session()
        self._ids: dict[str, str] | None = None
        self.zone = zone

    def post(self, body: bytes, hook: str, as_of: datetime) -> Answered:  # noqa: ARG002  it has a clock of its own
        """Post a request.

        Raises:
            ReplayError: the service cannot be reached, or has no service for the hook.
        """
        try:
            service_id = self._service_id(hook)
            answer = self._session.post(
                f"{self._url}/cds-services/{service_id}",
                data=body,
                headers={"Content-Type": "application/json"},
                timeout=_TIMEOUT_SECONDS,
            )
        except requests.RequestException as error:
            raise ReplayError("no answer", type(error).__name__) from None
        try:
            return Answered(answer.status_code, answer.json())
        except requests.JSONDecodeError:
            return Answered(answer.status_code, None)

    def unmapped(self, resources: Iterable[Any]) -> Counter[str]:  # noqa: ARG002  only the service knows its codes
        """Count nothing: which codes the site has mapped is not known here."""
        return Counter()

    def _service_id(self, hook: str) -> str:
        if self._ids is None:
            discovery = self._session.get(f"{self._url}/cds-services", timeout=_TIMEOUT_SECONDS)
            discovery.raise_for_status()
            self._ids = {service["hook"]: service["id"] for service in discovery.json()["services"]}
        if hook not in self._ids:
            raise ReplayError("no such service", f"nothing there answers {hook}")
        return self._ids[hook]


@dataclass(frozen=True, slots=True)
class Player:
    """Plays pieces to a service."""

    service: Service
    hook: str
    as_of: datetime | None = None
    """Instead of each chart's own time."""

    def play(self, piece: Piece) -> list[Replayed]:
        """Return what came of each chart of a piece."""
        try:
            found = charts(piece)
        except ReplayError as error:
            return [_failed(piece.place, error)]
        return [self._play(piece.place, index, bundle) for index, bundle in enumerate(found)]

    def _play(self, place: str, index: int, bundle: Mapping[str, Any]) -> Replayed:
        chart = bundle.get("id")
        chart = chart if isinstance(chart, str) else f"{index + 1}"
        try:
            as_of = self.as_of or own_time(bundle, self.service.zone)
            instance = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{place}#{index}"))
            request = hook_request(bundle, self.hook, instance)
            answered = self.service.post(_ENCODER.encode(request), self.hook, as_of)
        except ReplayError as error:
            return _failed(place, error, chart)
        patient = request["context"]["patientId"]
        played = Replayed(
            place,
            chart,
            patient if isinstance(patient, str) else "",
            as_of.isoformat(),
            unmapped=self.service.unmapped(_resources(bundle)),
        )
        return _replayed(played, answered)


def _resources(bundle: Mapping[str, Any]) -> Iterator[Any]:
    return (entry.get("resource") for entry in bundle.get("entry") or () if isinstance(entry, dict))


def _failed(place: str, error: ReplayError, chart: str = "") -> Replayed:
    skipped = isinstance(error, NothingToReplayError)
    return Replayed(place, chart, error=error.kind, message=str(error), skipped=skipped)


def _replayed(known: Replayed, answered: Answered) -> Replayed:
    if answered.status != HTTPStatus.OK:
        kind, message = _refusal(answered)
        return replace(known, error=kind, message=message)
    try:
        cards = tuple((card["source"]["topic"]["code"], card["indicator"]) for card in answered.body["cards"])
    except (KeyError, TypeError):
        return replace(known, error="unexpected answer", message="cards without topic or indicator")
    known = replace(known, cards=cards)
    if any(topic == NOT_RUN_CODE for topic, _ in cards):
        known = replace(known, error="check could not run", message="see the log for the error id")
    evaluation = answered.evaluation
    if evaluation is None:
        return known
    reading = evaluation.picture.magnesium
    status = reading.status.name.lower() if reading.status is not None else "not conclusive"
    return replace(
        known,
        magnesium=status if reading.result is not None else "no usable result",
        magnesium_as_sent=reading.result.source.as_sent if reading.result is not None else "",
        unreadable=tuple(fact.reason for fact in evaluation.facts.unusable),
    )


def _refusal(answered: Answered) -> tuple[str, str]:
    try:
        issue = answered.body["issue"][0]
        where = " ".join(issue.get("expression", ()))
        return f"{answered.status} {issue['code']} {where}".rstrip(), issue["diagnostics"]
    except (KeyError, TypeError, IndexError):
        return f"{answered.status}", "no OperationOutcome"


MakePlayer = Callable[[], Player]
_player: Player | None = None
"""The player of a worker process."""


def play_all(source: Iterable[Piece | ReplayError], make_player: MakePlayer, *, jobs: int) -> Iterator[list[Replayed]]:
    """Yield what came of each piece, in any order; ``make_player`` must be picklable for more than one job."""
    if jobs == 1:
        player = make_player()
        for piece in source:
            yield player.play(piece) if isinstance(piece, Piece) else [_failed("", piece)]
        return
    iterator = iter(source)
    with ProcessPoolExecutor(jobs, initializer=_start_worker, initargs=(make_player,)) as pool:
        waiting: set[Future[list[Replayed]]] = set()
        while True:
            # A short queue: a large file must not be held in memory.
            for piece in islice(iterator, 4 * jobs - len(waiting)):
                if isinstance(piece, Piece):
                    waiting.add(pool.submit(_work, piece))
                else:
                    yield [_failed("", piece)]
            if not waiting:
                return
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)


def _start_worker(make_player: MakePlayer) -> None:
    global _player  # noqa: PLW0603  a worker process has one player for all its pieces
    _player = make_player()


def _work(piece: Piece) -> list[Replayed]:
    if _player is None:
        raise RuntimeError("a worker plays only after it was started")
    return _player.play(piece)


# ── What is reported ──────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class Report:
    """The sum of a replay."""

    hook: str
    charts: list[Replayed] = field(default_factory=list)
    patients: set[str] = field(default_factory=set)
    cards: Counter[tuple[str, str]] = field(default_factory=Counter)
    magnesium: Counter[str] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)
    unmapped: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    answered: int = 0
    silent: int = 0

    def add(self, replayed: Replayed) -> None:
        """Count one chart in."""
        self.charts.append(replayed)
        if replayed.skipped:
            self.skipped[replayed.error] += 1
            return
        if replayed.error:
            self.errors[replayed.error] += 1
        if replayed.patient:
            self.patients.add(replayed.patient)
        if replayed.error and not replayed.cards:
            return
        self.answered += 1
        self.silent += not replayed.cards
        self.cards.update(replayed.cards)
        self.unreadable.update(replayed.unreadable)
        self.unmapped.update(replayed.unmapped)
        if replayed.magnesium:
            self.magnesium[replayed.magnesium] += 1

    @property
    def problems(self) -> list[Replayed]:
        """The charts that ended in an error, in the order of their files."""
        return sorted((chart for chart in self.charts if chart.error and not chart.skipped), key=_by_place)

    def text(self) -> str:
        """Return the report as a plain table."""
        share = f" ({100 * self.silent / self.answered:.0f} %)" if self.answered else ""
        lines = [
            f"{'hook':<28}{self.hook:>18}",
            f"{'patients':<28}{len(self.patients):>18}",
            f"{'snapshots answered':<28}{self.answered:>18}",
            f"{'without a card':<28}{self.silent:>18}{share}",
            "",
            f"{'cards':<28}" + "".join(f"{name:>10}" for name in _INDICATORS),
        ]
        topics = sorted({topic for topic, _ in self.cards})
        lines += [
            f"  {topic:<26}" + "".join(f"{self.cards[topic, name] or '–':>10}" for name in _INDICATORS)
            for topic in topics
        ]
        lines += [] if topics else ["  none"]
        for title, counts in (
            ("newest magnesium", self.magnesium),
            ("unreadable facts", self.unreadable),
            (_unmapped_title(self.unmapped), Counter(dict(_ranked(self.unmapped)[:_MOST_PRINTED]))),
            ("nothing to replay", self.skipped),
            ("errors", self.errors),
        ):
            lines += ["", title]
            lines += [f"  {name:<34}{count:>10}" for name, count in _ranked(counts)] or ["  none"]
        lines += [f"    {chart.place or chart.error}: {chart.message}" for chart in self.problems]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return the same as JSON, with a line for each chart; it names charts, not patients."""
        return {
            "hook": self.hook,
            "patients": len(self.patients),
            "answered": self.answered,
            "silent": self.silent,
            "cards": [
                {"topic": topic, "indicator": indicator, "count": count}
                for (topic, indicator), count in sorted(self.cards.items())
            ],
            "magnesium": dict(_ranked(self.magnesium)),
            "unreadable": dict(_ranked(self.unreadable)),
            "unmappedCodes": dict(_ranked(self.unmapped)),
            "nothingToReplay": dict(_ranked(self.skipped)),
            "errors": dict(_ranked(self.errors)),
            "charts": [
                {
                    "place": chart.place,
                    "chart": chart.chart,
                    "asOf": chart.as_of,
                    "magnesium": chart.magnesium,
                    "magnesiumAsSent": chart.magnesium_as_sent,
                    "cards": [{"topic": topic, "indicator": indicator} for topic, indicator in chart.cards],
                    "unreadable": list(chart.unreadable),
                    "error": chart.error,
                    "message": chart.message,
                }
                for chart in sorted(self.charts, key=_by_place)
            ],
        }


def _unmapped_title(counts: Counter[str]) -> str:
    more = f": the {_MOST_PRINTED} most frequent of {len(counts)}" if len(counts) > _MOST_PRINTED else ""
    return f"laboratory codes not known here{more}"


def _ranked(counts: Counter[str]) -> list[tuple[str, int]]:
    """Return the counts, highest first; ties by name, so that several processes report as one does."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _by_place(chart: Replayed) -> tuple[str, int]:
    file, _, line = chart.place.rpartition(":")
    return file, int(line or 0)
