"""Says which requirements a message breaks. Written from the specification alone: nothing of ours is imported.

Each function takes a decoded JSON body and yields what is wrong with it, by the ids of ``requirements.csv``. A value
that is blank (null, "", [], {}) breaks R-3 and nothing else: where it stands it counts as absent.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from fhir.resources.R4B import get_fhir_model_class

INDICATORS = {"info", "warning", "critical"}
ACTIONS = {"create", "update", "delete"}
BEHAVIORS = {"at-most-one", "any"}
ACTION_BEHAVIORS = {"all", "any", "at-most-one"}
PERMITTED_TOKENS = {
    "patient-view": {"context.userId", "context.patientId", "context.encounterId"},
    "order-select": {"context.userId", "context.patientId", "context.encounterId"},
    "order-sign": {"context.userId", "context.patientId", "context.encounterId"},
}
"""Fields of the context that each hook offers to templates."""
USER_TOKENS = {"userPractitionerId", "userPractitionerRoleId", "userPatientId", "userRelatedPersonId"}
FILLED_BY_ALL = {"context.patientId", "context.userId"}
ORDERS = {
    *("MedicationRequest", "ServiceRequest", "NutritionOrder", "DeviceRequest", "VisionPrescription"),
    *("CommunicationRequest", "Task"),
}
NEVER_BY_THEMSELVES = {"MedicationRequest", "ServiceRequest"}
"""Orders that no system may write without the clinician."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_REVERSE_DOMAIN = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9_-]+)+")
_ID = re.compile(r"[A-Za-z0-9._-]+")
_SEMVER = re.compile(r"\d+\.\d+\.\d+")
_REFERENCE = re.compile(r"[A-Z][A-Za-z]+/[^/\s]+")
_BARE_ID = re.compile(r"[^/\s]+")
_TOPIC = re.compile(r"[A-Za-z0-9-]{1,100}")
_TOKEN = re.compile(r"\{\{(.*?)\}\}")
_PLAIN_TOKEN = re.compile(r"context\.[A-Za-z]+|user[A-Za-z]+Id")
_DATE = re.compile(r"(eq|lt|gt|ge|le)?(TOKEN|\d{4}(-\d\d(-\d\d)?)?)")


class Violation(NamedTuple):
    """A requirement that is broken, and where."""

    id: str
    at: str


Found = Iterator[Violation]


def blank(value: Any) -> bool:
    """Whether a value says nothing."""
    return value is None or value in ("", [], {})


def blanks(value: Any, at: str = "", *, allowed: frozenset[str] = frozenset()) -> Found:
    """Find null, "", [] and {} at any depth."""
    if blank(value) and at not in allowed:
        yield Violation("R-3", at)
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        yield from blanks(member, f"{at}.{name}".lstrip("."), allowed=allowed)


# ----- responses -----


def of_response(body: Any, *, drafted: frozenset[str] = frozenset()) -> Found:
    """Find what is wrong with the answer to a call; ``drafted`` are the references of the orders being written."""
    if not isinstance(body, dict) or not isinstance(body.get("cards"), list):
        yield Violation("R-35", "cards")
        return
    yield from blanks(body, allowed=frozenset({"cards"}))
    yield from _unknown(body, {"cards", "systemActions", "extension"}, "R-35", "")
    yield from _extension(body, "")
    yield from _shape(body, "cards", "R-35")
    yield from _shape(body, "systemActions", "R-35")
    for at, card in _objects(body, "cards"):
        yield from _card(card, at, drafted)
    for at, action in _objects(body, "systemActions"):
        if isinstance(action.get("resource"), dict) and action["resource"].get("resourceType") in NEVER_BY_THEMSELVES:
            yield Violation("R-62", at)
        yield from _action(action, at, drafted)
    yield from _repeated_uuids(body["cards"])


