"""clinical.md §1.7, traps: what replaces magnesium and potassium, and what only holds them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from magnesium.facts import Analyte, Exposure, Route
from magnesium.quantity import Quantity
from magnesium.replacement import (
    began_after,
    intravenous_magnesium,
    magnesium_load,
    magnesium_replacement,
    potassium_replacement,
)
from magnesium.units import unit_of
from tests.builders import IV, MINUTE, NOW, ORAL, POLICY, draft, given, order


def a_day(millimoles: str) -> Quantity:
    unit = unit_of(Analyte.MAGNESIUM_URINE_24H, "mmol/d")
    assert unit is not None
    return Quantity(Decimal(millimoles), unit)


@pytest.mark.parametrize(
    ("product", "replaces"),
    [
        (order("magnesium oxide", route=ORAL), True),
        (order("magnesium citrate", route=ORAL, dose_form="Oral Tablet"), True),
        (order("magnesium sulfate", route=IV), True),
        (order("magnesium sulfate", route=Route.PARENTERAL), True),
        (order("magnesium sulfate"), True),
        (order("magnesium chloride", route=IV), True),
        (order("magnesium (unspecified salt)", route=ORAL), True),
        # Antacids and laxatives
        (order("magnesium hydroxide", route=ORAL), False),
        (order("magnesium carbonate", route=ORAL), False),
        (order("magnesium trisilicate", route=ORAL), False),
        (order("magnesium oxide", "magnesium hydroxide", route=ORAL), False),
        # Bowel preparations
        (order("magnesium sulfate", route=ORAL), False),
        (order("magnesium citrate", route=ORAL, dose_form="Oral Solution"), False),
        (order("magnesium citrate", route=ORAL, dose_form="Powder for Oral Suspension"), False),
        (order("magnesium citrate", dose_form="effervescent tablet"), False),
        # Of an order without a form the name tells
        (order("magnesium citrate", label="magnesium citrate 1.745 g/30 mL soln"), False),
        (order("magnesium citrate", label="Mag citrate 296 mL BOTTLE"), False),
        (order("magnesium citrate", label="Citroma", route=ORAL), False),
        (order("magnesium citrate", label="Magnesium citrate 100 mg tablet", route=ORAL), True),
        (order("magnesium citrate", label="magnesium citrate soln", route=IV), True),
        (order("magnesium chloride", label="magnesium chloride oral soln", route=ORAL), True),
        # An injected solution is no bowel preparation
        (order("magnesium citrate", route=IV, dose_form="Injectable Solution"), True),
        # Multivitamins and other mixtures
        (order("magnesium oxide", other_ingredients=True, route=ORAL), False),
        (order("magnesium oxide", other_ingredients=False, route=ORAL), True),
        # Not in the body
        (order("magnesium sulfate", route=Route.LOCAL), False),
        # Esomeprazole magnesium is esomeprazole
        (order("esomeprazole"), False),
    ],
    ids=lambda p: f"{p.label} {p.route} {p.dose_form}" if isinstance(p, Exposure) else str(p),
)
def test_what_replaces_magnesium(product: Exposure, replaces: bool) -> None:
    assert magnesium_replacement(product) is replaces


def test_laxatives_and_mixtures_are_a_magnesium_load_all_the_same() -> None:
    assert magnesium_load(order("magnesium hydroxide", route=ORAL))
    assert magnesium_load(order("magnesium oxide", other_ingredients=True))
    assert not magnesium_load(order("magnesium sulfate", route=Route.LOCAL))
    assert not magnesium_load(order("esomeprazole"))


@pytest.mark.parametrize(
    ("product", "injected"),
    [
        (order("magnesium sulfate", route=IV), True),
        (order("magnesium sulfate", route=Route.PARENTERAL), True),
        (order("magnesium chloride", route=IV), True),
        # Nobody says how: magnesium sulfate is mostly injected
        (order("magnesium sulfate"), True),
        (order("magnesium oxide"), False),
        (order("magnesium sulfate", route=ORAL), False),
        (order("magnesium sulfate", route=Route.LOCAL), False),
        (order("furosemide", route=IV), False),
    ],
    ids=lambda p: f"{'+'.join(p.ingredients)} {p.route}" if isinstance(p, Exposure) else str(p),
)
def test_what_is_injected_magnesium(product: Exposure, injected: bool) -> None:
    assert intravenous_magnesium(product) is injected


@pytest.mark.parametrize(
    ("product", "replaces"),
    [
        (order("potassium chloride"), True),
        (order("potassium citrate", route=ORAL), True),
        (order("potassium phosphate", route=IV), True),
        (order("potassium bicarbonate"), True),
        (order("potassium gluconate"), True),
        (order("potassium acetate", route=IV), True),
        # Losartan potassium and the like reach the rules as losartan, which is no potassium
        (order("losartan"), False),
        (order("potassium chloride", route=Route.LOCAL), False),
        # Inside a maintenance fluid only from 20 mmol a day
        (order("potassium chloride", other_ingredients=True), False),
        (order("potassium chloride", other_ingredients=True, daily_amount=a_day("19.9")), False),
        (order("potassium chloride", other_ingredients=True, daily_amount=a_day("20")), True),
        (order("potassium chloride", other_ingredients=True, daily_amount=a_day("20.1")), True),
        (order("potassium chloride", other_ingredients=False, daily_amount=a_day("8")), True),
    ],
    ids=lambda p: (
        f"{'+'.join(p.ingredients)} {p.other_ingredients} {p.daily_amount and p.daily_amount.value}"
        if isinstance(p, Exposure)
        else str(p)
    ),
)
def test_what_replaces_potassium(product: Exposure, replaces: bool) -> None:
    assert potassium_replacement(product, POLICY) is replaces


class TestBeganAfter:
    SAMPLE = NOW - 60 * MINUTE

    @pytest.mark.parametrize(
        ("start", "after"),
        [(SAMPLE - MINUTE, False), (SAMPLE, False), (SAMPLE + MINUTE, True), (NOW, True), (NOW + MINUTE, False)],
    )
    def test_a_sample_and_by_now(self, start: object, after: bool) -> None:
        assert began_after(given("magnesium oxide", at=start), self.SAMPLE, NOW) is after  # type: ignore[arg-type]

    def test_a_day_that_may_lie_before_it_is_not_surely_after(self) -> None:
        assert not began_after(order("magnesium oxide", started="2026-03-14"), self.SAMPLE, NOW)

    def test_an_unknown_start_and_a_draft_have_not_begun(self) -> None:
        assert not began_after(order("magnesium oxide", started=None), self.SAMPLE, NOW)
        assert not began_after(draft("magnesium oxide", started=NOW), self.SAMPLE, NOW)
