"""Magnesium-wasting drugs: being ordered, or in force while magnesium is low.

What it says
    Order hooks: the drafted drug, what magnesium is known, and what to do first. Patient-view: the wasting drugs
    a hypomagnesemic patient has, where and how each wastes, since when, and what can be done about each.
Why
    The action is another than replacing magnesium: change, watch or avoid a drug [S0-202].
When it is silent
    Magnesium normal within the interval of the class; weak or merely reported drugs; local routes; palliative care;
    obstetric magnesium therapy.
When it cannot tell
    Without a magnesium it asks for a baseline where the table says so, and is silent otherwise.
Sources
    S0 (classes and mechanisms in knowledge/drug_classes.csv), S1, S2, S4-009, S4-047; fda-ppi-2011; S2-040 (PPI in
    Bartter syndrome); intervals local.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import assert_never

from magnesium import advice, words
from magnesium.drugs import Baseline, Drug, DrugClass, Harm, InForce, Weight, members
from magnesium.facts import ConditionFact, Exposure, Match, Route
from magnesium.grounds import grounds
from magnesium.picture import ClinicalPicture
from magnesium.restraint import for_age_of_result, population_notes, restrained, unread_notes
from magnesium.sparing import sparing_diuretic
from magnesium.status import Currency, Status
from magnesium.verdict import Finding, Indicator, Quiet, Topic, Verdict

_THRESHOLDS = (
    "magnesium.severe",
    "magnesium.low",
    "magnesium.borderline",
    "potassium.low",
    "exposure.chronic",
)
_CITATIONS = ("S0-202", "S0-206", "S1-033", "S2-020", "S2-040", "S4-009", "S4-047", "fda-ppi-2011")
_NEED_GASTROPROTECTION = ("antiplatelet", "anticoagulant", "nsaid", "heparin")
_NEED_ACID_CONTROL = ("gi_bleeding", "barrett_esophagus", "zollinger_ellison_syndrome")
_GRAVE = frozenset({Harm.ONCOLOGY, Harm.INFUSION, Harm.TUBULAR})
_PPI_ALONE = "In about a quarter of reviewed cases magnesium alone did not correct it on a proton pump inhibitor."
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_WATCHED = frozenset({Harm.ONCOLOGY, Harm.INFUSION})


def judge(picture: ClinicalPicture) -> Verdict:
    """Judge the drafted drugs on order hooks, the drugs in force on patient-view."""
    if picture.obstetric_magnesium:
        return Quiet(Topic.WASTING_DRUG, "obstetric magnesium therapy")
    return _ordering(picture) if picture.facts.ordering else _in_force(picture)


# ----- patient-view -----


def _in_force(picture: ClinicalPicture) -> Verdict:
    reading = picture.magnesium
    if not reading.deficient or reading.result is None:
        return Quiet(Topic.WASTING_DRUG, "magnesium is not known to be low now")
    if not picture.wasting:
        return Quiet(Topic.WASTING_DRUG, "no wasting drug in force or in wash-out")
    indicator = for_age_of_result(Indicator.WARNING, picture)
    shown = restrained(indicator, picture, unverified=bool(reading.unverified), palliative_silent=True)
    if shown is None:
        return Quiet(Topic.WASTING_DRUG, "palliative care")
    classes = {i.drug.drug_class.code: i.drug.drug_class for i in picture.wasting}
    names = words.few((words.name(i.exposure) for i in picture.wasting), 2)
    return Finding(
        topic=Topic.WASTING_DRUG,
        indicator=shown,
        summary=f"Low magnesium ({words.value(reading.result)}) on {names}: may waste magnesium",
        what=(
            f"{words.sentence(words.result(reading.result))}.",
            *(_course(c, picture) for c in classes.values()),
            *(_reported(e, picture) for e in picture.reported),
        ),
        why=(
            *(f"{words.sentence(c.label)} ({c.site}): {c.mechanism}." for c in classes.values()),
            *((_PPI_ALONE,) if "ppi" in classes else ()),
        ),
        act=(
            *_advice(picture, classes.values()),
            *sparing_diuretic(picture),
            *unread_notes(picture),
            *population_notes(picture),
        ),
        evidence=grounds(
            picture,
            reading.result,
            *_acid_control(picture, classes.values()),
            *(i.exposure for i in picture.wasting),
            *picture.reported,
            thresholds=_THRESHOLDS,
            citations=(*_CITATIONS, *_class_sources(classes.values())),
        ),
    )


def _course(drug_class: DrugClass, picture: ClinicalPicture) -> str:
    """Name the drugs of a class with the start of the course: ``Omeprazole, since 3 May 2025``."""
    held = _newest(i for i in picture.wasting if i.drug.drug_class is drug_class)
    start = picture.regimen.start_by_class[drug_class.code]
    since = f"since {words.day(start)}" if start else "start unknown"
    return f"{words.sentence(words.listed(map(_marked, held)))}: {drug_class.label}, {since}."


def _newest(held: Iterable[InForce]) -> Iterable[InForce]:
    """Return one of each drug, however often it was ordered or given: in force if any is, else the last."""
    newest: dict[str, InForce] = {}
    for one in held:
        other = newest.setdefault(one.drug.ingredient, one)
        if _reach(one) > _reach(other):
            newest[one.drug.ingredient] = one
    return newest.values()


def _reach(held: InForce) -> tuple[bool, bool, datetime]:
    """How far a drug reaches; of two in force the one about which less was assumed."""
    last = held.exposure.end or held.exposure.start
    return not held.washing_out, not _assumed(held.exposure), last.latest if last else _LONG_AGO


def _reported(exposure: Exposure, picture: ClinicalPicture) -> str:
    doubt = "route unknown" if exposure.route is Route.UNKNOWN else "weak evidence"
    if exposure in picture.wasting_of_long_ago:
        doubt = f"ordered more than {picture.policy.exposure.open_order.text} ago, still taken?"
    return f"Also reported with low magnesium: {words.name(exposure)} ({doubt})."


def _marked(held: InForce) -> str:
    marks = [mark for mark in (_stopped(held), _assumed(held.exposure)) if mark]
    return f"{held.drug.ingredient} ({', '.join(marks)})" if marks else held.drug.ingredient


def _stopped(held: InForce) -> str:
    end = held.exposure.end or held.exposure.start
    return f"last {words.time(end)}, effect may last" if held.washing_out and end else ""


def _assumed(exposure: Exposure) -> str:
    by_name = "matched by name" if exposure.source.match is Match.NAME else ""
    route = "systemic route assumed" if exposure.route_assumed else ""
    return ", ".join(filter(None, (by_name, route)))


def _advice(picture: ClinicalPicture, classes: Iterable[DrugClass]) -> tuple[str, ...]:
    lines = []
    for drug_class in classes:
        own = _gastroprotection(picture) if drug_class.code == "ppi" else ""
        text = own or drug_class.advice
        lines.append(f"{words.sentence(drug_class.label)}: {text[:1].lower()}{text[1:]}")
    return tuple(lines)


def _gastroprotection(picture: ClinicalPicture) -> str:
    """What to say of a proton pump inhibitor that something in force gives a reason for; empty without."""
    drugs = words.listed(words.name(exposure) for code in _NEED_GASTROPROTECTION for exposure in picture.on(code))
    conditions = words.listed(map(words.condition, picture.problems.of(*_NEED_ACID_CONTROL)))
    reasons = " and ".join(filter(None, (f"on {drugs}" if drugs else "", f"for {conditions}" if conditions else "")))
    return f"needs gastroprotection {reasons}: discuss before any change." if reasons else ""


def _acid_control(picture: ClinicalPicture, classes: Iterable[DrugClass]) -> tuple[ConditionFact, ...]:
    """Conditions for which a proton pump inhibitor is kept."""
    of_ppi = any(drug_class.code == "ppi" for drug_class in classes)
    return picture.problems.of(*_NEED_ACID_CONTROL) if of_ppi else ()


def _class_sources(classes: Iterable[DrugClass]) -> tuple[str, ...]:
    return tuple(source for c in classes for source in c.sources)


# ----- order hooks -----


@dataclass(frozen=True, slots=True)
class _Judged:
    """A drafted drug and what its row of the table asks for."""

    drug: Drug
    draft: Exposure
    indicator: Indicator
    reason: str
    """Why there is a card: ``low``, ``borderline``, ``last value low``, ``baseline`` or ``PPI in Bartter``."""
    continued: bool


def _ordering(picture: ClinicalPicture) -> Verdict:
    judged = [
        found
        for draft in picture.selected
        for drug in members(draft)
        if drug.wasting and (found := _judge_draft(picture, draft, drug)) is not None
    ]
    if not judged:
        return Quiet(Topic.WASTING_DRUG, "no drafted drug needs a word on magnesium")
    judged.sort(key=lambda j: (-j.indicator, j.drug.ingredient, j.draft.source.reference))
    worst = judged[0]
    unverified = bool(picture.magnesium.unverified)
    shown = restrained(worst.indicator, picture, unverified=unverified, palliative_silent=True)
    if shown is None:
        return Quiet(Topic.WASTING_DRUG, "palliative care")
    return _ordering_finding(picture, judged, shown)


def _judge_draft(picture: ClinicalPicture, draft: Exposure, drug: Drug) -> _Judged | None:
    indicator, reason = _row(picture, draft, drug)
    if indicator is None:
        return None
    continued = any(i.drug == drug for i in picture.regimen.of(drug.drug_class.code))
    if continued or draft.route_assumed:
        indicator = indicator.at_most(Indicator.WARNING)
    if draft.as_needed:
        indicator = Indicator.INFO
    return _Judged(drug, draft, indicator, reason, continued)


def _row(picture: ClinicalPicture, draft: Exposure, drug: Drug) -> tuple[Indicator | None, str]:
    """Return what the first matching row of the table asks for, and why."""
    reading = picture.magnesium
    found: list[tuple[Indicator, str]] = []
    if reading.deficient:
        found.append((for_age_of_result(_when_low(picture, drug), picture), "low"))
    if reading.stale_deficient or (reading.deficient and _aging(picture)):
        grave = drug.drug_class.harm in _GRAVE or drug.drug_class.harm is Harm.CALCINEURIN
        found.append((Indicator.WARNING if grave else Indicator.INFO, "last value low"))
    if not found and reading.counts and reading.status is Status.BORDERLINE and not picture.problems.pregnancy:
        found.extend((for_age_of_result(i, picture), why) for i, why in _when_borderline(picture, draft, drug))
    if not found and _no_magnesium_within_interval(picture, drug) and _baseline_wanted(picture, draft, drug):
        found.append((Indicator.INFO, "baseline"))
    if drug.drug_class.code == "ppi" and picture.problems.salt_losing_tubulopathy:
        found.append((Indicator.WARNING, "PPI in Gitelman or Bartter syndrome"))
    return max(found, key=lambda row: row[0], default=(None, ""))


def _aging(picture: ClinicalPicture) -> bool:
    return picture.magnesium.currency is Currency.AGING


def _when_low(picture: ClinicalPicture, drug: Drug) -> Indicator:
    """Rows 1 and 2: magnesium severe or low."""
    if picture.magnesium.status is not Status.SEVERE:
        return Indicator.WARNING
    grave = drug.drug_class.harm in _GRAVE and drug.weight is Weight.STRONG
    return Indicator.CRITICAL if grave or picture.cardiac_risk else Indicator.WARNING


def _when_borderline(picture: ClinicalPicture, draft: Exposure, drug: Drug) -> list[tuple[Indicator, str]]:
    """Row 3; where it asks for nothing the baseline row may still ask for a result."""
    company = _other_wasting(picture, draft, drug, Weight.STRONG) or picture.digoxin or picture.qt_drugs
    if company and picture.potassium.low:
        return [(Indicator.WARNING, "borderline")]
    return [(Indicator.INFO, "borderline")] if drug.drug_class.harm in _WATCHED else []


def _other_wasting(picture: ClinicalPicture, draft: Exposure, drug: Drug, *weights: Weight) -> bool:
    """Whether a wasting drug of another class and of these weights is in force or drafted beside this one."""
    others = [i.drug for i in picture.wasting if not i.washing_out]
    others += [d for other in picture.drafts if other is not draft for d in members(other)]
    others += members(draft)
    return any(o.wasting and o.weight in weights and o.drug_class is not drug.drug_class for o in others)


def _no_magnesium_within_interval(picture: ClinicalPicture, drug: Drug) -> bool:
    """Row 5: no usable magnesium, or one older than the class's interval."""
    reading = picture.magnesium
    if reading.result is None or reading.status is None:
        return True
    return not reading.result.when.surely_within(drug.monitored_every(picture.policy), picture.as_of)


