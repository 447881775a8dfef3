"""What did not come with the request is asked of the client's FHIR server: all of it at once, and only that.

| came | asked |
|---|---|
| no key, or something that is no answer to the query | the query |
| the first of several pages | the pages after it |
| an order, statement or administration whose Medication did not come along | the Medication |
| data, known empty | nothing |
| an OperationOutcome: the client looked and failed | nothing; it is sent to spare us the question |

Everything is asked in parallel, within one budget that began when the request arrived. What is not there when
it ends is unavailable; of a search that had begun to answer, what came is kept and marked partial.

Servers ignore parameters without a word, so every answer is filtered again by patient, code, status and date
and sorted again, newest first. Resources of other patients are dropped here: the server was asked for one patient
and is known to ignore the question. In prefetch they are an error of the client's (``fhir_mappings.subject``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

import requests

from cds_service.budget import Budget, Stopwatch
from cds_service.bundles import type_of
from cds_service.clients import Client
from cds_service.envelope import HookRequest
from cds_service.fhir_client import Call, FhirError, FhirServer, Harvest, Limits, Search, Trouble
from cds_service.logging import Log
from cds_service.prefetch import Outcome, Received
from cds_service.sandbox import sandbox_urls
from cds_service.settings import PatientParameter, Profile, Settings
from cds_service.url_guard import LOOPBACK, Guard, NotAllowedError, guarded_session
from fhir_mappings.queries import Query
from fhir_mappings.reading import Resource, codings, first, objects, reference, target, text, token
from fhir_mappings.site_codes import SiteCodes
from fhir_mappings.times import read_first, read_period
from magnesium.facts import Need

THREADS: Final = 32
"""Questions that one process asks at the same time."""

_MOST_MEDICATIONS = 50
# A smaller _count says how many of the newest are wanted; a larger one is the size of a page.
_A_PAGE = 50
_DATES = (
    "effectiveDateTime",
    "effectiveInstant",
    "occurenceDateTime",
    "occurrenceDateTime",
    "performedDateTime",
    "authoredOn",
    "issued",
)
_PERIODS = ("effectivePeriod", "occurencePeriod", "occurrencePeriod", "performedPeriod", "period")
_DATED = frozenset({"Observation", "MedicationAdministration"})
_WITH_MEDICATION = frozenset(
    {"MedicationRequest", "MedicationStatement", "MedicationAdministration", "MedicationUsage"}
)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Access:
    """How this deployment asks FHIR servers."""

    guard: Guard
    budget_seconds: float
    limits: Limits
    patient_parameter: PatientParameter = PatientParameter.ID
    lookback: timedelta = timedelta(days=1830)
    token_required: bool = True

    subject: str = ""
    """Our client id at the authorization server; a token for another is not used. Empty: any is."""

    @classmethod
    def of(cls, settings: Settings, client: Client) -> Access:
        """Return what a deployment's settings say, and what a client's say beyond."""
        dev = settings.profile is Profile.DEV
        listed = client.fhir_servers or settings.fhir_servers
        servers = (*listed, *(sandbox_urls(settings.port) if dev else ()))
        nearby = (*settings.fhir_networks, *(LOOPBACK if dev else ()))
        return cls(
            guard=Guard.listing(servers, nearby, https_only=not dev),
            budget_seconds=settings.fhir_budget_ms / 1000,
            limits=Limits(settings.fhir_max_pages, settings.fhir_max_bytes),
            patient_parameter=settings.fhir_patient_parameter,
            lookback=timedelta(days=settings.fhir_lookback_days),
            token_required=not dev,
            subject=client.subject,
        )


@dataclass(frozen=True, slots=True)
class Question:
    """One query of the discovery document, made out for one patient."""

    need: Need
    search: Search
    statuses: frozenset[str]
    codes: frozenset[tuple[str, str]]
    names: frozenset[str]
    newest: int | None
    """How many of the newest are enough."""

    @classmethod
    def of(cls, query: Query, patient_id: str, parameter: PatientParameter, site: SiteCodes) -> Question:
        """Make out a query; the site's own codes of laboratory tests are asked for beside the standard ones."""
        kind, _, parameters = query.template.partition("?")
        values = dict(part.partition("=")[::2] for part in parameters.split("&"))
        wanted = [tuple(code.rpartition("|")[::2]) for code in values.get("code", "").split(",") if code]
        if query.need is Need.LABS:
            wanted += [code for code in site.labs if code not in wanted]
            values["code"] = ",".join("|".join(map(_escaped, code)) for code in wanted)
        own = _escaped(patient_id)
        values["patient"] = f"Patient/{own}" if parameter is PatientParameter.REFERENCE else own
        count = values.get("_count", "")
        return cls(
            need=query.need,
            search=Search(kind, tuple(values.items())),
            statuses=frozenset(status for status in values.get("status", "").split(",") if status),
            codes=frozenset((system, code) for system, code in wanted),
            names=frozenset(site.names) if query.need is Need.LABS else frozenset(),
            newest=int(count) if count.isdigit() and int(count) < _A_PAGE else None,
        )

    def wants(self, resource: Any, patient_id: str, since: datetime) -> bool:
        """Whether a resource is an answer, whatever the server made of the question."""
        if type_of(resource) is None:
            return True  # the readers report it
        subject = target(reference(resource.get("subject")) or reference(resource.get("patient")))
        if subject.type == "Patient" and subject.id != patient_id:
            return False
        if self.statuses and token(resource.get("status")).casefold() not in self.statuses:
            return False
        if self.codes and not self._is_of_code(resource):
            return False
        return not (self.search.kind in _DATED and _LONG_AGO < moment(resource) < since)

    def _is_of_code(self, resource: Resource) -> bool:
        concepts = (resource.get("code"), *(part.get("code") for part in objects(resource.get("component"))))
        return any(
            text(first(concept).get("text")).casefold() in self.names
            or any((coding.system, coding.code) in self.codes for coding in codings(concept))
            for concept in concepts
        )


