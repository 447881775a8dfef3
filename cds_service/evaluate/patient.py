"""One patient: lines of an export in, rows out. Both engines call this, and nothing else judges.

Whatever is wrong with one line or one patient costs only itself and becomes a row of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec

from cds_service.evaluate.history import History
from cds_service.evaluate.judge import Judge, Judged
from cds_service.evaluate.moments import IsResult, Key, Moment, Occasion, moments
from cds_service.evaluate.outcomes import Course, already_done, surely_severe
from cds_service.evaluate.rows import Difference, Firing, Missed, Patient, Problem, Row, Unused
from cds_service.logging import describe
from cds_service.strict_json import StrictJsonError, decode
from fhir_mappings.encounter import INPATIENT_CLASSES, class_codes
from fhir_mappings.reading import Resource, own_reference, token
from fhir_mappings.subject import PatientMismatch
from fhir_mappings.times import read_period
from hooks import evidence
from hooks.cards import Card, without_empties
from hooks.memory import Override
from hooks.service import Hook
from magnesium.drugs import members
from magnesium.facts import Analyte, Exposure, LabResult, PatientFacts, Setting, Unusable
from magnesium.picture import ClinicalPicture
from magnesium.verdict import Finding, Quiet, Topic, Unknown

MAX_DEPTH = 64
"""How deep a resource may be nested; what the service accepts by default."""

_evidence = msgspec.json.Encoder(decimal_format="number")
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Judges patients under one policy or several."""

    judges: tuple[Judge, ...]
    """The first is the one that the others are compared with."""

    def of_patient(self, patient_id: str, lines: Iterable[str]) -> list[Row]:
        """Return the rows of one patient.

        Args:
            patient_id: the id of the Patient resource.
            lines: the resources of the patient, and those that they refer to, as JSON.
        """
        problems: list[Row] = []
        resources = list(_decoded(patient_id, lines, problems))
        try:
            return [*problems, *self._rows(patient_id, resources)]
        except PatientMismatch as mismatch:
            words = "the resource names two patients"
            return [
                *problems,
                Problem(place=mismatch.reference, patient=patient_id, kind="two patients", message=words),
            ]
        except Exception as error:  # noqa: BLE001
            # One patient must not end an evaluation of a hundred thousand; it is listed, without what it says.
            found = describe(error)
            words = f"{found['error']} at {found['frames'][-1]}"
            return [*problems, Problem(place="", patient=patient_id, kind="patient not evaluated", message=words)]

    def _rows(self, patient_id: str, resources: Sequence[Resource]) -> Iterator[Row]:
        kinds = {token(resource.get("resourceType")) for resource in resources}
        if "Patient" not in kinds:
            words = f"{len(resources)} resources, and no Patient among them"
            yield Problem(place="", patient=patient_id, kind="no Patient resource", message=words)
            return
        history = History.of(resources, self.judges[0].zone)
        ends = history.last
        if ends is None:
            words = f"{len(resources)} resources, none of them with a time"
            yield Problem(place="", patient=patient_id, kind="nothing to replay", message=words)
            return
        whole = [entry.resource for entry in (*history.standing, *history.entries) if entry.until is None]
        last = [judge.facts(patient_id, whole, ends) for judge in self.judges]
        asked = moments(history, self._is_result(patient_id, history, last, ends))
        base: Mapping[tuple[Key, str], str] | None = None
        for judge, facts in zip(self.judges, last, strict=True):
            one = _OnePolicy(self, judge, patient_id, history, ends, facts)
            yield from one.rows(asked)
            if base is None:
                base = one.indicators
            else:
                yield from self._differences(patient_id, judge, one.indicators, base)

    def _is_result(self, patient_id: str, history: History, last: Sequence[PatientFacts], ends: datetime) -> IsResult:
        results = frozenset().union(*(_references(facts, _MG_AND_K) for facts in last))
        rewritten = history.rewritten

        def is_result(observation: Resource) -> bool:
            name = own_reference(observation)
            if name not in rewritten:
                return name in results
            # What one version says must not be told from another: it may have been taken back.
            facts = (judge.facts(patient_id, [observation], ends) for judge in self.judges)
            return any(name in _references(found, _MG_AND_K) for found in facts)

        return is_result

    def _differences(
        self, patient_id: str, judge: Judge, said: Mapping[tuple[Key, str], str], base: Mapping[tuple[Key, str], str]
    ) -> Iterator[Row]:
        for key, topic in sorted({*said, *base}):
            indicator, other = said.get((key, topic), ""), base.get((key, topic), "")
            if indicator != other:
                at, occasion, triggers = key
                yield Difference(
                    patient=patient_id,
                    at=at.isoformat(),
                    hook=occasion.hook.value,
                    triggers=" ".join(triggers),
                    topic=topic,
                    policy=judge.name,
                    indicator=indicator,
                    other=self.judges[0].name,
                    other_indicator=other,
                )


