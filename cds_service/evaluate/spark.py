"""The engine for a cluster: Apache Spark reads, groups by patient and hands the patients out.

Every worker needs this software, reaches the files of the export and of the policies at the same places, and shares
the folder of the results. Files are read in pieces, through fsspec as on one machine; a compressed file is one piece.
The patients are judged in waves: a wave that is written whole is not judged again after a kill.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as f

from cds_service.evaluate.history import READ
from cds_service.evaluate.patient import Evaluation
from cds_service.evaluate.rows import Problem, encode
from cds_service.evaluate.source import (
    Source,
    bad_lines,
    homeless,
    is_compressed,
    lines,
    opened,
    told,
    unread,
)
from cds_service.evaluate.work import Work

_PIECE = 64 * 1024 * 1024
_BYTES_IN_A_WAVE = 512 * 1024 * 1024
_FEWEST_WAVES, _MOST_WAVES = 2, 128
_TASKS_PER_CORE = 4
_UNREAD = "!"
"""The kind of the line that stands for a file that cannot be read."""
_COLUMNS = "file INT, wave INT, patient STRING, kind STRING, id STRING, drug STRING, line STRING"

Advance = Callable[[int], None]


class NoSparkError(Exception):
    """Spark does not start."""


@dataclass(frozen=True, slots=True)
class Grouped:
    """An export, with the patient each line belongs to."""

    path: Path
    kinds: frozenset[str]
    """The resource types that it holds."""
    patients: dict[int, int]
    """How many patients are in each wave."""
    unread: tuple[int, ...]
    """Files that could not be read to their end: nothing of them is used."""


def session(master: str) -> SparkSession:
    """Start Spark, or join the session that runs.

    Args:
        master: address of the master; empty: as Spark is set up here.

    Raises:
        NoSparkError: it does not start; the message says what is missing.
    """
    if not os.environ.get("JAVA_HOME") and shutil.which("java") is None:
        raise NoSparkError("Spark needs Java 17 or newer: install it, or set JAVA_HOME")
    # The workers need the interpreter in which this software is installed.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("magnesium-cds evaluate").config("spark.ui.showConsoleProgress", "false")
    if master:
        builder = builder.master(master)
    try:
        started: SparkSession = builder.getOrCreate()
    except PySparkException as error:
        raise NoSparkError(f"Spark does not start: {type(error).__name__}. Check --master and Java.") from None
    started.sparkContext.setLogLevel("ERROR")
    return started


def group(spark: SparkSession, files: list[Source], work: Work, *, advance: Advance) -> Grouped:
    """Find out to whom each line belongs.

    Args:
        spark: the session.
        files: the export.
        work: where to work.
        advance: is told the bytes that were read.
    """
    path = work.folder / "lines"
    size = sum(source.size for source in files)
    if not (path / "_SUCCESS").exists():
        waves = max(_FEWEST_WAVES, min(_MOST_WAVES, size // _BYTES_IN_A_WAVE))
        pieces = list(_pieces(files))
        read = spark.sparkContext.parallelize(pieces, len(pieces)).flatMap(partial(_read, waves=waves))
        spark.createDataFrame(read, _COLUMNS).write.mode("overwrite").partitionBy("wave").parquet(str(path))
    advance(size)
    found = spark.read.parquet(str(path))
    kinds = {row.kind for row in found.select("kind").distinct().collect()}
    broken = tuple(row.file for row in found.where(f.col("kind") == _UNREAD).select("file").distinct().collect())
    sound = found.where(~_among("file", broken))
    patients = sound.groupBy("wave").agg(f.countDistinct("patient").alias("patients")).collect()
    if not work.has_rows("files"):
        work.write_rows("files", _problems(spark, files, sound, broken))
    counted = {row.wave: row.patients for row in patients}
    return Grouped(path, frozenset(kind for kind in kinds if kind in READ), dict(sorted(counted.items())), broken)


def evaluate(spark: SparkSession, grouped: Grouped, evaluation: Evaluation, work: Work, *, advance: Advance) -> None:
    """Judge every patient and write the rows; waves that are done already are left as they are.

    Args:
        spark: the session.
        grouped: the export.
        evaluation: judges a patient.
        work: where to work.
        advance: is told the patients that are done.
    """
    found = spark.read.parquet(str(grouped.path)).where(~_among("file", grouped.unread))
    drugs = found.where(f.col("kind") == "Medication").select(f.col("id").alias("drug"), "line")
    tasks = _TASKS_PER_CORE * spark.sparkContext.defaultParallelism
    for wave, patients in grouped.patients.items():
        to = work.rows / f"wave-{wave:04}"
        if not (to / "_SUCCESS").exists():
            shutil.rmtree(to, ignore_errors=True)
            lines_of = _with_drugs(found.where(f.col("wave") == wave), drugs)
            sorted_lines = lines_of.repartition(tasks, "patient").sortWithinPartitions("patient")
            sorted_lines.rdd.mapPartitions(partial(_judged, evaluation=evaluation)).saveAsTextFile(str(to))
        advance(patients)


def _among(name: str, values: Iterable[int]) -> Column:
    return f.col(name).isin(*values)


def _with_drugs(found: DataFrame, drugs: DataFrame) -> DataFrame:
    """Return the lines of patients, every drug beside the orders that refer to it."""
    named = found.where(f.col("patient").isNotNull())
    own = named.where(f.col("kind") != "Medication").select("patient", "line")
    wanted = named.where(f.col("drug").isNotNull()).select("patient", "drug").distinct()
    return own.union(wanted.join(drugs, "drug").select("patient", "line"))


# ── On the workers ────────────────────────────────────────────────────────────────────────────────


def _pieces(files: list[Source]) -> Iterator[tuple[int, Source, int, int]]:
    for number, source in enumerate(files):
        step = source.size or 1 if is_compressed(source) else _PIECE
        for start in range(0, max(1, source.size), step):
            yield number, source, start, min(start + step, source.size)


def _read(piece: tuple[int, Source, int, int], waves: int) -> Iterator[tuple[Any, ...]]:
    number, source, start, end = piece
    try:
        for line in lines(source) if is_compressed(source) else _lines_between(source, start, end):
            if not line.strip():
                continue
            said = told(line)
            if said.kind is None or said.kind in READ:
                wave = zlib.crc32((said.patient or "").encode()) % waves
                # What is not UTF-8 is not JSON either: it is listed, and its words are not needed.
                yield number, wave, *said, line.decode(errors="replace")
    except (OSError, EOFError, zlib.error):
        yield number, 0, None, _UNREAD, None, None, ""


def _lines_between(source: Source, start: int, end: int) -> Iterator[bytes]:
    """Yield the lines that begin in a stretch of a file."""
    with opened(source) as stream:
        if start:
            stream.seek(start - 1)
            stream.readline()
        while stream.tell() < end and (line := stream.readline()):
            yield line


def _judged(rows: Iterable[Any], evaluation: Evaluation) -> Iterator[str]:
    for patient, found in groupby(rows, key=itemgetter(0)):
        for line in encode(evaluation.of_patient(patient, (row[1] for row in found))):
            yield line.decode()


# ── What is wrong with the files ──────────────────────────────────────────────────────────────────


def _problems(spark: SparkSession, files: list[Source], sound: DataFrame, broken: Iterable[int]) -> Iterator[Problem]:
    for number in sorted(broken):
        yield unread(files[number])
    bad = [files[row.file] for row in sound.where(f.col("kind").isNull()).select("file").distinct().collect()]
    if bad:
        listed = spark.sparkContext.parallelize(bad, len(bad)).flatMap(_bad).collect()
        yield from (Problem(**json.loads(row)) for row in sorted(listed))
    strangers = sound.where(f.col("patient").isNull() & (f.col("kind") != "Medication")).groupBy("file", "kind").count()
    for row in sorted(strangers.collect()):
        yield homeless(files[row[0]], row[1], row[2])


def _bad(source: Source) -> list[str]:
    kept = ("place", "patient", "kind", "message")
    return [json.dumps({name: getattr(problem, name) for name in kept}) for problem in bad_lines(source)]
