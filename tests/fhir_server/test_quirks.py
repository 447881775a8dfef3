"""What servers do differently, and what goes wrong, between the service and a FHIR server that would know."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest

from magnesium.facts import Need
from tests.fhir_server import patients, quirks
from tests.fhir_server.conftest import TOKEN, MakeAsking, cards, note, sandbox_app
from tests.fhir_server.quirks import QUIRKS, Proxy, Quirk, status

APP = sandbox_app()


@pytest.mark.parametrize("sent", [[], ["patient", "labs"]], ids=["no prefetch", "partial prefetch"])
@pytest.mark.parametrize("hook", patients.HOOKS)
@pytest.mark.parametrize("name", QUIRKS)
def test_a_quirk_changes_no_card(name: str, hook: str, sent: list[str], ask: MakeAsking) -> None:
    complete = patients.prefetch(hook)
    with Proxy(APP, QUIRKS[name]) as proxy:
        asking = ask(proxy.url)
        expected = cards(asking.call_with_all(hook))
        answer = asking.call(hook, {key: complete[key] for key in sent})
        assert expected
        assert cards(answer) == expected
        assert proxy.seen
        assert patients.STRANGER not in answer.get_data(as_text=True)
    kind = "partial" if sent else "none"
    note({"table": "quirks", "quirk": name, "hook": hook, "prefetch": kind, "ms": asking.milliseconds})


REFUSED, UNSEEN, IN_PART = "412", "200, not seen", "200, in part"


@dataclass(frozen=True)
class Fault:
    """What goes wrong, and what it costs: where required data are hit, and where optional data are."""

    quirk: Quirk
    labs: str = REFUSED
    conditions: str = UNSEEN


PARTIAL = {"labs": IN_PART, "conditions": UNSEEN}
FAULTS = {
    "401": Fault(status(401)),
    "403": Fault(status(403)),
    "404": Fault(status(404)),
    "429, Retry-After: 3600": Fault(status(429, Retry_After="3600")),
    "429 without Retry-After": Fault(status(429)),
    "500": Fault(status(500)),
    "503": Fault(status(503)),
    "redirect to another server": Fault(status(302, Location="http://127.0.0.1:9/fhir")),
    "redirect with a body without end": Fault(quirks.redirect_without_end),
    "connection reset": Fault(quirks.reset),
    "half a body": Fault(quirks.half_a_body),
    "half a chunked body": Fault(quirks.half_a_chunked_body),
    "half a gzip": Fault(quirks.half_a_gzip),
    "gzip bomb (200 MB)": Fault(quirks.gzip_bomb),
    "no answer": Fault(quirks.silence),
    "headers, then no body": Fault(quirks.silence_after_the_headers),
    "headers drop by drop": Fault(quirks.headers_in_drops),
    "body drop by drop": Fault(quirks.body_in_drops),
    "body without end": Fault(quirks.body_without_end),
    "HTML": Fault(quirks.text(b"<html>Sign in</html>", "text/html")),
    "XML": Fault(quirks.text(b'<Bundle xmlns="http://hl7.org/fhir"/>', "application/fhir+xml")),
    "nesting 100,000 deep": Fault(quirks.text(b"[" * 100_000, "application/fhir+json")),
    "JSON, but a list": Fault(quirks.text(b"[]", "application/fhir+json")),
    "another resource": Fault(quirks.text(b'{"resourceType": "Basic"}', "application/fhir+json")),
    "OperationOutcome with status 200": Fault(quirks.outcome_with_status_200),
    "OperationOutcome (error) among the matches": Fault(quirks.outcome_among_the_matches),
    "second page never comes": Fault(quirks.slow_second_page, labs=IN_PART, conditions="200"),
    "next on another origin": Fault(quirks.next_elsewhere, labs=IN_PART, conditions="200"),
    "next leads back": Fault(quirks.next_leads_back, labs=IN_PART, conditions=IN_PART),
    "pages without end": Fault(quirks.pages_without_end, labs=IN_PART, conditions=IN_PART),
}


@pytest.mark.requirement("R-20", "R-32", "M-04", "M-14")
@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize(("kind", "need"), [("Observation", Need.LABS), ("Condition", Need.CONDITIONS)])
def test_a_fault_costs_what_it_hits_and_the_answer_says_so(name: str, kind: str, need: Need, ask: MakeAsking) -> None:
    """With the budget that is the default: the answer comes, though the server may never be done."""
    fault = FAULTS[name]
    with Proxy(APP, fault.quirk, only=kind) as proxy:
        asking = ask(proxy.url, fhir_budget_ms=2000)
        complete = patients.prefetch("patient-view")
        # Heart rates are Observations, too; here they come along.
        answer = asking.call("patient-view", {"vitals": complete["vitals"]})
        text = answer.get_data(as_text=True)
    outcome = _outcome(answer, need)
    assert outcome == (fault.labs if need is Need.LABS else fault.conditions)
    assert TOKEN not in text + asking.log.getvalue()
    assert "127.0.0.1" not in text
    shown = len(answer.get_json().get("cards", ()))
    row = {"table": "faults", "fault": name, "hit": need.value, "outcome": outcome, "cards": shown}
    note({**row, "ms": asking.milliseconds})


def _outcome(answer: Any, need: Need) -> str:
    if answer.status_code == 412:
        (issue,) = answer.get_json()["issue"]
        assert issue["expression"] == [f"prefetch.{need.value}"]
        assert "could not be fetched either" in issue["diagnostics"]
        return REFUSED
    assert cards(answer)
    if re.search(rf"could not be read: [^\n\\]*{need.words}", answer.get_data(as_text=True)):
        return UNSEEN
    if re.search(rf"arrived only in part: [^\n\\]*{need.words}", answer.get_data(as_text=True)):
        return IN_PART
    return "200"


@pytest.mark.requirement("R-86", "M-14")
def test_a_server_that_never_answers_costs_one_budget_however_many_questions_it_leaves_open(ask: MakeAsking) -> None:
    with Proxy(APP, quirks.silence) as proxy:
        answer = ask(proxy.url, fhir_budget_ms=300).call("patient-view", {})
    assert answer.status_code == 412
    assert [issue["expression"] for issue in answer.get_json()["issue"]] == [
        ["prefetch.patient"],
        ["prefetch.labs"],
        ["prefetch.medications"],
    ]
    assert all("did not answer in time" in issue["diagnostics"] for issue in answer.get_json()["issue"])


@pytest.mark.requirement("M-03")
def test_everything_is_asked_at_the_same_time(ask: MakeAsking) -> None:
    """Nobody is answered before all have asked: asked one after the other, they would wait for each other forever."""
    import threading  # noqa: PLC0415

    everybody = threading.Barrier(len(patients.KEYS) + 2)

    def together(visit: quirks.Visit) -> None:
        if visit.kind != "Medication":
            everybody.wait(timeout=60)
        visit.send(*visit.answer())

    with Proxy(APP, together) as proxy:
        assert cards(ask(proxy.url).call("patient-view", {}))
    assert not everybody.broken
