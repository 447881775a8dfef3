"""clinical.md §5 over the whole service: what no patient may ever get, whatever is in the chart.

``test_clinical.py`` holds each rule to §5 on charts of odd shape; here realistic patients go through all rules and
are read as the cards that a clinician sees.
"""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import Phase, event, find, given, settings
from hypothesis import strategies as st

from fhir_mappings.proposals import build
from hooks.render import Presentation
from hooks.service import Answer, Hook, HookService, rules_on
from magnesium.facts import Analyte, ConditionFact, Exposure
from magnesium.moment import When
from magnesium.picture import ClinicalPicture
from magnesium.replacement import intravenous_magnesium
from magnesium.rules import RULES
from magnesium.verdict import Finding, Indicator, Proposal, Topic
from tests.builders import IV, NOW, POLICY, Fact, ago, egfr, ionized, k, lab, mg, order, pulse, qtc
from tests.strategies import KIDNEYS, Chart, charts, decimals, deficient, drafted, is_draft, measures, moments, shifted

ON_MAGNESIUM = (
    Topic.ARRHYTHMIA,
    Topic.HYPOMAGNESEMIA,
    Topic.REFRACTORY_HYPOKALEMIA,
    Topic.HYPOKALEMIA,
    Topic.HYPOCALCEMIA,
    Topic.WASTING_DRUG,
)
"""The topics that a deficiency may make louder; the causes are information at any value."""
hooks = st.sampled_from(Hook)
patients = st.one_of(charts(), deficient())
times = st.one_of(moments(), st.sampled_from([1, 73, 15 * 24]).map(lambda h: When.at(ago(hours=h))))


def cards(chart: Chart, hook: Hook, *, as_of: Any = NOW) -> Answer:
    """The answer of the whole service, its uuids counted up from one."""
    return _answer(chart.on(hook, as_of=as_of), hook)


def _answer(picture: ClinicalPicture, hook: Hook) -> Answer:
    numbers = iter(range(1, 1000))

    def failed(topic: Topic, error: Exception) -> str:
        raise AssertionError(f"{topic} failed") from error

    service = HookService("all", hook, "Magnesium", "All rules.", "All data.", rules_on(hook, RULES))
    # No card is cut and no card is held for its indicator: what must not be said must not be there at all.
    shown = Presentation(max_cards=99, order_sign_minimum=Indicator.INFO)
    return service.evaluate(picture, shown, new_uuid=lambda: str(UUID(int=next(numbers))), on_failure=failed)


def findings(picture: ClinicalPicture, hook: Hook) -> list[Finding]:
    verdicts = (rule.judge(picture) for rule in rules_on(hook, RULES))
    return [verdict for verdict in verdicts if isinstance(verdict, Finding)]


def loudness(chart: Chart, hook: Hook) -> dict[Topic, int]:
    return {finding.topic: finding.indicator for finding in findings(chart.on(hook), hook)}


# ----- the indicator follows the magnesium -----


UNITS = {
    "mg/dL": decimals("0.5", "12", "0.1"),
    "mmol/L": decimals("0.20", "5.00", "0.01"),
    "mEq/L": decimals("0.4", "10", "0.1"),
}
OF_EVERY_STATUS = {
    "mg/dL": ("1.1", "1.4", "1.6", "2.0", "3.0", "5.0", "9.0"),
    "mmol/L": ("0.45", "0.60", "0.68", "0.80", "1.20", "2.20", "3.60"),
    "mEq/L": ("0.9", "1.2", "1.3", "1.7", "3.0", "5.0", "8.0"),
}


@st.composite
def rising(draw: st.DrawFn) -> list[Chart]:
    """One patient, with one magnesium of one moment, from the lowest value to the highest."""
    unit = draw(st.sampled_from(sorted(UNITS)))
    alone = draw(st.sampled_from([True, True, True, False]))
    base, when = draw(charts()), draw(times)
    if alone:
        base = base.without(measures(Analyte.MAGNESIUM))
    values = sorted([draw(UNITS[unit]), *map(Decimal, OF_EVERY_STATUS[unit])])
    return [base.with_facts(lab(Analyte.MAGNESIUM, f"{value} {unit}", at=when)) for value in values]


