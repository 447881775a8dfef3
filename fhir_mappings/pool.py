"""All resources that came, whichever group they came in, each once, and found again by reference."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fhir_mappings.reading import Resource, objects, own_reference, target, text, token

# What other resources refer to.
_REFERRED = frozenset({"Encounter", "Medication", "Specimen"})


@dataclass(frozen=True, slots=True)
class Pool:
    """The resources at hand, by type, and an index of those that others refer to."""

    by_type: Mapping[str, tuple[Resource, ...]]
    strays: int
    """How many entries were no FHIR resources."""
    _index: Mapping[str, Resource]

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
            contained = objects(inside.get("contained"))
            return next((found for found in contained if token(found.get("id")) == literal[1:]), None)
        found = self._index.get(literal) or self._index.get(f"{kind}/{target(literal).id}")
        return found if found is not None and token(found.get("resourceType")) == kind else None


def _newer(known: Resource, entry: Resource) -> Resource:
    """Choose between two versions of a resource, whichever came first: the one that was updated last."""
    return known if known is entry else max(known, entry, key=_version)


def _version(resource: Resource) -> tuple[str, str]:
    meta = resource.get("meta")
    updated = text(meta.get("lastUpdated")) if isinstance(meta, dict) else ""
    try:
        return updated, json.dumps(resource, sort_keys=True, default=str)
    except (RecursionError, TypeError, ValueError):
        return updated, ""
