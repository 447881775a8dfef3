"""The harness itself: a message that breaks one requirement is flagged with exactly that one."""

from __future__ import annotations

import ast
import copy
from pathlib import Path
from typing import Any, Final

import pytest

from tests.conformance import checker
from tests.conformance.checker import of_discovery, of_refusal, of_request, of_response
from tools.conformance import requirements

GONE: Final = object()
"""In a table: take the member away."""

ORDER = {
    "resourceType": "MedicationRequest",
    "status": "draft",
    "intent": "order",
    "medicationCodeableConcept": {"text": "Magnesium, oral"},
    "subject": {"reference": "Patient/p1"},
}
TASK = {"resourceType": "Task", "id": "t1", "status": "draft", "intent": "order"}
DRAFTED = frozenset({"MedicationRequest/d1", "Task/t1"})
RESPONSE: dict[str, Any] = {
    "cards": [
        {
            "uuid": "0a4f1c9e-0000-4000-8000-000000000001",
            "summary": "Magnesium is low",
            "detail": "**What to do**\n- Recheck.",
            "indicator": "warning",
            "source": {
                "label": "Magnesium",
                "url": "https://example.org/magnesium",
                "icon": "https://example.org/icon.png",
                "topic": {"code": "hypomagnesemia", "system": "https://example.org/topics"},
            },
            "suggestions": [
                {
                    "label": "Order magnesium",
                    "uuid": "0a4f1c9e-0000-4000-8000-000000000002",
                    "isRecommended": True,
                    "actions": [{"type": "create", "description": "Order magnesium.", "resource": ORDER}],
                },
                {"label": "Order it twice", "actions": [{"type": "create", "description": "Two.", "resource": ORDER}]},
            ],
            "selectionBehavior": "at-most-one",
            "overrideReasons": [{"code": "a", "system": "https://example.org/reasons", "display": "Not now"}],
            "links": [{"label": "Read on", "url": "https://example.org/read", "type": "smart", "appContext": "x"}],
            "extension": {"org.example.evidence": {"a": 1}},
        }
    ],
    "systemActions": [{"type": "update", "resource": TASK}],
    "extension": {"org.example.more": {"a": 0}},
}
SUGGESTION, ACTION = "cards.0.suggestions.0", "cards.0.suggestions.0.actions.0"
DELETED = {"type": "delete", "description": "Take it away.", "resourceId": "MedicationRequest/d1"}
REPLACED = [DELETED, {"type": "create", "description": "This instead.", "resource": ORDER}]

