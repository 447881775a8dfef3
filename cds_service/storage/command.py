"""``magnesium-cds db``: the database of cards shown and feedback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import click
from sqlalchemy.exc import SQLAlchemyError

from cds_service import clock
from cds_service.commands import options
from cds_service.settings import variable
from cds_service.storage.database import COMMAND, open_engine
from cds_service.storage.purge import purge
from cds_service.storage.schema import REVISION
from cds_service.storage.upgrade import trouble, upgrade

_EPILOG = """\b
Examples:
  magnesium-cds db upgrade    before a new version of the service starts
  magnesium-cds db check
  magnesium-cds db purge      once a day

\b
Exit status: 0 done
             1 the database cannot be used, or lacks the tables
             2 the command line is wrong
"""


@click.group(epilog=_EPILOG)
def db() -> None:
    """The database of cards shown and feedback, which MAGNESIUM_CDS_DATABASE names."""


@db.command("upgrade", epilog=_EPILOG)
def db_upgrade() -> None:
    """Make the tables, or bring them to this version. Twice does no harm, nor do two at once."""
    settings = options.settings()
    with _explained():
        upgrade(settings.database)
    click.echo(f"The database is at revision {REVISION}.")


@db.command("check", epilog=_EPILOG)
def db_check() -> None:
    """Say whether the database can be reached and has the tables of this version. Ends with 1 if not."""
    found = trouble(open_engine(options.settings().database, COMMAND))
    if found:
        raise click.ClickException(found)
    click.echo(f"The database can be reached and is at revision {REVISION}.")


@db.command("purge", epilog=_EPILOG)
@click.option(
    "--days", type=click.IntRange(1), help="Keep this many days.  [default: MAGNESIUM_CDS_RETENTION_DAYS, else 365]"
)
def db_purge(days: int | None) -> None:
    """Remove what is older than it may be kept: decisions, feedback, counts of calls. And expired tokens.

    Run it once a day, as a cron job or a timer.
    """
    settings = options.settings()
    kept = days or settings.retention_days
    with _explained(), open_engine(settings.database, COMMAND).begin() as connection:
        removed = purge(connection, now=clock.now(), retention=timedelta(days=kept))
    for table, count in removed.items():
        click.echo(f"{table:<12} {count:>8} removed")


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (OSError, SQLAlchemyError) as error:
        # The driver's own words name the trouble; the URL, with its password, is not among them.
        reason = str(getattr(error, "orig", None) or error).strip()
        raise click.ClickException(f"{variable('database')}: {reason}") from None
