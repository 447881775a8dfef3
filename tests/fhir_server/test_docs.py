"""docs/fhir-servers.md tells what the suite holds: every server, hook, quirk and fault, and what each fault costs."""

from __future__ import annotations

from tests.fhir_server.__main__ import PAGE, SERVERS, marked
from tests.fhir_server.patients import HOOKS
from tests.fhir_server.quirks import QUIRKS
from tests.fhir_server.test_contract import PREFETCH
from tests.fhir_server.test_quirks import FAULTS

RENEW = "renew the tables: python -m tests.fhir_server, which says how"


def table(name: str) -> list[list[str]]:
    page = PAGE.read_text(encoding="utf-8")
    start, stop = marked(page, name)
    lines = [line for line in page[start:stop].splitlines() if line]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in (lines[0], *lines[2:])]


def test_servers_hooks_and_prefetch() -> None:
    head, *rows = table("contract")
    assert head[2:] == list(PREFETCH), RENEW
    assert [row[:2] for row in rows] == [[name, f"`{hook}`"] for name in SERVERS.values() for hook in HOOKS], RENEW
    assert all(cell.startswith("equal, ") for row in rows for cell in row[2:]), RENEW


def test_quirks() -> None:
    head, *rows = table("quirks")
    assert head[2:] == [f"`{hook}`" for hook in HOOKS], RENEW
    assert [row[0] for row in rows] == list(QUIRKS), RENEW
    assert all(cell == "equal" for row in rows for cell in row[2:]), RENEW


def test_faults() -> None:
    _, *rows = table("faults")
    assert [(row[0], row[1], row[4]) for row in rows] == [
        (name, fault.labs, fault.conditions) for name, fault in FAULTS.items()
    ], RENEW
