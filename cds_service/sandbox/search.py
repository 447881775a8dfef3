"""Searches in the sandbox: the parameters that the service asks with, and the few more that testers expect."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cds_service.sandbox.store import Resource, Store

Values = Sequence[str]
Test = Callable[[Resource, str], bool]

DEFAULT_PAGE = 50
LARGEST_PAGE = 500

_PREFIX = re.compile(r"(eq|ne|ge|gt|le|lt|sa|eb)?(\d{4}.*)")
_SEPARATOR = re.compile(r"(?<!\\),")


class SearchError(ValueError):
    """A search that cannot be carried out."""


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to a search: one page of it."""

    matches: tuple[Resource, ...]
    included: tuple[Resource, ...]
    total: int
    offset: int
    count: int
    ignored: tuple[str, ...]
    """Parameters that are not known here."""


def search(store: Store, kind: str, parameters: Sequence[tuple[str, str]]) -> Result:
    """Return the resources of a type that meet all parameters.

    Raises:
        SearchError: a value cannot be read.
    """
    found: Sequence[Resource] = store.all(kind)
    known = PARAMETERS.get(kind, {})
    control: dict[str, str] = {}
    includes: list[str] = []
    ignored: list[str] = []
    for name, value in parameters:
        if name == "_include":
            includes += _either(value)
        elif name in {"_count", "_offset", "_sort", "_format", "_total", "_pretty", "_summary"}:
            control[name] = value
        elif name in known or name == "_id":
            test = known.get(name, _own_id)
            wanted = _either(value)
            found = [resource for resource in found if any(test(resource, one) for one in wanted)]
        else:
            ignored.append(name)
    found = _sorted(found, control.get("_sort", ""), kind)
    count = min(_number(control.get("_count", str(DEFAULT_PAGE))), LARGEST_PAGE)
    offset = _number(control.get("_offset", "0"))
    page = tuple(found[offset : offset + count])
    return Result(page, tuple(_included(store, page, includes)), len(found), offset, count, tuple(ignored))


def _either(value: str) -> list[str]:
    """Return the values of a list, of which one must hold."""
    return [re.sub(r"\\([\\,$|])", r"\1", part) for part in _SEPARATOR.split(value) if part]


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise SearchError("_count and _offset are whole numbers")
    return int(text)


# ── What a value means ────────────────────────────────────────────────────────────────────────────


def _own_id(resource: Resource, value: str) -> bool:
    return str(resource["id"]) == value


def _reference(*paths: str) -> Test:
    def test(resource: Resource, value: str) -> bool:
        wanted = value.rpartition("/")[2]
        return any(
            isinstance(found, dict) and str(found.get("reference", "")).rpartition("/")[2] == wanted
            for path in paths
            for found in _at(resource, path)
        )

    return test


def _token(*paths: str) -> Test:
    def test(resource: Resource, value: str) -> bool:
        system, bar, code = value.rpartition("|")
        return any(
            (not code or code == found_code) and (not bar or system == found_system)
            for path in paths
            for part in _at(resource, path)
            for found_system, found_code in _codings(part)
        )

    return test


def _codings(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, str | bool):
        yield "", str(value).lower() if isinstance(value, bool) else value
    elif isinstance(value, dict):
        for coding in value.get("coding", [value]):
            yield coding.get("system", ""), coding.get("code", coding.get("value", ""))


def _date(*paths: str) -> Test:
    def test(resource: Resource, value: str) -> bool:
        shape = _PREFIX.fullmatch(value)
        if shape is None:
            raise SearchError("a date is written as 2026-01-15, with an optional prefix such as ge")
        wanted = _interval(shape[2])
        found = [interval for path in paths for part in _at(resource, path) if (interval := _period(part))]
        return any(_COMPARED[shape[1] or "eq"](interval, wanted) for interval in found)

    return test


_Interval = tuple[datetime, datetime]

# FHIR compares intervals: what was found with what is asked for.
_COMPARED: Mapping[str, Callable[[_Interval, _Interval], bool]] = {
    "eq": lambda found, wanted: wanted[0] <= found[0] and found[1] <= wanted[1],
    "ne": lambda found, wanted: not (wanted[0] <= found[0] and found[1] <= wanted[1]),
    "ge": lambda found, wanted: found[1] >= wanted[0],
    "gt": lambda found, wanted: found[1] > wanted[1],
    "le": lambda found, wanted: found[0] <= wanted[1],
    "lt": lambda found, wanted: found[0] < wanted[0],
    "sa": lambda found, wanted: found[0] > wanted[1],
    "eb": lambda found, wanted: found[1] < wanted[0],
}
_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)


def _period(value: Any) -> _Interval | None:
    if isinstance(value, str):
        return _interval(value)
    if isinstance(value, dict) and ("start" in value or "end" in value):
        start = _interval(value["start"])[0] if "start" in value else _FIRST
        return start, _interval(value["end"])[1] if "end" in value else _LAST
    return None