def moment(resource: Any) -> datetime:
    """Return when it happened, as a sort key; what has no readable date sorts as very long ago."""
    if not isinstance(resource, dict):
        return _LONG_AGO
    when = read_first(resource, _DATES[:-1], UTC)
    if when is None:
        periods = (read_period(resource.get(name), UTC) for name in _PERIODS)
        when = next((end or start for start, end in periods if end or start), None)
    when = when or read_first(resource, _DATES[-1:], UTC)
    return when.latest if when is not None else _LONG_AGO


def _escaped(value: str) -> str:
    """Return a value of a search parameter with FHIR's own separators escaped."""
    for mark in "\\$,|":
        value = value.replace(mark, f"\\{mark}")
    return value


@dataclass(slots=True)
class _Job:
    """A question under way."""

    call: Call
    need: Need | None
    question: Question | None = None
    harvest: Harvest = field(default_factory=Harvest)
    resource: Resource | None = None
    began: float = 0.0


class Count(Protocol):
    """Counts questions."""

    def __call__(self, need: str, trouble: str, *, dropped: int, seconds: float) -> None:
        """Count one that was asked; ``trouble`` is "none" if it was answered."""


@dataclass(frozen=True, slots=True)
class _Means:
    """What all requests of a process share."""

    access: Access
    site: SiteCodes
    log: Log
    stopwatch: Stopwatch
    pool: ThreadPoolExecutor
    count: Count | None


class Retriever:
    """Completes what came with requests, as one deployment is set up."""

    def __init__(  # noqa: PLR0913  each by name
        self,
        access: Access,
        site: SiteCodes,
        log: Log,
        stopwatch: Stopwatch,
        session: requests.Session | None = None,
        *,
        count: Count | None = None,
    ) -> None:
        # The pool's threads start with the first question, in the worker process that asks it.
        pool = ThreadPoolExecutor(THREADS, thread_name_prefix="fhir")
        self._means = _Means(access, site, log, stopwatch, pool, count)
        self._session = session or guarded_session(access.guard, connections=THREADS)

    def complete(
        self,
        received: Mapping[Need, Received],
        queries: Sequence[Query],
        request: HookRequest,
        *,
        as_of: datetime,
        arrived: float,
    ) -> Mapping[Need, Received]:
        """Return what came, completed by what the client's FHIR server has.

        ``arrived`` is what the stopwatch showed when the request came in.
        """
        if request.fhir_server is None:
            return received
        means = self._means
        budget = Budget(arrived + means.access.budget_seconds, means.stopwatch)
        missing = [query for query in queries if received[query.need].outcome in {Outcome.ABSENT, Outcome.UNUSABLE}]
        try:
            server = self._server(request)
        except FhirError as error:
            if not missing:
                return received
            means.log.warning("fhir-server", trouble=error.trouble.value)
            return {**received, **{query.need: _without(received[query.need], error.trouble) for query in missing}}
        retrieval = _Retrieval(means, server, request.patient_id, as_of - means.access.lookback, budget)
        return retrieval.run(received, missing, queries, _drafted(request))

    def _server(self, request: HookRequest) -> FhirServer:
        access = self._means.access
        authorization = request.fhir_authorization
        if authorization is None and access.token_required:
            raise FhirError(Trouble.NO_TOKEN)
        if authorization is not None and access.subject and authorization.subject != access.subject:
            raise FhirError(Trouble.FOREIGN_TOKEN)
        try:
            base = access.guard.base(request.fhir_server or "")
        except NotAllowedError:
            raise FhirError(Trouble.NOT_ALLOWED) from None
        token = authorization.access_token if authorization is not None else None
        return FhirServer(base, token, session=self._session, guard=access.guard, limits=access.limits)


