"""The chart as it stood at a moment: what could be seen then, and how it looked.

An export shows every resource in its last state. Two questions are asked of each.

When could it first be seen?

| resource | seen from | because |
|---|---|---|
| Observation | ``issued``, else the end of ``effective`` | a result is on the screen when the laboratory releases it |
| MedicationRequest | ``authoredOn``, else the start of its validity or dosage | it is in the chart when it is written |
| MedicationStatement | ``dateAsserted``, else the start of ``effective`` | somebody has to have said it |
| MedicationAdministration | the start of ``effective`` | it is charted when it is given |
| Condition | ``recordedDate``, else the onset, else the end of its encounter | without a date: coded at discharge |
| Procedure | when it was, or its start | |
| Encounter | the start of its period | |
| ServiceRequest | ``authoredOn``, else when it is due | |
| Patient, Medication, Specimen | always | they say who and what, not when; a specimen is reached through its result |

A later version of any of them is seen from when the server wrote it.

Where nothing of this is there, ``meta.lastUpdated`` is the last resort: in exports it is mostly the time of loading.
A resource without any time is never seen, and counted. A time that is only a day is taken as the end of that day:
what may not have been there yet is not shown.

How did it look?

- An end that lies after the moment was not known then: it is taken out, and what ended by it was still running.
- An order without an end of its own ran as long as its supply, else as long as the encounter that it belongs to.
- An order or a problem that is over, with nothing at all to say since when, stays over: it is rather shown too little.
- So does an order that was cancelled (withdrawn before any dose), put on hold or entered in error: the end it names is
  the one that was planned. That it was signed is not forgotten, unless it was entered in error.
- Of several versions of one resource the one that was current by ``meta.lastUpdated`` is taken.
- A laboratory order was open until the first result that is based on it was seen.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from functools import partial
from itertools import chain
from typing import Any

from fhir_mappings.pool import version
from fhir_mappings.reading import Resource, codes, first, number, objects, own_reference, reference, target, token
from fhir_mappings.times import later, read_first, read_period, read_when
from magnesium.moment import When

TIMELESS = frozenset({"Patient", "Medication", "Specimen"})
READ = TIMELESS | {
    "Observation",
    "MedicationRequest",
    "MedicationStatement",
    "MedicationAdministration",
    "Condition",
    "Encounter",
    "ServiceRequest",
    "Procedure",
}
"""The types that the service asks for; nothing else of an export is looked at."""

NOT_HELD = frozenset({"planned", "cancelled", "entered-in-error"})
"""States of an encounter that did not take place."""

_OVER = frozenset({"completed", "stopped"})
_CONDITION_OVER = frozenset({"inactive", "remission", "resolved"})
# R4 and R5; R5 spells that of administrations so.
_PERIODS = ("effectivePeriod", "occurencePeriod", "performedPeriod", "occurrencePeriod")
_ACTIVE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]}
_DAYS = {"d": 1, "day": 1, "days": 1, "wk": 7, "mo": 30, "a": 365}
_LONGEST_SUPPLY = 36_500
_ALWAYS = datetime(2, 1, 1, tzinfo=UTC)
_FAR = datetime(9998, 1, 1, tzinfo=UTC)
"""Never, as far as the export says."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One version of a resource, the time from which it could be seen, and until when it could."""

    resource: Resource
    since: datetime
    until: datetime | None = None
    """When the next version took its place."""
    ends: tuple[datetime, ...] = ()
    """At each of these it came to look as it does next, at the last as it does in the export."""


