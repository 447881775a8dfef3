"""clinical.md §1.7: drug classes, and when a drug is in force or washing out."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from magnesium.drugs import (
    Baseline,
    DrugClass,
    Harm,
    Monitored,
    Regimen,
    Weight,
    drug_classes,
    drugs,
    had_by,
    in_force,
    members,
    read_regimen,
    washing_out,
)
from magnesium.facts import Exposure, ExposureStatus, Route
from magnesium.knowledge import KnowledgeError
from magnesium.moment import When
from tests.builders import (
    IV,
    MINUTE,
    NOW,
    POLICY,
    Fact,
    ago,
    draft,
    ended_order,
    facts,
    given,
    on,
    order,
    site_policy,
    statement,
)

CLASSES = {
    "ppi": "omeprazole esomeprazole lansoprazole dexlansoprazole pantoprazole rabeprazole vonoprazan",
    "loop_diuretic": "furosemide bumetanide torsemide ethacrynic_acid",
    "thiazide": "hydrochlorothiazide chlorthalidone chlorothiazide indapamide metolazone bendroflumethiazide",
    "aminoglycoside": "gentamicin amikacin tobramycin streptomycin plazomicin",
    "amphotericin": "amphotericin_B",
    "pentamidine": "pentamidine",
    "foscarnet": "foscarnet",
    "platinum": "cisplatin carboplatin",
    "calcineurin_inhibitor": "tacrolimus cyclosporine voclosporin",
    "mtor_inhibitor": "sirolimus everolimus temsirolimus",
    "anti_egfr": "cetuximab panitumumab necitumumab amivantamab",
    "egfr_tki": "gefitinib erlotinib lapatinib afatinib osimertinib dacomitinib",
    "qt_drug": "amiodarone dofetilide dronedarone sotalol ibutilide quinidine procainamide disopyramide methadone haloperidol"
    " droperidol arsenic_trioxide vandetanib chlorpromazine thioridazine pimozide erythromycin clarithromycin moxifloxacin",
    "digoxin": "digoxin",
}


@pytest.mark.parametrize(("code", "names"), CLASSES.items(), ids=CLASSES)
def test_the_members_of_the_classes_are_those_of_the_specification(code: str, names: str) -> None:
    found = {name for name, drug in drugs().items() if drug.drug_class.code == code}
    assert found == {name.replace("_", " ") for name in names.split()}


@pytest.mark.parametrize(
    ("code", "weight"),
    [
        ("ppi", Weight.STRONG),
        ("loop_diuretic", Weight.STRONG),
        ("thiazide", Weight.STRONG),
        ("aminoglycoside", Weight.STRONG),
        ("amphotericin", Weight.STRONG),
        ("pentamidine", Weight.STRONG),
        ("foscarnet", Weight.STRONG),
        ("platinum", Weight.STRONG),
        ("calcineurin_inhibitor", Weight.STRONG),
        ("mtor_inhibitor", Weight.MODERATE),
        ("anti_egfr", Weight.STRONG),
        ("egfr_tki", Weight.WEAK),
        ("mra", Weight.PROTECTIVE),
        ("potassium_sparing", Weight.PROTECTIVE),
        ("sglt2_inhibitor", Weight.PROTECTIVE),
        ("qt_drug", Weight.CONTEXT),
        ("digoxin", Weight.CONTEXT),
        ("magnesium", Weight.SOURCE),
        ("shown", Weight.SHOWN),
    ],
)
def test_the_weights_are_those_of_the_specification(code: str, weight: Weight) -> None:
    assert drug_classes()[code].weight is weight


def test_a_class_is_read_with_all_that_its_row_says() -> None:
    assert drug_classes()["mtor_inhibitor"] == DrugClass(
        code="mtor_inhibitor",
        label="mTOR inhibitor",
        weight=Weight.MODERATE,
        site="tubule",
        mechanism="mechanism unsettled; less wasting than with calcineurin inhibitors",
        advice="Discuss with the transplant or oncology team.",
        baseline=Baseline.CONDITIONAL,
        interval=timedelta(days=90),
        washout=timedelta(days=14),
        harm=Harm.STANDARD,
        monitored=Monitored.ALWAYS,
        only_oral=False,
        sources=("S0-154", "S0-174", "S0-175", "S0-177", "class-effect", "local"),
        reviewed=date(2026, 11, 21),
    )


def test_carboplatin_is_a_weak_platinum_and_so_not_wasting() -> None:
    assert drugs()["carboplatin"].weight is Weight.WEAK
    assert [name for name, drug in drugs().items() if drug.drug_class.code == "platinum" and drug.wasting] == [
        "cisplatin"
    ]


@pytest.mark.parametrize(
    ("ingredient", "in_force_days", "interval_days"),
    [
        ("cetuximab", 9, 9),
        ("necitumumab", 9, 9),
        ("panitumumab", 16, 16),
        ("amivantamab", 16, 28),
        ("cisplatin", 23, 21),
        ("carboplatin", 23, 21),
        ("gentamicin", None, 3),
        ("amphotericin B", None, 3),
        ("foscarnet", None, 3),
        ("pentamidine", None, 3),
        ("tacrolimus", None, 30),
        ("sirolimus", None, 90),
        ("furosemide", None, 365),
        ("hydrochlorothiazide", None, 365),
        ("omeprazole", None, 365),
    ],
)
def test_how_long_a_dose_and_a_result_hold(ingredient: str, in_force_days: int | None, interval_days: int) -> None:
    drug = drugs()[ingredient]
    assert drug.in_force == (timedelta(days=in_force_days) if in_force_days else None)
    assert drug.interval == timedelta(days=interval_days)


def test_the_groups_of_the_wasting_drug_table() -> None:
    by_harm = {harm: {c.code for c in drug_classes().values() if c.harm is harm} for harm in Harm}
    assert by_harm[Harm.ONCOLOGY] == {"anti_egfr", "platinum"}
    assert by_harm[Harm.INFUSION] == {"amphotericin", "foscarnet"}
    assert by_harm[Harm.TUBULAR] == {"pentamidine", "aminoglycoside"}
    assert by_harm[Harm.CALCINEURIN] == {"calcineurin_inhibitor"}
    conditional = {c.code for c in drug_classes().values() if c.baseline is Baseline.CONDITIONAL}
    assert conditional == {"ppi", "loop_diuretic", "thiazide", "mtor_inhibitor"}


def test_of_every_wasting_class_a_card_can_say_where_how_and_what_to_do() -> None:
    wasting = [c for c in drug_classes().values() if c.weight in {Weight.STRONG, Weight.MODERATE}]
    assert len(wasting) == 11
    assert all(c.label and c.site and c.mechanism and c.advice for c in wasting)


def test_an_ingredient_of_a_class_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("magnesium.drugs.drug_classes", dict)
    drugs.cache_clear()
    try:
        with pytest.raises(KnowledgeError, match=r"omeprazole is of class ppi, which drug_classes\.csv does not have"):
            drugs()
    finally:
        drugs.cache_clear()


class TestMembers:
    def test_every_ingredient_of_a_combination_counts(self) -> None:
        codes = [d.drug_class.code for d in members(order("hydrochlorothiazide", "amiloride"))]
        assert codes == ["potassium_sparing", "thiazide"]

    def test_what_the_tables_do_not_know_is_left_out(self) -> None:
        assert members(order("acetaminophen")) == ()

    @pytest.mark.parametrize("route", [Route.LOCAL, Route.UNKNOWN])
    def test_local_use_and_products_of_unknown_form_are_no_exposure(self, route: Route) -> None:
        assert members(order("tobramycin", route=route)) == ()

    @pytest.mark.parametrize("route", [Route.ORAL, IV, Route.PARENTERAL, Route.SYSTEMIC])
    def test_every_systemic_route_is_one(self, route: Route) -> None:
        assert len(members(order("tobramycin", route=route))) == 1

    @pytest.mark.parametrize(
        ("route", "counts"), [(IV, True), (Route.ORAL, False), (Route.PARENTERAL, False), (Route.SYSTEMIC, False)]
    )
    def test_haloperidol_is_a_qt_drug_only_intravenously(self, route: Route, counts: bool) -> None:
        assert bool(members(order("haloperidol", route=route))) is counts


def active(exposure: Exposure, at: datetime = NOW) -> bool:
    return in_force(exposure, members(exposure)[0], POLICY, at)


def washes(exposure: Exposure) -> bool:
    return washing_out(exposure, members(exposure)[0], POLICY, NOW)


class TestAdministrationInForce:
    @pytest.mark.parametrize(
        ("drug", "window"),
        [
            ("furosemide", timedelta(hours=48)),
            ("gentamicin", timedelta(hours=48)),
            ("cetuximab", timedelta(days=9)),
            ("necitumumab", timedelta(days=9)),
            ("panitumumab", timedelta(days=16)),
            ("amivantamab", timedelta(days=16)),
            ("cisplatin", timedelta(days=23)),
        ],
    )
    def test_for_48_hours_or_the_cycle_of_the_drug(self, drug: str, window: timedelta) -> None:
        assert active(given(drug, at=NOW - window + MINUTE))
        assert active(given(drug, at=NOW - window))
        assert not active(given(drug, at=NOW - window - MINUTE))

    def test_counts_from_its_end_where_that_is_known(self) -> None:
        assert active(given("furosemide", at=ago(hours=60), ended=ago(hours=40)))

    def test_not_before_it_was_given(self) -> None:
        assert active(given("furosemide", at=NOW))
        assert not active(given("furosemide", at=NOW + MINUTE))

    def test_not_without_a_time(self) -> None:
        assert not active(replace(given("furosemide"), start=None))


class TestOrderInForce:
    def test_while_it_runs(self) -> None:
        assert active(order("furosemide", started=ago(days=3), ended=NOW + MINUTE))

    @pytest.mark.parametrize(
        ("start", "counts"),
        [(NOW - MINUTE, True), (NOW, True), (NOW + MINUTE, False), (None, True), (on("2026-03-14"), False)],
    )
    def test_from_its_start_and_where_that_is_unknown(self, start: datetime | When | None, counts: bool) -> None:
        assert active(order("furosemide", started=start)) is counts

    @pytest.mark.parametrize(
        ("end", "counts"), [(NOW + MINUTE, True), (NOW, True), (NOW - MINUTE, False), (on("2026-03-14"), True)]
    )
    def test_to_its_end(self, end: datetime | When, counts: bool) -> None:
        assert active(order("furosemide", ended=end)) is counts

    @pytest.mark.parametrize(
        ("age", "counts"),
        [(timedelta(days=400) - MINUTE, True), (timedelta(days=400), True), (timedelta(days=400) + MINUTE, False)],
    )
    def test_without_an_end_for_400_days_from_its_writing(self, age: timedelta, counts: bool) -> None:
        assert active(order("furosemide", started=NOW - age)) is counts

    def test_without_an_end_an_inpatient_order_lasts(self) -> None:
        assert active(order("furosemide", days_ago=401, inpatient=True))

    def test_without_an_end_and_without_a_date_it_lasts(self) -> None:
        assert active(order("furosemide", started=None, authored=None))

    def test_as_needed_and_single_dose_orders_count_only_through_their_doses(self) -> None:
        assert not active(order("furosemide", as_needed=True))
        assert not active(order("furosemide", single_dose=True))
        assert active(given("furosemide", as_needed=True))

    def test_an_order_that_is_over_is_not_in_force(self) -> None:
        assert not active(ended_order("furosemide"))
        assert not active(ended_order("furosemide", ended=NOW + MINUTE))


class TestStatementInForce:
    def test_lasts_however_old_until_its_end(self) -> None:
        assert active(statement("omeprazole", days_ago=2_000))
        assert active(statement("omeprazole", ended=NOW))
        assert not active(statement("omeprazole", ended=NOW - MINUTE))
        assert not active(statement("omeprazole", status=ExposureStatus.ENDED))


class TestWashOut:
    @pytest.mark.parametrize(
        ("drug", "days"),
        [
            ("cetuximab", 56),
            ("panitumumab", 56),
            ("cisplatin", 90),
            ("furosemide", 14),
            ("omeprazole", 14),
            ("tacrolimus", 14),
        ],
    )
    def test_lasts_from_a_known_stop(self, drug: str, days: int) -> None:
        window = timedelta(days=days)
        assert washes(ended_order(drug, days_ago=200, ended=NOW - window + MINUTE))
        assert washes(ended_order(drug, days_ago=200, ended=NOW - window))
        assert not washes(ended_order(drug, days_ago=200, ended=NOW - window - MINUTE))

    def test_there_is_none_from_an_unknown_stop(self) -> None:
        assert not washes(ended_order("cisplatin"))

    def test_a_partial_stop_counts_only_if_all_of_it_lies_in_the_window(self) -> None:
        assert washes(ended_order("furosemide", days_ago=200, ended="2026-03-01"))
        assert not washes(ended_order("furosemide", days_ago=200, ended="2026-02"))

    def test_a_dose_is_its_own_stop(self) -> None:
        assert washes(given("cisplatin", hours_ago=24 * 60))
        assert washes(given("cisplatin", hours_ago=24 * 95, ended=ago(days=89)))
        assert washes(given("cisplatin", hours_ago=24 * 60, ended=None))
        assert not washes(given("cisplatin", at=NOW + MINUTE))

    def test_as_needed_and_single_dose_orders_have_none(self) -> None:
        assert not washes(ended_order("furosemide", ended=ago(days=1), as_needed=True))
        assert not washes(ended_order("furosemide", ended=ago(days=1), single_dose=True))

    def test_not_of_a_course_that_never_began(self) -> None:
        assert not washes(ended_order("furosemide", started="2026-03-14", ended=ago(hours=6)))
        assert washes(ended_order("furosemide", started=None, ended=ago(hours=6)))


def regimen(*found: Fact) -> Regimen:
    return read_regimen(facts(*found), POLICY, NOW)


class TestRegimen:
    def test_holds_what_is_in_force_and_what_is_washing_out(self) -> None:
        held, washing_out = order("furosemide"), ended_order("tacrolimus", days_ago=90, ended=ago(days=2))
        found = regimen(held, washing_out, ended_order("cisplatin"), order("acetaminophen"))
        assert [(i.drug.ingredient, i.exposure, i.washing_out) for i in found.in_force] == [
            ("furosemide", held, False),
            ("tacrolimus", washing_out, True),
        ]
        assert found.wasting_classes == ("loop_diuretic", "calcineurin_inhibitor")

    def test_of_a_class_only_what_is_in_force(self) -> None:
        found = regimen(order("furosemide"), ended_order("bumetanide", days_ago=90, ended=ago(days=2)))
        assert [i.drug.ingredient for i in found.of("loop_diuretic", "thiazide")] == ["furosemide"]

    def test_two_drugs_of_a_class_are_one_class(self) -> None:
        assert regimen(order("furosemide"), order("bumetanide")).wasting_classes == ("loop_diuretic",)

    def test_weak_shown_and_protective_drugs_do_not_waste(self) -> None:
        assert (
            regimen(order("carboplatin"), order("erlotinib"), order("cinacalcet"), order("spironolactone")).wasting
            == ()
        )

    def test_an_empty_one_has_nothing(self) -> None:
        assert regimen() == Regimen()


class TestProtonPumpInhibitor:
    """Strong if in force for 90 days or more, or for an unknown time: taken for less it is not counted as wasting."""

    @pytest.mark.parametrize(
        ("age", "wasting"),
        [(timedelta(days=90) - MINUTE, False), (timedelta(days=90), True), (timedelta(days=90) + MINUTE, True)],
    )
    def test_wastes_from_90_days(self, age: timedelta, wasting: bool) -> None:
        assert bool(regimen(order("omeprazole", started=NOW - age)).wasting) is wasting

    def test_wastes_where_its_start_is_not_known(self) -> None:
        assert regimen(statement("omeprazole", started=None)).wasting
        assert regimen(statement("omeprazole", started="2025-12")).wasting

    def test_a_chain_of_orders_is_one_course(self) -> None:
        old = ended_order("pantoprazole", days_ago=100, ended=ago(days=40))
        assert regimen(order("omeprazole", days_ago=20), old).wasting

    def test_a_short_course_that_has_ended_did_not_waste(self) -> None:
        assert not regimen(ended_order("omeprazole", days_ago=95, ended=ago(days=10))).wasting
        assert regimen(ended_order("omeprazole", days_ago=101, ended=ago(days=10))).wasting

    def test_a_short_course_is_still_in_force(self) -> None:
        assert regimen(order("omeprazole", days_ago=3)).of("ppi")

    def test_no_other_class_needs_time(self) -> None:
        assert regimen(order("furosemide", days_ago=1)).wasting


def start(*found: Fact) -> When | None:
    return regimen(*found).start_by_class["loop_diuretic"]


class TestStartOfACourse:
    def test_is_the_start_of_a_single_order(self) -> None:
        assert start(order("furosemide", days_ago=50)) == When.at(ago(days=50))

    @pytest.mark.parametrize(("gap", "joined"), [(timedelta(days=30), True), (timedelta(days=30) + MINUTE, False)])
    def test_reaches_back_over_gaps_of_30_days(self, gap: timedelta, joined: bool) -> None:
        earlier = ended_order("bumetanide", days_ago=100, ended=ago(days=10) - gap)
        assert start(order("furosemide", days_ago=10), earlier) == When.at(ago(days=100) if joined else ago(days=10))

    def test_reaches_back_over_a_longer_record_beside_a_shorter_one(self) -> None:
        short = ended_order("furosemide", days_ago=80, ended=ago(days=79))
        long = ended_order("torsemide", days_ago=300, ended=ago(days=20))
        assert start(order("furosemide", days_ago=10), short, long) == When.at(ago(days=300))

    def test_a_record_that_is_over_nobody_knows_when_reaches_only_to_its_start(self) -> None:
        assert start(order("furosemide", days_ago=10), ended_order("furosemide", days_ago=35)) == When.at(ago(days=35))
        assert start(order("furosemide", days_ago=10), ended_order("furosemide", days_ago=45)) == When.at(ago(days=10))

    def test_doses_make_a_course_too(self) -> None:
        assert start(given("furosemide", hours_ago=1), given("furosemide", hours_ago=200)) == When.at(ago(hours=200))

    def test_is_unknown_if_an_active_record_does_not_say_when_it_began(self) -> None:
        assert start(order("furosemide", days_ago=10), order("bumetanide", started=None)) is None

    def test_as_needed_orders_and_what_has_not_begun_are_left_out(self) -> None:
        course = (order("furosemide", days_ago=10), order("bumetanide", days_ago=35, as_needed=True))
        assert start(*course, order("furosemide", started=NOW + MINUTE)) == When.at(ago(days=10))

    def test_neither_a_record_that_begins_later_nor_one_without_a_time_ends_a_course(self) -> None:
        stopped = ended_order("furosemide", days_ago=60, ended=ago(days=5))
        assert start(stopped, order("bumetanide", started=NOW + timedelta(days=40))) == When.at(ago(days=60))
        assert start(stopped, ended_order("bumetanide", started=None)) == When.at(ago(days=60))

    def test_an_open_order_reaches_to_now_and_a_dose_without_an_end_to_its_start(self) -> None:
        new = order("furosemide", days_ago=10)
        assert start(new, order("bumetanide", days_ago=100)) == When.at(ago(days=100))
        assert start(new, given("bumetanide", at=ago(days=100), ended=None)) == When.at(ago(days=10))

    def test_thousands_of_doses_are_sorted_out_at_once(self) -> None:
        doses = [given("furosemide", hours_ago=n) for n in range(5_000)]
        assert start(*doses) == When.at(ago(hours=4_999))


@pytest.mark.parametrize(
    ("exposure", "had"),
    [
        (given("insulin", at=ago(hours=24), ended=None), True),
        (given("insulin", at=ago(hours=24) - MINUTE, ended=None), False),
        (given("insulin", at=ago(hours=30), ended=ago(hours=24)), True),
        (order("insulin", days_ago=3), True),
    ],
    ids=["dose, end unknown", "the same a minute earlier", "dose that ended later", "order"],
)
def test_a_dose_without_an_end_was_had_when_it_began(exposure: Exposure, had: bool) -> None:
    assert had_by(When.at(NOW), exposure, timedelta(hours=24), POLICY) is had


def test_drafts_are_not_in_force() -> None:
    assert regimen(draft("furosemide")) == Regimen()


class TestDrugsInCompany:
    """clinical.md §1.5, §2.2, §2.9: drugs that change what may be said of magnesium, potassium and their replacement."""

    @pytest.mark.parametrize(
        ("code", "some"),
        [
            ("ace_inhibitor", "lisinopril enalapril enalaprilat ramipril"),
            ("arb", "losartan valsartan candesartan"),
            ("trimethoprim", "trimethoprim"),
            ("heparin", "heparin enoxaparin dalteparin"),
            ("insulin", "insulin"),
            ("antiplatelet", "aspirin clopidogrel ticagrelor"),
            ("anticoagulant", "warfarin apixaban rivaroxaban dabigatran"),
            ("nsaid", "ibuprofen naproxen diclofenac ketorolac"),
            ("neuromuscular_blocker", "rocuronium vecuronium cisatracurium succinylcholine"),
        ],
    )
    def test_each_is_context_and_wastes_nothing(self, code: str, some: str) -> None:
        for ingredient in some.split():
            drug = drugs()[ingredient]
            assert (drug.drug_class.code, drug.weight, drug.wasting) == (code, Weight.CONTEXT, False)

    @pytest.mark.parametrize(
        "ingredient",
        [
            "mycophenolate mofetil", "mycophenolic acid", "levothyroxine", "ciprofloxacin", "levofloxacin", "moxifloxacin",
            "doxycycline", "tetracycline", "alendronate", "risedronate", "dolutegravir", "bictegravir", "ferrous sulfate",
        ],
    )  # fmt: skip
    @pytest.mark.parametrize(
        ("route", "bound"),
        [(Route.ORAL, True), (Route.SYSTEMIC, True), (IV, False), (Route.PARENTERAL, False), (Route.LOCAL, False)],
    )
    def test_oral_magnesium_binds_what_is_swallowed(self, ingredient: str, route: Route, bound: bool) -> None:
        codes = {d.drug_class.code for d in members(order(ingredient, route=route))}
        assert ("binds_magnesium" in codes) is bound

    def test_as_its_second_class_a_drug_is_read_as_any_other_of_that_class(self) -> None:
        of_both = replace(drugs()["moxifloxacin"], weight=Weight.STRONG, only_intravenous=True)
        first, second = of_both.roles
        assert first is of_both
        binding = drug_classes()["binds_magnesium"]
        assert second == replace(of_both, drug_class=binding, weight=binding.weight, only_intravenous=False, also=None)
        assert second.roles == (second,)

    def test_moxifloxacin_is_a_qt_drug_however_it_is_given(self) -> None:
        assert [d.drug_class.code for d in members(order("moxifloxacin", route=IV))] == ["qt_drug"]
        assert [d.drug_class.code for d in members(order("moxifloxacin"))] == ["qt_drug", "binds_magnesium"]
        assert not any(d.wasting for d in members(order("moxifloxacin")))

    def test_they_are_found_in_the_regimen(self) -> None:
        found = regimen(order("lisinopril"), order("moxifloxacin"), given("heparin"), given("insulin", route=IV))
        assert len(found.of("ace_inhibitor", "heparin", "insulin", "binds_magnesium", "qt_drug")) == 5
        assert found.wasting == ()


class TestSiteTimes:
    """Times that a site sets in its policy file: of the ingredient, else of its class, else of the tables."""

    @pytest.mark.parametrize(
        ("toml", "interval", "washout", "cycle"),
        [
            ("", 9, 56, 9),
            ("[drug_times.anti_egfr]\ninterval_days = 7\nreviewed = 2026-12-01\n", 7, 56, 9),
            ("[drug_times.anti_egfr]\nwashout_days = 60\nreviewed = 2026-12-01\n", 9, 60, 9),
            ("[drug_times.cetuximab]\nin_force_days = 16\nreviewed = 2026-12-01\n", 9, 56, 16),
            (
                (
                    "[drug_times.cetuximab]\ninterval_days = 14\nreviewed = 2026-12-01\n"
                    "[drug_times.anti_egfr]\ninterval_days = 7\nwashout_days = 60\nreviewed = 2026-12-01\n"
                ),
                14,
                60,
                9,
            ),
        ],
    )
    def test_take_the_place_of_the_tables(
        self, tmp_path: Path, toml: str, interval: int, washout: int, cycle: int
    ) -> None:
        own, drug = site_policy(tmp_path, toml), drugs()["cetuximab"]
        assert drug.monitored_every(own) == timedelta(days=interval)
        assert drug.washed_out_after(own) == timedelta(days=washout)
        assert drug.in_force_after_dose(own) == timedelta(days=cycle)

    def test_of_another_drug_do_not_matter(self, tmp_path: Path) -> None:
        own = site_policy(tmp_path, "[drug_times.platinum]\nwashout_days = 30\nreviewed = 2026-12-01\n")
        assert drugs()["gentamicin"].washed_out_after(own) == timedelta(days=14)

    def test_decide_what_is_in_force_and_washing_out(self, tmp_path: Path) -> None:
        own = site_policy(
            tmp_path, "[drug_times.cisplatin]\nin_force_days = 30\nwashout_days = 40\nreviewed = 2026-12-01\n"
        )
        dose = given("cisplatin", at=NOW - timedelta(days=30))
        assert in_force(dose, drugs()["cisplatin"], own, NOW)
        assert not in_force(given("cisplatin", at=NOW - timedelta(days=30) - MINUTE), drugs()["cisplatin"], own, NOW)
        assert washing_out(given("cisplatin", at=NOW - timedelta(days=40)), drugs()["cisplatin"], own, NOW)
        assert not washing_out(given("cisplatin", at=NOW - timedelta(days=40) - MINUTE), drugs()["cisplatin"], own, NOW)
