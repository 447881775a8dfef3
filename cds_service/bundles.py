"""Bundles from strangers, looked into without trusting their shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fhir_mappings.reading import token

_MILD = frozenset({"warning", "information", "success"})


def resource_of(entry: Any) -> Any:
    """Return the resource of an entry with the entry's address; anything else as it stands, for the readers."""
    if not isinstance(entry, dict):
        return entry
    resource = entry.get("resource")
    if resource is None and has_type(entry):
        return entry
    address = entry.get("fullUrl")
    if isinstance(resource, dict) and isinstance(address, str) and address:
        return {**resource, "_fullUrl": address}
    return resource


def type_of(resource: Any) -> str | None:
    """Return the ``resourceType`` of a resource, None for anything else."""
    name = resource.get("resourceType") if isinstance(resource, dict) else None
    return name if isinstance(name, str) else None


def has_type(value: Any) -> bool:
    """Whether it is a resource of any type."""
    return type_of(value) is not None


def is_mild(outcome: Mapping[str, Any]) -> bool:
    """Whether an OperationOutcome only remarks on something; one that says nothing readable is a failure."""
    issues = outcome.get("issue")
    return (
        isinstance(issues, list)
        and bool(issues)
        and all(isinstance(issue, dict) and token(issue.get("severity")) in _MILD for issue in issues)
    )


def next_link(bundle: Mapping[str, Any]) -> str | None:
    """Return the address of the next page, "" if it has none that can be read; None if this is the last page."""
    links = bundle.get("link")
    for link in links if isinstance(links, list) else ():
        if isinstance(link, dict) and link.get("relation") == "next":
            url = link.get("url")
            return url if isinstance(url, str) else ""
    return None
