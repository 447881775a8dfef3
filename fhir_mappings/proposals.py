"""What a card offers to order, as FHIR R4: drafts that the clinician completes and signs.

Each resource is validated with ``fhir.resources`` (R4B) when it is first built; ``validate_templates`` does
so for all of them at start-up: a product the site configured wrongly stops the service from starting, and no
request pays for validation (0.1 ms each). After that only the ids of patient and encounter are filled in.

Urine magnesium and creatinine are ONE order. FEMg needs both, so half of the pair is worth nothing, but some
clients take one action of a suggestion, or one suggestion of a card. Two codings in ``code`` would claim that
the two tests mean the same; so ``code`` is text (or the site's own orderable) and ``orderDetail`` names both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from fhir.resources.R4B.medicationrequest import MedicationRequest
from fhir.resources.R4B.servicerequest import ServiceRequest

from magnesium.verdict import Proposal

_LOINC = "http://loinc.org"
_PER_PROTOCOL = "Dose per local protocol."


class Product(Protocol):
    """What a site lets the cards propose: a drug product, or its own orderable for a laboratory test."""

    @property
    def text(self) -> str:
        """The name to print."""
        ...

    @property
    def system(self) -> str:
        """Code system of ``code``."""
        ...

    @property
    def code(self) -> str:
        """The code by which the site's system finds the orderable; may be empty."""
        ...

    @property
    def display(self) -> str:
        """The code's own name."""
        ...

    @property
    def route(self) -> str:
        """How it is given, in words."""
        ...

    @property
    def dose(self) -> str:
        """The site's dose, printed as it stands; empty = per local protocol."""
        ...


@dataclass(frozen=True, slots=True)
class ProposedOrder:
    """An order to offer. ``description`` holds the full meaning, because some clients show nothing else."""

    resource: dict[str, Any]
    label: str
    description: str


@dataclass(frozen=True, slots=True)
class _Product:
    """A copy of what the site configured: hashable whatever it came from, and our own defaults."""

    text: str
    system: str = ""
    code: str = ""
    display: str = ""
    route: str = ""
    dose: str = ""

    @property
    def coding(self) -> list[dict[str, str]]:
        """The FHIR codings; empty without a code."""
        if not self.code:
            return []
        coding = {"system": self.system, "code": self.code, "display": self.display}
        return [{name: value for name, value in coding.items() if value}]


_TESTS: Mapping[Proposal, tuple[_Product, tuple[_Product, ...]]] = {
    # The orderable, and what it consists of where that is more than one test.
    Proposal.SERUM_MAGNESIUM: (
        _Product("Serum magnesium", _LOINC, "19123-9", "Magnesium [Mass/volume] in Serum or Plasma"),
        (),
    ),
    Proposal.SERUM_CREATININE: (
        _Product("Serum creatinine", _LOINC, "2160-0", "Creatinine [Mass/volume] in Serum or Plasma"),
        (),
    ),
    Proposal.URINE_MAGNESIUM: (
        _Product("Urine magnesium and creatinine (spot)"),
        (
            _Product("Urine magnesium", _LOINC, "19124-7", "Magnesium [Mass/volume] in Urine"),
            _Product("Urine creatinine", _LOINC, "2161-8", "Creatinine [Mass/volume] in Urine"),
        ),
    ),
}
_TEST_NOTES: Mapping[Proposal, str] = {
    Proposal.URINE_MAGNESIUM: "Send serum magnesium and creatinine the same day: FEMg needs all four.",
}
_DRUGS: Mapping[Proposal, _Product] = {
    Proposal.MAGNESIUM_ORAL: _Product("Magnesium, oral", route="oral"),
    Proposal.MAGNESIUM_INTRAVENOUS: _Product("Magnesium sulfate, intravenous", route="intravenous"),
    Proposal.MAGNESIUM_INTRAVENOUS_NO_DOSE: _Product("Magnesium sulfate, intravenous", route="intravenous"),
    Proposal.POTASSIUM: _Product("Potassium chloride"),
}


def build(
    proposal: Proposal, *, patient_id: str, encounter_id: str | None, products: Mapping[str, Product]
) -> ProposedOrder:
    """Return the order for ``proposal``, for this patient and, if known, this encounter.

    Args:
        proposal: what to order.
        patient_id: ``context.patientId``.
        encounter_id: ``context.encounterId``, where the hook gave one.
        products: the site's products, keyed by the value of the proposal (``magnesium-oral``); a laboratory
            test may be there too, with the site's own order code.

    Raises:
        ValueError: no patient id, or a configured product that makes no valid FHIR resource.
    """
    if not patient_id:
        raise ValueError("a proposed order needs a patient")
    template = _template(proposal, _chosen(proposal, products))
    resource = {**template.resource, "subject": {"reference": f"Patient/{patient_id}"}}
    if encounter_id:
        resource["encounter"] = {"reference": f"Encounter/{encounter_id}"}
    return ProposedOrder(resource, template.label, template.description)


