"""What a card offers to order, as FHIR R4 drafts."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import pytest
from fhir.resources.R4B.medicationrequest import MedicationRequest
from fhir.resources.R4B.servicerequest import ServiceRequest
from hypothesis import given
from hypothesis import strategies as st

from fhir_mappings.proposals import Product, ProposedOrder, build, validate_templates
from magnesium.policy import load_site
from magnesium.verdict import Proposal

MODELS: dict[str, type[MedicationRequest | ServiceRequest]] = {
    "MedicationRequest": MedicationRequest,
    "ServiceRequest": ServiceRequest,
}
DEFAULT_PRODUCTS = load_site().policy.products
DRUGS = [
    Proposal.MAGNESIUM_ORAL,
    Proposal.MAGNESIUM_INTRAVENOUS,
    Proposal.MAGNESIUM_INTRAVENOUS_NO_DOSE,
    Proposal.POTASSIUM,
]


@dataclass(frozen=True)
class SiteProduct:
    text: str = ""
    system: str = ""
    code: str = ""
    display: str = ""
    route: str = ""
    dose: str = ""


SULFATE = SiteProduct(
    "Magnesium sulfate 2 g in 50 mL",
    "http://www.nlm.nih.gov/research/umls/rxnorm",
    "829757",
    "50 ML magnesium sulfate 40 MG/ML Injection",
    "intravenous",
    "2 g over 2 hours",
)


def order(proposal: Proposal, encounter_id: str | None = None, **products: Product) -> ProposedOrder:
    named: dict[str, Product] = {key.replace("_", "-"): product for key, product in products.items()}
    return build(proposal, patient_id="p1", encounter_id=encounter_id, products=named)


# ── Tests ──


def test_serum_magnesium_is_a_draft_order_with_its_loinc_code() -> None:
    assert order(Proposal.SERUM_MAGNESIUM) == ProposedOrder(
        {
            "resourceType": "ServiceRequest",
            "status": "draft",
            "intent": "order",
            "code": {
                "coding": [
                    {
                        "system": "http://loinc.org",
                        "code": "19123-9",
                        "display": "Magnesium [Mass/volume] in Serum or Plasma",
                    }
                ],
                "text": "Serum magnesium",
            },
            "subject": {"reference": "Patient/p1"},
        },
        "Order: Serum magnesium",
        "Order: Serum magnesium.",
    )


def test_urine_magnesium_and_creatinine_are_one_order_because_half_of_it_is_worth_nothing() -> None:
    urine = order(Proposal.URINE_MAGNESIUM)

    assert urine.resource["code"] == {"text": "Urine magnesium and creatinine (spot)"}
    assert [detail["coding"][0]["code"] for detail in urine.resource["orderDetail"]] == ["19124-7", "2161-8"]
    assert urine.description == (
        "Order: Urine magnesium and creatinine (spot). "
        "Send serum magnesium and creatinine the same day: FEMg needs all four."
    )


def test_a_site_puts_its_own_order_code_in_place_of_ours() -> None:
    local = SiteProduct("Mg+Crea U", "https://example.org/orders", "UMGCR")

    assert order(Proposal.URINE_MAGNESIUM, urine_magnesium_creatinine=local).resource["code"] == {
        "coding": [{"system": "https://example.org/orders", "code": "UMGCR"}],
        "text": "Mg+Crea U",
    }


def codings(value: Any) -> Iterator[Mapping[str, str]]:
    if isinstance(value, dict):
        yield from value.get("coding", ())
        for member in value.values():
            yield from codings(member)
    if isinstance(value, list):
        for member in value:
            yield from codings(member)


def test_loinc_names_are_the_official_ones() -> None:
    table = files("fhir_mappings.terminology").joinpath("loinc.csv").read_text(encoding="utf-8")
    official = {row["loinc"]: row["long_name"] for row in csv.DictReader(table.splitlines())}
    used = [coding for p in Proposal for coding in codings(order(p).resource) if "loinc" in coding["system"]]

    assert [coding["code"] for coding in used] == ["19123-9", "19124-7", "2161-8", "2160-0"]
    assert [coding["display"] for coding in used] == [official[coding["code"]] for coding in used]


# ── Drugs ──


@pytest.mark.parametrize("proposal", DRUGS)
def test_without_a_site_product_no_dose_is_given(proposal: Proposal) -> None:
    proposed = order(proposal)

    assert proposed.resource["resourceType"] == "MedicationRequest"
    assert proposed.resource["dosageInstruction"][0]["text"] == "Dose per local protocol."
    assert "Dose per local protocol." in proposed.description
    assert "Check product, dose and route before signing." in proposed.description


def test_a_site_product_is_ordered_with_its_dose_and_says_the_dose_in_words() -> None:
    proposed = order(Proposal.MAGNESIUM_INTRAVENOUS, encounter_id="e1", magnesium_intravenous=SULFATE)

    assert proposed == ProposedOrder(
        {
            "resourceType": "MedicationRequest",
            "status": "draft",
            "intent": "order",
            "medicationCodeableConcept": {
                "coding": [{"system": SULFATE.system, "code": SULFATE.code, "display": SULFATE.display}],
                "text": "Magnesium sulfate 2 g in 50 mL",
            },
            "dosageInstruction": [{"text": "2 g over 2 hours", "route": {"text": "intravenous"}}],
            "subject": {"reference": "Patient/p1"},
            "encounter": {"reference": "Encounter/e1"},
        },
        "Order: Magnesium sulfate 2 g in 50 mL",
        "Order: Magnesium sulfate 2 g in 50 mL. Dose: 2 g over 2 hours. Check product, dose and route before signing.",
    )


def test_a_product_that_names_the_protocol_is_not_told_twice() -> None:
    named = SiteProduct("Magnesium oxide, dose per local protocol", route="oral")

    assert order(Proposal.MAGNESIUM_ORAL, magnesium_oral=named).description == (
        "Order: Magnesium oxide, dose per local protocol. Check product, dose and route before signing."
    )


def test_the_order_without_a_dose_names_the_site_drug_but_nothing_that_holds_its_dose() -> None:
    proposed = order(Proposal.MAGNESIUM_INTRAVENOUS_NO_DOSE, magnesium_intravenous=SULFATE)

    assert "2 g" not in str(proposed)
    assert proposed.resource["medicationCodeableConcept"] == {
        "coding": [{"system": SULFATE.system, "code": SULFATE.code}],
        "text": "Magnesium sulfate, intravenous",
    }
    assert proposed.description == (
        "Order: Magnesium sulfate, intravenous. No dose is proposed. Dose per local protocol. "
        "Less with reduced kidney function; check levels. Check product, dose and route before signing."
    )


def test_a_dose_configured_for_the_order_without_a_dose_is_not_used() -> None:
    vial = SiteProduct("Magnesium sulfate vial", dose="2 g over 2 hours")

    proposed = order(Proposal.MAGNESIUM_INTRAVENOUS_NO_DOSE, magnesium_intravenous_without_dose=vial)

    assert "Magnesium sulfate vial" in proposed.description
    assert "2 g" not in str(proposed)


def test_what_a_site_leaves_out_is_ours() -> None:
    proposed = order(Proposal.MAGNESIUM_ORAL, magnesium_oral=SiteProduct())

    assert proposed.resource["medicationCodeableConcept"] == {"text": "Magnesium, oral"}
    assert proposed.resource["dosageInstruction"][0]["route"] == {"text": "oral"}


def test_potassium_goes_by_no_route_unless_the_site_names_one() -> None:
    assert order(Proposal.POTASSIUM).resource["dosageInstruction"] == [{"text": "Dose per local protocol."}]


def test_a_text_over_several_lines_is_one_line_on_the_card() -> None:
    assert order(Proposal.POTASSIUM, potassium=SiteProduct("KCl\n 20 mmol")).label == "Order: KCl 20 mmol"


# ── Always valid ──


def test_an_order_for_nobody_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a patient"):
        build(Proposal.POTASSIUM, patient_id="", encounter_id=None, products={})


@pytest.mark.parametrize("products", [{}, DEFAULT_PRODUCTS], ids=["no products", "products of the policy"])
def test_start_up_accepts_what_we_ship(products: Mapping[str, Product]) -> None:
    validate_templates(products)


@pytest.mark.parametrize(
    ("products", "message"),
    [
        ({"magnesium-oral": SiteProduct("x", "s", "two  blanks")}, r"products\.magnesium-oral: .*code"),
        ({"potassium": SiteProduct("KCl\x00")}, r"products\.potassium: .*printable"),
        ({"magnesium_oral": SULFATE}, "nothing proposes magnesium_oral"),
    ],
)
def test_start_up_refuses_a_wrong_product_and_names_it(products: Mapping[str, Product], message: str) -> None:
    with pytest.raises(ValueError, match=f"(?s){message}"):
        validate_templates(products)


@given(
    proposal=st.sampled_from(Proposal),
    patient_id=st.from_regex(r"[A-Za-z0-9.-]{1,200}", fullmatch=True),
    encounter_id=st.none() | st.from_regex(r"[A-Za-z0-9.-]{1,200}", fullmatch=True),
    products=st.sampled_from([{}, DEFAULT_PRODUCTS, {"magnesium-intravenous": SULFATE}]),
)
def test_every_order_for_every_patient_is_valid_fhir(
    proposal: Proposal, patient_id: str, encounter_id: str | None, products: Mapping[str, Product]
) -> None:
    resource = build(proposal, patient_id=patient_id, encounter_id=encounter_id, products=products).resource

    model = MODELS[resource["resourceType"]].model_validate(resource)

    assert model.model_dump(exclude_none=True) == resource
    assert resource["status"] == "draft"
    assert resource["subject"]["reference"] == f"Patient/{patient_id}"
    assert ("encounter" in resource) == (encounter_id is not None)


def test_filling_in_one_patient_does_not_change_the_order_of_another() -> None:
    first = build(Proposal.POTASSIUM, patient_id="a", encounter_id="e", products={}).resource
    second = build(Proposal.POTASSIUM, patient_id="b", encounter_id=None, products={}).resource

    assert first["subject"] == {"reference": "Patient/a"}
    assert second["subject"] == {"reference": "Patient/b"}
    assert "encounter" not in second
