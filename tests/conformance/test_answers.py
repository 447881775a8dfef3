"""No answer breaks anything: not to a golden case, not about a generated patient, not with the longest names.

What breaks what is told by ``checker.py``, and ``test_checker.py`` shows that it can tell.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.clients import OPEN_CLIENT
from hooks import SERVICES
from hooks.cards import Card, Link, LinkType, SelectionBehavior, Source
from hooks.render import Presentation
from hooks.service import HookService
from magnesium.verdict import Indicator, Topic
from tests.cases import harness
from tests.cases.harness import Play
from tests.conformance.checker import of_refusal, of_request, of_response
from tests.strategies import Chart, charts, deficient

Example = Callable[[str], dict[str, Any]]
CASES = {f"{folder.parent.name}/{folder.name}": folder for folder in harness.folders()}

presentations = st.builds(
    Presentation,
    max_cards=st.integers(1, 9),
    selection_behavior=st.sampled_from(SelectionBehavior),
    suggestions=st.booleans(),
    extensions=st.booleans(),
    source_url=st.sampled_from([None, "https://example.org/magnesium"]),
    order_sign_minimum=st.sampled_from(Indicator),
    silent=st.frozensets(st.sampled_from(Topic), max_size=2),
)


@cache
def service() -> Play:
    return harness.service()


def drafted(request: Mapping[str, Any]) -> frozenset[str]:
    entries = request["context"].get("draftOrders", {}).get("entry", ())
    return frozenset(f"{entry['resource']['resourceType']}/{entry['resource'].get('id')}" for entry in entries)


@cache
def answers(name: str) -> list[tuple[Mapping[str, Any], Any, int]]:
    """Return the requests of a golden case with body and status of their answers."""
    case = harness.read_case(CASES[name])
    asked: list[Mapping[str, Any]] = [harness.changed(case.request, variant.changes, name) for variant in case.variants]
    asked = asked or [case.request]
    answered = [(request, service()(case, request)) for request in asked]
    return [(request, answer.body, answer.status) for request, answer in answered]


@pytest.mark.requirement(
    *("R-2", "R-3", "R-11", "R-35", "R-39", "R-40", "R-41", "R-42", "R-43", "R-44", "R-45", "R-46", "R-47", "R-48"),
    *("R-49", "R-51", "R-52", "R-54", "R-55", "R-57", "R-58", "R-62", "R-65", "R-87", "M-07", "M-12"),
    *("cds-resp-1", "cds-resp-2", "cds-resp-3", "cds-resp-4", "cds-resp-5", "cds-resp-6", "cds-resp-7"),
    *("crd_service_response_validation", "crd_card_optional_fields_validation"),
    *("crd_additional_orders_card_validation", "crd_propose_alternate_request_card_validation"),
)
@pytest.mark.parametrize("name", CASES)
def test_no_answer_to_a_golden_case_breaks_anything(name: str) -> None:
    for request, body, status in answers(name):
        found = of_response(body, drafted=drafted(request)) if status == 200 else of_refusal(body)
        assert list(found) == []


@pytest.mark.requirement(
    *("cds-resp-1", "cds-resp-2", "cds-resp-3", "cds-resp-4", "cds-resp-5", "cds-resp-6", "cds-resp-7"),
    *("R-3", "R-39", "R-40", "R-42", "R-45", "R-49", "R-58", "M-12"),
)
@given(chart=st.one_of(charts(), deficient()), service=st.sampled_from(SERVICES), presentation=presentations)
def test_no_card_about_a_generated_patient_breaks_anything(
    chart: Chart, service: HookService, presentation: Presentation
) -> None:
    numbers = iter(range(1, 1000))

    def failed(topic: Topic, error: Exception) -> str:
        raise AssertionError(topic) from error

    answer = service.evaluate(
        chart.on(service.hook), presentation, new_uuid=lambda: str(UUID(int=next(numbers))), on_failure=failed
    )
    assert list(of_response(json.loads(json.dumps(answer.to_json())))) == []


@pytest.mark.requirement("crd_valid_instructions_card_received", "R-66")
def test_there_is_something_to_break() -> None:
    """What no golden answer holds would be shown by none. Links there are none: every card is complete without."""
    cards = [card for name in CASES for _, body, status in answers(name) if status == 200 for card in body["cards"]]
    members = Counter(member for card in cards for member in card)
    assert {"suggestions", "selectionBehavior", "overrideReasons", "extension", "detail"} <= members.keys()
    assert {card["indicator"] for card in cards} == {"info", "warning", "critical"}
    assert any("suggestions" not in card for card in cards)
    assert "links" not in members


@pytest.mark.requirement(
    "crd_service_request_required_fields_validation",
    "crd_service_request_context_validation",
    "crd_service_request_optional_fields_validation",
    "ord-1",
)
@pytest.mark.parametrize("name", CASES)
def test_the_tests_send_what_a_client_that_conforms_would_send(name: str) -> None:
    assert list(of_request(harness.read_case(CASES[name]).request)) == []


@pytest.mark.requirement("crd_service_request_context_validation", "ord-1")
@pytest.mark.parametrize("hook", ["patient-view", "order-select", "order-sign"])
def test_so_do_the_examples_that_are_handed_out(example: Example, hook: str) -> None:
    assert list(of_request(example(hook))) == []


@pytest.mark.requirement("M-12", "R-40", "R-3")
@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
def test_the_longest_names_leave_room_for_the_rest(site: Any, example: Example, hook: str) -> None:
    """Every drug that wastes magnesium is ordered at once, each under the longest name that an EHR may have."""
    body = example(hook)
    orders = body["context"]["draftOrders"]["entry"]
    first = orders[0]["resource"]
    drugs = ("cetuximab", "furosemide", "cisplatin", "amphotericin B", "gentamicin", "tacrolimus", "omeprazole")
    for place, drug in enumerate(drugs):
        name = f"{drug} {'250 milligrams per 5 milliliters ' * 8}"
        orders.append({"resource": {**first, "id": f"long-{place}", "medicationCodeableConcept": {"text": name}}})
    body["context"]["selections"] = [f"MedicationRequest/{entry['resource']['id']}" for entry in orders]
    found = site.call(body).get_json()
    assert max(len(card["summary"]) for card in found["cards"]) > 100
    assert list(of_response(found)) == []


@pytest.mark.requirement("R-50")
def test_a_topic_has_the_same_code_on_every_hook(site: Any, example: Example) -> None:
    codes = {}
    for hook in ("patient-view", "order-select", "order-sign"):
        cards = site.call(example(hook)).get_json()["cards"]
        codes[hook] = {(card["source"]["topic"]["system"], card["source"]["topic"]["code"]) for card in cards}
        assert {card["source"]["label"] for card in cards} == {"Magnesium CDS"}
    assert codes["order-select"] & codes["order-sign"]
    assert {system for found in codes.values() for system, _ in found} == {system for system, _ in codes["order-sign"]}
    assert {code for found in codes.values() for _, code in found} <= {topic.value for topic in Topic}


@pytest.mark.requirement("R-45")
@pytest.mark.parametrize("behavior", SelectionBehavior)
def test_a_client_gets_the_selection_behavior_it_knows(
    make_site: Any, example: Example, behavior: SelectionBehavior
) -> None:
    client = msgspec.structs.replace(OPEN_CLIENT, selection_behavior=behavior)
    cards = make_site(clients=(client,)).call(example("order-select")).get_json()["cards"]
    assert {card["selectionBehavior"] for card in cards if "suggestions" in card} == {behavior}


@pytest.mark.requirement("R-87")
@pytest.mark.parametrize("hook", ["patient-view", "order-select", "order-sign"])
def test_nothing_that_matters_stands_only_in_an_extension(make_site: Any, example: Example, hook: str) -> None:
    client = msgspec.structs.replace(OPEN_CLIENT, extensions=False)
    bare = make_site(clients=(client,)).call(example(hook)).get_json()["cards"]
    full = make_site().call(example(hook)).get_json()["cards"]
    assert not any("extension" in card for card in bare)
    for one, other in zip(bare, full, strict=True):
        assert (one["summary"], one["detail"], one["indicator"]) == (
            other["summary"],
            other["detail"],
            other["indicator"],
        )


LINK = Link("Read on", "https://example.org/read")


@pytest.mark.requirement("R-63", "R-64", "R-66", "cds-resp-3")
@pytest.mark.parametrize("link", [LINK, replace(LINK, type=LinkType.SMART, app_context="why")], ids=["page", "app"])
def test_a_link_would_be_sent_as_it_must_be(link: Link) -> None:
    card = Card(str(UUID(int=1)), "Low", Indicator.INFO, Source("Magnesium"), links=(link,))
    assert list(of_response({"cards": [card.to_json()]})) == []
    assert card.to_json()["links"][0]["url"] == "https://example.org/read"


@pytest.mark.requirement("R-63", "R-64", "R-66", "cds-resp-3")
@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("label", ""),
        ("url", "read"),
        ("url", "http://example.org/read"),
        ("url", "https://somebody@example.org/read"),
        ("app_context", "why"),
    ],
)
def test_no_other_link_can_be_made(member: str, value: str) -> None:
    changes: Any = {member: value}
    with pytest.raises(ValueError, match=r"^link\."):
        replace(LINK, **changes)
