"""What the codes and names in a chart mean to the rules."""

from __future__ import annotations

import gzip
import time
from pathlib import Path

import pytest

from fhir_mappings.codes import (
    ATC,
    ICD10CM,
    LOINC,
    NDC,
    RXNORM,
    SNOMED,
    DrugConcept,
    LabConcept,
    RouteKind,
    Terminology,
    TerminologyError,
    _read_icd10cm,
    normalize_ndc,
)
from fhir_mappings.terminology.tables import DRUG_TABLE_COLUMNS, DRUG_TABLE_TITLE


@pytest.fixture(scope="module")
def terminology() -> Terminology:
    return Terminology.load()


def found(concept: DrugConcept | None) -> DrugConcept:
    assert concept is not None
    return concept


# ── Drugs by code ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_product_code_tells_ingredients_route_and_dose_form(terminology: Terminology) -> None:
    assert terminology.drug(RXNORM, "313988") == DrugConcept(
        ingredients=("furosemide",),
        other_ingredients=False,
        route_kind=RouteKind.ORAL,
        dose_form="Oral Tablet",
        name="furosemide 40 MG Oral Tablet",
    )


def test_a_combination_product_names_what_is_ours_and_says_that_there_is_more(
    terminology: Terminology,
) -> None:
    amlodipine_hctz_valsartan = found(terminology.drug(RXNORM, "848151"))

    assert amlodipine_hctz_valsartan.ingredients == ("hydrochlorothiazide", "valsartan")
    assert amlodipine_hctz_valsartan.other_ingredients is True


def test_a_combination_of_our_ingredients_alone_names_them_all(terminology: Terminology) -> None:
    triamterene_furosemide = found(terminology.drug(RXNORM, "250708"))

    assert triamterene_furosemide.ingredients == ("furosemide", "triamterene")
    assert triamterene_furosemide.other_ingredients is False


@pytest.mark.parametrize(
    ("rxcui", "what", "route"),
    [
        ("1719291", "4 ML furosemide 10 MG/ML Injection", RouteKind.PARENTERAL),
        ("208813", "Tobradex eye drops", RouteKind.LOCAL),
        ("404630", "Ciprodex ear drops", RouteKind.LOCAL),
        ("1661559", "tobramycin inhalation powder pack", RouteKind.LOCAL),
        ("757968", "pack of lansoprazole, amoxicillin and clarithromycin", RouteKind.ORAL),
        ("310465", "gentamicin product of which nothing but the ingredient is known", RouteKind.UNKNOWN),
        ("4603", "furosemide, the ingredient", RouteKind.UNSPECIFIED),
        ("565450", "Furosemide 20 MG [Lasix], a strength", RouteKind.UNSPECIFIED),
        ("1992823", "ertugliflozin / sitagliptin Pill, a group", RouteKind.ORAL),
        ("1870216", "gentamicin Injectable Solution, a form", RouteKind.PARENTERAL),
        ("1870305", "Betamethasone / Gentamicin Otic Product, a group", RouteKind.LOCAL),
    ],
)
def test_the_route_comes_from_the_dose_form(terminology: Terminology, rxcui: str, what: str, route: RouteKind) -> None:
    assert found(terminology.drug(RXNORM, rxcui)).route_kind is route


def test_every_ingredient_with_an_rxnorm_code_is_found_by_it(terminology: Terminology) -> None:
    assert found(terminology.drug(RXNORM, "2555")).ingredients == ("cisplatin",)
    assert found(terminology.drug(RXNORM, "236077")).ingredients == ("cyclosporine",)


def test_a_product_known_only_by_its_package_label_has_no_name(terminology: Terminology) -> None:
    assert found(terminology.drug(RXNORM, "283504")).name == ""


@pytest.mark.parametrize("rxcui", ["1", "", "furosemide", "313988.0"])
def test_an_unknown_code_means_nothing(terminology: Terminology, rxcui: str) -> None:
    assert terminology.drug(RXNORM, rxcui) is None
    assert not terminology.knows_drug_code(RXNORM, rxcui)


