"""Charts in files, and the requests made of them."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from cds_service.charts import (
    NothingToReplayError,
    Piece,
    ReplayError,
    charts,
    files,
    hook_request,
    own_time,
    pieces,
)
from cds_service.envelope import read_request

INSTANCE = "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"
BERLIN = timezone(timedelta(hours=1))


def bundle(*resources: dict[str, Any], **members: Any) -> dict[str, Any]:
    entry = [{"fullUrl": f"urn:uuid:{resource.get('id')}", "resource": resource} for resource in resources]
    return {"resourceType": "Bundle", "type": "collection", "entry": entry, **members}


PATIENT = {"resourceType": "Patient", "id": "p1"}


def order(order_id: str, authored: str | None = None, status: str = "active", **members: Any) -> dict[str, Any]:
    written = {"authoredOn": authored} if authored else {}
    return {"resourceType": "MedicationRequest", "id": order_id, "status": status, **written, **members}


class TestFiles:
    def test_a_folder_gives_its_charts_in_order_and_nothing_else(self, tmp_path: Path) -> None:
        for name in ("b.ndjson.gz", "a.json", "README.md", "facts.csv", "sub/c.jsonl", "d.JSON.GZ"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).touch()
        found = [(path.relative_to(tmp_path).as_posix(), named) for path, named in files([tmp_path])]
        assert found == [("a.json", False), ("b.ndjson.gz", False), ("d.JSON.GZ", False), ("sub/c.jsonl", False)]

    def test_a_named_file_is_taken_whatever_its_name(self, tmp_path: Path) -> None:
        assert list(files([tmp_path / "x.txt"])) == [(tmp_path / "x.txt", True)]

    @pytest.mark.parametrize("name", ["x.ndjson", "x.jsonl", "x.ndjson.gz"])
    def test_each_line_is_a_piece_and_says_where_it_stands(self, tmp_path: Path, name: str) -> None:
        file = tmp_path / name
        text = b'{"resourceType": "Bundle", "id": "1"}\n\n{broken\n'
        file.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
        found = list(pieces(file, named=True))
        assert [piece.place for piece in found if isinstance(piece, Piece)] == [f"{file}:1", f"{file}:3"]

    def test_a_json_file_is_one_piece(self, tmp_path: Path) -> None:
        file = tmp_path / "x.json"
        file.write_text(json.dumps(bundle(PATIENT), indent=2))
        (piece,) = pieces(file, named=True)
        assert isinstance(piece, Piece)
        assert charts(piece)[0]["resourceType"] == "Bundle"

    def test_a_folder_s_file_of_other_resources_is_passed_over_whole(self, tmp_path: Path) -> None:
        file = tmp_path / "Observation.ndjson"
        file.write_text('{"resourceType": "Observation"}\n' * 3)
        (found,) = pieces(file, named=False)
        assert isinstance(found, NothingToReplayError)
        assert "Observation" in str(found)
        assert len(list(pieces(file, named=True))) == 3

    @pytest.mark.parametrize(
        ("name", "content", "kind"),
        [
            ("x.ndjson.gz", b"no gzip", "unreadable file"),
            ("x.json.gz", gzip.compress(b"{}" * 1000, mtime=0)[:-9], "unreadable file"),
            ("x.txt", b"", "unknown file type"),
        ],
        ids=["not gzip", "cut short", "another type"],
    )
    def test_a_file_that_cannot_be_read_is_one_error(
        self, tmp_path: Path, name: str, content: bytes, kind: str
    ) -> None:
        file = tmp_path / name
        file.write_bytes(content)
        (found,) = pieces(file, named=True)
        assert isinstance(found, ReplayError)
        assert found.kind == kind
        assert str(file) in str(found)


class TestPieces:
    def test_one_bundle_or_an_array_of_them(self) -> None:
        one = bundle(PATIENT)
        assert charts(Piece("f:1", json.dumps(one).encode(), named=True)) == [one]
        assert charts(Piece("f:1", json.dumps([one, one]).encode(), named=True)) == [one, one]

    @pytest.mark.parametrize("data", [b"", b"{", b"\xff", b'{"a": NaN}'])
    def test_what_is_not_json(self, data: bytes) -> None:
        with pytest.raises(ReplayError) as caught:
            charts(Piece("f:1", data, named=False))
        assert caught.value.kind == "not JSON"

    @pytest.mark.parametrize(
        "data", [b"{}", b"[]", b"1", b'{"resourceType": "Patient"}', b'[{"resourceType": "Bundle"}, 1]']
    )
    def test_other_json_is_an_error_only_in_a_file_that_was_named(self, data: bytes) -> None:
        with pytest.raises(ReplayError) as caught:
            charts(Piece("f:1", data, named=True))
        assert not isinstance(caught.value, NothingToReplayError)
        with pytest.raises(NothingToReplayError):
            charts(Piece("f:1", data, named=False))


class TestOwnTime:
    def test_the_timestamp_decides(self) -> None:
        chart = bundle(
            {"resourceType": "Observation", "effectiveDateTime": "2027-01-01T00:00:00Z"},
            timestamp="2026-03-04T05:06:07-05:00",
        )
        assert own_time(chart, UTC) == datetime(2026, 3, 4, 10, 6, 7, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("resource", "expected"),
        [
            ({"effectiveDateTime": "2026-03-04T05:06:07Z"}, "2026-03-04T05:06:07+00:00"),
            ({"effectiveInstant": "2026-03-04T05:06:07.123Z"}, "2026-03-04T05:06:07.123000+00:00"),
            ({"effectivePeriod": {"start": "2026-03-01", "end": "2026-03-04T05:00:00Z"}}, "2026-03-04T05:00:00+00:00"),
            ({"issued": "2026-03-04T05:06:07Z", "effectiveDateTime": "2026-03-01"}, "2026-03-04T05:06:07+00:00"),
            ({"authoredOn": "2026-03-04"}, "2026-03-04T23:59:59.999999+01:00"),
            ({"authoredOn": "2026-03-04T05:06:07"}, "2026-03-04T05:06:07+01:00"),
            ({"recordedDate": "2026-03-04T05:06:07Z"}, "2026-03-04T05:06:07+00:00"),
        ],
        ids=["instant", "fraction", "period", "issued later", "a day: its end", "no zone: the site's", "condition"],
    )
    def test_else_the_newest_clinical_time(self, resource: dict[str, Any], expected: str) -> None:
        older = {"resourceType": "Observation", "effectiveDateTime": "2020-01-01T00:00:00Z"}
        chart = bundle(older, {"resourceType": "Any", **resource}, timestamp="yesterday")
        assert own_time(chart, BERLIN).isoformat() == expected

    def test_the_end_of_an_order_may_lie_ahead_and_does_not_count(self) -> None:
        chart = bundle(
            order("m", "2026-03-04T05:00:00Z", dispenseRequest={"validityPeriod": {"end": "2030-01-01T00:00:00Z"}})
        )
        assert own_time(chart, UTC).year == 2026

    @pytest.mark.parametrize(
        "chart",
        [
            bundle(),
            bundle(PATIENT),
            {"resourceType": "Bundle"},
            bundle({"resourceType": "X", "issued": "2026"}),
            bundle({"resourceType": "X", "issued": 5}),
        ],
    )
    def test_a_chart_without_any_cannot_be_judged(self, chart: dict[str, Any]) -> None:
        with pytest.raises(ReplayError) as caught:
            own_time(chart, UTC)
        assert caught.value.kind == "no time"


class TestRequests:
    def test_resources_go_under_their_need_with_their_address(self) -> None:
        result = {"resourceType": "Observation", "id": "o1"}
        drug = {"resourceType": "Medication", "id": "d1"}
        request = hook_request(bundle(PATIENT, result, order("m1"), drug), "patient-view", INSTANCE)
        assert request["prefetch"]["patient"] == PATIENT
        assert request["prefetch"]["labs"]["entry"] == [{"fullUrl": "urn:uuid:o1", "resource": result}]
        medications = [entry["resource"]["id"] for entry in request["prefetch"]["medications"]["entry"]]
        assert medications == ["m1", "d1"]
        assert read_request(request, hook="patient-view").patient_id == "p1"

    def test_no_results_and_no_orders_are_known_empty_the_rest_was_not_looked_at(self) -> None:
        request = hook_request(bundle(PATIENT), "patient-view", INSTANCE)
        assert set(request["prefetch"]) == {"patient", "labs", "medications", "vitals"}
        assert request["prefetch"]["labs"]["entry"] == []

    def test_problems_that_are_in_the_chart_are_sent(self) -> None:
        request = hook_request(bundle(PATIENT, {"resourceType": "Condition"}), "patient-view", INSTANCE)
        assert len(request["prefetch"]["conditions"]["entry"]) == 1

    @pytest.mark.parametrize("patients", [(), (PATIENT, {**PATIENT, "id": "p2"})])
    def test_a_chart_is_about_one_patient(self, patients: tuple[dict[str, Any], ...]) -> None:
        with pytest.raises(ReplayError) as caught:
            hook_request(bundle(*patients), "patient-view", INSTANCE)
        assert caught.value.kind == "not one Patient"

    @pytest.mark.parametrize("entry", [None, [], [5], [{}], [{"resource": 5}], [{"resource": {"resourceType": 5}}]])
    def test_entries_that_are_none_do_no_harm(self, entry: Any) -> None:
        with pytest.raises(ReplayError) as caught:
            hook_request({"resourceType": "Bundle", "entry": entry}, "patient-view", INSTANCE)
        assert caught.value.kind == "not one Patient"


class TestDrafts:
    @pytest.mark.parametrize("hook", ["order-select", "order-sign"])
    def test_the_newest_active_order_is_drafted_again_and_leaves_the_chart(self, hook: str) -> None:
        chart = bundle(
            PATIENT,
            order("old", "2026-01-01"),
            order("newest", "2026-03-01"),
            order("ended", "2026-04-01", status="completed"),
        )
        request = hook_request(chart, hook, INSTANCE)
        (draft,) = request["context"]["draftOrders"]["entry"]
        assert (draft["resource"]["id"], draft["resource"]["status"]) == ("newest", "draft")
        kept = [entry["resource"]["id"] for entry in request["prefetch"]["medications"]["entry"]]
        assert kept == ["old", "ended"]
        assert request["context"].get("selections") == (
            ["MedicationRequest/newest"] if hook == "order-select" else None
        )
        assert read_request(request, hook=hook).drafts is not None

    def test_without_authored_on_the_dispense_period_says_when(self) -> None:
        chart = bundle(
            PATIENT,
            order("a", dispenseRequest={"validityPeriod": {"start": "2026-03-02"}}),
            order("b", "2026-03-01"),
            order("c"),
        )
        request = hook_request(chart, "order-sign", INSTANCE)
        assert request["context"]["draftOrders"]["entry"][0]["resource"]["id"] == "a"

    @pytest.mark.parametrize("reference", ["Medication/d1", "urn:uuid:d1"])
    def test_its_drug_comes_along(self, reference: str) -> None:
        drug = {"resourceType": "Medication", "id": "d1"}
        other = {"resourceType": "Medication", "id": "d2"}
        chart = bundle(PATIENT, other, drug, order("m", medicationReference={"reference": reference}))
        entries = hook_request(chart, "order-sign", INSTANCE)["context"]["draftOrders"]["entry"]
        assert [entry["resource"]["id"] for entry in entries] == ["m", "d1"]

    @pytest.mark.parametrize("orders", [(), (order("m", status="completed"),)])
    def test_a_chart_without_an_active_order_has_nothing_to_draft(self, orders: tuple[dict[str, Any], ...]) -> None:
        with pytest.raises(NothingToReplayError):
            hook_request(bundle(PATIENT, *orders), "order-sign", INSTANCE)

    def test_the_chart_itself_is_left_as_it_was(self) -> None:
        chart = bundle(PATIENT, order("m"))
        before = json.dumps(chart)
        hook_request(chart, "order-sign", INSTANCE)
        assert json.dumps(chart) == before
