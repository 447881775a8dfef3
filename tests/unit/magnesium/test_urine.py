"""Urine calcium, urine potassium, and the magnesium of a day's urine."""

from __future__ import annotations

from decimal import Decimal

import pytest

from magnesium.facts import Analyte, Exposure, Unusable
from magnesium.urine import (
    CalciumLevel,
    DailyMagnesiumReading,
    read_daily_magnesium,
    read_ttkg,
    read_urine_calcium,
    read_urine_potassium,
    shown,
)
from tests.builders import (
    ADULT,
    IV,
    NOW,
    POLICY,
    Fact,
    aged,
    ago,
    draft,
    ended_order,
    facts,
    given,
    k,
    lab,
    mg,
    order,
    urine_creatinine,
)

CA, CA_CR = Analyte.CALCIUM_URINE, Analyte.CALCIUM_CREATININE
LOW, NORMAL, HIGH = CalciumLevel.LOW, CalciumLevel.NORMAL, CalciumLevel.HIGH


class TestUrineCalcium:
    @pytest.mark.parametrize(
        ("reported", "level", "text"),
        [
            ("0.19 mmol/mmol", LOW, "0.19 mmol/mmol"),
            ("0.2 mmol/mmol", NORMAL, "0.20 mmol/mmol"),
            ("0.57 mmol/mmol", NORMAL, "0.57 mmol/mmol"),
            ("0.58 mmol/mmol", HIGH, "0.58 mmol/mmol"),
            ("0.069 mg/mg", LOW, "0.069 mg/mg"),
            ("0.07 mg/mg", NORMAL, "0.07 mg/mg"),
            ("200 mg/g", NORMAL, "0.20 mg/mg"),
            ("201 mg/g", HIGH, "0.201 mg/mg"),
            ("<0.1 mmol/mmol", LOW, "<0.10 mmol/mmol"),
            (">0.57 mmol/mmol", HIGH, ">0.57 mmol/mmol"),
            ("<0.3 mmol/mmol", None, "<0.30 mmol/mmol"),
            (">0.3 mmol/mmol", None, ">0.30 mmol/mmol"),
        ],
    )
    def test_a_reported_ratio_is_read_in_its_own_unit(
        self, reported: str, level: CalciumLevel | None, text: str
    ) -> None:
        found = read_urine_calcium(facts(lab(CA_CR, reported)), POLICY, NOW)
        assert found is not None
        assert (found.level, found.text) == (level, text)

    @pytest.mark.parametrize(
        ("calcium", "creatinine", "level", "text"),
        [
            ("0.5 mmol/L", "10 mmol/L", LOW, "0.05 mmol/mmol"),
            ("6 mmol/L", "10000 umol/L", HIGH, "0.60 mmol/mmol"),
            ("8 mg/dL", "100 mg/dL", NORMAL, "0.08 mg/mg"),
            ("6.9 mg/dL", "1000 mg/L", LOW, "0.069 mg/mg"),
            ("8 mg/dL", "10 mmol/L", LOW, "0.1996 mmol/mmol"),
            ("<0.5 mmol/L", "10 mmol/L", LOW, "<0.05 mmol/mmol"),
        ],
    )
    def test_it_is_computed_from_calcium_and_creatinine(
        self, calcium: str, creatinine: str, level: CalciumLevel, text: str
    ) -> None:
        pair = lab(CA, calcium, hours_ago=2), urine_creatinine(creatinine, hours_ago=2.5)
        found = read_urine_calcium(facts(*pair), POLICY, NOW)
        assert found is not None
        assert (found.level, found.text, found.results) == (level, text, pair)

    def test_the_newest_counts_and_a_reported_ratio_before_a_computed_one(self) -> None:
        old = lab(CA_CR, "0.9 mmol/mmol", hours_ago=9)
        pair = lab(CA, "1 mmol/L", hours_ago=2), urine_creatinine("10 mmol/L", hours_ago=2)
        reported = lab(CA_CR, "0.11 mmol/mmol", hours_ago=2)

        def text(*found: Fact) -> str:
            reading = read_urine_calcium(facts(*found), POLICY, NOW)
            return reading.text if reading else ""

        assert text(old, *pair) == "0.10 mmol/mmol"
        assert text(*pair, reported, old) == "0.11 mmol/mmol"

    @pytest.mark.parametrize(
        "found",
        [
            (),
            (lab(CA, "1 mmol/L"),),
            (lab(CA, "1 mmol/L", hours_ago=2), urine_creatinine("10 mmol/L", hours_ago=4)),
            (lab(CA, "1 mmol/L"), urine_creatinine(">10 mmol/L")),
            (lab(CA_CR, "0.1 mmol/mmol", days_ago=31),),
        ],
    )
    def test_without_a_fresh_pair_there_is_none(self, found: tuple[Fact, ...]) -> None:
        assert read_urine_calcium(facts(*found), POLICY, NOW) is None

    @pytest.mark.parametrize(("age", "read"), [(17, False), (18, True), (None, True)])
    def test_it_is_not_read_for_minors(self, age: int | None, read: bool) -> None:
        found = read_urine_calcium(facts(lab(CA_CR, "0.1 mmol/mmol"), patient=aged(age)), POLICY, NOW)
        assert (found is not None) is read