@pytest.mark.parametrize(
    ("system", "code"),
    [
        (RXNORM, "313988"),
        ("urn:oid:2.16.840.1.113883.6.88", "313988"),
        (f" {RXNORM} ", " 313988 "),
        (ATC, "C03CA01"),
        ("urn:oid:2.16.840.1.113883.6.73", "c03ca01"),
    ],
)
def test_a_system_may_be_named_by_uri_or_oid(terminology: Terminology, system: str, code: str) -> None:
    assert found(terminology.drug(system, code)).ingredients == ("furosemide",)
    assert terminology.knows_drug_code(system, code)


@pytest.mark.parametrize("system", ["", "http://example.org/formulary", "http://www.nlm.nih.gov/research/umls"])
def test_a_local_system_is_not_ours_to_read(terminology: Terminology, system: str) -> None:
    assert terminology.drug(system, "313988") is None
    assert not terminology.knows_drug_code(system, "313988")


def test_no_drug_is_known_by_snomed_or_package_code_without_a_built_table(terminology: Terminology) -> None:
    assert terminology.drug(SNOMED, "387475002") is None
    assert terminology.drug(NDC, "00054-4299-25") is None


@pytest.mark.parametrize(
    ("atc", "ingredients", "others", "route"),
    [
        ("C03CA01", ("furosemide",), False, RouteKind.SYSTEMIC),
        ("L01XC06", ("cetuximab",), False, RouteKind.SYSTEMIC),
        ("S01AA11", ("gentamicin",), False, RouteKind.LOCAL),
        ("A07AA01", ("neomycin",), False, RouteKind.LOCAL),
        ("A02BD05", ("clarithromycin", "omeprazole"), True, RouteKind.SYSTEMIC),
        ("C09DX01", ("hydrochlorothiazide", "valsartan"), True, RouteKind.SYSTEMIC),
    ],
)
def test_atc_tells_ingredient_and_site_of_action(
    terminology: Terminology, atc: str, ingredients: tuple[str, ...], others: bool, route: RouteKind
) -> None:
    concept = found(terminology.drug(ATC, atc))

    assert (concept.ingredients, concept.other_ingredients, concept.route_kind) == (
        ingredients,
        others,
        route,
    )


def test_an_atc_group_whose_diuretic_is_not_named_is_not_guessed(terminology: Terminology) -> None:
    assert terminology.drug(ATC, "C09DA01") is None  # losartan and diuretics


@pytest.mark.parametrize(
    ("written", "digits"),
    [
        ("00054429925", "00054429925"),
        ("00054-4299-25", "00054429925"),
        ("0054-4299-25", "00054429925"),
        ("00054-299-25", "00054029925"),
        ("00054-4299-5", "00054429905"),
        (" 00054-4299-25 ", "00054429925"),
        ("0054429925", None),
        ("0054-299-25", None),
        ("00054-4299-25-1", None),
        ("NDC", None),
        ("", None),
    ],
)
def test_a_package_code_is_brought_to_eleven_digits_or_refused(written: str, digits: str | None) -> None:
    assert normalize_ndc(written) == digits


# ── A drug table built from a deployer's release ─────────────────────────────────────────────────────────────────────

FUROSEMIDE = "313988,SCD,furosemide,no,Oral Tablet,oral,furosemide 40 MG Oral Tablet,"
TABLE = f"""\
rxnorm,{FUROSEMIDE}
ndc,00054429925,{FUROSEMIDE.partition(",")[2]}
rxnorm,9000001 9000002,out-of-scope,,,,,,
rxnorm,9000003,out-of-scope,,,,,,
ndc,00009000001,out-of-scope,,,,,,
"""


def drug_table(folder: Path, rows: str, *, title: str = f"{DRUG_TABLE_TITLE}25AA_251006F\n") -> Path:
    path = folder / "magnesium-drugs.csv.gz"
    path.write_bytes(gzip.compress(f"{title}{','.join(DRUG_TABLE_COLUMNS)}\n{rows}".encode()))
    return path


def test_a_built_table_replaces_the_embedded_rxnorm_and_adds_package_codes(tmp_path: Path) -> None:
    terminology = Terminology.load(drug_table(tmp_path, TABLE))

    assert found(terminology.drug(RXNORM, "313988")).ingredients == ("furosemide",)
    assert found(terminology.drug(NDC, "0054-4299-25")).ingredients == ("furosemide",)
    assert found(terminology.drug("urn:oid:2.16.840.1.113883.6.69", "00054429925")).dose_form == "Oral Tablet"
    assert terminology.drug(RXNORM, "197885") is None, "embedded, but not in the deployer's release"
    assert terminology.drug(ATC, "C03CA01") is not None, "ATC stays"


