"""Build the full drug table, package codes (NDC) included, from a deployer's own RxNorm release.

A release is a folder with RXNCONSO.RRF (names), RXNREL.RRF (relations) and RXNSAT.RRF (attributes): rows of
cells that each end in ``|``, without a header. The files are gigabytes, so they are read line by line.

RXNREL reads backwards: a row says "RXCUI2 RELA RXCUI1". With 4603 first, 317376 second and has_ingredient
between them, 317376 has the ingredient 4603. Each relation stands in the file twice, once from either end;
one of them is enough here.

Suppressed concepts (obsolete, or entered in error by a source) stay in the table, because old orders carry
them. Where they have no relations, they are read by their name, which RxNorm composes of the ingredients.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from fhir_mappings.terminology import tables
from fhir_mappings.terminology.concepts import RouteKind
from fhir_mappings.terminology.dose_forms import route_of_all, route_of_dose_form
from fhir_mappings.terminology.names import NameIndex
from fhir_mappings.terminology.ndc import normalize_ndc

# The columns of each file, up to the last one read here, in the order of NLM's technical documentation.
RXNCONSO = (
    "RXCUI",
    "LAT",
    "TS",
    "LUI",
    "STT",
    "SUI",
    "ISPREF",
    "RXAUI",
    "SAUI",
    "SCUI",
    "SDUI",
    "SAB",
    "TTY",
    "CODE",
    "STR",
    "SRL",
    "SUPPRESS",
)
RXNREL = ("RXCUI1", "RXAUI1", "STYPE1", "REL", "RXCUI2", "RXAUI2", "STYPE2", "RELA", "RUI", "SRUI", "SAB")
RXNSAT = ("RXCUI", "LUI", "SUI", "RXAUI", "STYPE", "CODE", "ATUI", "SATUI", "ATN", "SAB", "ATV")
RXNSAB = ("VCUI", "RCUI", "VSAB", "RSAB", "SON", "SF", "SVER")

_DRUG_TTYS = frozenset(
    [
        "IN",
        "PIN",
        "MIN",
        "BN",
        "SCD",
        "SCDC",
        "SCDF",
        "SCDFP",
        "SCDG",
        "SCDGP",
        "SBD",
        "SBDC",
        "SBDF",
        "SBDFP",
        "SBDG",
        "GPCK",
        "BPCK",
    ]
)
_DOSE_FORM_TTYS = frozenset({"DF", "DFG"})

# Relations, as subject → object. What a concept consists of …
_MADE_OF = frozenset(
    [
        "has_ingredient",
        "has_ingredients",
        "has_precise_ingredient",
        "consists_of",
        "has_part",
        "form_of",
        "tradename_of",
        "quantified_form_of",
        "contains",
        "isa",
    ]
)
# … the same, said from the other end …
_MADE_OF_INVERSE = frozenset(
    [
        "ingredient_of",
        "ingredients_of",
        "precise_ingredient_of",
        "constitutes",
        "part_of",
        "has_form",
        "has_tradename",
        "has_quantified_form",
        "contained_in",
        "inverse_isa",
    ]
)
# … and its dose form, or group of dose forms.
_FORM = frozenset({"has_dose_form", "has_doseformgroup"})
_FORM_INVERSE = frozenset({"dose_form_of", "doseformgroup_of"})

# How many bytes are read between two calls of the progress callback.
_PROGRESS_STEP = 1 << 20
_CODES_PER_ROW = 1000


class RxnormReleaseError(ValueError):
    """The folder is not a readable RxNorm release; the message names file, line and column."""


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What was built, for the person who built it.

    Attributes:
        release: the release as RxNorm calls it, or the name of its folder.
        concepts: RxNorm concepts with at least one of our ingredients.
        suppressed: how many of them the release suppresses.
        by_name: how many of them had no relations and were read by their name.
        ndcs: package codes of these concepts.
        out_of_scope: RxNorm and package codes known to hold none of our ingredients.
        unresolved: drug concepts of which the release does not say what they hold.
        ambiguous_ndcs: package codes that stand for different drugs; they are left out.
        missing_ingredients: our ingredients that the release does not have.
    """

    release: str
    concepts: int
    suppressed: int
    by_name: int
    ndcs: int
    out_of_scope: int
    unresolved: int
    ambiguous_ndcs: int
    missing_ingredients: tuple[str, ...]

    def __str__(self) -> str:
        """One line for each figure, in words."""
        missing = ", ".join(self.missing_ingredients) or "none"
        return "\n".join(
            (
                f"{self.release}: drug table written",
                f"  {self.concepts} concepts with our ingredients",
                f"  of them {self.suppressed} suppressed by the release, {self.by_name} read by their name",
                f"  {self.ndcs} package codes ({self.ambiguous_ndcs} ambiguous ones left out)",
                f"  {self.out_of_scope} codes known to hold none of our ingredients, {self.unresolved} unresolved",
                f"  ingredients the release does not have: {missing}",
            )
        )


