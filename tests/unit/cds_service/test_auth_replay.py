"""A token is used once: in this process, in Redis, and while Redis cannot be asked."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limits import parse

from cds_service import clock
from cds_service.auth.replay import (
    CHECK,
    ProcessSeenTokens,
    RedisSeenTokens,
    SeenTokens,
    SharedSeenTokens,
    StoreDownError,
)
from cds_service.errors import RequestError
from cds_service.limits import Counts
from cds_service.settings import SettingsError

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=5)
ISSUER = "https://ehr.example.org"


class RedisDownError(Exception):
    """Stands for ``redis.RedisError``."""


class FakeRedis:
    """``SET name value NX EXAT time``, and nothing else."""

    def __init__(self) -> None:
        self.down = False
        self.expires: dict[str, int] = {}

    def set(self, name: str, value: int, *, nx: bool, exat: int) -> bool | None:
        assert (value, nx) == (1, True)
        if self.down:
            raise RedisDownError("redis://user:secret@cache.example.org")
        if name in self.expires:
            return None
        self.expires[name] = exat
        return True


def in_process() -> SeenTokens:
    return ProcessSeenTokens(lambda: NOON)


def in_redis() -> SeenTokens:
    return RedisSeenTokens(FakeRedis(), RedisDownError)


def shared() -> SeenTokens:
    return SharedSeenTokens(in_redis(), in_process(), lambda *_: None)


every_store = pytest.mark.parametrize("make", [in_process, in_redis, shared])


@every_store
def test_only_the_first_use_is_the_first(make: Any) -> None:
    seen = make()
    assert [seen.first_use(ISSUER, "a", LATER) for _ in range(3)] == [True, False, False]


@every_store
@given(pairs=st.lists(st.tuples(st.text(max_size=3), st.text(max_size=3)), unique=True))
def test_tokens_of_different_issuers_or_ids_are_different(make: Any, pairs: list[tuple[str, str]]) -> None:
    seen = make()
    assert all(seen.first_use(issuer, jti, LATER) for issuer, jti in pairs)
    assert not any(seen.first_use(issuer, jti, LATER) for issuer, jti in pairs)


@every_store
def test_half_a_character_is_an_id_too(make: Any) -> None:
    seen = make()
    assert [seen.first_use(ISSUER, "\ud83d", LATER) for _ in range(2)] == [True, False]


def test_of_many_that_ask_at_once_one_hears_yes() -> None:
    seen, heard, together = in_process(), [], threading.Barrier(16)

    def ask() -> None:
        together.wait()
        heard.append(seen.first_use(ISSUER, "a", LATER))

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(heard) == [False] * 15 + [True]


def test_the_process_forgets_what_has_expired_and_nothing_else() -> None:
    now = NOON
    seen = ProcessSeenTokens(lambda: now)
    for n in range(1000):
        now = NOON + timedelta(seconds=n)
        assert seen.first_use(ISSUER, f"token-{n}", now + timedelta(seconds=60))
        assert not seen.first_use(ISSUER, f"token-{max(0, n - 59)}", now + timedelta(seconds=60))
        assert len(seen) <= 60


def test_redis_is_told_when_to_forget_and_gets_no_id_to_keep() -> None:
    redis = FakeRedis()
    RedisSeenTokens(redis, RedisDownError).first_use(ISSUER, "Rosa Example", LATER)
    ((name, expires),) = redis.expires.items()
    assert expires == int(LATER.timestamp()) + 1
    assert "Rosa" not in name


class TestWhileTheSharedStoreIsDown:
    def test_calls_are_answered_and_what_this_process_saw_stays_refused(self) -> None:
        redis, told = FakeRedis(), list[tuple[str, str]]()
        seen = SharedSeenTokens(
            RedisSeenTokens(redis, RedisDownError), in_process(), lambda error, check: told.append((repr(error), check))
        )
        assert seen.first_use(ISSUER, "before", LATER)
        redis.down = True
        assert seen.first_use(ISSUER, "during", LATER)
        assert not seen.first_use(ISSUER, "before", LATER)
        assert not seen.first_use(ISSUER, "during", LATER)
        assert told == [("StoreDownError()", CHECK)]
        redis.down = False
        assert not seen.first_use(ISSUER, "during", LATER)
        assert seen.first_use(ISSUER, "after", LATER)

    def test_what_another_process_saw_is_refused_again_when_it_is_back(self) -> None:
        redis = FakeRedis()
        one, other = (
            SharedSeenTokens(RedisSeenTokens(redis, RedisDownError), in_process(), lambda *_: None) for _ in range(2)
        )
        assert one.first_use(ISSUER, "a", LATER)
        assert not other.first_use(ISSUER, "a", LATER)

    def test_a_bug_in_a_store_is_not_taken_for_a_store_that_is_down(self) -> None:
        class Broken:
            def first_use(self, issuer: str, jti: str, expires: datetime) -> bool:
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            SharedSeenTokens(Broken(), in_process(), lambda *_: None).first_use(ISSUER, "a", LATER)

    def test_the_reason_is_kept_for_the_log(self) -> None:
        redis = FakeRedis()
        redis.down = True
        with pytest.raises(StoreDownError) as down:
            RedisSeenTokens(redis, RedisDownError).first_use(ISSUER, "a", LATER)
        assert isinstance(down.value.__cause__, RedisDownError)


def test_a_deployment_that_names_redis_without_the_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(SettingsError, match=r"^MAGNESIUM_CDS_REDIS: needs the package redis: pip install"):
        RedisSeenTokens.at("redis://cache.example.org:6379/0")


# ── A real Redis ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    """A Redis of our own on a free port; it ends with the test."""
    if shutil.which("redis-server") is None:
        if os.environ.get("MAGNESIUM_CDS_REQUIRE_REDIS") == "1":
            pytest.fail("there is no redis-server, and MAGNESIUM_CDS_REQUIRE_REDIS=1 asks for it", pytrace=False)
        pytest.skip("needs redis-server")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = ["redis-server", "--port", str(port), "--save", "", "--dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:  # noqa: S603  our own words
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                assert process.poll() is None
                time.sleep(0.01)
        yield f"redis://127.0.0.1:{port}/0"
        process.terminate()


class TestRealRedis:
    def test_workers_share_the_tokens_that_were_used(self, redis_url: str) -> None:
        one, other = RedisSeenTokens.at(redis_url), RedisSeenTokens.at(redis_url)
        later = clock.now() + timedelta(minutes=5)
        assert one.first_use(ISSUER, "a", later)
        assert not other.first_use(ISSUER, "a", later)
        assert other.first_use(ISSUER, "b", later)

    def test_workers_share_their_counts(self, redis_url: str) -> None:
        one, other = (Counts.at(redis_url, lambda *_: None) for _ in range(2))
        for counts in (one, other):
            counts.spend(parse("2/hour"), "client", "ehr")
        with pytest.raises(RequestError, match="429"):
            one.spend(parse("2/hour"), "client", "ehr")

    def test_one_that_is_not_there_is_down(self) -> None:
        with pytest.raises(StoreDownError):
            RedisSeenTokens.at("redis://127.0.0.1:1/0").first_use(ISSUER, "a", LATER)
        troubles: list[str] = []
        Counts.at("redis://127.0.0.1:1/0", lambda _, check: troubles.append(check)).spend(parse("2/hour"), "x")
        assert troubles == ["rate-limits"]