K_URINE, K_CR = Analyte.POTASSIUM_URINE, Analyte.POTASSIUM_CREATININE


class TestUrinePotassium:
    @pytest.mark.parametrize(
        ("reported", "renal"),
        [
            ("1.49 mmol/mmol", False),
            ("1.5 mmol/mmol", True),
            ("12.9 mmol/g", False),
            ("13 mmol/g", True),
            ("<1 mmol/mmol", False),
            ("<2 mmol/mmol", None),
        ],
    )
    def test_with_low_potassium_the_kidney_loses_it_from_the_limit_on(self, reported: str, renal: bool | None) -> None:
        serum = k("3.4 mmol/L", hours_ago=20)
        found = read_urine_potassium(facts(lab(K_CR, reported), serum), POLICY, NOW)
        assert found is not None
        assert found.renal is renal
        assert found.results[-1] is serum

    def test_it_is_computed_too(self) -> None:
        chart = facts(lab(K_URINE, "40 mmol/L"), urine_creatinine("10 mmol/L"), k("2.9 mmol/L"))
        found = read_urine_potassium(chart, POLICY, NOW)
        assert found is not None
        assert (found.renal, found.text) == (True, "4.00 mmol/mmol")

    def test_it_is_never_rounded_onto_the_limit(self) -> None:
        found = read_urine_potassium(facts(lab(K_CR, "1.4999 mmol/mmol"), k("2.9 mmol/L")), POLICY, NOW)
        assert found is not None
        assert (found.renal, found.text) == (False, "1.4999 mmol/mmol")

    @pytest.mark.parametrize(
        "found",
        [
            (),
            (lab(K_CR, "4 mmol/mmol"),),
            (lab(K_CR, "4 mmol/mmol"), k("3.5 mmol/L")),
            (lab(K_CR, "4 mmol/mmol"), k("2.9 mmol/L", hours_ago=25)),
        ],
    )
    def test_it_needs_a_low_serum_potassium_of_the_same_day(self, found: tuple[Fact, ...]) -> None:
        assert read_urine_potassium(facts(*found), POLICY, NOW) is None

    def test_a_low_potassium_of_a_hemolyzed_sample_counts(self) -> None:
        found = read_urine_potassium(facts(lab(K_CR, "4 mmol/mmol"), k("2.9 mmol/L", hemolyzed="H")), POLICY, NOW)
        assert found is not None


def gradient_chart(
    urine_k: str = "30 mmol/L",
    serum_k: str = "3.0 mmol/L",
    sodium: str = "60 mmol/L",
    urine_osm: str = "600 mosm/kg",
    osm: str = "300 mosm/kg",
) -> list[Fact]:
    return [
        lab(K_URINE, urine_k),
        k(serum_k, hours_ago=2),
        lab(Analyte.SODIUM_URINE, sodium),
        lab(Analyte.OSMOLALITY_URINE, urine_osm),
        lab(Analyte.OSMOLALITY, osm, hours_ago=3),
    ]


