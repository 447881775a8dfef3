"""The policy: every number with source, footing and review; a site changes any of them, and only into something usable."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from magnesium.drugs import drugs
from magnesium.facts import Analyte
from magnesium.knowledge import KnowledgeError
from magnesium.policy import Basis, Figure, Limit, Span, load_site
from magnesium.units import _UNITS
from tests.builders import POLICY, quantity, site_policy

SEVERE = POLICY.magnesium.severe


class TestLimit:
    @pytest.mark.parametrize(
        ("sent", "below", "at_most"),
        [
            ("1.1999 mg/dL", True, True),
            ("1.2 mg/dL", False, True),
            ("1.2001 mg/dL", False, False),
            ("<1.2 mg/dL", True, True),
            ("<=1.2 mg/dL", None, True),
            ("<1.3 mg/dL", None, None),
            (">=1.2 mg/dL", False, None),
            (">1.2 mg/dL", False, False),
            (">1.1 mg/dL", None, None),
        ],
    )
    def test_is_compared_exactly_and_a_bound_may_leave_it_open(
        self, sent: str, below: bool | None, at_most: bool | None
    ) -> None:
        found = quantity(Analyte.MAGNESIUM, sent)
        assert SEVERE.below(found) is below
        assert SEVERE.at_most(found) is at_most

    def test_is_applied_as_printed_for_the_unit_reported_not_after_conversion(self) -> None:
        # 1.2 mg/dL is 0.4937 mmol/L, which is below 0.50 mmol/L.
        assert SEVERE.below(quantity(Analyte.MAGNESIUM, "1.2 mg/dL")) is False
        assert SEVERE.below(quantity(Analyte.MAGNESIUM, "0.4937 mmol/L")) is True

    def test_refuses_a_unit_for_which_it_prints_nothing(self) -> None:
        with pytest.raises(KeyError):
            SEVERE.below(quantity(Analyte.QTC, "400 ms"))


def test_a_span_is_a_time_and_says_itself_in_words() -> None:
    span = Span(id="x", says="x", basis=Basis.LOCAL, sources=("local",), reviewed=date(2026, 1, 1), days=1, minutes=15)
    assert span.delta == timedelta(days=1, minutes=15)
    assert span.text == "1 d 15 min"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("magnesium.severe", "0.50 mmol/L / 1.2 mg/dL / 1.0 mEq/L"),
        ("current.magnesium_inpatient", "72 h"),
        ("femg.filterable", "0.7"),
        ("femg.renal", "4 %"),
    ],
)
def test_describes_a_number_for_the_evidence(number: str, text: str) -> None:
    described = POLICY.describe(number)
    assert described["value"] == text
    assert described["id"] == number
    assert described["reviewed"] == "2026-11-21"
    assert described["basis"] in set(Basis)


@pytest.mark.parametrize(("unit", "text"), [("mmol/L", "0.50 mmol/L"), ("mg/dL", "1.2 mg/dL"), ("mEq/L", "1.0 mEq/L")])
def test_tells_a_limit_in_the_unit_of_a_result(unit: str, text: str) -> None:
    assert POLICY.magnesium.severe.within(quantity(Analyte.MAGNESIUM, f"9 {unit}").unit) == text


def test_tells_all_that_a_reader_needs_to_check_a_number() -> None:
    assert POLICY.describe("magnesium.severe") == {
        "id": "magnesium.severe",
        "says": POLICY.magnesium.severe.says,
        "value": "0.50 mmol/L / 1.2 mg/dL / 1.0 mEq/L",
        "basis": "published",
        "sources": "S0-008, S2-024, derived-meq",
        "reviewed": "2026-11-21",
    }


def test_does_not_describe_a_number_it_does_not_have() -> None:
    with pytest.raises(KeyError):
        POLICY.describe("magnesium.sever")


# clinical.md §1.2, §1.5, §1.6, §1.9: what the tables print.
@pytest.mark.parametrize(
    ("number", "printed"),
    [
        ("magnesium.severe", {"mmol/L": "0.50", "mg/dL": "1.2", "mEq/L": "1.0"}),
        ("magnesium.low", {"mmol/L": "0.66", "mg/dL": "1.6", "mEq/L": "1.3"}),
        ("magnesium.borderline", {"mmol/L": "0.70", "mg/dL": "1.7", "mEq/L": "1.4"}),
        ("magnesium.high", {"mmol/L": "1.05", "mg/dL": "2.6", "mEq/L": "2.1"}),
        ("potassium.low", {"mmol/L": "3.5"}),
        ("potassium.moderate", {"mmol/L": "3.0"}),
        ("potassium.severe", {"mmol/L": "2.5"}),
        ("potassium.refractory_rise", {"mmol/L": "0.3"}),
        ("kidney.full", {"mL/min/1.73m2": "60"}),
        ("kidney.reduced", {"mL/min/1.73m2": "30"}),
        ("kidney.aki_rise", {"umol/L": "26.5", "mg/dL": "0.3"}),
        ("ecg.qtc_long", {"ms": "500"}),
        ("ecg.slow_pulse", {"/min": "50"}),
        ("quality.potassium_least", {"mmol/L": "1.0"}),
        ("quality.potassium_most", {"mmol/L": "12"}),
        ("quality.sodium_least", {"mmol/L": "80"}),
        ("quality.sodium_most", {"mmol/L": "220"}),
        ("quality.qtc_least", {"ms": "200"}),
        ("quality.qtc_most", {"ms": "800"}),
    ],
)
def test_the_limits_are_those_of_the_specification(number: str, printed: dict[str, str]) -> None:
    found = POLICY.numbers[number]
    assert isinstance(found, Limit)
    assert found.printed == {unit: Decimal(value) for unit, value in printed.items()}


@pytest.mark.parametrize(
    ("number", "span"),
    [
        ("current.magnesium_inpatient", timedelta(hours=72)),
        ("current.magnesium_inpatient_aging", timedelta(days=14)),
        ("current.magnesium_outpatient", timedelta(days=14)),
        ("current.potassium_inpatient", timedelta(hours=48)),
        ("current.potassium_outpatient", timedelta(days=14)),
        ("current.kidney_inpatient", timedelta(hours=48)),
        ("current.kidney_outpatient", timedelta(days=90)),
        ("current.qtc_inpatient", timedelta(hours=72)),
        ("current.qtc_outpatient", timedelta(days=30)),
        ("current.acute_condition", timedelta(hours=72)),
        ("kidney.aki_condition", timedelta(days=14)),
        ("kidney.aki_ratio_window", timedelta(days=7)),
        ("kidney.aki_rise_window", timedelta(hours=48)),
        ("magnesium.after_dose", timedelta(hours=12)),
        ("femg.after_intravenous", timedelta(hours=48)),
        ("femg.after_oral", timedelta(hours=24)),
        ("femg.urine_pair", timedelta(hours=1)),
        ("femg.serum_pair", timedelta(hours=24)),
        ("potassium.refractory_gap", timedelta(hours=12)),
        ("potassium.refractory_inpatient", timedelta(days=14)),
        ("potassium.refractory_outpatient", timedelta(days=90)),
        ("potassium.effective_intravenous", timedelta(hours=4)),
        ("potassium.effective_oral", timedelta(hours=8)),
        ("potassium.effective_order", timedelta(hours=12)),
        ("potassium.order_inpatient", timedelta(hours=24)),
        ("potassium.order_outpatient", timedelta(hours=72)),
        ("exposure.administration", timedelta(hours=48)),
        ("exposure.open_order", timedelta(days=400)),
        ("exposure.chain_gap", timedelta(days=30)),
        ("exposure.chronic", timedelta(days=90)),
        ("exposure.intravenous_magnesium", timedelta(hours=12)),
        ("quality.ahead", timedelta(minutes=15)),
        ("quality.charted_twice", timedelta(hours=12)),
        ("ecg.slow_pulse_window", timedelta(hours=24)),
    ],
)
def test_the_times_are_those_of_the_specification(number: str, span: timedelta) -> None:
    found = POLICY.numbers[number]
    assert isinstance(found, Span)
    assert found.delta == span


def test_every_limit_is_printed_for_every_unit_its_results_may_arrive_in() -> None:
    # A limit that misses one would fail at the bedside, on the first result in that unit.
    printed_by_substance: dict[str, set[str]] = {}
    for (substance, _), unit in _UNITS.items():
        printed_by_substance.setdefault(substance, set()).add(unit.printed)
    vocabularies = list(printed_by_substance.values())
    limits = [number for number in POLICY.numbers.values() if isinstance(number, Limit)]
    assert [limit.id for limit in limits if set(limit.printed) not in vocabularies] == []


class TestSite:
    def test_without_a_file_the_defaults_hold(self) -> None:
        site = load_site()
        assert site.local_codes == {}
        assert site.policy.time_zone == ZoneInfo("UTC")
        assert site.policy.magnesium.severe.basis is Basis.PUBLISHED

    def test_a_changed_number_becomes_the_sites_own_and_the_rest_stays(self, tmp_path: Path) -> None:
        policy = site_policy(tmp_path, "[current.magnesium_inpatient]\ndays = 2\nreviewed = 2026-12-01\n")
        changed = policy.current.magnesium_inpatient
        assert changed.delta == timedelta(days=2)
        assert (changed.basis, changed.sources, changed.reviewed) == (Basis.SITE, ("site",), date(2026, 12, 1))
        assert changed.says == POLICY.current.magnesium_inpatient.says
        assert policy.current.magnesium_outpatient == POLICY.current.magnesium_outpatient

    def test_a_limit_may_name_its_own_source(self, tmp_path: Path) -> None:
        toml = """[magnesium.low]
            printed = { "mmol/L" = 0.65, "mg/dL" = 1.5, "mEq/L" = 1.3 }
            reviewed = 2026-12-01
            sources = ["our laboratory"]"""
        changed = site_policy(tmp_path, toml).magnesium.low
        assert changed.sources == ("our laboratory",)
        assert changed.printed["mg/dL"] == Decimal("1.5")

    def test_a_figure_keeps_its_unit(self, tmp_path: Path) -> None:
        changed = site_policy(tmp_path, "[femg.renal]\nvalue = 3\nreviewed = 2026-12-01\n").femg.renal
        assert isinstance(changed, Figure)
        assert changed.text == "3 %"

    def test_plain_settings_change_without_a_review(self, tmp_path: Path) -> None:
        policy = site_policy(
            tmp_path, 'zone = "Europe/Berlin"\npalliative_critical = false\norder_sign_minimum = "info"\n'
        )
        assert policy.time_zone == ZoneInfo("Europe/Berlin")
        assert not policy.palliative_critical
        assert policy.order_sign_minimum == "info"

    def test_a_product_is_put_in_beside_the_others(self, tmp_path: Path) -> None:
        toml = """[products.magnesium-oral]
            text = "Magnesium glycinate 400 mg"
            system = "urn:local"
            code = "MGG"
            display = "magnesium glycinate"
            route = "oral"
            dose = "400 mg twice a day" """
        policy = site_policy(tmp_path, toml)
        assert policy.products["magnesium-oral"].dose == "400 mg twice a day"
        assert not policy.products["magnesium-oral"].contains_poorly_absorbed
        assert policy.products["potassium"] == POLICY.products["potassium"]

    def test_local_codes_are_handed_on(self, tmp_path: Path) -> None:
        path = tmp_path / "site.toml"
        path.write_text('[local_codes.labs]\n"urn:lab|MG" = "magnesium"\n', encoding="utf-8")
        assert load_site(path).local_codes == {"labs": {"urn:lab|MG": "magnesium"}}

    @pytest.mark.parametrize(
        ("toml", "message"),
        [
            ("[magnesium.sever]\nx = 1\n", r"site\.toml: .*unknown field `sever`.*magnesium"),
            ("nonsense = 1\n", "unknown field `nonsense`"),
            ("[current.qtc_inpatient]\nhours = 'three'\nreviewed = 2026-12-01\n", "Expected `int`"),
            (
                "[current.qtc_inpatient]\nhours = 3\n",
                r"site\.toml: current: qtc_inpatient: a number the site changes needs `reviewed = YYYY-MM-DD`",
            ),
            ("[current.qtc_inpatient]\nhours = '3'\nreviewed = 2026-12-01\n", "Expected `int`, got `str`"),
            ("[magnesium]\nsevere = 3\n", "Expected `object`"),
            ("[magnesium.low]\nprinted = 3\nreviewed = 2026-12-01\n", "Expected `object`"),
            (
                '[magnesium.low]\nprinted = { "mg/dL" = 1.5 }\nreviewed = 2026-12-01\n',
                r"low must print the limit in mEq/L, mg/dL, mmol/L",
            ),
            (
                '[potassium.low]\nprinted = { "mEq/L" = 3.4 }\nreviewed = 2026-12-01\n',
                r"low must print the limit in mmol/L",
            ),
            (
                '[kidney.aki_rise]\nprinted = { "umol/L" = 30 }\nreviewed = 2026-12-01\n',
                r"aki_rise must print the limit in mg/dL, umol/L",
            ),
            (
                '[magnesium.low]\nprinted = { "mmol/L" = 0.4, "mg/dL" = 1.6, "mEq/L" = 1.3 }\nreviewed = 2026-12-01\n',
                "limits in mmol/L must rise",
            ),
            ("[femg.renal]\nvalue = nan\nreviewed = 2026-12-01\n", r"femg\.renal must be a finite number"),
            (
                '[ecg.qtc_long]\nprinted = { "ms" = inf }\nreviewed = 2026-12-01\n',
                r"ecg\.qtc_long must be a finite number",
            ),
            ('zone = "Mars/Olympus"\n', "No time zone found"),
            ('zone = "../etc"\n', r"site\.toml"),
            ('order_sign_minimum = "warnign"\n', "Invalid enum value"),
            ("local_codes = 3\n", "local_codes must be a table"),
            ("max_cards = 0\n", "Expected `int` >= 1"),
            ('qt_drugs = ["sotalol", "aspirin"]\n', "qt_drugs: drugs.csv has no aspirin among qt_candidate, qt_drug"),
            (
                'qt_drugs = ["ibuprofen", "aspirin"]\n',
                "drugs.csv has no aspirin, ibuprofen among qt_candidate, qt_drug",
            ),
            (
                (
                    "[drug_times.b]\ninterval_days = 7\nreviewed = 2026-12-01\n"
                    "[drug_times.a]\ninterval_days = 7\nreviewed = 2026-12-01\n"
                ),
                "no class or ingredient of drugs.csv is called a, b",
            ),
            (
                "[drug_times.platnum]\ninterval_days = 7\nreviewed = 2026-12-01\n",
                "drug_times: no class or ingredient of drugs.csv is called platnum",
            ),
            ("[drug_times.platinum]\ninterval_days = 7\n", "missing required field `reviewed`"),
            ("[drug_times.platinum]\ninterval_days = 0\nreviewed = 2026-12-01\n", "Expected `int` >= 1"),
            ("[magnesium\n", r"policy file site\.toml"),
        ],
    )
    def test_refuses_what_is_not_as_it_must_be_and_says_where(self, tmp_path: Path, toml: str, message: str) -> None:
        with pytest.raises(KnowledgeError, match=message) as refused:
            site_policy(tmp_path, toml)
        assert str(refused.value).removeprefix("policy file ").startswith("site.toml: ")

    def test_refuses_a_file_that_is_not_there_or_not_text(self, tmp_path: Path) -> None:
        with pytest.raises(KnowledgeError, match=r"policy file absent\.toml"):
            load_site(tmp_path / "absent.toml")
        (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
        with pytest.raises(KnowledgeError, match=r"policy file binary\.toml"):
            load_site(tmp_path / "binary.toml")


def test_numbers_are_found_under_their_place_in_the_file() -> None:
    assert all(number.id == place for place, number in POLICY.numbers.items())
    assert "magnesium.severe" in POLICY.numbers
    assert "products" not in POLICY.numbers


def test_the_qt_drugs_are_those_of_the_specification() -> None:
    named = {name for name, drug in drugs().items() if any(role.drug_class.code == "qt_drug" for role in drug.roles)}
    assert named == POLICY.qt_drugs


def test_at_most_four_cards_are_shown() -> None:
    assert POLICY.max_cards == 4
