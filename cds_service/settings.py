"""What a deployment sets, from environment variables ``MAGNESIUM_CDS_*``. Everything has a default.

| Variable | Meaning | Default |
|---|---|---|
| ``POLICY`` | TOML file with the site's thresholds and local codes | the built-in policy |
| ``DRUG_TABLE`` | drug table made by ``magnesium-cds terminology build`` | the bundled table |
| ``HOST``, ``PORT`` | where to listen; port 0 picks a free one | 127.0.0.1, 8080 |
| ``WORKERS`` | worker processes | 1 |
| ``LOG_LEVEL`` | debug, info, warning, error | info |
| ``LOG_FORMAT`` | json, console | json |
| ``MAX_BODY_BYTES`` | largest request body | 8388608 |
| ``MAX_JSON_DEPTH`` | deepest nesting of objects and arrays in a request | 64 |
| ``PREFETCH_KEYS`` | further prefetch keys, ``labs=item6,results;medications=meds`` | none |
| ``PROFILE`` | production, dev: dev serves the sandbox, allows http and servers without a token | production |
| ``FHIR_SERVERS`` | base URLs of the FHIR servers that may be asked, with commas between them | none |
| ``FHIR_NETWORKS`` | networks that are not public and that those servers, and clients' keys, may be in | none |
| ``FHIR_BUDGET_MS`` | time for everything that is fetched for a request, from its arrival | 2000 |
| ``FHIR_PATIENT_PARAMETER`` | id, reference: ``patient=123`` or ``patient=Patient/123`` | id |
| ``FHIR_MAX_PAGES`` | pages of one search | 20 |
| ``FHIR_MAX_BYTES`` | bytes of one search, unpacked | 16777216 |
| ``FHIR_LOOKBACK_DAYS`` | what is older is not fetched: results, doses given | 1830 |
| ``SANDBOX_DATA`` | file or folder with Bundles or NDJSON, served in the sandbox as well | none |
| ``METRICS`` | on, off: whether ``/metrics`` answers | on |
| ``CLIENTS`` | TOML file with the EHRs that may call (``cds_service.clients``) | none |
| ``PUBLIC_URLS`` | base URLs under which clients call, what their tokens name as audience | none |
| ``SECRET_FILE`` | file with at least 32 random bytes: patients and users are stored as codes made with it | none |
| ``DATABASE`` | URL of the SQLite or PostgreSQL database for cards shown and feedback | a file of the user's |
| ``RETENTION_DAYS`` | what is older is removed by ``magnesium-cds db purge`` | 365 |
| ``INSIGHT_TOKEN_FILE`` | file with the token that opens ``/insight``; without it production has no such page | none |
| ``REDIS`` | ``redis://…`` for rate limits and used tokens, shared by all workers | none |
| ``PROXY_NETWORKS`` | addresses of TLS proxies whose certificate header and ``X-Forwarded-For`` are believed | none |
| ``CERTIFICATE_HEADER`` | their header with the SHA-256 of the client's certificate | X-Client-Cert-Sha256 |
| ``DEV_NETWORKS`` | who may call in the dev profile beside this machine, ``172.16.0.0/12`` in a container | none |

The production profile does not start without CLIENTS, PUBLIC_URLS and SECRET_FILE, and not with addresses that are
http. The dev profile answers this machine and DEV_NETWORKS, nobody else.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar
from urllib.parse import urlsplit

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from cds_service.url_guard import Base, Network, NotAllowedError
from magnesium.facts import Need

PREFIX = "MAGNESIUM_CDS_"
_LARGEST_PORT = 65535
_SHORTEST_SECRET = 32
_DATABASES = "sqlite:////path/to/file or postgresql://user:password@host/name"
_Choice = TypeVar("_Choice", bound=StrEnum)


class LogLevel(StrEnum):
    """From which severity on events are logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """How an event is written."""

    JSON = "json"
    CONSOLE = "console"


class Profile(StrEnum):
    """What the deployment is for."""

    PRODUCTION = "production"
    DEV = "dev"
    """Serves the sandbox; the FHIR servers it lists may be http, on this machine, and open. It answers this machine."""


class PatientParameter(StrEnum):
    """How a FHIR server wants to be told the patient in a search."""

    ID = "id"
    """``patient=123``, as FHIR has it."""
    REFERENCE = "reference"
    """``patient=Patient/123``: some servers find nothing otherwise, and do not say so."""


PrefetchKeys = Mapping[Need, tuple[str, ...]]

