"""The table in docs/clinicians/three-hospitals.md is what a replay of the hospital sets says now."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.replay_table import main, with_table


@pytest.mark.shared
def test_the_figures_in_the_documents_are_current(shared: Path) -> None:
    assert main([str(shared / "data"), "--check"]) == 0


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="replay table"):
        with_table("# Documents\n", "| 1 |\n")


def test_the_table_is_put_between_its_marks_and_nothing_else_changes() -> None:
    page = "before\n<!-- replay table: begin -->\nold\n<!-- replay table: end -->\nafter\n"
    new = with_table(page, "| 1 |\n")
    assert new == "before\n<!-- replay table: begin -->\n\n| 1 |\n\n<!-- replay table: end -->\nafter\n"
    assert with_table(new, "| 1 |\n") == new
