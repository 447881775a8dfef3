"""Potassium that stays low although it is being replaced.

What it says
    With low magnesium: replace both. With magnesium unknown: measure it now. With normal magnesium: that does not
    exclude cellular depletion; look for what drives the loss.
Why
    Low cellular magnesium unblocks ROMK, so potassium is secreted in the distal nephron [S1-029, S4-003, S4-029];
    sodium delivery or aldosterone must drive it [S4-046]. An estimated > 50 % of significant hypokalemia has
    concomitant magnesium deficiency [S4-008]; hypokalemia with it is often refractory to potassium [S4-013].
When it is silent
    Potassium not refractory by the policy's definition; dialysis; potassium shift (ketoacidosis, periodic paralysis);
    on order hooks unless potassium replacement is being ordered; palliative care below critical.
When it cannot tell
    No current potassium.
Sources
    S1-029, S2-037, S4-002, S4-003, S4-008, S4-013, S4-029, S4-046, S4-047. The definition of refractory is local.
"""

from __future__ import annotations

from magnesium import advice, words
from magnesium.grounds import grounds
from magnesium.picture import ClinicalPicture
from magnesium.restraint import for_age_of_result, population_notes, restrained, unread_notes
from magnesium.status import Currency, Status
from magnesium.verdict import Finding, Indicator, Quiet, Topic, Unknown, Verdict

_THRESHOLDS = (
    "potassium.low",
    "potassium.moderate",
    "potassium.severe",
    "potassium.refractory_rise",
    "potassium.refractory_gap",
    "magnesium.severe",
    "magnesium.low",
)
_CITATIONS = (
    "S1-001",
    "S1-029",
    "S2-037",
    "S2-038",
    "S2-039",
    "S4-002",
    "S4-003",
    "S4-008",
    "S4-010",
    "S4-011",
    "S4-012",
    "S4-013",
    "S4-029",
    "S4-035",
    "S4-046",
    "S4-047",
)
_MECHANISM = (
    "Low cellular magnesium unblocks ROMK, so potassium is secreted in the distal nephron; "
    "sodium delivery or aldosterone must drive it."
)
_TOGETHER = (
    "More than half of significant hypokalemia is estimated to go with magnesium deficiency, "
    "which often makes it resistant."
)
_DRIVERS = ("loop_diuretic", "thiazide", "aminoglycoside", "amphotericin", "pentamidine", "platinum")
_DRIVING_PROBLEMS = (
    "diarrhea",
    "alcohol_use_disorder",
    "bartter_syndrome",
    "gitelman_syndrome",
    "hyperaldosteronism",
)


def judge(picture: ClinicalPicture) -> Verdict:
    """Judge whether potassium is refractory and what magnesium has to do with it."""
    topic = Topic.REFRACTORY_HYPOKALEMIA
    if picture.facts.ordering and not picture.potassium_selected:
        return Quiet(topic, "no potassium replacement is being ordered")
    if picture.potassium.result is None:
        return Unknown(topic, "no current potassium")
    if picture.potassium.refractory_since is None:
        return Quiet(topic, "potassium is not refractory by the policy's definition")

    indicator = _indicator(picture)
    handled = advice.magnesium_handled(picture)
    if handled:
        indicator = indicator.lowered()
    # A magnesium that could not be read holds down only what rests on the one before it.
    unread = _magnesium_known(picture) and bool(picture.magnesium.unverified)
    unverified = bool(picture.potassium.unverified) or unread
    shown = restrained(indicator, picture, unverified=unverified)
    if shown is None:
        return Quiet(topic, "palliative care")
    return _finding(picture, shown, handled=handled)


def _magnesium_known(picture: ClinicalPicture) -> bool:
    """Whether the magnesium settles the question: current, conclusive, and not flattered by a dose."""
    reading = picture.magnesium
    if not reading.counts or reading.status is None:
        return False
    if reading.status.deficient:
        return True
    return reading.currency is Currency.CURRENT and not picture.after_dose


def _indicator(picture: ClinicalPicture) -> Indicator:
    if not _magnesium_known(picture):
        return _if_unknown(picture)
    if not picture.magnesium.deficient:
        return Indicator.INFO
    potassium, severe = picture.potassium, picture.magnesium.status is Status.SEVERE
    critical = potassium.moderate or severe or picture.cardiac_risk
    found = for_age_of_result(Indicator.CRITICAL if critical else Indicator.WARNING, picture)
    # A low value that is growing old must not sound calmer than no value at all.
    return max(found, _if_unknown(picture))


