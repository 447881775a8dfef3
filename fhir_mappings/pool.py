"""All resources that came, whichever group they came in, each once, and found again by reference."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any, TypeVar, cast

from fhir_mappings.reading import Resource, first, objects, own_reference, target, text, token
from fhir_mappings.times import read_when

# What other resources refer to.
_REFERRED = frozenset({"Encounter", "Medication", "Specimen"})

_NEVER = datetime.min.replace(tzinfo=UTC)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Pool:
    """The resources at hand, by type, and an index of those that others refer to."""

    by_type: Mapping[str, tuple[Resource, ...]]
    strays: int
    """How many entries were no FHIR resources."""
    _index: Mapping[str, Resource]
    _read: dict[tuple[str, int], tuple[Resource, Any]] = field(default_factory=dict, compare=False, repr=False)
    """What ``once`` has worked out, by the name of it and the resource; the resource is kept: its number is its own."""

    @classmethod
    def of(cls, entries: Iterable[Any], lookups: Iterable[Any] = ()) -> Pool:
        """Pool these entries; what is in ``lookups`` is only found by reference."""
        kept: dict[tuple[str, str], Resource] = {}
        anonymous: list[tuple[str, Resource]] = []
        strays = 0
        for entry in entries:
            kind = token(entry.get("resourceType")) if isinstance(entry, dict) else ""
            if not kind:
                strays += 1
            elif not (own_id := token(entry.get("id"))):
                anonymous.append((kind, entry))
            else:
                known = kept.get((kind, own_id))
                kept[kind, own_id] = entry if known is None else _newer(known, entry)
        by_type: dict[str, list[Resource]] = {}
        for kind, entry in (*((kind, entry) for (kind, _), entry in kept.items()), *anonymous):
            by_type.setdefault(kind, []).append(entry)
        index: dict[str, Resource] = {}
        for resource in (*objects(list(lookups)), *(found for kind in _REFERRED for found in by_type.get(kind, ()))):
            index[own_reference(resource)] = resource
            if full_url := text(resource.get("_fullUrl")):
                index[full_url] = resource
        return cls({kind: tuple(found) for kind, found in by_type.items()}, strays, index)

    def resolve(self, literal: str, kind: str, inside: Resource) -> Resource | None:
        """Return the resource of this type that a literal reference in ``inside`` points at."""
        if literal.startswith("#"):
            return self.once("contained", inside, _contained).get(literal[1:])
        found = self._index.get(literal) or self._index.get(f"{kind}/{target(literal).id}")
        return found if found is not None and token(found.get("resourceType")) == kind else None

    def once(self, name: str, resource: Resource, read: Callable[[Resource], _T]) -> _T:
        """Return ``read(resource)``, worked out the first time only: thousands may refer to the same large resource."""
        known = self._read.get((name, id(resource)))
        if known is None:
            known = self._read[name, id(resource)] = (resource, read(resource))
        return cast("_T", known[1])


def _contained(resource: Resource) -> dict[str, Resource]:
    """Return what a resource holds inside itself, by id; of two with one id the first."""
    found: dict[str, Resource] = {}
    for inner in objects(resource.get("contained")):
        found.setdefault(token(inner.get("id")), inner)
    return found


def _newer(known: Resource, entry: Resource) -> Resource:
    """Choose between two versions of a resource, whichever came first: the one that was updated last."""
    return known if known is entry else max(known, entry, key=version)


def version(resource: Resource, zone: tzinfo = UTC) -> tuple[datetime, str]:
    """Return when the server wrote this version, by the clock, not by its spelling; and the version in words.

    Args:
        resource: one of several versions.
        zone: of a time that does not say its own, as FHIR wants it to.
    """
    updated = read_when(first(resource.get("meta")).get("lastUpdated"), zone)
    written = updated.latest if updated else _NEVER
    try:
        return written, json.dumps(resource, sort_keys=True, default=str)
    except (RecursionError, TypeError, ValueError):
        return written, ""
