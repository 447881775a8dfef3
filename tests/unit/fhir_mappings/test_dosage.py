from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fhir_mappings.dosage import daily_amount, dosages_of, is_as_needed, is_single_dose

KCL = ("potassium chloride",)
MAGNESIUM = ("magnesium oxide",)


def daily(frequency: Any = 1, period: Any = 1, unit: str = "d", **more: Any) -> dict[str, Any]:
    return {"repeat": {"frequency": frequency, "period": period, "periodUnit": unit} | more}


def dose(value: Any, unit: str, kind: str = "") -> dict[str, Any]:
    entry = {"doseQuantity": {"value": value, "unit": unit, "code": unit}}
    return entry | ({"type": {"coding": [{"code": kind}]}} if kind else {})


def test_dosages_of_any_resource() -> None:
    assert dosages_of({"dosageInstruction": [{"text": "a"}], "dosage": {"text": "b"}}) == [{"text": "a"}, {"text": "b"}]
    assert dosages_of({"dosageInstruction": "daily"}) == []


@pytest.mark.parametrize(
    ("dosages", "expected"),
    [
        ([], False),
        ([{}], False),
        ([{"asNeededBoolean": True}], True),
        ([{"asNeededBoolean": False}], False),
        ([{"asNeededBoolean": "true"}], False),
        ([{"asNeededCodeableConcept": {"text": "pain"}}], True),
        ([{"asNeeded": True}], True),  # R5
        ([{"asNeededFor": [{"text": "pain"}]}], True),
        ([{"text": "15 3 IV Once PRN"}], True),
        ([{"text": "4 MG INTRAVEN Q6HRSPRN"}], True),
        ([{"text": "one tablet as needed for cramps"}], True),
        ([{"text": "one tablet as directed"}], False),
        ([{"timing": {"code": {"coding": [{"code": "Q6H PRN"}]}}}], True),
        ([{"asNeededBoolean": True}, {"text": "every morning"}], False),
    ],
    ids=str,
)
def test_as_needed_only_if_all_dosages_are(dosages: list[dict[str, Any]], expected: bool) -> None:
    assert is_as_needed(dosages) is expected


@pytest.mark.parametrize(
    ("dosages", "expected"),
    [
        ([], False),
        ([{}], False),
        ([{"timing": {"repeat": {"count": 1}}}], True),
        ([{"timing": {"repeat": {"count": 1, "countMax": 3}}}], False),
        ([{"timing": {"repeat": {"count": 10}}}], False),
        ([{"timing": {"event": ["2026-03-14T12:00:00Z"]}}], True),
        ([{"timing": {"event": ["2026-03-14", "2026-03-15"]}}], False),
        ([{"timing": {"code": {"text": "ONCE"}}}], True),
        ([{"timing": {"code": {"coding": [{"code": "STAT"}]}}}], True),
        ([{"timing": daily(), "text": "once"}], False),
        ([{"text": "500 mL IV Once"}], True),
        ([{"text": "500 ML IV One Time Stat"}], True),
        ([{"text": "20 mEq PO 1XONLY"}], True),
        ([{"text": "Manual Charge MISC Once X1"}], True),
        ([{"text": "2 g IV x1 dose"}], True),
        ([{"text": "40 mg once daily"}], False),
        ([{"text": "40 mg once a day"}], False),
        ([{"text": "40 mg once in the morning"}], False),
        ([{"text": "once weekly"}], False),
        ([{"text": "40 mg IV STAT, then 40 mg every 12 hours"}], False),
        ([{"text": "20 MG PO x 1 day"}], False),
        ([{"text": "20 mg x10 days"}], False),
        ([{"text": "0 MG INTRAVENOUS .STK-MED"}], False),
        ([{"text": "40 MG PO DAILY"}], False),
        ([{"text": "once"}, {"text": "20 mg daily"}], False),
        ([{"text": "once now"}, {"text": "once at 8 pm"}], True),
    ],
    ids=str,
)
def test_single_only_if_all_dosages_are(dosages: list[dict[str, Any]], expected: bool) -> None:
    assert is_single_dose(dosages) is expected


