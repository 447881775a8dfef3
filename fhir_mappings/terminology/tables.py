"""Strict reading of the terminology tables: a bad row stops the start, with file and line.

A missing row makes the service silent about a drug; a wrong row makes it speak about the wrong one. So
nothing is repaired here.
"""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from fhir_mappings.terminology.concepts import DrugConcept, RouteKind

Row = dict[str, str]

_FLAG: Mapping[str, bool | None] = {"yes": True, "no": False, "": None}
_ROUTE: Mapping[str, RouteKind] = {kind.value: kind for kind in RouteKind} | {"": RouteKind.UNSPECIFIED}

# What a built drug table is. The first line carries the release, so that `version` can say it.
DRUG_TABLE_COLUMNS = (
    "code_system",
    "code",
    "tty",
    "ingredients",
    "other_ingredients",
    "dose_form",
    "route_kind",
    "name",
    "suppress",
)
DRUG_TABLE_TITLE = "# magnesium-cds drug table, format 1, RxNorm release "
# Codes of the release that hold none of our ingredients, many to a row: known, and nothing to us.
OUT_OF_SCOPE = "out-of-scope"


class TerminologyError(ValueError):
    """A terminology table is not as it must be; the message names the file and the line."""


@dataclass(frozen=True, slots=True)
class DrugTable:
    """The drug table that was built from one RxNorm release."""

    release: str
    drugs: Mapping[tuple[str, str], DrugConcept]
    out_of_scope: Mapping[str, AbstractSet[str]]


def read_embedded(name: str) -> str:
    """Return the text of a table that ships with the package."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def parse_rows(
    name: str,
    lines: Iterable[str],
    columns: tuple[str, ...],
    key: tuple[str, ...],
    *,
    first_line: int = 1,
) -> Iterator[tuple[str, Row]]:
    """Yield each row of a CSV table with the words that say where it stands.

    Raises:
        TerminologyError: another header than ``columns``, a row with too few or too many cells, or with the
            same ``key`` as an earlier one.
    """
    reader = csv.reader(lines, strict=True)
    header = tuple(next(reader, ()))
    if header != columns:
        raise TerminologyError(f"{name}:{first_line}: the header is {list(header)}, expected {list(columns)}")
    seen: set[tuple[str, ...]] = set()
    for cells in reader:
        where = f"{name}:{reader.line_num + first_line - 1}"
        if len(cells) != len(columns):
            raise TerminologyError(f"{where}: {len(cells)} cells, expected {len(columns)}")
        row = dict(zip(columns, cells, strict=True))
        identity = tuple(row[column] for column in key)
        if identity in seen:
            raise TerminologyError(f"{where}: {', '.join(identity)} stands here for the second time")
        seen.add(identity)
        yield where, row


def matching(where: str, row: Row, column: str, pattern: re.Pattern[str]) -> str:
    """Return a cell that must match ``pattern`` from end to end."""
    if not pattern.fullmatch(row[column]):
        raise TerminologyError(f"{where}: {column} is {row[column]!r}")
    return row[column]


def filled(where: str, row: Row, column: str) -> str:
    """Return a cell that must not be empty."""
    return matching(where, row, column, _SOMETHING)


_SOMETHING = re.compile(r"\S.*")


def flag(where: str, row: Row, column: str) -> bool | None:
    """Return yes, no or nothing as True, False or None."""
    if row[column] not in _FLAG:
        raise TerminologyError(f"{where}: {column} is {row[column]!r}, expected yes, no or nothing")
    return _FLAG[row[column]]


def route_kind(where: str, row: Row) -> RouteKind:
    """Return the route; an empty cell means that the code says nothing about it."""
    if row["route_kind"] not in _ROUTE:
        raise TerminologyError(f"{where}: route_kind is {row['route_kind']!r}")
    return _ROUTE[row["route_kind"]]


def ingredients(where: str, row: Row, known: frozenset[str]) -> tuple[str, ...]:
    """Return the ingredients, which must be ours, sorted and at least one."""
    names = tuple(row["ingredients"].split(";"))
    for name in names:
        if name not in known:
            raise TerminologyError(f"{where}: {name!r} is no ingredient of ingredients.csv")
    if names != tuple(sorted(set(names))):
        raise TerminologyError(f"{where}: ingredients are {list(names)}, expected them sorted, each once")
    return names


def read_ingredients() -> Mapping[str, str]:
    """Return every ingredient in scope with its RxNorm code, empty where none is known."""
    rows = parse_rows(
        "ingredients.csv",
        read_embedded("ingredients.csv").splitlines(),
        ("ingredient", "rxnorm_in"),
        ("ingredient",),
    )
    return {
        filled(where, row, "ingredient"): matching(where, row, "rxnorm_in", re.compile(r"\d{0,8}"))
        for where, row in rows
    }


def read_drug_table(path: Path, known: frozenset[str]) -> DrugTable:
    """Return the table that ``rxnorm_release.build_drug_table`` wrote.

    Raises:
        TerminologyError: no gzip file, no drug table, or a bad row.
        OSError: the file cannot be read.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
            return _parse_drug_table(path.name, lines, known)
    except (gzip.BadGzipFile, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise TerminologyError(f"{path.name}: not a drug table ({error})") from error


def _parse_drug_table(name: str, lines: Iterable[str], known: frozenset[str]) -> DrugTable:
    stream = iter(lines)
    title = next(stream, "").rstrip("\n")
    if not title.startswith(DRUG_TABLE_TITLE):
        raise TerminologyError(f"{name}:1: not a drug table: the first line is {title[:60]!r}")
    drugs: dict[tuple[str, str], DrugConcept] = {}
    out_of_scope: dict[str, set[str]] = {}
    # Tens of thousands of package codes share a few thousand meanings.
    meanings: dict[tuple[str, ...], DrugConcept] = {}
    for where, row in parse_rows(name, stream, DRUG_TABLE_COLUMNS, ("code_system", "code"), first_line=2):
        system = row["code_system"]
        if system not in {"rxnorm", "ndc"}:
            raise TerminologyError(f"{where}: code_system is {system!r}")
        if row["tty"] == OUT_OF_SCOPE:
            out_of_scope.setdefault(system, set()).update(row["code"].split(" "))
            continue
        meaning = tuple(row[column] for column in DRUG_TABLE_COLUMNS[3:8])
        if meaning not in meanings:
            meanings[meaning] = drug_concept(where, row, known)
        drugs[system, matching(where, row, "code", _DRUG_CODE)] = meanings[meaning]
    return DrugTable(title.removeprefix(DRUG_TABLE_TITLE), drugs, out_of_scope)


_DRUG_CODE = re.compile(r"\d{1,11}")


def drug_concept(where: str, row: Row, known: frozenset[str]) -> DrugConcept:
    """Return the meaning of a row that has the columns of a drug."""
    return DrugConcept(
        ingredients=ingredients(where, row, known),
        other_ingredients=flag(where, row, "other_ingredients"),
        route_kind=route_kind(where, row),
        dose_form=row.get("dose_form", ""),
        name=row["name"],
    )
