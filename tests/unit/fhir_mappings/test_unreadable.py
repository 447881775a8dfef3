from __future__ import annotations

import re

import pytest

from fhir_mappings.unreadable import Unreadable, sentence_of


@pytest.mark.parametrize("reason", Unreadable)
def test_every_reason_is_a_stable_code_with_a_sentence(reason: Unreadable) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", reason)
    assert re.fullmatch(r"[A-Z][^.]+\.", reason.sentence)
    assert sentence_of(str(reason)) == reason.sentence


def test_a_reason_of_another_layer_stands_for_itself() -> None:
    assert sentence_of("eaten-by-the-dog") == "eaten-by-the-dog"
