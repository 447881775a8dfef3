"""One call of the live service, made of a chart as it stood: the one place that knows how the service judges.

It uses what the HTTP service uses (``cds_service.evaluation``): the readers, the picture, the rules, the cards and
override memory. That both give the same cards is tested. Nothing is fetched: an export holds what there is.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from functools import cache
from itertools import count
from pathlib import Path

from cds_service.clients import OPEN_CLIENT
from cds_service.evaluate.history import History
from cds_service.evaluate.moments import Moment
from cds_service.evaluation import Knowledge
from cds_service.settings import Settings
from fhir_mappings.chart import DraftOrders, Gathered, read_facts
from fhir_mappings.reading import Resource, own_reference
from hooks import SERVICES
from hooks.memory import Override, Recall, nothing_remembered
from hooks.service import Answer, Display
from magnesium.display import in_units_shown
from magnesium.facts import LabResult, Need, PatientFacts, Unusable
from magnesium.picture import ClinicalPicture
from magnesium.verdict import Topic

_IN_PROGRESS = "in-progress"
_SERVICES = {service.hook: service for service in SERVICES}


@cache
def _knowledge(policy: Path | None, drug_table: Path | None) -> Knowledge:
    """Return the policy and the codes; read once in each process."""
    return Knowledge.load(Settings(policy=policy, drug_table=drug_table))


@dataclass(frozen=True, slots=True)
class Judged:
    """What one call came to."""

    picture: ClinicalPicture
    answer: Answer
    held_back: frozenset[str]
    """Topics of the cards that override memory would hold back."""
    errors: tuple[str, ...]
    """Topic and type of error of each check that could not run."""


@dataclass(frozen=True, slots=True)
class Judge:
    """The service under one policy. Small, so that it can be sent to workers: they read the policy themselves."""

    name: str
    """What the report calls the policy."""
    policy: Path | None
    drug_table: Path | None
    kinds: frozenset[str]
    """The resource types that the export holds."""

    @property
    def knowledge(self) -> Knowledge:
        """The policy and the codes.

        Raises:
            ValueError: a file is not as it must be; the message says where.
        """
        return _knowledge(self.policy, self.drug_table)

    @property
    def zone(self) -> tzinfo:
        """The zone of times that come without one."""
        return self.knowledge.policy.time_zone

    def at(
        self,
        patient_id: str,
        moment: Moment,
        history: History,
        results: Results | None,
        remembered: Mapping[Topic, Override],
    ) -> Judged:
        """Return what the service says at a moment.

        Args:
            patient_id: the patient.
            moment: the moment.
            history: what the export holds of the patient.
            results: the Observations, read before; None where they are to be read at every moment.
            remembered: what was dismissed before.

        Raises:
            PatientMismatch: a resource is about another patient.
        """
        chart = seen(history, moment)
        drafts = None
        if moment.signed is not None:
            draft = {**history.then(moment.signed, moment.at), "status": "draft"}
            bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": draft}]}
            drafts = DraftOrders(bundle, None, signing=True)
        if results is not None:
            chart = [resource for resource in chart if resource.get("resourceType") != "Observation"]
        facts = self.facts(patient_id, chart, moment.at, drafts=drafts, encounter_id=moment.encounter_id)
        if results is not None:
            facts = results.seen(facts, moment.at)
        picture = ClinicalPicture(facts, self.knowledge.policy, moment.at)
        errors: list[str] = []
        answer = self._answer(picture, moment, errors, nothing_remembered)
        held: frozenset[str] = frozenset()
        if answer.cards and remembered:
            again = self._answer(picture, moment, [], lambda: remembered)
            held = frozenset(one.topic for one in again.decisions if one.display is Display.HELD_BACK)
        return Judged(picture, answer, held, tuple(errors))

    def _answer(self, picture: ClinicalPicture, moment: Moment, errors: list[str], recall: Recall) -> Answer:
        numbers = count(1)

        def failed(topic: Topic, error: Exception) -> str:
            errors.append(f"{topic.value}: {type(error).__name__}")
            return f"{len(errors)}"

        return _SERVICES[moment.occasion.hook].evaluate(
            picture,
            OPEN_CLIENT.presentation(self.knowledge.policy),
            new_uuid=lambda: str(uuid.UUID(int=next(numbers))),
            on_failure=failed,
            encounter_id=moment.encounter_id,
            recall=recall,
        )

    def facts(
        self,
        patient_id: str,
        chart: Iterable[Resource],
        as_of: datetime,
        *,
        drafts: DraftOrders | None = None,
        encounter_id: str | None = None,
    ) -> PatientFacts:
        """Read the facts of a chart.

        Raises:
            PatientMismatch: a resource is about another patient.
        """
        knowledge = self.knowledge
        # What the service can do without: an export without such resources says that nobody looked, not that there
        # are none. Every resource is read by its type, whichever group it comes in.
        optional = (query for query in knowledge.queries if not query.required)
        unavailable = frozenset(query.need for query in optional if query.resource_type not in self.kinds)
        gathered = Gathered({Need.LABS: list(chart)}, unavailable)
        facts = read_facts(
            gathered,
            patient_id=patient_id,
            encounter_id=encounter_id,
            drafts=drafts,
            terminology=knowledge.terminology,
            site=knowledge.site_codes,
            zone=self.zone,
            as_of=as_of,
        )
        return in_units_shown(facts, knowledge.policy)

    def results(self, patient_id: str, history: History, ends: datetime) -> Results | None:
        """Read all Observations of a patient once; None where a moment may see another version of anything.

        What a result says does not depend on the moment, only whether it can be seen: a stay in intensive care has
        thousands of them, and reading all of them again at every moment would be most of the work.

        Raises:
            PatientMismatch: a resource is about another patient.
        """
        entries = [entry for entry in history.entries if entry.resource.get("resourceType") == "Observation"]
        since = {own_reference(entry.resource): entry.since for entry in entries}
        if len(since) < len(entries) or history.rewritten:
            return None
        chart = [entry.resource for entry in (*history.standing, *entries)]
        facts = self.facts(patient_id, chart, ends)
        return Results(
            tuple((lab, since[lab.source.reference]) for lab in facts.labs),
            tuple((u, since[u.source.reference]) for u in facts.unusable if u.source.reference in since),
        )


def seen(history: History, moment: Moment) -> list[Resource]:
    """Return the chart that the service is sent: what could be seen, of encounters only those under way."""
    chart = history.seen(moment.at, also=moment.beginning, without=moment.signed)
    return [r for r in chart if r.get("resourceType") != "Encounter" or r.get("status") == _IN_PROGRESS]


@dataclass(frozen=True, slots=True)
class Results:
    """Results of a patient in the order of the readers, each with the time from which it could be seen."""

    labs: tuple[tuple[LabResult, datetime], ...]
    unusable: tuple[tuple[Unusable, datetime], ...]

    def seen(self, facts: PatientFacts, moment: datetime) -> PatientFacts:
        """Return the facts of a chart without Observations, with the results that could be seen at a moment."""
        unusable = (*(u for u, since in self.unusable if since <= moment), *facts.unusable)
        return replace(
            facts,
            labs=tuple(lab for lab, since in self.labs if since <= moment),
            # As the readers sort them: only what is of one resource can be equal in both, and keeps its order.
            unusable=tuple(sorted(unusable, key=lambda u: (u.reason, u.source.reference))),
        )
