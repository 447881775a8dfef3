"""Counting what is kept: the database groups, the rest is for whoever reads the report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, not_, select

from cds_service.storage.schema import calls, decisions, feedback


@dataclass(frozen=True, slots=True)
class CardTally:
    """Cards that are alike in everything the report tells."""

    day: date
    client: str
    topic: str
    indicator: str
    display: str
    outcome: str
    """The last that was reported; empty where none was."""
    reason: str
    """Of an override; empty where none was given."""
    count: int


@dataclass(frozen=True, slots=True)
class CallTally:
    """The calls of one client on one day."""

    day: date
    client: str
    total: int
    without_cards: int


@dataclass(frozen=True, slots=True)
class Tallies:
    """Everything that happened in a period."""

    cards: tuple[CardTally, ...] = ()
    calls: tuple[CallTally, ...] = ()
    unknown_cards: int = 0
    """Reports about cards that are not on record: of another service, purged, or lost."""


def read_tallies(connection: Connection, since: date, until: date, client: str | None = None) -> Tallies:
    """Count what happened from the day ``since`` to the day ``until``, both included, in UTC."""
    found = connection.execute(_cards(since, until, client))
    called = connection.execute(_calls(since, until, client))
    return Tallies(
        tuple(CardTally(*row) for row in found),
        tuple(CallTally(*row) for row in called),
        connection.execute(_unknown(since, until, client)).scalar_one(),
    )


def _cards(since: date, until: date, client: str | None) -> Select[Any]:
    # A card may be reported several times: the last report counts.
    last_first = (feedback.c.happened_at.desc(), feedback.c.id.desc())
    rank = func.row_number().over(partition_by=(feedback.c.client, feedback.c.card), order_by=last_first)
    ranked = select(feedback, rank.label("rank")).subquery()
    last = and_(ranked.c.card == decisions.c.card, ranked.c.client == decisions.c.client, ranked.c.rank == 1)
    columns = (
        decisions.c.day,
        decisions.c.client,
        decisions.c.topic,
        decisions.c.indicator,
        decisions.c.display,
        func.coalesce(ranked.c.outcome, "").label("outcome"),
        func.coalesce(ranked.c.reason_code, "").label("reason"),
    )
    return (
        select(*columns, func.count())
        .select_from(decisions.outerjoin(ranked, last))
        .where(decisions.c.day.between(since, until), *_of(decisions.c.client, client))
        .group_by(*columns)
        .order_by(*columns)
    )


def _calls(since: date, until: date, client: str | None) -> Select[Any]:
    return (
        select(calls.c.day, calls.c.client, func.sum(calls.c.total), func.sum(calls.c.without_cards))
        .where(calls.c.day.between(since, until), *_of(calls.c.client, client))
        .group_by(calls.c.day, calls.c.client)
        .order_by(calls.c.day, calls.c.client)
    )


def _unknown(since: date, until: date, client: str | None) -> Select[Any]:
    ours = (
        select(decisions.c.card).where(decisions.c.card == feedback.c.card, decisions.c.client == feedback.c.client)
    ).exists()
    received = (
        feedback.c.received_at >= _midnight(since),
        feedback.c.received_at < _midnight(until + timedelta(days=1)),
    )
    return select(func.count()).select_from(feedback).where(not_(ours), *received, *_of(feedback.c.client, client))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _of(column: ColumnElement[str], client: str | None) -> tuple[ColumnElement[bool], ...]:
    return () if client is None else (column == client,)
