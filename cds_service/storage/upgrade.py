"""Bringing a database to the tables of this version, and telling whether it has them."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from cds_service.storage.database import COMMAND, is_sqlite, open_engine, sqlite_file
from cds_service.storage.schema import REVISION

UNREACHABLE: Final = "the database cannot be reached; if it was never made, run magnesium-cds db upgrade"
# Any number that nothing else on the server uses: ours spells the element.
_LOCK = 0x4D67
_MIGRATIONS = Path(__file__).parent / "migrations"
# Alembic keeps its context in a module.
_one_at_a_time = threading.Lock()


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database to a revision; one that does not exist is made if it is a file.

    Several processes may do so at once: the first does it, the others wait and find it done.

    Raises:
        OSError: the folder of the file cannot be made.
        SQLAlchemyError: the database cannot be asked, or a step failed; it is then as it was.
    """
    if is_sqlite(url):
        file = sqlite_file(make_url(url))
        file.parent.mkdir(parents=True, exist_ok=True)
        # Nobody else's business. The files beside it get the same rights.
        file.touch(mode=0o600)
    engine = open_engine(url, COMMAND)
    with _one_at_a_time, engine.connect() as connection:
        if is_sqlite(url):
            # Outside every transaction, before ours takes the lock; the file remembers it.
            _keep_write_ahead_log(connection)
        with connection.begin():
            if not is_sqlite(url):
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            command.upgrade(configuration(connection), revision)


def trouble(engine: Engine) -> str | None:
    """Return what keeps a database from being used, in words; None if nothing does."""
    try:
        with engine.begin() as connection:
            return missing_tables(connection)
    except SQLAlchemyError:
        return UNREACHABLE


def missing_tables(connection: Connection) -> str | None:
    """Return what a database lacks, in words; None if it has the tables of this version, or of a later one.

    Migrations only add, and revisions are numbered: a replica of the old version goes on during an upgrade.
    """
    found = inspect(connection).has_table("alembic_version")
    revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar() if found else None
    if revision is not None and revision >= REVISION:
        return None
    return f"the database has revision {revision or 'none'} and needs {REVISION} at least: run magnesium-cds db upgrade"


def configuration(connection: Connection) -> Config:
    """Return Alembic's configuration for a connection."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _keep_write_ahead_log(connection: Connection) -> None:
    driver = connection.connection.dbapi_connection
    assert driver is not None  # noqa: S101  it is open
    driver.execute("PRAGMA journal_mode = WAL")
