"""Where the magnesium goes: the fractional excretion of magnesium, urine calcium, and the possible causes.

What it says
    FEMg and what it suggests, with the four results it is computed from; urine calcium/creatinine; the possible
    causes, each with what the patient has for and against it (``magnesium.causes``); or, where no drug and no gut
    condition explains the low magnesium and FEMg cannot be computed, an offer to measure it.
Why
    FEMg tells renal from extrarenal loss [S0-194 to S0-197, S1-004, S2-028]; urine calcium tells the tubular
    disorders apart [S2-029]. The sources of each cause stand in knowledge/causes.csv.
When it is silent
    Magnesium not severe or low now; known Gitelman or Bartter syndrome; dialysis; palliative care; obstetric
    magnesium; no FEMg but a wasting drug or gut condition explains enough for a card of its own.
When it cannot tell
    It says which sample is missing.
Sources
    S0-047, S0-193 to S0-198, S1-004, S1-005, S2-028 to S2-031 (S2-031 contradicts S0-195: 2-4 % is equivocal); elisaf.
"""

from __future__ import annotations

from dataclasses import dataclass

from magnesium import words
from magnesium.cause_table import Kind
from magnesium.causes import Candidate, differential
from magnesium.facts import LabResult
from magnesium.femg import FractionalExcretion, NotComputable, Reading
from magnesium.grounds import grounds
from magnesium.picture import ClinicalPicture
from magnesium.restraint import population_notes, restrained
from magnesium.urine import DailyMagnesium, DailyMagnesiumReading, UrineCalcium
from magnesium.verdict import Finding, Indicator, Proposal, Quiet, Topic, Unknown, Verdict

_THRESHOLDS = ("femg.filterable", "femg.renal", "femg.extrarenal", "kidney.full", "kidney.reduced")
_CITATIONS = (
    "S0-193",
    "S0-194",
    "S0-195",
    "S0-196",
    "S0-197",
    "S0-198",
    "S0-203",
    "S1-004",
    "S1-005",
    "S2-028",
    "S2-029",
    "S2-030",
    "S2-031",
    "elisaf",
)


def judge(picture: ClinicalPicture) -> Verdict:
    """Judge where a low magnesium is lost."""
    topic = Topic.CAUSE
    if not picture.magnesium.deficient:
        return Quiet(topic, "magnesium is not known to be low now")
    if picture.problems.salt_losing_tubulopathy:
        return Quiet(topic, "known Gitelman or Bartter syndrome")
    if picture.problems.dialysis or picture.obstetric_magnesium:
        return Quiet(topic, "dialysis or obstetric magnesium therapy")
    shown = restrained(Indicator.INFO, picture, unverified=False, palliative_silent=True)
    if shown is None:
        return Quiet(topic, "palliative care")
    femg = picture.femg
    if isinstance(femg, NotComputable):
        return _not_computable(picture, shown, femg.missing)
    if femg.reading is Reading.NOT_LOW:
        return _not_computable(picture, shown, ("urine sample taken while magnesium was low",))
    return _read(picture, femg, shown)