_MG_AND_K = frozenset({Analyte.MAGNESIUM, Analyte.POTASSIUM})
_SORTED_OUT = frozenset({"Observation", "MedicationRequest", "MedicationStatement", "MedicationAdministration"})


def _references(facts: PatientFacts, analytes: frozenset[Analyte]) -> frozenset[str]:
    """Return the references of the results of some analytes, readable or not."""
    found: tuple[LabResult | Unusable, ...] = (*facts.labs, *facts.unusable)
    return frozenset(fact.source.reference for fact in found if fact.analyte in analytes)


def _of_interest(facts: PatientFacts, history: History) -> Callable[[Resource], bool]:
    """Return whether the service has a use for a resource at any moment.

    An export holds everything that was ever measured and ordered; the live service asks for its own codes only. What
    an Observation measures and what drug an order names are the same at every moment, but where there are several
    versions of anything: then nothing is sorted out.
    """
    if history.rewritten:
        return lambda _: True
    found: tuple[LabResult | Exposure | Unusable, ...] = (*facts.labs, *facts.exposures, *facts.unusable)
    read = frozenset(fact.source.reference for fact in found)
    return lambda resource: resource.get("resourceType") not in _SORTED_OUT or own_reference(resource) in read


def _decoded(patient_id: str, lines: Iterable[str], problems: list[Row]) -> Iterator[Resource]:
    for line in lines:
        try:
            value = decode(line.encode(), max_depth=MAX_DEPTH)
        except StrictJsonError as error:
            problems.append(Problem(place="", patient=patient_id, kind="unreadable resource", message=str(error)))
            continue
        yield value


