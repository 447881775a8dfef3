"""§2.6: what the service asks of the client's FHIR server, of whom, with what, and for how long.

The matrices of hostile addresses and the faults of servers: ``tests/fhir_server``.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
import responses

from cds_service.clients import Client
from cds_service.settings import Profile, Settings
from tests.conformance.checker import of_refusal, of_response
from tests.fhir_server import patients, quirks
from tests.fhir_server.conftest import AUTHORIZATION, TOKEN, Asking, sandbox_app
from tests.fhir_server.quirks import Proxy
from tests.http.conftest import MakeSite
from tests.http.test_authentication import SETTINGS
from tests.signing import ISSUER, Signer, bearer
from tests.unit.cds_service.test_url_guard import BESIDE, ELSEWHERE, LISTED

Example = Callable[[str], dict[str, Any]]
URL = "https://ehr.example.org/fhir/r4"
KINDS = {key: kind for key, (kind, _) in patients.KEYS.items()} | {"patient": "Patient"}


@pytest.fixture
def server() -> Iterator[responses.RequestsMock]:
    """The server at ``URL``, which answers what the test says; nothing else is reached."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mocked:
        yield mocked


@pytest.fixture
def asking() -> Asking:
    return Asking(URL, profile=Profile.PRODUCTION)


@cache
def published() -> tuple[str, ...]:
    services = Asking(URL).app.test_client().get("/cds-services").get_json()["services"]
    return tuple(services[0]["prefetch"])


def complete() -> dict[str, Any]:
    """Full prefetch: every key that discovery publishes has a value."""
    return {**dict.fromkeys(published()), **patients.prefetch("patient-view")}


def without(*keys: str) -> dict[str, Any]:
    return {key: value for key, value in complete().items() if key not in keys}


def urls(server: responses.RequestsMock) -> list[str]:
    return [str(call.request.url) for call in server.calls]


def bundle(*found: Any, **members: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in found], **members}


@pytest.mark.requirement("R-19", "R-29b", "M-03")
@pytest.mark.parametrize("key", [key for key in KINDS if key not in {"labs", "patient"}])
def test_exactly_what_is_missing_is_asked_and_with_the_token(
    server: responses.RequestsMock, asking: Asking, key: str
) -> None:
    server.get(f"{URL}/{KINDS[key]}", json=patients.prefetch("patient-view")[key])
    answer = asking.call("patient-view", without(key))
    assert answer.status_code == 200
    assert asking.asked == [key]
    assert {call.request.headers["Authorization"] for call in server.calls} == {f"Bearer {TOKEN}"}


@pytest.mark.requirement("R-19", "M-03")
def test_nothing_is_asked_where_nothing_is_missing(server: responses.RequestsMock, asking: Asking) -> None:
    assert asking.call("patient-view", complete()).status_code == 200
    assert not server.calls


@pytest.mark.requirement("M-03")
def test_everything_that_is_missing_is_asked_at_once() -> None:
    """Nobody is answered before all have asked: one after the other, they would wait for each other forever."""
    asked = without("patient", "labs", "medications", "conditions")
    everybody = threading.Barrier(4)

    def together(visit: quirks.Visit) -> None:
        if visit.kind != "Medication":
            everybody.wait(timeout=60)
        visit.send(*visit.answer())

    with Proxy(sandbox_app(), together) as proxy:
        answer = Asking(proxy.url).call("patient-view", asked)
    assert list(of_response(answer.get_json())) == []
    assert answer.get_json()["cards"]


@pytest.mark.requirement("R-29a")
def test_prefetch_alone_and_access_alone_say_the_same() -> None:
    with Proxy(sandbox_app(), lambda visit: visit.send(*visit.answer())) as proxy:
        asking = Asking(proxy.url)
        fetched = asking.call("patient-view", {}).get_json()["cards"]
    sent = asking.call_with_all("patient-view").get_json()["cards"]
    assert [(card["summary"], card["indicator"]) for card in fetched] == [
        (card["summary"], card["indicator"]) for card in sent
    ]
    assert sent


@pytest.mark.requirement("R-29a", "R-33")
@pytest.mark.parametrize("member", ["fhirServer", "fhirAuthorization"])
def test_a_server_without_a_token_is_not_asked(server: responses.RequestsMock, asking: Asking, member: str) -> None:
    members = {"fhirAuthorization": None, member: None}
    assert asking.call("patient-view", without("labs"), **members).status_code == 412
    assert not server.calls


@pytest.mark.requirement("R-33")
def test_an_open_server_is_asked_in_development_if_it_is_listed(server: responses.RequestsMock) -> None:
    server.get(f"{URL}/Condition", json=bundle())
    open_one = Asking(URL)
    assert open_one.call("patient-view", without("conditions"), fhirAuthorization=None).status_code == 200
    assert "Authorization" not in server.calls[0].request.headers
    elsewhere = open_one.call(
        "patient-view", without("labs"), fhirAuthorization=None, fhirServer="https://other.example.org/fhir"
    )
    assert elsewhere.status_code == 412
    assert len(server.calls) == 1