def _read(picture: ClinicalPicture, femg: FractionalExcretion, indicator: Indicator) -> Finding:
    diuretics = picture.regimen.of("loop_diuretic", "thiazide")
    renal = femg.reading in {Reading.RENAL, Reading.RENAL_LIKELY, Reading.EQUIVOCAL_RENAL}
    likely = (
        # Not beginning with the drug: such lines are left out where another card lists the drug.
        (f"A diuretic may explain it: {words.listed(words.name(i.exposure) for i in diuretics)}.",)
        if diuretics and renal
        else ()
    )
    kidney = f"; {picture.kidney.words}" if not picture.kidney.acute_injury else "; acute kidney injury"
    candidates = differential(picture)
    calcium = picture.urine_calcium
    return Finding(
        topic=Topic.CAUSE,
        indicator=indicator,
        summary=f"Low magnesium, FEMg {femg.text}: {femg.reading.value}",
        what=(
            f"FEMg {femg.text} from {_together(femg)}{kidney}.",
            *likely,
            *_daily_line(picture.daily_magnesium),
            *_calcium_line(calcium),
            *(candidate.line for candidate in candidates),
        ),
        why=("FEMg compares what the kidney lets go with what it filters.",),
        act=(_act(picture, femg.reading), *_correct(candidates), *_genetics(candidates), *population_notes(picture)),
        evidence=grounds(
            picture,
            *femg.results,
            picture.kidney.basis,
            *(i.exposure for i in diuretics),
            *_daily_results(picture.daily_magnesium),
            *(calcium.results if calcium else ()),
            *(fact for candidate in candidates for fact in candidate.facts),
            thresholds=(*_THRESHOLDS, *_thresholds(calcium), *_daily_thresholds(picture.daily_magnesium)),
            citations=(*_CITATIONS, *_sources(candidates)),
            derived=(("FEMg", femg.text), ("reading", femg.reading.value), *_calcium_derived(calcium)),
        ),
    )


def _together(femg: FractionalExcretion) -> str:
    """The four results, with one time where they share it and nothing else is to be said of any of them."""
    time = f" ({words.time(femg.results[0].when)})"
    if all(words.result(result) == words.value(result) + time for result in femg.results):
        return words.listed(map(words.value, femg.results)) + time
    return words.listed(map(words.result, femg.results))


_LOOK_RENAL = "Look for renal wasting: drugs first, then tubular disease."
_LOOK_GUT = "Look for gut loss, poor absorption or low intake."
_ACT = {
    Reading.RENAL: _LOOK_RENAL,
    Reading.RENAL_LIKELY: _LOOK_RENAL,
    Reading.EQUIVOCAL_RENAL: "Between the limits of the sources ({low} and {high}): consider both, renal first.",
    Reading.EQUIVOCAL: "Between the limits of the sources ({low} and {high}): consider both.",
    Reading.EXTRARENAL: _LOOK_GUT,
    Reading.EXTRARENAL_LIKELY: _LOOK_GUT,
    Reading.NOT_AT_THIS_GFR: "Do not read wasting from it at this kidney function.",
    Reading.MAGNESIUM_GIVEN: "Repeat it when magnesium has not been given for two days.",
    Reading.MAGNESIUM_PERHAPS: "Find out when magnesium was last given; repeat it two days after that.",
}


_DAILY_ACT = {
    DailyMagnesiumReading.RENAL: _LOOK_RENAL,
    DailyMagnesiumReading.NOT_RAISED: _LOOK_GUT,
}
"""What to do where the urine of a day tells without an FEMg."""


def _daily_line(daily: DailyMagnesium | None) -> tuple[str, ...]:
    return (f"{words.sentence(words.result(daily.results[0]))}: {daily.reading.value}.",) if daily else ()


def _daily_results(daily: DailyMagnesium | None) -> tuple[LabResult, ...]:
    return daily.results if daily else ()


def _daily_thresholds(daily: DailyMagnesium | None) -> tuple[str, ...]:
    return ("urine.daily_magnesium",) if daily else ()


def _act(picture: ClinicalPicture, reading: Reading) -> str:
    numbers = picture.policy.femg
    return _ACT[reading].format(low=numbers.extrarenal.text, high=numbers.renal.text)


