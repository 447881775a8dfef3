"""What the terminology holds, and whether it fits what the rules know: a code nobody can reach is a silent rule."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fhir_mappings.codes import Terminology
from fhir_mappings.site_codes import known_conditions
from fhir_mappings.terminology import tables
from magnesium.facts import Analyte
from magnesium.knowledge import DRUG_COLUMNS, read_table

SYSTEMS = ("rxnorm", "ndc", "atc", "names")
CONDITION_SYSTEMS = {"ICD-10-CM": "icd10cm.csv", "SNOMED CT": "snomed.csv"}
_RXNORM = "rxnorm"
_RXNORM_TABLES = ("rxnorm_products.csv", "rxnorm_concepts.csv")


@dataclass(frozen=True, slots=True)
class Contents:
    """What a terminology holds."""

    version: str
    drugs: Mapping[str, Mapping[str, int]]
    """Codes and names for each class of drugs.csv, by system."""
    ingredients: Mapping[str, int]
    """Ingredients for each class."""
    results: Mapping[str, int]
    """LOINC codes for each analyte."""
    conditions: Mapping[str, Mapping[str, int]]
    """Codes for each condition that a rule or the table of causes asks for, by system; zero where there is none."""
    unused: tuple[str, ...]
    """Ingredients and results that are recognized and that no rule reads."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """A built drug table against the one that the program comes with."""

    release: str
    known: int
    """Bundled RxNorm codes that the built table has as well."""
    missing: tuple[str, ...]
    """Bundled RxNorm codes that it has not: most likely retired since."""
    different: tuple[str, ...]
    """RxNorm codes to which it gives other ingredients."""
    unreachable: tuple[str, ...]
    """Ingredients for which it has no code."""


def contents(drug_table: Path | None) -> Contents:
    """Read the terminology as the service does, and count.

    Raises:
        TerminologyError: a table has a bad row; the message names the file and the line.
        OSError: ``drug_table`` cannot be read.
    """
    terminology = Terminology.load(drug_table)
    of_class = _of_class()
    drugs = {code: Counter[str]() for code in of_class}
    for system, ingredients in _drug_codes(drug_table):
        for code, members in of_class.items():
            drugs[code][system] += bool(members & set(ingredients))
    results = Counter(row["analyte"] for row in _rows("loinc.csv"))
    spare = set(tables.read_ingredients()) - _in_rules() | results.keys() - set(Analyte)
    coded = {name: Counter(row["condition"] for row in _rows(table)) for name, table in CONDITION_SYSTEMS.items()}
    every = sorted(known_conditions().union(*coded.values()))
    return Contents(
        version=terminology.version,
        drugs=drugs,
        ingredients={code: len(members) for code, members in of_class.items()},
        results=results,
        conditions={slug: {name: coded[name][slug] for name in CONDITION_SYSTEMS} for slug in every},
        unused=tuple(sorted(spare)),
    )


def troubles(drug_table: Path | None) -> list[str]:
    """Return the ingredients of drugs.csv that no record can lead to, in sentences: rules silent for want of a code."""
    rules = _in_rules()
    codes = set(tables.read_ingredients())
    reached = {ingredient for _, ingredients in _drug_codes(drug_table) for ingredient in ingredients}
    return [
        *(f"{name}: drugs.csv has it, ingredients.csv does not" for name in sorted(rules - codes)),
        *(f"{name}: no drug code and no name leads to it" for name in sorted((rules & codes) - reached)),
    ]


def coverage(drug_table: Path) -> Coverage:
    """Compare a built drug table with the bundled one.

    Raises:
        TerminologyError: no drug table, or a bad row.
        OSError: it cannot be read.
    """
    built = tables.read_drug_table(drug_table, frozenset(tables.read_ingredients()))
    bundled = {row["rxcui"]: _ingredients(row) for name in _RXNORM_TABLES for row in _rows(name)}
    found = {code: built.drugs[_RXNORM, code].ingredients for code in bundled if (_RXNORM, code) in built.drugs}
    held = {ingredient for concept in built.drugs.values() for ingredient in concept.ingredients}
    return Coverage(
        release=built.release,
        known=len(found),
        missing=tuple(sorted(bundled.keys() - found.keys(), key=int)),
        different=tuple(sorted((code for code in found if found[code] != bundled[code]), key=int)),
        unreachable=tuple(sorted(set(tables.read_ingredients()) - held)),
    )


def _of_class() -> Mapping[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in read_table("drugs.csv", DRUG_COLUMNS):
        for code in filter(None, (row["class"], row["also"])):
            found.setdefault(code, set()).add(row["ingredient"])
    return found


def _in_rules() -> set[str]:
    return {ingredient for members in _of_class().values() for ingredient in members}


def _drug_codes(drug_table: Path | None) -> Iterator[tuple[str, Iterable[str]]]:
    """Yield the system and the ingredients of every code and every name in use."""
    for row in _rows("atc.csv"):
        yield "atc", _ingredients(row)
    for row in _rows("names.csv"):
        yield "names", _ingredients(row)
    if drug_table is None:
        for name in _RXNORM_TABLES:
            for row in _rows(name):
                yield _RXNORM, _ingredients(row)
        return
    built = tables.read_drug_table(drug_table, frozenset(tables.read_ingredients()))
    for (system, _), concept in built.drugs.items():
        yield system, concept.ingredients


def _rows(name: str) -> Iterator[Mapping[str, str]]:
    """Yield the rows of an embedded table, which ``Terminology.load`` checks."""
    return csv.DictReader(tables.read_embedded(name).splitlines(), strict=True)


def _ingredients(row: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(row["ingredients"].split(";"))
