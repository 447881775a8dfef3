"""/sandbox/fhir: a small FHIR server for whoever tries the service out, in the dev profile only."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cds_service import examples
from cds_service.envelope import ORDER_HOOKS
from cds_service.sandbox.search import PARAMETERS
from cds_service.sandbox.store import SandboxError, Store
from cds_service.settings import Profile, Settings

BASE = "/sandbox/fhir"
PATIENT = "example-hypokalemia"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The client of a service in development, with two results more than the examples have."""
    from tests.http.conftest import Site  # noqa: PLC0415

    data = tmp_path_factory.mktemp("data")
    results = [
        {
            **_result("a", "2025-06-01T10:00:00+02:00"),
            "category": [{"coding": [{"system": "urn:c", "code": "laboratory"}]}],
        },
        {**_result("b", "2025-06"), "status": "preliminary", "encounter": {"reference": "Encounter/e1"}},
        _result("c", None),
    ]
    encounter = {"resourceType": "Encounter", "id": "e1", "status": "finished", "subject": {"reference": "Patient/p9"}}
    encounter["period"] = {"start": "2025-05-01"}
    (data / "more.ndjson").write_text("\n".join(map(json.dumps, [*results, encounter])) + "\n\n", encoding="utf-8")
    return Site(Settings(profile=Profile.DEV, sandbox_data=data)).client


def _result(own_id: str, when: str | None) -> dict[str, Any]:
    result: dict[str, Any] = {"resourceType": "Observation", "id": own_id, "status": "final"}
    result["code"] = {"coding": [{"system": "http://loinc.org", "code": "2601-3"}]}
    result["subject"] = {"reference": "https://elsewhere.example/fhir/Patient/p9"}
    return {**result, "effectiveDateTime": when} if when else result


def found(answer: Any, mode: str = "match") -> list[str]:
    assert answer.status_code == 200, answer.get_data(as_text=True)
    entries = answer.get_json().get("entry", [])
    return [entry["resource"]["id"] for entry in entries if entry["search"]["mode"] == mode]


class TestWhereItIs:
    @pytest.mark.parametrize("path", ["/metadata", "/Patient", f"/Patient/{PATIENT}"])
    def test_it_is_not_there_in_production(self, site: Any, path: str) -> None:
        assert site.client.get(BASE + path).status_code == 404

    def test_it_says_what_it_can(self, sandbox: Any) -> None:
        statement = sandbox.get(f"{BASE}/metadata").get_json()
        assert (statement["resourceType"], statement["fhirVersion"]) == ("CapabilityStatement", "4.0.1")
        (rest,) = statement["rest"]
        listed = {
            one["type"]: {p["name"] for p in one["searchParam"]} for one in rest["resource"] if "searchParam" in one
        }
        assert listed == {kind: {"_id", *names} for kind, names in PARAMETERS.items()}
        assert rest["interaction"] == [{"code": "batch"}]

    def test_browsers_may_ask_it(self, sandbox: Any) -> None:
        assert sandbox.get(f"{BASE}/Patient").headers["Access-Control-Allow-Origin"] == "*"
        preflight = sandbox.options(f"{BASE}/Observation/_search")
        assert preflight.status_code == 200
        assert "authorization" in preflight.headers["Access-Control-Allow-Headers"]

    @pytest.mark.parametrize("hook", examples.NAMES)
    def test_the_service_finds_the_example_patients_in_it(
        self, sandbox: Any, hook: str, example: Callable[[str], Any]
    ) -> None:
        """Over a socket this is tests/fhir_server/test_contract.py; here, that what is asked for is there."""
        patient = example(hook)["context"]["patientId"]
        assert sandbox.get(f"{BASE}/Patient/{patient}").get_json()["id"] == patient
        assert found(sandbox.get(f"{BASE}/Observation?patient={patient}"))
        assert hook in ORDER_HOOKS or found(sandbox.get(f"{BASE}/MedicationRequest?patient={patient}"))

    def test_no_two_examples_share_a_resource(self, example: Callable[[str], Any]) -> None:
        ids = [
            entry["resource"]["id"]
            for hook in examples.NAMES
            for value in example(hook)["prefetch"].values()
            for entry in (value or {}).get("entry", ())
        ]
        assert len(set(ids)) == len(ids)


class TestReads:
    def test_what_is_not_there_is_a_404(self, sandbox: Any) -> None:
        answer = sandbox.get(f"{BASE}/Patient/nobody")
        assert answer.status_code == 404
        assert answer.get_json()["resourceType"] == "OperationOutcome"
        assert answer.content_type == "application/fhir+json"


