"""How often a client may call, and how often somebody may fail to say who it is.

Counts are in this process's memory, or in Redis where several workers share them. A store that cannot be asked
refuses nobody: its calls are counted in this process instead (docs/decisions/0025).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from limits import RateLimitItem, parse
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage, Storage
from limits.strategies import SlidingWindowCounterRateLimiter
from werkzeug.wrappers import Request

from cds_service import clock
from cds_service.auth.peer import origin_address
from cds_service.clients import Client
from cds_service.errors import too_many_requests
from cds_service.url_guard import Network

FAILURES: Final = parse("120/minute")
"""How many refusals one address hears, and makes us log. A site that sets up its EHR tries a few times a minute."""
CHECK: Final = "rate-limits"
"""The check under which a store that could not be asked is counted."""


class Counts:
    """Calls counted by whoever makes them, in a shared store or in this process."""

    def __init__(self, shared: Storage | None, report: Callable[[BaseException, str], object]) -> None:
        """Take the shared store, if there is one, and what counts and logs that it could not be asked."""
        self._shared = None if shared is None else SlidingWindowCounterRateLimiter(shared)
        self._own = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._report = report

    @classmethod
    def at(cls, redis: str, report: Callable[[BaseException, str], object]) -> Counts:
        """Return counts in Redis, or in this process if its URL is empty; nothing is connected to yet."""
        if not redis:
            return cls(None, report)
        # A request waits for this: better a count of our own than a late answer.
        storage = RedisStorage(redis, wrap_exceptions=True, socket_timeout=0.25, socket_connect_timeout=0.25)
        return cls(storage, report)

    def spend(self, limit: RateLimitItem, *whose: str) -> None:
        """Count one call.

        Raises:
            RequestError: 429, if it is one too many.
        """
        if self._shared is not None:
            try:
                return _spend(self._shared, limit, whose)
            except StorageError as error:
                self._report(error, CHECK)
        return _spend(self._own, limit, whose)


def _spend(counter: SlidingWindowCounterRateLimiter, limit: RateLimitItem, whose: tuple[str, ...]) -> None:
    if counter.hit(limit, *whose):
        return
    # The library reads the clock itself, so this has to read the same.
    left = counter.get_window_stats(limit, *whose).reset_time - clock.now().timestamp()
    raise too_many_requests(min(max(math.ceil(left), 1), limit.get_expiry()))


class RateLimits:
    """The limits of a deployment.

    A caller that is known is never refused for what others at its address did: hospitals share addresses.
    """

    def __init__(self, clients: Iterable[Client], counts: Counts, proxies: Sequence[Network]) -> None:
        """Take who may call, what counts, and the proxies through which calls come."""
        self._of = {client.name: parse(client.rate_limit) for client in clients if client.rate_limit}
        self._counts = counts
        self._proxies = proxies

    def called(self, client: Client) -> None:
        """Count a call of a client.

        Raises:
            RequestError: 429, if it is one too many.
        """
        if client.name in self._of:
            self._counts.spend(self._of[client.name], "client", client.name)

    def refused(self, request: Request) -> None:
        """Count a call of somebody who is not known.

        Raises:
            RequestError: 429, if that address was refused too often.
        """
        address = origin_address(request, self._proxies)
        if address:
            self._counts.spend(FAILURES, "refused", address)
