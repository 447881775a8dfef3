"""How one answer came about: what came, what was read, what it meant, what each rule made of it.

Everything is taken from the ``Evaluation`` from which the cards were made, as tables of words, so that a person
and a program are told the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cds_service.evaluation import Evaluation, Knowledge
from cds_service.prefetch import Received
from fhir_mappings.unmapped import unmapped_codes
from fhir_mappings.unreadable import Unreadable, sentence_of
from hooks.evidence import KEY
from hooks.service import Decision, Display
from magnesium import words
from magnesium.facts import (
    Analyte,
    ConditionFact,
    Exposure,
    LabResult,
    Need,
    OrderedTest,
    PatientFacts,
    Source,
    Unusable,
)
from magnesium.femg import NotComputable
from magnesium.moment import When
from magnesium.picture import ClinicalPicture
from magnesium.results import series
from magnesium.verdict import Finding, Quiet, Verdict


@dataclass(frozen=True, slots=True)
class Table:
    """One part of an explanation."""

    key: str
    """Its name as JSON."""
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def to_json(self) -> list[dict[str, str]]:
        """Return one object a row, without the cells that say nothing."""
        names = [_member(column) for column in self.columns]
        return [{name: cell for name, cell in zip(names, row, strict=True) if cell} for row in self.rows]


def explain(sent: Mapping[Need, Received], evaluation: Evaluation, knowledge: Knowledge) -> tuple[Table, ...]:
    """Return how ``evaluation`` came about, in the order in which it did.

    Args:
        sent: What came with the request.
        evaluation: What it came to.
        knowledge: The policy and the codes it rests on.
    """
    facts, picture, answer = evaluation.facts, evaluation.picture, evaluation.answer
    verdicts = [_verdict(verdict) for verdict in answer.verdicts]
    failed = [(topic.value, "failed", f"error id {error_id}") for topic, error_id in answer.failed]
    return (
        Table("needs", "What came", ("need", "sent", "in the end"), tuple(_needs(sent, facts))),
        Table("facts", "Facts read", ("fact", "read as", "as sent", "time", "source", "matched"), tuple(_facts(facts))),
        Table(
            "unusable",
            "Not usable",
            ("source", "reason", "detail", "would be", "time"),
            tuple(map(_unusable, _not_usable(picture))),
        ),
        Table("unmapped", "Laboratory codes not known here", ("code", "results"), tuple(_unmapped(sent, knowledge))),
        Table("readings", "What they mean", ("reading", "value"), tuple(_readings(picture))),
        Table("drugs", "Drugs in force", ("drug", "class", "wastes magnesium", "state"), tuple(_drugs(picture))),
        Table("rules", "Rules", ("rule", "verdict", "why"), (*verdicts, *failed)),
        Table(
            "cards",
            "Cards",
            ("card", "indicator", "became", "says", "tells also", "suggests"),
            tuple(_card(evaluation, decision) for decision in answer.decisions),
        ),
        Table(
            "thresholds",
            "Numbers applied",
            ("number", "value", "basis", "reviewed", "sources", "says"),
            tuple(_thresholds(evaluation)),
        ),
    )


def _member(column: str) -> str:
    first, *rest = column.split()
    return first + "".join(word.capitalize() for word in rest)


# ── What came, what was read ──────────────────────────────────────────────────────────────────────


def _needs(sent: Mapping[Need, Received], facts: PatientFacts) -> Iterator[tuple[str, ...]]:
    for need, came in sent.items():
        count = f" ({len(came.resources)})" if came.resources else ""
        if need in facts.unavailable:
            end = "unknown: could not be looked at"
        elif need in facts.partial:
            end = "known in part: there is more"
        else:
            end = "known" if came.outcome.known else "known: fetched from the FHIR server"
        yield need.value, f"{came.outcome.value}{count}", end


def _facts(facts: PatientFacts) -> Iterator[tuple[str, ...]]:
    for lab in facts.labs:
        yield _row(lab.analyte.value, _result(lab), lab.source, _time(lab.when))
    for exposure in (*facts.exposures, *(facts.ordering.drafts if facts.ordering else ())):
        yield _row(", ".join(exposure.ingredients), _exposure(exposure), exposure.source, _span(exposure))
    for condition in facts.conditions:
        yield _row(condition.condition, _condition(condition), condition.source, _time(condition.onset))
    for test in facts.ordered_tests:
        yield _row(test.analyte.value, _test(test), test.source, _time(test.when))


def _row(fact: str, read_as: str, source: Source, time: str) -> tuple[str, ...]:
    sent = ", ".join(part for part in (source.display, source.as_sent) if part)
    return fact, read_as, sent, time, source.reference, f"{source.match.value} {source.code}".rstrip()


def _result(lab: LabResult) -> str:
    marks = {
        "not final": lab.preliminary,
        "suspect specimen": lab.hemolyzed,
        "after dialysis": lab.post_dialysis,
    }
    return _listed(lab.quantity.text, *(mark for mark, holds in marks.items() if holds))


def _exposure(exposure: Exposure) -> str:
    marks = {
        "route assumed": exposure.route_assumed,
        "as needed": exposure.as_needed,
        "single dose": exposure.single_dose,
        "inpatient": exposure.inpatient,
        "selected": exposure.selected,
    }
    amount = f"{exposure.daily_amount.text} a day" if exposure.daily_amount else ""
    set_marks = (mark for mark, holds in marks.items() if holds)
    return _listed(exposure.kind.value, exposure.status.value, exposure.route.value, amount, *set_marks)


def _condition(condition: ConditionFact) -> str:
    return _listed("condition", condition.certainty.value, f"until {_time(condition.until)}" if condition.until else "")


def _test(test: OrderedTest) -> str:
    return "ordered, no result yet" if test.when else "ordered, no result yet, no time"


def _not_usable(picture: ClinicalPicture) -> Iterator[Unusable]:
    """Yield what could not be read, then what was read and cannot be: implausible, or dated after now.

    A suspect specimen is marked among the facts: whether it counts is for each reading to say.
    """
    yield from picture.facts.unusable
    for analyte in Analyte:
        for entry in series(picture.facts, analyte, picture.policy, picture.as_of).unusable:
            if entry not in picture.facts.unusable and entry.reason != Unreadable.SUSPECT_SPECIMEN:
                yield entry


def _unmapped(sent: Mapping[Need, Received], knowledge: Knowledge) -> Iterator[tuple[str, str]]:
    came = (resource for received in sent.values() for resource in received.resources)
    counted = unmapped_codes(came, knowledge.terminology, knowledge.site_codes)
    for code, count in sorted(counted.items(), key=lambda item: (-item[1], item[0])):
        yield code, f"{count}"


def _unusable(entry: Unusable) -> tuple[str, ...]:
    said = f"{entry.reason}: {sentence_of(entry.reason)}"
    return entry.source.reference, said, entry.detail, entry.analyte.value if entry.analyte else "", _time(entry.when)


# ── What it means ─────────────────────────────────────────────────────────────────────────────────


def _readings(picture: ClinicalPicture) -> Iterator[tuple[str, str]]:
    age = f"{picture.age} years" if picture.age is not None else "age unknown"
    yield "patient", _listed(age, picture.facts.patient.sex.value, picture.facts.setting.value)
    yield "magnesium", _magnesium(picture)
    previous = picture.magnesium.previous
    if previous is not None:
        yield "magnesium before", words.result(previous)
    yield "potassium", _potassium(picture)
    yield "kidney", _kidney(picture)
    calcium = picture.calcium
    if calcium.result is not None:
        yield "calcium", _listed(calcium.level.value, calcium.basis, words.result(calcium.result))
    femg = picture.femg
    yield (
        "FEMg",
        (
            f"not computable: {_listed(*femg.missing)}"
            if isinstance(femg, NotComputable)
            else f"{femg.text}: {femg.reading.value}"
        ),
    )
    if picture.qtc is not None:
        yield "QTc", _listed(words.result(picture.qtc.result), "prolonged" if picture.qtc.prolonged else "")
    if picture.slow_pulse is not None:
        yield "pulse", f"slow: {words.result(picture.slow_pulse)}"
    for name, exposures in (
        ("magnesium ordered", picture.magnesium_ordered),
        ("potassium ordered", picture.potassium_ordered),
    ):
        if exposures:
            yield name, _listed(*map(words.drug, exposures))
    for proposal, reason in picture.guard.held.items():
        yield f"not to be proposed: {proposal.value}", reason
    for missing in picture.missing:
        yield "not seen", missing


def _magnesium(picture: ClinicalPicture) -> str:
    reading = picture.magnesium
    if reading.result is None:
        known = "no usable result"
    else:
        status = words.STATUS[reading.status] if reading.status is not None else "not conclusive"
        known = _listed(status, words.result(reading.result), reading.currency.value)
    marks = {
        "may be severe": reading.may_be_severe,
        "results of one moment differ": reading.conflicting,
        "drawn after a dose": picture.after_dose,
        "a newer result could not be used": reading.unverified,
    }
    return _listed(known, *(mark for mark, holds in marks.items() if holds))


def _potassium(picture: ClinicalPicture) -> str:
    reading = picture.potassium
    marks = {
        "severely low": reading.severe,
        "moderately low": reading.moderate and not reading.severe,
        "low": reading.low and not reading.moderate,
        "not conclusive": reading.not_conclusive,
        "results of one moment differ": reading.conflicting,
        "a newer result could not be used": reading.unverified,
    }
    since = reading.refractory_since
    return _listed(
        words.result(reading.result) if reading.result else "no current result",
        *(mark for mark, holds in marks.items() if holds),
        f"did not respond to replacement since {words.result(since)}" if since else "",
    )


def _kidney(picture: ClinicalPicture) -> str:
    kidney = picture.kidney
    marks = {
        "computed by CKD-EPI 2021": kidney.computed,
        "dialysis": kidney.dialysis,
        "oliguria": kidney.oliguria,
        "a newer creatinine could not be used": kidney.unverified,
    }
    return _listed(
        kidney.filtration.value,
        kidney.words if kidney.egfr else "",
        f"from {words.result(kidney.basis)}" if kidney.basis else "",
        f"acute injury: {kidney.acute_injury}" if kidney.acute_injury else "",
        *(mark for mark, holds in marks.items() if holds),
    )


def _drugs(picture: ClinicalPicture) -> Iterator[tuple[str, ...]]:
    for held in picture.regimen.in_force:
        state = "washing out" if held.washing_out else "in force"
        wastes = held.drug.weight.value if held.drug.wasting else "no"
        yield (
            words.drug(held.exposure),
            held.drug.drug_class.label,
            wastes,
            f"{state}, not for long" if held.brief else state,
        )


# ── What was made of it ───────────────────────────────────────────────────────────────────────────


def _verdict(verdict: Verdict) -> tuple[str, ...]:
    if isinstance(verdict, Finding):
        return verdict.topic.value, f"finding, {verdict.indicator.code}", verdict.summary
    if isinstance(verdict, Quiet):
        return verdict.topic.value, "quiet", verdict.reason
    return verdict.topic.value, "unknown", f"missing: {verdict.missing}"


def _card(evaluation: Evaluation, decision: Decision) -> tuple[str, ...]:
    card = next((card for card in evaluation.answer.cards if card.uuid == decision.uuid), None)
    became = decision.display.value
    if card is None or decision.display is not Display.SHOWN:
        return decision.topic, decision.indicator.code, became, "", "", ""
    suggested = "; ".join(suggestion.label for suggestion in card.suggestions)
    topics = card.extension.get(KEY, {}).get("topics", ())
    absorbed = ", ".join(topic["code"] for topic in topics if topic["absorbed"])
    return decision.topic, decision.indicator.code, became, card.summary, absorbed, suggested


def _thresholds(evaluation: Evaluation) -> Iterator[tuple[str, ...]]:
    policy = evaluation.picture.policy
    findings = (verdict for verdict in evaluation.answer.verdicts if isinstance(verdict, Finding))
    for number_id in dict.fromkeys(number for finding in findings for number in finding.evidence.thresholds):
        known = number_id in policy.numbers
        row = policy.describe(number_id) if known else {"id": number_id, "value": "no such number in the policy"}
        yield tuple(row.get(name, "") for name in ("id", "value", "basis", "reviewed", "sources", "says"))


def _time(when: When | None) -> str:
    """Return a time with its zone, or a partial date as far as it is known."""
    if when is None:
        return ""
    text = when.earliest.isoformat(timespec="minutes") if when.exact else words.time(when)
    return f"{text}, zone assumed" if when.zone_assumed else text


def _span(exposure: Exposure) -> str:
    return f"{_time(exposure.start) or 'unknown'} to {_time(exposure.end)}" if exposure.end else _time(exposure.start)


def _listed(*parts: Any) -> str:
    return ", ".join(str(part) for part in parts if part)
