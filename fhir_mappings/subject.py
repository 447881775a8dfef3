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
    """What Bundles call this patient: a resource may point at a ``fullUrl`` such as ``urn:uuid:…``."""

    @property
    def reference(self) -> str:
        """The relative reference of the patient."""
        return f"Patient/{self.id}"

    @classmethod
    def of(cls, patient_id: str, patients: Iterable[Resource]) -> Subject:
        """Return the patient with this id.

        Raises:
            PatientMismatch: one of the Patient resources has another id.
        """
        wanted = target(patient_id).id
        full_urls = set()
        for patient in patients:
            if (found := token(patient.get("id"))) and found != wanted:
                # Not the resource's own reference: it would be the other patient's id.
                raise PatientMismatch("prefetch.patient.id")
            if found and (full_url := text(patient.get("_fullUrl"))):
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
        kind, found = target(literal)
        if kind == "Patient" and found and found != self.id:
            raise PatientMismatch(own_reference(resource))
        if found != self.id or kind not in {"", "Patient"}:
            return Unreadable.UNRESOLVED_SUBJECT
        return None
