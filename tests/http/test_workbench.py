"""The workbench over HTTP: what it serves, to whom, and that the stories show what they are there to show."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any

import pytest
from werkzeug.test import TestResponse

from cds_service.clients import Client
from cds_service.settings import Profile, Settings
from cds_service.workbench.stories import STORIES
from hooks.evidence import KEY
from tests.http.conftest import SERVICE_ID, MakeSite, Site
from tests.workbench_stories import EXPECTED

DEV = Settings(profile=Profile.DEV)


@pytest.fixture(scope="module")
def bench() -> Site:
    return Site(DEV)


def compose(bench: Site, story: str, hook: str) -> dict[str, Any]:
    answer = bench.client.post(
        "/workbench/request", json={"story": story, "hook": hook, "drafts": list(STORIES[story].drafts)}
    )
    assert answer.status_code == 200, answer.get_data(as_text=True)
    request: dict[str, Any] = answer.get_json()
    return request


def cards(bench: Site, story: str, hook: str = "patient-view") -> list[dict[str, Any]]:
    answer = bench.call(compose(bench, story, hook))
    assert answer.status_code == 200, answer.get_data(as_text=True)
    found: list[dict[str, Any]] = answer.get_json()["cards"]
    return found


def named(found: list[dict[str, Any]]) -> tuple[str, ...]:
    return tuple(f"{card['indicator']} {card['source']['topic']['code']}" for card in found)


class TestStories:
    @pytest.mark.parametrize(("story", "hook"), EXPECTED)
    def test_each_shows_what_it_is_there_to_show(self, bench: Site, story: str, hook: str) -> None:
        assert named(cards(bench, story, hook)) == EXPECTED[story, hook]

    def test_together_they_show_every_topic(self) -> None:
        shown = {name.split()[1] for names in EXPECTED.values() for name in names}
        assert len(shown) == 9

    def test_the_stubborn_potassium_card_speaks_for_the_magnesium_card(self, bench: Site) -> None:
        lead = cards(bench, "loop-diuretic-stubborn-potassium")[0]
        topics = {topic["code"] for topic in lead["extension"][KEY]["topics"]}
        assert topics == {"refractory-hypokalemia", "hypomagnesemia"}

    def test_gitelman_leads_the_possible_reasons(self, bench: Site) -> None:
        (cause,) = (c for c in cards(bench, "gitelman") if c["source"]["topic"]["code"] == "cause-of-hypomagnesemia")
        assert "Gitelman syndrome" in cause["detail"]
        assert "Consider genetics" in cause["detail"]

    @pytest.mark.parametrize(
        ("story", "reading"),
        [
            ("ppi-for-years", "extrarenal"),
            ("alcohol-and-diarrhea", "extrarenal"),
            ("cisplatin-third-cycle", "renal wasting"),
        ],
    )
    def test_the_urine_says_where_the_magnesium_goes(self, bench: Site, story: str, reading: str) -> None:
        assert reading in cards(bench, story)[-1]["summary"]

    def test_the_noisy_chart_proposes_no_replacement(self, bench: Site) -> None:
        found = cards(bench, "noisy-chart")
        labels = [suggestion["label"] for card in found for suggestion in card.get("suggestions", ())]
        assert labels == ["Order: Serum magnesium"]
        reasons = {entry["reason"] for entry in found[0]["extension"][KEY]["unusable"]}
        assert reasons == {"no-number", "in-the-future", "implausible", "suspect-specimen"}

    def test_in_unit_chaos_what_has_no_unit_is_refused(self, bench: Site) -> None:
        html = reading(bench, compose(bench, "unit-chaos", "patient-view"))
        assert "The value has no unit." in html
        assert "The unit is not one in which this quantity is measured." in html


def reading(bench: Site, request: Mapping[str, Any], **view: str) -> str:
    answer = bench.client.post("/workbench/reading", json={"request": request, **view})
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_data(as_text=True)


class Page(HTMLParser):
    """Tags and their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def fragments(bench: Site, story: str) -> str:
    hook = STORIES[story].hook
    request = compose(bench, story, hook)
    answer = bench.call(request)
    shown = bench.client.post("/workbench/cards", json={"status": 200, "answer": answer.get_json()})
    return shown.get_data(as_text=True) + reading(bench, request)