def release_size(release: Path) -> int:
    """Return how many bytes ``build_drug_table`` will read, for a progress bar.

    Raises:
        RxnormReleaseError: a file is missing.
    """
    folder = _folder(release)
    return sum((folder / name).stat().st_size for name in _FILES)


def build_drug_table(release: Path, out: Path, progress: Callable[[int], None]) -> BuildReport:
    """Read the release in ``release`` (or in its ``rrf`` folder) and write the drug table to ``out``.

    ``progress`` is called with the number of bytes read since its last call. ``out`` is replaced only when
    everything is read and written, and equal releases give equal files.

    Raises:
        RxnormReleaseError: a file is missing, or a row is short of a column.
        OSError: a file cannot be read or written.
    """
    folder = _folder(release)
    known = tables.read_ingredients()
    names = NameIndex.load(frozenset(known))
    graph = _Graph()
    for row in _rows(folder / "RXNCONSO.RRF", RXNCONSO, progress):
        graph.add_concept(row)
    if not graph.concepts:
        raise RxnormReleaseError("RXNCONSO.RRF: no drug of RxNorm itself (SAB=RXNORM) in this file")
    for row in _rows(folder / "RXNREL.RRF", RXNREL, progress):
        graph.add_relation(row)
    ours = graph.our_ingredients(known, names)
    meanings, by_name, unresolved = graph.meanings(ours, names)
    packages, ambiguous = _packages(_rows(folder / "RXNSAT.RRF", RXNSAT, progress), meanings)
    report = BuildReport(
        release=_release_name(folder),
        concepts=sum(1 for meaning in meanings.values() if meaning.ingredients),
        suppressed=sum(1 for meaning in meanings.values() if meaning.ingredients and meaning.suppress),
        by_name=by_name,
        ndcs=sum(1 for meaning in packages.values() if meaning.ingredients),
        out_of_scope=sum(1 for meaning in (*meanings.values(), *packages.values()) if not meaning.ingredients),
        unresolved=unresolved,
        ambiguous_ndcs=ambiguous,
        missing_ingredients=tuple(sorted(set(known) - set(ours.values()))),
    )
    _write(out, report.release, {"ndc": packages, "rxnorm": meanings})
    return report


_FILES = ("RXNCONSO.RRF", "RXNREL.RRF", "RXNSAT.RRF")


def _folder(release: Path) -> Path:
    """Return the folder that holds the files, which the published archive puts into ``rrf``."""
    folder = release / "rrf" if (release / "rrf").is_dir() else release
    missing = [name for name in _FILES if not (folder / name).is_file()]
    if missing:
        raise RxnormReleaseError(f"no {', '.join(missing)} in {folder}: give the folder of an unpacked RxNorm release")
    return folder


def _release_name(folder: Path) -> str:
    """Return the release's own name for itself, else that of its folder, in one line."""
    sources = folder / "RXNSAB.RRF"
    if sources.is_file():
        for row in _rows(sources, RXNSAB, lambda _: None):
            if row["RSAB"] == "RXNORM" and row["SVER"]:
                return row["SVER"]
    unpacked = folder.resolve()
    return " ".join((unpacked.parent if unpacked.name == "rrf" else unpacked).name.split())


def _rows(path: Path, columns: tuple[str, ...], progress: Callable[[int], None]) -> Iterator[Mapping[str, str]]:
    """Yield the rows of a file that belong to RxNorm itself."""
    unreported = 0
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            unreported += len(line)
            if unreported >= _PROGRESS_STEP:
                progress(unreported)
                unreported = 0
            if b"|RXNORM|" not in line:
                continue
            cells = line.decode("utf-8").rstrip("\r\n").split("|")
            if len(cells) < len(columns):
                raise RxnormReleaseError(
                    f"{path.name}:{number}: {len(cells)} cells, so column {columns[len(cells)]} is missing"
                )
            yield dict(zip(columns, cells, strict=False))
    progress(unreported)


