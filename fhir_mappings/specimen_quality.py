"""Does anything on a result say that its specimen is hemolyzed or contaminated?

What counts (``clinical`` §1.1): the interpretation, the notes, the condition of the specimen, the reason why data are
absent, or the words hemoly*, haemoly*, contaminat*, "line draw" and "IV arm" in any of these. A text that says there
was no hemolysis does not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
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
    for where, value in _places(observation, pool):
        found = codings(value)
        said = next((_CODES[coding.code] for coding in found if coding.code in _CODES), "")
        said = said or next((_MARKED for coding in found if (coding.system, coding.code) in local), "")
        said = said or next((word for words in words_of(value, found) if (word := suspicious_word(words))), "")
        if said:
            return f"{said} ({where})"
    return ""


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


def _places(observation: Resource, pool: Pool) -> Iterator[tuple[str, object]]:
    for name, where in _ELEMENTS.items():
        value = observation.get(name)
        if value is not None:
            yield where, {"text": value} if isinstance(value, str) else value
    pointer = observation.get("specimen")
    if pointer is None:
        return
    if said := text(first(pointer).get("display")):
        yield "specimen", {"text": said}
    literal = reference(pointer)
    specimen = pool.resolve(literal, "Specimen", observation) if literal else None
    if specimen is not None:
        yield "specimen condition", specimen.get("condition")
        yield "specimen note", specimen.get("note")
