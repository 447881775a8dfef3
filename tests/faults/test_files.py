"""A policy, drug table, key set or client file that is broken: no start with it, and no harm to what is running."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cds_service.settings import Settings
from cds_service.storage.upgrade import upgrade
from tests.faults.conftest import HOOKS, Start

BROKEN = {
    "empty of sense": b"\x00\xff\xfe",
    "cut off": b'[magnesium\nlow = "',
    "HTML": b"<html>Sign in</html>",
    "of an unknown number": b"[magnesium.lowest]\nvalue = 1\n",
}


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    file = tmp_path / "site.toml"
    file.write_text("# nothing is changed\n", encoding="utf-8")
    return file


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_a_policy_that_is_broken_stops_the_start_and_nothing_that_runs(
    content: bytes, policy: Path, settings: Settings, start: Start
) -> None:
    upgrade(settings.database)
    settings = replace(settings, policy=policy)
    running = start(settings)
    before = {hook: running.cards(hook) for hook in HOOKS}
    policy.write_bytes(content)
    assert {hook: running.cards(hook) for hook in HOOKS} == before
    assert running.ready == 200
    with pytest.raises(ValueError, match=r"site\.toml"):
        start(settings)
    policy.unlink()
    assert {hook: running.cards(hook) for hook in HOOKS} == before


@pytest.mark.parametrize(
    "content", [b"", b"\x00\xff", b"rxcui,ingredient\n1,nothing\n"], ids=["empty", "binary", "cut"]
)
def test_a_drug_table_that_is_broken_stops_the_start(
    content: bytes, tmp_path: Path, settings: Settings, start: Start
) -> None:
    file = tmp_path / "drugs.csv"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"drugs\.csv"):
        start(replace(settings, drug_table=file))
