"""Results that belong together."""

from __future__ import annotations

from datetime import timedelta

from magnesium.facts import Analyte
from magnesium.pairing import apart, nearest, partner
from tests.builders import POLICY, lab, on, urine_creatinine, urine_mg

HOUR = POLICY.urine.pair


def test_the_nearest_result_counts_if_it_lies_within_the_span() -> None:
    sample = urine_mg("2 mmol/L", hours_ago=5)
    far, near = urine_creatinine("7 mmol/L", hours_ago=6), urine_creatinine("8 mmol/L", hours_ago=5.5)
    assert nearest(sample, [far, near], HOUR) is near
    assert nearest(sample, [far], HOUR) is far
    assert nearest(sample, [urine_creatinine("7 mmol/L", hours_ago=6.1)], HOUR) is None


def test_of_equally_near_results_the_order_of_the_chart_decides_only_where_their_references_do_not() -> None:
    sample = urine_mg("2 mmol/L")
    one, other = (
        urine_creatinine(value, hours_ago=0.5, reference="Observation/b") for value in ("7 mmol/L", "8 mmol/L")
    )
    named_before = urine_creatinine("9 mmol/L", hours_ago=0.5, reference="Observation/a")
    assert nearest(sample, [one, other], HOUR) is one
    assert nearest(sample, [other, one, named_before], HOUR) is named_before


def test_a_partial_date_is_as_far_as_it_may_be() -> None:
    sample, day = urine_mg("2 mmol/L", at="2026-03-14T08:00"), urine_creatinine("7 mmol/L", at=on("2026-03-14"))
    assert apart(sample, day) == timedelta(hours=15, minutes=59, seconds=59)
    assert nearest(sample, [day], HOUR) is None


def test_the_same_specimen_counts_whatever_the_times() -> None:
    sample = lab(Analyte.CALCIUM_URINE, "2 mmol/L", specimen="Specimen/1")
    same = urine_creatinine("7 mmol/L", hours_ago=9, specimen="Specimen/1")
    other = urine_creatinine("8 mmol/L", specimen="Specimen/2")
    assert partner(sample, [other, same], HOUR) is same
    assert partner(sample, [other], HOUR) is other
    assert partner(lab(Analyte.CALCIUM_URINE, "2 mmol/L"), [same], HOUR) is None


def test_without_a_specimen_on_record_only_the_times_count() -> None:
    sample = urine_mg("2 mmol/L")
    far, near = urine_creatinine("7 mmol/L", hours_ago=9), urine_creatinine("8 mmol/L", hours_ago=0.5)
    assert partner(sample, [far, near], HOUR) is near
    assert partner(sample, [far], HOUR) is None
