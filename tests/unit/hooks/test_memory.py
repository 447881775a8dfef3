"""A card dismissed with a reason stays away for a while, unless the patient got worse."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest

from hooks.memory import Level, Measure, Override, hold_back, measure, note, nothing_remembered, window
from hooks.one_card import Lead, on_order_hooks, on_patient_view
from magnesium.facts import Analyte
from magnesium.picture import ClinicalPicture
from magnesium.policy import Policy
from magnesium.verdict import Finding, Indicator, Proposal, Topic
from tests.builders import (
    NOW,
    Fact,
    ago,
    albumin,
    calcium,
    corrected_calcium,
    draft,
    ended_order,
    given,
    ionized,
    k,
    lab,
    mg,
    order,
    picture,
)

LOW = mg("1.4 mg/dL", hours_ago=3)
WASHING_OUT = ended_order("cisplatin", days_ago=20, ended=ago(days=14))


def finding(topic: Topic, indicator: Indicator = Indicator.WARNING, *proposals: Proposal) -> Finding:
    return Finding(topic, indicator, f"{topic} found", proposals=proposals)


def lead(topic: Topic = Topic.HYPOMAGNESEMIA, indicator: Indicator = Indicator.WARNING, *absorbed: Topic) -> Lead:
    return Lead(finding(topic, indicator), tuple(finding(other, Indicator.INFO) for other in absorbed))


def measured(*chart: Fact, of: Lead | None = None) -> Measure:
    return measure(of or lead(), picture(*chart))


def dismissed(
    before: ClinicalPicture, topic: Topic = Topic.HYPOMAGNESEMIA, *, ago: timedelta = timedelta(hours=1), **more: Any
) -> dict[Topic, Override]:
    """What is remembered of a card that was dismissed that long ago, when the patient was as in ``before``."""
    return {topic: Override(before.as_of - ago, "will-review", measure(lead(topic, **more), before))}


def shown(
    findings: Sequence[Finding], now: ClinicalPicture, remembered: Mapping[Topic, Override], *, orders: bool = False
) -> list[Topic]:
    leads, _ = hold_back(findings, on_order_hooks if orders else on_patient_view, now, lambda: remembered)
    return [one.topic for one in leads]


class TestHeldBack:
    def test_a_dismissed_card_stays_away_while_nothing_is_worse(self) -> None:
        now = picture(LOW)
        leads, held = hold_back([finding(Topic.HYPOMAGNESEMIA)], on_patient_view, now, lambda: dismissed(now))
        assert leads == ()
        [(away, override)] = held
        assert note(away, override) == "hypomagnesemia: dismissed 2026-03-14T11:00+00:00 (will-review), not worse since"

    def test_nothing_dismissed_changes_nothing(self) -> None:
        assert shown([finding(Topic.HYPOMAGNESEMIA)], picture(LOW), nothing_remembered()) == [Topic.HYPOMAGNESEMIA]

    def test_only_the_dismissed_topic_stays_away(self) -> None:
        now = picture(LOW)
        found = [finding(Topic.HYPOMAGNESEMIA), finding(Topic.WASTING_DRUG)]
        assert shown(found, now, dismissed(now)) == [Topic.WASTING_DRUG]

    @pytest.mark.parametrize(
        ("topic", "indicator"),
        [(Topic.HYPOMAGNESEMIA, Indicator.CRITICAL), (Topic.SAFETY, Indicator.WARNING)],
        ids=["critical", "magnesium that may not be safe"],
    )
    def test_some_cards_are_never_held_back_and_need_no_look_into_the_past(
        self, topic: Topic, indicator: Indicator
    ) -> None:
        now = picture(LOW)
        asked: list[str] = []

        def recall() -> dict[Topic, Override]:
            asked.append("recall")
            return dismissed(now, topic, indicator=indicator)

        leads, held = hold_back([finding(topic, indicator)], on_patient_view, now, recall)
        assert [one.topic for one in leads] == [topic]
        assert (held, asked) == ((), [])

    def test_a_critical_card_beside_one_that_may_be_held_is_shown_all_the_same(self) -> None:
        now = picture(LOW)
        found = [finding(Topic.HYPOMAGNESEMIA, Indicator.CRITICAL), finding(Topic.WASTING_DRUG)]
        remembered = dismissed(now, indicator=Indicator.CRITICAL) | dismissed(now, Topic.WASTING_DRUG)
        assert shown(found, now, remembered) == [Topic.HYPOMAGNESEMIA]


class TestHowLong:
    @pytest.mark.parametrize(
        ("topic", "days"),
        [
            (Topic.HYPOMAGNESEMIA, 1),
            (Topic.ARRHYTHMIA, 1),
            (Topic.REFRACTORY_HYPOKALEMIA, 1),
            (Topic.HYPOKALEMIA, 1),
            (Topic.HYPOCALCEMIA, 1),
            (Topic.WASTING_DRUG, 7),
            (Topic.MONITORING, 7),
            (Topic.CAUSE, 7),
        ],
    )
    def test_the_policy_says_it_for_each_topic(self, policy: Policy, topic: Topic, days: int) -> None:
        numbers = policy.override_memory
        assert window(topic, policy) == (numbers.acute if days == 1 else numbers.standing).delta
        assert window(topic, policy) == timedelta(days=days)

    @pytest.mark.parametrize(
        ("ago", "away"),
        [
            (timedelta(0), True),
            (timedelta(hours=24) - timedelta(seconds=1), True),
            (timedelta(hours=24), True),
            (timedelta(hours=24, seconds=1), False),
        ],
        ids=["just dismissed", "just before the end", "at the end", "just after"],
    )
    def test_until_the_time_is_over(self, ago: timedelta, *, away: bool) -> None:
        now = picture(LOW)
        found = shown([finding(Topic.HYPOMAGNESEMIA)], now, dismissed(now, ago=ago))
        assert found == ([] if away else [Topic.HYPOMAGNESEMIA])


class TestWorse:
    @pytest.mark.parametrize(
        ("before", "now", "worse"),
        [
            ("1.4 mg/dL", "1.4 mg/dL", False),
            ("1.4 mg/dL", "1.5 mg/dL", False),
            ("1.4 mg/dL", "1.39 mg/dL", True),
            ("0.58 mmol/L", "1.4 mg/dL", True),  # 0.576 mmol/L
            ("0.57 mmol/L", "1.4 mg/dL", False),
            ("0.5 mmol/L", "<0.5 mmol/L", True),
            ("<0.5 mmol/L", "<0.5 mmol/L", False),
            ("<0.5 mmol/L", "<=0.5 mmol/L", False),
            ("<0.5 mmol/L", "0.5 mmol/L", False),
            ("<0.5 mmol/L", "0.4 mmol/L", True),
            (">0.9 mmol/L", "0.9 mmol/L", True),
            (">0.9 mmol/L", "1.2 mmol/L", True),  # it may have been 1.5
            ("0.6 mmol/L", ">=0.6 mmol/L", False),
            ("0.6 mmol/L", ">0.5 mmol/L", True),  # it may be 0.55
        ],
    )
    def test_a_lower_magnesium_or_one_that_may_be_lower(self, before: str, now: str, *, worse: bool) -> None:
        assert measured(mg(now)).worse_than(measured(mg(before))) is worse

    @pytest.mark.parametrize(
        ("before", "now", "worse"),
        [("3.1", "3.1", False), ("3.1", "3.2", False), ("3.1", "3.0", True), ("3.0", "<3.0", True)],
    )
    def test_a_lower_potassium(self, before: str, now: str, *, worse: bool) -> None:
        assert measured(k(f"{now} mmol/L")).worse_than(measured(k(f"{before} mmol/L"))) is worse

    @pytest.mark.parametrize(
        ("before", "now", "worse"),
        [((), (), False), ((LOW,), (), False), ((), (LOW,), True)],
        ids=["never known", "no longer current is no news", "not known before"],
    )
    def test_a_result_that_is_missing(self, before: tuple[Fact, ...], now: tuple[Fact, ...], *, worse: bool) -> None:
        assert measured(*now).worse_than(measured(*before)) is worse

    @pytest.mark.parametrize(
        ("before", "now", "worse"),
        [
            (Indicator.WARNING, Indicator.WARNING, False),
            (Indicator.WARNING, Indicator.INFO, False),
            (Indicator.INFO, Indicator.WARNING, True),
        ],
    )
    def test_a_higher_indicator(self, before: Indicator, now: Indicator, *, worse: bool) -> None:
        topic = Topic.HYPOMAGNESEMIA
        assert measured(of=lead(topic, now)).worse_than(measured(of=lead(topic, before))) is worse

    def test_a_topic_that_the_dismissed_card_did_not_tell(self) -> None:
        alone = measured(of=lead(Topic.REFRACTORY_HYPOKALEMIA))
        both = measured(of=lead(Topic.REFRACTORY_HYPOKALEMIA, Indicator.WARNING, Topic.HYPOMAGNESEMIA))
        assert both.worse_than(alone)
        assert not alone.worse_than(both)

    @pytest.mark.parametrize(
        "new",
        [order("furosemide"), draft("furosemide"), order("digoxin"), order("sotalol"), draft("methadone")],
        ids=["wasting, in force", "wasting, being ordered", "digoxin", "QT drug", "QT drug, being ordered"],
    )
    def test_a_new_drug_that_wastes_magnesium_or_endangers_the_heart(self, new: Fact) -> None:
        before, now = measured(order("omeprazole")), measured(order("omeprazole"), new)
        assert now.worse_than(before)
        assert not before.worse_than(now)

    @pytest.mark.parametrize(
        ("before", "now", "worse"),
        [
            ((WASHING_OUT,), (WASHING_OUT,), False),
            ((WASHING_OUT,), (WASHING_OUT, given("cisplatin")), True),
            ((WASHING_OUT,), (WASHING_OUT, draft("cisplatin")), True),
            ((order("cisplatin"),), (WASHING_OUT,), False),
            ((order("furosemide"),), (order("furosemide"), draft("furosemide")), True),
            ((order("digoxin"),), (order("digoxin"), draft("digoxin")), True),
            ((order("sotalol"),), (order("sotalol"), draft("sotalol")), True),
            ((draft("cisplatin"),), (draft("cisplatin"),), False),
            ((draft("cisplatin"),), (order("cisplatin"),), False),
            ((draft("sotalol"),), (order("sotalol"),), False),
        ],
        ids=[
            "still washing out",
            "given again in the wash-out",
            "ordered again in the wash-out",
            "stopped since",
            "ordered beside what is taken",
            "digoxin, ordered again",
            "a QT drug, ordered again",
            "dismissed while it was ordered, and signed",
            "dismissed while it was ordered, and taken",
            "a QT drug dismissed while it was ordered, and taken",
        ],
    )
    def test_a_drug_that_is_taken_or_ordered_again(
        self, before: tuple[Fact, ...], now: tuple[Fact, ...], *, worse: bool
    ) -> None:
        assert measured(*now).worse_than(measured(*before)) is worse

    @pytest.mark.parametrize(
        ("before", "now", "worse"),
        [("0.50", "0.50", False), ("0.50", "0.51", False), ("0.50", "0.49", True), (None, "0.40", True)],
    )
    def test_a_lower_ionized_magnesium_or_one_that_was_not_known(
        self, before: str | None, now: str, *, worse: bool
    ) -> None:
        first = () if before is None else (lab(Analyte.MAGNESIUM_IONIZED, f"{before} mmol/L"),)
        second = lab(Analyte.MAGNESIUM_IONIZED, f"{now} mmol/L")
        assert measured(LOW, second).worse_than(measured(LOW, *first)) is worse

    @pytest.mark.parametrize(
        "fact",
        [lab(Analyte.MAGNESIUM_RBC, "1.5 mmol/L"), lab(Analyte.CREATININE, "3 mg/dL")],
        ids=["red cells", "kidney"],
    )
    def test_another_result_is_no_news_of_the_topic(self, fact: Fact) -> None:
        assert not measured(LOW, fact).worse_than(measured(LOW))

    def test_a_drug_that_has_nothing_to_do_with_it(self) -> None:
        assert not measured(order("amoxicillin")).worse_than(measured())

    @pytest.mark.parametrize(
        ("before", "now", "worse"),
        [
            ((ionized("1.00 mmol/L"),), (ionized("1.00 mmol/L"),), False),
            ((ionized("1.00 mmol/L"),), (ionized("0.99 mmol/L"),), True),
            ((ionized("1.00 mmol/L"),), (corrected_calcium("2.3 mmol/L"),), True),
            ((calcium("1.9 mmol/L"), albumin("30 g/L")), (calcium("1.9 mmol/L"), albumin("36 g/L")), True),
            ((ionized("1.00 mmol/L"),), (), False),
            ((), (ionized("1.00 mmol/L"),), True),
        ],
        ids=["same", "lower", "another kind: cannot be compared", "lower once corrected", "no longer current", "new"],
    )
    def test_a_lower_calcium_where_the_card_tells_of_it(
        self, before: tuple[Fact, ...], now: tuple[Fact, ...], *, worse: bool
    ) -> None:
        told = lead(Topic.HYPOMAGNESEMIA, Indicator.WARNING, Topic.HYPOCALCEMIA)
        assert measured(*now, of=told).worse_than(measured(*before, of=told)) is worse
        assert not measured(*now).worse_than(measured(*before)), "a card on something else"

    def test_worse_is_shown(self) -> None:
        found = [finding(Topic.HYPOMAGNESEMIA)]
        assert shown(found, picture(mg("1.3 mg/dL")), dismissed(picture(LOW))) == [Topic.HYPOMAGNESEMIA]


class TestWhatTheOtherCardsLeftToIt:
    """Findings share cards. What stays away must not take with it what the dismissed card did not tell."""

    def test_a_topic_that_is_silent_because_the_card_asks_for_the_same_gets_its_own_card(self) -> None:
        now = picture(k("3.2 mmol/L"))
        found = [
            finding(Topic.HYPOKALEMIA, Indicator.WARNING, Proposal.SERUM_MAGNESIUM),
            finding(Topic.MONITORING, Indicator.INFO, Proposal.SERUM_MAGNESIUM),
        ]
        assert shown(found, now, {}) == [Topic.HYPOKALEMIA]
        assert shown(found, now, dismissed(now, Topic.HYPOKALEMIA)) == [Topic.MONITORING]

    def test_unless_that_was_dismissed_as_well(self) -> None:
        now = picture(k("3.2 mmol/L"))
        found = [
            finding(Topic.HYPOKALEMIA, Indicator.WARNING, Proposal.SERUM_MAGNESIUM),
            finding(Topic.MONITORING, Indicator.INFO, Proposal.SERUM_MAGNESIUM),
        ]
        remembered = dismissed(now, Topic.HYPOKALEMIA) | dismissed(now, Topic.MONITORING)
        leads, held = hold_back(found, on_patient_view, now, lambda: remembered)
        assert leads == ()
        assert [away.topic for away, _ in held] == [Topic.HYPOKALEMIA, Topic.MONITORING]

    def test_what_the_dismissed_card_told_goes_with_it(self) -> None:
        now = picture(LOW, k("3.2 mmol/L"))
        found = [finding(Topic.REFRACTORY_HYPOKALEMIA), finding(Topic.HYPOMAGNESEMIA), finding(Topic.WASTING_DRUG)]
        told = Lead(found[0], (found[1],))
        remembered = {told.topic: Override(NOW, "other-team", measure(told, now))}
        assert shown(found, now, remembered) == [Topic.WASTING_DRUG]
        assert shown(found, now, remembered, orders=True) == [Topic.HYPOMAGNESEMIA, Topic.WASTING_DRUG]


class TestStored:
    @pytest.mark.parametrize(
        "kept",
        [
            measured(),
            measured(LOW, k("<3.0 mmol/L"), order("furosemide"), draft("cisplatin")),
            measured(lab(Analyte.MAGNESIUM_IONIZED, "0.40 mmol/L")),
            measured(ionized(">1.0 mmol/L"), of=lead(Topic.HYPOCALCEMIA, Indicator.INFO, Topic.HYPOMAGNESEMIA)),
        ],
    )
    def test_a_measure_survives_storage(self, kept: Measure) -> None:
        assert Measure.from_json(json.loads(json.dumps(kept.to_json()))) == kept

    def test_what_is_stored_is_exact(self) -> None:
        stored = replace(measured(), magnesium=Level(Fraction(1, 3), -1)).to_json()
        assert stored["magnesium"] == ["1/3", -1, ""]

    @pytest.mark.parametrize(
        "change",
        [
            {"indicator": "urgent"},
            {"topics": ["gout"]},
            {"topics": None},
            {"magnesium": ["much", 0, ""]},
            {"potassium": ["3"]},
            {"drugs": 1},
        ],
    )
    def test_what_is_no_measure_is_refused(self, change: dict[str, Any]) -> None:
        with pytest.raises((KeyError, TypeError, ValueError)):
            Measure.from_json(measured().to_json() | change)

    def test_one_of_an_older_version_is_refused(self) -> None:
        stored = measured().to_json()
        del stored["calcium"]
        with pytest.raises(KeyError):
            Measure.from_json(stored)


def test_an_override_keeps_its_moment() -> None:
    override = Override(datetime.fromisoformat("2026-03-14T10:30:00Z"), "(text)", measured())
    assert "2026-03-14T10:30+00:00 ((text))" in note(lead(), override)
