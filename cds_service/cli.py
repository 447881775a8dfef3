"""The command ``magnesium-cds``."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import click

from cds_service import clock, examples, server
from cds_service.app import DISTRIBUTION, create_app
from cds_service.charts import Piece, ReplayError, files, pieces
from cds_service.commands import explain, options, policy_diff, terminology_check
from cds_service.evaluate.command import evaluate
from cds_service.insight import command as report_command
from cds_service.logging import hear_libraries, make_log
from cds_service.metrics import share_between_workers
from cds_service.replay import InProcess, Player, Remote, Report, play_all
from cds_service.sandbox import SANDBOX_PATH
from cds_service.sandbox.load import load
from cds_service.sandbox.store import SandboxError
from cds_service.settings import LogFormat, LogLevel, Profile, Settings, SettingsError
from cds_service.storage.command import db
from fhir_mappings.proposals import validate_templates
from fhir_mappings.site_codes import SiteCodes
from fhir_mappings.terminology.rxnorm_release import build_drug_table, release_size
from hooks import SERVICES
from magnesium.knowledge import KnowledgeError
from magnesium.policy import Basis, load_site

_EPILOG = """\b
Every command has examples: magnesium-cds COMMAND --help

\b
Exit status: 0 done, 1 it could not be done, 2 the command line is wrong; a command that says more with it
tells so in its help.
"""


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_EPILOG,
)
@click.version_option(metadata.version(DISTRIBUTION), prog_name=DISTRIBUTION)
def main() -> None:
    """Serve, replay and set up the magnesium CDS Hooks service."""


# ── serve ─────────────────────────────────────────────────────────────────────────────────────────


_SERVE_EPILOG = """\b
Examples:
  MAGNESIUM_CDS_PROFILE=dev magnesium-cds serve
  magnesium-cds serve --host 0.0.0.0 --workers 2 --policy site.toml

\b
Exit status: 0 stopped by SIGTERM or Ctrl-C, after what had begun was answered
             1 it could not start
             2 the command line is wrong
"""


@main.command(epilog=_SERVE_EPILOG)
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65535), help="Port; 0 picks a free one.  [default: 8080]")
@click.option("--workers", type=click.IntRange(1), help="Worker processes.  [default: 1]")
@click.option("--policy", type=options.FILE, help="Policy file of the site.")
def serve(host: str | None, port: int | None, workers: int | None, policy: Path | None) -> None:
    """Start the service and print a request to try.

    Options beat the environment variables MAGNESIUM_CDS_HOST, _PORT, _WORKERS, _POLICY.
    """
    given: dict[str, Any] = {"host": host, "port": port, "workers": workers, "policy": policy}
    settings = options.settings()
    if not os.environ.get("MAGNESIUM_CDS_LOG_FORMAT") and sys.stderr.isatty():
        settings = replace(settings, log_format=LogFormat.CONSOLE)
    settings = replace(settings, **{name: value for name, value in given.items() if value is not None})
    try:
        listener = server.listen(settings.host, settings.port)
    except OSError as error:
        where = f"{settings.host}:{settings.port}"
        raise click.ClickException(f"cannot listen on {where}: {error.strerror}. Try --port.") from None
    # The sandbox has to know its own address, also where the port was free to choose.
    settings = replace(settings, port=listener.getsockname()[1])
    forget_counts = share_between_workers() if settings.metrics and settings.workers > 1 else lambda: None
    try:
        app = create_app(settings)
    except (KnowledgeError, SandboxError, SettingsError) as error:
        listener.close()
        forget_counts()
        raise click.ClickException(str(error)) from None
    url = f"http://{_host(settings.host)}:{settings.port}"
    server.freeze()
    log = app.extensions["magnesium_cds"]["log"]
    hear_libraries(log)
    server.Server(
        app,
        listener,
        log,
        workers=settings.workers,
        on_ready=lambda: click.echo(_greeting(url, settings.profile)),
        on_exit=forget_counts,
    ).run()


def _host(host: str) -> str:
    """Return a host as it stands in a URL; one that means "everywhere" is reached on this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  read, not bound
    return f"[{host}]" if ":" in host else host


