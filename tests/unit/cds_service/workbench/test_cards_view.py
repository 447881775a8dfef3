"""Cards and evidence as they are shown: markdown without HTML, and nothing that an odd answer could break."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.workbench.cards_view import CardView, read_cards
from cds_service.workbench.evidence_view import EvidenceView, moment
from hooks.evidence import KEY


def card(**members: Any) -> CardView:
    (found,) = read_cards({"cards": [{"uuid": "c1", "summary": "Low", "indicator": "warning", **members}]})
    return found


def evidence(**members: Any) -> EvidenceView:
    found = card(extension={KEY: members}).evidence
    assert found is not None
    return found


class TestDetail:
    @pytest.mark.parametrize(
        ("markdown", "html"),
        [
            (
                "**Findings**\n\n- Mg 1.1 mg/dL",
                "<p><strong>Findings</strong></p>\n<ul>\n<li>Mg 1.1 mg/dL</li>\n</ul>\n",
            ),
            ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\n"),
            ("a <b onclick=x>b</b>", "<p>a &lt;b onclick=x&gt;b&lt;/b&gt;</p>\n"),
            ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>\n"),
            ("[x](data:text/html,x)", "<p>[x](data:text/html,x)</p>\n"),
            ('[x](https://a.example/"onclick=1)', '<p><a href="https://a.example/%22onclick=1">x</a></p>\n'),
            ("![x](https://a.example/x.png)", '<p>!<a href="https://a.example/x.png">x</a></p>\n'),
            ("", ""),
        ],
    )
    def test_markdown_is_rendered_and_html_is_text(self, markdown: str, html: str) -> None:
        assert str(card(detail=markdown).detail) == html


class TestLinks:
    @pytest.mark.parametrize(
        ("url", "shown"), [("https://a.example", 1), ("http://a.example", 0), ("javascript:x", 0), (None, 0)]
    )
    def test_only_https_is_linked(self, url: Any, shown: int) -> None:
        found = card(links=[{"label": "A", "url": url, "type": "absolute"}], source={"label": "S", "url": url})
        assert len(found.links) == shown
        assert bool(found.source_url) == bool(shown)


class TestSuggestions:
    def test_what_accepting_would_create_is_shown(self) -> None:
        action = {"type": "create", "description": "Order it", "resource": {"resourceType": "ServiceRequest"}}
        found = card(suggestions=[{"uuid": "s1", "label": "Order: x", "isRecommended": True, "actions": [action]}])
        (suggestion,) = found.suggestions
        assert (suggestion.uuid, suggestion.label, suggestion.recommended) == ("s1", "Order: x", True)
        assert suggestion.actions[0].description == "Order it"
        assert '"resourceType": "ServiceRequest"' in suggestion.actions[0].resource

    @pytest.mark.parametrize(("behavior", "several"), [("any", True), ("at-most-one", False), (None, False)])
    def test_several_may_be_taken_only_where_the_card_says_so(self, behavior: Any, several: bool) -> None:
        assert card(selectionBehavior=behavior).several is several

    def test_an_action_without_a_resource_shows_none(self) -> None:
        (suggestion,) = card(suggestions=[{"actions": [{"description": "x"}]}]).suggestions
        assert suggestion.actions[0].resource == ""


def test_reasons_keep_their_code_and_system() -> None:
    (reason,) = card(overrideReasons=[{"code": "c", "system": "https://s", "display": "D"}]).reasons
    assert (reason.code, reason.system, reason.display) == ("c", "https://s", "D")


@pytest.mark.parametrize("answer", [None, [], {}, {"cards": None}, {"cards": "x"}, {"cards": [None, 3]}])
def test_an_answer_without_cards_shows_none(answer: Any) -> None:
    assert read_cards(answer) == []


def test_a_card_that_lacks_everything_is_still_shown() -> None:
    (found,) = read_cards({"cards": [{}]})
    assert (found.summary, found.indicator, found.evidence) == ("", "", None)


class TestEvidence:
    def test_a_result_shows_what_was_sent_and_what_was_compared(self) -> None:
        fact = {
            "kind": "result",
            "reference": "Observation/1",
            "system": "http://loinc.org",
            "code": "19123-9",
            "asSent": "<0.6 mmol/L",
            "matched": "standard code",
            "means": "magnesium",
            "compared": "<0.6 mmol/L",
            "time": "2026-03-14T08:00:00+00:00",
            "hemolyzed": "note",
            "preliminary": True,
        }
        (row,) = evidence(facts=[fact]).facts
        assert (row.what, row.value, row.compared) == ("magnesium", "<0.6 mmol/L", "<0.6 mmol/L")
        assert (row.when, row.how) == ("14 Mar 2026 08:00", "standard code, LOINC 19123-9")
        assert row.notes == "not final, suspect specimen: note"

    def test_a_drug_shows_its_label_and_its_time(self) -> None:
        fact = {
            "kind": "order",
            "label": "Lasix 40 mg",
            "means": "furosemide",
            "time": "2026-01-01T00:00:00Z",
            "end": "2026-02-01T00:00:00Z",
            "route": "oral",
            "asNeeded": True,
        }
        (row,) = evidence(facts=[fact]).facts
        assert row.what == "furosemide – Lasix 40 mg"
        assert row.when == "1 Jan 2026 00:00 to 1 Feb 2026 00:00"
        assert row.notes == "order, as needed, route: oral"

    def test_a_problem_that_is_not_confirmed_says_so(self) -> None:
        fact = {"kind": "condition", "means": "long_qt", "label": "Long QT", "certainty": "suspected"}
        (row,) = evidence(facts=[fact]).facts
        assert (row.what, row.notes) == ("long qt", "condition, not confirmed")

    def test_what_could_not_be_used_says_why_in_a_sentence(self) -> None:
        (row,) = evidence(unusable=[{"reason": "no-unit", "means": "magnesium", "asSent": "1.5"}]).unusable
        assert row.notes == "The value has no unit."

    def test_topics_say_who_leads_and_which_rule_it_was(self) -> None:
        found = evidence(
            topics=[
                {"code": "arrhythmia-risk", "indicator": "critical", "absorbed": False},
                {"code": "hypokalemia", "indicator": "info", "absorbed": True},
            ],
            rules=[{"id": "arrhythmia-risk", "version": "2"}],
        )
        assert found.topics == (
            "arrhythmia-risk: critical, leads this card, rule version 2",
            "hypokalemia: info, told on this card",
        )

    def test_sources_are_listed_once_with_their_title(self) -> None:
        found = evidence(
            citations=["S4-038", "S4-048", "nobody"],
            thresholds=[{"id": "ecg.qtc_long", "sources": "aha-accf-2010, local"}],
        )
        keys = [source.key for source in found.sources]
        assert keys[:2] == ["S4", "aha-accf-2010"]
        assert all(source.title for source in found.sources)
        assert all(source.url.startswith("https://") or not source.url for source in found.sources)

    def test_missing_held_back_and_derived_are_passed_on(self) -> None:
        found = evidence(missing=["a creatinine"], heldBack=["x: y"], derived=[{"name": "FEMg", "value": "5 %"}])
        assert (found.missing, found.held_back) == (("a creatinine",), ("x: y",))
        assert found.derived == (("FEMg", "5 %"),)

    @pytest.mark.parametrize("extension", [None, [], {}, {KEY: None}, {KEY: []}])
    def test_a_card_without_evidence_has_none(self, extension: Any) -> None:
        assert card(extension=extension).evidence is None


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("2026-03-14T08:00:00+00:00", "14 Mar 2026 08:00"),
        ("2026-01-01T00:00:00+00:00/2026-12-31T23:59:59+00:00", "2026"),
        ("some day", "some day"),
        ("2026-03-14T08:00:00", "2026-03-14T08:00:00"),
        (None, ""),
    ],
)
def test_times_are_written_for_readers(written: Any, shown: str) -> None:
    assert moment(written) == shown
