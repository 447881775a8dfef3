"""Procedure → kidney replacement therapy and kidney transplants, as conditions the rules know, with their time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fhir_mappings.condition import known
from fhir_mappings.context import Context
from fhir_mappings.reading import Resource, first, own_reference, text, token
from fhir_mappings.times import read_period, read_when
from fhir_mappings.unreadable import Unreadable
from magnesium.facts import ConditionFact, Source, Unusable
from magnesium.moment import When

# Stopped: a part of it was carried out.
_CARRIED_OUT = frozenset({"completed", "in-progress", "stopped"})
_IN_PROGRESS = "in-progress"
# What a code means as a condition, and what having carried it out means. Other procedures say nothing here.
_MEANS: Mapping[str, str] = {
    "dialysis": "kidney_replacement",
    "kidney_replacement": "kidney_replacement",
    "kidney_transplant": "kidney_transplant",
}


def read_procedure(resource: Resource, context: Context) -> Iterator[ConditionFact | Unusable]:
    """Yield the kidney replacement therapy or transplant that a Procedure records, if it was carried out.

    Raises:
        PatientMismatch: the Procedure is another patient's.
    """
    problem = context.subject.problem_with(resource)
    status = token(resource.get("status")).casefold()
    if status not in _CARRIED_OUT:
        return
    words = text(first(resource.get("code")).get("text"))
    for condition, coding in sorted(known(resource, context).items()):
        if condition not in _MEANS:
            continue
        source = Source(own_reference(resource), coding.system, coding.code, coding.display or words)
        start, end = _performed(resource, context)
        if problem is not None:
            yield Unusable(source, problem)
        elif start is None:
            yield Unusable(source, Unreadable.NO_TIME)
        else:
            running = status == _IN_PROGRESS
            until = None if running or _MEANS[condition] == "kidney_transplant" else end or start
            yield ConditionFact(_MEANS[condition], source, words or coding.display, start, until=until)


def _performed(resource: Resource, context: Context) -> tuple[When | None, When | None]:
    """Return start and end; R5 says ``occurrence`` where R4 says ``performed``."""
    for name in ("performed", "occurrence"):
        moment = read_when(resource.get(f"{name}DateTime"), context.zone)
        if moment is not None:
            return moment, moment
        start, end = read_period(resource.get(f"{name}Period"), context.zone)
        if start is not None or end is not None:
            return start or end, end
    return None, None