RESPONSES = [
    ("R-3", "cards.0.detail", ""),
    ("R-3", "cards.0.detail", None),
    ("R-3", "cards.0.summary", ""),
    ("R-3", "cards.0.source", {}),
    ("R-3", "cards.0.source.topic", {}),
    ("R-3", "cards.0.links", []),
    ("R-3", "cards.0.indicator", None),
    ("R-3", "cards.0.extension", {}),
    ("R-3", "cards.0.extension", {"org.example.evidence": {"facts": [{"a": None}]}}),
    ("R-3", "systemActions", []),
    ("R-35", "cards", GONE),
    ("R-35", "cards", {}),
    ("R-35", "cards", ["x"]),
    ("R-35", "systemActions", {"type": "create"}),
    ("R-35", "systemActions", ["x"]),
    ("R-35", "card", "x"),
    ("R-39", "cards.0.uuid", GONE),
    ("R-39", "cards.0.uuid", 5),
    ("R-39", f"{SUGGESTION}.uuid", "0a4f1c9e-0000-4000-8000-000000000001"),
    ("R-40", "cards.0.summary", GONE),
    ("R-40", "cards.0.summary", 5),
    ("R-40", "cards.0.summary", "x" * 140),
    ("R-41", "cards.0.detail", 5),
    ("R-41", "cards.0.detail", "<b>low</b>"),
    ("R-41", "cards.0.detail", "![x](https://example.org/x.png)"),
    ("R-42", "cards.0.indicator", GONE),
    ("R-42", "cards.0.indicator", "hard-stop"),
    ("R-43", "cards.0.source", GONE),
    ("R-43", "cards.0.source", "Magnesium"),
    ("R-44", "cards.0.suggestions", {"label": "x"}),
    ("R-44", "cards.0.suggestions", ["x"]),
    ("R-45", "cards.0.selectionBehavior", "one"),
    ("R-46", "cards.0.overrideReasons", "Not now"),
    ("R-46", "cards.0.overrideReasons.0.code", GONE),
    ("R-46", "cards.0.overrideReasons.0.system", GONE),
    ("R-47", "cards.0.links", "https://example.org"),
    ("R-48", "cards.0.extension", "x"),
    ("R-48", "extension", [1]),
    ("R-49", "cards.0.uuid", "0A4F1C9E-0000-4000-8000-000000000001"),
    ("R-49", f"{SUGGESTION}.uuid", "s1"),
    ("R-51", "cards.0.source.label", GONE),
    ("R-51", "cards.0.source.label", 5),
    ("R-52", "cards.0.source.url", "/magnesium"),
    ("R-53", "cards.0.source.icon", "icon.png"),
    ("R-54", "cards.0.source.topic", "hypomagnesemia"),
    ("R-54", "cards.0.source.topic.code", GONE),
    ("R-54", "cards.0.source.topic.system", GONE),
    ("R-54", "cards.0.source.topic.display", 5),
    ("M-12", "cards.0.source.topic.code", "hypomagnesemia 2026-03-14"),
    ("M-12", "cards.0.source.topic.code", "x" * 101),
    ("R-55", f"{SUGGESTION}.label", GONE),
    ("R-55", f"{SUGGESTION}.uuid", 5),
    ("R-55", f"{SUGGESTION}.isRecommended", "yes"),
    ("R-55", f"{SUGGESTION}.actions", {"type": "create"}),
    ("R-55", f"{SUGGESTION}.actions", ["x"]),
    ("R-11", f"{SUGGESTION}.actionSelectionBehavior", "all"),
    ("R-57", f"{ACTION}.type", GONE),
    ("R-57", f"{ACTION}.type", "CREATE"),
    ("R-58", f"{ACTION}.resource", GONE),
    ("R-58", f"{ACTION}.resource", '{"resourceType": "MedicationRequest"}'),
    ("R-58", f"{ACTION}.resource", {"status": "draft"}),
    ("R-59", "systemActions.0.resource", GONE),
    ("R-60", ACTION, {**DELETED, "resourceId": "d1"}),
    ("R-62", "systemActions.0", {"type": "create", "resource": ORDER}),
    ("R-63", "cards.0.links.0.label", GONE),
    ("R-63", "cards.0.links.0.url", GONE),
    ("R-63", "cards.0.links.0.url", "read/on"),
    ("R-63", "cards.0.links.0", {"label": "Read on", "url": "https://example.org/read", "type": "page"}),
    ("R-64", "cards.0.links.0.appContext", {"a": 1}),
    ("R-65", "cards.0.links.0.autolaunchable", True),
    ("R-66", "cards.0.links.0.url", "http://example.org/read"),
    ("R-87", "cards.0.priority", 1),
    ("R-87", "cards.0.extension", {"evidence": {"a": 1}}),
    ("R-87", "cards.0.extension", {"org.example.evidence": "x"}),
    ("cds-resp-1", "cards.0.suggestions.1.isRecommended", True),
    ("cds-resp-2", ACTION, {"type": "delete", "description": "Take it away."}),
    ("cds-resp-2", ACTION, {"type": "delete", "description": "Take it away.", "resource": "MedicationRequest/d1"}),
    ("cds-resp-3", "cards.0.links.0.type", "absolute"),
    ("cds-resp-4", "cards.0.overrideReasons.0.display", GONE),
    ("cds-resp-5", f"{ACTION}.description", GONE),
    ("cds-resp-6", "cards.0.selectionBehavior", GONE),
    ("cds-resp-7", f"{SUGGESTION}.actionSelectionBehavior", "exactly-one"),
    ("crd_additional_orders_card_validation", f"{ACTION}.resource.subject", GONE),
    ("crd_additional_orders_card_validation", f"{ACTION}.resource.subject", "Patient/p1"),
    ("crd_additional_orders_card_validation", f"{ACTION}.resource", {"resourceType": "Wish", "status": "draft"}),
    (
        "crd_propose_alternate_request_card_validation",
        f"{ACTION}",
        {"type": "update", "description": "Change it.", "resource": {**ORDER, "id": "d2"}},
    ),
    (
        "crd_propose_alternate_request_card_validation",
        f"{SUGGESTION}.actions",
        [{**DELETED, "resourceId": "MedicationRequest/d2"}, REPLACED[1]],
    ),
    ("crd_propose_alternate_request_card_validation", f"{SUGGESTION}.actions", [DELETED]),
]

REFUSAL: dict[str, Any] = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "error", "code": "invalid", "diagnostics": "No.", "expression": ["context"]}],
}
REFUSALS = [
    ("R-3", "issue.0.diagnostics", ""),
    ("R-38", "resourceType", "Basic"),
    ("R-38", "issue", GONE),
    ("R-38", "issue.0.severity", "bad"),
    ("R-38", "issue.0.expected", "x"),
]

