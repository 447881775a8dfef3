"""The table of causes of low magnesium and its closed vocabulary of findings, read strictly.

``knowledge/causes.csv`` says of every cause where it acts, how, and which findings speak for it, against it, and must
be there; ``knowledge/findings.csv`` says what a finding is called on a card. Lists are separated by ``|``; an entry of
``requires`` may name alternatives, joined by ``or``. A statement of the sources that names a cause and has no row
stands in ``knowledge/causes_not_used.csv`` with the reason.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property
from typing import TypeVar

from magnesium.drugs import drug_classes, drugs
from magnesium.knowledge import KnowledgeError, parse_table, read_text

T = TypeVar("T", bound=StrEnum)

_CAUSES = "causes.csv"
_FINDINGS = "findings.csv"
_CAUSE_COLUMNS = (
    "id", "name", "kind", "group", "site", "gene_or_transporter", "mechanism", "requires", "supports", "contradicts",
    "rank", "sources",
)  # fmt: skip
_FINDING_COLUMNS = ("id", "words", "sources")
_STATEMENT = re.compile(r"S[0-4]-\d{3}")
_ID = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")
_FINDING_ID = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*(:[a-z0-9]+([_-][a-z0-9]+)*)?")
_RANK = re.compile(r"[1-5]")


class Kind(StrEnum):
    """Whether a cause is acquired or inherited."""

    ACQUIRED = "acquired"
    INHERITED = "inherited"


class Group(StrEnum):
    """The step of magnesium metabolism that fails, drugs and inherited disease apart [S0-083]."""

    DRUG = "drug"
    GUT = "gut"
    SHIFT = "shift"
    FILTRATION = "filtration"
    INHERITED = "inherited"
    OTHER = "other"


class Site(StrEnum):
    """Where magnesium is not taken up or is lost."""

    GUT_PASSIVE = "gut passive"
    GUT_ACTIVE = "gut active"
    SHIFT = "shift"
    FILTRATION = "filtration"
    PROXIMAL = "proximal"
    TAL = "TAL"
    DCT = "DCT"
    OTHER = "other"

    @property
    def words(self) -> str:
        """The site as the card calls it."""
        return {
            Site.GUT_PASSIVE: "gut",
            Site.GUT_ACTIVE: "gut, active uptake",
            Site.SHIFT: "shift out of plasma",
            Site.FILTRATION: "glomerular filtration",
            Site.PROXIMAL: "proximal tubule",
            Site.TAL: "thick ascending limb",
            Site.DCT: "distal convoluted tubule",
            Site.OTHER: "other",
        }[self]


@dataclass(frozen=True)
class Cause:
    """One possible cause of low magnesium."""

    id: str
    name: str
    kind: Kind
    group: Group
    site: Site
    gene_or_transporter: str
    mechanism: str
    requires: tuple[tuple[str, ...], ...]
    """Of each entry at least one finding must be there, else the cause is never listed."""
    supports: tuple[str, ...]
    contradicts: tuple[str, ...]
    rank: int
    """1 drugs that waste magnesium, 2 drugs of weak evidence, 3 conditions, 4 low potassium, 5 raised calcium."""
    sources: tuple[str, ...]

    @cached_property
    def drugs(self) -> frozenset[str]:
        """Classes and ingredients of which it requires one, if it is a drug."""
        return frozenset(finding.removeprefix("drug:") for entry in self.requires for finding in entry)


@dataclass(frozen=True, slots=True)
class FindingWords:
    """A finding of the closed vocabulary, as the card calls it."""

    id: str
    words: str
    sources: tuple[str, ...]


@cache
def causes() -> tuple[Cause, ...]:
    """Return every cause, in the order of the file: the order in which equals are listed.

    Raises:
        KnowledgeError: a row is not as it must be; the message names the file and the row.
    """
    return parse_causes(read_text(_CAUSES), findings())


@cache
def findings() -> Mapping[str, FindingWords]:
    """Return the vocabulary of findings by id.

    Raises:
        KnowledgeError: a row is not as it must be; the message names the file and the row.
    """
    return parse_findings(read_text(_FINDINGS))


@cache
def not_used() -> Mapping[str, str]:
    """Return the statements that name a cause and are deliberately no row, each with the reason."""
    rows = parse_table("causes_not_used.csv", read_text("causes_not_used.csv"), ("statement", "reason"))
    return {row["statement"]: row["reason"] for row in rows}


def parse_findings(text: str) -> Mapping[str, FindingWords]:
    """Return the vocabulary that ``text`` holds.

    Raises:
        KnowledgeError: a row is not as it must be.
    """
    known = _known_sources()
    found: dict[str, FindingWords] = {}
    for row in parse_table(_FINDINGS, text, _FINDING_COLUMNS):
        where = f"{_FINDINGS}, {row['id']}"
        _matching(where, "id", row["id"], _FINDING_ID)
        _once(where, row["id"], found)
        prefix, _, name = row["id"].partition(":")
        if prefix == "drug" and name not in drug_classes() and name not in drugs():
            raise KnowledgeError(f"{where}: {name} is neither a class nor an ingredient of the drug tables")
        found[row["id"]] = FindingWords(row["id"], _filled(where, "words", row["words"]), _sources(where, row, known))
    return found


def parse_causes(text: str, vocabulary: Mapping[str, FindingWords]) -> tuple[Cause, ...]:
    """Return the causes that ``text`` holds.

    Raises:
        KnowledgeError: a row is not as it must be.
    """
    known = _known_sources()
    found: dict[str, Cause] = {}
    for row in parse_table(_CAUSES, text, _CAUSE_COLUMNS):
        where = f"{_CAUSES}, {row['id']}"
        _matching(where, "id", row["id"], _ID)
        _once(where, row["id"], found)
        cause = Cause(
            id=row["id"],
            name=_filled(where, "name", row["name"]),
            kind=_member(where, "kind", row["kind"], Kind),
            group=_member(where, "group", row["group"], Group),
            site=_member(where, "site", row["site"], Site),
            gene_or_transporter=row["gene_or_transporter"],
            mechanism=_filled(where, "mechanism", row["mechanism"]),
            requires=tuple(tuple(entry.split(" or ")) for entry in _list(row["requires"])),
            supports=_list(row["supports"]),
            contradicts=_list(row["contradicts"]),
            rank=int(_matching(where, "rank", row["rank"], _RANK)),
            sources=_sources(where, row, known),
        )
        _consistent(where, cause, vocabulary)
        found[cause.id] = cause
    return tuple(found.values())


def _consistent(where: str, cause: Cause, vocabulary: Mapping[str, FindingWords]) -> None:
    """Refuse unknown findings, a finding on both sides, a cause that needs nothing, and one out of its rank."""
    needed = {finding for entry in cause.requires for finding in entry}
    for finding in (*sorted(needed), *cause.supports, *cause.contradicts):
        if finding not in vocabulary:
            raise KnowledgeError(f"{where}: {finding!r} is no finding of {_FINDINGS}")
    if not needed:
        raise KnowledgeError(f"{where}: a cause must require a finding, or it is listed for everybody")
    if not needed <= set(cause.supports):
        raise KnowledgeError(f"{where}: {', '.join(sorted(needed - set(cause.supports)))} must also support it")
    if both := set(cause.supports) & set(cause.contradicts):
        raise KnowledgeError(f"{where}: {', '.join(sorted(both))} cannot speak for it and against it")
    if (cause.group is Group.DRUG) is not (cause.rank in _DRUG_RANKS):
        raise KnowledgeError(f"{where}: ranks {min(_DRUG_RANKS)} and {max(_DRUG_RANKS)} are those of drugs")
    if (cause.group is Group.DRUG) is not all(finding.startswith("drug:") for finding in needed):
        raise KnowledgeError(f"{where}: drugs, and only drugs, require drugs")
    if (cause.kind is Kind.INHERITED) is not (cause.group is Group.INHERITED):
        raise KnowledgeError(f"{where}: the group of inherited causes is {Group.INHERITED}")


_DRUG_RANKS = frozenset({1, 2})


def _known_sources() -> frozenset[str]:
    return frozenset(tomllib.loads(read_text("sources.toml")))


def _sources(where: str, row: Mapping[str, str], known: frozenset[str]) -> tuple[str, ...]:
    sources = _list(row["sources"])
    for source in sources:
        if source not in known and not _STATEMENT.fullmatch(source):
            raise KnowledgeError(f"{where}: {source!r} is neither a statement nor a source of sources.toml")
    if not sources:
        raise KnowledgeError(f"{where}: no source")
    return sources


def _list(cell: str) -> tuple[str, ...]:
    return tuple(cell.split("|")) if cell else ()


def _once(where: str, identity: str, seen: Mapping[str, object]) -> None:
    if identity in seen:
        raise KnowledgeError(f"{where}: stands there twice")


def _filled(where: str, column: str, cell: str) -> str:
    if not cell.strip():
        raise KnowledgeError(f"{where}: {column} is empty")
    return cell


def _matching(where: str, column: str, cell: str, pattern: re.Pattern[str]) -> str:
    if not pattern.fullmatch(cell):
        raise KnowledgeError(f"{where}: {column} is {cell!r}")
    return cell


def _member(where: str, column: str, cell: str, kinds: type[T]) -> T:
    try:
        return kinds(cell)
    except ValueError:
        raise KnowledgeError(f"{where}: {column} is {cell!r}, expected one of {', '.join(kinds)}") from None
