"""From rows to the tables of the result: Parquet for machines, CSV for people, and the database the figures ask."""

from __future__ import annotations

import types
import typing
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from cds_service.evaluate.rows import TABLES, Row

NAMES = {
    "firing": "firings",
    "patient": "patients",
    "missed": "missed",
    "unused": "unused",
    "difference": "differences",
    "problem": "problems",
}
"""Name of the file of each kind of row."""

_TYPES = {str: "VARCHAR", int: "BIGINT", float: "DOUBLE", bool: "BOOLEAN"}


def write_tables(rows: Path, out: Path, *, memory: str, jobs: int) -> None:
    """Write one Parquet and one CSV file for each kind of row, sorted, whichever engine made them.

    Args:
        rows: the folder with the rows, as lines of JSON.
        out: where to write.
        memory: what DuckDB may hold; it goes to disk beyond.
        jobs: how many threads it uses.
    """
    spill = rows.parent / "spill"
    spill.mkdir(exist_ok=True)
    settings: dict[str, Any] = {"memory_limit": memory, "threads": jobs, "temp_directory": str(spill)}
    files = sorted({str(path) for pattern in ("*.ndjson", "part-*") for path in rows.rglob(pattern)})
    with duckdb.connect(config=settings) as database:
        for kind in TABLES:
            tag = str(kind.__struct_config__.tag)
            path = out / f"{NAMES[tag]}.parquet"
            database.execute(
                f"COPY ({_sorted(kind, tag)}) TO '{_quoted(path)}' (FORMAT parquet, COMPRESSION zstd)", [files]
            )
            database.execute(
                f"COPY (FROM '{_quoted(path)}') TO '{_quoted(path.with_suffix('.csv'))}' (FORMAT csv, HEADER)"
            )


def _sorted(kind: type[Row], tag: str) -> str:
    columns = ", ".join(f'"{name}": "{_type(kind, name)}"' for name in kind.__struct_fields__)
    return (
        f"SELECT one.* FROM (SELECT from_json(json, '{{{columns}}}') AS one"  # noqa: S608  our own names
        " FROM read_json_objects(?, format = 'newline_delimited')"
        f" WHERE json->>'$.table' = '{tag}') ORDER BY ALL"
    )


def _type(kind: type[Row], name: str) -> str:
    hint = typing.get_type_hints(kind)[name]
    if isinstance(hint, types.UnionType):
        hint = next(part for part in typing.get_args(hint) if part is not types.NoneType)
    return _TYPES[hint]


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


class Tables:
    """The tables of a result, to be asked."""

    def __init__(self, out: Path) -> None:
        self._database = duckdb.connect()
        for name in NAMES.values():
            self._database.execute(f"CREATE VIEW {name} AS FROM '{_quoted(out / name)}.parquet'")

    def ask(self, question: str, kind: type[Any], *values: Any) -> list[Any]:
        """Return the rows of an answer as ``kind``, a msgspec Struct with the columns of the question.

        Raises:
            msgspec.ValidationError: the columns are not those of ``kind``.
        """
        found = self._database.execute(question, list(values))
        names = [column[0] for column in found.description]
        return [msgspec.convert(dict(zip(names, row, strict=True)), kind) for row in found.fetchall()]
