"""Every fixed text that reaches a clinician, held against the words of clinical.md §2."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from fhir_mappings.proposals import build
from hooks import one_card, render, wording
from hooks.order_select import ORDER_SELECT
from hooks.order_sign import ORDER_SIGN
from hooks.patient_view import PATIENT_VIEW
from hooks.wording import OVERRIDE_REASONS, TITLES
from magnesium.policy import Policy
from magnesium.verdict import Proposal, Topic

BANNED = re.compile(r"\b(will not|the cause|always|commonest)\b", re.IGNORECASE)


def fixed_texts(policy: Policy) -> Iterator[str]:
    yield from TITLES.values()
    yield wording.NOT_RUN_TITLE
    yield one_card._DRUGS_ELSEWHERE
    yield render._NOT_IN_ADDITION
    for service in (PATIENT_VIEW, ORDER_SELECT, ORDER_SIGN):
        yield from (service.title, service.description, service.usage_requirements)
    yield from (reason.display for reasons in OVERRIDE_REASONS.values() for reason in reasons)
    for products in ({}, policy.products):
        for proposal in Proposal:
            order = build(proposal, patient_id="1", encounter_id=None, products=products)
            yield from (order.label, order.description)


def test_no_fixed_text_claims_more_than_is_known(policy: Policy) -> None:
    assert [text for text in fixed_texts(policy) if BANNED.search(text)] == []


@pytest.mark.parametrize("topic", Topic)
def test_every_topic_has_a_name_and_four_to_six_reasons_to_dismiss_it(topic: Topic) -> None:
    reasons = OVERRIDE_REASONS[topic]

    assert TITLES[topic]
    assert 4 <= len(reasons) <= 6
    assert len({reason.code for reason in reasons}) == len(reasons)
    assert "not-relevant" in {reason.code for reason in reasons}


def test_a_reason_means_the_same_on_every_card() -> None:
    meanings = {(reason.code, reason.display) for reasons in OVERRIDE_REASONS.values() for reason in reasons}

    assert len({code for code, _ in meanings}) == len(meanings)
