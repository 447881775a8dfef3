"""clinical.md §2.0: one fact, one card."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from hooks.one_card import Lead, on_order_hooks, on_patient_view
from magnesium.facts import Exposure, ExposureKind, ExposureStatus, Source
from magnesium.verdict import Evidence, Finding, Indicator, Proposal, Topic


def finding(
    topic: Topic, indicator: Indicator = Indicator.WARNING, *proposals: Proposal, what: tuple[str, ...] = ()
) -> Finding:
    return Finding(topic, indicator, f"{topic} found", what=what, proposals=proposals)


def told(leads: Iterable[Lead]) -> dict[str, list[str]]:
    """Which card tells what."""
    return {lead.topic.value: [finding.topic.value for finding in lead.absorbed] for lead in leads}


@pytest.mark.parametrize(
    ("found", "cards"),
    [
        ([], {}),
        (["hypomagnesemia"], {"hypomagnesemia": []}),
        (["hypokalemia", "hypomagnesemia"], {"hypokalemia": [], "hypomagnesemia": []}),
        (
            ["hypomagnesemia", "hypokalemia", "refractory-hypokalemia", "arrhythmia-risk"],
            {"arrhythmia-risk": ["hypomagnesemia", "refractory-hypokalemia", "hypokalemia"]},
        ),
        (["arrhythmia-risk"], {"arrhythmia-risk": []}),
        (
            ["hypomagnesemia", "hypokalemia", "refractory-hypokalemia"],
            {"refractory-hypokalemia": ["hypomagnesemia", "hypokalemia"]},
        ),
        (
            ["refractory-hypokalemia", "magnesium-wasting-drug", "magnesium-safety"],
            {"refractory-hypokalemia": [], "magnesium-wasting-drug": [], "magnesium-safety": []},
        ),
        (
            ["arrhythmia-risk", "magnesium-wasting-drug", "cause-of-hypomagnesemia"],
            {"arrhythmia-risk": [], "magnesium-wasting-drug": [], "cause-of-hypomagnesemia": []},
        ),
    ],
)
def test_patient_view_puts_findings_about_one_fact_on_one_card(found: list[str], cards: dict[str, list[str]]) -> None:
    assert told(on_patient_view(finding(Topic(topic)) for topic in found)) == cards


@pytest.mark.parametrize(
    ("found", "cards"),
    [
        (["refractory-hypokalemia", "hypokalemia"], {"refractory-hypokalemia": ["hypokalemia"]}),
        (["hypokalemia"], {"hypokalemia": []}),
        (
            ["arrhythmia-risk", "refractory-hypokalemia", "magnesium-wasting-drug"],
            {"arrhythmia-risk": [], "refractory-hypokalemia": [], "magnesium-wasting-drug": []},
        ),
    ],
)
def test_on_the_order_hooks_only_refractory_hypokalemia_absorbs_hypokalemia(
    found: list[str], cards: dict[str, list[str]]
) -> None:
    assert told(on_order_hooks(finding(Topic(topic)) for topic in found)) == cards


def test_a_card_is_as_urgent_as_the_most_urgent_thing_it_tells() -> None:
    [lead] = on_patient_view(
        [
            finding(Topic.REFRACTORY_HYPOKALEMIA, Indicator.WARNING),
            finding(Topic.HYPOMAGNESEMIA, Indicator.CRITICAL),
        ]
    )

    assert lead.indicator is Indicator.CRITICAL
    assert lead.finding.indicator is Indicator.WARNING


def test_two_findings_of_one_topic_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="two findings of one topic: hypomagnesemia"):
        on_patient_view([finding(Topic.HYPOMAGNESEMIA), finding(Topic.HYPOMAGNESEMIA)])


# ── Calcium ──


@pytest.mark.parametrize(
    ("found", "leading"),
    [
        (["hypomagnesemia", "magnesium-wasting-drug"], "hypomagnesemia"),
        (["hypomagnesemia", "refractory-hypokalemia"], "refractory-hypokalemia"),
        (["hypomagnesemia", "arrhythmia-risk"], "arrhythmia-risk"),
    ],
)
def test_low_calcium_at_info_is_a_line_of_the_leading_magnesium_card(found: list[str], leading: str) -> None:
    calcium = Finding(
        Topic.HYPOCALCEMIA,
        Indicator.INFO,
        "Calcium is low too",
        what=("Corrected calcium 2.0 mmol/L",),
        why=("Low magnesium impairs PTH release",),
        act=("Severe or symptomatic: do not wait for magnesium",),
    )

    leads = {lead.topic.value: lead for lead in on_patient_view([*(finding(Topic(t)) for t in found), calcium])}

    assert "hypocalcemia" not in leads
    line = leads[leading].absorbed[-1]
    assert line == replace(calcium, what=("Calcium is low too",), why=())
    assert line.act == ("Severe or symptomatic: do not wait for magnesium",)


def test_low_calcium_above_info_keeps_its_own_card() -> None:
    found = [finding(Topic.HYPOMAGNESEMIA), finding(Topic.HYPOCALCEMIA, Indicator.WARNING)]

    assert told(on_patient_view(found)) == {"hypomagnesemia": [], "hypocalcemia": []}


def test_low_calcium_without_a_magnesium_card_keeps_its_own_card() -> None:
    assert told(on_patient_view([finding(Topic.HYPOCALCEMIA, Indicator.INFO)])) == {"hypocalcemia": []}


# ── Monitoring ──


def test_monitoring_is_silent_if_another_card_asks_for_a_magnesium() -> None:
    found = [
        finding(Topic.MONITORING, Indicator.INFO, Proposal.SERUM_MAGNESIUM),
        finding(Topic.HYPOKALEMIA, Indicator.INFO, Proposal.SERUM_MAGNESIUM),
    ]

    [lead] = on_patient_view(found)

    assert lead.topic is Topic.HYPOKALEMIA
    assert lead.finding.evidence.held_back == ("magnesium-monitoring: this card already asks for a serum magnesium",)


def test_monitoring_is_silent_if_an_absorbed_finding_asks_for_a_magnesium() -> None:
    found = [
        finding(Topic.MONITORING, Indicator.INFO, Proposal.SERUM_MAGNESIUM),
        finding(Topic.HYPOKALEMIA, Indicator.INFO, Proposal.SERUM_MAGNESIUM),
        finding(Topic.REFRACTORY_HYPOKALEMIA),
    ]

    assert told(on_patient_view(found)) == {"refractory-hypokalemia": ["hypokalemia"]}


def test_monitoring_speaks_if_no_other_card_asks_for_a_magnesium() -> None:
    found = [
        finding(Topic.MONITORING, Indicator.INFO, Proposal.SERUM_MAGNESIUM),
        finding(Topic.WASTING_DRUG, Indicator.INFO, Proposal.SERUM_CREATININE),
    ]

    assert told(on_patient_view(found)) == {"magnesium-monitoring": [], "magnesium-wasting-drug": []}


def test_a_less_urgent_card_does_not_silence_monitoring() -> None:
    found = [
        finding(Topic.MONITORING, Indicator.WARNING, Proposal.SERUM_MAGNESIUM),
        finding(Topic.HYPOKALEMIA, Indicator.INFO, Proposal.SERUM_MAGNESIUM),
    ]

    assert told(on_patient_view(found)) == {"magnesium-monitoring": [], "hypokalemia": []}


# ── Drugs ──

FUROSEMIDE = Exposure(
    ExposureKind.ORDER,
    ExposureStatus.ACTIVE,
    ("furosemide",),
    "Lasix 40 mg",
    Source("MedicationRequest/1"),
)
NAMELESS = replace(FUROSEMIDE, ingredients=(), label="")
SAYS = ("Furosemide: loop diuretic", "FEMg 5.2 %, on furosemide")


@pytest.mark.parametrize(
    "evidence_elsewhere",
    [Evidence((FUROSEMIDE,)), Evidence((NAMELESS, FUROSEMIDE))],
)
def test_the_cause_card_does_not_repeat_drugs_of_another_card(evidence_elsewhere: Evidence) -> None:
    cause = replace(
        finding(Topic.CAUSE, Indicator.INFO, what=SAYS), evidence=Evidence((FUROSEMIDE,), citations=("S0",))
    )
    drug = replace(finding(Topic.WASTING_DRUG, what=("FUROSEMIDE since 1 May",)), evidence=evidence_elsewhere)

    leads = {lead.topic: lead for lead in on_patient_view([cause, drug])}

    assert leads[Topic.CAUSE].finding.what == (
        "FEMg 5.2 %, on furosemide",
        "Drugs that may contribute are listed on another card.",
    )
    assert leads[Topic.CAUSE].finding.evidence == cause.evidence


@pytest.mark.parametrize("elsewhere", [(), (FUROSEMIDE,)])
def test_the_cause_card_lists_drugs_that_no_other_card_names(elsewhere: tuple[Exposure, ...]) -> None:
    cause = finding(Topic.CAUSE, Indicator.INFO, what=SAYS)
    low = replace(finding(Topic.HYPOMAGNESEMIA, what=("Mg 1.3 mg/dL",)), evidence=Evidence(elsewhere))

    leads = {lead.topic: lead for lead in on_patient_view([cause, low])}

    assert leads[Topic.CAUSE].finding.what == SAYS