@dataclass(frozen=True, slots=True)
class _Concept:
    tty: str
    name: str
    suppress: str


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What goes into the drug table; no ingredients means out of scope."""

    tty: str
    ingredients: tuple[str, ...]
    other_ingredients: bool | None
    dose_form: str
    route_kind: RouteKind
    name: str
    suppress: str


@dataclass(slots=True)
class _Graph:
    """The concepts of a release and how they hang together."""

    concepts: dict[str, _Concept] = field(default_factory=dict)
    dose_forms: dict[str, str] = field(default_factory=dict)
    made_of: dict[str, list[str]] = field(default_factory=dict)
    forms: dict[str, list[str]] = field(default_factory=dict)
    _ingredients: dict[str, frozenset[str]] = field(default_factory=dict)

    def add_concept(self, row: Mapping[str, str]) -> None:
        """Keep a concept's own name; an active name wins over a suppressed one."""
        if row["SAB"] != "RXNORM":
            return
        rxcui, tty, suppress = row["RXCUI"], row["TTY"], row["SUPPRESS"]
        if tty in _DOSE_FORM_TTYS:
            self.dose_forms[rxcui] = row["STR"]
        elif tty in _DRUG_TTYS and (rxcui not in self.concepts or suppress == "N"):
            self.concepts[rxcui] = _Concept(tty, row["STR"], "" if suppress == "N" else suppress)

    def add_relation(self, row: Mapping[str, str]) -> None:
        """Keep what a concept is made of, and its dose form, whichever end the row tells it from."""
        if row["SAB"] != "RXNORM":
            return
        second, first, rela = row["RXCUI2"], row["RXCUI1"], row["RELA"]
        if rela in _MADE_OF:
            self._add_part(second, first)
        elif rela in _MADE_OF_INVERSE:
            self._add_part(first, second)
        elif rela in _FORM:
            self._add_form(second, first)
        elif rela in _FORM_INVERSE:
            self._add_form(first, second)

    def _add_part(self, whole: str, part: str) -> None:
        if whole not in self.concepts or part not in self.concepts:
            return
        # A brand name is shared by products of different composition, so no product is made of its brand.
        if self.concepts[part].tty != "BN" and part not in self.made_of.setdefault(whole, []):
            self.made_of[whole].append(part)

    def _add_form(self, concept: str, dose_form: str) -> None:
        if concept in self.concepts and dose_form in self.dose_forms:
            self.forms.setdefault(concept, []).append(dose_form)

    def our_ingredients(self, known: Mapping[str, str], names: NameIndex) -> dict[str, str]:
        """Return our name for each ingredient concept in scope: by its code, else by its whole name."""
        by_code = {rxcui: ingredient for ingredient, rxcui in known.items() if rxcui}
        ours = {}
        for rxcui, concept in self.concepts.items():
            if concept.tty == "IN":
                if rxcui in by_code:
                    ours[rxcui] = by_code[rxcui]
                elif len(named := names.ingredients_named(_VARIANT.sub("", concept.name))) == 1:
                    ours[rxcui] = named[0]
        return ours

    def meanings(self, ours: Mapping[str, str], names: NameIndex) -> tuple[dict[str, _Meaning], int, int]:
        """Return what each concept means, how many were read by name, and which could not be read at all."""
        meanings: dict[str, _Meaning] = {}
        by_name = 0
        unresolved = 0
        for rxcui, concept in self.concepts.items():
            held = self._holds(rxcui, frozenset())
            if held:
                meanings[rxcui] = self._by_relations(rxcui, concept, held, ours)
            elif concept.suppress and (named := names.find(concept.name)):
                by_name += 1
                meanings[rxcui] = _Meaning(
                    tty=concept.tty,
                    ingredients=named.ingredients,
                    other_ingredients=None,
                    dose_form="",
                    route_kind=_route_by_name(concept),
                    name=concept.name,
                    suppress=concept.suppress,
                )
            else:
                unresolved += 1
        return meanings, by_name, unresolved

    def _by_relations(self, rxcui: str, concept: _Concept, held: frozenset[str], ours: Mapping[str, str]) -> _Meaning:
        in_scope = sorted({ours[ingredient] for ingredient in held if ingredient in ours})
        form_names = frozenset(self.dose_forms[form] for form in self._forms_of(rxcui, ours, frozenset()))
        return _Meaning(
            tty=concept.tty,
            ingredients=tuple(in_scope),
            # An ingredient, a strength or a brand says nothing about what else stands in the product.
            other_ingredients=None if concept.tty in _OPEN_TTYS else not held <= ours.keys(),
            dose_form=" + ".join(sorted(form_names)),
            route_kind=route_of_all(form_names) if form_names else _route_without_form(concept),
            name=concept.name,
            suppress=concept.suppress,
        )

    def _holds(self, rxcui: str, above: frozenset[str]) -> frozenset[str]:
        """Return the ingredients (IN) that a concept holds, all the way down."""
        if rxcui in self._ingredients:
            return self._ingredients[rxcui]
        if rxcui in above:
            return frozenset()
        if self.concepts[rxcui].tty == "IN":
            held = frozenset({rxcui})
        else:
            below = above | {rxcui}
            held = frozenset().union(*(self._holds(part, below) for part in self.made_of.get(rxcui, ())))
        if not above:
            self._ingredients[rxcui] = held
        return held

    def _forms_of(self, rxcui: str, ours: Mapping[str, str], above: frozenset[str]) -> frozenset[str]:
        """Return the dose forms of a concept, else of those parts of it that hold one of our ingredients."""
        if rxcui in self.forms:
            return frozenset(self.forms[rxcui])
        if rxcui in above or self.concepts[rxcui].tty in _FORMLESS_TTYS:
            return frozenset()
        below = above | {rxcui}
        return frozenset().union(
            *(
                self._forms_of(part, ours, below)
                for part in self.made_of.get(rxcui, ())
                if self._holds(part, frozenset()) & ours.keys()
            )
        )


