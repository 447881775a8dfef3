"""§2.7: which status says what, and that every refusal says why in one shape, with nothing empty in it (M-07)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from cds_service.settings import Settings
from tests.conformance.checker import of_refusal, of_response
from tests.http.conftest import MakeSite, Site
from tests.http.test_authentication import ORDER_SIGN, SETTINGS, a_client
from tests.signing import Signer, bearer

Example = Callable[[str], dict[str, Any]]
CALL = "/cds-services/magnesium-patient-view"
JSON = "application/json"


def of_hook(hook: str) -> dict[str, Any]:
    context = {"userId": "Practitioner/1", "patientId": "p1"}
    return {"hook": hook, "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea", "context": context}


# What is sent where, as JSON unless it says otherwise, and the status of the answer.
REFUSALS: dict[str, tuple[str, str, Any, str, int]] = {
    "no JSON": ("POST", CALL, b"{", JSON, 400),
    "nothing": ("POST", CALL, b"", JSON, 400),
    "no object": ("POST", CALL, [], JSON, 400),
    "an empty object": ("POST", CALL, {}, JSON, 400),
    "another hook": ("POST", CALL, of_hook("order-sign"), JSON, 400),
    "feedback without feedback": ("POST", f"{CALL}/feedback", {}, JSON, 400),
    "no prefetch": ("POST", CALL, of_hook("patient-view"), JSON, 412),
    "an unknown service": ("POST", "/cds-services/nothing", of_hook("patient-view"), JSON, 404),
    "feedback to an unknown service": ("POST", "/cds-services/nothing/feedback", {"feedback": []}, JSON, 404),
    "an unknown address": ("GET", "/cds-services/a/b/c", b"", JSON, 404),
    "GET on a service": ("GET", CALL, b"", JSON, 405),
    "POST on discovery": ("POST", "/cds-services", {}, JSON, 405),
    "DELETE on feedback": ("DELETE", f"{CALL}/feedback", b"", JSON, 405),
    "too large": ("POST", CALL, b" " * 1025, JSON, 413),
    "too large for feedback": ("POST", f"{CALL}/feedback", b" " * 1025, JSON, 413),
    "XML": ("POST", CALL, b"<a/>", "application/fhir+xml", 415),
    "a form": ("POST", CALL, b"a=b", "application/x-www-form-urlencoded", 415),
}


@pytest.mark.requirement(
    *("R-7", "R-16", "R-37", "R-38", "M-07", "status-400", "status-404", "status-405", "status-412", "status-413"),
    "status-415",
)
@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_has_its_status_and_says_why(make_site: MakeSite, name: str) -> None:
    method, address, body, content_type, status = REFUSALS[name]
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    site = make_site(Settings(max_body_bytes=1024))
    refused(site.client.open(address, method=method, data=sent, content_type=content_type), status)


def refused(answer: TestResponse, status: int) -> None:
    assert answer.status_code == status
    assert answer.content_type == JSON
    assert list(of_refusal(answer.get_json())) == []
    if status == 405:
        assert answer.headers["Allow"]


@pytest.mark.requirement("R-38", "R-72", "M-07", "status-401")
@pytest.mark.parametrize("address", [CALL, f"{CALL}/feedback"])
def test_a_caller_that_says_nothing_hears_nothing_but_that_it_has_to(
    make_site: MakeSite, tmp_path: Path, example: Example, address: str
) -> None:
    site = make_site(SETTINGS, clients=(a_client(tmp_path),))
    bodies: tuple[dict[str, Any], ...] = (example("patient-view"), {"feedback": []}, {})
    for body in bodies:
        answer = site.client.post(address, json=body)
        refused(answer, 401)
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.requirement("R-38", "M-07", "status-403")
def test_a_client_that_may_not_call_this_service_is_told_so(
    make_site: MakeSite, tmp_path: Path, example: Example
) -> None:
    site = make_site(SETTINGS, clients=(a_client(tmp_path, services=(ORDER_SIGN,)),))
    refused(site.client.post(CALL, json=example("patient-view"), headers=bearer(Signer().token())), 403)


@pytest.mark.requirement("R-38", "M-07", "status-500")
@pytest.mark.parametrize("endpoint", ["discovery.discovery", "service_call.service_call", "feedback.feedback"])
def test_a_bug_of_ours_says_nothing_but_an_id(make_site: MakeSite, endpoint: str) -> None:
    def broken(**_: Any) -> Any:
        raise RuntimeError("Rosa Example")

    site = make_site()
    site.app.view_functions[endpoint] = broken
    address = {"discovery.discovery": "/cds-services", "feedback.feedback": f"{CALL}/feedback"}.get(endpoint, CALL)
    answer = site.client.open(address, method="GET" if address == "/cds-services" else "POST", json={})
    refused(answer, 500)
    text = answer.get_data(as_text=True)
    assert "Rosa" not in text
    assert "Traceback" not in text
    assert site.events[0]["error_id"] in text


@pytest.mark.requirement("R-36", "R-35")
@pytest.mark.parametrize("hook", ["patient-view", "order-select", "order-sign"])
def test_nothing_to_say_is_a_200_without_cards(site: Site, example: Example, hook: str) -> None:
    body = example(hook)
    body["prefetch"] = dict.fromkeys(body["prefetch"])
    if "draftOrders" in body["context"]:
        body["context"] |= {"draftOrders": {"resourceType": "Bundle", "type": "collection"}}
    answer = site.call(body)
    assert (answer.status_code, answer.get_json()) == (200, {"cards": []})


@pytest.mark.requirement("R-35", "R-62", "M-07")
@pytest.mark.parametrize("hook", ["patient-view", "order-select", "order-sign"])
def test_success_is_a_200_with_cards_and_nothing_else(site: Site, example: Example, hook: str) -> None:
    answer = site.call(example(hook))
    assert answer.status_code == 200
    assert list(answer.get_json()) == ["cards"]
    assert answer.get_json()["cards"]
    assert list(of_response(answer.get_json())) == []
