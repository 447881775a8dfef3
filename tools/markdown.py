"""What the generated pages share: tables whose cells hold whatever the data files say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a markdown table; an empty one is a dash."""
    lines = [_row(cell(text) for text in row) for row in rows]
    return "\n".join((_row(header), "|" + "---|" * len(header), *lines)) if lines else "–"


def bullets(lines: Iterable[str]) -> str:
    """Return a list."""
    return "\n".join(f"- {line}" for line in lines)


def cell(text: str) -> str:
    """Return ``text`` fit for a cell of a table; an empty cell is a dash."""
    return " ".join(text.split()).replace("|", "\\|") or "–"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
