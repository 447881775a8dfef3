"""A small FHIR R4 server in memory, for trying things out: served in the dev profile, read-only.

It answers reads, searches and batches of these, as a well-behaved server would. It is no reference: what real
servers do differently is in ``docs/fhir-servers.md``.
"""

from __future__ import annotations

from typing import Final

SANDBOX_PATH: Final = "/sandbox/fhir"


def sandbox_urls(port: int) -> tuple[str, ...]:
    """Return the base URLs under which a service that listens on ``port`` finds its own sandbox."""
    return tuple(f"http://{host}:{port}{SANDBOX_PATH}" for host in ("127.0.0.1", "localhost", "[::1]"))
