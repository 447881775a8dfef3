"""Edge cases of what a server may answer, with the answers written out: no socket is opened here."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests
import responses
from responses import matchers

from tests.fhir_server import patients
from tests.fhir_server.conftest import TOKEN, Asking, MakeAsking, cards

URL = "https://ehr.example.org/fhir/r4"
COMPLETE = patients.prefetch("patient-view")


@pytest.fixture
def server() -> Any:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mocked:
        yield mocked


@pytest.fixture
def asking(ask: MakeAsking) -> Asking:
    return ask(URL)


def without(*keys: str) -> dict[str, Any]:
    """Full prefetch but for these keys, and with the Medications of none."""
    return {key: value for key, value in COMPLETE.items() if key not in keys}


def bundle(*found: Any, **members: Any) -> dict[str, Any]:
    entries = [{"resource": resource, "search": {"mode": "match"}} for resource in found]
    return {"resourceType": "Bundle", "type": "searchset", "entry": entries, **members}


def labs() -> list[Any]:
    return [entry["resource"] for entry in COMPLETE["labs"]["entry"]]


def expected(asking: Asking) -> Any:
    return cards(asking.call_with_all("patient-view"))


class TestTheQuestion:
    def test_the_token_is_sent_and_nothing_else_about_anybody(self, server: Any, asking: Asking) -> None:
        server.get(f"{URL}/Condition", json=COMPLETE["conditions"])
        asking.call("patient-view", without("conditions"))
        (call,) = server.calls
        assert call.request.headers["Authorization"] == f"Bearer {TOKEN}"
        assert call.request.url == f"{URL}/Condition?patient=contract-patient-view&_count=200"
        assert "Cookie" not in call.request.headers

    def test_a_long_search_is_posted(self, server: Any, asking: Asking) -> None:
        server.post(f"{URL}/Observation/_search", json=COMPLETE["labs"])
        assert cards(asking.call("patient-view", without("labs"))) == expected(asking)
        (call,) = server.calls
        assert call.request.url == f"{URL}/Observation/_search"
        assert call.request.headers["Content-Type"] == "application/x-www-form-urlencoded"
        form = parse_qs(call.request.body)
        assert form["patient"] == ["contract-patient-view"]
        assert form["_sort"] == ["-date"]
        assert "http://loinc.org|2601-3" in form["code"][0].split(",")

    @pytest.mark.parametrize("status", [400, 403, 404, 405, 415, 501])
    def test_where_it_cannot_be_posted_it_is_asked_in_the_url(self, server: Any, asking: Asking, status: int) -> None:
        server.post(f"{URL}/Observation/_search", status=status)
        server.get(f"{URL}/Observation", json=COMPLETE["labs"])
        assert cards(asking.call("patient-view", without("labs"))) == expected(asking)
        assert [call.request.method for call in server.calls] == ["POST", "GET"]

    @pytest.mark.parametrize("patient", ["a,b", "a|b", "a$b", "a\\b"])
    def test_an_id_that_would_say_more_than_an_id_is_escaped(self, server: Any, asking: Asking, patient: str) -> None:
        server.get(f"{URL}/Condition", json=bundle())
        body = {"context": {"userId": "Practitioner/x", "patientId": patient}}
        asking.call("patient-view", {key: None for key in COMPLETE if key != "conditions"}, **body)
        (call,) = server.calls
        assert parse_qs(call.request.url.partition("?")[2])["patient"] == [patient[0] + "\\" + patient[1:]]

    @pytest.mark.parametrize("patient", ["..", ".", "?x=1", "#", "%2e%2e", "x?y"])
    def test_an_id_leads_to_no_other_address(self, server: Any, asking: Asking, patient: str) -> None:
        body = {"context": {"userId": "Practitioner/x", "patientId": patient}}
        asking.call("patient-view", {key: None for key in COMPLETE if key != "patient"}, **body)
        for call in server.calls:
            path = call.request.url.removeprefix(f"{URL}/Patient/")
            assert path
            assert not set(path) & set("/?#")

    def test_local_codes_of_the_site_are_asked_for_as_well(self, server: Any, ask: MakeAsking, tmp_path: Any) -> None:
        policy = tmp_path / "site.toml"
        policy.write_text('version = "x"\n[local_codes.labs]\n"urn:lab|MG" = "magnesium"\n', encoding="utf-8")
        asking = ask(URL, policy=policy)
        result = json.loads(json.dumps(labs()[0]))
        result["code"] = {"coding": [{"system": "urn:lab", "code": "MG"}]}
        server.post(f"{URL}/Observation/_search", json=bundle(result))
        answer = asking.call("patient-view", without("labs"))
        assert "urn:lab|MG" in parse_qs(server.calls[0].request.body)["code"][0].split(",")
        assert cards(answer)


class TestTheAnswer:
    def test_known_empty_is_an_answer(self, server: Any, asking: Asking) -> None:
        server.get(f"{URL}/Condition", json={"resourceType": "Bundle", "type": "searchset"})
        found = cards(asking.call("patient-view", without("conditions")))
        assert "could not be read" not in json.dumps(found)

    def test_the_read_of_another_patient_is_no_answer(self, server: Any, asking: Asking) -> None:
        server.get(f"{URL}/Patient/contract-patient-view", json={"resourceType": "Patient", "id": "stranger"})
        assert asking.call("patient-view", without("patient")).status_code == 412

    def test_results_of_others_are_left_out_and_results_without_a_patient_reported(
        self, server: Any, asking: Asking
    ) -> None:
        other = {**labs()[0], "id": "other", "subject": {"reference": "Patient/stranger"}}
        nobody = {key: value for key, value in labs()[0].items() if key != "subject"} | {"id": "nobody"}
        server.post(f"{URL}/Observation/_search", json=bundle(*labs(), other, nobody))
        answer = asking.call("patient-view", without("labs"))
        event = asking.events[-1]
        assert answer.status_code == 200
        assert sum(event["unusable"].values()) == 1
        assert next(one for one in asking.events if one.get("need") == "labs")["dropped"] == 1

    @pytest.mark.parametrize("status", ["on-hold", "cancelled", "entered-in-error", "draft", "unknown"])
    def test_orders_in_a_status_that_was_not_asked_for_are_left_out(
        self, server: Any, asking: Asking, status: str
    ) -> None:
        order = {**COMPLETE["medications"]["entry"][0]["resource"], "status": status}
        server.get(f"{URL}/MedicationRequest", json=bundle(order))
        asking.call("patient-view", without("medications"))
        event = next(one for one in asking.events if one.get("need") == "medications")
        assert (event["resources"], event["dropped"]) == (0, 1)

    @pytest.mark.parametrize(
        ("when", "kept"),
        [("2021-01-01", False), ("2021-01-20", True), ("2026-01-15", True), (None, True), ("soon", True)],
    )
    def test_results_of_long_ago_are_left_out_and_undated_ones_are_not(
        self, server: Any, asking: Asking, when: str | None, kept: bool
    ) -> None:
        result = {**labs()[0], "effectiveDateTime": when}
        server.post(f"{URL}/Observation/_search", json=bundle(result))
        asking.call("patient-view", without("labs"))
        event = next(one for one in asking.events if one.get("need") == "labs")
        assert (event["resources"], event["dropped"]) == ((1, 0) if kept else (0, 1))

    def test_tests_that_nobody_asked_for_are_left_out(self, server: Any, asking: Asking) -> None:
        sodium = {**labs()[0], "id": "x", "code": {"coding": [{"system": "http://loinc.org", "code": "2947-0"}]}}
        local = {**labs()[0], "id": "y", "code": {"coding": [{"system": "urn:lab", "code": "2601-3"}]}}
        server.post(f"{URL}/Observation/_search", json=bundle(*labs(), sodium, local))
        assert cards(asking.call("patient-view", without("labs"))) == expected(asking)
        assert next(one for one in asking.events if one.get("need") == "labs")["dropped"] == 2

    def test_the_same_result_twice_counts_once(self, server: Any, asking: Asking) -> None:
        server.post(f"{URL}/Observation/_search", json=bundle(*labs(), *labs()))
        assert cards(asking.call("patient-view", without("labs"))) == expected(asking)

    @pytest.mark.parametrize(
        "junk", [5, "x", None, {}, {"resource": 5}, {"resource": {}}, {"search": {"mode": "match"}}]
    )
    def test_junk_among_the_entries_costs_only_itself(self, server: Any, asking: Asking, junk: Any) -> None:
        answer = {**bundle(*labs())}
        answer["entry"] = [junk, *answer["entry"]]
        server.post(f"{URL}/Observation/_search", json=answer)
        found = asking.call("patient-view", without("labs"))
        assert cards(found)
        assert sum(asking.events[-1]["unusable"].values()) == 1

    @pytest.mark.parametrize(
        "junk",
        ['{"resourceType": "Bundle", "entry": {}}', '{"resourceType": "Bundle", "entry": "x"}', "null", "5", '"x"', "",
         '{"resourceType": "Bundle", "entry": [], "entry": []}', "{", '{"entry": []}', '{"resourceType": 5}'],
    )  # fmt: skip
    def test_what_is_no_bundle_is_not_read_as_no_labs(self, server: Any, asking: Asking, junk: str) -> None:
        server.post(f"{URL}/Observation/_search", body=junk)
        assert asking.call("patient-view", without("labs")).status_code == 412


class TestPages:
    def test_a_search_with_old_results_is_not_read_to_its_end(self, server: Any, asking: Asking) -> None:
        """Sorted newest first, as asked: after a page that ends before the look-back nothing is of interest."""
        old = {**labs()[0], "id": "old", "effectiveDateTime": "2019-01-01"}
        link = [{"relation": "next", "url": f"{URL}?page=2"}]
        ordered = sorted(labs(), key=lambda one: str(one["effectiveDateTime"]), reverse=True)
        server.post(f"{URL}/Observation/_search", json=bundle(*ordered, old, link=link))
        assert cards(asking.call("patient-view", without("labs"))) == expected(asking)
        assert len(server.calls) == 1

    def test_unless_the_server_does_not_keep_to_the_order(self, server: Any, asking: Asking) -> None:
        old = {**labs()[0], "id": "old", "effectiveDateTime": "2019-01-01"}
        link = [{"relation": "next", "url": f"{URL}?page=2"}]
        server.post(f"{URL}/Observation/_search", json=bundle(old, link=link))
        server.post(f"{URL}/Observation/_search", json=bundle(old, labs()[1], old, link=link))
        server.get(f"{URL}?page=2", json=bundle(*labs()))
        asking.call("patient-view", without("labs"))
        unordered = bundle(old, *labs()[1:], {**old, "id": "older"}, link=link)
        server.reset()
        server.post(f"{URL}/Observation/_search", json=unordered)
        server.get(f"{URL}?page=2", json=bundle(labs()[0]), match=[matchers.query_param_matcher({"page": "2"})])
        assert cards(asking.call("patient-view", without("labs"))) == expected(asking)

    def test_of_the_heart_rate_the_newest_are_enough(self, server: Any, asking: Asking) -> None:
        rate = COMPLETE["vitals"]["entry"][0]["resource"]
        rates = [{**rate, "id": f"r{n}", "effectiveDateTime": patients.time(hours=n)} for n in range(10)]
        server.get(f"{URL}/Observation", json=bundle(*rates, link=[{"relation": "next", "url": f"{URL}?page=2"}]))
        answer = asking.call("patient-view", without("vitals"))
        assert len(server.calls) == 1
        assert "only in part" not in answer.get_data(as_text=True)

    @pytest.mark.parametrize("url", [None, 5, "", {}])
    def test_a_next_without_an_address_is_a_part(self, server: Any, asking: Asking, url: Any) -> None:
        server.post(f"{URL}/Observation/_search", json=bundle(*labs(), link=[{"relation": "next", "url": url}]))
        server.get(URL, status=404)
        answer = asking.call("patient-view", without("labs"))
        assert "arrived only in part: laboratory results" in answer.get_data(as_text=True)

    def test_a_relative_next_is_followed(self, server: Any, asking: Asking) -> None:
        link = [{"relation": "next", "url": "?page=2"}]
        server.post(f"{URL}/Observation/_search", json=bundle(*labs()[:2], link=link))
        second = matchers.query_param_matcher({"page": "2"})
        server.get(f"{URL}/Observation", json=bundle(*labs()[2:]), match=[second])
        assert cards(asking.call("patient-view", without("labs"))) == expected(asking)

    def test_pages_are_counted(self, server: Any, ask: MakeAsking) -> None:
        asking = ask(URL, fhir_max_pages=3)
        for page in range(9):
            link = [{"relation": "next", "url": f"{URL}/Condition?page={page + 1}"}]
            only = [matchers.query_param_matcher({"page": str(page)})] if page else []
            server.get(f"{URL}/Condition", json=bundle(*_entries("conditions"), link=link), match=only)
        answer = asking.call("patient-view", without("conditions"))
        assert len(server.calls) == 3
        assert "arrived only in part: the problem list" in answer.get_data(as_text=True)

    def test_bytes_are_counted_over_all_pages(self, server: Any, ask: MakeAsking) -> None:
        size = len(json.dumps(bundle(*_entries("conditions"))))
        asking = ask(URL, fhir_max_bytes=2 * size + 500)
        for page in range(9):
            link = [{"relation": "next", "url": f"{URL}/Condition?page={page + 1}"}]
            only = [matchers.query_param_matcher({"page": str(page)})] if page else []
            server.get(f"{URL}/Condition", json=bundle(*_entries("conditions"), link=link), match=only)
        answer = asking.call("patient-view", without("conditions"))
        assert len(server.calls) == 3
        assert "arrived only in part: the problem list" in answer.get_data(as_text=True)


def _entries(key: str) -> list[Any]:
    return [entry["resource"] for entry in COMPLETE[key]["entry"]]


class TestMedications:
    def drugs(self) -> dict[str, Any]:
        return {one["id"]: one for one in _entries("medications") if one["resourceType"] == "Medication"}

    def orders(self) -> list[Any]:
        return [one for one in _entries("medications") if one["resourceType"] == "MedicationRequest"]

    def test_included_ones_are_not_read_again(self, server: Any, asking: Asking) -> None:
        server.get(f"{URL}/MedicationRequest", json=COMPLETE["medications"])
        assert cards(asking.call("patient-view", without("medications"))) == expected(asking)
        assert len(server.calls) == 1
        assert "_include=MedicationRequest:medication" in server.calls[0].request.url

    def test_others_are_read_each_once(self, server: Any, asking: Asking) -> None:
        again = [{**order, "id": f"{order['id']}-again"} for order in self.orders()]
        server.get(f"{URL}/MedicationRequest", json=bundle(*self.orders(), *again))
        for own_id, drug in self.drugs().items():
            server.get(f"{URL}/Medication/{own_id}", json=drug)
        asking.call("patient-view", without("medications"))
        read = [call.request.url for call in server.calls if "/Medication/" in call.request.url]
        assert sorted(read) == sorted(f"{URL}/Medication/{own_id}" for own_id in self.drugs())

    @pytest.mark.parametrize("form", ["{}", "{}/_history/3", URL + "/{}", URL + "/{}/_history/3"])
    def test_references_of_every_form_are_read(self, server: Any, asking: Asking, form: str) -> None:
        orders = [
            {**order, "medicationReference": {"reference": form.format(order["medicationReference"]["reference"])}}
            for order in self.orders()
        ]
        server.get(f"{URL}/MedicationRequest", json=bundle(*orders))
        for own_id, drug in self.drugs().items():
            server.get(f"{URL}/Medication/{own_id}", json=drug)
        assert cards(asking.call("patient-view", without("medications"))) == expected(asking)

    @pytest.mark.parametrize(
        "literal",
        [
            "https://evil.example/fhir/Medication/m1",
            "https://ehr.example.org/other/Medication/m1",
            "urn:uuid:8d9f8b0e-3f3a-4f65-8a9b-0c6f6b1e1f10",
            "Substance/m1",
            "Medication/",
            "Medication/..",
            "#m1",
        ],
    )
    def test_others_are_not_read_and_the_order_is_reported(self, server: Any, asking: Asking, literal: str) -> None:
        order = {**self.orders()[0], "medicationReference": {"reference": literal}}
        server.get(f"{URL}/MedicationRequest", json=bundle(order))
        asking.call("patient-view", without("medications"))
        assert len(server.calls) == 1
        assert sum(asking.events[-1]["unusable"].values()) == 1

    def test_one_that_cannot_be_read_costs_only_its_order(self, server: Any, asking: Asking) -> None:
        server.get(f"{URL}/MedicationRequest", json=bundle(*self.orders()))
        for own_id, drug in self.drugs().items():
            if "omeprazole" in own_id:
                server.get(f"{URL}/Medication/{own_id}", status=404)
            else:
                server.get(f"{URL}/Medication/{own_id}", json=drug)
        assert cards(asking.call("patient-view", without("medications")))
        assert sum(asking.events[-1]["unusable"].values()) == 1

    def test_a_mixture_s_parts_are_read(self, server: Any, asking: Asking) -> None:
        order = {**self.orders()[0], "medicationReference": {"reference": "Medication/mixture"}}
        furosemide = next(drug for drug in self.drugs().values() if "furosemide" in drug["id"])
        mixture = {
            "resourceType": "Medication",
            "id": "mixture",
            "ingredient": [{"itemReference": {"reference": "Medication/part"}}],
        }
        server.get(f"{URL}/MedicationRequest", json=bundle(order))
        server.get(f"{URL}/Medication/mixture", json=mixture)
        server.get(f"{URL}/Medication/part", json={**furosemide, "id": "part"})
        asking.call("patient-view", without("medications"))
        assert "unusable" not in asking.events[-1]


class TestWhetherToAsk:
    def test_an_operation_outcome_in_prefetch_is_not_asked_again(self, server: Any, asking: Asking) -> None:
        outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]}
        answer = asking.call("patient-view", {**COMPLETE, "conditions": outcome})
        assert "could not be read: the problem list" in answer.get_data(as_text=True)
        assert not server.calls

    @pytest.mark.parametrize("known", [None, {"resourceType": "Bundle", "type": "searchset", "total": 0}])
    def test_known_empty_is_not_asked_again(self, server: Any, asking: Asking, known: Any) -> None:
        assert asking.call("patient-view", {**COMPLETE, "conditions": known}).status_code == 200
        assert not server.calls

    def test_what_is_no_answer_is_asked(self, server: Any, asking: Asking) -> None:
        server.get(f"{URL}/Condition", json=COMPLETE["conditions"])
        assert cards(asking.call("patient-view", {**COMPLETE, "conditions": "x"})) == expected(asking)
        assert len(server.calls) == 1

    def test_without_a_token_a_production_service_asks_nobody(self, server: Any, ask: MakeAsking) -> None:
        asking = ask(URL, profile="production")
        answer = asking.call("patient-view", without("labs"), fhirAuthorization=None)
        assert answer.status_code == 412
        assert "no usable fhirAuthorization" in answer.get_json()["issue"][0]["diagnostics"]
        assert not server.calls

    def test_without_a_token_a_service_in_development_may_ask_a_listed_server(
        self, server: Any, asking: Asking
    ) -> None:
        server.get(f"{URL}/Condition", json=COMPLETE["conditions"])
        answer = asking.call("patient-view", without("conditions"), fhirAuthorization=None)
        assert cards(answer) == expected(asking)
        assert "Authorization" not in server.calls[0].request.headers

    @pytest.mark.parametrize("token", ["a b", "a\r\nX-Injected: 1", "tök", "\x00"])
    def test_a_token_that_is_more_than_a_token_is_not_sent(self, server: Any, asking: Asking, token: str) -> None:
        authorization = {"access_token": token, "token_type": "Bearer", "expires_in": 1, "scope": "x", "subject": "x"}
        answer = asking.call("patient-view", without("labs"), fhirAuthorization=authorization)
        assert answer.status_code == 412
        assert not server.calls

    def test_without_a_server_nothing_changes(self, server: Any, asking: Asking) -> None:
        answer = asking.call("patient-view", without("labs"), fhirServer=None, fhirAuthorization=None)
        assert answer.status_code == 412
        assert "could not be fetched" not in answer.get_data(as_text=True)


class TestTrying:
    def test_429_is_waited_out_if_there_is_time(self, server: Any, asking: Asking) -> None:
        server.get(f"{URL}/Condition", status=429, headers={"Retry-After": "0"})
        server.get(f"{URL}/Condition", json=COMPLETE["conditions"])
        assert cards(asking.call("patient-view", without("conditions"))) == expected(asking)

    @pytest.mark.parametrize(
        "after", ["61", "3600", "99999999999999999999", "-1", "soon", "Wed, 21 Oct 2026 07:28:00 GMT"]
    )
    def test_but_not_longer(self, server: Any, asking: Asking, after: str) -> None:
        server.get(f"{URL}/Condition", status=429, headers={"Retry-After": after})
        answer = asking.call("patient-view", without("conditions"))
        assert "could not be read: the problem list" in answer.get_data(as_text=True)
        assert len(server.calls) == 1

    def test_a_broken_connection_gets_a_second_chance_and_no_third(self, server: Any, asking: Asking) -> None:
        server.get(f"{URL}/Condition", body=requests.ConnectionError("reset"))
        answer = asking.call("patient-view", without("conditions"))
        assert "could not be read: the problem list" in answer.get_data(as_text=True)
        assert len(server.calls) == 2


class TestSecrets:
    @pytest.mark.parametrize("status", [200, 302, 401, 404, 429, 500])
    def test_the_token_is_in_no_answer_and_no_log(
        self, server: Any, asking: Asking, status: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("DEBUG")
        echo = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "diagnostics": TOKEN}]}
        server.get(f"{URL}/Condition", json=echo, status=status, headers={"X-Echo": TOKEN})
        server.post(f"{URL}/Observation/_search", json=echo, status=status)
        answer = asking.call("patient-view", without("conditions", "labs"))
        assert server.calls
        assert TOKEN not in answer.get_data(as_text=True) + asking.log.getvalue() + caplog.text
        assert "contract-patient-view" not in asking.log.getvalue()

    def test_nor_if_a_bug_of_ours_comes_up_on_the_way(
        self, server: Any, asking: Asking, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fails(*_: Any, **__: Any) -> Any:
            raise RuntimeError(f"Bearer {TOKEN}")

        monkeypatch.setattr("cds_service.fhir_client.decode", fails)
        server.get(f"{URL}/Condition", json={})
        answer = asking.call("patient-view", without("conditions"))
        assert answer.status_code == 500
        assert TOKEN not in answer.get_data(as_text=True) + asking.log.getvalue()
