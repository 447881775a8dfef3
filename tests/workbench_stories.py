"""What each story of the workbench is expected to show: indicator and topic of the cards, in their order."""

from __future__ import annotations

EXPECTED: dict[tuple[str, str], tuple[str, ...]] = {
    ("ppi-for-years", "patient-view"): (
        "warning hypomagnesemia",
        "warning magnesium-wasting-drug",
        "info cause-of-hypomagnesemia",
    ),
    ("tacrolimus-after-transplant", "patient-view"): ("warning hypomagnesemia", "warning magnesium-wasting-drug"),
    ("cetuximab-week-12", "order-select"): ("warning magnesium-wasting-drug",),
    ("cetuximab-week-12", "patient-view"): ("critical hypomagnesemia", "warning magnesium-wasting-drug"),
    ("cisplatin-third-cycle", "patient-view"): (
        "critical hypomagnesemia",
        "warning hypokalemia",
        "warning magnesium-wasting-drug",
        "info cause-of-hypomagnesemia",
    ),
    ("loop-diuretic-stubborn-potassium", "patient-view"): (
        "warning refractory-hypokalemia",
        "warning magnesium-wasting-drug",
    ),
    ("gitelman", "patient-view"): ("warning hypomagnesemia", "warning hypokalemia", "info cause-of-hypomagnesemia"),
    ("alcohol-and-diarrhea", "patient-view"): (
        "critical hypomagnesemia",
        "warning hypokalemia",
        "warning hypocalcemia",
        "info cause-of-hypomagnesemia",
    ),
    ("kidney-failure-milk-of-magnesia", "order-sign"): ("warning magnesium-safety",),
    ("kidney-failure-milk-of-magnesia", "patient-view"): (),
    ("torsades-on-sotalol", "patient-view"): ("critical arrhythmia-risk", "warning magnesium-wasting-drug"),
    ("amphotericin-unwatched", "patient-view"): ("info magnesium-monitoring",),
    ("pre-eclampsia-on-magnesium", "patient-view"): (),
    ("normal-patient", "patient-view"): (),
    ("noisy-chart", "patient-view"): (
        "warning hypomagnesemia",
        "warning hypokalemia",
        "warning magnesium-wasting-drug",
    ),
    ("unit-chaos", "patient-view"): ("warning hypomagnesemia", "warning magnesium-wasting-drug"),
}
"""By story and hook."""
