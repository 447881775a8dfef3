"""The tables that ship: right in themselves, and still what they were copied from."""

from __future__ import annotations

import csv
import os
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date
from importlib.resources import files
from pathlib import Path

import pytest

from fhir_mappings.codes import ATC, ICD10CM, LOINC, RXNORM, RouteKind, Terminology, TerminologyError
from fhir_mappings.terminology import tables
from fhir_mappings.terminology.dose_forms import route_of_all
from fhir_mappings.terminology.names import NameIndex
from magnesium.drugs import drugs

SHIPPED = files("fhir_mappings.terminology")
SHARED = Path(__file__).parents[4] / "shared" / "terminology"
KNOWN = frozenset(tables.read_ingredients())


@pytest.fixture(scope="module")
def terminology() -> Terminology:
    return Terminology.load()


def shipped(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(SHIPPED.joinpath(name).read_text(encoding="utf-8").splitlines()))


def shared(name: str) -> list[dict[str, str]]:
    if not SHARED.is_dir():
        if os.environ.get("MAGNESIUM_CDS_REQUIRE_SHARED") == "1":
            pytest.fail("the terminology that the tables were copied from is not beside this checkout")
        pytest.skip("the terminology that the tables were copied from is not beside this checkout")
    with (SHARED / name).open(encoding="utf-8", newline="") as rows:
        return list(csv.DictReader(rows))


TABLES = [
    "atc.csv",
    "icd10cm.csv",
    "ingredients.csv",
    "loinc.csv",
    "name_routes.csv",
    "name_traps.csv",
    "names.csv",
    "rxnorm_concepts.csv",
    "rxnorm_products.csv",
    "snomed.csv",
]


# ── Each table in itself ─────────────────────────────────────────────────────────────────────────────────────────────


def test_every_table_names_its_source_licence_release_and_review() -> None:
    sources = tomllib.loads(SHIPPED.joinpath("sources.toml").read_text(encoding="utf-8"))

    assert sorted(table["file"] for table in sources["table"]) == TABLES
    assert sorted(file.name for file in SHIPPED.iterdir() if file.name.endswith(".csv")) == TABLES
    for table in sources["table"]:
        assert table.keys() == {"file", "what", "source", "release", "licence", "reviewed"}
        assert table["reviewed"] >= date(2026, 11, 21)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_sorted_and_has_unix_lines(name: str) -> None:
    raw = SHIPPED.joinpath(name).read_bytes()
    rows = [list(row.values()) for row in shipped(name)]

    assert b"\r" not in raw
    assert raw.endswith(b"\n")
    first = [[int(row[0]), *row[1:]] if row[0].isdigit() else row for row in rows]
    assert first == sorted(first)


