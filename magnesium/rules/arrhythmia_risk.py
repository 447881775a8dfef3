"""Low magnesium or potassium in a heart that cannot afford it.

What it says
    Torsades or a QTc of 500 ms or more, digoxin, a QT drug or a long-QT condition, together with low (or unknown)
    magnesium or potassium: correct them, and how urgently.
Why
    Magnesium depletion raises sensitivity to digoxin [S0-014, S0-030] and brings ventricular arrhythmia and
    torsades [S0-018, S2-026]. Beside torsades potassium is kept at 4.0 or above [aha-accf-2010].
When it is silent
    None of these; magnesium and potassium both fine and current; on order hooks unless the draft is digoxin, a QT
    drug, a loop diuretic or a thiazide. Digoxin is not a QT drug. It never speaks to an arrest in progress.
When it cannot tell
    Beside torsades or a long QTc an unknown value is a reason to measure now; else it is silent.
Sources
    S0-014, S0-018, S0-030, S2-026, S2-034 (secondary source); aha-accf-2010; qt-list (local).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from magnesium import advice, words
from magnesium.drugs import Drug, members
from magnesium.ecg import CorrectedQt
from magnesium.facts import Exposure, ExposureKind, LabResult
from magnesium.grounds import grounds
from magnesium.picture import ClinicalPicture
from magnesium.restraint import for_age_of_result, population_notes, restrained, unread_notes
from magnesium.status import Currency, Status
from magnesium.verdict import Finding, Indicator, Quiet, Topic, Verdict

_THRESHOLDS = (
    "ecg.qtc_long",
    "ecg.qtc_borderline_male",
    "ecg.qtc_borderline_female",
    "ecg.qrs_wide",
    "magnesium.severe",
    "magnesium.low",
    "potassium.low",
    "potassium.moderate",
    "potassium.severe",
    "potassium.target",
)
_CITATIONS = ("S0-014", "S0-018", "S0-030", "S2-026", "S2-034", "aha-accf-2010", "qt-list")
_MAGNESIUM = "serum magnesium"
_DRAFTS = frozenset({"digoxin", "loop_diuretic", "thiazide"})
"""Classes whose drafts are judged, beside the QT drugs."""

Row = tuple[Indicator, str]
"""What one row of the table asks for, and the reason in words."""


def judge(picture: ClinicalPicture) -> Verdict:
    """Judge the risk of arrhythmia from magnesium and potassium."""
    if picture.facts.ordering and not _drafts(picture):
        return Quiet(Topic.ARRHYTHMIA, "no digoxin, QT drug, loop diuretic or thiazide is being ordered")
    rows = [*_long_qt_now(picture), *_digoxin(picture), *_qt_drug(picture)]
    if not rows:
        return Quiet(Topic.ARRHYTHMIA, "no digoxin, QT drug, long QTc or torsades beside low magnesium or potassium")
    indicator, reason = max(rows, key=lambda row: row[0])
    # Each row has been held down by doubts about the result that it rests on.
    shown = restrained(indicator, picture, unverified=False)
    if shown is None:
        return Quiet(Topic.ARRHYTHMIA, "palliative care")
    return _finding(picture, shown, reason)


def _drafts(picture: ClinicalPicture) -> tuple[Exposure, ...]:
    return _sorted(d for d in picture.selected if any(_judged(m, picture) for m in members(d)))


def _judged(drug: Drug, picture: ClinicalPicture) -> bool:
    return drug.drug_class.code in _DRAFTS or drug.counts_as_qt(picture.policy)


def _sorted(exposures: Iterable[Exposure]) -> tuple[Exposure, ...]:
    """Drafts come as the session lists them: the order of a record never matters."""
    return tuple(sorted(exposures, key=lambda e: (words.name(e), e.source.reference)))


# ----- rows -----


def _long_qt_now(picture: ClinicalPicture) -> Iterator[Row]:
    """Torsades within three days, or a QTc of 500 ms or more."""
    torsades, qtc = picture.problems.torsades, picture.prolonged_qtc
    if torsades:
        reason = "torsades de pointes"
    elif qtc:
        reason = words.value(qtc)
    else:
        return
    for found in _beside_long_qt(picture):
        yield (found if torsades or picture.qtc is None else _on_qtc(found, picture.qtc)), reason


def _on_qtc(indicator: Indicator, qtc: CorrectedQt) -> Indicator:
    """One step lower where QTc overestimates, and never critical beside a newer one that could not be read."""
    read = indicator.lowered() if qtc.overestimates else indicator
    return read.at_most(Indicator.WARNING) if qtc.unverified else read


def _beside_long_qt(picture: ClinicalPicture) -> Iterator[Indicator]:
    if picture.magnesium.deficient:
        yield _on_magnesium(Indicator.CRITICAL, picture)
    if picture.potassium.low:
        yield _on_potassium(Indicator.CRITICAL, picture)
    if not (_magnesium_fine(picture) and _potassium_at_target(picture)):
        yield Indicator.WARNING


def _magnesium_fine(picture: ClinicalPicture) -> bool:
    """Surely normal or high now: current, and nothing newer that could not be read."""
    reading = picture.magnesium
    current = reading.currency is Currency.CURRENT and not reading.unverified
    return current and reading.status is not None and reading.status >= Status.NORMAL


def _potassium_at_target(picture: ClinicalPicture) -> bool:
    result, target = picture.potassium.result, picture.policy.potassium.target
    if result is None or picture.potassium.unverified:
        return False
    return target.below(result.quantity) is False


def _digoxin(picture: ClinicalPicture) -> Iterator[Row]:
    potassium, most = picture.potassium, _ceiling(picture.digoxin)
    if most is None:
        return
    for found in _on_values(picture, critical=potassium.moderate, warning=potassium.low):
        yield found.at_most(most), "digoxin"


def _qt_drug(picture: ClinicalPicture) -> Iterator[Row]:
    potassium, most = picture.potassium, _ceiling(picture.qt_drugs)
    if picture.problems.of("long_qt"):
        most = Indicator.CRITICAL
    if most is None:
        return
    reason = words.few(map(words.name, _sorted(picture.qt_drugs)), 2) or "long QT syndrome"
    for found in _on_values(picture, critical=potassium.severe, warning=potassium.moderate):
        yield found.at_most(most), reason


def _on_values(picture: ClinicalPicture, *, critical: bool, warning: bool) -> Iterator[Indicator]:
    """The rows that digoxin and QT drugs share; they differ in the potassium at which they begin."""
    if picture.magnesium.deficient:
        severe = picture.magnesium.status is Status.SEVERE
        yield _on_magnesium(Indicator.CRITICAL if severe else Indicator.WARNING, picture)
    if critical or warning:
        yield _on_potassium(Indicator.CRITICAL if critical else Indicator.WARNING, picture)


def _on_magnesium(indicator: Indicator, picture: ClinicalPicture) -> Indicator:
    """One step lower while the magnesium is aging, and never critical beside a newer one that could not be read."""
    aged = for_age_of_result(indicator, picture)
    return aged.at_most(Indicator.WARNING) if picture.magnesium.unverified else aged


def _on_potassium(indicator: Indicator, picture: ClinicalPicture) -> Indicator:
    """Never critical beside a newer potassium that could not be read."""
    return indicator.at_most(Indicator.WARNING) if picture.potassium.unverified else indicator


def _ceiling(exposures: tuple[Exposure, ...]) -> Indicator | None:
    """Return how urgent these drugs may make a card; None without any."""
    return max(map(_loudest, exposures), default=None)


def _loudest(exposure: Exposure) -> Indicator:
    """A draft to be taken as needed is information at most; a route that is only assumed never raises a critical."""
    if exposure.kind is ExposureKind.DRAFT and exposure.as_needed:
        return Indicator.INFO
    return Indicator.WARNING if exposure.route_assumed else Indicator.CRITICAL


# ----- what the card says -----


def _finding(picture: ClinicalPicture, indicator: Indicator, reason: str) -> Finding:
    magnesium, potassium = picture.magnesium, picture.potassium
    # Torsades calls for magnesium whatever its level is.
    replaced = magnesium.deficient or picture.problems.torsades
    plan = advice.replace_magnesium(picture) if replaced else advice.Advice()
    measure = _measure(picture)
    replace_potassium = advice.order_potassium(picture) if potassium.low else advice.Advice()
    act = _act(picture, measure=measure)
    measured = advice.measure_magnesium(picture) if _MAGNESIUM in measure else ()
    proposals = dict.fromkeys((*measured, *plan.proposals, *replace_potassium.proposals))
    return Finding(
        topic=Topic.ARRHYTHMIA,
        indicator=indicator,
        summary=_summary(picture, reason, measure=measure),
        what=(*_values(picture), *_reasons(picture)),
        why=_why(picture),
        # What to do about torsades comes first.
        act=(*(plan.act + act if picture.problems.torsades else act + plan.act), *population_notes(picture)),
        plan=plan.plan,
        proposals=tuple(proposals),
        evidence=grounds(
            picture,
            magnesium.result,
            potassium.result,
            *_electrocardiogram(picture),
            *picture.problems.torsades,
            *picture.problems.of("long_qt", "pacemaker"),
            *_sorted(picture.digoxin),
            *_sorted(picture.qt_drugs),
            *_drafts(picture),
            thresholds=_THRESHOLDS,
            citations=_CITATIONS,
            held_back=(*plan.held_back, *replace_potassium.held_back),
        ),
    )


def _measure(picture: ClinicalPicture) -> tuple[str, ...]:
    """Return what is not surely known now and has to be measured."""
    magnesium, potassium = picture.magnesium, picture.potassium
    known = magnesium.currency is Currency.CURRENT and magnesium.status is not None
    doubtful = magnesium.unverified or magnesium.conflicting
    unknown = potassium.result is None or potassium.not_conclusive or potassium.conflicting or potassium.unverified
    return (
        *((_MAGNESIUM,) if doubtful or not known else ()),
        *(("potassium",) if unknown else ()),
    )


def _summary(picture: ClinicalPicture, reason: str, *, measure: tuple[str, ...]) -> str:
    low = [
        words.value(result)
        for result, is_low in (
            (picture.magnesium.result, picture.magnesium.deficient),
            (picture.potassium.result, picture.potassium.low),
        )
        if result and is_low
    ]
    shown = words.sentence(reason)
    if low:
        urgency = "correct now" if picture.problems.torsades else "risk of arrhythmia"
        return f"{shown} with low {words.listed(low)}: {urgency}"
    asked = f"measure {words.listed(measure)} now, " if measure else ""
    return f"{shown}: {asked}keep K at {picture.policy.potassium.target.text} or above and Mg normal"


def _values(picture: ClinicalPicture) -> tuple[str, ...]:
    magnesium, potassium = picture.magnesium.result, picture.potassium.result
    return (
        f"{words.result(magnesium)}." if magnesium else "No usable serum magnesium on file.",
        f"{words.result(potassium)}." if potassium else "No current potassium.",
    )


def _reasons(picture: ClinicalPicture) -> tuple[str, ...]:
    lines = list(_qtc_lines(picture))
    lines += [f"{words.sentence(words.drug(e))}." for e in (*_sorted(picture.digoxin), *_sorted(picture.qt_drugs))]
    conditions = (*picture.problems.torsades, *picture.problems.of("long_qt"))
    lines += [f"{words.sentence(words.condition(c))}." for c in conditions]
    return tuple(dict.fromkeys(lines))


def _electrocardiogram(picture: ClinicalPicture) -> tuple[LabResult, ...]:
    """The QTc that the card tells, and the QRS that lengthens it."""
    qtc = picture.qtc
    if qtc is None or not (qtc.prolonged or qtc.borderline):
        return ()
    return (qtc.result, *((qtc.wide_qrs,) if qtc.wide_qrs else ()))


def _qtc_lines(picture: ClinicalPicture) -> Iterator[str]:
    told = _electrocardiogram(picture)
    if picture.qtc is None or not told:
        return
    yield f"{words.result(picture.qtc.result)}{', borderline' if picture.qtc.borderline else ''}."
    if picture.qtc.pacemaker:
        yield "Paced rhythm: QTc overestimates."
    if picture.qtc.wide_qrs:
        yield f"{words.result(picture.qtc.wide_qrs)}: QTc overestimates."


def _why(picture: ClinicalPicture) -> tuple[str, ...]:
    digoxin = ("Low magnesium raises sensitivity to digoxin toxicity.",) if picture.digoxin else ()
    qt = picture.qt_drugs or picture.prolonged_qtc or picture.problems.of("long_qt") or picture.problems.torsades
    return (*digoxin, *(("Low magnesium and potassium promote torsades de pointes.",) if qt else ()))


def _act(picture: ClinicalPicture, *, measure: tuple[str, ...]) -> tuple[str, ...]:
    lines = [f"Measure {name} now." for name in measure]
    if picture.potassium.low:
        lines += advice.correct_potassium(picture)
    if picture.problems.torsades or picture.prolonged_qtc:
        lines.append(f"Keep K at {picture.policy.potassium.target.text} or above and Mg normal; ECG monitoring.")
    if picture.qt_drugs:
        lines.append("Review the QT drug: is it needed, is there an alternative?")
    lines += unread_notes(picture)
    if picture.qtc is not None and picture.qtc.unverified:
        lines.append(words.unread("QTc"))
    if picture.problems.torsades and picture.magnesium.highest is Status.HIGH:
        lines.append("Magnesium is high: no magnesium order is proposed.")
    return tuple(lines)