class TestTtkg:
    @pytest.mark.parametrize(
        ("urine_k", "text", "supports"),
        [("30 mmol/L", "5.0", True), ("18 mmol/L", "3.0", False), ("18.01 mmol/L", "3.002", True)],
    )
    def test_above_the_limit_it_supports_renal_loss(self, urine_k: str, text: str, supports: bool) -> None:
        found = read_ttkg(facts(*gradient_chart(urine_k)), POLICY, NOW)
        assert found is not None
        assert (found.text, found.supports_renal, len(found.results)) == (text, supports, 5)

    @pytest.mark.parametrize(
        "chart",
        [
            gradient_chart(serum_k="3.6 mmol/L"),
            gradient_chart(serum_k="<3.0 mmol/L"),
            gradient_chart(sodium="25 mmol/L"),
            gradient_chart(urine_osm="300 mosm/kg"),
            *(gradient_chart()[:n] + gradient_chart()[n + 1 :] for n in range(5)),
        ],
    )
    def test_it_is_read_only_in_concentrated_urine_with_sodium_and_low_potassium(self, chart: list[Fact]) -> None:
        assert read_ttkg(facts(*chart), POLICY, NOW) is None

    @pytest.mark.parametrize(
        "newer",
        [
            [lab(Analyte.POTASSIUM_URINE, "30 mmol/L")],
            gradient_chart(sodium="25 mmol/L"),
            gradient_chart(urine_osm="300 mosm/kg"),
        ],
        ids=["alone", "without sodium", "dilute"],
    )
    def test_a_newer_sample_that_cannot_be_read_does_not_hide_one_that_can(self, newer: list[Fact]) -> None:
        older: list[Fact] = [
            lab(Analyte.POTASSIUM_URINE, "30 mmol/L", days_ago=3),
            k("3.0 mmol/L", days_ago=3),
            lab(Analyte.SODIUM_URINE, "60 mmol/L", days_ago=3),
            lab(Analyte.OSMOLALITY_URINE, "600 mosm/kg", days_ago=3),
            lab(Analyte.OSMOLALITY, "300 mosm/kg", days_ago=3),
        ]
        found = read_ttkg(facts(*older, *newer), POLICY, NOW)
        assert found is not None
        assert set(found.results) == set(older)


RENAL, GIVEN = DailyMagnesiumReading.RENAL, DailyMagnesiumReading.MAGNESIUM_GIVEN
DAILY = lab(Analyte.MAGNESIUM_URINE_24H, "3 mmol/d")


