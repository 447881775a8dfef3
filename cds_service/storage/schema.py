"""The tables. What is in them stands here; how they came to be, step by step, in ``migrations``.

No patient and no user can be read out of them: both are stored as codes (``pseudonyms``), encounters not at all,
and no text that somebody typed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    DateTime,
    Dialect,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    TypeDecorator,
)

from cds_service.feedback import LONGEST_CODE, LONGEST_SYSTEM

REVISION: Final = "0001"
"""The newest migration: what a database must have to be written to."""

UUID_LENGTH: Final = 36
CODE_LENGTH: Final = LONGEST_CODE
"""Of a reason; names of clients, ids of services, topics and versions are as short."""
_DIGEST_LENGTH = 64


class Moment(TypeDecorator[datetime]):
    """A point in time, always with its zone on our side and in UTC in the database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return what is sent to the database."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return what came from the database; SQLite drops the zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(column_0_label)s",
    }
)


def _code(name: str, **more: Any) -> Column[str]:
    return Column(name, String(CODE_LENGTH), nullable=False, **more)


decisions: Final = Table(
    "decisions",
    metadata,
    Column("card", String(UUID_LENGTH), primary_key=True, comment="uuid of the card"),
    _code("client"),
    _code("service"),
    _code("hook"),
    _code("topic"),
    _code("indicator"),
    _code("display", comment="shown, silent, held-back"),
    Column("decided_at", Moment, nullable=False),
    Column("day", Date, nullable=False, comment="of decided_at, in UTC"),
    _code("policy_version"),
    Column("rule_version", String(CODE_LENGTH), comment="none for the card about checks that could not run"),
    Column("measure", JSON(none_as_null=True), comment="how bad it was (hooks.memory)"),
    Column("suggestions", JSON, nullable=False, comment="uuids of what the card suggests"),
    _code("patient_code", comment="keyed hash of client and patient"),
    _code("user_code", comment="keyed hash of client and user"),
    Index("ix_decisions_patient_code", "patient_code"),
    Index("ix_decisions_day", "day"),
    comment="Every card that was decided on",
)

calls: Final = Table(
    "calls",
    metadata,
    Column("day", Date, primary_key=True, comment="in UTC"),
    Column("client", String(CODE_LENGTH), primary_key=True),
    Column("service", String(CODE_LENGTH), primary_key=True),
    Column("total", Integer, nullable=False),
    Column("without_cards", Integer, nullable=False, comment="of the total: nothing was shown"),
    comment="Calls that were answered, as a count: the denominator of the cards",
)

feedback: Final = Table(
    "feedback",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("digest", String(_DIGEST_LENGTH), nullable=False, unique=True, comment="keyed hash of the entry as sent"),
    _code("client"),
    _code("service"),
    Column("card", String(UUID_LENGTH), comment="uuid of the card; none if what was sent is no uuid"),
    _code("outcome", comment="accepted, overridden"),
    Column("happened_at", Moment, nullable=False, comment="as the client says, but not after received_at"),
    Column("received_at", Moment, nullable=False),
    Column("reason_code", String(CODE_LENGTH), comment="(text) where words were given instead of a code"),
    Column("reason_system", String(LONGEST_SYSTEM)),
    Column("commented", Boolean, nullable=False, comment="whether there was a comment; it is not kept"),
    Column("accepted_suggestions", JSON, nullable=False, comment="uuids"),
    Index("ix_feedback_card", "card"),
    Index("ix_feedback_received_at", "received_at"),
    comment="What clinicians made of the cards; rows are added and purged, never changed",
)

used_tokens: Final = Table(
    "used_tokens",
    metadata,
    Column("token", String(_DIGEST_LENGTH), primary_key=True, comment="hash of issuer and jti"),
    Column("expires_at", Moment, nullable=False),
    Index("ix_used_tokens_expires_at", "expires_at"),
    comment="Tokens that were used and have not expired",
)

own_keys: Final = Table(
    "own_keys",
    metadata,
    Column("name", String(CODE_LENGTH), primary_key=True),
    Column("key", LargeBinary, nullable=False),
    comment="The key of a dev deployment that has no secret of its own; empty in production",
)
