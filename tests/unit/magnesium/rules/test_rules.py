"""The register of rules: one topic, one rule, and the hooks on which it is asked."""

from __future__ import annotations

import pytest

from magnesium.rules import ORDER_SELECT, ORDER_SIGN, PATIENT_VIEW, RULES, Rule
from magnesium.verdict import Finding, Quiet, Topic, Unknown
from tests.builders import POLICY, k, mg, order, picture


def test_every_topic_has_one_rule_at_most() -> None:
    topics = [rule.topic for rule in RULES]
    assert len(set(topics)) == len(topics)


@pytest.mark.parametrize(
    ("topic", "hooks"),
    [
        (Topic.HYPOMAGNESEMIA, {PATIENT_VIEW}),
        (Topic.REFRACTORY_HYPOKALEMIA, {PATIENT_VIEW, ORDER_SELECT, ORDER_SIGN}),
        (Topic.HYPOKALEMIA, {PATIENT_VIEW, ORDER_SELECT, ORDER_SIGN}),
        (Topic.WASTING_DRUG, {PATIENT_VIEW, ORDER_SELECT, ORDER_SIGN}),
        (Topic.CAUSE, {PATIENT_VIEW}),
    ],
)
def test_is_asked_on_the_hooks_of_the_specification(topic: Topic, hooks: set[str]) -> None:
    (rule,) = (rule for rule in RULES if rule.topic is topic)
    assert rule.hooks == hooks
    assert rule.version


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.topic)
class TestEveryRule:
    def test_answers_an_empty_chart_without_a_finding(self, rule: Rule) -> None:
        assert isinstance(rule.judge(picture()), Quiet | Unknown)

    def test_answers_under_its_own_topic(self, rule: Rule) -> None:
        charts = [(), (mg("1.0 mg/dL"),), (k("3.0 mmol/L"), order("furosemide"))]
        assert {rule.judge(picture(*chart)).topic for chart in charts} == {rule.topic}

    def test_names_only_thresholds_that_the_policy_has(self, rule: Rule) -> None:
        chart = (
            mg("1.0 mg/dL"),
            k("3.1 mmol/L", days_ago=3),
            k("3.0 mmol/L"),
            order("potassium chloride"),
            order("furosemide"),
        )
        for found in (
            rule.judge(picture(*chart)),
            rule.judge(picture(*chart[:1])),
            rule.judge(picture(chart[0], chart[2])),
        ):
            if isinstance(found, Finding):
                assert [t for t in found.evidence.thresholds if t not in POLICY.numbers] == []