class TestSearches:
    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("patient=p9", ["a", "b", "c"]),
            ("patient=Patient/p9", ["a", "b", "c"]),
            ("subject=Patient/p9", ["a", "b", "c"]),
            ("patient=p9,nobody", ["a", "b", "c"]),
            ("patient=p8", []),
            ("_id=a,c", ["a", "c"]),
            ("patient=p9&code=2601-3", ["a", "b", "c"]),
            ("patient=p9&code=http://loinc.org|2601-3", ["a", "b", "c"]),
            ("patient=p9&code=http://loinc.org|", ["a", "b", "c"]),
            ("patient=p9&code=|2601-3", []),
            ("patient=p9&code=urn:x|2601-3", []),
            ("patient=p9&code=1-1,2601-3", ["a", "b", "c"]),
            ("patient=p9&status=final", ["a", "c"]),
            ("patient=p9&status=final,preliminary", ["a", "b", "c"]),
            ("patient=p9&category=laboratory", ["a"]),
            ("patient=p9&encounter=e1", ["b"]),
            ("patient=p9&date=2025-06-01", ["a"]),
            ("patient=p9&date=2025-06", ["a", "b"]),
            ("patient=p9&date=2025", ["a", "b"]),
            ("patient=p9&date=ge2025-06-02", ["b"]),
            ("patient=p9&date=gt2025-06-30", []),
            ("patient=p9&date=le2025-06-01", ["a", "b"]),
            ("patient=p9&date=lt2025-06-01", []),
            ("patient=p9&date=lt2025-06-01T12:00:00Z", ["a", "b"]),
            ("patient=p9&date=ne2025-06-01", ["b"]),
            ("patient=p9&date=sa2025-05-31", ["a", "b"]),
            ("patient=p9&date=eb2025-07", ["a", "b"]),
            ("patient=p9&date=ge2025-05-01&date=le2025-06-01", ["a", "b"]),
            ("patient=p9&_sort=date", ["b", "a", "c"]),
            ("patient=p9&_sort=-date", ["a", "b", "c"]),
            ("patient=p9&_sort=-_id", ["c", "b", "a"]),
        ],
    )
    def test_by_parameters(self, sandbox: Any, query: str, expected: list[str]) -> None:
        assert found(sandbox.get(f"{BASE}/Observation?{query}")) == expected

    def test_a_posted_search_says_the_same(self, sandbox: Any) -> None:
        assert found(sandbox.post(f"{BASE}/Observation/_search", data={"patient": "p9", "status": "final"})) == [
            "a",
            "c",
        ]

    def test_a_period_without_an_end_goes_on(self, sandbox: Any) -> None:
        assert found(sandbox.get(f"{BASE}/Encounter?patient=p9&date=ge2030-01-01")) == ["e1"]
        assert found(sandbox.get(f"{BASE}/Encounter?patient=p9&date=lt2025-05-01")) == []

    def test_pages_lead_to_each_other_and_hold_everything_once(self, sandbox: Any) -> None:
        url = f"{BASE}/Observation?patient=p9&_count=2&_sort=-date"
        first = sandbox.get(url).get_json()
        links = {link["relation"]: link["url"] for link in first["link"]}
        assert first["total"] == 3
        second = sandbox.get(links["next"])
        assert [entry["resource"]["id"] for entry in first["entry"]] == ["a", "b"]
        assert found(second) == ["c"]
        assert "next" not in {link["relation"] for link in second.get_json()["link"]}
        assert found(sandbox.get(next(x["url"] for x in second.get_json()["link"] if x["relation"] == "previous"))) == [
            "a",
            "b",
        ]

    def test_count_0_is_only_the_total(self, sandbox: Any) -> None:
        answer = sandbox.get(f"{BASE}/Observation?patient=p9&_count=0").get_json()
        assert answer["total"] == 3
        assert "entry" not in answer
        assert [link["relation"] for link in answer["link"]] == ["self"]

    def test_what_is_referred_to_comes_along_once(self, sandbox: Any) -> None:
        answer = sandbox.get(f"{BASE}/Observation?patient=p9&_include=Observation:encounter")
        assert found(answer, "include") == ["e1"]
        assert answer.get_json()["total"] == 3

    def test_an_unknown_parameter_is_ignored_and_remarked_upon(self, sandbox: Any) -> None:
        answer = sandbox.get(f"{BASE}/Observation?patient=p9&colour=blue").get_json()
        (outcome,) = [entry["resource"] for entry in answer["entry"] if entry["search"]["mode"] == "outcome"]
        assert outcome["issue"][0]["severity"] == "warning"
        assert "colour" in outcome["issue"][0]["diagnostics"]
        assert "colour" not in answer["link"][0]["url"]

    @pytest.mark.parametrize(
        "query",
        ["date=soon", "date=2025-13", "_sort=colour", "_sort=birthdate", "_count=many", "_offset=-1", "_include=x"],
    )
    def test_what_cannot_be_understood_is_a_400(self, sandbox: Any, query: str) -> None:
        answer = sandbox.get(f"{BASE}/Observation?{query}")
        assert answer.status_code == 400
        assert answer.get_json()["resourceType"] == "OperationOutcome"

    def test_a_type_that_is_not_kept_is_a_404_that_names_those_that_are(self, sandbox: Any) -> None:
        answer = sandbox.get(f"{BASE}/Appointment")
        assert answer.status_code == 404
        assert "Observation" in answer.get_json()["issue"][0]["diagnostics"]


