"""What a CDS Hooks request must say, what may be missing, and what is forgiven."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from cds_service.envelope import HookRequest, parse_body, read_request
from cds_service.errors import RequestError

AUTHORIZATION = {
    "access_token": "secret",
    "token_type": "Bearer",
    "expires_in": 300,
    "scope": "user/Observation.rs",
    "subject": "magnesium-cds",
    "patient": "p1",
}


def patient_view(**changed: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "hook": "patient-view",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {"userId": "Practitioner/1", "patientId": "p1"},
    }
    return {**body, **changed}


def order_hook(hook: str, **context: Any) -> dict[str, Any]:
    drafts = {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "MedicationRequest", "id": "m"}}]}
    complete: dict[str, Any] = {"userId": "Practitioner/1", "patientId": "p1", "draftOrders": drafts}
    if hook == "order-select":
        complete["selections"] = ["MedicationRequest/m"]
    return patient_view(hook=hook, context={**complete, **context})


def read(body: dict[str, Any]) -> HookRequest:
    return read_request(body, hook=body["hook"])


def refused(body: dict[str, Any], hook: str = "patient-view") -> dict[str, str]:
    """Return what is wrong: the path of each field and the code of its issue."""
    with pytest.raises(RequestError) as caught:
        read_request(body, hook=hook)
    assert caught.value.status == 400
    return {issue.at: issue.code.value for issue in caught.value.issues}


class TestTheBody:
    @pytest.mark.parametrize("body", [b"[]", b'"x"', b"1", b"1.5", b"null", b"true"])
    def test_it_is_an_object(self, body: bytes) -> None:
        with pytest.raises(RequestError) as caught:
            parse_body(body, max_depth=64)
        assert caught.value.status == 400
        assert [issue.code for issue in caught.value.issues] == ["structure"]

    def test_bad_json_is_a_client_error(self) -> None:
        with pytest.raises(RequestError) as caught:
            parse_body(b"{", max_depth=64)
        assert caught.value.status == 400

    def test_all_that_is_wrong_is_said_at_once(self) -> None:
        assert refused({"hook": "patient-view", "context": {"patientId": 7}}) == {
            "hookInstance": "required",
            "context.patientId": "structure",
            "context.userId": "required",
        }

    def test_unknown_members_are_ignored(self) -> None:
        body = patient_view(applyCql="true", extension={"x": {"y": 1}})
        body["context"]["department"] = 7
        assert read(body).patient_id == "p1"


class TestHookAndInstance:
    def test_another_hook_than_the_service_answers(self) -> None:
        assert refused(patient_view(hook="order-sign")) == {"hook": "value"}

    @pytest.mark.parametrize(("value", "code"), [(None, "required"), ("", "required"), (3, "structure")])
    def test_a_hook_is_required(self, value: Any, code: str) -> None:
        assert refused(patient_view(hook=value)) == {"hook": code}

    @pytest.mark.parametrize(
        "instance",
        [
            "3aac2264-2d37-11ee-be56-0242ac120002",
            "3AAC2264-2D37-11EE-BE56-0242AC120002",
            "226b8876-8786-439c-8056-42d98bd33bee",
            "018f4e3e-7f2b-7cc1-9d4f-2d3c4b5a6978",
        ],
        ids=["version 1, as Epic sends", "upper case", "version 4", "version 7"],
    )
    def test_any_uuid_will_do(self, instance: str) -> None:
        assert read(patient_view(hookInstance=instance)).hook_instance == instance

    @pytest.mark.parametrize("instance", ["1", "urn:uuid:226b8876-8786-439c-8056-42d98bd33bee", "226b88768786439c"])
    def test_what_is_no_uuid_is_refused(self, instance: str) -> None:
        assert refused(patient_view(hookInstance=instance)) == {"hookInstance": "value"}


class TestWhoseChart:
    @pytest.mark.parametrize("blank", [None, "", [], {}])
    def test_a_context_is_required(self, blank: Any) -> None:
        assert refused(patient_view(context=blank)) == {"context": "required"}

    @pytest.mark.parametrize("context", ["p1", 1, [{"patientId": "p1"}]])
    def test_a_context_is_an_object(self, context: Any) -> None:
        assert refused(patient_view(context=context)) == {"context": "structure"}

    @pytest.mark.parametrize("blank", [None, ""])
    def test_a_patient_is_required(self, blank: Any) -> None:
        body = patient_view(context={"userId": "Practitioner/1", "patientId": blank})
        assert refused(body) == {"context.patientId": "required"}

    @pytest.mark.parametrize("sent", ["p1", "Patient/p1", " p1 "])
    def test_an_id_may_carry_its_type(self, sent: str) -> None:
        assert read(patient_view(context={"userId": "u", "patientId": sent})).patient_id == "p1"

    def test_an_id_of_194_characters_is_an_id(self) -> None:
        long_id = "e" * 194
        assert read(patient_view(context={"userId": "u", "patientId": long_id})).patient_id == long_id

    @pytest.mark.parametrize(
        "sent",
        ["Group/p1", "Patient/p1/_history/2", "https://fhir.example.org/Patient/p1", "Patient/", "a b", "a\tb", " "],
    )
    def test_what_is_not_clearly_one_patient_is_refused(self, sent: str) -> None:
        body = patient_view(context={"userId": "u", "patientId": sent})
        assert refused(body) == {"context.patientId": "value"}

    def test_older_clients_name_the_patient_beside_the_context(self) -> None:
        assert read(patient_view(patient="Patient/p1", context={"userId": "u"})).patient_id == "p1"

    def test_the_same_patient_twice_is_one_patient(self) -> None:
        assert read(patient_view(patient="Patient/p1")).patient_id == "p1"

    def test_two_patients_are_refused(self) -> None:
        assert refused(patient_view(patient="p2")) == {"patient": "conflict"}

    def test_a_patient_beside_does_not_excuse_a_wrong_one_in_the_context(self) -> None:
        body = patient_view(patient="p1", context={"userId": "u", "patientId": 5})
        assert refused(body) == {"context.patientId": "structure"}

    @pytest.mark.parametrize(("sent", "expected"), [("e1", "e1"), ("Encounter/e1", "e1"), ("", None), (None, None)])
    def test_an_encounter_is_optional(self, sent: Any, expected: str | None) -> None:
        context = {"userId": "u", "patientId": "p1", "encounterId": sent}
        assert read(patient_view(context=context)).encounter_id == expected

    def test_an_encounter_must_be_one(self) -> None:
        context = {"userId": "u", "patientId": "p1", "encounterId": "Patient/e1"}
        assert refused(patient_view(context=context)) == {"context.encounterId": "value"}


class TestWhoAsks:
    @pytest.mark.parametrize(
        "body",
        [
            patient_view(),
            patient_view(context={"patientId": "p1"}, userId="Practitioner/1"),
            patient_view(context={"patientId": "p1"}, user="Practitioner/1"),
            patient_view(context={"patientId": "p1", "userId": ""}, user="Practitioner/1"),
        ],
        ids=["in the context", "userId beside it", "user beside it", "blank in the context"],
    )
    def test_the_user_is_found_where_clients_put_it(self, body: dict[str, Any]) -> None:
        assert read(body).user_id == "Practitioner/1"

    def test_a_user_is_required(self) -> None:
        assert refused(patient_view(context={"patientId": "p1"})) == {"context.userId": "required"}

    def test_a_user_is_a_string(self) -> None:
        body = patient_view(context={"patientId": "p1", "userId": 5})
        assert refused(body) == {"context.userId": "structure"}


class TestDraftOrders:
    def test_patient_view_needs_none(self) -> None:
        assert read(patient_view()).drafts is None

    def test_order_select_has_drafts_and_selections(self) -> None:
        drafts = read(order_hook("order-select")).drafts
        assert drafts is not None
        assert drafts.selections == ("MedicationRequest/m",)
        assert len(drafts.bundle["entry"]) == 1

    def test_order_sign_signs_all_of_them(self) -> None:
        drafts = read(order_hook("order-sign", selections=["ignored"])).drafts
        assert drafts is not None
        assert drafts.selections is None

    @pytest.mark.parametrize("hook", ["order-select", "order-sign"])
    @pytest.mark.parametrize("blank", [None, "", {}, []])
    def test_missing_drafts_say_what_to_do(self, hook: str, blank: Any) -> None:
        with pytest.raises(RequestError) as caught:
            read(order_hook(hook, draftOrders=blank))
        (issue,) = caught.value.issues
        assert (issue.at, issue.code) == ("context.draftOrders", "required")
        assert "scopes" in issue.text

    @pytest.mark.parametrize(
        ("drafts", "at", "code"),
        [
            ([{"resourceType": "MedicationRequest"}], "context.draftOrders", "structure"),
            ("Bundle", "context.draftOrders", "structure"),
            ({"resourceType": "MedicationRequest"}, "context.draftOrders.resourceType", "value"),
            ({"entry": []}, "context.draftOrders.resourceType", "value"),
            ({"resourceType": "Bundle", "entry": {"resource": {}}}, "context.draftOrders.entry", "structure"),
            ({"resourceType": "Bundle", "entry": 0}, "context.draftOrders.entry", "structure"),
        ],
    )
    def test_drafts_are_a_bundle(self, drafts: Any, at: str, code: str) -> None:
        assert refused(order_hook("order-sign", draftOrders=drafts), "order-sign") == {at: code}

    @pytest.mark.parametrize("entry", [{}, {"entry": []}, {"entry": None}])
    def test_a_bundle_without_orders_or_type_is_a_bundle(self, entry: dict[str, Any]) -> None:
        assert read(order_hook("order-sign", draftOrders={"resourceType": "Bundle", **entry})).drafts is not None

    @pytest.mark.parametrize(
        ("selections", "at", "code"),
        [
            (None, "context.selections", "required"),
            ("", "context.selections", "required"),
            ("MedicationRequest/m", "context.selections", "structure"),
            ({"0": "m"}, "context.selections", "structure"),
            (["m", 5], "context.selections[1]", "structure"),
            (["m", ""], "context.selections[1]", "structure"),
        ],
    )
    def test_selections_are_strings(self, selections: Any, at: str, code: str) -> None:
        assert refused(order_hook("order-select", selections=selections), "order-select") == {at: code}

    def test_nothing_selected_is_an_empty_selection(self) -> None:
        drafts = read(order_hook("order-select", selections=[])).drafts
        assert drafts is not None
        assert drafts.selections == ()


class TestFhirAccess:
    @pytest.mark.parametrize("blank", [None, ""])
    def test_none_is_needed(self, blank: Any) -> None:
        request = read(patient_view(fhirServer=blank, fhirAuthorization=None))
        assert request.fhir_server is None
        assert request.fhir_authorization is None

    def test_a_server_without_a_token_is_common(self) -> None:
        assert read(patient_view(fhirServer="http://localhost:2020/r4")).fhir_server == "http://localhost:2020/r4"

    @pytest.mark.parametrize(
        ("server", "code"),
        [
            ("fhir.example.org", "value"),
            ("/r4", "value"),
            ("ftp://fhir.example.org", "value"),
            ("file:///etc/hosts", "value"),
            ("https://", "value"),
            ("https://fhir example.org", "value"),
            ("https://fhir.example.org:port/", "value"),
            ("https://[::1", "value"),
            (["https://fhir.example.org"], "structure"),
        ],
    )
    def test_a_server_is_a_web_address(self, server: Any, code: str) -> None:
        assert refused(patient_view(fhirServer=server)) == {"fhirServer": code}

    def test_a_token_with_its_server(self) -> None:
        request = read(patient_view(fhirServer="https://fhir.example.org/r4", fhirAuthorization=AUTHORIZATION))
        assert request.fhir_authorization is not None
        assert request.fhir_authorization.access_token == "secret"  # noqa: S105  that is the point

    def test_a_token_without_a_server_is_of_no_use(self) -> None:
        assert refused(patient_view(fhirAuthorization=AUTHORIZATION)) == {"fhirServer": "required"}

    @pytest.mark.parametrize(
        ("member", "value", "code"),
        [
            ("access_token", None, "required"),
            ("access_token", "", "required"),
            ("access_token", 5, "structure"),
            ("token_type", "Basic", "value"),
            ("token_type", None, "required"),
            ("expires_in", None, "required"),
            ("expires_in", "300", "value"),
            ("expires_in", 0, "value"),
            ("expires_in", True, "value"),
            ("scope", "", "required"),
            ("subject", None, "required"),
            ("patient", "p2", "conflict"),
            ("patient", 5, "structure"),
        ],
    )
    def test_members_of_the_authorization(self, member: str, value: Any, code: str) -> None:
        body = patient_view(
            fhirServer="https://fhir.example.org/r4", fhirAuthorization={**AUTHORIZATION, member: value}
        )
        assert refused(body) == {f"fhirAuthorization.{member}": code}

    @pytest.mark.parametrize(
        ("member", "value"),
        [("token_type", "bearer"), ("patient", None), ("patient", "Patient/p1"), ("scope", "Epic Name (Read) x")],
    )
    def test_what_the_authorization_may_look_like(self, member: str, value: Any) -> None:
        body = patient_view(
            fhirServer="https://fhir.example.org/r4", fhirAuthorization={**AUTHORIZATION, member: value}
        )
        assert read(body).fhir_authorization is not None

    def test_a_token_is_never_shown(self) -> None:
        body = patient_view(fhirServer="https://fhir.example.org/r4", fhirAuthorization=AUTHORIZATION)
        request = read(body)
        assert "secret" not in repr(request) + repr(request.fhir_authorization)
        assert "p1" not in repr(request)


class TestPrefetchMember:
    @pytest.mark.parametrize("blank", [None, "", {}, []])
    def test_it_may_be_missing(self, blank: Any) -> None:
        assert read(patient_view(prefetch=blank)).prefetch == {}

    @pytest.mark.parametrize("prefetch", [[1], "x", 5, True])
    def test_it_is_an_object(self, prefetch: Any) -> None:
        assert refused(patient_view(prefetch=prefetch)) == {"prefetch": "structure"}


def test_a_refusal_names_fields_and_repeats_no_value() -> None:
    body = copy.deepcopy(patient_view(hook="Rosa", hookInstance="Rosa", fhirServer="Rosa", patient="Rosa"))
    with pytest.raises(RequestError) as caught:
        read_request(body, hook="patient-view")
    assert len(caught.value.issues) == 4
    assert "Rosa" not in str(caught.value)