def test_a_built_table_knows_which_codes_do_not_concern_us(tmp_path: Path) -> None:
    terminology = Terminology.load(drug_table(tmp_path, TABLE))

    for code in ("9000001", "9000002", "9000003", "313988"):
        assert terminology.knows_drug_code(RXNORM, code)
    assert terminology.drug(RXNORM, "9000001") is None
    assert terminology.knows_drug_code(NDC, "00009-0000-01")
    assert not terminology.knows_drug_code(NDC, "0009000001"), "ten digits: nobody can tell which code it is"
    assert not terminology.knows_drug_code(RXNORM, "9000004")


def test_the_version_tells_the_embedded_tables_and_the_release(tmp_path: Path) -> None:
    assert Terminology.load().version == "2026-11-21"
    assert Terminology.load(drug_table(tmp_path, TABLE)).version == "2026-11-21+rxnorm-25AA_251006F"


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (f"dmd,{FUROSEMIDE}", "code_system is 'dmd'"),
        ("rxnorm,31-39,SCD,furosemide,no,Oral Tablet,oral,furosemide,", "code is '31-39'"),
        ("rxnorm,313988,SCD,Lasix,no,Oral Tablet,oral,furosemide,", "'Lasix' is no ingredient"),
        ("rxnorm,313988,SCD,triamterene;furosemide,no,,oral,,", "expected them sorted"),
        ("rxnorm,313988,SCD,furosemide,perhaps,,oral,,", "other_ingredients is 'perhaps'"),
        ("rxnorm,313988,SCD,furosemide,no,,by mouth,,", "route_kind is 'by mouth'"),
        ("rxnorm,313988,SCD,furosemide", "4 cells, expected 9"),
    ],
)
def test_a_bad_row_stops_the_start_with_file_and_line(tmp_path: Path, row: str, complaint: str) -> None:
    path = drug_table(tmp_path, f"rxnorm,1,SCD,furosemide,no,,oral,,\n{row}\n")

    with pytest.raises(TerminologyError, match=r"^magnesium-drugs\.csv\.gz:4: ") as caught:
        Terminology.load(path)

    assert complaint in str(caught.value)


def test_a_code_that_stands_twice_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(TerminologyError, match=r":4: rxnorm, 313988 stands here for the second time"):
        Terminology.load(drug_table(tmp_path, f"rxnorm,{FUROSEMIDE}\nrxnorm,{FUROSEMIDE}\n"))


def test_a_file_that_is_no_drug_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TerminologyError, match="not a drug table: the first line is 'code,name'"):
        Terminology.load(drug_table(tmp_path, TABLE, title="code,name\n"))

    text = tmp_path / "drugs.csv"
    text.write_text(TABLE)
    with pytest.raises(TerminologyError, match=r"^drugs\.csv: not a drug table"):
        Terminology.load(text)


def test_a_table_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    path = drug_table(tmp_path, TABLE)
    path.write_bytes(path.read_bytes()[:-12])

    with pytest.raises(TerminologyError, match="not a drug table"):
        Terminology.load(path)


def test_a_table_with_other_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "magnesium-drugs.csv.gz"
    path.write_bytes(gzip.compress(f"{DRUG_TABLE_TITLE}x\ncode,name\n".encode()))

    with pytest.raises(TerminologyError, match=r":2: the header is \['code', 'name'\]"):
        Terminology.load(path)


