"""The body of a POST, as every route reads it.

One without a Content-Type is taken as JSON, because it is checked as JSON anyway; one that says it is something
else is refused with 415, which beats a puzzling parse error. So is one without a Content-Type from a web page, which
has an Origin: a browser sends such a body without asking first whether the page may.
"""

from __future__ import annotations

from typing import Any

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header

from cds_service.envelope import parse_body
from cds_service.errors import unsupported_media_type


def read_body(max_depth: int) -> dict[str, Any]:
    """Return the JSON object that the request carries.

    Args:
        max_depth: Deepest nesting of objects and arrays.

    Raises:
        RequestError: the body is not one acceptable JSON object, or is not announced as one.
        RequestEntityTooLarge: it is larger than the application accepts.
    """
    _check_media_type()
    return parse_body(_bytes(), max_depth=max_depth)


def _bytes() -> bytes:
    body = request.get_data(cache=False)
    limit = request.max_content_length
    if request.content_length is None and limit is not None and len(body) >= limit:
        # Sent in chunks, without a length: what is over the limit was cut off silently.
        raise RequestEntityTooLarge
    return body


def _check_media_type() -> None:
    unsaid = "" if "Origin" in request.headers else "application/json"
    media_type, options = parse_options_header(request.headers.get("Content-Type", unsaid))
    charset = options.get("charset", "utf-8").casefold()
    if media_type.casefold() != "application/json" or charset not in {"utf-8", "utf8"}:
        raise unsupported_media_type("Send the request as Content-Type: application/json, in UTF-8.")
    if request.headers.get("Content-Encoding", "identity").casefold() != "identity":
        raise unsupported_media_type("Send the request without Content-Encoding.")
