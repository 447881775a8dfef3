"""Write the tables of docs/fhir-servers.md from what a run of the suite noted down.

eval "$(.ci/fhir-servers start)"
MAGNESIUM_CDS_FHIR_REPORT=report.jsonl python -m pytest tests/fhir_server --no-cov
python -m tests.fhir_server report.jsonl
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from tests.fhir_server.patients import HOOKS
from tests.fhir_server.quirks import QUIRKS
from tests.fhir_server.test_contract import PREFETCH
from tests.fhir_server.test_quirks import FAULTS

PAGE = Path(__file__).parents[2] / "docs" / "fhir-servers.md"
SERVERS = {"sandbox": "sandbox", "hapi": "HAPI FHIR 8.8.0", "medplum": "Medplum 4.5.2"}

Rows = Sequence[dict[str, Any]]


def contract(rows: Rows) -> Iterable[Sequence[str]]:
    """Servers × hooks × prefetch."""
    yield ("server", "hook", *PREFETCH)
    found = {(row["server"], row["hook"], row["prefetch"]): row for row in rows if row["table"] == "contract"}
    for server, name in SERVERS.items():
        for hook in HOOKS:
            times = [found[server, hook, kind]["ms"] for kind in PREFETCH]
            yield (name, f"`{hook}`", *(f"equal, {ms:.0f} ms" for ms in times))


def quirks(rows: Rows) -> Iterable[Sequence[str]]:
    """What changes nothing."""
    yield ("quirk", "what the server does", *(f"`{hook}`" for hook in HOOKS))
    found = {(row["quirk"], row["hook"], row["prefetch"]): row for row in rows if row["table"] == "quirks"}
    for name, quirk in QUIRKS.items():
        equal = ["equal" if all((name, hook, kind) in found for kind in ("none", "partial")) else "–" for hook in HOOKS]
        yield (name, (quirk.__doc__ or "").strip().rstrip("."), *equal)


def faults(rows: Rows) -> Iterable[Sequence[str]]:
    """What each fault costs."""
    yield ("fault", "on required data", "cards", "time", "on optional data", "cards", "time")
    found = {(row["fault"], row["hit"]): row for row in rows if row["table"] == "faults"}
    for name in FAULTS:
        hit = [found[name, need] for need in ("labs", "conditions")]
        yield (
            name,
            *(cell for row in hit for cell in (row["outcome"], str(row["cards"]), f"{row['ms'] / 1000:.2f} s")),
        )


TABLES: dict[str, Callable[[Rows], Iterable[Sequence[str]]]] = {
    "contract": contract,
    "quirks": quirks,
    "faults": faults,
}


def marked(page: str, name: str) -> tuple[int, int]:
    """Return where the table of this name stands in the page."""
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
    return page.index(begin) + len(begin), page.index(end)


def as_markdown(lines: Iterable[Sequence[str]]) -> str:
    head, *body = lines
    rule = ["---"] * len(head)
    return "\n" + "".join(f"| {' | '.join(cells)} |\n" for cells in (head, rule, *body)) + "\n"


def main(report: Path) -> None:
    rows = [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]
    page = PAGE.read_text(encoding="utf-8")
    for name, table in TABLES.items():
        start, stop = marked(page, name)
        page = page[:start] + as_markdown(table(rows)) + page[stop:]
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
