"""Public keys of clients: from a file, or from the one address that the client's settings name.

A key says itself for which algorithm it is – by its type and curve, and by ``alg`` if it has one – and is used for
no other, whatever a token asks for. ``kid`` is opaque: Epic's hold ``+`` and ``=``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Final, Protocol

import jwt
import msgspec
import requests
import urllib3
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from cds_service.budget import Budget, Stopwatch
from cds_service.settings import SettingsError
from cds_service.strict_json import StrictJsonError, decode
from cds_service.url_guard import Guard, Line, Network, NotAllowedError, guarded_session, on_line

MAX_AGE: Final = 600.0
"""Seconds after which keys are fetched again: a key that an EHR withdraws is good no longer than this."""
MIN_INTERVAL: Final = 30.0
"""Seconds between two fetches: tokens that name keys nobody has must not make us flood the EHR."""
PATIENCE: Final = 2.0
"""Seconds that a call waits for keys, and that a fetch may take: an EHR gives a hook a few seconds in all."""
MAX_BYTES: Final = 256 * 1024
"""Largest key set: a hundred RSA keys with their certificates."""
_MAX_DEPTH = 8
_CHUNK = 65536
_SHORTEST_RSA = 2048  # bits, as RFC 7518 §3.3 has it

_BY_TYPE: Final[Mapping[tuple[str, str | None], tuple[str, ...]]] = {
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("RSA", None): ("RS256", "RS384"),
}


class KeysError(Exception):
    """A key set that cannot be used; the message quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Key:
    """A public key, and what it is for."""

    public: Any
    algorithms: tuple[str, ...]


KeySet = Mapping[str, Key]


def read_keys(data: bytes) -> KeySet:
    """Return the usable keys of a JWK set, by ``kid``. Keys of other kinds, or for other uses, are left out.

    Raises:
        KeysError: it is no JWK set, has no usable key, has a ``kid`` twice, or holds a private key.
    """
    try:
        found = decode(data, max_depth=_MAX_DEPTH)
    except StrictJsonError:
        raise KeysError("not JSON") from None
    listed = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(listed, list):
        raise KeysError("not a JWK set")
    keys: dict[str, Key] = {}
    for jwk in listed:
        if not isinstance(jwk, dict):
            raise KeysError("not a JWK set")
        if "d" in jwk or jwk.get("kty") == "oct":
            # Whoever can read it can sign as the client.
            raise KeysError("it holds a private key")
        found_key = _key(jwk)
        if found_key is None:
            continue
        kid, key = found_key
        if keys.setdefault(kid, key) is not key:
            raise KeysError("two keys have the same kid")
    if not keys:
        raise KeysError("no key in it can be used: it takes EC P-256 or P-384, or RSA, with a kid")
    return keys


class _Jwk(msgspec.Struct):
    kty: str
    kid: Annotated[str, msgspec.Meta(min_length=1)]
    crv: str | None = None
    alg: str | None = None
    use: str | None = None
    key_ops: list[str] | None = None


def _key(jwk: Mapping[str, Any]) -> tuple[str, Key] | None:
    """Return a key and its id, if it is one for checking signatures that we know."""
    try:
        told = msgspec.convert(jwk, _Jwk)
    except msgspec.ValidationError:
        return None
    fits = _BY_TYPE.get((told.kty, told.crv if told.kty == "EC" else None), ())
    algorithms = tuple(name for name in fits if told.alg in {None, name})
    if not algorithms or told.use not in {None, "sig"} or "verify" not in (told.key_ops or ("verify",)):
        return None
    try:
        public = jwt.PyJWK(dict(jwk), algorithms[0]).key
    except (jwt.PyJWTError, TypeError, ValueError):
        return None
    if isinstance(public, RSAPublicKey) and public.key_size < _SHORTEST_RSA:
        return None
    return told.kid, Key(public, algorithms)


class Keys(Protocol):
    """Where the keys of a client are."""

    def find(self, kid: str) -> Key | None:
        """Return the key of that id, if there is one."""
        ...


