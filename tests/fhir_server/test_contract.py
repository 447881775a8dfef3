"""Whatever a client leaves out of prefetch is fetched, and the cards are the same: on every server, for every hook."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fhir_server import patients
from tests.fhir_server.conftest import MakeAsking, cards, note

ALL_NEEDS = sorted([*patients.KEYS, "patient", "vitals"])
# What the client sends along; the rest is to be fetched.
PREFETCH = {
    "none": [],
    "labs only": ["labs"],
    "all but labs": sorted(set(ALL_NEEDS) - {"labs"}),
    "required only": ["labs", "medications", "patient"],
    "full": ALL_NEEDS,
}


@pytest.mark.requirement("R-29a", "M-03")
@pytest.mark.parametrize("sent", PREFETCH.values(), ids=PREFETCH.keys())
@pytest.mark.parametrize("hook", patients.HOOKS)
def test_the_cards_are_those_of_full_prefetch(
    server: tuple[str, str], hook: str, sent: list[str], ask: MakeAsking
) -> None:
    name, url = server
    complete = patients.prefetch(hook)
    expected = cards(ask(url).call_with_all(hook))
    assert expected, "a comparison of nothing with nothing shows nothing"

    asking = ask(url)
    found = cards(asking.call(hook, {key: complete[key] for key in sent}))

    assert found == expected
    # Exactly what was missing was asked for; Medications that nobody sent are read beside.
    queries = [need for need in asking.asked if need != "medication"]
    assert queries == sorted(set(ALL_NEEDS) - set(sent))
    assert not [event for event in asking.events if event.get("trouble", "none") != "none"]
    kind = next(kind for kind, keys in PREFETCH.items() if keys == sent)
    note({"table": "contract", "server": name, "hook": hook, "prefetch": kind, "ms": asking.milliseconds})


@pytest.mark.parametrize("hook", patients.HOOKS)
def test_nothing_of_another_patient_turns_up(server: tuple[str, str], hook: str, ask: MakeAsking) -> None:
    text = ask(server[1]).call(hook, {}).get_data(as_text=True)
    assert patients.STRANGER not in text


@pytest.mark.parametrize("hook", patients.HOOKS)
def test_patient_as_a_reference_is_understood_as_well(server: tuple[str, str], hook: str, ask: MakeAsking) -> None:
    from cds_service.settings import PatientParameter  # noqa: PLC0415

    expected = cards(ask(server[1]).call(hook, {}))
    assert cards(ask(server[1], fhir_patient_parameter=PatientParameter.REFERENCE).call(hook, {})) == expected


def test_a_first_page_in_prefetch_is_read_on(sandbox_url: str, ask: MakeAsking) -> None:
    complete = patients.prefetch("patient-view")
    first = _first_page(
        complete["labs"], f"{sandbox_url}/Observation?patient=contract-patient-view&_count=20&_offset=20"
    )
    asking = ask(sandbox_url)
    found = cards(asking.call("patient-view", {**complete, "labs": first}))
    assert found == cards(ask(sandbox_url).call("patient-view", complete))
    assert asking.asked == ["labs"]


def test_a_first_page_whose_next_is_elsewhere_stays_a_part_and_the_card_says_so(
    sandbox_url: str, ask: MakeAsking
) -> None:
    complete = patients.prefetch("patient-view")
    first = _first_page(complete["labs"], "https://evil.example/Observation?page=2")
    found = ask(sandbox_url).call("patient-view", {**complete, "labs": first})
    assert cards(found)
    assert "arrived only in part: laboratory results" in found.get_data(as_text=True)


def _first_page(labs: dict[str, Any], next_url: str) -> dict[str, Any]:
    return {**labs, "entry": labs["entry"][:20], "link": [{"relation": "next", "url": next_url}]}
