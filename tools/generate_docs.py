"""Pages that are written from the code and the knowledge tables: ``python -m tools.generate_docs [--check]``.

Run it from the root of the repository. With ``--check`` nothing is written; a page that is not up to date, and a
requirement of CDS Hooks that no test shows, is named and the exit status is 1.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tools.cards_page import cards_page
from tools.conformance import conformance_page, troubles
from tools.differential_page import differential_page
from tools.knowledge_page import knowledge_page
from tools.prefetch_page import prefetch_page
from tools.settings_page import settings_page
from tools.sources_page import sources_page
from tools.traceability_page import traceability_page

ROOT = Path(__file__).parents[1]

PAGES: Mapping[str, Callable[[], str]] = {
    "docs/cards.md": cards_page,
    "docs/conformance.md": conformance_page,
    "docs/differential.md": differential_page,
    "docs/operations/settings.md": settings_page,
    "docs/prefetch.md": prefetch_page,
    "docs/sources.md": sources_page,
    "docs/traceability.md": traceability_page,
    "magnesium/knowledge/README.md": knowledge_page,
}
"""Path of each page below the root, and the function that returns its text."""

CHECKS: Sequence[Callable[[], list[str]]] = (troubles,)
"""What says, beyond stale pages, what is amiss."""


def stale(root: Path, pages: Mapping[str, Callable[[], str]]) -> dict[str, str]:
    """Return the pages that are missing or not up to date, with the text they should have."""
    wanted = {path: write() for path, write in pages.items()}
    return {path: text for path, text in wanted.items() if _current(root / path) != text}


def _current(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def main(
    arguments: Sequence[str] | None = None,
    root: Path = ROOT,
    pages: Mapping[str, Callable[[], str]] = PAGES,
    checks: Sequence[Callable[[], list[str]]] = CHECKS,
) -> int:
    """Write the pages that are not up to date, or name them and what else is amiss; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.generate_docs", description="Write the generated pages.")
    parser.add_argument("--check", action="store_true", help="write nothing, fail if a page is not up to date")
    check = parser.parse_args(arguments).check
    found = stale(root, pages)
    for path, text in found.items():
        if not check:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, encoding="utf-8", newline="\n")
        sys.stdout.write(f"{path}: {'not up to date, run python -m tools.generate_docs' if check else 'written'}\n")
    amiss = [trouble for look in checks for trouble in look()] if check else []
    sys.stdout.writelines(f"{trouble}\n" for trouble in amiss)
    return 1 if check and (found or amiss) else 0


if __name__ == "__main__":
    raise SystemExit(main())