# "cycloSPORINE, modified" is cyclosporine to every rule.
_VARIANT = re.compile(r",.*")
# Kinds of concepts that say nothing about a dose form …
_FORMLESS_TTYS = frozenset({"IN", "PIN", "MIN", "BN", "SCDC", "SBDC"})
# … and those that leave open what else a product holds.
_OPEN_TTYS = frozenset({"IN", "PIN", "BN", "SCDC"})


def _route_without_form(concept: _Concept) -> RouteKind:
    return RouteKind.UNSPECIFIED if concept.tty in _FORMLESS_TTYS else RouteKind.UNKNOWN


def _route_by_name(concept: _Concept) -> RouteKind:
    """Return the route that the dose form in a concept's name tells; a brand in brackets is no dose form."""
    if concept.tty in _FORMLESS_TTYS:
        return RouteKind.UNSPECIFIED
    return route_of_dose_form(re.sub(r"\[[^]]*\]", "", concept.name))


def _packages(rows: Iterator[Mapping[str, str]], meanings: Mapping[str, _Meaning]) -> tuple[dict[str, _Meaning], int]:
    """Return what each package code means, and how many stand for different drugs and are left out."""
    packages: dict[str, _Meaning] = {}
    ambiguous: set[str] = set()
    for row in rows:
        if row["ATN"] != "NDC" or row["SAB"] != "RXNORM":
            continue
        ndc, rxcui = normalize_ndc(row["ATV"]), row["RXCUI"]
        if ndc is None or rxcui not in meanings:
            continue
        if not _same_drug(packages.setdefault(ndc, meanings[rxcui]), meanings[rxcui]):
            ambiguous.add(ndc)
    return {ndc: meaning for ndc, meaning in packages.items() if ndc not in ambiguous}, len(ambiguous)


def _same_drug(one: _Meaning, other: _Meaning) -> bool:
    return (one.ingredients, one.other_ingredients, one.route_kind) == (
        other.ingredients,
        other.other_ingredients,
        other.route_kind,
    )


def _write(out: Path, release: str, systems: Mapping[str, Mapping[str, _Meaning]]) -> None:
    text = io.StringIO()
    text.write(f"{tables.DRUG_TABLE_TITLE}{release}\n")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(tables.DRUG_TABLE_COLUMNS)
    for system, meanings in systems.items():
        codes = sorted(meanings, key=int)
        for code in codes:
            if meanings[code].ingredients:
                writer.writerow(_cells(system, code, meanings[code]))
        rest = iter([code for code in codes if not meanings[code].ingredients])
        while batch := " ".join(islice(rest, _CODES_PER_ROW)):
            writer.writerow([system, batch, tables.OUT_OF_SCOPE, *[""] * (len(tables.DRUG_TABLE_COLUMNS) - 3)])
    unfinished = out.with_name(f"{out.name}.part")
    # No time stamp and no file name in the header: the same release gives the same bytes.
    with unfinished.open("wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
        packed.write(text.getvalue().encode())
    unfinished.replace(out)


def _cells(system: str, code: str, meaning: _Meaning) -> list[str]:
    others = {True: "yes", False: "no", None: ""}[meaning.other_ingredients]
    return [
        system,
        code,
        meaning.tty,
        ";".join(meaning.ingredients),
        others,
        meaning.dose_form,
        meaning.route_kind.value,
        meaning.name,
        meaning.suppress,
    ]
