"""How much processor time and how long a request takes, beside the least that any service needs.

python -m benchmarks.run                       some minutes
python -m benchmarks.run --quick               under two minutes: does the benchmark still run?
python -m benchmarks.run --healthchain FOLDER  with HealthChain, installed into an environment there

All contenders run side by side and take turns, several rounds of them: on a machine that is shared, one minute is not
as another, and a ratio within one round says more than a figure. Processor time is the server's own, from the kernel;
it moves less than latency does when others are busy too. Linux only.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.bodies import request_body
from benchmarks.load import Load, measure, megabytes, percentile
from benchmarks.servers import FHIR_DELAY_MS, Server, Servers, servers, with_healthchain

OURS, FLOOR, FLOOR_FETCHING = "magnesium-cds", "parsed", "asked"
_NAMES = {
    "unread": "Flask, body not parsed",
    FLOOR: "Flask, body parsed, constant",
    FLOOR_FETCHING: "Flask, same queries, constant",
    "healthchain": "HealthChain, two rules",
    OURS: OURS,
}


@dataclass(frozen=True)
class Scenario:
    """One row group of the table: what is asked, and of whom."""

    contenders: tuple[str, ...]
    hook: str = "patient-view"
    observations: int = 50
    connections: int = 1
    workers: int = 1
    fetched: bool = False

    @property
    def floor(self) -> str:
        """Against whom processor time is measured."""
        return FLOOR_FETCHING if self.fetched else FLOOR

    @property
    def title(self) -> str:
        """What is asked, in words."""
        connections = f"{self.connections} connection{'s' * (self.connections > 1)}"
        workers = f"{self.workers} worker{'s' * (self.workers > 1)}"
        came = f"fetched, {FHIR_DELAY_MS} ms a query" if self.fetched else "prefetched"
        return f"{self.hook}, {self.observations} results, {came}, {connections}, {workers}"


_BOTH = (FLOOR, OURS)
_FETCHING = (FLOOR_FETCHING, OURS)
_QUICK = (
    Scenario(("unread", FLOOR, "healthchain", OURS)),
    Scenario(_BOTH, connections=8),
    Scenario(_BOTH, hook="order-sign"),
    Scenario(_BOTH, observations=500),
    Scenario(_FETCHING, fetched=True),
)
_FULL = (
    Scenario(("unread", FLOOR, "healthchain", OURS)),
    Scenario(("unread", FLOOR, "healthchain", OURS), connections=8),
    Scenario(_BOTH, connections=8, workers=2),
    Scenario(("unread", FLOOR, "healthchain", OURS), hook="order-sign"),
    Scenario(_BOTH, hook="order-sign", connections=8),
    Scenario(_BOTH, observations=500),
    Scenario(_BOTH, observations=5000),
    Scenario(_FETCHING, fetched=True),
    Scenario(_FETCHING, fetched=True, connections=8),
)


@click.command()
@click.option("--quick", is_flag=True, help="Fewer scenarios, two short rounds.")
@click.option("--rounds", type=click.IntRange(1), help="Turns of each contender.  [default: 5, quick: 2]")
@click.option("--seconds", type=float, help="Length of a turn.  [default: 3, quick: 1]")
@click.option("--healthchain", type=click.Path(file_okay=False, path_type=Path), help="Environment of HealthChain.")
@click.option("--json", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures here too.")
def main(quick: bool, rounds: int | None, seconds: float | None, healthchain: Path | None, file: Path | None) -> None:  # noqa: FBT001
    """Measure, and print a table."""
    scenarios = _QUICK if quick else _FULL
    rounds = rounds or (2 if quick else 5)
    seconds = seconds or (1.0 if quick else 3.0)
    environment = with_healthchain(healthchain) if healthchain is not None else None
    begun, load_before = datetime.now(UTC), os.getloadavg()
    console = Console(stderr=True)
    with servers(environment) as running:
        rows: list[dict[str, Any]] = []
        for scenario in scenarios:
            console.print(scenario.title, style="dim")
            rows += _rows(scenario, running, rounds, seconds, without_healthchain=environment is None)
    report = {
        "date": begun.isoformat(timespec="seconds"),
        "machine": _machine(),
        "load_average": {"before": load_before, "after": os.getloadavg()},
        "rounds": rounds,
        "seconds": seconds,
        "rows": rows,
    }
    if file is not None:
        file.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    _print(report)


def _rows(
    scenario: Scenario, running: Servers, rounds: int, seconds: float, *, without_healthchain: bool
) -> Iterable[dict[str, Any]]:
    asked = [name for name in scenario.contenders if name != "healthchain" or not without_healthchain]
    contenders = [running.get(name, scenario.workers) for name in asked]
    members = {}
    if scenario.fetched:
        token = {"access_token": "bench", "token_type": "Bearer", "expires_in": 300, "scope": "patient/*.read"}
        members = {"fhirServer": running.fhir, "fhirAuthorization": {**token, "subject": "magnesium-cds"}}
    path, body = request_body(
        scenario.hook,
        datetime.now(UTC),
        observations=scenario.observations,
        prefetched=not scenario.fetched,
        **members,
    )

    def turn(server: Server, length: float) -> Load:
        return measure(
            server.pid, server.port, server.prefix + path, body, connections=scenario.connections, seconds=length
        )

    for server in contenders:
        turn(server, min(1.0, seconds))
    loads: dict[str, list[Load]] = {name: [] for name in asked}
    for number in range(rounds):
        # Whoever goes first in one round goes last in the next.
        for server in contenders if number % 2 == 0 else reversed(contenders):
            loads[server.name].append(turn(server, seconds))
    for server in contenders:
        yield {
            "scenario": scenario.title,
            "contender": server.name,
            "body_bytes": len(body),
            **_figures(loads[server.name], loads[scenario.floor]),
            "mib": round(megabytes(server.pid)),
        }


def _figures(turns: Sequence[Load], floor: Sequence[Load]) -> dict[str, Any]:
    """Return medians of the rounds, and latencies of all requests together; a ratio is within one round."""
    ratios = [own.processor / other.processor for own, other in zip(turns, floor, strict=True)]
    latencies = sorted(latency for turn in turns for latency in turn.latencies)
    p50, p99 = (percentile(latencies, share) for share in (0.5, 0.99))
    return {
        "requests": len(latencies),
        "processor_ms": _median(turn.processor for turn in turns),
        "processor_ms_least": round(min(turn.processor for turn in turns), 3),
        "ratio": _median(ratios),
        "ratio_range": [round(min(ratios), 2), round(max(ratios), 2)],
        "p50_ms": round(p50, 3),
        "p99_ms": round(p99, 3),
        "p99_by_p50": round(p99 / p50, 2),
        "per_second": _median(turn.per_second for turn in turns),
    }


def _median(values: Iterable[float]) -> float:
    return round(statistics.median(values), 3)


def _machine() -> dict[str, Any]:
    models = {
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    }
    return {"processors": os.cpu_count(), "model": ", ".join(sorted(models)), "python": platform.python_version()}


def _print(report: Mapping[str, Any]) -> None:
    columns = ("", "CPU ms", "least", "CPU by constant", "p50 ms", "p99 ms", "p99/p50", "requests/s", "MiB")
    table = Table(
        *columns,
        box=box.SIMPLE,
        title=f"{report['rounds']} rounds of {report['seconds']} s, medians; latencies of all rounds together",
    )
    for column in table.columns[1:]:
        column.justify = "right"
    scenario = ""
    for row in report["rows"]:
        if row["scenario"] != scenario:
            scenario = row["scenario"]
            table.add_section()
            table.add_row(f"[bold]{scenario}[/], {row['body_bytes']:,} bytes")
        ratio = f"{row['ratio']:.2f} ({row['ratio_range'][0]}–{row['ratio_range'][1]})"
        figures = (row["processor_ms"], row["processor_ms_least"], ratio, row["p50_ms"], row["p99_ms"])
        shown = [figure if isinstance(figure, str) else f"{figure:.2f}" for figure in (*figures, row["p99_by_p50"])]
        table.add_row("  " + _NAMES[row["contender"]], *shown, f"{row['per_second']:.0f}", str(row["mib"]))
    load = report["load_average"]
    averages = [f"{figures[0]:.1f}" for figures in (load["before"], load["after"])]
    machine = report["machine"]
    console = Console(width=150)
    console.print(table)
    console.print(
        f"{machine['model']}, {machine['processors']} processors, Python {machine['python']}, {report['date']},"
        f" load average {averages[0]} before, {averages[1]} after"
    )


if __name__ == "__main__":
    main()
