"""Magnesium being given although it is high, or although the kidneys cannot clear it.

What it says
    Magnesium (replacement, antacid, laxative or bowel preparation) is drafted or in force while serum magnesium is
    above the usual range, or while eGFR is below 30, on dialysis or in acute kidney injury.
Why
    Magnesium leaves mainly by the kidney; giving more to a patient who keeps it is avoidable harm [S2-039].
When it is silent
    No magnesium drafted or in force; magnesium not high and kidneys that clear it; in obstetric magnesium therapy
    surely within its target range. It does not speak of isolated hypermagnesemia.
When it cannot tell
    Magnesium and kidney function both unknown: the guards then hold every magnesium order back.
Sources
    S2-039; limits and the obstetric range local.
"""

from __future__ import annotations

from magnesium import advice, words
from magnesium.facts import Analyte, Exposure, LabResult
from magnesium.grounds import grounds
from magnesium.kidney import Filtration
from magnesium.picture import ClinicalPicture
from magnesium.replacement import intravenous_magnesium, magnesium_load
from magnesium.restraint import population_notes, restrained
from magnesium.status import Currency, Status
from magnesium.verdict import Finding, Indicator, Quiet, Topic, Verdict

_THRESHOLDS = ("magnesium.high", "magnesium.toxic", "magnesium.very_toxic", "kidney.reduced")
_CITATIONS = ("S2-039", "local")

Row = tuple[Indicator, str]
"""What one row of the table asks for, and the reason in words."""


def judge(picture: ClinicalPicture) -> Verdict:
    """Judge whether magnesium that is drafted or in force is safe to give."""
    given = _given(picture)
    if not given:
        return Quiet(Topic.SAFETY, "no magnesium is drafted or in force")
    found = [row for row in (_by_level(picture, given), _by_kidney(picture)) if row is not None]
    if not found:
        return Quiet(Topic.SAFETY, "magnesium is not high and nothing says that the kidneys cannot clear it")
    indicator = max(indicator for indicator, _ in found)
    if all(e.as_needed for e in given) and picture.facts.ordering:
        indicator = indicator.at_most(Indicator.WARNING)
    if all(e.route_assumed for e in given):
        indicator = indicator.at_most(Indicator.WARNING)
    shown = restrained(indicator, picture, unverified=bool(picture.magnesium.unverified))
    if shown is None:
        return Quiet(Topic.SAFETY, "palliative care")
    return _finding(picture, given, shown, tuple(reason for _, reason in found))


def _given(picture: ClinicalPicture) -> tuple[Exposure, ...]:
    if picture.facts.ordering:
        found = [draft for draft in picture.selected if magnesium_load(draft)]
    else:
        found = [held.exposure for held in picture.regimen.of("magnesium")]
    return tuple(sorted(dict.fromkeys(found), key=lambda e: (words.name(e), e.source.reference)))


def _obstetric(picture: ClinicalPicture, given: tuple[Exposure, ...]) -> bool:
    """Injected magnesium in pregnancy, in force or being ordered: a treatment with a target range of its own."""
    ordered = picture.problems.pregnancy and any(map(intravenous_magnesium, given))
    return bool(picture.obstetric_magnesium or ordered)


def _high_now(picture: ClinicalPicture) -> LabResult | None:
    """The magnesium that is high now; of results of one instant the highest."""
    reading = picture.magnesium
    high = reading.currency is Currency.CURRENT and reading.highest is Status.HIGH
    return reading.highest_result if high else None


def _by_level(picture: ClinicalPicture, given: tuple[Exposure, ...]) -> Row | None:
    """The rows of the table that rest on the level."""
    result, numbers = _high_now(picture), picture.policy.magnesium
    if result is None:
        return None
    reason = f"{words.value(result)} above the usual range"
    if numbers.very_toxic.at_most(result.quantity) is False:
        return Indicator.CRITICAL, reason
    if _obstetric(picture, given):
        return (Indicator.WARNING, _may_be_above(picture, result)) if _may_exceed(picture, result) else None
    if numbers.toxic.below(result.quantity) is False:
        return Indicator.CRITICAL, reason
    return Indicator.WARNING, reason


def _may_exceed(picture: ClinicalPicture, result: LabResult) -> bool:
    """Whether a bound leaves open that the value lies above the obstetric target range."""
    return picture.policy.magnesium.very_toxic.at_most(result.quantity) is None


