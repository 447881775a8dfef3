"""What a rule answers."""

from __future__ import annotations

import pytest

from magnesium.verdict import Indicator, Topic

INFO, WARNING, CRITICAL = Indicator


def test_indicators_have_the_codes_of_cds_hooks() -> None:
    assert [i.code for i in Indicator] == ["info", "warning", "critical"]


def test_one_step_lower_and_info_stays_info() -> None:
    assert [i.lowered() for i in Indicator] == [INFO, INFO, WARNING]


@pytest.mark.parametrize(
    ("indicator", "ceiling", "shown"),
    [(CRITICAL, WARNING, WARNING), (INFO, WARNING, INFO), (WARNING, WARNING, WARNING)],
)
def test_never_above_a_ceiling(indicator: Indicator, ceiling: Indicator, shown: Indicator) -> None:
    assert indicator.at_most(ceiling) is shown


def test_topics_are_ranked_as_the_specification_lists_them() -> None:
    # clinical.md §2: the order of cards of equal urgency, and codes that clients remember
    assert [t.value for t in sorted(Topic, key=lambda t: t.rank)] == [
        "magnesium-safety",
        "arrhythmia-risk",
        "hypomagnesemia",
        "refractory-hypokalemia",
        "hypokalemia",
        "hypocalcemia",
        "magnesium-wasting-drug",
        "magnesium-monitoring",
        "cause-of-hypomagnesemia",
    ]
