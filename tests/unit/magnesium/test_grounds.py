"""clinical.md §3: the evidence of a finding."""

from __future__ import annotations

from magnesium.facts import Analyte, Need
from magnesium.grounds import grounds
from tests.builders import k, mg, order, picture, qtc, unreadable

SAMPLE, DRUG = mg("1.4 mg/dL", hours_ago=2), order("furosemide")


def test_every_fact_stands_once_in_order_and_what_is_absent_is_left_out() -> None:
    found = grounds(
        picture(), SAMPLE, None, DRUG, SAMPLE, thresholds=("magnesium.low",), citations=("S0-006", "S0-006")
    )
    assert found.facts == (SAMPLE, DRUG)
    assert found.thresholds == ("magnesium.low",)
    assert found.citations == ("S0-006",)


def test_names_what_could_not_be_used_or_seen() -> None:
    newer = [unreadable(a) for a in (Analyte.MAGNESIUM, Analyte.POTASSIUM, Analyte.CREATININE, Analyte.QTC)]
    older = (SAMPLE, k("3.0 mmol/L", hours_ago=2), qtc("450", hours_ago=2))
    chart = picture(*older, *newer, unavailable=frozenset({Need.CONDITIONS}))
    found = grounds(chart, thresholds=(), citations=(), missing=("a urine sample",))
    assert found.unusable == tuple(newer)
    assert chart.missing
    assert found.missing == ("a urine sample", *chart.missing)


def test_carries_what_was_held_back_and_computed() -> None:
    found = grounds(picture(), thresholds=(), citations=(), held_back=("x: y",), derived=(("FEMg", "5.2 %"),))
    assert found.held_back == ("x: y",)
    assert found.derived == (("FEMg", "5.2 %"),)
