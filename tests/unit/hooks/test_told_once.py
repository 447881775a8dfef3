"""clinical.md §2.0, through the rules as they are shipped: one value and one plan are told once in an answer."""

from __future__ import annotations

from itertools import count
from uuid import UUID

import pytest

from hooks.cards import Card
from hooks.render import Presentation
from hooks.service import Hook, HookService, rules_on
from magnesium.rules import RULES
from magnesium.verdict import Topic
from tests.builders import (
    HEALTHY_KIDNEYS,
    INPATIENT,
    IV,
    ORAL,
    Fact,
    acute,
    draft,
    egfr,
    ionized,
    iv_magnesium,
    k,
    mg,
    order,
    picture,
    problem,
)

SEVERE, BEFORE = mg("1.1 mg/dL", hours_ago=2), mg("1.3 mg/dL", days_ago=4)
LOW_K, LOW_K_BEFORE = k("2.8 mmol/L", hours_ago=2), k("2.7 mmol/L", days_ago=2)
KCL, DIGOXIN = order("potassium chloride", route=ORAL, days_ago=5), order("digoxin", route=ORAL)
REFRACTORY = (LOW_K, LOW_K_BEFORE, KCL)
LOW_CA = ionized("0.85 mmol/L", hours_ago=2)
IN_THE_VEIN = "- Replace magnesium intravenously per local protocol; oral if IV is not possible."


def cards(*found: Fact, hook: Hook = Hook.PATIENT_VIEW, presentation: Presentation | None = None) -> list[Card]:
    numbers = count(1)

    def raised(_: Topic, error: Exception) -> str:
        raise error

    service = HookService("magnesium", hook, "t", "d", "u", rules_on(hook, RULES))
    answer = service.evaluate(
        picture(*found, setting=INPATIENT),
        presentation or Presentation(),
        new_uuid=lambda: str(UUID(int=next(numbers))),
        on_failure=raised,
    )
    return list(answer.cards)


def by_topic(shown: list[Card]) -> dict[str, list[str]]:
    return {card.source.topic.code: card.detail.splitlines() for card in shown if card.source.topic}


class TestOneValue:
    @pytest.mark.parametrize(
        ("found", "line"),
        [
            ([SEVERE, *REFRACTORY], "- Mg 1.1 mg/dL (14 Mar 2026 10:00), severely low."),
            (
                [SEVERE, BEFORE, *REFRACTORY],
                "- Mg 1.1 mg/dL (14 Mar 2026 10:00), severely low; before: Mg 1.3 mg/dL (10 Mar 2026 12:00).",
            ),
            (
                [SEVERE, BEFORE, *REFRACTORY, DIGOXIN],
                "- Mg 1.1 mg/dL (14 Mar 2026 10:00), severely low; before: Mg 1.3 mg/dL (10 Mar 2026 12:00).",
            ),
            (
                [mg("1.1 mg/dL", days_ago=4), mg("1.3 mg/dL", days_ago=9), *REFRACTORY, DIGOXIN],
                (
                    "- Mg 1.1 mg/dL (10 Mar 2026 12:00), severely low, older than 72 h; "
                    "before: Mg 1.3 mg/dL (5 Mar 2026 12:00)."
                ),
            ),
            (
                [SEVERE, BEFORE, *REFRACTORY, iv_magnesium(hours_ago=9)],
                (
                    "- Mg 1.1 mg/dL (14 Mar 2026 10:00), severely low, drawn after an IV dose; "
                    "before: Mg 1.3 mg/dL (10 Mar 2026 12:00)."
                ),
            ),
        ],
        ids=["refractory leads", "with one before", "arrhythmia leads", "aging", "after a dose"],
    )
    def test_a_magnesium_that_several_rules_tell_stands_once_among_the_findings(
        self, found: list[Fact], line: str
    ) -> None:
        [lead, *_] = cards(*found, HEALTHY_KIDNEYS)
        findings = lead.detail.split("**Why it matters**")[0].splitlines()
        assert [told for told in findings if told.startswith("- Mg 1.1")] == [line]

    def test_so_does_a_potassium_and_at_the_place_of_its_first_mention(self) -> None:
        [lead, *_] = cards(SEVERE, *REFRACTORY, DIGOXIN, HEALTHY_KIDNEYS)
        findings = lead.detail.split("**Why it matters**")[0].splitlines()
        assert findings[2:5] == [
            "- Mg 1.1 mg/dL (14 Mar 2026 10:00), severely low.",
            "- K 2.8 mmol/L (14 Mar 2026 10:00); before: K 2.7 mmol/L (12 Mar 2026 12:00).",
            "- Digoxin (since 12 Feb 2026).",
        ]


class TestOnePlan:
    REFERRED = "- How to replace magnesium: see the card “{}”."

    @pytest.mark.parametrize(
        ("found", "hook", "first", "others"),
        [
            (
                [SEVERE, LOW_K, LOW_CA],
                Hook.PATIENT_VIEW,
                "hypomagnesemia",
                ["hypokalemia", "hypocalcemia"],
            ),
            ([SEVERE, *REFRACTORY, DIGOXIN, LOW_CA], Hook.PATIENT_VIEW, "arrhythmia-risk", ["hypocalcemia"]),
            (
                [SEVERE, LOW_K, DIGOXIN, draft("furosemide", route=ORAL), draft("potassium chloride", route=ORAL)],
                Hook.ORDER_SELECT,
                "arrhythmia-risk",
                ["magnesium-wasting-drug", "hypokalemia"],
            ),
            (
                [SEVERE, LOW_K, draft("gentamicin", route=IV), draft("potassium chloride", route=ORAL)],
                Hook.ORDER_SELECT,
                "magnesium-wasting-drug",
                ["hypokalemia"],
            ),
        ],
    )
    def test_the_most_urgent_card_tells_it_and_the_others_name_that_card(
        self, found: list[Fact], hook: Hook, first: str, others: list[str]
    ) -> None:
        shown = cards(*found, HEALTHY_KIDNEYS, hook=hook)
        details = by_topic(shown)
        assert next(iter(details)) == first
        assert IN_THE_VEIN in details[first]
        for other in others:
            assert IN_THE_VEIN not in details[other]
            assert details[other].count(self.REFERRED.format(shown[0].summary)) == 1

    @pytest.mark.parametrize("guard", [problem("sick_sinus_syndrome"), egfr("20")], ids=["slow pulse", "kidneys"])
    def test_what_a_guard_says_stands_on_every_card_that_speaks_of_replacement(self, guard: Fact) -> None:
        kidneys = () if guard == egfr("20") else (HEALTHY_KIDNEYS,)
        chart = (SEVERE, LOW_K, LOW_CA, *kidneys, guard)
        cautions = [f"- {line}" for line in picture(*chart, setting=INPATIENT).guard.cautions]
        assert cautions
        for topic in ("hypomagnesemia", "hypokalemia", "hypocalcemia"):
            assert set(cautions) <= set(by_topic(cards(*chart))[topic])

    def test_torsades_is_told_on_the_first_card(self) -> None:
        shown = cards(SEVERE, LOW_CA, HEALTHY_KIDNEYS, acute("torsades_de_pointes"))
        assert "- Torsades: IV magnesium now" in shown[0].detail

    def test_a_card_beside_one_that_is_only_watched_tells_it_itself(self) -> None:
        watched = Presentation(silent=frozenset({Topic.HYPOMAGNESEMIA}))
        details = by_topic(cards(SEVERE, LOW_CA, HEALTHY_KIDNEYS, presentation=watched))
        assert "hypomagnesemia" not in details
        assert IN_THE_VEIN in details["hypocalcemia"]
