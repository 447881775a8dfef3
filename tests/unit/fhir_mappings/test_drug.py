from __future__ import annotations

from typing import Any

import pytest

from fhir_mappings.codes import ATC, NDC, RXNORM, SNOMED, DrugConcept, RouteKind
from fhir_mappings.drug import Drug, identify
from fhir_mappings.site_codes import SiteCodes
from magnesium.facts import Match

FUROSEMIDE, HCTZ, TRIAMTERENE = "4603", "5487", "10763"
HCTZ_LISINOPRIL = "197885"
DIGOXIN_CAPSULE = "197605"
FORMULARY, NAMES = "urn:ours:formulary", "urn:ours:name"

SITE = SiteCodes(
    drugs={(FORMULARY, "KCL20"): DrugConcept(("potassium chloride",), None, RouteKind.ORAL, "", "")},
    drug_name_systems=frozenset({NAMES}),
)


def concept(*pairs: tuple[str, str], text: str = "", display: str = "") -> dict[str, Any]:
    coding = [{"system": system, "code": code, "display": display} for system, code in pairs]
    return {"coding": coding, "text": text}


def order(**elements: Any) -> dict[str, Any]:
    return {"resourceType": "MedicationRequest", "id": "m1"} | elements


def coded(*pairs: tuple[str, str], text: str = "", display: str = "") -> dict[str, Any]:
    return order(medicationCodeableConcept=concept(*pairs, text=text, display=display))


def medication(own_id: str = "med", **elements: Any) -> dict[str, Any]:
    return {"resourceType": "Medication", "id": own_id} | elements


@pytest.fixture
def found(context_of: Any) -> Any:
    def identify_at_site(resource: dict[str, Any], *others: dict[str, Any]) -> Any:
        return identify(resource, context_of(*others, site=SITE))

    return identify_at_site


class TestCodes:
    def test_a_product(self, found: Any) -> None:
        drug = found(coded((RXNORM, DIGOXIN_CAPSULE), text="Digoxin 0.2 mg"))
        assert isinstance(drug, Drug)
        assert (drug.ingredients, drug.route_kind, drug.dose_form) == (("digoxin",), RouteKind.ORAL, "Oral Capsule")
        assert (drug.other_ingredients, drug.label, drug.match) == (False, "Digoxin 0.2 mg", Match.STANDARD_CODE)
        assert (drug.coding.system, drug.coding.code) == (RXNORM, DIGOXIN_CAPSULE)

    @pytest.mark.parametrize(
        ("pairs", "text", "ingredients", "match"),
        [
            ([(RXNORM, FUROSEMIDE)], "", ("furosemide",), Match.STANDARD_CODE),
            ([(ATC, "C03CA01")], "", ("furosemide",), Match.STANDARD_CODE),
            ([("urn:oid:2.16.840.1.113883.6.88", FUROSEMIDE)], "", ("furosemide",), Match.STANDARD_CODE),
            ([(FORMULARY, "KCL20")], "", ("potassium chloride",), Match.LOCAL_CODE),
            ([(FORMULARY, "KCL20"), (RXNORM, FUROSEMIDE)], "", ("furosemide",), Match.STANDARD_CODE),
            ([(FORMULARY, "KCL20")], "Furosemide", ("potassium chloride",), Match.LOCAL_CODE),
            ([(RXNORM, "99999999")], "Furosemide 40 mg", ("furosemide",), Match.NAME),
            ([(NDC, "51079-0083-20")], "LASIX", ("furosemide",), Match.NAME),
            ([(NAMES, "Furosemide-Heart Failure")], "", ("furosemide",), Match.NAME),
            ([], "4 ML VIAL : FUROSEMIDE 10 MG/ML INJ SOLN", ("furosemide",), Match.NAME),
        ],
        ids=str,
    )
    def test_a_standard_code_wins_over_a_local_one_over_a_name(
        self, pairs: list[tuple[str, str]], text: str, ingredients: tuple[str, ...], match: Match, found: Any
    ) -> None:
        drug = found(coded(*pairs, text=text))
        assert (drug.ingredients, drug.match) == (ingredients, match)

    def test_of_several_codings_the_product_is_taken(self, found: Any) -> None:
        for pairs in ([(RXNORM, HCTZ), (RXNORM, HCTZ_LISINOPRIL)], [(RXNORM, HCTZ_LISINOPRIL), (RXNORM, HCTZ)]):
            drug = found(coded(*pairs))
            assert (drug.coding.code, drug.route_kind, drug.other_ingredients) == (
                HCTZ_LISINOPRIL,
                RouteKind.ORAL,
                False,
            )

    def test_codings_without_a_common_ingredient_contradict_each_other(self, found: Any) -> None:
        assert found(coded((RXNORM, FUROSEMIDE), (RXNORM, DIGOXIN_CAPSULE))) == "conflicting-codes"
        assert found(order(medicationCodeableConcept=concept(text="Lasix"), medicationReference={"display": "Digoxin"})) == (
            "conflicting-codes"
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("codes", "kind"),
        [
            (["239204"], RouteKind.PARENTERAL),  # gentamicin for injection
            (["239204", "1596450"], RouteKind.PARENTERAL),  # and the bare ingredient
            (["1740467", "104894"], RouteKind.SYSTEMIC),  # ondansetron, injection and tablet
            (["239204", "310468"], RouteKind.UNKNOWN),  # gentamicin for injection and as an eye ointment
            (["310466"], RouteKind.UNKNOWN),  # gentamicin, in a form that the table does not know
        ],
    )
    def test_the_route_of_several_products(self, codes: list[str], kind: RouteKind, found: Any) -> None:
        assert found(coded(*((RXNORM, code) for code in codes))).route_kind is kind

    def test_the_words_beside_a_code_that_says_nothing_about_the_route(self, found: Any) -> None:
        gentamicin = (RXNORM, "1596450")
        assert found(coded(gentamicin)).route_kind is RouteKind.UNSPECIFIED
        assert found(coded(gentamicin, text="Gentamicin 0.3 % eye drops")).route_kind is RouteKind.LOCAL