@given(rising(), hooks, drafted("magnesium oxide", "magnesium sulfate", "magnesium hydroxide"))
def test_a_higher_magnesium_never_lowers_magnesium_safety(patient: list[Chart], hook: Hook, giving: Exposure) -> None:
    more: Fact = giving if hook is not Hook.PATIENT_VIEW else order("magnesium oxide", days_ago=3)
    heard = [loudness(chart.with_facts(more), hook).get(Topic.SAFETY, 0) for chart in patient]
    event(f"magnesium-safety from {heard[0]} to {heard[-1]}")
    assert heard == sorted(heard)


DANGERS: tuple[tuple[Fact, ...], ...] = (
    (),
    (order("digoxin"),),
    (order("sotalol"), k("3.2 mmol/L", hours_ago=1)),
    (qtc("510", hours_ago=2),),
    (ionized("1.00 mmol/L", hours_ago=2),),
    (ionized("0.75 mmol/L", hours_ago=2), order("digoxin")),
    (k("3.1 mmol/L", days_ago=3), k("2.9 mmol/L", hours_ago=1), order("potassium chloride")),
)


@given(rising(), hooks, st.sampled_from(DANGERS), drafted("digoxin", "furosemide", "cisplatin", "potassium chloride"))
def test_a_lower_magnesium_never_lowers_a_deficiency_topic(
    patient: list[Chart], hook: Hook, danger: tuple[Fact, ...], ordered: Exposure
) -> None:
    by_value = [loudness(chart.with_facts(*danger, ordered), hook) for chart in patient]
    for topic in ON_MAGNESIUM:
        heard = [loud.get(topic, 0) for loud in by_value]
        if heard[0]:
            event(f"{topic} from {heard[0]} to {heard[-1]}")
        assert heard == sorted(heard, reverse=True), topic


# ----- nothing forbidden is offered -----


def _offered(answer: Answer) -> set[str]:
    return {suggestion["label"] for card in answer.to_json()["cards"] for suggestion in card.get("suggestions", ())}


def _label(proposal: Proposal) -> str:
    return build(proposal, patient_id="p1", encounter_id=None, products=POLICY.products).label


LABELS = {proposal: _label(proposal) for proposal in Proposal}


def test_every_proposal_is_told_from_the_others_by_its_label() -> None:
    assert len(set(LABELS.values())) == len(Proposal)


@given(patients, hooks)
def test_no_answer_offers_what_a_guard_holds(chart: Chart, hook: Hook) -> None:
    picture = chart.on(hook)
    held = picture.guard.held.keys()
    proposed = {p for finding in findings(picture, hook) for p in finding.proposals}
    event(f"{len(proposed)} proposals, {len(held)} held")
    assert not proposed & held
    assert not _offered(_answer(picture, hook)) & {LABELS[proposal] for proposal in held}


@given(patients, hooks)
def test_every_offer_is_one_that_a_finding_made(chart: Chart, hook: Hook) -> None:
    picture = chart.on(hook)
    proposed = {p for finding in findings(picture, hook) for p in finding.proposals}
    # Where one rule allows an intravenous dose and another does not, the order without a dose stands for both.
    if Proposal.MAGNESIUM_INTRAVENOUS in proposed:
        proposed.add(Proposal.MAGNESIUM_INTRAVENOUS_NO_DOSE)
    assert _offered(_answer(picture, hook)) <= {LABELS[proposal] for proposal in proposed}


FORBIDS_MAGNESIUM: tuple[Fact, ...] = (
    egfr("29"),
    mg("3.0 mg/dL"),
    order("magnesium sulfate", days_ago=0, route=IV),
)
MAGNESIUM_ORDERS = {Proposal.MAGNESIUM_ORAL, Proposal.MAGNESIUM_INTRAVENOUS, Proposal.MAGNESIUM_INTRAVENOUS_NO_DOSE}


@given(patients, hooks, st.sampled_from(FORBIDS_MAGNESIUM))
def test_no_magnesium_is_offered_to_a_patient_who_has_too_much_or_keeps_it(chart: Chart, hook: Hook, why: Fact) -> None:
    """The guard's own table, told a second time: a guard that forgot a row would hold nothing."""
    if isinstance(why, Exposure):
        told = chart.with_facts(why)
    else:
        told = chart.without(measures(Analyte.MAGNESIUM, *KIDNEYS)).with_facts(why)
    if not measures(*KIDNEYS)(why):
        told = told.with_facts(egfr("90"))
    assert not _offered(cards(told, hook)) & {LABELS[proposal] for proposal in MAGNESIUM_ORDERS}


