"""Does anything on a result say that its specimen is hemolyzed or contaminated?

What counts (``clinical`` §1.1): the interpretation, the notes, the condition of the specimen, the reason why data are
absent, or the words hemoly*, haemoly*, contaminat*, "line draw" and "IV arm" in any of these. A text that says there
was no hemolysis does not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet

from fhir_mappings.pool import Pool
from fhir_mappings.reading import Resource, codings, first, reference, text, words_of

# HL7 table 0493 and v3 interpretation: the code alone says it.
_CODES = {"HEM": "hemolyzed", "CON": "contaminated"}
_MARKED = "marked by the laboratory"
_WORDS = re.compile(r"\b(?:un|non)?ha?emoly\w*|\bcontaminat\w*|\bline[ -]draw\w*|\biv[ -]arm\b", re.IGNORECASE)
_DENIED_BEFORE = re.compile(
    r"\b(?:no|not|non|without|absence of|free of|negative for|nil)[ -]+"
    r"(?:(?:any|been|evident|evidence of|signs? of|gross|grossly|visible|visibly|significant|significantly|apparent|"
    r"obvious|detectable|in vitro)\s+)*$"
    r"|\b(?:no|without|neither)\b[^.;:]*\b(?:or|nor) $",
    re.IGNORECASE,
)
_DENIED_AFTER = re.compile(
    r"\s*(?:index|grade|level|score)?\s*[:=]?\s*(?:(?:is|was)\s+)?"
    r"(?:0+(?:\.0+)?(?![\d.]*\d)|none\b|nil\b|neg(?:ative)?\b|absent\b|no\b|not (?:detected|seen|present|observed)\b)",
    re.IGNORECASE,
)
# How far before a word its denial is looked for, in characters, and how many words: a search from every "no" of an
# endless text would end never. Beyond them nothing is denied.
_DENIAL_REACH = 200
_MOST_DENIED = 20
# Where it can be said on the Observation itself. Before R4 a comment was a plain text.
_ELEMENTS = {
    "interpretation": "interpretation",
    "note": "note",
    "comment": "note",
    "comments": "note",
    "dataAbsentReason": "reason for absent data",
}


def suspect_specimen(observation: Resource, pool: Pool, local: AbstractSet[tuple[str, str]] = frozenset()) -> str:
    """Return why the specimen is suspect and where that is said; empty if nothing says so.

    Args:
        observation: the result.
        pool: where its Specimen may be.
        local: (system, code) by which the site's laboratory marks such specimens.
    """
    if said := _first_said(_on_result(observation), local):
        return said
    specimen = _specimen(observation, pool)
    if specimen is None:
        return ""
    return pool.once("specimen", specimen, lambda shared: _first_said(_on_specimen(shared), local))


def _first_said(places: Iterable[tuple[str, object]], local: AbstractSet[tuple[str, str]]) -> str:
    found = ((where, _said(value, local)) for where, value in places)
    return next((f"{said} ({where})" for where, said in found if said), "")


def _said(value: object, local: AbstractSet[tuple[str, str]]) -> str:
    found = codings(value)
    said = next((_CODES[coding.code] for coding in found if coding.code in _CODES), "")
    said = said or next((_MARKED for coding in found if (coding.system, coding.code) in local), "")
    return said or next((word for words in words_of(value, found) if (word := suspicious_word(words))), "")


def suspicious_word(words: str) -> str:
    """Return the first word in a text that makes a specimen suspect and is not denied there, in lower case."""
    for number, found in enumerate(_WORDS.finditer(words)):
        word = found[0].casefold()
        denied = number < _MOST_DENIED and (
            word.startswith(("un", "non"))
            or _DENIED_BEFORE.search(words, max(found.start() - _DENIAL_REACH, 0), found.start())
            or _DENIED_AFTER.match(words, found.end())
        )
        if not denied:
            return word
    return ""


def _on_result(observation: Resource) -> Iterator[tuple[str, object]]:
    for name, where in _ELEMENTS.items():
        value = observation.get(name)
        if value is not None:
            yield where, {"text": value} if isinstance(value, str) else value
    if said := text(first(observation.get("specimen")).get("display")):
        yield "specimen", {"text": said}


def _specimen(observation: Resource, pool: Pool) -> Resource | None:
    literal = reference(observation.get("specimen"))
    return pool.resolve(literal, "Specimen", observation) if literal else None


def _on_specimen(specimen: Resource) -> Iterator[tuple[str, object]]:
    yield "specimen condition", specimen.get("condition")
    yield "specimen note", specimen.get("note")
