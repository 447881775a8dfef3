"""``magnesium-cds report``: what became of the cards, for the terminal or a spreadsheet."""

from __future__ import annotations

import json

import click
from sqlalchemy.exc import SQLAlchemyError

from cds_service import clock
from cds_service.commands import options
from cds_service.insight.formats import as_csv, as_text
from cds_service.insight.report import WEEKS, PeriodError, make_report, read_period
from cds_service.storage.database import REPORT, open_engine
from cds_service.storage.tallies import read_tallies
from cds_service.storage.upgrade import trouble

_EPILOG = """\b
Examples:
  magnesium-cds report
  magnesium-cds report --since 2026-01-01 --until 2026-03-31 --client epic
  magnesium-cds report --csv > cards.csv

\b
Exit status: 0 the report is printed
             1 the database cannot be used
             2 the command line is wrong
"""


@click.command("report", epilog=_EPILOG)
@click.option("--since", metavar="DAY", help=f"First day, in UTC.  [default: {WEEKS} weeks back]")
@click.option("--until", metavar="DAY", help="Last day, in UTC.  [default: today]")
@click.option("--client", help="Only this client.")
@click.option("--csv", "form", flag_value="csv", help="Every count on a line, for a spreadsheet.")
@click.option("--json", "form", flag_value="json", help="The tables as JSON.")
def command(since: str | None, until: str | None, client: str | None, form: str | None) -> None:
    """Count the cards that were shown, what clinicians made of them, and why.

    A card counts for the day on which it was shown, with the last that was reported about it. Cards that are silent
    (only watched) or held back (dismissed before) are counted by themselves.
    """
    try:
        first, last = read_period(since, until, clock.now().date())
    except PeriodError as error:
        raise click.BadParameter(error.text, param_hint=f"--{error.end}") from None
    engine = open_engine(options.settings().database, REPORT)
    if found := trouble(engine):
        raise click.ClickException(found)
    try:
        with engine.begin() as connection:
            tallies = read_tallies(connection, first, last, client)
    except SQLAlchemyError as error:
        raise click.ClickException(f"the database could not be read ({type(error).__name__})") from None
    report = make_report(tallies, first, last, client)
    match form:
        case "csv":
            click.echo(as_csv(report), nl=False)
        case "json":
            click.echo(json.dumps(report.to_json(), ensure_ascii=False, indent=2))
        case _:
            click.echo(as_text(report))
