"""Who is at the other end of the connection: an address, and behind a trusted proxy a certificate."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import Final

from werkzeug.wrappers import Request

from cds_service.clients import plain_fingerprint
from cds_service.url_guard import Network

_HEX: Final = re.compile(r"[0-9a-f]{64}")


def is_within(address: str | None, networks: Sequence[Network]) -> bool:
    """Whether an IP address, of either version, is in one of ``networks``; no address is in none."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        found = found.ipv4_mapped or found
    return any(found in network for network in networks)


def shown_certificate(request: Request, header: str, proxies: Sequence[Network]) -> str:
    """Return the fingerprint of the certificate that the proxy says the client showed, or an empty string.

    Anybody can send the header; it is believed from the proxies alone.
    """
    if not is_within(request.remote_addr, proxies):
        return ""
    fingerprint = plain_fingerprint(request.headers.get(header, ""))
    return fingerprint if _HEX.fullmatch(fingerprint) else ""


def origin_address(request: Request, proxies: Sequence[Network]) -> str:
    """Return the address that a call comes from; of one that came through a proxy, what the proxy saw.

    Empty where that is not known: a proxy's own address would stand for everybody behind it.
    """
    peer = request.remote_addr or ""
    if not is_within(peer, proxies):
        return peer
    # The last one was written by the proxy, those before it by anybody.
    last = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    try:
        return str(ipaddress.ip_address(last))
    except ValueError:
        return ""
