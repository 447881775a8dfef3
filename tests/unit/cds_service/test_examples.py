"""The bundled requests: valid, invented, and always of this minute."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from importlib import resources
from typing import Any

import pytest

from cds_service import examples
from cds_service.envelope import read_request

NOW = datetime(2031, 7, 4, 15, 30, tzinfo=UTC)


def times(value: Any, key: str = "") -> list[str]:
    if isinstance(value, dict):
        return [found for name, inner in value.items() for found in times(inner, name)]
    if isinstance(value, list):
        return [found for inner in value for found in times(inner, key)]
    return [value] if key in {"effectiveDateTime", "authoredOn", "recordedDate"} else []


@pytest.mark.parametrize("name", examples.NAMES)
class TestEveryExample:
    def test_it_is_a_request_of_its_hook(self, name: str) -> None:
        request = read_request(examples.as_of(name, NOW), hook=name)
        assert request.patient_id.startswith("example-")
        assert (request.drafts is not None) == name.startswith("order-")

    def test_it_names_nobody(self, name: str) -> None:
        text = json.dumps(examples.as_of(name, NOW))
        assert '"name"' not in text
        assert '"telecom"' not in text

    def test_as_of_its_own_time_it_is_what_the_file_says(self, name: str) -> None:
        file = json.loads(resources.files(examples).joinpath(f"{name}.json").read_text(encoding="utf-8"))
        moved = examples.as_of(name, examples.WRITTEN)
        assert times(file)
        assert [text.replace("+00:00", "Z") for text in times(moved)] == times(file)

    def test_all_times_move_together_and_none_lies_ahead(self, name: str) -> None:
        before = [datetime.fromisoformat(text) for text in times(examples.as_of(name, examples.WRITTEN))]
        after = [datetime.fromisoformat(text) for text in times(examples.as_of(name, NOW))]
        assert {late - early for early, late in zip(before, after, strict=True)} == {NOW - examples.WRITTEN}
        assert max(after) <= NOW

    def test_a_fraction_of_a_second_moves_nothing(self, name: str) -> None:
        assert examples.as_of(name, NOW + timedelta(microseconds=7)) == examples.as_of(name, NOW)

    def test_a_birthday_does_not_move(self, name: str) -> None:
        births = {
            examples.as_of(name, moment)["prefetch"]["patient"]["birthDate"] for moment in (examples.WRITTEN, NOW)
        }
        assert len(births) == 1

    def test_the_reader_s_zone_does_not_matter(self, name: str) -> None:
        elsewhere = NOW.astimezone(timezone(timedelta(hours=9)))
        assert examples.as_of(name, elsewhere) == examples.as_of(name, NOW)


def test_there_is_no_other_example() -> None:
    with pytest.raises(KeyError):
        examples.as_of("../settings", NOW)


@pytest.mark.parametrize(
    ("written", "a_day_later"),
    [
        ("2026-01-15T09:00:00Z", "2026-01-16T09:00:00+00:00"),
        ("2026-01-15T09:00:00.5-06:00", "2026-01-16T09:00:00.500000-06:00"),
        ("2026-01-15T09:00", "2026-01-16T09:00:00"),
        ("2026-02-28", "2026-03-01"),
        ("2026-02-30", "2026-02-30"),
        ("9999-12-31", "9999-12-31"),
        ("2026", "2026"),
        ("Observation/2026-01-15", "Observation/2026-01-15"),
    ],
)
def test_a_date_or_time_of_any_form_is_moved_and_nothing_else(written: str, a_day_later: str) -> None:
    assert examples.moved({"at": [written]}, timedelta(days=1)) == {"at": [a_day_later]}
