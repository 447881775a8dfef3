"""Whose record is it? Another patient's resource is never data, and never silently dropped either."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fhir_mappings.reading import Resource, own_reference, reference, target, text, token
from fhir_mappings.unreadable import Unreadable


class PatientMismatch(Exception):  # noqa: N818 - says what it is; the service answers 400
    """A resource of another patient came in. ``reference`` names the resource, never the other patient."""

    def __init__(self, reference: str) -> None:
        super().__init__(f"{reference} belongs to another patient")
        self.reference = reference


@dataclass(frozen=True, slots=True)
class Subject:
    """The patient whom the request is about."""

    id: str
    full_urls: frozenset[str]
    """What Bundles call this patient: a resource may point at a ``fullUrl`` that is a ``urn:``."""

    @property
    def reference(self) -> str:
        """The relative reference of the patient."""
        return f"Patient/{self.id}"

    @classmethod
    def of(cls, patient_id: str, patients: Iterable[Resource]) -> Subject:
        """Return the patient with this id.

        Raises:
            PatientMismatch: one of the Patient resources has another id, or an address with another id.
        """
        wanted = target(patient_id).id
        full_urls = set()
        for patient in patients:
            if (found := token(patient.get("id"))) and found != wanted:
                # Not the resource's own reference: it would be the other patient's id.
                raise PatientMismatch("prefetch.patient.id")
            full_url = text(patient.get("_fullUrl"))
            # The client writes the address, and may write it into the Patient itself: it is no proof of who this is.
            if _names_another(full_url, wanted):
                raise PatientMismatch("prefetch.patient.fullUrl")
            if found and full_url.startswith("urn:"):
                full_urls.add(full_url)
        return cls(wanted, frozenset(full_urls))

    def problem_with(self, resource: Resource) -> Unreadable | None:
        """Return why nothing shows that a resource is about this patient; None if it is.

        Raises:
            PatientMismatch: it is about another patient.
        """
        subject = resource.get("subject")
        if isinstance(subject, dict) and subject.get("reference") == self.reference:
            return None  # the usual case, at once
        # DSTU2 says patient where later versions say subject.
        literal = reference(subject) or reference(resource.get("patient"))
        if not literal:
            return Unreadable.NO_SUBJECT
        if literal in self.full_urls or literal == f"urn:uuid:{self.id}":
            return None
        if _names_another(literal, self.id):
            raise PatientMismatch(own_reference(resource))
        # Of an absolute reference the id counts alone: an EHR's own base URL may be another than ``fhirServer``.
        kind, found = target(literal)
        return None if found == self.id and kind in {"", "Patient"} else Unreadable.UNRESOLVED_SUBJECT


def _names_another(literal: str, wanted: str) -> bool:
    """Whether a reference or an address names a Patient with another id."""
    kind, found = target(literal)
    return kind == "Patient" and found not in {"", wanted}
