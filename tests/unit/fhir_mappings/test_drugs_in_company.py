"""clinical.md §1.5, §2.2 and §2.9: drugs that matter only beside a drug of ours are recognised, and their traps are not."""

from __future__ import annotations

import pytest

from fhir_mappings.codes import ATC, RXNORM, RouteKind, Terminology


@pytest.fixture(scope="module")
def terminology() -> Terminology:
    return Terminology.load()


@pytest.mark.parametrize(
    ("text", "ingredients"),
    [
        ("Lisinopril 10 MG Oral Tablet", ("lisinopril",)),
        ("enalapril maleate", ("enalapril",)),
        ("Losartan Potassium 50 MG", ("losartan",)),
        ("sacubitril / valsartan", ("valsartan",)),
        ("azilsartan medoxomil potassium", ("azilsartan",)),
        ("Sulfameth/Trimethoprim DS", ("trimethoprim",)),
        ("SMX-TMP 800-160", ("trimethoprim",)),
        ("co-trimoxazole", ("trimethoprim",)),
        ("Heparin 5,000 units SC", ("heparin",)),
        ("Enoxaparin Sodium 40 MG/0.4ML SC SOLN", ("enoxaparin",)),
        ("Insulin Human Regular", ("insulin",)),
        ("INSULIN LISPRO, RECOMBINANT", ("insulin",)),
        ("HumaLOG", ("insulin",)),
        ("mycophenolate mofetil 500 mg", ("mycophenolate mofetil",)),
        ("Mycophenolate Sodium DR", ("mycophenolic acid",)),
        ("Levothyroxine Sodium 50 mcg", ("levothyroxine",)),
        ("doxycycline hyclate", ("doxycycline",)),
        ("alendronic acid 70 mg", ("alendronate",)),
        ("dolutegravir / lamivudine", ("dolutegravir",)),
        ("raltegravir potassium 400 mg", ("raltegravir",)),
        ("Ferrous Sulfate 325 mg", ("ferrous sulfate",)),
        ("ASA 81 mg", ("aspirin",)),
        ("acetylsalicylic acid", ("aspirin",)),
        ("apixaban 5 mg", ("apixaban",)),
        ("warfarin potassium", ("warfarin",)),
        ("Diclofenac potassium", ("diclofenac",)),
        ("Rocuronium Bromide", ("rocuronium",)),
        ("suxamethonium chloride", ("succinylcholine",)),
        # In combinations with our own drugs.
        ("losartan potassium / hydrochlorothiazide 50-12.5 MG", ("hydrochlorothiazide", "losartan")),
        ("Esomeprazole 20 MG / Naproxen 500 MG", ("esomeprazole", "naproxen")),
    ],
)
def test_they_are_found_by_name(terminology: Terminology, text: str, ingredients: tuple[str, ...]) -> None:
    found = terminology.drug_by_name(text)
    assert found is not None
    assert found.ingredients == ingredients


@pytest.mark.parametrize(
    "text",
    [
        "digoxin immune fab (ovine) 40 mg",
        "iron dextran complex 50 mg/mL",
        "iron sucrose 200 mg IV",
        "ferric carboxymaltose",
        "sodium ferric gluconate complex",
        "multivitamin with iron",
        "Pamidronate",
        "zoledronic acid",
        "heparin induced thrombocytopenia",
        "heparin level",
        "heparinized saline",
        "heparinoid cream",
        "insulin syringe 1 mL",
        "BD insulin pen needles",
        "insulin pump",
        "5-ASA 800 mg",
        "aspirin free",
        "Lidocaine-Prilocaine",
    ],
)
def test_what_only_sounds_like_one_is_none(terminology: Terminology, text: str) -> None:
    assert terminology.drug_by_name(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "Heparin Flush (10 units/ml)",
        "Heparin Lock Flush",
        "Heparin Dwell (1000 Units/mL)",
        "Heparin (CRRT Machine Priming)",
        "Diclofenac 1 % gel",
        "Ketorolac 0.5 % Ophth Soln",
        "polymyxin B / trimethoprim eye drops",
        "Polymyxin B-Trimethoprim",
        "minocycline topical foam",
    ],
)
def test_local_use_is_local(terminology: Terminology, text: str) -> None:
    found = terminology.drug_by_name(text)
    assert found is not None
    assert found.route_kind is RouteKind.LOCAL


@pytest.mark.parametrize(
    ("system", "code", "ingredients", "route"),
    [
        (RXNORM, "29046", ("lisinopril",), RouteKind.UNSPECIFIED),
        (RXNORM, "52175", ("losartan",), RouteKind.UNSPECIFIED),
        (RXNORM, "5224", ("heparin",), RouteKind.UNSPECIFIED),
        (RXNORM, "253182", ("insulin",), RouteKind.UNSPECIFIED),
        (RXNORM, "86009", ("insulin",), RouteKind.UNSPECIFIED),
        (RXNORM, "197885", ("hydrochlorothiazide", "lisinopril"), RouteKind.ORAL),
        (ATC, "C09AA03", ("lisinopril",), RouteKind.SYSTEMIC),
        (ATC, "A10AB01", ("insulin",), RouteKind.SYSTEMIC),
        (ATC, "A10AF01", ("insulin",), RouteKind.LOCAL),
        (ATC, "C05BA03", ("heparin",), RouteKind.LOCAL),
        (ATC, "M03AC09", ("rocuronium",), RouteKind.SYSTEMIC),
        (ATC, "C09BX03", ("hydrochlorothiazide", "ramipril"), RouteKind.SYSTEMIC),
    ],
)
def test_they_are_found_by_code(
    terminology: Terminology, system: str, code: str, ingredients: tuple[str, ...], route: RouteKind
) -> None:
    found = terminology.drug(system, code)
    assert found is not None
    assert (found.ingredients, found.route_kind) == (ingredients, route)


@pytest.mark.parametrize("atc", ["C09BA03", "C09DA01", "B01AC56", "M01AE51"])
def test_a_group_with_an_unnamed_partner_is_left_to_its_name(terminology: Terminology, atc: str) -> None:
    """The code would hide the thiazide, or the proton pump inhibitor, that the name beside it gives."""
    assert terminology.drug(ATC, atc) is None