def _may_be_above(picture: ClinicalPicture, result: LabResult) -> str:
    limit = picture.policy.magnesium.very_toxic.within(result.quantity.unit)
    return f"{words.value(result)}, may be above {limit}"


def _by_kidney(picture: ClinicalPicture) -> Row | None:
    kidney = picture.kidney
    if kidney.dialysis:
        return Indicator.WARNING, "kidney replacement therapy"
    if kidney.acute_injury and kidney.injured_lately:
        return Indicator.WARNING, f"acute kidney injury ({kidney.acute_injury})"
    if kidney.filtration is Filtration.POOR:
        return Indicator.WARNING, kidney.words
    return None


def _finding(
    picture: ClinicalPicture, given: tuple[Exposure, ...], indicator: Indicator, reasons: tuple[str, ...]
) -> Finding:
    result = picture.magnesium.highest_result
    names = words.few((words.name(e) for e in given), 2)
    verb = "ordered" if picture.facts.ordering else "in force"
    return Finding(
        topic=Topic.SAFETY,
        indicator=indicator,
        summary=f"Magnesium {verb} ({names}) with {words.listed(reasons)}",
        what=(*_level(picture), *_drugs(given), *_kidney(picture)),
        why=("Magnesium leaves the body mainly by the kidney and accumulates where it cannot.",),
        act=(*_act(picture, given), *population_notes(picture)),
        proposals=advice.measure_magnesium(picture),
        evidence=grounds(
            picture,
            result,
            picture.kidney.basis,
            *picture.problems.dialysis,
            *picture.problems.of("acute_kidney_injury"),
            *picture.problems.advanced_ckd,
            *picture.problems.pregnancy,
            *given,
            thresholds=_THRESHOLDS,
            citations=_CITATIONS,
            derived=(("reason", words.listed(reasons)),),
        ),
    )


def _level(picture: ClinicalPicture) -> tuple[str, ...]:
    result = picture.magnesium.highest_result
    if result is None:
        return ("No usable serum magnesium on file.",)
    above = ", above the usual range" if _high_now(picture) else ""
    return (f"{words.result(result)}{above}.",)


def _drugs(given: tuple[Exposure, ...]) -> tuple[str, ...]:
    return tuple(f"{words.sentence(words.drug(e))}." for e in given)


def _kidney(picture: ClinicalPicture) -> tuple[str, ...]:
    row, basis = _by_kidney(picture), picture.kidney.basis
    if row is None:
        return ()
    if basis is None:
        return (f"Kidney: {row[1]}.",)
    reported = basis.analyte is Analyte.EGFR
    return (f"Kidney: {words.result(basis)}." if reported else f"Kidney: {row[1]} ({words.result(basis)}).",)


def _act(picture: ClinicalPicture, given: tuple[Exposure, ...]) -> tuple[str, ...]:
    row, obstetric = _by_level(picture, given), _obstetric(picture, given)
    critical = row is not None and row[0] is Indicator.CRITICAL
    lines = []
    if obstetric and row is not None and not critical:
        lines.append("Obstetric magnesium: ask for the exact value now; reflexes, breathing, urine output.")
    elif row is not None:
        lines.append("Hold magnesium, antacids and laxatives with magnesium until level and kidney function are clear.")
    elif obstetric:
        lines.append("Obstetric magnesium: reduced dose per local protocol; reflexes, breathing, urine output, level.")
    else:
        # Not "hold": a patient whose magnesium is low needs it all the same.
        lines.append("No antacid or laxative with magnesium; replacement only at a reduced dose, slowly.")
        lines.append("Level after each dose; nephrology or pharmacy.")
    # Said at a toxic level however loud the card may be.
    if critical:
        lines.append("Check reflexes, breathing and urine output; antidote IV calcium per local protocol.")
        if picture.digoxin:
            lines.append("Digoxin in force: give IV calcium slowly, on a monitor.")
    if picture.magnesium.unverified:
        lines.append(words.unread("magnesium"))
    elif picture.magnesium.conflicting:
        lines.append("Results of one moment disagree: repeat magnesium.")
    elif picture.magnesium.currency is not Currency.CURRENT or picture.magnesium.status is None:
        lines.append("Check serum magnesium.")
    return tuple(lines)
