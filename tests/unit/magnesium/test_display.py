"""Values in the units a site reads: shown differently, judged as reported."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnesium.display import in_units_shown
from magnesium.facts import Analyte
from magnesium.policy import Policy, UnitsShown
from magnesium.words import value
from tests.builders import POLICY, calcium, corrected_calcium, facts, ionized, k, lab, mg, quantity


def showing(units: UnitsShown) -> Policy:
    changed: Policy = msgspec.structs.replace(POLICY, units_shown=units)
    return changed


SI, CONVENTIONAL = showing(UnitsShown.SI), showing(UnitsShown.CONVENTIONAL)


def read(result: Any, policy: Policy) -> str:
    (shown,) = in_units_shown(facts(result), policy).labs
    return value(shown)


@pytest.mark.parametrize(
    ("result", "policy", "text"),
    [
        (mg("1.4 mg/dL"), POLICY, "Mg 1.4 mg/dL"),
        (mg("1.4 mg/dL"), SI, "Mg 0.58 mmol/L [1.4 mg/dL]"),
        (mg("<1.0 mEq/L"), SI, "Mg <0.50 mmol/L [<1.0 mEq/L]"),
        (mg("0.58 mmol/L"), SI, "Mg 0.58 mmol/L"),
        (mg("0.58 mmol/L"), CONVENTIONAL, "Mg 1.4 mg/dL [0.58 mmol/L]"),
        (lab(Analyte.CALCIUM_TOTAL, "8.0 mg/dL"), SI, "Ca 2.00 mmol/L [8.0 mg/dL]"),
        (lab(Analyte.CREATININE, "1.0 mg/dL"), SI, "creatinine 88 umol/L [1.0 mg/dL]"),
        (k("3.5 mmol/L"), CONVENTIONAL, "K 3.5 mmol/L"),
    ],
)
def test_the_site_s_unit_comes_first_and_the_reported_value_in_brackets(result: Any, policy: Policy, text: str) -> None:
    assert read(result, policy) == text


@pytest.mark.parametrize(
    ("reported", "shown"),
    [
        # 1.2 mg/dL is not below 1.2 mg/dL, but 0.4937 mmol/L is below 0.50: no number of decimals says the same.
        ("1.2 mg/dL", "Mg 1.2 mg/dL"),
        ("0.495 mmol/L", "Mg 0.495 mmol/L"),
    ],
)
def test_what_would_lie_on_the_other_side_of_a_limit_is_shown_as_reported(reported: str, shown: str) -> None:
    policy = CONVENTIONAL if "mmol" in reported else SI
    assert read(mg(reported), policy) == shown


@pytest.mark.parametrize(
    ("reported", "shown"),
    [
        ("0.474 mmol/L", "Mg 1.15 mg/dL [0.474 mmol/L]"),
        ("0.492 mmol/L", "Mg 1.196 mg/dL [0.492 mmol/L]"),
        ("0.6993 mmol/L", "Mg 1.6996 mg/dL [0.6993 mmol/L]"),
        ("1.06975 mmol/L", "Mg 1.06975 mmol/L"),
    ],
    ids=["two", "three", "four", "five: as reported"],
)
def test_near_a_limit_a_value_gets_decimals_up_to_four(reported: str, shown: str) -> None:
    assert read(mg(reported), CONVENTIONAL) == shown


@pytest.mark.parametrize(
    ("result", "policy", "shown"),
    [
        # 4.48 mg/dL is below 4.5 mg/dL, 1.12 mmol/L is not low.
        (ionized("4.48 mg/dL"), SI, "ionized Ca 1.118 mmol/L [4.48 mg/dL]"),
        (ionized("4.5 mg/dL"), SI, "ionized Ca 1.12 mmol/L [4.5 mg/dL]"),
        (ionized("3.6 mg/dL"), SI, "ionized Ca 0.90 mmol/L [3.6 mg/dL]"),
        (ionized("0.89 mmol/L"), CONVENTIONAL, "ionized Ca 3.57 mg/dL [0.89 mmol/L]"),
        (calcium("8.39 mg/dL"), SI, "Ca 2.09 mmol/L [8.39 mg/dL]"),
        (calcium("8.4 mg/dL"), SI, "Ca 2.10 mmol/L [8.4 mg/dL]"),
        (corrected_calcium("7.6 mg/dL"), SI, "corrected Ca 1.90 mmol/L [7.6 mg/dL]"),
        # The limits beside the status: toxic, very toxic, the floor of Gitelman syndrome, the CTCAE grades
        (mg("4.8 mg/dL"), SI, "Mg 4.8 mg/dL"),
        (mg("4.79 mg/dL"), SI, "Mg 1.97 mmol/L [4.79 mg/dL]"),
        (mg("8.45 mg/dL"), SI, "Mg 8.45 mg/dL"),
        (mg("0.97 mg/dL"), SI, "Mg 0.40 mmol/L [0.97 mg/dL]"),
        (mg("0.7 mg/dL"), SI, "Mg 0.7 mg/dL"),
        # Below the floor of 0.97 mg/dL, and 0.40 mmol/L is not
        (mg("0.965 mg/dL"), SI, "Mg 0.965 mg/dL"),
        # The usual decimal would round each up to the limit that it lies below
        (ionized("0.79 mmol/L"), CONVENTIONAL, "ionized Ca 3.17 mg/dL [0.79 mmol/L]"),
        (calcium("2.09 mmol/L"), CONVENTIONAL, "Ca 8.38 mg/dL [2.09 mmol/L]"),
        (corrected_calcium("2.09 mmol/L"), CONVENTIONAL, "corrected Ca 8.38 mg/dL [2.09 mmol/L]"),
        (calcium("1.89 mmol/L"), CONVENTIONAL, "Ca 7.57 mg/dL [1.89 mmol/L]"),
        # No limit of its own: the usual decimals
        (lab(Analyte.MAGNESIUM_URINE, "0.49 mmol/L"), CONVENTIONAL, "urine Mg 1.2 mg/dL [0.49 mmol/L]"),
    ],
)
def test_no_limit_of_any_analyte_lies_between_what_is_reported_and_what_is_shown(
    result: Any, policy: Policy, shown: str
) -> None:
    assert read(result, policy) == shown


MAGNESIUM, CALCIUM = POLICY.magnesium, POLICY.calcium
JUDGED = {
    Analyte.MAGNESIUM: (
        MAGNESIUM.severe,
        MAGNESIUM.low,
        MAGNESIUM.borderline,
        MAGNESIUM.gitelman_floor,
        MAGNESIUM.toxic,
    ),
    Analyte.CALCIUM_IONIZED: (CALCIUM.ionized_low, CALCIUM.ionized_warning, CALCIUM.ionized_critical),
    Analyte.CALCIUM_TOTAL: (CALCIUM.corrected_low, CALCIUM.corrected_warning),
    Analyte.CALCIUM_CORRECTED: (CALCIUM.corrected_low, CALCIUM.corrected_warning),
}


@given(st.sampled_from(list(JUDGED)), st.decimals(Decimal("0.20"), Decimal("4.00"), places=3))
def test_no_shown_value_ever_lies_on_another_side_of_a_limit_than_the_reported_one(
    analyte: Analyte, amount: Decimal
) -> None:
    reported = lab(analyte, f"{amount} mmol/L")
    (result,) = in_units_shown(facts(reported), CONVENTIONAL).labs
    if result.shown:
        shown = quantity(analyte, result.shown.partition(" [")[0])
        assert [limit.below(shown) for limit in JUDGED[analyte]] == [
            limit.below(reported.quantity) for limit in JUDGED[analyte]
        ]


def test_only_what_is_shown_changes() -> None:
    before = facts(mg("1.4 mg/dL"), k("2.9 mmol/L"))
    after = in_units_shown(before, SI)
    assert [r.quantity for r in after.labs] == [r.quantity for r in before.labs]
