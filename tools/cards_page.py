"""The page that shows one card of each topic as a clinician reads it."""

from __future__ import annotations

from itertools import count

from hooks.cards import Card
from hooks.render import Presentation
from hooks.service import Answer
from hooks.wording import TITLES
from magnesium.verdict import Topic
from tests.example_patients import EXAMPLE_PATIENTS, ExamplePatient
from tools.markdown import bullets

_INTRODUCTION = """\
# One card of each topic

Written by `python -m tools.generate_docs` from the made-up patients of `tests/example_patients.py`, by the rules and
services themselves under the default policy. Do not edit. "Now" is 14 Mar 2026 12:00 UTC.

A card has a summary (under 140 characters), an indicator (info, warning, critical), a detail in markdown (what, why,
what to do), suggestions that the clinician may take, and reasons to dismiss it. A patient's other cards are only
named here. No doses: the site puts its own products in.
"""


def cards_page() -> str:
    """Return the page."""
    return "\n".join((_INTRODUCTION, *map(_section, EXAMPLE_PATIENTS)))


def answer_to(example: ExamplePatient) -> Answer:
    """Return what the service answers, with numbered uuids."""
    numbers = count(1)
    return example.service.evaluate(
        example.picture,
        Presentation(),
        new_uuid=lambda: f"00000000-0000-4000-8000-{next(numbers):012}",
        on_failure=_fail,
    )


def _fail(topic: Topic, error: Exception) -> str:
    raise RuntimeError(f"the rule for {topic} failed") from error


def card_of(example: ExamplePatient) -> Card:
    """Return the card of the topic that the patient is an example of.

    Raises:
        LookupError: the patient gets no such card.
    """
    cards = answer_to(example).cards
    for card in cards:
        if _topic(card) == example.topic.value:
            return card
    raise LookupError(f"{example.topic}: no card, only {', '.join(map(_topic, cards)) or 'none'}")


def _topic(card: Card) -> str:
    return card.source.topic.code if card.source.topic else ""


def _section(example: ExamplePatient) -> str:
    card = card_of(example)
    others = [f"`{_topic(other)}`" for other in answer_to(example).cards if _topic(other) != example.topic.value]
    suggested = [action.description for suggestion in card.suggestions for action in suggestion.actions]
    dismissed = "; ".join(reason.display for reason in card.override_reasons)
    return "\n".join(
        (
            f"## {TITLES[example.topic]}",
            "",
            f"`{example.topic.value}` on {example.service.hook.value}. {example.story}",
            *((f"Also gets: {', '.join(others)}.",) if others else ()),
            "",
            f"> **{card.summary}**",
            ">",
            f"> *{card.indicator.code}*",
            ">",
            *(f"> {line}".rstrip() for line in card.detail.splitlines()),
            "",
            "Suggestions:" if suggested else "No suggestions.",
            "",
            *((bullets(suggested), "") if suggested else ()),
            f"Reasons to dismiss: {dismissed}.",
            "",
        )
    )
