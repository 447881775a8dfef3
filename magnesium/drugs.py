"""Which drugs are in force, by the classes of ``knowledge/drugs.csv`` and ``knowledge/drug_classes.csv``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cache, lru_cache
from itertools import accumulate

from magnesium.facts import Exposure, ExposureKind, ExposureStatus, PatientFacts, Route
from magnesium.knowledge import DRUG_COLUMNS, KnowledgeError, read_table
from magnesium.moment import When
from magnesium.policy import QT_CLASSES, DrugTimes, Policy

_FAR = datetime.max.replace(tzinfo=UTC)
"""How far an order without an end reaches."""


class Weight(StrEnum):
    """How strongly a class wastes magnesium, or what else it is in the tables for."""

    STRONG = "strong"
    MODERATE = "moderate"
    WEAK = "weak"
    SHOWN = "shown"
    PROTECTIVE = "protective"
    CONTEXT = "context"
    SOURCE = "source"


class Baseline(StrEnum):
    """When a draft asks for a magnesium nobody has measured (§ row 5 of the wasting-drug table)."""

    ALWAYS = "always"
    CONDITIONAL = "conditional"
    NONE = "none"


class Harm(StrEnum):
    """What a drafted drug adds when magnesium is already low: the groups of the wasting-drug table."""

    STANDARD = "standard"
    CALCINEURIN = "calcineurin"
    TUBULAR = "tubular"
    INFUSION = "infusion"
    ONCOLOGY = "oncology"


class Monitored(StrEnum):
    """When magnesium is due because of the class itself."""

    ALWAYS = "always"
    AFTER_STOP = "after_stop"
    """Also during the wash-out."""
    IN_COMPANY = "in_company"
    """Only in the combinations that the monitoring rule names."""
    NONE = "none"


@dataclass(frozen=True, slots=True)
class DrugClass:
    """A class of drugs and what a clinician should know of it."""

    code: str
    label: str
    weight: Weight
    site: str
    mechanism: str
    advice: str
    baseline: Baseline
    interval: timedelta
    """How long a magnesium result holds for a patient on the class."""
    washout: timedelta
    harm: Harm
    monitored: Monitored
    only_oral: bool
    """Counts only swallowed: magnesium in the gut binds nothing that is injected."""
    sources: tuple[str, ...]
    reviewed: date


@dataclass(frozen=True, slots=True)
class Drug:
    """An ingredient of a class, with what differs from the class."""

    ingredient: str
    drug_class: DrugClass
    weight: Weight
    in_force: timedelta | None
    """Interval for which one administration keeps a drug given in cycles in force; None = the policy's default."""
    interval: timedelta
    only_intravenous: bool
    also: DrugClass | None = None
    """A second class of the ingredient, as which it is context: moxifloxacin is a QT drug, and magnesium binds it."""

    @property
    def roles(self) -> tuple[Drug, ...]:
        """The drug once for each of its classes."""
        if self.also is None:
            return (self,)
        second = replace(self, drug_class=self.also, weight=self.also.weight, only_intravenous=False, also=None)
        return self, second

    def given_by(self, route: Route) -> bool:
        """Whether this way into the body counts for the class; a systemic way that nobody named does for swallowing."""
        if self.drug_class.only_oral:
            return route in {Route.ORAL, Route.SYSTEMIC}
        return not self.only_intravenous or route is Route.INTRAVENOUS

    @property
    def wasting(self) -> bool:
        """Whether it counts as magnesium-wasting: strong or moderate."""
        return self.weight in {Weight.STRONG, Weight.MODERATE}

    def counts_as_qt(self, policy: Policy) -> bool:
        """Whether the site counts it among the QT drugs."""
        return self.drug_class.code in QT_CLASSES and self.ingredient in policy.qt_drugs

    def monitored_every(self, policy: Policy) -> timedelta:
        """How long a magnesium result holds for a patient on the drug."""
        return self._site_time(policy, lambda times: times.interval_days) or self.interval

    def washed_out_after(self, policy: Policy) -> timedelta:
        """How long the effect counts after the last dose."""
        return self._site_time(policy, lambda times: times.washout_days) or self.drug_class.washout

    def in_force_after_dose(self, policy: Policy) -> timedelta:
        """How long one administration keeps the drug in force."""
        own = self._site_time(policy, lambda times: times.in_force_days)
        return own or self.in_force or policy.exposure.administration.delta

    def _site_time(self, policy: Policy, read: Callable[[DrugTimes], int | None]) -> timedelta | None:
        """What the site's policy says of the drug, else of its class."""
        entries = (policy.drug_times.get(key) for key in (self.ingredient, self.drug_class.code))
        days = (read(entry) for entry in entries if entry is not None)
        return next((timedelta(days=count) for count in days if count is not None), None)


