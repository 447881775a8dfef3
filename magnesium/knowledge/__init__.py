"""What the rules know: thresholds, drug classes, units, sources. Data files, strict loaders, no code of rules."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from importlib.resources import files

DRUG_COLUMNS = ("ingredient", "class", "also", "weight", "in_force_days", "interval_days", "routes", "sources")
"""Columns of ``drugs.csv``."""


class KnowledgeError(ValueError):
    """A knowledge file is not as it must be; the message names the file, the line and the column."""


def read_text(name: str) -> str:
    """Return the text of a knowledge file that ships with the package."""
    return files(__name__).joinpath(name).read_text(encoding="utf-8")


def read_table(name: str, columns: Sequence[str]) -> list[dict[str, str]]:
    """Return the rows of a CSV file whose header must be exactly ``columns``.

    Raises:
        KnowledgeError: wrong header, or a row with too few or too many cells.
    """
    return parse_table(name, read_text(name), columns)


def parse_table(name: str, text: str, columns: Sequence[str]) -> list[dict[str, str]]:
    """Return the rows of CSV ``text``; ``name`` is for the error message only.

    Raises:
        KnowledgeError: wrong header, or a row with too few or too many cells.
    """
    lines = csv.reader(text.splitlines(), strict=True)
    header = next(lines, [])
    if tuple(header) != tuple(columns):
        msg = f"{name}: the header is {header}, expected {list(columns)}"
        raise KnowledgeError(msg)
    rows = []
    for cells in lines:
        if len(cells) != len(columns):
            msg = f"{name} line {lines.line_num}: {len(cells)} cells, expected {len(columns)}"
            raise KnowledgeError(msg)
        rows.append(dict(zip(columns, cells, strict=True)))
    return rows