DISCOVERY: dict[str, Any] = {
    "services": [
        {
            "hook": "order-sign",
            "title": "Magnesium",
            "description": "Judges magnesium.",
            "id": "magnesium-order-sign",
            "version": "2.0.1",
            "usageRequirements": "Needs labs.",
            "prefetch": {
                "patient": "Patient/{{context.patientId}}",
                "user": "{{context.userId}}",
                "labs": "Observation?patient={{context.patientId}}&code=http://loinc.org|2601-3&_sort=-date&_count=9",
                "old": "Observation?patient={{context.patientId}}&date=ge2020-01-01&code:in=http://x.org/set",
            },
        },
        {"hook": "order-sign", "title": "Other", "description": "Judges.", "id": "other", "version": "3.0.0"},
    ]
}
SERVICE, PREFETCH, QUERY = "services.0", "services.0.prefetch", "Observation?patient={{context.patientId}}&"
DISCOVERIES = [
    ("R-3", f"{SERVICE}.prefetch", {}),
    ("R-3", f"{SERVICE}.title", ""),
    ("R-7", "services", GONE),
    ("R-7", "services", {}),
    ("R-7", "services", ["x"]),
    ("R-9a", f"{SERVICE}.hook", 5),
    ("R-9b", f"{SERVICE}.title", GONE),
    ("R-9c", f"{SERVICE}.description", GONE),
    ("R-9d", "services.1.id", GONE),
    ("R-9d", f"{SERVICE}.id", "magnesium/order-sign"),
    ("R-9e", PREFETCH, ["Patient/{{context.patientId}}"]),
    ("R-9e", f"{PREFETCH}.patient", 5),
    ("R-9f", f"{SERVICE}.usageRequirements", ["x"]),
    ("R-9g", f"{SERVICE}.version", GONE),
    ("R-9g", f"{SERVICE}.version", "STU2"),
    ("R-9h", f"{SERVICE}.hookVersion", "1.1.0"),
    ("R-9i", f"{SERVICE}.extension", "x"),
    ("R-10", "services.1.id", "magnesium-order-sign"),
    ("R-22", f"{PREFETCH}.patient", "Patient/{context.patientId}"),
    ("R-22", f"{PREFETCH}.patient", "Patient/{{context.patientId}"),
    ("R-22", f"{PREFETCH}.patient", "Patient/{{patientId}}"),
    ("R-22", f"{PREFETCH}.user", "Practitioner/{{userNobodyId}}"),
    ("R-22", f"{PREFETCH}.drug", "Medication/{{context.draftOrders.entry.resource.id}}"),
    ("R-22", f"{PREFETCH}.drug", "Medication/{{%orders.id}}"),
    ("R-24", f"{PREFETCH}.last", "Observation/$lastn?patient={{context.patientId}}"),
    ("R-24", f"{PREFETCH}.last", f"{QUERY}_include=Observation:subject"),
    ("R-24", f"{PREFETCH}.last", f"{QUERY}_count=many"),
    ("R-24", f"{PREFETCH}.last", f"{QUERY}_elements=id"),
    ("R-24", f"{PREFETCH}.last", f"{QUERY}subject.name=x"),
    ("R-24", f"{PREFETCH}.last", f"{QUERY}code:text=x"),
    ("R-24", f"{PREFETCH}.last", f"{QUERY}date=ne2020-01-01"),
    ("R-25", f"{PREFETCH}.last", f"{QUERY}sort:desc=date"),
    ("R-26", f"{PREFETCH}.last", f"{QUERY}date=ge2020-01-01&date=le2020-02-01"),
    ("R-26", f"{PREFETCH}.last", f"{QUERY}performer={{{{userPractitionerRoleId}}}}"),
    ("R-26", f"{PREFETCH}.last", f"{QUERY}encounter={{{{context.encounterId}}}}"),
    ("R-27", f"{PREFETCH}.last", f"{QUERY}date={{{{today() - 90 days}}}}"),
    ("R-28", f"{PREFETCH}.drafts", "{{context.draftOrders}}"),
    ("R-28", f"{PREFETCH}.drafts", "{{context.selections}}"),
]