@dataclass(frozen=True, slots=True)
class History:
    """Everything that an export holds of one patient, in the order in which it came to be seen."""

    entries: tuple[Entry, ...]
    """Sorted by ``since``."""
    standing: tuple[Entry, ...]
    """What was always there."""
    undated: Mapping[str, int]
    """How many resources of each type have no time at all."""
    endless: int
    """Orders that are over, with nothing to say since when."""
    zone: tzinfo
    _since: tuple[datetime, ...]
    _lifetimes: _Lifetimes
    _looked: dict[tuple[int, int], Resource] = field(default_factory=dict)
    """How resources looked, by how many of their ends had passed."""

    @classmethod
    def of(cls, resources: Iterable[Resource], zone: tzinfo) -> History:
        """Put the resources of one patient in order; times without a zone are taken to be of ``zone``."""
        versions = _versions(resources, zone)
        newest = [found[-1] for found in versions]
        lifetimes = _Lifetimes.of(chain.from_iterable(versions), zone)
        undated: Counter[str] = Counter()
        entries: list[Entry] = []
        standing: list[Entry] = []
        for found in versions:
            dated = list(_entries(found, lifetimes))
            kind = token(found[0].get("resourceType"))
            if kind in TIMELESS:
                standing += [replace(entry, resource=_alive(entry.resource)) for entry in dated]
            elif dated:
                entries += dated
            else:
                undated[kind] += 1
        entries.sort(key=lambda entry: (entry.since, own_reference(entry.resource)))
        endless = sum(_endless(resource, lifetimes) for resource in newest)
        since = tuple(entry.since for entry in entries)
        return cls(tuple(entries), tuple(standing), undated, endless, zone, since, lifetimes)

    def keeping(self, wanted: Callable[[Resource], bool]) -> History:
        """Return the history of the resources that are wanted."""
        entries = tuple(entry for entry in self.entries if wanted(entry.resource))
        return replace(self, entries=entries, _since=tuple(entry.since for entry in entries))

    def seen(self, moment: datetime, *, also: Entry | None = None, without: Entry | None = None) -> list[Resource]:
        """Return the resources that could be seen at a moment, as they looked then.

        Args:
            moment: the moment.
            also: seen although its time is only known to the day: the encounter that begins.
            without: not seen, because it is just being written: the order that is signed.
        """
        standing = (entry for entry in self.standing if entry.since <= moment)
        visible = [*standing, *self.entries[: bisect_right(self._since, moment)]]
        if also is not None and also.since > moment:
            visible.append(also)
        hidden = own_reference(without.resource) if without is not None else None
        return [
            self.then(entry, moment)
            for entry in visible
            if (entry.until is None or entry.until > moment)
            and (hidden is None or own_reference(entry.resource) != hidden)
        ]

    def then(self, entry: Entry, moment: datetime) -> Resource:
        """Return a resource as it looked at a moment."""
        passed = bisect_right(entry.ends, moment)
        if passed == len(entry.ends):
            return entry.resource
        key = id(entry.resource), passed
        if key not in self._looked:
            self._looked[key] = self._lifetimes.then(entry.resource, moment)
        return self._looked[key]

    def of_type(self, kind: str, wanted: Callable[[Resource], bool] = lambda _: True) -> Iterator[Entry]:
        """Yield the first version of each resource of a type; of those that are wanted."""
        done: set[str] = set()
        for entry in self.entries:
            if token(entry.resource.get("resourceType")) != kind or own_reference(entry.resource) in done:
                continue
            if wanted(entry.resource):
                done.add(own_reference(entry.resource))
                yield entry

    @property
    def rewritten(self) -> frozenset[str]:
        """References of the resources of which there are several versions."""
        entries = (*self.standing, *self.entries)
        return frozenset(own_reference(entry.resource) for entry in entries if entry.until is not None)

    def written(self, order: Resource) -> When | None:
        """Return when an order was written; a day begins no earlier than the encounter that it belongs to."""
        when = self._lifetimes.known(order)
        encounter = self._lifetimes.encounter(order)
        begin = read_period(_period(encounter), self.zone)[0] if encounter else None
        if when is None or when.exact or begin is None or not when.earliest < begin.earliest <= when.latest:
            return when
        return When(begin.earliest, when.latest)

    @property
    def stays(self) -> list[Entry]:
        """Encounters in their last version."""
        last = (entry for entry in self.entries if entry.until is None)
        return [entry for entry in last if token(entry.resource.get("resourceType")) == "Encounter"]

    @property
    def last(self) -> datetime | None:
        """When something was seen or ended for the last time: so far the patient was followed."""
        ends = (end for entry in self.stays for end in entry.ends)
        return max([*self._since, *ends], default=None)


# ── Versions ──────────────────────────────────────────────────────────────────────────────────────


