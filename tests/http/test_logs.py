"""What the log says of a request, and that it can say nothing of the patient (M-13)."""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cds_service import examples
from cds_service.account import Stage
from cds_service.clients import OPEN_CLIENT
from cds_service.settings import Profile, Settings
from hooks import SERVICES
from magnesium.facts import Need
from magnesium.verdict import Topic
from tests.http.conftest import Site

HOOKS = [service.hook.value for service in SERVICES]
CALL = "/cds-services/magnesium-patient-view"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
MARKER = "Rosalind Marker"
Example = Callable[[str], dict[str, Any]]


def request_line(site: Any) -> dict[str, Any]:
    (line,) = [event for event in site.events if event["event"] == "request"]
    return dict(line)


class TestTheLine:
    @pytest.mark.parametrize("hook", HOOKS)
    def test_a_call_is_one_line_that_tells_what_was_done_with_it(self, site: Any, example: Example, hook: str) -> None:
        body = example(hook)
        answer = site.call(body)
        line = request_line(site)
        assert len(site.events) == 1
        assert (line["method"], line["route"]) == ("POST", "/cds-services/<service_id>")
        assert (line["service"], line["hook"], line["client"]) == (f"magnesium-{hook}", hook, "open")
        assert line["status"] == 200
        assert line["hook_instance"] == body["hookInstance"]
        assert line["policy"] == site.evaluations[0].picture.policy.version
        assert sum(line["cards"].values()) == len(answer.get_json()["cards"])
        service = next(service for service in SERVICES if service.hook.value == hook)
        ran = [topic for topics in line["rules"].values() for topic in topics]
        assert sorted(ran) == sorted(rule.topic.value for rule in service.rules)
        assert set(line["rules"]) <= {"fired", "quiet", "unknown"}
        assert set(line["sources"]) == {need.value for need in Need}
        assert set(line["sources"].values()) <= {"prefetch", "known-empty"}

    def test_it_tells_how_long_each_stage_took(self, make_site: Any, example: Example) -> None:
        ticks = iter(range(100))
        site = make_site(stopwatch=lambda: next(ticks) / 1000)
        site.call(example("patient-view"))
        line = request_line(site)
        assert list(line["stages_ms"]) == [stage.value for stage in Stage]
        assert set(line["stages_ms"].values()) == {1.0}
        assert line["duration_ms"] >= sum(line["stages_ms"].values())

    def test_it_tells_where_the_data_came_from(self, site: Any, example: Example) -> None:
        body = example("patient-view")
        body["prefetch"]["vitals"] = {"resourceType": "OperationOutcome", "issue": []}
        body["prefetch"]["conditions"] = None
        site.call(body)
        sources = request_line(site)["sources"]
        assert (sources["labs"], sources["conditions"], sources["vitals"]) == ("prefetch", "known-empty", "unavailable")

    def test_it_counts_what_could_not_be_used_by_reason(self, site: Any, example: Example) -> None:
        body = example("patient-view")
        body["prefetch"]["labs"]["entry"][0]["resource"]["valueQuantity"] = {"value": 1, "unit": "furlong"}
        site.call(body)
        assert request_line(site)["unusable"] == {"unknown-unit": 1}

    def test_it_tells_which_cards_were_not_shown_and_why(self, make_site: Any, example: Example) -> None:
        watched = msgspec.structs.replace(OPEN_CLIENT, silent="all")
        site = make_site(clients=(watched,))
        site.call(example("patient-view"))
        line = request_line(site)
        assert "cards" not in line
        assert line["not_shown"][Topic.REFRACTORY_HYPOKALEMIA.value] == "silent"

    def test_a_rule_that_failed_is_named_and_its_failure_is_on_a_line_of_the_same_request(
        self, make_site: Any, example: Example
    ) -> None:
        class Broken:
            topic = SERVICES[0].rules[0].topic
            version = "1"
            hooks = SERVICES[0].rules[0].hooks

            @staticmethod
            def judge(_: Any) -> Any:
                raise RuntimeError(MARKER)

        site = make_site(services=[replace(SERVICES[0], rules=(Broken(), *SERVICES[0].rules[1:]))])
        site.call(example("patient-view"))
        failure, line = site.events
        assert line["rules"]["failed"] == [failure["check"]] == [Broken.topic.value]
        assert line["request_id"] == failure["request_id"]
        assert MARKER not in site.log.getvalue()

    def test_a_refusal_is_a_line_with_its_status(self, site: Any) -> None:
        site.client.post(CALL, data=b"{}", content_type="application/json")
        line = request_line(site)
        assert (line["service"], line["client"], line["status"]) == ("magnesium-patient-view", "open", 400)
        assert list(line["stages_ms"]) == ["authenticate"]
        assert not {"cards", "rules", "hook_instance"} & set(line)

    def test_a_failure_of_ours_is_a_line_with_its_id(self, make_site: Any) -> None:
        def broken() -> None:
            raise RuntimeError(MARKER)

        site = make_site()
        site.app.view_functions["discovery.discovery"] = broken
        site.client.get("/cds-services")
        failure, line = site.events
        assert (line["status"], line["error_id"]) == (500, failure["error_id"])

    @pytest.mark.parametrize(
        ("address", "route"),
        [
            ("/cds-services", "/cds-services"),
            ("/", "/"),
            ("/examples/patient-view", "/examples/<name>"),
            ("/nowhere", "none"),
            ("/cds-services/Rosalind", "none"),  # GET
        ],
    )
    def test_every_address_has_its_line_by_its_pattern(self, site: Any, address: str, route: str) -> None:
        site.client.get(address)
        line = request_line(site)
        assert line["route"] == route
        assert "service" not in line

    def test_a_service_that_does_not_exist_is_not_named(self, site: Any) -> None:
        site.client.post("/cds-services/Rosalind", data=b"{}", content_type="application/json")
        assert request_line(site)["status"] == 404
        assert "Rosalind" not in site.log.getvalue()

    def test_a_method_that_does_not_exist_is_not_named(self, site: Any) -> None:
        site.client.open("/", method="ROSALIND")
        assert request_line(site)["method"] == "other"

    @pytest.mark.parametrize("address", ["/health/live", "/health/ready", "/metrics"])
    def test_probes_are_written_for_those_who_debug(self, site: Any, address: str) -> None:
        site.client.get(address)
        assert request_line(site)["level"] == "debug"


