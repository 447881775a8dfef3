"""clinical.md §5: what holds for every chart, tried on charts nobody has thought of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from magnesium.drugs import drugs
from magnesium.facts import (
    Analyte,
    ConditionFact,
    Exposure,
    ExposureKind,
    ExposureStatus,
    LabResult,
    Patient,
    Route,
    Setting,
    Sex,
    Source,
    Unusable,
)
from magnesium.moment import When
from magnesium.picture import ClinicalPicture
from magnesium.quantity import Comparator, Quantity
from magnesium.rules import RULES
from magnesium.units import unit_of
from magnesium.verdict import Finding, Indicator, Proposal, Topic
from tests.builders import NOW, Fact, draft, egfr, k, mg, order, picture, problem, pulse, qtc

DEFICIENCY = (Topic.HYPOMAGNESEMIA, Topic.REFRACTORY_HYPOKALEMIA, Topic.HYPOKALEMIA, Topic.WASTING_DRUG, Topic.CAUSE)
DRUG_ORDERS = frozenset(
    {
        Proposal.MAGNESIUM_ORAL,
        Proposal.MAGNESIUM_INTRAVENOUS,
        Proposal.MAGNESIUM_INTRAVENOUS_NO_DOSE,
        Proposal.POTASSIUM,
    }
)

# ----- charts -----

MINUTES_A_DAY = 24 * 60
WINDOWS = [h * 60 for h in (0, 1, 4, 8, 12, 24, 48, 72)] + [d * MINUTES_A_DAY for d in (7, 9, 14, 30, 56, 90)]
ages = st.one_of(
    st.sampled_from([w + d for w in WINDOWS for d in (-1, 0, 1)]),
    st.integers(0, 3 * MINUTES_A_DAY),
    st.integers(0, 120 * MINUTES_A_DAY),
)


@st.composite
def moments(draw: st.DrawFn) -> When:
    start = NOW - timedelta(minutes=draw(ages))
    vague = draw(st.sampled_from([timedelta(), timedelta(), timedelta(), timedelta(hours=23, minutes=59)]))
    return When(start, start + vague)


def result(
    analyte: Analyte, value: Decimal, unit: str, when: When, comparator: Comparator = Comparator.EXACT
) -> LabResult:
    known = unit_of(analyte, unit)
    assert known is not None
    return LabResult(analyte, Quantity(value, known, comparator), when, Source(""))


def decimals(low: int, high: int, places: int) -> st.SearchStrategy[Decimal]:
    return st.integers(low, high).map(lambda n: Decimal(n).scaleb(-places))


comparators = st.sampled_from([Comparator.EXACT] * 6 + [c for c in Comparator if c])
MEASURED = {
    Analyte.MAGNESIUM: ("mg/dL", decimals(5, 40, 1)),
    Analyte.POTASSIUM: ("mmol/L", decimals(18, 60, 1)),
    Analyte.CREATININE: ("mg/dL", decimals(4, 60, 1)),
    Analyte.EGFR: ("mL/min/1.73m2", decimals(10, 120, 0)),
    Analyte.QTC: ("ms", decimals(350, 600, 0)),
    Analyte.HEART_RATE: ("/min", decimals(35, 130, 0)),
    Analyte.MAGNESIUM_URINE: ("mg/dL", decimals(1, 200, 1)),
    Analyte.CREATININE_URINE: ("mg/dL", decimals(20, 200, 0)),
}


@st.composite
def labs(draw: st.DrawFn, *analytes: Analyte) -> LabResult:
    analyte = draw(
        st.sampled_from(
            analytes or [*MEASURED, Analyte.MAGNESIUM, Analyte.MAGNESIUM, Analyte.POTASSIUM, Analyte.POTASSIUM]
        )
    )
    unit, values = MEASURED[analyte]
    found = result(analyte, draw(values), unit, draw(moments()), draw(comparators))
    hemolyzed = draw(st.sampled_from(["", "", "", "", "HEM"]))
    return replace(found, hemolyzed=hemolyzed)


kinds = st.sampled_from([ExposureKind.ORDER, ExposureKind.STATEMENT, ExposureKind.ADMINISTRATION, ExposureKind.DRAFT])


@st.composite
def exposures(draw: st.DrawFn) -> Exposure:
    kind = draw(kinds)
    likely = [
        "potassium chloride",
        "magnesium oxide",
        "magnesium sulfate",
        "furosemide",
        "omeprazole",
        "digoxin",
        "cisplatin",
        "sotalol",
    ]
    start = draw(moments())
    end = draw(st.none() | moments().map(lambda w: w if w.latest >= start.latest else None))
    active = kind in {ExposureKind.ADMINISTRATION, ExposureKind.DRAFT} or draw(st.booleans())
    return Exposure(
        kind=kind,
        status=ExposureStatus.ACTIVE if active else ExposureStatus.ENDED,
        ingredients=(draw(st.sampled_from(likely) | st.sampled_from(sorted(drugs()))),),
        label="product",
        source=Source(""),
        route=draw(st.sampled_from(Route)),
        route_assumed=draw(st.sampled_from([False, False, False, True])),
        start=start if kind is ExposureKind.ADMINISTRATION else draw(st.just(start) | st.none()),
        end=end,
        authored=start,
        as_needed=draw(st.sampled_from([False, False, False, True])),
        single_dose=draw(st.sampled_from([False, False, False, True])),
        supply_days=draw(st.none() | st.sampled_from([30, 90])),
        selected=kind is ExposureKind.DRAFT and draw(st.booleans()),
    )


SLUGS = (
    "pregnancy",
    "palliative_care",
    "dialysis",
    "acute_kidney_injury",
    "oliguria",
    "gitelman_syndrome",
    "myasthenia_gravis",
    "av_block_high_grade",
    "pacemaker",
    "torsades_de_pointes",
    "seizure",
    "long_qt",
    "diarrhea",
    "ckd_stage_5",
    "kidney_replacement",
    "bradycardia",
    "delivery",
    "gi_bleeding",
)


@st.composite
def problems(draw: st.DrawFn) -> ConditionFact:
    onset = draw(st.none() | moments())
    return ConditionFact(draw(st.sampled_from(SLUGS)), Source(""), onset=onset, until=draw(st.none() | st.just(onset)))


@st.composite
def unreadable(draw: st.DrawFn) -> Unusable:
    analyte = draw(st.sampled_from([Analyte.MAGNESIUM, Analyte.POTASSIUM]))
    return Unusable(Source(""), "unknown-unit", analyte=analyte, when=draw(st.none() | moments()))


@dataclass(frozen=True)
class Chart:
    """What a picture is taken of, still in one pile."""

    found: tuple[Fact, ...]
    setting: Setting
    patient: Patient

    def taken(self, found: Iterable[Fact] | None = None, **more: Any) -> ClinicalPicture:
        told: dict[str, Any] = {"setting": self.setting, "patient": self.patient, **more}
        return picture(*(self.found if found is None else found), **told)

    def with_facts(self, *more: Fact) -> Chart:
        return replace(self, found=_numbered((*self.found, *more)))


def _numbered(found: Iterable[Fact]) -> tuple[Fact, ...]:
    """Give every fact a reference of its own, as in any chart."""
    return tuple(replace(f, source=replace(f.source, reference=f"{type(f).__name__}/{n}")) for n, f in enumerate(found))


# Born in September: no shift by weeks passes a birthday.
patients = st.sampled_from(
    [
        *[Patient("p", When.at(datetime(1960, 9, 1, tzinfo=UTC)), sex) for sex in Sex],
        Patient("p", When.at(datetime(2015, 9, 1, tzinfo=UTC)), Sex.MALE),
        Patient("p"),
    ]
)
entries = st.one_of(labs(), labs(), exposures(), problems(), unreadable())


@st.composite
def charts(draw: st.DrawFn, *, adult: bool = False) -> Chart:
    found = draw(st.lists(entries, max_size=12))
    # Many a chart should have something to say.
    if draw(st.booleans()):
        found.append(result(Analyte.MAGNESIUM, draw(decimals(8, 19, 1)), "mg/dL", draw(moments())))
    if draw(st.booleans()):
        found += [k("3.1 mmol/L", days_ago=3), k("2.9 mmol/L", hours_ago=1), order("potassium chloride")]
    if draw(st.booleans()):
        found.append(egfr("90", hours_ago=3))
    if draw(st.booleans()):
        found.append(
            draft(draw(st.sampled_from(["cisplatin", "gentamicin", "furosemide", "tacrolimus", "omeprazole"])))
        )
        found += draw(st.sampled_from([[], [order("digoxin")]]))
    patient = draw(patients.filter(lambda p: not adult or p.birth is None or p.birth.earliest.year < 2000))
    return Chart(_numbered(found), draw(st.sampled_from(Setting)), patient)


def findings(chart: ClinicalPicture, *topics: Topic) -> list[Finding]:
    verdicts = (rule.judge(chart) for rule in RULES if not topics or rule.topic in topics)
    return [v for v in verdicts if isinstance(v, Finding)]


def gist(chart: ClinicalPicture) -> list[tuple[Topic, Indicator, tuple[Proposal, ...]]]:
    return [(f.topic, f.indicator, f.proposals) for f in findings(chart)]


def loudness(chart: ClinicalPicture, topic: Topic) -> int:
    return max((f.indicator for f in findings(chart, topic)), default=0)


# ----- properties -----


@given(charts(), st.randoms(use_true_random=False))
def test_the_order_of_the_chart_does_not_matter(chart: Chart, shuffle: Any) -> None:
    shuffled = list(chart.found)
    shuffle.shuffle(shuffled)
    verdicts = [rule.judge(chart.taken()) for rule in RULES]
    assert [rule.judge(chart.taken(shuffled)) for rule in RULES] == verdicts


def _later(when: When | None, by: timedelta) -> When | None:
    return when and When(when.earliest + by, when.latest + by)


def _shifted(fact: Fact, by: timedelta) -> Fact:
    if isinstance(fact, ConditionFact):
        return replace(fact, onset=_later(fact.onset, by))
    if isinstance(fact, Exposure):
        return replace(fact, start=_later(fact.start, by), end=_later(fact.end, by), authored=_later(fact.authored, by))
    if isinstance(fact, LabResult):
        return replace(fact, when=When(fact.when.earliest + by, fact.when.latest + by))
    return replace(fact, when=_later(fact.when, by))


@given(charts(), st.integers(-90 * MINUTES_A_DAY, 90 * MINUTES_A_DAY).map(lambda m: timedelta(minutes=m)))
def test_shifting_all_times_together_changes_nothing(chart: Chart, by: timedelta) -> None:
    moved = chart.taken([_shifted(f, by) for f in chart.found], as_of=NOW + by)
    assert gist(moved) == gist(chart.taken())


# Where the limits printed for the units disagree (§5): between these, a unit may decide.
ZONES = [("0.494", "0.500"), ("0.650", "0.660"), ("0.699", "0.700"), ("1.050", "1.070")]
PER_MILLIMOLE = {"mg/dL": Decimal("2.4305"), "mg/L": Decimal("24.305"), "mEq/L": Decimal(2), "umol/L": Decimal(1000)}
undisputed = decimals(200, 1500, 3).filter(lambda v: not any(Decimal(low) <= v <= Decimal(high) for low, high in ZONES))


@given(charts(), undisputed, comparators, moments(), st.sampled_from(sorted(PER_MILLIMOLE)))
def test_the_unit_of_magnesium_does_not_matter_away_from_the_zones(
    chart: Chart, value: Decimal, comparator: Comparator, when: When, unit: str
) -> None:
    molar = chart.with_facts(result(Analyte.MAGNESIUM, value, "mmol/L", when, comparator))
    other = chart.with_facts(result(Analyte.MAGNESIUM, value * PER_MILLIMOLE[unit], unit, when, comparator))
    assert gist(other.taken()) == gist(molar.taken())


@given(charts())
def test_the_unit_of_potassium_does_not_matter(chart: Chart) -> None:
    equivalents = unit_of(Analyte.POTASSIUM, "mEq/L")
    assert equivalents is not None

    def told(fact: Fact) -> Fact:
        if not isinstance(fact, LabResult) or fact.analyte is not Analyte.POTASSIUM:
            return fact
        return replace(fact, quantity=replace(fact.quantity, unit=equivalents))

    assert gist(chart.taken(map(told, chart.found))) == gist(chart.taken())


def _magnesium(fact: Fact) -> bool:
    return isinstance(fact, LabResult | Unusable) and fact.analyte is Analyte.MAGNESIUM


ONE_OF_EVERY_STATUS = [Decimal(value) for value in ("1.1", "1.4", "1.6", "2.0", "3.0")]
telling_times = st.sampled_from([1, 3 * 24 + 1, 15 * 24, 100 * 24]).map(lambda h: When.at(NOW - timedelta(hours=h)))


@given(
    charts(), decimals(5, 40, 1), telling_times | telling_times | moments(), st.sampled_from([True, True, True, False])
)
@settings(max_examples=5 * settings().max_examples)
def test_a_lower_magnesium_never_says_less(chart: Chart, value: Decimal, when: When, alone: bool) -> None:
    base = replace(chart, found=tuple(f for f in chart.found if not (alone and _magnesium(f))))
    rising = sorted([*ONE_OF_EVERY_STATUS, value])
    taken = [base.with_facts(result(Analyte.MAGNESIUM, v, "mg/dL", when)).taken() for v in rising]
    for topic in DEFICIENCY[:-1]:
        heard = [loudness(t, topic) for t in taken]
        assert heard == sorted(heard, reverse=True), topic


UNRELATED: list[Fact] = [
    result(Analyte.PTH, Decimal(30), "pg/mL", When.at(NOW)),
    result(Analyte.ALBUMIN, Decimal(40), "g/L", When.at(NOW)),
    order("losartan", "acetaminophen"),
    draft("losartan", selected=False),
    problem("gout"),
]


@given(charts(), st.sampled_from(UNRELATED))
def test_an_unrelated_fact_changes_nothing(chart: Chart, fact: Fact) -> None:
    drafted = isinstance(fact, Exposure) and fact.kind is ExposureKind.DRAFT
    assume(not drafted or any(isinstance(f, Exposure) and f.kind is ExposureKind.DRAFT for f in chart.found))
    assert gist(chart.with_facts(fact).taken()) == gist(chart.taken())


@given(charts(), decimals(17, 26, 1), decimals(35, 50, 1))
def test_a_normal_patient_is_silent_whatever_else_is_in_the_chart(
    chart: Chart, magnesium: Decimal, potassium: Decimal
) -> None:
    # A PPI in Gitelman or Bartter syndrome is spoken of at any magnesium.
    chosen = {Analyte.MAGNESIUM, Analyte.POTASSIUM}
    others = [
        f
        for f in chart.found
        if not (isinstance(f, LabResult | Unusable) and f.analyte in chosen)
        and not (isinstance(f, ConditionFact) and f.condition == "gitelman_syndrome")
    ]
    normal = (mg(f"{magnesium} mg/dL", hours_ago=1), k(f"{potassium} mmol/L", hours_ago=1))
    assert findings(chart.taken([*others, *normal]), *DEFICIENCY) == []


@given(charts())
def test_nothing_is_proposed_that_a_guard_forbids(chart: Chart) -> None:
    taken = chart.taken()
    proposed = {p for f in findings(taken) for p in f.proposals}
    assert not proposed & taken.guard.held.keys()


NO_DRUG = [problem("dialysis"), problem("oliguria"), problem("acute_kidney_injury", onset=NOW), egfr("29")]
NO_IV = [problem("myasthenia_gravis"), problem("lambert_eaton"), pulse("49"), draft("rocuronium", selected=False)]


@given(charts(), st.sampled_from(NO_DRUG))
def test_no_magnesium_or_potassium_is_proposed_to_kidneys_that_cannot_shed_it(chart: Chart, fact: Fact) -> None:
    proposed = {p for f in findings(chart.with_facts(fact).taken()) for p in f.proposals}
    assert not proposed & DRUG_ORDERS


@given(charts(), st.sampled_from(NO_IV))
def test_no_intravenous_magnesium_is_proposed_where_it_can_stop_breath_or_heart(chart: Chart, fact: Fact) -> None:
    # A slow pulse is one unless a newer one is faster.
    found = [f for f in chart.found if not (isinstance(f, LabResult) and f.analyte is Analyte.HEART_RATE)]
    proposed = {p for f in findings(replace(chart, found=_numbered([*found, fact])).taken()) for p in f.proposals}
    assert not proposed & {Proposal.MAGNESIUM_INTRAVENOUS, Proposal.MAGNESIUM_INTRAVENOUS_NO_DOSE}


@given(charts())
def test_nothing_that_is_ordered_already_is_proposed_again(chart: Chart) -> None:
    taken = chart.taken()
    proposed = {p for f in findings(taken, *DEFICIENCY) for p in f.proposals}
    routes = {e.route for e in taken.magnesium_ordered}
    if routes - {Route.INTRAVENOUS, Route.PARENTERAL}:
        assert Proposal.MAGNESIUM_ORAL not in proposed
    if routes - {Route.ORAL}:
        assert not proposed & {Proposal.MAGNESIUM_INTRAVENOUS, Proposal.MAGNESIUM_INTRAVENOUS_NO_DOSE}
    if taken.potassium_ordered:
        assert Proposal.POTASSIUM not in proposed


@given(charts())
def test_palliative_care_sees_only_critical_and_some_topics_never(chart: Chart) -> None:
    found = findings(chart.with_facts(problem("palliative_care")).taken(), *DEFICIENCY)
    assert all(f.indicator is Indicator.CRITICAL for f in found)
    assert not {f.topic for f in found} & {Topic.WASTING_DRUG, Topic.CAUSE}


@given(charts())
def test_a_minor_gets_information_and_no_drug(chart: Chart) -> None:
    child = replace(chart, patient=Patient("p", When.at(datetime(2015, 9, 1, tzinfo=UTC)), Sex.MALE))
    for found in findings(child.taken(), *DEFICIENCY):
        assert found.indicator is Indicator.INFO
        assert not set(found.proposals) & DRUG_ORDERS


@given(charts(adult=True))
def test_a_newer_magnesium_that_cannot_be_read_holds_all_at_warning_without_replacement(chart: Chart) -> None:
    newer = Unusable(Source(""), "unknown-unit", analyte=Analyte.MAGNESIUM, when=When.at(NOW + timedelta(days=1)))
    taken = chart.with_facts(newer).taken()
    for found in findings(taken, *DEFICIENCY):
        # Refractory potassium beside a magnesium that is not known rests on the potassium alone.
        on_potassium_alone = found.topic is Topic.REFRACTORY_HYPOKALEMIA and not taken.magnesium.deficient
        assert found.indicator <= Indicator.WARNING or on_potassium_alone
        assert not set(found.proposals) & (DRUG_ORDERS - {Proposal.POTASSIUM})


BANNED = ("will not", "the cause", "always", "commonest")


@given(charts())
@example(Chart((mg("1.0 mg/dL"), qtc("510"), order("cetuximab"), order("furosemide")), Setting.INPATIENT, Patient("p")))
def test_the_words_are_short_enough_and_not_too_sure(chart: Chart) -> None:
    for found in findings(chart.taken()):
        assert len(found.summary) < 140
        said = " ".join((found.summary, *found.what, *found.why, *found.act)).casefold()
        assert [word for word in BANNED if word in said] == []


@given(charts())
def test_every_finding_can_be_explained(chart: Chart) -> None:
    taken = chart.taken()
    everything = {f.source.reference for f in chart.found}
    for found in findings(taken):
        assert {f.source.reference for f in found.evidence.facts} <= everything
        assert [t for t in found.evidence.thresholds if t not in taken.policy.numbers] == []
        assert found.evidence.citations


def test_the_charts_are_worth_judging() -> None:
    """The harness itself: the generated charts must reach every indicator of every deficiency topic."""
    reached: set[tuple[Topic, Indicator]] = set()

    @settings(max_examples=600, derandomize=True, database=None)
    @given(charts(adult=True))
    def collect(chart: Chart) -> None:
        reached.update((f.topic, f.indicator) for f in findings(chart.taken(), *DEFICIENCY))

    collect()
    wanted = {(t, i) for t in DEFICIENCY for i in Indicator} - {
        (Topic.HYPOKALEMIA, Indicator.CRITICAL),
        (Topic.CAUSE, Indicator.CRITICAL),
        (Topic.CAUSE, Indicator.WARNING),
    }
    assert wanted <= reached
