"""``magnesium-cds evaluate``: a hospital's past, replayed."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

import click

from cds_service import clock
from cds_service.commands import options

DISTRIBUTION = "magnesium-cds"


class Engine(StrEnum):
    """What groups the export by patient and hands the patients out."""

    EMBEDDED = "embedded"
    SPARK = "spark"


_NEEDED = {
    Engine.EMBEDDED: (("duckdb", "fsspec"), "evaluate"),
    Engine.SPARK: (("duckdb", "fsspec", "pyspark"), "spark"),
}
"""What each engine needs beside the service, and the extra with which it is installed."""

_EPILOG = """\b
Examples:
  magnesium-cds evaluate export/ --out last-year
  magnesium-cds evaluate export/ --out compared --policy ours.toml --policy stricter.toml
  magnesium-cds evaluate s3://bucket/export --out last-year --engine spark --master spark://host:7077

\b
Exit status: 0 the report is written; what could not be read is listed in it
             1 it could not be done
             2 the command line is wrong
"""


@click.command(epilog=_EPILOG)
@click.argument("export", nargs=-1, required=True)
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder for report and tables."
)
@click.option(
    "--policy",
    "policies",
    multiple=True,
    type=options.FILE,
    help="Policy file; again for each policy to compare.  [default: the bundled policy]",
)
@click.option(
    "--engine", type=click.Choice([one.value for one in Engine]), default=Engine.EMBEDDED.value, show_default=True
)
@click.option("--master", default="", help="Spark's master, e.g. spark://host:7077.  [default: as Spark is set up]")
@click.option("--jobs", type=click.IntRange(1), help="Processes.  [default: all cores]")
@click.option(
    "--memory", default="2GB", show_default=True, help="What sorting by patient may hold before it uses disk."
)
@click.option("--title", default="", help="What the report calls the export.  [default: its place]")
@click.option("--fresh", is_flag=True, help="Throw away what an interrupted start left, instead of going on from it.")
def evaluate(  # noqa: PLR0913  one parameter an option
    *,
    export: tuple[str, ...],
    out: Path,
    policies: tuple[Path, ...],
    engine: str,
    master: str,
    jobs: int | None,
    memory: str,
    title: str,
    fresh: bool,
) -> None:
    """Replay a FHIR Bulk Data export and report what the service would have said.

    EXPORT is NDJSON by resource type, optionally .gz: files or folders, here or at an address that fsspec knows, such
    as s3://bucket/export. The service is asked at each order, at each new magnesium or potassium and at the beginning
    of each encounter, with what could be seen at that moment.

    In the folder --out: report.html, and the tables behind it as Parquet and CSV. They hold patients' data. A start
    that was interrupted goes on where it stopped.
    """
    needed, extra = _NEEDED[Engine(engine)]
    lacking = [name for name in needed if importlib.util.find_spec(name) is None]
    if lacking:
        raise click.ClickException(f"{', '.join(lacking)} missing: pip install '{DISTRIBUTION}[{extra}]'")
    from cds_service.evaluate.run import EvaluateError, Order, run  # noqa: PLC0415  needs what was just asked for

    settings = options.settings()
    try:
        run(
            Order(
                export=export,
                out=out,
                policies=policies or ((settings.policy,) if settings.policy else (None,)),
                drug_table=settings.drug_table,
                spark=Engine(engine) is Engine.SPARK,
                master=master,
                jobs=jobs or os.cpu_count() or 1,
                memory=memory,
                title=title or ", ".join(export),
                fresh=fresh,
            ),
            now=clock.now(),
            progress=_progress,
            say=click.echo,
        )
    except EvaluateError as error:
        raise click.ClickException(str(error)) from None


@contextmanager
def _progress(label: str, length: int) -> Iterator[Callable[[int], None]]:
    """Show how far the work has come, where somebody is looking."""
    with click.progressbar(length=length, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        yield bar.update
