"""The workbench in a browser: the stories, feedback, the keyboard, the eyes and ears of every user."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from cds_service.storage.schema import feedback
from cds_service.workbench.stories import STORIES, chart
from tests.storage.say import rows
from tests.workbench_stories import EXPECTED

try:
    from playwright.sync_api import expect
except ImportError:
    expect = None  # type: ignore[assignment]  # stands for the missing package

Bench = Any
"""A ``tests.browser.conftest.Bench``: a name that can be imported nowhere but there without Playwright."""

SCHEMES = ("light", "dark")
NARROW, WIDE = 360, 1600


@pytest.mark.parametrize("story", STORIES)
def test_a_story_shows_its_cards(bench: Bench, story: str) -> None:
    bench.open(story)
    hook = STORIES[story].hook
    assert bench.cards == EXPECTED[story, hook]
    for other in (other for name, other in EXPECTED if name == story and other != hook):
        bench.call(other)
        assert bench.cards == EXPECTED[story, other]


def test_a_card_says_its_urgency_in_words_and_by_a_sign(bench: Bench) -> None:
    bench.open("alcohol-and-diarrhea")
    assert bench.page.locator(".card .indicator").all_inner_texts() == ["Critical", "Warning", "Warning", "Info"]
    signs = [sign.get_attribute("d") for sign in bench.page.locator(".card .indicator path").all()]
    assert len(set(signs)) == 3


def test_markdown_is_shown_as_lists(bench: Bench) -> None:
    bench.open("alcohol-and-diarrhea")
    detail = bench.page.locator(".card .detail").first
    assert detail.locator("strong").all_inner_texts() == ["Findings", "Why it matters", "What to do"]
    assert detail.locator("li").count() >= 5
    assert "**" not in detail.inner_text()


def test_the_evidence_is_one_click_away(bench: Bench) -> None:
    bench.open("cisplatin-third-cycle")
    bench.page.locator(".card").last.get_by_role("link", name="Evidence").click()
    evidence = bench.page.locator("#evidence-4")
    expect(evidence.locator("summary")).to_be_focused()
    expect(evidence.get_by_role("table", name="Facts it rests on")).to_be_visible()
    expect(evidence.get_by_role("table", name="Limits that were applied")).to_be_visible()
    expect(evidence).to_contain_text("FEMg")


def test_the_request_shown_is_the_one_sent_digit_by_digit(bench: Bench) -> None:
    with bench.page.expect_request(re.compile("/cds-services/magnesium-patient-view$")) as sent:
        bench.open("loop-diuretic-stubborn-potassium")
    shown = bench.page.locator("#request-text").text_content()
    assert sent.value.post_data == shown
    assert '"value": 3.0' in shown
    assert "K 3.0 mmol/L" in bench.page.locator(".card h3").first.inner_text()


def test_the_request_can_be_copied_as_a_command(bench_with: Any) -> None:
    bench = bench_with(permissions=["clipboard-read", "clipboard-write"])
    bench.open("gitelman")
    bench.page.get_by_role("button", name="Copy as curl").click()
    expect(bench.page.locator("#copied")).to_have_text("Copied.")
    command = bench.page.locator("#curl-text").text_content()
    address, body = command.split(" --data-binary @- <<'END-OF-REQUEST'\n")
    assert address == f"curl -s {bench.url}/cds-services/magnesium-patient-view -H 'Content-Type: application/json'"
    assert json.loads(body.removesuffix("\nEND-OF-REQUEST"))["hook"] == "patient-view"


class TestTimeline:
    def test_it_is_shown_in_the_chosen_unit(self, bench: Bench) -> None:
        bench.open("ppi-for-years")
        expect(bench.page.locator("figcaption")).to_contain_text("Magnesium, mg/dL: severely low below 1.2")
        bench.page.get_by_label("Magnesium in").select_option("mmol/L")
        expect(bench.page.locator("figcaption")).to_contain_text("Magnesium, mmol/L: severely low below 0.50")

    def test_it_reaches_as_far_back_as_chosen(self, bench: Bench) -> None:
        bench.open("alcohol-and-diarrhea")
        picture = bench.page.get_by_role("img", name="Magnesium")
        expect(picture.locator(".result")).to_have_count(2)
        bench.page.get_by_label("Time", exact=True).select_option("1 year")
        expect(picture.locator(".result")).to_have_count(4)

    def test_its_tables_say_the_same(self, bench: Bench) -> None:
        bench.open("ppi-for-years")
        bench.page.get_by_text("The timeline as tables").click()
        table = bench.page.get_by_role("table", name="Magnesium")
        drawn = bench.page.locator(".wide .result").count() - 3
        expect(table.locator("tbody tr")).to_have_count(drawn)
        expect(table.locator("tbody tr").first).to_contain_text("1.3 mg/dL")


class TestFeedback:
    def kept(self, bench: Bench, card: str) -> dict[str, Any]:
        """Return the one row that the service's database has about a card."""
        (row,) = (row for row in rows(bench.database, feedback) if row["card"] == card)
        return row

    def test_accepting_reaches_the_feedback_store(self, bench: Bench) -> None:
        bench.open("torsades-on-sotalol")
        card = bench.page.locator(".card").first
        button = card.get_by_role("button", name=re.compile("^Accept: ")).first
        suggestion = button.get_attribute("data-accept")
        with bench.page.expect_response(re.compile("/feedback$")) as answer:
            button.click()
        assert answer.value.status == 200
        (entry,) = json.loads(answer.value.request.post_data)["feedback"]
        assert entry["card"] == card.get_attribute("data-card")
        assert entry["outcome"] == "accepted"
        assert entry["acceptedSuggestions"] == [{"id": suggestion}]
        assert entry["outcomeTimestamp"].endswith("Z")
        row = self.kept(bench, entry["card"])
        assert (row["client"], row["service"]) == ("open", "magnesium-patient-view")
        assert (row["outcome"], row["accepted_suggestions"]) == ("accepted", [suggestion])
        assert (row["reason_code"], row["commented"]) == (None, False)
        assert row["happened_at"] == min(datetime.fromisoformat(entry["outcomeTimestamp"]), row["received_at"])
        expect(card.locator(".outcome")).to_contain_text("Accepted: Order: Magnesium sulfate")
        expect(card.locator(".outcome")).to_be_focused()
        expect(card.get_by_role("button")).to_have_count(0)

    def test_overriding_with_a_reason_reaches_the_feedback_store(self, bench: Bench) -> None:
        bench.open("ppi-for-years")
        card = bench.page.locator(".card").nth(1)
        card.locator("summary", has_text="Dismiss").click()
        card.get_by_label("Reason").select_option(label="No suitable alternative")
        card.get_by_label("Comment").fill("Barrett")
        with bench.page.expect_response(re.compile("/feedback$")) as answer:
            card.get_by_role("button", name="Override").click()
        assert answer.value.status == 200
        (entry,) = json.loads(answer.value.request.post_data)["feedback"]
        assert entry["outcome"] == "overridden"
        assert entry["overrideReason"]["reason"]["code"] == "no-alternative"
        assert entry["overrideReason"]["reason"]["system"].startswith("https://")
        assert entry["overrideReason"]["userComment"] == "Barrett"
        row = self.kept(bench, entry["card"])
        assert (row["client"], row["service"]) == ("open", "magnesium-patient-view")
        assert (row["outcome"], row["accepted_suggestions"]) == ("overridden", [])
        assert (row["reason_code"], row["reason_system"]) == (
            "no-alternative",
            entry["overrideReason"]["reason"]["system"],
        )
        assert row["commented"] is True
        assert "Barrett" not in str(row)
        expect(card.locator(".outcome")).to_contain_text("Overridden. Feedback recorded (HTTP 200).")

    def test_overriding_needs_no_reason(self, bench: Bench) -> None:
        bench.open("ppi-for-years")
        card = bench.page.locator(".card").nth(2)
        card.locator("summary", has_text="Dismiss").click()
        with bench.page.expect_response(re.compile("/feedback$")) as answer:
            card.get_by_role("button", name="Override").click()
        assert answer.value.status == 200
        (entry,) = json.loads(answer.value.request.post_data)["feedback"]
        assert "overrideReason" not in entry
        row = self.kept(bench, entry["card"])
        assert (row["outcome"], row["reason_code"], row["commented"]) == ("overridden", None, False)

    def test_feedback_that_is_not_taken_is_not_called_recorded(self, bench: Bench) -> None:
        bench.open("gitelman")
        outcome = {"resourceType": "OperationOutcome", "issue": [{"diagnostics": "Send it again."}]}
        bench.page.route(re.compile("/feedback$"), lambda route: route.fulfill(status=503, json=outcome))
        card = bench.page.locator(".card").first
        card.get_by_role("button", name=re.compile("^Accept: ")).first.click()
        expect(card.locator(".outcome")).to_have_text("Feedback was not recorded (HTTP 503). Send it again.")
        assert card.get_attribute("data-card") not in {row["card"] for row in rows(bench.database, feedback)}
        expect(card.get_by_role("button", name=re.compile("^Accept: ")).first).to_be_visible()


