"""Requests to try the service with, one for each hook: invented patients, no real ones.

| example | patient | expect |
|---|---|---|
| ``patient-view`` | Mg 1.3 mg/dL; K stays at 3.0 mmol/L on KCl; omeprazole, furosemide | refractory hypokalemia |
| ``order-select`` | Mg 1.4 mg/dL; cetuximab is being ordered | a wasting drug on low magnesium |
| ``order-sign`` | Mg 1.0 mg/dL; furosemide is being signed | a wasting drug on severely low magnesium |

The files are written as of ``WRITTEN``. ``as_of`` moves their times, so that a result from two hours before is always
from two hours before.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from typing import Any

NAMES = ("patient-view", "order-select", "order-sign")
WRITTEN = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)

_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
# A birthday does not move: the patient would change age by the fraction of a day.
_KEPT = frozenset({"birthDate"})


def as_of(name: str, moment: datetime) -> dict[str, Any]:
    """Return an example request with its times moved to ``moment``.

    Raises:
        KeyError: there is no such example.
    """
    if name not in NAMES:
        raise KeyError(name)
    text = resources.files(__name__).joinpath(f"{name}.json").read_text(encoding="utf-8")
    request: dict[str, Any] = moved(json.loads(text), moment.replace(microsecond=0) - WRITTEN)
    return request


def moved(value: Any, by: timedelta) -> Any:
    """Return FHIR JSON with its dates and times moved, birthdays excepted; one that is no date stays as it stands."""
    match value:
        case dict():
            return {key: inner if key in _KEPT else moved(inner, by) for key, inner in value.items()}
        case list():
            return [moved(inner, by) for inner in value]
        case str() if _INSTANT.fullmatch(value):
            return _shifted(value, datetime.fromisoformat, by)
        case str() if _DATE.fullmatch(value):
            return _shifted(value, date.fromisoformat, by)
        case _:
            return value


def _shifted(text: str, read: Callable[[str], date], by: timedelta) -> str:
    try:
        return (read(text) + by).isoformat()
    except (ValueError, OverflowError):
        return text
