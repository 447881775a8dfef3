"""From everything that came to the facts about one patient: the one entry point of the readers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from functools import cached_property
from typing import Any, TypeVar

from fhir_mappings.codes import Terminology
from fhir_mappings.condition import read_condition
from fhir_mappings.context import Context
from fhir_mappings.draft_orders import DraftOrders, read_drafted_tests, read_drafts, referred
from fhir_mappings.encounter import may_be_a_stay, read_setting
from fhir_mappings.medication import read_administration, read_request, read_statement
from fhir_mappings.observation import read_observation
from fhir_mappings.patient import read_patient
from fhir_mappings.pool import Pool
from fhir_mappings.procedure import read_procedure
from fhir_mappings.reading import Resource, as_list, target, token
from fhir_mappings.service_request import read_ordered_test
from fhir_mappings.site_codes import SiteCodes
from fhir_mappings.subject import PatientMismatch, Subject
from fhir_mappings.unreadable import Unreadable
from magnesium.facts import (
    ConditionFact,
    Exposure,
    ExposureKind,
    ExposureStatus,
    LabResult,
    Need,
    OrderedTest,
    Ordering,
    PatientFacts,
    Setting,
    Source,
    Unusable,
)
from magnesium.moment import When

__all__ = ["DraftOrders", "Gathered", "PatientMismatch", "read_facts"]

_Fact = LabResult | Exposure | ConditionFact | Unusable
_F = TypeVar("_F", LabResult, Exposure, ConditionFact, Unusable)

_READERS: Mapping[str, Callable[[Resource, Context], Iterator[_Fact]]] = {
    "Observation": read_observation,
    "MedicationRequest": read_request,
    "MedicationStatement": read_statement,
    "MedicationAdministration": read_administration,
    "Condition": read_condition,
    "Procedure": read_procedure,
}


@dataclass(frozen=True, slots=True)
class Gathered:
    """What the service could get, by need.

    Resources are plain FHIR JSON. What a group is called does not matter: Medications, Patients and others may come
    along anywhere, and every resource is read by its type. The private key ``_fullUrl`` on a resource holds the
    ``fullUrl`` of the Bundle entry it came in.
    """

    resources: Mapping[Need, Sequence[Mapping[str, Any] | Any]]
    unavailable: frozenset[Need] = field(default_factory=frozenset)
    """Groups that could not be looked at."""
    partial: frozenset[Need] = field(default_factory=frozenset)
    """Groups of which only a part arrived."""


def read_facts(  # noqa: PLR0913 - the request and the service's configuration, each by name
    gathered: Gathered,
    *,
    patient_id: str,
    encounter_id: str | None,
    drafts: DraftOrders | None,
    terminology: Terminology,
    site: SiteCodes,
    zone: tzinfo,
    as_of: datetime,
) -> PatientFacts:
    """Read everything that came. Bad input costs only itself and is listed as unusable.

    The order of the resources changes nothing: facts are sorted by time and reference.

    Raises:
        PatientMismatch: a resource of another patient is among them.
    """
    came = [entry for need in Need for entry in as_list(gathered.resources.get(need))]
    pool = Pool.of(came, referred(drafts) if drafts else ())
    patients = pool.by_type.get("Patient", ())
    subject = Subject.of(patient_id, patients)
    context = Context(subject, pool, terminology, site, zone, as_of)

    patient, nameless = read_patient(patients, context)
    facts: list[_Fact] = [*nameless, *_strays(pool)]
    for kind, read in _READERS.items():
        for resource in pool.by_type.get(kind, ()):
            facts += read(resource, context)
    encounters = pool.by_type.get("Encounter", ())
    settings = [read_setting(encounter, encounter_id, context) for encounter in encounters]
    facts += [setting for setting in settings if isinstance(setting, Unusable)]
    if _no_stay(encounters, encounter_id, gathered, context):
        facts = [_with_stay_over(fact) for fact in facts]
    tests = [test for order in pool.by_type.get("ServiceRequest", ()) for test in read_ordered_test(order, context)]
    ordering = None
    if drafts is not None:
        tests += read_drafted_tests(drafts, context)
        drafted = list(read_drafts(drafts, context))
        facts += _only(Unusable, drafted)
        ordering = Ordering(drafts.signing, tuple(sorted(_only(Exposure, drafted), key=_by_start)))
    return PatientFacts(
        patient=patient,
        setting=Setting.INPATIENT if Setting.INPATIENT in settings else Setting.OUTPATIENT,
        labs=tuple(sorted(_only(LabResult, facts), key=_by_time)),
        exposures=tuple(sorted(_only(Exposure, facts), key=_by_start)),
        conditions=tuple(sorted(_only(ConditionFact, facts), key=_by_condition)),
        ordered_tests=tuple(sorted(tests, key=_by_test)),
        unusable=tuple(sorted(_only(Unusable, facts), key=_by_reason)),
        ordering=ordering,
        unavailable=gathered.unavailable,
        partial=gathered.partial,
    )


def _no_stay(encounters: Sequence[Resource], encounter_id: str | None, gathered: Gathered, context: Context) -> bool:
    """Whether encounters were looked at, all of them, and none may be a stay that goes on.

    An encounter that the EHR has open and that did not come is one that nobody looked at.
    """
    looked = Need.ENCOUNTERS not in gathered.unavailable | gathered.partial
    open_one = target(encounter_id).id if encounter_id else ""
    came = not open_one or any(token(encounter.get("id")) == open_one for encounter in encounters)
    return looked and came and not any(may_be_a_stay(encounter, context) for encounter in encounters)


def _with_stay_over(fact: _Fact) -> _Fact:
    """An order of a stay without an end of its own ended with the stay, nobody knows when."""
    if isinstance(fact, Exposure) and fact.kind is ExposureKind.ORDER and fact.inpatient and fact.end is None:
        return replace(fact, status=ExposureStatus.ENDED)
    return fact


def _strays(pool: Pool) -> list[Unusable]:
    return [Unusable(Source(reference="(no resource)"), Unreadable.NOT_A_RESOURCE)] * pool.strays


def _only(kind: type[_F], facts: Iterable[_Fact]) -> list[_F]:
    return [fact for fact in facts if isinstance(fact, kind)]


@dataclass(frozen=True)
class _InWords:
    """The last part of every sort key: the whole fact in words, so that even twins without an id come out alike.

    It is spelled out only where everything before it is equal, and once, however many facts it is compared with.
    """

    fact: _Fact

    @cached_property
    def words(self) -> str:
        return repr(self.fact)

    def __lt__(self, other: _InWords) -> bool:
        return self.words < other.words


def _by_time(lab: LabResult) -> tuple[Any, ...]:
    return lab.when.earliest, lab.when.latest, lab.analyte, lab.source.reference, _InWords(lab)


def _by_start(exposure: Exposure) -> tuple[Any, ...]:
    return *_moment(exposure.start), exposure.kind, exposure.source.reference, _InWords(exposure)


def _by_condition(condition: ConditionFact) -> tuple[Any, ...]:
    return condition.condition, *_moment(condition.onset), condition.source.reference, _InWords(condition)


def _by_test(test: OrderedTest) -> tuple[Any, ...]:
    return test.analyte, test.source.reference, *_moment(test.when)


def _by_reason(unusable: Unusable) -> tuple[Any, ...]:
    return unusable.reason, unusable.source.reference, *_moment(unusable.when), _InWords(unusable)


def _moment(when: When | None) -> tuple[Any, ...]:
    return (True, when.earliest, when.latest) if when is not None else (False,)
