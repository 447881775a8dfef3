"""``magnesium-cds db``: upgrade, check, purge."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cds_service import clock
from cds_service.cli import main
from cds_service.settings import PREFIX
from cds_service.storage.schema import calls, decisions, feedback, used_tokens
from tests.storage.say import MakeRecords, card, decision, note, report, rows


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)


def run(url: str, *arguments: str) -> Result:
    environ = {f"{PREFIX}DATABASE": url, f"{PREFIX}RETENTION_DAYS": "30"}
    return CliRunner().invoke(main, ["db", *arguments], env=environ, catch_exceptions=False)


def test_check_says_what_to_do_and_upgrade_does_it(empty_url: str) -> None:
    before = run(empty_url, "check")
    assert before.exit_code == 1
    assert "magnesium-cds db upgrade" in before.stderr
    for _ in range(2):
        upgraded = run(empty_url, "upgrade")
        assert (upgraded.exit_code, upgraded.stdout) == (0, "The database is at revision 0001.\n")
    assert run(empty_url, "check").exit_code == 0


@pytest.mark.parametrize("command", ["upgrade", "purge", "check"])
def test_a_database_that_cannot_be_used_ends_with_1_and_shows_no_password(command: str) -> None:
    result = run("postgresql://cds:s3cret@127.0.0.1:1/cds", command)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert "s3cret" not in result.output


def test_a_file_that_cannot_be_made_ends_with_1(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = run(f"sqlite:///{tmp_path / 'file' / 'cds.sqlite'}", "upgrade")
    assert result.exit_code == 1
    assert "MAGNESIUM_CDS_DATABASE" in result.stderr


@pytest.mark.parametrize(("option", "left"), [((), 2), (("--days", "5"), 1), (("--days", "100"), 3)])
def test_purge_removes_what_is_older_than_it_may_be_kept(
    url: str, make_records: MakeRecords, option: tuple[str, ...], left: int
) -> None:
    records = make_records(url)
    now = clock.now()
    for number, days in enumerate((1, 20, 40)):
        at = now - timedelta(days=days)
        note(records, decision(number), at=at)
        report(records, {"card": card(number), "outcome": "accepted"}, received=at)
    records.seen_tokens.first_use("i", "expired", now - timedelta(hours=1))
    records.seen_tokens.first_use("i", "good", now + timedelta(hours=1))
    result = run(url, "purge", *option)
    assert result.exit_code == 0
    removed = dict(line.removesuffix(" removed").split() for line in result.stdout.splitlines())
    gone = str(3 - left)
    assert removed == {"decisions": gone, "feedback": gone, "calls": gone, "used_tokens": "1"}
    assert [len(rows(url, table)) for table in (decisions, feedback, calls, used_tokens)] == [left, left, left, 1]
