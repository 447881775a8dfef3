"""Low potassium with a magnesium question.

What it says
    With low magnesium: correct both. With magnesium unknown or too old: check it.
Why
    Hypokalemia and magnesium deficiency often go together [S4-001, S4-008, S2-027].
When it is silent
    Potassium not low or refractory (its own rule); magnesium not low; on order hooks unless potassium replacement
    is being ordered. Isolated magnesium deficiency need not cause hypokalemia [S4-004]: the card does not say so.
When it cannot tell
    No current potassium, or a bounded one that decides nothing.
Sources
    S2-027, S2-037, S4-001, S4-004, S4-008, S4-013, S4-051.
"""

from __future__ import annotations

from magnesium import advice, words
from magnesium.facts import LabResult
from magnesium.grounds import grounds
from magnesium.picture import ClinicalPicture
from magnesium.restraint import for_age_of_result, population_notes, restrained, unread_notes
from magnesium.status import Currency
from magnesium.verdict import Finding, Indicator, Quiet, Topic, Unknown, Verdict

_THRESHOLDS = ("potassium.low", "magnesium.severe", "magnesium.low")
_CITATIONS = ("S2-027", "S2-037", "S4-001", "S4-008", "S4-013", "S4-051")


def judge(picture: ClinicalPicture) -> Verdict:
    """Judge a current low potassium that is not refractory."""
    topic = Topic.HYPOKALEMIA
    potassium, reading = picture.potassium, picture.magnesium
    if picture.facts.ordering and not picture.potassium_selected:
        return Quiet(topic, "no potassium replacement is being ordered")
    if potassium.result is None:
        return Unknown(topic, "no current potassium")
    if potassium.not_conclusive:
        return Unknown(topic, f"newest potassium not conclusive: {words.result(potassium.result)}")
    if not potassium.low:
        return Quiet(topic, "potassium is not low")
    if potassium.refractory_since is not None:
        return Quiet(topic, "refractory: said by that rule")
    if reading.counts and not reading.deficient:
        return Quiet(topic, "magnesium is not low")

    indicator = for_age_of_result(Indicator.WARNING, picture) if reading.deficient else Indicator.INFO
    handled = reading.deficient and advice.magnesium_handled(picture)
    if handled:
        indicator = indicator.lowered()
    unverified = bool(potassium.unverified) or bool(reading.unverified)
    shown = restrained(indicator, picture, unverified=unverified)
    if shown is None:
        return Quiet(topic, "palliative care")
    return _finding(picture, potassium.result, shown, handled=handled)


def _finding(picture: ClinicalPicture, result: LabResult, indicator: Indicator, *, handled: bool) -> Finding:
    reading = picture.magnesium
    plan = advice.replace_magnesium(picture) if reading.deficient and not handled else advice.Advice()
    measure = not reading.deficient or reading.currency is Currency.AGING
    replace_potassium = advice.order_potassium(picture)
    measured = advice.measure_magnesium(picture) if measure else ()
    proposals = tuple(dict.fromkeys((*measured, *plan.proposals, *replace_potassium.proposals)))
    if reading.deficient and reading.result is not None:
        summary = f"Low potassium ({words.value(result)}) and low magnesium ({words.value(reading.result)})"
        what = (
            f"{words.sentence(words.result(result))}.",
            f"{words.sentence(words.result(reading.result))}.",
        )
        why = ("Low potassium may not resolve until magnesium is repleted.",)
        act = advice.correct_potassium(picture)
    else:
        last = f"Last magnesium: {words.result(reading.result)}." if reading.result else "No usable magnesium on file."
        summary = f"Low potassium ({words.value(result)}) and no current magnesium: check serum Mg"
        what = (f"{words.sentence(words.result(result))}.", last)
        why = ("More than half of significant hypokalemia is estimated to go with magnesium deficiency.",)
        act = (advice.measure_text(picture, "Check serum magnesium."), *picture.guard.potassium_cautions)
    return Finding(
        topic=Topic.HYPOKALEMIA,
        indicator=indicator,
        summary=summary,
        what=(*what, *advice.potassium_not_counted(picture)),
        why=why,
        act=(*act, *plan.act, *unread_notes(picture), *population_notes(picture)),
        plan=plan.plan,
        proposals=proposals,
        evidence=grounds(
            picture,
            result,
            reading.result,
            *picture.magnesium_drafted,
            *picture.potassium_not_counted,
            thresholds=_THRESHOLDS,
            citations=_CITATIONS,
            held_back=(*plan.held_back, *replace_potassium.held_back),
        ),
    )
