"""Patients of realistic shape for hypothesis: courses of results, a regimen, problems, doubts and drafts.

``charts()`` draws whole patients; the parts (``results``, ``regimens``, ``problem_lists``, ``drafted``) may be drawn by
themselves. A chart is one pile of facts until a picture is taken of it, so that a test can shuffle, shift or swap
what is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from hooks.service import Hook
from magnesium.facts import (
    Analyte,
    ConditionFact,
    Exposure,
    ExposureKind,
    LabResult,
    Patient,
    Setting,
    Sex,
    Source,
    Unusable,
)
from magnesium.moment import When
from magnesium.picture import ClinicalPicture
from magnesium.quantity import Comparator
from tests.builders import (
    IV,
    NOW,
    ORAL,
    POLICY,
    Fact,
    ago,
    draft,
    ended_order,
    facts,
    given,
    lab,
    order,
    ordered_test,
    problem,
    statement,
)

# Born in September: no shift by weeks passes a birthday.
BIRTHDAY = (9, 1)
KIDNEYS = (Analyte.CREATININE, Analyte.EGFR)


@dataclass(frozen=True)
class Chart:
    """A patient, and what the record holds, still in one pile."""

    found: tuple[Fact, ...]
    setting: Setting
    patient: Patient

    def on(self, hook: Hook, *, as_of: datetime = NOW) -> ClinicalPicture:
        """What a service of this hook sees: drafts are there on the order hooks only."""
        ordering = hook is not Hook.PATIENT_VIEW
        seen = [f for f in self.found if ordering or not is_draft(f)]
        told = facts(*seen, setting=self.setting, patient=self.patient, ordering=ordering)
        if told.ordering is not None:
            told = replace(told, ordering=replace(told.ordering, signing=hook is Hook.ORDER_SIGN))
        return ClinicalPicture(told, POLICY, as_of)

    def with_facts(self, *more: Fact) -> Chart:
        return replace(self, found=numbered((*self.found, *more)))

    def without(self, unwanted: Callable[[Fact], bool]) -> Chart:
        return replace(self, found=tuple(f for f in self.found if not unwanted(f)))

    def in_order(self, found: Iterable[Fact]) -> Chart:
        return replace(self, found=tuple(found))


def numbered(found: Iterable[Fact]) -> tuple[Fact, ...]:
    """Give every fact a reference of its own, as in any chart."""
    return tuple(replace(f, source=replace(f.source, reference=f"{type(f).__name__}/{n}")) for n, f in enumerate(found))


def is_draft(fact: Fact) -> bool:
    return isinstance(fact, Exposure) and fact.kind is ExposureKind.DRAFT


def measures(*analytes: Analyte) -> Callable[[Fact], bool]:
    """Whether a fact is a result of one of these, read or not."""
    return lambda fact: isinstance(fact, LabResult | Unusable) and fact.analyte in analytes


def shifted(fact: Fact, by: timedelta) -> Fact:
    """The same fact, all its times later."""

    def later(when: When | None) -> When | None:
        return when and When(when.earliest + by, when.latest + by)

    match fact:
        case LabResult():
            return replace(fact, when=When(fact.when.earliest + by, fact.when.latest + by))
        case ConditionFact():
            return replace(fact, onset=later(fact.onset))
        case Exposure():
            return replace(fact, start=later(fact.start), end=later(fact.end), authored=later(fact.authored))
        case _:
            return replace(fact, when=later(fact.when))


# ----- times -----

_WINDOWS = (0, 1, 4, 8, 12, 24, 48, 72, 7 * 24, 9 * 24, 14 * 24, 30 * 24, 56 * 24, 90 * 24)
hours = st.one_of(
    st.integers(0, 72),
    st.sampled_from(_WINDOWS),
    st.sampled_from(_WINDOWS).map(lambda h: h + 1),
    st.integers(0, 120 * 24),
)
"""How long ago, in hours: mostly the last days, and close to where something stops to count."""


@st.composite
def moments(draw: st.DrawFn) -> When:
    """An instant, or now and then only a day."""
    start = ago(hours=draw(hours))
    vague = draw(st.sampled_from([False, False, False, True]))
    return When(start, start + timedelta(hours=23, minutes=59)) if vague else When.at(start)


# ----- results -----


def decimals(low: str, high: str, step: str) -> st.SearchStrategy[Decimal]:
    """Decimals from ``low`` to ``high``, as a laboratory prints them."""
    unit = Decimal(step)
    return st.integers(int(Decimal(low) / unit), int(Decimal(high) / unit)).map(lambda n: n * unit)


_LOW_MG = decimals("0.5", "1.9", "0.1")
VALUES: dict[Analyte, list[tuple[str, st.SearchStrategy[Decimal]]]] = {
    Analyte.MAGNESIUM: [
        ("mg/dL", _LOW_MG),
        ("mg/dL", decimals("1.6", "2.8", "0.1")),
        ("mg/dL", decimals("2.5", "10", "0.1")),
        ("mmol/L", decimals("0.30", "0.80", "0.01")),
        ("mmol/L", decimals("0.95", "4.00", "0.05")),
        ("mEq/L", decimals("0.6", "8.0", "0.1")),
    ],
    Analyte.POTASSIUM: [("mmol/L", decimals("1.8", "4.2", "0.1")), ("mmol/L", decimals("3.3", "6.0", "0.1"))],
    Analyte.CALCIUM_IONIZED: [("mmol/L", decimals("0.60", "1.30", "0.01"))],
    Analyte.CALCIUM_CORRECTED: [("mmol/L", decimals("1.70", "2.60", "0.01"))],
    Analyte.CALCIUM_TOTAL: [("mg/dL", decimals("6.0", "10.5", "0.1")), ("mmol/L", decimals("1.50", "2.60", "0.01"))],
    Analyte.ALBUMIN: [("g/L", decimals("18", "48", "1")), ("g/dL", decimals("1.8", "4.8", "0.1"))],
    Analyte.CREATININE: [("mg/dL", decimals("0.4", "6.0", "0.1")), ("umol/L", decimals("40", "500", "5"))],
    Analyte.EGFR: [("mL/min/1.73m2", decimals("8", "120", "1"))],
    Analyte.QTC: [("ms", decimals("380", "580", "5"))],
    Analyte.HEART_RATE: [("/min", decimals("40", "130", "5"))],
}


@st.composite
def results(draw: st.DrawFn, *analytes: Analyte) -> LabResult:
    """One result; now and then a bound, preliminary, or of a suspect specimen."""
    analyte = draw(st.sampled_from(analytes or tuple(VALUES)))
    unit, values = draw(st.sampled_from(VALUES[analyte]))
    comparator = draw(st.sampled_from([Comparator.EXACT] * 8 + [Comparator.LESS, Comparator.MORE]))
    return lab(
        analyte,
        f"{comparator}{draw(values)} {unit}",
        at=draw(moments()),
        hemolyzed=draw(st.sampled_from(["", "", "", "", "", "HEM"])),
        preliminary=draw(st.sampled_from([False, False, False, True])),
        post_dialysis=draw(st.sampled_from([False] * 9 + [True])),
    )


def courses(analyte: Analyte, most: int) -> st.SearchStrategy[list[LabResult]]:
    """What was measured of one analyte over the last weeks."""
    return st.lists(results(analyte), max_size=most)


# ----- drugs -----

REGIMENS: tuple[tuple[Exposure, ...], ...] = (
    (order("furosemide", days_ago=200), order("digoxin", days_ago=400), order("spironolactone")),
    (order("sotalol", days_ago=90), order("digoxin", days_ago=20)),
    (order("tacrolimus", days_ago=300), order("omeprazole", days_ago=120)),
    (order("omeprazole", started=None), order("hydrochlorothiazide", days_ago=700)),
    (given("cisplatin", hours_ago=6 * 24, route=IV), order("lansoprazole", days_ago=40)),
    (given("cetuximab", hours_ago=5 * 24, route=IV), ended_order("panitumumab", days_ago=90, ended=ago(days=30))),
    (given("gentamicin", hours_ago=5, route=IV), given("amphotericin B", hours_ago=30, route=IV)),
    (given("haloperidol", hours_ago=3, route=IV), order("methadone"), given("rocuronium", hours_ago=4, route=IV)),
    (order("potassium chloride", days_ago=10, route=ORAL), order("furosemide", days_ago=60)),
    (order("magnesium oxide", days_ago=15, route=ORAL),),
    (order("magnesium hydroxide", days_ago=200, route=ORAL), statement("magnesium citrate", days_ago=3)),
    (given("magnesium sulfate", hours_ago=1, route=IV),),
    (given("magnesium sulfate", hours_ago=14, route=IV),),
    (order("magnesium sulfate", days_ago=1, route=IV),),
    (order("magnesium oxide", as_needed=True), order("magnesium sulfate", days_ago=0, single_dose=True, route=IV)),
    (order("erythromycin", days_ago=2, route_assumed=True), order("sirolimus")),
    (order("amiloride"), order("losartan")),
)
"""What patients take together."""

_DRAFTED = (
    *("digoxin", "sotalol", "furosemide", "cisplatin", "gentamicin", "omeprazole", "tacrolimus", "amiloride"),
    *("potassium chloride", "magnesium oxide", "magnesium sulfate", "magnesium hydroxide", "losartan"),
)
regimens = st.lists(st.sampled_from(REGIMENS), max_size=3).map(lambda picked: [e for some in picked for e in some])


@st.composite
def drafted(draw: st.DrawFn, *drugs: str) -> Exposure:
    """A drug that is being ordered, mostly the one that the hook is about."""
    drug = draw(st.sampled_from(drugs or _DRAFTED))
    return draft(
        drug,
        route=draw(st.sampled_from([ORAL, IV])),
        selected=draw(st.sampled_from([True, True, True, False])),
        as_needed=draw(st.sampled_from([False, False, False, True])),
        single_dose=draw(st.sampled_from([False, False, False, True])),
        route_assumed=draw(st.sampled_from([False] * 5 + [True])),
        supply_days=draw(st.sampled_from([None, 30, 90])),
    )


# ----- problems and doubts -----

CHRONIC = (
    *("pregnancy", "palliative_care", "dialysis", "oliguria", "ckd_stage_5", "gitelman_syndrome", "bartter_syndrome"),
    *("myasthenia_gravis", "av_block_high_grade", "pacemaker", "long_qt", "diarrhea", "short_bowel_syndrome"),
    *("kidney_replacement", "bradycardia", "delivery", "gi_bleeding"),
)
ACUTE = ("torsades_de_pointes", "ventricular_arrhythmia", "tetany", "seizure", "acute_kidney_injury")


@st.composite
def problem_lists(draw: st.DrawFn) -> list[ConditionFact]:
    chronic = [problem(slug, onset=draw(st.none() | moments())) for slug in draw(_some(CHRONIC, 2))]
    return chronic + [problem(slug, onset=draw(moments())) for slug in draw(_some(ACUTE, 1))]


def _some(slugs: tuple[str, ...], most: int) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(slugs), max_size=most, unique=True)


@st.composite
def unreadable(draw: st.DrawFn) -> Unusable:
    """A result that exists and whose unit nobody knows."""
    analyte = draw(st.sampled_from([Analyte.MAGNESIUM, Analyte.POTASSIUM, Analyte.CALCIUM_TOTAL, Analyte.CREATININE]))
    return Unusable(Source(""), "unknown-unit", analyte=analyte, when=draw(st.none() | moments()))


test_orders = moments().map(lambda when: ordered_test(at=when))


# ----- patients -----


@st.composite
def patients(draw: st.DrawFn, *, youngest: int = 1) -> Patient:
    """Mostly adults of known age."""
    adult = st.integers(max(18, youngest), 95)
    age = draw(st.one_of(adult, adult, adult, st.integers(youngest, 17) if youngest < 18 else adult, st.none()))
    birth = None if age is None else When.at(datetime(NOW.year - age - 1, *BIRTHDAY, tzinfo=UTC))
    return Patient("p1", birth, draw(st.sampled_from(Sex)))


def _one_in(many: int, found: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.sampled_from([True] + [False] * (many - 1)).flatmap(
        lambda some: found.map(lambda f: [f]) if some else st.just([])
    )


@st.composite
def charts(draw: st.DrawFn, *, youngest: int = 1) -> Chart:
    """A patient with weeks of results, a regimen, problems, doubts and drafts; any of them may be missing."""
    found: list[Fact] = [
        *draw(courses(Analyte.MAGNESIUM, 3)),
        *draw(courses(Analyte.POTASSIUM, 3)),
        *draw(st.lists(results(*KIDNEYS), max_size=3)),
        *draw(st.lists(results(Analyte.CALCIUM_IONIZED, Analyte.CALCIUM_CORRECTED, Analyte.CALCIUM_TOTAL), max_size=2)),
        *draw(st.lists(results(Analyte.ALBUMIN, Analyte.QTC, Analyte.HEART_RATE), max_size=3)),
        *draw(regimens),
        *draw(problem_lists()),
        *draw(_one_in(5, unreadable())),
        *draw(_one_in(5, test_orders)),
        *draw(st.lists(drafted(), max_size=2)),
    ]
    return Chart(numbered(found), draw(st.sampled_from(Setting)), draw(patients(youngest=youngest)))


@st.composite
def deficient(draw: st.DrawFn) -> Chart:
    """A patient whose magnesium and potassium are low now, mostly with kidneys that allow something to be done."""
    base = draw(charts())
    now: list[Fact] = [
        lab(Analyte.MAGNESIUM, f"{draw(decimals('0.7', '1.6', '0.1'))} mg/dL", at=ago(hours=draw(st.integers(0, 3)))),
        lab(Analyte.POTASSIUM, f"{draw(decimals('2.2', '4.0', '0.1'))} mmol/L", at=ago(hours=draw(st.integers(0, 3)))),
    ]
    if draw(st.sampled_from([True, True, True, False])):
        filtration = draw(st.one_of(decimals("25", "65", "1"), decimals("60", "120", "1")))
        now.append(lab(Analyte.EGFR, f"{filtration} mL/min/1.73m2", at=ago(hours=1)))
    return base.with_facts(*now)