class TestPage:
    @pytest.mark.parametrize("story", STORIES)
    def test_every_story_has_a_page(self, bench: Site, story: str) -> None:
        answer = bench.client.get(f"/workbench?story={story}")
        assert answer.status_code == 200
        assert STORIES[story].title in answer.get_data(as_text=True)

    @pytest.mark.parametrize("story", ["cetuximab-week-12", "noisy-chart", "normal-patient"])
    def test_nothing_is_inline_and_nothing_comes_from_elsewhere(self, bench: Site, story: str) -> None:
        whole = bench.client.get(f"/workbench?story={story}").get_data(as_text=True) + fragments(bench, story)
        tags = Page(whole).tags
        assert [attrs for tag, attrs in tags if tag == "script"] == [
            {"type": "module", "src": "/workbench/static/workbench.js"}
        ]
        assert not [
            tag for tag, attrs in tags if tag == "style" or any(n == "style" or n.startswith("on") for n in attrs)
        ]
        loaded = [attrs.get("src") or "" for tag, attrs in tags if tag in {"script", "img", "iframe"}]
        loaded += [attrs["href"] or "" for tag, attrs in tags if tag == "link"]
        assert all(address.startswith("/") for address in loaded)

    def test_its_own_script_may_run_and_ask_this_service_only(self, bench: Site) -> None:
        for address in ("/workbench", "/workbench/static/workbench.js"):
            with bench.client.get(address) as answer:
                policy = dict(
                    part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";")
                )
            assert policy == {
                "default-src": "'none'",
                "script-src": "'self'",
                "style-src": "'self'",
                "img-src": "'self'",
                "connect-src": "'self'",
                "base-uri": "'none'",
                "form-action": "'none'",
                "frame-ancestors": "'none'",
            }

    def test_no_other_page_may_run_a_script(self, bench: Site) -> None:
        assert "script-src" not in bench.client.get("/").headers["Content-Security-Policy"]

    def test_the_landing_page_leads_here_in_the_dev_profile_only(self, bench: Site, site: Site) -> None:
        assert 'href="/workbench"' in bench.client.get("/").get_data(as_text=True)
        assert "/workbench" not in site.client.get("/").get_data(as_text=True)

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/workbench"),
            ("GET", "/workbench/static/workbench.js"),
            ("POST", "/workbench/request"),
            ("POST", "/workbench/cards"),
            ("POST", "/workbench/reading"),
        ],
    )
    def test_in_production_there_is_none(self, site: Site, method: str, path: str) -> None:
        assert site.client.open(path, method=method).status_code == 404

    def test_where_only_known_clients_may_call_there_is_none(self, make_site: MakeSite) -> None:
        known = make_site(DEV, clients=(Client(name="ehr", certificates=("a" * 64,)),))
        assert known.client.get("/workbench").status_code == 404
        assert known.client.post("/workbench/reading", json={}).status_code == 404
        assert "/workbench" not in known.client.get("/").get_data(as_text=True)

    def test_what_it_shows_is_not_kept_by_caches(self, bench: Site) -> None:
        assert bench.client.get("/workbench").headers["Cache-Control"] == "no-store"


class TestCards:
    def show(self, bench: Site, status: int, answer: Any) -> str:
        shown = bench.client.post("/workbench/cards", json={"status": status, "answer": answer})
        assert shown.status_code == 200
        return shown.get_data(as_text=True)

    def test_no_card_is_an_answer(self, bench: Site) -> None:
        assert "No card." in self.show(bench, 200, {"cards": []})

    def test_a_refusal_is_shown_with_its_field_and_reason(self, bench: Site) -> None:
        refused = bench.call({"hook": "patient-view", "hookInstance": "x", "context": {}})
        html = self.show(bench, refused.status_code, refused.get_json())
        assert "HTTP 400" in html
        assert "<code>hookInstance</code> This must be a UUID." in html

    @pytest.mark.parametrize(
        ("issue", "shown"),
        [
            ({"expression": 1, "diagnostics": "Why"}, "<li>Why</li>"),
            ({"expression": "context", "diagnostics": "Why"}, "<li><code>context</code> Why</li>"),
            (
                {"expression": [None, {}, "context"], "diagnostics": {}, "code": "value"},
                "<li><code>context</code> value</li>",
            ),
        ],
        ids=["places a number", "places a text", "places of several types, no words"],
    )
    def test_a_refusal_of_odd_shape_is_shown_as_far_as_it_goes(self, bench: Site, issue: Any, shown: str) -> None:
        assert shown in self.show(bench, 412, {"issue": [issue]})

    def test_a_refusal_that_does_not_say_why_is_shown_too(self, bench: Site) -> None:
        assert "does not say why" in self.show(bench, 502, None)

    def test_what_a_card_says_cannot_become_markup(self, bench: Site) -> None:
        evil = "<img src=x onerror=alert(1)>"
        card = {
            "uuid": '"><b>',
            "summary": evil,
            "indicator": evil,
            "detail": evil,
            "source": {"label": evil, "topic": {"code": evil, "display": evil}},
            "suggestions": [{"label": evil, "uuid": evil, "actions": [{"description": evil, "resource": {"x": evil}}]}],
            "overrideReasons": [{"code": evil, "system": evil, "display": evil}],
            "links": [{"label": evil, "url": "https://a.example/" + evil, "type": evil}],
            "extension": {KEY: {"facts": [{"means": evil, "asSent": evil}], "missing": [evil]}},
        }
        tags = Page(self.show(bench, 200, {"cards": [card]})).tags
        assert not [tag for tag, attrs in tags if tag in {"img", "b"} or "onerror" in attrs]