def _if_unknown(picture: ClinicalPicture) -> Indicator:
    potassium = picture.potassium
    critical = potassium.severe or (potassium.moderate and picture.cardiac_risk)
    return Indicator.CRITICAL if critical else Indicator.WARNING


def _finding(picture: ClinicalPicture, indicator: Indicator, *, handled: bool) -> Finding:
    reading, potassium = picture.magnesium, picture.potassium
    result, earlier, resisted = potassium.result, potassium.refractory_since, potassium.resisted
    assert result is not None  # the caller has returned on None  # noqa: S101
    assert earlier is not None  # noqa: S101
    assert resisted is not None  # noqa: S101  found together with `refractory_since`
    deficient = _magnesium_known(picture) and reading.deficient
    plan = advice.replace_magnesium(picture) if deficient and not handled else advice.Advice()
    measure = not _magnesium_known(picture) or reading.currency is Currency.AGING
    replace_potassium = advice.order_potassium(picture)
    measured = advice.measure_magnesium(picture) if measure else ()
    proposals = dict.fromkeys((*measured, *plan.proposals, *replace_potassium.proposals))
    return Finding(
        topic=Topic.REFRACTORY_HYPOKALEMIA,
        indicator=indicator,
        summary=_summary(picture, deficient=deficient),
        what=(
            f"{words.sentence(words.result(result))}; before: {words.result(earlier)}.",
            f"Potassium replacement: {words.drug(resisted)}.",
            *advice.potassium_not_counted(picture),
            *_magnesium_line(picture),
            *_drivers(picture),
        ),
        why=_why(picture, deficient=deficient),
        act=(*_act(picture, deficient=deficient), *plan.act, *unread_notes(picture), *population_notes(picture)),
        plan=plan.plan,
        proposals=tuple(proposals),
        evidence=grounds(
            picture,
            result,
            earlier,
            resisted,
            reading.result,
            *picture.cardiac_risk,
            *picture.magnesium_drafted,
            *picture.potassium_not_counted,
            thresholds=_THRESHOLDS,
            citations=_CITATIONS,
            held_back=(*plan.held_back, *replace_potassium.held_back),
        ),
    )


def _summary(picture: ClinicalPicture, *, deficient: bool) -> str:
    potassium, magnesium = picture.potassium.result, picture.magnesium.result
    assert potassium is not None  # noqa: S101
    shown = words.value(potassium)
    if deficient and magnesium is not None:
        return f"Potassium stays low despite replacement ({shown}) and magnesium is low ({words.value(magnesium)})"
    if _magnesium_known(picture):
        return f"Potassium stays low despite replacement ({shown}); a normal serum Mg does not exclude depletion"
    return f"Potassium stays low despite replacement ({shown}): measure magnesium"


def _magnesium_line(picture: ClinicalPicture) -> tuple[str, ...]:
    reading = picture.magnesium
    if reading.result is None:
        return ("No usable serum magnesium on file.",)
    if reading.status is None:
        return (f"Newest magnesium not conclusive: {words.result(reading.result)}.",)
    return (f"{advice.magnesium_now(picture)}.",)


def _drivers(picture: ClinicalPicture) -> tuple[str, ...]:
    drugs = [words.name(i.exposure) for i in picture.regimen.of(*_DRIVERS)]
    problems = map(words.condition, picture.problems.of(*_DRIVING_PROBLEMS))
    named = words.listed((*drugs, *problems))
    return (f"May drive the loss: {named}.",) if named else ()


def _why(picture: ClinicalPicture, *, deficient: bool) -> tuple[str, ...]:
    if deficient:
        return (_MECHANISM,)
    if _magnesium_known(picture):
        return (
            "Serum magnesium is a poor guide to stores: 98-99 % is outside the extracellular space.",
            _MECHANISM,
        )
    return (_TOGETHER, _MECHANISM)


def _act(picture: ClinicalPicture, *, deficient: bool) -> tuple[str, ...]:
    if deficient:
        return advice.correct_potassium(picture)
    if _magnesium_known(picture):
        line = "Look for what drives potassium loss: diuretic, diarrhea, aldosterone, alcohol, tubular injury."
    else:
        line = advice.MEASURE_NOW
    return (line, *picture.guard.potassium_cautions)
