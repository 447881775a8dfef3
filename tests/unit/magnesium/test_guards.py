"""clinical.md §2.9: what may be proposed. Each row of the magnesium guard, and the potassium guard."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from magnesium.facts import Analyte, ConditionFact, Exposure, LabResult, Setting, Unusable
from magnesium.guards import Guard
from magnesium.verdict import Proposal
from tests.builders import (
    ADULT,
    HEALTHY_KIDNEYS,
    INPATIENT,
    IV,
    MINUTE,
    NOW,
    ORAL,
    OUTPATIENT,
    Fact,
    acute,
    aged,
    ago,
    creatinine,
    draft,
    egfr,
    ended_order,
    given,
    iv_magnesium,
    k,
    mg,
    order,
    picture,
    problem,
    pulse,
    replacement_procedure,
    site_policy,
    unreadable,
)

ORAL_ORDER = Proposal.MAGNESIUM_ORAL
IV_ORDER = Proposal.MAGNESIUM_INTRAVENOUS
IV_WITHOUT_DOSE = Proposal.MAGNESIUM_INTRAVENOUS_NO_DOSE
POTASSIUM = Proposal.POTASSIUM
MAGNESIUM_ORDERS = (ORAL_ORDER, IV_ORDER, IV_WITHOUT_DOSE)
TESTS = (Proposal.SERUM_MAGNESIUM, Proposal.URINE_MAGNESIUM, Proposal.SERUM_CREATININE)

LOW_MG, LOW_K = mg("1.4 mg/dL"), k("3.0 mmol/L")
CHART: tuple[Fact, ...] = (LOW_MG, LOW_K, HEALTHY_KIDNEYS)


def guard(*more: Fact, **told: object) -> Guard:
    return picture(*CHART, *more, **told).guard  # type: ignore[arg-type]  # told = how the picture is taken


def permitted(*more: Fact, **told: object) -> tuple[Proposal, ...]:
    return guard(*more, **told).permits(*MAGNESIUM_ORDERS)


def test_a_low_result_and_good_kidneys_permit_every_order() -> None:
    assert permitted() == MAGNESIUM_ORDERS
    assert guard().permits(POTASSIUM) == (POTASSIUM,)
    assert guard().cautions == ()
    assert guard().reasons(*Proposal) == ()


def test_tests_are_always_permitted() -> None:
    nothing_known = picture().guard
    assert nothing_known.permits(*TESTS) == TESTS


ACCUMULATES = "Magnesium accumulates: nephrology or pharmacy; reduced dose, slowly, level after each dose."


@pytest.mark.parametrize(
    ("chart", "reason", "caution"),
    [
        ([mg("2.7 mg/dL"), HEALTHY_KIDNEYS], "magnesium is high", "Magnesium is high: give no more of it."),
        (
            [LOW_MG, unreadable(), HEALTHY_KIDNEYS],
            "a newer magnesium could not be read",
            "A newer magnesium could not be read: look it up in the chart or repeat it.",
        ),
        (
            [LOW_MG, mg("1.8 mg/dL"), HEALTHY_KIDNEYS],
            "results of one moment disagree",
            "Results of one moment disagree: repeat magnesium.",
        ),
        (
            [LOW_MG, problem("myasthenia_gravis"), HEALTHY_KIDNEYS],
            "myasthenia gravis or Lambert-Eaton syndrome",
            (
                "Neuromuscular disease: IV magnesium can precipitate myasthenic crisis: specialist decision; "
                "oral magnesium with care."
            ),
        ),
        (
            [LOW_MG, problem("sick_sinus_syndrome"), HEALTHY_KIDNEYS],
            "AV block, sick sinus or heart rate below 50 /min",
            "Slow conduction or pulse: ECG and specialist decision before IV magnesium.",
        ),
        (
            [LOW_MG, given("rocuronium", route=IV), HEALTHY_KIDNEYS],
            "neuromuscular blocker in force",
            "Neuromuscular blocker in force: magnesium prolongs the block: no IV magnesium order.",
        ),
        (
            [LOW_MG, iv_magnesium(), HEALTHY_KIDNEYS],
            "IV magnesium in force or within 12 h",
            "IV magnesium is in force or was given within 12 h: no further magnesium order.",
        ),
        (
            [LOW_MG, problem("dialysis")],
            "kidney replacement therapy",
            "Dialysis: check the magnesium of the dialysate or replacement fluid; citrate lowers magnesium.",
        ),
        ([LOW_MG, acute("acute_kidney_injury")], "acute kidney injury or oliguria", ACCUMULATES),
        (
            [LOW_MG, creatinine("0.8 mg/dL", hours_ago=2), unreadable(Analyte.CREATININE)],
            "a newer creatinine could not be read",
            "A newer creatinine could not be read: look it up in the chart or repeat it.",
        ),
        (
            [LOW_MG, egfr("45")],
            "eGFR 30 to below 60: intravenous without dose",
            "eGFR 30 to below 60: reduce magnesium (IV about half the usual, per protocol); recheck in 24 to 48 h.",
        ),
        ([LOW_MG, egfr("29")], "eGFR below 30", ACCUMULATES),
        (
            [LOW_MG, problem("pregnancy"), creatinine("0.7 mg/dL")],
            "kidney function unknown or too old",
            "No eGFR can be told from creatinine 0.7 mg/dL: judge kidney function before giving magnesium.",
        ),
        (
            [LOW_MG, egfr("<60")],
            "kidney function unknown or too old",
            "Kidney function is not known: check creatinine before giving magnesium.",
        ),
        (
            [LOW_MG],
            "kidney function unknown or too old",
            "Kidney function is not known: check creatinine before giving magnesium.",
        ),
    ],
    ids=lambda v: v if isinstance(v, str) and len(v) < 60 else "",
)
def test_each_row_says_why_in_the_evidence_and_what_to_do_on_the_card(
    chart: list[Fact], reason: str, caution: str
) -> None:
    found = picture(*chart).guard
    assert found.held[IV_ORDER] == reason
    assert found.cautions == (caution,)


@pytest.mark.parametrize(
    ("chart", "reason", "caution"),
    [
        ([HEALTHY_KIDNEYS], "no readable low potassium that is recent enough", None),
        (
            [LOW_K, k("5.8 mmol/L"), HEALTHY_KIDNEYS],
            "results of one moment disagree",
            "Results of one moment disagree: repeat potassium.",
        ),
        (
            [LOW_K, unreadable(Analyte.POTASSIUM), HEALTHY_KIDNEYS],
            "a newer potassium could not be read",
            "A newer potassium could not be read: look it up in the chart or repeat it.",
        ),
        ([LOW_K], "kidney function impaired or unknown", None),
        (
            [LOW_K, egfr("29")],
            "kidney function impaired or unknown",
            "Kidney function impaired: potassium per nephrology, recheck within hours.",
        ),
    ],
)
def test_each_row_of_potassium_too(chart: list[Fact], reason: str, caution: str | None) -> None:
    found = picture(*chart).guard
    assert found.held[POTASSIUM] == reason
    assert found.potassium_cautions == (() if caution is None else (caution,))


def test_an_old_magnesium_keeps_orders_out_of_the_vein_and_has_no_sentence_of_its_own() -> None:
    found = picture(mg("1.4 mg/dL", hours_ago=73), LOW_K, HEALTHY_KIDNEYS, setting=INPATIENT).guard
    assert found.held == dict.fromkeys((IV_ORDER, IV_WITHOUT_DOSE), "the magnesium is older than 72 h")
    assert found.cautions == ()


def test_of_a_patient_whose_age_forbids_an_order_the_reason_says_so() -> None:
    child = guard(patient=aged(17))
    assert child.held == dict.fromkeys((*MAGNESIUM_ORDERS, POTASSIUM), "no doses or orders under 18")
    assert (child.cautions, child.potassium_cautions) == ((), ())
    unknown = guard(patient=aged(None))
    assert unknown.held == {IV_ORDER: "age unknown: no dose"}
    assert unknown.cautions == ()


def test_of_a_protocol_the_reason_says_so(tmp_path: Path) -> None:
    own = site_policy(tmp_path, "inpatient_electrolyte_protocol = true\n")
    found = guard(setting=INPATIENT, policy=own)
    assert found.held == dict.fromkeys((*MAGNESIUM_ORDERS, POTASSIUM), "electrolyte protocol of the hospital")


class TestMagnesiumRow:
    def test_magnesium_high(self) -> None:
        found = picture(mg("2.7 mg/dL"), HEALTHY_KIDNEYS).guard
        assert found.permits(*MAGNESIUM_ORDERS) == ()
        assert found.held[ORAL_ORDER] == "magnesium is high"

    @pytest.mark.parametrize(("sent", "orders"), [("2.6 mg/dL", MAGNESIUM_ORDERS), ("2.6001 mg/dL", ())])
    def test_magnesium_high_is_above_the_limit(self, sent: str, orders: tuple[Proposal, ...]) -> None:
        assert picture(mg(sent), HEALTHY_KIDNEYS).guard.permits(*MAGNESIUM_ORDERS) == orders

    @pytest.mark.parametrize(
        ("hours", "setting", "orders"),
        [
            (72, INPATIENT, MAGNESIUM_ORDERS),
            (73, INPATIENT, (ORAL_ORDER,)),
            (73, OUTPATIENT, MAGNESIUM_ORDERS),
        ],
    )
    def test_an_inpatient_magnesium_older_than_72_hours_has_no_iv_order(
        self, hours: int, setting: Setting, orders: tuple[Proposal, ...]
    ) -> None:
        found = picture(mg("1.1 mg/dL", hours_ago=hours), HEALTHY_KIDNEYS, setting=setting).guard
        assert found.permits(*MAGNESIUM_ORDERS) == orders

    def test_one_of_two_results_of_an_instant_high(self) -> None:
        assert permitted(mg("3.0 mg/dL")) == ()

    def test_unverified_newer_magnesium(self) -> None:
        found = guard(unreadable())
        assert found.permits(*MAGNESIUM_ORDERS) == ()
        assert "A newer magnesium could not be read: look it up in the chart or repeat it." in found.cautions

    def test_results_of_one_instant_disagree(self) -> None:
        found = guard(mg("1.8 mg/dL"))
        assert found.permits(*MAGNESIUM_ORDERS) == ()
        assert "Results of one moment disagree: repeat magnesium." in found.cautions

    @pytest.mark.parametrize("slug", ["myasthenia_gravis", "lambert_eaton"])
    def test_neuromuscular_disease_has_no_order_and_oral_magnesium_as_text(self, slug: str) -> None:
        found = guard(problem(slug))
        assert found.permits(*MAGNESIUM_ORDERS) == ()
        [caution] = found.cautions
        assert "can precipitate myasthenic crisis: specialist decision" in caution
        assert caution.endswith("oral magnesium with care.")

    @pytest.mark.parametrize(
        "slug", ["av_block_high_grade", "av_block_unspecified", "sick_sinus_syndrome", "bradycardia"]
    )
    def test_slow_conduction_without_pacemaker_has_no_iv_order(self, slug: str) -> None:
        found = guard(problem(slug))
        assert found.permits(*MAGNESIUM_ORDERS) == (ORAL_ORDER,)
        assert any("ECG and specialist decision" in c for c in found.cautions)
        assert permitted(problem(slug), problem("pacemaker")) == MAGNESIUM_ORDERS

    @pytest.mark.parametrize(
        ("rate", "orders"), [("49", (ORAL_ORDER,)), ("50", MAGNESIUM_ORDERS), ("51", MAGNESIUM_ORDERS)]
    )
    def test_heart_rate_below_50_has_no_iv_order(self, rate: str, orders: tuple[Proposal, ...]) -> None:
        assert permitted(pulse(rate)) == orders

    def test_a_slow_pulse_holds_even_with_a_pacemaker(self) -> None:
        assert permitted(pulse("45"), problem("pacemaker")) == (ORAL_ORDER,)

    def test_a_slow_pulse_of_the_day_before_yesterday_does_not_matter(self) -> None:
        assert permitted(pulse("45", hours_ago=25)) == MAGNESIUM_ORDERS

    @pytest.mark.parametrize(
        "drug",
        ["rocuronium", "vecuronium", "cisatracurium", "atracurium", "mivacurium", "pancuronium", "succinylcholine"],
    )
    def test_neuromuscular_blocker_in_force_has_no_iv_order(self, drug: str) -> None:
        assert permitted(given(drug, route=IV)) == (ORAL_ORDER,)

    @pytest.mark.parametrize(
        ("exposure", "orders"),
        [
            (iv_magnesium(hours_ago=1), ()),
            (iv_magnesium(hours_ago=12), ()),
            (given("magnesium sulfate", at=ago(hours=12) - MINUTE, route=IV), MAGNESIUM_ORDERS),
            (given("magnesium sulfate", at=ago(hours=20), ended=ago(hours=11), route=IV), ()),
            (given("magnesium sulfate", at=ago(hours=30), ended=None, route=IV), ()),
            (given("magnesium sulfate", at=ago(hours=49), ended=None, route=IV), MAGNESIUM_ORDERS),
            (order("magnesium sulfate", route=IV), ()),
            (order("magnesium sulfate", route=IV, started=None), ()),
            (ended_order("magnesium sulfate", route=IV, ended=ago(hours=12)), ()),
            (ended_order("magnesium sulfate", route=IV, ended=ago(hours=12) - MINUTE), MAGNESIUM_ORDERS),
            (ended_order("magnesium sulfate", route=IV), MAGNESIUM_ORDERS),
            (order("magnesium sulfate", route=IV, as_needed=True), MAGNESIUM_ORDERS),
            (order("magnesium sulfate", route=IV, single_dose=True), MAGNESIUM_ORDERS),
            (order("magnesium sulfate", route=IV, started=NOW + MINUTE), MAGNESIUM_ORDERS),
            (given("magnesium oxide", route=ORAL), MAGNESIUM_ORDERS),
        ],
        ids=[
            "an hour ago",
            "12 h ago",
            "a minute more than 12 h ago",
            "infusion ended 11 h ago",
            "infusion still running",
            "running, but nobody has said so for two days",
            "ordered",
            "ordered, start unknown",
            "order ended 12 h ago",
            "order ended a minute more than 12 h ago",
            "order over, unknown when",
            "as needed",
            "single dose",
            "not begun",
            "oral",
        ],
    )
    def test_iv_magnesium_in_force_or_within_12_hours(self, exposure: Exposure, orders: tuple[Proposal, ...]) -> None:
        assert permitted(exposure) == orders

    @pytest.mark.parametrize(
        ("kidneys", "orders"),
        [
            (egfr("60"), MAGNESIUM_ORDERS),
            (egfr("59.9"), (ORAL_ORDER, IV_WITHOUT_DOSE)),
            (egfr("30"), (ORAL_ORDER, IV_WITHOUT_DOSE)),
            (egfr("29.9"), ()),
            (egfr("<60"), ()),
        ],
        ids=lambda v: v.quantity.text if isinstance(v, LabResult) else "",
    )
    def test_kidney_function(self, kidneys: LabResult, orders: tuple[Proposal, ...]) -> None:
        assert picture(LOW_MG, kidneys).guard.permits(*MAGNESIUM_ORDERS) == orders

    @pytest.mark.parametrize(
        ("done", "orders"),
        [
            (replacement_procedure(days_ago=14), ()),
            (replacement_procedure(days_ago=14, hours_ago=1), MAGNESIUM_ORDERS),
            (replacement_procedure(days_ago=30, running=True), ()),
        ],
        ids=["14 d ago", "longer ago", "running"],
    )
    def test_a_kidney_replacement_procedure_has_no_order(
        self, done: ConditionFact, orders: tuple[Proposal, ...]
    ) -> None:
        found = guard(done)
        assert found.permits(*MAGNESIUM_ORDERS) == orders
        assert bool(found.permits(POTASSIUM)) is bool(orders)

    def test_the_site_s_dialysis_fluids_are_printed(self, tmp_path: Path) -> None:
        fluids = site_policy(tmp_path, 'dialysis_fluids = "dialysate Mg 0.5 mmol/L"\n')
        said = "Dialysis: check the magnesium of the dialysate or replacement fluid{}; citrate lowers magnesium."
        assert guard(problem("dialysis")).cautions == (said.format(""),)
        assert guard(problem("dialysis"), policy=fluids).cautions == (said.format(" (dialysate Mg 0.5 mmol/L)"),)

    @pytest.mark.parametrize(
        ("unread", "orders"),
        [
            (unreadable(Analyte.CREATININE, hours_ago=3), MAGNESIUM_ORDERS),
            (unreadable(Analyte.CREATININE, hours_ago=1), ()),
            (replace(unreadable(Analyte.CREATININE), reason="suspect-specimen"), MAGNESIUM_ORDERS),
        ],
        ids=["older", "newer", "hemolyzed"],
    )
    def test_a_newer_creatinine_that_could_not_be_read_has_no_order(
        self, unread: Unusable, orders: tuple[Proposal, ...]
    ) -> None:
        found = picture(LOW_MG, LOW_K, creatinine("0.8 mg/dL", hours_ago=2), unread).guard
        assert found.permits(*MAGNESIUM_ORDERS) == orders
        assert bool(found.permits(POTASSIUM)) is bool(orders)
        said = "A newer creatinine could not be read: look it up in the chart or repeat it."
        assert (said in found.cautions) is not bool(orders)

    def test_poor_kidneys_are_told_before_an_unread_creatinine(self) -> None:
        found = picture(LOW_MG, egfr("20", hours_ago=2), unreadable(Analyte.CREATININE)).guard
        assert found.cautions == (
            "Magnesium accumulates: nephrology or pharmacy; reduced dose, slowly, level after each dose.",
        )

    def test_words_follow_the_site_s_own_limits(self, tmp_path: Path) -> None:
        own = site_policy(
            tmp_path,
            """
            [kidney.full]
            printed = { "mL/min/1.73m2" = 50 }
            reviewed = 2026-12-01
            [kidney.reduced]
            printed = { "mL/min/1.73m2" = 25 }
            reviewed = 2026-12-01
            [exposure.intravenous_magnesium]
            hours = 6
            reviewed = 2026-12-01
            """,
        )
        (reduced,) = picture(LOW_MG, egfr("49"), policy=own).guard.cautions
        assert reduced.startswith("eGFR 25 to below 50: reduce magnesium")
        assert picture(LOW_MG, egfr("24"), policy=own).guard.held[ORAL_ORDER] == "eGFR below 25"
        (running,) = guard(iv_magnesium(hours_ago=6), policy=own).cautions
        assert running == "IV magnesium is in force or was given within 6 h: no further magnesium order."

    def test_reduced_function_says_reduce_and_recheck(self) -> None:
        (caution,) = picture(LOW_MG, egfr("45")).guard.cautions
        assert "about half the usual, per protocol" in caution
        assert "recheck in 24 to 48 h" in caution

    @pytest.mark.parametrize(
        "impaired",
        [
            [egfr("29")],
            [egfr("90"), acute("acute_kidney_injury")],
            [creatinine("1.0 mg/dL", days_ago=1), creatinine("2.0 mg/dL")],
            [egfr("90"), problem("oliguria")],
            [problem("ckd_stage_5")],
        ],
        ids=["eGFR below 30", "recorded injury", "creatinine doubled", "oliguria", "stage 5"],
    )
    def test_poor_function_and_acute_injury_have_no_order_and_say_that_it_accumulates(
        self, impaired: list[Fact]
    ) -> None:
        found = picture(LOW_MG, *impaired).guard
        assert found.permits(*MAGNESIUM_ORDERS) == ()
        assert found.cautions == (
            "Magnesium accumulates: nephrology or pharmacy; reduced dose, slowly, level after each dose.",
        )

    def test_dialysis_has_no_order_and_names_the_dialysate(self) -> None:
        found = guard(problem("dialysis"))
        assert found.permits(*MAGNESIUM_ORDERS) == ()
        assert any("dialysate" in c and "citrate lowers magnesium" in c for c in found.cautions)

    @pytest.mark.parametrize("kidneys", [[], [egfr("90", days_ago=91)]], ids=["unknown", "too old"])
    def test_unknown_function_has_no_order_and_asks_for_creatinine(self, kidneys: list[Fact]) -> None:
        found = picture(LOW_MG, *kidneys).guard
        assert found.permits(*MAGNESIUM_ORDERS) == ()
        assert any("check creatinine" in c for c in found.cautions)


class TestPopulations:
    def test_under_18_there_is_no_order(self) -> None:
        child = picture(*CHART, patient=aged(17)).guard
        assert child.permits(*Proposal) == TESTS
        grown = picture(*CHART, patient=aged(18)).guard
        assert grown.permits(*MAGNESIUM_ORDERS) == MAGNESIUM_ORDERS

    def test_age_unknown_there_is_no_dose(self, tmp_path: Path) -> None:
        assert permitted(patient=aged(None)) == (ORAL_ORDER, IV_WITHOUT_DOSE)
        product = 'text = "x"\nsystem = "urn:x"\ncode = "x"\ndisplay = "x"\nroute = "oral"\ndose = "400 mg"\n'
        dosed = site_policy(tmp_path, f"[products.magnesium-oral]\n{product}[products.potassium]\n{product}")
        held = guard(patient=aged(None), policy=dosed)
        assert held.permits(*MAGNESIUM_ORDERS, POTASSIUM) == (IV_WITHOUT_DOSE,)
        assert guard(patient=ADULT, policy=dosed).permits(ORAL_ORDER, POTASSIUM) == (ORAL_ORDER, POTASSIUM)


class TestPotassiumGuard:
    @pytest.mark.parametrize(("value", "allowed"), [("3.49", True), ("3.5", False), ("3.51", False)])
    def test_only_below_3_5(self, value: str, allowed: bool) -> None:
        assert bool(picture(k(f"{value} mmol/L"), HEALTHY_KIDNEYS).guard.permits(POTASSIUM)) is allowed

    @pytest.mark.parametrize(
        ("setting", "window"), [(INPATIENT, timedelta(hours=24)), (OUTPATIENT, timedelta(hours=72))]
    )
    def test_only_on_a_recent_result(self, setting: Setting, window: timedelta) -> None:
        def at(age: timedelta) -> bool:
            found = picture(k("3.0 mmol/L", at=NOW - age), HEALTHY_KIDNEYS, setting=setting)
            return bool(found.guard.permits(POTASSIUM))

        assert at(window - MINUTE)
        assert at(window)
        assert not at(window + MINUTE)

    @pytest.mark.parametrize(
        ("kidneys", "allowed"),
        [
            ([egfr("30")], True),
            ([egfr("29.9")], False),
            ([], False),
            ([egfr("90"), problem("dialysis")], False),
            ([egfr("90"), acute("acute_kidney_injury")], False),
            ([egfr("90"), problem("oliguria")], False),
        ],
    )
    def test_only_with_kidneys_that_bear_it(self, kidneys: list[Fact], allowed: bool) -> None:
        assert bool(picture(LOW_K, *kidneys).guard.permits(POTASSIUM)) is allowed

    def test_not_without_a_result_or_with_a_newer_one_that_cannot_be_read(self) -> None:
        assert picture(HEALTHY_KIDNEYS).guard.permits(POTASSIUM) == ()
        assert guard(unreadable(Analyte.POTASSIUM)).permits(POTASSIUM) == ()

    @pytest.mark.parametrize(
        ("kidneys", "told"),
        [
            ([egfr("29.9")], True),
            ([egfr("90"), acute("acute_kidney_injury")], True),
            ([egfr("90"), problem("dialysis")], True),
            ([egfr("90"), problem("oliguria")], True),
            ([], False),
            ([egfr("30")], False),
            ([egfr("90")], False),
        ],
        ids=["eGFR below 30", "acute injury", "dialysis", "oliguria", "unknown", "reduced", "full"],
    )
    def test_kidneys_known_to_be_bad_are_named_where_potassium_is_low(self, kidneys: list[Fact], told: bool) -> None:
        sentence = "Kidney function impaired: potassium per nephrology, recheck within hours."
        assert picture(LOW_MG, LOW_K, *kidneys).guard.potassium_cautions == ((sentence,) if told else ())
        assert picture(LOW_MG, k("3.5 mmol/L"), *kidneys).guard.potassium_cautions == ()
        assert sentence not in picture(LOW_MG, LOW_K, *kidneys).guard.cautions

    def test_an_unread_one_after_one_that_is_not_low_needs_no_word(self) -> None:
        found = picture(LOW_MG, k("4.2 mmol/L", hours_ago=2), unreadable(Analyte.POTASSIUM), HEALTHY_KIDNEYS).guard
        assert found.permits(POTASSIUM) == ()
        assert found.potassium_cautions == ()

    def test_not_if_results_of_one_instant_disagree(self) -> None:
        found = guard(k("5.8 mmol/L"))
        assert "Results of one moment disagree: repeat potassium." not in found.cautions
        assert found.permits(POTASSIUM) == ()
        assert "Results of one moment disagree: repeat potassium." in found.potassium_cautions


def test_says_why_an_order_was_held_back_the_first_reason_winning() -> None:
    found = guard(unreadable(), problem("dialysis"))
    assert found.reasons(ORAL_ORDER, Proposal.SERUM_MAGNESIUM) == (
        "magnesium-oral: a newer magnesium could not be read",
    )
    assert len(found.cautions) == len(set(found.cautions)) == 2


def test_drafted_magnesium_is_no_magnesium_in_force() -> None:
    assert permitted(draft("magnesium sulfate", route=IV)) == MAGNESIUM_ORDERS


@pytest.mark.parametrize(
    ("setting", "protocol", "held"),
    [(INPATIENT, True, True), (OUTPATIENT, True, False), (INPATIENT, False, False)],
    ids=["inpatient", "outpatient", "no protocol"],
)
def test_where_nurses_replace_by_protocol_no_order_is_proposed_to_inpatients(
    setting: Setting, protocol: bool, held: bool, tmp_path: Path
) -> None:
    own = site_policy(tmp_path, f"inpatient_electrolyte_protocol = {str(protocol).lower()}\n")
    found = guard(setting=setting, policy=own)
    assert found.permits(*MAGNESIUM_ORDERS, POTASSIUM) == (() if held else (*MAGNESIUM_ORDERS, POTASSIUM))
    said = "Electrolytes are replaced by protocol in this hospital: look there before a further order."
    assert (said in found.cautions, said in found.potassium_cautions) == (held, held)


def test_a_potassium_that_is_not_low_needs_no_word_on_the_protocol(tmp_path: Path) -> None:
    own = site_policy(tmp_path, "inpatient_electrolyte_protocol = true\n")
    assert picture(LOW_MG, HEALTHY_KIDNEYS, setting=INPATIENT, policy=own).guard.potassium_cautions == ()


def test_a_suspected_guard_condition_is_a_caution_and_forbids_nothing() -> None:
    suspected = problem("myasthenia_gravis", suspected=True), problem("lambert_eaton", suspected=True)
    caution = (
        "Suspected, not confirmed: myasthenia gravis and Lambert-Eaton syndrome: weigh this before giving magnesium."
    )

    assert permitted(*suspected) == permitted()
    assert caution in guard(*suspected).cautions
    assert not any("Suspected" in said for said in guard().cautions)
