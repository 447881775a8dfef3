"""The clock jumps: under a wrong time the answers are honest for that time, and afterwards they are as before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from cds_service import examples
from cds_service.clients import OPEN_CLIENT
from cds_service.settings import Settings
from cds_service.storage.upgrade import upgrade
from tests.faults.conftest import HOOKS, Start

JUMPS = {
    "to the beginning of computers": datetime(1970, 1, 1, tzinfo=UTC),
    "ten years back": examples.WRITTEN - timedelta(days=3653),
    "a day back": examples.WRITTEN - timedelta(days=1),
    "an hour back": examples.WRITTEN - timedelta(hours=1),
    "a second back": examples.WRITTEN - timedelta(seconds=1),
    "an hour ahead": examples.WRITTEN + timedelta(hours=1),
    "a year ahead": examples.WRITTEN + timedelta(days=365),
    "to the end of 32 bits": datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
}


@pytest.mark.parametrize("moment", JUMPS.values(), ids=JUMPS.keys())
def test_a_jump_fails_no_call_and_leaves_nothing_behind(moment: datetime, settings: Settings, start: Start) -> None:
    upgrade(settings.database)
    instance = start(settings)
    before = {hook: instance.cards(hook) for hook in HOOKS}
    instance.now = moment
    assert [instance.call(hook).status_code for hook in HOOKS] == [200] * len(HOOKS)
    instance.now = examples.WRITTEN
    assert {hook: instance.cards(hook) for hook in HOOKS} == before
    assert '"failure"' not in instance.log.getvalue()


@pytest.mark.parametrize("days", [-3653, -30, -8])
def test_results_of_the_future_are_no_results(days: int, settings: Settings, start: Start) -> None:
    """A clock that is behind must not take what it cannot know for the present."""
    upgrade(settings.database)
    instance = start(settings)
    assert {card["indicator"] for hook in HOOKS for card in instance.cards(hook)} == {"warning"}
    instance.now += timedelta(days=days)
    assert {card["indicator"] for hook in HOOKS for card in instance.cards(hook)} == {"info"}


@pytest.mark.parametrize("seconds", [-1e6, -3.0, 3.0, 1e6])
def test_a_stopwatch_that_jumps_costs_no_card(seconds: float, settings: Settings, start: Start) -> None:
    upgrade(settings.database)
    instance = start(settings)
    before = instance.cards("patient-view")
    instance.seconds += seconds
    assert instance.cards("patient-view") == before


class TestOverrideMemory:
    @pytest.fixture
    def remembering(self, settings: Settings, start: Start) -> Start:
        upgrade(settings.database)
        return lambda: start(settings, client=replace(OPEN_CLIENT, override_memory=True))

    def test_a_clock_that_is_set_back_before_the_override_shows_the_card(self, remembering: Start) -> None:
        instance = remembering()
        card, *_ = instance.call("patient-view").get_json()["cards"]
        instance.settle()
        shown = instance.cards("patient-view")
        instance.now += timedelta(hours=1)
        assert instance.report(card["uuid"]).status_code == 200
        held = instance.cards("patient-view")
        assert held != shown
        instance.now = examples.WRITTEN
        assert instance.cards("patient-view") == shown

    def test_an_override_that_says_it_is_from_the_future_counts_from_when_it_was_received(
        self, remembering: Start
    ) -> None:
        instance = remembering()
        card, *_ = instance.call("patient-view").get_json()["cards"]
        instance.settle()
        shown = instance.cards("patient-view")
        assert instance.report(card["uuid"], at=instance.now + timedelta(days=3650)).status_code == 200
        assert instance.cards("patient-view") != shown
        instance.now += timedelta(days=365)
        assert instance.call("patient-view").status_code == 200
