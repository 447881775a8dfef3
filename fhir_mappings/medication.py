"""MedicationRequest, MedicationStatement and MedicationAdministration → exposures.

What never triggers anything is not a fact: orders on hold, cancelled, proposed or forbidden, statements of intent,
administrations that did not happen. A drug that cannot be told is listed; one that is none of ours is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from fhir_mappings.context import Context
from fhir_mappings.dosage import daily_amount, dosages_of, is_as_needed, is_single_dose, written
from fhir_mappings.drug import Drug, identify
from fhir_mappings.encounter import INPATIENT_CLASSES, class_codes
from fhir_mappings.reading import Resource, codes, first, number, own_reference, reference, text, token
from fhir_mappings.routes import dosage_route, route_given, route_in_words
from fhir_mappings.times import later, ordered, read_first, read_period
from fhir_mappings.unreadable import Unreadable
from magnesium.facts import Exposure, ExposureKind, ExposureStatus, Source, Unusable
from magnesium.moment import When

_ORDERED = frozenset({"", "order", "original-order", "reflex-order", "filler-order", "instance-order"})
_REQUEST_STATUS = {
    "active": ExposureStatus.ACTIVE,
    "completed": ExposureStatus.ENDED,
    "stopped": ExposureStatus.ENDED,
}
_STATEMENT_STATUS = _REQUEST_STATUS
# R5 says in ``adherence`` what was the status before; its own status is that it was written down.
_RECORDED = "recorded"
_ADHERENCE = {
    "taking": ExposureStatus.ACTIVE,
    "taking-as-directed": ExposureStatus.ACTIVE,
    "taking-not-as-directed": ExposureStatus.ACTIVE,
    "stopped": ExposureStatus.ENDED,
    "stopped-as-directed": ExposureStatus.ENDED,
    "stopped-not-as-directed": ExposureStatus.ENDED,
}
_NOT_TAKEN = frozenset({"not-taking", "on-hold", "on-hold-as-directed", "on-hold-not-as-directed", "not-prescribed"})
# Stopped: a part of the dose was given.
_GIVEN = frozenset({"completed", "in-progress", "stopped"})
# A draft that withdraws an order is no order.
_WITHDRAWN = frozenset({"cancelled", "entered-in-error", "stopped"})

_DAYS = {"min": 1 / 1440, "h": 1 / 24, "d": 1, "day": 1, "days": 1, "wk": 7, "mo": 30, "a": 365}
_MOST_DAYS = 36_500


class _Course(NamedTuple):
    """When an exposure began, ended and was written, as far as the record says."""

    start: When | None
    end: When | None
    authored: When | None
    supply_days: int | None = None


def read_request(resource: Resource, context: Context) -> Iterator[Exposure | Unusable]:
    """Yield the exposure of an order that is or was in force.

    Raises:
        PatientMismatch: the order is for another patient.
    """
    problem = context.subject.problem_with(resource)
    status = _REQUEST_STATUS.get(_code(resource, "status"))
    if status is None or _code(resource, "intent") not in _ORDERED or resource.get("doNotPerform") is True:
        return
    yield from _exposure(resource, ExposureKind.ORDER, status, problem, context)


def read_draft(resource: Resource, context: Context, *, selected: bool) -> Iterator[Exposure | Unusable]:
    """Yield the exposure that a drafted MedicationRequest would be; its subject may still be missing.

    The status is not asked for: an order that is signed again is active. The intent is the clinician's own.

    Raises:
        PatientMismatch: the draft is for another patient.
    """
    problem = context.subject.problem_with(resource)
    if _code(resource, "status") in _WITHDRAWN or resource.get("doNotPerform") is True:
        return
    if problem is Unreadable.NO_SUBJECT:
        problem = None
    yield from _exposure(resource, ExposureKind.DRAFT, ExposureStatus.ACTIVE, problem, context, selected=selected)


def read_statement(resource: Resource, context: Context) -> Iterator[Exposure | Unusable]:
    """Yield the exposure that a MedicationStatement reports.

    Raises:
        PatientMismatch: the statement is about another patient.
    """
    problem = context.subject.problem_with(resource)
    status = _STATEMENT_STATUS.get(_code(resource, "status"))
    if _code(resource, "status") == _RECORDED:
        adherence = codes(first(resource.get("adherence")).get("code"))
        if adherence & _NOT_TAKEN:
            return
        status = next((_ADHERENCE[code] for code in sorted(adherence & _ADHERENCE.keys())), ExposureStatus.ACTIVE)
        if not adherence & _ADHERENCE.keys():
            problem = problem or Unreadable.NOT_SAID_IF_TAKEN
    # STU3 said in an element of its own that a drug is not taken, whatever the status.
    if status is None or _code(resource, "taken") in {"n", "na", "unk"}:
        return
    yield from _exposure(resource, ExposureKind.STATEMENT, status, problem, context)


def read_administration(resource: Resource, context: Context) -> Iterator[Exposure | Unusable]:
    """Yield the exposure of a dose that was given, at least in part.

    Raises:
        PatientMismatch: the dose was another patient's.
    """
    problem = context.subject.problem_with(resource)
    if _code(resource, "status") not in _GIVEN or resource.get("notGiven") is True or _is_empty_dose(resource):
        return
    yield from _exposure(resource, ExposureKind.ADMINISTRATION, ExposureStatus.ACTIVE, problem, context)


def _exposure(  # noqa: PLR0913 - what the four readers differ in
    resource: Resource,
    kind: ExposureKind,
    status: ExposureStatus,
    problem: Unreadable | None,
    context: Context,
    *,
    selected: bool = False,
) -> Iterator[Exposure | Unusable]:
    drug = identify(resource, context)
    if drug is None:
        return
    dosages = dosages_of(resource)
    if isinstance(drug, Unreadable):
        yield Unusable(Source(own_reference(resource), as_sent=_as_sent(dosages)), problem or drug)
        return
    source = _source(resource, drug, dosages)
    if problem is not None:
        yield Unusable(source, problem, drug.label)
        return
    course = _course(resource, kind, status, dosages, context)
    if kind is ExposureKind.ADMINISTRATION and course.start is None:
        yield Unusable(source, Unreadable.NO_TIME, drug.label)
        return
    ordered = dosage_route(dosages) or route_in_words([drug.label])
    route, assumed = route_given(drug.route_kind, ordered, drug.ingredients)
    yield Exposure(
        kind=kind,
        status=status,
        ingredients=drug.ingredients,
        label=drug.label,
        source=source,
        route=route,
        route_assumed=assumed,
        other_ingredients=drug.other_ingredients,
        dose_form=drug.dose_form,
        start=course.start,
        end=course.end,
        authored=course.authored,
        as_needed=kind is not ExposureKind.ADMINISTRATION and is_as_needed(dosages),
        single_dose=kind is not ExposureKind.ADMINISTRATION and is_single_dose(dosages),
        inpatient=kind in _ORDERS and _is_inpatient(resource, context),
        supply_days=course.supply_days,
        daily_amount=daily_amount(drug.ingredients, dosages),
        selected=selected,
    )


_ORDERS = frozenset({ExposureKind.ORDER, ExposureKind.DRAFT})


def _course(
    resource: Resource, kind: ExposureKind, status: ExposureStatus, dosages: Sequence[Resource], context: Context
) -> _Course:
    of_order = kind in _ORDERS
    course = _order_course(resource, dosages, context) if of_order else _event_course(resource, kind, context)
    if status is ExposureStatus.ENDED and course.end is not None and course.end.surely_after(context.as_of):
        # It is over, and the record only says until when it was planned: when it stopped is not known.
        return course._replace(end=None)
    return course


def _order_course(resource: Resource, dosages: Sequence[Resource], context: Context) -> _Course:
    authored = read_first(resource, ("authoredOn", "dateWritten"), context.zone)
    dispense = first(resource.get("dispenseRequest"))
    valid_start, valid_end = read_period(dispense.get("validityPeriod"), context.zone)
    bounds_start, bounds_end = _bounds(dosages, valid_start or authored, context)
    start, end = ordered(bounds_start or valid_start or authored, bounds_end or valid_end)
    supply_days = _supply_days(dispense)
    written_on = authored or start
    if end is None and supply_days is not None and written_on and _code(resource, "status") != "stopped":
        end = later(written_on, supply_days)
    if end is None:
        end = _encounter_end(resource, context)
    return _Course(*ordered(start, end), authored, supply_days)


def _bounds(dosages: Sequence[Resource], otherwise: When | None, context: Context) -> tuple[When | None, When | None]:
    """Return the first start and the last end of all dosages; no end, if one of them has none."""
    periods = []
    for dosage in dosages:
        repeat = first(first(dosage.get("timing")).get("repeat"))
        start, end = read_period(repeat.get("boundsPeriod"), context.zone)
        days = _days(repeat.get("boundsDuration"))
        if days is not None and otherwise is not None:
            end = later(otherwise, days)
        periods.append((start, end))
    starts = [start for start, _ in periods if start is not None]
    ends = [end for _, end in periods if end is not None]
    return (
        min(starts, key=_earliest, default=None),
        max(ends, key=_latest) if ends and len(ends) == len(periods) else None,
    )


def _earliest(when: When) -> tuple[object, object]:
    return when.earliest, when.latest


def _latest(when: When) -> tuple[object, object]:
    return when.latest, when.earliest


def _supply_days(dispense: Resource) -> int | None:
    days = _days(dispense.get("expectedSupplyDuration"))
    repeats = number(dispense.get("numberOfRepeatsAllowed")) or 0
    if days is None or not 0 <= repeats <= _MOST_DAYS:
        return None
    supply = int(days * (1 + int(repeats)))
    return supply if 0 < supply <= _MOST_DAYS else None


def _days(duration: object) -> float | None:
    quantity = first(duration)
    value = number(quantity.get("value"))
    units = (text(quantity.get(name)).casefold() for name in ("code", "unit"))
    days = next((_DAYS[unit] for unit in units if unit in _DAYS), None)
    return float(value) * days if value is not None and days is not None and 0 < value <= _MOST_DAYS else None


def _event_course(resource: Resource, kind: ExposureKind, context: Context) -> _Course:
    moment = read_first(resource, ("effectiveDateTime", "occurenceDateTime"), context.zone)  # R5 spells it so
    start, end = (
        read_period(resource.get("effectivePeriod") or resource.get("occurencePeriod"), context.zone)
        if moment is None
        else (moment, None)
    )
    if kind is ExposureKind.ADMINISTRATION:
        over = _code(resource, "status") != "in-progress"
        return _Course(start or end, (end or moment) if over else None, None)
    return _Course(start, end, read_first(resource, ("dateAsserted",), context.zone))


def _encounter(resource: Resource, context: Context) -> Resource | None:
    literal = reference(resource.get("encounter")) or reference(resource.get("context"))
    return context.pool.resolve(literal, "Encounter", resource) if literal else None


def _encounter_end(resource: Resource, context: Context) -> When | None:
    encounter = _encounter(resource, context)
    if encounter is None or _code(encounter, "status") not in {"finished", "completed"}:
        return None
    return read_period(encounter.get("period") or encounter.get("actualPeriod"), context.zone)[1]


def _is_inpatient(resource: Resource, context: Context) -> bool:
    category = codes(resource.get("category"))
    if category & {"inpatient", "outpatient", "community", "discharge"}:
        return "inpatient" in category
    encounter = _encounter(resource, context)
    if encounter is None:
        return False
    return not context.pool.once("classes", encounter, class_codes).isdisjoint(INPATIENT_CLASSES)


def _is_empty_dose(resource: Resource) -> bool:
    dosage = first(resource.get("dosage"))
    return number(first(dosage.get("dose")).get("value")) == 0


def _source(resource: Resource, drug: Drug, dosages: Sequence[Resource]) -> Source:
    return Source(
        reference=own_reference(resource),
        system=drug.coding.system,
        code=drug.coding.code,
        display=drug.coding.display,
        as_sent=_as_sent(dosages),
        match=drug.match,
    )


def _as_sent(dosages: Sequence[Resource]) -> str:
    return "; ".join(words[0] for dosage in dosages if (words := written(dosage))[0])


def _code(resource: Resource, name: str) -> str:
    return token(resource.get(name)).casefold()
