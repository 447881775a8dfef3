"""The page of settings: read from the one place where they are listed, the docstring of ``cds_service.settings``."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cds_service import settings
from tools.markdown import table

_INTRODUCTION = """\
# Settings

Written by `python -m tools.generate_docs` from [settings.py](../../cds_service/settings.py); do not edit.

A deployment is set up by environment variables. Each has a default; an empty one counts as not set. A value that cannot
be used stops the start, with every such variable named; a variable with this prefix that does not exist is warned of in
the log. Clients have [settings of their own](../clients.md), clinical numbers stand in the
[policy file](../clinicians/change-a-number.md).
"""
_ROW = re.compile(
    r"^\| (?P<names>``[A-Z_]+``(?:, ``[A-Z_]+``)*) \| (?P<meaning>.+) \| (?P<default>.+) \|$", re.MULTILINE
)
_NAME = re.compile(r"``([A-Z_]+)``")


def documented() -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Yield the names in each row of the table, without prefix, what they mean, and their defaults."""
    for row in _ROW.finditer(settings.__doc__ or ""):
        yield tuple(_NAME.findall(row["names"])), row["meaning"], row["default"]


def settings_page() -> str:
    """Return the page."""
    rows = [
        (", ".join(f"`{settings.PREFIX}{name}`" for name in names), meaning.replace("``", "`"), default)
        for names, meaning, default in documented()
    ]
    after = (settings.__doc__ or "").rsplit("|", 1)[-1].strip()
    return f"{_INTRODUCTION}\n{table(('variable', 'meaning', 'default'), rows)}\n\n{after}\n"
