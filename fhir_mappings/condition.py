"""Condition → entries of the problem list that the rules know and that hold now."""

from __future__ import annotations

from collections.abc import Iterator

from fhir_mappings.context import Context
from fhir_mappings.reading import Coding, Resource, codes, codings, first, own_reference, text
from fhir_mappings.times import read_first, read_period, read_when
from magnesium.facts import Certainty, ConditionFact, Source, Unusable
from magnesium.moment import When
from magnesium.problems import LINGERING

_IN_EFFECT = frozenset({"active", "recurrence", "relapse"})
_OVER = frozenset({"inactive", "remission", "resolved"})
_REFUTED = frozenset({"refuted", "entered-in-error"})
_ESTABLISHED = frozenset({"confirmed"})


def read_condition(resource: Resource, context: Context) -> Iterator[ConditionFact | Unusable]:
    """Yield one fact for each condition that the codes name; nothing if none is known, or it is over and done with.

    Raises:
        PatientMismatch: the Condition is another patient's.
    """
    problem = context.subject.problem_with(resource)
    verification = codes(resource.get("verificationStatus"))
    if verification & _REFUTED:
        return
    holds = _holds(resource, context)
    words = text(first(resource.get("code")).get("text"))
    for condition, coding in sorted(known(resource, context).items()):
        onset = _onset(resource, context)
        # Most of what is over is over. Of what still counts for a while the end is told, else when it was.
        until = None if holds else _abatement(resource, context) or onset
        if not holds and (condition not in LINGERING or until is None):
            continue
        source = Source(own_reference(resource), coding.system, coding.code, coding.display or words)
        if problem is not None:
            yield Unusable(source, problem)
            continue
        yield ConditionFact(
            condition=condition,
            source=source,
            label=words or coding.display,
            onset=onset,
            until=until,
            certainty=Certainty.ESTABLISHED if not verification or verification & _ESTABLISHED else Certainty.SUSPECTED,
        )


def known(resource: Resource, context: Context) -> dict[str, Coding]:
    """Return the conditions that a record's codes name, each with its coding; a standard code wins over a local one."""
    standard: dict[str, Coding] = {}
    local: dict[str, Coding] = {}
    for coding in sorted(codings(resource.get("code"))):
        if (condition := context.terminology.condition(coding.system, coding.code)) is not None:
            standard.setdefault(condition, coding)
        elif (condition := context.site.conditions.get((coding.system, coding.code))) is not None:
            local.setdefault(condition, coding)
    return standard or local


def _onset(resource: Resource, context: Context) -> When | None:
    return (
        read_first(resource, ("onsetDateTime",), context.zone)
        or read_period(resource.get("onsetPeriod"), context.zone)[0]
        # STU3 and DSTU2 had other names for the date of the record.
        or read_first(resource, ("recordedDate", "assertedDate", "dateRecorded"), context.zone)
    )


def _abatement(resource: Resource, context: Context) -> When | None:
    return (
        read_when(resource.get("abatementDateTime"), context.zone)
        or read_period(resource.get("abatementPeriod"), context.zone)[1]
    )


def _holds(resource: Resource, context: Context) -> bool:
    """Whether the condition holds now: by its clinical status, and by the date of its abatement where there is one."""
    status = codes(resource.get("clinicalStatus"))
    if status & _OVER or (status and not status & _IN_EFFECT):
        return False
    abated = _abatement(resource, context)
    if abated is not None:
        return not abated.surely_by(context.as_of)
    in_other_words = ("abatementBoolean", "abatementString", "abatementAge", "abatementRange")
    return bool(status) or not any(resource.get(name) not in (None, False) for name in in_other_words)
