"""Drugs by name: the fallback where an order carries no code that we know.

Whole words only, in any case, the longest name first, and every name in the text counts, so that
"HCTZ/lisinopril" holds hydrochlorothiazide. A drug that merely comes as a potassium or magnesium salt is a
trap: its whole phrase is taken out of the text before a salt can be seen in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from fhir_mappings.terminology import tables
from fhir_mappings.terminology.concepts import DrugConcept, RouteKind

_WORD = re.compile(r"[a-z0-9]+")
_PHRASE = re.compile(r"[a-z0-9]+( [a-z0-9]+)*")
_START = "start"
_T = TypeVar("_T")
# Shorter words before the name are units, counts and abbreviations, no drugs.
_SHORTEST_DRUG_WORD = 3
# Potassium replacement comes in bags of up to 100 mL; a litre bag, or an amount per litre, is a fluid that holds some.
# No volume has more digits, and from each digit of an endless number a search would go to its end.
_VOLUME = re.compile(r"(\d[\d,]{0,15}(?:\.\d+)?) *(ml|l|liters?|litres?)\b")
_PER_LITRE = re.compile(r"/ *(l|liter|litre)\b")
_LARGEST_BAG_ML = 250
_ML_PER_LITRE = 1000


@dataclass(frozen=True, slots=True)
class _Name:
    """One phrase of ``names.csv``, or of ``name_traps.csv`` (then ``ingredients`` may be empty)."""

    phrase: str
    ingredients: tuple[str, ...]
    other_ingredients: bool | None
    route_kind: RouteKind
    only_at_start: bool


def words(text: str) -> list[str]:
    """Return the words and numbers of a text, in lower case."""
    return _WORD.findall(text.casefold())


class _Phrases(Generic[_T]):
    """Phrases of one or more words, found in a text from left to right, the longest first."""

    def __init__(self, phrases: Mapping[str, _T]) -> None:
        self._phrases = phrases
        # Of the phrases that begin with a word: how many words the longest has.
        self._longest: dict[str, int] = {}
        for phrase in phrases:
            first, *others = phrase.split(" ")
            self._longest[first] = max(self._longest.get(first, 0), 1 + len(others))

    def get(self, phrase: str) -> _T | None:
        """Return what exactly this phrase means."""
        return self._phrases.get(phrase)

    def find(self, text: list[str]) -> Iterable[tuple[int, _T]]:
        """Yield where a phrase begins and what it means; no word belongs to two phrases."""
        at = 0
        while at < len(text):
            for length in range(min(self._longest.get(text[at], 0), len(text) - at), 0, -1):
                meaning = self._phrases.get(" ".join(text[at : at + length]))
                if meaning is not None:
                    yield at, meaning
                    at += length
                    break
            else:
                at += 1


class NameIndex:
    """Every drug name, trap and route word that we know."""

    def __init__(
        self, names: Iterable[str], traps: Iterable[str], routes: Iterable[str], known: frozenset[str]
    ) -> None:
        """Read the lines of the three tables; ``known`` are the ingredients in scope.

        Raises:
            TerminologyError: a bad row.
        """
        phrases = {name.phrase: name for name in _read_names(names, known)}
        for where, trap in _read_traps(traps, known):
            if trap.phrase in phrases:
                raise tables.TerminologyError(f"{where}: {trap.phrase!r} is a name in names.csv too")
            phrases[trap.phrase] = trap
        self._names = _Phrases(phrases)
        self._routes = _Phrases(dict(_read_routes(routes)))

    @classmethod
    def load(cls, known: frozenset[str]) -> NameIndex:
        """Return the index of the tables that ship with the package."""
        return cls(
            tables.read_embedded("names.csv").splitlines(),
            tables.read_embedded("name_traps.csv").splitlines(),
            tables.read_embedded("name_routes.csv").splitlines(),
            known,
        )

    def ingredients_named(self, text: str) -> tuple[str, ...]:
        """Return the ingredients where the whole text is one name that we know, else nothing."""
        name = self._names.get(" ".join(words(text)))
        return name.ingredients if name else ()

    def find(self, text: str) -> DrugConcept | None:
        """Return the drug that a free text names, or None; the route comes from the words beside the name."""
        all_words = words(text)
        start = _first_word(all_words)
        names = [
            name
            for at, name in self._names.find(all_words)
            if name.ingredients and not (name.only_at_start and at > start)
        ]
        if not names:
            return None
        route_kind = self._route(all_words, names)
        ingredients = tuple(sorted({ingredient for name in names for ingredient in name.ingredients}))
        # A bottle to drink from may be as large, and so may a premixed bag of magnesium.
        potassium = any(ingredient.startswith("potassium ") for ingredient in ingredients)
        fluid = potassium and route_kind is not RouteKind.ORAL and _is_fluid(text)
        return DrugConcept(
            ingredients=ingredients,
            other_ingredients=True if fluid else _others(names),
            route_kind=route_kind,
            dose_form="",
            name=" / ".join(dict.fromkeys(name.phrase for name in names)),
        )

    def _route(self, all_words: list[str], names: list[_Name]) -> RouteKind:
        said = {kind for _, kind in self._routes.find(all_words)}
        hinted = {name.route_kind for name in names} - {RouteKind.UNSPECIFIED}
        # A local product stays local whatever it is packed in: a vial of eye drops is no injection.
        if RouteKind.LOCAL in said | hinted:
            return RouteKind.LOCAL
        kinds = said or hinted
        return kinds.pop() if len(kinds) == 1 else RouteKind.UNSPECIFIED


def _is_fluid(text: str) -> bool:
    """Whether the text names a volume that is given for its own sake, whatever else is in it."""
    lower = text.casefold()
    volumes = (
        float(volume.replace(",", "")) * (1 if unit == "ml" else _ML_PER_LITRE)
        for volume, unit in _VOLUME.findall(lower)
    )
    return bool(_PER_LITRE.search(lower)) or any(volume >= _LARGEST_BAG_ML for volume in volumes)


def _first_word(text: list[str]) -> int:
    """Return where the first word stands that may be a drug's, else the length of the text."""
    found = (at for at, word in enumerate(text) if word.isalpha() and len(word) >= _SHORTEST_DRUG_WORD)
    return next(found, len(text))


