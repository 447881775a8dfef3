"""clinical.md §1.1: partial dates are intervals, and are used only if every instant gives the same answer."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from magnesium.moment import When
from tests.builders import MINUTE, NOW, ago, on

DAY = timedelta(days=1)
MARCH = on("2026-03")


def test_refuses_a_time_without_a_zone() -> None:
    naive = NOW.replace(tzinfo=None)
    for pair in ((naive, NOW), (NOW, naive)):
        with pytest.raises(ValueError, match=r"^a When needs time-zone aware instants$"):
            When(*pair)


def test_refuses_an_end_before_its_beginning() -> None:
    with pytest.raises(ValueError, match="cannot end"):
        When(NOW, NOW - MINUTE)


def test_a_full_instant_is_exact_and_a_partial_date_is_not() -> None:
    assert When.at(NOW).exact
    assert not MARCH.exact


@pytest.mark.parametrize(
    ("first", "second", "surely"),
    [
        (When.at(NOW), When.at(NOW + MINUTE), True),
        (When.at(NOW), When.at(NOW), False),
        (on("2026-02"), MARCH, True),
        (MARCH, on("2026-03-14"), False),
        (on("2026-03-14"), MARCH, False),
        (on("2026"), on("2026-03-14"), False),
    ],
)
def test_order_is_known_only_where_every_instant_agrees(first: When, second: When, surely: bool) -> None:
    assert first.surely_before(second) is surely


@pytest.mark.parametrize(
    ("when", "by_now", "after_now"),
    [
        (When.at(NOW - MINUTE), True, False),
        (When.at(NOW), True, False),
        (When.at(NOW + MINUTE), False, True),
        (on("2026-03-13"), True, False),
        (on("2026-03-14"), False, False),
        (on("2026-03-15"), False, True),
    ],
)
def test_by_and_after_an_instant(when: When, by_now: bool, after_now: bool) -> None:
    assert when.surely_by(NOW) is by_now
    assert when.surely_after(NOW) is after_now


@pytest.mark.parametrize(
    ("when", "surely", "possibly"),
    [
        (When.at(ago(days=1) + MINUTE), True, True),
        (When.at(ago(days=1)), True, True),
        (When.at(ago(days=1) - MINUTE), False, False),
        (on("2026-03-14"), True, True),
        (on("2026-03-13"), False, True),
        (on("2026-03-12"), False, False),
        (MARCH, False, True),
    ],
)
def test_within_a_window(when: When, surely: bool, possibly: bool) -> None:
    assert when.surely_within(DAY, NOW) is surely
    assert when.possibly_within(DAY, NOW) is possibly


def test_instants_of_different_zones_are_compared_as_instants() -> None:
    tokyo = datetime.fromisoformat("2026-03-14T20:59:00+09:00")
    assert When.at(tokyo).surely_before(When.at(NOW))