def _greeting(url: str, profile: Profile) -> str:
    service = SERVICES[0]
    sandbox = f"A FHIR server with the example patients is at {url}{SANDBOX_PATH}\n" if profile is Profile.DEV else ""
    return (
        f"magnesium-cds listens on {url} (Ctrl-C stops it). Try:\n\n"
        f"curl -s {url}/examples/{service.hook} | curl -s -H 'Content-Type: application/json' -d @-"
        f" {url}/cds-services/{service.id}\n\n{sandbox}"
    )


# ── replay ────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _MakePlayer:
    """Makes the player in whichever process plays."""

    settings: Settings
    hook: str
    url: str | None
    as_of: datetime | None

    def __call__(self) -> Player:
        if self.url:
            return Player(Remote(self.url, UTC), self.hook)
        log = make_log(LogLevel.ERROR, LogFormat.JSON, sys.stderr)
        return Player(InProcess(self.settings, log), self.hook, self.as_of)


_REPLAY_EPILOG = """\b
Examples:
  magnesium-cds replay charts/
  magnesium-cds replay charts.ndjson.gz --hook order-sign --jobs 2 --json report.json
  magnesium-cds replay charts/ --url http://127.0.0.1:8080

\b
Exit status: 0 everything was replayed
             1 something could not be
             2 the command line is wrong
"""


@main.command(epilog=_REPLAY_EPILOG)
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path), metavar="PATH…")
@click.option("--hook", type=click.Choice(options.HOOKS), default=options.HOOKS[0], show_default=True)
@click.option("--url", help="Base URL of a running service to replay against. It judges as of its own now.")
@click.option("--policy", type=options.FILE, help="Policy file of the site, with its local codes.")
@click.option("--as-of", callback=options.moment, help="Judge every chart as of this time instead of its own.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes to work in.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the report as JSON.")
@click.option("--progress/--no-progress", default=None, help="Progress bar.  [default: on a terminal]")
@click.pass_context
def replay(  # noqa: PLR0913  one parameter an option
    context: click.Context,
    *,
    paths: tuple[Path, ...],
    hook: str,
    url: str | None,
    policy: Path | None,
    as_of: datetime | None,
    jobs: int,
    json_file: Path | None,
    progress: bool | None,
) -> None:
    """Run charts through the service and report what it would have said.

    PATH is a file or a folder: Bundles about one patient each, as .json (one or an array) or one a line as
    .ndjson or .jsonl, each optionally .gz. Each is judged as of its own timestamp, else as of the newest time
    in it, by the same code that serves requests. For the order hooks the newest active order is taken out of
    the chart and drafted again.

    With --url the charts go to a running service, whose time cannot be set: old results will be stale to it.
    """
    if url and (policy or as_of):
        raise click.UsageError("--policy and --as-of cannot be used with --url: that service has its own.")
    settings = replace(options.settings(), policy=policy) if policy else options.settings()
    make_player = _MakePlayer(settings, hook, url, as_of)
    found = list(files(paths))
    report = Report(hook)
    total = sum(1 for _ in _pieces(found))
    hidden = not (sys.stderr.isatty() if progress is None else progress)
    try:
        with click.progressbar(length=total, label="replay", file=sys.stderr, hidden=hidden) as bar:
            for replayed in play_all(_pieces(found), make_player, jobs=jobs):
                for one in replayed:
                    report.add(one)
                bar.update(1)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    click.echo(report.text())
    if json_file:
        text = json.dumps(report.to_json(), ensure_ascii=False, indent=2)
        json_file.write_text(text + "\n", encoding="utf-8")
    if not report.answered:
        click.echo("Nothing was replayed: a chart is a Bundle about one patient.", err=True)
    if report.errors or not report.answered:
        context.exit(1)


