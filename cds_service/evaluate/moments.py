"""The moments at which an EHR would have asked: orders, new magnesium and potassium results, encounters that begin."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cds_service.evaluate.history import NOT_HELD, Entry, History
from fhir_mappings.reading import Resource, own_reference, reference, target, token
from fhir_mappings.times import read_period
from hooks.service import Hook

_SIGNED = frozenset({"", "order", "original-order"})
_NEVER_SIGNED = frozenset({"draft", "entered-in-error"})


class Occasion(StrEnum):
    """What made the EHR ask."""

    ENCOUNTER = "encounter"
    RESULT = "result"
    ORDER = "order"

    @property
    def hook(self) -> Hook:
        """The hook that fires on it."""
        return Hook.ORDER_SIGN if self is Occasion.ORDER else Hook.PATIENT_VIEW


Key = tuple[datetime, Occasion, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Moment:
    """One call that an EHR would have made."""

    at: datetime
    occasion: Occasion
    triggers: tuple[str, ...]
    """References of what made the EHR ask: one encounter, one order, or the results that came in together."""
    by_day: bool = False
    """Only the day is known: it is the first instant of that day, at which nothing of the day could be seen."""
    encounter_id: str | None = None
    beginning: Entry | None = None
    """The encounter that begins."""
    signed: Entry | None = None
    """The order that is being signed."""

    @property
    def key(self) -> Key:
        """What tells it from every other moment of the patient, in the order of time."""
        return self.at, self.occasion, self.triggers


IsResult = Callable[[Resource], bool]
"""Whether an Observation is a result of serum magnesium or potassium, readable or not."""


def moments(history: History, is_result: IsResult) -> list[Moment]:
    """Return the moments of a patient in the order of time."""
    found = [*_encounters(history), *_results(history, is_result), *_orders(history)]
    return sorted(found, key=lambda moment: moment.key)


def _encounters(history: History) -> Iterator[Moment]:
    for entry in history.of_type("Encounter"):
        encounter = entry.resource
        start = read_period(encounter.get("period") or encounter.get("actualPeriod"), history.zone)[0]
        if start is not None and token(encounter.get("status")).casefold() not in NOT_HELD:
            name, triggers = token(encounter.get("id")), (own_reference(encounter),)
            yield Moment(start.earliest, Occasion.ENCOUNTER, triggers, not start.exact, name, beginning=entry)


def _results(history: History, is_result: IsResult) -> Iterator[Moment]:
    """Yield one moment for all results that are released at one instant: they are looked at together."""
    together: dict[datetime, list[Resource]] = {}
    for entry in history.of_type("Observation", is_result):
        together.setdefault(entry.since, []).append(entry.resource)
    for at, results in together.items():
        references = tuple(sorted(map(own_reference, results)))
        yield Moment(at, Occasion.RESULT, references, encounter_id=_encounter_of(results))


def _orders(history: History) -> Iterator[Moment]:
    for entry in history.of_type("MedicationRequest"):
        order = entry.resource
        signed = token(order.get("intent")).casefold() in _SIGNED and order.get("doNotPerform") is not True
        written = history.written(order)
        if signed and written is not None and token(order.get("status")).casefold() not in _NEVER_SIGNED:
            triggers, encounter = (own_reference(order),), _encounter_of([order])
            yield Moment(written.earliest, Occasion.ORDER, triggers, not written.exact, encounter, signed=entry)


def _encounter_of(resources: Iterable[Resource]) -> str | None:
    """Return the encounter that all of them name, if they name one."""
    literals = {reference(resource.get("encounter")) for resource in resources}
    return (target(literals.pop()).id or None) if len(literals) == 1 else None
