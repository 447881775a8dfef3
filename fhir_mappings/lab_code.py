"""Which test a code means: the code of a result and the code of an order are read alike.

Any coding may tell; a standard code wins over a local one, a local one over a name.
"""

from __future__ import annotations

from typing import NamedTuple

from fhir_mappings.codes import LabConcept
from fhir_mappings.context import Context
from fhir_mappings.reading import Coding, codings, first, text
from magnesium.facts import Analyte, Match

_ANALYTES = {analyte.value: analyte for analyte in Analyte}
_POST_DIALYSIS = "post dialysis"
# Measurements that say the same as a routine one. Samples before, after or during a challenge, baselines, peaks and
# whatever a later table may bring do not.
_ROUTINE = frozenset(
    {
        "",
        "albumin corrected",
        "pH adjusted",
        "pre dialysis",
        "standard",
        "temperature adjusted",
        "unspecified duration",
        _POST_DIALYSIS,
    }
)


class LabTest(NamedTuple):
    """What was measured, and the coding that said so."""

    analyte: Analyte
    coding: Coding
    match: Match
    post_dialysis: bool = False


class LabTests(NamedTuple):
    """All that a code may mean here: one test, or several in contradiction."""

    tests: tuple[LabTest, ...]
    contradiction: bool = False


_OF_NO_INTEREST = LabTests(())


def identify(concept: object, context: Context) -> LabTests:
    """Return the tests that a CodeableConcept may mean; none if it is of no interest here."""
    standard: list[tuple[LabConcept, Coding]] = []
    local: dict[Analyte, LabTest] = {}
    for coding in codings(concept):
        lab = context.terminology.lab(coding.system, coding.code)
        if lab is not None:
            standard.append((lab, coding))
        elif analyte := context.site.labs.get((coding.system, coding.code)):
            local[analyte] = LabTest(analyte, coding, Match.LOCAL_CODE)
    words = text(first(concept).get("text"))
    if standard:
        return _by_standard(standard, words)
    if local:
        return LabTests(tuple(local[analyte] for analyte in sorted(local)), contradiction=len(local) > 1)
    named = context.site.names.get(words.casefold()) if words else None
    return LabTests((LabTest(named, Coding("", "", words), Match.NAME),)) if named else _OF_NO_INTEREST


def _by_standard(standard: list[tuple[LabConcept, Coding]], words: str) -> LabTests:
    qualifiers = {lab.qualifier for lab, _ in standard}
    if not qualifiers <= _ROUTINE:
        return _OF_NO_INTEREST
    found: dict[Analyte, LabTest] = {}
    for lab, coding in sorted(standard, key=_by_coding):
        analyte = _ANALYTES.get(lab.analyte)
        if analyte is not None and analyte not in found:
            named = Coding(coding.system, coding.code, coding.display or words or lab.name)
            found[analyte] = LabTest(analyte, named, Match.STANDARD_CODE, _POST_DIALYSIS in qualifiers)
    # A second code for something that is of no interest here is a contradiction too.
    contradiction = len({lab.analyte for lab, _ in standard}) > 1
    return LabTests(tuple(found[analyte] for analyte in sorted(found)), contradiction)


def _by_coding(meaning: tuple[LabConcept, Coding]) -> Coding:
    return meaning[1]
