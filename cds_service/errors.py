"""Every error body of the service: a FHIR OperationOutcome, in one shape, whatever went wrong.

The media type is ``application/json``, not ``application/fhir+json``: CDS Hooks defines none for errors, its
clients ask for plain JSON, and the body reads the same.

Words in a body tell the sender which of *its own* fields is wrong. They name fields and never repeat values:
an error body ends up in logs that were not meant for patient data.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from flask import Flask, Response
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected, HTTPException, MethodNotAllowed

MEDIA_TYPE = "application/json"
_FEEDBACK_AGAIN_SECONDS = 30


class IssueCode(StrEnum):
    """The codes of http://hl7.org/fhir/issue-type that the service uses."""

    INVALID = "invalid"
    STRUCTURE = "structure"
    REQUIRED = "required"
    VALUE = "value"
    CONFLICT = "conflict"
    NOT_FOUND = "not-found"
    NOT_SUPPORTED = "not-supported"
    TOO_LONG = "too-long"
    INCOMPLETE = "incomplete"
    EXCEPTION = "exception"
    LOGIN = "login"
    FORBIDDEN = "forbidden"
    THROTTLED = "throttled"
    TRANSIENT = "transient"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing that is wrong, and where."""

    code: IssueCode
    text: str
    at: str = ""
    """Path of the field in the request, e.g. ``context.patientId``; empty if it is not about one field."""


class RequestError(Exception):
    """A request that cannot be answered, with everything that is wrong with it."""

    def __init__(self, status: HTTPStatus, issues: Sequence[Issue], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status.value}: " + "; ".join(f"{issue.at} {issue.text}".strip() for issue in issues))
        self.status = status
        self.issues = tuple(issues)
        self.headers = dict(headers or {})


def bad_request(*issues: Issue) -> RequestError:
    """Return the error for a request that is not a valid CDS Hooks request."""
    return RequestError(HTTPStatus.BAD_REQUEST, issues)


def unknown_service(known: Sequence[str]) -> RequestError:
    """Return the error for a service id that is not in the discovery document."""
    text = f"There is no such service. The services here are {', '.join(known)}."
    return RequestError(HTTPStatus.NOT_FOUND, (Issue(IssueCode.NOT_FOUND, text),))


def unknown_example(known: Sequence[str]) -> RequestError:
    """Return the error for an example that is not bundled."""
    text = f"There is no such example. The examples here are {', '.join(known)}."
    return RequestError(HTTPStatus.NOT_FOUND, (Issue(IssueCode.NOT_FOUND, text),))


def unsupported_media_type(text: str) -> RequestError:
    """Return the error for a body that is not announced as plain UTF-8 JSON."""
    return RequestError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, (Issue(IssueCode.NOT_SUPPORTED, text),))


def unauthorized() -> RequestError:
    """Return the error for a caller who is not known: one sentence, whatever the reason is."""
    text = "The caller is not known. Every call needs a token of its own, of a client that is registered here."
    return RequestError(HTTPStatus.UNAUTHORIZED, (Issue(IssueCode.LOGIN, text),), {"WWW-Authenticate": "Bearer"})


def forbidden_service() -> RequestError:
    """Return the error for a client that may not call this service."""
    text = "This client is not registered for this service."
    return RequestError(HTTPStatus.FORBIDDEN, (Issue(IssueCode.FORBIDDEN, text),))


def forbidden_address() -> RequestError:
    """Return the error for a caller on another machine, in the dev profile."""
    text = (
        "This service is set up for trying things out, and answers its own machine only"
        " (MAGNESIUM_CDS_PROFILE, MAGNESIUM_CDS_DEV_NETWORKS)."
    )
    return RequestError(HTTPStatus.FORBIDDEN, (Issue(IssueCode.FORBIDDEN, text),))


def forbidden_host() -> RequestError:
    """Return the error for a caller who calls this machine by a strange name, in the dev profile."""
    text = (
        "This service is set up for trying things out, and answers to the names of its own machine only, such as"
        " localhost (MAGNESIUM_CDS_PROFILE, MAGNESIUM_CDS_PUBLIC_URLS)."
    )
    return RequestError(HTTPStatus.FORBIDDEN, (Issue(IssueCode.FORBIDDEN, text),))


def too_many_requests(after: int) -> RequestError:
    """Return the error for a caller who calls too often, and may again after that many seconds."""
    text = "There were too many requests. Try again after the seconds that the Retry-After header names."
    headers = {"Retry-After": str(after)}
    return RequestError(HTTPStatus.TOO_MANY_REQUESTS, (Issue(IssueCode.THROTTLED, text),), headers)


def feedback_not_kept() -> RequestError:
    """Return the error for feedback that the database did not take."""
    text = "Nothing of this feedback was kept. Send it again after the seconds that the Retry-After header names."
    headers = {"Retry-After": str(_FEEDBACK_AGAIN_SECONDS)}
    return RequestError(HTTPStatus.SERVICE_UNAVAILABLE, (Issue(IssueCode.TRANSIENT, text),), headers)


def insight_locked() -> RequestError:
    """Return the error for somebody who shows no token, or a wrong one; a browser asks for it as a password."""
    text = "This page needs its token: as the password, with any user name, or as a bearer token."
    headers = {"WWW-Authenticate": 'Basic realm="Insight", charset="UTF-8"'}
    return RequestError(HTTPStatus.UNAUTHORIZED, (Issue(IssueCode.LOGIN, text),), headers)


def insight_unavailable() -> RequestError:
    """Return the error for a report for which the database could not be asked."""
    text = "The database cannot be asked. The cards do not depend on it."
    return RequestError(HTTPStatus.SERVICE_UNAVAILABLE, (Issue(IssueCode.TRANSIENT, text),))


def precondition_failed(issues: Sequence[Issue]) -> RequestError:
    """Return the error for required data that were neither prefetched nor obtainable."""
    return RequestError(HTTPStatus.PRECONDITION_FAILED, tuple(issues))


_HTTP_ERRORS = {
    HTTPStatus.NOT_FOUND: Issue(
        IssueCode.NOT_FOUND, "There is nothing at this address. Discovery is at /cds-services."
    ),
    HTTPStatus.METHOD_NOT_ALLOWED: Issue(
        IssueCode.NOT_SUPPORTED,
        "This address does not take this method; the Allow header names those it takes.",
    ),
    HTTPStatus.REQUEST_TIMEOUT: Issue(IssueCode.TIMEOUT, "The body did not arrive in time."),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Issue(
        IssueCode.TOO_LONG,
        "The body is larger than this service accepts. Send fewer resources, or have the limit raised"
        " (MAGNESIUM_CDS_MAX_BODY_BYTES).",
    ),
}
_OTHER_HTTP_ERROR = Issue(IssueCode.INVALID, "The HTTP request could not be understood.")


def issues_of(status: HTTPStatus) -> tuple[Issue, ...]:
    """Return what there is to say about a status that HTTP itself defines."""
    return (_HTTP_ERRORS.get(status, _OTHER_HTTP_ERROR),)


def operation_outcome(issues: Sequence[Issue], *, severity: str = "error") -> dict[str, Any]:
    """Return the body that carries ``issues``."""
    return {
        "resourceType": "OperationOutcome",
        "issue": [
            {
                "severity": severity,
                "code": issue.code.value,
                "diagnostics": issue.text,
                **({"expression": [issue.at]} if issue.at else {}),
            }
            for issue in issues
        ],
    }


def response(
    status: int, issues: Sequence[Issue], *, severity: str = "error", headers: Mapping[str, str] | None = None
) -> Response:
    """Return the HTTP response that carries ``issues``."""
    body = json.dumps(operation_outcome(issues, severity=severity), ensure_ascii=False)
    return Response(body, status, headers, content_type=MEDIA_TYPE)


def register(app: Flask, report: Callable[[BaseException], str]) -> None:
    """Make ``app`` answer every failure in the one shape.

    ``report`` gets the exceptions that are our own bugs; it logs one and returns the error id to show.
    """

    def refused(error: RequestError) -> Response:
        return response(error.status, error.issues, headers=error.headers)

    def http_error(error: HTTPException) -> Response:
        status = HTTPStatus(error.code or HTTPStatus.BAD_REQUEST)
        if isinstance(error, ClientDisconnected):
            # So werkzeug calls it too when the connection stands, and nothing comes any more (cds_service.server).
            status = HTTPStatus.REQUEST_TIMEOUT
        headers = {}
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            headers["Allow"] = ", ".join(sorted(error.valid_methods))
        return response(status, issues_of(status), headers=headers)

    def unreadable(_: Exception) -> Response:
        return response(HTTPStatus.BAD_REQUEST, issues_of(HTTPStatus.BAD_REQUEST))

    def our_bug(error: Exception) -> Response:
        error_id = report(error)
        text = f"The service failed. Nothing was evaluated. When reporting it, give error id {error_id}."
        return response(HTTPStatus.INTERNAL_SERVER_ERROR, (Issue(IssueCode.EXCEPTION, text),), severity="fatal")

    app.register_error_handler(RequestError, refused)
    app.register_error_handler(HTTPException, http_error)
    # Chunks that are wrong are found while the body is read, in the middle of a request.
    app.register_error_handler(ParseException, unreadable)
    app.register_error_handler(Exception, our_bug)
