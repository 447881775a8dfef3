"""The page that shows how the list of possible causes behaves on ten textbook patients."""

from __future__ import annotations

from collections.abc import Iterable

from magnesium import words
from magnesium.cause_table import findings
from magnesium.causes import Candidate, differential
from magnesium.picture import ClinicalPicture
from magnesium.rules import cause_of_hypomagnesemia
from magnesium.verdict import Finding
from tests.textbook_patients import TEXTBOOK_PATIENTS, TextbookPatient

_INTRODUCTION = """\
# How the list of possible causes behaves

Written by `python -m tools.generate_docs` from `magnesium/knowledge/causes.csv` and the patients of
`tests/textbook_patients.py`. Do not edit. The patients are made up.

A cause is listed only if the findings that it requires are the patient's own. There are no probabilities. The order:

1. drugs that waste magnesium, then drugs of weak evidence, conditions, low potassium itself, raised calcium (column
   *rank*);
2. within a rank first the causes that no finding contradicts;
3. then those that more findings support;
4. then the order of the table.

An inherited cause is listed only if no wasting drug explains the picture, and magnesium was first low before the age
of {young}, or the family history is positive. It is a reason to consider genetics, never a diagnosis. At most {most}
causes are listed. Urine calcium is not read in patients under {adult}.
"""


def differential_page() -> str:
    """Return the page."""
    policy = TEXTBOOK_PATIENTS[0].picture.policy
    introduction = _INTRODUCTION.format(
        young=policy.differential.young.value,
        most=policy.differential.most.text,
        adult=policy.population.adult.value,
    )
    sections = (_section(number, patient) for number, patient in enumerate(TEXTBOOK_PATIENTS, start=1))
    return "\n".join((introduction, *sections))


def _section(number: int, patient: TextbookPatient) -> str:
    picture = patient.picture
    verdict = cause_of_hypomagnesemia.judge(picture)
    candidates = differential(picture)
    card = [verdict.summary, *verdict.act] if isinstance(verdict, Finding) else ["No card of its own."]
    return "\n".join(
        (
            f"## {number}. {patient.title}",
            "",
            patient.story,
            "",
            f"On the chart: {'; '.join(_chart(picture))}.",
            "",
            "| | possible cause | site | rank | for | against |",
            "|---|---|---|---|---|---|",
            *(_row(place, candidate) for place, candidate in enumerate(candidates, start=1)),
            "",
            "The card says:",
            "",
            *(f"- {line}" for line in card),
            *(f"- {candidate.line}" for candidate in candidates),
            "",
        )
    )


def _chart(picture: ClinicalPicture) -> Iterable[str]:
    for result in picture.facts.labs:
        yield words.value(result)
    for exposure in picture.facts.exposures:
        yield words.drug(exposure)
    for condition in picture.facts.conditions:
        yield findings()[f"condition:{condition.condition}"].words


def _row(place: int, candidate: Candidate) -> str:
    cause = candidate.cause
    supporting = "; ".join(own.text for own in candidate.supporting)
    contradicting = "; ".join(own.text for own in candidate.contradicting) or "–"
    gene = f", {cause.gene_or_transporter}" if cause.gene_or_transporter else ""
    return f"| {place} | {candidate.name} | {cause.site.words}{gene} | {cause.rank} | {supporting} | {contradicting} |"