# ── Drugs by name ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "ingredients"),
    [
        # As hospital systems write them.
        ("4 ML VIAL : FUROSEMIDE 10 MG/ML INJ SOLN", ("furosemide",)),
        ("potassium CHLORIDE 20 MEQ TR TAB", ("potassium chloride",)),
        ("POTASSIUM CL IN WATER 20MEQ/50", ("potassium chloride",)),
        ("Potassium Chl 20 mEq / 1000 mL D5 1/2 NS", ("potassium chloride",)),
        ("Potassium Chloride Replacement (Critical Care and Oncology)", ("potassium chloride",)),
        ("magnesium sulfate 1 g in d5w 100mL **LOCKED DOSE", ("magnesium sulfate",)),
        ("Mag sulfate 2 gm", ("magnesium sulfate",)),
        ("MgSO4", ("magnesium sulfate",)),
        ("CARBOplatin", ("carboplatin",)),
        ("quiniDINE Gluconate E.R.", ("quinidine",)),
        ("Furosemide-Heart Failure", ("furosemide",)),
        # By brand.
        ("LASIX", ("furosemide",)),
        ("PROTONIX", ("pantoprazole",)),
        ("NexIUM", ("esomeprazole",)),
        ("K-DUR", ("potassium chloride",)),
        ("KLOR-CON 10", ("potassium chloride",)),
        ("MagOx 400", ("magnesium oxide",)),
        ("LANOXIN", ("digoxin",)),
        ("Prograf", ("tacrolimus",)),
        ("Ambisome", ("amphotericin B",)),
        # In combinations.
        ("HCTZ/lisinopril", ("hydrochlorothiazide", "lisinopril")),
        ("Triamterene-HCTZ 37.5/25", ("hydrochlorothiazide", "triamterene")),
        ("Aldactazide", ("hydrochlorothiazide", "spironolactone")),
        ("Aluminum-Magnesium Hydrox.-Simethicone", ("magnesium hydroxide",)),
        ("losartan potassium / hydrochlorothiazide 50-12.5 MG", ("hydrochlorothiazide", "losartan")),
        ("HCTZ/metoprolol", ("hydrochlorothiazide",)),
        # The longest name wins.
        ("Klor-Con/EF", ("potassium bicarbonate",)),
        ("Milk of Magnesia", ("magnesium hydroxide",)),
        ("escitalopram 10 MG", ("escitalopram",)),
        # A magnesium product whose salt is not named.
        ("Magnesium 400 mg", ("magnesium (unspecified salt)",)),
        ("2 x 250 mg magnesium", ("magnesium (unspecified salt)",)),
    ],
)
def test_a_drug_is_found_by_name(terminology: Terminology, text: str, ingredients: tuple[str, ...]) -> None:
    assert found(terminology.drug_by_name(text)).ingredients == ingredients


@pytest.mark.parametrize(
    "text",
    [
        "Penicillin V Potassium 250 MG Oral Tablet",
        "Amoxicillin 120 MG/ML / clavulanate potassium 8.58 MG/ML Oral Suspension",
        "potassium iodide",
        "choline magnesium trisalicylate",
        "calcium, magnesium and zinc",
        "no magnesium",
        "Multivitamins W/minerals",
        "Sodium Phosphate",
        "Hydrochloride",
        "acetaZOLamide",
        "unknown",
        "",
        "💊",
    ],
)
def test_what_is_none_of_our_drugs_is_not_read_as_one(terminology: Terminology, text: str) -> None:
    assert terminology.drug_by_name(text) is None


def test_esomeprazole_magnesium_is_a_proton_pump_inhibitor_and_no_magnesium(terminology: Terminology) -> None:
    for text in ("esomeprazole magnesium 40 mg", "Omeprazole Magnesium 20 MG"):
        assert found(terminology.drug_by_name(text)).ingredients in {("esomeprazole",), ("omeprazole",)}


@pytest.mark.parametrize(
    ("text", "route"),
    [
        ("FUROSEMIDE 40 MG PO TABS", RouteKind.ORAL),
        ("PANTOPRAZOLE SODIUM 40 MG IV SOLR", RouteKind.PARENTERAL),
        ("Gentamicin 0.3% Ophth. Soln", RouteKind.LOCAL),
        ("gentamicin eye drops", RouteKind.LOCAL),
        ("gentamicin OP SOLN", RouteKind.LOCAL),
        ("Ciprofloxacin 3 MG/ML / Dexamethasone 1 MG/ML Otic Suspension [Ciprodex]", RouteKind.LOCAL),
        ("tobramycin 300 mg/5 mL IN NEBU", RouteKind.LOCAL),
        ("tobramycin inhalation vial", RouteKind.LOCAL),
        ("gentamicin bladder irrigation bag", RouteKind.LOCAL),
        ("gentamicin 0.1 % cream", RouteKind.LOCAL),
        ("gentamicin intrathecal", RouteKind.LOCAL),
        ("potassium chloride in dialysate", RouteKind.LOCAL),
        ("cisplatin intraperitoneal", RouteKind.LOCAL),
        ("digoxin oral drops", RouteKind.ORAL),
        # The brand or the composition tells it.
        ("RESTASIS single-use vial", RouteKind.LOCAL),
        ("Neomycin-Polymyxin-Bacitracin", RouteKind.LOCAL),
        ("K-Dur 20", RouteKind.ORAL),
        # Nothing tells it, or two words disagree.
        ("LASIX", RouteKind.UNSPECIFIED),
        ("furosemide tablet or injection", RouteKind.UNSPECIFIED),
    ],
)
def test_the_words_beside_a_name_tell_its_route(terminology: Terminology, text: str, route: RouteKind) -> None:
    assert found(terminology.drug_by_name(text)).route_kind is route


