"""Patient → who the facts are about."""

from __future__ import annotations

from collections.abc import Iterable

from fhir_mappings.context import Context
from fhir_mappings.reading import Resource, own_reference, token
from fhir_mappings.times import read_when
from fhir_mappings.unreadable import Unreadable
from magnesium.facts import Patient, Sex, Source, Unusable

_SEXES = {"female": Sex.FEMALE, "male": Sex.MALE}


def read_patient(patients: Iterable[Resource], context: Context) -> tuple[Patient, tuple[Unusable, ...]]:
    """Return the patient, with birth and sex if a Patient resource came, and the records without an id.

    That a record with another id is another patient's has been checked before (``subject.Subject.of``).
    """
    unusable = tuple(
        Unusable(Source(own_reference(resource)), Unreadable.NO_ID)
        for resource in patients
        if not token(resource.get("id"))
    )
    record = next((resource for resource in patients if token(resource.get("id"))), {})
    patient = Patient(
        identifier=context.subject.id,
        birth=read_when(record.get("birthDate"), context.zone),
        sex=_SEXES.get(token(record.get("gender")).casefold(), Sex.UNKNOWN),
    )
    return patient, unusable