class TestReferences:
    SENT = order(medicationReference={"reference": "Medication/med"})

    def test_a_medication_that_came_along(self, found: Any) -> None:
        drug = found(self.SENT, medication(code=concept((RXNORM, FUROSEMIDE), text="Lasix")))
        assert (drug.ingredients, drug.label) == (("furosemide",), "Lasix")

    def test_a_contained_one(self, found: Any) -> None:
        sent = order(
            medicationReference={"reference": "#med"}, contained=[medication(code=concept((RXNORM, FUROSEMIDE)))]
        )
        assert found(sent).ingredients == ("furosemide",)

    def test_its_name_may_be_in_its_text_only(self, found: Any) -> None:
        drug = found(self.SENT, medication(code=concept((NDC, "51079008320"), text="Furosemide")))
        assert (drug.ingredients, drug.match) == (("furosemide",), Match.NAME)

    def test_or_in_an_identifier(self, found: Any) -> None:
        named = medication(
            identifier=[{"system": NAMES, "value": "Furosemide"}, {"system": "urn:x", "value": "Digoxin"}]
        )
        assert found(self.SENT, named).ingredients == ("furosemide",)

    def test_or_in_the_display_of_the_reference(self, found: Any) -> None:
        sent = order(medicationReference={"reference": "Medication/gone", "display": "furosemide (LASIX) 40 MG tablet"})
        drug = found(sent)
        assert (drug.ingredients, drug.route_kind, drug.label) == (
            ("furosemide",),
            RouteKind.ORAL,
            "furosemide (LASIX) 40 MG tablet",
        )

    def test_a_form_of_the_medication_tells_the_route(self, found: Any) -> None:
        eye = medication(code=concept((RXNORM, "1596450")), form={"text": "Ophthalmic drops"})
        assert found(self.SENT, eye).route_kind is RouteKind.LOCAL

    @pytest.mark.parametrize(
        ("elements", "expected"),
        [
            ({"code": concept(*[(RXNORM, FUROSEMIDE)] * 200)}, ("furosemide",)),
            ({"code": concept(*[(RXNORM, FUROSEMIDE)] * 201)}, "unresolved-medication"),
            ({"code": concept((RXNORM, FUROSEMIDE), text="x" * 5_000)}, ("furosemide",)),
            ({"code": concept((RXNORM, FUROSEMIDE), text="x" * 5_001)}, "unresolved-medication"),
            ({"code": concept((RXNORM, FUROSEMIDE)), "form": {"text": "x" * 5_001}}, "unresolved-medication"),
            ({"ingredient": [{"itemCodeableConcept": concept((RXNORM, FUROSEMIDE))}] * 100}, ("furosemide",)),
            ({"ingredient": [{"itemCodeableConcept": concept((RXNORM, FUROSEMIDE))}] * 101}, "unresolved-medication"),
            ({"ingredient": [{"itemReference": {"reference": "Medication/inner"}}] * 101}, "unresolved-medication"),
            ({"ingredient": [{"itemCodeableConcept": {"text": "x" * 5_001}}]}, "unresolved-medication"),
        ],
    )
    def test_one_that_says_more_than_any_drug_has_names_is_not_believed(
        self, elements: dict[str, Any], expected: object, found: Any
    ) -> None:
        drug = found(self.SENT, medication(**elements), medication("inner", code=concept((RXNORM, FUROSEMIDE))))
        assert (drug.ingredients if isinstance(drug, Drug) else drug) == expected

    @pytest.mark.parametrize(
        "sent",
        [
            order(medication={"concept": concept((RXNORM, FUROSEMIDE))}),  # R5
            order(medication={"reference": {"reference": "Medication/med"}}),
            order(medication={"reference": "Medication/med"}),
            order(medication=concept((RXNORM, FUROSEMIDE))),
        ],
        ids=str,
    )
    def test_shapes_of_other_versions(self, sent: dict[str, Any], found: Any) -> None:
        assert found(sent, medication(code=concept((RXNORM, FUROSEMIDE)))).ingredients == ("furosemide",)


