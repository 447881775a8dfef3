"""The database fails while cards are answered and feedback comes in: the cards stay the same, and nobody is told
that something is kept that is not.

What the storage itself does about it: tests/storage/test_trouble.py; kill -9 of everything: tests/storage/test_kill.py.
"""

from __future__ import annotations

from uuid import uuid4

import pytest
from sqlalchemy import text

from cds_service.settings import Settings
from cds_service.storage.database import COMMAND, open_engine
from cds_service.storage.schema import decisions, feedback
from cds_service.storage.upgrade import upgrade
from tests.faults.conftest import HOOKS, Start, locked
from tests.storage.say import rows
from tests.storage.test_trouble import without_tables


@pytest.fixture(autouse=True)
def tables(settings: Settings) -> None:
    upgrade(settings.database)


def test_locked_the_cards_are_the_same_and_feedback_is_to_be_sent_again(settings: Settings, start: Start) -> None:
    instance = start(settings)
    before = {hook: instance.cards(hook) for hook in HOOKS}
    card = str(uuid4())
    with locked(settings):
        assert {hook: instance.cards(hook) for hook in HOOKS} == before
        answer = instance.report(card)
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert instance.live == 200
    assert instance.report(card).status_code == 200
    assert [row["card"] for row in rows(settings.database, feedback)] == [card]


def test_without_its_tables_it_says_so_and_goes_on_and_what_was_decided_meanwhile_is_written_afterwards(
    settings: Settings, start: Start
) -> None:
    instance = start(settings)
    before = {hook: instance.cards(hook) for hook in HOOKS}
    instance.settle()
    shown = len(rows(settings.database, decisions))
    card = str(uuid4())
    with without_tables(settings.database):
        assert {hook: instance.cards(hook) for hook in HOOKS} == before
        assert instance.report(card).status_code == 503
    assert instance.report(card).status_code == 200
    instance.settle()
    assert len(rows(settings.database, decisions)) == 2 * shown
    assert instance.told.dropped == 0


def test_a_server_that_is_gone_costs_no_card(start: Start) -> None:
    gone = start(Settings(database="postgresql+psycopg://cds@127.0.0.1:1/cds"))
    assert all(gone.cards(hook) for hook in HOOKS)
    assert gone.report(str(uuid4())).status_code == 503
    assert (gone.live, gone.ready) == (200, 503)


class TestTwoVersionsOnOneDatabase:
    """A rolling upgrade: the database is upgraded first, then the replicas, one after the other."""

    @pytest.fixture
    def newer(self, settings: Settings) -> Settings:
        """The database as a later version makes it: migrations only add."""
        with open_engine(settings.database, COMMAND).begin() as connection:
            connection.execute(text("ALTER TABLE decisions ADD COLUMN of_a_later_version VARCHAR"))
            connection.execute(text("ALTER TABLE feedback ADD COLUMN of_a_later_version VARCHAR"))
            connection.execute(text("CREATE TABLE of_a_later_version (id INTEGER PRIMARY KEY)"))
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        return settings

    def test_the_old_version_stays_ready_and_keeps_what_it_is_told(self, newer: Settings, start: Start) -> None:
        instance = start(newer)
        assert instance.ready == 200
        assert all(instance.cards(hook) for hook in HOOKS)
        instance.settle()
        assert rows(newer.database, decisions)
        assert instance.report(str(uuid4())).status_code == 200

    def test_feedback_that_a_balancer_sends_to_both_is_kept_once(self, newer: Settings, start: Start) -> None:
        card = str(uuid4())
        assert [start(newer).report(card).status_code for _ in range(2)] == [200, 200]
        assert [row["card"] for row in rows(newer.database, feedback)] == [card]

    def test_the_new_version_is_not_ready_before_the_database_is(self, settings: Settings, start: Start) -> None:
        with open_engine(settings.database, COMMAND).begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
        assert start(settings).ready == 503
