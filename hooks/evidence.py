"""What a card rests on, in its extension: enough to explain the card to a person and to replay the decision.

No client has to understand an extension, so nothing that matters for safety stands only here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol, TypeVar

from hooks.one_card import Lead
from magnesium.facts import ConditionFact, Exposure, LabResult, Source, Unusable
from magnesium.moment import When
from magnesium.quantity import Quantity, plain
from magnesium.verdict import Evidence, Fact, Topic

T = TypeVar("T")
KEY = "io.github.magnesium-cds.evidence"
MOST_UNUSABLE = 100
"""How many records that could not be used are listed: a chart of thousands tells no more than their number."""


class KnowsNumbers(Protocol):
    """The part of the policy that evidence needs."""

    @property
    def version(self) -> str:
        """Version of the policy."""
        ...

    def describe(self, number_id: str, /) -> Mapping[str, str]:
        """Return what to print of a number."""
        ...


def evidence(
    lead: Lead,
    *,
    policy: KnowsNumbers,
    versions: Mapping[Topic, str],
    as_of: datetime,
    held_back: Iterable[str] = (),
) -> dict[str, Any]:
    """Return the evidence of a card. Members without a value, and marks that are not set, are dropped on sending.

    Args:
        lead: what the card tells.
        policy: describes the numbers that were applied.
        versions: version of each rule.
        as_of: the moment for which it was decided.
        held_back: what the cap kept from being shown.
    """
    parts = [finding.evidence for finding in lead.findings]
    unusable = list(_once(entry for part in parts for entry in part.unusable))
    return {
        "asOf": as_of.isoformat(),
        "topics": [
            {"code": finding.topic.value, "indicator": finding.indicator.code, "absorbed": place > 0}
            for place, finding in enumerate(lead.findings)
        ],
        "rules": [{"id": f.topic.value, "version": versions.get(f.topic, "")} for f in lead.findings],
        "policyVersion": policy.version,
        "facts": [_fact(fact) for fact in _once(fact for part in parts for fact in part.facts)],
        "unusable": [_unusable(entry) for entry in unusable[:MOST_UNUSABLE]],
        "missing": _all(parts, "missing"),
        "thresholds": [_threshold(policy, number_id) for number_id in _all(parts, "thresholds")],
        "citations": _all(parts, "citations"),
        "derived": [
            {"name": name, "value": text}
            for name, text in dict.fromkeys(derived for part in parts for derived in part.derived)
        ],
        "heldBack": [*_all(parts, "held_back"), *held_back, *_not_listed(len(unusable) - MOST_UNUSABLE)],
    }


def _all(parts: Iterable[Evidence], member: str) -> list[str]:
    """Return the texts of one member over all findings of the card, once each, in order."""
    return list(dict.fromkeys(text for part in parts for text in getattr(part, member)))


def _not_listed(count: int) -> list[str]:
    return [f"unusable: {count} more than the {MOST_UNUSABLE} listed"] if count > 0 else []


def _once(entries: Iterable[T]) -> Iterable[T]:
    """Findings that share a card mostly rest on the same results. The same, not equal: comparing is slow."""
    return {id(entry): entry for entry in entries}.values()


def _threshold(policy: KnowsNumbers, number_id: str) -> dict[str, str]:
    try:
        return {"id": number_id, **policy.describe(number_id)}
    except KeyError:
        # A misspelt id is our mistake and costs its own line, not the answer to the clinician.
        return {"id": number_id}


def _fact(fact: Fact) -> dict[str, Any]:
    if isinstance(fact, LabResult):
        return _result(fact)
    return _exposure(fact) if isinstance(fact, Exposure) else _condition(fact)


def _result(fact: LabResult) -> dict[str, Any]:
    return {
        "kind": "result",
        **_source(fact.source),
        "means": fact.analyte.value,
        "compared": _compared(fact.quantity),
        "time": _time(fact.when),
        "timeZoneAssumed": fact.when.zone_assumed or None,
        "preliminary": fact.preliminary or None,
        "postDialysis": fact.post_dialysis or None,
        "hemolyzed": fact.hemolyzed,
        "referenceLow": fact.reference_low.text if fact.reference_low else "",
        "specimen": fact.specimen,
    }


def _exposure(fact: Exposure) -> dict[str, Any]:
    return {
        "kind": fact.kind.value,
        **_source(fact.source),
        "means": ", ".join(fact.ingredients),
        "label": fact.label,
        "status": fact.status.value,
        "route": fact.route.value,
        "doseForm": fact.dose_form,
        "time": _time(fact.start),
        "end": _time(fact.end),
        "authored": _time(fact.authored),
        "supplyDays": fact.supply_days,
        "dailyAmount": fact.daily_amount.text if fact.daily_amount else "",
        "routeAssumed": fact.route_assumed or None,
        "asNeeded": fact.as_needed or None,
        "singleDose": fact.single_dose or None,
        "inpatient": fact.inpatient or None,
        "selected": fact.selected or None,
    }


def _condition(fact: ConditionFact) -> dict[str, Any]:
    return {
        "kind": "condition",
        **_source(fact.source),
        "means": fact.condition,
        "label": fact.label,
        "certainty": fact.certainty.value,
        "time": _time(fact.onset),
    }


def _unusable(entry: Unusable) -> dict[str, Any]:
    return {
        **_source(entry.source),
        "reason": entry.reason,
        "detail": entry.detail,
        "means": entry.analyte.value if entry.analyte else "",
        "time": _time(entry.when),
    }


def _source(source: Source) -> dict[str, str]:
    return {
        "reference": source.reference,
        "system": source.system,
        "code": source.code,
        "display": source.display,
        "asSent": source.as_sent,
        "matched": source.match.value,
    }


def _compared(quantity: Quantity) -> str:
    """The number that met the limits, in the unit whose printed limits were applied."""
    return f"{quantity.comparator}{plain(quantity.printed_value)} {quantity.unit.printed}"


def _time(when: When | None) -> str:
    """An instant, or an ISO 8601 interval for a date that was given only in part."""
    if when is None:
        return ""
    earliest = when.earliest.isoformat()
    return earliest if when.exact else f"{earliest}/{when.latest.isoformat()}"
