"""How much may be asked: calls of a client, refusals of an address, and what one body may be. Clear 4xx for each."""

from __future__ import annotations

import dataclasses
import io
import ipaddress
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from limits import parse
from limits.errors import StorageError
from limits.storage import MemoryStorage

from cds_service import limits, server
from cds_service.clients import Client
from cds_service.errors import RequestError
from cds_service.limits import FAILURES, Counts
from cds_service.settings import Settings
from tests.signing import BASE, ISSUER, Signer, bearer, jwks_file

EHR = Signer()
SETTINGS = Settings(public_urls=(BASE,))
CALL = "/cds-services/magnesium-patient-view"
Example = Callable[[str], dict[str, Any]]


@pytest.fixture
def clients(tmp_path: Path) -> tuple[Client, ...]:
    """Two clients of one hospital: one may call thrice in an hour, one as often as it likes."""
    common: dict[str, Any] = {"issuer": ISSUER, "jwks_file": jwks_file(tmp_path, EHR.jwk())}
    return (
        Client(name="limited", tenants=("north",), rate_limit="3/hour", **common),
        Client(name="free", tenants=("south",), **common),
    )


def call(site: Any, example: Example, tenant: str, peer: str = "203.0.113.9") -> Any:
    headers = bearer(EHR.token(tenant=tenant))
    return site.client.post(
        CALL, json=example("patient-view"), headers=headers, environ_overrides={"REMOTE_ADDR": peer}
    )


def refuse(site: Any, peer: str = "203.0.113.9", **headers: str) -> Any:
    return site.client.post(CALL, data=b"{}", headers=headers, environ_overrides={"REMOTE_ADDR": peer})


