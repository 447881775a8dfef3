"""Builds a patient's chart in the words of a clinician: ``picture(mg("1.4 mg/dL", hours_ago=3), order("furosemide"))``.

Everything is told relative to ``NOW``. Without more words the patient is a woman of 60, an outpatient, on no hook that
orders, under the default policy.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from magnesium.facts import (
    Analyte,
    Certainty,
    ConditionFact,
    Exposure,
    ExposureKind,
    ExposureStatus,
    LabResult,
    Need,
    OrderedTest,
    Ordering,
    Patient,
    PatientFacts,
    Route,
    Setting,
    Sex,
    Source,
    Unusable,
)
from magnesium.moment import When
from magnesium.picture import ClinicalPicture
from magnesium.policy import Policy, load_site
from magnesium.quantity import Comparator, Quantity
from magnesium.units import unit_of

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
POLICY = load_site().policy
INPATIENT, OUTPATIENT = Setting.INPATIENT, Setting.OUTPATIENT
IV, ORAL = Route.INTRAVENOUS, Route.ORAL


# ----- times -----


def ago(days: float = 0, hours: float = 0, minutes: float = 0) -> datetime:
    return NOW - timedelta(days=days, hours=hours, minutes=minutes)


def on(written: str) -> When:
    """A time as FHIR writes it, UTC: ``2026``, ``2026-03``, ``2026-03-14`` or ``2026-03-14T08:00``."""
    if "T" in written:
        return When.at(datetime.fromisoformat(written).replace(tzinfo=UTC))
    year, month, day = (*map(int, written.split("-")), None, None)[:3]
    assert year is not None
    first = datetime(year, month or 1, day or 1, tzinfo=UTC)
    last_month = month or 12
    last = datetime(year, last_month, day or monthrange(year, last_month)[1], 23, 59, 59, tzinfo=UTC)
    return When(first, last)


def _when(at: datetime | When | str | None, days_ago: float, hours_ago: float) -> When:
    if isinstance(at, str):
        return on(at)
    return at if isinstance(at, When) else When.at(at or ago(days_ago, hours_ago))


# ----- results -----


def quantity(analyte: Analyte, written: str) -> Quantity:
    """Read ``<0.6 mmol/L``; the unit must stand in the table."""
    found = re.fullmatch(r"(<=|>=|<|>|)\s*([-\d.]+) (\S+)", written)
    assert found is not None, f"not a result: {written}"
    unit = unit_of(analyte, found[3])
    assert unit is not None, f"no unit of {analyte}: {written}"
    return Quantity(Decimal(found[2]), unit, Comparator(found[1]))


def lab(
    analyte: Analyte,
    written: str,
    *,
    at: datetime | When | str | None = None,
    days_ago: float = 0,
    hours_ago: float = 0,
    reference: str = "",
    system: str = "http://loinc.org",
    **more: Any,
) -> LabResult:
    when = _when(at, days_ago, hours_ago)
    source = Source(reference or f"Observation/{analyte}-{written}-{when.earliest.isoformat()}", system)
    return LabResult(analyte, quantity(analyte, written), when, source, **more)


def mg(written: str, **more: Any) -> LabResult:
    return lab(Analyte.MAGNESIUM, written, **more)


def k(written: str, **more: Any) -> LabResult:
    return lab(Analyte.POTASSIUM, written, **more)


def creatinine(written: str, **more: Any) -> LabResult:
    return lab(Analyte.CREATININE, written, **more)


def egfr(value: str, **more: Any) -> LabResult:
    return lab(Analyte.EGFR, f"{value} mL/min/1.73m2", **more)


def qtc(milliseconds: str, **more: Any) -> LabResult:
    return lab(Analyte.QTC, f"{milliseconds} ms", **more)


def qrs(milliseconds: str, **more: Any) -> LabResult:
    return lab(Analyte.QRS, f"{milliseconds} ms", **more)


def pulse(rate: str, **more: Any) -> LabResult:
    return lab(Analyte.HEART_RATE, f"{rate} /min", **more)


def ionized(written: str, **more: Any) -> LabResult:
    return lab(Analyte.CALCIUM_IONIZED, written, **more)


def calcium(written: str, **more: Any) -> LabResult:
    """A total calcium, not corrected."""
    return lab(Analyte.CALCIUM_TOTAL, written, **more)


def corrected_calcium(written: str, **more: Any) -> LabResult:
    """A calcium that the laboratory has corrected for albumin."""
    return lab(Analyte.CALCIUM_CORRECTED, written, **more)


def albumin(written: str, **more: Any) -> LabResult:
    return lab(Analyte.ALBUMIN, written, **more)


def urine_mg(written: str, **more: Any) -> LabResult:
    return lab(Analyte.MAGNESIUM_URINE, written, **more)


def urine_creatinine(written: str, **more: Any) -> LabResult:
    return lab(Analyte.CREATININE_URINE, written, **more)


def unreadable(
    analyte: Analyte | None = Analyte.MAGNESIUM, *, at: datetime | When | str | None = None, hours_ago: float = 0
) -> Unusable:
    """A result that exists and whose unit nobody knows."""
    when = _when(at, 0, hours_ago)
    reference = f"Observation/unreadable-{analyte}-{when.earliest.isoformat()}"
    return Unusable(Source(reference), "unknown-unit", analyte=analyte, when=when)


HEALTHY_KIDNEYS = egfr("90")


# ----- drugs -----


def exposure(
    kind: ExposureKind,
    *ingredients: str,
    started: datetime | When | str | None = None,
    ended: datetime | When | str | None = None,
    reference: str = "",
    **more: Any,
) -> Exposure:
    start = None if started is None else _when(started, 0, 0)
    end = None if ended is None else _when(ended, 0, 0)
    name = "+".join(ingredients)
    told = start.earliest.isoformat() if start else "unknown"
    given = {
        "status": ExposureStatus.ACTIVE,
        "label": name,
        "source": Source(reference or f"{kind}/{name}-{told}"),
        "authored": start if kind is ExposureKind.ORDER else None,
        **more,
    }
    return Exposure(kind=kind, ingredients=tuple(sorted(ingredients)), start=start, end=end, **given)


def order(*ingredients: str, days_ago: float = 30, **more: Any) -> Exposure:
    """An active order without an end, since a month unless told otherwise; ``started=None``: start unknown."""
    more.setdefault("started", ago(days=days_ago))
    return exposure(ExposureKind.ORDER, *ingredients, **more)


def ended_order(*ingredients: str, **more: Any) -> Exposure:
    return order(*ingredients, status=ExposureStatus.ENDED, **more)


def statement(*ingredients: str, days_ago: float = 30, **more: Any) -> Exposure:
    more.setdefault("started", ago(days=days_ago))
    return exposure(ExposureKind.STATEMENT, *ingredients, **more)


def given(*ingredients: str, hours_ago: float = 1, at: datetime | When | str | None = None, **more: Any) -> Exposure:
    """One dose, given an hour ago unless told otherwise; ``ended=None``: it is still running."""
    started = at or ago(hours=hours_ago)
    more.setdefault("ended", started)
    return exposure(ExposureKind.ADMINISTRATION, *ingredients, started=started, **more)


def draft(*ingredients: str, selected: bool = True, **more: Any) -> Exposure:
    """A drug that is being ordered, and that the hook is about."""
    return exposure(ExposureKind.DRAFT, *ingredients, selected=selected, **more)


def iv_magnesium(hours_ago: float = 1, **more: Any) -> Exposure:
    return given("magnesium sulfate", hours_ago=hours_ago, route=IV, **more)


def ordered_test(analyte: Analyte = Analyte.MAGNESIUM, *, at: datetime | When | str | None = None) -> OrderedTest:
    """A laboratory test that is ordered and has no result yet; without a time the order says none."""
    return OrderedTest(analyte, Source(f"ServiceRequest/{analyte}"), None if at is None else _when(at, 0, 0))


# ----- problems -----


def problem(
    condition: str,
    *,
    onset: datetime | When | str | None = None,
    until: datetime | When | str | None = None,
    suspected: bool = False,
    label: str = "",
) -> ConditionFact:
    return ConditionFact(
        condition,
        Source(f"Condition/{condition}"),
        label,
        None if onset is None else _when(onset, 0, 0),
        Certainty.SUSPECTED if suspected else Certainty.ESTABLISHED,
        None if until is None else _when(until, 0, 0),
    )


def replacement_procedure(*, hours_ago: float = 0, days_ago: float = 0, running: bool = False) -> ConditionFact:
    """A hemodialysis that was carried out, or began, that long ago."""
    when = _when(None, days_ago, hours_ago)
    until = None if running else when.earliest
    return problem("kidney_replacement", onset=when, until=until, label="Hemodialysis")


def acute(condition: str, hours_ago: float = 2) -> ConditionFact:
    return problem(condition, onset=ago(hours=hours_ago))


# ----- patients -----


def aged(years: int | None, sex: Sex = Sex.FEMALE) -> Patient:
    """A patient who had a birthday yesterday."""
    birth = None if years is None else When.at(datetime(NOW.year - years, 3, 13, tzinfo=UTC))
    return Patient("p1", birth, sex)


ADULT = aged(60)
Fact = LabResult | Exposure | ConditionFact | Unusable | OrderedTest


def facts(
    *found: Fact,
    setting: Setting = OUTPATIENT,
    patient: Patient = ADULT,
    ordering: bool = False,
    unavailable: frozenset[Need] = frozenset(),
    partial: frozenset[Need] = frozenset(),
) -> PatientFacts:
    """Sort what is in the chart into its drawers. A draft means that something is being ordered."""
    drafts = tuple(f for f in found if isinstance(f, Exposure) and f.kind is ExposureKind.DRAFT)
    return PatientFacts(
        patient=patient,
        setting=setting,
        labs=tuple(f for f in found if isinstance(f, LabResult)),
        exposures=tuple(f for f in found if isinstance(f, Exposure) and f.kind is not ExposureKind.DRAFT),
        conditions=tuple(f for f in found if isinstance(f, ConditionFact)),
        ordered_tests=tuple(f for f in found if isinstance(f, OrderedTest)),
        unusable=tuple(f for f in found if isinstance(f, Unusable)),
        ordering=Ordering(signing=False, drafts=drafts) if drafts or ordering else None,
        unavailable=unavailable,
        partial=partial,
    )


def picture(*found: Fact, policy: Policy = POLICY, as_of: datetime = NOW, **more: Any) -> ClinicalPicture:
    return ClinicalPicture(facts(*found, **more), policy, as_of)


def site_policy(folder: Path, toml: str) -> Policy:
    """The policy of a site that changes what ``toml`` says."""
    path = folder / "site.toml"
    path.write_text(toml, encoding="utf-8")
    return load_site(path).policy
