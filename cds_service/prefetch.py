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
from types import MappingProxyType
from typing import Any

from cds_service.errors import Issue, IssueCode, precondition_failed
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


# Resources that make up a need, the one it is about first. The others are context for it.
_RESOURCE_TYPES: Mapping[Need, str] = MappingProxyType(
    {
        Need.PATIENT: "Patient",
        Need.LABS: "Observation",
        Need.MEDICATIONS: "MedicationRequest",
        Need.STATEMENTS: "MedicationStatement",
        Need.ADMINISTRATIONS: "MedicationAdministration",
        Need.CONDITIONS: "Condition",
        Need.ENCOUNTERS: "Encounter",
    }
)
_MILD = frozenset({"warning", "information"})

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


def receive(prefetch: Mapping[str, Any], queries: Iterable[Query], keys: PrefetchKeys) -> Mapping[Need, Received]:
    """Return what came for each need that the queries ask for."""
    sent: dict[str, list[Any]] = {}
    for key, value in prefetch.items():
        sent.setdefault(key.casefold(), []).append(value)
    return {
        query.need: _joined(
            [
                classify(value, _RESOURCE_TYPES[query.need])
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
                    f"Required data are missing: {need.value}; {_WHAT_TO_DO[received[need].outcome]}",
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
    partial = any(answer.partial for answer in answers)
    return Received(Outcome.DATA if resources else Outcome.EMPTY, resources, partial)


def _unwrapped(value: Mapping[str, Any], resource_type: str) -> Received:
    """Return what the wrapper of pre-1.0 clients holds."""
    if "response" not in value:
        return _UNUSABLE
    response = value["response"]
    status = str(response.get("status", "")) if isinstance(response, dict) else ""
    if not status.startswith("2"):
        return _FAILED
    inner = value.get("resource")
    return classify(inner, resource_type) if inner is None or _has_type(inner) else _UNUSABLE


def _bundle(bundle: Mapping[str, Any], resource_type: str) -> Received:
    entries = bundle.get("entry")
    if entries is None or entries == "":
        entries = []
    if not isinstance(entries, list):
        return _UNUSABLE
    resources = [_resource(entry) for entry in entries]
    outcomes = [resource for resource in resources if _type(resource) == "OperationOutcome"]
    if not all(_is_mild(outcome) for outcome in outcomes):
        return _FAILED
    found = tuple(resource for resource in resources if _type(resource) != "OperationOutcome")
    matches = sum(_type(resource) == resource_type for resource in found)
    if found and not matches:
        return _UNUSABLE
    total = bundle.get("total")
    more = isinstance(total, int) and not isinstance(total, bool) and total > matches
    if not found:
        return _UNUSABLE if more or _has_next(bundle) else _EMPTY
    return Received(Outcome.DATA, found, partial=more or _has_next(bundle))


def _resource(entry: Any) -> Any:
    """Return the resource of an entry with the entry's address; anything else as it stands, for the readers."""
    if not isinstance(entry, dict):
        return entry
    resource = entry.get("resource")
    if resource is None and _has_type(entry):
        return entry
    address = entry.get("fullUrl")
    if isinstance(resource, dict) and isinstance(address, str) and address:
        return {**resource, "_fullUrl": address}
    return resource


def _type(resource: Any) -> str | None:
    name = resource.get("resourceType") if isinstance(resource, dict) else None
    return name if isinstance(name, str) else None


def _has_type(value: Any) -> bool:
    return _type(value) is not None


def _is_mild(outcome: Mapping[str, Any]) -> bool:
    """Whether an OperationOutcome only remarks on something; one that says nothing readable is a failure."""
    issues = outcome.get("issue")
    return (
        isinstance(issues, list)
        and bool(issues)
        and all(isinstance(issue, dict) and issue.get("severity") in _MILD for issue in issues)
    )


def _has_next(bundle: Mapping[str, Any]) -> bool:
    links = bundle.get("link")
    return isinstance(links, list) and any(isinstance(link, dict) and link.get("relation") == "next" for link in links)
