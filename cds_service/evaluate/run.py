"""An evaluation from the files of an export to the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Protocol

import duckdb

from cds_service.evaluate import embedded
from cds_service.evaluate.figures import Figures
from cds_service.evaluate.judge import Judge
from cds_service.evaluate.patient import Evaluation
from cds_service.evaluate.report import page
from cds_service.evaluate.source import NoSourceError, Source, sources
from cds_service.evaluate.tables import Tables, write_tables
from cds_service.evaluate.work import OtherRunError, Plan, Work

DISTRIBUTION = "magnesium-cds"
_BUNDLED = "bundled"
"""Name of the policy that comes with the service."""


class EvaluateError(Exception):
    """What stops an evaluation; the message is for the person who started it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to evaluate, and how."""

    export: tuple[str, ...]
    out: Path
    policies: tuple[Path | None, ...]
    """None is the bundled policy."""
    drug_table: Path | None
    spark: bool
    master: str
    jobs: int
    memory: str
    title: str
    fresh: bool


class Progress(Protocol):
    """Shows how far the work has come."""

    def __call__(self, label: str, length: int) -> AbstractContextManager[Callable[[int], None]]:
        """Begin a stretch of work of a length; what it gives is told of each step."""


def run(order: Order, *, now: datetime, progress: Progress, say: Callable[[str], None]) -> None:
    """Evaluate an export.

    Args:
        order: what to evaluate, and how.
        now: for the report.
        progress: shows how far the work has come.
        say: tells what came out.

    Raises:
        EvaluateError: it cannot be done; the message says why, and what to do.
    """
    version = metadata.version(DISTRIBUTION)
    try:
        files = sources(order.export)
        judges = _judges(order, frozenset())
        order.out.mkdir(parents=True, exist_ok=True)
        engine = "spark" if order.spark else "embedded"
        work = Work.begin(order.out, Plan.of(engine, version, files, judges), fresh=order.fresh)
        (_on_spark if order.spark else _on_this_machine)(order, files, work, progress)
        write_tables(work.rows, order.out, memory=order.memory, jobs=order.jobs)
        policies = [judge.name for judge in judges]
        figures = Figures.of(Tables(order.out), policies)
        html = page(figures, title=order.title, made=now, version=version, policies=policies, files=len(files))
        (order.out / "report.html").write_text(html, encoding="utf-8")
    except (NoSourceError, OtherRunError) as error:
        raise EvaluateError(str(error)) from None
    except OSError as error:
        raise EvaluateError(f"{error.filename or order.out}: {error.strerror or type(error).__name__}") from None
    except BrokenProcessPool:
        raise EvaluateError(
            "A worker process was killed, perhaps for want of memory. What is done is kept: start again, with fewer "
            "--jobs if it happens again."
        ) from None
    except duckdb.OutOfMemoryException:
        raise EvaluateError(f"{order.memory} is too little to sort this export: give more with --memory") from None
    work.finish()
    for one in figures.overview:
        calls = one.patient_view + one.order_sign
        silent = one.patient_view_silent + one.order_sign_silent
        say(f"{one.policy}: {one.patients} patients, {calls} calls, {silent} silent, {one.cards} cards")
    troubles = sum(trouble.count for trouble in figures.problems)
    if troubles:
        say(f"{troubles} lines, files, patients or checks could not be read or judged: see problems.csv")
    say(f"{order.out / 'report.html'}")


def _judges(order: Order, kinds: frozenset[str]) -> tuple[Judge, ...]:
    """Return a judge for each policy.

    Raises:
        EvaluateError: a policy is not in order, two have one name, or they differ in their time zone.
    """
    judges = tuple(Judge(_name(policy), policy, order.drug_table, kinds) for policy in order.policies)
    twice = [name for name, count in Counter(judge.name for judge in judges).items() if count > 1]
    if twice:
        raise EvaluateError(f"two policies are called {twice[0]}: the report could not tell them apart")
    try:
        zones = {str(judge.zone) for judge in judges}
    except ValueError as error:
        raise EvaluateError(str(error)) from None
    if len(zones) > 1:
        raise EvaluateError(f"the policies differ in zone ({', '.join(sorted(zones))}): the same moments are needed")
    return judges


def _name(policy: Path | None) -> str:
    return policy.stem if policy is not None else _BUNDLED


def _on_this_machine(order: Order, files: list[Source], work: Work, progress: Progress) -> None:
    with progress("Grouping by patient", sum(source.size for source in files)) as advance:
        grouped = embedded.group(files, work, memory=order.memory, jobs=order.jobs, advance=advance)
    with progress("Replaying patients", sum(grouped.patients.values())) as advance:
        evaluation = Evaluation(_judges(order, grouped.kinds))
        embedded.evaluate(grouped, evaluation, work, jobs=order.jobs, advance=advance)


def _on_spark(order: Order, files: list[Source], work: Work, progress: Progress) -> None:
    from cds_service.evaluate import spark  # noqa: PLC0415  only here is PySpark needed

    try:
        session = spark.session(order.master)
    except spark.NoSparkError as error:
        raise EvaluateError(str(error)) from None
    try:
        with progress("Grouping by patient", sum(source.size for source in files)) as advance:
            grouped = spark.group(session, files, work, advance=advance)
        with progress("Replaying patients", sum(grouped.patients.values())) as advance:
            spark.evaluate(session, grouped, Evaluation(_judges(order, grouped.kinds)), work, advance=advance)
    finally:
        session.stop()
