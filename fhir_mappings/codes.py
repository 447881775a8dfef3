"""From the codes in FHIR resources to what the rules know: ingredients, analytes, conditions.

Codes win; names are a fallback that the caller marks. A code that is not in the tables means nothing here:
the answer is None, never the nearest one. The embedded tables are small on purpose (see
``terminology/sources.toml``); a deployer builds the full drug table, NDC included, from an RxNorm release
with ``terminology.rxnorm_release``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from fhir_mappings.terminology import tables
from fhir_mappings.terminology.concepts import DrugConcept, LabConcept, RouteKind
from fhir_mappings.terminology.names import NameIndex
from fhir_mappings.terminology.ndc import normalize_ndc
from fhir_mappings.terminology.tables import TerminologyError

__all__ = [
    "ATC",
    "ICD10CM",
    "LOINC",
    "NDC",
    "RXNORM",
    "SNOMED",
    "DrugConcept",
    "LabConcept",
    "RouteKind",
    "Terminology",
    "TerminologyError",
    "normalize_ndc",
]

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
NDC = "http://hl7.org/fhir/sid/ndc"
ATC = "http://www.whocc.no/atc"
SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"

# The URI of each code system, and the OID that older interfaces send instead.
_SYSTEMS: Mapping[str, str] = {
    RXNORM: "rxnorm",
    "urn:oid:2.16.840.1.113883.6.88": "rxnorm",
    NDC: "ndc",
    "urn:oid:2.16.840.1.113883.6.69": "ndc",
    ATC: "atc",
    "urn:oid:2.16.840.1.113883.6.73": "atc",
    SNOMED: "snomed",
    "urn:oid:2.16.840.1.113883.6.96": "snomed",
    LOINC: "loinc",
    "urn:oid:2.16.840.1.113883.6.1": "loinc",
    ICD10CM: "icd10cm",
    "urn:oid:2.16.840.1.113883.6.90": "icd10cm",
}

# An ICD-10-CM code of seven characters that ends in S is a sequela: the injury itself is over.
_ICD_FULL_LENGTH = 7
_ICD_SHORTEST_CATEGORY = 3

_SHAPES = {
    "rxcui": re.compile(r"\d{1,8}"),
    "atc": re.compile(r"[A-Z]\d\d[A-Z]{2}\d\d"),
    "loinc": re.compile(r"\d{1,6}-\d"),
    "icd10cm": re.compile(r"[A-Z]\d[0-9A-Z](\.[0-9A-Z]{1,4})?"),
    "snomed": re.compile(r"\d{6,18}"),
    "slug": re.compile(r"[a-z0-9]+(_[a-z0-9]+)*"),
}

_Conditions = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Icd10cm:
    """Codes that mean a condition, categories that do as a whole, and what is excepted from them."""

    exact: _Conditions
    prefix: _Conditions
    excluded: frozenset[str]

    def condition(self, code: str) -> str | None:
        if len(code) == _ICD_FULL_LENGTH and code.endswith("S"):
            return None
        if code in self.exact:
            return self.exact[code]
        for length in range(min(len(code), _ICD_FULL_LENGTH), _ICD_SHORTEST_CATEGORY - 1, -1):
            category = code[:length]
            if category in self.excluded:
                return None
            if category in self.prefix:
                return self.prefix[category]
        return None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Terminology:
    """All look-ups; built once at start, read-only and safe to share between threads.

    ``version`` is the date of the embedded tables, and the RxNorm release where a drug table was built.
    """

    version: str
    _drugs: Mapping[tuple[str, str], DrugConcept]
    _out_of_scope: Mapping[str, AbstractSet[str]]
    _names: NameIndex
    _labs: Mapping[str, LabConcept]
    _icd10cm: _Icd10cm
    _snomed: _Conditions

    @classmethod
    def load(cls, drug_table: Path | None = None) -> Terminology:
        """Read the embedded tables, and the drug table built from an RxNorm release if there is one.

        The built table replaces the embedded RxNorm products and concepts, and adds NDC.

        Raises:
            TerminologyError: a table has a bad row; the message names the file and the line.
            OSError: ``drug_table`` cannot be read.
        """
        known = frozenset(tables.read_ingredients())
        version: str = tomllib.loads(tables.read_embedded("sources.toml"))["version"]
        drugs = dict(_read_atc(known))
        out_of_scope: Mapping[str, AbstractSet[str]] = {}
        if drug_table is None:
            drugs.update(_read_rxnorm(known))
        else:
            built = tables.read_drug_table(drug_table, known)
            drugs.update(built.drugs)
            out_of_scope = built.out_of_scope
            version = f"{version}+rxnorm-{built.release}"
        return cls(
            version=version,
            _drugs=drugs,
            _out_of_scope=out_of_scope,
            _names=NameIndex.load(known),
            _labs=dict(_read_loinc()),
            _icd10cm=_read_icd10cm(tables.read_embedded("icd10cm.csv").splitlines()),
            _snomed=dict(_read_snomed()),
        )

    def drug(self, system: str, code: str) -> DrugConcept | None:
        """Return what a drug code means, or None if it is unknown or holds none of our ingredients."""
        key = _drug_key(system, code)
        return self._drugs.get(key) if key else None

    def knows_drug_code(self, system: str, code: str) -> bool:
        """Whether a drug code is understood, be it that it holds none of our ingredients.

        A code that is understood needs no look at the name beside it. Only a built drug table knows which
        codes are out of scope; without one, they are unknown.
        """
        key = _drug_key(system, code)
        if key is None:
            return False
        return key in self._drugs or key[1] in self._out_of_scope.get(key[0], frozenset())

    def drug_by_name(self, text: str) -> DrugConcept | None:
        """Return the drug that a free text names, or None. The caller marks the fact as matched by name."""
        return self._names.find(text)

    def lab(self, system: str, code: str) -> LabConcept | None:
        """Return the test that a laboratory code stands for."""
        return self._labs.get(code.strip()) if _SYSTEMS.get(system.strip()) == "loinc" else None

    def condition(self, system: str, code: str) -> str | None:
        """Return the condition that a diagnosis code stands for; ICD-10-CM with or without its dot."""
        match _SYSTEMS.get(system.strip()):
            case "icd10cm":
                return self._icd10cm.condition(code.strip().upper().replace(".", ""))
            case "snomed":
                return self._snomed.get(code.strip())
            case _:
                return None

    def loinc_codes(self, analytes: Iterable[str]) -> tuple[str, ...]:
        """Return the LOINC codes of these analytes' routine measurements, for a search.

        Raises:
            KeyError: an analyte that has no code here.
        """
        codes: list[str] = []
        for analyte in analytes:
            of_analyte = [code for code, lab in self._labs.items() if lab.analyte == analyte and not lab.qualifier]
            if not of_analyte:
                raise KeyError(analyte)
            codes += of_analyte
        return tuple(dict.fromkeys(codes))


def _drug_key(system: str, code: str) -> tuple[str, str] | None:
    vocabulary = _SYSTEMS.get(system.strip())
    if vocabulary is None:
        return None
    if vocabulary == "ndc":
        digits = normalize_ndc(code)
        return ("ndc", digits) if digits else None
    return vocabulary, code.strip().upper()


def _embedded(name: str, columns: tuple[str, ...], key: tuple[str, ...]) -> Iterable[tuple[str, tables.Row]]:
    return tables.parse_rows(name, tables.read_embedded(name).splitlines(), columns, key)


def _read_rxnorm(known: frozenset[str]) -> Iterable[tuple[tuple[str, str], DrugConcept]]:
    products = (
        "rxcui",
        "tty",
        "name",
        "ingredients",
        "all_ingredients",
        "other_ingredients",
        "dose_form",
        "route_kind",
        "prescribable_2026_02",
        "latest_source_year",
    )
    concepts = ("rxcui", "tty", "name", "ingredients", "other_ingredients", "route_kind")
    for name, columns in (("rxnorm_products.csv", products), ("rxnorm_concepts.csv", concepts)):
        for where, row in _embedded(name, columns, ("rxcui",)):
            rxcui = tables.matching(where, row, "rxcui", _SHAPES["rxcui"])
            yield ("rxnorm", rxcui), tables.drug_concept(where, row, known)


def _read_atc(known: frozenset[str]) -> Iterable[tuple[tuple[str, str], DrugConcept]]:
    columns = ("atc", "name", "ingredients", "other_ingredients", "route_kind")
    for where, row in _embedded("atc.csv", columns, ("atc",)):
        yield (
            ("atc", tables.matching(where, row, "atc", _SHAPES["atc"])),
            tables.drug_concept(where, row, known),
        )


def _read_loinc() -> Iterable[tuple[str, LabConcept]]:
    columns = ("analyte", "loinc", "long_name", "specimen", "property", "qualifier")
    for where, row in _embedded("loinc.csv", columns, ("loinc",)):
        yield (
            tables.matching(where, row, "loinc", _SHAPES["loinc"]),
            LabConcept(
                analyte=tables.matching(where, row, "analyte", _SHAPES["slug"]),
                qualifier=row["qualifier"],
                specimen=tables.filled(where, row, "specimen"),
                name=tables.filled(where, row, "long_name"),
            ),
        )


def _read_icd10cm(lines: Iterable[str]) -> _Icd10cm:
    exact: dict[str, str] = {}
    prefix: dict[str, str] = {}
    excluded: dict[str, str] = {}
    ways = {"exact": exact, "prefix": prefix, "excluded": excluded}
    columns = ("condition", "code", "match", "display")
    for where, row in tables.parse_rows("icd10cm.csv", lines, columns, ("code",)):
        if row["match"] not in ways:
            raise TerminologyError(f"{where}: match is {row['match']!r}, expected one of {', '.join(ways)}")
        code = tables.matching(where, row, "code", _SHAPES["icd10cm"]).replace(".", "")
        ways[row["match"]][code] = tables.matching(where, row, "condition", _SHAPES["slug"])
        tables.filled(where, row, "display")
    return _Icd10cm(exact, prefix, frozenset(excluded))


def _read_snomed() -> Iterable[tuple[str, str]]:
    columns = ("condition", "code", "display")
    for where, row in _embedded("snomed.csv", columns, ("code",)):
        tables.filled(where, row, "display")
        yield (
            tables.matching(where, row, "code", _SHAPES["snomed"]),
            tables.matching(where, row, "condition", _SHAPES["slug"]),
        )