@dataclass
class _OnePolicy:
    """One patient under one policy."""

    evaluation: Evaluation
    judge: Judge
    patient_id: str
    history: History
    ends: datetime
    whole: PatientFacts
    """Everything that the export says, as of its end."""
    indicators: dict[tuple[Key, str], str] = field(default_factory=dict)
    """Indicator of each card by moment and topic."""

    def rows(self, asked: Sequence[Moment]) -> Iterator[Row]:
        """Yield the rows of all moments, and the sums."""
        seen = {own_reference(entry.resource): entry.since for entry in reversed(self.history.entries)}
        course = Course.of(self.whole, seen, self.ends, self.judge.knowledge.policy)
        history = self.history.keeping(_of_interest(self.whole, self.history))
        results = self.judge.results(self.patient_id, history, self.ends)
        remembered: dict[Topic, Override] = {}
        unused: dict[tuple[str, str], Unusable] = {}
        calls = dict.fromkeys(Hook, 0)
        silent = dict.fromkeys(Hook, 0)
        firings: list[Firing] = []
        severe = 0
        for moment in asked:
            judged = self.judge.at(self.patient_id, moment, history, results, remembered)
            hook = moment.occasion.hook
            for error in judged.errors:
                yield Problem(
                    place=" ".join(moment.triggers), patient=self.patient_id, kind="check could not run", message=error
                )
            # The card on checks that could not run rests on no topic of the rules, and has no evidence.
            cards = [card for card in judged.answer.cards if evidence.KEY in card.extension]
            calls[hook] += 1
            silent[hook] += not cards
            fired = [self._firing(moment, card, judged, course) for card in cards]
            remembered |= _remembered(judged)
            self.indicators |= {(moment.key, firing.topic): firing.indicator for firing in fired}
            firings += fired
            yield from fired
            unused |= {(u.source.reference, u.reason): u for u in judged.picture.facts.unusable}
            missed = list(self._severe(moment, cards, judged))
            severe += len(missed)
            yield from (row for row in missed if row is not None)
        for unusable in unused.values():
            yield Unused(
                patient=self.patient_id,
                policy=self.judge.name,
                reference=unusable.source.reference,
                means=unusable.analyte.value if unusable.analyte else "",
                reason=unusable.reason,
            )
        yield Patient(
            patient=self.patient_id,
            policy=self.judge.name,
            encounters=sum(moment.occasion is Occasion.ENCOUNTER for moment in asked),
            hospital_days=self._hospital_days(),
            calls=len(asked),
            silent=sum(silent.values()),
            patient_view=calls[Hook.PATIENT_VIEW],
            patient_view_silent=silent[Hook.PATIENT_VIEW],
            order_sign=calls[Hook.ORDER_SIGN],
            order_sign_silent=silent[Hook.ORDER_SIGN],
            firings=len(firings),
            repeats=sum(firing.repeat for firing in firings),
            by_day=sum(moment.by_day for moment in asked),
            undated=sum(self.history.undated.values()),
            endless=self.history.endless,
            severe=severe,
        )

    def _hospital_days(self) -> float:
        """Return the days in hospital; overlapping stays count once, one without an end until the record ends."""
        stays = []
        for entry in self.history.stays:
            encounter = entry.resource
            start, end = read_period(encounter.get("period") or encounter.get("actualPeriod"), self.history.zone)
            if start is not None and not class_codes(encounter).isdisjoint(INPATIENT_CLASSES):
                stays.append((start.earliest, end.latest if end is not None else self.ends))
        total = timedelta()
        counted = datetime.min.replace(tzinfo=UTC)
        for begin, over in sorted(stays):
            total += max(timedelta(), over - max(begin, counted))
            counted = max(counted, over)
        return round(total / _DAY, 4)

    # ----- one card -----

    def _firing(self, moment: Moment, card: Card, judged: Judged, course: Course) -> Firing:
        picture = judged.picture
        held = card.extension[evidence.KEY]
        topics = [Topic(entry["code"]) for entry in held["topics"]]
        findings = [v for v in judged.answer.verdicts if isinstance(v, Finding) and v.topic in topics]
        exposures = {
            id(fact): fact for found in findings for fact in found.evidence.facts if isinstance(fact, Exposure)
        }
        magnesium, potassium = picture.magnesium, picture.potassium
        after = course.next_magnesium(moment.at)
        return Firing(
            patient=self.patient_id,
            policy=self.judge.name,
            at=moment.at.isoformat(),
            hook=moment.occasion.hook.value,
            occasion=moment.occasion.value,
            triggers=" ".join(moment.triggers),
            encounter=moment.encounter_id or "",
            inpatient=picture.facts.setting is Setting.INPATIENT,
            topic=topics[0].value,
            absorbed=" ".join(topics[1:]),
            indicator=card.indicator.code,
            summary=card.summary,
            drugs="; ".join(sorted({name for e in exposures.values() for name in e.ingredients})),
            classes="; ".join(sorted({drug.drug_class.code for e in exposures.values() for drug in members(e)})),
            magnesium=_as_sent(magnesium.result),
            magnesium_status=magnesium.status.name.lower() if magnesium.status is not None else "",
            potassium=_as_sent(potassium.result),
            repeat=topics[0].value in judged.held_back,
            done=already_done(topics[:1], picture, course),
            followed_hours=course.followed_hours(moment.at),
            magnesium_measured_48h=course.magnesium_measured(moment.at),
            magnesium_replaced_24h=course.magnesium_replaced(moment.at),
            potassium_normal_72h=course.potassium_normal(moment.at) if potassium.low else None,
            next_magnesium=_as_sent(after[0]) if after else "",
            next_magnesium_status=after[1].name.lower() if after and after[1] is not None else "",
            next_magnesium_hours=after[2] if after else None,
            evidence=_evidence.encode(without_empties(held)).decode(),
        )

    def _severe(self, moment: Moment, cards: Sequence[Card], judged: Judged) -> Iterator[Missed | None]:
        """Yield the severe results that came in: None for one with a card on it."""
        picture = judged.picture
        if moment.occasion is not Occasion.RESULT:
            return
        told = {entry["code"] for card in cards for entry in card.extension[evidence.KEY]["topics"]}
        for result in picture.facts.labs:
            new = result.source.reference in moment.triggers and result.analyte is Analyte.MAGNESIUM
            if not new or not surely_severe(result, picture.policy):
                continue
            if Topic.HYPOMAGNESEMIA in told:
                yield None
                continue
            yield Missed(
                patient=self.patient_id,
                policy=self.judge.name,
                at=moment.at.isoformat(),
                reference=result.source.reference,
                magnesium=result.source.as_sent,
                reason=_why_silent(result, judged),
            )


def _remembered(judged: Judged) -> dict[Topic, Override]:
    """Return what override memory would know if every card that it let through had been dismissed with a reason."""
    return {
        Topic(one.topic): Override(judged.picture.as_of, "", one.measure)
        for one in judged.answer.decisions
        if one.measure is not None and one.topic not in judged.held_back
    }


def _why_silent(result: LabResult, judged: Judged) -> str:
    picture: ClinicalPicture = judged.picture
    unverified = [u.reason for u in picture.magnesium.unverified if u.source == result.source]
    if unverified:
        return f"this result was not used: {unverified[0]}"
    if picture.magnesium.result is not None and picture.magnesium.result.source != result.source:
        return "another result is newer, or of the same sample"
    verdict = next((v for v in judged.answer.verdicts if v.topic is Topic.HYPOMAGNESEMIA), None)
    match verdict:
        case Quiet(reason=reason):
            return reason
        case Unknown(missing=missing):
            return missing
        case Finding():
            return "found, and not among the cards that are shown"
        case None:
            return "the check could not run"


def _as_sent(result: LabResult | None) -> str:
    return result.source.as_sent if result is not None else ""