def _without(received: Received, trouble: Trouble) -> Received:
    return replace(received, trouble=trouble)


def _drafted(request: HookRequest) -> list[Any]:
    """Return the drafted orders and what came along with them."""
    entries = request.drafts.bundle.get("entry") if request.drafts is not None else None
    return [
        {**inner, "_fullUrl": entry.get("fullUrl")} if isinstance(inner := entry.get("resource"), dict) else entry
        for entry in objects(entries)
    ]


class _Retrieval:
    """One request's questions."""

    def __init__(self, means: _Means, server: FhirServer, patient_id: str, since: datetime, budget: Budget) -> None:
        self._means = means
        self._server = server
        self._patient_id = patient_id
        self._since = since
        self._budget = budget
        self._waiting: dict[Future[None], _Job] = {}
        self._medications: dict[str, Resource | None] = {}
        self._answers: dict[Need, Received] = {}

    def run(
        self, received: Mapping[Need, Received], missing: Sequence[Query], queries: Sequence[Query], drafted: list[Any]
    ) -> Mapping[Need, Received]:
        for query in missing:
            self._ask(query)
        for query in queries:
            came = received[query.need]
            if came.next is not None:
                self._ask_on(query, came.next)
        at_hand = [*drafted, *(resource for came in received.values() for resource in came.resources)]
        self._ask_medications(at_hand)
        while self._waiting:
            done, _ = wait(self._waiting, timeout=self._budget.left, return_when=FIRST_COMPLETED)
            if not done:
                break
            for future in done:
                future.result()
                self._take(self._waiting.pop(future))
        for future, job in self._waiting.items():
            future.cancel()
            job.call.line.cut()
            job.harvest.trouble = Trouble.LATE
            self._take(job, more=False)
        return self._joined(received)

    # ── asking ──

    def _ask(self, query: Query) -> None:
        if query.need is Need.PATIENT:
            job = self._job(query.need)
            self._start(job, lambda: self._read("Patient", self._patient_id, job))
            return
        question = self._question(query)
        job = self._job(query.need, question)
        enough = self._enough(question)
        self._start(job, lambda: self._server.search(question.search, job.harvest, job.call, enough=enough))

    def _question(self, query: Query) -> Question:
        means = self._means
        return Question.of(query, self._patient_id, means.access.patient_parameter, means.site)

    def _ask_on(self, query: Query, link: str) -> None:
        question = self._question(query)
        job = self._job(query.need, question)
        self._start(job, lambda: self._server.follow(question.search.kind, link, job.harvest, job.call))

    def _ask_medications(self, resources: Iterable[Any]) -> None:
        found = list(resources)
        at_hand = {
            name
            for resource in found
            if type_of(resource) == "Medication"
            for name in (f"Medication/{token(resource.get('id'))}", text(resource.get("_fullUrl")))
        }
        self._medications.update(dict.fromkeys(at_hand - self._medications.keys()))
        for literal in _medications_of(found):
            own_id = self._own_medication(literal)
            name = f"Medication/{own_id}"
            if own_id is None or literal in self._medications or name in self._medications:
                continue
            if sum(job.need is None for job in self._waiting.values()) >= _MOST_MEDICATIONS:
                return
            self._medications[name] = None
            self._ask_medication(own_id)

    def _ask_medication(self, own_id: str) -> None:
        job = self._job(None)
        self._start(job, lambda: self._read("Medication", own_id, job))

    def _own_medication(self, literal: str) -> str | None:
        """Return the id of a Medication on the server that is asked; None for one elsewhere or inside."""
        found = target(literal)
        if found.type != "Medication" or not found.id:
            return None
        relative = f"Medication/{found.id}"
        elsewhere = "://" in literal and not literal.startswith(f"{self._server.url}/{relative}")
        return None if elsewhere or literal.startswith(("urn:", "#")) else found.id

    def _read(self, kind: str, own_id: str, job: _Job) -> None:
        try:
            found = self._server.read(kind, own_id, job.call)
        except FhirError as error:
            job.harvest.trouble = error.trouble
            return
        if token(found.get("id")) == own_id:
            job.resource = found
        else:
            # Another resource than the one asked for: nobody knows whose.
            job.harvest.trouble = Trouble.UNREADABLE

    def _enough(self, question: Question) -> Callable[[Sequence[Any]], bool]:
        """Return the judge of pages: whether what comes after one is older than anybody asks for.

        Only as long as the server keeps to the order it was asked for; one that does not is read to the end.
        """
        if not any(name == "_sort" for name, _ in question.search.parameters):
            return lambda _: False
        last = [datetime.max.replace(tzinfo=UTC)]
        seen = [0]

        def enough(matches: Sequence[Any]) -> bool:
            for resource in matches:
                when = moment(resource)
                if when == _LONG_AGO or when > last[0]:
                    last[0] = _LONG_AGO  # out of order: never enough
                    return False
                last[0] = when
                seen[0] += question.wants(resource, self._patient_id, self._since)
            return last[0] < self._since or (question.newest is not None and seen[0] >= question.newest)

        return enough

    def _job(self, need: Need | None, question: Question | None = None) -> _Job:
        return _Job(Call(self._budget), need, question, began=self._means.stopwatch())

    def _start(self, job: _Job, work: Callable[[], None]) -> None:
        self._waiting[self._means.pool.submit(work)] = job

    # ── taking ──

    def _take(self, job: _Job, *, more: bool = True) -> None:
        harvest = job.harvest
        resources: list[Any]
        if job.question is None:
            resources = [job.resource] if job.resource is not None else []
        else:
            resources = self._wanted(list(harvest.resources), job.question)
        need = job.need.value if job.need is not None else "medication"
        dropped = len(harvest.resources) - len(resources) if job.question is not None else 0
        trouble = harvest.trouble.value if harvest.trouble is not None else "none"
        seconds = self._means.stopwatch() - job.began
        if self._means.count is not None:
            self._means.count(need, trouble, dropped=dropped, seconds=seconds)
        write = self._means.log.warning if harvest.trouble is not None else self._means.log.debug
        write(
            "fhir-query",
            need=need,
            resources=len(resources),
            dropped=dropped,
            pages=harvest.pages,
            trouble=trouble,
            duration_ms=round(seconds * 1000, 1),
        )
        if job.need is None:
            for medication in resources:
                self._medications[f"Medication/{token(medication.get('id'))}"] = medication
        else:
            resources += harvest.included
            self._answers[job.need] = _answer(resources, harvest, one=job.question is None)
        if more:
            self._ask_medications(resources)

    def _wanted(self, found: list[Any], question: Question) -> list[Any]:
        kept: dict[Any, Any] = {}
        for resource in found:
            if question.wants(resource, self._patient_id, self._since):
                own_id = token(resource.get("id")) if isinstance(resource, dict) else ""
                kept.setdefault(own_id or object(), resource)
        return sorted(kept.values(), key=moment, reverse=True)

    def _joined(self, received: Mapping[Need, Received]) -> Mapping[Need, Received]:
        joined = dict(received)
        for need, answer in self._answers.items():
            came = received[need]
            if came.next is None:
                joined[need] = answer
            elif answer.outcome.known:
                outcome = Outcome.DATA if came.resources or answer.resources else Outcome.EMPTY
                joined[need] = Received(outcome, (*came.resources, *answer.resources), partial=answer.partial)
        read = tuple(medication for medication in self._medications.values() if medication is not None)
        if read:
            orders = joined[Need.MEDICATIONS]
            joined[Need.MEDICATIONS] = replace(orders, resources=(*orders.resources, *read))
        return joined


def _answer(resources: Sequence[Any], harvest: Harvest, *, one: bool) -> Received:
    """Return what a question came to. A search that broke off is partial if it brought anything, else unknown."""
    trouble = harvest.trouble
    if trouble is None:
        return Received(Outcome.DATA if resources else Outcome.EMPTY, tuple(resources))
    if resources and not one:
        return Received(Outcome.DATA, tuple(resources), partial=True)
    return Received(Outcome.ABSENT, trouble=trouble)


def _medications_of(resources: Iterable[Any]) -> Iterator[str]:
    """Yield the references to Medications: of orders and the like, and of Medications that are mixtures."""
    for resource in objects(list(resources)):
        kind = type_of(resource)
        if kind in _WITH_MEDICATION:
            inner = first(resource.get("medication"))
            pointers = [resource.get("medicationReference"), inner.get("reference"), inner]
        elif kind == "Medication":
            parts = objects(resource.get("ingredient"))
            pointers = [pointer for part in parts for pointer in (part.get("itemReference"), part.get("item"))]
        else:
            continue
        for pointer in pointers:
            if isinstance(pointer, dict) and (literal := text(pointer.get("reference"))):
                yield literal
