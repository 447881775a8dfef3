"""Values, times and drugs as a busy reader wants them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import pytest

from magnesium import words
from magnesium.facts import Analyte, ConditionFact, Match, Source
from magnesium.moment import When
from magnesium.status import Status
from tests.builders import MINUTE, NOW, POLICY, draft, given, k, mg, on, order, problem


def midnight(day: int, month: int = 3) -> datetime:
    return datetime(2026, month, day, tzinfo=UTC)


@pytest.mark.parametrize(
    ("when", "text"),
    [
        (When.at(NOW), "14 Mar 2026 12:00"),
        (on("2026-03-01"), "1 Mar 2026"),
        (on("2026-03"), "Mar 2026"),
        (on("2026-02"), "Feb 2026"),
        (on("2026"), "2026"),
        (When(midnight(1), midnight(2)), "1 Mar 2026"),
        (When(midnight(1), midnight(2) + MINUTE), "Mar 2026"),
        (When(midnight(1), midnight(1, month=4)), "Mar 2026"),
        (When(midnight(1), midnight(1, month=4) + MINUTE), "2026"),
    ],
)
def test_a_time_is_told_as_precisely_as_it_is_known(when: When, text: str) -> None:
    assert words.time(when) == text


@pytest.mark.parametrize(
    ("when", "text"),
    [
        (When.at(NOW), "14 Mar 2026"),
        (on("2026-03-01"), "1 Mar 2026"),
        (on("2026-03"), "Mar 2026"),
        (on("2026"), "2026"),
    ],
)
def test_a_day_leaves_out_the_hour(when: When, text: str) -> None:
    assert words.day(when) == text


def test_a_result_is_told_with_its_time_and_what_makes_it_doubtful() -> None:
    assert words.value(mg("<0.6 mmol/L")) == "Mg <0.6 mmol/L"
    assert words.result(k("3.10 mEq/L")) == "K 3.10 mEq/L (14 Mar 2026 12:00)"
    doubtful = mg("1.4 mg/dL", at=replace(When.at(NOW), zone_assumed=True), preliminary=True, hemolyzed="HEM")
    assert words.result(doubtful) == "Mg 1.4 mg/dL (14 Mar 2026 12:00, time zone assumed, not final, suspect specimen)"


def test_every_analyte_and_status_has_a_name() -> None:
    assert all(words.short(analyte) for analyte in Analyte)
    assert set(words.STATUS) == set(Status)


class TestDrug:
    def test_is_told_by_its_generic_name_with_its_start(self) -> None:
        assert words.drug(order("furosemide", days_ago=1, label="LASIX 40")) == "furosemide (since 13 Mar 2026)"
        assert words.drug(order("furosemide", started=None)) == "furosemide (start unknown)"

    def test_a_dose_is_told_with_its_hour_and_an_order_only_where_that_matters(self) -> None:
        assert words.drug(given("furosemide", hours_ago=3)) == "furosemide (given 14 Mar 2026 09:00)"
        assert words.drug_to_the_hour(given("furosemide", hours_ago=3)) == "furosemide (given 14 Mar 2026 09:00)"
        assert words.drug_to_the_hour(order("furosemide", days_ago=1)) == "furosemide (since 13 Mar 2026 12:00)"
        assert words.drug_to_the_hour(order("furosemide", started="2026-03-13")) == "furosemide (since 13 Mar 2026)"

    def test_a_draft_has_not_begun(self) -> None:
        assert words.drug(draft("furosemide")) == "furosemide (being ordered)"

    def test_is_told_with_how_it_was_recognised(self) -> None:
        source = Source("x", match=Match.NAME)
        doubtful = order("furosemide", started=None, source=source, route_assumed=True)
        assert words.drug(doubtful) == "furosemide (start unknown, matched by name, systemic route assumed)"

    def test_a_combination_is_told_by_all_its_ingredients(self) -> None:
        assert words.name(order("hydrochlorothiazide", "amiloride")) == "amiloride, hydrochlorothiazide"

    def test_without_known_ingredients_by_its_label(self) -> None:
        assert words.name(order(label="Balanced fluid")) == "Balanced fluid"

    @pytest.mark.parametrize(("length", "shown"), [(60, "x" * 60), (61, "x" * 59 + "…")])
    def test_a_long_name_is_cut_at_60_characters(self, length: int, shown: str) -> None:
        assert words.name(order(label="x" * length)) == shown

    def test_a_long_name_is_not_cut_behind_a_blank(self) -> None:
        assert words.name(order(label=f"{'x' * 58} {'y' * 9}")) == f"{'x' * 58}…"


@pytest.mark.parametrize(
    ("names", "text"),
    [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c"), (["a", "b", "a"], "a and b")],
)
def test_lists_names_once_each(names: list[str], text: str) -> None:
    assert words.listed(names) == text


@pytest.mark.parametrize(
    ("names", "text"),
    [(["a", "b"], "a and b"), (["a", "b", "a"], "a and b"), (["a", "b", "c", "d"], "a, b and 2 more")],
)
def test_names_a_few_and_how_many_more(names: list[str], text: str) -> None:
    assert words.few(names, 2) == text


def test_a_sentence_begins_with_a_capital_and_keeps_the_rest() -> None:
    assert words.sentence("serum pH and eGFR") == "Serum pH and eGFR"
    assert words.sentence("") == ""


@pytest.mark.parametrize(
    ("fact", "said"),
    [
        (problem("long_qt"), "long QT interval"),
        (problem("long_qt", label="Long QT syndrome 2"), "Long QT syndrome 2"),
        (problem("alcohol_use_disorder"), "alcohol use disorder"),
    ],
)
def test_a_condition_is_called_as_recorded_else_by_its_name(fact: ConditionFact, said: str) -> None:
    assert words.condition(fact) == said


def test_a_range_of_time_has_the_unit_once_where_both_share_it() -> None:
    recheck = POLICY.recheck
    assert words.between(recheck.low_from, recheck.low_to) == "7 to 14 d"
    assert words.between(recheck.severe, recheck.low_to) == "72 h to 14 d"
    mixed = msgspec.structs.replace(recheck.severe, days=1, hours=12)
    assert words.between(mixed, recheck.severe) == "1 d 12 h to 72 h"
    assert words.between(recheck.severe, mixed) == "72 h to 1 d 12 h"
