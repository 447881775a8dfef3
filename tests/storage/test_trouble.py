"""A database that is gone, locked, full or older than the program: what the caller is told, and what goes on."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from cds_service.feedback import MOST_ENTRIES
from cds_service.settings import Profile, Settings, SettingsError
from cds_service.storage import open_records
from cds_service.storage.database import COMMAND, LOOKUP, open_engine
from cds_service.storage.records import DatabaseRecords, RecordsUnavailableError
from cds_service.storage.schema import decisions, feedback, own_keys
from cds_service.storage.upgrade import UNREACHABLE, upgrade
from cds_service.storage.writer import Writer
from tests.builders import NOW
from tests.storage.say import ROOM_SECONDS, MakeRecords, Told, decision, entry, note, put, report, rows


@contextmanager
def without_tables(url: str) -> Iterator[None]:
    """Move the tables out of the way, and back."""
    with open_engine(url, COMMAND).begin() as connection:
        for table in ("decisions", "feedback", "calls"):
            connection.execute(text(f"ALTER TABLE {table} RENAME TO away_{table}"))
    yield
    with open_engine(url, COMMAND).begin() as connection:
        for table in ("decisions", "feedback", "calls"):
            connection.execute(text(f"ALTER TABLE away_{table} RENAME TO {table}"))


class TestFeedback:
    def test_what_cannot_be_kept_is_said(self, records: DatabaseRecords, url: str, told: Told) -> None:
        with without_tables(url), pytest.raises(RecordsUnavailableError):
            report(records, entry(1))
        assert told.checks == ["feedback"]
        report(records, entry(1))
        assert len(rows(url, feedback)) == 1

    def test_a_full_disk_keeps_nothing_of_the_batch(
        self, sqlite_url: str, make_records: MakeRecords, told: Told
    ) -> None:
        upgrade(sqlite_url)
        records = make_records(sqlite_url)
        with records._commits.connect() as connection:
            # Of the one connection that feedback has; the file may not grow any more.
            connection.exec_driver_sql("PRAGMA max_page_count = 1")
        with pytest.raises(RecordsUnavailableError):
            report(records, *(entry(number) for number in range(MOST_ENTRIES)))
        assert rows(sqlite_url, feedback) == []
        assert told.checks == ["feedback"]

    def test_a_locked_database_is_waited_for_and_then_given_up(
        self, sqlite_url: str, make_records: MakeRecords
    ) -> None:
        upgrade(sqlite_url)
        records = make_records(sqlite_url)
        other = sqlite3.connect(str(make_url(sqlite_url).database), isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(RecordsUnavailableError):
            report(records, entry(1))
        other.execute("ROLLBACK")
        other.close()
        report(records, entry(1))

    def test_a_server_that_is_gone_is_said(self, make_records: MakeRecords) -> None:
        records = make_records("postgresql+psycopg://cds@127.0.0.1:1/cds")
        with pytest.raises(RecordsUnavailableError):
            report(records, entry(1))
        with pytest.raises(RecordsUnavailableError):
            records.tallies(NOW.date(), NOW.date())
        assert records.check() == UNREACHABLE


class TestDecisions:
    def test_they_are_written_once_the_database_takes_them(
        self, records: DatabaseRecords, url: str, told: Told
    ) -> None:
        with without_tables(url):
            put(records, decision(1))
            assert not records.flush(0.5)
        assert records.flush(ROOM_SECONDS)
        assert len(rows(url, decisions)) == 1
        assert set(told.checks) == {"decisions"}
        assert told.dropped == 0

    def test_what_is_left_at_the_end_is_written(self, url: str, make_records: MakeRecords) -> None:
        records = make_records(url)
        for number in range(700):
            put(records, decision(number))
        records.close()
        assert len(rows(url, decisions)) == 700

    def test_what_the_database_never_took_is_counted_as_lost_at_the_end(
        self, records: DatabaseRecords, url: str, told: Told
    ) -> None:
        with without_tables(url):
            put(records, decision(1))
            put(records, decision(2))
            records.close()
        assert told.dropped == 2
        assert {event["event"] for event in told.events} == {"records-dropped"}

    def test_a_mistake_of_ours_costs_no_answer(self, records: DatabaseRecords, told: Told) -> None:
        records.note("epic", None, None, None, measured=True)  # type: ignore[arg-type]
        assert told.checks == ["decisions"]
        assert told.dropped == 1


def unexpected(what: object) -> None:
    raise AssertionError(what)


class TestWriter:
    def test_a_full_queue_drops_what_comes_and_never_waits(self) -> None:
        going, written, lost = threading.Event(), [0], [0]

        def write(batch: Sequence[int]) -> None:
            going.wait()
            written[0] += len(batch)

        writer = Writer[int](write, unexpected, lambda count: lost.__setitem__(0, lost[0] + count), room=3)
        for number in range(5):
            writer.put(number)
        assert lost == [2]
        going.set()
        assert writer.flush(ROOM_SECONDS)
        assert written == [3]
        writer.put(6)
        assert writer.flush(ROOM_SECONDS)
        writer.close()
        writer.put(7)
        assert (written, lost) == ([4], [3])

    def test_items_are_gathered_and_written_together(self) -> None:
        batches: list[list[int]] = []
        writer = Writer[int](lambda batch: batches.append(list(batch)), unexpected, unexpected, gathering_seconds=60)
        for number in range(3):
            writer.put(number)
        # The end does not wait for more.
        writer.close()
        assert batches == [[0, 1, 2]]

    def test_what_can_never_be_written_does_not_hold_up_the_rest(self) -> None:
        failures: list[Exception] = []
        lost: list[int] = []
        written: list[int] = []

        def write(batch: Sequence[int]) -> None:
            if 1 in batch:
                raise ZeroDivisionError
            written.extend(batch)

        writer = Writer[int](write, failures.append, lost.append)
        writer.put(1)
        assert writer.flush(ROOM_SECONDS)
        writer.put(2)
        assert writer.flush(ROOM_SECONDS)
        writer.close()
        assert [type(error) for error in failures] == [ZeroDivisionError]
        assert (lost, written) == ([1], [2])

    def test_closing_what_never_wrote_is_nothing(self) -> None:
        Writer[int](unexpected, unexpected, unexpected).close()


class TestMemory:
    def test_a_database_that_cannot_be_asked_is_no_memory_and_is_left_alone_for_a_while(
        self, records: DatabaseRecords, url: str, told: Told
    ) -> None:
        note(records, decision(1))
        report(records, entry(1))
        with without_tables(url):
            assert records.overrides("epic", "p1", NOW) == {}
            assert told.checks == ["override-memory"]
        told.seconds = 4.9
        assert records.overrides("epic", "p1", NOW) == {}
        told.seconds = 5.1
        assert len(records.overrides("epic", "p1", NOW)) == 1
        assert told.checks == ["override-memory"]

    def test_a_database_that_hangs_holds_nobody_up(
        self, sqlite_url: str, make_records: MakeRecords, told: Told, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        upgrade(sqlite_url)
        records = make_records(sqlite_url, lookups=LOOKUP)
        hanging = threading.Event()
        # No assertion about time: a lookup that were waited for would never come back.
        monkeypatch.setattr("cds_service.storage.records.read_outcomes", lambda *_: hanging.wait())
        assert records.overrides("epic", "p1", NOW) == {}
        assert told.checks == ["override-memory"]
        hanging.set()


class TestStart:
    def settings(self, url: str, tmp_path: Path, profile: Profile = Profile.DEV, *, secret: bool = False) -> Settings:
        file = tmp_path / "secret"
        file.write_bytes(b"s" * 32)
        return Settings(profile=profile, database=url, secret_file=file if secret else None)

    def opened(self, settings: Settings, told: Told) -> DatabaseRecords:
        return open_records(settings, log=told.log, stopwatch=told.stopwatch, report=told.report, dropped=told.drop)

    def test_dev_makes_its_database_and_keeps_its_key_over_restarts(
        self, empty_url: str, tmp_path: Path, told: Told
    ) -> None:
        codes = set()
        for number in (1, 2):
            records = self.opened(self.settings(empty_url, tmp_path), told)
            assert records.check() is None
            note(records, decision(number))
            records.close()
        codes = {row["patient_code"] for row in rows(empty_url, decisions)}
        assert len(codes) == 1

    def test_a_secret_is_used_and_never_stored(self, url: str, tmp_path: Path, told: Told) -> None:
        records = self.opened(self.settings(url, tmp_path, Profile.PRODUCTION, secret=True), told)
        note(records, decision(1))
        records.close()
        assert rows(url, own_keys) == []
        assert told.events == []

    def test_production_starts_without_tables_and_says_what_to_do(
        self, empty_url: str, tmp_path: Path, told: Told
    ) -> None:
        records = self.opened(self.settings(empty_url, tmp_path, Profile.PRODUCTION, secret=True), told)
        [event] = told.events
        assert event["event"] == "database-not-ready"
        assert event["trouble"].endswith("run magnesium-cds db upgrade")
        assert records.check()
        upgrade(empty_url)
        assert records.check() is None
        records.close()

    def test_production_makes_no_codes_without_a_secret(self, sqlite_url: str, tmp_path: Path, told: Told) -> None:
        with pytest.raises(SettingsError, match="MAGNESIUM_CDS_SECRET_FILE"):
            self.opened(self.settings(sqlite_url, tmp_path, Profile.PRODUCTION), told)

    def test_dev_says_which_setting_names_a_database_that_cannot_be_made(self, tmp_path: Path, told: Told) -> None:
        (tmp_path / "file").touch()
        url = f"sqlite:///{tmp_path / 'file' / 'cds.sqlite'}"
        with pytest.raises(SettingsError, match="MAGNESIUM_CDS_DATABASE"):
            self.opened(self.settings(url, tmp_path), told)