@pytest.mark.requirement("prefetch-outcome", "M-02")
def test_what_the_client_could_not_read_is_not_asked_again(server: responses.RequestsMock, asking: Asking) -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]}
    assert asking.call("patient-view", {**complete(), "conditions": outcome}).status_code == 200
    assert not server.calls


@pytest.mark.requirement("R-20", "R-32", "status-412", "M-01")
@pytest.mark.parametrize("status", [302, 401, 403, 404, 500, 503])
def test_required_data_that_the_server_does_not_give_are_a_412_that_does_not_repeat_it(
    server: responses.RequestsMock, asking: Asking, status: int
) -> None:
    headers = {"Location": "https://evil.example/fhir"} if status == 302 else {}
    server.post(f"{URL}/Observation/_search", status=status, body="Rosa Example", headers=headers)
    server.get(f"{URL}/Observation", status=status, body="Rosa Example", headers=headers)
    answer = asking.call("patient-view", without("labs"))
    assert answer.status_code == 412
    assert list(of_refusal(answer.get_json())) == []
    assert "Rosa" not in answer.get_data(as_text=True)
    assert all(url.startswith(URL) for url in urls(server))


@pytest.mark.requirement("R-20", "R-32")
def test_optional_data_that_the_server_does_not_give_are_named_on_the_card(
    server: responses.RequestsMock, asking: Asking
) -> None:
    server.get(f"{URL}/Condition", status=500)
    answer = asking.call("patient-view", without("conditions"))
    assert answer.status_code == 200
    assert "could not be read: the problem list" in answer.get_data(as_text=True)


NEXT = {
    "the same server": (f"{URL}/Condition?page=2", True),
    "the same server, relative": ("?page=2", True),
    "another host": ("https://evil.example/fhir/r4/Condition?page=2", False),
    "another port": ("https://ehr.example.org:8443/fhir/r4/Condition?page=2", False),
    "plain http": ("http://ehr.example.org/fhir/r4/Condition?page=2", False),
    "this machine": ("http://127.0.0.1/Condition?page=2", False),
    "the cloud's metadata": ("http://169.254.169.254/latest/meta-data/", False),
    "a file": ("file:///etc/passwd", False),
    "a user name": ("https://ehr.example.org@evil.example/Condition?page=2", False),
}


@pytest.mark.requirement("R-32", "M-04", "M-05", "prefetch-next")
@pytest.mark.parametrize(("url", "followed"), NEXT.values(), ids=NEXT.keys())
@pytest.mark.parametrize("prefetched", [True, False], ids=["prefetched", "fetched"])
def test_the_next_page_is_fetched_from_the_same_server_only(
    server: responses.RequestsMock, asking: Asking, url: str, followed: bool, prefetched: bool
) -> None:
    (one,) = (entry["resource"] for entry in patients.prefetch("patient-view")["conditions"]["entry"][:1])
    first = bundle(one, link=[{"relation": "next", "url": url}])
    if prefetched:
        first["link"][0]["url"] = f"{URL}/Condition{url}" if url.startswith("?") else url
    second = [responses.matchers.query_param_matcher({"page": "2"})]
    server.get(f"{URL}/Condition", json=bundle({**one, "id": "second"}), match=second)
    server.get(f"{URL}/Condition", json=first)
    answer = asking.call("patient-view", {**without("conditions"), **({"conditions": first} if prefetched else {})})
    assert answer.status_code == 200
    assert [url for url in urls(server) if "page" in url] == ([f"{URL}/Condition?page=2"] if followed else [])
    assert all(url.startswith(f"{URL}/Condition") for url in urls(server))
    partial = "arrived only in part: the problem list" in answer.get_data(as_text=True)
    assert partial is not followed


