"""Decisions, calls, feedback, used tokens, and the key of a dev deployment.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "calls",
        sa.Column("day", sa.Date(), nullable=False, comment="in UTC"),
        sa.Column("client", sa.String(length=64), nullable=False),
        sa.Column("service", sa.String(length=64), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("without_cards", sa.Integer(), nullable=False, comment="of the total: nothing was shown"),
        sa.PrimaryKeyConstraint("day", "client", "service", name=op.f("pk_calls")),
        comment="Calls that were answered, as a count: the denominator of the cards",
    )
    op.create_table(
        "decisions",
        sa.Column("card", sa.String(length=36), nullable=False, comment="uuid of the card"),
        sa.Column("client", sa.String(length=64), nullable=False),
        sa.Column("service", sa.String(length=64), nullable=False),
        sa.Column("hook", sa.String(length=64), nullable=False),
        sa.Column("topic", sa.String(length=64), nullable=False),
        sa.Column("indicator", sa.String(length=64), nullable=False),
        sa.Column("display", sa.String(length=64), nullable=False, comment="shown, silent, held-back"),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("day", sa.Date(), nullable=False, comment="of decided_at, in UTC"),
        sa.Column("policy_version", sa.String(length=64), nullable=False),
        sa.Column(
            "rule_version",
            sa.String(length=64),
            nullable=True,
            comment="none for the card about checks that could not run",
        ),
        sa.Column("measure", sa.JSON(none_as_null=True), nullable=True, comment="how bad it was (hooks.memory)"),
        sa.Column("suggestions", sa.JSON(), nullable=False, comment="uuids of what the card suggests"),
        sa.Column("patient_code", sa.String(length=64), nullable=False, comment="keyed hash of client and patient"),
        sa.Column("user_code", sa.String(length=64), nullable=False, comment="keyed hash of client and user"),
        sa.PrimaryKeyConstraint("card", name=op.f("pk_decisions")),
        comment="Every card that was decided on",
    )
    op.create_index("ix_decisions_day", "decisions", ["day"], unique=False)
    op.create_index("ix_decisions_patient_code", "decisions", ["patient_code"], unique=False)
    op.create_table(
        "feedback",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False, comment="keyed hash of the entry as sent"),
        sa.Column("client", sa.String(length=64), nullable=False),
        sa.Column("service", sa.String(length=64), nullable=False),
        sa.Column(
            "card", sa.String(length=36), nullable=True, comment="uuid of the card; none if what was sent is no uuid"
        ),
        sa.Column("outcome", sa.String(length=64), nullable=False, comment="accepted, overridden"),
        sa.Column(
            "happened_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="as the client says, but not after received_at",
        ),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "reason_code",
            sa.String(length=64),
            nullable=True,
            comment="(text) where words were given instead of a code",
        ),
        sa.Column("reason_system", sa.String(length=255), nullable=True),
        sa.Column("commented", sa.Boolean(), nullable=False, comment="whether there was a comment; it is not kept"),
        sa.Column("accepted_suggestions", sa.JSON(), nullable=False, comment="uuids"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feedback")),
        sa.UniqueConstraint("digest", name=op.f("uq_feedback_digest")),
        comment="What clinicians made of the cards; rows are added and purged, never changed",
    )
    op.create_index("ix_feedback_card", "feedback", ["card"], unique=False)
    op.create_index("ix_feedback_received_at", "feedback", ["received_at"], unique=False)
    op.create_table(
        "own_keys",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_own_keys")),
        comment="The key of a dev deployment that has no secret of its own; empty in production",
    )
    op.create_table(
        "used_tokens",
        sa.Column("token", sa.String(length=64), nullable=False, comment="hash of issuer and jti"),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_used_tokens")),
        comment="Tokens that were used and have not expired",
    )
    op.create_index("ix_used_tokens_expires_at", "used_tokens", ["expires_at"], unique=False)


def downgrade() -> None:
    """Drop the tables, with all that is in them."""
    op.drop_table("used_tokens")
    op.drop_table("own_keys")
    op.drop_table("feedback")
    op.drop_table("decisions")
    op.drop_table("calls")
