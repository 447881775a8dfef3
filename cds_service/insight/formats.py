"""A report as text for the terminal and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from cds_service.insight.report import COLUMNS, Counts, Report, reason_text, share, title

_HEAD = ("shown", "accepted", "overridden", "unanswered", "silent", "held back")


def as_text(report: Report) -> str:
    """Return the report as tables of plain text."""
    of_whom = f", client {report.client}" if report.client else ""
    silent = _with_share(report.calls_without_cards, report.calls)
    parts = [
        f"{report.since} to {report.until} (UTC){of_whom}",
        f"{report.calls} calls, {silent} without a card",
        _table("cards", [("all", report.total)]),
        _table("topic", [(title(topic), counts) for topic, counts in report.by_topic.items()]),
        _table("indicator", report.by_indicator.items()),
        _table("client", report.by_client.items()),
        _table("week of", [(week.isoformat(), counts) for week, counts in report.by_week.items()]),
        _lines(
            ("reason for overriding", "cards"),
            [(reason_text(code), f"{count}") for code, count in report.reasons_in_order],
        ),
    ]
    if report.unknown_cards:
        parts.append(f"{report.unknown_cards} reports were about cards that are not on record.")
    return "\n\n".join(part for part in parts if part)


def as_csv(report: Report) -> str:
    """Return every count of the report on a line of its own, with a head."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow((*COLUMNS, "cards"))
    writer.writerows((*key, count) for key, count in sorted(report.rows.items()))
    return text.getvalue()


def _with_share(part: int, whole: int) -> str:
    told = share(part, whole)
    return f"{part} ({told})" if told else f"{part}"


def _table(name: str, groups: Iterable[tuple[str, Counts]]) -> str:
    rows = [
        (
            key,
            f"{counts.shown}",
            _with_share(counts.accepted, counts.shown),
            _with_share(counts.overridden, counts.shown),
            _with_share(counts.unanswered, counts.shown),
            f"{counts.silent}",
            f"{counts.held_back}",
        )
        for key, counts in groups
    ]
    return _lines((name, *_HEAD), rows)


def _lines(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = []
    for name, *cells in (head, *rows):
        right = "".join(f"  {cell:>{width}}" for cell, width in zip(cells, widths[1:], strict=True))
        lines.append(f"{name:<{widths[0]}}{right}".rstrip())
    return "\n".join(lines)