class TestTheRequestId:
    def test_one_that_came_is_sent_back_and_logged(self, site: Any) -> None:
        answer = site.client.get("/cds-services", headers={"X-Request-Id": "a1B2-c3.d_4"})
        assert answer.headers["X-Request-Id"] == request_line(site)["request_id"] == "a1B2-c3.d_4"

    @pytest.mark.parametrize(
        "odd", [None, "", "two words", "x" * 65, "a/b", "a\u00e9", "a;b", '"', "a\u0660", "{}"], ids=ascii
    )
    def test_without_a_plain_token_one_is_made(self, site: Any, odd: str | None) -> None:
        headers = {} if odd is None else {"X-Request-Id": odd}
        made = site.client.get("/cds-services", headers=headers).headers["X-Request-Id"]
        assert made != odd
        assert len(made) == 36
        assert request_line(site)["request_id"] == made

    def test_no_two_requests_are_given_the_same(self, site: Any) -> None:
        assert len({site.client.get("/cds-services").headers["X-Request-Id"] for _ in range(20)}) == 20

    def test_it_is_not_left_over_for_whatever_is_logged_next(self, site: Any) -> None:
        site.client.get("/cds-services")
        site.app.extensions["magnesium_cds"]["failures"].report(RuntimeError())
        assert "request_id" not in site.events[-1]

    @pytest.mark.parametrize(
        ("sent", "logged"),
        [
            (f"00-{TRACE}-00f067aa0ba902b7-01", TRACE),
            (f"cc-{TRACE}-00f067aa0ba902b7-01-what-the-future-will-be", TRACE),
            (f"00-{'0' * 32}-00f067aa0ba902b7-01", None),
            (f"00-{TRACE.upper()}-00f067aa0ba902b7-01", None),
            ("Rosalind", None),
            (None, None),
        ],
    )
    def test_a_trace_is_logged_by_its_id(self, site: Any, sent: str | None, logged: str | None) -> None:
        site.client.get("/cds-services", headers={} if sent is None else {"traceparent": sent})
        assert request_line(site).get("trace_id") == logged


# ── M-13 ─────────────────────────────────────────────────────────────────────────────────────────────────────


