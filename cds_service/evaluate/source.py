"""The files of an export, wherever they are, and to whom each line belongs.

Places are paths or addresses that fsspec knows: ``/data/export``, ``s3://bucket/export``, ``memory://export``.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Any, NamedTuple, cast

import fsspec

from cds_service.evaluate.rows import Problem

_FORMS = (".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz")
_MOST_LISTED = 100

# What a reference to a patient looks like: Patient/1, urn:uuid:1, 1, or an address. Read by DuckDB and by Python.
PATIENT = r"^(?:(?:.*/)?Patient/|urn:uuid:|)([^/:#]+)(?:/_history/.*)?$"
DRUG = r"^(?:(?:.*/)?Medication/|urn:uuid:|)([^/:#]+)(?:/_history/.*)?$"
PATHS = (
    "$.resourceType",
    "$.id",
    "$.subject.reference",
    "$.patient.reference",
    "$.medicationReference.reference",
    "$.medication.reference.reference",  # R5
)


class NoSourceError(Exception):
    """There is nothing to read at a place."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file."""

    url: str
    size: int
    """In bytes, as it lies there."""


def sources(places: Iterable[str]) -> list[Source]:
    """Return the files to read: those named, and all NDJSON files in the folders named.

    Raises:
        NoSourceError: a place does not exist, cannot be reached, or holds no NDJSON.
    """
    found: dict[str, Source] = {}
    for place in places:
        try:
            files, paths = fsspec.core.url_to_fs(place)
            listed = files.find(paths, detail=True) if files.isdir(paths) else {paths: files.info(paths)}
        except (OSError, ValueError, ImportError) as error:
            raise NoSourceError(f"{place}: {str(error) or type(error).__name__}") from None
        wanted = {path: info for path, info in sorted(listed.items()) if path.lower().endswith(_FORMS)}
        if not wanted:
            raise NoSourceError(f"{place}: no file that ends in {', '.join(_FORMS)}")
        local = place == paths or files.protocol in {"file", ("file", "local")}
        for path, info in wanted.items():
            url = path if local else files.unstrip_protocol(path)
            found[url] = Source(url, int(info.get("size") or 0))
    return list(found.values())


def opened(source: Source, *, compression: str | None = None) -> IO[bytes]:
    """Open a file for reading.

    Raises:
        OSError: it cannot be opened.
    """
    return cast("IO[bytes]", fsspec.open(source.url, "rb", compression=compression).open())


def is_compressed(source: Source) -> bool:
    """Whether a file is compressed with gzip."""
    return source.url.lower().endswith(".gz")


def lines(source: Source) -> Iterator[bytes]:
    """Yield the lines of a file.

    Raises:
        OSError: it cannot be read to its end.
        EOFError: it is cut off.
    """
    with opened(source) as stream:
        yield from gzip.GzipFile(fileobj=stream) if is_compressed(source) else stream


def bad_lines(source: Source) -> Iterator[Problem]:
    """Yield the lines of a file that hold no resource; of very many the first ones, and how many there are."""
    count = 0
    for number, line in enumerate(lines(source), start=1):
        reason = "" if not line.strip() else _why_bad(line)
        if not reason:
            continue
        count += 1
        if count <= _MOST_LISTED:
            yield Problem(place=f"{source.url}:{number}", patient="", kind="bad line", message=reason)
    if count > _MOST_LISTED:
        words = f"{count} bad lines, the first {_MOST_LISTED} of which are listed"
        yield Problem(place=source.url, patient="", kind="bad lines", message=words)


def _why_bad(line: bytes) -> str:
    try:
        value = json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        # Not the words of the error: they may quote the line.
        where = f" at column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        return f"not JSON{where}"
    return "" if isinstance(value, dict) and isinstance(value.get("resourceType"), str) else "not a FHIR resource"


def _refuse(constant: str) -> None:
    raise ValueError(constant)


class Told(NamedTuple):
    """What a line says of itself: what it is, whose it is, and which drug it refers to."""

    patient: str | None
    kind: str | None
    """None: it holds no resource."""
    id: str | None
    drug: str | None


def told(line: bytes) -> Told:
    """Return what a line says of itself, as DuckDB finds it with ``PATHS``, ``PATIENT`` and ``DRUG``."""
    if _why_bad(line):
        return Told(None, None, None, None)
    value = json.loads(line)
    kind, own_id, subject, patient, drug, drug_r5 = (_at(value, path) for path in PATHS)
    found = own_id if kind == "Patient" else _name(PATIENT, subject or patient)
    return Told(found, kind, own_id, _name(DRUG, drug or drug_r5))


def _at(value: Any, path: str) -> str | None:
    for name in path.removeprefix("$.").split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None


def _name(pattern: str, literal: str | None) -> str | None:
    found = re.fullmatch(pattern, literal) if literal else None
    return found[1] if found else None


def unread(source: Source) -> Problem:
    """Return that a file could not be read; nothing of it is used, because nobody knows what is missing."""
    words = "it cannot be read to its end: no line of it is used"
    return Problem(place=source.url, patient="", kind="unreadable file", message=words)


def homeless(source: Source, kind: str, count: int) -> Problem:
    """Return that resources name no patient."""
    words = f"{count} {kind} resources name no patient"
    return Problem(place=source.url, patient="", kind="no patient named", message=words)
