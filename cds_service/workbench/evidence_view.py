"""The evidence of a card (``hooks.evidence``) as tables for people."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from fhir_mappings.reading import as_list, objects, text
from fhir_mappings.unreadable import sentence_of
from hooks.evidence import KEY
from magnesium.knowledge import read_text
from magnesium.moment import When
from magnesium.words import time

_SYSTEMS = {
    "http://loinc.org": "LOINC",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "RxNorm",
    "http://snomed.info/sct": "SNOMED CT",
    "http://hl7.org/fhir/sid/icd-10-cm": "ICD-10-CM",
    "http://hl7.org/fhir/sid/ndc": "NDC",
    "http://www.whocc.no/atc": "ATC",
}
_FLAGS = {
    "timeZoneAssumed": "time zone assumed",
    "preliminary": "not final",
    "postDialysis": "after dialysis",
    "routeAssumed": "systemic route assumed",
    "asNeeded": "as needed",
    "singleDose": "single dose",
    "selected": "being ordered",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A fact, or a record that could not be used."""

    what: str
    value: str
    """As sent."""
    compared: str
    """As compared with the limits."""
    when: str
    how: str
    """How it was recognized, and by which code."""
    reference: str
    notes: str


@dataclass(frozen=True, slots=True)
class SourceRow:
    """Where a number or a sentence comes from."""

    key: str
    title: str
    status: str
    url: str


@dataclass(frozen=True, slots=True)
class EvidenceView:
    """All of it."""

    as_of: str
    policy_version: str
    topics: tuple[str, ...]
    facts: tuple[Row, ...]
    unusable: tuple[Row, ...]
    missing: tuple[str, ...]
    held_back: tuple[str, ...]
    derived: tuple[tuple[str, str], ...]
    thresholds: tuple[Mapping[str, str], ...]
    citations: tuple[str, ...]
    sources: tuple[SourceRow, ...]


def read_evidence(card: Mapping[str, Any]) -> EvidenceView | None:
    """Return the evidence of a card as it was sent; None for a card that has none."""
    extension = card.get("extension")
    sent = extension.get(KEY) if isinstance(extension, dict) else None
    if not isinstance(sent, dict):
        return None
    thresholds = tuple({name: text(value) for name, value in row.items()} for row in objects(sent.get("thresholds")))
    citations = _texts(sent.get("citations"))
    named = [key for row in thresholds for key in row.get("sources", "").split(", ")]
    return EvidenceView(
        as_of=moment(sent.get("asOf")),
        policy_version=text(sent.get("policyVersion")),
        topics=tuple(_topic(topic, sent) for topic in objects(sent.get("topics"))),
        facts=tuple(map(_fact, objects(sent.get("facts")))),
        unusable=tuple(map(_unusable, objects(sent.get("unusable")))),
        missing=_texts(sent.get("missing")),
        held_back=_texts(sent.get("heldBack")),
        derived=tuple((text(row.get("name")), text(row.get("value"))) for row in objects(sent.get("derived"))),
        thresholds=thresholds,
        citations=citations,
        sources=tuple(_sources([*citations, *named])),
    )


def moment(value: Any) -> str:
    """Return an ISO time, or an interval of two, as a reader expects it; anything else as it stands."""
    written = text(value)
    first, _, last = written.partition("/")
    try:
        start = datetime.fromisoformat(first)
        return time(When(start, datetime.fromisoformat(last) if last else start))
    except ValueError:
        return written


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(filter(None, map(text, as_list(value))))


def _topic(topic: Mapping[str, Any], sent: Mapping[str, Any]) -> str:
    code = text(topic.get("code"))
    versions = {text(rule.get("id")): text(rule.get("version")) for rule in objects(sent.get("rules"))}
    told = "told on this card" if topic.get("absorbed") is True else "leads this card"
    version = f", rule version {versions[code]}" if versions.get(code) else ""
    return f"{code}: {text(topic.get('indicator'))}, {told}{version}"


def _fact(fact: Mapping[str, Any]) -> Row:
    label, means = text(fact.get("label")), text(fact.get("means")).replace("_", " ")
    what = f"{means} – {label}" if label and means and label.casefold() != means.casefold() else means or label
    end = moment(fact.get("end"))
    when = moment(fact.get("time"))
    return Row(
        what=what or text(fact.get("display")),
        value=text(fact.get("asSent")),
        compared=text(fact.get("compared")),
        when=f"{when} to {end}" if end and end != when else when,
        how=_how(fact),
        reference=text(fact.get("reference")),
        notes=", ".join(_notes(fact)),
    )


def _notes(fact: Mapping[str, Any]) -> Iterator[str]:
    if (kind := text(fact.get("kind"))) != "result":
        yield kind
    yield from (words for name, words in _FLAGS.items() if fact.get(name) is True)
    for name, words in (("hemolyzed", "suspect specimen"), ("route", "route"), ("dailyAmount", "daily amount")):
        if value := text(fact.get(name)):
            yield f"{words}: {value}"
    if text(fact.get("certainty")) == "suspected":
        yield "not confirmed"


def _unusable(entry: Mapping[str, Any]) -> Row:
    return Row(
        what=text(entry.get("means")).replace("_", " ") or text(entry.get("display")),
        value=text(entry.get("asSent")),
        compared="",
        when=moment(entry.get("time")),
        how=_how(entry),
        reference=text(entry.get("reference")),
        notes=" ".join(filter(None, (sentence_of(text(entry.get("reason"))), text(entry.get("detail"))))),
    )


def _how(entry: Mapping[str, Any]) -> str:
    system, code, matched = (text(entry.get(name)) for name in ("system", "code", "matched"))
    named = f"{_SYSTEMS.get(system, system)} {code}".strip() if code else ""
    return ", ".join(filter(None, (matched, named)))


@cache
def _known_sources() -> Mapping[str, Mapping[str, str]]:
    return tomllib.loads(read_text("sources.toml"))


def _sources(citations: Iterable[str]) -> Iterator[SourceRow]:
    """Yield each source once; ``S4-038`` is a statement of the source ``S4``."""
    known = _known_sources()
    keys = (citation if citation in known else citation.partition("-")[0] for citation in citations)
    for key in dict.fromkeys(keys):
        if key in known:
            source = known[key]
            yield SourceRow(key, source["title"], source["status"], _url(source["identifier"]))


def _url(identifier: str) -> str:
    if identifier.startswith("doi:"):
        return f"https://doi.org/{identifier.removeprefix('doi:')}"
    return identifier if identifier.startswith("https://") and " " not in identifier else ""
