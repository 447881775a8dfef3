"""Who calls: a client of the clients file, by its token or its certificate; in the dev profile, anybody here.

Whoever is refused hears one sentence, whatever the reason; the reason is in the log, without the token.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from flask import Request
from flask import request as current_request

from cds_service.auth.keys import FetchedKeys, FixedKeys, Keys, KeyServer
from cds_service.auth.peer import is_within, shown_certificate
from cds_service.auth.replay import ProcessSeenTokens, RedisSeenTokens, SeenTokens, SharedSeenTokens
from cds_service.auth.tokens import Reason, RefusedError, Token, Verifier, claimed_issuer, read_token
from cds_service.budget import Stopwatch
from cds_service.clients import PUBLIC_SANDBOX, Client
from cds_service.clock import Clock
from cds_service.errors import forbidden_address, forbidden_host, forbidden_service, unauthorized
from cds_service.limits import Counts, RateLimits
from cds_service.logging import Log
from cds_service.settings import Profile, Settings, SettingsError
from cds_service.url_guard import LOOPBACK

Identify = Callable[[Request, str], Client]
"""Says which client calls what, or raises ``RequestError``.

What is called is the part of the address below ``/cds-services``: empty for discovery, ``{id}``, ``{id}/feedback``.
"""
_SCHEME = "bearer "
_MOST_LOGGED = 100  # characters of each


class Identifier:
    """Finds the client behind a request."""

    def __init__(  # noqa: PLR0913  each by name
        self,
        settings: Settings,
        clients: Sequence[Client],
        *,
        keys: Callable[[Client], Keys],
        seen: SeenTokens,
        rates: RateLimits,
        clock: Clock,
        log: Log,
        count: Callable[[Reason], object],
    ) -> None:
        """Take the clients, where the keys of one are, the tokens that were used, and how often who may call.

        Raises:
            SettingsError: a client's keys cannot be used, or the public sandbox is a client in production.
        """
        if settings.profile is not Profile.DEV:
            _refuse_public_sandbox(clients)
        self._settings = settings
        self._verifier = Verifier(clients, keys, seen)
        self._by_certificate = {
            certificate: client for client in clients if not client.issuer for certificate in client.certificates
        }
        self._anybody = next((client for client in clients if not client.issuer and not client.certificates), None)
        self._rates = rates
        self._clock = clock
        self._log = log
        self._count = count

    def __call__(self, request: Request, called: str) -> Client:
        """Return the client that calls.

        Raises:
            RequestError: 401 for one that is not known, 403 for one that may not call this service, 429 for one
                that calls too often.
        """
        try:
            client = self._client(request, called)
        except RefusedError as refused:
            self._count(refused.reason)
            # First: what is too much is not worth a line in the log either.
            self._rates.refused(request)
            self._log.warning("refused", trouble=refused.reason.value, **_told(refused.about))
            raise unauthorized() from None
        self._rates.called(client)
        service_id = called.partition("/")[0]
        if service_id and service_id not in client.services:
            self._log.warning("refused", trouble="service", client=client.name)
            raise forbidden_service()
        return client

    def _client(self, request: Request, called: str) -> Client:
        settings = self._settings
        certificate = shown_certificate(request, settings.certificate_header, settings.proxy_networks)
        authorization = request.headers.get("Authorization")
        if authorization is None or (self._anybody is not None and not self._is_listed(authorization)):
            client = self._by_certificate.get(certificate, self._anybody)
            if client is None:
                raise RefusedError(Reason.CERTIFICATE if certificate else Reason.NO_TOKEN)
            return client
        text = _bearer(authorization)
        if not text:
            raise RefusedError(Reason.NO_TOKEN)
        token = read_token(text)
        client = self._verifier.client(token)
        if client.certificates and certificate not in client.certificates:
            raise RefusedError(Reason.CERTIFICATE, token)
        self._verifier.verify(token, client, self._audiences(called), self._clock())
        return client

    def _is_listed(self, authorization: str) -> bool:
        """Whether somebody who need not say who it is says that it is of a listed issuer."""
        return self._verifier.lists(claimed_issuer(_bearer(authorization)))

    def _audiences(self, called: str) -> set[str]:
        """Return the addresses of what is called; the specification leaves open which one feedback names."""
        paths = {f"/cds-services/{called}" if called else "/cds-services"}
        if called.endswith("/feedback"):
            paths.add(f"/cds-services/{called.removesuffix('/feedback')}")
        return {base + path for base in self._settings.public_urls for path in paths}


def make_identify(  # noqa: PLR0913  each by name
    settings: Settings,
    clients: Sequence[Client],
    *,
    clock: Clock,
    stopwatch: Stopwatch,
    log: Log,
    report: Callable[[BaseException, str], object],
    shared: SeenTokens | None = None,
    count: Callable[[Reason], object] = lambda _: None,
) -> Identifier:
    """Return what says who calls.

    Args:
        settings: The deployment's settings.
        clients: Who may call; one without issuer and certificates is everybody.
        clock: Says what time it is.
        stopwatch: Measures how old fetched keys are.
        log: Where refusals go.
        report: Counts and logs that a shared store could not be asked.
        shared: The tokens that were used, shared by all workers; Redis if the settings name one.
        count: Counts refusals by their reason.

    Raises:
        SettingsError: a client's keys cannot be used, or the public sandbox is a client in production.
    """
    if settings.redis:
        shared = RedisSeenTokens.at(settings.redis)
    own = ProcessSeenTokens(clock)
    seen = own if shared is None else SharedSeenTokens(shared, own, report)
    rates = RateLimits(clients, Counts.at(settings.redis, report), settings.proxy_networks)

    def keys(client: Client) -> Keys:
        if client.jwks_file:
            return FixedKeys.in_file(Path(client.jwks_file))
        server = KeyServer.listing(client.jwks_url, settings.fhir_networks, stopwatch)
        return FetchedKeys(
            server.fetch,
            stopwatch,
            lambda trouble: log.warning("keys-not-fetched", client=client.name, trouble=trouble),
        )

    return Identifier(settings, clients, keys=keys, seen=seen, rates=rates, clock=clock, log=log, count=count)


def refuse_strangers(settings: Settings) -> Callable[[], None]:
    """Return what, in the dev profile, raises 403 for a request from neither this machine nor ``DEV_NETWORKS``.

    Nobody says who they are in that profile, and it hands out the sandbox. Where this machine alone may call, it has to
    call by a name of this machine: a page in its browser may have a name of its own lead here (DNS rebinding).
    """
    allowed = (*LOOPBACK, *settings.dev_networks)
    names = {urlsplit(base).hostname for base in settings.public_urls} | {settings.host.lower()}

    def check() -> None:
        if settings.profile is not Profile.DEV:
            return
        if not is_within(current_request.remote_addr, allowed):
            raise forbidden_address()
        if not settings.dev_networks and not _names_this_machine(current_request.host, names):
            raise forbidden_host()

    return check


def _names_this_machine(host: str, names: Collection[str | None]) -> bool:
    """Whether a Host header, with a port or without, is localhost, a loopback address or one of ``names``."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return name in {"localhost", *names} or is_within(name, LOOPBACK)


def _refuse_public_sandbox(clients: Sequence[Client]) -> None:
    host = urlsplit(PUBLIC_SANDBOX).netloc
    wrong = [
        client.name
        for client in clients
        if host in {urlsplit(address).netloc.lower() for address in (client.issuer, client.jwks_url)}
    ]
    if wrong:
        text = f"is {PUBLIC_SANDBOX}, whose private key is public; it is for the dev profile only"
        raise SettingsError("\n".join(f"clients: {name}: {text}" for name in wrong))


def _bearer(authorization: str) -> str:
    """Return the token in an Authorization header; empty if there is none in it."""
    return authorization[len(_SCHEME) :].strip() if authorization.lower().startswith(_SCHEME) else ""


def _told(token: Token | None) -> dict[str, str]:
    """Return what may be logged of a token that was not believed: never the token, and nothing long."""
    if token is None:
        return {}
    claims = token.claims
    told = {"issuer": claims.iss, "tenant": claims.tenant, "jti": claims.jti}
    return {name: text[:_MOST_LOGGED] for name, text in told.items() if text is not None}