def _others(names: list[_Name]) -> bool | None:
    """Whether the products with these names hold more than our ingredients."""
    if any(name.other_ingredients for name in names):
        return True
    return False if len(names) == 1 and names[0].other_ingredients is False else None


def _read_names(lines: Iterable[str], known: frozenset[str]) -> Iterable[_Name]:
    columns = ("name", "ingredients", "other_ingredients", "route_kind", "position", "note")
    for where, row in tables.parse_rows("names.csv", lines, columns, ("name",)):
        if row["position"] not in {"", _START}:
            raise tables.TerminologyError(f"{where}: position is {row['position']!r}")
        yield _Name(
            phrase=tables.matching(where, row, "name", _PHRASE),
            ingredients=tables.ingredients(where, row, known),
            other_ingredients=tables.flag(where, row, "other_ingredients"),
            route_kind=tables.route_kind(where, row),
            only_at_start=row["position"] == _START,
        )


def _read_traps(lines: Iterable[str], known: frozenset[str]) -> Iterable[tuple[str, _Name]]:
    columns = ("phrase", "ingredients", "note")
    for where, row in tables.parse_rows("name_traps.csv", lines, columns, ("phrase",)):
        yield (
            where,
            _Name(
                phrase=tables.matching(where, row, "phrase", _PHRASE),
                ingredients=tables.ingredients(where, row, known) if row["ingredients"] else (),
                other_ingredients=None,
                route_kind=RouteKind.UNSPECIFIED,
                only_at_start=False,
            ),
        )


def _read_routes(lines: Iterable[str]) -> Iterable[tuple[str, RouteKind]]:
    columns = ("phrase", "route_kind", "note")
    for where, row in tables.parse_rows("name_routes.csv", lines, columns, ("phrase",)):
        yield tables.matching(where, row, "phrase", _PHRASE), tables.route_kind(where, row)
