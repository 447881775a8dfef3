"""From findings to cards: order, cap, text, suggestions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from hooks import evidence
from hooks.cards import Card, SelectionBehavior
from hooks.one_card import Lead
from hooks.render import Failure, Occasion, Presentation, render
from magnesium.policy import Policy
from magnesium.verdict import Evidence, Finding, Indicator, Proposal, Topic

INFO, WARNING, CRITICAL = Indicator.INFO, Indicator.WARNING, Indicator.CRITICAL
Cards = Callable[..., tuple[Card, ...]]


@pytest.fixture
def cards(policy: Policy, new_uuid: Callable[[], str]) -> Cards:
    """Render leads, or findings that stand alone."""

    def rendered(
        *leads: Lead | Finding, failures: Sequence[Failure] = (), encounter: str | None = None, **settings: Any
    ) -> tuple[Card, ...]:
        occasion = Occasion(
            patient_id="p1",
            encounter_id=encounter,
            as_of=datetime(2026, 3, 14, 12, tzinfo=UTC),
            policy=policy,
            versions=dict.fromkeys(Topic, "1"),
            presentation=Presentation(**settings),
            new_uuid=new_uuid,
        )
        return render([Lead(lead) if isinstance(lead, Finding) else lead for lead in leads], failures, occasion)

    return rendered


def finding(topic: Topic, indicator: Indicator = WARNING, *proposals: Proposal, **members: Any) -> Finding:
    return Finding(topic, indicator, f"{topic} found", proposals=proposals, **members)


def topics(shown: Sequence[Card]) -> list[str]:
    return [card.source.topic.code for card in shown if card.source.topic]


def offered(shown: Sequence[Card]) -> list[list[str]]:
    return [[suggestion.label for suggestion in card.suggestions] for card in shown]


# ── One card ──


def test_a_card_reads_what_why_what_to_do(cards: Cards) -> None:
    [card] = cards(
        finding(
            Topic.HYPOMAGNESEMIA,
            CRITICAL,
            what=("Mg <0.50 mmol/L today 06:30", "K 3.1 mmol/L"),
            why=("Low magnesium may cause arrhythmia",),
            act=("Replace magnesium", "Recheck"),
        )
    )

    assert card.summary == "hypomagnesemia found"
    assert card.indicator is CRITICAL
    assert card.detail == (
        "**Findings**\n\n- Mg below 0.50 mmol/L today 06:30\n- K 3.1 mmol/L\n\n"
        "**Why it matters**\n\n- Low magnesium may cause arrhythmia\n\n"
        "**What to do**\n\n- Replace magnesium\n- Recheck"
    )


def test_a_card_names_its_source_and_its_stable_topic(cards: Cards) -> None:
    [card] = cards(
        finding(Topic.HYPOMAGNESEMIA),
        source_label="Our hospital",
        source_url="https://example.org/magnesium",
        topic_system="https://example.org/topics",
    )

    assert card.source.to_json() == {
        "label": "Our hospital",
        "url": "https://example.org/magnesium",
        "topic": {
            "code": "hypomagnesemia",
            "system": "https://example.org/topics",
            "display": "Low magnesium",
        },
    }


def test_a_card_offers_reasons_to_dismiss_it(cards: Cards) -> None:
    [card] = cards(finding(Topic.MONITORING, INFO))

    assert [reason.display for reason in card.override_reasons] == [
        "Lab ordered",
        "Will review orders",
        "Managed by another team",
        "Does not fit the goals of care",
        "Not clinically relevant",
    ]


def test_what_was_not_available_is_said_on_the_card(cards: Cards) -> None:
    [card] = cards(finding(Topic.CAUSE, INFO, evidence=Evidence(missing=("urine creatinine", "kidney function"))))

    assert card.detail == "**Not available**\n\n- urine creatinine\n- kidney function"


def test_a_summary_that_is_too_long_is_cut_and_stands_whole_in_the_detail(cards: Cards) -> None:
    long = "Magnesium is low while " + ", ".join(["furosemide"] * 12) + " are in force"

    [card] = cards(replace(finding(Topic.WASTING_DRUG), summary=long))

    assert len(card.summary) <= 139
    assert card.summary.endswith("…")
    assert long in card.detail


def test_a_summary_that_shows_nothing_is_replaced_by_the_topic(cards: Cards) -> None:
    [card] = cards(replace(finding(Topic.WASTING_DRUG), summary=" \n"))

    assert card.summary == "Drugs that waste magnesium"


# ── One fact, one card ──


def test_a_card_tells_what_it_absorbed_without_repeating_a_line(cards: Cards) -> None:
    lead = Lead(
        finding(Topic.ARRHYTHMIA, CRITICAL, what=("Mg 1.1 mg/dL", "QTc 510 ms"), act=("Replace magnesium",)),
        (
            finding(Topic.HYPOMAGNESEMIA, CRITICAL, what=("Mg 1.1  mg/dL",), act=("REPLACE magnesium", "ECG")),
            finding(Topic.HYPOKALEMIA, what=("K 3.2 mmol/L",), why=("QTc 510 ms", "K follows Mg", "")),
        ),
    )

    [card] = cards(lead)

    assert card.detail == (
        "**Findings**\n\n- Mg 1.1 mg/dL\n- QTc 510 ms\n- K 3.2 mmol/L\n\n"
        "**Why it matters**\n\n- K follows Mg\n\n"
        "**What to do**\n\n- Replace magnesium\n- ECG"
    )


def test_a_value_is_not_repeated_with_less_beside_it(cards: Cards) -> None:
    lead = Lead(
        finding(Topic.REFRACTORY_HYPOKALEMIA, what=("Mg 1.1 mg/dL (08:00), severe.", "K 3.1 mmol/L")),
        (finding(Topic.HYPOMAGNESEMIA, what=("Mg 1.1 mg/dL (08:00).", "Mg 1.1", "K 3"), act=("Mg 1.1 mg/dL",)),),
    )

    [card] = cards(lead)

    assert card.detail == (
        "**Findings**\n\n- Mg 1.1 mg/dL (08:00), severe.\n- K 3.1 mmol/L\n- K 3\n\n**What to do**\n\n- Mg 1.1 mg/dL"
    )


def test_the_fuller_line_stands_at_the_place_of_the_first(cards: Cards) -> None:
    lead = Lead(
        finding(Topic.ARRHYTHMIA, what=("Mg 1.1 mg/dL (08:00).", "K 3.1 mmol/L"), why=("Low K",)),
        (
            finding(Topic.HYPOMAGNESEMIA, what=("Mg 1.1 mg/dL (08:00), severe; before: Mg 1.3.",)),
            finding(Topic.REFRACTORY_HYPOKALEMIA, what=("Mg 1.1 mg/dL (08:00), severe.",), why=("Low K, and more",)),
        ),
    )

    [card] = cards(lead)

    assert card.detail == (
        "**Findings**\n\n- Mg 1.1 mg/dL (08:00), severe; before: Mg 1.3.\n- K 3.1 mmol/L\n\n"
        "**Why it matters**\n\n- Low K\n- Low K, and more"
    )


def test_a_plan_is_told_on_the_first_card_and_the_others_name_it_where_it_would_stand(cards: Cards) -> None:
    plan = {"plan": ("Give it", "Recheck"), "act": ("First", "Give it", "Recheck", "Caution")}

    calcium, drug, potassium = cards(
        finding(Topic.HYPOKALEMIA, INFO, **plan),
        finding(Topic.HYPOCALCEMIA, CRITICAL, **plan),
        finding(Topic.WASTING_DRUG, WARNING, plan=("Give it", "Only here"), act=("Give it", "Only here", "First")),
    )

    referred = "How to replace magnesium: see the card “hypocalcemia found”."
    assert calcium.detail == "**What to do**\n\n- First\n- Give it\n- Recheck\n- Caution"
    assert drug.detail == f"**What to do**\n\n- {referred}\n- Only here\n- First"
    assert potassium.detail == f"**What to do**\n\n- First\n- {referred}\n- Caution"


def test_a_line_that_is_no_plan_is_told_on_every_card(cards: Cards) -> None:
    shown = cards(finding(Topic.HYPOKALEMIA, act=("ECG",)), finding(Topic.HYPOCALCEMIA, act=("ECG",), plan=()))

    assert [card.detail for card in shown] == ["**What to do**\n\n- ECG"] * 2


def test_a_plan_that_only_a_cut_card_would_tell_is_told(cards: Cards) -> None:
    plan = {"plan": ("Give it",), "act": ("Give it",)}

    [critical, safety] = cards(
        finding(Topic.HYPOMAGNESEMIA, CRITICAL),
        finding(Topic.HYPOKALEMIA, WARNING, **plan),
        finding(Topic.SAFETY, INFO, **plan),
        max_cards=1,
    )

    assert "Give it" not in critical.detail
    assert safety.detail.startswith("**What to do**\n\n- Give it")


def test_what_makes_a_card_more_urgent_is_told_in_full(cards: Cards) -> None:
    lead = Lead(
        finding(Topic.REFRACTORY_HYPOKALEMIA, WARNING, what=("K 3.2 mmol/L",)),
        (finding(Topic.HYPOMAGNESEMIA, CRITICAL, what=("Mg 1.0 mg/dL",)),),
    )

    [card] = cards(lead)

    assert card.indicator is CRITICAL
    assert card.summary == "refractory-hypokalemia found"
    assert card.detail.splitlines()[2:] == ["- K 3.2 mmol/L", "- hypomagnesemia found", "- Mg 1.0 mg/dL"]


# ── Order and cap ──


def test_cards_come_by_urgency_and_within_by_topic(cards: Cards) -> None:
    shown = cards(
        finding(Topic.CAUSE, INFO),
        finding(Topic.WASTING_DRUG, WARNING),
        finding(Topic.HYPOMAGNESEMIA, WARNING),
        finding(Topic.HYPOKALEMIA, CRITICAL),
    )

    assert topics(shown) == [
        "hypokalemia",
        "hypomagnesemia",
        "magnesium-wasting-drug",
        "cause-of-hypomagnesemia",
    ]


@pytest.mark.parametrize(
    ("indicators", "most", "shown"),
    [
        (
            {Topic.HYPOMAGNESEMIA: WARNING, Topic.HYPOKALEMIA: WARNING, Topic.CAUSE: INFO},
            2,
            ["hypomagnesemia", "hypokalemia"],
        ),
        (
            {Topic.HYPOMAGNESEMIA: CRITICAL, Topic.HYPOKALEMIA: CRITICAL, Topic.CAUSE: INFO},
            1,
            ["hypomagnesemia", "hypokalemia"],
        ),
        (
            {Topic.SAFETY: WARNING, Topic.HYPOMAGNESEMIA: CRITICAL, Topic.HYPOKALEMIA: WARNING},
            1,
            ["hypomagnesemia", "magnesium-safety"],
        ),
        (
            {Topic.ARRHYTHMIA: CRITICAL, Topic.SAFETY: INFO, Topic.HYPOKALEMIA: WARNING, Topic.CAUSE: INFO},
            3,
            ["arrhythmia-risk", "hypokalemia", "magnesium-safety"],
        ),
    ],
)
def test_the_cap_never_cuts_critical_cards_or_magnesium_safety(
    cards: Cards, indicators: dict[Topic, Indicator], most: int, shown: list[str]
) -> None:
    assert topics(cards(*(finding(t, i) for t, i in indicators.items()), max_cards=most)) == shown


def test_what_the_cap_cuts_is_named_on_the_last_card_and_in_its_evidence(cards: Cards) -> None:
    calcium = Lead(finding(Topic.HYPOCALCEMIA, INFO))
    drugs = Lead(finding(Topic.WASTING_DRUG, INFO), (finding(Topic.CAUSE, INFO),))

    first, last = cards(
        finding(Topic.SAFETY), finding(Topic.HYPOMAGNESEMIA, what=("Mg 1.3 mg/dL",)), calcium, drugs, max_cards=2
    )

    assert "not shown" not in first.detail
    assert last.detail == (
        "**Findings**\n\n- Mg 1.3 mg/dL\n\n"
        "**Also found, not shown as cards**\n\n"
        "- Low calcium with low magnesium (info): hypocalcemia found\n"
        "- Drugs that waste magnesium (info): magnesium-wasting-drug found\n"
        "- Possible reasons for low magnesium (info): cause-of-hypomagnesemia found"
    )
    assert last.extension[evidence.KEY]["heldBack"] == [
        "hypocalcemia: info, beyond the most cards to show",
        "magnesium-wasting-drug: info, beyond the most cards to show",
    ]


def test_four_cards_are_the_most_unless_the_site_says_otherwise(cards: Cards) -> None:
    assert len(cards(*(finding(topic) for topic in Topic if topic is not Topic.SAFETY))) == 4


# ── Suggestions ──


def test_a_proposal_becomes_one_suggestion_with_one_action_that_says_everything(cards: Cards) -> None:
    [card] = cards(finding(Topic.MONITORING, INFO, Proposal.SERUM_MAGNESIUM), encounter="e1")

    [suggestion] = card.suggestions
    [action] = suggestion.actions
    assert suggestion.label == "Order: Serum magnesium"
    assert action.description == "Order: Serum magnesium."
    assert action.resource["subject"] == {"reference": "Patient/p1"}
    assert action.resource["encounter"] == {"reference": "Encounter/e1"}
    assert card.selection_behavior is SelectionBehavior.AT_MOST_ONE


def test_a_client_gets_the_selection_behavior_it_understands(cards: Cards) -> None:
    [card] = cards(finding(Topic.MONITORING, INFO, Proposal.SERUM_MAGNESIUM), selection_behavior=SelectionBehavior.ANY)

    assert card.to_json()["selectionBehavior"] == "any"


def test_a_card_without_suggestions_has_no_selection_behavior(cards: Cards) -> None:
    [card] = cards(finding(Topic.MONITORING, INFO, Proposal.SERUM_MAGNESIUM), suggestions=False)

    assert not card.suggestions
    assert card.selection_behavior is None


def test_an_order_is_offered_once_in_the_whole_answer_on_the_first_card(cards: Cards) -> None:
    shown = cards(
        finding(Topic.CAUSE, INFO, Proposal.SERUM_CREATININE, Proposal.URINE_MAGNESIUM),
        Lead(
            finding(Topic.HYPOMAGNESEMIA, CRITICAL, Proposal.SERUM_CREATININE),
            (finding(Topic.HYPOKALEMIA, WARNING, Proposal.SERUM_CREATININE, Proposal.SERUM_MAGNESIUM),),
        ),
    )

    assert offered(shown) == [
        ["Order: Serum creatinine", "Order: Serum magnesium"],
        ["Order: Urine magnesium and creatinine (spot)"],
    ]


def test_where_one_rule_allows_an_intravenous_dose_and_another_does_not_none_is_given(cards: Cards) -> None:
    shown = cards(
        finding(Topic.HYPOMAGNESEMIA, CRITICAL, Proposal.MAGNESIUM_INTRAVENOUS),
        finding(Topic.ARRHYTHMIA, CRITICAL, Proposal.MAGNESIUM_INTRAVENOUS_NO_DOSE),
    )

    assert offered(shown) == [["Order: Magnesium sulfate, intravenous"], []]
    assert "No dose is proposed." in shown[0].suggestions[0].actions[0].description


def test_an_oral_order_beside_an_intravenous_one_says_that_it_is_the_alternative(cards: Cards) -> None:
    [card] = cards(finding(Topic.HYPOMAGNESEMIA, CRITICAL, Proposal.MAGNESIUM_INTRAVENOUS, Proposal.MAGNESIUM_ORAL))
    [alone] = cards(finding(Topic.HYPOMAGNESEMIA, WARNING, Proposal.MAGNESIUM_ORAL))

    intravenous, oral = (suggestion.actions[0].description for suggestion in card.suggestions)
    assert oral.endswith("Instead of the intravenous order, not in addition.")
    assert "not in addition" not in intravenous
    assert "not in addition" not in alone.suggestions[0].actions[0].description


# ── Evidence and identity ──


def test_a_client_may_do_without_extensions(cards: Cards) -> None:
    [with_it] = cards(finding(Topic.HYPOMAGNESEMIA))
    [without] = cards(finding(Topic.HYPOMAGNESEMIA), extensions=False)

    assert list(with_it.extension) == ["io.github.magnesium-cds.evidence"]
    assert "extension" not in without.to_json()


def test_every_card_and_suggestion_has_a_uuid_of_its_own(cards: Cards) -> None:
    shown = cards(
        finding(Topic.HYPOMAGNESEMIA, WARNING, Proposal.MAGNESIUM_ORAL, Proposal.SERUM_MAGNESIUM),
        finding(Topic.CAUSE, INFO, Proposal.URINE_MAGNESIUM),
        failures=[(Topic.SAFETY, "e1")],
    )

    uuids = [card.uuid for card in shown] + [s.uuid for card in shown for s in card.suggestions]
    assert len(set(uuids)) == 6


# ── Checks that could not run ──


def test_nothing_found_and_nothing_failed_is_no_card(cards: Cards) -> None:
    assert cards() == ()


def test_a_failed_check_is_named_with_its_error(cards: Cards) -> None:
    [card] = cards(failures=[(Topic.WASTING_DRUG, "7f3a")])

    assert card.indicator is INFO
    assert card.source.topic is not None
    assert card.source.topic.code == "checks-not-run"
    assert card.summary == (
        "One magnesium check could not run; no card on this topic does not mean that nothing was found"
    )
    assert card.detail == (
        "**Could not run**\n\n- Drugs that waste magnesium (error 7f3a)\n\n"
        "**What to do**\n\n- Check this yourself.\n- Give the error id to support."
    )


def test_failed_checks_share_one_card_that_pushes_out_no_finding_and_is_never_cut(cards: Cards) -> None:
    shown = cards(
        finding(Topic.HYPOMAGNESEMIA),
        failures=[(Topic.WASTING_DRUG, "7f3a"), (Topic.SAFETY, "7f3b")],
        max_cards=1,
    )

    assert topics(shown) == ["hypomagnesemia", "checks-not-run"]
    assert shown[-1].summary.startswith("2 magnesium checks could not run")
    assert "error 7f3a" in shown[-1].detail
    assert "error 7f3b" in shown[-1].detail


# ── Settings ──


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"max_cards": 0}, "max_cards"),
        ({"source_label": ""}, r"source\.label"),
        ({"source_url": "http://example.org"}, r"source\.url"),
        ({"topic_system": "topics"}, r"coding\.system"),
    ],
)
def test_a_setting_that_makes_no_card_is_refused_when_it_is_read(settings: dict[str, Any], names: str) -> None:
    with pytest.raises(ValueError, match=names):
        Presentation(**settings)
