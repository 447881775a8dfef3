"""What a code means to the mappings: a drug, a laboratory test."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RouteKind(StrEnum):
    """Where a drug product acts, as far as its code or its name tells."""

    ORAL = "oral"
    PARENTERAL = "parenteral"
    SYSTEMIC = "systemic"
    """Only systemic forms exist, or a systemic form that is not named."""
    LOCAL = "local"
    """Eye, ear, skin, inhaled, irrigation, dialysis fluid, not absorbed from the gut."""
    UNKNOWN = "unknown"
    """The product is known, its route is not: shown, never counted."""
    UNSPECIFIED = "unspecified"
    """The code says nothing about the route: an ingredient, a strength or a brand."""


@dataclass(frozen=True, slots=True)
class DrugConcept:
    """What a drug code or a drug name says about the ingredients that the rules know.

    ``other_ingredients`` is True where the product has ingredients beyond ``ingredients``, False where its
    whole composition is known to be in ``ingredients``, and None where that is not known. ``name`` is empty
    where no name may be shipped.
    """

    ingredients: tuple[str, ...]
    other_ingredients: bool | None
    route_kind: RouteKind
    dose_form: str
    name: str


@dataclass(frozen=True, slots=True)
class LabConcept:
    """What a laboratory code says; ``qualifier`` is empty for a routine measurement."""

    analyte: str
    qualifier: str
    specimen: str
    name: str
