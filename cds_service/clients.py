"""The EHRs that may call, and what each was promised: one TOML file, read and checked when the service starts.

``cds_service/examples/clients/`` has worked files for Epic, Oracle Health, the public sandbox and Meld.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

import msgspec

from cds_service.settings import DEFAULT_PREFETCH_KEYS, PrefetchKeys, SettingsError, is_https, with_keys
from cds_service.url_guard import Base, NotAllowedError
from hooks import SERVICES
from hooks.cards import SelectionBehavior, Source
from hooks.render import Presentation
from magnesium.facts import Need
from magnesium.policy import Policy
from magnesium.verdict import Indicator, Topic

OPEN: Final = "open"
"""Name of the client that everybody is in the dev profile, where nobody says who they are."""
PUBLIC_SANDBOX: Final = "https://sandbox.cds-hooks.org"
"""Its private key is public: whoever signs with it may be anybody."""
ALGORITHMS: Final = ("ES256", "ES384", "RS256", "RS384")

_Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
_Text = Annotated[str, msgspec.Meta(min_length=1)]
_Fingerprint = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Fa-f]{2}(:?[0-9A-Fa-f]{2}){31}$")]
_EVERY_TOPIC: Final = "all"
_RATE = re.compile(r"[1-9][0-9]{0,8}/(second|minute|hour|day)")


class Client(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One EHR, or one tenant of one."""

    name: _Name = OPEN
    """Heads its table in the file; stands in logs and reports."""

    # Who it is
    issuer: str = ""
    """``iss`` of its tokens; empty for a client known by its certificate alone."""
    tenants: tuple[_Text, ...] = ()
    """``tenant`` of its tokens; empty: tokens name none."""
    jwks_file: str = ""
    """Its public keys (a JWK set), beside the clients file; nothing is fetched then."""
    jwks_url: str = ""
    """Where its public keys are fetched if there is no file. A token's ``jku``, if it has one, must be exactly this."""
    algorithms: tuple[Literal["ES256", "ES384", "RS256", "RS384"], ...] = ("ES384", "RS384")
    audiences: tuple[_Text, ...] = ()
    """What it puts into ``aud`` instead of the address it calls."""
    certificates: tuple[_Fingerprint, ...] = ()
    """SHA-256 of the certificates of which it has to show one to the trusted proxy; empty: none is asked for."""

    # What it may do
    services: tuple[_Text, ...] = tuple(service.id for service in SERVICES)
    origins: tuple[_Text, ...] = ()
    """Web origins from which browsers may call on its behalf."""
    rate_limit: str = ""
    """Most calls, as ``COUNT/UNIT`` (``1200/minute``), of all its users together; empty: no limit."""

    # What is asked of it
    fhir_servers: tuple[_Text, ...] = ()
    """Base URLs that may be asked for what it did not send; empty: those of the deployment."""
    subject: str = ""
    """Our client id at its authorization server; tokens for another are not used."""
    prefetch_keys: Mapping[str, tuple[_Text, ...]] = MappingProxyType({})
    """Further keys for each need, as ``labs = ["item6"]``."""

    # How it wants its cards
    selection_behavior: SelectionBehavior = SelectionBehavior.AT_MOST_ONE
    suggestions: bool = True
    extensions: bool = True
    max_cards: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """None: as the policy says."""
    order_sign_minimum: Literal["", "info", "warning", "critical"] = ""
    """Empty: as the policy says."""
    source_label: _Text = "Magnesium CDS"
    source_url: str = ""
    silent: tuple[Topic, ...] | Literal["all"] = ()
    """Topics that are judged and recorded, and not shown."""
    override_memory: bool = False
    """Whether a card dismissed with a reason stays away for a while (``hooks.memory``)."""

    def keys(self, deployment: PrefetchKeys = DEFAULT_PREFETCH_KEYS) -> PrefetchKeys:
        """Return the prefetch keys it may use for each need: its own beside the deployment's."""
        return with_keys(deployment, {Need(name): keys for name, keys in self.prefetch_keys.items()})

    def presentation(self, policy: Policy) -> Presentation:
        """Return how it wants its cards."""
        minimum = self.order_sign_minimum or policy.order_sign_minimum
        return Presentation(
            max_cards=self.max_cards or policy.max_cards,
            selection_behavior=self.selection_behavior,
            suggestions=self.suggestions,
            extensions=self.extensions,
            source_label=self.source_label,
            source_url=self.source_url or None,
            order_sign_minimum=Indicator[minimum.upper()],
            silent=frozenset(Topic if self.silent == _EVERY_TOPIC else self.silent),
        )


OPEN_CLIENT: Final = Client()


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    defaults: Mapping[str, Any] = MappingProxyType({})
    clients: Mapping[_Name, Mapping[str, Any]] = MappingProxyType({})


