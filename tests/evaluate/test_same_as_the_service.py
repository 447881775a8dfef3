"""What is judged here is what is served: the same chart at the same moment, posted to the service, has the same cards.

The evaluation reads the results of a patient once and sorts out what the service has no use for. The service gets
everything that could be seen, whole, as a request.
"""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterable
from decimal import Decimal
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

import fhir_mappings
from cds_service.evaluate.history import History
from cds_service.evaluate.judge import Judge, seen
from cds_service.evaluate.moments import Moment, Occasion, moments
from cds_service.evaluate.patient import Evaluation
from cds_service.evaluate.rows import Firing, Problem
from cds_service.logging import make_log
from cds_service.replay import InProcess
from cds_service.settings import LogFormat, LogLevel, Settings
from hooks import evidence
from tests.evaluate.records import KINDS, Resource, judge
from tests.evaluate.test_no_peeking import charts, exports

NEEDS = {
    "labs": {"Observation"},
    "medications": {"MedicationRequest", "Medication"},
    "administrations": {"MedicationAdministration"},
    "conditions": {"Condition"},
    "encounters": {"Encounter"},
}
ENCODER = msgspec.json.Encoder(decimal_format="number")


def service(policy: Path | None = None) -> InProcess:
    return InProcess(Settings(policy=policy), make_log(LogLevel.ERROR, LogFormat.JSON, io.StringIO()))


def request(chart: Iterable[Resource], history: History, moment: Moment, kinds: frozenset[str]) -> dict[str, Any]:
    found = list(chart)
    (person,) = (r for r in found if r["resourceType"] == "Patient")
    context = {"userId": "Practitioner/1", "patientId": person["id"]}
    if moment.encounter_id:
        context["encounterId"] = moment.encounter_id
    if moment.signed is not None:
        draft = {**history.then(moment.signed, moment.at), "status": "draft"}
        context["draftOrders"] = {"resourceType": "Bundle", "entry": [{"resource": draft}]}
    prefetch: dict[str, Any] = {
        need: {"resourceType": "Bundle", "entry": [{"resource": r} for r in found if r["resourceType"] in wanted]}
        for need, wanted in NEEDS.items()
        if wanted & kinds
    }
    prefetch |= {"patient": person, "vitals": None}
    hook = moment.occasion.hook.value
    return {
        "hook": hook,
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": context,
        "prefetch": prefetch,
    }


def served(running: InProcess, asked: dict[str, Any], moment: Moment) -> list[tuple[Any, ...]]:
    answered = running.post(ENCODER.encode(asked), moment.occasion.hook.value, moment.at)
    assert answered.status == HTTPStatus.OK, answered.body
    return sorted(
        (card["source"]["topic"]["code"], card["indicator"], card["summary"], card["extension"][evidence.KEY])
        for card in answered.body["cards"]
    )


def assert_same(lines: list[str], resources: list[Resource], patient_id: str, one: Judge, running: InProcess) -> int:
    """Compare all moments of a patient, and return how many cards there were."""
    rows = Evaluation((one,)).of_patient(patient_id, lines)
    assert [row for row in rows if isinstance(row, Problem)] == []
    found: dict[tuple[str, str, str], list[tuple[Any, ...]]] = {}
    for row in rows:
        if isinstance(row, Firing):
            key = (row.at, row.occasion, row.triggers)
            found.setdefault(key, []).append((row.topic, row.indicator, row.summary, json.loads(row.evidence)))
    history = History.of(resources, one.zone)
    results = {key[2] for key in found if key[1] == Occasion.RESULT}
    every = moments(history, lambda observation: any(f"Observation/{observation['id']}" in r.split() for r in results))
    for moment in every:
        chart = seen(history, moment)
        mine = sorted(found.pop((moment.at.isoformat(), moment.occasion.value, " ".join(moment.triggers)), []))
        assert mine == served(running, request(chart, history, moment, one.kinds), moment), moment.key
    assert found == {}
    return sum(isinstance(row, Firing) for row in rows)


RUNNING = service()


@settings(max_examples=40)
@given(charts().flatmap(exports))
def test_an_invented_patient_gets_the_same_cards(export: list[Resource]) -> None:
    sent = [resource for resource in export if resource["resourceType"] in KINDS]
    assert_same([json.dumps(r) for r in sent], sent, "p1", judge(), RUNNING)


@pytest.mark.shared
def test_real_patients_get_the_same_cards(shared: Path) -> None:
    """Some patients of one hospital, at every order, every stay, and every result with a card."""
    policy = Path(fhir_mappings.__file__).parent / "examples" / "local-codes-eicu.toml"
    people: dict[str, list[str]] = {}
    for path in sorted((shared / "data" / "eicu-demo").glob("[EMOP]*.ndjson.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                resource = json.loads(line)
                kind, subject = resource["resourceType"], resource.get("subject", {}).get("reference", "")
                people.setdefault(resource["id"] if kind == "Patient" else subject.rpartition("/")[2], []).append(line)
    one = Judge("eicu", policy, None, frozenset({"Patient", "Observation", "MedicationRequest", "Encounter"}))
    running = service(policy)
    cards = 0
    for name in sorted(people, key=lambda name: len(people[name]))[10:16]:
        whole = [json.loads(line, parse_float=Decimal) for line in people[name]]
        cards += assert_same(people[name], whole, name, one, running)
    assert cards > 0