def _card(card: Mapping[str, Any], at: str, drafted: frozenset[str]) -> Found:
    known = {"uuid", "summary", "detail", "indicator", "source", "suggestions", "selectionBehavior"}
    yield from _unknown(card, known | {"overrideReasons", "links", "extension"}, "R-87", at)
    yield from _text(card, "uuid", "R-39", at)
    yield from _lower_case_uuid(card, at)
    yield from _text(card, "summary", "R-40", at)
    if len(str(card.get("summary", ""))) >= 140:
        yield Violation("R-40", f"{at}.summary")
    yield from _text(card, "detail", "R-41", at, required=False)
    if any(mark in str(card.get("detail", "")) for mark in ("<", "![")):
        yield Violation("R-41", f"{at}.detail")
    if not blank(card.get("indicator", "-")) and card.get("indicator") not in INDICATORS:
        yield Violation("R-42", f"{at}.indicator")
    yield from _source(card, at)
    for name, id_ in (("suggestions", "R-44"), ("overrideReasons", "R-46"), ("links", "R-47")):
        yield from _shape(card, name, id_, at)
    yield from _suggestions(card, at, drafted)
    for place, reason in _objects(card, "overrideReasons", at):
        yield from _text(reason, "code", "R-46", place)
        yield from _text(reason, "system", "R-46", place)
        yield from _text(reason, "display", "cds-resp-4", place)
    for place, link in _objects(card, "links", at):
        yield from _link(link, place)
    yield from _extension(card, at)


def _source(card: Mapping[str, Any], at: str) -> Found:
    source = card.get("source")
    if blank(source) and "source" in card:
        return
    if not isinstance(source, dict):
        yield Violation("R-43", f"{at}.source")
        return
    at = f"{at}.source"
    yield from _text(source, "label", "R-51", at)
    yield from _absolute(source, "url", "R-52", at)
    yield from _absolute(source, "icon", "R-53", at)
    topic = source.get("topic")
    if blank(topic):
        return
    if not isinstance(topic, dict):
        yield Violation("R-54", f"{at}.topic")
        return
    yield from _text(topic, "code", "R-54", f"{at}.topic")
    yield from _text(topic, "system", "R-54", f"{at}.topic")
    yield from _text(topic, "display", "R-54", f"{at}.topic", required=False)
    if isinstance(topic.get("code"), str) and topic["code"] and not _TOPIC.fullmatch(topic["code"]):
        yield Violation("M-12", f"{at}.topic.code")


def _suggestions(card: Mapping[str, Any], at: str, drafted: frozenset[str]) -> Found:
    found = _objects(card, "suggestions", at)
    behavior = card.get("selectionBehavior")
    if found and "selectionBehavior" not in card:
        yield Violation("cds-resp-6", at)
    if not blank(behavior) and behavior not in BEHAVIORS:
        yield Violation("R-45", f"{at}.selectionBehavior")
    if behavior == "at-most-one" and sum(suggestion.get("isRecommended") is True for _, suggestion in found) > 1:
        yield Violation("cds-resp-1", at)
    for place, suggestion in found:
        yield from _suggestion(suggestion, place, drafted)


def _suggestion(suggestion: Mapping[str, Any], at: str, drafted: frozenset[str]) -> Found:
    yield from _text(suggestion, "label", "R-55", at)
    yield from _text(suggestion, "uuid", "R-55", at, required=False)
    yield from _lower_case_uuid(suggestion, at)
    if not isinstance(suggestion.get("isRecommended", False), bool):
        yield Violation("R-55", f"{at}.isRecommended")
    behavior = suggestion.get("actionSelectionBehavior")
    if not blank(behavior):
        yield Violation("R-11" if behavior in ACTION_BEHAVIORS else "cds-resp-7", at)
    yield from _shape(suggestion, "actions", "R-55", at)
    found = _objects(suggestion, "actions", at)
    for place, action in found:
        yield from _text(action, "description", "cds-resp-5", place)
        yield from _action(action, place, drafted)
    yield from _alternatives([action for _, action in found], at)


