"""Low serum magnesium on opening the chart.

What it says
    Severe is critical, low is a warning; borderline is information where something makes it matter; a last value
    that was low but is too old asks for a recheck. Magnesium in mg/dL, mmol/L or mEq/L, as reported.
Why
    Clinically important signs appear below 0.5 mmol/L [S0-008]; low magnesium is seldom recognised [S4-048].
When it is silent
    Normal or high magnesium; borderline without a reason; obstetric magnesium therapy; palliative care below critical.
When it cannot tell
    No serum magnesium; only results that cannot be used; a bound such as ">1.0 mg/dL" that decides nothing.
Sources
    S0-006, S0-008, S0-044, S2-002, S2-024, S2-032 to S2-034, S2-038, S4-048; kdigo-gitelman-2017; else local.
"""

from __future__ import annotations

from magnesium import advice, words
from magnesium.ctcae import ctcae_grade, graded
from magnesium.facts import LabResult
from magnesium.grounds import grounds
from magnesium.picture import ClinicalPicture
from magnesium.restraint import for_age_of_result, population_notes, restrained, unread_notes
from magnesium.sparing import sparing_diuretic
from magnesium.status import Currency, Status
from magnesium.verdict import Evidence, Fact, Finding, Indicator, Quiet, Topic, Unknown, Verdict

_BY_STATUS = {
    Status.SEVERE: Indicator.CRITICAL,
    Status.LOW: Indicator.WARNING,
    Status.BORDERLINE: Indicator.INFO,
}
_THRESHOLDS = ("magnesium.severe", "magnesium.low", "magnesium.borderline")
_QTC_THRESHOLDS = ("ecg.qtc_borderline_male", "ecg.qtc_borderline_female")
_CITATIONS = (
    "S0-006",
    "S0-008",
    "S0-044",
    "S0-206",
    "S0-208",
    "S1-001",
    "S2-002",
    "S2-024",
    "S2-032",
    "S2-033",
    "S2-036",
    "S2-038",
    "S2-039",
    "S4-035",
    "S4-048",
)


def judge(picture: ClinicalPicture) -> Verdict:
    """Judge the newest serum magnesium."""
    reading = picture.magnesium
    if picture.obstetric_magnesium:
        return Quiet(Topic.HYPOMAGNESEMIA, "obstetric magnesium therapy")
    if reading.result is None:
        missing = "every serum magnesium on file is unusable" if reading.unverified else "no serum magnesium on file"
        return Unknown(Topic.HYPOMAGNESEMIA, missing)
    if reading.status is None:
        return Unknown(Topic.HYPOMAGNESEMIA, f"newest result not conclusive: {words.result(reading.result)}")
    if reading.currency is Currency.STALE:
        return _recheck(picture, reading.result)
    if not reading.status.deficient and not (reading.status is Status.BORDERLINE and _borderline_matters(picture)):
        if picture.low_before_dose is not None:
            return _recheck_after_dose(picture, reading.result, picture.low_before_dose)
        return Quiet(Topic.HYPOMAGNESEMIA, f"magnesium is {words.STATUS[reading.status]}")

    indicator = for_age_of_result(_BY_STATUS[reading.status], picture)
    if picture.problems.salt_losing_tubulopathy and not _below_gitelman_floor(picture, reading.result):
        indicator = indicator.at_most(Indicator.WARNING)
    if advice.fitting_replacement_begun(picture):
        indicator = indicator.lowered()
    shown = restrained(indicator, picture, unverified=bool(reading.unverified))
    if shown is None:
        return Quiet(Topic.HYPOMAGNESEMIA, "palliative care")
    return _low(picture, reading.result, shown)


def _borderline_matters(picture: ClinicalPicture) -> bool:
    """Borderline is worth a line only beside something that low magnesium makes worse; in pregnancy never."""
    matters = picture.potassium.refractory_since is not None or _why_borderline_matters(picture)
    return bool(matters) and not picture.problems.pregnancy


