"""How `magnesium-cds evaluate` scales: an export of any size from a few patients, and what evaluating it costs.

python -m benchmarks.evaluation generate ../shared/data EXPORT --patients 100000
python -m benchmarks.evaluation measure EXPORT --policy POLICY --jobs 1 --jobs 2

Patients are drawn with replacement from the public sets, most of them outpatients as in a health system, and get ids
and dates of their own. Of a history a stretch is kept: a month of an outpatient, a day of a stay in intensive care.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import click

# Share of each set among the patients, and how much of a history is kept.
MIX = {
    "smart-sample-patients": (10, timedelta(days=30)),
    "synthea-r4": (62, timedelta(days=30)),
    "pysynthea-mg": (25, timedelta(days=30)),
    "mimic-iii-demo": (3, timedelta(days=1)),
}
VARIANTS = 2000
"""Histories that are drawn; each has a stretch and dates of its own, and stands for many patients with own ids."""
MARK = "\u0000"
DAY = re.compile(r"\d{4}-\d\d-\d\d(?=T|$)")

Resource = dict[str, Any]


def patients(folder: Path) -> list[list[Resource]]:
    """Return the resources of each patient of a set, with the drugs that they refer to."""
    people: dict[str, list[Resource]] = {}
    drugs: dict[str, Resource] = {}
    rest: list[Resource] = []
    for path in sorted(folder.glob("[A-Z]*.ndjson.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for resource in map(json.loads, lines):
                match resource["resourceType"]:
                    case "Patient":
                        people[resource["id"]] = [resource]
                    case "Medication":
                        drugs[resource["id"]] = resource
                    case _:
                        rest.append(resource)
    for resource in rest:
        own = people.get((resource.get("subject") or {}).get("reference", "").rpartition("/")[2])
        if own is not None:
            own.append(resource)
            drug = (resource.get("medicationReference") or {}).get("reference", "").rpartition("/")[2]
            if drug in drugs and drugs[drug] not in own:
                own.append(drugs[drug])
    return list(people.values())


def day_of(resource: Resource) -> date | None:
    """Return the first day that a resource names; none for what has no time of its own."""
    if resource["resourceType"] in {"Patient", "Medication"}:
        return None
    found = DAY.search(json.dumps(resource))
    return date.fromisoformat(found[0]) if found else None


def variant(person: list[Resource], stretch: timedelta, rng: random.Random) -> list[tuple[str, str]]:
    """Return type and JSON of the resources in a stretch of a history, with a mark where the patient's number goes."""
    days = sorted({day for resource in person if (day := day_of(resource)) is not None})
    if not days:
        return [(resource["resourceType"], marked(resource, 0)) for resource in person]
    begin = rng.choice(days)
    shift = (date(2020, 1, 1) - begin).days + rng.randrange(365)
    kept = [r for r in person if (day := day_of(r)) is None or begin <= day < begin + stretch]
    named = json.dumps(kept)
    kept = [r for r in kept if r["resourceType"] != "Medication" or named.count(r["id"]) > 1]
    return [(resource["resourceType"], marked(resource, shift)) for resource in kept]


def marked(resource: Resource, shift: int) -> str:
    """Return a resource as JSON: days shifted, and a mark in its id and in all references."""

    def change(name: str, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: change(key, inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [change(name, inner) for inner in value]
        if not isinstance(value, str):
            return value
        if name == "reference" and "/" in value:
            return f"{value}{MARK}"
        return DAY.sub(lambda day: str(date.fromisoformat(day[0]) + timedelta(days=shift)), value)

    moved = {name: change(name, value) for name, value in resource.items()}
    moved["id"] = f"{resource['id']}{MARK}"
    return json.dumps(moved, separators=(",", ":")).replace("\\u0000", MARK)


@click.group()
def main() -> None:
    """Make an export, or measure an evaluation of one."""


@main.command()
@click.argument("sets", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("to", type=click.Path(path_type=Path))
@click.option("--patients", "count", default=100_000, show_default=True)
def generate(sets: Path, to: Path, count: int) -> None:
    """Draw patients from the public SETS and write them TO a folder."""
    rng = random.Random(7)  # noqa: S311  not for secrets
    people = {name: patients(sets / name) for name in MIX}
    names, shares = list(MIX), [share for share, _ in MIX.values()]
    drawn_from = rng.choices(names, shares, k=VARIANTS)
    variants = [variant(rng.choice(people[name]), MIX[name][1], rng) for name in drawn_from]
    to.mkdir(parents=True)
    kinds = sorted({kind for drawn in variants for kind, _ in drawn})
    files = {kind: (to / f"{kind}.ndjson").open("w", encoding="utf-8") for kind in kinds}
    written = 0
    for number in range(count):
        for kind, text in variants[number % VARIANTS]:
            files[kind].write(text.replace(MARK, f"-{number}") + "\n")
            written += 1
    for file in files.values():
        file.close()
    size = sum(path.stat().st_size for path in to.iterdir())
    click.echo(f"{count} patients, {written} resources, {size / 1e9:.2f} GB")


@main.command()
@click.argument("export", type=click.Path(exists=True, path_type=Path))
@click.option("--policy", type=click.Path(exists=True, path_type=Path))
@click.option("--jobs", "jobs", multiple=True, type=int, default=(1, 2))
@click.option("--memory", default="1GB", show_default=True)
def measure(export: Path, policy: Path | None, jobs: tuple[int, ...], memory: str) -> None:
    """Evaluate EXPORT once for each number of jobs, and print time, processor time and memory."""
    count = sum(1 for _ in (export / "Patient.ndjson").open("rb"))
    click.echo(f"{count} patients, {sum(p.stat().st_size for p in export.iterdir()) / 1e9:.2f} GB, --memory {memory}")
    click.echo(f"{'jobs':>5}{'seconds':>10}{'CPU s':>10}{'patients/s':>12}{'per CPU s':>11}{'peak MB':>9}")
    for number in jobs:
        out = Path(tempfile.mkdtemp(prefix="evaluation-"))
        command = [sys.executable, "-m", "cds_service", "evaluate", str(export), "--out", str(out)]
        command += ["--jobs", str(number), "--memory", memory]
        command += ["--policy", str(policy)] if policy else []
        before, begun = os.times(), time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603  our own command
        peak = Peak(process.pid)
        if process.wait() != 0:
            raise SystemExit("the evaluation failed")
        seconds, after = time.monotonic() - begun, os.times()
        worked = after.children_user - before.children_user + after.children_system - before.children_system
        shutil.rmtree(out)
        row = f"{number:>5}{seconds:>10.0f}{worked:>10.0f}{count / seconds:>12.1f}{count / worked:>11.1f}"
        click.echo(f"{row}{peak.megabytes:>9.0f}")


class Peak:
    """The most memory that a process and its children held together, looked at four times a second (Linux)."""

    def __init__(self, pid: int) -> None:
        self._pid, self.megabytes = pid, 0.0
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while Path(f"/proc/{self._pid}").exists():
            held = sum(map(_proportional, _family(self._pid)))
            self.megabytes = max(self.megabytes, held / 1024)
            time.sleep(0.25)


def _family(pid: int) -> Iterator[int]:
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return
    for child in children:
        yield from _family(int(child))


def _proportional(pid: int) -> int:
    """Return the memory of a process in kB, with what it shares divided among those that share it."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


if __name__ == "__main__":
    main()
