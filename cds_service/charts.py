"""Patient charts in files, and the CDS Hooks requests that an EHR would make of them.

A chart is a Bundle about one patient. What it holds of patient, results and medications is the whole truth (an
empty list is *known empty*); problems, statements, administrations and encounters of which it holds none are
left out, so they count as *not looked at*: an export without Conditions does not say that there are none.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, tzinfo
from pathlib import Path
from typing import IO, Any

from cds_service.envelope import ORDER_HOOKS, ORDER_SELECT
from cds_service.strict_json import StrictJsonError, decode
from magnesium.facts import Need

_LINES = (".ndjson", ".jsonl")
_WHOLE = (".json",)
_MAX_DEPTH = 64

_NEEDS: Mapping[Need, tuple[str, ...]] = {
    Need.LABS: ("Observation",),
    Need.MEDICATIONS: ("MedicationRequest", "Medication"),
    Need.STATEMENTS: ("MedicationStatement",),
    Need.ADMINISTRATIONS: ("MedicationAdministration",),
    Need.CONDITIONS: ("Condition",),
    Need.ENCOUNTERS: ("Encounter",),
    # Pulses come along with the other observations.
    Need.VITALS: (),
    Need.TESTS: ("ServiceRequest",),
    Need.PROCEDURES: ("Procedure",),
}
# A chart without these says that there are none.
_ALWAYS_SENT = frozenset({Need.LABS, Need.MEDICATIONS, Need.VITALS})

# When something was measured, given or written down. Ends of orders are left out: they may lie in the future.
_MOMENTS = (
    ("effectiveDateTime",),
    ("effectiveInstant",),
    ("effectivePeriod", "end"),
    ("effectivePeriod", "start"),
    ("issued",),
    ("authoredOn",),
    ("dateAsserted",),
    ("recordedDate",),
)
_ORDER_MOMENTS = (
    ("authoredOn",),
    ("dispenseRequest", "validityPeriod", "start"),
)


# ── What is read ──────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Piece:
    """One line of an NDJSON file, or all of a JSON file."""

    place: str
    """File and line, to find it again."""
    data: bytes
    named: bool
    """The file was named on the command line, not just found in a folder."""


class ReplayError(Exception):
    """Something that cannot be replayed: ``kind`` is counted, the message is listed."""

    def __init__(self, kind: str, message: str = "") -> None:
        super().__init__(message or kind)
        self.kind = kind


class NothingToReplayError(ReplayError):
    """Input that is in order and holds nothing to replay."""


def files(paths: Iterable[Path]) -> Iterator[tuple[Path, bool]]:
    """Yield the files to read, and whether each was named itself or found in a folder."""
    for path in paths:
        if path.is_dir():
            yield from ((file, False) for file in sorted(path.rglob("*")) if file.is_file() and _form(file))
        else:
            yield path, True


def pieces(path: Path, *, named: bool) -> Iterator[Piece | ReplayError]:
    """Yield the charts of a file undecoded; a file that cannot be read yields the error instead."""
    form = _form(path)
    if not form:
        expected = ", ".join((*_WHOLE, *_LINES))
        yield ReplayError("unknown file type", f"{path}: expected {expected}, optionally .gz")
        return
    try:
        with _open(path) as stream:
            if form == "whole":
                yield Piece(f"{path}:1", stream.read(), named)
                return
            yield from _lines(path, stream, named=named)
    except (OSError, EOFError) as error:
        yield ReplayError("unreadable file", f"{path}: {error}")


def _lines(path: Path, stream: Iterable[bytes], *, named: bool) -> Iterator[Piece | ReplayError]:
    first = True
    for number, line in enumerate(stream, start=1):
        if not line.strip():
            continue
        if first and not named and (other := _other_resource(line)):
            yield NothingToReplayError("not charts", f"{path}: {other} resources, not Bundles")
            return
        first = False
        yield Piece(f"{path}:{number}", line, named)


def _other_resource(line: bytes) -> str:
    """Return the resource type of a line that is a resource, but not a Bundle."""
    try:
        value = json.loads(line)
    except ValueError:
        return ""
    name = value.get("resourceType") if isinstance(value, dict) else None
    return name if isinstance(name, str) and name != "Bundle" else ""


def _form(path: Path) -> str:
    name = path.name.lower().removesuffix(".gz")
    if name.endswith(_LINES):
        return "lines"
    return "whole" if name.endswith(_WHOLE) else ""


def _open(path: Path) -> IO[bytes] | gzip.GzipFile:
    if path.name.lower().endswith(".gz"):
        return gzip.open(path, "rb")
    return path.open("rb")


# ── From chart to request ─────────────────────────────────────────────────────────────────────────


def charts(piece: Piece) -> list[Mapping[str, Any]]:
    """Return the Bundles of a piece.

    Raises:
        ReplayError: it is not JSON, or holds something else.
    """
    try:
        value = decode(piece.data, max_depth=_MAX_DEPTH)
    except StrictJsonError as error:
        raise ReplayError("not JSON", str(error)) from None
    found = value if isinstance(value, list) else [value]
    if found and all(isinstance(item, dict) and item.get("resourceType") == "Bundle" for item in found):
        return found
    refusal = ReplayError if piece.named else NothingToReplayError
    raise refusal("not a Bundle", "expected a Bundle or an array of Bundles")


def own_time(bundle: Mapping[str, Any], zone: tzinfo) -> datetime:
    """Return the moment for which a chart stands: its ``timestamp``, else the newest clinical time in it.

    Raises:
        ReplayError: no time can be read in it.
    """
    stamp = _instant(bundle.get("timestamp"), zone)
    if stamp is not None:
        return stamp
    found = [
        moment
        for resource in _resources(bundle)
        for path in _MOMENTS
        if (moment := _instant(_at(resource, path), zone)) is not None
    ]
    if not found:
        raise ReplayError("no time", "the Bundle has no timestamp and no clinical time; give --as-of")
    return max(found)


def hook_request(bundle: Mapping[str, Any], hook: str, instance: str) -> dict[str, Any]:
    """Return the request that an EHR would send for this chart.

    Order hooks need a draft: the newest active order is taken out of the chart and drafted again.

    Raises:
        ReplayError: the Bundle is not about one patient.
        NothingToReplayError: an order hook, and no active order.
    """
    entries = [entry for entry in bundle.get("entry") or () if isinstance(entry, dict)]
    by_type: dict[str, list[dict[str, Any]]] = {}
    for entry in entries:
        by_type.setdefault(_resource_type(entry), []).append(entry)
    patients = by_type.get("Patient", [])
    if len(patients) != 1:
        raise ReplayError("not one Patient", f"the Bundle has {len(patients)} Patient resources")
    patient = patients[0]["resource"]
    context: dict[str, Any] = {"userId": "Practitioner/replay", "patientId": patient.get("id")}
    if hook in ORDER_HOOKS:
        draft = _newest_active_order(by_type.get("MedicationRequest", []))
        by_type["MedicationRequest"].remove(draft)
        context["draftOrders"] = _drafted(draft, by_type.get("Medication", []))
        if hook == ORDER_SELECT:
            context["selections"] = [f"MedicationRequest/{draft['resource'].get('id')}"]
    prefetch: dict[str, Any] = {Need.PATIENT.value: patient}
    for need, resource_types in _NEEDS.items():
        # What comes along (Medications) says nothing without what it belongs to.
        found = [entry for name in resource_types for entry in by_type.get(name, ()) if by_type.get(resource_types[0])]
        if found or need in _ALWAYS_SENT:
            prefetch[need.value] = {"resourceType": "Bundle", "type": "searchset", "entry": found}
    return {"hook": hook, "hookInstance": instance, "context": context, "prefetch": prefetch}


def _newest_active_order(entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    active = [entry for entry in entries if entry["resource"].get("status") == "active"]
    if not active:
        raise NothingToReplayError("no active order", "an order hook needs an active order to draft again")

    def written(entry: Mapping[str, Any]) -> str:
        moments = (_at(entry["resource"], path) for path in _ORDER_MOMENTS)
        return next((moment for moment in moments if isinstance(moment, str)), "")

    return max(active, key=written)


def _drafted(order: Mapping[str, Any], medications: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a Bundle with the order as a draft and the Medication it refers to."""
    reference = _at(order["resource"], ("medicationReference", "reference"))
    drug = [
        entry
        for entry in medications
        if isinstance(reference, str)
        and reference in {f"Medication/{entry['resource'].get('id')}", entry.get("fullUrl")}
    ]
    draft = {**order, "resource": {**order["resource"], "status": "draft"}}
    return {"resourceType": "Bundle", "type": "collection", "entry": [draft, *drug]}


def _resources(bundle: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for entry in bundle.get("entry") or ():
        if _resource_type(entry):
            yield entry["resource"]


def _resource_type(entry: Any) -> str:
    resource = entry.get("resource") if isinstance(entry, dict) else None
    name = resource.get("resourceType") if isinstance(resource, dict) else None
    return name if isinstance(name, str) else ""


def _at(value: Any, path: Sequence[str]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _instant(value: Any, zone: tzinfo) -> datetime | None:
    """Return a FHIR time as a moment: a day as its end, a time without a zone in ``zone``."""
    if not isinstance(value, str) or len(value) < len("YYYY-MM-DD"):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    if "T" not in value:
        moment = datetime.combine(moment, time.max)
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)