@pytest.mark.parametrize(
    ("text", "others"),
    [
        ("Lasix", False),
        ("Zestoretic", False),
        ("Ziac", True),
        ("Ziac and furosemide", True),
        ("furosemide", None),
        ("Lasix, Lanoxin", None),
    ],
)
def test_a_brand_tells_whether_there_is_more_in_it(terminology: Terminology, text: str, others: bool | None) -> None:
    assert found(terminology.drug_by_name(text)).other_ingredients is others


@pytest.mark.parametrize(
    ("text", "fluid"),
    [
        ("Potassium Chl 20 mEq / 1000 mL D5 1/2 NS", True),
        ("Lactated Ringers 1,000 mL with KCl 20 mEq", True),
        ("potassium chloride 20 mEq in 1 L NS", True),
        ("potassium chloride 30 mEq 1.5 liter bag", True),
        ("potassium chloride 20 mEq/L in D5W", True),
        ("potassium chloride 40 mmol / litre", True),
        ("potassium chloride 40 mEq in 250 mL NS", True),
        ("potassium chloride 40 mEq in 249 mL NS", None),
        ("potassium chloride 10 mEq/100 mL", None),
        ("potassium chloride 20 mEq tablet", None),
        ("potassium chloride 2 mEq/mL", None),
        # A bottle to drink from is no fluid, however large.
        ("potassium chloride 20 mEq/15 mL oral liquid 473 mL", None),
    ],
)
def test_a_volume_given_for_its_own_sake_holds_more_than_the_drug_named(
    terminology: Terminology, text: str, fluid: bool | None
) -> None:
    concept = found(terminology.drug_by_name(text))
    assert concept.ingredients == ("potassium chloride",)
    assert concept.other_ingredients is fluid


def test_the_concept_carries_the_names_that_were_matched(terminology: Terminology) -> None:
    assert found(terminology.drug_by_name("LASIX / Triamterene / lasix")).name == "lasix / triamterene"


# ── Laboratory tests ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("system", [LOINC, "urn:oid:2.16.840.1.113883.6.1"])
def test_a_laboratory_code_tells_analyte_and_specimen(terminology: Terminology, system: str) -> None:
    assert terminology.lab(system, "19123-9") == LabConcept(
        analyte="magnesium",
        qualifier="",
        specimen="serum/plasma",
        name="Magnesium [Mass/volume] in Serum or Plasma",
    )


@pytest.mark.parametrize(
    ("loinc", "analyte", "qualifier"),
    [
        ("2601-3", "magnesium", ""),
        ("21377-7", "magnesium_whole_blood", ""),
        ("2597-3", "magnesium_rbc", ""),
        ("19124-7", "magnesium_urine", ""),
        ("29349-8", "potassium", "post dialysis"),
        ("48642-3", "egfr", ""),
    ],
)
def test_kinds_of_magnesium_and_samples_after_dialysis_are_kept_apart(
    terminology: Terminology, loinc: str, analyte: str, qualifier: str
) -> None:
    lab = terminology.lab(LOINC, loinc)

    assert lab is not None
    assert (lab.analyte, lab.qualifier) == (analyte, qualifier)


def test_a_laboratory_code_of_another_system_is_not_read(terminology: Terminology) -> None:
    assert terminology.lab("http://example.org/labs", "19123-9") is None
    assert terminology.lab(SNOMED, "19123-9") is None
    assert terminology.lab(LOINC, "8634-8") is None, "the uncorrected QT interval"


