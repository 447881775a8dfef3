"""SSRF (M-05) by ``jku``: a token may name the listed address of its client's keys, and makes us call no other."""

from __future__ import annotations

import base64
import io
import socket
from contextlib import suppress
from typing import Any

import flask
import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder

from cds_service import examples
from cds_service.auth import Identifier, make_identify
from cds_service.auth.tokens import RefusedError, read_token
from cds_service.clients import Client
from cds_service.errors import RequestError
from cds_service.logging import make_log
from cds_service.settings import LogFormat, LogLevel, Settings
from tests.signing import BASE, ISSUER, Signer, bearer, forged, good
from tests.unit.cds_service.test_url_guard import BESIDE, ELSEWHERE

LISTED = "https://ehr.example.org/fhir/r4"
EHR = Signer()


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names that somebody tried to resolve; nothing resolves."""
    names: list[str] = []

    def refuse(host: str, *_: Any, **__: Any) -> Any:
        names.append(host)
        raise socket.gaierror("nothing resolves here")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return names


@pytest.fixture
def identify() -> Identifier:
    return make_identify(
        Settings(public_urls=(BASE,)),
        (Client(name="ehr", issuer=ISSUER, jwks_url=LISTED),),
        clock=lambda: examples.WRITTEN,
        stopwatch=lambda: 0.0,
        log=make_log(LogLevel.ERROR, LogFormat.JSON, io.StringIO()),
        report=lambda *_: None,
    )


def ask(identify: Identifier, **header: Any) -> int:
    """Return the status with which a token with such a header is refused."""
    environ = EnvironBuilder(headers=Headers(bearer(EHR.token(header)))).get_environ()
    with pytest.raises(RequestError) as refused:
        identify(flask.Request(environ), "magnesium-patient-view")
    return refused.value.status


@pytest.mark.parametrize("jku", (ELSEWHERE | BESIDE).values(), ids=(ELSEWHERE | BESIDE).keys())
def test_no_other_jku_is_called(identify: Identifier, resolved: list[str], jku: str) -> None:
    assert ask(identify, jku=jku) == 401
    assert resolved == []


@pytest.mark.parametrize(
    "jku", [LISTED + "/", "https://EHR.example.org/fhir/r4", "https://ehr.example.org:443/fhir/r4"]
)
def test_another_spelling_of_the_listed_one_is_another(identify: Identifier, resolved: list[str], jku: str) -> None:
    assert ask(identify, jku=jku) == 401
    assert resolved == []


@pytest.mark.parametrize("header", [{}, {"jku": LISTED}])
def test_the_listed_one_is_called_with_and_without_being_named(
    identify: Identifier, resolved: list[str], header: dict[str, str]
) -> None:
    assert ask(identify, **header) == 401
    assert resolved == ["ehr.example.org"]


@pytest.mark.parametrize("header", [{"x5u": "https://evil.example/c.pem"}, {"jwk": {"kty": "oct", "k": "AA"}}])
def test_nothing_else_in_a_header_leads_anywhere(
    identify: Identifier, resolved: list[str], header: dict[str, Any]
) -> None:
    assert ask(identify, **header) == 401
    assert set(resolved) <= {"ehr.example.org"}


# ── Whatever comes ────────────────────────────────────────────────────────────────────────────────

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
CLAIMS = st.sampled_from(["iss", "aud", "exp", "iat", "nbf", "jti", "tenant", "sub"])
HEADERS = st.sampled_from(["alg", "kid", "typ", "jku", "crit", "b64", "x5c"])


@given(header=st.dictionaries(HEADERS, VALUES, max_size=3), claims=st.dictionaries(CLAIMS, VALUES, max_size=3))
def test_odd_headers_and_claims_are_read_or_refused(header: dict[str, Any], claims: dict[str, Any]) -> None:
    with suppress(RefusedError):
        read_token(forged({"alg": "ES384", "kid": "k", **header}, {**good(), **claims}))


@given(st.text(alphabet="aA0-_.=,{} \x00\u00e9", max_size=40) | st.text(max_size=40))
def test_text_that_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(RefusedError):
        read_token(text)


@pytest.mark.parametrize("depth", [10, 100_000])
def test_a_token_nested_deeply_is_refused(depth: int) -> None:
    payload = base64.urlsafe_b64encode(b"[" * depth + b"]" * depth).decode().rstrip("=")
    header = base64.urlsafe_b64encode(b'{"alg":"ES384","kid":"k"}').decode().rstrip("=")
    with pytest.raises(RefusedError):
        read_token(f"{header}.{payload}.AAAA")


def test_of_a_token_that_is_not_believed_little_is_logged() -> None:
    log = io.StringIO()
    identify = make_identify(
        Settings(public_urls=(BASE,)),
        (Client(name="ehr", issuer=ISSUER, jwks_url=LISTED),),
        clock=lambda: examples.WRITTEN,
        stopwatch=lambda: 0.0,
        log=make_log(LogLevel.WARNING, LogFormat.JSON, log),
        report=lambda *_: None,
    )
    token = EHR.token(iss="https://evil.example/" + "x" * 1000, sub="Rosa Example")
    with pytest.raises(RequestError):
        identify(flask.Request(EnvironBuilder(headers=Headers(bearer(token))).get_environ()), "magnesium-patient-view")
    line = log.getvalue()
    assert '"unknown-issuer"' in line
    assert "Rosa" not in line
    assert token not in line
    assert len(line) < 500