def _action(action: Mapping[str, Any], at: str, drafted: frozenset[str]) -> Found:
    kind = action.get("type")
    resource = action.get("resource")
    if kind not in ACTIONS:
        yield Violation("R-57", f"{at}.type")
    if kind in {"create", "update"}:
        id_ = "R-58" if kind == "create" else "R-59"
        if not isinstance(resource, dict) or not resource.get("resourceType"):
            yield Violation(id_, f"{at}.resource")
            return
        if not _is_r4(resource):
            yield Violation("crd_additional_orders_card_validation", f"{at}.resource")
        if kind == "update" and f"{resource['resourceType']}/{resource.get('id')}" not in drafted:
            yield Violation("crd_propose_alternate_request_card_validation", f"{at}.resource")
    if kind == "delete":
        named = action.get("resourceId")
        if resource is not None or named is None:
            yield Violation("cds-resp-2", at)
        elif not _REFERENCE.fullmatch(str(named)):
            yield Violation("R-60", f"{at}.resourceId")
        elif named not in drafted:
            yield Violation("crd_propose_alternate_request_card_validation", f"{at}.resourceId")


def _alternatives(actions: list[Mapping[str, Any]], at: str) -> Found:
    """What is deleted has to be replaced: a create of the same type stands beside it."""
    created = {action["resource"].get("resourceType") for action in actions if isinstance(action.get("resource"), dict)}
    for action in actions:
        named = action.get("resourceId")
        readable = action.get("type") == "delete" and _REFERENCE.fullmatch(str(named))
        if readable and str(named).partition("/")[0] not in created:
            yield Violation("crd_propose_alternate_request_card_validation", at)


def _link(link: Mapping[str, Any], at: str) -> Found:
    yield from _text(link, "label", "R-63", at)
    if link.get("type") not in {"absolute", "smart"}:
        yield Violation("R-63", f"{at}.type")
    if not _is_web_address(link.get("url")):
        yield Violation("R-63", f"{at}.url")
    elif urlsplit(link["url"]).scheme != "https":
        yield Violation("R-66", f"{at}.url")
    if "appContext" in link and link.get("type") != "smart":
        yield Violation("cds-resp-3", at)
    elif not isinstance(link.get("appContext", ""), str):
        yield Violation("R-64", at)
    if "autolaunchable" in link:
        yield Violation("R-65", at)


def _lower_case_uuid(owner: Mapping[str, Any], at: str) -> Found:
    uuid = owner.get("uuid")
    if isinstance(uuid, str) and uuid and not _UUID.fullmatch(uuid):
        yield Violation("R-49", f"{at}.uuid")


def _repeated_uuids(cards: list[Any]) -> Found:
    everything = [card for card in cards if isinstance(card, dict)]
    everything += [s for card in everything for s in card.get("suggestions") or () if isinstance(s, dict)]
    for uuid, times in Counter(owner["uuid"] for owner in everything if owner.get("uuid")).items():
        if times > 1:
            yield Violation("R-39", str(uuid))


def _extension(owner: Mapping[str, Any], at: str) -> Found:
    extension = owner.get("extension")
    if blank(extension):
        return
    if not isinstance(extension, dict):
        yield Violation("R-48", f"{at}.extension")
        return
    for name, value in extension.items():
        if not _REVERSE_DOMAIN.fullmatch(name) or not isinstance(value, dict):
            yield Violation("R-87", f"{at}.extension.{name}")


def _is_r4(resource: Mapping[str, Any]) -> bool:
    try:
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    except ValueError:
        return False
    return True


# ----- refusals -----


def of_refusal(body: Any) -> Found:
    """Find what is wrong with the body of an answer that is no success."""
    empty = list(blanks(body))
    yield from empty
    if empty:
        return
    if not isinstance(body, dict) or body.get("resourceType") != "OperationOutcome" or not _is_r4(body):
        yield Violation("R-38", "")
        return
    for at, issue in _objects(body, "issue"):
        if issue["severity"] not in {"fatal", "error"}:
            yield Violation("R-38", at)


# ----- discovery -----


def of_discovery(document: Any) -> Found:
    """Find what is wrong with a discovery document."""
    if not isinstance(document, dict) or not isinstance(document.get("services"), list):
        yield Violation("R-7", "services")
        return
    yield from blanks(document, allowed=frozenset({"services"}))
    yield from _shape(document, "services", "R-7")
    services = _objects(document, "services")
    for at, service in services:
        yield from _service(service, at)
    for own_id, times in Counter(service.get("id") for _, service in services).items():
        if times > 1:
            yield Violation("R-10", str(own_id))