def test_a_search_asks_for_the_routine_codes_of_the_analytes(terminology: Terminology) -> None:
    assert terminology.loinc_codes(["magnesium"]) == ("19123-9", "2601-3")
    assert terminology.loinc_codes(["magnesium", "magnesium"]) == ("19123-9", "2601-3")
    potassium = terminology.loinc_codes(["potassium"])
    assert "2823-3" in potassium
    assert "29349-8" not in potassium, "a sample after dialysis"


def test_a_search_for_an_analyte_without_a_code_is_a_mistake(terminology: Terminology) -> None:
    with pytest.raises(KeyError, match="phlogiston"):
        terminology.loinc_codes(["magnesium", "phlogiston"])


# ── Conditions ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("code", "condition"),
    [
        ("E83.42", "hypomagnesemia"),
        ("e8342", "hypomagnesemia"),
        ("F10.20", "alcohol_use_disorder"),
        ("F10.21", None),  # in remission
        ("F10.99", "alcohol_use_disorder"),
        ("F10.90", None),  # uncomplicated use is no disorder
        ("F10.920", None),  # one intoxication is none either
        ("E11.9", "diabetes_mellitus"),
        ("E11", "diabetes_mellitus"),
        ("E10.10", "diabetic_ketoacidosis"),
        ("E11.11", "diabetic_ketoacidosis"),
        ("G72.3", "periodic_paralysis"),
        ("E11.A", None),  # in remission
        ("E10.A1", None),  # presymptomatic
        ("I44.0", None),  # first degree
        ("I44.1", "av_block_high_grade"),
        ("I44.2", "av_block_high_grade"),
        ("I44.30", "av_block_unspecified"),
        ("G70.01", "myasthenia_gravis"),
        ("G70.80", "lambert_eaton"),
        ("Z99.2", "dialysis"),
        ("Z94.0", "kidney_transplant"),
        ("T86.12", None),  # a transplant that failed
        ("N18.32", "ckd_stage_3"),
        ("K90.821", "short_bowel_syndrome"),
        ("K90.41", None),  # gluten sensitivity without malabsorption
        ("T24.311A", "burn"),
        ("T24.311S", None),  # a sequela
        ("T24.111A", None),  # first degree
        ("T31.0", None),  # under 10 % of the body
        ("Z3A.20", "pregnancy"),
        ("I50.9", None),
        ("E1", None),
        ("", None),
    ],
)
def test_a_diagnosis_code_tells_the_condition(terminology: Terminology, code: str, condition: str | None) -> None:
    assert terminology.condition(ICD10CM, code) == condition
    assert terminology.condition("urn:oid:2.16.840.1.113883.6.90", code.replace(".", "")) == condition


@pytest.mark.parametrize(
    ("code", "condition"),
    [
        ("707756004", "gitelman_syndrome"),
        ("27885002", "av_block_high_grade"),
        ("233916004", "av_block_unspecified"),
        ("161665007", None),  # history of renal transplant
        ("42343007", None),  # no rule asks for heart failure
    ],
)
def test_a_snomed_concept_tells_the_condition(terminology: Terminology, code: str, condition: str | None) -> None:
    assert terminology.condition(SNOMED, code) == condition


def test_a_diagnosis_code_of_another_system_is_not_read(terminology: Terminology) -> None:
    assert terminology.condition("http://hl7.org/fhir/sid/icd-9-cm", "E83.42") is None
    assert terminology.condition(LOINC, "E83.42") is None


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("burn,T20,about,Burn", r"icd10cm\.csv:2: match is 'about'"),
        ("burn,burn,exact,Burn", r"icd10cm\.csv:2: code is 'burn'"),
        ("Burn,T20,prefix,Burn", r"icd10cm\.csv:2: condition is 'Burn'"),
        ("burn,T20,prefix,", r"icd10cm\.csv:2: display is ''"),
    ],
)
def test_a_bad_diagnosis_row_stops_the_start(row: str, complaint: str) -> None:
    with pytest.raises(TerminologyError, match=complaint):
        _read_icd10cm(["condition,code,match,display", row])


# ── Cost ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_everything_loads_in_a_fraction_of_the_start_up_budget() -> None:
    def seconds() -> float:
        started = time.process_time()
        Terminology.load()
        return time.process_time() - started

    assert min(seconds() for _ in range(3)) < 0.3
