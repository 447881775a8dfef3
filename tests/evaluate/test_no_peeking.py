"""What comes later never changes what would have been said: results, orders, problems, stays, and ends of all of them.

A history is cut at one of its moments. Whatever first came to be seen after it is dropped, changed or joined by more,
and ends that lie after it are moved about. The cards of that moment, and of all before it, stay letter by letter.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.evaluate.history import History
from cds_service.evaluate.patient import Evaluation
from cds_service.evaluate.rows import Firing
from tests.evaluate.records import (
    CREATININE,
    MAGNESIUM,
    POTASSIUM,
    START,
    Resource,
    dose,
    judge,
    order,
    patient,
    problem,
    result,
    stay,
)

HOURS = st.integers(0, 200)
DRUGS = (
    "Furosemide 40 MG Oral Tablet",
    "Omeprazole 20 MG Delayed Release Capsule",
    "Digoxin 0.125 MG Oral Tablet",
    "Potassium Chloride 20 MEQ Extended Release Oral Tablet",
    "Magnesium Oxide 400 MG Oral Tablet",
    "Amphotericin B 50 MG Injection",
)
VALUES = {MAGNESIUM: (0.7, 2.9, "mg/dL"), POTASSIUM: (2.2, 5.5, "mmol/L"), CREATININE: (0.5, 4.0, "mg/dL")}
CODES = ("E83.42", "E87.6", "N17.9", "I47.21", "Z51.5", "N18.6")


@st.composite
def resources(draw: st.DrawFn, name: str) -> Resource:
    hours = draw(HOURS)
    until = draw(st.none() | st.integers(1, 120))
    end = None if until is None else hours + until
    match draw(st.sampled_from(("result", "result", "result", "order", "order", "dose", "problem", "stay"))):
        case "result":
            code = draw(st.sampled_from(list(VALUES)))
            low, high, unit = VALUES[code]
            value = round(draw(st.floats(low, high)), 1)
            return result(f"r{name}", hours, value, code, unit=unit)
        case "order":
            status = draw(st.sampled_from(("active", "completed", "stopped", "cancelled")))
            more: dict[str, Any] = draw(st.sampled_from(({}, {"encounter": {"reference": "Encounter/s0"}})))
            return order(f"o{name}", hours, draw(st.sampled_from(DRUGS)), until=end, status=status, **more)
        case "dose":
            return dose(f"d{name}", hours, draw(st.sampled_from(DRUGS)))
        case "problem":
            over: dict[str, Any] = {}
            if end is not None:
                over = {
                    "abatementDateTime": (START + timedelta(hours=end)).isoformat(),
                    "clinicalStatus": {"coding": [{"code": "resolved"}]},
                }
            return problem(f"c{name}", hours, draw(st.sampled_from(CODES)), **over)
        case _:
            return stay(f"s{name}", hours, end)


@st.composite
def records(draw: st.DrawFn, prefix: str = "", least: int = 3) -> list[Resource]:
    count = draw(st.integers(least, 14))
    return [draw(resources(f"{prefix}{number}")) for number in range(count)]


def told(record: list[Resource], until: datetime) -> list[tuple[Any, ...]]:
    """Everything about the cards of the moments up to one, but what came after them."""
    rows = Evaluation((judge(),)).of_patient("p1", [json.dumps(r) for r in (patient(), *record)])
    assert not [row for row in rows if row.__class__.__name__ == "Problem"]
    return [
        (row.at, row.hook, row.triggers, row.topic, row.indicator, row.summary, row.repeat, row.evidence)
        for row in rows
        if isinstance(row, Firing) and datetime.fromisoformat(row.at) <= until
    ]


def later_end(resource: Resource, moment: datetime, shift: int) -> Resource:
    """Move an end that lies after the moment: it stays after it."""

    def moved(period: dict[str, str]) -> dict[str, str]:
        end = datetime.fromisoformat(period["end"]) if "end" in period else moment
        return {**period, "end": (max(end, moment) + timedelta(hours=shift)).isoformat()} if end > moment else period

    changed = dict(resource)
    match resource:
        case {"resourceType": "Encounter", "period": dict(period)}:
            changed["period"] = moved(period)
        case {"dispenseRequest": {"validityPeriod": dict(period)}}:
            changed["dispenseRequest"] = {"validityPeriod": moved(period)}
        case {"abatementDateTime": str(end)} if datetime.fromisoformat(end) > moment:
            changed["abatementDateTime"] = (datetime.fromisoformat(end) + timedelta(hours=shift)).isoformat()
    return changed


@settings(max_examples=60)
@given(records(), records("later", 0), st.data())
def test_what_comes_later_never_changes_a_card(
    record: list[Resource], more: list[Resource], data: st.DataObject
) -> None:
    entries = History.of([patient(), *record], UTC).entries
    moment = data.draw(st.sampled_from([entry.since for entry in entries]), "moment")
    dropped = data.draw(st.booleans(), "later resources dropped")
    shift = data.draw(st.integers(1, 50), "hours by which later ends are moved")
    first_seen = {entry.resource["id"]: entry.since for entry in entries}
    kept = [later_end(r, moment, shift) for r in record if not dropped or first_seen[r["id"]] <= moment]
    added = [r for r in more if History.of([r], UTC).entries[0].since > moment]
    assert told([*kept, *added], moment) == told(record, moment)


def test_the_property_can_fail() -> None:
    """A change of what could be seen does show: else the property would be about nothing."""
    record = [stay("s0", 0, 100), result("r1", 2, 1.0)]
    until = START + timedelta(hours=50)
    assert told(record, until) != told([stay("s0", 0, 100), result("r1", 2, 2.0)], until)
    assert told(record, until) != []
