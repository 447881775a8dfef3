"""The rows that an evaluation writes. The tables of the result are made of these, whichever engine ran.

Times are ISO 8601. A member that is ``None`` could not be told: it is not "no".
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec


class Firing(msgspec.Struct, frozen=True, kw_only=True, tag="firing", tag_field="table"):
    """One card that would have been shown."""

    patient: str
    policy: str
    at: str
    hook: str
    occasion: str
    triggers: str
    """References of what made the EHR ask, separated by blanks."""
    encounter: str
    inpatient: bool
    topic: str
    absorbed: str
    """Other topics that the card tells as well, separated by blanks."""
    indicator: str
    summary: str
    drugs: str
    """Ingredients that the card rests on, separated by ``; ``."""
    classes: str
    magnesium: str
    """The newest magnesium as sent."""
    magnesium_status: str
    potassium: str
    repeat: bool
    """Override memory would hold it back, if every card that it let through before had been dismissed."""
    done: bool | None
    """What the card advises was already being done."""
    followed_hours: float
    """For how long the record goes on after the card."""
    magnesium_measured_48h: bool
    magnesium_replaced_24h: bool
    potassium_normal_72h: bool | None
    """None: potassium was not low."""
    next_magnesium: str
    next_magnesium_status: str
    next_magnesium_hours: float | None
    evidence: str
    """The evidence of the card, as JSON."""


class Patient(msgspec.Struct, frozen=True, kw_only=True, tag="patient", tag_field="table"):
    """One patient under one policy."""

    patient: str
    policy: str
    encounters: int
    hospital_days: float
    calls: int
    """Moments at which the service would have been asked."""
    silent: int
    patient_view: int
    patient_view_silent: int
    order_sign: int
    order_sign_silent: int
    firings: int
    repeats: int
    by_day: int
    """Moments of which only the day is known."""
    undated: int
    """Resources without any time: never seen."""
    endless: int
    """Orders that are over, with nothing to say since when."""
    severe: int
    """Magnesium results that are surely severe."""


class Missed(msgspec.Struct, frozen=True, kw_only=True, tag="missed", tag_field="table"):
    """A severe magnesium without a card on low magnesium when it came in."""

    patient: str
    policy: str
    at: str
    reference: str
    magnesium: str
    reason: str


class Unused(msgspec.Struct, frozen=True, kw_only=True, tag="unused", tag_field="table"):
    """A resource that the service could not use."""

    patient: str
    policy: str
    reference: str
    means: str
    reason: str


class Difference(msgspec.Struct, frozen=True, kw_only=True, tag="difference", tag_field="table"):
    """A moment at which two policies do not say the same on a topic."""

    patient: str
    at: str
    hook: str
    triggers: str
    topic: str
    policy: str
    indicator: str
    """Empty: silent."""
    other: str
    """The policy that it is compared with."""
    other_indicator: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, tag="problem", tag_field="table"):
    """Something that could not be read or judged, and cost only itself."""

    place: str
    """The file and line, or the reference."""
    patient: str
    kind: str
    message: str


Row = Firing | Patient | Missed | Unused | Difference | Problem
TABLES: tuple[type[Row], ...] = (Firing, Patient, Missed, Unused, Difference, Problem)

_encoder = msgspec.json.Encoder()


def encode(rows: Iterable[Row]) -> list[bytes]:
    """Return one line of JSON for each row, without line ends."""
    return [_encoder.encode(row) for row in rows]
