"""§2.13: who may call, shown on every endpoint. The matrices of bad tokens, origins and log lines: ``tests/http``."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cds_service.clients import OPEN_CLIENT, PUBLIC_SANDBOX, Client
from cds_service.settings import Profile, Settings, SettingsError
from tests.conformance.checker import of_refusal, of_response
from tests.http.conftest import SERVICE_ID, MakeSite, Site
from tests.http.test_authentication import SETTINGS, a_client
from tests.signing import BASE, NOW, Signer, bearer, forged, good

Example = Callable[[str], dict[str, Any]]
EHR, STRANGER = Signer(), Signer(which=1)
DISCOVERY = f"{BASE}/cds-services"
_PEERS = ipaddress.ip_network("198.18.0.0/15").hosts()


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Site:
    client = a_client(
        tmp_path_factory.mktemp("keys"), EHR, Signer("RS384", kid="rsa"), origins=("https://ehr.example.org",)
    )
    return Site(SETTINGS, clients=(client,))


class Endpoint:
    """Something to call: discovery, a service, or its feedback."""

    def __init__(self, method: str, path: str, body: Any, audiences: tuple[str, ...]) -> None:
        self.method = method
        self.path = path
        self.body = body
        self.audiences = audiences
        # One address is not refused for ever so often: each test has its own.
        self.peer = str(next(_PEERS))

    def call(self, site: Site, *tokens: str, **headers: str) -> Any:
        sent = [*bearer(*tokens), *((name.replace("_", "-"), value) for name, value in headers.items())]
        return site.client.open(
            self.path, method=self.method, json=self.body, headers=sent, environ_overrides={"REMOTE_ADDR": self.peer}
        )


@pytest.fixture(params=["discovery", *SERVICE_ID, "feedback"])
def endpoint(request: pytest.FixtureRequest, example: Example) -> Endpoint:
    name: str = request.param
    if name == "discovery":
        return Endpoint("GET", "/cds-services", None, (DISCOVERY,))
    service = f"/cds-services/{SERVICE_ID.get(name, SERVICE_ID['patient-view'])}"
    if name == "feedback":
        return Endpoint(
            "POST", f"{service}/feedback", {"feedback": []}, (f"{BASE}{service}", f"{BASE}{service}/feedback")
        )
    return Endpoint("POST", service, example(name), (BASE + service,))


@pytest.mark.requirement("R-13", "R-70", "R-72", "R-76", "R-77", "crd_service_call_test", "crd_discovery_endpoint_test")
@pytest.mark.parametrize("signer", [EHR, Signer("RS384", kid="rsa")], ids=["ES384", "RS384"])
def test_a_token_for_this_address_is_taken(secured: Site, endpoint: Endpoint, signer: Signer) -> None:
    for audience in endpoint.audiences:
        for named in (audience, ["https://other.example.org", audience]):
            answer = endpoint.call(secured, signer.token(aud=named))
            assert answer.status_code == 200
            if isinstance(endpoint.body, dict) and "context" in endpoint.body:
                assert list(of_response(answer.get_json())) == []


BAD: dict[str, Callable[[str], str]] = {
    "none": lambda aud: forged({"alg": "none", "typ": "JWT", "kid": EHR.kid}, good(aud=aud), None),
    "HS256 with the public key": lambda aud: forged(
        {"alg": "HS256", "typ": "JWT", "kid": EHR.kid}, good(aud=aud), EHR.pem()
    ),
    "somebody else's key": lambda aud: STRANGER.token(aud=aud),
    "an unknown kid": lambda aud: EHR.token({"kid": "another"}, aud=aud),
    "a foreign jku": lambda aud: EHR.token({"jku": "https://evil.example/jwks.json"}, aud=aud),
    "a foreign issuer": lambda aud: EHR.token(aud=aud, iss="https://evil.example"),
    "the issuer of the public sandbox": lambda aud: EHR.token(aud=aud, iss=PUBLIC_SANDBOX),
    "another audience": lambda _: EHR.token(aud="https://other.example.org/cds-services"),
    "an audience in an array, another one": lambda _: EHR.token(aud=["https://other.example.org/cds-services"]),
    "expired": lambda aud: EHR.token(aud=aud, iat=NOW - 400, exp=NOW - 100),
    "issued in the future": lambda aud: EHR.token(aud=aud, iat=NOW + 120, exp=NOW + 300),
    "no jti": lambda aud: EHR.token(aud=aud, jti=None),
}


@pytest.mark.requirement("M-06", "R-72", "R-73", "R-74", "R-75", "R-76", "R-77", "R-78", "R-79", "R-81", "status-401")
@pytest.mark.parametrize("name", BAD)
def test_any_other_is_refused_with_one_and_the_same_body(secured: Site, endpoint: Endpoint, name: str) -> None:
    refused = endpoint.call(secured, BAD[name](endpoint.audiences[0]))
    nothing = endpoint.call(secured, "garbage")
    assert (refused.status_code, refused.data) == (401, nothing.data)
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert list(of_refusal(refused.get_json())) == []


@pytest.mark.requirement("M-06", "R-78", "R-70")
def test_a_token_serves_once(secured: Site, endpoint: Endpoint) -> None:
    token = EHR.token(aud=endpoint.audiences[0])
    assert [endpoint.call(secured, token).status_code for _ in range(2)] == [200, 401]


@pytest.mark.requirement("R-72")
def test_production_does_not_start_without_clients() -> None:
    with pytest.raises(SettingsError, match="CLIENTS"):
        Settings(profile=Profile.PRODUCTION).check()


@pytest.mark.requirement("R-72")
def test_without_a_token_only_discovery_is_answered(secured: Site, endpoint: Endpoint) -> None:
    assert endpoint.call(secured).status_code == (200 if endpoint.method == "GET" else 401)


@pytest.mark.requirement("R-81")
def test_the_public_sandbox_is_a_client_in_the_dev_profile_only(make_site: MakeSite, tmp_path: Path) -> None:
    sandbox = a_client(tmp_path, issuer=PUBLIC_SANDBOX)
    with pytest.raises(SettingsError, match="dev profile only"):
        make_site(SETTINGS, clients=(sandbox,))
    make_site(Settings(profile=Profile.DEV), clients=(OPEN_CLIENT, sandbox))


@pytest.mark.requirement("M-08", "R-82")
def test_a_preflight_needs_no_credentials(secured: Site, endpoint: Endpoint) -> None:
    asked = {
        "Origin": "https://ehr.example.org",
        "Access-Control-Request-Method": endpoint.method,
        "Access-Control-Request-Headers": "authorization,content-type,cookie",
    }
    answer = secured.client.options(endpoint.path, headers=asked)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "https://ehr.example.org"
    assert {"GET", "POST", "OPTIONS"} == set(answer.headers["Access-Control-Allow-Methods"].split(", "))
    allowed = {name.strip().lower() for name in answer.headers["Access-Control-Allow-Headers"].split(",")}
    assert allowed == {"authorization", "content-type"}
    assert "Origin" in answer.headers["Vary"]
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.requirement("M-08", "R-82")
def test_every_answer_says_which_origin_may_read_it(make_site: MakeSite, secured: Site, endpoint: Endpoint) -> None:
    def broken(**_: Any) -> Any:
        raise RuntimeError

    failing = make_site(clients=(Client(origins=("https://ehr.example.org",)),))
    failing.app.view_functions.update(dict.fromkeys(failing.app.view_functions, broken))
    for site, token, status in ((secured, "garbage", 401), (failing, "", 500)):
        answer = endpoint.call(site, *([token] if token else []), Origin="https://ehr.example.org")
        assert answer.status_code == status
        assert answer.headers["Access-Control-Allow-Origin"] == "https://ehr.example.org"


@pytest.mark.requirement("M-08", "R-82")
def test_a_refusal_for_missing_data_says_so_too(make_site: MakeSite, example: Example) -> None:
    site = make_site(clients=(Client(origins=("https://ehr.example.org",)),))
    body = {name: value for name, value in example("patient-view").items() if name != "prefetch"}
    answer = site.client.post(
        "/cds-services/magnesium-patient-view", json=body, headers={"Origin": "https://ehr.example.org"}
    )
    assert answer.status_code == 412
    assert answer.headers["Access-Control-Allow-Origin"] == "https://ehr.example.org"


@pytest.mark.requirement("M-13", "R-31", "R-79", "R-83")
def test_neither_tokens_nor_bodies_nor_extensions_are_logged(
    make_site: MakeSite, tmp_path: Path, example: Example, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    site = make_site(SETTINGS, clients=(a_client(tmp_path, EHR),))
    body = {
        **example("patient-view"),
        "extension": {"internal.epic.cdshooks.request.epic-emp-id": "staff-4711"},
        "fhirServer": "https://ehr.example.org/fhir",
        "fhirAuthorization": {
            "access_token": "access-4711",
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": "scope-4711",
            "subject": "subject-4711",
        },
    }
    tokens = [EHR.token(), EHR.token(exp=NOW - 900, iat=NOW - 1000), STRANGER.token()]
    statuses = [site.client.post("/cds-services/magnesium-patient-view", json=body, headers=bearer(t)) for t in tokens]
    assert [answer.status_code for answer in statuses] == [200, 401, 401]
    log = site.log.getvalue() + caplog.text
    assert "4711" not in log
    assert body["context"]["patientId"] not in log
    assert not [part for token in tokens for part in token.split(".") if part in log]
    assert not [entry for entry in body["prefetch"]["labs"]["entry"] if json.dumps(entry) in log]
