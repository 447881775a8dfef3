"""The CDS Hooks request: what a client must have said before anyone looks at the patient.

Strict where a slip could mean the wrong patient or a misread order, tolerant where clients are known to err:

- ``null``, ``""``, ``[]`` and ``{}`` in an optional member count as absent; unknown members are ignored.
- ``context.patientId`` and ``encounterId`` may carry their type (``Patient/123``); it is stripped. Anything
  else with a slash is refused: it is not clear which patient is meant.
- Older clients put ``patient`` and ``userId`` or ``user`` beside the context instead of into it. They serve
  where the context has none. A ``patient`` that differs from ``context.patientId`` is refused: two are named.
- A missing ``userId`` is refused: every hook here requires it, and the member costs a client nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from cds_service.errors import Issue, IssueCode, bad_request
from cds_service.strict_json import StrictJsonError, decode

ORDER_SELECT = "order-select"
ORDER_SIGN = "order-sign"
ORDER_HOOKS = frozenset({ORDER_SELECT, ORDER_SIGN})

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
# Epic's ids have 194 characters and the specification's 64, so the length says nothing.
_BARE_ID = re.compile(r"[^\s/\x00-\x1f\x7f]+")
# Of a list of wrong values only the first are named: the answer would be many times the size of the request.
_MOST_ISSUES = 50


@dataclass(frozen=True, slots=True, repr=False)
class FhirAuthorization:
    """The client's permission to ask its FHIR server. Never shown, logged or kept."""

    access_token: str
    expires_in: int
    scope: str
    subject: str


@dataclass(frozen=True, slots=True, repr=False)
class DraftBundle:
    """The orders being written, as sent."""

    bundle: Mapping[str, Any]
    selections: tuple[str, ...] | None
    """The references of the newly picked orders; None on order-sign, where all are signed."""


@dataclass(frozen=True, slots=True, repr=False)
class HookRequest:
    """A request whose envelope is in order. Has no repr: it holds a patient."""

    hook: str
    hook_instance: str
    patient_id: str
    user_id: str
    encounter_id: str | None = None
    drafts: DraftBundle | None = None
    prefetch: Mapping[str, Any] = field(default_factory=dict)
    fhir_server: str | None = None
    fhir_authorization: FhirAuthorization | None = None


def parse_body(body: bytes, *, max_depth: int) -> dict[str, Any]:
    """Return the JSON object that ``body`` holds.

    Raises:
        RequestError: the body is not one acceptable JSON object.
    """
    try:
        value = decode(body, max_depth=max_depth)
    except StrictJsonError as error:
        raise bad_request(error.issue) from None
    if not isinstance(value, dict):
        raise bad_request(Issue(IssueCode.STRUCTURE, f"The body must be a JSON object, it is {_kind(value)}."))
    return value


def read_request(body: Mapping[str, Any], *, hook: str) -> HookRequest:
    """Check the envelope of a request to a service of ``hook``.

    Raises:
        RequestError: Names every field that is missing or wrong.
    """
    fields = _Fields()
    fields.equal(body, "hook", hook)
    instance = fields.text(body, "hookInstance", required=True)
    if instance and not _UUID.fullmatch(instance):
        fields.wrong(IssueCode.VALUE, "hookInstance", "This must be a UUID.")
    server = _fhir_server(fields, body)
    context = fields.object(body, "context", required=True) or {}
    patient = _patient(fields, body, context) if context else ""
    encounter = fields.text(context, "encounterId", "context.")
    drafts = None
    user = ""
    if context:
        user = _user(fields, body, context)
        drafts = _drafts(fields, context, hook) if hook in ORDER_HOOKS else None
    request = HookRequest(
        hook=hook,
        hook_instance=instance,
        patient_id=patient,
        user_id=user,
        encounter_id=fields.bare_id(encounter, "Encounter", "context.encounterId") if encounter else None,
        drafts=drafts,
        prefetch=fields.object(body, "prefetch") or {},
        fhir_server=server or None,
        fhir_authorization=_authorization(fields, body, server=server, patient=patient),
    )
    if fields.issues:
        raise bad_request(*fields.issues)
    return request


class _Fields:
    """Reads members and collects what is wrong with them, so that one answer names every field (``_MOST_ISSUES``)."""

    def __init__(self) -> None:
        self.issues: list[Issue] = []

    def wrong(self, code: IssueCode, at: str, text: str) -> None:
        if len(self.issues) < _MOST_ISSUES:
            self.issues.append(Issue(code, text, at))

    def missing(self, at: str, text: str = "This is required.") -> None:
        self.wrong(IssueCode.REQUIRED, at, text)

    def text(self, owner: Mapping[str, Any], name: str, prefix: str = "", *, required: bool = False) -> str:
        """Return a string member, or "" if it is blank; a missing required one is reported."""
        value = owner.get(name)
        if _blank(value):
            if required:
                self.missing(prefix + name)
            return ""
        if not isinstance(value, str):
            self.wrong(IssueCode.STRUCTURE, prefix + name, f"This must be a string, it is {_kind(value)}.")
            return ""
        return value

    def object(
        self, owner: Mapping[str, Any], name: str, prefix: str = "", *, required: bool = False
    ) -> dict[str, Any] | None:
        """Return an object member, or None if it is blank; a missing required one is reported."""
        value = owner.get(name)
        if _blank(value):
            if required:
                self.missing(prefix + name)
            return None
        if not isinstance(value, dict):
            self.wrong(IssueCode.STRUCTURE, prefix + name, f"This must be an object, it is {_kind(value)}.")
            return None
        return value

    def equal(self, owner: Mapping[str, Any], name: str, expected: str) -> None:
        value = self.text(owner, name, required=True)
        if value and value != expected:
            self.wrong(IssueCode.VALUE, name, f"This service answers the hook {expected}, not this one.")

    def bare_id(self, value: str, resource_type: str, at: str) -> str:
        """Return an id without its type; one that is not clearly a single id is reported."""
        bare = value.strip().removeprefix(f"{resource_type}/")
        if not _BARE_ID.fullmatch(bare):
            text = f"This must be the bare id of one {resource_type}, without a path or spaces."
            self.wrong(IssueCode.VALUE, at, text)
            return ""
        return bare


