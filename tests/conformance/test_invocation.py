"""§2.1 and §2.3: what goes over the wire, and what a request must and may hold."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any, Final

import pytest

from tests.conformance.checker import of_refusal, of_response
from tests.http.conftest import SERVICE_ID, Site

Example = Callable[[str], dict[str, Any]]
HOOKS = tuple(SERVICE_ID)
GONE: Final = object()
AUTHORIZATION = {
    "access_token": "t",
    "token_type": "Bearer",
    "expires_in": 300,
    "scope": "patient/Observation.rs",
    "subject": "magnesium-cds",
}


def changed(body: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a request with one member set or taken away, and a server and a token to take members from."""
    result = {"fhirServer": "https://ehr.example.org/fhir", "fhirAuthorization": {**AUTHORIZATION}} | copy.deepcopy(
        body
    )
    *way, last = path.split(".")
    owner: Any = result
    for name in way:
        owner = owner[name]
    owner[last] = value
    if value is GONE:
        del owner[last]
    return result


def refused(answer: Any, *at: str) -> None:
    """Make sure that the answer is a 400 that names these fields and nothing else."""
    assert answer.status_code == 400, answer.get_data(as_text=True)
    assert list(of_refusal(answer.get_json())) == []
    assert [path for issue in answer.get_json()["issue"] for path in issue["expression"]] == list(at)


# ----- transport -----


