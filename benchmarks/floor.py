"""The least that a Flask service can do: nothing, or parse the request and answer a constant.

gunicorn benchmarks.floor:unread, or benchmarks.floor:parsed
"""

from __future__ import annotations

import gc

from flask import Flask, Response, jsonify, request

_CARD = {"summary": "Nothing was looked at", "indicator": "info", "source": {"label": "benchmark"}}

unread = Flask("unread")
parsed = Flask("parsed")


def answer() -> Response:
    """Return one card that says nothing."""
    return jsonify({"cards": [_CARD]})


@unread.post("/cds-services/<service_id>")
def read_nothing(service_id: str) -> Response:  # noqa: ARG001  the same address as in the service
    """Take the body from the socket, and answer."""
    request.get_data(cache=False)
    return answer()


@parsed.post("/cds-services/<service_id>")
def parse(service_id: str) -> Response:  # noqa: ARG001  the same address as in the service
    """Parse the body, and answer."""
    request.get_json()
    return answer()


# As the service does, which saves both the same pauses.
gc.collect()
gc.freeze()
