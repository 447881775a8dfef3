"""JSON as it leaves the service: UTF-8, unescaped, nothing of it kept by caches on the way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask import Response


def json_response(body: Mapping[str, Any]) -> Response:
    """Return a 200 with ``body``."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Response(text, content_type="application/json")