def _interval(text: str) -> _Interval:
    """Return first and last instant of a FHIR date or time; one without a zone is UTC."""
    try:
        if "T" not in text:
            year, month, day = ([int(part) for part in text.split("-")] + [0, 0])[:3]
            last_month = month or 12
            last_day = day or calendar.monthrange(year, last_month)[1]
            start = datetime(year, month or 1, day or 1, tzinfo=UTC)
            return start, datetime(year, last_month, last_day, tzinfo=UTC) + timedelta(days=1, microseconds=-1)
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise SearchError("a date is written as 2026, 2026-01, 2026-01-15 or 2026-01-15T09:00:00Z") from None
    instant = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    return instant, instant


def _at(value: Any, path: str) -> Iterator[Any]:
    """Yield what stands at a path of element names, through lists."""
    name, _, rest = path.partition(".")
    inner = value.get(name) if isinstance(value, dict) else None
    for one in inner if isinstance(inner, list) else [] if inner is None else [inner]:
        if rest:
            yield from _at(one, rest)
        else:
            yield one


_WHEN = ("effectiveDateTime", "effectiveInstant", "effectivePeriod")
_PERFORMED = ("performedDateTime", "performedPeriod")
_OF_PATIENT: Mapping[str, Test] = {"patient": _reference("subject"), "subject": _reference("subject")}
_OF_DRUG: Mapping[str, Test] = {**_OF_PATIENT, "code": _token("medicationCodeableConcept"), "status": _token("status")}

PARAMETERS: Mapping[str, Mapping[str, Test]] = {
    "Patient": {"identifier": _token("identifier"), "birthdate": _date("birthDate"), "gender": _token("gender")},
    "Observation": {
        **_OF_PATIENT,
        "code": _token("code"),
        "status": _token("status"),
        "category": _token("category"),
        "date": _date(*_WHEN),
        "encounter": _reference("encounter"),
    },
    "MedicationRequest": {**_OF_DRUG, "intent": _token("intent"), "authoredon": _date("authoredOn")},
    "MedicationStatement": {**_OF_DRUG, "effective": _date(*_WHEN)},
    "MedicationAdministration": {**_OF_DRUG, "effective-time": _date(*_WHEN)},
    "Medication": {"code": _token("code")},
    "Condition": {
        **_OF_PATIENT,
        "code": _token("code"),
        "category": _token("category"),
        "clinical-status": _token("clinicalStatus"),
        "recorded-date": _date("recordedDate"),
    },
    "Encounter": {**_OF_PATIENT, "status": _token("status"), "class": _token("class"), "date": _date("period")},
    "Procedure": {
        **_OF_PATIENT,
        "code": _token("code"),
        "status": _token("status"),
        "date": _date(*_PERFORMED),
    },
    "ServiceRequest": {
        **_OF_PATIENT,
        "code": _token("code"),
        "status": _token("status"),
        "category": _token("category"),
        "authored": _date("authoredOn"),
    },
}
"""Search parameters by resource type."""

_SORTED_BY: Mapping[str, tuple[str, ...]] = {
    "date": (*_WHEN, "period", *_PERFORMED),
    "effective-time": _WHEN,
    "effective": _WHEN,
    "authoredon": ("authoredOn",),
    "authored": ("authoredOn",),
    "recorded-date": ("recordedDate",),
    "birthdate": ("birthDate",),
}


def _sorted(found: Sequence[Resource], order: str, kind: str) -> Sequence[Resource]:
    """Return the matches in the order asked for; resources without a date come last in either direction."""
    for key in reversed([key for key in order.split(",") if key]):
        name = key.removeprefix("-")
        if name == "_id":
            found = sorted(found, key=lambda resource: str(resource["id"]), reverse=key.startswith("-"))
            continue
        if name not in _SORTED_BY or name not in PARAMETERS.get(kind, {}):
            raise SearchError(f"{kind} cannot be sorted by {name[:40]}")
        dated = [(interval, resource) for resource in found if (interval := _first_date(resource, _SORTED_BY[name]))]
        undated = [resource for resource in found if not _first_date(resource, _SORTED_BY[name])]
        dated.sort(key=lambda pair: pair[0][0], reverse=key.startswith("-"))
        found = [*(resource for _, resource in dated), *undated]
    return found


def _first_date(resource: Resource, paths: Sequence[str]) -> _Interval | None:
    return next((interval for path in paths for part in _at(resource, path) if (interval := _period(part))), None)


_INCLUDED: Mapping[str, tuple[str, str]] = {
    "MedicationRequest:medication": ("medicationReference", "Medication"),
    "MedicationStatement:medication": ("medicationReference", "Medication"),
    "MedicationAdministration:medication": ("medicationReference", "Medication"),
    "MedicationRequest:encounter": ("encounter", "Encounter"),
    "Observation:encounter": ("encounter", "Encounter"),
}


def _included(store: Store, page: Sequence[Resource], includes: Sequence[str]) -> Iterator[Resource]:
    seen: set[tuple[str, str]] = set()
    for include in includes:
        if include not in _INCLUDED:
            raise SearchError(f"this cannot be included: {include[:80]}")
        path, kind = _INCLUDED[include]
        for resource in page:
            for pointer in _at(resource, path):
                found = store.read(kind, str(pointer.get("reference", "")).rpartition("/")[2])
                if found is not None and (kind, found["id"]) not in seen:
                    seen.add((kind, found["id"]))
                    yield found