def _service(service: Mapping[str, Any], at: str) -> Found:
    yield from _text(service, "hook", "R-9a", at)
    yield from _text(service, "title", "R-9b", at)
    yield from _text(service, "description", "R-9c", at)
    yield from _text(service, "id", "R-9d", at)
    if isinstance(service.get("id"), str) and service["id"] and not _ID.fullmatch(service["id"]):
        yield Violation("R-9d", f"{at}.id")
    yield from _text(service, "usageRequirements", "R-9f", at, required=False)
    if "version" not in service or not _SEMVER.fullmatch(str(service["version"])):
        yield Violation("R-9g", f"{at}.version")
    if "hookVersion" in service:
        yield Violation("R-9h", f"{at}.hookVersion")
    if not isinstance(service.get("extension", {}), dict):
        yield Violation("R-9i", f"{at}.extension")
    prefetch = service.get("prefetch")
    if blank(prefetch):
        return
    if not isinstance(prefetch, dict) or not all(isinstance(template, str) for template in prefetch.values()):
        yield Violation("R-9e", f"{at}.prefetch")
        return
    for key, template in prefetch.items():
        yield from of_template(template, str(service.get("hook")), f"{at}.prefetch.{key}")


def of_template(template: str, hook: str, at: str = "") -> Found:
    """Find where a prefetch template leaves the grammar of 2.0, or what every client is known to manage."""
    tokens = _TOKEN.findall(template)
    around = _TOKEN.sub("TOKEN", template)
    if "{" in around or "}" in around:
        yield Violation("R-22", at)
        return
    for token in tokens:
        if "today()" in token:
            yield Violation("R-27", at)
        elif not _PLAIN_TOKEN.fullmatch(token) or (token.startswith("user") and token not in USER_TOKENS):
            yield Violation("R-22", at)
        elif token.startswith("context.") and token not in PERMITTED_TOKENS.get(hook, {token}):
            yield Violation("R-28", at)
        elif token not in FILLED_BY_ALL and f"{{{{{token}}}}}" in template.partition("?")[2]:
            yield Violation("R-26", at)
    path, _, query = around.partition("?")
    if not re.fullmatch(r"[A-Z][A-Za-z]+(/TOKEN)?", path):
        yield Violation("R-24", at)
    parameters = [part.partition("=")[::2] for part in query.split("&") if part]
    if len({name for name, _ in parameters}) < len(parameters):
        yield Violation("R-26", at)
    for name, value in parameters:
        yield from _parameter(name, value, at)


def _parameter(name: str, value: str, at: str) -> Found:
    if name.startswith("sort"):
        yield Violation("R-25", at)
        return
    outside = (
        name.startswith("_") and name not in {"_count", "_maxresults", "_sort", "_id"},
        name in {"_count", "_maxresults"} and not value.isdigit(),
        "." in name,
        ":" in name and not name.endswith(":in"),
        "date" in name and not _DATE.fullmatch(value),
    )
    if any(outside):
        yield Violation("R-24", at)


# ----- requests: what the tests themselves send -----


def of_request(body: Mapping[str, Any]) -> Found:
    """Find what is wrong with a request, so that our own tests play the part of a client that conforms."""
    required = "crd_service_request_required_fields_validation"
    yield from _text(body, "hook", required, "")
    if not re.fullmatch(_UUID.pattern, str(body.get("hookInstance")), re.IGNORECASE):
        yield Violation(required, "hookInstance")
    context = body.get("context")
    if isinstance(context, dict) and context:
        yield from _context(str(body.get("hook")), context)
    else:
        yield Violation(required, "context")
    yield from _optional(body)
    if "fhirAuthorization" in body and "fhirServer" not in body:
        yield Violation("cds-r-1", "fhirServer")