def validate_templates(products: Mapping[str, Product]) -> None:
    """Build and validate every order once; call it at start-up.

    Raises:
        ValueError: a configured product makes no valid FHIR resource, or has a key that no proposal knows.
    """
    if unknown := sorted(products.keys() - {proposal.value for proposal in Proposal}):
        raise ValueError(f"products: nothing proposes {', '.join(unknown)}")
    for proposal in Proposal:
        try:
            _template(proposal, _chosen(proposal, products))
        except ValueError as error:
            raise ValueError(f"products.{proposal}: {error}") from error


def _chosen(proposal: Proposal, products: Mapping[str, Product]) -> _Product:
    """Return the site's product for a proposal, else our own default."""
    default = _DRUGS[proposal] if proposal in _DRUGS else _TESTS[proposal][0]
    configured = products.get(proposal)
    if configured is not None:
        return _Product(
            _spaced(configured.text) or default.text,
            configured.system,
            configured.code,
            configured.display,
            configured.route or default.route,
            # Whatever the site wrote for the order without a dose, a dose is not what it is for.
            "" if proposal is Proposal.MAGNESIUM_INTRAVENOUS_NO_DOSE else _spaced(configured.dose),
        )
    with_dose = products.get(Proposal.MAGNESIUM_INTRAVENOUS)
    if proposal is Proposal.MAGNESIUM_INTRAVENOUS_NO_DOSE and with_dose is not None:
        # The same drug to order, but under our own name: the site's may hold the dose that must not be shown.
        return _Product(default.text, with_dose.system, with_dose.code, route=default.route)
    return default


# Bounded: a process serves one site's products, of which there are as many as proposals.
@lru_cache(maxsize=64)
def _template(proposal: Proposal, product: _Product) -> ProposedOrder:
    """Return the order for nobody in particular, validated. All answers share its parts: never change them.

    Raises:
        ValueError: not a valid resource.
    """
    if proposal in _DRUGS:
        template = _drug(proposal, product)
        model: type[MedicationRequest | ServiceRequest] = MedicationRequest
    else:
        template = _test(proposal, product)
        model = ServiceRequest
    placeholders = {"subject": {"reference": "Patient/1"}, "encounter": {"reference": "Encounter/1"}}
    model.model_validate({**template.resource, **placeholders})
    if not template.description.isprintable():
        raise ValueError("text and dose must be one printable line")
    return template


def _test(proposal: Proposal, product: _Product) -> ProposedOrder:
    resource = {**_draft("ServiceRequest"), "code": _concept(product)}
    if parts := _TESTS[proposal][1]:
        resource["orderDetail"] = [_concept(part) for part in parts]
    label = f"Order: {product.text}"
    description = " ".join(part for part in (f"{label}.", _TEST_NOTES.get(proposal, "")) if part)
    return ProposedOrder(resource, label, description)


def _drug(proposal: Proposal, product: _Product) -> ProposedOrder:
    """Say the dose in words as well: some clients put their own default into the order they create."""
    said = "local protocol" in product.text.casefold()
    dose = f"Dose: {product.dose}." if product.dose else "" if said else _PER_PROTOCOL
    if proposal is Proposal.MAGNESIUM_INTRAVENOUS_NO_DOSE:
        dose = f"No dose is proposed. {_PER_PROTOCOL} Less with reduced kidney function; check levels."
    instruction: dict[str, Any] = {"text": product.dose or _PER_PROTOCOL}
    if product.route:
        instruction["route"] = {"text": product.route}
    resource = {
        **_draft("MedicationRequest"),
        "medicationCodeableConcept": _concept(product),
        "dosageInstruction": [instruction],
    }
    label = f"Order: {product.text}"
    sentences = (f"{label}.", dose, "Check product, dose and route before signing.")
    return ProposedOrder(resource, label, " ".join(sentence for sentence in sentences if sentence))


def _draft(resource_type: str) -> dict[str, Any]:
    return {"resourceType": resource_type, "status": "draft", "intent": "order"}


def _concept(product: _Product) -> dict[str, Any]:
    concept: dict[str, Any] = {"coding": product.coding} if product.coding else {}
    return {**concept, "text": product.text}


def _spaced(text: str) -> str:
    """Return text a site wrote over several lines, or with no-break spaces, with single blanks."""
    return " ".join(text.split())
