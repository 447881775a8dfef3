"""GET /cds-services, as an integrator and the conformance kit look at it."""

from __future__ import annotations

import re
from typing import Any

import pytest

HOOKS = {
    "magnesium-patient-view": "patient-view",
    "magnesium-order-select": "order-select",
    "magnesium-order-sign": "order-sign",
}


@pytest.fixture
def services(site: Any) -> list[dict[str, Any]]:
    answer = site.client.get("/cds-services")
    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    found: list[dict[str, Any]] = answer.get_json()["services"]
    return found


def test_there_is_one_service_for_each_hook(services: list[dict[str, Any]]) -> None:
    assert {service["id"]: service["hook"] for service in services} == HOOKS


def test_a_trailing_slash_is_forgiven_without_a_redirect(site: Any) -> None:
    assert site.client.get("/cds-services/").status_code == 200


def test_required_and_recommended_members_are_there(services: list[dict[str, Any]]) -> None:
    for service in services:
        for member in ("hook", "title", "description", "id", "usageRequirements"):
            assert isinstance(service[member], str)
            assert service[member]


def test_templates_are_those_of_the_needs_and_ask_only_for_this_patient(services: list[dict[str, Any]]) -> None:
    for service in services:
        assert {"patient", "labs", "medications"} <= set(service["prefetch"])
        for template in service["prefetch"].values():
            assert re.findall(r"\{\{(.*?)\}\}", template) == ["context.patientId"]
            parameters = [part.split("=")[0] for part in template.partition("?")[2].split("&") if part]
            assert len(set(parameters)) == len(parameters)


def test_every_published_key_is_understood(site: Any, services: list[dict[str, Any]]) -> None:
    for service in services:
        body = {
            "hook": service["hook"],
            "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
            "context": {
                "userId": "Practitioner/1",
                "patientId": "p1",
                "draftOrders": {"resourceType": "Bundle"},
                "selections": [],
            },
            "prefetch": dict.fromkeys(service["prefetch"]),
        }
        answer = site.call(body, service["id"])
        assert (answer.status_code, site.evaluations[-1].facts.unavailable) == (200, frozenset())
