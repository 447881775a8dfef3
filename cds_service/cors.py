"""Which web pages may call, from a browser: those of the origins that clients list.

Preflight requests are answered to everybody: they carry no token, and say nothing but what is said here. Cookies
are never used, so no credentials are allowed. The sandbox has headers of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from flask import Flask, Response, request
from flask_cors import CORS

from cds_service.clients import Client
from cds_service.settings import Profile

_ADDRESSES: Final = re.compile(r"/cds-services(/|$)")
# For the public CDS Hooks sandbox, run on the developer's machine.
_HERE: Final = re.compile(r"http://(localhost|127\.0\.0\.1)(:\d+)?\Z")
_ONE_HOUR = 3600


def register(app: Flask, clients: Sequence[Client], profile: Profile) -> None:
    """Make ``app`` tell browsers from which origins its CDS services may be called."""
    listed = sorted({origin for client in clients for origin in client.origins})
    origins = [re.compile(re.escape(origin) + r"\Z") for origin in listed]
    if profile is Profile.DEV:
        origins.append(_HERE)

    @app.after_request
    def vary(answer: Response) -> Response:
        # Also where the origin was missing or not allowed: a cache must not answer the next one with that.
        if _ADDRESSES.match(request.path):
            answer.vary.add("Origin")
        return answer

    CORS(
        app,
        resources=_ADDRESSES,
        origins=origins,
        methods=["GET", "POST", "OPTIONS"],
        allow_headers=["authorization", "content-type"],
        max_age=_ONE_HOUR,
        vary_header=False,
        always_send=False,
    )
