"""From what was picked on the page to the CDS Hooks request that an EHR would send."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from cds_service import examples
from cds_service.bundles import resource_of, type_of
from cds_service.charts import ReplayError, hook_request, own_time
from cds_service.envelope import ORDER_HOOKS, ORDER_SELECT
from cds_service.errors import Issue, IssueCode, bad_request
from cds_service.workbench import stories
from cds_service.workbench.drafts import DRAFTS
from cds_service.workbench.stories import STORIES
from fhir_mappings.reading import text
from magnesium.facts import Need

_USER = "Practitioner/workbench"
_NOTHING: Mapping[str, Any] = {"resourceType": "Bundle", "type": "searchset", "total": 0}
_HOOK_OF_CHART = "patient-view"
_ORDERS = frozenset({"MedicationRequest", "ServiceRequest"})


@dataclass(frozen=True, slots=True)
class Composer:
    """Makes requests as of now."""

    hooks: Sequence[str]
    clock: Callable[[], datetime]
    zone: tzinfo
    new_uuid: Callable[[], str]

    def compose(self, picked: Mapping[str, Any]) -> dict[str, Any]:
        """Return the request for what was picked.

        ``hook`` and ``drafts`` (ids), and one of ``story`` (id), ``bundle`` (with ``shift``: move its newest time to
        now), or ``server`` with ``patientId``.

        Raises:
            RequestError: names the field that is missing or wrong.
        """
        hook = _one_of(picked, "hook", self.hooks)
        drafts = _listed(picked, "drafts", DRAFTS) if hook in ORDER_HOOKS else []
        now = self.clock().replace(microsecond=0)
        if "story" in picked:
            story = stories.chart(_one_of(picked, "story", STORIES), now)
            request = self._of_chart(story, hook)
            # A story is the whole chart: what it does not hold, the patient does not have.
            request["prefetch"] = {**{need.value: _NOTHING for need in Need}, **request["prefetch"]}
        elif "bundle" in picked:
            request = self._of_chart(self._given(picked, now), hook)
        else:
            request = self._of_server(picked, hook)
        if hook in ORDER_HOOKS:
            patient_id = text(request["context"].get("patientId"))
            _add(request, [DRAFTS[name].for_patient(patient_id, now) for name in drafts])
        return request

    def _given(self, picked: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        bundle = picked["bundle"]
        if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
            raise bad_request(Issue(IssueCode.STRUCTURE, "This must be a FHIR Bundle about one patient.", "bundle"))
        if not isinstance(bundle.get("entry"), list):
            raise bad_request(Issue(IssueCode.STRUCTURE, "This must be an array of entries.", "bundle.entry"))
        if picked.get("shift") is not True:
            return bundle
        try:
            newest = own_time(bundle, self.zone)
        except ReplayError:
            text = "No time can be read in it, so it cannot be moved to now."
            raise bad_request(Issue(IssueCode.VALUE, text, "bundle")) from None
        moved: dict[str, Any] = examples.moved(bundle, now - newest)
        return moved

    def _of_chart(self, bundle: Mapping[str, Any], hook: str) -> dict[str, Any]:
        drafted = [entry for entry in bundle["entry"] if _is_draft(resource_of(entry))]
        kept = [entry for entry in bundle["entry"] if entry not in drafted]
        try:
            request = hook_request({**bundle, "entry": kept}, _HOOK_OF_CHART, self.new_uuid())
        except ReplayError as error:
            raise bad_request(Issue(IssueCode.STRUCTURE, f"Not a chart of one patient: {error}.", "bundle")) from None
        request["hook"] = hook
        request["context"]["userId"] = _USER
        if stay := _stay(kept):
            request["context"]["encounterId"] = stay
        if hook in ORDER_HOOKS:
            _add(request, [resource_of(entry) for entry in drafted])
        return request

    def _of_server(self, picked: Mapping[str, Any], hook: str) -> dict[str, Any]:
        server, patient_id = text(picked.get("server")), text(picked.get("patientId"))
        lacking = [name for name, value in (("server", server), ("patientId", patient_id)) if not value]
        if lacking:
            raise bad_request(*(Issue(IssueCode.REQUIRED, "This is required.", name) for name in lacking))
        context = {"userId": _USER, "patientId": patient_id}
        return {"hook": hook, "hookInstance": self.new_uuid(), "fhirServer": server, "context": context}


def _add(request: dict[str, Any], orders: Sequence[Mapping[str, Any]]) -> None:
    """Put draft orders into the request; on order-select all of them have just been picked."""
    context = request["context"]
    bundle = context.setdefault("draftOrders", {"resourceType": "Bundle", "type": "collection", "entry": []})
    bundle["entry"] += [{"resource": order} for order in orders]
    if request["hook"] == ORDER_SELECT:
        picked = [f"{type_of(order)}/{text(order.get('id'))}" for order in orders]
        context["selections"] = [*context.get("selections", ()), *picked]


def _is_draft(resource: Any) -> bool:
    return type_of(resource) in _ORDERS and resource.get("status") == "draft"


def _stay(entries: Sequence[Any]) -> str:
    """Return the id of the encounter in progress, if there is one and only one."""
    found = [
        text(resource.get("id"))
        for resource in map(resource_of, entries)
        if type_of(resource) == "Encounter" and resource.get("status") == "in-progress"
    ]
    return found[0] if len(found) == 1 else ""


def _one_of(picked: Mapping[str, Any], name: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    value = picked.get(name)
    if not isinstance(value, str) or value not in known:
        raise bad_request(Issue(IssueCode.VALUE, f"This must be one of {', '.join(known)}.", name))
    return value


def _listed(picked: Mapping[str, Any], name: str, known: Mapping[str, Any]) -> list[str]:
    values = picked.get(name, [])
    if not isinstance(values, list) or not all(isinstance(value, str) and value in known for value in values):
        raise bad_request(Issue(IssueCode.VALUE, f"This must be an array of ids from {', '.join(known)}.", name))
    return values
