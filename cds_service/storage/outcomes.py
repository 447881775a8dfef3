"""What clinicians of a client made of the cards about one patient: what the override memory remembers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, select

from cds_service.feedback import Outcome
from cds_service.storage.schema import decisions, feedback
from hooks.memory import Measure, Override
from magnesium.verdict import Topic

_MOST: Final = 500
"""Rows looked at, the newest first; a patient with more has an old override forgotten, and sees a card."""


def read_outcomes(connection: Connection, patient_code: str, client: str, as_of: datetime) -> list[Row[Any]]:
    """Return the outcomes of the cards about a patient, the newest first.

    Only of cards that were shown to the same client: nobody else can silence them.
    """
    same_card = and_(feedback.c.card == decisions.c.card, feedback.c.client == decisions.c.client)
    query = (
        select(
            decisions.c.topic,
            decisions.c.measure,
            feedback.c.outcome,
            feedback.c.reason_code,
            feedback.c.happened_at,
        )
        .join_from(decisions, feedback, same_card)
        .where(decisions.c.patient_code == patient_code, decisions.c.client == client)
        .where(feedback.c.happened_at <= as_of)
        # Of two at one moment the acceptance goes first, then what was heard later: doubt shows the card.
        .order_by(feedback.c.happened_at.desc(), feedback.c.outcome, feedback.c.id.desc())
        .limit(_MOST)
    )
    return list(connection.execute(query))


def overrides_in_force(outcomes: Iterable[Row[Any]]) -> dict[Topic, Override]:
    """Return the newest override of each topic; none where the card was accepted since.

    An override without a reason says nothing, for or against. A topic or a measure that cannot be read – of another
    version of the service – ends the memory: it cannot be told whether the patient is worse.
    """
    newest: dict[str, tuple[Topic, Override] | None] = {}
    for row in outcomes:
        if row.topic in newest or (row.outcome == Outcome.OVERRIDDEN and row.reason_code is None):
            continue
        newest[row.topic] = None if row.outcome == Outcome.ACCEPTED else _override(row)
    return dict(filter(None, newest.values()))


def _override(row: Row[Any]) -> tuple[Topic, Override] | None:
    try:
        return Topic(row.topic), Override(row.happened_at, row.reason_code, Measure.from_json(row.measure))
    except (KeyError, TypeError, ValueError):
        return None
