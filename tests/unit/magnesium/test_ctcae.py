"""clinical.md §1.2: the CTCAE grade as text for platinum, anti-EGFR, EGFR TKI and mTOR patients."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from magnesium.ctcae import ctcae_grade, graded
from magnesium.facts import Analyte
from magnesium.knowledge import KnowledgeError
from magnesium.policy import load_site
from tests.builders import POLICY, ago, ended_order, given, mg, order, picture, quantity


@pytest.mark.parametrize(
    ("sent", "grade"),
    [
        # As printed: grade 1 from the lower limit of normal down to and including the limit, and so on.
        ("0.70 mmol/L", None),
        ("0.6999 mmol/L", 1),
        ("0.5 mmol/L", 1),
        ("0.4999 mmol/L", 2),
        ("0.4 mmol/L", 2),
        ("0.3999 mmol/L", 3),
        ("0.3 mmol/L", 3),
        ("0.2999 mmol/L", 4),
        ("1.7 mg/dL", None),
        ("1.69 mg/dL", 1),
        ("1.2 mg/dL", 1),
        ("1.19 mg/dL", 2),
        ("0.9 mg/dL", 2),
        ("0.89 mg/dL", 3),
        ("0.7 mg/dL", 3),
        ("0.69 mg/dL", 4),
        ("1.4 meq/L", None),
        ("1.39 meq/L", 1),
        ("1.0 meq/L", 1),
        ("0.99 meq/L", 2),
        ("0.8 meq/L", 2),
        ("0.79 meq/L", 3),
        ("0.6 meq/L", 3),
        ("0.59 meq/L", 4),
        # Decimal shifts use the limits printed for the unit they are shifted from.
        ("300 umol/L", 3),
        ("299 umol/L", 4),
        ("7 mg/L", 3),
        ("6.9 mg/L", 4),
        # A bound gets the mildest grade it allows, none if it may lie in the normal range.
        ("<0.6 mmol/L", 1),
        ("<0.5 mmol/L", 2),
        ("<=0.5 mmol/L", 1),
        ("<0.3 mmol/L", 4),
        ("<0.8 mmol/L", None),
        (">0.2 mmol/L", None),
        (">=0.9 mg/dL", None),
    ],
)
def test_the_grade_of_a_value(sent: str, grade: int | None) -> None:
    assert ctcae_grade(mg(sent), POLICY) == grade


@pytest.mark.parametrize(
    ("sent", "normal_from", "grade"),
    [
        ("0.72 mmol/L", "0.75 mmol/L", 1),
        ("0.75 mmol/L", "0.75 mmol/L", None),
        ("0.68 mmol/L", "0.66 mmol/L", None),
        ("0.68 mmol/L", "0.68 mmol/L", None),
        # A laboratory whose range begins below a grade: what is normal there has no grade.
        ("0.45 mmol/L", "0.42 mmol/L", None),
        ("0.41 mmol/L", "0.42 mmol/L", 2),
        ("680 umol/L", "0.69 mmol/L", 1),
        # Another unit: converted exactly, 1.8 mg/dL = 0.7406 mmol/L.
        ("0.73 mmol/L", "1.8 mg/dL", 1),
        ("0.75 mmol/L", "1.8 mg/dL", None),
        ("0.75 mmol/L", "1.5 mEq/L", None),
        ("0.7499 mmol/L", "1.5 mEq/L", 1),
        (">0.2 mmol/L", "1.8 mg/dL", None),
        ("<=0.5 mmol/L", "1.8 mg/dL", 1),
    ],
)
def test_the_laboratorys_own_lower_limit_counts(sent: str, normal_from: str, grade: int | None) -> None:
    result = replace(mg(sent), reference_low=quantity(Analyte.MAGNESIUM, normal_from))
    assert ctcae_grade(result, POLICY) == grade


def test_a_site_may_move_a_limit(tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    changed = 'printed = { "mmol/L" = 0.35, "mg/dL" = 0.85, "mEq/L" = 0.7 }\nreviewed = 2026-12-01\n'
    site.write_text(f"[ctcae.grade_4]\n{changed}", encoding="utf-8")
    assert ctcae_grade(mg("0.34 mmol/L"), load_site(site).policy) == 4


def test_limits_that_do_not_rise_are_refused(tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    changed = 'printed = { "mmol/L" = 0.45, "mg/dL" = 0.7, "mEq/L" = 0.6 }\nreviewed = 2026-12-01\n'
    site.write_text(f"[ctcae.grade_4]\n{changed}", encoding="utf-8")
    with pytest.raises(KnowledgeError, match=r"CTCAE limits in mmol/L must rise from grade 4 to grade 2"):
        load_site(site)


@pytest.mark.parametrize(
    ("drug", "wanted"),
    [
        ("cisplatin", True),
        ("carboplatin", True),
        ("cetuximab", True),
        ("panitumumab", True),
        ("osimertinib", True),
        ("everolimus", True),
        ("sirolimus", True),
        ("tacrolimus", False),
        ("furosemide", False),
        ("omeprazole", False),
    ],
)
def test_which_drugs_are_graded(drug: str, wanted: bool) -> None:
    assert graded(picture(order(drug))) is wanted


def test_nothing_is_graded_without_a_drug() -> None:
    assert not graded(picture(mg("0.2 mmol/L")))


@pytest.mark.parametrize(("days", "wanted"), [(55, True), (57, False)])
def test_the_wash_out_counts(days: int, wanted: bool) -> None:
    stopped = ended_order("cetuximab", days_ago=200, ended=ago(days=days))
    assert graded(picture(stopped)) is wanted


def test_a_cycle_counts() -> None:
    assert graded(picture(given("cisplatin", at=ago(days=20))))
