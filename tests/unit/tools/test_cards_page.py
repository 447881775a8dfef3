"""The page of cards shows one of each topic, whole."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hooks.cards import SUMMARY_LENGTH
from magnesium.verdict import Topic
from tests.example_patients import EXAMPLE_PATIENTS, ExamplePatient
from tools.cards_page import answer_to, card_of, cards_page


def test_every_topic_has_an_example() -> None:
    assert [example.topic for example in EXAMPLE_PATIENTS] == list(Topic)


@pytest.mark.parametrize("example", EXAMPLE_PATIENTS, ids=lambda example: example.topic.value)
def test_the_patient_gets_the_card(example: ExamplePatient) -> None:
    card = card_of(example)
    assert len(card.summary) <= SUMMARY_LENGTH
    assert card.detail
    assert card.override_reasons
    assert answer_to(example) == answer_to(example)


def test_a_patient_without_the_card_is_refused() -> None:
    healthy = replace(EXAMPLE_PATIENTS[0], chart=())
    with pytest.raises(LookupError, match=r"magnesium-safety: no card, only none"):
        card_of(healthy)


def test_the_page_prints_what_the_cards_say() -> None:
    page = cards_page()
    for example in EXAMPLE_PATIENTS:
        card = card_of(example)
        assert f"> **{card.summary}**" in page
        assert [line for line in card.detail.splitlines() if f"> {line}".rstrip() not in page] == []
        assert [s.label for s in card.suggestions if s.actions[0].description not in page] == []