def _baseline_wanted(picture: ClinicalPicture, draft: Exposure, drug: Drug) -> bool:
    if picture.magnesium_test_ordered(picture.policy.monitoring.ordered.delta):
        return False  # a card would only ask for it
    match drug.drug_class.baseline:
        case Baseline.ALWAYS:
            # One dose of an aminoglycoside is no course.
            return not (draft.single_dose and drug.drug_class.code == "aminoglycoside")
        case Baseline.CONDITIONAL:
            supply = draft.supply_days
            long_ppi = (
                drug.drug_class.code == "ppi"
                and supply is not None
                and supply >= picture.policy.exposure.chronic.delta.days
            )
            company = _other_wasting(picture, draft, drug, Weight.STRONG, Weight.MODERATE)
            risk = picture.digoxin or picture.qt_drugs or picture.potassium.low
            return bool(long_ppi or company or risk)
        case Baseline.NONE:
            return False
    assert_never(drug.drug_class.baseline)


def _ordering_finding(picture: ClinicalPicture, judged: list[_Judged], indicator: Indicator) -> Finding:
    reading, worst = picture.magnesium, judged[0]
    classes = {j.drug.drug_class.code: j.drug.drug_class for j in judged}
    plan = advice.replace_magnesium(picture) if reading.deficient else advice.Advice()
    fine = reading.counts and reading.status is not None and reading.status >= Status.NORMAL
    known = fine and all(j.reason != "baseline" for j in judged)
    measure = not known and (not reading.deficient or _aging(picture) or bool(reading.unverified))
    measured = advice.measure_magnesium(picture) if measure else ()
    return Finding(
        topic=Topic.WASTING_DRUG,
        indicator=indicator,
        summary=_summary(picture, judged),
        what=(_magnesium_line(picture), *(_draft_line(j) for j in judged), *_company(picture, judged)),
        why=tuple(f"{words.sentence(c.label)} ({c.site}): {c.mechanism}." for c in classes.values()),
        act=(
            *(("Check serum magnesium.",) if measure and not (reading.deficient and _aging(picture)) else ()),
            *(_advice(picture, classes.values()) if worst.reason != "baseline" else ()),
            *plan.act,
            *(() if reading.deficient else unread_notes(picture)),
            *population_notes(picture),
        ),
        plan=plan.plan,
        proposals=tuple(dict.fromkeys((*measured, *plan.proposals))),
        evidence=grounds(
            picture,
            reading.result,
            picture.potassium.result,
            *(j.draft for j in judged),
            *picture.cardiac_risk,
            *_acid_control(picture, classes.values()),
            thresholds=_THRESHOLDS,
            citations=(*_CITATIONS, *_class_sources(classes.values())),
            held_back=plan.held_back,
            derived=(("row", worst.reason),),
        ),
    )


