"""The possible causes of a low magnesium: which, in what order, and what of this patient speaks for and against each.

No probabilities. A cause is listed only if the findings it requires are the patient's own (``knowledge/causes.csv``),
and it carries them with their facts. The order: wasting drugs, drugs of weak evidence, conditions, low potassium,
raised calcium; among equals first what nothing contradicts, then what more findings support, then the order of the
table. Inherited causes are listed only if no wasting drug explains the picture and magnesium was first low at a young
age or the family history is positive; then the card says "consider genetics", never a diagnosis.

Where the sources disagree, the table follows this: S3-012 (low magnesium inhibits ROMK) is wrong, S1-029 and S4-029
hold; Kv1.1 is apical and Kir4.1 basolateral (S0-061, S0-071, S3-019; S1-032 swaps them); the "hypocalcemia" of S0-072
probably means hypocalciuria and is no criterion; raised calcium (S0-124, S0-152) comes last because of S0-187; raised
magnesium (S0-152, S0-165) is no cause of low magnesium; a proton pump inhibitor acts in the gut, not as S2-011 has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from magnesium import words
from magnesium.acid_base import AcidBaseState, current, read_acid_base
from magnesium.calcium import CalciumLevel
from magnesium.cause_table import Cause, Group, Kind, causes, findings
from magnesium.drugs import InForce, Weight
from magnesium.facts import Analyte, Certainty, ConditionFact, LabResult
from magnesium.femg import FractionalExcretion, Reading
from magnesium.kidney import age_in_years
from magnesium.moment import When
from magnesium.picture import ClinicalPicture
from magnesium.problems import over
from magnesium.status import acting, possible
from magnesium.urine import (
    DailyMagnesiumReading,
    read_ttkg,
    read_urine_potassium,
)
from magnesium.verdict import Fact

_RENAL = frozenset({Reading.RENAL, Reading.RENAL_LIKELY})
_EXTRARENAL = frozenset({Reading.EXTRARENAL, Reading.EXTRARENAL_LIKELY})


@dataclass(frozen=True, slots=True)
class Own:
    """A finding that this patient has, with the facts it rests on."""

    id: str
    text: str
    """As the card prints it: ``low potassium (K 2.9 mmol/L)``."""
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A possible cause with the patient's own findings for and against it."""

    cause: Cause
    supporting: tuple[Own, ...]
    contradicting: tuple[Own, ...]
    drugs: tuple[str, ...] = ()
    """Names of the patient's drugs, if the cause is one."""

    @property
    def facts(self) -> tuple[Fact, ...]:
        """The facts of all findings, once each."""
        return tuple(dict.fromkeys(fact for own in (*self.supporting, *self.contradicting) for fact in own.facts))

    @property
    def name(self) -> str:
        """What the line begins with: the drug, else the name of the cause."""
        return words.sentence(words.listed(self.drugs)) if self.drugs else self.cause.name

    @property
    def line(self) -> str:
        """One line of the card: name (site): findings for it; against: findings against it."""
        named = self.name.casefold()
        kind = f"{self.cause.name[:1].lower()}{self.cause.name[1:]}; " if self._kind_needed else ""
        found = "; ".join("on record" if own.text.casefold() == named else own.text for own in self.supporting)
        against = "; ".join(own.text for own in self.contradicting)
        return f"{self.name} ({kind}{self.cause.site.words}): {found}{f'. Against: {against}' if against else ''}."

    @property
    def _kind_needed(self) -> bool:
        return bool(self.drugs) and self.name.casefold() != self.cause.name.casefold()


def differential(picture: ClinicalPicture) -> tuple[Candidate, ...]:
    """Return the possible causes of a low magnesium, likeliest place to look first, at most the policy's number."""
    found = _Findings(picture)
    acquired = _candidates(Kind.ACQUIRED, found)
    inherited = _candidates(Kind.INHERITED, found) if _consider_inherited(found, acquired) else []
    # Sorting is stable: equals keep the order of the table.
    ranked = sorted((*acquired, *inherited), key=lambda c: (c.cause.rank, bool(c.contradicting), -len(c.supporting)))
    return tuple(ranked[: int(picture.policy.differential.most.value)])


def _candidates(kind: Kind, found: _Findings) -> list[Candidate]:
    return [c for cause in causes() if cause.kind is kind and (c := _candidate(cause, found))]


