"""What came for each need: data, known empty, or unknown. "Looked and nothing there" is not "could not look".

| received for a key | means |
|---|---|
| no key, or no ``prefetch`` at all | absent: unknown |
| ``null`` or ``""`` | known empty |
| Bundle without entries | known empty; unknown if its ``total`` says there are some |
| Bundle of OperationOutcomes only, of severity warning or information | known empty (Epic's "no results") |
| Bundle with an OperationOutcome of severity error or fatal | failed: unknown, whatever else is in it |
| bare OperationOutcome | failed: unknown |
| Bundle with a ``next`` link, or a ``total`` above what came | data, partial |
| one resource of the right type where a search was asked for | data, partial: nobody says there are no more |
| anything else: other resource type, string, number, array | unusable: unknown |
| ``{"response": …, "resource": …}`` of pre-1.0 clients | its ``resource``; failed unless the status is 2xx |

Unknown in a required need is refused with 412, in an optional need it is passed on as unavailable. Several
keys may serve one need (``settings.prefetch_keys``): their data are joined, and one that failed makes the
need unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cds_service.bundles import has_type, is_mild, next_link, resource_of, type_of
from cds_service.errors import Issue, IssueCode, precondition_failed
from cds_service.fhir_client import Trouble
from cds_service.settings import PrefetchKeys
from fhir_mappings.chart import Gathered
from fhir_mappings.queries import Query
from magnesium.facts import Need


class Outcome(StrEnum):
    """What a prefetch value amounts to."""

    DATA = "data"
    EMPTY = "known empty"
    ABSENT = "absent"
    FAILED = "failed"
    UNUSABLE = "unusable"

    @property
    def known(self) -> bool:
        """Whether the client looked, and we can read what it found."""
        return self in {Outcome.DATA, Outcome.EMPTY}


@dataclass(frozen=True, slots=True, repr=False)
class Received:
    """What came for one key, or for all keys of one need."""

    outcome: Outcome
    resources: tuple[Any, ...] = ()
    partial: bool = False
    next: str | None = None
    """Where the pages after the one that came are, if there are any; empty if nobody says where."""
    trouble: Trouble | None = None
    """Why the FHIR server did not help, if it was asked or would have been."""


_ABSENT = Received(Outcome.ABSENT)
_EMPTY = Received(Outcome.EMPTY)
_FAILED = Received(Outcome.FAILED)
_UNUSABLE = Received(Outcome.UNUSABLE)

_WHAT_TO_DO = {
    Outcome.ABSENT: "it was not prefetched. Prefetch it with the template of the discovery document;"
    " send null for a query that found nothing.",
    Outcome.FAILED: "the client sent an OperationOutcome in its place. Look there for the reason,"
    " or send null if the query found nothing.",
    Outcome.UNUSABLE: "what was prefetched is not an answer to the query. Prefetch it with the template of"
    " the discovery document.",
}


_TROUBLE = {
    Trouble.NO_TOKEN: "It could not be fetched either: no usable fhirAuthorization came with fhirServer.",
    Trouble.FOREIGN_TOKEN: "It could not be fetched either: fhirAuthorization.subject is not this service's client id.",
    Trouble.NOT_ALLOWED: "It could not be fetched either: this service is not set up to ask that FHIR server.",
    Trouble.REFUSED: "It could not be fetched either: the FHIR server refused. Check the scopes of the token.",
    Trouble.NOT_FOUND: "It could not be fetched either: the FHIR server does not have it.",
    Trouble.BUSY: "It could not be fetched either: the FHIR server is busy.",
    Trouble.FAILED: "It could not be fetched either: the FHIR server failed.",
    Trouble.UNREADABLE: "It could not be fetched either: what the FHIR server sent is not readable FHIR JSON.",
    Trouble.TOO_LARGE: "It could not be fetched either: what the FHIR server sent is too large.",
    Trouble.LATE: "It could not be fetched either: the FHIR server did not answer in time.",
}


def receive(prefetch: Mapping[str, Any], queries: Iterable[Query], keys: PrefetchKeys) -> Mapping[Need, Received]:
    """Return what came for each need that the queries ask for."""
    sent: dict[str, list[Any]] = {}
    for key, value in prefetch.items():
        sent.setdefault(key.casefold(), []).append(value)
    return {
        query.need: _joined(
            [
                classify(value, query.resource_type)
                for key in dict.fromkeys(name.casefold() for name in keys[query.need])
                for value in sent.get(key, ())
            ]
        )
        for query in queries
    }


def gather(received: Mapping[Need, Received], queries: Sequence[Query]) -> Gathered:
    """Return the resources for the readers.

    Raises:
        RequestError: with status 412 and the keys to prefetch, if a required need is unknown.
    """
    lacking = [query.need for query in queries if query.required and not received[query.need].outcome.known]
    if lacking:
        raise precondition_failed(
            [
                Issue(
                    IssueCode.INCOMPLETE,
                    f"Required data are missing: {need.value}; {_reason(received[need])}",
                    f"prefetch.{need.value}",
                )
                for need in lacking
            ]
        )
    return Gathered(
        resources={need: list(came.resources) for need, came in received.items() if came.outcome.known},
        unavailable=frozenset(need for need, came in received.items() if not came.outcome.known),
        partial=frozenset(need for need, came in received.items() if came.partial),
    )


def _reason(came: Received) -> str:
    said = _WHAT_TO_DO[came.outcome]
    return f"{said} {_TROUBLE[came.trouble]}" if came.trouble is not None else said


def classify(value: Any, resource_type: str) -> Received:
    """Return what one prefetch value amounts to, where resources of ``resource_type`` were asked for."""
    if value is None or value == "":
        return _EMPTY
    if not isinstance(value, dict):
        return _UNUSABLE
    match value.get("resourceType"):
        case None:
            return _unwrapped(value, resource_type)
        case "OperationOutcome":
            return _FAILED
        case "Bundle":
            return _bundle(value, resource_type)
        case sent if sent == resource_type:
            return Received(Outcome.DATA, (value,), partial=resource_type != "Patient")
        case _:
            return _UNUSABLE


def _joined(answers: Sequence[Received]) -> Received:
    if not answers:
        return _ABSENT
    for failure in (Outcome.FAILED, Outcome.UNUSABLE):
        if any(answer.outcome is failure for answer in answers):
            return Received(failure)
    resources = tuple(resource for answer in answers for resource in answer.resources)
    partial = [answer for answer in answers if answer.partial]
    # Of two unfinished answers, nothing says which link leads to what is missing.
    more = partial[0].next if len(partial) == 1 else None
    return Received(Outcome.DATA if resources else Outcome.EMPTY, resources, bool(partial), more)


def _unwrapped(value: Mapping[str, Any], resource_type: str) -> Received:
    """Return what the wrapper of pre-1.0 clients holds."""
    if "response" not in value:
        return _UNUSABLE
    response = value["response"]
    status = str(response.get("status", "")) if isinstance(response, dict) else ""
    if not status.startswith("2"):
        return _FAILED
    inner = value.get("resource")
    return classify(inner, resource_type) if inner is None or has_type(inner) else _UNUSABLE


def _bundle(bundle: Mapping[str, Any], resource_type: str) -> Received:
    entries = bundle.get("entry")
    if entries is None or entries == "":
        entries = []
    if not isinstance(entries, list):
        return _UNUSABLE
    resources = [resource_of(entry) for entry in entries]
    outcomes = [resource for resource in resources if type_of(resource) == "OperationOutcome"]
    if not all(is_mild(outcome) for outcome in outcomes):
        return _FAILED
    found = tuple(resource for resource in resources if type_of(resource) != "OperationOutcome")
    matches = sum(type_of(resource) == resource_type for resource in found)
    if found and not matches:
        return _UNUSABLE
    total = bundle.get("total")
    more = isinstance(total, int) and not isinstance(total, bool) and total > matches
    link = next_link(bundle)
    if not found:
        return _UNUSABLE if more or link is not None else _EMPTY
    return Received(Outcome.DATA, found, partial=more or link is not None, next=link)
