from __future__ import annotations

import csv
from importlib.resources import files
from typing import Any

import pytest

from fhir_mappings.codes import RouteKind
from fhir_mappings.routes import dosage_route, only_systemic, ordered_route, route_given, route_in_words
from magnesium.facts import Route

SNOMED = "http://snomed.info/sct"


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        ({"coding": [{"system": SNOMED, "code": "26643006"}]}, Route.ORAL),
        ({"coding": [{"system": SNOMED, "code": "47625008"}]}, Route.INTRAVENOUS),
        ({"coding": [{"system": SNOMED, "code": "54485002"}]}, Route.LOCAL),
        ({"coding": [{"code": "999", "display": "Intravenous route (qualifier value)"}]}, Route.INTRAVENOUS),
        ({"coding": [{"code": "PO"}]}, Route.ORAL),
        ({"coding": [{"code": "PO/NG"}]}, Route.ORAL),
        ({"coding": [{"code": "NG"}]}, Route.ORAL),
        ({"coding": [{"code": "IV DRIP"}]}, Route.INTRAVENOUS),
        ({"coding": [{"code": "iv  drip"}]}, Route.INTRAVENOUS),
        ({"coding": [{"code": "IVPCA"}]}, Route.INTRAVENOUS),
        ({"coding": [{"code": "IM"}]}, Route.PARENTERAL),
        ({"coding": [{"code": "SC"}]}, Route.PARENTERAL),
        ({"coding": [{"code": "PR"}]}, Route.SYSTEMIC),
        ({"coding": [{"code": "TD"}]}, Route.SYSTEMIC),
        ({"coding": [{"code": "OU"}]}, Route.LOCAL),
        ({"coding": [{"code": "OD"}]}, Route.LOCAL),
        ({"coding": [{"code": "IH"}]}, Route.LOCAL),
        ({"coding": [{"code": "TP"}]}, Route.LOCAL),
        ({"coding": [{"code": "DIALYS"}]}, Route.LOCAL),
        ({"coding": [{"code": "RIGHT EYE"}]}, Route.LOCAL),
        ({"coding": [{"code": "IVFLUSH"}]}, Route.LOCAL),
        ({"text": "by mouth"}, Route.ORAL),
        ("IV", Route.INTRAVENOUS),
        ({"coding": [{"code": "PO"}, {"code": "26643006"}]}, Route.ORAL),
        ({"coding": [{"code": "PO"}, {"code": "IV"}]}, Route.SYSTEMIC),
        ({"coding": [{"code": "IV"}, {"code": "IM"}]}, Route.INTRAVENOUS),
        ({"coding": [{"code": "PO"}, {"code": "OU"}]}, None),
        ({"coding": [{"code": "PB"}]}, None),
        ({}, None),
        (None, None),
    ],
    ids=str,
)
def test_the_route_of_an_order(route: Any, expected: Route | None) -> None:
    assert ordered_route(route) is expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("40 mg PO Daily", Route.ORAL),
        ("20 mEq IVPB as directed", Route.INTRAVENOUS),
        ("100 ML INTRAVEN DRIP", Route.INTRAVENOUS),
        ("0 Unit SUBQ", Route.PARENTERAL),
        ("INTRAVENOUS INJECTION", Route.INTRAVENOUS),
        ("2.5 mg SVN Q4H", Route.LOCAL),
        ("1 drop in both eyes twice a day", Route.LOCAL),
        ("40 mg OD", None),  # once daily, not the right eye
        ("take one as directed in the morning", None),
        ("PO or IV", Route.SYSTEMIC),
        ("take by mouth or flush", None),
        ("", None),
    ],
)
def test_the_route_in_words(words: str, expected: Route | None) -> None:
    assert route_in_words([words]) is expected


@pytest.mark.parametrize(
    ("dosages", "expected"),
    [
        ([], None),
        ([{"route": {"coding": [{"code": "PO"}]}, "text": "IV"}], Route.ORAL),
        ([{"text": "40 mg IV"}], Route.INTRAVENOUS),
        ([{"route": {"coding": [{"code": "IV"}]}}, {"route": {"coding": [{"code": "PO"}]}}], Route.SYSTEMIC),
        ([{"route": {"coding": [{"code": "IV"}]}}, {"text": "then by mouth"}], Route.INTRAVENOUS),
    ],
    ids=str,
)
def test_the_route_of_all_dosages(dosages: list[dict[str, Any]], expected: Route | None) -> None:
    assert dosage_route(dosages) is expected


@pytest.mark.parametrize(
    ("product", "ordered", "expected"),
    [
        (RouteKind.ORAL, None, Route.ORAL),
        (RouteKind.ORAL, Route.ORAL, Route.ORAL),
        (RouteKind.ORAL, Route.INTRAVENOUS, Route.SYSTEMIC),
        (RouteKind.ORAL, Route.LOCAL, Route.LOCAL),
        (RouteKind.PARENTERAL, None, Route.PARENTERAL),
        (RouteKind.PARENTERAL, Route.INTRAVENOUS, Route.INTRAVENOUS),
        (RouteKind.PARENTERAL, Route.PARENTERAL, Route.PARENTERAL),
        (RouteKind.PARENTERAL, Route.ORAL, Route.SYSTEMIC),
        (RouteKind.PARENTERAL, Route.LOCAL, Route.LOCAL),
        (RouteKind.SYSTEMIC, None, Route.SYSTEMIC),
        (RouteKind.SYSTEMIC, Route.INTRAVENOUS, Route.INTRAVENOUS),
        (RouteKind.LOCAL, None, Route.LOCAL),
        (RouteKind.LOCAL, Route.LOCAL, Route.LOCAL),
        (RouteKind.LOCAL, Route.INTRAVENOUS, Route.UNKNOWN),
        (RouteKind.UNKNOWN, None, Route.UNKNOWN),
        (RouteKind.UNKNOWN, Route.INTRAVENOUS, Route.INTRAVENOUS),
        (RouteKind.UNSPECIFIED, Route.ORAL, Route.ORAL),
        (RouteKind.UNSPECIFIED, Route.LOCAL, Route.LOCAL),
    ],
)
def test_product_and_order_together(product: RouteKind, ordered: Route | None, expected: Route) -> None:
    assert route_given(product, ordered, ["gentamicin"]) == (expected, False)


@pytest.mark.parametrize(
    ("ingredients", "assumed"),
    [(["cetuximab"], False), (["cisplatin"], False), (["furosemide"], False), (["gentamicin"], True), (["tacrolimus"], True)],
)  # fmt: skip
def test_systemic_is_assumed_only_where_a_local_form_exists(ingredients: list[str], assumed: bool) -> None:
    assert route_given(RouteKind.UNSPECIFIED, None, ingredients) == (Route.SYSTEMIC, assumed)


def test_which_ingredients_have_a_local_form_is_what_the_tables_say() -> None:
    known: set[str] = set()
    some_local: set[str] = set()
    for table in ("rxnorm_products.csv", "rxnorm_concepts.csv", "atc.csv"):
        written = files("fhir_mappings.terminology").joinpath(table).read_text(encoding="utf-8")
        for row in csv.DictReader(written.splitlines()):
            ingredients = row["ingredients"].split(";")
            known.update(ingredients)
            if row["route_kind"] in {"local", "unknown"}:
                some_local.update(ingredients)
    assert {ingredient for ingredient in known if not only_systemic([ingredient])} == some_local
