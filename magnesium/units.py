"""The closed table of units, loaded from ``knowledge/units.csv``.

Source of the factors: molar masses Mg 24.305, Ca 40.078 and creatinine 113.12 g/mol, valence 2 for Mg and Ca, 1 for
K, Na, HCO3 and Cl (``knowledge/sources.toml``: ``iupac-masses``). All factors are exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from magnesium.facts import Analyte
from magnesium.knowledge import read_table
from magnesium.quantity import Unit

_COLUMNS = ("substance", "symbol", "spellings", "printed", "shift", "canonical", "numerator", "denominator")


def _load() -> tuple[Mapping[Analyte, str], Mapping[tuple[str, str], Unit]]:
    substances = {
        Analyte(row["analyte"]): row["substance"]
        for row in read_table("analytes.csv", ("analyte", "substance", "label", "short"))
    }
    units: dict[tuple[str, str], Unit] = {}
    for row in read_table("units.csv", _COLUMNS):
        unit = Unit(
            substance=row["substance"],
            symbol=row["symbol"],
            printed=row["printed"],
            shift=Decimal(row["shift"]),
            canonical=row["canonical"],
            to_canonical=Fraction(row["numerator"]) / Fraction(row["denominator"]),
        )
        for spelling in (row["symbol"], *row["spellings"].split("|")):
            units[unit.substance, spelling] = units[unit.substance, _folded(spelling)] = unit
    return substances, units


def _folded(spelling: str) -> str:
    """Fold case and the spellings that differ only typographically (micro sign, blanks)."""
    # Folding case turns the micro sign into the Greek letter.
    return "".join(spelling.split()).casefold().replace("μ", "u")


_SUBSTANCES, _UNITS = _load()


def unit_of(analyte: Analyte, *spellings: str) -> Unit | None:
    """Return the unit that the first recognised spelling names for this analyte, or None.

    Pass the UCUM code first and the printed unit second: the code decides, the text helps out. An empty
    spelling is skipped, so a result without any unit has none.

    >>> unit_of(Analyte.MAGNESIUM, "", "MG/DL").symbol
    'mg/dL'
    >>> unit_of(Analyte.MAGNESIUM, "mg") is None
    True
    """
    substance = _SUBSTANCES[analyte]
    for spelling in filter(None, spellings):
        # Most spell it as the table does.
        unit = _UNITS.get((substance, spelling)) or _UNITS.get((substance, _folded(spelling)))
        if unit is not None:
            return unit
    return None