class TestBatches:
    def post(self, sandbox: Any, *urls: str, method: str = "GET") -> Any:
        entries = [{"request": {"method": method, "url": url}} for url in urls]
        return sandbox.post(BASE, json={"resourceType": "Bundle", "type": "batch", "entry": entries})

    def test_each_entry_is_answered_for_itself_in_order(self, sandbox: Any) -> None:
        answer = self.post(
            sandbox, "Observation?patient=p9&code=http://loinc.org%7C2601-3", "Patient/nobody", f"Patient/{PATIENT}",
            "metadata", "a/b/c", "Observation?date=soon",
        ).get_json()  # fmt: skip
        assert answer["type"] == "batch-response"
        assert [entry["response"]["status"][:3] for entry in answer["entry"]] == [
            "200",
            "404",
            "200",
            "200",
            "404",
            "400",
        ]
        assert answer["entry"][0]["resource"]["total"] == 3
        assert answer["entry"][1]["response"]["outcome"]["resourceType"] == "OperationOutcome"

    def test_nothing_is_written(self, sandbox: Any) -> None:
        answer = self.post(sandbox, "Patient/new", method="PUT").get_json()
        assert answer["entry"][0]["response"]["status"].startswith("405")
        assert sandbox.put(f"{BASE}/Patient/new", json={}).status_code == 405

    @pytest.mark.parametrize("body", [{}, [], {"type": "transaction"}, {"type": "batch", "entry": 5}, "x"])
    def test_what_is_no_batch_is_a_400(self, sandbox: Any, body: Any) -> None:
        assert sandbox.post(BASE, json=body).status_code == 400

    @pytest.mark.parametrize("entry", [5, {}, {"request": 5}, {"request": {"method": "GET"}}])
    def test_a_bad_entry_costs_only_itself(self, sandbox: Any, entry: Any) -> None:
        answer = sandbox.post(BASE, json={"type": "batch", "entry": [entry]}).get_json()
        assert answer["entry"][0]["response"]["status"].startswith("405")

    def test_an_empty_batch_has_an_empty_answer(self, sandbox: Any) -> None:
        assert "entry" not in self.post(sandbox).get_json()

    def test_it_is_not_endless(self, sandbox: Any) -> None:
        assert self.post(sandbox, *["metadata"] * 101).status_code == 400


class TestData:
    patient: dict[str, Any] = {"resourceType": "Patient", "id": "p1"}  # noqa: RUF012

    @pytest.mark.parametrize("name", ["one.json", "one.ndjson", "one.jsonl", "one.json.gz", "deep/one.ndjson.gz"])
    @pytest.mark.parametrize("in_bundle", [True, False])
    def test_it_comes_from_bundles_and_lines_in_files_and_folders(
        self, tmp_path: Path, name: str, *, in_bundle: bool
    ) -> None:
        value = {"resourceType": "Bundle", "entry": [{"resource": self.patient}]} if in_bundle else self.patient
        data = json.dumps(value).encode()
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        (tmp_path / "README.md").write_text("not data", encoding="utf-8")
        for path in (tmp_path, file):
            assert Store.bundled(examples.WRITTEN, path).read("Patient", "p1") == self.patient

    def test_a_later_resource_replaces_an_earlier_one(self) -> None:
        newer = {**self.patient, "birthDate": "1960"}
        assert Store([self.patient, newer]).all("Patient") == (newer,)

    @pytest.mark.parametrize("line", ["{", "5", "{}", '{"resourceType": "Patient"}', '{"resourceType": 5, "id": "x"}'])
    def test_what_cannot_be_served_is_refused_with_its_place(self, tmp_path: Path, line: str) -> None:
        file = tmp_path / "data.ndjson"
        file.write_text(f"{json.dumps(self.patient)}\n{line}\n", encoding="utf-8")
        with pytest.raises(SandboxError, match=r"data\.ndjson:2: "):
            Store.bundled(examples.WRITTEN, file)