def _patient(fields: _Fields, body: Mapping[str, Any], context: Mapping[str, Any]) -> str:
    named = fields.text(context, "patientId", "context.")
    beside = fields.text(body, "patient")
    in_context = fields.bare_id(named, "Patient", "context.patientId") if named else ""
    beside_context = fields.bare_id(beside, "Patient", "patient") if beside else ""
    if in_context and beside_context and in_context != beside_context:
        fields.wrong(IssueCode.CONFLICT, "patient", "This names another patient than context.patientId.")
    if not named and not beside and _blank(context.get("patientId")):
        fields.missing("context.patientId")
    return in_context or beside_context


def _user(fields: _Fields, body: Mapping[str, Any], context: Mapping[str, Any]) -> str:
    user = fields.text(context, "userId", "context.") or fields.text(body, "userId") or fields.text(body, "user")
    if not user and all(_blank(value) for value in (context.get("userId"), body.get("userId"), body.get("user"))):
        fields.missing("context.userId")
    return user


def _drafts(fields: _Fields, context: Mapping[str, Any], hook: str) -> DraftBundle | None:
    at = "context.draftOrders"
    bundle = context.get("draftOrders")
    entries = bundle.get("entry") if isinstance(bundle, dict) else None
    if _blank(bundle):
        fields.missing(
            at,
            f"The hook {hook} requires the drafted orders. Some EHRs leave them out unless this client is"
            " granted the scopes to read orders (MedicationRequest, ServiceRequest): grant them.",
        )
    elif not isinstance(bundle, dict):
        fields.wrong(IssueCode.STRUCTURE, at, f"This must be a Bundle, it is {_kind(bundle)}.")
    elif bundle.get("resourceType") != "Bundle":
        fields.wrong(IssueCode.VALUE, f"{at}.resourceType", "This must be a Bundle.")
    elif not _blank(entries) and not isinstance(entries, list):
        fields.wrong(IssueCode.STRUCTURE, f"{at}.entry", f"This must be an array, it is {_kind(entries)}.")
    selections = _selections(fields, context) if hook == ORDER_SELECT else None
    return DraftBundle(bundle, selections) if isinstance(bundle, dict) else None


def _selections(fields: _Fields, context: Mapping[str, Any]) -> tuple[str, ...]:
    at = "context.selections"
    selections = context.get("selections")
    if selections is None or selections == "":
        fields.missing(at, "The hook order-select requires the ids of the selected orders.")
        return ()
    if not isinstance(selections, list):
        fields.wrong(IssueCode.STRUCTURE, at, f"This must be an array of strings, it is {_kind(selections)}.")
        return ()
    for index, selection in enumerate(selections):
        if not isinstance(selection, str) or not selection:
            fields.wrong(IssueCode.STRUCTURE, f"{at}[{index}]", "This must be a string, an id or Type/id.")
    return tuple(selection for selection in selections if isinstance(selection, str))


def _fhir_server(fields: _Fields, body: Mapping[str, Any]) -> str:
    server = fields.text(body, "fhirServer")
    if server and not _is_web_address(server):
        fields.wrong(IssueCode.VALUE, "fhirServer", "This must be an absolute http or https URL.")
    return server


def _is_web_address(text: str) -> bool:
    if any(character.isspace() for character in text):
        return False
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018  reading it is what checks it
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _authorization(fields: _Fields, body: Mapping[str, Any], *, server: str, patient: str) -> FhirAuthorization | None:
    at = "fhirAuthorization."
    member = fields.object(body, "fhirAuthorization")
    if member is None:
        return None
    if not server and _blank(body.get("fhirServer")):
        fields.missing("fhirServer", "This is required where fhirAuthorization is given.")
    token = fields.text(member, "access_token", at, required=True)
    token_type = fields.text(member, "token_type", at, required=True)
    if token_type and token_type.casefold() != "bearer":
        fields.wrong(IssueCode.VALUE, f"{at}token_type", "This must be Bearer.")
    expires = member.get("expires_in")
    if expires is None:
        fields.missing(f"{at}expires_in")
    elif isinstance(expires, bool) or not isinstance(expires, int) or expires <= 0:
        fields.wrong(IssueCode.VALUE, f"{at}expires_in", "This must be a positive whole number of seconds.")
    scope = fields.text(member, "scope", at, required=True)
    subject = fields.text(member, "subject", at, required=True)
    granted = fields.text(member, "patient", at)
    if granted and patient and fields.bare_id(granted, "Patient", f"{at}patient") not in {"", patient}:
        fields.wrong(IssueCode.CONFLICT, f"{at}patient", "This names another patient than context.patientId.")
    return FhirAuthorization(token, expires if isinstance(expires, int) else 0, scope, subject)


def _blank(value: Any) -> bool:
    """Whether a member says nothing: CDS Hooks forbids these, clients send them all the same."""
    return value is None or value in ("", [], {})


_KINDS = {dict: "an object", list: "an array", str: "a string", bool: "true or false", type(None): "null"}


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), "a number")
