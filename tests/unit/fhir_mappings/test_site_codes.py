from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from fhir_mappings.codes import RouteKind
from fhir_mappings.site_codes import SiteCodes, SiteCodesError, known_conditions
from magnesium.facts import Analyte

FULL = """
drug_name_systems = ["urn:ours:name"]
suspect_specimen = ["urn:ours:flags|H2"]

[conditions]
"urn:ours:problems|REFEED" = "refeeding"
"urn:ours:orders|CRRT" = "kidney_replacement"

[labs]
"urn:ours|1|MG" = "magnesium"

[names]
" Magnesium, Serum" = "magnesium"

[drugs]
"urn:ours:formulary|KCL20" = { ingredients = ["potassium chloride"], route = "oral" }
"urn:ours:formulary|MIX" = { ingredients = ["potassium chloride", "magnesium sulfate", "magnesium sulfate"] }
"""


def test_a_full_section() -> None:
    site = SiteCodes.from_table(tomllib.loads(FULL))
    assert site.labs == {("urn:ours|1", "MG"): Analyte.MAGNESIUM}
    assert site.names == {"magnesium, serum": Analyte.MAGNESIUM}
    tablet = site.drugs["urn:ours:formulary", "KCL20"]
    assert (tablet.ingredients, tablet.route_kind) == (("potassium chloride",), RouteKind.ORAL)
    mixture = site.drugs["urn:ours:formulary", "MIX"]
    assert (mixture.ingredients, mixture.route_kind) == (
        ("magnesium sulfate", "potassium chloride"),
        RouteKind.UNSPECIFIED,
    )
    assert site.drug_name_systems == {"urn:ours:name"}
    assert site.suspect_specimen == {("urn:ours:flags", "H2")}
    assert site.conditions == {
        ("urn:ours:problems", "REFEED"): "refeeding",
        ("urn:ours:orders", "CRRT"): "kidney_replacement",
    }


def test_an_empty_section_is_a_site_without_codes_of_its_own() -> None:
    assert SiteCodes.from_table({}) == SiteCodes()


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("lab = {}", "local_codes.lab is not known; expected one of: labs, names, drugs"),
        ("labs = []", "local_codes.labs must be a table"),
        ('labs = { MG = "magnesium" }', 'local_codes.labs."MG" must be written "system|code"'),
        ('labs = { "|MG" = "magnesium" }', 'local_codes.labs."|MG" must be written "system|code"'),
        ('labs = { "s|MG" = "magnesia" }', """local_codes.labs."s|MG" = 'magnesia' is none of: magnesium, """),
        ('labs = { "s|MG" = 1 }', 'local_codes.labs."s|MG" = 1 is none of'),
        ("suspect_specimen = 3", "suspect_specimen must be a list of texts"),
        ('suspect_specimen = ["H2"]', 'local_codes.suspect_specimen."H2" must be written "system|code"'),
        ("conditions = 3", "local_codes.conditions must be a table"),
        ('conditions = { REFEED = "refeeding" }', 'local_codes.conditions."REFEED" must be written "system|code"'),
        (
            'conditions = { "s|R" = "refeding" }',
            """local_codes.conditions."s|R" = 'refeding' is none of: acute_kidney_injury, """,
        ),
        ('conditions = { "s|R" = [] }', 'local_codes.conditions."s|R" = [] is none of'),
        ('names = { " " = "magnesium" }', 'local_codes.names." " is empty'),
        ('names = { Mg = "magnesium", MG = "magnesium" }', 'local_codes.names."MG" is there twice'),
        ('drugs = { "s|K" = "kcl" }', 'local_codes.drugs."s|K" must be { ingredients'),
        ('drugs = { "s|K" = { route = "oral" } }', 'local_codes.drugs."s|K".ingredients is missing'),
        ('drugs = { "s|K" = { ingredients = [], form = "x" } }', 'local_codes.drugs."s|K".form is not known'),
        ('drugs = { "s|K" = { ingredients = "kcl" } }', ".ingredients must be a list of texts"),
        (
            'drugs = { "s|K" = { ingredients = ["potassium chloride"], route = "iv" } }',
            ".route = 'iv' is none of: oral, parenteral",
        ),
        ('drug_name_systems = "s"', "drug_name_systems must be a list of texts"),
        ("drug_name_systems = [1]", "drug_name_systems must be a list of texts"),
        ('drug_name_systems = [" "]', "drug_name_systems must be a list of texts"),
        ('drugs = { "s|K" = { ingredients = ["kalium"] } }', ".ingredients: no rule knows kalium"),
    ],
)
def test_a_mistake_is_refused_by_its_key(section: str, message: str) -> None:
    with pytest.raises(SiteCodesError) as refused:
        SiteCodes.from_table(tomllib.loads(section))
    assert message in str(refused.value)


@pytest.mark.parametrize("name", ["mimic-iii", "mimic-iv", "eicu"])
def test_the_worked_examples_read(name: str) -> None:
    written = files("fhir_mappings").joinpath(f"examples/local-codes-{name}.toml").read_text(encoding="utf-8")
    document: dict[str, Any] = tomllib.loads(written)
    assert set(document) <= {"local_codes", "zone"}
    site = SiteCodes.from_table(document["local_codes"])
    assert {Analyte.MAGNESIUM, Analyte.POTASSIUM, Analyte.CREATININE} <= set(site.labs.values())


def test_the_worked_example_of_conditions_maps_what_has_no_standard_code() -> None:
    written = files("fhir_mappings").joinpath("examples/local-codes-conditions.toml").read_text(encoding="utf-8")
    site = SiteCodes.from_table(tomllib.loads(written)["local_codes"])
    assert {*WITHOUT_STANDARD_CODE, "kidney_replacement", "palliative_care", "tetany"} == set(site.conditions.values())


WITHOUT_STANDARD_CODE = (
    "nephrocalcinosis",
    "refeeding",
    "parenteral_nutrition",
    "nasogastric_suction",
    "massive_transfusion",
    "cardiopulmonary_bypass",
)


@pytest.mark.parametrize("slug", WITHOUT_STANDARD_CODE)
def test_conditions_without_a_standard_code_can_be_mapped(slug: str) -> None:
    assert SiteCodes.from_table({"conditions": {"urn:ours|X": slug}}).conditions == {("urn:ours", "X"): slug}


def test_every_condition_that_a_rule_reads_can_be_mapped() -> None:
    """A slug that a rule asks for and that is not on the list could not be mapped."""
    code = "".join(path.read_text(encoding="utf-8") for path in Path("magnesium").rglob("*.py"))
    asked = {slug for call in re.findall(r"problems\.of\(([^)]*)\)", code) for slug in re.findall(r'"(\w+)"', call)}
    assert asked
    assert asked <= known_conditions()