def _why_borderline_matters(picture: ClinicalPicture) -> tuple[str, ...]:
    """What to say of it; refractory potassium is said by its own rule, which leads the card."""
    heart = (*picture.qt_drugs, *picture.digoxin)
    several = len(picture.regimen.wasting_classes) > 1
    return (
        *((f"Heart rhythm at stake: {words.listed(map(words.name, heart))}.",) if heart else ()),
        *(f"{words.sentence(words.condition(c))}." for c in picture.problems.of("long_qt")),
        *((f"May waste magnesium: {words.listed(i.drug.ingredient for i in picture.wasting)}.",) if several else ()),
    )


def _below_gitelman_floor(picture: ClinicalPicture, result: LabResult) -> bool:
    return picture.policy.magnesium.gitelman_floor.below(result.quantity) is True


def _may_be_below_gitelman_floor(picture: ClinicalPicture, result: LabResult) -> bool:
    """Whether a bound leaves open that the value would be judged without regard to the syndrome."""
    severe = picture.magnesium.status is Status.SEVERE and picture.problems.salt_losing_tubulopathy
    return bool(severe) and picture.policy.magnesium.gitelman_floor.below(result.quantity) is None


def _recheck(picture: ClinicalPicture, result: LabResult) -> Verdict:
    """The last value was low, but is too old to act on."""
    if not picture.magnesium.stale_deficient:
        return Quiet(Topic.HYPOMAGNESEMIA, "the last magnesium was not low and is too old to say more")
    shown = restrained(Indicator.INFO, picture, unverified=False)
    if shown is None:
        return Quiet(Topic.HYPOMAGNESEMIA, "palliative care")
    return Finding(
        topic=Topic.HYPOMAGNESEMIA,
        indicator=shown,
        summary=f"Last magnesium was low and is out of date: {words.result(result)}. Recheck.",
        what=(f"Last serum magnesium: {words.result(result)}.",),
        why=("Too old to act on; nothing newer is on file that can be read.",),
        act=(advice.measure_text(picture, "Recheck serum magnesium."),),
        proposals=advice.measure_magnesium(picture),
        evidence=_evidence(picture, result),
    )


def _recheck_after_dose(picture: ClinicalPicture, result: LabResult, low: LabResult) -> Verdict:
    """The newest value is not low, but was drawn too soon after a dose to close the matter."""
    if picture.intravenous_magnesium:
        return Quiet(Topic.HYPOMAGNESEMIA, "magnesium given by vein too lately for a recheck")
    if picture.magnesium_test_ordered(picture.policy.monitoring.ordered.delta):
        return Quiet(Topic.HYPOMAGNESEMIA, "a serum magnesium is already ordered")
    shown = restrained(Indicator.INFO, picture, unverified=False)
    if shown is None:
        return Quiet(Topic.HYPOMAGNESEMIA, "palliative care")
    return Finding(
        topic=Topic.HYPOMAGNESEMIA,
        indicator=shown,
        summary=f"Magnesium was low; {words.value(result)} was drawn soon after an intravenous dose. Recheck.",
        what=(f"{words.sentence(words.result(result))}; before: {words.result(low)}.",),
        why=("Magnesium takes hours to spread into the tissues: drawn soon after a dose it may flatter.",),
        act=("Recheck serum magnesium.", *population_notes(picture)),
        proposals=advice.measure_magnesium(picture),
        evidence=grounds(
            picture,
            result,
            low,
            *picture.given_before_sample,
            thresholds=(*_THRESHOLDS, "magnesium.after_dose"),
            citations=(*_CITATIONS, "S4-038"),
        ),
    )


def _low(picture: ClinicalPicture, result: LabResult, indicator: Indicator) -> Finding:
    reading, status = picture.magnesium, picture.magnesium.status
    assert status is not None  # the caller has returned on None  # noqa: S101
    plan = advice.replace_magnesium(picture) if status.deficient else advice.Advice()
    recheck = reading.currency is Currency.AGING or reading.conflicting or reading.unverified or not status.deficient
    recheck_order = advice.measure_magnesium(picture) if recheck else ()
    # A plan says it itself: the guard holds every order back.
    unread = () if status.deficient else unread_notes(picture)
    return Finding(
        topic=Topic.HYPOMAGNESEMIA,
        indicator=indicator,
        summary=f"{_headline(status, may_be_severe=reading.may_be_severe)}: {words.result(result)}",
        what=_what(picture, result),
        why=_why(status),
        act=(*plan.act, *_recheck_lines(picture), *unread, *_sparing(picture), *population_notes(picture)),
        plan=plan.plan,
        proposals=tuple(dict.fromkeys((*plan.proposals, *recheck_order))),
        evidence=_evidence(
            picture,
            result,
            reading.previous,
            picture.potassium.result,
            reading.highest_result if reading.conflicting else None,
            *picture.magnesium_in_force,
            *_at_stake(picture, status),
            *picture.other_magnesium,
            _borderline_qtc(picture),
            picture.kidney.basis,
            held_back=plan.held_back,
        ),
    )


