"""``magnesium-cds explain``: the reasoning behind one answer, as tables in the terminal or as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO, Final

import click
from rich import box
from rich.console import Console
from rich.table import Column
from rich.table import Table as Grid
from rich.text import Text

from cds_service import clock
from cds_service.commands import options
from cds_service.evaluation import Evaluation, Knowledge
from cds_service.explain import Table, explain
from cds_service.logging import make_log
from cds_service.prefetch import receive
from cds_service.replay import InProcess
from cds_service.settings import LogFormat, LogLevel, Settings, SettingsError
from cds_service.strict_json import StrictJsonError, decode
from magnesium.knowledge import KnowledgeError

_WIDE: Final = 160
"""Columns where the output goes to a file or a pipe."""

# What a cell begins with, and how it stands out on a terminal. The words say the same without color.
_STYLES: Final = {
    "critical": "bold red",
    "finding, critical": "bold red",
    "warning": "bold yellow",
    "finding, warning": "bold yellow",
    "finding": "bold",
    "unknown": "magenta",
    "failed": "bold magenta",
    "quiet": "dim",
}

_EPILOG = """\b
Examples:
  magnesium-cds explain request.json
  magnesium-cds explain request.json --as-of 2026-01-15T09:00:00Z --json
  curl -s http://127.0.0.1:8080/examples/patient-view | magnesium-cds explain -

\b
Exit status: 0 the request was answered and is explained
             1 the service would have answered an error, which is printed
             2 the command line is wrong
"""


@click.command("explain", epilog=_EPILOG)
@click.argument("request", type=click.File("rb"))
@click.option("--policy", type=options.FILE, help="Policy file of the site, with its local codes.")
@click.option("--as-of", callback=options.moment, help="Judge as of this time.  [default: now]")
@click.option("--hook", type=click.Choice(options.HOOKS), help="Service to ask.  [default: the request's hook]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.pass_context
def command(  # noqa: PLR0913  one parameter an option
    context: click.Context,
    *,
    request: BinaryIO,
    policy: Path | None,
    as_of: datetime | None,
    hook: str | None,
    as_json: bool,
) -> None:
    """Show how the answer to a request comes about.

    REQUEST is the body of a CDS Hooks request, or - to read it from standard input. It is answered by the same code
    that serves requests, with the settings of the environment, for a client without settings of its own; nothing is
    recorded. What it lacks is fetched if it names a FHIR server that may be asked.

    Shown are the values of a patient: mind where the output goes.
    """
    settings = options.settings()
    settings = replace(settings, policy=policy) if policy else settings
    body = request.read()
    sent = _object(body, settings.max_json_depth)
    chosen = hook or sent.get("hook")
    if chosen not in options.HOOKS:
        raise click.UsageError("the request names no hook that is served here: give --hook")
    try:
        service = InProcess(settings, make_log(LogLevel.ERROR, LogFormat.JSON, sys.stderr))
        knowledge = Knowledge.load(settings)
    except (KnowledgeError, SettingsError) as error:
        raise click.ClickException(str(error)) from None
    as_of = as_of or clock.now()
    answered = service.post(body, chosen, as_of)
    if answered.evaluation is None or answered.status != HTTPStatus.OK:
        click.echo(_refusal(answered.status, answered.body, as_json=as_json))
        context.exit(1)
    tables = _tables(sent, answered.evaluation, knowledge, settings)
    head = {
        "hook": chosen,
        "asOf": as_of.isoformat(),
        "policy": knowledge.policy.version,
        "terminology": knowledge.terminology.version,
    }
    if as_json:
        shown = {**head, **{table.key: table.to_json() for table in tables}, "response": answered.body}
        click.echo(json.dumps(shown, ensure_ascii=False, indent=2))
    else:
        _print(head, tables)


def _object(body: bytes, max_depth: int) -> Mapping[str, Any]:
    """Return the request as far as it can be read here; what is wrong with it, the service says."""
    try:
        value = decode(body, max_depth=max_depth)
    except StrictJsonError:
        return {}
    return value if isinstance(value, dict) else {}


def _tables(
    sent: Mapping[str, Any], evaluation: Evaluation, knowledge: Knowledge, settings: Settings
) -> Sequence[Table]:
    came = receive(sent.get("prefetch") or {}, knowledge.queries, settings.prefetch_keys)
    return explain(came, evaluation, knowledge)


def _refusal(status: int, outcome: Mapping[str, Any], *, as_json: bool) -> str:
    if as_json:
        return json.dumps({"status": status, "response": outcome}, ensure_ascii=False, indent=2)
    lines = [f"The service would answer {status} {HTTPStatus(status).phrase}:"]
    for issue in outcome["issue"]:
        where = " ".join(issue.get("expression", ()))
        lines.append(f"  {where or issue['code']}: {issue['diagnostics']}")
    return "\n".join(lines)


def _print(head: Mapping[str, str], tables: Sequence[Table]) -> None:
    console = Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False)
    for name, text in head.items():
        console.print(Text(f"{name:<12} {text}"))
    for table in tables:
        console.print()
        console.print(Text(table.title, style="bold"))
        if not table.rows:
            console.print(Text("  none"))
            continue
        grid = Grid(*(Column(name, overflow="fold") for name in table.columns), box=box.SIMPLE_HEAD, show_edge=False)
        for row in table.rows:
            grid.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
        console.print(grid)
