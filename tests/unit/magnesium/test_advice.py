"""clinical.md §2.9: what is proposed for low magnesium, each row of the table, and what the guards leave of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from magnesium.advice import (
    Advice,
    despite,
    fitting_replacement_begun,
    magnesium_now,
    measure_magnesium,
    measure_text,
    order_potassium,
    potassium_not_counted,
    replace_magnesium,
)
from magnesium.facts import Analyte, Exposure, OrderedTest, Route, Setting, Sex
from magnesium.verdict import Proposal
from tests.builders import (
    HEALTHY_KIDNEYS,
    INPATIENT,
    IV,
    MINUTE,
    OUTPATIENT,
    Fact,
    acute,
    aged,
    ago,
    creatinine,
    draft,
    egfr,
    given,
    iv_magnesium,
    k,
    mg,
    order,
    ordered_test,
    picture,
    problem,
    pulse,
    qtc,
    site_policy,
    statement,
    unreadable,
)

ORAL_ORDER = Proposal.MAGNESIUM_ORAL
IV_ORDER = Proposal.MAGNESIUM_INTRAVENOUS
IV_WITHOUT_DOSE = Proposal.MAGNESIUM_INTRAVENOUS_NO_DOSE
RECHECK, CREATININE = Proposal.SERUM_MAGNESIUM, Proposal.SERUM_CREATININE
SEVERE, LOW = mg("1.1 mg/dL", hours_ago=2), mg("1.4 mg/dL", hours_ago=2)


def proposed(*found: Fact, setting: Setting = OUTPATIENT) -> tuple[Proposal, ...]:
    return replace_magnesium(picture(*found, HEALTHY_KIDNEYS, setting=setting)).proposals


class TestTable:
    def test_torsades_has_the_order_without_dose_and_the_words(self) -> None:
        plan = replace_magnesium(picture(LOW, HEALTHY_KIDNEYS, acute("torsades_de_pointes"), setting=INPATIENT))
        assert plan.proposals == (IV_WITHOUT_DOSE,)
        assert plan.act == (
            "Torsades: IV magnesium now per local protocol; stop QT drugs, correct potassium, expert help.",
        )

    def test_severe_in_hospital_has_iv_and_alternatively_oral(self) -> None:
        assert proposed(SEVERE, setting=INPATIENT) == (IV_ORDER, ORAL_ORDER)

    @pytest.mark.parametrize("sign", ["seizure", "tetany", "ventricular_arrhythmia"])
    @pytest.mark.parametrize("sample", [SEVERE, LOW], ids=["severe", "low"])
    def test_severe_or_low_with_dangerous_signs_has_iv_and_alternatively_oral(self, sample: Fact, sign: str) -> None:
        assert proposed(sample, acute(sign)) == (IV_ORDER, ORAL_ORDER)
        assert IV_ORDER not in proposed(sample, acute(sign, hours_ago=73))

    def test_severe_with_a_long_qtc_has_iv_and_alternatively_oral(self) -> None:
        assert proposed(SEVERE, qtc("500")) == (IV_ORDER, ORAL_ORDER)
        assert proposed(SEVERE, qtc("499")) == (ORAL_ORDER, RECHECK)

    def test_severe_outside_hospital_asks_for_symptoms_and_has_oral_and_a_recheck(self) -> None:
        plan = replace_magnesium(picture(SEVERE, HEALTHY_KIDNEYS))
        assert plan.proposals == (ORAL_ORDER, RECHECK)
        assert plan.act[0].startswith("Symptoms (")
        assert plan.act[0].endswith("Then parenteral magnesium.")
        assert plan.act[1] == "No symptoms: oral magnesium, same-day ECG, recheck Mg within 72 h."

    @pytest.mark.parametrize(
        ("kidneys", "severe", "low"),
        [("60", "within 72 h", "in 7 to 14 d"), ("59.9", "in 24 to 48 h", "in 24 to 48 h")],
    )
    def test_at_reduced_kidney_function_one_recheck_is_named_the_one_of_the_guard(
        self, kidneys: str, severe: str, low: str
    ) -> None:
        after_severe = replace_magnesium(picture(SEVERE, egfr(kidneys)))
        after_low = replace_magnesium(picture(LOW, egfr(kidneys)))
        assert after_severe.act[1] == f"No symptoms: oral magnesium, same-day ECG, recheck Mg {severe}."
        assert after_low.act[0].endswith(f"recheck Mg {low}.")

    @pytest.mark.parametrize("setting", Setting)
    def test_low_otherwise_has_oral_and_a_recheck_in_weeks(self, setting: Setting) -> None:
        plan = replace_magnesium(picture(LOW, HEALTHY_KIDNEYS, qtc("510"), setting=setting))
        assert plan.proposals == (ORAL_ORDER, RECHECK)
        assert plan.act[0].startswith("Oral magnesium per local protocol")
        assert "recheck Mg in 7 to 14 d" in plan.act[0]

    def test_under_18_there_are_words_only(self) -> None:
        plan = replace_magnesium(picture(SEVERE, HEALTHY_KIDNEYS, patient=aged(10), setting=INPATIENT))
        assert plan.proposals == ()
        assert plan.act == ("Replace magnesium by pediatric protocol.",)


class TestGuards:
    def test_reduced_kidney_function_leaves_the_iv_order_without_dose(self) -> None:
        plan = replace_magnesium(picture(SEVERE, egfr("45"), setting=INPATIENT))
        assert plan.proposals == (IV_WITHOUT_DOSE, ORAL_ORDER)

    def test_what_is_forbidden_is_not_proposed_but_still_said_with_the_caution_beside_it(self) -> None:
        plan = replace_magnesium(picture(SEVERE, HEALTHY_KIDNEYS, problem("sick_sinus_syndrome"), setting=INPATIENT))
        assert plan.proposals == (ORAL_ORDER,)
        assert plan.act == (ONLY_IN_THE_VEIN_WITH_CAUTION, "Recheck Mg after it.", SLOW)
        assert plan.held_back == (
            "magnesium-intravenous-without-dose: AV block, sick sinus or heart rate below 50 /min",
        )

    @pytest.mark.parametrize(
        ("reason", "caution"),
        [
            (problem("av_block_high_grade"), "Slow conduction or pulse: ECG"),
            (pulse("49", hours_ago=1), "Slow conduction or pulse: ECG"),
            (given("rocuronium", route=IV), "Neuromuscular blocker in force"),
        ],
        ids=["AV block", "slow pulse", "neuromuscular blocker"],
    )
    def test_a_severe_one_is_not_told_into_the_vein_where_guards_keep_it_out(self, reason: Fact, caution: str) -> None:
        chart = (SEVERE, HEALTHY_KIDNEYS, reason)
        inpatient = replace_magnesium(picture(*chart, setting=INPATIENT))
        assert inpatient.act[0] == ONLY_IN_THE_VEIN_WITH_CAUTION
        assert inpatient.act[-1].startswith(caution)
        assert inpatient.proposals == (ORAL_ORDER,)
        outpatient = replace_magnesium(picture(*chart))
        assert outpatient.act[0].endswith("Then parenteral magnesium, with the caution below.")
        assert replace_magnesium(picture(*chart, qtc("500"))).act[0] == ONLY_IN_THE_VEIN_WITH_CAUTION

    def test_in_an_emergency_it_is_told_all_the_same_with_the_caution_beside_it(self) -> None:
        plan = replace_magnesium(picture(SEVERE, HEALTHY_KIDNEYS, problem("sick_sinus_syndrome"), acute("tetany")))
        assert plan.act[0] == (
            "Replace magnesium intravenously (tetany) per local protocol; oral if IV is not possible."
        )
        assert plan.act[-1] == SLOW
        assert plan.proposals == (ORAL_ORDER,)

    def test_the_words_of_an_emergency_stand_where_its_order_may_not(self) -> None:
        plan = replace_magnesium(picture(SEVERE, egfr("20"), acute("torsades_de_pointes")))
        assert plan.act[0].startswith("Torsades: IV magnesium now")
        assert plan.proposals == ()

    def test_unknown_kidney_function_asks_for_creatinine(self) -> None:
        plan = replace_magnesium(picture(LOW))
        assert plan.proposals == (RECHECK, CREATININE)
        assert plan.held_back == ("magnesium-oral: kidney function unknown or too old",)

    @pytest.mark.parametrize(
        ("kidneys", "asked"),
        [
            ([creatinine("1.0 mg/dL")], False),
            ([egfr("<60")], True),
            ([creatinine("1.0 mg/dL", hours_ago=1), unreadable(Analyte.CREATININE)], True),
        ],
        ids=["a creatinine that tells nothing", "a bounded eGFR", "a newer unread creatinine"],
    )
    def test_a_creatinine_that_was_read_is_not_asked_for_again(self, kidneys: list[Fact], asked: bool) -> None:
        plan = replace_magnesium(picture(LOW, *kidneys, patient=aged(60, Sex.UNKNOWN)))
        assert (CREATININE in plan.proposals) is asked
        assert ORAL_ORDER not in plan.proposals

    def test_acute_injury_and_dialysis_do_not(self) -> None:
        assert CREATININE not in replace_magnesium(picture(LOW, acute("acute_kidney_injury"))).proposals
        assert CREATININE not in replace_magnesium(picture(LOW, problem("dialysis"))).proposals


ONLY_IN_THE_VEIN_WITH_CAUTION = "Intravenous magnesium only with the caution below; else oral per local protocol."
SLOW = "Slow conduction or pulse: ECG and specialist decision before IV magnesium."
MYASTHENIA = (
    "Neuromuscular disease: IV magnesium can precipitate myasthenic crisis: specialist decision; "
    "oral magnesium with care."
)
SYMPTOMS = "Symptoms (tremor, cramps, tetany, seizure, palpitations)? ECG today."
DECIDE = "Severe: decide on replacement now, with the caution below."
ONLY_WITH_CAUTION = "Replace magnesium only with the caution below."
ACCUMULATES = "Magnesium accumulates: nephrology or pharmacy; reduced dose, slowly, level after each dose."
UNREAD = "A newer magnesium could not be read: look it up in the chart or repeat it."


class TestEverythingHeldBack:
    """Where the guards leave no magnesium order, the text does not call for one beside the sentence that forbids it."""

    def test_a_low_magnesium_is_replaced_with_the_caution_only(self) -> None:
        plan = replace_magnesium(picture(LOW, egfr("20")))
        assert plan.act == (ONLY_WITH_CAUTION, ACCUMULATES)
        assert plan.proposals == (RECHECK,)

    def test_a_severe_one_in_hospital_is_decided_on_now(self) -> None:
        plan = replace_magnesium(picture(SEVERE, egfr("20"), setting=INPATIENT))
        assert plan.act == (DECIDE, ACCUMULATES)
        assert plan.proposals == ()

    def test_so_is_one_with_a_long_qtc(self) -> None:
        assert replace_magnesium(picture(SEVERE, egfr("20"), qtc("500"))).act == (DECIDE, ACCUMULATES)

    def test_outside_hospital_the_card_still_asks_for_symptoms(self) -> None:
        # clinical.md §2.9: symptoms are never inferred from silence.
        assert replace_magnesium(picture(SEVERE, egfr("20"))).act == (SYMPTOMS, DECIDE, ACCUMULATES)

    def test_a_severe_one_that_a_newer_unreadable_one_follows_is_not_pressed(self) -> None:
        plan = replace_magnesium(picture(SEVERE, unreadable(hours_ago=1), HEALTHY_KIDNEYS, setting=INPATIENT))
        assert plan.act == (ONLY_WITH_CAUTION, UNREAD)

    @pytest.mark.parametrize("sample", [SEVERE, LOW], ids=["severe", "low"])
    def test_beside_magnesium_in_the_vein_it_is_rechecked(self, sample: Fact) -> None:
        plan = replace_magnesium(picture(sample, HEALTHY_KIDNEYS, iv_magnesium(hours_ago=1), setting=INPATIENT))
        assert plan.act == (
            "Magnesium is already ordered or given: magnesium sulfate.",
            "Recheck Mg before more is given.",
            "IV magnesium is in force or was given within 12 h: no further magnesium order.",
        )

    @pytest.mark.parametrize(
        ("signs", "named"),
        [
            ([acute("seizure")], "seizure"),
            ([acute("tetany")], "tetany"),
            ([acute("ventricular_arrhythmia")], "ventricular arrhythmia"),
            ([acute("seizure"), acute("tetany")], "seizure and tetany"),
            ([problem("seizure", onset=ago(hours=2), label="Grand mal")], "Grand mal"),
        ],
    )
    @pytest.mark.parametrize("sample", [SEVERE, LOW], ids=["severe", "low"])
    def test_the_words_of_an_emergency_stay_and_name_it(self, sample: Fact, signs: list[Fact], named: str) -> None:
        plan = replace_magnesium(picture(sample, egfr("20"), *signs))
        assert plan.act == (
            f"Replace magnesium intravenously ({named}) per local protocol; oral if IV is not possible.",
            "Recheck Mg after it.",
            ACCUMULATES,
        )
        assert plan.proposals == ()

    def test_not_while_an_order_is_left(self) -> None:
        plan = replace_magnesium(picture(SEVERE, egfr("45"), setting=INPATIENT))
        assert plan.proposals == (IV_WITHOUT_DOSE, ORAL_ORDER)
        assert plan.act[0] == "Replace magnesium intravenously per local protocol; oral if IV is not possible."

    @pytest.mark.parametrize("slug", ["myasthenia_gravis", "lambert_eaton"])
    def test_neuromuscular_disease_leaves_oral_magnesium_as_text(self, slug: str) -> None:
        severe = replace_magnesium(picture(SEVERE, HEALTHY_KIDNEYS, problem(slug), setting=INPATIENT))
        assert (severe.act, severe.proposals) == ((DECIDE, MYASTHENIA), ())
        low = replace_magnesium(picture(LOW, HEALTHY_KIDNEYS, problem(slug)))
        assert (low.act, low.proposals) == ((ONLY_WITH_CAUTION, MYASTHENIA), (RECHECK,))
        assert low.held_back == ("magnesium-oral: myasthenia gravis or Lambert-Eaton syndrome",)

    def test_not_for_a_dose_that_an_unknown_age_forbids(self, tmp_path: Path) -> None:
        product = 'text = "x"\nsystem = "urn:x"\ncode = "x"\ndisplay = "x"\nroute = "oral"\ndose = "400 mg"\n'
        dosed = site_policy(tmp_path, f"[products.magnesium-oral]\n{product}")
        plan = replace_magnesium(picture(LOW, HEALTHY_KIDNEYS, patient=aged(None), policy=dosed))
        assert plan.proposals == (RECHECK,)
        assert plan.act[0].startswith("Oral magnesium per local protocol")


class TestAgingMagnesium:
    """Inpatient, older than 72 hours: measured again before anything goes into a vein."""

    OLDER = "This magnesium is older than 72 h: recheck."
    OLD_SEVERE, OLD_LOW = mg("1.1 mg/dL", days_ago=4), mg("1.4 mg/dL", days_ago=4)

    def test_a_severe_one_is_rechecked_first_and_has_no_intravenous_order(self) -> None:
        plan = replace_magnesium(picture(self.OLD_SEVERE, HEALTHY_KIDNEYS, setting=INPATIENT))
        assert plan.act == (self.OLDER, "If still severe: intravenous magnesium per local protocol; until then oral.")
        assert plan.proposals == (RECHECK, ORAL_ORDER)
        assert plan.held_back == ("magnesium-intravenous-without-dose: the magnesium is older than 72 h",)

    def test_where_the_vein_is_closed_the_words_say_so(self) -> None:
        chart = (self.OLD_SEVERE, HEALTHY_KIDNEYS, problem("sick_sinus_syndrome"))
        plan = replace_magnesium(picture(*chart, setting=INPATIENT))
        assert plan.act == (
            self.OLDER,
            "If still severe: intravenous magnesium only with the caution below; until then oral.",
            SLOW,
        )
        assert plan.proposals == (RECHECK, ORAL_ORDER)

    @pytest.mark.parametrize(("hours", "orders"), [(72, (IV_ORDER, ORAL_ORDER)), (73, (RECHECK, ORAL_ORDER))])
    def test_from_72_hours_on(self, hours: int, orders: tuple[Proposal, ...]) -> None:
        assert proposed(mg("1.1 mg/dL", hours_ago=hours), setting=INPATIENT) == orders

    def test_a_low_one_too(self) -> None:
        plan = replace_magnesium(picture(self.OLD_LOW, HEALTHY_KIDNEYS, setting=INPATIENT))
        assert plan.act[0] == self.OLDER
        assert plan.proposals == (RECHECK, ORAL_ORDER)

    @pytest.mark.parametrize("sign", ["torsades_de_pointes", "ventricular_arrhythmia", "seizure"])
    def test_the_words_of_an_emergency_stay_first_and_its_order_is_held(self, sign: str) -> None:
        plan = replace_magnesium(picture(self.OLD_SEVERE, HEALTHY_KIDNEYS, acute(sign), setting=INPATIENT))
        assert plan.act[0].startswith(("Torsades: IV magnesium now", "Replace magnesium intravenously"))
        assert self.OLDER in plan.act
        assert not {IV_ORDER, IV_WITHOUT_DOSE} & set(plan.proposals)
        assert plan.proposals[0] is RECHECK

    def test_where_everything_is_held_back_too(self) -> None:
        plan = replace_magnesium(picture(self.OLD_SEVERE, egfr("20"), setting=INPATIENT))
        assert plan.act == (self.OLDER, DECIDE, ACCUMULATES)
        assert plan.proposals == (RECHECK,)


class TestCare:
    def test_drugs_that_magnesium_binds_are_taken_apart_from_it(self) -> None:
        bound = (order("levothyroxine"), order("ciprofloxacin"), order("levothyroxine", days_ago=3))
        plan = replace_magnesium(picture(LOW, HEALTHY_KIDNEYS, *bound))
        assert plan.act[-1] == "Take oral magnesium 2 h or more apart from ciprofloxacin and levothyroxine."

    def test_a_drafted_one_too_and_an_injected_one_not(self) -> None:
        drafted = replace_magnesium(picture(LOW, HEALTHY_KIDNEYS, draft("doxycycline")))
        assert drafted.act[-1] == "Take oral magnesium 2 h or more apart from doxycycline."
        injected = replace_magnesium(picture(LOW, HEALTHY_KIDNEYS, given("ciprofloxacin", route=IV)))
        assert not any("apart from" in line for line in injected.act)

    def test_short_bowel_and_diarrhea_have_words_of_their_own(self) -> None:
        both = replace_magnesium(picture(LOW, HEALTHY_KIDNEYS, problem("short_bowel_syndrome"), problem("diarrhea")))
        assert both.act[-3:] == (
            "Short bowel: correct sodium and water first, then oral magnesium at night.",
            "Diarrhea or ileostomy: no magnesium oxide, hydroxide or citrate; choose a well absorbed salt.",
            "Have the diarrhea worked up and treated.",
        )

    def test_none_without_a_reason(self) -> None:
        assert len(replace_magnesium(picture(LOW, HEALTHY_KIDNEYS)).act) == 1


class TestDiarrhea:
    @pytest.mark.parametrize("slug", ["diarrhea", "ileostomy_status"])
    def test_a_poorly_absorbed_salt_is_not_named(self, slug: str) -> None:
        plan = replace_magnesium(picture(LOW, HEALTHY_KIDNEYS, problem(slug)))
        assert plan.proposals == (RECHECK,)
        assert any("Diarrhea or ileostomy: no magnesium oxide, hydroxide or citrate" in line for line in plan.act)
        assert plan.held_back == ("magnesium-oral: the product worsens diarrhea",)

    def test_a_well_absorbed_one_is(self, tmp_path: Path) -> None:
        toml = (
            '[products.magnesium-oral]\ntext = "Mg lactate"\nsystem = "s"\ncode = "c"\ndisplay = "d"\nroute = "oral"\n'
        )
        plan = replace_magnesium(picture(LOW, HEALTHY_KIDNEYS, problem("diarrhea"), policy=site_policy(tmp_path, toml)))
        assert plan.proposals == (ORAL_ORDER, RECHECK)

    def test_an_order_that_is_forbidden_anyway_is_held_back_once(self) -> None:
        plan = replace_magnesium(picture(LOW, problem("diarrhea")))
        assert plan.held_back == ("magnesium-oral: kidney function unknown or too old",)


class TestPlan:
    """What one card of an answer tells for all; what the guards say stands on every card."""

    def test_is_what_to_do_without_the_cautions(self) -> None:
        told = replace_magnesium(picture(SEVERE, egfr("45"), order("levothyroxine"), setting=INPATIENT))
        assert told.plan == (
            "Replace magnesium intravenously per local protocol; oral if IV is not possible.",
            "Recheck Mg after it.",
            "Take oral magnesium 2 h or more apart from levothyroxine.",
        )
        assert told.act[:3] == told.plan
        assert told.act[3:] == picture(SEVERE, egfr("45")).guard.cautions


class TestNothingTwice:
    @pytest.mark.parametrize(
        "already", [order("magnesium oxide"), draft("magnesium oxide"), order("magnesium oxide", as_needed=True)]
    )
    def test_what_is_ordered_or_given_is_not_proposed_again_but_rechecked(self, already: Exposure) -> None:
        plan = replace_magnesium(picture(LOW, HEALTHY_KIDNEYS, already))
        assert plan.proposals == (RECHECK,)
        assert plan.act[0] == "Magnesium is already ordered or given: magnesium oxide."
        assert plan.held_back == ("magnesium-oral: magnesium is already ordered or given",)

    def test_in_an_emergency_what_is_done_already_stands_below(self) -> None:
        plan = replace_magnesium(picture(LOW, HEALTHY_KIDNEYS, order("magnesium oxide"), acute("seizure")))
        assert plan.act == (
            "Replace magnesium intravenously (seizure) per local protocol; oral if IV is not possible.",
            "Recheck Mg after it.",
            "Magnesium is already ordered or given: magnesium oxide.",
        )

    def test_every_order_that_is_there_already_is_held_back_with_the_reason(self) -> None:
        infusion = draft("magnesium sulfate", route=IV)
        waiting = replace_magnesium(picture(LOW, HEALTHY_KIDNEYS, ordered_test()))
        assert waiting.held_back == ("serum-magnesium: a serum magnesium is already ordered",)
        plan = replace_magnesium(picture(SEVERE, HEALTHY_KIDNEYS, infusion, setting=INPATIENT))
        assert plan.held_back == (
            "magnesium-intravenous: magnesium is already ordered or given",
            "magnesium-oral: magnesium is already ordered or given",
        )

    def test_creatinine_is_still_asked_for(self) -> None:
        assert replace_magnesium(picture(LOW, order("magnesium oxide"))).proposals == (RECHECK, CREATININE)


class TestDespite:
    @pytest.mark.parametrize(
        ("exposure", "said"),
        [
            (order("magnesium oxide", days_ago=20), True),
            (given("magnesium oxide", hours_ago=2), True),
            (given("magnesium oxide", at=ago(hours=2) + MINUTE), False),
            (statement("magnesium oxide", started="2026-03-14"), False),
            (statement("magnesium oxide", started=None), False),
            (order("magnesium hydroxide"), False),
        ],
        ids=["weeks", "at the sample", "after it", "that day", "start unknown", "antacid"],
    )
    def test_only_replacement_that_was_surely_on_when_the_sample_was_drawn(
        self, exposure: Exposure, said: bool
    ) -> None:
        assert bool(despite(picture(LOW, exposure))) is said

    def test_names_the_drug_and_since_when(self) -> None:
        said = despite(picture(LOW, order("magnesium oxide", days_ago=20)))
        assert said.startswith("Still low despite magnesium oxide (since 22 Feb 2026): check route,")

    def test_says_nothing_without_a_sample(self) -> None:
        assert despite(picture(order("magnesium oxide"))) == ""


class TestFittingReplacementBegun:
    @pytest.mark.parametrize(
        ("sample", "exposure", "fits"),
        [
            (LOW, given("magnesium oxide", hours_ago=1, route=Route.ORAL), True),
            (LOW, iv_magnesium(hours_ago=1), True),
            (SEVERE, iv_magnesium(hours_ago=1), True),
            (SEVERE, given("magnesium sulfate", hours_ago=1, route=Route.PARENTERAL), True),
            (SEVERE, given("magnesium oxide", hours_ago=1, route=Route.ORAL), False),
            (SEVERE, given("magnesium sulfate", hours_ago=1), False),
            (LOW, order("magnesium oxide", days_ago=20), False),
            (LOW, iv_magnesium(hours_ago=3), False),
        ],
        ids=[
            "low, oral",
            "low, IV",
            "severe, IV",
            "severe, IM",
            "severe, oral",
            "severe, way unknown",
            "before",
            "before, IV",
        ],
    )
    def test_after_the_sample_and_by_a_route_that_fits(self, sample: Fact, exposure: Exposure, fits: bool) -> None:
        assert fitting_replacement_begun(picture(sample, exposure)) is fits

    @pytest.mark.parametrize("danger", [acute("torsades_de_pointes"), qtc("500")], ids=["torsades", "QTc 500"])
    def test_not_with_torsades_or_a_long_qtc(self, danger: Fact) -> None:
        assert not fitting_replacement_begun(picture(SEVERE, iv_magnesium(hours_ago=1), danger))


class TestNoIdenticalSecondReplacement:
    @pytest.mark.parametrize(
        ("already", "offered"),
        [
            # An IV order says itself what is given instead; oral magnesium may be too slow, so IV is still offered.
            (draft("magnesium sulfate", route=IV), ()),
            (order("magnesium sulfate", route=IV, single_dose=True, started=ago(hours=1)), ()),
            (draft("magnesium oxide", route=Route.ORAL), (IV_ORDER,)),
            (order("magnesium oxide", route=Route.ORAL), (IV_ORDER,)),
            (draft("magnesium sulfate"), ()),
        ],
        ids=["IV drafted", "IV single dose ordered", "oral drafted", "oral ordered", "way unknown"],
    )
    def test_beside_the_vein_nothing_and_beside_oral_the_vein_is_offered(
        self, already: Exposure, offered: tuple[Proposal, ...]
    ) -> None:
        assert proposed(SEVERE, already, setting=INPATIENT) == offered


@pytest.mark.parametrize(("slug", "said"), [("diarrhea", True), ("ileostomy_status", False)])
def test_diarrhea_is_to_be_worked_up(slug: str, said: bool) -> None:
    plan = replace_magnesium(picture(mg("1.4 mg/dL"), HEALTHY_KIDNEYS, problem(slug)))
    assert ("Have the diarrhea worked up and treated." in plan.act) is said


@pytest.mark.parametrize(
    ("at_stake", "said"),
    [
        ([], "Check it."),
        ([order("digoxin")], "Measure serum magnesium now."),
        ([order("sotalol")], "Measure serum magnesium now."),
        ([qtc("500")], "Measure serum magnesium now."),
        ([acute("torsades_de_pointes")], "Measure serum magnesium now."),
        ([problem("long_qt")], "Measure serum magnesium now."),
        (
            [k("3.2 mmol/L"), k("3.1 mmol/L", days_ago=3), order("potassium chloride", days_ago=10)],
            "Measure serum magnesium now.",
        ),
    ],
    ids=["nothing", "digoxin", "QT drug", "QTc", "torsades", "long QT", "refractory potassium"],
)
def test_a_magnesium_is_asked_for_in_the_words_of_the_card_that_leads(at_stake: list[Fact], said: str) -> None:
    assert measure_text(picture(*at_stake), "Check it.") == said


class TestPotassium:
    POTASSIUM = Proposal.POTASSIUM
    LOW_POTASSIUM = k("3.0 mmol/L")

    def test_a_low_one_is_ordered(self) -> None:
        found = order_potassium(picture(self.LOW_POTASSIUM, HEALTHY_KIDNEYS))
        assert found == Advice(proposals=(self.POTASSIUM,))

    @pytest.mark.parametrize(
        ("more", "reason"),
        [
            ([HEALTHY_KIDNEYS, order("potassium chloride")], "potassium is already ordered or given"),
            ([HEALTHY_KIDNEYS, draft("potassium chloride")], "potassium is already ordered or given"),
            ([], "kidney function impaired or unknown"),
            # What a guard says goes before what is there already.
            ([order("potassium chloride")], "kidney function impaired or unknown"),
        ],
        ids=["in force", "being ordered", "held by a guard", "held by a guard, and in force"],
    )
    def test_what_holds_the_order_back_is_told(self, more: list[Fact], reason: str) -> None:
        found = order_potassium(picture(self.LOW_POTASSIUM, *more))
        assert found == Advice(held_back=(f"{self.POTASSIUM}: {reason}",))

    def test_what_is_not_counted_is_named_with_the_amount_that_would_count(self) -> None:
        fluid = order("potassium chloride", other_ingredients=True, days_ago=2)
        assert potassium_not_counted(picture(fluid)) == (
            "Not counted as potassium replacement, not known to give 20 mmol/d: potassium chloride (since 12 Mar 2026).",
        )
        assert potassium_not_counted(picture(order("potassium chloride"))) == ()


@pytest.mark.parametrize(
    ("chart", "setting", "said"),
    [
        ([LOW], OUTPATIENT, "Mg 1.4 mg/dL (14 Mar 2026 10:00), low"),
        ([SEVERE], OUTPATIENT, "Mg 1.1 mg/dL (14 Mar 2026 10:00), severely low"),
        (
            [mg("1.4 mg/dL", days_ago=4)],
            INPATIENT,
            "Mg 1.4 mg/dL (10 Mar 2026 12:00), low, older than 72 h",
        ),
        (
            [mg("1.4 mg/dL", days_ago=400)],
            OUTPATIENT,
            "Mg 1.4 mg/dL (7 Feb 2025 12:00), low, out of date",
        ),
        (
            [LOW, iv_magnesium(hours_ago=3)],
            OUTPATIENT,
            "Mg 1.4 mg/dL (14 Mar 2026 10:00), low, drawn after an IV dose",
        ),
    ],
    ids=["low", "severe", "aging", "stale", "after a dose"],
)
def test_the_magnesium_of_now_is_told_with_what_makes_it_doubtful(
    chart: list[Fact], setting: Setting, said: str
) -> None:
    assert magnesium_now(picture(*chart, setting=setting)) == said


@pytest.mark.parametrize(
    ("due", "asked"),
    [(ordered_test(), False)]
    + [(ordered_test(at=ago(hours=-hours)), asked) for hours, asked in ((0, False), (48, False), (49, True))],
    ids=["undated", "now", "in 48 h", "in 49 h"],
)
def test_a_magnesium_is_not_asked_for_where_one_is_due_soon(due: OrderedTest, asked: bool) -> None:
    assert measure_magnesium(picture(due)) == ((RECHECK,) if asked else ())