# What sites and other services call these queries. Compared without regard to case.
DEFAULT_PREFETCH_KEYS: PrefetchKeys = MappingProxyType(
    {
        Need.PATIENT: ("patient",),
        Need.LABS: ("labs", "observations", "observation", "labResults", "laboratory"),
        Need.MEDICATIONS: ("medications", "medicationRequests", "medicationRequest", "medicationOrders"),
        Need.STATEMENTS: ("statements", "medicationStatements", "medicationStatement"),
        Need.ADMINISTRATIONS: ("administrations", "medicationAdministrations", "medicationAdministration"),
        Need.CONDITIONS: ("conditions", "condition", "problems", "problemList"),
        Need.ENCOUNTERS: ("encounters", "encounter"),
        Need.VITALS: ("vitals", "vitalSigns"),
        Need.TESTS: ("tests", "serviceRequests", "labOrders"),
        Need.PROCEDURES: ("procedures", "procedure"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One deployment."""

    policy: Path | None = None
    drug_table: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    log_level: LogLevel = LogLevel.INFO
    log_format: LogFormat = LogFormat.JSON
    max_body_bytes: int = 8 * 1024 * 1024
    max_json_depth: int = 64
    prefetch_keys: PrefetchKeys = field(default_factory=lambda: DEFAULT_PREFETCH_KEYS)
    profile: Profile = Profile.PRODUCTION
    fhir_servers: tuple[str, ...] = ()
    fhir_networks: tuple[Network, ...] = ()
    fhir_budget_ms: int = 2000
    fhir_patient_parameter: PatientParameter = PatientParameter.ID
    fhir_max_pages: int = 20
    fhir_max_bytes: int = 16 * 1024 * 1024
    fhir_lookback_days: int = 1830
    sandbox_data: Path | None = None
    metrics: bool = True
    clients: Path | None = None
    public_urls: tuple[str, ...] = ()
    secret_file: Path | None = None
    database: str = field(default_factory=lambda: f"sqlite:///{_data_folder() / 'magnesium-cds.sqlite'}")
    retention_days: int = 365
    insight_token_file: Path | None = None
    redis: str = ""
    proxy_networks: tuple[Network, ...] = ()
    certificate_header: str = "X-Client-Cert-Sha256"
    dev_networks: tuple[Network, ...] = ()

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Settings:
        """Read the ``MAGNESIUM_CDS_*`` variables of ``environ``; an empty one counts as not set.

        Raises:
            SettingsError: Names every variable that cannot be used.
        """
        values: dict[str, Any] = {}
        wrong: list[str] = []
        for name, read in _READERS.items():
            text = environ.get(variable(name), "").strip()
            if not text:
                continue
            try:
                values[name] = read(text)
            except ValueError as error:
                wrong.append(f"{variable(name)}: {error}")
        if wrong:
            raise SettingsError("\n".join(wrong))
        return cls(**values)

    def check(self) -> None:
        """Refuse to serve with what a profile must have and does not.

        Raises:
            SettingsError: Names everything that is missing or not fit for the profile.
        """
        if self.profile is Profile.DEV:
            if not self.dev_networks and not _is_here(self.host):
                raise SettingsError(
                    f"{variable('host')}: the dev profile asks nobody who they are, so it listens on this machine only"
                    " (127.0.0.1, ::1, localhost)."
                    f" To let others in, name their networks in {variable('dev_networks')}."
                )
            if self.clients and not self.public_urls:
                text = (
                    "the addresses under which the clients call, such as http://127.0.0.1:8080; their tokens name them"
                )
                raise SettingsError(f"{variable('public_urls')}: {text}")
            return
        wanted = {
            "clients": "the file that names the EHRs which may call",
            "public_urls": "the addresses under which they call",
            "secret_file": "a file with 32 random bytes or more, such as `openssl rand 32` makes",
        }
        missing = [f"{variable(name)}: {what}" for name, what in wanted.items() if not getattr(self, name)]
        missing += [
            f"{variable(name)}: https instead of http: patients and tokens travel there"
            for name in ("public_urls", "fhir_servers")
            if not all(map(is_https, getattr(self, name)))
        ]
        if missing:
            missing.append(f"To try things out on this machine, set {variable('profile')}=dev instead.")
            raise SettingsError("\n".join(("The production profile needs:", *missing)))


class SettingsError(ValueError):
    """Settings that cannot be used; the message has one line for each."""


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return PREFIX + name.upper()


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Return the ``MAGNESIUM_CDS_*`` variables that set nothing: most likely misspelt."""
    known = {variable(name) for name in _READERS}
    return sorted(name for name in environ if name.startswith(PREFIX) and name not in known)


def with_keys(keys: PrefetchKeys, more: PrefetchKeys) -> PrefetchKeys:
    """Return ``keys`` with ``more`` accepted beside them.

    Raises:
        ValueError: one key would be read as two needs.
    """
    joined = {need: (*names, *more.get(need, ())) for need, names in keys.items()}
    owners: dict[str, Need] = {}
    for need, names in joined.items():
        for name in names:
            if owners.setdefault(name.casefold(), need) is not need:
                raise ValueError("the same key is given for two needs")
    return MappingProxyType(joined)


def is_https(url: str) -> bool:
    """Whether what is sent there is encrypted."""
    return urlsplit(url).scheme == "https"


def _is_here(host: str) -> bool:
    """Whether whoever listens on ``host`` hears this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _data_folder() -> Path:
    """Return where the data of the user's programs are kept."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")


def _file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise ValueError("there is no such file")
    return path


def _file_or_folder(text: str) -> Path:
    path = Path(text)
    if not path.exists():
        raise ValueError("there is no such file or folder")
    return path


def _listed(text: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.split(",") if item.strip())


def _bases(text: str) -> tuple[str, ...]:
    try:
        return tuple(Base.of(url).url for url in _listed(text))
    except NotAllowedError as error:
        raise ValueError(f"expected base URLs such as https://ehr.example.org/fhir/r4, one is {error}") from None


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(item) for item in _listed(text))
    except ValueError:
        raise ValueError("expected networks such as 10.1.0.0/16") from None


def _whole_number(lowest: int, highest: int | None = None) -> Callable[[str], int]:
    expected = f"expected a whole number from {lowest}" + (f" to {highest}" if highest is not None else "")

    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit()):
            raise ValueError(expected)
        value = int(text)
        if value < lowest or (highest is not None and value > highest):
            raise ValueError(expected)
        return value

    return read


def _one_of(choices: type[_Choice]) -> Callable[[str], _Choice]:
    def read(text: str) -> _Choice:
        try:
            return choices(text.lower())
        except ValueError:
            raise ValueError(f"expected one of {', '.join(choices)}") from None

    return read


def _switch(text: str) -> bool:
    try:
        return {"on": True, "off": False}[text.lower()]
    except KeyError:
        raise ValueError("expected on or off") from None


def _prefetch_keys(text: str) -> PrefetchKeys:
    """Read ``need=key,key;need=key``; the keys are accepted beside the default ones."""
    more: dict[Need, tuple[str, ...]] = {}
    for group in text.split(";"):
        name, _, listed = group.partition("=")
        added = tuple(key.strip() for key in listed.split(",") if key.strip())
        if name.strip() not in set(Need) or not added:
            raise ValueError(f"expected need=key,key;need=key with needs from {', '.join(Need)}")
        need = Need(name.strip())
        more[need] = more.get(need, ()) + added
    return with_keys(DEFAULT_PREFETCH_KEYS, more)


def _secret(text: str) -> Path:
    path = _file(text)
    if path.stat().st_size < _SHORTEST_SECRET:
        raise ValueError(f"the file must hold at least {_SHORTEST_SECRET} random bytes")
    return path


def _database(text: str) -> str:
    try:
        url = make_url(text)
    except ArgumentError:
        raise ValueError(f"expected {_DATABASES}") from None
    if url.get_backend_name() == "postgresql":
        # One driver is installed; whoever writes plain postgresql:// means it.
        return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    # One in memory would be another for each connection.
    if url.drivername != "sqlite" or url.database in {None, "", ":memory:"} or str(url.database).startswith("file:"):
        raise ValueError(f"expected {_DATABASES}")
    return text


def _redis(text: str) -> str:
    if urlsplit(text).scheme not in {"redis", "rediss"}:
        raise ValueError("expected redis://host:port/number")
    return text


_READERS: Mapping[str, Callable[[str], Any]] = {
    "policy": _file,
    "drug_table": _file,
    "host": str,
    "port": _whole_number(0, _LARGEST_PORT),
    "workers": _whole_number(1),
    "log_level": _one_of(LogLevel),
    "log_format": _one_of(LogFormat),
    "max_body_bytes": _whole_number(1),
    "max_json_depth": _whole_number(1),
    "prefetch_keys": _prefetch_keys,
    "profile": _one_of(Profile),
    "fhir_servers": _bases,
    "fhir_networks": _networks,
    "fhir_budget_ms": _whole_number(1),
    "fhir_patient_parameter": _one_of(PatientParameter),
    "fhir_max_pages": _whole_number(1),
    "fhir_max_bytes": _whole_number(1),
    "fhir_lookback_days": _whole_number(1),
    "sandbox_data": _file_or_folder,
    "metrics": _switch,
    "clients": _file,
    "public_urls": _bases,
    "secret_file": _secret,
    "database": _database,
    "retention_days": _whole_number(1),
    "insight_token_file": _secret,
    "redis": _redis,
    "proxy_networks": _networks,
    "certificate_header": str,
    "dev_networks": _networks,
}