class TestDailyMagnesium:
    @pytest.mark.parametrize(
        ("urine", "reading"),
        [
            ("1 mmol/d", DailyMagnesiumReading.NOT_RAISED),
            ("1.01 mmol/d", RENAL),
            ("24 mg/d", DailyMagnesiumReading.NOT_RAISED),
            ("24.1 mg/d", RENAL),
            (">0.5 mmol/d", DailyMagnesiumReading.OPEN),
        ],
    )
    def test_with_low_magnesium_more_than_the_limit_is_renal(self, urine: str, reading: DailyMagnesiumReading) -> None:
        chart = facts(lab(Analyte.MAGNESIUM_URINE_24H, urine), mg("0.5 mmol/L", hours_ago=12))
        found = read_daily_magnesium(chart, POLICY, NOW)
        assert found is not None
        assert (found.reading, found.text, len(found.results)) == (reading, urine, 2)

    @pytest.mark.parametrize(
        "serum", [(), (mg("0.7 mmol/L"),), (mg("0.5 mmol/L", hours_ago=25),), (mg("<0.9 mmol/L"),)]
    )
    def test_without_low_magnesium_that_day_it_says_nothing(self, serum: tuple[Fact, ...]) -> None:
        found = read_daily_magnesium(facts(DAILY, *serum), POLICY, NOW)
        assert found is not None
        assert found.reading is DailyMagnesiumReading.NOT_LOW

    def test_an_old_one_is_not_read(self) -> None:
        assert (
            read_daily_magnesium(facts(lab(Analyte.MAGNESIUM_URINE_24H, "3 mmol/d", days_ago=31)), POLICY, NOW) is None
        )

    @pytest.mark.parametrize(
        ("magnesium", "reading"),
        [
            (given("magnesium sulfate", hours_ago=71, route=IV), GIVEN),
            (given("magnesium sulfate", hours_ago=73, route=IV), RENAL),
            (given("magnesium oxide", hours_ago=47), GIVEN),
            (given("magnesium oxide", hours_ago=49), RENAL),
            (order("magnesium oxide"), GIVEN),
            (order("magnesium oxide", days_ago=-1), RENAL),
            (order("magnesium oxide", ended=ago(days=9)), RENAL),
            (ended_order("magnesium oxide", days_ago=30), DailyMagnesiumReading.MAGNESIUM_PERHAPS),
            (ended_order("magnesium oxide", days_ago=31), RENAL),
            (order("magnesium oxide", as_needed=True), RENAL),
            (order("magnesium oxide", single_dose=True), RENAL),
            (order("furosemide"), RENAL),
            (draft("magnesium oxide"), RENAL),
        ],
    )
    def test_magnesium_given_before_or_during_the_collection_spoils_it(
        self, magnesium: Exposure, reading: DailyMagnesiumReading
    ) -> None:
        found = read_daily_magnesium(facts(DAILY, mg("0.5 mmol/L"), magnesium), POLICY, NOW)
        assert found is not None
        assert found.reading is reading


@pytest.mark.parametrize(
    ("value", "text"), [("0.0512", "0.05"), ("0.1996", "0.1996"), ("0.2004", "0.2004"), ("0.19999999", "0.19999999")]
)
def test_a_computed_figure_is_never_rounded_onto_or_across_a_limit(value: str, text: str) -> None:
    assert shown(Decimal(value), Decimal("0.2")) == text


def test_an_unreadable_result_does_no_harm() -> None:
    assert (
        read_urine_calcium(facts(Unusable(DAILY.source, "unknown-unit", analyte=CA), patient=ADULT), POLICY, NOW)
        is None
    )


def test_a_bound_of_the_amount_stays_one_of_the_computed_ratio() -> None:
    found = read_urine_calcium(facts(lab(CA, "<5 mg/dL"), urine_creatinine("100 mg/dL")), POLICY, NOW)
    assert found is not None
    assert found.text == "<0.05 mg/mg"
    assert found.level is LOW
    open_ended = read_urine_calcium(facts(lab(CA, ">5 mg/dL"), urine_creatinine("100 mg/dL")), POLICY, NOW)
    assert open_ended is not None
    assert open_ended.level is None


def test_the_ratio_itself_is_handed_on() -> None:
    found = read_urine_calcium(facts(lab(CA, "5 mg/dL"), urine_creatinine("100 mg/dL")), POLICY, NOW)
    assert found is not None
    assert found.ratio.text == "0.05 mg/mg"


def test_a_day_s_magnesium_without_a_serum_value_rests_on_itself_alone() -> None:
    sample = lab(Analyte.MAGNESIUM_URINE_24H, "2 mmol/d")
    found = read_daily_magnesium(facts(sample), POLICY, NOW)
    assert found is not None
    assert found.results == (sample,)


def test_the_gradient_and_the_potassium_ratio_are_handed_on_with_their_text() -> None:
    gradient = read_ttkg(facts(*gradient_chart("30 mmol/L")), POLICY, NOW)
    assert gradient is not None
    assert gradient.value == 5
    ratio = lab(Analyte.POTASSIUM_CREATININE, "2.5 mmol/mmol")
    found = read_urine_potassium(facts(ratio, k("3.0 mmol/L")), POLICY, NOW)
    assert found is not None
    assert found.ratio == ratio.quantity