class TestOwnCharts:
    @staticmethod
    def old_chart() -> str:
        return json.dumps(chart("gitelman", datetime(2020, 5, 1, tzinfo=UTC)))

    def test_a_pasted_chart_is_judged_as_of_now(self, bench: Bench) -> None:
        bench.open("normal-patient")
        bench.page.get_by_text("Your own chart").click()
        bench.page.get_by_label("Or paste it").fill(self.old_chart())
        with bench.page.expect_response(re.compile("/workbench/cards$")):
            bench.page.get_by_role("button", name="Open this chart").click()
        expect(bench.page.locator("#patient-title")).to_have_text("Your chart")
        expect(bench.page.locator("#patient-title")).to_be_focused()
        bench.answered()
        assert "warning hypokalemia" not in bench.cards

    def test_and_moved_to_now_it_is_as_it_was(self, bench: Bench) -> None:
        bench.open("normal-patient")
        bench.page.get_by_text("Your own chart").click()
        bench.page.get_by_label("File").set_input_files(
            {"name": "chart.json", "mimeType": "application/json", "buffer": self.old_chart().encode()}
        )
        expect(bench.page.get_by_label("Or paste it")).not_to_have_value("")
        bench.page.get_by_label("Move its newest time to now").check()
        with bench.page.expect_response(re.compile("/workbench/cards$")):
            bench.page.get_by_role("button", name="Open this chart").click()
        bench.answered()
        assert bench.cards == EXPECTED["gitelman", "patient-view"]

    def test_what_is_no_json_is_said_at_the_field(self, bench: Bench) -> None:
        bench.open("normal-patient")
        bench.page.get_by_text("Your own chart").click()
        bench.page.get_by_label("Or paste it").fill("Mg 1.1")
        bench.page.get_by_role("button", name="Open this chart").click()
        expect(bench.page.get_by_role("alert")).to_have_text("This is not JSON.")
        expect(bench.page.get_by_label("Or paste it")).to_be_focused()

    def test_what_is_no_chart_is_refused_in_words(self, bench: Bench) -> None:
        bench.open("gitelman")
        bench.page.get_by_text("Your own chart").click()
        bench.page.get_by_label("Or paste it").fill('{"resourceType": "Patient"}')
        bench.page.get_by_role("button", name="Open this chart").click()
        expect(bench.page.locator("#status")).to_contain_text("This must be a FHIR Bundle about one patient.")
        expect(bench.page.locator(".card")).to_have_count(0)


