"""The migrations make the tables of the schema, forwards and back, also when two processes start at once."""

from __future__ import annotations

import multiprocessing
import stat
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect
from sqlalchemy.exc import SQLAlchemyError

from cds_service.storage.database import COMMAND, open_engine
from cds_service.storage.schema import REVISION, metadata
from cds_service.storage.upgrade import UNREACHABLE, configuration, trouble, upgrade


def differences(url: str) -> list[object]:
    with open_engine(url, COMMAND).begin() as connection:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))


def tables(url: str) -> set[str]:
    with open_engine(url, COMMAND).begin() as connection:
        return set(inspect(connection).get_table_names())


def downgrade(url: str, revision: str) -> None:
    with open_engine(url, COMMAND).begin() as connection:
        command.downgrade(configuration(connection), revision)


def test_migrations_make_the_tables_of_the_schema(url: str) -> None:
    assert differences(url) == []
    assert trouble(open_engine(url, COMMAND)) is None


def test_up_and_down_and_up_again(url: str) -> None:
    downgrade(url, "base")
    assert tables(url) == {"alembic_version"}
    assert "has revision none" in str(trouble(open_engine(url, COMMAND)))
    upgrade(url)
    assert differences(url) == []


def test_twice_is_once(url: str) -> None:
    upgrade(url)
    assert differences(url) == []


def test_a_step_that_fails_leaves_everything_as_it_was(empty_url: str) -> None:
    upgrade(empty_url, "base")
    with open_engine(empty_url, COMMAND).begin() as connection:
        connection.exec_driver_sql("CREATE TABLE used_tokens (something_else INTEGER)")
    before = tables(empty_url)
    with pytest.raises(SQLAlchemyError):
        upgrade(empty_url)
    assert tables(empty_url) == before


def test_two_processes_at_once_do_it_once(empty_url: str) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.map(upgrade, [empty_url] * 2, chunksize=1)
    assert differences(empty_url) == []


def test_the_newest_step_is_the_one_that_the_schema_names(url: str) -> None:
    with open_engine(url, COMMAND).connect() as connection:
        steps = ScriptDirectory.from_config(configuration(connection))
    assert steps.get_heads() == [REVISION]


def test_a_database_that_is_not_there_is_told_apart_and_not_made(sqlite_url: str, tmp_path: Path) -> None:
    assert trouble(open_engine(sqlite_url, COMMAND)) == UNREACHABLE
    assert list(tmp_path.iterdir()) == []


def test_only_its_owner_can_read_the_file(sqlite_url: str, tmp_path: Path) -> None:
    upgrade(sqlite_url)
    modes = {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "records").iterdir()}
    assert modes == {0o600}
