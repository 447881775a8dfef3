"""Connections to the database: SQLite or PostgreSQL, each purpose with the patience it can afford.

SQLite keeps a write-ahead log, so readers and the one writer do not wait for each other. A transaction that
writes takes the lock when it begins: two that read first and then want to write would block each other.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, NullPool, create_engine, event
from sqlalchemy.engine import URL, make_url

# libpq takes no shorter time than 2 s for connecting.
_CONNECT_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Patience:
    """How a purpose uses the database."""

    wait_ms: int
    """Longest wait for a lock, for a free connection, and – on PostgreSQL – for one statement."""
    connections: int = 1
    """Most connections of a worker process for it; none are kept if 0."""
    writes: bool = True
    durable: bool = False
    """Whether a commit has reached the disk when it returns, also where the machine loses its power."""


# A clinician waits for the answer. A lookup by index takes about a millisecond; whatever needs 250 is broken.
LOOKUP = Patience(wait_ms=250, connections=2, writes=False)
TOKENS = Patience(wait_ms=250)
# The EHR waits, and sends again if it must; one connection, so that the threads of a worker queue up fairly
# instead of polling for SQLite's one lock.
FEEDBACK = Patience(wait_ms=2_000, durable=True)
# Nobody waits.
BACKGROUND = Patience(wait_ms=5_000)
START = Patience(wait_ms=5_000, connections=0)
COMMAND = Patience(wait_ms=60_000, connections=0)
REPORT = Patience(wait_ms=10_000, writes=False)


def open_engine(url: str, patience: Patience) -> Engine:
    """Return an engine for one purpose. Nothing is connected to yet, so it may be made before a fork."""
    parsed = make_url(url)
    pool: dict[str, Any] = {"poolclass": NullPool}
    if patience.connections:
        seconds = patience.wait_ms / 1000
        pool = {"pool_size": patience.connections, "max_overflow": 0, "pool_timeout": seconds}
    # Parameters stay out of errors: they hold codes of patients.
    if is_sqlite(url):
        # SQLite would make a file that is not there, and everything in it would be missing.
        existing = {**parsed.query, "mode": "rw", "uri": "true"}
        parsed = parsed.set(database=f"file:{quote(parsed.database or '')}", query=existing)
        connect = {"timeout": patience.wait_ms / 1000}
        engine = create_engine(parsed, connect_args=connect, hide_parameters=True, **pool)
        _prepare_sqlite(engine, patience)
        return engine
    connect_args = {"connect_timeout": _CONNECT_SECONDS, "options": _options(patience), **_no_hanging(patience)}
    # A connection that the server closed meanwhile is replaced before it is used.
    return create_engine(parsed, connect_args=connect_args, hide_parameters=True, pool_pre_ping=True, **pool)


def is_sqlite(url: str) -> bool:
    """Whether ``url`` names a SQLite file."""
    return make_url(url).get_backend_name() == "sqlite"


def sqlite_file(url: URL) -> Path:
    """Return the file that a SQLite URL names."""
    return Path(url.database or "")


def _prepare_sqlite(engine: Engine, patience: Patience) -> None:
    def connected(connection: sqlite3.Connection, _: object) -> None:
        # The driver would begin transactions by its own rules.
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA synchronous = {'FULL' if patience.durable else 'NORMAL'}")

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if patience.writes else "BEGIN")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begin)


def _options(patience: Patience) -> str:
    options = {
        "statement_timeout": patience.wait_ms,
        "lock_timeout": patience.wait_ms,
        "timezone": "UTC",
        **({"synchronous_commit": "on"} if patience.durable else {}),
    }
    return " ".join(f"-c {name}={value}" for name, value in options.items())


def _no_hanging(patience: Patience) -> dict[str, int]:
    """Return what ends the wait for a server that the network no longer reaches."""
    return {"tcp_user_timeout": max(patience.wait_ms, 1000), "keepalives_idle": 30}