class FixedKeys:
    """Keys that were handed over on paper, so to say."""

    def __init__(self, keys: KeySet) -> None:
        self._keys = keys

    @classmethod
    def in_file(cls, path: Path) -> FixedKeys:
        """Read a JWK set.

        Raises:
            SettingsError: it cannot be used.
        """
        try:
            return cls(read_keys(path.read_bytes()))
        except (OSError, KeysError) as error:
            text = error.strerror if isinstance(error, OSError) else error
            raise SettingsError(f"jwks_file {path.name}: {text}") from None

    def find(self, kid: str) -> Key | None:
        """Return the key of that id, if there is one."""
        return self._keys.get(kid)


Start = Callable[[Callable[[], None]], None]


def _in_background(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="fetch-keys", daemon=True).start()


class FetchedKeys:
    """Keys from an address: kept, and fetched again when they are old or one is asked for that is not among them.

    What is kept is used until something better came: an EHR's key server that is down, or answers nonsense, locks
    nobody out. Only a call that names an unknown key waits for a fetch.
    """

    def __init__(
        self,
        fetch: Callable[[], bytes],
        stopwatch: Stopwatch,
        report: Callable[[str], None],
        *,
        start: Start = _in_background,
    ) -> None:
        """Take what fetches a JWK set, and what is told, in a word, why that failed."""
        self._fetch = fetch
        self._stopwatch = stopwatch
        self._report = report
        self._start = start
        self._keys: KeySet = {}
        self._begun: float | None = None
        self._done = threading.Event()
        self._lock = threading.Lock()

    def find(self, kid: str) -> Key | None:
        """Return the key of that id, if there is one."""
        key = self._keys.get(kid)
        if key is None:
            self._refresh(MIN_INTERVAL).wait(PATIENCE)
            key = self._keys.get(kid)
        else:
            self._refresh(MAX_AGE)
        return key

    def _refresh(self, interval: float) -> threading.Event:
        """Begin a fetch unless one was begun within ``interval`` seconds; return what says that it is over."""
        with self._lock:
            now = self._stopwatch()
            if self._begun is not None and now - self._begun < interval:
                return self._done
            self._begun = now
            self._done = done = threading.Event()
        self._start(lambda: self._take(done))
        return done

    def _take(self, done: threading.Event) -> None:
        try:
            self._keys = read_keys(self._fetch())
        except KeysError as error:
            self._report(str(error))
        finally:
            done.set()


@dataclass(frozen=True, slots=True)
class KeyServer:
    """The address of a client's keys, and a session that reaches nothing else."""

    url: str
    session: requests.Session
    stopwatch: Stopwatch

    @classmethod
    def listing(cls, url: str, networks: tuple[Network, ...], stopwatch: Stopwatch) -> KeyServer:
        """Return the server at ``url``, which may be in one of ``networks`` if it is not public."""
        return cls(url, guarded_session(Guard.listing([url], networks), connections=1), stopwatch)

    def fetch(self) -> bytes:
        """Return what it answers.

        Raises:
            KeysError: it did not answer in time, with at most ``MAX_BYTES``, and with 200.
        """
        line, budget = Line(), Budget(self.stopwatch() + PATIENCE, self.stopwatch)
        # Hangs up on one that sends its headers drop by drop; the body is looked at while it comes.
        timer = threading.Timer(PATIENCE, line.cut)
        timer.daemon = True
        timer.start()
        try:
            with on_line(line):
                return self._body(budget)
        except NotAllowedError:
            raise KeysError("its address may not be called") from None
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError):
            raise KeysError("it does not answer") from None
        finally:
            timer.cancel()

    def _body(self, budget: Budget) -> bytes:
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "magnesium-cds"}
        with self.session.get(
            self.url, headers=headers, timeout=PATIENCE, stream=True, allow_redirects=False
        ) as answer:
            if answer.status_code != HTTPStatus.OK:
                raise KeysError(f"it answers {answer.status_code}")
            body = bytearray()
            while True:
                chunk = answer.raw.read1(_CHUNK, decode_content=False)
                if not budget.left:
                    raise KeysError("it does not answer")
                if not chunk:
                    return bytes(body)
                body += chunk
                if len(body) > MAX_BYTES:
                    raise KeysError("its answer is too large")