def _summary(picture: ClinicalPicture, judged: list[_Judged]) -> str:
    reading, worst = picture.magnesium, judged[0]
    names = words.few((j.drug.ingredient for j in judged), 2)
    if worst.reason == "PPI in Gitelman or Bartter syndrome":
        return f"{words.sentence(names)} in Gitelman or Bartter syndrome may worsen magnesium loss"
    if worst.reason == "baseline" or reading.result is None or reading.status is None:
        return f"No current magnesium: check serum Mg before {names}"
    state = "was low" if worst.reason == "last value low" else f"is {words.STATUS[reading.status]}"
    verb = "continued" if all(j.continued for j in judged) else "ordered"
    return f"Magnesium {state} ({words.value(reading.result)}) and {names} {verb}: may waste magnesium"


def _magnesium_line(picture: ClinicalPicture) -> str:
    result = picture.magnesium.result
    return f"{words.sentence(words.result(result))}." if result else "No usable serum magnesium on file."


def _draft_line(judged: _Judged) -> str:
    marks = [mark for mark in ("continued" if judged.continued else "", _assumed(judged.draft)) if mark]
    shown = f" ({', '.join(marks)})" if marks else ""
    return f"{words.sentence(judged.drug.ingredient)}{shown}: {judged.drug.drug_class.label}."


def _company(picture: ClinicalPicture, judged: list[_Judged]) -> tuple[str, ...]:
    drafted = {j.drug.ingredient for j in judged}
    wasting = [i.drug.ingredient for i in picture.wasting if i.drug.ingredient not in drafted]
    heart = [words.name(e) for e in (*picture.digoxin, *picture.qt_drugs)]
    lines = []
    if wasting:
        lines.append(f"Also wasting: {words.listed(wasting)}.")
    if heart:
        lines.append(f"Heart rhythm at stake: {words.listed(heart)}.")
    if picture.potassium.low and picture.potassium.result:
        lines.append(f"Also low: {words.result(picture.potassium.result)}.")
    return tuple(lines)
