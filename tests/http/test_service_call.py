"""POST /cds-services/{id}: what goes in, what comes out, and what never comes out."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cds_service.settings import DEFAULT_PREFETCH_KEYS, Settings
from hooks import SERVICES
from magnesium.facts import Need

HOOKS = [service.hook.value for service in SERVICES]
Example = Callable[[str], dict[str, Any]]


def values(value: Any) -> Iterator[Any]:
    yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        yield from values(one)


def cards(answer: Any) -> dict[str, str]:
    """Return the indicator of each topic."""
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return {card["source"]["topic"]["code"]: card["indicator"] for card in answer.get_json()["cards"]}


class TestTheBundledExamples:
    def test_patient_view_tells_of_potassium_that_will_not_hold(self, site: Any, example: Example) -> None:
        assert cards(site.call(example("patient-view")))["refractory-hypokalemia"] == "warning"

    @pytest.mark.parametrize("hook", ["order-select", "order-sign"])
    def test_the_order_hooks_tell_of_the_drug_being_ordered(self, site: Any, example: Example, hook: str) -> None:
        assert cards(site.call(example(hook)))["magnesium-wasting-drug"] in {"warning", "critical"}

    @pytest.mark.parametrize("hook", HOOKS)
    def test_nothing_in_them_is_unreadable(self, site: Any, example: Example, hook: str) -> None:
        site.call(example(hook))
        (evaluation,) = site.evaluations
        assert evaluation.facts.unusable == ()
        assert evaluation.facts.unavailable == frozenset()
        assert evaluation.facts.partial == frozenset()


class TestTheAnswer:
    def test_no_card_is_an_answer(self, site: Any, example: Example) -> None:
        body = example("patient-view")
        body["prefetch"] = dict.fromkeys(body["prefetch"])
        answer = site.call(body)
        assert answer.status_code == 200
        assert answer.get_json() == {"cards": []}

    @pytest.mark.parametrize("hook", HOOKS)
    def test_it_holds_no_null_and_nothing_empty(self, site: Any, example: Example, hook: str) -> None:
        body = site.call(example(hook)).get_json()
        assert body["cards"]
        assert not [value for value in values(body) if value is None or value in ("", [], {})]

    def test_it_is_plain_utf_8(self, site: Any, example: Example) -> None:
        body = example("order-select")
        draft = body["context"]["draftOrders"]["entry"][0]["resource"]
        draft["medicationCodeableConcept"]["text"] = "Cétuximab 5 mg/ml"
        text = site.call(body).get_data().decode("utf-8")
        assert "Cétuximab" in text
        assert "\\u" not in text

    def test_it_is_as_of_the_moment_of_the_request(self, site: Any, example: Example) -> None:
        site.call(example("patient-view"))
        assert site.evaluations[0].as_of == site.evaluations[0].picture.as_of
        assert site.evaluations[0].as_of.isoformat() == "2026-01-15T09:00:00+00:00"

    def test_two_answers_share_no_uuid(self, site: Any, example: Example) -> None:
        found = [
            re.findall(r'"uuid":"([^"]+)"', site.call(example("patient-view")).get_data(as_text=True)) for _ in "12"
        ]
        assert found[0]
        assert not set(found[0]) & set(found[1])

    def test_a_check_that_fails_costs_only_itself_and_is_named(self, make_site: Any, example: Example) -> None:
        def fails(_: Any) -> Any:
            raise RuntimeError("Rosa Example")

        service = SERVICES[0]
        broken, *others = service.rules
        broken = _Rule(broken.topic, broken.version, broken.hooks, fails)
        site = make_site(services=[replace(service, rules=(broken, *others))])
        answer = site.call(example("patient-view"))
        (event,) = [event for event in site.events if event["event"] == "failure"]
        assert event["check"] == broken.topic.value
        assert event["error_id"] in answer.get_data(as_text=True)
        assert "Rosa" not in site.log.getvalue() + answer.get_data(as_text=True)
        assert len(answer.get_json()["cards"]) > 1


class TestTheEnvelope:
    @pytest.mark.parametrize(
        "content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8", None]
    )
    def test_json_may_be_announced_in_several_ways(self, site: Any, example: Example, content_type: str | None) -> None:
        answer = site.client.post(
            "/cds-services/magnesium-patient-view",
            data=json.dumps(example("patient-view")),
            content_type=content_type,
        )
        assert answer.status_code == 200

    def test_a_byte_order_mark_changes_nothing(self, site: Any, example: Example) -> None:
        body = b"\xef\xbb\xbf" + json.dumps(example("patient-view")).encode()
        answer = site.client.post("/cds-services/magnesium-patient-view", data=body, content_type="application/json")
        assert cards(answer)

    @pytest.mark.parametrize("hook", HOOKS)
    def test_a_request_of_another_hook_is_refused(self, site: Any, example: Example, hook: str) -> None:
        for service in SERVICES:
            answer = site.call(example(hook), service.id)
            assert answer.status_code == (200 if service.hook.value == hook else 400)

    @pytest.mark.parametrize("hook", HOOKS)
    def test_without_any_one_required_member_it_is_a_400_that_names_it(
        self, site: Any, example: Example, hook: str
    ) -> None:
        body = example(hook)
        members = [("", name) for name in ("hook", "hookInstance", "context")]
        members += [("context", name) for name in body["context"]]
        for owner, name in members:
            changed = copy.deepcopy(body)
            del (changed[owner] if owner else changed)[name]
            answer = site.call(changed, _id(hook))
            assert answer.status_code == 400
            paths = [path for issue in answer.get_json()["issue"] for path in issue["expression"]]
            assert paths == [f"{owner}.{name}".lstrip(".")]

    def test_orders_that_the_ehr_held_back_say_what_to_do(self, site: Any, example: Example) -> None:
        body = example("order-sign")
        del body["context"]["draftOrders"]
        (issue,) = site.call(body).get_json()["issue"]
        assert "scopes" in issue["diagnostics"]


class TestPrefetch:
    @pytest.mark.parametrize("hook", HOOKS)
    @pytest.mark.parametrize("key", ["patient", "labs", "medications"])
    def test_required_data_that_are_absent_are_a_412_that_names_the_key(
        self, site: Any, example: Example, hook: str, key: str
    ) -> None:
        body = example(hook)
        del body["prefetch"][key]
        answer = site.call(body)
        assert answer.status_code == 412
        assert [issue["expression"] for issue in answer.get_json()["issue"]] == [[f"prefetch.{key}"]]

    @pytest.mark.parametrize("key", ["patient", "labs", "medications"])
    @pytest.mark.parametrize("value", [None, {"resourceType": "Bundle", "type": "searchset", "total": 0}])
    def test_known_empty_is_not_absent(self, site: Any, example: Example, key: str, value: Any) -> None:
        body = example("patient-view")
        body["prefetch"][key] = value
        assert site.call(body).status_code == 200

    @pytest.mark.parametrize(
        "key", ["statements", "administrations", "conditions", "encounters", "vitals", "tests", "procedures"]
    )
    def test_optional_data_that_are_absent_are_known_to_be_missing(self, site: Any, example: Example, key: str) -> None:
        body = example("patient-view")
        del body["prefetch"][key]
        assert cards(site.call(body))
        assert site.evaluations[0].facts.unavailable == {Need(key)}

    def test_epic_s_no_results_are_no_results(self, site: Any, example: Example) -> None:
        body = example("patient-view")
        remark = {
            "severity": "warning",
            "code": "processing",
            "details": {"text": "Resource request returns no results."},
        }
        body["prefetch"]["labs"] = {
            "resourceType": "Bundle",
            "type": "searchset",
            "total": 0,
            "entry": [
                {"resource": {"resourceType": "OperationOutcome", "issue": [remark]}, "search": {"mode": "outcome"}}
            ],
        }
        assert site.call(body).status_code == 200
        assert site.evaluations[0].facts.labs == ()

    def test_labs_that_failed_are_never_read_as_no_labs(self, site: Any, example: Example) -> None:
        body = example("patient-view")
        outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]}
        body["prefetch"]["labs"]["entry"].append({"resource": outcome, "search": {"mode": "outcome"}})
        assert site.call(body).status_code == 412

    @pytest.mark.parametrize("severity", [["warning"], {}, {"value": "warning"}, None, 1])
    def test_an_outcome_of_odd_shape_is_a_failure_to_look(self, site: Any, example: Example, severity: Any) -> None:
        body = example("patient-view")
        outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": severity}]}
        body["prefetch"]["labs"]["entry"].append({"resource": outcome})
        assert site.call(body).status_code == 412

    def test_a_next_page_makes_the_labs_partial(self, site: Any, example: Example) -> None:
        body = example("patient-view")
        body["prefetch"]["labs"]["link"] = [{"relation": "next", "url": "https://fhir.example.org/r4?page=2"}]
        assert site.call(body).status_code == 200
        assert site.evaluations[0].facts.partial == {Need.LABS}

    def test_another_patient_s_chart_is_a_client_error(self, site: Any, example: Example) -> None:
        body = example("patient-view")
        body["prefetch"]["patient"]["id"] = "somebody-else"
        answer = site.call(body)
        assert answer.status_code == 400
        assert answer.get_json()["issue"][0]["code"] == "conflict"

    def test_another_patient_s_result_is_a_client_error_that_names_the_result(
        self, site: Any, example: Example
    ) -> None:
        body = example("patient-view")
        # The id tells of whom it is, too.
        body["prefetch"]["labs"]["entry"][1]["resource"] |= {
            "id": "ROE-JANE-1950",
            "subject": {"reference": "Patient/somebody-else"},
        }
        answer = site.call(body)
        assert answer.status_code == 400
        assert answer.get_json()["issue"][0]["expression"] == ["prefetch.labs.entry[1].resource"]
        assert "somebody-else" not in answer.get_data(as_text=True)
        assert "ROE-JANE" not in answer.get_data(as_text=True)

    def test_a_site_s_own_keys(self, make_site: Any, example: Example) -> None:
        body = example("patient-view")
        body["prefetch"]["item6"] = body["prefetch"].pop("labs")
        assert make_site().call(body).status_code == 412
        keys = {**DEFAULT_PREFETCH_KEYS, Need.LABS: ("item6",)}
        assert cards(make_site(Settings(prefetch_keys=keys)).call(body))

    @pytest.mark.parametrize(
        "junk", [5, "x", [], {}, [5], None, True, {"resourceType": 5}, {"resourceType": "Bundle", "entry": [5]}]
    )
    @pytest.mark.parametrize("key", ["patient", "labs", "medications", "conditions", "extra"])
    def test_junk_under_a_key_is_never_our_failure(self, site: Any, example: Example, key: str, junk: Any) -> None:
        body = example("patient-view")
        body["prefetch"][key] = junk
        assert site.call(body).status_code in {200, 412}

    @pytest.mark.parametrize("junk", [5, "x", [], {}, [5], True, {"resource": 5}, {"resource": {}}])
    def test_junk_among_entries_costs_only_itself(self, site: Any, example: Example, junk: Any) -> None:
        body = example("patient-view")
        expected = cards(site.call(body))
        body["prefetch"]["labs"]["entry"].insert(0, junk)
        assert cards(site.call(body)) == expected


@pytest.mark.shared
class TestRequestsOfTheNeighbours:
    """PDDI-CDS: prefetch under item1 … item6, userId and patient beside the context, byte order marks."""

    def send(self, site: Any, file: Path) -> Any:
        body = json.loads(file.read_text(encoding="utf-8-sig"))
        service_id = _id(body["hook"]) if body["hook"] in HOOKS else "magnesium-order-select"
        return site.client.post(f"/cds-services/{service_id}", data=file.read_bytes(), content_type="application/json")

    def test_every_one_is_answered_or_refused_with_the_field_named(self, site: Any, shared: Path) -> None:
        files = sorted((shared / "data" / "pddi-cds" / "requests").glob("*.json"))
        assert files
        for file in files:
            answer = self.send(site, file)
            assert answer.status_code in {200, 400, 412}, file.name
            if answer.status_code != 200:
                assert all(issue["expression"] for issue in answer.get_json()["issue"]), file.name

    def test_with_their_keys_configured_their_charts_are_read(self, make_site: Any, shared: Path) -> None:
        keys = {
            **DEFAULT_PREFETCH_KEYS,
            Need.PATIENT: ("item1",),
            Need.MEDICATIONS: ("item2",),
            Need.ADMINISTRATIONS: ("item3",),
            Need.STATEMENTS: ("item5",),
            Need.LABS: ("item6",),
        }
        site = make_site(Settings(prefetch_keys=keys))
        files = sorted((shared / "data" / "pddi-cds" / "requests").glob("digoxin-*-no-coordination.json"))
        assert files
        for file in files:
            answer = self.send(site, file)
            assert answer.status_code == 200, (file.name, answer.get_data(as_text=True))


class _Rule:
    """A rule with another judge."""

    def __init__(self, topic: Any, version: str, hooks: frozenset[str], judge: Callable[[Any], Any]) -> None:
        self.topic = topic
        self.version = version
        self.hooks = hooks
        self.judge = judge


def _id(hook: str) -> str:
    return f"magnesium-{hook}"
