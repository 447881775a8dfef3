"""A token is good for one call: which ones were used, until they expire.

Where several processes or machines answer, they have to share this, or a token that was seen by one is new to
the next. The shared store – Redis, or the database (``cds_service.storage``) – is asked for every call; this
process's own memory stands beside it for the time in which the shared one cannot be asked.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from importlib import import_module
from typing import Any, Protocol

from cds_service.clock import Clock
from cds_service.settings import SettingsError, variable

CHECK = "token-store"
"""The check under which a store that could not be asked is counted."""


class StoreDownError(Exception):
    """The store could not be asked; every other exception of a store is a bug."""


def token_hash(issuer: str, jti: str) -> str:
    """Return what stands for a token in a shared store: a jti is any text, of any length."""
    return sha256(f"{len(issuer)} {issuer}{jti}".encode("utf-8", "surrogatepass")).hexdigest()


class SeenTokens(Protocol):
    """Tokens that were used."""

    def first_use(self, issuer: str, jti: str, expires: datetime) -> bool:
        """Note a token, and say whether nobody had noted it before: of two that ask at once, one hears yes.

        Args:
            issuer: Who issued it.
            jti: Its id, unique for its issuer; any text of at most 256 characters.
            expires: Until when it has to be remembered, leeway included; zone-aware.

        Raises:
            StoreDownError: the store cannot be asked.
        """
        ...


class ProcessSeenTokens:
    """In the memory of this process: forgets what has expired, so it holds an hour's tokens at most."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: set[tuple[str, str]] = set()
        self._expiring: list[tuple[datetime, tuple[str, str]]] = []
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._seen)

    def first_use(self, issuer: str, jti: str, expires: datetime) -> bool:
        """Note a token, and say whether it had not been noted before."""
        token = (issuer, jti)
        now = self._clock()
        with self._lock:
            while self._expiring and self._expiring[0][0] <= now:
                self._seen.discard(heapq.heappop(self._expiring)[1])
            if token in self._seen:
                return False
            self._seen.add(token)
            heapq.heappush(self._expiring, (expires, token))
            return True


class RedisSeenTokens:
    """In Redis, which forgets by itself."""

    def __init__(self, client: Any, error: type[Exception]) -> None:
        """Take a Redis client, and what it raises when Redis cannot be asked."""
        self._client = client
        self._error = error

    @classmethod
    def at(cls, url: str) -> RedisSeenTokens:
        """Return the store at ``redis://…``; nothing is connected to yet.

        Raises:
            SettingsError: the package ``redis`` is missing.
        """
        try:
            # An extra: only deployments with Redis have it.
            redis: Any = import_module("redis")
        except ImportError:
            text = f"{variable('redis')}: needs the package redis: pip install 'magnesium-cds[redis]'"
            raise SettingsError(text) from None
        # A request waits for this: better no shared memory for a moment than a late answer.
        client = redis.Redis.from_url(url, socket_timeout=0.25, socket_connect_timeout=0.25)
        return cls(client, redis.RedisError)

    def first_use(self, issuer: str, jti: str, expires: datetime) -> bool:
        """Note a token, and say whether it had not been noted before.

        Raises:
            StoreDownError: Redis cannot be asked.
        """
        name = f"magnesium-cds:token:{token_hash(issuer, jti)}"
        try:
            return bool(self._client.set(name, 1, nx=True, exat=int(expires.timestamp()) + 1))
        except self._error as error:
            raise StoreDownError from error


class SharedSeenTokens:
    """A shared store, and this process's memory for when it cannot be asked.

    A call is then not refused: a clinician who sees no card because a database is restarting is worse off than
    one whose EHR's token somebody used twice. What this process has seen stays refused (docs/decisions/0024).
    """

    def __init__(self, shared: SeenTokens, own: SeenTokens, report: Callable[[BaseException, str], object]) -> None:
        """Take the shared store, this process's, and what counts and logs that the shared one could not be asked."""
        self._shared = shared
        self._own = own
        self._report = report

    def first_use(self, issuer: str, jti: str, expires: datetime) -> bool:
        """Note a token in both, and say whether neither had it."""
        if not self._own.first_use(issuer, jti, expires):
            return False
        try:
            return self._shared.first_use(issuer, jti, expires)
        except StoreDownError as error:
            self._report(error, CHECK)
            return True
