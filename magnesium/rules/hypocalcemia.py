"""Low calcium beside low magnesium.

What it says
    Both are low: calcium may not hold until magnesium is repleted. With symptoms or a severe value calcium is not
    to wait for magnesium.
Why
    Low magnesium impairs the release of parathyroid hormone [S3-010]; hypocalcemia may not resolve until magnesium
    is repleted [S2-037].
When it is silent
    Magnesium not severe or low now; calcium not low, or not current; palliative care below critical.
When it cannot tell
    The newest calcium cannot be used and the one before it is not low. A low total calcium without an albumin is said
    as information: "ionized calcium or albumin needed".
Sources
    S2-027, S2-037, S3-010, S0-029; limits local. No calcium order is proposed.
"""

from __future__ import annotations

from dataclasses import replace

from magnesium import advice, words
from magnesium.calcium import CalciumBasis, CalciumLevel, CalciumReading
from magnesium.grounds import grounds
from magnesium.picture import ClinicalPicture
from magnesium.restraint import for_age_of_result, population_notes, restrained
from magnesium.verdict import Evidence, Finding, Indicator, Quiet, Topic, Unknown, Verdict

_THRESHOLDS = (
    "calcium.ionized_low",
    "calcium.ionized_warning",
    "calcium.ionized_critical",
    "calcium.corrected_low",
    "calcium.corrected_warning",
    "magnesium.severe",
    "magnesium.low",
)
_CITATIONS = ("S0-029", "S2-027", "S2-037", "S3-010")
_BY_LEVEL = {
    CalciumLevel.DANGEROUS: Indicator.CRITICAL,
    CalciumLevel.VERY_LOW: Indicator.WARNING,
    CalciumLevel.LOW: Indicator.INFO,
    CalciumLevel.UNCERTAIN: Indicator.INFO,
}


def judge(picture: ClinicalPicture) -> Verdict:
    """Judge calcium beside a severe or low magnesium."""
    if not picture.magnesium.deficient:
        return Quiet(Topic.HYPOCALCEMIA, "magnesium is not known to be low now")
    calcium = picture.calcium
    if calcium.level is CalciumLevel.NOT_LOW and calcium.unverified:
        return Unknown(Topic.HYPOCALCEMIA, "the newest calcium could not be read")
    if calcium.level is CalciumLevel.NOT_LOW:
        return Quiet(Topic.HYPOCALCEMIA, "no current calcium is low")
    unverified = bool(picture.magnesium.unverified or calcium.unverified)
    shown = restrained(for_age_of_result(_indicator(picture, calcium), picture), picture, unverified=unverified)
    if shown is None:
        return Quiet(Topic.HYPOCALCEMIA, "palliative care")
    return _finding(picture, calcium, shown)


def _indicator(picture: ClinicalPicture, calcium: CalciumReading) -> Indicator:
    by_level = _BY_LEVEL[calcium.level]
    # An uncorrected total cannot carry a critical: protein alone may have lowered it.
    if not calcium.level.surely_low:
        return by_level
    if picture.problems.neuromuscular_signs:
        return Indicator.CRITICAL
    if not picture.prolonged_qtc:
        return by_level
    # An overestimated QTc, or one beside a newer that could not be read: one step lower.
    sure = picture.qtc is not None and picture.qtc.sure
    return Indicator.CRITICAL if sure else max(by_level, Indicator.CRITICAL.lowered())


def _finding(picture: ClinicalPicture, calcium: CalciumReading, indicator: Indicator) -> Finding:
    result, magnesium = calcium.result, picture.magnesium.result
    assert result is not None  # a low calcium has a result  # noqa: S101
    assert magnesium is not None  # so has a deficient magnesium  # noqa: S101
    plan = advice.replace_magnesium(picture)
    uncertain = calcium.level is CalciumLevel.UNCERTAIN
    needed = ("Ionized calcium or albumin needed to read this total calcium.",) if uncertain else ()
    unread = (words.unread("calcium"),) if calcium.unverified else ()
    digoxin = ("Digoxin in force: IV calcium slowly, on a monitor.",) if picture.digoxin else ()
    return Finding(
        topic=Topic.HYPOCALCEMIA,
        indicator=indicator,
        summary=f"Low calcium ({_value(calcium)}) beside low magnesium ({words.value(magnesium)})",
        what=(_line(calcium), f"{words.sentence(words.result(magnesium))}."),
        why=("Low magnesium impairs PTH release; calcium may not hold until magnesium is repleted.",),
        act=(
            *needed,
            *unread,
            "Symptoms or a severe value: do not wait for Mg, give calcium per local protocol and replace Mg with it.",
            *digoxin,
            *plan.act,
            *population_notes(picture),
        ),
        plan=plan.plan,
        proposals=plan.proposals,
        evidence=_evidence(picture, calcium, plan.held_back),
    )


def _evidence(picture: ClinicalPicture, calcium: CalciumReading, held_back: tuple[str, ...]) -> Evidence:
    found = grounds(
        picture,
        calcium.result,
        calcium.albumin,
        picture.magnesium.result,
        picture.prolonged_qtc,
        *picture.problems.neuromuscular_signs,
        *picture.digoxin,
        thresholds=_THRESHOLDS,
        citations=_CITATIONS,
        held_back=held_back,
        derived=(("corrected calcium", calcium.corrected.text),) if calcium.corrected else (),
    )
    return replace(found, unusable=tuple(dict.fromkeys((*found.unusable, *calcium.unverified))))


def _value(calcium: CalciumReading) -> str:
    assert calcium.result is not None  # noqa: S101
    if calcium.corrected is not None:
        return f"corrected Ca {calcium.corrected.text}"
    return words.value(calcium.result)


def _line(calcium: CalciumReading) -> str:
    assert calcium.result is not None  # noqa: S101
    shown = words.sentence(words.result(calcium.result))
    if calcium.corrected is not None and calcium.albumin is not None:
        return f"{shown}; {words.result(calcium.albumin)}: corrected Ca {calcium.corrected.text}."
    return f"{shown}." if calcium.basis is CalciumBasis.IONIZED else f"{shown}, {calcium.basis}."
