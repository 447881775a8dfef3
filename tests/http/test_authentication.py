"""Who may call (M-06): the token of a listed client, for this call, once. Everybody else hears the same sentence."""

from __future__ import annotations

import dataclasses
import ipaddress
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cds_service.clients import OPEN_CLIENT, PUBLIC_SANDBOX, Client
from cds_service.settings import Profile, Settings, SettingsError
from tests.signing import BASE, ISSUER, KID, NOW, PATIENT_VIEW, Signer, bearer, forged, good, jwks_file

SETTINGS = Settings(public_urls=(BASE, "https://inside.example.org"))
ORDER_SIGN = "magnesium-order-sign"
EVERY_ALGORITHM = ("ES256", "ES384", "RS256", "RS384")
EHR = Signer()
_PEERS = (str(address) for address in ipaddress.ip_network("198.18.0.0/15").hosts())
Example = Callable[[str], dict[str, Any]]


def a_client(folder: Path, *signers: Signer, **fields: Any) -> Client:
    keys = [signer.jwk() for signer in signers or (EHR,)]
    return Client(**{"name": "ehr", "issuer": ISSUER, "jwks_file": jwks_file(folder, *keys), **fields})


@pytest.fixture(scope="module")
def shared_secured(shared_site: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return type(shared_site)(SETTINGS, clients=(a_client(tmp_path_factory.mktemp("keys")),))


@pytest.fixture
def secured(shared_secured: Any) -> Any:
    """A service with one client; its log starts empty."""
    shared_secured.log.seek(0)
    shared_secured.log.truncate()
    return shared_secured


@pytest.fixture
def peer() -> str:
    """An address that nobody has called from: too many refusals of one are answered otherwise."""
    return next(_PEERS)


def call(site: Any, example: Example, headers: Any, hook: str = "patient-view", **environ: str) -> Any:
    return site.client.post(
        f"/cds-services/magnesium-{hook}", json=example(hook), headers=headers, environ_overrides=environ
    )


def why(site: Any) -> list[str]:
    return [event["trouble"] for event in site.events if event["event"] == "refused"]


# ── Good tokens ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("algorithm", EVERY_ALGORITHM)
def test_a_token_of_a_listed_client_is_taken(make_site: Any, tmp_path: Path, example: Example, algorithm: str) -> None:
    signer = Signer(algorithm)
    site = make_site(SETTINGS, clients=(a_client(tmp_path, signer, algorithms=EVERY_ALGORITHM),))
    assert call(site, example, bearer(signer.token())).status_code == 200


def test_es384_and_rs384_are_taken_unless_a_client_says_otherwise(
    make_site: Any, tmp_path: Path, example: Example
) -> None:
    for algorithm, status in {"ES384": 200, "RS384": 200, "ES256": 401, "RS256": 401}.items():
        signer = Signer(algorithm)
        site = make_site(SETTINGS, clients=(a_client(tmp_path, signer),))
        assert call(site, example, bearer(signer.token())).status_code == status, algorithm


GOOD = {
    "aud is an array": {"aud": ["https://other.example", PATIENT_VIEW]},
    "aud names another public address of ours": {
        "aud": "https://inside.example.org/cds-services/magnesium-patient-view"
    },
    "exp is a minute ago: clocks differ": {"iat": NOW - 300, "exp": NOW - 59},
    "iat is a minute ahead": {"iat": NOW + 60, "exp": NOW + 360},
    "nbf is a minute ahead": {"nbf": NOW + 60},
    "nbf is before iat, as Epic sends it": {"nbf": NOW - 300, "sub": "cds-hooks-client"},
    "it lives an hour": {"exp": NOW + 3600},
    "times have fractions": {"iat": NOW - 0.5, "exp": NOW + 29.5},
    "claims of the sender's own": {"x-staff": {"unit": ["a"]}},
}


@pytest.mark.requirement("R-77", "R-78")
@pytest.mark.parametrize("claims", GOOD.values(), ids=GOOD.keys())
def test_claims_that_are_fine(secured: Any, example: Example, claims: dict[str, Any]) -> None:
    assert call(secured, example, bearer(EHR.token(**claims))).status_code == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_read_without_regard_to_case(secured: Any, example: Example, scheme: str) -> None:
    assert call(secured, example, {"Authorization": f"{scheme} {EHR.token()}"}).status_code == 200


# ── The matrix ────────────────────────────────────────────────────────────────────────────────────

OTHER = Signer(which=1)
P256 = Signer("ES256")
HEADER = {"alg": "ES384", "typ": "JWT", "kid": KID}
_SIGNED = EHR.token()

# Authorization headers, and the word that the log has for what is wrong.
REFUSED: dict[str, tuple[Any, str]] = {
    "nothing": ([], "no-token"),
    "an empty header": ({"Authorization": ""}, "no-token"),
    "a password": ({"Authorization": "Basic dXNlcjpwYXNzd29yZA=="}, "no-token"),
    "no token": ({"Authorization": "Bearer "}, "no-token"),
    "garbage": (bearer("garbage"), "no-jwt"),
    "three pieces of garbage": (bearer("a.b.c"), "no-jwt"),
    "bytes of another script": ({"Authorization": "Bearer \xff.\xfe.\xfd"}, "no-jwt"),
    "a token that is far too long": (bearer(EHR.token(pad="x" * 9000)), "no-jwt"),
    "an encrypted token of five parts": (bearer(EHR.token() + ".x.y"), "no-jwt"),
    "two tokens, both good": (bearer(EHR.token(), EHR.token()), "no-jwt"),
    "a header that is no object": (bearer(forged(["ES384"], good())), "no-jwt"),
    "claims that are no object": (bearer(forged(HEADER, [1])), "no-jwt"),
    # none, and shared secrets
    "alg none, without a signature": (bearer(forged({**HEADER, "alg": "none"}, good(), None)), "no-jwt"),
    "alg none, with one": (bearer(forged({**HEADER, "alg": "none"}, good())), "algorithm"),
    "alg None": (bearer(forged({**HEADER, "alg": "None"}, good())), "algorithm"),
    "no alg": (bearer(forged({"typ": "JWT", "kid": KID}, good())), "header"),
    "alg is empty": (bearer(forged({**HEADER, "alg": ""}, good())), "algorithm"),
    "HS256 with the public key as secret": (
        bearer(forged({**HEADER, "alg": "HS256"}, good(), EHR.pem())),
        "algorithm",
    ),
    "HS256 with the published JWK as secret": (
        bearer(forged({**HEADER, "alg": "HS256"}, good(), json.dumps(EHR.jwk()).encode())),
        "algorithm",
    ),
    "the signature is missing": (bearer(_SIGNED.rpartition(".")[0] + "."), "no-jwt"),
    "the signature is HMAC, the header says ES384": (bearer(forged(HEADER, good(), EHR.pem())), "signature"),
    # keys
    "signed by somebody else": (bearer(OTHER.token()), "signature"),
    "the claims of another token": (
        bearer(".".join((_SIGNED.split(".")[0], EHR.token(jti="x").split(".")[1], _SIGNED.split(".")[2]))),
        "signature",
    ),
    "an algorithm that the client may use, with a key of another kind": (
        bearer(Signer("RS384").token()),
        "algorithm",
    ),
    "an algorithm that the client may not use": (bearer(P256.token({"kid": "p256"})), "algorithm"),
    "no kid": (bearer(EHR.token({"kid": None})), "header"),
    "a kid that nobody has": (bearer(EHR.token({"kid": "another"})), "unknown-key"),
    "a kid that differs in case": (bearer(EHR.token({"kid": KID.lower()})), "unknown-key"),
    "a kid that is a number": (bearer(forged({**HEADER, "kid": 1}, good())), "no-jwt"),
    "a kid that is a path": (bearer(EHR.token({"kid": "../../dev/null"})), "unknown-key"),
    "a key of its own in the header": (bearer(OTHER.token({"jwk": OTHER.jwk()})), "signature"),
    "a foreign jku": (bearer(OTHER.token({"jku": "https://evil.example/jwks.json"})), "foreign-jku"),
    "a foreign jku, and the right key": (bearer(EHR.token({"jku": "https://evil.example/jwks.json"})), "foreign-jku"),
    "a jku that is no text": (bearer(forged({**HEADER, "jku": ["https://evil.example"]}, good())), "header"),
    "another kind of token": (bearer(EHR.token({"typ": "at+jwt"})), "header"),
    "an extension that must be understood": (bearer(EHR.token({"crit": ["exp"]})), "no-jwt"),
    # claims that every token has
    **{f"no {name}": (bearer(EHR.token(**{name: None})), "claims") for name in ("iss", "aud", "exp", "iat", "jti")},
    "iss is null": (bearer(forged(HEADER, {**good(), "iss": None})), "claims"),
    "iss is a number": (bearer(forged(HEADER, good(iss=1))), "claims"),
    "jti is empty": (bearer(EHR.token(jti="")), "claims"),
    "jti is a number": (bearer(EHR.token(jti=7)), "claims"),
    "jti is a book": (bearer(EHR.token(jti="x" * 257)), "claims"),
    "exp is text": (bearer(EHR.token(exp=str(NOW + 300))), "claims"),
    "exp is true": (bearer(EHR.token(exp=True)), "claims"),
    "exp is NaN": (bearer(EHR.token(exp=float("nan"))), "claims"),
    "exp is infinite": (bearer(EHR.token(exp=float("inf"))), "claims"),
    "exp is before all time": (bearer(EHR.token(exp=-1)), "claims"),
    "aud is an object": (bearer(EHR.token(aud={"url": PATIENT_VIEW})), "claims"),
    "aud holds a number": (bearer(EHR.token(aud=[PATIENT_VIEW, 1])), "claims"),
    # who
    "an issuer that is not listed": (bearer(EHR.token(iss="https://evil.example")), "unknown-issuer"),
    "the issuer, with a slash more": (bearer(EHR.token(iss=ISSUER + "/")), "unknown-issuer"),
    "a tenant of a client without tenants": (bearer(EHR.token(tenant="north")), "unknown-tenant"),
    "an empty tenant": (bearer(EHR.token(tenant="")), "unknown-tenant"),
    # when
    "expired": (bearer(EHR.token(iat=NOW - 360, exp=NOW - 60)), "expired"),
    "issued in the future": (bearer(EHR.token(iat=NOW + 61, exp=NOW + 300)), "not-yet"),
    "not good yet": (bearer(EHR.token(nbf=NOW + 61)), "not-yet"),
    "good for more than an hour": (bearer(EHR.token(exp=NOW + 3601)), "too-long-a-life"),
    "good for a century": (bearer(EHR.token(exp=NOW + 100 * 365 * 86400)), "too-long-a-life"),
    "it expires before it is issued": (bearer(EHR.token(iat=NOW + 30, exp=NOW)), "too-long-a-life"),
    # for what
    "aud is somebody else": (bearer(EHR.token(aud="https://other.example/cds-services/x")), "audience"),
    "aud is another service of ours": (bearer(EHR.token(aud=f"{BASE}/cds-services/{ORDER_SIGN}")), "audience"),
    "aud is discovery": (bearer(EHR.token(aud=f"{BASE}/cds-services")), "audience"),
    "aud is the feedback of the service": (bearer(EHR.token(aud=f"{PATIENT_VIEW}/feedback")), "audience"),
    "aud is only the beginning": (bearer(EHR.token(aud=BASE)), "audience"),
    "aud is the Host header": (
        [*bearer(EHR.token(aud="https://evil.example/cds-services/magnesium-patient-view")), ("Host", "evil.example")],
        "audience",
    ),
    "aud is an empty array": (bearer(EHR.token(aud=[])), "audience"),
}


@pytest.mark.requirement("M-06", "R-73", "R-74", "R-75", "R-76", "R-77", "R-78", "R-79", "status-401")
@pytest.mark.parametrize(("headers", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_everybody_else_hears_the_same_sentence(
    secured: Any, example: Example, peer: str, headers: Any, reason: str
) -> None:
    unknown = call(secured, example, [], REMOTE_ADDR=peer)
    answer = call(secured, example, headers, REMOTE_ADDR=peer)
    assert answer.status_code == 401
    assert answer.data == unknown.data
    told = {"X-Request-Id"}
    assert {n: v for n, v in answer.headers if n not in told} == {n: v for n, v in unknown.headers if n not in told}
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert why(secured)[-1] == reason


def test_the_sentence_is_an_operation_outcome(secured: Any) -> None:
    answer = secured.client.post("/cds-services/magnesium-patient-view", data=b"not even JSON")
    (issue,) = answer.get_json()["issue"]
    assert (answer.content_type, issue["severity"], issue["code"]) == ("application/json", "error", "login")
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.requirement("R-79", "M-13")
def test_no_token_is_ever_logged(secured: Any, example: Example) -> None:
    tokens = [EHR.token(), EHR.token(iss="https://evil.example"), EHR.token(exp=NOW - 999), OTHER.token()]
    for token in tokens:
        call(secured, example, bearer(token))
    log = secured.log.getvalue()
    assert log.count('"refused"') == 3
    assert not [part for token in tokens for part in token.split(".") if part in log]


# ── Once ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.requirement("M-06", "R-78")
def test_a_token_is_good_for_one_call(secured: Any, example: Example) -> None:
    token = EHR.token()
    answers = [call(secured, example, bearer(token)) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 401, 401]
    assert answers[1].data == call(secured, example, []).data
    assert why(secured)[:2] == ["used", "used"]


def test_the_same_id_in_another_token_is_used_all_the_same(secured: Any, example: Example) -> None:
    first, second = EHR.token(jti="twice"), EHR.token(jti="twice", exp=NOW + 200)
    assert [call(secured, example, bearer(token)).status_code for token in (first, second)] == [200, 401]


def test_nobody_else_can_use_up_a_token(secured: Any, example: Example) -> None:
    for claims in ({"exp": NOW - 61, "iat": NOW - 100}, {"aud": "https://other.example"}, {"iat": NOW + 90}):
        assert call(secured, example, bearer(EHR.token(jti="fresh", **claims))).status_code == 401
    assert call(secured, example, bearer(OTHER.token(jti="fresh"))).status_code == 401
    assert call(secured, example, bearer(EHR.token(jti="fresh"))).status_code == 200


# ── Tenants, audiences, services ──────────────────────────────────────────────────────────────────


@pytest.mark.requirement("R-78")
def test_clients_that_share_an_issuer_are_told_apart_by_tenant(
    make_site: Any, tmp_path: Path, example: Example
) -> None:
    clients = (
        a_client(tmp_path, name="north", tenants=("north-1", "north-2")),
        a_client(tmp_path, name="south", tenants=("south",)),
    )
    site = make_site(SETTINGS, clients=clients)
    for tenant, status in {"north-1": 200, "north-2": 200, "south": 200, "west": 401, "NORTH-1": 401}.items():
        assert call(site, example, bearer(EHR.token(tenant=tenant))).status_code == status, tenant
    assert call(site, example, bearer(EHR.token())).status_code == 401
    assert [event.get("client") for event in site.events if event["event"] == "request"] == [
        *("north", "north", "south"),
        *(None, None, None),
    ]


@pytest.mark.requirement("R-77")
def test_a_client_may_have_an_audience_of_its_own(make_site: Any, tmp_path: Path, example: Example) -> None:
    site = make_site(SETTINGS, clients=(a_client(tmp_path, audiences=("sand_man",)),))
    assert call(site, example, bearer(EHR.token(aud="sand_man"))).status_code == 200
    assert call(site, example, bearer(EHR.token())).status_code == 401


def test_a_client_is_told_that_a_service_is_not_for_it(make_site: Any, tmp_path: Path, example: Example) -> None:
    site = make_site(SETTINGS, clients=(a_client(tmp_path, services=(ORDER_SIGN,)),))
    answer = call(site, example, bearer(EHR.token()))
    assert (answer.status_code, answer.get_json()["issue"][0]["code"]) == (403, "forbidden")
    signed = call(site, example, bearer(EHR.token(aud=f"{BASE}/cds-services/{ORDER_SIGN}")), "order-sign")
    assert signed.status_code == 200


def test_a_jku_that_is_the_listed_one_may_come_beside_a_file(make_site: Any, tmp_path: Path, example: Example) -> None:
    url = "https://ehr.example.org/jwks.json"
    site = make_site(SETTINGS, clients=(a_client(tmp_path, jwks_url=url),))
    assert call(site, example, bearer(EHR.token({"jku": url}))).status_code == 200
    for other in (url + "?", url.upper(), url.replace("https", "http"), "https://ehr.example.org/x/../jwks.json"):
        assert call(site, example, bearer(EHR.token({"jku": other}))).status_code == 401, other


# ── Discovery ─────────────────────────────────────────────────────────────────────────────────────


def test_discovery_is_open(secured: Any) -> None:
    assert secured.client.get("/cds-services").status_code == 200


def test_a_token_for_discovery_is_verified(secured: Any) -> None:
    def status(**claims: Any) -> int:
        answer: int = secured.client.get("/cds-services", headers=bearer(EHR.token(**claims))).status_code
        return answer

    assert status(aud=f"{BASE}/cds-services") == 200
    assert status(aud=PATIENT_VIEW) == 401
    assert status(aud=f"{BASE}/cds-services", jti="discovery") == 200
    assert status(aud=f"{BASE}/cds-services", jti="discovery") == 401


# ── Feedback ──────────────────────────────────────────────────────────────────────────────────────


def test_feedback_takes_the_address_of_the_service_or_its_own(secured: Any) -> None:
    def status(audience: str) -> int:
        body = {"feedback": [{"card": "4e0a3a1e-3065-4619-8129-55c8f2c31d1e", "outcome": "accepted"}]}
        address = "/cds-services/magnesium-patient-view/feedback"
        answer: int = secured.client.post(address, json=body, headers=bearer(EHR.token(aud=audience))).status_code
        return answer

    assert status(PATIENT_VIEW) == 200
    assert status(f"{PATIENT_VIEW}/feedback") == 200
    assert status(f"{BASE}/cds-services/{ORDER_SIGN}/feedback") == 401
    assert status(f"{BASE}/cds-services") == 401


def test_feedback_without_a_token_is_refused_unread(secured: Any) -> None:
    answer = secured.client.post("/cds-services/magnesium-patient-view/feedback", data=b"not even JSON")
    assert answer.status_code == 401


# ── Certificates ──────────────────────────────────────────────────────────────────────────────────

PROXIED = dataclasses.replace(SETTINGS, proxy_networks=(ipaddress.ip_network("10.2.0.0/16"),))
CERTIFICATE = "ab" * 32
SHOWN = {"X-Client-Cert-Sha256": CERTIFICATE}


@pytest.mark.requirement("R-72")
def test_a_client_without_tokens_is_known_by_its_certificate(make_site: Any, example: Example) -> None:
    site = make_site(PROXIED, clients=(Client(name="device", certificates=(CERTIFICATE,)),))
    for spelling in (CERTIFICATE, CERTIFICATE.upper(), ":".join(["AB"] * 32)):
        answer = call(site, example, {"X-Client-Cert-Sha256": spelling}, REMOTE_ADDR="10.2.0.1")
        assert answer.status_code == 200, spelling
    for wrong in ("cd" * 32, "ab" * 31, "", f"{CERTIFICATE},{CERTIFICATE}"):
        answer = call(site, example, {"X-Client-Cert-Sha256": wrong}, REMOTE_ADDR="10.2.0.1")
        assert answer.status_code == 401, wrong


def test_only_the_proxy_is_believed(make_site: Any, example: Example) -> None:
    site = make_site(PROXIED, clients=(Client(name="device", certificates=(CERTIFICATE,)),))
    headers = {**SHOWN, "X-Forwarded-For": "10.2.0.1"}
    for peer in ("127.0.0.1", "10.3.0.1", "203.0.113.9", "::1", ""):
        assert call(site, example, headers, REMOTE_ADDR=peer).status_code == 401, peer


def test_without_proxies_nobody_is_believed(make_site: Any, example: Example) -> None:
    site = make_site(SETTINGS, clients=(Client(name="device", certificates=(CERTIFICATE,)),))
    assert call(site, example, SHOWN, REMOTE_ADDR="10.2.0.1").status_code == 401


def test_a_client_with_both_needs_both(make_site: Any, tmp_path: Path, example: Example) -> None:
    site = make_site(PROXIED, clients=(a_client(tmp_path, certificates=(CERTIFICATE,)),))

    def status(headers: Any, peer: str = "10.2.0.1") -> int:
        answer: int = call(site, example, headers, REMOTE_ADDR=peer).status_code
        return answer

    assert status([*bearer(EHR.token()), *SHOWN.items()]) == 200
    assert status(bearer(EHR.token())) == 401
    assert status(SHOWN) == 401
    assert status([*bearer(EHR.token()), ("X-Client-Cert-Sha256", "cd" * 32)]) == 401
    assert status([*bearer(EHR.token()), *SHOWN.items()], peer="10.3.0.1") == 401


def test_a_token_that_comes_with_a_certificate_counts(make_site: Any, tmp_path: Path, example: Example) -> None:
    clients = (a_client(tmp_path), Client(name="device", certificates=(CERTIFICATE,)))
    site = make_site(PROXIED, clients=clients)
    bad = call(site, example, [*bearer(OTHER.token()), *SHOWN.items()], REMOTE_ADDR="10.2.0.1")
    assert bad.status_code == 401


# ── Profiles ──────────────────────────────────────────────────────────────────────────────────────

BASIC = {"Authorization": "Basic eDp5"}
DEV = dataclasses.replace(SETTINGS, profile=Profile.DEV)


def test_in_the_dev_profile_nobody_on_this_machine_is_asked(make_site: Any, example: Example) -> None:
    site = make_site(DEV, clients=(OPEN_CLIENT,))
    for peer in ("127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"):
        assert call(site, example, [], REMOTE_ADDR=peer).status_code == 200, peer


def test_in_the_dev_profile_everybody_elsewhere_is_refused_everything(make_site: Any) -> None:
    site = make_site(DEV, clients=(OPEN_CLIENT,))
    for peer in ("192.168.1.7", "203.0.113.9", "2001:db8::1", "", "unix:"):
        for address in ("/", "/cds-services", "/sandbox/fhir/metadata", "/nowhere"):
            environ = {"REMOTE_ADDR": peer}
            answer = site.client.get(address, environ_overrides=environ, headers={"X-Forwarded-For": "127.0.0.1"})
            assert answer.status_code == 403
            assert "MAGNESIUM_CDS_DEV_NETWORKS" in answer.get_json()["issue"][0]["diagnostics"]


def test_the_dev_profile_answers_the_networks_it_is_told(make_site: Any, example: Example) -> None:
    settings = dataclasses.replace(DEV, dev_networks=(ipaddress.ip_network("172.16.0.0/12"),))
    site = make_site(settings, clients=(OPEN_CLIENT,))
    assert call(site, example, [], REMOTE_ADDR="172.18.0.1").status_code == 200
    assert call(site, example, [], REMOTE_ADDR="192.168.0.1").status_code == 403


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8080", "127.0.0.1:8080", "127.1.2.3", "[::1]:8080", "cds.dev.example:8443"]
)
def test_in_the_dev_profile_this_machine_has_several_names(make_site: Any, host: str) -> None:
    settings = Settings(profile=Profile.DEV, public_urls=("https://cds.dev.example",))
    site = make_site(settings, clients=(OPEN_CLIENT,))
    assert site.client.get("/sandbox/fhir/metadata", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "192.168.1.7", "[", ""],
)
def test_in_the_dev_profile_a_page_that_has_its_own_name_lead_here_is_refused(make_site: Any, host: str) -> None:
    site = make_site(Settings(profile=Profile.DEV), clients=(OPEN_CLIENT,))
    for address in ("/", "/cds-services", "/sandbox/fhir/Patient", "/workbench", "/insight", "/nowhere"):
        answer = site.client.get(address, headers={"Host": host})
        assert (answer.status_code, answer.get_json()["issue"][0]["code"]) == (403, "forbidden"), address
    networks = (ipaddress.ip_network("172.16.0.0/12"),)
    others = make_site(Settings(profile=Profile.DEV, dev_networks=networks), clients=(OPEN_CLIENT,))
    assert others.client.get("/cds-services", headers={"Host": "cds.lab.example"}).status_code == 200


def test_in_the_dev_profile_a_token_of_a_listed_client_is_verified_as_usual(
    make_site: Any, tmp_path: Path, example: Example
) -> None:
    site = make_site(DEV, clients=(OPEN_CLIENT, a_client(tmp_path)))
    tokens = (EHR.token(), OTHER.token(), EHR.token(tenant="north"), EHR.token(jti=None), EHR.token({"kid": None}))
    assert [call(site, example, bearer(token)).status_code for token in tokens] == [200, 401, 401, 401, 401]
    for anybody in (
        bearer(EHR.token(iss=PUBLIC_SANDBOX)),
        bearer("garbage"),
        bearer(forged(HEADER, {"iss": [1]})),
        BASIC,
    ):
        assert call(site, example, anybody).status_code == 200
    clients = [event.get("client") for event in site.events if event["event"] == "request"]
    assert clients == ["ehr", *[None] * 4, *["open"] * 4]


@pytest.mark.requirement("R-81")
@pytest.mark.parametrize(
    "fields",
    [
        {"issuer": PUBLIC_SANDBOX},
        {"issuer": PUBLIC_SANDBOX + "/"},
        {"issuer": "https://SANDBOX.cds-hooks.org"},
        {"jwks_url": PUBLIC_SANDBOX + "/.well-known/jwks.json"},
    ],
)
def test_the_public_sandbox_is_no_client_in_production(make_site: Any, tmp_path: Path, fields: dict[str, str]) -> None:
    client = a_client(tmp_path, **fields)
    with pytest.raises(SettingsError, match=r"^clients: ehr: .*dev profile only"):
        make_site(SETTINGS, clients=(client,))
    make_site(DEV, clients=(OPEN_CLIENT, client))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not JSON"),
        (b"[]", "not a JWK set"),
        (b'{"keys": {}}', "not a JWK set"),
        (b'{"keys": []}', "no key in it can be used"),
        (b'{"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "1"}]}', "it holds a private key"),
    ],
)
def test_keys_that_cannot_be_used_stop_the_start(make_site: Any, tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "keys.json"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=rf"^jwks_file keys\.json: {said}"):
        make_site(SETTINGS, clients=(Client(name="ehr", issuer=ISSUER, jwks_file=str(file)),))
