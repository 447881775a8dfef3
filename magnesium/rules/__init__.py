"""The rules: one topic, one file, one function ``judge(picture) -> Verdict``.

Rules never import one another; what they share is worked out in ``magnesium.picture``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from magnesium.picture import ClinicalPicture
from magnesium.rules import (
    arrhythmia_risk,
    cause_of_hypomagnesemia,
    hypocalcemia,
    hypokalemia,
    hypomagnesemia,
    magnesium_monitoring,
    magnesium_safety,
    magnesium_wasting_drug,
    refractory_hypokalemia,
)
from magnesium.verdict import Topic, Verdict

PATIENT_VIEW: Final = "patient-view"
ORDER_SELECT: Final = "order-select"
ORDER_SIGN: Final = "order-sign"
_EVERYWHERE = frozenset({PATIENT_VIEW, ORDER_SELECT, ORDER_SIGN})
_CHART = frozenset({PATIENT_VIEW})


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as the services run it."""

    topic: Topic
    version: str
    """Raised whenever a change could change a card; printed in the evidence."""
    hooks: frozenset[str]
    judge: Callable[[ClinicalPicture], Verdict]


RULES: Final = (
    Rule(Topic.SAFETY, "3", _EVERYWHERE, magnesium_safety.judge),
    Rule(Topic.ARRHYTHMIA, "3", _EVERYWHERE, arrhythmia_risk.judge),
    Rule(Topic.HYPOMAGNESEMIA, "3", _CHART, hypomagnesemia.judge),
    Rule(Topic.REFRACTORY_HYPOKALEMIA, "3", _EVERYWHERE, refractory_hypokalemia.judge),
    Rule(Topic.HYPOKALEMIA, "3", _EVERYWHERE, hypokalemia.judge),
    Rule(Topic.HYPOCALCEMIA, "3", _CHART, hypocalcemia.judge),
    Rule(Topic.WASTING_DRUG, "3", _EVERYWHERE, magnesium_wasting_drug.judge),
    Rule(Topic.MONITORING, "3", _CHART, magnesium_monitoring.judge),
    Rule(Topic.CAUSE, "4", _CHART, cause_of_hypomagnesemia.judge),
)
