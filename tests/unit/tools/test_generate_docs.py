"""Generated pages: written where stale, named under --check."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.generate_docs import PAGES, ROOT, main, stale

TWO = {"docs/one.md": lambda: "one\n", "docs/two.md": lambda: "two\n"}


def test_every_generated_page_is_up_to_date() -> None:
    assert stale(ROOT, PAGES) == {}, "run python -m tools.generate_docs"


def test_pages_are_written_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], tmp_path, TWO, ()) == 0
    assert (tmp_path / "docs/one.md").read_text(encoding="utf-8") == "one\n"
    assert capsys.readouterr().out == "docs/one.md: written\ndocs/two.md: written\n"
    assert main([], tmp_path, TWO, ()) == 0
    assert capsys.readouterr().out == ""


def test_check_names_stale_pages_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([], tmp_path, TWO, ())
    (tmp_path / "docs/two.md").write_text("old\n", encoding="utf-8")
    capsys.readouterr()

    assert main(["--check"], tmp_path, TWO, ()) == 1
    assert capsys.readouterr().out == "docs/two.md: not up to date, run python -m tools.generate_docs\n"
    assert (tmp_path / "docs/two.md").read_text(encoding="utf-8") == "old\n"
    assert main([], tmp_path, TWO, ()) == 0
    assert main(["--check"], tmp_path, TWO, ()) == 0


def test_check_names_what_is_amiss_beyond_pages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checks = (list, lambda: ["R-1: no test names it"])
    assert main([], tmp_path, TWO, checks) == 0
    capsys.readouterr()
    assert main(["--check"], tmp_path, TWO, checks) == 1
    assert capsys.readouterr().out == "R-1: no test names it\n"
