"""What the specification refuses, a Card refuses, naming the field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from hooks.cards import (
    Action,
    Card,
    Coding,
    Link,
    LinkType,
    OverrideReason,
    SelectionBehavior,
    Source,
    Suggestion,
    without_empties,
)
from magnesium.verdict import Indicator

A_UUID = "6f1f6d3a-9c1b-4f6e-8b0e-0d5c6a2b7e11"
ANOTHER_UUID = "6f1f6d3a-9c1b-4f6e-8b0e-0d5c6a2b7e12"
ORDER = {"resourceType": "ServiceRequest", "status": "draft"}
ACTION = Action("Order: serum magnesium.", ORDER)
SUGGESTION = Suggestion(A_UUID, "Order: serum magnesium", (ACTION,))
SOURCE = Source("Magnesium CDS", Coding("hypomagnesemia", "https://example.org/topic"))
REASON = OverrideReason("will-review", "https://example.org/reason", "Will review orders")
CARD = Card(A_UUID, "Magnesium is low", Indicator.WARNING, SOURCE)


def test_a_plain_card_holds_only_what_it_has() -> None:
    assert CARD.to_json() == {
        "uuid": A_UUID,
        "summary": "Magnesium is low",
        "indicator": "warning",
        "source": {
            "label": "Magnesium CDS",
            "topic": {"code": "hypomagnesemia", "system": "https://example.org/topic"},
        },
    }


def test_a_full_card_holds_everything_under_the_names_of_the_specification() -> None:
    card = Card(
        uuid=A_UUID,
        summary="Magnesium is low",
        indicator=Indicator.CRITICAL,
        source=Source("Magnesium CDS", url="https://example.org/about"),
        detail="**Findings**\n\n- Mg 1.1 mg/dL",
        suggestions=(replace(SUGGESTION, uuid=ANOTHER_UUID, is_recommended=True),),
        selection_behavior=SelectionBehavior.ANY,
        override_reasons=(REASON,),
        links=(
            Link("Protocol", "https://example.org/protocol"),
            Link("Timeline", "https://example.org/app", LinkType.SMART, app_context="timeline"),
        ),
        extension={"org.example.evidence": {"facts": ["a", "", None], "missing": [], "count": 0, "sure": False}},
    )

    assert card.to_json() == {
        "uuid": A_UUID,
        "summary": "Magnesium is low",
        "detail": "**Findings**\n\n- Mg 1.1 mg/dL",
        "indicator": "critical",
        "source": {"label": "Magnesium CDS", "url": "https://example.org/about"},
        "suggestions": [
            {
                "label": "Order: serum magnesium",
                "uuid": ANOTHER_UUID,
                "isRecommended": True,
                "actions": [
                    {"type": "create", "description": "Order: serum magnesium.", "resource": ORDER},
                ],
            }
        ],
        "selectionBehavior": "any",
        "overrideReasons": [
            {"code": "will-review", "system": "https://example.org/reason", "display": "Will review orders"}
        ],
        "links": [
            {"label": "Protocol", "url": "https://example.org/protocol", "type": "absolute"},
            {
                "label": "Timeline",
                "url": "https://example.org/app",
                "type": "smart",
                "appContext": "timeline",
            },
        ],
        "extension": {"org.example.evidence": {"facts": ["a"], "count": 0, "sure": False}},
    }


def test_a_suggestion_that_is_not_recommended_does_not_say_so() -> None:
    assert "isRecommended" not in SUGGESTION.to_json()


def test_an_extension_without_any_value_is_absent() -> None:
    assert "extension" not in replace(CARD, extension={"org.example.evidence": {"facts": [None]}}).to_json()


def test_a_summary_of_139_characters_is_allowed() -> None:
    assert len(replace(CARD, summary="x" * 139).summary) == 139


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "summary of 140 characters": (lambda: replace(CARD, summary="x" * 140), r"card\.summary: 140"),
    "blank summary": (lambda: replace(CARD, summary="  "), r"card\.summary"),
    "summary of two lines": (lambda: replace(CARD, summary="low\nmagnesium"), r"card\.summary"),
    "summary with a tag": (lambda: replace(CARD, summary="<b>low</b>"), r"card\.summary"),
    "summary with half a character": (lambda: replace(CARD, summary="low \ud800"), r"card\.summary"),
    "upper-case uuid": (lambda: replace(CARD, uuid=A_UUID.upper()), r"card\.uuid"),
    "uuid without hyphens": (lambda: replace(CARD, uuid=A_UUID.replace("-", "")), r"card\.uuid"),
    "no uuid": (lambda: replace(CARD, uuid=""), r"card\.uuid"),
    "detail with a tag": (lambda: replace(CARD, detail="<table>"), r"card\.detail"),
    "detail with a comment": (lambda: replace(CARD, detail="a <!-- b -->"), r"card\.detail"),
    "detail with an image": (
        lambda: replace(CARD, detail="![x](https://example.org/x.png)"),
        r"card\.detail",
    ),
    "blank detail": (lambda: replace(CARD, detail="\n"), r"card\.detail"),
    "detail with a control character": (lambda: replace(CARD, detail="a\tb"), r"card\.detail"),
    "suggestions without selection behavior": (
        lambda: replace(CARD, suggestions=(SUGGESTION,)),
        r"card\.selectionBehavior",
    ),
    "selection behavior without suggestions": (
        lambda: replace(CARD, selection_behavior=SelectionBehavior.ANY),
        r"card\.selectionBehavior",
    ),
    "two recommended of which one may be taken": (
        lambda: replace(
            CARD,
            suggestions=(
                replace(SUGGESTION, is_recommended=True),
                replace(SUGGESTION, uuid=ANOTHER_UUID, is_recommended=True),
            ),
            selection_behavior=SelectionBehavior.AT_MOST_ONE,
        ),
        r"card\.suggestions",
    ),
    "two suggestions with one uuid": (
        lambda: replace(CARD, suggestions=(SUGGESTION, SUGGESTION), selection_behavior=SelectionBehavior.ANY),
        r"card\.suggestions",
    ),
    "extension without a domain": (lambda: replace(CARD, extension={"evidence": {}}), r"card\.extension"),
    "source without label": (lambda: Source(""), r"source\.label"),
    "source url without https": (lambda: Source("x", url="http://example.org"), r"source\.url"),
    "relative source url": (lambda: Source("x", url="/about"), r"source\.url"),
    "topic with an underscore": (lambda: Source("x", Coding("a_b", "urn:x")), r"source\.topic\.code"),
    "topic of 101 characters": (lambda: Source("x", Coding("a" * 101, "urn:x")), r"source\.topic\.code"),
    "coding without code": (lambda: Coding("", "urn:x"), r"coding\.code"),
    "coding with a relative system": (lambda: Coding("a", "reasons"), r"coding\.system"),
    "coding with a display of two lines": (lambda: Coding("a", "urn:x", "a\nb"), r"coding\.display"),
    "override reason without display": (lambda: OverrideReason("a", "urn:x"), r"overrideReasons\.display"),
    "action without description": (lambda: Action(" ", ORDER), r"action\.description"),
    "action without resource": (lambda: Action("Order", {}), r"action\.resource"),
    "action with null in the resource": (
        lambda: Action("Order", {**ORDER, "encounter": None}),
        r"action\.resource",
    ),
    "suggestion without label": (lambda: replace(SUGGESTION, label=""), r"suggestion\.label"),
    "suggestion without action": (lambda: replace(SUGGESTION, actions=()), r"suggestion\.actions"),
    "suggestion without uuid": (lambda: replace(SUGGESTION, uuid="1"), r"suggestion\.uuid"),
    "link without https": (lambda: Link("x", "http://example.org"), r"link\.url"),
    "link without host": (lambda: Link("x", "https:///x"), r"link\.url"),
    "link with a password": (lambda: Link("x", "https://a:b@example.org"), r"link\.url"),
    "link with a blank": (lambda: Link("x", "https://example.org/a b"), r"link\.url"),
    "link without label": (lambda: Link("", "https://example.org"), r"link\.label"),
    "app context without an app": (
        lambda: Link("x", "https://example.org", app_context="y"),
        r"link\.appContext",
    ),
}


@pytest.mark.requirement("R-40", "R-41", "R-46", "R-63", "R-64")
@pytest.mark.parametrize(("build", "names"), REFUSED.values(), ids=REFUSED.keys())
def test_what_the_specification_forbids_cannot_be_built(build: Callable[[], Any], names: str) -> None:
    with pytest.raises(ValueError, match=names):
        build()


def test_dropping_empties_reaches_every_depth_and_keeps_zero_and_false() -> None:
    data = {"a": {"b": [None, {"c": ""}, [], 0]}, "d": (), "e": False, "f": {"g": {}}}

    assert without_empties(data) == {"a": {"b": [0]}, "e": False}