class TestFhirServer:
    def ask(self, bench: Bench, patient: str) -> None:
        bench.open("normal-patient")
        bench.page.get_by_text("A patient on a FHIR server").click()
        bench.page.get_by_label("Patient id").fill(patient)
        with bench.page.expect_response(re.compile("/workbench/cards$")):
            bench.page.get_by_role("button", name="Open this patient").click()

    def test_the_service_fetches_what_it_needs(self, bench: Bench) -> None:
        self.ask(bench, "example-hypokalemia")
        expect(bench.page.locator("#status")).to_contain_text("2 cards")
        assert "warning refractory-hypokalemia" in bench.cards

    def test_a_patient_who_is_not_there_is_refused_with_the_reason(self, bench: Bench) -> None:
        self.ask(bench, "nobody")
        expect(bench.page.locator("#status")).to_contain_text("HTTP 412")
        expect(bench.page.locator(".refused")).to_contain_text("the FHIR server does not have it")


class TestKeyboard:
    def focused(self, bench: Bench) -> str:
        text: str = bench.page.evaluate(
            "() => { const at = document.activeElement; return at.getAttribute('aria-label') || at.textContent.trim() }"
        )
        return text

    def tab_to(self, bench: Bench, wanted: str) -> None:
        for _ in range(150):
            bench.page.keyboard.press("Tab")
            if re.search(wanted, self.focused(bench)):
                return
        pytest.fail(f"the Tab key never reaches {wanted}")

    def test_the_first_stop_skips_to_the_cards(self, bench: Bench) -> None:
        bench.open("gitelman")
        bench.page.keyboard.press("Tab")
        assert self.focused(bench) == "Skip to the cards"
        bench.page.keyboard.press("Enter")
        expect(bench.page.locator("#cards-title")).to_be_focused()

    def test_a_story_a_hook_a_card_and_its_feedback_without_a_mouse(self, bench: Bench) -> None:
        bench.open("normal-patient")
        self.tab_to(bench, "^Cetuximab, week 12")
        bench.page.keyboard.press("Enter")
        bench.page.wait_for_url(re.compile("cetuximab-week-12"))
        bench.answered()
        bench.page.get_by_role("radio", name="order-select").focus()
        bench.page.keyboard.press("ArrowLeft")
        expect(bench.page.get_by_role("radio", name="patient-view")).to_be_checked()
        expect(bench.page.get_by_role("group", name="Draft orders")).to_be_hidden()
        self.tab_to(bench, "^Call the service$")
        with bench.page.expect_response(re.compile("/workbench/cards$")):
            bench.page.keyboard.press("Enter")
        bench.answered()
        expect(bench.page.locator(".card")).to_have_count(2)
        self.tab_to(bench, "^Dismiss: Severe hypomagnesemia")
        bench.page.keyboard.press("Enter")
        self.tab_to(bench, "^none given")
        # One key: a browser that waits too long for the next would begin a new word with it.
        bench.page.keyboard.press("w")
        expect(bench.page.locator(":focus")).to_have_value("will-review")
        self.tab_to(bench, "^Override$")
        with bench.page.expect_response(re.compile("/feedback$")) as answer:
            bench.page.keyboard.press("Enter")
        assert answer.value.status == 200
        assert '"will-review"' in answer.value.request.post_data
        expect(bench.page.locator(":focus")).to_have_text(re.compile("^Overridden."))

    def test_focus_can_be_seen(self, bench: Bench) -> None:
        bench.open("gitelman")
        self.tab_to(bench, "^Call the service$")
        width = bench.page.evaluate("() => getComputedStyle(document.activeElement).outlineWidth")
        assert width == "3px"


