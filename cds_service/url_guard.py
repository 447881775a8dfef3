"""Addresses that a client hands us are hostile: which of them may be called, and what is really connected to.

Two checks, and both must pass:

- **By name**, before anything is sent: the URL must be one of the listed bases, or on the same origin as the page
  that linked to it. User names, odd ports, dot segments and encoded slashes match no base.
- **By address**, when the connection is made: the name is resolved once, the addresses are judged, and the socket
  is connected to one of exactly these. A name that resolves differently a moment later (DNS rebinding) gains
  nothing. Public addresses pass; private, loopback and link-local ones only if they are listed.

A session made here follows no redirect, keeps no cookies, and takes neither a proxy nor a password from the
environment: each would send the token somewhere that nobody checked.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError
from urllib3.util.connection import allowed_gai_family

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], list[str]]

LOOPBACK: Final[tuple[Network, ...]] = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))

_DEFAULT_PORTS = {"http": 80, "https": 443}
_MOST_ADDRESSES = 4
# What two parsers may read differently.
_AMBIGUOUS = re.compile(r"[\s\\\x00-\x1f\x7f]")
_PLAIN_HOST = re.compile(r"[0-9a-z._:-]+")
# What the path of a plain base never holds.
_UNPLAIN_PATH = re.compile(r"%|//|/\.{1,2}(?:/|$)")
# IPv6 addresses that carry an IPv4 address to which they lead.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# Not public, though ``ipaddress`` has some of them as global: IPv4 in IPv6 by forms that lead elsewhere or nowhere
# (RFC 4291 §2.5.5.1, RFC 7915, RFC 8215), and site-local addresses (RFC 3879).
_NOT_PUBLIC: Final = tuple(map(ipaddress.ip_network, ("::/96", "::ffff:0:0:0/96", "64:ff9b:1::/48", "fec0::/10")))


class NotAllowedError(Exception):
    """An address that may not be called. The message never repeats it."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port: as far as a token may travel."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Origin:
        """Return the origin of an absolute http or https URL.

        Raises:
            NotAllowedError: it is none, names a user, or is written so that two readers may differ on it.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise NotAllowedError("not a URL") from None
        host = parts.hostname or ""
        if parts.scheme not in _DEFAULT_PORTS or _AMBIGUOUS.search(url):
            raise NotAllowedError("not an http or https URL")
        if "@" in parts.netloc or not _PLAIN_HOST.fullmatch(host):
            raise NotAllowedError("a user name, or a host that is not plain")
        return cls(parts.scheme, host, _DEFAULT_PORTS[parts.scheme] if port is None else port)


@dataclass(frozen=True, slots=True)
class Base:
    """The base of a FHIR server, or any other fixed address, in one spelling."""

    origin: Origin
    path: str

    @classmethod
    def of(cls, url: str) -> Base:
        """Return the base that ``url`` is; a trailing slash and the spelling of the host make no difference.

        Raises:
            NotAllowedError: it is not a plain absolute URL, or has a query or a fragment.
        """
        origin = Origin.of(url)
        parts = urlsplit(url)
        path = parts.path.rstrip("/")
        if parts.query or parts.fragment or url.endswith(("?", "#")) or _UNPLAIN_PATH.search(path):
            raise NotAllowedError("not a plain base URL")
        return cls(origin, path)

    @property
    def url(self) -> str:
        """The base as it is called, without a trailing slash."""
        host = f"[{self.origin.host}]" if ":" in self.origin.host else self.origin.host
        default = self.origin.port == _DEFAULT_PORTS[self.origin.scheme]
        return f"{self.origin.scheme}://{host}{'' if default else f':{self.origin.port}'}{self.path}"


@dataclass(frozen=True, slots=True)
class Guard:
    """Which addresses may be called: what a deployment lists, nothing else."""

    bases: frozenset[Base] = frozenset()
    networks: tuple[Network, ...] = ()
    """Networks that are not public and that listed servers may be in."""
    https_only: bool = True

    @classmethod
    def listing(cls, urls: Iterable[str], networks: Iterable[Network] = (), *, https_only: bool = True) -> Guard:
        """Return the guard that lets these URLs through; one that names an IP address lists that address as well.

        Raises:
            NotAllowedError: one of them is not a plain base URL.
        """
        bases = frozenset(Base.of(url) for url in urls)
        literal = (ipaddress.ip_network(found) for base in bases if (found := _literal(base.origin.host)) is not None)
        return cls(bases, (*networks, *literal), https_only)

    def base(self, url: str) -> Base:
        """Return the listed base that ``url`` is.

        Raises:
            NotAllowedError: it is none of them.
        """
        found = Base.of(url)
        if found not in self.bases:
            raise NotAllowedError("not a listed address")
        if self.https_only and found.origin.scheme != "https":
            raise NotAllowedError("not https")
        return found

    def follows(self, url: str, base: Base) -> None:
        """Check that the token for ``base`` may travel to ``url``.

        Raises:
            NotAllowedError: it is on another origin.
        """
        if Origin.of(url) != base.origin:
            raise NotAllowedError("another origin")

    def permits(self, address: str) -> bool:
        """Whether a connection may be made to an IP address."""
        try:
            found = _unwrapped(ipaddress.ip_address(address.partition("%")[0]))
        except ValueError:
            return False
        if found.is_unspecified or found.is_multicast:
            return False
        public = found.is_global and not any(found in network for network in _NOT_PUBLIC)
        return public or any(found in network for network in self.networks)


def _literal(host: str) -> Address | None:
    try:
        return _unwrapped(ipaddress.ip_address(host))
    except ValueError:
        return None


def _unwrapped(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for, or the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None) or address


def resolve(host: str, port: int) -> list[str]:
    """Return the IP addresses of a host, in the order to try them.

    Raises:
        OSError: it has none.
    """
    found = socket.getaddrinfo(host, port, allowed_gai_family(), socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


# ── Connections ───────────────────────────────────────────────────────────────────────────────────


class Line:
    """The connection that a call is on, so that whoever waits for the call can hang up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: Any = None
        self._cut = False

    def take(self, connection: Any) -> None:
        """Note the connection; one that is noted after hanging up is cut at once."""
        with self._lock:
            connection.line = self
            self._connection = connection
            if self._cut:
                _shut(connection)

    def cut(self) -> None:
        """Hang up: whatever the call waits for ends now with an error."""
        with self._lock:
            self._cut = True
            # Back in the pool, it may be on another line by now.
            if self._connection is not None and self._connection.line is self:
                _shut(self._connection)