@pytest.mark.parametrize(
    ("ingredients", "dosage", "mmol"),
    [
        (KCL, {"timing": daily(2), "doseAndRate": [dose(20, "mEq")]}, "40"),
        (KCL, {"timing": daily(1, 8, "h"), "doseAndRate": [dose(20, "mmol")]}, "60"),
        (KCL, {"timing": daily(1, 1, "wk"), "doseAndRate": [dose(7, "mmol")]}, "1"),
        (KCL, {"timing": daily(), "doseAndRate": dose(20, "meq")}, "20"),
        (KCL, {"timing": {"repeat": {"period": 1, "periodUnit": "d"}}, "doseAndRate": [dose(20, "meq")]}, "20"),
        (KCL, {"timing": {"code": {"coding": [{"code": "BID"}]}}, "doseAndRate": [dose(20, "mEq")]}, "40"),
        (KCL, {"timing": daily(), "doseQuantity": {"value": 20, "unit": "mEq"}}, "20"),  # STU3
        (MAGNESIUM, {"timing": daily(), "doseAndRate": [dose(Decimal("12.5"), "mEq")]}, "6.25"),
        (MAGNESIUM, {"timing": daily(3), "doseAndRate": [dose(4, "mmol")]}, "12"),
        (
            KCL,
            {
                "timing": daily(),
                "doseAndRate": [dose(1500, "mg", "calculated"), dose(20, "mEq", "ordered"), dose(1, "{tbl}", "admin")],
            },
            "20",
        ),
    ],
    ids=str,
)
def test_daily_amount(ingredients: tuple[str, ...], dosage: dict[str, Any], mmol: str) -> None:
    found = daily_amount(ingredients, [dosage])
    assert found is not None
    assert (found.text, found.unit.symbol) == (f"{mmol} mmol/d", "mmol/d")


@pytest.mark.parametrize(
    ("ingredients", "dosages"),
    [
        (("potassium phosphate",), [{"timing": daily(), "doseAndRate": [dose(15, "mmol")]}]),
        (("magnesium oxide", "potassium chloride"), [{"timing": daily(), "doseAndRate": [dose(15, "mmol")]}]),
        (("furosemide",), [{"timing": daily(), "doseAndRate": [dose(15, "mmol")]}]),
        (MAGNESIUM, [{"timing": daily(), "doseAndRate": [dose(400, "mg")]}]),
        (KCL, []),
        (KCL, [{"timing": daily(), "doseAndRate": [dose(20, "mEq")]}] * 2),
        (KCL, [{"timing": daily(), "doseAndRate": [dose(20, "mEq")], "asNeededBoolean": True}]),
        (KCL, [{"text": "once", "doseAndRate": [dose(20, "mEq")]}]),
        (KCL, [{"timing": daily()}]),
        (KCL, [{"doseAndRate": [dose(20, "mEq")]}]),
        (KCL, [{"timing": daily(), "doseAndRate": [dose(20, "mEq"), dose(40, "mEq")]}]),
        (KCL, [{"timing": daily(), "doseAndRate": [{"doseRange": {"low": {"value": 20}, "high": {"value": 40}}}]}]),
        (KCL, [{"timing": daily(), "doseAndRate": [dose(0, "mEq")]}]),
        (KCL, [{"timing": daily(), "doseAndRate": [dose("20", "mEq")]}]),
        (KCL, [{"timing": daily(), "doseAndRate": [{"doseQuantity": {"value": 20, "unit": "mEq", "code": "mg"}}]}]),
        (
            KCL,
            [{"timing": daily(), "doseAndRate": [{"doseQuantity": {"value": 20, "unit": "mEq", "comparator": "<"}}]}],
        ),
        (KCL, [{"timing": daily(period=0), "doseAndRate": [dose(20, "mEq")]}]),
        (KCL, [{"timing": daily(-1), "doseAndRate": [dose(20, "mEq")]}]),
        (KCL, [{"timing": daily(1, -1), "doseAndRate": [dose(20, "mEq")]}]),
        (KCL, [{"timing": daily(unit="mo"), "doseAndRate": [dose(20, "mEq")]}]),
        (KCL, [{"timing": daily(frequencyMax=3), "doseAndRate": [dose(20, "mEq")]}]),
        (KCL, [{"timing": daily(dayOfWeek=["mon"]), "doseAndRate": [dose(20, "mEq")]}]),
        (KCL, [{"timing": {"code": {"coding": [{"code": "WM"}]}}, "doseAndRate": [dose(20, "mEq")]}]),
        (KCL, [{"timing": {"code": {"coding": [{"code": "BID"}, {"code": "QD"}]}}, "doseAndRate": [dose(20, "mEq")]}]),
    ],
    ids=str,
)
def test_what_is_not_safely_readable_is_not_read(ingredients: tuple[str, ...], dosages: list[dict[str, Any]]) -> None:
    assert daily_amount(ingredients, dosages) is None
