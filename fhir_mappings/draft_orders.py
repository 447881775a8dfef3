"""``context.draftOrders`` and ``context.selections`` → the drafted drugs, and which of them the hook is about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fhir_mappings.context import Context
from fhir_mappings.medication import read_draft
from fhir_mappings.reading import Resource, first, objects, target, text, token
from fhir_mappings.service_request import ordered_tests
from magnesium.facts import Exposure, OrderedTest, Unusable


@dataclass(frozen=True, slots=True)
class DraftOrders:
    """What the EHR sends on the order hooks."""

    bundle: Mapping[str, Any]
    selections: tuple[str, ...] | None
    """References of the drafts that the hook is about; ``None`` means all of them (order-sign)."""
    signing: bool


def entries(drafts: DraftOrders) -> Iterator[tuple[str, Resource]]:
    """Yield the resources in the Bundle with their ``fullUrl``; orders and whatever came along."""
    for entry in objects(drafts.bundle.get("entry")):
        # Some clients leave out the wrapper around the resource.
        resource = entry if "resourceType" in entry else first(entry.get("resource"))
        yield text(entry.get("fullUrl")), resource


def referred(drafts: DraftOrders) -> Iterator[Resource]:
    """Yield the resources in the Bundle with their ``fullUrl`` as private key, for others to refer to."""
    for full_url, resource in entries(drafts):
        yield {**resource, "_fullUrl": full_url} if full_url else resource


def read_drafts(drafts: DraftOrders, context: Context) -> Iterator[Exposure | Unusable]:
    """Yield the drafted drugs; drafts of anything else are left alone.

    Raises:
        PatientMismatch: a draft is for another patient.
    """
    picked = None if drafts.signing or drafts.selections is None else frozenset(drafts.selections)
    named = map(target, picked or ())
    ids = frozenset(found.id for found in named if found.id and found.type in {"", "MedicationRequest"})
    for full_url, resource in entries(drafts):
        if token(resource.get("resourceType")) == "MedicationRequest":
            by_address = picked is None or (full_url != "" and full_url in picked)
            yield from read_draft(resource, context, selected=by_address or token(resource.get("id")) in ids)


def read_drafted_tests(drafts: DraftOrders, context: Context) -> Iterator[OrderedTest]:
    """Yield the laboratory tests that are being ordered beside the drugs.

    Raises:
        PatientMismatch: a draft is for another patient.
    """
    for _, resource in entries(drafts):
        if token(resource.get("resourceType")) == "ServiceRequest":
            context.subject.problem_with(resource)
            yield from ordered_tests(resource, context)