@pytest.fixture
def touched(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was resolved or connected to; there is no network here."""
    found: list[Any] = []

    def refuse(*arguments: Any, **_: Any) -> Any:
        found.append(arguments)
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    return found


@pytest.mark.requirement("R-32", "M-05")
def test_no_server_but_the_listed_one_is_connected_to(touched: list[Any]) -> None:
    asking = Asking(LISTED, profile=Profile.PRODUCTION)
    for name, url in (ELSEWHERE | BESIDE).items():
        answer = asking.call("patient-view", {}, fhirServer=url)
        assert answer.status_code in {400, 412}, name
        assert touched == [], name
        assert url not in answer.get_data(as_text=True), name
    assert asking.call("patient-view", {}).status_code == 412
    assert {arguments[0] for arguments in touched} == {"ehr.example.org"}, "otherwise the matrix shows nothing"


@pytest.mark.requirement("R-75", "M-05")
def test_no_keys_but_the_listed_ones_are_fetched(touched: list[Any], make_site: MakeSite, example: Example) -> None:
    listed = "https://ehr.example.org/jwks.json"
    site = make_site(SETTINGS, clients=(Client(name="ehr", issuer=ISSUER, jwks_url=listed),))
    jkus = {name: url.replace("/fhir/r4", "/jwks.json") for name, url in (ELSEWHERE | BESIDE).items()}

    def status(jku: str) -> int:
        headers = bearer(Signer().token({"jku": jku}))
        url = "/cds-services/magnesium-patient-view"
        return site.client.post(url, json=example("patient-view"), headers=headers).status_code

    for name, jku in jkus.items():
        assert status(jku) == 401, name
        assert touched == [], name
    assert status(listed) == 401
    assert {arguments[0] for arguments in touched} == {"ehr.example.org"}, "otherwise the matrix shows nothing"


@pytest.mark.requirement("R-31", "R-32")
@pytest.mark.parametrize("status", [200, 401, 500])
def test_the_token_is_in_no_answer_and_no_log(
    server: responses.RequestsMock, asking: Asking, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    echo = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "diagnostics": TOKEN}]}
    server.get(f"{URL}/Condition", json=echo, status=status)
    server.post(f"{URL}/Observation/_search", json=echo, status=status)
    for left_out in (["conditions"], ["labs"]):
        answer = asking.call("patient-view", without(*left_out))
        assert TOKEN not in answer.get_data(as_text=True)
    assert server.calls
    assert TOKEN not in asking.log.getvalue() + caplog.text


@pytest.mark.requirement("R-30", "R-17")
def test_a_token_for_another_patient_is_not_used(server: responses.RequestsMock, asking: Asking) -> None:
    authorization = {**AUTHORIZATION, "patient": "somebody-else"}
    assert asking.call("patient-view", without("labs"), fhirAuthorization=authorization).status_code == 400
    assert not server.calls


@pytest.mark.requirement("R-34")
def test_nothing_is_kept_from_one_request_to_the_next(server: responses.RequestsMock, asking: Asking) -> None:
    server.get(f"{URL}/Condition", json=patients.prefetch("patient-view")["conditions"])
    server.get(f"{URL}/Condition", status=500)
    first, second = (asking.call("patient-view", without("conditions")) for _ in range(2))
    assert "could not be read" not in first.get_data(as_text=True)
    assert "could not be read: the problem list" in second.get_data(as_text=True)
    assert first.headers["Cache-Control"] == "no-store"


@pytest.mark.requirement("R-34", "R-88")
@pytest.mark.parametrize("hook", ["patient-view", "order-select", "order-sign"])
def test_a_card_says_when_the_value_it_rests_on_was_collected(make_site: MakeSite, example: Example, hook: str) -> None:
    site = make_site()
    cards = site.call(example(hook)).get_json()["cards"]
    dates = {f"{lab.when.earliest.day} {lab.when.earliest:%b %Y}" for lab in site.evaluations[0].facts.labs}
    assert cards
    for card in cards:
        assert any(date in card["detail"] for date in dates)
        assert not any(word in card["summary"].casefold() for word in ("today", "yesterday", "just now", " ago"))


# ----- the deadline -----


class Late:
    """A stopwatch on which the budget has passed as soon as the request has arrived."""

    def __init__(self) -> None:
        self.looks = 0

    def __call__(self) -> float:
        self.looks += 1
        return 0.0 if self.looks == 1 else Settings().fhir_budget_ms / 1000


@pytest.mark.requirement("R-86", "M-14", "status-412")
@pytest.mark.parametrize(("missing", "status"), [("labs", 412), ("conditions", 200)])
def test_a_server_that_hangs_is_left_when_the_budget_is_over(make_site: MakeSite, missing: str, status: int) -> None:
    with Proxy(sandbox_app(), quirks.silence) as proxy:
        site = make_site(Settings(profile=Profile.DEV, fhir_servers=(proxy.url,)), stopwatch=Late())
        answer = site.call({**patients.request("patient-view"), "prefetch": without(missing), "fhirServer": proxy.url})
    assert answer.status_code == status
    said = "did not answer in time" if status == 412 else "could not be read: the problem list"
    assert said in answer.get_data(as_text=True)


@pytest.mark.requirement("R-86")
def test_the_budget_is_two_seconds_unless_a_site_says_otherwise() -> None:
    assert Settings().fhir_budget_ms == 2000


@pytest.mark.requirement("R-31")
def test_what_is_evaluated_does_not_hold_the_token(make_site: MakeSite, example: Example) -> None:
    site = make_site()
    site.call({**example("patient-view"), "fhirServer": URL, "fhirAuthorization": AUTHORIZATION})
    assert TOKEN not in repr(site.evaluations[0].facts) + json.dumps(site.events)