@pytest.mark.requirement("R-4", "R-2")
@pytest.mark.parametrize("hook", HOOKS)
def test_what_is_sent_is_strict_json(site: Site, example: Example, hook: str) -> None:
    """A reader that knows neither comments nor trailing commas nor NaN nor repeated members understands it."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    def refuse(constant: str) -> Any:
        raise AssertionError(constant)

    for answer in (site.client.get("/cds-services"), site.call(example(hook)), site.call({"hook": hook})):
        assert json.loads(answer.get_data(), object_pairs_hook=once, parse_constant=refuse)


@pytest.mark.requirement("R-4")
@pytest.mark.parametrize("oddity", ["/* why */ {}", '{"hook": "patient-view",}', '{"hook": NaN}'])
def test_what_is_received_has_to_be_as_well(site: Site, oddity: str) -> None:
    answer = site.client.post("/cds-services/magnesium-patient-view", data=oddity, content_type="application/json")
    assert answer.status_code == 400


@pytest.mark.requirement("R-5", "crd_service_call_test")
@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "application/fhir+json", "text/html"])
@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8"])
def test_json_is_answered_whatever_is_accepted(
    site: Site, example: Example, accept: str | None, content_type: str
) -> None:
    answer = site.client.post(
        "/cds-services/magnesium-patient-view",
        data=json.dumps(example("patient-view")),
        content_type=content_type,
        headers={"Accept": accept} if accept else {},
    )
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert list(of_response(answer.get_json())) == []


# ----- the request -----


@pytest.mark.requirement("R-14", "R-15a", "R-35", "crd_service_call_test")
@pytest.mark.parametrize("hook", HOOKS)
def test_every_service_of_discovery_is_called_where_it_says(site: Site, example: Example, hook: str) -> None:
    for service in site.client.get("/cds-services").get_json()["services"]:
        answer = site.client.post(f"/cds-services/{service['id']}", json=example(hook))
        if service["hook"] == hook:
            assert answer.status_code == 200
        else:
            assert answer.status_code == 400
            assert answer.get_json()["issue"][0]["expression"] == ["hook"]


@pytest.mark.requirement("R-15b")
@pytest.mark.parametrize(
    "instance",
    [
        pytest.param("f1e3a2c0-71f2-11ee-b962-0242ac120002", id="version 1, as Epic sends"),
        pytest.param("d1577c69-dfbe-44ad-ba6d-3e05e953b2ea", id="version 4"),
        pytest.param("D1577C69-DFBE-44AD-BA6D-3E05E953B2EA", id="upper case"),
        pytest.param("018cc251-f400-7cc3-98c4-dc0c0c07398f", id="version 7"),
    ],
)
def test_a_uuid_of_any_kind_is_an_instance_and_may_come_again(site: Site, example: Example, instance: str) -> None:
    body = {**example("patient-view"), "hookInstance": instance}
    assert [site.call(body).status_code for _ in range(2)] == [200, 200]


@pytest.mark.requirement("R-15b")
@pytest.mark.parametrize("instance", ["1", "d1577c69dfbe44adba6d3e05e953b2ea", "urn:uuid:x", 5])
def test_anything_else_is_none(site: Site, example: Example, instance: Any) -> None:
    refused(site.call({**example("patient-view"), "hookInstance": instance}), "hookInstance")


@pytest.mark.requirement("R-15c", "cds-r-1")
@pytest.mark.parametrize("server", [GONE, None, ""])
def test_a_token_without_a_server_is_refused(site: Site, example: Example, server: Any) -> None:
    refused(site.call(changed(example("patient-view"), "fhirServer", server)), "fhirServer")


@pytest.mark.requirement("R-15c", "cds-r-1")
def test_a_server_without_a_token_is_common(site: Site, example: Example) -> None:
    assert site.call(changed(example("patient-view"), "fhirAuthorization", GONE)).status_code == 200


@pytest.mark.requirement("R-15d", "R-30")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("", value) for value in ("t", 5, ["t"])),
        *((name, value) for name in AUTHORIZATION for value in (GONE, None, ["x"])),
        *((name, "") for name in AUTHORIZATION if name != "expires_in"),
        ("token_type", "mac"),
        *(("expires_in", value) for value in ("300", 0, -1, 1.5, True)),
        ("patient", 5),
    ],
)
def test_a_token_that_lacks_something_is_refused(site: Site, example: Example, name: str, value: Any) -> None:
    path = f"fhirAuthorization.{name}".rstrip(".")
    refused(site.call(changed(example("patient-view"), path, value)), path)


@pytest.mark.requirement("R-30", "cds-r-2")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("token_type", "bearer"),
        ("token_type", "BEARER"),
        ("expires_in", 30),
        ("scope", "patient/Observation.read user/*.rs launch"),
        ("scope", "Observation.Search (Labs) (R4) Patient.Read (R4)"),
        ("patient", "example-furosemide"),
        ("patient", GONE),
    ],
)
def test_a_token_as_clients_send_it_is_taken(site: Site, example: Example, name: str, value: Any) -> None:
    body = example("order-sign")
    body["fhirAuthorization"] = {**AUTHORIZATION, "patient": body["context"]["patientId"]}
    assert site.call(changed(body, f"fhirAuthorization.{name}", value)).status_code == 200


@pytest.mark.requirement("R-15e", "status-400")
@pytest.mark.parametrize("context", [GONE, None, {}, [], "x", 5, {"a": 1}])
@pytest.mark.parametrize("hook", HOOKS)
def test_without_a_context_it_is_a_client_error(site: Site, example: Example, hook: str, context: Any) -> None:
    answer = site.call(changed(example(hook), "context", context))
    assert answer.status_code == 400
    assert all(issue["expression"][0].startswith("context") for issue in answer.get_json()["issue"])


@pytest.mark.requirement("R-15f", "prefetch-absent")
@pytest.mark.parametrize("prefetch", [GONE, None, {}])
def test_prefetch_may_be_missing_as_a_whole(site: Site, example: Example, prefetch: Any) -> None:
    body = changed(example("patient-view"), "prefetch", prefetch)
    answer = site.call(body)
    assert answer.status_code == 412
    assert ["prefetch.patient"] in [issue["expression"] for issue in answer.get_json()["issue"]]


@pytest.mark.requirement("R-15g", "R-16")
@pytest.mark.parametrize("hook", HOOKS)
def test_what_is_not_known_changes_nothing(site: Site, example: Example, hook: str) -> None:
    body = example(hook)
    plain = [card["summary"] for card in site.call(body).get_json()["cards"]]
    for unknown in ({"com.epic.cdshooks.request.bpa-trigger-action": "60"}, "x", 5, [1], None):
        body["extension"] = body["context"]["extension"] = body["context"]["more"] = body["more"] = unknown
        assert [card["summary"] for card in site.call(body).get_json()["cards"]] == plain


@pytest.mark.requirement("R-16", "status-400")
@pytest.mark.parametrize(
    "body", ["", "[]", "5", '"x"', "null", '{"hook": "a", "hook": "b"}', '{"a": {"b": 1, "b": 2}}']
)
def test_a_body_that_is_not_one_object_or_says_something_twice_is_refused(site: Site, body: str) -> None:
    answer = site.client.post("/cds-services/magnesium-patient-view", data=body, content_type="application/json")
    assert answer.status_code == 400
    assert list(of_refusal(answer.get_json())) == []


@pytest.mark.requirement("R-17", "status-400")
@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("fhirAuthorization.patient", "somebody-else"),
        ("prefetch.patient.id", "somebody-else"),
        ("patient", "somebody-else"),
    ],
)
def test_two_patients_are_refused(site: Site, example: Example, path: str, value: str) -> None:
    answer = site.call(changed(example("order-sign"), path, value))
    assert answer.status_code == 400
    assert answer.get_json()["issue"][0]["code"] == "conflict"
    assert value not in answer.get_data(as_text=True)


@pytest.mark.requirement("R-17")
@pytest.mark.parametrize("key", ["labs", "medications", "statements", "administrations", "conditions", "encounters"])
@pytest.mark.parametrize("reference", ["Patient/somebody-else", "https://ehr.example.org/fhir/Patient/somebody-else"])
def test_a_resource_of_another_patient_is_refused_and_named(
    site: Site, example: Example, key: str, reference: str
) -> None:
    body = example("patient-view")
    kind, status = {
        "labs": ("Observation", "final"),
        "medications": ("MedicationRequest", "active"),
        "statements": ("MedicationStatement", "active"),
        "administrations": ("MedicationAdministration", "completed"),
        "conditions": ("Condition", "active"),
        "encounters": ("Encounter", "in-progress"),
    }[key]
    foreign = {"resourceType": kind, "id": "x1", "status": status, "subject": {"reference": reference}}
    body["prefetch"][key] = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": foreign}]}
    answer = site.call(body)
    refused(answer, f"prefetch.{key}.entry[0].resource")
    assert "somebody-else" not in answer.get_data(as_text=True)


@pytest.mark.requirement("R-17")
@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
def test_a_draft_for_another_patient_is_refused(site: Site, example: Example, hook: str) -> None:
    body = example(hook)
    order = body["context"]["draftOrders"]["entry"][0]["resource"]
    order["subject"] = {"reference": "Patient/somebody-else"}
    refused(site.call(body), "context.draftOrders.entry[0].resource")


@pytest.mark.requirement("ord-1")
@pytest.mark.parametrize("form", ["MedicationRequest/{}", "{}"])
def test_a_selection_may_be_a_reference_or_an_id(site: Site, example: Example, form: str) -> None:
    body = example("order-select")
    picked = body["context"]["selections"][0].rpartition("/")[2]
    body["context"]["selections"] = [form.format(picked)]
    site.call(body)
    assert [draft.selected for draft in site.evaluations[0].facts.ordering.drafts] == [True]  # type: ignore[union-attr] # it orders


# ----- required fields -----

FIELDS = {
    "hook": ("", 5, True, ["x"], {"a": 1}, "order-dispatch"),
    "hookInstance": ("", 5, True, ["x"], {"a": 1}, "x"),
    "context": ("x", 5, True, ["x"]),
    "context.userId": ("", 5, True, ["x"], {"a": 1}),
    "context.patientId": ("", 5, True, ["x"], {"a": 1}, "a/b", "a b"),
    "context.draftOrders": ("", "x", 5, True, ["x"], {"a": 1}, {"resourceType": "List"}),
    "context.draftOrders.entry": ("x", 5, True, {"a": 1}),
    "context.selections": ("", "x", 5, True, {"a": 1}, [5], [""]),
    "fhirServer": ("x", 5, True, ["x"], {"a": 1}, "file:///etc/passwd"),
    "fhirAuthorization": ("x", 5, True, ["x"], {"a": 1}),
    "prefetch": ("x", 5, True, ["x"]),
}
"""What each field must not hold."""
MAY_BE_MISSING = {"context.draftOrders.entry", "fhirServer", "fhirAuthorization", "prefetch"}
NOT_OF = {
    "patient-view": {"context.draftOrders", "context.draftOrders.entry", "context.selections"},
    "order-sign": {"context.selections"},
}
"""Fields that a hook does not have."""


@pytest.mark.requirement("M-09")
@pytest.mark.parametrize(
    ("hook", "field"), [(hook, field) for hook in HOOKS for field in FIELDS if field not in NOT_OF.get(hook, ())]
)
def test_a_field_that_is_missing_or_ill_typed_is_a_400_that_names_it(
    site: Site, example: Example, hook: str, field: str
) -> None:
    for value in (*FIELDS[field], *(() if field in MAY_BE_MISSING else (GONE, None))):
        answer = site.call(changed(example(hook), field, value), SERVICE_ID[hook])
        assert answer.status_code == 400, value
        named = [path for issue in answer.get_json()["issue"] for path in issue["expression"]]
        assert any(path.startswith(field) for path in named), value