def _pieces(found: list[tuple[Path, bool]]) -> Iterator[Piece | ReplayError]:
    for path, named in found:
        yield from pieces(path, named=named)


main.add_command(explain.command)
main.add_command(report_command.command)
main.add_command(db)
main.add_command(evaluate)


# ── sandbox ───────────────────────────────────────────────────────────────────────────────────────


@main.group()
def sandbox() -> None:
    """FHIR servers to try things out with."""


_LOAD_EPILOG = """\b
Example:
  magnesium-cds sandbox load http://127.0.0.1:8090/fhir --wait 300

\b
Exit status: 0 they are there, 1 the server does not take them, 2 the command line is wrong
"""


@sandbox.command("load", epilog=_LOAD_EPILOG)
@click.argument("url", metavar="URL")
@click.option("--wait", "seconds", type=click.IntRange(0), default=0, help="Seconds to wait for the server to come up.")
def sandbox_load(url: str, seconds: int) -> None:
    """Put the example patients, as of now, on the FHIR test server at URL.

    It replaces whatever has the ids of the examples there. Never point it at a server with patients.
    """
    try:
        count = load(url, clock.now(), wait_seconds=seconds)
    except SandboxError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{count} resources of {len(examples.NAMES)} invented patients are at {url}")


# ── policy, terminology ───────────────────────────────────────────────────────────────────────────


@main.group()
def policy() -> None:
    """The numbers that the rules use."""


_CHECK_EPILOG = """\b
Example:
  magnesium-cds policy check site.toml

\b
Exit status: 0 the service takes the file, 1 it does not, 2 the command line is wrong
"""


@policy.command("check", epilog=_CHECK_EPILOG)
@click.argument("file", type=options.FILE)
def policy_check(file: Path) -> None:
    """Check a site's policy file and list every number in force."""
    try:
        site = load_site(file)
        SiteCodes.from_table(site.local_codes)
        validate_templates(site.policy.products)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    numbers = site.policy.numbers
    rows = [site.policy.describe(number) for number in numbers]
    width = max(len(row["id"]) for row in rows)
    value_width = max(len(row["value"]) for row in rows)
    for row in rows:
        click.echo(
            f"{row['id']:<{width}}  {row['value']:<{value_width}}  {row['basis']:<9}"
            f"  {row['reviewed']}  {row['sources']}"
        )
    changed = sum(number.basis is Basis.SITE for number in numbers.values())
    codes = sum(map(_size, site.local_codes.values()))
    click.echo(f"\n{file.name}: in order. {len(numbers)} numbers, {changed} of them the site's; {codes} local codes.")


policy.add_command(policy_diff.command)


def _size(table: Any) -> int:
    """Return how many codes a table of local codes holds, however it is nested."""
    return sum(map(_size, table.values())) if isinstance(table, dict) else 1


@main.group()
def terminology() -> None:
    """The codes by which drugs and results are known."""


_BUILD_EPILOG = """\b
Example:
  magnesium-cds terminology build --release rrf --out drugs.csv.gz

\b
Exit status: 0 the table is written, 1 it could not be, 2 the command line is wrong
"""


@terminology.command("build", epilog=_BUILD_EPILOG)
@click.option(
    "--release",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with RXNCONSO.RRF, RXNREL.RRF and RXNSAT.RRF.",
)
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Drug table to write.")
def terminology_build(release: Path, out: Path) -> None:
    """Build a drug table, NDC included, from your own RxNorm release.

    Set MAGNESIUM_CDS_DRUG_TABLE to use it.
    """
    try:
        length = release_size(release)
        with click.progressbar(length=length, label="RxNorm", file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
            report = build_drug_table(release, out, bar.update)
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(report)


terminology.add_command(terminology_check.command)
