"""Where in a request a resource stands, as a path of fields: what an error body may say of it.

Its id is a value, and may be a name or a number of a patient.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from cds_service.bundles import has_type
from cds_service.envelope import HookRequest
from fhir_mappings.reading import first, own_reference, reference, target


def place_of_stranger(named: str, request: HookRequest, keys: Collection[str]) -> str:
    """Return the path of the resource that is about another patient than the request.

    Args:
        named: Type and id of the resource.
        request: What came.
        keys: The prefetch keys that are read, without regard to case; others are not named.

    Returns:
        The path; the type alone where the resource did not come with the request.
    """
    patient = target(request.patient_id).id
    for path, resource in _resources(request, keys):
        about = reference(resource.get("subject")) or reference(resource.get("patient"))
        if own_reference(resource) == named and target(about).id != patient:
            return path
    return named.partition("/")[0]


def _resources(request: HookRequest, keys: Collection[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    if request.drafts is not None:
        yield from _inside(request.drafts.bundle, "context.draftOrders")
    for key, value in request.prefetch.items():
        if key.casefold() in keys:
            yield from _inside(value, f"prefetch.{key}")


def _inside(value: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    value = first(value)
    entries = value.get("entry")
    if isinstance(entries, list):
        for index, entry in enumerate(entries):
            yield from _inside(entry, f"{path}.entry[{index}]")
    elif has_type(value):
        yield path, value
    elif isinstance(value.get("resource"), dict):
        # An entry, or the wrapper of clients before CDS Hooks 1.0.
        yield from _inside(value["resource"], f"{path}.resource")