@given(patients, hooks, st.sampled_from([pulse("45"), order("rocuronium")]))
def test_no_intravenous_magnesium_is_offered_to_a_slow_heart_or_a_blocked_muscle(
    chart: Chart, hook: Hook, why: Fact
) -> None:
    told = chart.without(measures(Analyte.HEART_RATE)).with_facts(why)
    assert not _offered(cards(told, hook)) & {LABELS[p] for p in MAGNESIUM_ORDERS - {Proposal.MAGNESIUM_ORAL}}


# ----- no card is the normal answer -----


def _of_kidneys(fact: Fact) -> bool:
    conditions = {
        "dialysis",
        "kidney_replacement",
        "acute_kidney_injury",
        "ckd_stage_5",
        "gitelman_syndrome",
        "bartter_syndrome",
    }
    return measures(*KIDNEYS)(fact) or (isinstance(fact, ConditionFact) and fact.condition in conditions)


def _magnesium_or_potassium(fact: Fact) -> bool:
    injected = isinstance(fact, Exposure) and not is_draft(fact) and intravenous_magnesium(fact)
    return injected or measures(Analyte.MAGNESIUM, Analyte.POTASSIUM)(fact)


NORMAL = st.tuples(
    st.one_of(
        decimals("1.7", "2.6", "0.1").map(lambda v: f"{v} mg/dL"),
        decimals("0.70", "1.05", "0.01").map(lambda v: f"{v} mmol/L"),
        decimals("1.4", "2.1", "0.1").map(lambda v: f"{v} mEq/L"),
    ),
    decimals("4.0", "5.5", "0.1").map(lambda v: f"{v} mmol/L"),
    decimals("60", "120", "1").map(str),
)


@given(charts(), NORMAL, st.integers(0, 48))
def test_a_patient_with_normal_magnesium_potassium_and_kidneys_is_silent_on_every_hook(
    chart: Chart, values: tuple[str, str, str], hours_ago: int
) -> None:
    magnesium, potassium, filtration = values
    others = chart.without(_of_kidneys).without(_magnesium_or_potassium)
    normal = others.with_facts(
        mg(magnesium, hours_ago=hours_ago),
        k(potassium, hours_ago=hours_ago),
        egfr(filtration, hours_ago=hours_ago),
    )
    for hook in Hook:
        assert cards(normal, hook).cards == ()


# ----- neither the order of the chart nor the date matters -----


@given(patients, hooks, st.randoms(use_true_random=False))
def test_the_order_of_the_chart_never_changes_a_card(chart: Chart, hook: Hook, shuffle: Any) -> None:
    turned = list(chart.found)
    shuffle.shuffle(turned)
    assert cards(chart.in_order(turned), hook).to_json() == cards(chart, hook).to_json()


_DATE = re.compile(r"(?:\d{1,2} )?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4}(?: \d\d:\d\d)?")


def _undated(answer: Answer) -> list[tuple[str, str, str, list[str]]]:
    """What the cards say, but for the dates."""
    return [
        (
            card["source"]["topic"]["code"],
            card["indicator"],
            _DATE.sub("then", f"{card['summary']}\n{card.get('detail', '')}"),
            [suggestion["label"] for suggestion in card.get("suggestions", ())],
        )
        for card in answer.to_json()["cards"]
    ]


@given(patients, hooks, st.integers(-90 * 24 * 60, 90 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes)))
def test_shifting_all_times_together_never_changes_a_card(chart: Chart, hook: Hook, by: timedelta) -> None:
    moved = chart.in_order(shifted(fact, by) for fact in chart.found)
    assert _undated(cards(moved, hook, as_of=NOW + by)) == _undated(cards(chart, hook))


# ----- the strategies themselves -----


@pytest.mark.parametrize("topic", Topic)
def test_realistic_patients_reach_every_topic(topic: Topic) -> None:
    """A property over patients who never have a card would hold for an empty service."""
    looking = settings(max_examples=5000, database=None, phases=[Phase.generate])

    def speaks(chart: Chart) -> bool:
        return topic in loudness(chart, Hook.PATIENT_VIEW)

    assert speaks(find(charts(), speaks, settings=looking, random=Random(20260314)))  # noqa: S311  no secret