@cache
def drug_classes() -> Mapping[str, DrugClass]:
    """Return the classes of ``knowledge/drug_classes.csv`` by code, in the order of the file."""
    columns = (
        "class", "label", "weight", "site", "mechanism", "advice", "baseline", "interval_days", "washout_days",
        "harm", "monitored", "routes", "sources", "reviewed",
    )  # fmt: skip
    return {
        row["class"]: DrugClass(
            code=row["class"],
            label=row["label"],
            weight=Weight(row["weight"]),
            site=row["site"],
            mechanism=row["mechanism"],
            advice=row["advice"],
            baseline=Baseline(row["baseline"]),
            interval=timedelta(days=int(row["interval_days"])),
            washout=timedelta(days=int(row["washout_days"])),
            harm=Harm(row["harm"]),
            monitored=Monitored(row["monitored"]),
            only_oral=row["routes"] == "oral",
            sources=tuple(row["sources"].split("|")),
            reviewed=date.fromisoformat(row["reviewed"]),
        )
        for row in read_table("drug_classes.csv", columns)
    }


@cache
def drugs() -> Mapping[str, Drug]:
    """Return the ingredients of ``knowledge/drugs.csv`` by name.

    Raises:
        KnowledgeError: an ingredient of a class that does not exist.
    """
    found: dict[str, Drug] = {}
    for row in read_table("drugs.csv", DRUG_COLUMNS):
        drug_class = _class_of(row["ingredient"], row["class"])
        found[row["ingredient"]] = Drug(
            ingredient=row["ingredient"],
            drug_class=drug_class,
            weight=Weight(row["weight"]) if row["weight"] else drug_class.weight,
            in_force=timedelta(days=int(row["in_force_days"])) if row["in_force_days"] else None,
            interval=timedelta(days=int(row["interval_days"])) if row["interval_days"] else drug_class.interval,
            only_intravenous=row["routes"] == "intravenous",
            also=_class_of(row["ingredient"], row["also"]) if row["also"] else None,
        )
    return found


def _class_of(ingredient: str, code: str) -> DrugClass:
    found = drug_classes().get(code)
    if found is None:
        msg = f"drugs.csv: {ingredient} is of class {code}, which drug_classes.csv does not have"
        raise KnowledgeError(msg)
    return found


def members(exposure: Exposure) -> tuple[Drug, ...]:
    """Return the drugs of the tables that a product systemically exposes the patient to."""
    return _members(exposure.ingredients, exposure.route)


@lru_cache(maxsize=4096)
def _members(ingredients: tuple[str, ...], route: Route) -> tuple[Drug, ...]:
    if route in {Route.LOCAL, Route.UNKNOWN}:
        return ()
    table = drugs()
    found = (role for name in ingredients if name in table for role in table[name].roles)
    return tuple(role for role in found if role.given_by(route))


def of_class(exposure: Exposure, code: str) -> bool:
    """Whether a product systemically exposes the patient to a drug of a class."""
    return code in _class_codes(exposure.ingredients, exposure.route)


@lru_cache(maxsize=4096)
def _class_codes(ingredients: tuple[str, ...], route: Route) -> frozenset[str]:
    return frozenset(drug.drug_class.code for drug in _members(ingredients, route))


@dataclass(frozen=True, slots=True)
class InForce:
    """One drug that a patient has at one moment, or whose effect still lasts."""

    drug: Drug
    exposure: Exposure
    washing_out: bool = False
    brief: bool = False
    """Of a class that wastes magnesium only in long use (proton pump inhibitors): surely taken for less than that."""

    @property
    def wasting(self) -> bool:
        """Whether it counts as magnesium-wasting in this patient."""
        return self.drug.wasting and not self.brief


@dataclass(frozen=True, slots=True)
class Regimen:
    """Everything in force at one moment, by class."""

    in_force: tuple[InForce, ...] = ()
    start_by_class: Mapping[str, When | None] = field(default_factory=dict)
    """Start of the course of each class; None where it is unknown."""

    def of(self, *codes: str) -> tuple[InForce, ...]:
        """Return what is in force (not merely washing out) of these classes."""
        return tuple(i for i in self.in_force if i.drug.drug_class.code in codes and not i.washing_out)

    @property
    def wasting(self) -> tuple[InForce, ...]:
        """Magnesium-wasting drugs in force or in wash-out."""
        return tuple(i for i in self.in_force if i.wasting)

    @property
    def wasting_classes(self) -> tuple[str, ...]:
        """Codes of the wasting classes in force or in wash-out; two drugs of one class are one class."""
        return tuple(dict.fromkeys(i.drug.drug_class.code for i in self.wasting))


def read_regimen(facts: PatientFacts, policy: Policy, as_of: datetime) -> Regimen:
    """Return what is in force or in wash-out at ``as_of``."""
    held = []
    for exposure in sorted(facts.exposures, key=lambda e: (e.source.reference, e.label)):
        for drug in members(exposure):
            if in_force(exposure, drug, policy, as_of):
                held.append(InForce(drug, exposure))
            elif washing_out(exposure, drug, policy, as_of):
                held.append(InForce(drug, exposure, washing_out=True))
    codes = dict.fromkeys(i.drug.drug_class.code for i in held)
    starts = {code: course_start(facts.exposures, code, policy, as_of) for code in codes}
    return Regimen(tuple(_judged_by_length(i, starts, policy, as_of) for i in held), starts)


