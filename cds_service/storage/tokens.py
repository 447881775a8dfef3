"""Tokens that were used, in the database: shared by every process that serves."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from cds_service.auth.replay import StoreDownError, token_hash
from cds_service.storage.schema import used_tokens
from cds_service.storage.upserts import insert


class DatabaseSeenTokens:
    """Tokens by the hash of issuer and id; ``magnesium-cds db purge`` removes the expired ones."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def first_use(self, issuer: str, jti: str, expires: datetime) -> bool:
        """Note a token, and say whether nobody had noted it before.

        Raises:
            StoreDownError: the database cannot be asked.
        """
        try:
            with self._engine.begin() as connection:
                noted = insert(connection, used_tokens).values(token=token_hash(issuer, jti), expires_at=expires)
                # What it returns, because drivers differ in what they count for an insert.
                first = noted.on_conflict_do_nothing().returning(used_tokens.c.token)
                return connection.execute(first).first() is not None
        except SQLAlchemyError as error:
            raise StoreDownError from error