def load_clients(path: Path, *, https_only: bool = False) -> tuple[Client, ...]:
    """Read the file at ``path``: ``[defaults]``, and a table ``[clients.NAME]`` for each client.

    Args:
        path: The file.
        https_only: Whether FHIR servers that are http are refused.

    Raises:
        SettingsError: the file cannot be read, or names every client and field that is wrong.
    """
    try:
        file = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise SettingsError(f"clients file {path.name}: {error}") from None
    clients: list[Client] = []
    wrong: list[str] = []
    for name, table in file.clients.items():
        try:
            client = msgspec.convert({**file.defaults, **table, "name": name}, Client)
        except msgspec.ValidationError as error:
            wrong.append(f"{name}: {error}")
            continue
        plain = tuple(plain_fingerprint(certificate) for certificate in client.certificates)
        client = msgspec.structs.replace(client, certificates=plain)
        clients.append(client)
        wrong += [f"{name}: {text}" for text in _troubles(client, path.parent)]
        if https_only and not all(map(is_https, client.fhir_servers)):
            wrong.append(f"{name}: fhir_servers: https instead of http: patients and tokens travel there")
        if "name" in {*table, *file.defaults}:
            wrong.append(f"{name}: name: is what heads the table")
    wrong += _shared_identities(clients)
    if not file.clients:
        wrong.append("there is no client: add a table [clients.NAME]")
    if wrong:
        raise SettingsError("\n".join(f"clients file {path.name}: {text}" for text in wrong))
    return tuple(
        msgspec.structs.replace(client, jwks_file=str(path.parent / client.jwks_file)) if client.jwks_file else client
        for client in clients
    )


def plain_fingerprint(text: str) -> str:
    """Return the fingerprint of a certificate in one spelling: ``AA:BB:…`` as ``aabb…``."""
    return text.strip().replace(":", "").lower()


def _troubles(client: Client, folder: Path) -> Iterable[str]:
    """Yield what is wrong with a client beyond the types of its fields."""
    yield from _identity_troubles(client, folder)
    known = {service.id for service in SERVICES}
    if not client.services:
        yield f"services: name at least one of {', '.join(sorted(known))}"
    for service in sorted(set(client.services) - known):
        yield f"services: there is no {service}; there are {', '.join(sorted(known))}"
    yield from _address_troubles(client)
    unknown = sorted(set(client.prefetch_keys) - set(Need))
    for name in unknown:
        yield f"prefetch_keys: there is no {name}; there are {', '.join(Need)}"
    try:
        if not unknown:
            client.keys()
    except ValueError as error:
        yield f"prefetch_keys: {error}"
    try:
        Source(client.source_label)
    except ValueError as error:
        yield f"source_label: {str(error).removeprefix('source.label: ')}"
    if client.rate_limit and not _RATE.fullmatch(client.rate_limit):
        yield "rate_limit: must be COUNT/UNIT, such as 1200/minute, with a second, minute, hour or day"


def _identity_troubles(client: Client, folder: Path) -> Iterable[str]:
    if client.name == OPEN:
        yield "is the name of everybody in the dev profile: choose another"
    if not client.issuer and not client.certificates:
        yield "issuer: is missing; a client is known by its tokens (issuer) or by certificates"
    if not client.issuer and (client.tenants or client.jwks_file or client.jwks_url or client.audiences):
        yield "issuer: is missing; tenants, jwks_file, jwks_url and audiences are about its tokens"
    if client.issuer and not client.jwks_file and not client.jwks_url:
        yield "jwks_file, jwks_url: one of them is needed, for its public keys"
    if client.jwks_file and not (folder / client.jwks_file).is_file():
        yield f"jwks_file: there is no file {client.jwks_file}"
    if client.jwks_url and not _plain(client.jwks_url, scheme="https"):
        yield "jwks_url: must be a plain https URL"
    if not client.algorithms:
        yield f"algorithms: name at least one of {', '.join(ALGORITHMS)}"


def _address_troubles(client: Client) -> Iterable[str]:
    for origin in client.origins:
        if not _is_origin(origin):
            yield f"origins: {origin} is no web origin such as https://ehr.example.org"
    for server in client.fhir_servers:
        if not _plain(server):
            yield f"fhir_servers: {server} is no plain base URL such as https://ehr.example.org/fhir/r4"
    if client.source_url and not _plain(client.source_url, scheme="https"):
        yield "source_url: must be a plain https URL"


def _is_origin(text: str) -> bool:
    """Whether a browser may send this: scheme and host in small letters, the port if it is not the usual one."""
    try:
        return Base.of(text).url == text and not Base.of(text).path
    except NotAllowedError:
        return False


def _plain(url: str, *, scheme: str = "") -> bool:
    try:
        base = Base.of(url)
    except NotAllowedError:
        return False
    return not scheme or base.origin.scheme == scheme


def _shared_identities(clients: Iterable[Client]) -> Iterable[str]:
    """Yield pairs of clients that one caller could be both of."""
    owners: dict[tuple[str, str], str] = {}
    for client in clients:
        marks = [("issuer", f"{client.issuer} {tenant}".strip()) for tenant in client.tenants or ("",)]
        if not client.issuer:
            marks = [("certificate", certificate) for certificate in client.certificates]
        for mark in marks:
            other = owners.setdefault(mark, client.name)
            if other != client.name:
                yield f"{client.name}: has the same {mark[0]} as {other}"