def _candidate(cause: Cause, found: _Findings) -> Candidate | None:
    """Return the cause with the patient's findings, or None if one it requires is missing."""
    if not all(any(found.own(finding, cause) for finding in entry) for entry in cause.requires):
        return None
    return Candidate(
        cause=cause,
        supporting=tuple(own for finding in cause.supports if (own := found.own(finding, cause))),
        contradicting=tuple(own for finding in cause.contradicts if (own := found.own(finding, cause))),
        drugs=tuple(dict.fromkeys(i.drug.ingredient for i in found.held(cause))),
    )


def _consider_inherited(found: _Findings, acquired: Iterable[Candidate]) -> bool:
    """Whether no wasting drug explains the picture, and age at the first low magnesium or family history fit."""
    explained = any(
        not candidate.contradicting and any(held.wasting for held in found.held(candidate.cause))
        for candidate in acquired
    )
    own = found.general.keys()
    return not explained and bool(own & {"first_low:young", "condition:family_history"})


# ----- the patient's findings -----


@dataclass(frozen=True)
class _Findings:
    """The patient's own findings, each worked out once."""

    picture: ClinicalPicture

    def own(self, finding: str, cause: Cause) -> Own | None:
        """Return the finding if the patient has it; drugs and timing depend on the cause."""
        match finding.partition(":")[0]:
            case "drug":
                return self._drug(finding, cause)
            case "timing":
                return self._timing(finding, cause)
            case _:
                return self.general.get(finding)

    def held(self, cause: Cause) -> tuple[InForce, ...]:
        """Return what the patient has, or had lately, of the drugs that a cause requires."""
        if cause.group is not Group.DRUG:
            return ()
        regimen, names = self.picture.regimen.in_force, cause.drugs
        return tuple(i for i in regimen if i.drug.drug_class.code in names or i.drug.ingredient in names)

    def _drug(self, finding: str, cause: Cause) -> Own | None:
        held = self.held(cause)
        if not held:
            return None
        start = self._start(held)
        since = f"since {words.time(start)}" if start else "start unknown"
        stopped = ", stopped, effect may last" if all(i.washing_out for i in held) else ""
        return Own(finding, f"{since}{stopped}", tuple(dict.fromkeys(i.exposure for i in held)))

    def _timing(self, finding: str, cause: Cause) -> Own | None:
        held = self.held(cause)
        text = findings()[finding].words
        if finding == "timing:short_course":
            short = held and all(i.brief for i in held)
            return Own(finding, text, tuple(i.exposure for i in held)) if short else None
        first, start = self.first_low, self._start(held)
        before = start is not None and first is not None and first.when.surely_before(start)
        return Own(finding, f"{text} ({words.result(first)})", (first,)) if before and first else None

    def _start(self, held: tuple[InForce, ...]) -> When | None:
        """Start of the course of the class; of a drug that stands for no class, its own."""
        first = held[0]
        shown_only = first.drug.weight is Weight.SHOWN
        return first.exposure.start if shown_only else self.picture.regimen.start_by_class[first.drug.drug_class.code]

    @cached_property
    def general(self) -> Mapping[str, Own]:
        """Findings that are the same whatever the cause."""
        readers: tuple[Callable[[ClinicalPicture], Iterable[tuple[str, str, tuple[Fact, ...]]]], ...] = (
            _femg, _daily_magnesium, _urine_calcium, _potassium, _urine_potassium, _acid_base, _calcium, _conditions,
        )  # fmt: skip
        found = [entry for read in readers for entry in read(self.picture)]
        found += self._first_low()
        return {id_: Own(id_, _text(id_, value), facts) for id_, value, facts in found}

    @cached_property
    def first_low(self) -> LabResult | None:
        """The first result on file that was severe or low."""
        policy = self.picture.policy
        for result in self.picture.magnesium.usable:
            status = acting(possible(result.quantity, policy))
            if status is not None and status.deficient:
                return result
        return None

    def _first_low(self) -> Iterable[tuple[str, str, tuple[Fact, ...]]]:
        first, numbers = self.first_low, self.picture.policy.differential
        age = age_in_years(self.picture.facts, self.picture.policy, first.when.latest) if first else None
        if first is None or age is None:
            return
        if age < numbers.infant.value:
            yield "first_low:infancy", "", (first,)
        if age < numbers.young.value:
            yield "first_low:young", f"age {age}", (first,)


def _text(finding: str, value: str) -> str:
    called = findings()[finding].words
    return f"{called} ({value})" if value else called


_Entries = Iterable[tuple[str, str, tuple[Fact, ...]]]