class TestOwnChart:
    def test_every_digit_of_a_pasted_chart_is_kept(self, bench: Site) -> None:
        body = (
            '{"hook": "patient-view", "bundle": {"resourceType": "Bundle", "entry": ['
            '{"resource": {"resourceType": "Patient", "id": "p"}}, {"resource": {"resourceType": "Observation",'
            ' "valueQuantity": {"value": 1.60}}}]}}'
        )
        answer = bench.client.post("/workbench/request", data=body, content_type="application/json")
        assert '"value": 1.60' in answer.get_data(as_text=True)

    def test_every_digit_of_a_suggested_order_is_shown(self, bench: Site) -> None:
        body = '{"status": 200, "answer": {"cards": [{"suggestions": [{"actions": [{"resource": {"dose": 0.50}}]}]}]}}'
        answer = bench.client.post("/workbench/cards", data=body, content_type="application/json")
        assert "&#34;dose&#34;: 0.50" in answer.get_data(as_text=True)


class TestReading:
    @pytest.mark.parametrize(("unit", "limit"), [("mg/dL", "1.2"), ("mmol/L", "0.50"), ("mEq/L", "1.0"), ("", "1.2")])
    def test_the_limits_are_shown_in_the_chosen_unit(self, bench: Site, unit: str, limit: str) -> None:
        html = reading(bench, compose(bench, "ppi-for-years", "patient-view"), unit=unit)
        assert f"Magnesium, {unit or 'mg/dL'}: severely low below {limit}" in html

    def test_the_picture_says_in_words_what_it_shows(self, bench: Site) -> None:
        html = reading(bench, compose(bench, "ppi-for-years", "patient-view"), span="1-year")
        (label, *_) = re.findall(r'role="img" aria-label="([^"]*)"', html)
        assert "4 usable results, the newest 1.3, low" in label
        assert "Drugs: omeprazole" in label
        assert "Time shown: 1 year" in label

    def test_every_check_gives_its_reason(self, bench: Site) -> None:
        html = reading(bench, compose(bench, "normal-patient", "patient-view"))
        assert html.count(">Silent<") + html.count(">Cannot tell<") == 9
        assert "magnesium is in the usual range" in html

    def test_what_could_not_be_looked_at_is_named(self, bench: Site) -> None:
        request = compose(bench, "normal-patient", "patient-view")
        del request["prefetch"]["conditions"]
        assert "the problem list" in reading(bench, request)

    def test_nothing_is_written_down_of_it(self, bench: Site) -> None:
        bench.evaluations.clear()
        reading(bench, compose(bench, "normal-patient", "patient-view"))
        assert bench.evaluations == []

    @pytest.mark.parametrize("hook", ["patient-open", None, 7])
    def test_an_unknown_hook_is_refused(self, bench: Site, hook: Any) -> None:
        answer = bench.client.post("/workbench/reading", json={"request": {"hook": hook}})
        assert answer.status_code == 400
        assert answer.get_json()["issue"][0]["expression"] == ["request.hook"]


class TestBadInput:
    ADDRESSES = ("/workbench/request", "/workbench/cards", "/workbench/reading")

    def problem(self, answer: TestResponse) -> str:
        body = answer.get_json()
        assert body["resourceType"] == "OperationOutcome"
        text: str = body["issue"][0]["diagnostics"]
        return text

    @pytest.mark.parametrize("address", ADDRESSES)
    @pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"a":NaN}'])
    def test_what_is_no_json_object_is_refused(self, bench: Site, address: str, body: bytes) -> None:
        answer = bench.client.post(address, data=body, content_type="application/json")
        assert answer.status_code == 400
        assert self.problem(answer)

    @pytest.mark.parametrize("address", ADDRESSES)
    def test_a_form_of_another_site_is_refused(self, bench: Site, address: str) -> None:
        answer = bench.client.post(address, data=json.dumps({}), content_type="text/plain")
        assert answer.status_code == 415

    def test_an_unknown_story_is_not_found(self, bench: Site) -> None:
        answer = bench.client.get("/workbench?story=<b>")
        assert answer.status_code == 404
        assert "<b>" not in self.problem(answer)

    def test_a_request_that_the_service_would_refuse_is_refused_alike(self, bench: Site) -> None:
        request = {"hook": "patient-view", "hookInstance": "6f1d2a34-0c1b-4c67-9d0e-6f1a5c1b7a01"}
        request_with = {**request, "context": {"patientId": "p", "userId": "u"}}
        answer = bench.client.post("/workbench/reading", json={"request": request_with})
        assert answer.status_code == bench.call(request_with).status_code == 412


def test_every_service_can_be_called_from_the_page(bench: Site) -> None:
    html = bench.client.get("/workbench").get_data(as_text=True)
    for service in SERVICE_ID.values():
        assert f'data-service="/cds-services/{service}"' in html


def test_the_sandbox_is_among_the_servers_to_ask() -> None:
    bench = Site(Settings(profile=Profile.DEV, port=8123, fhir_servers=("https://ehr.example.org/fhir",)))
    html = bench.client.get("/workbench").get_data(as_text=True)
    assert "<option>http://127.0.0.1:8123/sandbox/fhir</option>" in html
    assert "<option>https://ehr.example.org/fhir</option>" in html