_SLOW_CLASSES = frozenset({"ppi"})


def _judged_by_length(held: InForce, starts: Mapping[str, When | None], policy: Policy, as_of: datetime) -> InForce:
    """Mark a drug of a slow class whose whole course is known and shorter than the policy's time."""
    start = starts[held.drug.drug_class.code]
    if held.drug.drug_class.code not in _SLOW_CLASSES or start is None:
        return held
    last = _reach(held.exposure) if held.washing_out else as_of
    return replace(held, brief=start.surely_after(last - policy.exposure.chronic.delta))


def in_force(exposure: Exposure, drug: Drug, policy: Policy, at: datetime) -> bool:
    """Whether a product exposes the patient to a drug at a moment.

    As-needed and single-dose orders are exposures only through their administrations.
    """
    if exposure.kind is ExposureKind.ADMINISTRATION:
        return _given(exposure, drug.in_force_after_dose(policy), at)
    if exposure.status is not ExposureStatus.ACTIVE or exposure.as_needed or exposure.single_dose:
        return False
    if exposure.start is not None and not exposure.start.surely_by(at):
        return False
    return still_on(exposure, policy, at)


def still_on(exposure: Exposure, policy: Policy, at: datetime) -> bool:
    """Whether an order or statement that has begun runs to a moment. One that is over, nobody knows when, does not."""
    if exposure.end is not None:
        return exposure.end.latest >= at
    if exposure.status is not ExposureStatus.ACTIVE:
        return False
    if exposure.kind is ExposureKind.STATEMENT or exposure.inpatient or exposure.authored is None:
        return True
    return exposure.authored.possibly_within(policy.exposure.open_order.delta, at)


def had_by(sample: When, exposure: Exposure, window: timedelta, policy: Policy) -> bool:
    """Whether a product was being taken or given at a sample, or may have ended no longer than the window before it."""
    if exposure.start is not None and exposure.start.surely_after(sample.latest):
        return False
    administered = exposure.kind is ExposureKind.ADMINISTRATION
    last = exposure.end or (exposure.start if administered else None)
    if last is None:
        return still_on(exposure, policy, sample.latest)
    return last.possibly_within(window, sample.earliest)


def _given(exposure: Exposure, window: timedelta, at: datetime) -> bool:
    last = exposure.end or exposure.start
    return (
        exposure.start is not None
        and last is not None
        and exposure.start.surely_by(at)
        and last.possibly_within(window, at)
    )


def washing_out(exposure: Exposure, drug: Drug, policy: Policy, at: datetime) -> bool:
    """Whether the effect of a drug with a known stop may last at a moment; an unknown stop has no wash-out."""
    single = exposure.as_needed or exposure.single_dose
    if exposure.kind is not ExposureKind.ADMINISTRATION and single:
        return False
    stop = exposure.end or (exposure.start if exposure.kind is ExposureKind.ADMINISTRATION else None)
    return (
        stop is not None
        and stop.surely_by(at)
        and stop.surely_within(drug.washed_out_after(policy), at)
        and (exposure.start is None or exposure.start.surely_by(at))
    )


def course_start(exposures: Iterable[Exposure], code: str, policy: Policy, at: datetime) -> When | None:
    """Return the start of the course of a class that reaches ``at``: a chain of records with small gaps.

    None if a record in the chain does not say when it began.
    """
    records = [e for e in exposures if of_class(e, code) and _continuous(e)]
    if any(e.start is None and e.status is ExposureStatus.ACTIVE for e in records):
        return None
    begun = sorted(
        (e for e in records if e.start is not None and e.start.surely_by(at)),
        key=lambda e: (_start(e).earliest, _start(e).latest, e.source.reference),
        reverse=True,
    )
    return _chain(begun, policy.exposure.chain_gap.delta)


def _continuous(exposure: Exposure) -> bool:
    return exposure.kind is ExposureKind.ADMINISTRATION or not (exposure.as_needed or exposure.single_dose)


def _start(exposure: Exposure) -> When:
    assert exposure.start is not None  # the callers have left out records without a start  # noqa: S101
    return exposure.start


def _chain(newest_first: Sequence[Exposure], gap: timedelta) -> When | None:
    """Walk back from the newest record as long as some older one reaches to within the gap of the course."""
    farthest = list(accumulate(map(_reach, reversed(newest_first)), max))[::-1]
    course: When | None = None
    for exposure, reach in zip(newest_first, farthest, strict=True):
        if course is not None and course.earliest - reach > gap:
            break
        course = _start(exposure)
    return course


def _reach(exposure: Exposure) -> datetime:
    """How far a record carries a course: to its end; an open order that is not active any more, to its start."""
    if exposure.end is not None:
        return exposure.end.latest
    still_on = exposure.status is ExposureStatus.ACTIVE and exposure.kind is not ExposureKind.ADMINISTRATION
    return _FAR if still_on else _start(exposure).latest
