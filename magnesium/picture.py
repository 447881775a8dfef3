"""The clinical picture: facts, policy and moment, with everything rules share worked out once, on demand.

A rule is a function of the picture alone. Nothing here decides what to say.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from magnesium.calcium import CalciumReading, read_calcium
from magnesium.drugs import InForce, Regimen, drugs, had_by, in_force, members, of_class, read_regimen, still_on
from magnesium.ecg import CorrectedQt, read_qtc, slow_pulse
from magnesium.facts import (
    Analyte,
    ConditionFact,
    Exposure,
    ExposureKind,
    ExposureStatus,
    LabResult,
    Need,
    PatientFacts,
    Route,
    Setting,
)
from magnesium.femg import FractionalExcretion, NotComputable, read_femg
from magnesium.guards import Guard, read_guards
from magnesium.kidney import KidneyFunction, age_in_years, read_kidney
from magnesium.moment import When
from magnesium.policy import Policy
from magnesium.potassium import PotassiumReading, read_potassium
from magnesium.problems import Problems, read_problems
from magnesium.replacement import (
    INJECTED,
    began_after,
    intravenous_magnesium,
    magnesium_replacement,
    potassium_replacement,
)
from magnesium.results import lowest, newest_current
from magnesium.status import MagnesiumReading, acting, possible, read_magnesium
from magnesium.urine import DailyMagnesium, UrineCalcium, read_daily_magnesium, read_urine_calcium
from magnesium.words import listed

_EVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class ClinicalPicture:
    """One patient at one moment, under one policy."""

    facts: PatientFacts
    policy: Policy
    as_of: datetime

    @cached_property
    def magnesium(self) -> MagnesiumReading:
        """The newest serum magnesium and what it allows to say."""
        return read_magnesium(self.facts, self.policy, self.as_of)

    @cached_property
    def potassium(self) -> PotassiumReading:
        """The current potassium and whether it is refractory."""
        return read_potassium(self.facts, self.problems, self.policy, self.as_of)

    @cached_property
    def problems(self) -> Problems:
        """The problem list in effect."""
        return read_problems(self.facts, self.policy, self.as_of)

    @cached_property
    def kidney(self) -> KidneyFunction:
        """Kidney function."""
        return read_kidney(self.facts, self.problems, self.policy, self.as_of)

    @cached_property
    def regimen(self) -> Regimen:
        """Drugs in force and in wash-out."""
        return read_regimen(self.facts, self.policy, self.as_of)

    @cached_property
    def femg(self) -> FractionalExcretion | NotComputable:
        """The fractional excretion of magnesium, or what is missing for it."""
        return read_femg(self.facts, self.kidney, self.policy, self.as_of)

    @cached_property
    def daily_magnesium(self) -> DailyMagnesium | None:
        """The newest 24-h urine magnesium and what it says."""
        return read_daily_magnesium(self.facts, self.policy, self.as_of)

    @cached_property
    def urine_calcium(self) -> UrineCalcium | None:
        """The newest urine calcium/creatinine and what it says."""
        return read_urine_calcium(self.facts, self.policy, self.as_of)

    @cached_property
    def guard(self) -> Guard:
        """What may be proposed."""
        return read_guards(self)

    @cached_property
    def qtc(self) -> CorrectedQt | None:
        """The current QTc."""
        return read_qtc(self.facts, self.problems, self.policy, self.as_of)

    @property
    def prolonged_qtc(self) -> LabResult | None:
        """A current QTc of 500 ms or more."""
        return self.qtc.result if self.qtc is not None and self.qtc.prolonged else None

    @cached_property
    def slow_pulse(self) -> LabResult | None:
        """A heart rate below 50 within a day."""
        return slow_pulse(self.facts, self.policy, self.as_of)

    @cached_property
    def age(self) -> int | None:
        """Age in full years; None if unknown."""
        return age_in_years(self.facts, self.policy, self.as_of)

    @property
    def minor(self) -> bool:
        """Under the adult age: limits and doses of adults do not apply."""
        return self.age is not None and self.age < self.policy.population.adult.value

    @property
    def inpatient(self) -> bool:
        """Whether an inpatient, observation or emergency encounter is in progress."""
        return self.facts.setting is Setting.INPATIENT

    # ----- drugs -----

    @cached_property
    def drafts(self) -> tuple[Exposure, ...]:
        """Drugs being ordered; empty on patient-view."""
        drafts = self.facts.ordering.drafts if self.facts.ordering else ()
        return _sorted(drafts)

    @cached_property
    def selected(self) -> tuple[Exposure, ...]:
        """The drafts the hook is about."""
        return tuple(draft for draft in self.drafts if draft.selected)

    def on(self, code: str) -> tuple[Exposure, ...]:
        """Return products of a class that are in force or drafted."""
        held = (i.exposure for i in self.regimen.of(code))
        drafted = (d for d in self.drafts if of_class(d, code))
        return (*held, *drafted)

    @cached_property
    def digoxin(self) -> tuple[Exposure, ...]:
        """Digoxin in force or drafted."""
        return self.on("digoxin")

    @cached_property
    def qt_drugs(self) -> tuple[Exposure, ...]:
        """Drugs of torsades risk, by the site's list, in force or drafted."""
        held = (i.exposure for i in self.regimen.in_force if not i.washing_out and i.drug.counts_as_qt(self.policy))
        drafted = (d for d in self.drafts if any(drug.counts_as_qt(self.policy) for drug in members(d)))
        return (*held, *drafted)

    @cached_property
    def wasting(self) -> tuple[InForce, ...]:
        """Magnesium-wasting drugs in force or in wash-out."""
        return self.regimen.wasting

    @cached_property
    def reported(self) -> tuple[Exposure, ...]:
        """Drugs that are shown and never judged: of weak evidence, or wasting, of unknown route or ordered long ago."""
        weak = (i.exposure for i in self.regimen.of("shown"))
        return _sorted(
            (*weak, *filter(self._wasting_by_unknown_route, self.facts.exposures), *self.wasting_of_long_ago)
        )

    @cached_property
    def wasting_of_long_ago(self) -> tuple[Exposure, ...]:
        """Wasting drugs by an active order without an end, too old to be in force (``exposure.open_order``)."""
        return _sorted(
            e
            for e in self.facts.exposures
            if e.kind is ExposureKind.ORDER
            and e.status is ExposureStatus.ACTIVE
            and e.end is None
            and not (e.as_needed or e.single_dose or still_on(e, self.policy, self.as_of))
            and any(drug.wasting for drug in members(e))
        )

    def _wasting_by_unknown_route(self, exposure: Exposure) -> bool:
        if exposure.route is not Route.UNKNOWN:
            return False
        known = (drugs()[name] for name in exposure.ingredients if name in drugs())
        return any(drug.wasting and in_force(exposure, drug, self.policy, self.as_of) for drug in known)

    @cached_property
    def magnesium_in_force(self) -> tuple[Exposure, ...]:
        """Magnesium replacement in force."""
        held = (i.exposure for i in self.regimen.of("magnesium"))
        return tuple(e for e in held if self._replaces_magnesium(e))

    @cached_property
    def magnesium_drafted(self) -> tuple[Exposure, ...]:
        """Magnesium replacement among the drafts."""
        return tuple(d for d in self.drafts if self._replaces_magnesium(d))

    def _replaces_magnesium(self, exposure: Exposure) -> bool:
        """Whether a product replaces magnesium in this patient: injected in pregnancy it treats something else."""
        obstetric = bool(self.problems.pregnancy) and intravenous_magnesium(exposure)
        return magnesium_replacement(exposure) and not obstetric

    @cached_property
    def potassium_selected(self) -> tuple[Exposure, ...]:
        """Potassium replacement that is being ordered."""
        return tuple(d for d in self.selected if potassium_replacement(d, self.policy))

    @cached_property
    def magnesium_begun_since_sample(self) -> tuple[Exposure, ...]:
        """Magnesium replacement surely begun after the newest magnesium was drawn."""
        sample = self.magnesium.result
        if sample is None:
            return ()
        begun = (e for e in self.magnesium_in_force if began_after(e, sample.when.latest, self.as_of))
        # The next dose of a course that was running at the sample is no new replacement; a change to injection is.
        running = {
            e.route in INJECTED
            for e in self.facts.exposures
            if self._replaces_magnesium(e) and self._running_at(sample.when, e)
        }
        return tuple(e for e in begun if (e.route in INJECTED) not in running)

    def _running_at(self, sample: When, exposure: Exposure) -> bool:
        """Whether a course may have been running at a sample: an order, or a dose that was in force."""
        if exposure.kind is ExposureKind.ADMINISTRATION:
            return had_by(sample, exposure, self.policy.exposure.administration.delta, self.policy)
        course = not (exposure.as_needed or exposure.single_dose)
        return course and had_by(sample, exposure, timedelta(), self.policy)

    @cached_property
    def magnesium_ordered(self) -> tuple[Exposure, ...]:
        """Magnesium replacement beside which a second order would be a duplicate.

        Orders count if they may have begun (a plain date may be later today), also as needed or as a recent single
        dose, which are no exposure; a dose that was given counts as long as no further one is due.
        """
        ordered = (e for e in self.facts.exposures if self._replaces_magnesium(e) and self._waiting_or_running(e))
        return (*_sorted(ordered), *self.magnesium_drafted)

    def _waiting_or_running(self, exposure: Exposure) -> bool:
        window = self.policy.exposure.intravenous_magnesium.delta
        if exposure.kind is ExposureKind.ADMINISTRATION:
            if exposure.end is None:  # still running
                window = self.policy.exposure.administration.delta
            last = exposure.end or exposure.start
            return last is not None and last.possibly_within(window, self.as_of)
        if exposure.start is not None and exposure.start.surely_after(self.as_of):
            return False
        if exposure.as_needed and exposure.kind is ExposureKind.STATEMENT:
            return False  # what somebody has at home for bad days is no order
        if exposure.single_dose:
            active = exposure.status is ExposureStatus.ACTIVE
            return active and (exposure.start is None or exposure.start.possibly_within(window, self.as_of))
        return still_on(exposure, self.policy, self.as_of)

    @cached_property
    def potassium_ordered(self) -> tuple[Exposure, ...]:
        """Potassium replacement beside which a second order would be a duplicate: in force, waiting or drafted."""
        held = (i.exposure for i in self.regimen.of("potassium"))
        waiting = filter(self._waiting_or_running, self.facts.exposures)
        found = dict.fromkeys((*held, *waiting, *self.drafts))
        return tuple(e for e in found if potassium_replacement(e, self.policy))

    @cached_property
    def potassium_not_counted(self) -> tuple[Exposure, ...]:
        """Potassium in force that is no replacement: in a maintenance fluid, too little or nobody knows how much."""
        held = (i.exposure for i in self.regimen.of("potassium"))
        return tuple(e for e in held if not potassium_replacement(e, self.policy))

    @cached_property
    def intravenous_magnesium(self) -> tuple[Exposure, ...]:
        """Intravenous magnesium in force, or given within the policy's time."""
        window = self.policy.exposure.intravenous_magnesium.delta
        return tuple(e for e in self.facts.exposures if self._injected_by(e, self.as_of, window))

    def _injected_by(self, exposure: Exposure, at: datetime, window: timedelta) -> bool:
        """Whether injected magnesium was running at a moment or had been given within the window before it."""
        if not intravenous_magnesium(exposure):
            return False
        if exposure.kind is ExposureKind.ADMINISTRATION:
            begun = exposure.start is not None and exposure.start.surely_by(at)
            running = any(in_force(exposure, drug, self.policy, at) for drug in members(exposure))
        else:
            begun = not (exposure.as_needed or exposure.single_dose)
            begun = begun and (exposure.start is None or exposure.start.surely_by(at))
            running = still_on(exposure, self.policy, at)
        return begun and (running if exposure.end is None else exposure.end.possibly_within(window, at))

    @cached_property
    def obstetric_magnesium(self) -> bool:
        """Intravenous magnesium in pregnancy: a treatment, not a replacement."""
        return bool(self.problems.pregnancy and self.intravenous_magnesium)

    @property
    def after_dose(self) -> bool:
        """Whether the newest magnesium was drawn during or shortly after an intravenous dose."""
        return bool(self.given_before_sample)

    @cached_property
    def given_before_sample(self) -> tuple[Exposure, ...]:
        """Intravenous magnesium that ran at the newest magnesium, or had been given shortly before it."""
        sample = self.magnesium.result
        return () if sample is None else self._given_before(sample)

    def _given_before(self, sample: LabResult) -> tuple[Exposure, ...]:
        window = self.policy.magnesium.after_dose.delta
        return _sorted(e for e in self.facts.exposures if self._injected_by(e, sample.when.latest, window))

    @cached_property
    def low_before_dose(self) -> LabResult | None:
        """The last low magnesium, where the newest is not low but was drawn too soon after an intravenous dose.

        Such a value does not close a recheck. Results drawn after a dose themselves are passed over unless low.
        """
        if not self.after_dose or self.magnesium.status is None or self.magnesium.status.deficient:
            return None
        window = self.policy.magnesium.after_dose.delta
        doses = sorted(filter(intravenous_magnesium, self.facts.exposures), key=_begun)
        begun = [_begun(dose) for dose in doses]
        dose: Exposure | None = None
        for result in reversed(self.magnesium.usable):
            status = acting(possible(result.quantity, self.policy))
            if status is not None and status.deficient:
                return result
            drawn = result.when.latest
            if dose is None or not self._injected_by(dose, drawn, window):
                # From the last one begun by then backwards: of very many doses most are never looked at.
                earlier = (doses[place] for place in reversed(range(bisect_right(begun, drawn))))
                dose = next((e for e in earlier if self._injected_by(e, drawn, window)), None)
            if dose is None:
                break
        return None

    @cached_property
    def other_magnesium(self) -> tuple[LabResult, ...]:
        """Current ionized, red-cell and whole-blood magnesium: shown, never classified."""
        windows = self.policy.current
        window = windows.magnesium_inpatient if self.inpatient else windows.magnesium_outpatient
        analytes = (Analyte.MAGNESIUM_IONIZED, Analyte.MAGNESIUM_RBC, Analyte.MAGNESIUM_WHOLE_BLOOD)
        found = (
            newest_current(self.facts, a, self.policy, self.as_of, window=window, of_several=lowest) for a in analytes
        )
        return tuple(result for result in found if result is not None)

    @cached_property
    def cardiac_risk(self) -> tuple[LabResult | Exposure | ConditionFact, ...]:
        """What makes low potassium or magnesium dangerous for the heart: digoxin, QT drug, QTc, torsades."""
        qtc = (self.qtc.result,) if self.qtc is not None and self.qtc.sure else ()
        # A drug whose systemic route is only assumed never raises a critical, nor does a draft to be taken as needed.
        certain = (e for e in (*self.digoxin, *self.qt_drugs) if not e.route_assumed and not _draft_as_needed(e))
        return (*certain, *qtc, *self.problems.torsades)

    @cached_property
    def calcium(self) -> CalciumReading:
        """The current calcium and how low it is."""
        return read_calcium(self.facts, self.policy, self.as_of)

    def magnesium_test_ordered(self, within: timedelta) -> bool:
        """Whether a serum magnesium is ordered, and written or due no further than the span from now."""
        return any(
            test.analyte is Analyte.MAGNESIUM
            and (
                test.when is None
                or (test.when.possibly_within(within, self.as_of) and not test.when.surely_after(self.as_of + within))
            )
            for test in self.facts.ordered_tests
        )

    # ----- what could not be seen -----

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """Groups of data that could not be looked at or arrived only in part, in words."""
        unseen = [need.words for need in Need if need in self.facts.unavailable]
        cut = [need.words for need in Need if need in self.facts.partial]
        return (
            *((f"could not be read: {listed(unseen)}",) if unseen else ()),
            *((f"arrived only in part: {listed(cut)}",) if cut else ()),
        )


def _sorted(exposures: Iterable[Exposure]) -> tuple[Exposure, ...]:
    """Order what a card lists: the order of the chart means nothing."""
    return tuple(sorted(exposures, key=lambda e: (e.source.reference, e.label)))


def _begun(exposure: Exposure) -> datetime:
    """When a product had surely been begun; one that does not say, before all others."""
    return exposure.start.latest if exposure.start is not None else _EVER


def _draft_as_needed(exposure: Exposure) -> bool:
    return exposure.kind is ExposureKind.DRAFT and exposure.as_needed
