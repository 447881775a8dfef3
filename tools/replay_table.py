"""The table of the three hospital sets: ``python -m tools.replay_table [FOLDER] [--check]``.

Replays the snapshots of the sets on patient-view, each with the example policy that maps its codes, and writes the
table between its two marks in ``docs/clinicians/three-hospitals.md``. FOLDER holds the sets; by default they lie
beside the repository, in ``../shared/data``.
With ``--check`` nothing is written; the exit status is 1 if the table is not what a replay says now.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from cds_service.charts import pieces
from cds_service.logging import make_log
from cds_service.replay import InProcess, Player, Report, play_all
from cds_service.settings import LogFormat, LogLevel, Settings
from magnesium.verdict import Topic

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "clinicians" / "three-hospitals.md"
SETS: Mapping[str, str] = {"mimic-iii": "MIMIC-III demo", "mimic-iv": "MIMIC-IV demo", "eicu": "eICU demo"}
_BEGIN, _END = "<!-- replay table: begin -->\n", "<!-- replay table: end -->"
_HOOK = "patient-view"
_INDICATORS = ("critical", "warning", "info")


def replayed(folder: Path, name: str) -> Report:
    """Replay the snapshots of one set."""
    policy = ROOT / "fhir_mappings" / "examples" / f"local-codes-{name}.toml"

    def player() -> Player:
        return Player(
            InProcess(Settings(policy=policy), make_log(LogLevel.ERROR, LogFormat.JSON, io.StringIO())), _HOOK
        )

    report = Report(_HOOK)
    for charts in play_all(pieces(folder / f"{name}-demo" / "snapshots.ndjson.gz", named=True), player, jobs=1):
        for chart in charts:
            report.add(chart)
    return report


def table(reports: Sequence[Report]) -> str:
    """Return the figures of the sets side by side, as a Markdown table."""
    lines = [
        _row("", SETS.values()),
        _row("---", ["---:"] * len(reports)),
        _row("patients", (len(report.patients) for report in reports)),
        _row("snapshots answered", (report.answered for report in reports)),
        _row("**without a card**", (f"{report.silent} ({report.silent / report.answered:.0%})" for report in reports)),
    ]
    shown = {topic for report in reports for topic, _ in report.cards}
    lines += [
        _row(f"`{topic}` {' / '.join(_INDICATORS)}", (_cards(report, topic) for report in reports))
        for topic in sorted(shown, key=_rank)
    ]
    for title in sorted({status for report in reports for status in report.magnesium}):
        lines.append(_row(f"newest magnesium: {title}", (report.magnesium[title] for report in reports)))
    for reason in sorted({reason for report in reports for reason in report.unreadable}):
        lines.append(_row(f"unreadable: {reason}", (report.unreadable[reason] for report in reports)))
    lines.append(_row("errors", (sum(report.errors.values()) for report in reports)))
    return "\n".join(lines) + "\n"


def _rank(topic: str) -> tuple[int, str]:
    order = [t.value for t in Topic]
    return (order.index(topic) if topic in order else len(order)), topic


def _cards(report: Report, topic: str) -> str:
    counts = [report.cards[topic, name] for name in _INDICATORS]
    return " / ".join(str(count) if count else "–" for count in counts) if any(counts) else "–"


def _row(name: str, cells: Iterable[object]) -> str:
    return f"| {' | '.join((name, *map(str, cells)))} |"


def with_table(page: str, text: str) -> str:
    """Return the page with the table between its marks.

    Raises:
        ValueError: the page has no such marks.
    """
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"no {_BEGIN.strip()} and {_END}")
    return f"{before}{begin}\n{text}\n{end}{after}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the table."""
    parser = argparse.ArgumentParser(
        description="Write the table of the hospital sets in docs/clinicians/three-hospitals.md."
    )
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--check", action="store_true", help="write nothing, fail if it is not up to date")
    options = parser.parse_args(arguments)
    page = PAGE.read_text(encoding="utf-8")
    current = with_table(page, table([replayed(options.folder, name) for name in SETS]))
    if current == page:
        return 0
    if options.check:
        sys.stderr.write(
            "docs/clinicians/three-hospitals.md: the table is not up to date; run python -m tools.replay_table\n"
        )
        return 1
    PAGE.write_text(current, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
