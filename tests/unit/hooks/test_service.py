"""A service runs its rules, isolates the one that fails, and answers with cards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from hooks.cards import Card, Source
from hooks.memory import Override, Recall
from hooks.render import Presentation
from hooks.service import Answer, Hook, HookService, Rule, rules_on
from magnesium.facts import Patient, PatientFacts
from magnesium.picture import ClinicalPicture
from magnesium.policy import Policy
from magnesium.verdict import Finding, Indicator, Proposal, Quiet, Topic, Unknown, Verdict

PLAIN = Presentation()


@dataclass(frozen=True)
class FakeRule:
    topic: Topic
    judge: Callable[[ClinicalPicture], Verdict]
    version: str = "3"
    hooks: frozenset[str] = field(default_factory=lambda: frozenset({"patient-view"}))


def answering(verdict: Verdict) -> Rule:
    return FakeRule(verdict.topic, lambda _: verdict)


def finding(topic: Topic, indicator: Indicator = Indicator.WARNING, *proposals: Proposal) -> Finding:
    return Finding(topic, indicator, f"{topic} found", proposals=proposals)


def broken(topic: Topic) -> Rule:
    def judge(_: ClinicalPicture) -> Verdict:
        raise ZeroDivisionError("a mistake in the rule")

    return FakeRule(topic, judge)


def service(*rules: Rule, hook: Hook = Hook.PATIENT_VIEW, name: str = "magnesium-test") -> HookService:
    return HookService(name, hook, "Magnesium", "Judges magnesium.", "Needs labs.", rules)


@pytest.fixture
def picture(policy: Policy) -> ClinicalPicture:
    return ClinicalPicture(PatientFacts(Patient("p1")), policy, datetime(2026, 3, 14, 12, tzinfo=UTC))


@pytest.fixture
def logged() -> list[str]:
    return []


Evaluate = Callable[..., Answer]


@pytest.fixture
def evaluate(picture: ClinicalPicture, new_uuid: Callable[[], str], logged: list[str]) -> Evaluate:
    def on_failure(topic: Topic, error: Exception) -> str:
        logged.append(f"{topic}: {error}")
        return "e1"

    def run(asked: HookService, presentation: Presentation = PLAIN, encounter_id: str | None = None) -> Answer:
        return asked.evaluate(
            picture, presentation, new_uuid=new_uuid, on_failure=on_failure, encounter_id=encounter_id
        )

    return run


def topics(answer: Answer) -> list[str]:
    return [card.source.topic.code for card in answer.cards if card.source.topic]


def test_nothing_to_say_is_an_empty_list_of_cards_and_the_reasons_are_kept(evaluate: Evaluate) -> None:
    verdicts: tuple[Verdict, ...] = (
        Quiet(Topic.CAUSE, "magnesium is normal"),
        Unknown(Topic.MONITORING, "medications"),
    )

    answer = evaluate(service(*map(answering, verdicts)))

    assert answer.to_json() == {"cards": []}
    assert answer.verdicts == verdicts
    assert answer.failed == ()


def test_findings_become_cards_with_the_versions_of_their_rules(evaluate: Evaluate) -> None:
    answer = evaluate(service(answering(finding(Topic.HYPOMAGNESEMIA))))

    [card] = answer.to_json()["cards"]
    shown = card["extension"]["io.github.magnesium-cds.evidence"]
    assert card["summary"] == "hypomagnesemia found"
    assert shown["rules"] == [{"id": "hypomagnesemia", "version": "3"}]
    assert shown["asOf"] == "2026-03-14T12:00:00+00:00"


def test_orders_are_for_this_patient_and_encounter(evaluate: Evaluate) -> None:
    asked = service(answering(finding(Topic.MONITORING, Indicator.INFO, Proposal.SERUM_MAGNESIUM)))

    [card] = evaluate(asked, encounter_id="e9").cards

    resource = card.suggestions[0].actions[0].resource
    assert resource["subject"] == {"reference": "Patient/p1"}
    assert resource["encounter"] == {"reference": "Encounter/e9"}


def test_a_rule_that_fails_is_reported_named_and_costs_no_other_card(evaluate: Evaluate, logged: list[str]) -> None:
    answer = evaluate(service(broken(Topic.SAFETY), answering(finding(Topic.HYPOMAGNESEMIA))))

    assert topics(answer) == ["hypomagnesemia", "checks-not-run"]
    assert "Magnesium in excess (error e1)" in answer.cards[-1].detail
    assert answer.failed == ((Topic.SAFETY, "e1"),)
    assert logged == ["magnesium-safety: a mistake in the rule"]


def test_a_failed_rule_is_never_an_empty_answer(evaluate: Evaluate) -> None:
    assert topics(evaluate(service(broken(Topic.SAFETY)))) == ["checks-not-run"]


def test_a_rule_that_answers_for_another_topic_has_failed(evaluate: Evaluate, logged: list[str]) -> None:
    astray = FakeRule(Topic.CAUSE, lambda _: finding(Topic.SAFETY))

    assert topics(evaluate(service(astray))) == ["checks-not-run"]
    assert logged == ["cause-of-hypomagnesemia: the rule for cause-of-hypomagnesemia answered for magnesium-safety"]


LOW_AND_REFRACTORY = (
    finding(Topic.HYPOMAGNESEMIA),
    finding(Topic.HYPOKALEMIA),
    finding(Topic.REFRACTORY_HYPOKALEMIA, Indicator.INFO),
)


@pytest.mark.parametrize(
    ("hook", "shown"),
    [
        (Hook.PATIENT_VIEW, ["refractory-hypokalemia"]),
        (Hook.ORDER_SELECT, ["hypomagnesemia", "refractory-hypokalemia"]),
        (Hook.ORDER_SIGN, ["hypomagnesemia", "refractory-hypokalemia"]),
    ],
)
def test_findings_share_cards_as_the_hook_wants_it(evaluate: Evaluate, hook: Hook, shown: list[str]) -> None:
    assert topics(evaluate(service(*map(answering, LOW_AND_REFRACTORY), hook=hook))) == shown


@pytest.mark.parametrize(
    ("hook", "minimum", "shown"),
    [
        (Hook.ORDER_SIGN, Indicator.WARNING, ["magnesium-wasting-drug"]),
        (Hook.ORDER_SIGN, Indicator.INFO, ["magnesium-wasting-drug", "hypokalemia"]),
        (Hook.ORDER_SIGN, Indicator.CRITICAL, []),
        (Hook.ORDER_SELECT, Indicator.WARNING, ["magnesium-wasting-drug", "hypokalemia"]),
    ],
)
def test_order_sign_repeats_only_what_is_urgent_enough(
    evaluate: Evaluate, hook: Hook, minimum: Indicator, shown: list[str]
) -> None:
    found = (finding(Topic.WASTING_DRUG), finding(Topic.HYPOKALEMIA, Indicator.INFO))

    answer = evaluate(service(*map(answering, found), hook=hook), Presentation(order_sign_minimum=minimum))

    assert topics(answer) == shown
    assert answer.verdicts == found


SILENT = frozenset({Topic.REFRACTORY_HYPOKALEMIA})


def decided(answer: Answer) -> list[tuple[str, str]]:
    return [(decision.topic, decision.display.value) for decision in answer.decisions]


def test_every_card_is_on_record_with_its_suggestions_and_how_bad_it_was(evaluate: Evaluate) -> None:
    answer = evaluate(service(answering(finding(Topic.MONITORING, Indicator.INFO, Proposal.SERUM_MAGNESIUM))))

    [card], [decision] = answer.cards, answer.decisions
    assert (decision.uuid, decision.topic, decision.indicator) == (card.uuid, "magnesium-monitoring", Indicator.INFO)
    assert decision.suggestions == (card.suggestions[0].uuid,)
    assert decision.measure is not None
    assert decision.measure.topics == {Topic.MONITORING}


def test_a_silent_topic_is_judged_and_on_record_and_not_shown(evaluate: Evaluate) -> None:
    answer = evaluate(service(answering(finding(Topic.REFRACTORY_HYPOKALEMIA))), Presentation(silent=SILENT))

    assert answer.to_json() == {"cards": []}
    assert decided(answer) == [("refractory-hypokalemia", "silent")]
    assert answer.decisions[0].measure is not None
    assert len(answer.verdicts) == 1


def test_a_silent_topic_takes_no_shown_one_off_the_screen(evaluate: Evaluate) -> None:
    asked = service(*map(answering, LOW_AND_REFRACTORY))

    assert topics(evaluate(asked)) == ["refractory-hypokalemia"]
    assert topics(evaluate(asked, Presentation(silent=SILENT))) == ["hypomagnesemia", "hypokalemia"]


def test_a_silent_topic_takes_no_place_among_the_most_cards(evaluate: Evaluate) -> None:
    found = (finding(Topic.REFRACTORY_HYPOKALEMIA, Indicator.CRITICAL), finding(Topic.WASTING_DRUG))

    answer = evaluate(service(*map(answering, found)), Presentation(silent=SILENT, max_cards=1))

    assert topics(answer) == ["magnesium-wasting-drug"]
    assert "refractory" not in str(answer.to_json())


def test_where_everything_is_silent_nothing_is_shown_not_even_that_a_check_failed(
    evaluate: Evaluate, logged: list[str]
) -> None:
    found = (broken(Topic.SAFETY), answering(finding(Topic.HYPOMAGNESEMIA, Indicator.CRITICAL)))

    answer = evaluate(service(*found), Presentation(silent=frozenset(Topic)))

    assert answer.to_json() == {"cards": []}
    assert decided(answer) == [("hypomagnesemia", "silent")]
    assert answer.failed == ((Topic.SAFETY, "e1"),)
    assert logged


def test_a_failed_check_is_named_where_its_topic_is_shown(evaluate: Evaluate) -> None:
    answer = evaluate(service(broken(Topic.SAFETY), broken(Topic.REFRACTORY_HYPOKALEMIA)), Presentation(silent=SILENT))

    [card] = answer.cards
    assert "Magnesium in excess" in card.detail
    assert "Low potassium" not in card.detail
    assert decided(answer) == [("checks-not-run", "shown")]
    assert answer.decisions[0].measure is None


def test_a_card_that_is_held_back_is_on_record_and_named_by_the_others(
    picture: ClinicalPicture, new_uuid: Callable[[], str]
) -> None:
    asked = service(answering(finding(Topic.HYPOMAGNESEMIA)), answering(finding(Topic.WASTING_DRUG)))

    def ask(recall: Recall) -> Answer:
        return asked.evaluate(picture, PLAIN, new_uuid=new_uuid, on_failure=lambda *_: "e1", recall=recall)

    first = ask(dict).decisions[0]
    assert first.measure is not None
    dismissed = Override(picture.as_of, "other-team", first.measure)
    again = ask(lambda: {Topic.HYPOMAGNESEMIA: dismissed})

    assert topics(again) == ["magnesium-wasting-drug"]
    assert decided(again) == [("magnesium-wasting-drug", "shown"), ("hypomagnesemia", "held-back")]
    [card] = again.to_json()["cards"]
    held_back = card["extension"]["io.github.magnesium-cds.evidence"]["heldBack"]
    assert held_back == ["hypomagnesemia: dismissed 2026-03-14T12:00+00:00 (other-team), not worse since"]


def test_discovery_shows_the_service_with_its_prefetch() -> None:
    assert service().to_discovery({"patient": "Patient/{{context.patientId}}"}) == {
        "hook": "patient-view",
        "title": "Magnesium",
        "description": "Judges magnesium.",
        "id": "magnesium-test",
        "version": "2.0.1",
        "prefetch": {"patient": "Patient/{{context.patientId}}"},
        "usageRequirements": "Needs labs.",
    }


def test_discovery_without_prefetch_has_no_empty_member() -> None:
    assert "prefetch" not in service().to_discovery({})


def test_rules_are_chosen_by_hook() -> None:
    both = FakeRule(Topic.SAFETY, lambda _: Quiet(Topic.SAFETY, ""), hooks=frozenset({"order-sign", "patient-view"}))
    view = FakeRule(Topic.CAUSE, lambda _: Quiet(Topic.CAUSE, ""))

    assert rules_on(Hook.PATIENT_VIEW, (both, view)) == (both, view)
    assert rules_on(Hook.ORDER_SIGN, (both, view)) == (both,)


@pytest.mark.parametrize("name", ["", "a/b", "a b", "a?b"])
def test_a_service_id_is_one_plain_path_segment(name: str) -> None:
    with pytest.raises(ValueError, match=r"service\.id"):
        service(name=name)


def test_two_rules_of_one_topic_are_refused() -> None:
    with pytest.raises(ValueError, match=r"service\.rules"):
        service(broken(Topic.CAUSE), broken(Topic.CAUSE))


def test_two_cards_with_one_uuid_are_refused() -> None:
    card = Card("6f1f6d3a-9c1b-4f6e-8b0e-0d5c6a2b7e11", "x", Indicator.INFO, Source("x"))

    with pytest.raises(ValueError, match="same uuid"):
        Answer((card, card), (), ())
