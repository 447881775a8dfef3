"""Quantities of the analytes the rules read, in a closed table of units with exact decimals.

Why not a general UCUM converter: UCUM defines 1 eq = 1 mol, so it turns 1 mEq/L of Mg(2+) into 1 mmol/L, twice
too much, and it cannot turn mg/dL into mmol/L without the molar mass. A unit that is not in
``knowledge/units.csv`` for the analyte's substance is refused, never guessed.

A limit is compared in the unit that the laboratory reported, as printed for that unit (``clinical`` policy):
1.6 mg/dL is not below 1.6 mg/dL although it converts to 0.658 mmol/L.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from enum import StrEnum
from fractions import Fraction
from functools import cached_property
from typing import assert_never


class Comparator(StrEnum):
    """How a reported number bounds the true value (FHIR ``Quantity.comparator``)."""

    EXACT = ""
    LESS = "<"
    AT_MOST = "<="
    MORE = ">"
    AT_LEAST = ">="


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit of one substance.

    ``printed`` is the unit whose printed limits apply and ``shift`` the exact decimal factor into it (umol/L and
    mg/L are decimal shifts of mmol/L and mg/dL). ``to_canonical`` is the exact factor into the substance's
    canonical unit.
    """

    substance: str
    symbol: str
    printed: str
    # Not hashed: the symbol tells units apart, and facts, which are looked up often, hold units. To hash a fraction is
    # to compute a modular inverse.
    shift: Decimal = field(hash=False)
    canonical: str
    to_canonical: Fraction = field(hash=False)


# A point on the number line and the side of it that is meant: just below (-1), at (0), just above (+1).
Edge = tuple[Decimal, int]
_LOWEST: Edge = (Decimal("-Infinity"), 0)
_HIGHEST: Edge = (Decimal("Infinity"), 0)
_FOUR_DECIMALS = Decimal("0.0001")
_MOST_DECIMALS = 4


@dataclass(frozen=True, slots=True)
class Interval:
    """The values that a reported number allows: one point, or everything on one side of it."""

    low: Edge
    high: Edge

    @classmethod
    def of(cls, value: Decimal, comparator: Comparator) -> Interval:
        """Return the values that ``comparator value`` allows."""
        match comparator:
            case Comparator.EXACT:
                return cls((value, 0), (value, 0))
            case Comparator.LESS:
                return cls(_LOWEST, (value, -1))
            case Comparator.AT_MOST:
                return cls(_LOWEST, (value, 0))
            case Comparator.MORE:
                return cls((value, 1), _HIGHEST)
            case Comparator.AT_LEAST:
                return cls((value, 0), _HIGHEST)
        assert_never(comparator)

    def overlaps(self, low: Edge | None, high: Edge | None) -> bool:
        """Whether some allowed value lies between two edges; ``None`` leaves a side open."""
        return (low is None or self.high >= low) and (high is None or self.low <= high)


@dataclass(frozen=True)
class Quantity:
    """A number as the laboratory sent it, with a unit of the closed table.

    ``value`` keeps the laboratory's own unit; more than four decimals have been rounded half-even to four.
    """

    value: Decimal
    unit: Unit
    comparator: Comparator = Comparator.EXACT

    @property
    def printed_value(self) -> Decimal:
        """The value in the unit whose printed limits apply (``unit.printed``), an exact decimal."""
        return self.value * self.unit.shift

    @cached_property
    def canonical(self) -> Fraction:
        """The value in the substance's canonical unit, exact."""
        return Fraction(self.value) * self.unit.to_canonical

    @cached_property
    def interval(self) -> Interval:
        """The values that the result allows, in the unit whose printed limits apply."""
        return Interval.of(self.printed_value, self.comparator)

    @property
    def text(self) -> str:
        """As a reader expects it: ``<0.6 mmol/L``."""
        return f"{self.comparator}{plain(self.value)} {self.unit.symbol}"


def plain(value: Decimal) -> str:
    """Return a decimal in plain notation, digits as sent (``1.20`` stays ``1.20``, ``1E+1`` becomes ``10``)."""
    return f"{value:f}"


def round_sent(value: Decimal) -> Decimal:
    """Round a value that was sent with more than four decimals half-even to four; leave others as sent.

    Machines export binary floats: 1.2000000000000002 means 1.2.
    """
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -_MOST_DECIMALS:
        with localcontext(prec=max(28, len(value.as_tuple().digits))):
            return value.quantize(_FOUR_DECIMALS, rounding=ROUND_HALF_EVEN).normalize()
    return value
