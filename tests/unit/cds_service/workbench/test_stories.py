"""The bundled stories and draft orders: whole, invented, and always of this minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from importlib import resources
from typing import Any

import pytest

from cds_service import examples
from cds_service.workbench import stories
from cds_service.workbench.drafts import DRAFTS
from cds_service.workbench.stories import STORIES, chart
from hooks.service import Hook
from tests.workbench_stories import EXPECTED

NOW = datetime(2031, 7, 4, 15, 30, tzinfo=UTC)


def resources_of(story: str, moment: datetime = NOW) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in chart(story, moment)["entry"]]


def test_there_are_at_least_twelve() -> None:
    assert len(STORIES) >= 12


def test_each_has_a_chart_and_each_chart_a_story() -> None:
    files = {file.name for file in resources.files(stories).iterdir() if file.name.endswith(".json")}
    assert files == {f"{story}.json" for story in STORIES}


def test_each_is_expected_to_show_something_on_its_own_hook() -> None:
    assert {(name, story.hook) for name, story in STORIES.items()} <= set(EXPECTED)


def test_there_is_no_other_story() -> None:
    with pytest.raises(KeyError):
        chart("../stories", NOW)


@pytest.mark.parametrize("story", STORIES)
class TestEveryStory:
    def test_it_is_about_one_patient_and_names_nobody(self, story: str) -> None:
        found = resources_of(story)
        (patient,) = (one for one in found if one["resourceType"] == "Patient")
        assert set(patient) == {"resourceType", "id", "gender", "birthDate"}
        subjects = {one["subject"]["reference"] for one in found if "subject" in one}
        assert subjects == {f"Patient/{patient['id']}"}

    def test_its_ids_are_its_own(self, story: str) -> None:
        ids = [(one["resourceType"], one["id"]) for one in resources_of(story)]
        assert len(ids) == len(set(ids))

    def test_its_times_move_with_the_clock(self, story: str) -> None:
        before, after = times(chart(story, examples.WRITTEN)), times(chart(story, NOW))
        assert {late - early for early, late in zip(before, after, strict=True)} == {NOW - examples.WRITTEN}

    def test_its_first_hook_and_drafts_exist(self, story: str) -> None:
        assert STORIES[story].hook in set(Hook)
        assert set(STORIES[story].drafts) <= set(DRAFTS)
        assert bool(STORIES[story].drafts) == STORIES[story].hook.startswith("order-")

    def test_the_age_in_words_is_the_age_in_the_chart(self, story: str) -> None:
        (birth,) = (one["birthDate"] for one in resources_of(story) if one["resourceType"] == "Patient")
        age = (examples.WRITTEN.date() - date.fromisoformat(birth)) // timedelta(days=365.25)
        assert f", {age}, " in STORIES[story].who


@pytest.mark.parametrize("name", DRAFTS)
def test_a_draft_order_is_made_out_for_the_patient_and_the_minute(name: str) -> None:
    order = DRAFTS[name].for_patient("p1", NOW)
    assert order["status"] == "draft"
    assert order["subject"] == {"reference": "Patient/p1"}
    assert order["authoredOn"] == "2031-07-04T15:30:00+00:00"


def times(value: Any) -> list[datetime]:
    if isinstance(value, dict):
        return [found for inner in value.values() for found in times(inner)]
    if isinstance(value, list):
        return [found for inner in value for found in times(inner)]
    if isinstance(value, str) and len(value) > 10 and value[4:5] == "-" and value[10:11] == "T":
        return [datetime.fromisoformat(value)]
    return []
