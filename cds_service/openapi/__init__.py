"""The OpenAPI 3.1 document: what stands in ``document.json``, and what the code knows better.

From the code come the version, the addresses of the services with an example for each, and the issue codes. An
address that is missing here, or an answer that is not as it is described, fails ``tests/http/test_openapi.py``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib import resources
from typing import Any

from cds_service import examples
from cds_service.errors import IssueCode
from hooks.service import HookService

_REQUESTS = {
    "patient-view": "PatientViewRequest",
    "order-select": "OrderSelectRequest",
    "order-sign": "OrderSignRequest",
}
_IDENTIFIED: list[dict[str, list[str]]] = [{"clientToken": []}, {}]
_REFUSALS = {
    "400": "BadRequest",
    "401": "Unauthorized",
    "403": "Forbidden",
    "413": "TooLarge",
    "415": "UnsupportedMediaType",
    "429": "TooMany",
}
_FEEDBACK = {
    "accepted": {
        "value": {
            "feedback": [
                {
                    "card": "3ad5e3d0-1d1c-4b2c-9a55-0e6f7b1a2c01",
                    "outcome": "accepted",
                    "acceptedSuggestions": [{"id": "8c5a1b0e-6a57-4a0e-8f3c-2d9e4f7b6a02"}],
                    "outcomeTimestamp": "2026-01-15T09:05:00Z",
                }
            ]
        }
    },
    "overridden": {
        "value": {
            "feedback": [
                {
                    "card": "3ad5e3d0-1d1c-4b2c-9a55-0e6f7b1a2c01",
                    "outcome": "overridden",
                    "overrideReason": {
                        "reason": {
                            "code": "will-review",
                            "system": "https://magnesium-cds.github.io/CodeSystem/override-reason",
                        }
                    },
                    "outcomeTimestamp": "2026-01-15T09:05:00Z",
                }
            ]
        }
    },
}


def document(
    version: str, services: Iterable[HookService], *, metrics: bool = True, insight: bool = False
) -> dict[str, Any]:
    """Return the document.

    Args:
        version: Of the program.
        services: What can be called.
        metrics: Whether ``/metrics`` answers.
        insight: Whether ``/insight`` answers, to whoever has its token.
    """
    text = resources.files(__name__).joinpath("document.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    found["info"]["version"] = version
    paths = found["paths"]
    for service in services:
        address = f"/cds-services/{service.id}"
        paths[address] = {"post": _call(service)}
        paths[f"{address}/feedback"] = {"post": _feedback(service)}
    if not metrics:
        del paths["/metrics"]
    if not insight:
        del paths["/insight"], paths["/insight.csv"], found["components"]["securitySchemes"]["insightToken"]
    for methods in paths.values():
        for operation in methods.values():
            operation.setdefault("parameters", []).append(_ref("parameters", "X-Request-Id"))
            operation["responses"]["500"] = _ref("responses", "OurFailure")
    found["components"]["schemas"]["Issue"]["properties"]["code"]["enum"] = [code.value for code in IssueCode]
    return found


def _call(service: HookService) -> dict[str, Any]:
    hook = service.hook.value
    example = {"example": {"value": examples.as_of(hook, examples.WRITTEN)}}
    return {
        "operationId": service.id,
        "tags": ["cds-hooks"],
        "summary": service.title,
        "description": service.description,
        "security": _IDENTIFIED,
        "requestBody": _body(_REQUESTS[hook], example),
        "responses": {
            "200": _answer("The cards; none if there is nothing to say.", "Cards"),
            **{status: _ref("responses", name) for status, name in _REFUSALS.items()},
            "412": _ref("responses", "PreconditionFailed"),
        },
    }


def _feedback(service: HookService) -> dict[str, Any]:
    return {
        "operationId": f"{service.id}-feedback",
        "tags": ["cds-hooks"],
        "summary": f"What became of cards of {service.id}",
        "security": _IDENTIFIED,
        "requestBody": _body("Feedback", _FEEDBACK),
        "responses": {
            "200": {"description": "Taken and kept. No body.", "headers": _headers()},
            **{status: _ref("responses", name) for status, name in _REFUSALS.items()},
            "503": _ref("responses", "NotKept"),
        },
    }


def _body(schema: str, examples_: dict[str, Any]) -> dict[str, Any]:
    return {
        "required": True,
        "content": {"application/json": {"schema": _ref("schemas", schema), "examples": examples_}},
    }


def _answer(description: str, schema: str) -> dict[str, Any]:
    return {
        "description": description,
        "headers": _headers(),
        "content": {"application/json": {"schema": _ref("schemas", schema)}},
    }


def _headers() -> dict[str, Any]:
    return {"X-Request-Id": _ref("headers", "X-Request-Id")}


def _ref(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}