def _femg(picture: ClinicalPicture) -> _Entries:
    femg = picture.femg
    if not isinstance(femg, FractionalExcretion):
        return
    if femg.reading in _RENAL:
        yield "femg:renal", f"FEMg {femg.text}", femg.results
    if femg.reading in _EXTRARENAL:
        yield "femg:extrarenal", f"FEMg {femg.text}", femg.results


def _daily_magnesium(picture: ClinicalPicture) -> _Entries:
    daily = picture.daily_magnesium
    if daily is not None and daily.reading is DailyMagnesiumReading.RENAL:
        yield "urine_magnesium:high", f"24-h urine Mg {daily.text}", daily.results


def _urine_calcium(picture: ClinicalPicture) -> _Entries:
    calcium = picture.urine_calcium
    if calcium is not None and calcium.level is not None:
        yield f"urine_calcium:{calcium.level.value}", f"Ca/Cr {calcium.text}", calcium.results


def _potassium(picture: ClinicalPicture) -> _Entries:
    reading = picture.potassium
    if reading.result is not None and not reading.not_conclusive:
        yield f"potassium:{'low' if reading.low else 'normal'}", words.value(reading.result), (reading.result,)


def _urine_potassium(picture: ClinicalPicture) -> _Entries:
    if not picture.potassium.low:
        return
    ratio = read_urine_potassium(picture.facts, picture.policy, picture.as_of)
    if ratio is not None and ratio.renal is not None:
        yield f"urine_potassium:{'renal' if ratio.renal else 'not_renal'}", f"K/Cr {ratio.text}", ratio.results
    gradient = read_ttkg(picture.facts, picture.policy, picture.as_of)
    if gradient is not None and gradient.supports_renal:
        yield "ttkg:high", gradient.text, gradient.results


def _acid_base(picture: ClinicalPicture) -> _Entries:
    found = read_acid_base(picture.facts, picture.policy, picture.as_of)
    if found is not None and (found.state.high or found.state.low):
        facts = (found.bicarbonate, found.ph) if found.ph else (found.bicarbonate,)
        values = ", ".join(words.value(fact).removesuffix(" pH") for fact in facts)
        named = f"{found.state.value}: " if found.state in {AcidBaseState.ALKALOSIS, AcidBaseState.ACIDOSIS} else ""
        yield f"bicarbonate:{'high' if found.state.high else 'low'}", f"{named}{values}", facts
    chloride = current(picture.facts, Analyte.CHLORIDE, picture.policy, picture.as_of)
    if chloride is not None and picture.policy.acid_base.chloride_high.at_most(chloride.quantity) is False:
        yield "chloride:high", words.value(chloride), (chloride,)


def _calcium(picture: ClinicalPicture) -> _Entries:
    """Low calcium as the calcium rule reads it, also a total so low that albumin hardly explains it."""
    calcium = picture.calcium
    if calcium.result is not None and calcium.level is not CalciumLevel.NOT_LOW:
        facts = (calcium.result, calcium.albumin) if calcium.albumin else (calcium.result,)
        shown = f"corrected Ca {calcium.corrected.text}" if calcium.corrected else words.value(calcium.result)
        yield "calcium:low", shown, facts
        yield from _parathyroid(picture)


def _parathyroid(picture: ClinicalPicture) -> _Entries:
    """A parathyroid hormone that is not raised although calcium is low."""
    pth = current(picture.facts, Analyte.PTH, picture.policy, picture.as_of)
    if pth is not None and picture.policy.differential.pth_high.at_most(pth.quantity) is True:
        yield "pth:not_raised", words.value(pth), (pth,)


def _conditions(picture: ClinicalPicture) -> _Entries:
    """Established entries of the problem list, begun by now; unlike for the other rules, old seizures count."""
    by_slug: dict[str, list[ConditionFact]] = {}
    for fact in sorted(picture.facts.conditions, key=lambda f: f.source.reference):
        begun = fact.onset is None or not fact.onset.surely_after(picture.as_of)
        holds = begun and not over(fact, picture.as_of)
        if fact.certainty is Certainty.ESTABLISHED and holds and f"condition:{fact.condition}" in findings():
            by_slug.setdefault(fact.condition, []).append(fact)
    by_slug["dialysis"] = list(picture.problems.dialysis)  # a transplant since ends it
    for slug, facts in by_slug.items():
        if facts:
            yield f"condition:{slug}", "", tuple(facts)
