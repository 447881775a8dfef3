"""clinical.md §1.3: the fractional excretion of magnesium."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from magnesium.facts import Exposure, LabResult
from magnesium.femg import FractionalExcretion, NotComputable, Reading, fractional_excretion
from magnesium.picture import ClinicalPicture
from tests.builders import (
    HEALTHY_KIDNEYS,
    IV,
    MINUTE,
    NOW,
    ORAL,
    Fact,
    acute,
    ago,
    creatinine,
    egfr,
    ended_order,
    given,
    mg,
    order,
    picture,
    problem,
    site_policy,
    statement,
    urine_creatinine,
    urine_mg,
)

SERUM, SERUM_CREATININE = mg("1.0 mg/dL"), creatinine("1 mg/dL")
URINE_CREATININE = urine_creatinine("100 mg/dL")


def urine_for(percent: str) -> LabResult:
    """The urine magnesium with which the four samples give an FEMg, exactly: UMg = FEMg x 0.7 x 1.0 x 100 / (1 x 100)."""
    return urine_mg(f"{float(percent) * 0.7:.4f} mg/dL")


def excretion(*found: Fact) -> FractionalExcretion:
    femg = picture(*found).femg
    assert isinstance(femg, FractionalExcretion), femg
    return femg


def missing(*found: Fact) -> tuple[str, ...]:
    femg = picture(*found).femg
    assert isinstance(femg, NotComputable), femg
    return femg.missing


def reading(percent: str, *more: Fact) -> Reading:
    return excretion(SERUM, SERUM_CREATININE, URINE_CREATININE, urine_for(percent), *more).reading


class TestFormula:
    def test_is_that_of_the_sources(self) -> None:
        # S0-197: (UMg x SCr) / (0.7 x SMg x UCr) x 100
        filterable = Fraction("0.7")
        assert fractional_excretion(Fraction(7), Fraction(1), Fraction(100), Fraction(1), filterable) == 10
        # Whatever the unit: here all in mmol/L, and the divisor below 1
        assert fractional_excretion(Fraction(7, 100), Fraction(1), Fraction(1), Fraction(1), filterable) == 10
        assert fractional_excretion(Fraction(0), Fraction(1), Fraction(100), Fraction(1), filterable) == 0

    @pytest.mark.parametrize(("serum", "urine_creat", "filterable"), [(0, 1, 1), (1, 0, 1), (1, 1, 0), (-1, 1, 1)])
    def test_does_not_divide_by_nothing(self, serum: int, urine_creat: int, filterable: int) -> None:
        divided = fractional_excretion(
            Fraction(1), Fraction(serum), Fraction(urine_creat), Fraction(1), Fraction(filterable)
        )
        assert divided is None

    def test_units_do_not_matter(self) -> None:
        plain = excretion(SERUM, SERUM_CREATININE, URINE_CREATININE, urine_mg("2.8 mg/dL"))
        mixed = excretion(mg("10 mg/L"), creatinine("10 mg/L"), urine_creatinine("1000 mg/L"), urine_mg("28 mg/L"))
        across = excretion(
            mg("0.5 mmol/L"), creatinine("100 umol/L"), urine_creatinine("10 mmol/L"), urine_mg("2.8 mEq/L")
        )
        assert plain.percent == mixed.percent == 4
        assert across.percent == 4

    @pytest.mark.parametrize(
        ("urine", "text"),
        [
            # FEMg % is the urine magnesium in mg/dL / 0.7.
            ("<0.7 mg/dL", "<1.0 %"),
            ("<=0.7 mg/dL", "<=1.0 %"),
            ("<0.84 mg/dL", "<1.2 %"),
            ("<0.8401 mg/dL", "<1.3 %"),  # below 1.2 % would claim too much
            ("<1.3999 mg/dL", "<2.0 %"),
        ],
    )
    def test_of_a_bound_is_printed_as_a_bound_that_holds(self, urine: str, text: str) -> None:
        assert excretion(SERUM, SERUM_CREATININE, URINE_CREATININE, urine_mg(urine)).text == text

    def test_is_printed_with_one_decimal(self) -> None:
        assert excretion(SERUM, SERUM_CREATININE, URINE_CREATININE, urine_mg("3.64 mg/dL")).text == "5.2 %"
        assert excretion(SERUM, SERUM_CREATININE, URINE_CREATININE, urine_mg("2.8 mg/dL")).text == "4.0 %"

    def test_names_its_four_results(self) -> None:
        found = excretion(SERUM, SERUM_CREATININE, URINE_CREATININE, urine_for("5"))
        assert found.results == (urine_for("5"), URINE_CREATININE, SERUM, SERUM_CREATININE)


FULL, MODERATE, UNKNOWN_GFR, POOR = egfr("60"), egfr("30"), egfr("<60"), egfr("29.9")
INJURED = acute("acute_kidney_injury")

# Just below, at and just above 2 % and 4 %, on the unrounded quotient: 4.0001 % prints as 4.0 % and is above 4 %.
TABLE = [
    ("1.9999", Reading.EXTRARENAL, Reading.EXTRARENAL_LIKELY, Reading.EXTRARENAL_LIKELY),
    ("2", Reading.EXTRARENAL, Reading.EXTRARENAL_LIKELY, Reading.EXTRARENAL_LIKELY),
    ("2.0001", Reading.EQUIVOCAL_RENAL, Reading.EQUIVOCAL, Reading.NOT_AT_THIS_GFR),
    ("3.9999", Reading.EQUIVOCAL_RENAL, Reading.EQUIVOCAL, Reading.NOT_AT_THIS_GFR),
    ("4", Reading.EQUIVOCAL_RENAL, Reading.EQUIVOCAL, Reading.NOT_AT_THIS_GFR),
    ("4.0001", Reading.RENAL, Reading.RENAL_LIKELY, Reading.NOT_AT_THIS_GFR),
]


class TestReading:
    @pytest.mark.parametrize(("percent", "full", "reduced", "poor"), TABLE)
    def test_by_the_table(self, percent: str, full: Reading, reduced: Reading, poor: Reading) -> None:
        # The limits lie on 1.4 and 2.8 mg/dL of urine magnesium; a ten-thousandth of FEMg is seven hundred-thousandths.
        exact = Fraction(percent) * Fraction("0.7")
        urine = replace(urine_for("1"), quantity=replace(urine_for("1").quantity, value=_decimal(exact)))
        samples = (SERUM, SERUM_CREATININE, URINE_CREATININE, urine)
        assert excretion(*samples, FULL).reading is full
        assert excretion(*samples, MODERATE).reading is reduced
        assert excretion(*samples, UNKNOWN_GFR).reading is reduced
        assert excretion(*samples, POOR).reading is poor
        assert excretion(*samples, FULL, INJURED).reading is poor
        assert excretion(*samples, FULL, problem("dialysis")).reading is poor

    def test_the_limit_is_that_of_the_unrounded_quotient(self) -> None:
        urine = urine_mg("2.8001 mg/dL")
        found = excretion(SERUM, SERUM_CREATININE, URINE_CREATININE, urine, FULL)
        assert (found.text, found.reading) == ("4.0 %", Reading.RENAL)

    @pytest.mark.parametrize("serum", ["1.6 mg/dL", "2.0 mg/dL", "3.0 mg/dL"])
    def test_only_while_magnesium_is_low(self, serum: str) -> None:
        found = excretion(mg(serum), SERUM_CREATININE, URINE_CREATININE, urine_mg("9 mg/dL"), HEALTHY_KIDNEYS)
        assert found.reading is Reading.NOT_LOW


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)


class TestSamplesThatBelongTogether:
    def test_without_urine_magnesium_there_is_nothing(self) -> None:
        assert missing(SERUM, SERUM_CREATININE, URINE_CREATININE) == ("spot urine magnesium",)

    @pytest.mark.parametrize(
        ("absent", "named"),
        [
            (URINE_CREATININE, "urine creatinine of the same specimen or within 1 h"),
            (SERUM, "serum magnesium within 24 h of the urine sample"),
            (SERUM_CREATININE, "serum creatinine within 24 h of the urine sample"),
        ],
    )
    def test_the_missing_piece_is_named(self, absent: LabResult, named: str) -> None:
        rest = [s for s in (SERUM, SERUM_CREATININE, URINE_CREATININE) if s is not absent]
        assert missing(*rest, urine_for("5")) == (named,)

    def test_all_missing_pieces_are_named(self) -> None:
        assert len(missing(urine_for("5"))) == 3

    @pytest.mark.parametrize("sign", [1, -1], ids=["before", "after"])
    def test_urine_magnesium_and_creatinine_lie_within_an_hour(self, sign: int) -> None:
        def pair(apart: timedelta) -> object:
            at = ago(hours=5)
            return picture(
                SERUM, SERUM_CREATININE, urine_mg("5 mg/dL", at=at), urine_creatinine("100 mg/dL", at=at - sign * apart)
            ).femg

        hour = timedelta(hours=1)
        assert isinstance(pair(hour - MINUTE), FractionalExcretion)
        assert isinstance(pair(hour), FractionalExcretion)
        assert isinstance(pair(hour + MINUTE), NotComputable)

    def test_or_are_of_one_specimen(self) -> None:
        specimen = urine_creatinine("100 mg/dL", hours_ago=9, specimen="Specimen/1")
        nearer = urine_creatinine("50 mg/dL")
        found = excretion(SERUM, SERUM_CREATININE, nearer, specimen, urine_mg("5 mg/dL", specimen="Specimen/1"))
        assert found.samples.urine_creatinine is specimen
        other = urine_creatinine("100 mg/dL", hours_ago=9, specimen="Specimen/2")
        assert isinstance(
            picture(SERUM, SERUM_CREATININE, other, urine_mg("5 mg/dL", specimen="Specimen/1")).femg, NotComputable
        )

    @pytest.mark.parametrize("which", ["magnesium", "creatinine"])
    def test_serum_results_lie_within_24_hours(self, which: str) -> None:
        def apart(gap: timedelta) -> object:
            moved, fixed = (
                (mg("1.0 mg/dL", at=NOW - gap), SERUM_CREATININE)
                if which == "magnesium"
                else (SERUM, creatinine("1 mg/dL", at=NOW - gap))
            )
            return picture(moved, fixed, URINE_CREATININE, urine_for("5")).femg

        day = timedelta(hours=24)
        assert isinstance(apart(day - MINUTE), FractionalExcretion)
        assert isinstance(apart(day), FractionalExcretion)
        assert isinstance(apart(day + MINUTE), NotComputable)

    def test_each_serum_result_is_the_nearest(self) -> None:
        near, far = mg("1.1 mg/dL", hours_ago=2), mg("1.0 mg/dL", hours_ago=20)
        found = excretion(far, near, SERUM_CREATININE, URINE_CREATININE, urine_for("5"))
        assert found.samples.serum_magnesium is near

    def test_a_date_belongs_only_if_every_instant_of_it_does(self) -> None:
        found = picture(mg("1.0 mg/dL", at="2026-03-13"), SERUM_CREATININE, URINE_CREATININE, urine_for("5")).femg
        assert isinstance(found, NotComputable)

    def test_the_newest_urine_that_has_its_partners_is_read(self) -> None:
        lonely, complete = urine_mg("9 mg/dL", hours_ago=1), urine_mg("3.5 mg/dL", hours_ago=10)
        creatinine_then = urine_creatinine("100 mg/dL", hours_ago=10)
        assert excretion(SERUM, SERUM_CREATININE, lonely, complete, creatinine_then).text == "5.0 %"

    def test_what_the_newest_urine_lacks_is_named(self) -> None:
        lonely, older = urine_mg("9 mg/dL", hours_ago=1), urine_mg("3.5 mg/dL", days_ago=3)
        assert missing(SERUM, SERUM_CREATININE, lonely, older) == (
            "urine creatinine of the same specimen or within 1 h",
        )

    @pytest.mark.parametrize(
        "bounded",
        [mg("<1.0 mg/dL"), creatinine("<1 mg/dL"), urine_creatinine(">100 mg/dL"), urine_mg(">1 mg/dL")],
        ids=lambda r: r.analyte,
    )
    def test_bounds_are_not_computed_with(self, bounded: LabResult) -> None:
        exact = [
            r for r in (SERUM, SERUM_CREATININE, URINE_CREATININE, urine_for("5")) if r.analyte is not bounded.analyte
        ]
        assert missing(*exact, bounded)

    # 1.4 mg/dL of urine magnesium are an FEMg of 2 %.
    @pytest.mark.parametrize(("urine", "read"), [("<0.5", True), ("<1.4", True), ("<=1.4", True), ("<1.4001", False)])
    def test_urine_magnesium_below_the_limit_of_detection_tells_where_no_value_under_it_would_tell_otherwise(
        self, urine: str, read: bool
    ) -> None:
        chart = (SERUM, SERUM_CREATININE, URINE_CREATININE, urine_mg(f"{urine} mg/dL"))
        if read:
            assert excretion(*chart, HEALTHY_KIDNEYS).reading is Reading.EXTRARENAL
        else:
            assert missing(*chart, HEALTHY_KIDNEYS) == ("exact spot urine magnesium",)

    def test_one_that_tells_nothing_does_not_hide_an_earlier_one_that_does(self) -> None:
        earlier = urine_mg("3.5 mg/dL", hours_ago=1)
        assert excretion(SERUM, SERUM_CREATININE, URINE_CREATININE, earlier, urine_mg("<5 mg/dL")).text == "5.0 %"

    def test_urine_of_long_ago_is_not_read(self) -> None:
        def drawn(age: timedelta) -> ClinicalPicture:
            at = NOW - age
            return picture(
                mg("1.0 mg/dL", at=at),
                creatinine("1 mg/dL", at=at),
                urine_creatinine("100 mg/dL", at=at),
                urine_mg("5 mg/dL", at=at),
            )

        month = timedelta(days=30)
        assert isinstance(drawn(month).femg, FractionalExcretion)
        assert isinstance(drawn(month + MINUTE).femg, NotComputable)

    def test_a_site_that_filters_nothing_computes_nothing(self, tmp_path: Path) -> None:
        policy = site_policy(tmp_path, "[femg.filterable]\nvalue = 0\nreviewed = 2026-12-01\n")
        found = picture(SERUM, SERUM_CREATININE, URINE_CREATININE, urine_for("5"), policy=policy).femg
        assert found == NotComputable(("results above zero",))


class TestMagnesiumGiven:
    """IV magnesium within 48 h or oral within 24 h before the sample spoils a renal reading, and only that."""

    @pytest.mark.parametrize(
        ("dose", "window"),
        [("intravenous", timedelta(hours=48)), ("oral", timedelta(hours=24))],
    )
    def test_by_the_time_of_the_dose(self, dose: str, window: timedelta) -> None:
        def at(age: timedelta) -> Reading:
            salt, route = ("magnesium sulfate", IV) if dose == "intravenous" else ("magnesium oxide", ORAL)
            return reading("5", HEALTHY_KIDNEYS, given(salt, at=NOW - age, route=route))

        assert at(window - MINUTE) is Reading.MAGNESIUM_GIVEN
        assert at(window) is Reading.MAGNESIUM_GIVEN
        assert at(window + MINUTE) is Reading.RENAL

    def test_a_dose_after_the_sample_does_not_matter(self) -> None:
        earlier = [
            replace(s, when=replace(s.when, earliest=ago(hours=3), latest=ago(hours=3)))
            for s in (SERUM, SERUM_CREATININE, URINE_CREATININE, urine_for("5"))
        ]
        assert excretion(*earlier, HEALTHY_KIDNEYS, given("magnesium oxide", hours_ago=2)).reading is Reading.RENAL

    @pytest.mark.parametrize(
        ("exposure", "spoils"),
        [
            (order("magnesium oxide", route=ORAL), True),
            (order("magnesium hydroxide", route=ORAL), True),
            (statement("magnesium oxide", started=None), True),
            (ended_order("magnesium oxide", ended=ago(hours=10)), True),
            (ended_order("magnesium oxide", ended=ago(hours=30)), False),
            (order("magnesium oxide", as_needed=True), False),
            (order("magnesium oxide", single_dose=True), False),
            (order("furosemide"), False),
        ],
        ids=[
            "order",
            "antacid",
            "start unknown",
            "just ended",
            "ended",
            "as needed",
            "single",
            "other",
        ],
    )
    def test_by_an_order(self, exposure: Exposure, spoils: bool) -> None:
        assert reading("5", HEALTHY_KIDNEYS, exposure) is (Reading.MAGNESIUM_GIVEN if spoils else Reading.RENAL)

    @pytest.mark.parametrize(
        ("exposure", "perhaps"),
        [
            (ended_order("magnesium oxide", days_ago=30), True),
            (ended_order("magnesium oxide", started=ago(days=30) - MINUTE), False),
            (ended_order("magnesium oxide", started=None), False),
            (ended_order("magnesium oxide", started=NOW + MINUTE), False),
            (ended_order("magnesium oxide", days_ago=3, ended=ago(days=2)), False),
            (ended_order("magnesium oxide", days_ago=3, as_needed=True), False),
            (ended_order("magnesium oxide", days_ago=3, single_dose=True), False),
            (ended_order("furosemide", days_ago=3), False),
        ],
        ids=["begun lately", "long ago", "unknown when", "since", "end known", "as needed", "single", "other"],
    )
    def test_an_order_that_ended_nobody_knows_when_leaves_it_open(self, exposure: Exposure, perhaps: bool) -> None:
        expected = Reading.MAGNESIUM_PERHAPS if perhaps else Reading.RENAL
        assert reading("5", HEALTHY_KIDNEYS, exposure) is expected
        assert reading("1", HEALTHY_KIDNEYS, exposure) is Reading.EXTRARENAL

    @pytest.mark.parametrize(
        ("percent", "kidneys", "shown"),
        [
            ("5", FULL, Reading.MAGNESIUM_GIVEN),
            ("5", MODERATE, Reading.MAGNESIUM_GIVEN),
            ("3", FULL, Reading.MAGNESIUM_GIVEN),
            ("1", FULL, Reading.EXTRARENAL),
            ("1", MODERATE, Reading.EXTRARENAL_LIKELY),
            ("5", POOR, Reading.NOT_AT_THIS_GFR),
        ],
    )
    def test_spoils_only_what_might_be_read_as_renal(self, percent: str, kidneys: LabResult, shown: Reading) -> None:
        assert reading(percent, kidneys, order("magnesium oxide", route=ORAL)) is shown