class TestIngredients:
    SENT = TestReferences.SENT

    def test_a_mixture_is_what_it_is_made_of(self, found: Any) -> None:
        mixed = medication(
            ingredient=[
                {"itemCodeableConcept": concept((RXNORM, HCTZ))},
                {"itemCodeableConcept": concept((RXNORM, TRIAMTERENE))},
                {"itemCodeableConcept": concept((RXNORM, FUROSEMIDE)), "isActive": False},
            ]
        )
        drug = found(self.SENT, mixed)
        assert drug.ingredients == ("hydrochlorothiazide", "triamterene")
        assert (drug.other_ingredients, drug.match) == (None, Match.STANDARD_CODE)

    def test_with_something_else_in_it(self, found: Any) -> None:
        mixed = medication(
            code={"text": "KCl in saline"},
            ingredient=[
                {"itemCodeableConcept": concept((RXNORM, "8591"))},
                {"itemCodeableConcept": concept((RXNORM, "9863"), display="sodium chloride")},
            ],
        )
        drug = found(self.SENT, mixed)
        assert (drug.ingredients, drug.other_ingredients, drug.label) == (
            ("potassium chloride",),
            True,
            "KCl in saline",
        )

    def test_an_ingredient_may_be_a_medication_or_r5_shaped(self, found: Any) -> None:
        mixed = medication(
            ingredient=[
                {"itemReference": {"reference": "Medication/inner"}},
                {"item": {"concept": concept((RXNORM, TRIAMTERENE))}},
                {"item": {"reference": {"reference": "Medication/gone"}}},
            ]
        )
        drug = found(self.SENT, mixed, medication("inner", code=concept((RXNORM, HCTZ))))
        assert (drug.ingredients, drug.other_ingredients) == (("hydrochlorothiazide", "triamterene"), True)

    def test_named_ingredients_are_the_last_resort(self, found: Any) -> None:
        mixed = medication(ingredient=[{"itemCodeableConcept": {"text": "Furosemide"}}])
        drug = found(self.SENT, mixed)
        assert (drug.ingredients, drug.match, drug.label) == (("furosemide",), Match.NAME, "Furosemide")


class TestNoneOfOurs:
    @pytest.mark.parametrize(
        "sent",
        [
            coded(text="Acetaminophen"),
            coded(text="Penicillin V Potassium 250 MG"),
            coded((RXNORM, "161"), display="Acetaminophen"),
            coded((NAMES, "Acetaminophen")),
            order(medicationReference={"display": "Acetaminophen"}),
        ],
        ids=str,
    )
    def test_a_drug_with_a_name_is_simply_left_out(self, sent: dict[str, Any], found: Any) -> None:
        assert found(sent) is None

    @pytest.mark.parametrize(
        "sent",
        [
            order(),
            order(medicationCodeableConcept={"extension": [{"url": "data-absent-reason", "valueCode": "unknown"}]}),
            order(medicationCodeableConcept=7),
            coded(("urn:eicu:drughiclseqno", "182")),
            coded((RXNORM, "161")),
            coded((SNOMED, "1")),
            order(medicationReference={}),
        ],
        ids=str,
    )
    def test_a_number_that_nobody_knows_is_not_guessed(self, sent: dict[str, Any], found: Any) -> None:
        assert found(sent) == "unknown-drug"

    def test_a_reference_that_leads_nowhere(self, found: Any) -> None:
        assert found(TestReferences.SENT) == "unresolved-medication"

    def test_a_code_that_is_understood_needs_no_look_at_the_name(
        self, found: Any, monkeypatch: Any, context: Any
    ) -> None:
        monkeypatch.setattr(type(context.terminology), "knows_drug_code", lambda *_: True)
        assert found(coded((RXNORM, "161"), text="Potassium Chloride")) is None
