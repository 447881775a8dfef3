"""A token is good for one call, whichever process hears it first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from cds_service.auth.replay import StoreDownError
from cds_service.storage.records import DatabaseRecords
from cds_service.storage.schema import used_tokens
from tests.builders import NOW
from tests.storage.say import MakeRecords, rows

SOON = NOW + timedelta(minutes=5)


def test_the_first_use_is_the_only_one_also_for_another_process(url: str, make_records: MakeRecords) -> None:
    one, other = make_records(url).seen_tokens, make_records(url).seen_tokens
    assert one.first_use("https://ehr.example.org", "t1", SOON)
    assert not one.first_use("https://ehr.example.org", "t1", SOON)
    assert not other.first_use("https://ehr.example.org", "t1", SOON)
    assert other.first_use("https://ehr.example.org", "t2", SOON)
    assert other.first_use("https://other.example.org", "t1", SOON)


def test_issuer_and_id_do_not_run_into_each_other(records: DatabaseRecords) -> None:
    assert records.seen_tokens.first_use("ab", "c", SOON)
    assert records.seen_tokens.first_use("a", "bc", SOON)


def test_of_many_at_once_one_hears_yes(records: DatabaseRecords) -> None:
    with ThreadPoolExecutor(8) as pool:
        heard = list(pool.map(lambda _: records.seen_tokens.first_use("i", "t", SOON), range(40)))
    assert heard.count(True) == 1


def test_any_text_is_an_id_and_none_is_stored_as_it_is(records: DatabaseRecords, url: str) -> None:
    assert records.seen_tokens.first_use("i", "Zoë – \u2028" + "x" * 5000, SOON)
    [row] = rows(url, used_tokens)
    assert len(row["token"]) == 64
    assert row["expires_at"] == SOON


def test_half_a_character_is_an_id_too(records: DatabaseRecords) -> None:
    assert records.seen_tokens.first_use("i", "\ud83d", SOON)
    assert not records.seen_tokens.first_use("i", "\ud83d", SOON)


def test_a_database_that_is_down_is_said_so(make_records: MakeRecords) -> None:
    with pytest.raises(StoreDownError):
        make_records("postgresql+psycopg://cds@127.0.0.1:1/cds").seen_tokens.first_use("i", "t", SOON)
