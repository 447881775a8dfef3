"""Encounter → where the patient is now: it decides how long a result stays current."""

from __future__ import annotations

from fhir_mappings.context import Context
from fhir_mappings.reading import Resource, codings, own_reference, target, token
from fhir_mappings.times import read_period
from fhir_mappings.unreadable import Unreadable
from magnesium.facts import Setting, Source, Unusable

# HL7 v3 ActCode: inpatient (acute or not), observation, emergency; and the words that DSTU2 had for them.
INPATIENT_CLASSES = frozenset({"IMP", "ACUTE", "NONAC", "NONACUTE", "OBSENC", "EMER", "INPATIENT", "EMERGENCY"})
# Ambulatory, virtual, home, field, before an admission; and the words that DSTU2 had for them.
_OUTPATIENT_CLASSES = frozenset(
    {"AMB", "VR", "HH", "FLD", "PRENC", "OUTPATIENT", "AMBULATORY", "HOME", "FIELD", "DAYTIME", "VIRTUAL"}
)
_IN_PROGRESS = "in-progress"
# States in which the encounter that the EHR has open is not a stay in the hospital now.
_NOT_NOW = frozenset({"planned", "finished", "completed", "discharged", "cancelled", "entered-in-error"})


def class_codes(encounter: Resource) -> frozenset[str]:
    """Return the codes of an encounter's class: a Coding in R4, a list of concepts in R5, a code in DSTU2."""
    return frozenset(coding.code.upper() for coding in codings(encounter.get("class")))


def read_setting(encounter: Resource, encounter_id: str | None, context: Context) -> Setting | Unusable:
    """Return the setting that one Encounter speaks for.

    Raises:
        PatientMismatch: it is another patient's encounter.
    """
    problem: Unreadable | None = context.subject.problem_with(encounter)
    if class_codes(encounter).isdisjoint(INPATIENT_CLASSES):
        return Setting.OUTPATIENT
    status = token(encounter.get("status")).casefold()
    is_open_in_ehr = encounter_id is not None and token(encounter.get("id")) == target(encounter_id).id
    if status != _IN_PROGRESS and not (is_open_in_ehr and status not in _NOT_NOW):
        return Setting.OUTPATIENT
    if not _may_be_now(encounter, context):
        return Setting.OUTPATIENT
    return Unusable(Source(own_reference(encounter)), problem) if problem else Setting.INPATIENT


def may_be_a_stay(encounter: Resource, context: Context) -> bool:
    """Whether the patient may be staying in the hospital now, as far as this Encounter tells.

    Wider than the setting: a class that is not read (a short stay, a code of the hospital's own, none at all) and a
    status between planned and finished (arrived, on leave, not given) leave it open.
    """
    classes = class_codes(encounter)
    if classes & _OUTPATIENT_CLASSES and classes.isdisjoint(INPATIENT_CLASSES):
        return False
    return token(encounter.get("status")).casefold() not in _NOT_NOW and _may_be_now(encounter, context)


def _may_be_now(encounter: Resource, context: Context) -> bool:
    """Whether its period does not say that it is over or yet to come."""
    start, end = read_period(encounter.get("period") or encounter.get("actualPeriod"), context.zone)
    return not ((start and start.surely_after(context.as_of)) or (end and end.latest < context.as_of))
