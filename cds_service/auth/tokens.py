"""The token of a client (a JWT, CDS Hooks 2.0 "Trusting CDS Clients"): signed by whom it says, for this call, once.

The signature is checked by PyJWT; who may sign, with which key and algorithm, comes from the clients file, never
from the token. Times are compared here, because time is an argument (docs/decisions/0005).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final

import jwt
import msgspec

from cds_service.auth.keys import Keys
from cds_service.auth.replay import SeenTokens
from cds_service.clients import Client

LONGEST_TOKEN: Final = 8192
"""Characters; as long a header line as gunicorn takes. Those of EHRs have about 1000."""
LONGEST_LIFE: Final = 3600
"""Seconds between ``iat`` and ``exp``; a token has to be remembered as long. EHRs give theirs 5 to 15 minutes."""
LEEWAY: Final = 60
"""Seconds by which two clocks may differ, either way: some clients' tokens live for 30 seconds, and would never be
good where our clock is fast. Their ``jti`` is remembered as much longer."""

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_SIGNATURE_ONLY: Final[Any] = {
    "verify_signature": True,
    "enforce_minimum_key_length": True,
    **dict.fromkeys(
        ("verify_exp", "verify_nbf", "verify_iat", "verify_aud", "verify_iss", "verify_sub", "verify_jti"), False
    ),
}
_NOTHING_YET: Final[Any] = {**_SIGNATURE_ONLY, "verify_signature": False}


class Reason(StrEnum):
    """Why a caller was refused. For the log: the caller hears one sentence, whatever the reason."""

    NO_TOKEN = "no-token"  # noqa: S105  a word, not a secret
    NO_JWT = "no-jwt"
    HEADER = "header"
    CLAIMS = "claims"
    UNKNOWN_ISSUER = "unknown-issuer"
    UNKNOWN_TENANT = "unknown-tenant"
    ALGORITHM = "algorithm"
    FOREIGN_JKU = "foreign-jku"
    UNKNOWN_KEY = "unknown-key"
    SIGNATURE = "signature"
    EXPIRED = "expired"
    NOT_YET = "not-yet"
    TOO_LONG_A_LIFE = "too-long-a-life"
    AUDIENCE = "audience"
    USED = "used"
    CERTIFICATE = "certificate"


class RefusedError(Exception):
    """A caller that is not who it says, or does not say who it is."""

    def __init__(self, reason: Reason, about: Token | None = None) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.about = about


class _Header(msgspec.Struct):
    alg: str
    kid: str
    typ: str = "JWT"
    jku: str | None = None


_Seconds = Annotated[float, msgspec.Meta(ge=0, le=253_402_300_799)]  # the end of year 9999


class _Claims(msgspec.Struct):
    iss: str
    aud: str | list[str]
    exp: _Seconds
    iat: _Seconds
    jti: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    nbf: _Seconds | None = None
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """What a token says, before anything of it is believed."""

    text: str
    header: _Header
    claims: _Claims


def read_token(text: str) -> Token:
    """Return what a token says.

    Raises:
        RefusedError: it is no JWT, or lacks something that every token of a CDS client has.
    """
    parts = _decoded(text)
    try:
        header = msgspec.convert(parts["header"], _Header)
    except msgspec.ValidationError:
        raise RefusedError(Reason.HEADER) from None
    if header.typ.upper() != "JWT":
        # The same key may sign other things: access tokens, logout tokens.
        raise RefusedError(Reason.HEADER)
    try:
        return Token(text, header, msgspec.convert(parts["payload"], _Claims))
    except msgspec.ValidationError:
        raise RefusedError(Reason.CLAIMS) from None


def claimed_issuer(text: str) -> Any:
    """Return what stands in a token as its issuer, whatever is wrong with the rest; None if there is none."""
    try:
        return _decoded(text)["payload"].get("iss")
    except RefusedError:
        return None


def _decoded(text: str) -> dict[str, Any]:
    if len(text) > LONGEST_TOKEN or not _COMPACT.fullmatch(text):
        raise RefusedError(Reason.NO_JWT)
    try:
        parts: dict[str, Any] = jwt.decode_complete(text, options=_NOTHING_YET)
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise RefusedError(Reason.NO_JWT) from None
    return parts


class Verifier:
    """Checks tokens against the clients that are listed."""

    def __init__(self, clients: Iterable[Client], keys: Callable[[Client], Keys], seen: SeenTokens) -> None:
        """Take the clients, what says where the keys of one are, and the tokens that were used."""
        self._clients: dict[tuple[str, str | None], Client] = {}
        self._keys: Mapping[str, Keys] = {}
        issuing = [client for client in clients if client.issuer]
        for client in issuing:
            for tenant in client.tenants or (None,):
                self._clients[client.issuer, tenant] = client
        self._issuers = {client.issuer for client in issuing}
        self._keys = {client.name: keys(client) for client in issuing}
        self._seen = seen

    def lists(self, issuer: Any) -> bool:
        """Whether somebody is listed under that issuer."""
        return isinstance(issuer, str) and issuer in self._issuers

    def client(self, token: Token) -> Client:
        """Return the client that the token says it is of.

        Raises:
            RefusedError: nobody is listed under that issuer and tenant.
        """
        client = self._clients.get((token.claims.iss, token.claims.tenant))
        if client is None:
            raise RefusedError(Reason.UNKNOWN_TENANT if self.lists(token.claims.iss) else Reason.UNKNOWN_ISSUER, token)
        return client

    def verify(self, token: Token, client: Client, audiences: Iterable[str], now: datetime) -> None:
        """Check that ``client`` made the token, for this call, and that it is used for the first time.

        Args:
            token: What came.
            client: Whom it says it is of.
            audiences: The addresses of what is called; not used for a client that has ``audiences`` of its own.
            now: The time.

        Raises:
            RefusedError: with the first reason that was found.
        """
        self._check_signature(token, client)
        _check_times(token, now.timestamp())
        claims = token.claims
        named = {claims.aud} if isinstance(claims.aud, str) else set(claims.aud)
        if named.isdisjoint(client.audiences or audiences):
            raise RefusedError(Reason.AUDIENCE, token)
        # Last: nobody but the client itself can use up its tokens.
        until = datetime.fromtimestamp(claims.exp, UTC) + timedelta(seconds=LEEWAY)
        if not self._seen.first_use(claims.iss, claims.jti, until):
            raise RefusedError(Reason.USED, token)

    def _check_signature(self, token: Token, client: Client) -> None:
        header = token.header
        if header.alg not in client.algorithms:
            raise RefusedError(Reason.ALGORITHM, token)
        if header.jku is not None and header.jku != client.jwks_url:
            raise RefusedError(Reason.FOREIGN_JKU, token)
        key = self._keys[client.name].find(header.kid)
        if key is None:
            raise RefusedError(Reason.UNKNOWN_KEY, token)
        if header.alg not in key.algorithms:
            raise RefusedError(Reason.ALGORITHM, token)
        try:
            jwt.decode(token.text, key.public, algorithms=[header.alg], options=_SIGNATURE_ONLY)
        except jwt.PyJWTError:
            raise RefusedError(Reason.SIGNATURE, token) from None


def _check_times(token: Token, now: float) -> None:
    claims = token.claims
    if claims.exp + LEEWAY <= now:
        raise RefusedError(Reason.EXPIRED, token)
    if max(claims.iat, claims.nbf or 0.0) > now + LEEWAY:
        raise RefusedError(Reason.NOT_YET, token)
    if not 0 < claims.exp - claims.iat <= LONGEST_LIFE:
        raise RefusedError(Reason.TOO_LONG_A_LIFE, token)
