from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest

from fhir_mappings.reading import (
    Coding,
    as_list,
    codes,
    codings,
    first,
    number,
    objects,
    own_reference,
    phrases,
    reference,
    target,
    text,
    token,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, []), ([], []), ([1], [1]), ((1, 2), [1, 2]), ("a", ["a"]), ({"a": 1}, [{"a": 1}]), (0, [0])],
)
def test_as_list(value: Any, expected: list[Any]) -> None:
    assert as_list(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, []), ("a", []), ({"a": 1}, [{"a": 1}]), ([1, {"a": 1}, None, [{"b": 1}], {}], [{"a": 1}, {}])],
)
def test_objects(value: Any, expected: list[Any]) -> None:
    assert objects(value) == expected
    assert first(value) == (expected[0] if expected else {})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (" mg/dL ", "mg/dL"),
        ("Potassium\u200b [Mass/volume]\ufeff", "Potassium [Mass/volume]"),
        ("20\xa0mEq", "20 mEq"),
        ("µmol/L", "µmol/L"),
        (1, ""),
        (None, ""),
        (["a"], ""),
    ],
)
def test_text(value: Any, expected: str) -> None:
    assert text(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(" final ", "final"), (50960, "50960"), (True, ""), (1.5, ""), (10**40, ""), (None, "")]
)
def test_a_code_may_have_lost_its_quotes(value: Any, expected: str) -> None:
    assert token(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, Decimal(1)),
        (0, Decimal(0)),
        (-2, Decimal(-2)),
        (Decimal("1.20"), Decimal("1.20")),
        (1.2, Decimal("1.2")),
        (0.1 + 0.2, Decimal("0.30000000000000004")),
        (Decimal("1E+10"), Decimal("1E+10")),
        (True, None),
        ("1.2", None),
        (None, None),
        ([1], None),
        (math.nan, None),
        (math.inf, None),
        (Decimal("NaN"), None),
        (Decimal("-Infinity"), None),
        (Decimal("1E+1000000"), None),
        (Decimal("1E-1000000"), None),
        (1e300, None),
        (10**5000, None),
        (10**31, None),
    ],
    ids=lambda value: repr(value)[:30] if not isinstance(value, int) or abs(value) < 10**30 else "huge",
)
def test_number(value: Any, expected: Decimal | None) -> None:
    assert number(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, []),
        ({}, []),
        ({"text": "Mg"}, []),
        ({"coding": [{"system": "s", "code": "c", "display": "d"}]}, [Coding("s", "c", "d")]),
        ({"coding": {"code": 5}}, [Coding("", "5", "")]),
        ({"coding": ["c", None, {}, {"display": "d"}]}, [Coding("", "", "d")]),
        ({"coding": 7}, []),
        ({"system": "s", "code": "IMP"}, [Coding("s", "IMP", "")]),
        ([{"coding": [{"code": "a"}]}, {"coding": [{"code": "b"}]}], [Coding("", "a", ""), Coding("", "b", "")]),
        ("active", [Coding("", "active", "")]),
        (1.5, []),
    ],
    ids=str,
)
def test_codings_of_whatever_shape(value: Any, expected: list[Coding]) -> None:
    assert codings(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, set()),
        ({"coding": [{"code": "Active"}, {"code": "1"}], "text": "ignored"}, {"active", "1"}),
        ({"text": "Active"}, {"active"}),
        ({"coding": [{"display": "Active"}]}, {"active"}),
        ("active", {"active"}),
    ],
    ids=lambda value: str(sorted(value)) if isinstance(value, set) else str(value),  # the same in every worker
)
def test_codes_or_the_words_in_their_place(value: Any, expected: set[str]) -> None:
    assert codes(value) == expected


def test_phrases() -> None:
    assert phrases({"text": "Mg", "coding": [{"display": "Magnesium"}, {"code": "x"}]}) == ["Mg", "Magnesium"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"reference": "Patient/1"}, "Patient/1"),
        ([{"reference": "Patient/1"}], "Patient/1"),
        ("Patient/1", "Patient/1"),
        ({"display": "Ann"}, ""),
        ({"reference": 1}, ""),
        (None, ""),
    ],
    ids=str,
)
def test_reference(value: Any, expected: str) -> None:
    assert reference(value) == expected


@pytest.mark.parametrize(
    ("literal", "expected"),
    [
        ("Patient/1", ("Patient", "1")),
        ("Patient/1/_history/2", ("Patient", "1")),
        ("https://fhir.example.org/r4/Patient/1", ("Patient", "1")),
        ("https://fhir.example.org/r4/Patient/1/_history/2", ("Patient", "1")),
        ("1", ("", "1")),
        ("#m", ("", "#m")),
        ("urn:uuid:0c3151bd", ("", "urn:uuid:0c3151bd")),
        ("", ("", "")),
        ("/", ("", "")),
    ],
)
def test_target(literal: str, expected: tuple[str, str]) -> None:
    assert target(literal) == expected


def test_own_reference() -> None:
    assert own_reference({"resourceType": "Observation", "id": "1"}) == "Observation/1"
    assert own_reference({"resourceType": "Observation"}) == "Observation/(no id)"
