"""Databases to test with: a SQLite file, and a PostgreSQL server of our own that lives as long as the tests."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.engine import make_url

from cds_service.storage.records import DatabaseRecords
from cds_service.storage.upgrade import upgrade
from tests.storage.say import MakeRecords, Told, open_records

URL_VARIABLE = "MAGNESIUM_CDS_TEST_POSTGRES_URL"
REQUIRE_VARIABLE = "MAGNESIUM_CDS_REQUIRE_POSTGRES"
_numbers = count(1)


def find_postgres() -> Path | None:
    """Return the folder with initdb and postgres."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "postgres").exists()), None)


def unavailable(reason: str) -> None:
    if os.environ.get(REQUIRE_VARIABLE) == "1":
        pytest.fail(f"{REQUIRE_VARIABLE}=1, and {reason}")
    pytest.skip(f"PostgreSQL: {reason}")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a server on which databases may be made: the one that is named, else one of our own."""
    named = os.environ.get(URL_VARIABLE)
    if named:
        yield named
        return
    found = find_postgres()
    if found is None:
        unavailable(f"there is no initdb; install the server, or name one in {URL_VARIABLE}")
        return
    folder = Path(tempfile.mkdtemp(prefix="cds-pg-"))
    as_user: list[str] = []
    if os.geteuid() == 0:
        # PostgreSQL refuses to run as root.
        user = next((name for name in ("postgres", "nobody") if _exists(name)), None)
        if user is None or shutil.which("runuser") is None:
            unavailable("it refuses to run as root, and there is no runuser or no other user to run it as")
            return
        shutil.chown(folder, user)
        as_user = ["runuser", "-u", user, "--"]
    data = folder / "data"
    initdb = [found / "initdb", "-D", data, "-U", "cds", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    _run([*as_user, *map(str, initdb)], folder)
    # Reached by a socket in the folder: no port that somebody else has, and nobody from elsewhere.
    control = [*as_user, str(found / "pg_ctl"), "-D", str(data), "-w"]
    options = f"-k {folder} -c listen_addresses='' -c max_connections=200"
    _run([*control, "-o", options, "-l", str(folder / "log"), "start"], folder)
    try:
        yield f"postgresql+psycopg://cds@/postgres?host={folder}"
    finally:
        _run([*control, "-m", "immediate", "stop"], folder)
        shutil.rmtree(folder)


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, check=True, capture_output=True, cwd=folder)  # noqa: S603  ours, word by word


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


@pytest.fixture
def postgres_url(postgres: str) -> Iterator[str]:
    """An empty database on the server."""
    url = make_url(postgres)
    name = f"cds_{os.getpid()}_{next(_numbers)}"
    server = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield url.set(database=name).render_as_string(hide_password=False)
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'records' / 'cds.sqlite'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest) -> str:
    """Each kind of database, without tables."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@pytest.fixture
def url(empty_url: str) -> str:
    """Each kind of database, with its tables."""
    upgrade(empty_url)
    return empty_url


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def make_records(told: Told) -> Iterator[MakeRecords]:
    """Opens records; what they report goes to ``told``."""
    opened: list[DatabaseRecords] = []

    def make(url: str, **more: Any) -> DatabaseRecords:
        opened.append(open_records(url, told, **more))
        return opened[-1]

    yield make
    for records in opened:
        records.close()


@pytest.fixture
def records(url: str, make_records: MakeRecords) -> DatabaseRecords:
    return make_records(url)
