"""Tolerant access to FHIR resources as plain JSON: whatever stands there, reading it does not raise.

What is of the wrong type is as good as absent. Where FHIR asks for a list, a single object is taken for a list of
one, and the other way round: real systems send both (``docs/decisions``, incoming FHIR is read tolerantly).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, NamedTuple

Resource = dict[str, Any]

# Characters that are not printed and only make equal names unequal: zero width spaces and joiners, byte order mark.
_INVISIBLE = {ord(mark): None for mark in "\u200b\u200c\u200d\u2060\ufeff"}
# No measured value has more digits than this on either side of the point; a longer one is an accident or an attack.
_MOST_DIGITS = 30
_MOST_BITS = 100


class Coding(NamedTuple):
    """A code with its system and display; empty where absent."""

    system: str
    code: str
    display: str


def as_list(value: Any) -> list[Any]:
    """Return the value as a list: nothing is the empty list, a single value a list of one."""
    if isinstance(value, list):
        return value
    if isinstance(value, tuple):
        return list(value)
    return [] if value is None else [value]


def objects(value: Any) -> list[Resource]:
    """Return the JSON objects in a value that is one, or a list of them."""
    if isinstance(value, list):
        return [item for item in value if isinstance(item, dict)]
    return [value] if isinstance(value, dict) else []


def first(value: Any) -> Resource:
    """Return the first JSON object in a value that is one, or a list of them; else an empty one."""
    if isinstance(value, dict):
        return value
    return next((item for item in value if isinstance(item, dict)), {}) if isinstance(value, list) else {}


def text(value: Any) -> str:
    """Return a string without invisible characters and without blanks around it; anything else is empty."""
    if not isinstance(value, str):
        return ""
    # Nearly all of it is ASCII, and nearly every element passes here: hence the short way.
    return value.strip() if value.isascii() else value.translate(_INVISIBLE).replace("\xa0", " ").strip()


def token(value: Any) -> str:
    """Return a code, an id or a status: a string, or a whole number that somebody sent without quotes."""
    if isinstance(value, str):
        return value.strip() if value.isascii() else text(value)
    whole = isinstance(value, int) and not isinstance(value, bool) and value.bit_length() <= _MOST_BITS
    return str(value) if whole else ""


def number(value: Any) -> Decimal | None:
    """Return a JSON number exactly, or None for anything else, for NaN, infinity and absurd sizes."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return Decimal(value) if value.bit_length() <= _MOST_BITS else None
    if isinstance(value, float):
        # The shortest text that reads back as this float: what the sender wrote, as far as that can be known.
        value = Decimal(repr(value)) if math.isfinite(value) else None
    if not isinstance(value, Decimal):
        return None
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or abs(exponent) > _MOST_DIGITS or abs(value.adjusted()) > _MOST_DIGITS:
        return None
    return value


def codings(value: Any) -> list[Coding]:
    """Return the codings of a CodeableConcept, a Coding, a plain code, or a list of these."""
    if value is None:
        return []
    found = []
    for item in value if isinstance(value, list) else (value,):
        if isinstance(item, dict):
            inner = item.get("coding")
            for coding in (item,) if inner is None else objects(inner):
                code, display = token(coding.get("code")), coding.get("display")
                if display is not None:
                    display = text(display)
                if code or display:
                    found.append(Coding(text(coding.get("system")), code, display or ""))
        elif code := token(item):
            found.append(Coding("", code, ""))
    return found


def codes(value: Any) -> frozenset[str]:
    """Return the codes of a concept in lower case, or its words where it has none: for small value sets."""
    if value is None:
        return frozenset()
    found = {coding.code.casefold() for coding in codings(value) if coding.code}
    return frozenset(found or {word.casefold() for word in phrases(value)})


def phrases(value: Any) -> list[str]:
    """Return what a concept says in words: its text and the displays of its codings."""
    return [] if value is None else words_of(value, codings(value))


def words_of(value: Any, found: Iterable[Coding]) -> list[str]:
    """Return what a concept says in words, as ``phrases`` does, where its codings have been found already."""
    written = [text(item.get("text")) for item in objects(value) if "text" in item]
    return [words for words in (*written, *(coding.display for coding in found)) if words]


def reference(value: Any) -> str:
    """Return the literal reference of a Reference, or of a plain string in its place."""
    return text(value) if isinstance(value, str) else text(first(value).get("reference"))


class Target(NamedTuple):
    """What a literal reference points at; ``type`` is empty where it does not say."""

    type: str
    id: str


def target(literal: str) -> Target:
    """Return type and id of a relative or absolute reference, without its version.

    >>> target("https://fhir.example.org/r4/Patient/p1/_history/3")
    Target(type='Patient', id='p1')
    """
    segments = literal.partition("/_history/")[0].rsplit("/", 2)
    return Target(segments[-2] if len(segments) > 1 else "", segments[-1])


def own_reference(resource: Resource) -> str:
    """Return the relative reference of a resource: ``Observation/123``."""
    return f"{token(resource.get('resourceType'))}/{token(resource.get('id')) or '(no id)'}"