def _versions(resources: Iterable[Resource], zone: tzinfo) -> list[list[Resource]]:
    """Return the versions of each resource, oldest first; resources without an id stand alone."""
    by_id: dict[tuple[str, str], list[Resource]] = {}
    alone: list[list[Resource]] = []
    for resource in resources:
        own_id = token(resource.get("id"))
        if own_id:
            by_id.setdefault((token(resource.get("resourceType")), own_id), []).append(resource)
        else:
            alone.append([resource])
    by_age = partial(version, zone=zone)
    found = (sorted(versions, key=by_age) if len(versions) > 1 else versions for versions in by_id.values())
    return [*found, *alone]


def _entries(versions: Sequence[Resource], lifetimes: _Lifetimes) -> Iterator[Entry]:
    """Yield the versions that can be placed in time, each until the next was written."""
    dated: list[tuple[Resource, datetime]] = []
    for place, resource in enumerate(versions):
        when = lifetimes.known(resource)
        if when is None:
            continue
        since = when.latest
        updated = lifetimes.updated(resource)
        # The first version may have been loaded long after it was written; a later one is news from its writing on.
        if place and updated is not None:
            since = max(since, updated.latest)
        if dated and since < dated[-1][1]:
            since = dated[-1][1]
        dated.append((resource, since))
    for place, (resource, since) in enumerate(dated, start=1):
        until = dated[place][1] if place < len(dated) else None
        yield Entry(resource, since, until, lifetimes.ends(resource))