class TestCallsOfAClient:
    def test_one_too_many_is_told_when_to_come_again(
        self, make_site: Any, clients: tuple[Client, ...], example: Example
    ) -> None:
        site = make_site(SETTINGS, clients=clients)
        answers = [call(site, example, "north") for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 3600
        (issue,) = answers[-1].get_json()["issue"]
        assert (answers[-1].content_type, issue["code"]) == ("application/json", "throttled")

    def test_it_costs_nobody_else_anything(self, make_site: Any, clients: tuple[Client, ...], example: Example) -> None:
        site = make_site(SETTINGS, clients=clients)
        for _ in range(4):
            call(site, example, "north")
        assert [call(site, example, "south").status_code for _ in range(5)] == [200] * 5

    def test_discovery_with_a_token_counts_and_without_does_not(
        self, make_site: Any, clients: tuple[Client, ...]
    ) -> None:
        site = make_site(SETTINGS, clients=clients)

        def discover() -> int:
            headers = bearer(EHR.token(aud=f"{BASE}/cds-services", tenant="north"))
            status: int = site.client.get("/cds-services", headers=headers).status_code
            return status

        assert [discover() for _ in range(4)] == [200, 200, 200, 429]
        assert site.client.get("/cds-services").status_code == 200


class TestRefusals:
    def test_who_is_refused_too_often_hears_something_else_and_is_logged_no_more(
        self, make_site: Any, clients: tuple[Client, ...]
    ) -> None:
        site = make_site(SETTINGS, clients=clients)
        statuses = [refuse(site).status_code for _ in range(FAILURES.amount + 5)]
        assert statuses == [401] * FAILURES.amount + [429] * 5
        assert sum(event["event"] == "refused" for event in site.events) == FAILURES.amount
        assert refuse(site, "203.0.113.10").status_code == 401

    def test_who_is_known_is_answered_whatever_others_at_its_address_did(
        self, make_site: Any, clients: tuple[Client, ...], example: Example, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, "FAILURES", parse("1/hour"))
        site = make_site(SETTINGS, clients=clients)
        assert [refuse(site).status_code for _ in range(2)] == [401, 429]
        assert call(site, example, "south").status_code == 200

    def test_behind_a_proxy_its_word_for_the_address_counts(
        self, make_site: Any, clients: tuple[Client, ...], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, "FAILURES", parse("1/hour"))
        proxied = dataclasses.replace(SETTINGS, proxy_networks=(ipaddress.ip_network("10.2.0.0/16"),))
        site = make_site(proxied, clients=clients)

        def status(forwarded: str, peer: str = "10.2.0.1") -> int:
            found: int = refuse(site, peer, **{"X-Forwarded-For": forwarded}).status_code
            return found

        assert [status("198.51.100.1"), status("198.51.100.1"), status("198.51.100.2")] == [401, 429, 401]
        # Whatever the caller wrote there itself.
        assert status("198.51.100.77, 198.51.100.1") == 429
        # The proxy's own address would stand for everybody.
        assert [status(""), status(""), status("unknown")] == [401, 401, 401]
        # Nobody else is believed.
        assert [status("198.51.100.3", "203.0.113.9"), status("198.51.100.4", "203.0.113.9")] == [401, 429]


class DownStorage(MemoryStorage):
    """A shared store that cannot be asked."""

    def acquire_sliding_window_entry(self, *_: Any, **__: Any) -> bool:
        raise StorageError(ConnectionError("redis://user:secret@cache.example.org"))


def test_a_store_that_is_down_refuses_nobody_and_this_process_counts() -> None:
    told: list[str] = []
    counts = Counts(DownStorage(), lambda _, check: told.append(check))
    limit = parse("2/hour")
    counts.spend(limit, "client", "ehr")
    counts.spend(limit, "client", "ehr")
    with pytest.raises(RequestError, match="429"):
        counts.spend(limit, "client", "ehr")
    assert told == [limits.CHECK] * 3


# ── Bodies ────────────────────────────────────────────────────────────────────────────────────────

BODIES = {
    "too large": (b" " * 1001, 413, "too-long", "MAGNESIUM_CDS_MAX_BODY_BYTES"),
    "nested too deep": (b'{"a":' * 11 + b"1" + b"}" * 11, 400, "too-long", "10"),
    "a key twice": (b'{"hook": 1, "hook": 2}', 400, "invalid", "hook"),
}


@pytest.mark.parametrize(("body", "status", "code", "said"), BODIES.values(), ids=BODIES.keys())
def test_a_body_beyond_a_limit_is_told_which(make_site: Any, body: bytes, status: int, code: str, said: str) -> None:
    site = make_site(Settings(max_body_bytes=1000, max_json_depth=10))
    answer = site.client.post(CALL, data=body, content_type="application/json")
    (issue,) = answer.get_json()["issue"]
    assert (answer.status_code, issue["code"]) == (status, code)
    assert said in issue["diagnostics"] + str(issue.get("expression"))


def test_a_body_at_the_limits_is_read(make_site: Any) -> None:
    site = make_site(Settings(max_body_bytes=1000, max_json_depth=10))
    for body in (b"{" + b" " * 998 + b"}", b'{"a":' * 10 + b"1" + b"}" * 10):
        issues = site.client.post(CALL, data=body, content_type="application/json").get_json()["issue"]
        assert {issue["code"] for issue in issues} == {"required"}


class Silent(io.BytesIO):
    """A body that does not come."""

    def read(self, _: int | None = -1) -> bytes:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    def readinto(self, _: Any) -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")


@pytest.mark.parametrize("address", [CALL, f"{CALL}/feedback"])
def test_a_body_that_does_not_come_is_not_our_bug(make_site: Any, address: str) -> None:
    site = make_site()
    # As gunicorn says that the body is bounded by itself, and as other servers do not.
    for bounded in (True, False):
        environ = {"wsgi.input_terminated": bounded, "CONTENT_LENGTH": "100"}
        answer = site.client.post(
            address, input_stream=Silent(), content_type="application/json", environ_overrides=environ
        )
        assert (answer.status_code, answer.get_json()["issue"][0]["code"]) == (408, "timeout")
    assert not [event for event in site.events if event["event"] == "failure"]


def test_a_caller_that_falls_silent_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the kernel does with the listening socket's setting; the server itself is too slow to start for this."""
    monkeypatch.setattr(server, "SILENCE_SECONDS", 1)
    with server.listen("127.0.0.1", 0) as listener:
        listener.listen()
        with socket.create_connection(listener.getsockname()) as caller:
            accepted, _ = listener.accept()
            with accepted:
                accepted.setblocking(True)  # as gunicorn does
                caller.sendall(b"POST / HTTP/1.1")
                assert accepted.recv(100)
                with pytest.raises(BlockingIOError):
                    accepted.recv(100)