def _shut(connection: Any) -> None:
    if connection.sock is not None:
        with suppress(OSError):  # it is gone already
            # Not close(): that would not wake the thread that waits for this socket.
            socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)


_here = threading.local()


@contextmanager
def on_line(line: Line) -> Iterator[None]:
    """Note the connections that this thread uses on ``line``."""
    _here.line = line
    try:
        yield
    finally:
        _here.line = None


class _Guarded:
    """What makes a urllib3 connection go only where its guard permits."""

    guard: Guard
    resolve: Resolve
    line: Line | None = None

    def _new_conn(self: Any) -> Any:
        named = self._dns_host
        permitted = [address for address in self.resolve(named, self.port) if self.guard.permits(address)]
        if not permitted:
            raise NotAllowedError("an address that is neither public nor listed")
        *others, last = permitted[:_MOST_ADDRESSES]
        try:
            for self._dns_host in others:
                with suppress(ConnectTimeoutError):  # NewConnectionError is one, too
                    return self._connected()
            self._dns_host = last
            return self._connected()
        finally:
            # TLS checks the certificate against the name.
            self._dns_host = named

    def _connected(self) -> socket.socket:
        """Connect to the IP address that stands in for the host: there is no name left to resolve."""
        found: socket.socket = super()._new_conn()  # type: ignore[misc]
        return found

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        self._note()

    def request(self, *args: Any, **kwargs: Any) -> None:
        self._note()
        super().request(*args, **kwargs)  # type: ignore[misc]

    def _note(self) -> None:
        line: Line | None = getattr(_here, "line", None)
        if line is not None:
            line.take(self)


class GuardedAdapter(HTTPAdapter):
    """Connects only where a guard permits, whatever a name resolves to at that moment."""

    def __init__(self, guard: Guard, *, resolve: Resolve = resolve, connections: int = 32) -> None:
        self._guard = guard
        self._resolve = resolve
        super().__init__(pool_connections=8, pool_maxsize=connections, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools use guarded connections."""
        super().init_poolmanager(*args, **kwargs)
        held = {"guard": self._guard, "resolve": staticmethod(self._resolve)}
        plain = type("GuardedHTTPConnection", (_Guarded, HTTPConnection), held)
        secure = type("GuardedHTTPSConnection", (_Guarded, HTTPSConnection), held)
        self.poolmanager.pool_classes_by_scheme = {
            "http": type("GuardedHTTPPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("GuardedHTTPSPool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
        }

    def proxy_manager_for(self, *_: Any, **__: Any) -> Any:
        """Refuse: a proxy would make the connection for us, unchecked."""
        raise NotAllowedError("a proxy")


class _Session(requests.Session):
    """A session to which a redirect is an answer like any other.

    ``allow_redirects=False`` is not enough: the body of the redirect would still be read to its end, if it has one.
    """

    def get_redirect_target(self, _: Any) -> None:
        """Return no target, wherever the answer points."""


def guarded_session(guard: Guard, *, resolve: Resolve = resolve, connections: int = 32) -> requests.Session:
    """Return a session all of whose connections are guarded, and that follows no redirect."""
    session = _Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.adapters.clear()
    adapter = GuardedAdapter(guard, resolve=resolve, connections=connections)
    session.mount("https://", adapter)
    if not guard.https_only:
        session.mount("http://", adapter)
    return session
