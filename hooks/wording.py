"""The words of cards that no rule writes: names of the checks, reasons for dismissing a card.

A site may show other words for a reason, but its code is stored with feedback and never changes its meaning.
"""

from __future__ import annotations

from collections.abc import Mapping

from hooks.cards import OverrideReason
from magnesium.verdict import Topic

NOT_RUN_CODE = "checks-not-run"
"""Topic of the card that says which checks failed."""
NOT_RUN_TITLE = "Checks that could not run"

TITLES: Mapping[Topic, str] = {
    Topic.SAFETY: "Magnesium in excess",
    Topic.ARRHYTHMIA: "Arrhythmia risk with low magnesium or potassium",
    Topic.HYPOMAGNESEMIA: "Low magnesium",
    Topic.REFRACTORY_HYPOKALEMIA: "Low potassium that does not respond to replacement",
    Topic.HYPOKALEMIA: "Low potassium and magnesium",
    Topic.HYPOCALCEMIA: "Low calcium with low magnesium",
    Topic.WASTING_DRUG: "Drugs that waste magnesium",
    Topic.MONITORING: "Magnesium monitoring",
    Topic.CAUSE: "Possible reasons for low magnesium",
}

# Four to six a card: integrators asked for few, broad reasons, among them "ordered", "will review" and "not
# relevant" (cds-hooks/docs#513). Own code system: the codes of CDS Hooks 3.0 are still in ballot.
_SYSTEM = "https://magnesium-cds.github.io/CodeSystem/override-reason"
_REASONS: Mapping[str, str] = {
    "already-ordered": "Already ordered or treated",
    "lab-ordered": "Lab ordered",
    "will-review": "Will review orders",
    "benefit-outweighs-risk": "Benefit outweighs risk, will monitor",
    "no-alternative": "No suitable alternative",
    "other-team": "Managed by another team",
    "contraindicated": "Suggested treatment contraindicated",
    "known-explanation": "Explanation already known",
    "goals-of-care": "Does not fit the goals of care",
    "data-wrong": "Data wrong or outdated",
    "not-relevant": "Not clinically relevant",
}
_TREATMENT = ("already-ordered", "will-review", "contraindicated", "other-team", "data-wrong", "not-relevant")
_DRUG = (
    "benefit-outweighs-risk",
    "no-alternative",
    "lab-ordered",
    "will-review",
    "data-wrong",
    "not-relevant",
)
_MEASURE = ("lab-ordered", "will-review", "other-team", "goals-of-care", "not-relevant")
_EXPLAIN = ("known-explanation", "lab-ordered", "will-review", "other-team", "not-relevant")
_CODES: Mapping[Topic, tuple[str, ...]] = {
    Topic.SAFETY: ("benefit-outweighs-risk", "will-review", "other-team", "data-wrong", "not-relevant"),
    Topic.ARRHYTHMIA: _TREATMENT,
    Topic.HYPOMAGNESEMIA: _TREATMENT,
    Topic.REFRACTORY_HYPOKALEMIA: _TREATMENT,
    Topic.HYPOKALEMIA: _TREATMENT,
    Topic.HYPOCALCEMIA: _TREATMENT,
    Topic.WASTING_DRUG: _DRUG,
    Topic.MONITORING: _MEASURE,
    Topic.CAUSE: _EXPLAIN,
}

OVERRIDE_REASONS: Mapping[Topic, tuple[OverrideReason, ...]] = {
    topic: tuple(OverrideReason(code, _SYSTEM, _REASONS[code]) for code in codes) for topic, codes in _CODES.items()
}
