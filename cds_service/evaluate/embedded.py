"""The engine for one machine: DuckDB groups the export by patient, worker processes judge.

DuckDB reads the files with all cores, finds out to whom each line belongs, and sorts by patient beyond memory, on
disk. The sorted file is cut into parts of whole patients; a worker reads one part at a time. So no more is in memory
than the sort is allowed to have, and in each worker one part of the file and one patient.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import duckdb
import fsspec

from cds_service.evaluate.history import READ
from cds_service.evaluate.patient import Evaluation
from cds_service.evaluate.rows import Problem, Row
from cds_service.evaluate.source import DRUG, PATHS, PATIENT, Source, bad_lines, homeless, unread
from cds_service.evaluate.work import Work, made_whole

_LINES_IN_A_PART = 20_000
_FEWEST_PARTS = 8
_LINES_AT_A_TIME = 2_000
_WORKER_MEMORY = "256MB"
"""What DuckDB may hold in a worker, which reads one part of the file."""

Advance = Callable[[int], None]
"""Told how much further the work has come."""


@dataclass(frozen=True, slots=True)
class Grouped:
    """An export, sorted by patient."""

    path: Path
    kinds: frozenset[str]
    """The resource types that it holds."""
    patients: dict[int, int]
    """How many patients are in each part."""


def group(files: list[Source], work: Work, *, memory: str, jobs: int, advance: Advance) -> Grouped:
    """Sort an export by patient.

    Args:
        files: the export.
        work: where to work.
        memory: what DuckDB may hold, e.g. ``2GB``; it goes to disk beyond.
        jobs: how many threads it uses.
        advance: is told the bytes that were read.
    """
    folder = work.folder / "lines"
    folder.mkdir(exist_ok=True)
    with _connected(work, memory, jobs) as database:
        for number, source in enumerate(files):
            name = f"file-{number:06}"
            # The rows on what was wrong with a file are written last: they say that it is done.
            if not work.has_rows(name):
                work.write_rows(name, _read(database, source, folder / f"{number:06}.parquet"))
            advance(source.size)
        grouped = work.folder / "grouped.parquet"
        # A file that could not be read has left a row and an empty file.
        lines = f"read_parquet('{_quoted(folder)}/*.parquet')"
        if not grouped.exists():
            with made_whole(grouped) as beside:
                database.execute(_sorting(database, lines, beside))
        kinds = database.execute(f"SELECT DISTINCT kind FROM {lines} WHERE kind IS NOT NULL").fetchall()  # noqa: S608
        parts = database.execute(
            f"SELECT part, count(DISTINCT patient) FROM '{_quoted(grouped)}' GROUP BY part"  # noqa: S608  our own path
        ).fetchall()
    return Grouped(grouped, frozenset(kind for (kind,) in kinds), dict(sorted(parts)))


def evaluate(grouped: Grouped, evaluation: Evaluation, work: Work, *, jobs: int, advance: Advance) -> None:
    """Judge every patient and write the rows; parts that are done already are left as they are.

    Args:
        grouped: the export.
        evaluation: judges a patient.
        work: where to work.
        jobs: how many processes.
        advance: is told the patients that are done.
    """
    todo = []
    for part, patients in grouped.patients.items():
        if work.has_rows(_name(part)):
            advance(patients)
        else:
            todo.append(part)
    # Spawned, not forked: DuckDB runs threads, which do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(jobs, len(todo)) or 1, context) as pool:
        running = {pool.submit(_part, grouped.path, part, evaluation, work): part for part in todo}
        for done in as_completed(running):
            done.result()
            advance(grouped.patients[running[done]])


def _part(path: Path, part: int, evaluation: Evaluation, work: Work) -> None:
    with _connected(work, _WORKER_MEMORY, 1) as database:
        work.write_rows(_name(part), _rows(database, path, part, evaluation))


def _rows(database: Any, path: Path, part: int, evaluation: Evaluation) -> Iterator[Row]:
    found = database.execute(
        f"SELECT patient, line FROM '{_quoted(path)}' WHERE part = ? ORDER BY patient",  # noqa: S608  our own path
        [part],
    )
    for patient, lines in groupby(_fetched(found), key=itemgetter(0)):
        yield from evaluation.of_patient(patient, (line for _, line in lines))


def _fetched(found: Any) -> Iterator[tuple[str, str]]:
    while rows := found.fetchmany(_LINES_AT_A_TIME):
        yield from rows


def _name(part: int) -> str:
    return f"part-{part:06}"


# ── DuckDB ────────────────────────────────────────────────────────────────────────────────────────


def _connected(work: Work, memory: str, threads: int) -> Any:
    spill = work.folder / "spill"
    spill.mkdir(exist_ok=True)
    return duckdb.connect(
        config={
            "memory_limit": memory,
            "threads": threads,
            "temp_directory": str(spill),
            "preserve_insertion_order": False,
            # Nothing is fetched or loaded that was not installed.
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
    )


def _read(database: Any, source: Source, done: Path) -> Iterator[Problem]:
    """Write the lines of a file with the patient each belongs to, and yield what is wrong with it."""
    protocol, address, _ = source.url.partition("://")
    if address and protocol not in database.list_filesystems():
        database.register_filesystem(fsspec.filesystem(protocol))
    with made_whole(done) as beside:
        try:
            database.execute(_reading(source, beside))
        except duckdb.Error:
            database.execute(_nothing(beside))
            yield unread(source)
            return
    lines = f"'{_quoted(done)}'"
    bad = database.execute(f"SELECT count(*) FROM {lines} WHERE kind IS NULL").fetchone()[0]  # noqa: S608
    if bad:
        yield from bad_lines(source)
    strangers = database.execute(
        f"SELECT kind, count(*) FROM {lines} WHERE patient IS NULL AND kind <> 'Medication' GROUP BY kind"  # noqa: S608
    ).fetchall()
    for kind, count in sorted(strangers):
        yield homeless(source, kind, count)


_COLUMNS = "patient VARCHAR, kind VARCHAR, id VARCHAR, drug VARCHAR, line VARCHAR"


def _reading(source: Source, to: Path) -> str:
    paths = ", ".join(f"'{path}'" for path in PATHS)
    read = ", ".join(f"'{kind}'" for kind in sorted(READ))
    form = "format = 'newline_delimited', ignore_errors = true"
    return f"""
        COPY (
            SELECT
                CASE WHEN m[1] = 'Patient' THEN m[2]
                     ELSE nullif(regexp_extract(coalesce(m[3], m[4]), '{PATIENT}', 1), '') END AS patient,
                m[1] AS kind,
                m[2] AS id,
                nullif(regexp_extract(coalesce(m[5], m[6]), '{DRUG}', 1), '') AS drug,
                line
            FROM (
                SELECT json_extract_string(json, [{paths}]) AS m, json::VARCHAR AS line
                FROM read_json_objects('{_quoted(source.url)}', {form})
            )
            WHERE m[1] IS NULL OR m[1] IN ({read})
        ) TO '{_quoted(to)}' (FORMAT parquet, COMPRESSION zstd)
    """  # noqa: S608  nothing in it comes from the data


def _nothing(to: Path) -> str:
    nothing = ", ".join(f"NULL::{column.split()[1]} AS {column.split()[0]}" for column in _COLUMNS.split(", "))
    return f"COPY (SELECT {nothing} WHERE false) TO '{_quoted(to)}' (FORMAT parquet)"


def _sorting(database: Any, lines: str, to: Path) -> str:
    """Return the statement that sorts by patient, every drug beside the orders that refer to it."""
    count = database.execute(f"SELECT count(*) FROM {lines}").fetchone()[0]  # noqa: S608
    parts = max(_FEWEST_PARTS, count // _LINES_IN_A_PART)
    return f"""
        COPY (
            SELECT (hash(patient) % {parts})::INTEGER AS part, patient, line
            FROM (
                SELECT patient, line FROM {lines} WHERE patient IS NOT NULL AND kind <> 'Medication'
                UNION ALL
                SELECT wanted.patient, drugs.line
                FROM (SELECT DISTINCT patient, drug FROM {lines} WHERE drug IS NOT NULL AND patient IS NOT NULL) wanted
                JOIN (SELECT id, line FROM {lines} WHERE kind = 'Medication') drugs ON drugs.id = wanted.drug
            )
            ORDER BY part, patient
        ) TO '{_quoted(to)}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_LINES_IN_A_PART})
    """  # noqa: S608


def _quoted(path: object) -> str:
    return str(path).replace("'", "''")