# ── Times of one resource ─────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Lifetimes:
    """When resources came to be seen and when they ended, for which some must be read together."""

    zone: tzinfo
    encounters: Mapping[str, Resource]
    resulted: Mapping[str, datetime]
    """When the first result of a laboratory order was seen, by the order's id."""

    @classmethod
    def of(cls, resources: Iterable[Resource], zone: tzinfo) -> _Lifetimes:
        """Read them from all versions, the oldest first: a stay as it is known last, a result as it first came."""
        encounters: dict[str, Resource] = {}
        results: list[Resource] = []
        for resource in resources:
            kind = token(resource.get("resourceType"))
            if kind == "Encounter":
                encounters[token(resource.get("id"))] = resource
            elif kind == "Observation" and resource.get("basedOn") is not None:
                results.append(resource)
        resulted: dict[str, datetime] = {}
        lifetimes = cls(zone, encounters, resulted)
        for result in results:
            when = lifetimes.known(result)
            for order in objects(result.get("basedOn")):
                name = target(reference(order)).id
                if when is not None:
                    resulted[name] = min(when.latest, resulted.get(name, when.latest))
        return lifetimes

    # ----- seen from -----

    def known(self, resource: Resource) -> When | None:
        """Return when a resource came to be seen; None if nothing says so."""
        kind = token(resource.get("resourceType"))
        if kind in TIMELESS:
            return When.at(_ALWAYS)
        if kind == "Observation":
            return self._resulted(resource) or self.updated(resource)
        return self._begun(kind, resource) or self.updated(resource)

    def updated(self, resource: Resource) -> When | None:
        """Return when the server wrote this version."""
        return read_when(first(resource.get("meta")).get("lastUpdated"), self.zone)

    def encounter(self, resource: Resource) -> Resource | None:
        """Return the encounter that a resource belongs to."""
        literal = reference(resource.get("encounter")) or reference(resource.get("context"))
        return self.encounters.get(target(literal).id) if literal else None

    def _resulted(self, resource: Resource) -> When | None:
        issued = read_first(resource, ("issued",), self.zone)
        period = read_period(resource.get("effectivePeriod"), self.zone)
        sampled = read_first(resource, ("effectiveDateTime", "effectiveInstant"), self.zone) or period[1] or period[0]
        if issued is None or sampled is None:
            return issued or sampled
        # Released before it was drawn: the clocks disagree, and the later of them is believed.
        return When.at(max(issued.latest, sampled.earliest))

    def _begun(self, kind: str, resource: Resource) -> When | None:
        zone = self.zone
        match kind:
            case "MedicationRequest":
                validity = read_period(first(resource.get("dispenseRequest")).get("validityPeriod"), zone)[0]
                bounds = (read_period(period, zone)[0] for period in _bounds(resource))
                return read_first(resource, ("authoredOn", "dateWritten"), zone) or validity or _first(bounds)
            case "MedicationStatement":
                return read_first(resource, ("dateAsserted", "effectiveDateTime"), zone) or _start(resource, zone)
            case "MedicationAdministration":
                return read_first(resource, ("effectiveDateTime", "occurenceDateTime"), zone) or _start(resource, zone)
            case "Condition":
                recorded = read_first(resource, ("recordedDate", "assertedDate", "dateRecorded", "onsetDateTime"), zone)
                return recorded or read_period(resource.get("onsetPeriod"), zone)[0] or self._discharge(resource)
            case "Procedure":
                return read_first(resource, ("performedDateTime", "occurrenceDateTime"), zone) or _start(resource, zone)
            case "Encounter":
                return read_period(_period(resource), zone)[0]
            case "ServiceRequest":
                due = read_period(resource.get("occurrencePeriod"), zone)[0]
                return read_first(resource, ("authoredOn", "occurrenceDateTime"), zone) or due
            case _:
                return None

    def _discharge(self, resource: Resource) -> When | None:
        encounter = self.encounter(resource)
        return read_period(_period(encounter), self.zone)[1] if encounter else None

    # ----- looked different until -----

    def ends(self, resource: Resource) -> tuple[datetime, ...]:
        """Return the moments at which a resource came to look different, the earliest first."""
        return tuple(sorted({when.latest for when in self._ends(resource)}))

    def _ends(self, resource: Resource) -> Iterator[When]:
        kind = token(resource.get("resourceType"))
        zone = self.zone
        found: list[When | None] = []
        match kind:
            case "MedicationRequest":
                found += [end for _, end in self._own_ends(resource)]
                found.append(self._other_end(resource))
            case "MedicationStatement" | "MedicationAdministration" | "Procedure":
                found.append(read_period(_effective(resource), zone)[1])
            case "Condition":
                found.append(self._abated(resource))
            case "Encounter":
                found.append(read_period(_period(resource), zone)[1])
            case "ServiceRequest":
                found.append(When.at(self.resulted.get(token(resource.get("id")), _FAR)))
            case _:
                pass
        yield from (when for when in found if when is not None)

    def _own_ends(self, order: Resource) -> Iterator[tuple[str, When]]:
        """Yield the ends that an order names, those of its dosages first: they are the ones that are believed."""
        for period in _bounds(order):
            end = read_period(period, self.zone)[1]
            if end is not None:
                yield "bounds", end
        end = read_period(first(order.get("dispenseRequest")).get("validityPeriod"), self.zone)[1]
        if end is not None:
            yield "validity", end

    def _other_end(self, order: Resource) -> When | None:
        """Return when an order without an end of its own ended: with its supply, else with its encounter."""
        status = token(order.get("status")).casefold()
        if status not in _OVER or any(True for _ in self._own_ends(order)):
            return None
        supply, written = _supply(order), self.known(order)
        if status == "completed" and supply is not None and written is not None:
            return later(written, supply)
        # Whether the encounter's end is known is no matter before it: the order runs as long as the encounter.
        return (self._discharge(order) or When.at(_FAR)) if self.encounter(order) else None

    def _abated(self, condition: Resource) -> When | None:
        return (
            read_when(condition.get("abatementDateTime"), self.zone)
            or read_period(condition.get("abatementPeriod"), self.zone)[1]
        )

    # ----- as it looked -----

    def then(self, resource: Resource, moment: datetime) -> Resource:
        """Return a resource that has not settled yet as it looked at a moment."""
        match token(resource.get("resourceType")):
            case "MedicationRequest":
                return self._order(resource, moment)
            case "MedicationStatement":
                return _running(resource, "active", _OVER)
            case "MedicationAdministration" | "Procedure":
                return _running(resource, "in-progress", _OVER)
            case "Condition":
                return _unabated(resource)
            case "Encounter":
                return _under_way(resource)
            case "ServiceRequest" if token(resource.get("status")).casefold() == "completed":
                return {**resource, "status": "active"}
        return resource

    def _order(self, order: Resource, moment: datetime) -> Resource:
        ends = list(self._own_ends(order))
        told = [end for place, end in ends if place == "bounds"] or [end for _, end in ends]
        end = max(told, key=lambda when: when.latest, default=None) or self._other_end(order)
        changed = dict(order)
        if end is not None and end.latest > moment and token(order.get("status")).casefold() in _OVER:
            changed["status"] = "active"
        dispense = first(order.get("dispenseRequest"))
        if dispense:
            validity = self._open(dispense.get("validityPeriod"), moment)
            changed["dispenseRequest"] = {**dispense, "validityPeriod": validity}
        if any(place == "bounds" for place, _ in ends):
            dosages = objects(order.get("dosageInstruction"))
            changed["dosageInstruction"] = [self._open_dosage(dosage, moment) for dosage in dosages]
        return changed

    def _open(self, period: Any, moment: datetime) -> Any:
        """Return a period without its end, if that lies after the moment."""
        end = read_period(period, self.zone)[1]
        return _without(first(period), "end") if end is not None and end.latest > moment else period

    def _open_dosage(self, dosage: Resource, moment: datetime) -> Resource:
        timing = first(dosage.get("timing"))
        repeat = first(timing.get("repeat"))
        if repeat.get("boundsPeriod") is None:
            return dosage
        bounds = self._open(repeat["boundsPeriod"], moment)
        return {**dosage, "timing": {**timing, "repeat": {**repeat, "boundsPeriod": bounds}}}


