"""The fractional excretion of magnesium: computed where the samples belong together, read where it may be read.

``FEMg % = (urine Mg x serum creatinine) / (0.7 x serum Mg x urine creatinine) x 100`` [S0-197, S1-005]; 0.7 is the
share of serum magnesium that is filtered [S0-198]. Normal subjects excrete 0.5-4 % [elisaf].
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from fractions import Fraction

from magnesium.facts import Analyte, LabResult, PatientFacts
from magnesium.kidney import Filtration, KidneyFunction
from magnesium.pairing import nearest, partner
from magnesium.policy import FemgNumbers, Policy
from magnesium.quantity import Comparator
from magnesium.replacement import magnesium_given_before, magnesium_perhaps_given_before
from magnesium.results import series
from magnesium.status import acting, possible

_FROM_ABOVE = frozenset({Comparator.EXACT, Comparator.LESS, Comparator.AT_MOST})
"""A urine magnesium below the limit of detection may be an answer: FEMg is at most what the bound gives."""


class Reading(StrEnum):
    """What an FEMg says, in the words of the card."""

    RENAL = "suggests renal wasting"
    RENAL_LIKELY = "renal wasting likely; reduced GFR raises FEMg"
    EQUIVOCAL_RENAL = "equivocal, leans renal"
    EQUIVOCAL = "equivocal"
    EXTRARENAL = "suggests extrarenal loss or low intake"
    EXTRARENAL_LIKELY = "extrarenal loss or low intake likely"
    NOT_AT_THIS_GFR = "not interpretable at this kidney function"
    NOT_LOW = "not interpretable for wasting: magnesium was not low at that time"
    MAGNESIUM_GIVEN = "not interpretable: magnesium given before the sample"
    MAGNESIUM_PERHAPS = "not interpretable: magnesium may have been given before the sample"


@dataclass(frozen=True, slots=True)
class Samples:
    """The four results that belong together."""

    urine_magnesium: LabResult
    urine_creatinine: LabResult
    serum_magnesium: LabResult
    serum_creatinine: LabResult


@dataclass(frozen=True, slots=True)
class FractionalExcretion:
    """A computed FEMg and its reading."""

    percent: Fraction
    """Unrounded."""
    reading: Reading
    samples: Samples

    @property
    def text(self) -> str:
        """The percentage as printed, with one decimal."""
        numerator, denominator = self.percent.as_integer_ratio()
        bound = self.samples.urine_magnesium.quantity.comparator
        rounding = ROUND_CEILING if bound else ROUND_HALF_EVEN  # "below 1.3 %" is true of 1.26 %, "below 1.2 %" is not
        rounded = (Decimal(numerator) / Decimal(denominator)).quantize(Decimal("0.1"), rounding=rounding)
        return f"{bound}{rounded} %"

    @property
    def results(self) -> tuple[LabResult, ...]:
        """The four results it is computed from."""
        found = self.samples
        return found.urine_magnesium, found.urine_creatinine, found.serum_magnesium, found.serum_creatinine


@dataclass(frozen=True, slots=True)
class NotComputable:
    """No FEMg, and what is missing for it."""

    missing: tuple[str, ...]


def fractional_excretion(
    urine_magnesium: Fraction,
    serum_magnesium: Fraction,
    urine_creatinine: Fraction,
    serum_creatinine: Fraction,
    filterable: Fraction,
) -> Fraction | None:
    """Return FEMg in per cent, or None where a divisor is not above zero.

    Args:
        urine_magnesium: in the unit of ``serum_magnesium``.
        serum_magnesium: total serum or plasma magnesium.
        urine_creatinine: in the unit of ``serum_creatinine``.
        serum_creatinine: serum or plasma creatinine.
        filterable: share of serum magnesium that is filtered [S0-198: 0.7].
    """
    divisor = filterable * serum_magnesium * urine_creatinine
    if divisor <= 0:
        return None
    return urine_magnesium * serum_creatinine / divisor * 100


def read_femg(
    facts: PatientFacts, kidney: KidneyFunction, policy: Policy, as_of: datetime
) -> FractionalExcretion | NotComputable:
    """Compute FEMg from the newest urine sample that has all its partners, and read it."""
    numbers = policy.femg

    def exact(analyte: Analyte) -> list[LabResult]:
        found = series(facts, analyte, policy, as_of).results
        return [r for r in found if not r.quantity.comparator]

    urine = [
        r
        for r in series(facts, Analyte.MAGNESIUM_URINE, policy, as_of).results
        if r.quantity.comparator in _FROM_ABOVE and r.when.surely_within(numbers.shown_for.delta, as_of)
    ]
    urine_creatinine = exact(Analyte.CREATININE_URINE)
    serum, creatinine = exact(Analyte.MAGNESIUM), exact(Analyte.CREATININE)
    missing: tuple[str, ...] = ()
    for sample in reversed(urine):
        pair = partner(sample, urine_creatinine, numbers.urine_pair)
        serum_pair = nearest(sample, serum, numbers.serum_pair)
        creatinine_pair = nearest(sample, creatinine, numbers.serum_pair)
        if pair and serum_pair and creatinine_pair:
            read = _read(Samples(sample, pair, serum_pair, creatinine_pair), facts, kidney, policy)
            if isinstance(read, FractionalExcretion):
                return read
            lacking = read.missing
        else:
            lacking = tuple(
                name
                for name, found in (
                    (f"urine creatinine of the same specimen or within {numbers.urine_pair.text}", pair),
                    (f"serum magnesium within {numbers.serum_pair.text} of the urine sample", serum_pair),
                    (
                        f"serum creatinine within {numbers.serum_pair.text} of the urine sample",
                        creatinine_pair,
                    ),
                )
                if found is None
            )
        missing = missing or lacking  # of the newest sample
    return NotComputable(missing or ("spot urine magnesium",))


def _read(
    samples: Samples, facts: PatientFacts, kidney: KidneyFunction, policy: Policy
) -> FractionalExcretion | NotComputable:
    percent = fractional_excretion(
        samples.urine_magnesium.quantity.canonical,
        samples.serum_magnesium.quantity.canonical,
        samples.urine_creatinine.quantity.canonical,
        samples.serum_creatinine.quantity.canonical,
        Fraction(policy.femg.filterable.value),
    )
    if percent is None:
        return NotComputable(("results above zero",))
    if samples.urine_magnesium.quantity.comparator and percent > Fraction(policy.femg.extrarenal.value):
        return NotComputable(("exact spot urine magnesium",))
    status = acting(possible(samples.serum_magnesium.quantity, policy))
    reading = _interpret(percent, kidney, policy.femg)
    settled = {Reading.EXTRARENAL, Reading.EXTRARENAL_LIKELY, Reading.NOT_AT_THIS_GFR}
    if status is None or not status.deficient:
        reading = Reading.NOT_LOW
    elif reading not in settled and magnesium_given_before(samples.urine_magnesium, facts, policy):
        reading = Reading.MAGNESIUM_GIVEN
    elif reading not in settled and magnesium_perhaps_given_before(samples.urine_magnesium, facts, policy):
        reading = Reading.MAGNESIUM_PERHAPS
    return FractionalExcretion(percent, reading, samples)


def _interpret(percent: Fraction, kidney: KidneyFunction, numbers: FemgNumbers) -> Reading:
    """Read an FEMg of a hypomagnesemic patient by the table of the policy, on the unrounded quotient."""
    poor = kidney.filtration is Filtration.POOR or kidney.impaired_acutely
    full = kidney.filtration is Filtration.FULL and not poor
    if percent <= Fraction(numbers.extrarenal.value):
        return Reading.EXTRARENAL if full else Reading.EXTRARENAL_LIKELY
    if poor:
        return Reading.NOT_AT_THIS_GFR
    if percent > Fraction(numbers.renal.value):
        return Reading.RENAL if full else Reading.RENAL_LIKELY
    return Reading.EQUIVOCAL_RENAL if full else Reading.EQUIVOCAL