def luhn(digits: str) -> int:
    """Return the mod-10 check digit that LOINC puts behind the hyphen."""
    doubled = [int(d) * (2 if at % 2 == 0 else 1) for at, d in enumerate(reversed(digits))]
    return -sum(d // 10 + d % 10 for d in doubled) % 10


def test_every_loinc_code_has_its_check_digit() -> None:
    for row in shipped("loinc.csv"):
        number, check = row["loinc"].split("-")
        assert luhn(number) == int(check), row["loinc"]


VERHOEFF = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
    [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
    [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
    [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
    [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
    [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
    [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
]


def verhoeff_holds(code: str) -> bool:
    total = 0
    for at, digit in enumerate(reversed(code)):
        total = dihedral(total, VERHOEFF[at % 8][int(digit)])
    return total == 0


def dihedral(one: int, other: int) -> int:
    """Multiply in the group of the symmetries of a pentagon."""
    if one < 5:
        return (one + other) % 5 if other < 5 else 5 + (one + other - 5) % 5
    return 5 + (one - 5 - other) % 5 if other < 5 else (one - other) % 5


def test_every_snomed_code_has_its_check_digit() -> None:
    assert not verhoeff_holds("190855005")
    for row in shipped("snomed.csv"):
        assert verhoeff_holds(row["code"]), row["code"]


def test_a_rxnorm_code_is_either_a_product_or_another_concept() -> None:
    codes = Counter(row["rxcui"] for name in ("products", "concepts") for row in shipped(f"rxnorm_{name}.csv"))

    assert [code for code, count in codes.items() if count > 1] == []


def test_the_codes_of_our_ingredients_are_the_ingredients_in_rxnorm(terminology: Terminology) -> None:
    for row in shipped("ingredients.csv"):
        if row["rxnorm_in"]:
            concept = terminology.drug(RXNORM, row["rxnorm_in"])
            assert concept is not None
            assert concept.ingredients == (row["ingredient"],)


def test_the_route_of_a_product_is_what_its_dose_form_says() -> None:
    for row in shipped("rxnorm_products.csv"):
        if row["name"] and row["dose_form"]:
            forms = frozenset(row["dose_form"].split(" + "))
            assert route_of_all(forms) is RouteKind(row["route_kind"]), row


def test_a_product_of_which_all_ingredients_are_listed_says_whether_there_are_others() -> None:
    for row in shipped("rxnorm_products.csv"):
        if row["all_ingredients"]:
            assert row["other_ingredients"] in {"yes", "no"}, row


def test_no_label_of_a_package_listing_is_shipped() -> None:
    assert [row for row in shipped("rxnorm_products.csv") if "FDA" in row["name"]] == []


def test_no_diagnosis_is_of_the_past_or_of_the_family() -> None:
    for name in ("icd10cm.csv", "snomed.csv"):
        for row in shipped(name):
            told = re.search(r"remission|history of|family|(?<!antenatal )screening", row["display"], re.IGNORECASE)
            if row.get("match") != "excluded":
                # A family history stands for itself, never for the disease.
                assert bool(told) is (row["condition"] == "family_history"), row


def test_an_exception_stands_below_the_category_that_it_is_excepted_from() -> None:
    rows = shipped("icd10cm.csv")
    categories = {(row["condition"], row["code"]) for row in rows if row["match"] == "prefix"}

    for row in rows:
        if row["match"] == "excluded":
            above = {(row["condition"], row["code"][:length].rstrip(".")) for length in range(3, len(row["code"]))}
            assert above & categories, row


def test_every_ingredient_is_found_by_its_own_name(terminology: Terminology) -> None:
    for ingredient in KNOWN:
        concept = terminology.drug_by_name(ingredient)
        assert concept is not None
        assert concept.ingredients == (ingredient,)


def test_every_name_is_found_in_a_text(terminology: Terminology) -> None:
    for row in shipped("names.csv"):
        concept = terminology.drug_by_name(f"10 {row['name'].upper()} (x)")
        assert concept is not None
        assert concept.ingredients == tuple(row["ingredients"].split(";"))


def test_a_trap_never_gives_a_potassium_or_magnesium_salt(terminology: Terminology) -> None:
    for row in shipped("name_traps.csv"):
        concept = terminology.drug_by_name(f"{row['phrase']} 100 mg")
        assert (concept.ingredients if concept else ()) == tuple(filter(None, row["ingredients"].split(";"))), row


def test_names_and_codes_of_rxnorm_agree(terminology: Terminology) -> None:
    """RxNorm's own product names, read as free text, give the ingredients and no other route than their codes."""
    for row in shipped("rxnorm_products.csv"):
        if row["name"] and not row["name"].endswith("(abridged)"):
            by_name = terminology.drug_by_name(row["name"])
            assert by_name is not None, row
            assert ";".join(by_name.ingredients) == row["ingredients"], row
            if "[Comfort Gel]" not in row["name"]:  # an antacid to swallow, though named like one to rub in
                assert by_name.route_kind in {RouteKind(row["route_kind"]), RouteKind.UNSPECIFIED}, row


def test_every_drug_of_the_knowledge_tables_is_recognised() -> None:
    """A drug that no code and no name leads to would be a rule that never speaks."""
    assert drugs().keys() <= KNOWN


# ── Bad rows ─────────────────────────────────────────────────────────────────────────────────────────────────────────

NAMES = "name,ingredients,other_ingredients,route_kind,position,note"
TRAPS = "phrase,ingredients,note"
ROUTES = "phrase,route_kind,note"


def index(name: str = "lasix,furosemide,,,,", trap: str = "x,,", route: str = "po,oral,") -> NameIndex:
    return NameIndex([NAMES, name], [TRAPS, trap], [ROUTES, route], KNOWN)


@pytest.mark.parametrize(
    ("attempt", "complaint"),
    [
        (lambda: index(name="Lasix,furosemide,,,,"), r"names\.csv:2: name is 'Lasix'"),
        (lambda: index(name="lasix,frusemide,,,,"), r"names\.csv:2: 'frusemide' is no ingredient"),
        (lambda: index(name="lasix,,,,,"), r"names\.csv:2: '' is no ingredient"),
        (lambda: index(name="lasix,furosemide,,,end,"), r"names\.csv:2: position is 'end'"),
        (lambda: index(name="lasix,furosemide,,,"), r"names\.csv:2: 5 cells, expected 6"),
        (lambda: index(trap="lasix,,"), r"name_traps\.csv:2: 'lasix' is a name in names\.csv too"),
        (lambda: index(trap="x,potash,"), r"name_traps\.csv:2: 'potash' is no ingredient"),
        (lambda: index(route="po,mouth,"), r"name_routes\.csv:2: route_kind is 'mouth'"),
        (lambda: NameIndex([], [TRAPS], [ROUTES], KNOWN), r"names\.csv:1: the header is \[\]"),
    ],
)
def test_a_bad_row_of_a_name_table_is_refused(attempt: Callable[[], NameIndex], complaint: str) -> None:
    with pytest.raises(TerminologyError, match=complaint):
        attempt()


def test_a_text_is_one_of_our_names_only_as_a_whole() -> None:
    assert index().ingredients_named("LASIX") == ("furosemide",)
    assert index().ingredients_named("Lasix 40 mg") == ()


# ── Against what they were copied from ───────────────────────────────────────────────────────────────────────────────

LOCAL = RouteKind.LOCAL
ROUTES_OF_ORIGIN = {
    "systemic": RouteKind.SYSTEMIC,
    "systemic_oral": RouteKind.ORAL,
    "systemic_parenteral": RouteKind.PARENTERAL,
    "systemic_unspecified": RouteKind.SYSTEMIC,
    "unknown": RouteKind.UNKNOWN,
}


@pytest.fixture(scope="module")
def in_company() -> frozenset[str]:
    """Return the ingredients that the source does not cover: drugs that matter only beside a drug of ours."""
    return KNOWN - {row["ingredient"] for row in shared("drugs.csv")}


@pytest.mark.shared
def test_the_added_ingredients_are_those_of_drugs_in_company(in_company: frozenset[str]) -> None:
    assert {drugs()[ingredient].drug_class.code for ingredient in in_company} == {
        "ace_inhibitor", "anticoagulant", "antiplatelet", "arb", "binds_magnesium", "heparin", "insulin",
        "neuromuscular_blocker", "nsaid", "trimethoprim",
    }  # fmt: skip


@pytest.mark.shared
def test_every_product_is_there_with_its_ingredients_and_route(
    terminology: Terminology, in_company: frozenset[str]
) -> None:
    for row in shared("rxnorm_products.csv"):
        concept = terminology.drug(RXNORM, row["rxcui"])
        assert concept is not None
        assert ";".join(i for i in concept.ingredients if i not in in_company) == row["ingredients"]
        assert concept.route_kind is ROUTES_OF_ORIGIN.get(row["route_kind"], LOCAL)


@pytest.mark.shared
def test_every_other_concept_is_there_with_its_ingredients(
    terminology: Terminology, in_company: frozenset[str]
) -> None:
    for row in shared("rxnorm_other_tty.csv"):
        concept = terminology.drug(RXNORM, row["rxcui"])
        assert concept is not None
        assert ";".join(i for i in concept.ingredients if i not in in_company) == row["ingredients"]


@pytest.mark.shared
def test_every_ingredient_is_there_with_its_codes(terminology: Terminology, in_company: frozenset[str]) -> None:
    routes = {row["atc"]: row["route_kind"] for row in shared("atc_codes.csv")}
    copied = shared("drugs.csv")

    ours = {ingredient: code for ingredient, code in tables.read_ingredients().items() if ingredient not in in_company}
    assert {row["ingredient"]: row["rxnorm_in"] for row in copied} == ours
    for row in copied:
        for atc in filter(None, f"{row['atc']};{row['atc_former']}".split(";")):
            concept = terminology.drug(ATC, atc)
            assert concept is not None
            assert concept.ingredients == (row["ingredient"],)
            assert concept.route_kind is ROUTES_OF_ORIGIN.get(routes[atc], LOCAL)


ANALYTES = re.compile(
    r"(magnesium|potassium|creatinine|calcium|sodium|chloride|osmolality)\w*|albumin|bicarbonate|co2_total|ph|egfr|qtc|pth"
)
# The official name of these could not be verified, and LOINC is only to be passed on with its own names.
UNVERIFIED_NAMES = {"33950-7", "50873-9", "76633-7"}


@pytest.mark.shared
def test_every_laboratory_code_of_our_analytes_is_there_with_its_name(terminology: Terminology) -> None:
    expected = {
        row["loinc"]: row
        for row in shared("labs.csv")
        if ANALYTES.fullmatch(row["analyte"]) and row["loinc"] not in UNVERIFIED_NAMES
    }

    # No laboratory codes: the heart rate of the FHIR vital signs profile, the QRS of the examples of two national guides.
    assert {row["loinc"] for row in shipped("loinc.csv")} == {*expected, "8867-4", "44973-6", "8633-0"}
    for code, row in expected.items():
        lab = terminology.lab(LOINC, code)
        assert lab is not None
        assert (lab.name, lab.qualifier, lab.specimen) == (
            row["long_name"],
            row["qualifier"],
            row["specimen"],
        )
        whole_blood = row["analyte"] == "magnesium" and row["specimen"] == "whole blood"
        assert lab.analyte == ("magnesium_whole_blood" if whole_blood else row["analyte"])


# Codes of the source that do not mean the condition to a rule, each with the reason.
NOT_COUNTED = {
    "in remission": r"F10\.[129]1|E11\.A",
    "presymptomatic": r"E10\.A.?",
    "use without a disorder, or one intoxication": r"F10\.9|F10\.90|F10\.92.?",
    "first degree, or below 10 % of the body": r"T2\d\.1\w*|T31\.0",
    "first-degree block": r"I44\.0",
    "no malabsorption of minerals, or a heading that includes such": r"K90\.41?|K90\.8",
    "a heading that includes a transplant that failed": r"T86\.12?",
    "a heading that includes another condition": r"N25\.8",
    "a late effect": r"E45",
    "another disorder, or a phosphate that may as well be high": r"E83\.3|E83\.30|E83\.32|E83\.39",
}
# Where one code stands under two conditions, or the condition was split.
RENAMED = {
    "heart_block": {"av_block_high_grade", "av_block_unspecified"},
    "malabsorption": {"malabsorption", "short_bowel_syndrome"},
    "short_bowel_syndrome": {"short_bowel_syndrome", "malabsorption"},
    "renal_tubular_disorder": {"renal_tubular_disorder", "hyperparathyroidism"},
    # Ketoacidosis shifts potassium: it is told apart from the diabetes it comes with.
    "diabetes_mellitus": {"diabetes_mellitus", "diabetic_ketoacidosis"},
    # In the puerperium the pregnancy is over.
    "gestational_diabetes": {"gestational_diabetes", "delivery"},
}
# Conditions of the source that no rule asks for.
NOT_ASKED_FOR = {
    "alcoholic_liver_disease",
    "atrial_fibrillation",
    "cirrhosis",
    "eating_disorder",
    "heart_failure",
    "hyperkalemia",
    "hypermagnesemia",
    "hypocalcemia",
    "hypokalemia",
}


def icd_rows() -> Iterable[dict[str, str]]:
    return (row for row in shared("conditions.csv") if row["system"] == "ICD-10-CM")


@pytest.mark.shared
def test_whole_categories_mean_exactly_the_codes_that_were_reviewed(terminology: Terminology) -> None:
    for row in icd_rows():
        found = terminology.condition(ICD10CM, row["code"])
        if row["condition"] in NOT_ASKED_FOR or re.fullmatch("|".join(NOT_COUNTED.values()), row["code"]):
            assert found is None, row
        else:
            assert found in RENAMED.get(row["condition"], {row["condition"]}), row


# From the same tabular list; guards and causes of the rules that the source does not cover.
ADDED = {
    "ataxia",
    "barrett_esophagus",
    "bradycardia",
    "delivery",
    "diabetic_ketoacidosis",
    "epilepsy",
    "family_history",
    "fanconi_syndrome",
    "fluid_overload",
    "gi_bleeding",
    "hyperaldosteronism",
    "hypercalcemia",
    "hypercalciuria",
    "intestinal_fistula",
    "kidney_stones",
    "lactation",
    "lambert_eaton",
    "metabolic_acidosis",
    "muscle_cramps",
    "newborn_convulsions",
    "ocular_anomaly",
    "oliguria",
    "pacemaker",
    "palliative_care",
    "periodic_paralysis",
    "polyuria",
    "renal_cysts",
    "seizure",
    "sensorineural_deafness",
    "sick_sinus_syndrome",
    "tetany",
    "thyroid_disorder",
    "tremor_or_fasciculation",
    "urinary_obstruction",
    "zollinger_ellison_syndrome",
}


@pytest.mark.shared
def test_no_condition_is_shipped_that_was_neither_copied_nor_added() -> None:
    copied = {row["condition"] for row in shared("conditions.csv")} - NOT_ASKED_FOR - {"heart_block"}

    slugs = {row["condition"] for name in ("icd10cm.csv", "snomed.csv") for row in shipped(name)}

    assert slugs == copied | ADDED | RENAMED["heart_block"]


# Concepts beside the core ones that guards need, each gone through by hand.
REVIEWED = {
    "av_block_high_grade": {"195042002", "28189009", "54016002"},
    "diabetic_ketoacidosis": {
        "111556005", "26298008", "420270002", "420422005", "421075007", "421750000", "421847006",
    },
    "myasthenia_gravis": {
        "230685009", "230687001", "31839002", "55051001", "77461000119109", "77471000119103",
    },
    "pre_eclampsia_eclampsia": {"198992004"},
    "pregnancy": {"47200007", "72892002"},
}  # fmt: skip
# Not in the source; found with these names in at least two public places (terminology/sources.toml).
FOUND_ELSEWHERE = {
    "103735009": "Palliative care (regime/therapy)",
    "36083008": "Sick sinus syndrome (disorder)",
    "385763009": "Hospice care (regime/therapy)",
    "441509002": "Cardiac pacemaker in situ (finding)",
    "441874000": "Seen by palliative care service (finding)",
    "48782003": "Delivery normal (finding)",
    "48867003": "Bradycardia (finding)",
    "49710005": "Sinus bradycardia (disorder)",
    "56989000": "Eaton-Lambert syndrome",
    "60423000": "Sinus node dysfunction (disorder)",
    "74474003": "Gastrointestinal hemorrhage (disorder)",
    "83128009": "Oliguria (finding)",
    "91175000": "Seizure (finding)",
}


@pytest.mark.shared
def test_snomed_holds_the_core_concepts_the_kidney_replacement_procedures_and_what_guards_need() -> None:
    rows = [row for row in shared("conditions.csv") if row["system"] == "SNOMED CT"]
    core = {
        row["code"]: row["display"]
        for row in rows
        if row["note"] == "core"
        and row["condition"] not in NOT_ASKED_FOR
        and not row["display"].startswith("History of")
    }
    procedures = {
        row["code"]: row["display"]
        for row in rows
        if row["condition"] == "dialysis" and int(row["n_sources"]) > 1 and CARRIED_OUT.fullmatch(row["display"])
    }

    wanted = {code for codes in REVIEWED.values() for code in codes}
    reviewed = {row["code"]: row["display"] for row in rows if row["code"] in wanted}
    assert reviewed.keys() == wanted

    assert {row["code"]: row["display"] for row in shipped("snomed.csv")} == (
        core | procedures | reviewed | FOUND_ELSEWHERE
    )
    for row in shipped("snomed.csv"):
        if row["code"] in wanted:
            assert row["code"] in REVIEWED[row["condition"]], row


# Conditions that a guard or a population rule asks for and to which no SNOMED CT concept leads: what `terminology check`
# lists. A site maps its own codes.
WITHOUT_SNOMED = {"periodic_paralysis", "tetany"}


def test_the_acute_and_guard_conditions_have_a_snomed_concept_except_the_named_ones() -> None:
    coded = {row["condition"] for row in shipped("snomed.csv")}
    guards = {
        "acute_kidney_injury", "av_block_high_grade", "bradycardia", "delivery", "diabetic_ketoacidosis",
        "gi_bleeding", "lambert_eaton", "myasthenia_gravis", "oliguria", "pacemaker", "palliative_care",
        "periodic_paralysis", "pregnancy", "seizure", "sick_sinus_syndrome", "tetany", "torsades_de_pointes",
    }  # fmt: skip

    assert guards - coded == WITHOUT_SNOMED


@pytest.mark.parametrize(
    ("code", "condition"),
    [
        *((f"O0{n}.9", None) for n in (0, 1, 2, 3, 4, 7, 8)),  # abortive outcome: not pregnant
        ("O09.90", "pregnancy"),
        ("O10.011", "pregnancy"),
        ("O10.03", "delivery"),
        ("O11.1", "pre_eclampsia_eclampsia"),
        ("O13.3", "pregnancy"),
        ("O13.5", "delivery"),
        ("O14.13", "pre_eclampsia_eclampsia"),
        ("O14.15", "pre_eclampsia_eclampsia"),  # after delivery: intravenous magnesium treats it all the same
        ("O15.2", "pre_eclampsia_eclampsia"),
        ("O16.1", "pregnancy"),
        ("O21.1", "pregnancy"),
        ("O24.011", "pregnancy"),
        ("O24.03", "delivery"),
        ("O24.410", "gestational_diabetes"),
        ("O24.430", "delivery"),
        ("O26.20", "pregnancy"),
        ("O27.9", None),
        ("O30.001", "pregnancy"),
        ("O36.4XX0", "pregnancy"),
        ("O42.00", "pregnancy"),
        ("O48.0", "pregnancy"),
        ("O60.02", "pregnancy"),
        ("O70.1", "delivery"),
        ("O71.1", "pregnancy"),
        ("O71.2", "delivery"),
        ("O72.1", "delivery"),
        ("O73.0", "delivery"),
        ("O77.0", "pregnancy"),
        ("O80", "delivery"),
        ("O94", None),
        ("O98.511", "pregnancy"),
        ("O98.53", "delivery"),
        ("O99.011", "pregnancy"),
        ("O99.03", "delivery"),
        ("O99.284", "pregnancy"),
        ("O99.285", "delivery"),
        ("O9A.111", "pregnancy"),
    ],
)
def test_a_diagnosis_of_chapter_15_means_pregnancy_delivery_or_neither(
    terminology: Terminology, code: str, condition: str | None
) -> None:
    assert terminology.condition(ICD10CM, code) == condition


# Kidney replacement therapy itself: not its access, catheter, fluid, measurement or complications, and not albumin
# dialysis, which supports the liver.
CARRIED_OUT = re.compile(
    r"(Dialysis procedure|(?!Extracorporeal albumin)[\w -]*([Hh]emodialysis|[Hh]emofiltration|[Hh]emodiafiltration)"
    r"(, maintenance (in hospital|at home)| with (sequential|continuous) ultrafiltration)?"
    r"|(?!Stab )[\w -]*[Pp]eritoneal dialysis( (ex|in)cluding cannulation)?) \(procedure\)"
)
