"""Removing what is older than it may be kept."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete

from cds_service.storage.schema import calls, decisions, feedback, used_tokens


def purge(connection: Connection, *, now: datetime, retention: timedelta) -> dict[str, int]:
    """Remove what happened longer ago than ``retention``, and expired tokens; return how many rows of each table.

    The counts of calls go too: they hold nobody, but a share of silent calls without the cards beside it would mislead.
    """
    oldest = now - retention
    outdated = {
        decisions: decisions.c.decided_at < oldest,
        feedback: feedback.c.received_at < oldest,
        calls: calls.c.day < oldest.date(),
        used_tokens: used_tokens.c.expires_at < now,
    }
    return {table.name: connection.execute(delete(table).where(gone)).rowcount for table, gone in outdated.items()}
