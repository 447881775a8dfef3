"""Codes in the place of people: the same patient gets the same code, and nobody without the key can tell whose.

The code is HMAC-SHA256 under the deployment's secret, over the client's name as well: one id means different
patients in different hospitals.
"""

from __future__ import annotations

import hmac
import secrets

from sqlalchemy import Engine, select

from cds_service.settings import Settings
from cds_service.storage.schema import own_keys
from cds_service.storage.upserts import insert

_NAME = "pseudonyms"
_BYTES = 32
_SEPARATOR = "\x1f"


class Pseudonyms:
    """Makes the codes of one deployment."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, *what: str) -> str:
        """Return the code of what is told; the order counts."""
        message = _SEPARATOR.join(what).encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, message, "sha256").hex()


def pseudonyms(settings: Settings, engine: Engine) -> Pseudonyms:
    """Return the pseudonyms of a deployment.

    Without a secret – in the dev profile – the key is made once and kept in the database: it must survive a
    restart, and there are no patients to protect.

    Raises:
        OSError: the secret cannot be read.
        SQLAlchemyError: there is no secret, and the database cannot be asked.
    """
    if settings.secret_file is not None:
        return Pseudonyms(settings.secret_file.read_bytes())
    made = {"name": _NAME, "key": secrets.token_bytes(_BYTES)}
    with engine.begin() as connection:
        connection.execute(insert(connection, own_keys).values(made).on_conflict_do_nothing())
        key: bytes = connection.execute(select(own_keys.c.key).where(own_keys.c.name == _NAME)).scalar_one()
    return Pseudonyms(key)