def _endless(resource: Resource, lifetimes: _Lifetimes) -> bool:
    return (
        token(resource.get("resourceType")) == "MedicationRequest"
        and token(resource.get("status")).casefold() in _OVER
        and not lifetimes.ends(resource)
    )


def _running(resource: Resource, status: str, over: frozenset[str]) -> Resource:
    """Return an event that had begun and not ended."""
    name = next(name for name in _PERIODS if resource.get(name))
    changed = {**resource, name: _without(first(resource[name]), "end")}
    if token(resource.get("status")).casefold() in over:
        changed["status"] = status
    return changed


def _unabated(condition: Resource) -> Resource:
    changed = _without(_without(condition, "abatementDateTime"), "abatementPeriod")
    if codes(condition.get("clinicalStatus")) & _CONDITION_OVER:
        changed["clinicalStatus"] = _ACTIVE
    return changed


def _under_way(encounter: Resource) -> Resource:
    name = "period" if encounter.get("period") else "actualPeriod"
    changed = {**encounter, name: _without(first(encounter[name]), "end")}
    if token(encounter.get("status")).casefold() not in NOT_HELD:
        changed["status"] = "in-progress"
    return changed


def _alive(resource: Resource) -> Resource:
    """Return a patient whose death is not known yet."""
    return {name: value for name, value in resource.items() if not name.startswith("deceased")}


def _without(resource: Resource, name: str) -> Resource:
    return {key: value for key, value in resource.items() if key != name}


def _period(encounter: Resource) -> Any:
    return encounter.get("period") or encounter.get("actualPeriod")


def _effective(resource: Resource) -> Any:
    return next((resource[name] for name in _PERIODS if resource.get(name)), None)


def _start(resource: Resource, zone: tzinfo) -> When | None:
    return read_period(_effective(resource), zone)[0]


def _bounds(order: Resource) -> Iterator[Any]:
    for dosage in objects(order.get("dosageInstruction")):
        yield first(first(dosage.get("timing")).get("repeat")).get("boundsPeriod")


def _first(found: Iterable[When | None]) -> When | None:
    return min((when for when in found if when is not None), key=lambda when: when.earliest, default=None)


def _supply(order: Resource) -> int | None:
    dispense = first(order.get("dispenseRequest"))
    duration = first(dispense.get("expectedSupplyDuration"))
    value, repeats = number(duration.get("value")), number(dispense.get("numberOfRepeatsAllowed")) or 0
    unit = _DAYS.get((token(duration.get("code")) or token(duration.get("unit"))).casefold())
    if value is None or unit is None or not 0 < value <= _LONGEST_SUPPLY or not 0 <= repeats <= _LONGEST_SUPPLY:
        return None
    days = int(value * unit) * (1 + int(repeats))
    return days if 0 < days <= _LONGEST_SUPPLY else None
