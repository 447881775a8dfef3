"""The loader of the knowledge tables is strict: a wrong file is refused, and the message says where it is wrong."""

from __future__ import annotations

import csv

import pytest

from magnesium.facts import Analyte
from magnesium.knowledge import KnowledgeError, parse_table, read_table

COLUMNS = ("name", "weight")


def test_reads_rows_by_column() -> None:
    assert parse_table("t.csv", 'name,weight\n"a, b",1\n', COLUMNS) == [{"name": "a, b", "weight": "1"}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"t\.csv: the header is \[\]"),
        ("weight,name\n", "the header is"),
        ("name,weight\na,1\nb\n", r"t\.csv line 3: 1 cells, expected 2"),
        ("name,weight\na,1,2\n", r"t\.csv line 2: 3 cells, expected 2"),
    ],
)
def test_refuses_another_shape(text: str, message: str) -> None:
    with pytest.raises(KnowledgeError, match=message):
        parse_table("t.csv", text, COLUMNS)


def test_refuses_a_broken_quote() -> None:
    with pytest.raises(csv.Error):
        parse_table("t.csv", 'name,weight\n"a"b,1\n', COLUMNS)


def test_every_analyte_stands_in_the_table_once() -> None:
    rows = read_table("analytes.csv", ("analyte", "substance", "label", "short"))
    assert sorted(row["analyte"] for row in rows) == sorted(Analyte)
