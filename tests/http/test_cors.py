"""CORS (M-08): browsers may call from the origins that clients list, and are told so on every answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cds_service.clients import OPEN_CLIENT, Client
from cds_service.settings import Profile, Settings
from tests.signing import BASE, ISSUER, Signer, jwks_file

EHR = "https://ehr.example.org"
OTHER = "https://charts.example.org:8443"
DISCOVERY = "/cds-services"
CALL = "/cds-services/magnesium-patient-view"
FEEDBACK = f"{CALL}/feedback"
ALLOW = "Access-Control-Allow-"


@pytest.fixture(scope="module")
def site(shared_site: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A service that knows nobody who calls here: every call is refused."""
    file = jwks_file(tmp_path_factory.mktemp("keys"), Signer().jwk())
    clients = (
        Client(name="ehr", issuer=ISSUER, jwks_file=file, origins=(EHR,)),
        Client(name="charts", issuer=OTHER, jwks_file=file, origins=(EHR, OTHER, "http://[::1]:8080")),
        Client(name="server", issuer="https://server.example.org", jwks_file=file),
    )
    return type(shared_site)(Settings(public_urls=(BASE,)), clients=clients)


def preflight(site: Any, address: str, origin: str, method: str = "POST", headers: str = "") -> Any:
    asked = {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
    return site.client.options(address, headers=asked)


def allowed(answer: Any) -> dict[str, str]:
    return {name: value for name, value in answer.headers if name.startswith("Access-Control-")}


@pytest.mark.requirement("M-08", "R-82")
@pytest.mark.parametrize(
    ("address", "method", "headers"),
    [
        (DISCOVERY, "GET", "authorization"),
        (CALL, "POST", "authorization,content-type"),
        (CALL, "POST", "Authorization, Content-Type"),
        (FEEDBACK, "POST", "authorization,content-type"),
        (DISCOVERY + "/", "GET", "authorization"),
    ],
)
@pytest.mark.parametrize("origin", [EHR, OTHER, "http://[::1]:8080"])
def test_a_preflight_needs_no_token(site: Any, address: str, method: str, headers: str, origin: str) -> None:
    answer = preflight(site, address, origin, method, headers)
    told = allowed(answer)
    assert answer.status_code == 200
    assert told[ALLOW + "Origin"] == origin
    assert told[ALLOW + "Methods"] == "GET, OPTIONS, POST"
    assert told[ALLOW + "Headers"].lower().replace(" ", "") == headers.lower().replace(" ", "")
    assert "Origin" in answer.headers["Vary"]
    assert ALLOW + "Credentials" not in told


def test_no_other_header_or_method_is_allowed(site: Any) -> None:
    told = allowed(preflight(site, CALL, EHR, "POST", "authorization, x-anything, cookie"))
    assert told[ALLOW + "Headers"] == "authorization"
    assert ALLOW + "Methods" not in allowed(preflight(site, CALL, EHR, "DELETE"))


@pytest.mark.requirement("R-82")
@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "https://ehr.example.org.evil.example",
        "https://ehr.example.org:8443",
        "http://ehr.example.org",
        "https://ehrXexample.org",
        "https://sub.ehr.example.org",
        "http://localhost:8080",
        "http://127.0.0.1",
        "null",
        "*",
        "",
    ],
)
def test_other_origins_are_told_nothing(site: Any, origin: str) -> None:
    for answer in (preflight(site, CALL, origin), site.client.get(DISCOVERY, headers={"Origin": origin})):
        assert answer.status_code == 200
        assert allowed(answer) == {}
        assert "Origin" in answer.headers["Vary"]


@pytest.mark.requirement("M-08", "R-82")
@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("GET", DISCOVERY, 200),
        ("POST", CALL, 401),
        ("POST", "/cds-services/nothing", 404),
        ("GET", CALL, 405),
        ("PUT", DISCOVERY, 405),
    ],
)
def test_every_answer_to_a_listed_origin_says_so(site: Any, method: str, address: str, status: int) -> None:
    answer = site.client.open(address, method=method, headers={"Origin": EHR})
    assert answer.status_code == status
    assert allowed(answer) == {ALLOW + "Origin": EHR}
    assert "Origin" in answer.headers["Vary"]


# What an open client can bring about beside that: the same body as in tests/http/test_errors.py.
@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{}", "application/json", 400),
        (b" " * 200, "application/json", 413),
        (b"a=b", "application/x-www-form-urlencoded", 415),
    ],
)
def test_errors_of_the_body_say_so_too(make_site: Any, body: bytes, content_type: str, status: int) -> None:
    site = make_site(Settings(max_body_bytes=100), clients=(Client(origins=(EHR,)),))
    answer = site.client.post(CALL, data=body, content_type=content_type, headers={"Origin": EHR})
    assert answer.status_code == status
    assert allowed(answer) == {ALLOW + "Origin": EHR}


@pytest.mark.requirement("M-08")
def test_missing_data_and_our_own_bugs_say_so_too(make_site: Any, example: Any) -> None:
    site = make_site(Settings(), clients=(Client(origins=(EHR,)),))
    body = example("patient-view")
    del body["prefetch"]
    answers = [site.client.post(CALL, json=body, headers={"Origin": EHR})]

    def broken(**_: Any) -> None:
        raise RuntimeError

    site.app.view_functions["service_call.service_call"] = broken
    answers.append(site.client.post(CALL, json=body, headers={"Origin": EHR}))
    assert [answer.status_code for answer in answers] == [412, 500]
    assert [allowed(answer) for answer in answers] == [{ALLOW + "Origin": EHR}] * 2


def test_a_call_without_an_origin_is_no_matter_of_browsers(site: Any) -> None:
    answer = site.client.get(DISCOVERY)
    assert allowed(answer) == {}
    assert "Origin" in answer.headers["Vary"]


def test_other_addresses_are_not_for_other_pages(site: Any) -> None:
    for address in ("/", "/examples/patient-view", "/cds-services-of-somebody-else"):
        answer = site.client.get(address, headers={"Origin": EHR})
        assert allowed(answer) == {}, address


def test_in_the_dev_profile_pages_of_this_machine_may_call(make_site: Any, tmp_path: Path) -> None:
    site = make_site(Settings(profile=Profile.DEV), clients=(OPEN_CLIENT,))
    for origin in ("http://localhost", "http://localhost:8080", "http://127.0.0.1:8070"):
        assert allowed(preflight(site, CALL, origin))[ALLOW + "Origin"] == origin
    for origin in ("http://localhost.evil.example", "http://localhost:80x", "https://evil.example", "http://127.0.0.2"):
        assert allowed(preflight(site, CALL, origin)) == {}, origin
