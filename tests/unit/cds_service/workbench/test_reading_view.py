"""Every check is listed with its verdict, in the order of the topics; one that failed is not left out."""

from __future__ import annotations

from cds_service.workbench.reading_view import read_checks
from hooks.service import Answer
from magnesium.verdict import Finding, Indicator, Quiet, Topic, Unknown


def test_each_kind_of_verdict_is_told() -> None:
    answer = Answer(
        cards=(),
        verdicts=(
            Unknown(Topic.CAUSE, "no urine"),
            Finding(Topic.HYPOMAGNESEMIA, Indicator.WARNING, "Low magnesium"),
            Quiet(Topic.SAFETY, "no magnesium is in force"),
        ),
        failed=((Topic.HYPOKALEMIA, "e-1"),),
    )
    assert [(check.topic, check.verdict, check.reason) for check in read_checks(answer)] == [
        ("magnesium-safety", "silent", "no magnesium is in force"),
        ("hypomagnesemia", "warning", "Low magnesium"),
        ("hypokalemia", "failed", "error e-1"),
        ("cause-of-hypomagnesemia", "cannot tell", "no urine"),
    ]