REQUEST: dict[str, Any] = {
    "hook": "order-select",
    "hookInstance": "D1577C69-dfbe-11ef-ba6d-3e05e953b2ea",
    "fhirServer": "https://ehr.example.org/fhir",
    "fhirAuthorization": {
        "access_token": "t",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "patient/Observation.read",
        "subject": "us",
        "patient": "p1",
    },
    "context": {
        "userId": "Practitioner/1",
        "patientId": "p1",
        "encounterId": "e1",
        "selections": ["MedicationRequest/d1"],
        "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": {**ORDER, "id": "d1"}}]},
    },
    "prefetch": {"patient": None},
}
REQUIRED = "crd_service_request_required_fields_validation"
OPTIONAL = "crd_service_request_optional_fields_validation"
CONTEXT = "crd_service_request_context_validation"
REQUESTS = [
    (REQUIRED, "hook", GONE),
    (REQUIRED, "hookInstance", "x"),
    (REQUIRED, "context", GONE),
    (REQUIRED, "context", {}),
    (OPTIONAL, "fhirServer", "ehr.example.org"),
    (OPTIONAL, "prefetch", {}),
    (OPTIONAL, "fhirAuthorization", "t"),
    (OPTIONAL, "fhirAuthorization.access_token", GONE),
    (OPTIONAL, "fhirAuthorization.subject", ""),
    (OPTIONAL, "fhirAuthorization.token_type", "bearer"),
    (OPTIONAL, "fhirAuthorization.expires_in", "300"),
    (CONTEXT, "context.patientId", GONE),
    (CONTEXT, "context.patientId", "Patient/p1"),
    (CONTEXT, "context.encounterId", "Encounter/e1"),
    (CONTEXT, "context.draftOrders", GONE),
    (CONTEXT, "context.draftOrders.resourceType", "List"),
    (CONTEXT, "context.draftOrders.entry.0.resource.resourceType", "Patient"),
    (CONTEXT, "context.selections", GONE),
    (CONTEXT, "context.selections", ["MedicationRequest/d2"]),
    ("cds-r-1", "fhirServer", GONE),
    ("cds-r-2", "fhirAuthorization.patient", GONE),
    ("ord-1", "context.userId", "1"),
    ("ord-1", "context.selections", ["d1"]),
]

IDS = {requirement.id for requirement in requirements()}


def changed(message: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return the message with one member set or taken away."""
    result = copy.deepcopy(message)
    *way, last = (int(name) if name.isdigit() else name for name in path.split("."))
    owner: Any = result
    for name in way:
        owner = owner[name]
    if value is GONE:
        del owner[last]
    else:
        owner[last] = value
    return result


def ids(found: Any) -> set[str]:
    return {violation.id for violation in found}


def test_messages_as_they_should_be_are_not_flagged() -> None:
    assert ids(of_response(RESPONSE, drafted=DRAFTED)) == set()
    assert ids(of_response(changed(RESPONSE, f"{SUGGESTION}.actions", REPLACED), drafted=DRAFTED)) == set()
    assert ids(of_response({"cards": []})) == set()
    assert ids(of_refusal(REFUSAL)) == set()
    assert ids(of_discovery(DISCOVERY)) == set()
    assert ids(of_discovery({"services": []})) == set()
    assert ids(of_request(REQUEST)) == set()


@pytest.mark.parametrize(("id_", "path", "value"), RESPONSES)
def test_a_broken_response_is_flagged_with_what_it_breaks(id_: str, path: str, value: Any) -> None:
    assert ids(of_response(changed(RESPONSE, path, value), drafted=DRAFTED)) == {id_}


@pytest.mark.parametrize(("id_", "path", "value"), REFUSALS)
def test_a_broken_refusal_is_flagged_with_what_it_breaks(id_: str, path: str, value: Any) -> None:
    assert ids(of_refusal(changed(REFUSAL, path, value))) == {id_}


@pytest.mark.parametrize(("id_", "path", "value"), DISCOVERIES)
def test_a_broken_discovery_is_flagged_with_what_it_breaks(id_: str, path: str, value: Any) -> None:
    assert ids(of_discovery(changed(DISCOVERY, path, value))) == {id_}


@pytest.mark.parametrize(("id_", "path", "value"), REQUESTS)
def test_a_broken_request_is_flagged_with_what_it_breaks(id_: str, path: str, value: Any) -> None:
    assert ids(of_request(changed(REQUEST, path, value))) == {id_}


def test_everything_the_checker_can_say_is_provoked_above() -> None:
    source = ast.parse(Path(checker.__file__).read_text(encoding="utf-8"))
    says = {node.value for node in ast.walk(source) if isinstance(node, ast.Constant) and node.value in IDS}
    provoked = {id_ for table in (RESPONSES, REFUSALS, DISCOVERIES, REQUESTS) for id_, _, _ in table}
    assert provoked == says


@pytest.mark.parametrize("message", [None, "x", [], {}, {"cards": None}, {"cards": {}}])
def test_what_is_no_response_at_all_is_flagged(message: Any) -> None:
    assert ids(of_response(message)) == {"R-35"}


@pytest.mark.parametrize("message", ["x", ["x"], {"error": "no"}, {"resourceType": "OperationOutcome"}])
def test_what_is_no_refusal_is_flagged(message: Any) -> None:
    assert ids(of_refusal(message)) == {"R-38"}
