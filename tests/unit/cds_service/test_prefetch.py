"""The classification table of ``cds_service.prefetch``, row by row: data, known empty, or unknown."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.errors import RequestError
from cds_service.prefetch import Outcome, classify, gather, receive
from cds_service.settings import DEFAULT_PREFETCH_KEYS
from fhir_mappings.queries import Query
from magnesium.facts import Need

QUERIES = (
    Query(Need.PATIENT, "Patient/{{context.patientId}}", required=True),
    Query(Need.LABS, "Observation?patient={{context.patientId}}", required=True),
    Query(Need.MEDICATIONS, "MedicationRequest?patient={{context.patientId}}", required=True),
    Query(Need.CONDITIONS, "Condition?patient={{context.patientId}}", required=False),
)
PATIENT = {"resourceType": "Patient", "id": "p1"}
RESULT = {"resourceType": "Observation", "id": "o1"}
ORDER = {"resourceType": "MedicationRequest", "id": "m1"}
DRUG = {"resourceType": "Medication", "id": "d1"}


def outcome(*severities: str) -> dict[str, Any]:
    return {"resourceType": "OperationOutcome", "issue": [{"severity": s, "code": "x"} for s in severities]}


def bundle(*resources: Any, **members: Any) -> dict[str, Any]:
    entries = {"entry": [{"resource": resource} for resource in resources]} if resources else {}
    return {"resourceType": "Bundle", "type": "searchset", **entries, **members}


EPIC_NO_RESULTS = bundle(
    {
        "resourceType": "OperationOutcome",
        "issue": [
            {
                "severity": "warning",
                "code": "processing",
                "details": {"coding": [{"system": "urn:oid:1.2.840.114350.1.13.0.1.7.2.657369", "code": "4101"}]},
            }
        ],
    },
    total=0,
)
NEXT = [{"relation": "self", "url": "https://x/1"}, {"relation": "next", "url": "https://x/2"}]


class TestOneValue:
    @pytest.mark.parametrize(
        "value",
        [
            None,
            "",
            bundle(),
            bundle(total=0),
            bundle(entry=[]),
            bundle(entry=None),
            {"resourceType": "Bundle"},
            EPIC_NO_RESULTS,
            bundle(outcome("information", "warning")),
            {"response": {"status": "200 OK"}, "resource": bundle(total=0)},
            {"response": {"status": "200 OK"}, "resource": None},
            {"response": {"status": "204"}},
        ],
        ids=[
            "null",
            "blank",
            "no entry",
            "total 0",
            "empty entry",
            "null entry",
            "without type",
            "Epic's no results",
            "remarks only",
            "wrapped empty Bundle",
            "wrapped null",
            "wrapped nothing",
        ],
    )
    def test_known_empty(self, value: Any) -> None:
        came = classify(value, "Observation")
        assert came.outcome is Outcome.EMPTY
        assert came.resources == ()
        assert not came.partial

    @pytest.mark.parametrize(
        "value",
        [
            bundle(RESULT),
            bundle(RESULT, total=1),
            bundle(RESULT, outcome("warning")),
            {"response": {"status": "200 OK"}, "resource": bundle(RESULT)},
            {"response": {"status": 200}, "resource": bundle(RESULT)},
            {"resourceType": "Bundle", "entry": [RESULT]},
        ],
        ids=["Bundle", "with total", "with a warning beside", "wrapped", "wrapped, status a number", "bare entries"],
    )
    def test_data(self, value: Any) -> None:
        came = classify(value, "Observation")
        assert came.outcome is Outcome.DATA
        assert came.resources == (RESULT,)
        assert not came.partial

    @pytest.mark.parametrize(
        "value",
        [
            outcome("error"),
            outcome("warning"),
            bundle(outcome("error")),
            bundle(outcome("fatal")),
            bundle(RESULT, outcome("error")),
            bundle(outcome("warning"), outcome("error")),
            bundle({"resourceType": "OperationOutcome"}),
            bundle({"resourceType": "OperationOutcome", "issue": []}),
            bundle({"resourceType": "OperationOutcome", "issue": ["?"]}),
            bundle({"resourceType": "OperationOutcome", "issue": [{"severity": "odd"}]}),
            bundle({"resourceType": "OperationOutcome", "issue": [{"severity": ["warning"]}]}),
            bundle({"resourceType": "OperationOutcome", "issue": [{"severity": {}}]}),
            {"response": {"status": "404"}, "resource": None},
            {"response": {"status": "500"}, "resource": bundle(RESULT)},
            {"response": "200", "resource": bundle(RESULT)},
        ],
        ids=[
            "bare outcome",
            "bare outcome, a warning",
            "error entry",
            "fatal entry",
            "error beside data",
            "error after a warning",
            "no issue",
            "empty issue",
            "issue of another type",
            "unknown severity",
            "severity a list",
            "severity an object",
            "wrapped 404",
            "wrapped 500 with data",
            "wrapper without status",
        ],
    )
    def test_failed(self, value: Any) -> None:
        came = classify(value, "Observation")
        assert came.outcome is Outcome.FAILED
        assert came.resources == ()

    @pytest.mark.parametrize(
        "value",
        [
            "123",
            5,
            True,
            [RESULT],
            {},
            {"entry": []},
            {"resourceType": "Condition"},
            {"resourceType": 5},
            bundle(ORDER),
            bundle(entry={"resource": RESULT}),
            bundle(entry="x"),
            bundle("x"),
            bundle(total=4),
            bundle(link=NEXT),
            {"response": {"status": "200"}, "resource": "x"},
            {"response": {"status": "200"}, "resource": {"response": {"status": "200"}}},
        ],
        ids=[
            "string id, as in an old example of the specification",
            "number",
            "boolean",
            "array",
            "empty object",
            "no resourceType",
            "another type",
            "type no string",
            "Bundle of another type",
            "entry an object",
            "entry a string",
            "nothing but an unreadable entry",
            "counted, but not sent",
            "only on the next page",
            "wrapped string",
            "wrapper in a wrapper",
        ],
    )
    def test_unusable(self, value: Any) -> None:
        assert classify(value, "Observation").outcome is Outcome.UNUSABLE

    @pytest.mark.parametrize(
        "value",
        [bundle(RESULT, link=NEXT), bundle(RESULT, total=2), RESULT],
        ids=["next link", "total above what came", "one resource where a search was asked"],
    )
    def test_partial(self, value: Any) -> None:
        came = classify(value, "Observation")
        assert came.outcome is Outcome.DATA
        assert came.partial

    def test_a_patient_is_one_resource(self) -> None:
        came = classify(PATIENT, "Patient")
        assert came.outcome is Outcome.DATA
        assert not came.partial

    def test_a_patient_in_a_bundle_is_data_too(self) -> None:
        assert classify(bundle(PATIENT, total=1), "Patient").resources == (PATIENT,)

    def test_what_was_included_comes_along_and_is_not_counted_as_a_match(self) -> None:
        came = classify(bundle(ORDER, DRUG, total=1), "MedicationRequest")
        assert came.resources == (ORDER, DRUG)
        assert not came.partial

    def test_an_unreadable_entry_is_left_to_the_readers(self) -> None:
        assert classify(bundle(RESULT, "x", None), "Observation").resources == (RESULT, "x", None)

    def test_entries_bring_their_address(self) -> None:
        entry = {"fullUrl": "urn:uuid:1", "resource": RESULT}
        came = classify({"resourceType": "Bundle", "entry": [entry]}, "Observation")
        assert came.resources == ({**RESULT, "_fullUrl": "urn:uuid:1"},)
        assert "_fullUrl" not in RESULT

    @pytest.mark.parametrize("total", ["3", True, None, [3]])
    def test_a_total_that_is_no_number_says_nothing(self, total: Any) -> None:
        assert not classify(bundle(RESULT, total=total), "Observation").partial

    @pytest.mark.parametrize("link", [None, "next", ["next"], [{"relation": "self"}], {"relation": "next"}])
    def test_links_that_lead_nowhere(self, link: Any) -> None:
        assert not classify(bundle(RESULT, link=link), "Observation").partial


class TestKeys:
    def received(self, prefetch: dict[str, Any]) -> dict[Need, Outcome]:
        came = receive(prefetch, QUERIES, DEFAULT_PREFETCH_KEYS)
        return {need: one.outcome for need, one in came.items()}

    def test_every_need_is_absent_without_prefetch(self) -> None:
        assert set(self.received({}).values()) == {Outcome.ABSENT}

    def test_the_published_keys(self) -> None:
        assert self.received(
            {"patient": PATIENT, "labs": bundle(RESULT), "medications": None, "conditions": outcome("error")}
        ) == {
            Need.PATIENT: Outcome.DATA,
            Need.LABS: Outcome.DATA,
            Need.MEDICATIONS: Outcome.EMPTY,
            Need.CONDITIONS: Outcome.FAILED,
        }

    @pytest.mark.parametrize("key", ["labs", "Labs", "observations", "labResults", "LABRESULTS"])
    def test_common_names_serve_as_well(self, key: str) -> None:
        assert self.received({key: bundle(RESULT)})[Need.LABS] is Outcome.DATA

    def test_unknown_keys_are_ignored(self) -> None:
        assert set(self.received({"item1": bundle(RESULT), "5": "x"}).values()) == {Outcome.ABSENT}

    def test_two_keys_of_one_need_are_joined(self) -> None:
        second = {**RESULT, "id": "o2"}
        came = receive({"labs": bundle(RESULT), "observations": bundle(second)}, QUERIES, DEFAULT_PREFETCH_KEYS)
        assert came[Need.LABS].resources == (RESULT, second)

    def test_of_two_keys_one_empty_leaves_the_data_of_the_other(self) -> None:
        assert self.received({"labs": None, "observations": bundle(RESULT)})[Need.LABS] is Outcome.DATA

    @pytest.mark.parametrize(("value", "expected"), [(outcome("error"), Outcome.FAILED), ("x", Outcome.UNUSABLE)])
    def test_of_two_keys_one_unknown_makes_the_need_unknown(self, value: Any, expected: Outcome) -> None:
        assert self.received({"labs": bundle(RESULT), "observations": value})[Need.LABS] is expected

    def test_one_page_of_two_is_partial(self) -> None:
        prefetch = {"labs": bundle(RESULT, link=NEXT), "observations": bundle(RESULT)}
        assert receive(prefetch, QUERIES, DEFAULT_PREFETCH_KEYS)[Need.LABS].partial


class TestWhatTheReadersGet:
    complete: dict[str, Any] = {"patient": PATIENT, "labs": bundle(RESULT), "medications": bundle(), "conditions": None}  # noqa: RUF012

    def test_all_is_known(self) -> None:
        gathered = gather(receive(self.complete, QUERIES, DEFAULT_PREFETCH_KEYS), QUERIES)
        assert gathered.resources == {
            Need.PATIENT: [PATIENT],
            Need.LABS: [RESULT],
            Need.MEDICATIONS: [],
            Need.CONDITIONS: [],
        }
        assert gathered.unavailable == frozenset()
        assert gathered.partial == frozenset()

    @pytest.mark.parametrize("value", [outcome("error"), "x", bundle(outcome("fatal"))])
    def test_an_optional_need_that_is_unknown_is_unavailable_not_empty(self, value: Any) -> None:
        prefetch = {**self.complete, "conditions": value}
        gathered = gather(receive(prefetch, QUERIES, DEFAULT_PREFETCH_KEYS), QUERIES)
        assert gathered.unavailable == {Need.CONDITIONS}
        assert Need.CONDITIONS not in gathered.resources

    def test_an_optional_need_that_is_absent_is_unavailable(self) -> None:
        prefetch = {key: value for key, value in self.complete.items() if key != "conditions"}
        gathered = gather(receive(prefetch, QUERIES, DEFAULT_PREFETCH_KEYS), QUERIES)
        assert gathered.unavailable == {Need.CONDITIONS}

    def test_partial_needs_are_named(self) -> None:
        prefetch = {**self.complete, "labs": bundle(RESULT, link=NEXT)}
        gathered = gather(receive(prefetch, QUERIES, DEFAULT_PREFETCH_KEYS), QUERIES)
        assert gathered.partial == {Need.LABS}

    @pytest.mark.parametrize("key", ["patient", "labs", "medications"])
    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({}, "was not prefetched"),
            ({"value": outcome("error")}, "OperationOutcome"),
            ({"value": 5}, "not an answer to the query"),
        ],
        ids=["absent", "failed", "unusable"],
    )
    def test_a_required_need_that_is_unknown_is_a_412(self, key: str, change: dict[str, Any], words: str) -> None:
        prefetch = {name: value for name, value in self.complete.items() if name != key}
        if change:
            prefetch[key] = change["value"]
        with pytest.raises(RequestError) as caught:
            gather(receive(prefetch, QUERIES, DEFAULT_PREFETCH_KEYS), QUERIES)
        assert caught.value.status == 412
        (issue,) = caught.value.issues
        assert issue.at == f"prefetch.{key}"
        assert issue.code == "incomplete"
        assert words in issue.text

    def test_all_that_is_missing_is_named_at_once(self) -> None:
        with pytest.raises(RequestError) as caught:
            gather(receive({}, QUERIES, DEFAULT_PREFETCH_KEYS), QUERIES)
        assert [issue.at for issue in caught.value.issues] == [
            "prefetch.patient",
            "prefetch.labs",
            "prefetch.medications",
        ]