def _optional(body: Mapping[str, Any]) -> Found:
    optional = "crd_service_request_optional_fields_validation"
    if "fhirServer" in body and not _is_web_address(body["fhirServer"]):
        yield Violation(optional, "fhirServer")
    if "prefetch" in body and not (isinstance(body["prefetch"], dict) and body["prefetch"]):
        yield Violation(optional, "prefetch")
    if "fhirAuthorization" not in body:
        return
    authorization = body["fhirAuthorization"]
    if not isinstance(authorization, dict):
        yield Violation(optional, "fhirAuthorization")
        return
    for name in ("access_token", "token_type", "scope", "subject"):
        yield from _text(authorization, name, optional, "fhirAuthorization")
        if blank(authorization.get(name, "-")):
            yield Violation(optional, f"fhirAuthorization.{name}")
    if authorization.get("token_type", "Bearer") != "Bearer" or type(authorization.get("expires_in")) is not int:
        yield Violation(optional, "fhirAuthorization")
    if "patient/" in str(authorization.get("scope")) and "patient" not in authorization:
        yield Violation("cds-r-2", "fhirAuthorization.patient")


def _context(hook: str, context: Mapping[str, Any]) -> Found:
    wrong = "crd_service_request_context_validation"
    if not _REFERENCE.fullmatch(str(context.get("userId"))):
        yield Violation("ord-1", "context.userId")
    if not _BARE_ID.fullmatch(str(context.get("patientId", ""))):
        yield Violation(wrong, "context.patientId")
    if "encounterId" in context and not _BARE_ID.fullmatch(str(context["encounterId"])):
        yield Violation(wrong, "context.encounterId")
    if hook == "patient-view":
        return
    drafts = context.get("draftOrders")
    entries = drafts.get("entry") if isinstance(drafts, dict) and drafts.get("resourceType") == "Bundle" else None
    if not isinstance(entries, list):
        yield Violation(wrong, "context.draftOrders")
        return
    orders = [entry.get("resource", {}) for entry in entries]
    if not all(order.get("id") for order in orders) or not any(order.get("resourceType") in ORDERS for order in orders):
        yield Violation(wrong, "context.draftOrders.entry")
    if hook == "order-select":
        yield from _selections(context, {f"{order.get('resourceType')}/{order.get('id')}" for order in orders})


def _selections(context: Mapping[str, Any], drafted: set[str]) -> Found:
    selections = context.get("selections")
    if not isinstance(selections, list):
        yield Violation("crd_service_request_context_validation", "context.selections")
        return
    if not all(_REFERENCE.fullmatch(str(selection)) for selection in selections):
        yield Violation("ord-1", "context.selections")
    elif not set(selections) <= drafted:
        yield Violation("crd_service_request_context_validation", "context.selections")


# ----- what all of them share -----


def _unknown(owner: Mapping[str, Any], known: set[str], id_: str, at: str) -> Found:
    for name in sorted(set(owner) - known):
        yield Violation(id_, f"{at}.{name}".lstrip("."))


def _text(owner: Mapping[str, Any], name: str, id_: str, at: str, *, required: bool = True) -> Found:
    if name not in owner:
        if required:
            yield Violation(id_, f"{at}.{name}".lstrip("."))
    elif not blank(owner[name]) and not isinstance(owner[name], str):
        yield Violation(id_, f"{at}.{name}".lstrip("."))


def _absolute(owner: Mapping[str, Any], name: str, id_: str, at: str) -> Found:
    if not blank(owner.get(name)) and not _is_web_address(owner[name]):
        yield Violation(id_, f"{at}.{name}")


def _is_web_address(value: Any) -> bool:
    parts = urlsplit(value) if isinstance(value, str) else urlsplit("")
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _shape(owner: Mapping[str, Any], name: str, id_: str, at: str = "") -> Found:
    """Find what is no array of objects."""
    value = owner.get(name)
    place = f"{at}.{name}".lstrip(".")
    if blank(value):
        return
    if not isinstance(value, list):
        yield Violation(id_, place)
        return
    yield from (Violation(id_, f"{place}[{index}]") for index, entry in enumerate(value) if not isinstance(entry, dict))


def _objects(owner: Mapping[str, Any], name: str, at: str = "") -> list[tuple[str, Mapping[str, Any]]]:
    """Return place and value of every object in an array."""
    value = owner.get(name)
    entries = enumerate(value) if isinstance(value, list) else ()
    place = f"{at}.{name}".lstrip(".")
    return [(f"{place}[{index}]", entry) for index, entry in entries if isinstance(entry, dict)]