def _at_stake(picture: ClinicalPicture, status: Status) -> tuple[Fact, ...]:
    """What made a borderline value worth a card."""
    return () if status.deficient else (*picture.qt_drugs, *picture.digoxin, *picture.problems.of("long_qt"))


def _headline(status: Status, *, may_be_severe: bool) -> str:
    if may_be_severe:
        return "Low magnesium, may be severe"
    return {
        Status.SEVERE: "Severe hypomagnesemia",
        Status.LOW: "Low magnesium",
        Status.BORDERLINE: "Magnesium just below the usual range",
    }[status]


def _what(picture: ClinicalPicture, result: LabResult) -> tuple[str, ...]:
    reading = picture.magnesium
    before = f"; before: {words.result(reading.previous)}" if reading.previous is not None else ""
    lines = [f"{advice.magnesium_now(picture)}{before}."]
    if reading.may_be_severe:
        lines.append(f"Reported as {result.quantity.text}, may be severe.")
    if _may_be_below_gitelman_floor(picture, result):
        floor = picture.policy.magnesium.gitelman_floor.within(result.quantity.unit)
        lines.append(f"Reported as {result.quantity.text}, may be below {floor}: confirm the value.")
    if graded(picture) and (grade := ctcae_grade(result, picture.policy)) is not None:
        lines.append(f"CTCAE grade {grade}.")
    if reading.conflicting and reading.highest_result is not None:
        lines.append(f"Another result of that moment: {words.result(reading.highest_result)}.")
    if reading.status is Status.BORDERLINE:
        lines.extend(_why_borderline_matters(picture))
    potassium = picture.potassium
    told_elsewhere = potassium.refractory_since is not None or picture.cardiac_risk
    if potassium.low and potassium.result is not None and not told_elsewhere:
        lines.append(f"Also low: {words.result(potassium.result)}.")
    if (qtc := _borderline_qtc(picture)) is not None:
        lines.append(f"{words.result(qtc)}, borderline.")
    lines.extend(f"{words.sentence(words.result(r))}: shown, not judged." for r in picture.other_magnesium)
    if still_low := advice.despite(picture):
        lines.append(still_low)
    if begun := picture.magnesium_begun_since_sample:
        drugs = words.listed(map(words.drug_to_the_hour, begun))
        lines.append(f"Replacement started after this sample: {drugs}; recheck due.")
    return tuple(lines)


def _borderline_qtc(picture: ClinicalPicture) -> LabResult | None:
    return picture.qtc.result if picture.qtc is not None and picture.qtc.borderline else None


def _why(status: Status) -> tuple[str, ...]:
    if status is Status.SEVERE:
        return (
            "At this level neuromuscular signs and arrhythmias may appear; low K and Ca may not resolve without Mg.",
        )
    if status is Status.LOW:
        return ("Low magnesium is often silent and may keep potassium and calcium low.",)
    return ("Serum magnesium is a poor guide to stores: 98-99 % is outside the extracellular space.",)


def _sparing(picture: ClinicalPicture) -> tuple[str, ...]:
    """Said beside the drugs where there are any: that card is about what else can be done."""
    return () if picture.wasting else sparing_diuretic(picture)


def _recheck_lines(picture: ClinicalPicture) -> tuple[str, ...]:
    reading = picture.magnesium
    if reading.deficient:
        return ()  # the plan says it
    return advice.recheck_aging(picture) or ("Recheck magnesium.",)


def _evidence(picture: ClinicalPicture, *facts: Fact | None, held_back: tuple[str, ...] = ()) -> Evidence:
    qtc = _QTC_THRESHOLDS if _borderline_qtc(picture) is not None else ()
    return grounds(picture, *facts, thresholds=(*_THRESHOLDS, *qtc), citations=_CITATIONS, held_back=held_back)