def _not_computable(picture: ClinicalPicture, indicator: Indicator, missing: tuple[str, ...]) -> Verdict:
    if picture.wasting or picture.problems.gut:
        return Unknown(Topic.CAUSE, f"FEMg not computable: no {words.listed(missing)}")
    result = picture.magnesium.result
    assert result is not None  # a deficient magnesium has a result  # noqa: S101
    candidates = differential(picture)
    calcium = picture.urine_calcium
    daily = picture.daily_magnesium
    if daily is not None and daily.reading in _DAILY_ACT:
        answer = _by_daily_urine(picture, daily)
    else:
        answer = _asking(picture, missing, listed=bool(candidates))
    return Finding(
        topic=Topic.CAUSE,
        indicator=indicator,
        summary=answer.summary,
        what=(
            f"{words.sentence(words.result(result))}; no wasting drug and no gut condition {_seen(picture)}.",
            *answer.what,
            *_daily_line(daily),
            *_calcium_line(calcium),
            *(candidate.line for candidate in candidates),
        ),
        why=(answer.why,),
        act=(
            answer.act,
            *_correct(candidates),
            *_genetics(candidates),
            *population_notes(picture),
        ),
        proposals=answer.proposals,
        evidence=grounds(
            picture,
            result,
            *_daily_results(daily),
            *(calcium.results if calcium else ()),
            *(fact for candidate in candidates for fact in candidate.facts),
            thresholds=(*_THRESHOLDS, *_thresholds(calcium), *_daily_thresholds(daily)),
            citations=(*_CITATIONS, *_sources(candidates)),
            derived=_calcium_derived(calcium),
            missing=answer.missing,
        ),
    )


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a card without an FEMg says of where the magnesium goes."""

    summary: str
    why: str
    act: str
    what: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    proposals: tuple[Proposal, ...] = ()


def _seen(picture: ClinicalPicture) -> str:
    """Looked and nothing is not could-not-look."""
    return "in the data at hand" if picture.missing else "on record"


def _by_daily_urine(picture: ClinicalPicture, daily: DailyMagnesium) -> _Answer:
    limit = picture.policy.urine.daily_magnesium.text
    return _Answer(
        summary=f"Low magnesium, 24-h urine Mg {daily.text}: {daily.reading.value}",
        why=f"With low magnesium, more than {limit} in the urine of a day suggests that the kidney loses it.",
        act=_DAILY_ACT[daily.reading],
    )


def _asking(picture: ClinicalPicture, missing: tuple[str, ...], *, listed: bool) -> _Answer:
    reason = "possible causes listed" if listed else "without an evident reason"
    return _Answer(
        summary=f"Low magnesium, {reason}: urine Mg and creatinine would tell renal from gut loss",
        why="FEMg tells renal from extrarenal loss.",
        act=_ask_for_urine(picture),
        what=(f"FEMg not computable: no {words.listed(missing)}.",),
        missing=missing,
        proposals=(Proposal.URINE_MAGNESIUM,),
    )


def _ask_for_urine(picture: ClinicalPicture) -> str:
    given = bool(picture.magnesium_ordered)
    when = "two days after the last magnesium" if given else "before giving magnesium if that delays nothing"
    return f"Spot urine Mg, creatinine and calcium, serum Mg and creatinine the same day, {when}."


def _calcium_line(calcium: UrineCalcium | None) -> tuple[str, ...]:
    if calcium is None:
        return ()
    return (f"Urine calcium/creatinine {calcium.text}: {calcium.level or 'not conclusive'}.",)


def _calcium_derived(calcium: UrineCalcium | None) -> tuple[tuple[str, str], ...]:
    return (("urine calcium/creatinine", calcium.text),) if calcium else ()


def _thresholds(calcium: UrineCalcium | None) -> tuple[str, ...]:
    return ("urine.low_calcium", "urine.high_calcium") if calcium else ()


def _sources(candidates: tuple[Candidate, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(source for candidate in candidates for source in candidate.cause.sources))


_CORRECTABLE = {"metabolic_acidosis": "acidosis", "hypophosphatemia": "low phosphate"}


def _correct(candidates: tuple[Candidate, ...]) -> tuple[str, ...]:
    """What lessens the loss by itself once it is put right [S0-203]."""
    found = words.listed(_CORRECTABLE[c.cause.id] for c in candidates if c.cause.id in _CORRECTABLE)
    return (f"Correct {found}: less magnesium is then filtered or lost.",) if found else ()


def _genetics(candidates: tuple[Candidate, ...]) -> tuple[str, ...]:
    inherited = any(candidate.cause.kind is Kind.INHERITED for candidate in candidates)
    return ("Consider genetics: an inherited disorder is possible, not established.",) if inherited else ()
