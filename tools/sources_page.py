"""The page of public sources: each statement that is not from S0 to S4, its document, and how far it was checked."""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from magnesium.drugs import drug_classes, drugs
from magnesium.knowledge import read_text
from magnesium.policy import Basis, Limit, Number, Span, load_site
from tools.markdown import bullets, table

STATEMENTS = Path(__file__).parents[1] / "docs" / "public_statements.csv"
CONFIRMED = frozenset({"read", "copy"})
"""Status of a source that was seen itself, or in a reprint or transcription."""
STATUS = {
    "read": "the document itself was read, or its abstract where that is said",
    "copy": "a reprint or transcription of the document was read",
    "quoted": "another public text quotes it; the document was not seen",
    "unseen": "taken from the clinical specification of the project; primary document not seen",
    "project": "no document: arithmetic, or a default of this project",
}
_STATEMENT = re.compile(r"S[0-4](-\d{3})?")
_INTRODUCTION = """\
# Public sources

Written by `python -m tools.generate_docs` from [public_statements.csv](public_statements.csv),
[sources.toml](../magnesium/knowledge/sources.toml) and [policy.toml](../magnesium/knowledge/policy.toml): do not edit.

The statements of the five source documents S0 to S4 are in [traceability](traceability.md). This page is about
everything else: facts from public documents. **Confirmed** means that the document, or a reprint of it, was read and
says so. Everything else is **local**: a default of this project that the site confirms, and that is shown as local
wherever it is shown.
"""


def statements() -> list[dict[str, str]]:
    """Return the rows of the table of statements."""
    with STATEMENTS.open(encoding="utf-8", newline="") as rows:
        return list(csv.DictReader(rows))


def documents() -> Mapping[str, Mapping[str, str]]:
    """Return the sources by id."""
    return tomllib.loads(read_text("sources.toml"))


def sources_page() -> str:
    """Return the text of the page."""
    sources = documents()
    sections: Sequence[tuple[str, str]] = (
        ("Statements", _statements()),
        ("Numbers of the policy", _numbers(sources)),
        ("Drug tables", _drugs()),
        ("Documents", _documents(sources)),
    )
    return "\n".join((_INTRODUCTION, *(f"## {title}\n\n{text}\n" for title, text in sections)))


def _statements() -> str:
    rows = statements()
    confirmed = sum(row["status"] == "confirmed" for row in rows)
    return "\n\n".join(
        (
            f"{confirmed} of {len(rows)} are confirmed. The place is the section of the clinical specification.",
            table(
                ("place", "statement", "document", "status", "note"),
                (
                    (f"§{r['place']}", r["statement"], _ids(r["sources"].split("|")), r["status"], r["note"])
                    for r in rows
                ),
            ),
        )
    )


def _numbers(sources: Mapping[str, Mapping[str, str]]) -> str:
    numbers = load_site().policy.numbers.values()
    beyond = [n for n in numbers if any(s in sources and s != "local" for s in n.sources)]
    count = sum(n.basis is Basis.LOCAL for n in numbers)
    return "\n\n".join(
        (
            f"Numbers that name a source other than S0 to S4. {count} of all {len(numbers)} numbers are local.",
            table(
                ("number", "value", "basis", "document"),
                ((f"`{n.id}`", _value(n), n.basis.value, _ids(n.sources)) for n in beyond),
            ),
        )
    )


def _value(number: Number) -> str:
    return number.text if isinstance(number, Limit | Span) else str(getattr(number, "text", ""))


def _drugs() -> str:
    classes = ((f"class *{c.label}*", _ids(c.sources)) for c in drug_classes().values() if any(_beyond(c.sources)))
    return "\n\n".join(
        (
            f"{len(drugs())} ingredients in {len(drug_classes())} classes. Intervals, wash-outs and weights are local.",
            table(("row", "document"), classes),
        )
    )


def _documents(sources: Mapping[str, Mapping[str, str]]) -> str:
    rows = (
        (id_, s["title"], s["identifier"], s["status"], s["review"])
        for id_, s in sources.items()
        if not _STATEMENT.fullmatch(id_)
    )
    meanings = bullets(f"*{status}*: {meaning}" for status, meaning in STATUS.items())
    return "\n\n".join((meanings, table(("id", "document", "where", "status", "how and when it was checked"), rows)))


def _beyond(ids: Iterable[str]) -> Iterator[str]:
    return (id_ for id_ in ids if not _STATEMENT.fullmatch(id_))


def _ids(ids: Iterable[str]) -> str:
    return ", ".join(ids)
