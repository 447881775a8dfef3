"""The resources of the sandbox: by type and id, loaded from Bundles and NDJSON when it starts."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from cds_service import examples

Resource = dict[str, Any]

_LINES = (".ndjson", ".jsonl")


class SandboxError(ValueError):
    """Data that the sandbox cannot serve; the message names file and line."""


class Store:
    """Resources by type and id. A later one replaces an earlier one of the same id."""

    def __init__(self, resources: Iterable[Resource] = ()) -> None:
        self._by_type: dict[str, dict[str, Resource]] = {}
        for resource in resources:
            self._by_type.setdefault(resource["resourceType"], {})[resource["id"]] = resource

    @classmethod
    def bundled(cls, moment: datetime, data: Path | None = None) -> Store:
        """Return a store with the example patients as of ``moment``, and with what ``data`` holds.

        Raises:
            SandboxError: ``data`` holds something else than FHIR resources with ids.
        """
        return cls([*_examples(moment), *(_files(data) if data is not None else ())])

    @property
    def types(self) -> tuple[str, ...]:
        """The resource types of which there are any."""
        return tuple(sorted(self._by_type))

    def read(self, kind: str, own_id: str) -> Resource | None:
        """Return one resource."""
        return self._by_type.get(kind, {}).get(own_id)

    def all(self, kind: str) -> tuple[Resource, ...]:
        """Return all resources of a type, in the order in which they were loaded."""
        return tuple(self._by_type.get(kind, {}).values())


def _examples(moment: datetime) -> Iterator[Resource]:
    for name in examples.NAMES:
        for value in examples.as_of(name, moment)["prefetch"].values():
            yield from resources_in(value, f"the example {name}")


def _files(path: Path) -> Iterator[Resource]:
    found = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    for file in found:
        name = file.name.lower().removesuffix(".gz")
        if not name.endswith((".json", *_LINES)):
            continue
        raw = file.read_bytes()
        text = gzip.decompress(raw) if file.name.lower().endswith(".gz") else raw
        pieces = text.splitlines() if name.endswith(_LINES) else [text]
        for number, piece in enumerate(pieces, start=1):
            if piece.strip():
                yield from _parsed(piece, f"{file}:{number}")


def _parsed(piece: bytes, place: str) -> Iterator[Resource]:
    try:
        value = json.loads(piece)
    except ValueError:
        raise SandboxError(f"{place}: this is not JSON") from None
    yield from resources_in(value, place)


def resources_in(value: Any, place: str) -> Iterator[Resource]:
    """Yield the resource that ``value`` is, or those in the Bundle that it is; null holds none.

    Raises:
        SandboxError: it is neither, or a resource has no id.
    """
    if value is None:
        return
    if isinstance(value, Mapping) and value.get("resourceType") == "Bundle":
        for entry in value.get("entry", ()):
            yield from resources_in(entry.get("resource") if isinstance(entry, Mapping) else entry, place)
        return
    if not isinstance(value, dict) or not isinstance(value.get("resourceType"), str):
        raise SandboxError(f"{place}: this is not a FHIR resource")
    if not isinstance(value.get("id"), str):
        raise SandboxError(f"{place}: a {value['resourceType']} has no id")
    yield value