def test_a_result_is_announced(bench: Bench) -> None:
    bench.open("alcohol-and-diarrhea")
    expect(bench.page.get_by_role("status").first).to_have_text("4 cards: 1 critical, 2 warnings, 1 info.")


def test_drafts_are_offered_on_the_order_hooks_only(bench: Bench) -> None:
    bench.open("normal-patient")
    drafts = bench.page.get_by_role("group", name="Draft orders")
    expect(drafts).to_be_hidden()
    bench.page.get_by_role("radio", name="order-sign").check()
    expect(drafts).to_be_visible()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", [NARROW, WIDE])
class TestAppearance:
    @pytest.mark.parametrize(
        "story", ["alcohol-and-diarrhea", "cetuximab-week-12", "noisy-chart", "normal-patient", "unit-chaos"]
    )
    def test_no_accessibility_violation_and_nothing_runs_over_the_edge(
        self, bench_with: Any, story: str, width: int, scheme: str
    ) -> None:
        # The page's policy would keep axe-core out; what it measures is the page all the same.
        bench = bench_with(width=width, scheme=scheme, bypass_csp=True)
        bench.open(story)
        bench.picture(f"{story}-{width}-{scheme}")
        assert bench.violations() == []
        assert bench.page.evaluate("() => document.documentElement.scrollWidth") <= width

    def test_none_after_feedback_and_after_a_refusal(self, bench_with: Any, width: int, scheme: str) -> None:
        bench = bench_with(width=width, scheme=scheme, bypass_csp=True)
        bench.open("gitelman")
        bench.page.get_by_role("button", name=re.compile("^Accept: ")).first.click()
        expect(bench.page.locator(".outcome").first).to_contain_text("HTTP 200")
        bench.picture(f"answered-{width}-{scheme}")
        assert bench.violations() == []
        bench.page.get_by_label("Patient id").fill("nobody")
        bench.page.get_by_role("button", name="Open this patient").click()
        expect(bench.page.locator(".refused")).to_be_visible()
        bench.picture(f"refused-{width}-{scheme}")
        assert bench.violations() == []

    def test_none_on_the_landing_page(self, bench_with: Any, width: int, scheme: str) -> None:
        bench = bench_with(width=width, scheme=scheme, bypass_csp=True)
        bench.page.goto(bench.url)
        bench.picture(f"landing-{width}-{scheme}")
        assert bench.violations() == []


def test_the_side_bar_is_as_wide_as_an_ehrs(bench: Bench) -> None:
    bench.open("gitelman")
    box = bench.page.locator(".sidebar").bounding_box()
    assert box is not None
    assert box["width"] == 360


def test_patient_timeline_and_cards_are_on_the_first_screen(bench: Bench) -> None:
    bench.page.set_viewport_size({"width": WIDE, "height": 1000})
    bench.open("cetuximab-week-12")
    bench.call("patient-view")
    for part in ("#patient-title", ".timeline .wide", ".card"):
        expect(bench.page.locator(part).first).to_be_in_viewport()
    bench.picture("first-screen", whole=False)
