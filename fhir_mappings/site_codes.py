"""What a site's own codes mean: the ``[local_codes]`` section of its policy file.

A standard code on the same record wins over a local one, and a local one over a name. Worked examples for three
public hospital data sets are in ``fhir_mappings/examples``; ``local-codes-conditions.toml`` there maps conditions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any, Self, TypeVar

from fhir_mappings.codes import DrugConcept, RouteKind
from magnesium.cause_table import findings
from magnesium.drugs import drugs
from magnesium.facts import Analyte
from magnesium.problems import READ

_T = TypeVar("_T")
_ROUTES = tuple(kind.value for kind in RouteKind)


class SiteCodesError(ValueError):
    """A ``[local_codes]`` section is not as it must be; the message names the key."""


def _nothing() -> Mapping[Any, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class SiteCodes:
    """A site's local codes; without any, only standard codes and drug names are understood."""

    labs: Mapping[tuple[str, str], Analyte] = field(default_factory=_nothing)
    """(system, code) of a laboratory test to what it measures."""
    names: Mapping[str, Analyte] = field(default_factory=_nothing)
    """``Observation.code.text``, case folded, to what it measures."""
    drugs: Mapping[tuple[str, str], DrugConcept] = field(default_factory=_nothing)
    """(system, code) of a formulary entry to its ingredients and route."""
    conditions: Mapping[tuple[str, str], str] = field(default_factory=_nothing)
    """(system, code) of a diagnosis or a kidney replacement procedure to the condition the rules know."""
    suspect_specimen: frozenset[tuple[str, str]] = frozenset()
    """(system, code) by which the laboratory marks a hemolyzed or contaminated specimen."""
    drug_name_systems: frozenset[str] = frozenset()
    """Systems whose code (or identifier value) is the name of the drug."""

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Self:
        """Read a ``[local_codes]`` section.

        Raises:
            SiteCodesError: an unknown key, or a value that is not what the key asks for.
        """
        _no_other_keys(
            table, "local_codes", ("labs", "names", "drugs", "conditions", "suspect_specimen", "drug_name_systems")
        )
        return cls(
            labs=_entries(table, "labs", _local_code, _analyte),
            names=_entries(table, "names", _name, _analyte),
            drugs=_entries(table, "drugs", _local_code, _drug),
            conditions=_entries(table, "conditions", _local_code, _condition),
            suspect_specimen=frozenset(
                _local_code(written, f'local_codes.suspect_specimen."{written}"')
                for written in _texts(table.get("suspect_specimen", []), "suspect_specimen")
            ),
            drug_name_systems=frozenset(_texts(table.get("drug_name_systems", []), "drug_name_systems")),
        )


def _entries(
    table: Mapping[str, Any],
    section: str,
    read_key: Callable[[str, str], Any],
    read_value: Callable[[Any, str], _T],
) -> Mapping[Any, _T]:
    entries = table.get(section, {})
    if not isinstance(entries, Mapping):
        raise SiteCodesError(f"local_codes.{section} must be a table, not {entries!r}")
    found: dict[Any, _T] = {}
    for written, value in entries.items():
        where = f'local_codes.{section}."{written}"'
        key = read_key(written, where)
        if key in found:
            raise SiteCodesError(f"{where} is there twice")
        found[key] = read_value(value, where)
    return MappingProxyType(found)


def _local_code(written: str, where: str) -> tuple[str, str]:
    # The last bar divides: a system is a URI and may hold bars, a code of ours never did.
    system, bar, code = written.rpartition("|")
    if not (bar and system.strip() and code.strip()):
        raise SiteCodesError(f'{where} must be written "system|code"')
    return system.strip(), code.strip()


def _name(written: str, where: str) -> str:
    if not written.strip():
        raise SiteCodesError(f"{where} is empty")
    return written.strip().casefold()


def _analyte(value: Any, where: str) -> Analyte:
    try:
        return Analyte(value)
    except ValueError:
        raise SiteCodesError(f"{where} = {value!r} is none of: {', '.join(Analyte)}") from None


def _drug(value: Any, where: str) -> DrugConcept:
    if not isinstance(value, Mapping):
        raise SiteCodesError(f'{where} must be {{ ingredients = [...], route = "..." }}, not {value!r}')
    _no_other_keys(value, where, ("ingredients", "route"))
    ingredients = _texts(value.get("ingredients", []), f"{where}.ingredients")
    if not ingredients:
        raise SiteCodesError(f"{where}.ingredients is missing")
    if strange := sorted(set(ingredients) - drugs().keys()):
        # A misspelt ingredient would be a drug that no rule ever sees.
        raise SiteCodesError(f"{where}.ingredients: no rule knows {', '.join(strange)} (magnesium/knowledge/drugs.csv)")
    route = value.get("route", RouteKind.UNSPECIFIED.value)
    if route not in _ROUTES:
        raise SiteCodesError(f"{where}.route = {route!r} is none of: {', '.join(_ROUTES)}")
    return DrugConcept(
        ingredients=tuple(sorted(set(ingredients))),
        other_ingredients=None,
        route_kind=RouteKind(route),
        dose_form="",
        name="",
    )


def _condition(value: Any, where: str) -> str:
    if not isinstance(value, str) or value not in known_conditions():
        raise SiteCodesError(f"{where} = {value!r} is none of: {', '.join(sorted(known_conditions()))}")
    return value


@cache
def known_conditions() -> frozenset[str]:
    """Return the conditions that a rule reads or the table of causes asks for, by their slugs."""
    asked = (finding.partition(":") for finding in findings())
    return READ | {slug for kind, _, slug in asked if kind == "condition"}


def _texts(value: Any, where: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
        raise SiteCodesError(f"{where} must be a list of texts, not {value!r}")
    return [item.strip() for item in value]


def _no_other_keys(table: Mapping[str, Any], where: str, allowed: tuple[str, ...]) -> None:
    for key in table:
        if key not in allowed:
            raise SiteCodesError(f"{where}.{key} is not known; expected one of: {', '.join(allowed)}")