def everything(hook: str) -> dict[str, Any]:
    """Return a request with every member that CDS Hooks knows."""
    return {
        **examples.as_of(hook, examples.WRITTEN),
        "user": "Practitioner/1",
        "fhirServer": "https://ehr.example.org/fhir",
        "fhirAuthorization": {
            "access_token": "token",
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": "patient/*.read",
            "subject": "client",
        },
        "extension": {"internal.epic.cdshooks.request.epic-emp-id": "7", "org.example": {"note": ["text"]}},
    }


def strings(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every string, and of every key."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*path, ("key", key))
            yield from strings(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from strings(inner, (*path, index))
    elif isinstance(value, str):
        yield path


def marked(body: Any, path: tuple[Any, ...], text: str) -> Any:
    """Return a copy with ``text`` in the place of one string or key."""
    changed = copy.deepcopy(body)
    owner = changed
    for step in path[:-1]:
        owner = owner[step]
    last = path[-1]
    if isinstance(last, tuple):
        owner[text] = owner.pop(last[1])
    else:
        owner[last] = text
    return changed


BODIES = {hook: everything(hook) for hook in HOOKS}
PLACES = [(hook, path) for hook, body in BODIES.items() for path in strings(body)]
TEXTS = [MARKER, f"Patient/{MARKER}", f"https://ehr.example.org/{MARKER}", f"{MARKER} 1.2 mg/dL", f"<{MARKER}>\n"]
HEADERS = [
    "Authorization",
    "Cookie",
    "User-Agent",
    "Referer",
    "Origin",
    "X-Forwarded-For",
    "X-Request-Id",
    "traceparent",
    "X-Client-Cert-Sha256",
    "Content-Type",
    "Content-Encoding",
    "Accept",
    "Host",
]
ADDRESSES = [
    "/",
    "/cds-services",
    CALL,
    f"{CALL}/feedback",
    "/health/live",
    "/health/ready",
    "/metrics",
    "/openapi.json",
    "/examples/patient-view",
    "/static/landing.css",
    f"/examples/{MARKER}",
    f"/static/{MARKER}",
    f"/cds-services/{MARKER}",
    f"/cds-services/{MARKER}/feedback",
    f"/{MARKER}",
]


@pytest.fixture(scope="module")
def dev_site() -> Any:
    """The dev profile, with its workbench, sandbox and report."""
    return Site(Settings(profile=Profile.DEV))


@pytest.fixture
def silence(
    site: Any, dev_site: Any, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> Callable[[], None]:
    """Check that nothing that was logged, by us or by a library, or printed, holds the marker."""
    caplog.set_level(logging.DEBUG)

    def check() -> None:
        printed = capfd.readouterr()
        logged = site.log.getvalue() + dev_site.log.getvalue()
        said = f"{logged}\n{caplog.text}\n{printed.out}\n{printed.err}".casefold()
        assert said.count('"event": "request"') >= 1
        assert "marker" not in said
        assert "rosalind" not in said
        for log in (site.log, dev_site.log):
            log.seek(0)
            log.truncate()
        caplog.clear()

    return check


@pytest.mark.requirement("M-13", "R-83")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from(PLACES), text=st.sampled_from(TEXTS), broken=st.sampled_from(["", "prefetch", "context"]))
def test_no_string_of_a_call_is_logged_whether_it_succeeds_or_not(
    site: Any, silence: Callable[[], None], place: tuple[str, tuple[Any, ...]], text: str, broken: str
) -> None:
    hook, path = place
    body = marked(BODIES[hook], path, text)
    body.pop(broken, None)
    site.call(body, f"magnesium-{hook}")
    silence()


@pytest.mark.parametrize("hook", HOOKS)
def test_no_string_is_logged_when_all_of_them_are_the_patient_s(
    site: Any, silence: Callable[[], None], hook: str
) -> None:
    text = json.dumps(BODIES[hook]).replace("example", MARKER).replace("mg/dL", MARKER).replace("token", MARKER)
    site.client.post(f"/cds-services/magnesium-{hook}", data=text, content_type="application/json")
    silence()


@pytest.mark.requirement("M-13", "R-83")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    address=st.sampled_from(ADDRESSES),
    method=st.sampled_from(["GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "ROSALIND"]),
    headers=st.sets(st.sampled_from(HEADERS), max_size=4),
    query=st.sampled_from(["", f"?patient={MARKER}", f"?{MARKER}"]),
    body=st.sampled_from([b"", MARKER.encode(), json.dumps({"feedback": [{"card": MARKER}]}).encode()]),
)
def test_no_address_header_query_or_stray_body_is_logged(  # noqa: PLR0917  hypothesis passes by name
    site: Any, silence: Callable[[], None], address: str, method: str, headers: set[str], query: str, body: bytes
) -> None:
    sent = {"Content-Type": "application/json"} | dict.fromkeys(headers, f"Bearer {MARKER}")
    with site.client.open(address + query, method=method, headers=sent, data=body) as answer:
        assert answer.status_code != 500
    silence()


DEV_ADDRESSES = [
    "/workbench",
    "/workbench/request",
    "/workbench/cards",
    "/workbench/reading",
    "/insight",
    "/insight.csv",
    "/sandbox/fhir/metadata",
    "/sandbox/fhir/Patient",
    "/sandbox/fhir/Patient/_search",
    "/sandbox/fhir/Observation",
    f"/sandbox/fhir/Patient/{MARKER}",
    f"/sandbox/fhir/{MARKER}",
    f"/workbench/{MARKER}",
]
DEV_QUERIES = [
    "",
    f"?{MARKER}",
    *(
        f"?{name}={MARKER}"
        for name in ("story", "since", "until", "client", "patient", "_id", "code", "_count", "page")
    ),
]
VIEW = BODIES["patient-view"]
# What the workbench's script sends; every string of it is replaced in turn.
DEV_BODIES: list[Any] = [
    {"story": "gitelman", "hook": "order-select", "drafts": ["x"], "source": "story", "fhirServer": "https://x/fhir"},
    {"source": "bundle", "hook": "patient-view", "patient": "p", "bundle": VIEW["prefetch"]["labs"]},
    {"status": 200, "answer": {"cards": [{"summary": "x", "detail": "y", "source": {"label": "z"}}]}},
    {"status": 412, "answer": {"issue": [{"code": "x", "diagnostics": "y", "expression": ["z"]}]}},
    {"request": VIEW, "unit": "mg/dL", "span": "all"},
]
DEV_MARKED = [b"", MARKER.encode(), f"patient={MARKER}".encode()]


@pytest.mark.requirement("M-13", "R-83")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    address=st.sampled_from(DEV_ADDRESSES),
    method=st.sampled_from(["GET", "POST", "PUT", "HEAD"]),
    headers=st.sets(st.sampled_from(HEADERS), max_size=2),
    query=st.sampled_from(DEV_QUERIES),
    body=st.sampled_from(DEV_MARKED),
)
def test_no_address_header_query_or_body_of_the_dev_profile_is_logged(  # noqa: PLR0917  hypothesis passes by name
    dev_site: Any, silence: Callable[[], None], address: str, method: str, headers: set[str], query: str, body: bytes
) -> None:
    sent = {"Content-Type": "application/json"} | dict.fromkeys(headers, f"Bearer {MARKER}")
    with dev_site.client.open(address + query, method=method, headers=sent, data=body) as answer:
        assert answer.status_code != 500
    silence()


@pytest.mark.requirement("M-13", "R-83")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    address=st.sampled_from(["/workbench/request", "/workbench/cards", "/workbench/reading"]),
    place=st.sampled_from([(index, path) for index, body in enumerate(DEV_BODIES) for path in strings(body)]),
    text=st.sampled_from(TEXTS),
)
def test_no_string_that_the_workbench_sends_is_logged(
    dev_site: Any, silence: Callable[[], None], address: str, place: tuple[int, tuple[Any, ...]], text: str
) -> None:
    index, path = place
    answer = dev_site.client.post(address, json=marked(DEV_BODIES[index], path, text))
    assert answer.status_code != 500
    silence()


@pytest.mark.requirement("M-13", "R-83")
def test_no_string_of_feedback_is_logged(site: Any, silence: Callable[[], None]) -> None:
    entry = {
        "card": MARKER,
        "outcome": MARKER,
        "acceptedSuggestions": [{"id": MARKER}],
        "overrideReason": {"reason": {"code": MARKER, "system": MARKER, "display": MARKER}, "userComment": MARKER},
        "outcomeTimestamp": MARKER,
        "extension": {MARKER: MARKER},
        MARKER: MARKER,
    }
    for outcome in ("accepted", "overridden", MARKER):
        for service_id in ("magnesium-patient-view", MARKER):
            site.client.post(f"/cds-services/{service_id}/feedback", json={"feedback": [{**entry, "outcome": outcome}]})
    silence()
