"""clinical.md §2.6: low magnesium or potassium beside digoxin, a QT drug, a long QTc or torsades."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from magnesium.facts import Analyte
from magnesium.rules.arrhythmia_risk import judge
from magnesium.verdict import Finding, Indicator, Proposal, Quiet, Topic
from tests.builders import (
    HEALTHY_KIDNEYS,
    INPATIENT,
    IV,
    NOW,
    ORAL,
    Fact,
    acute,
    aged,
    draft,
    egfr,
    ended_order,
    given,
    iv_magnesium,
    k,
    lab,
    mg,
    order,
    ordered_test,
    picture,
    problem,
    qrs,
    qtc,
    site_policy,
    unreadable,
)

INFO, WARNING, CRITICAL = Indicator
NORMAL_MG, NORMAL_K = mg("2.0 mg/dL", hours_ago=2), k("4.2 mmol/L", hours_ago=2)
LOW_MG, SEVERE_MG = mg("1.4 mg/dL", hours_ago=2), mg("1.1 mg/dL", hours_ago=2)
TORSADES = acute("torsades_de_pointes")
DIGOXIN, SOTALOL = order("digoxin"), order("sotalol")
NOTHING = Quiet(Topic.ARRHYTHMIA, "no digoxin, QT drug, long QTc or torsades beside low magnesium or potassium")


def indicator(*found: Fact, **more: Any) -> Indicator | None:
    verdict = judge(picture(*found, **more))
    assert verdict.topic is Topic.ARRHYTHMIA
    return verdict.indicator if isinstance(verdict, Finding) else None


def finding(*found: Fact, **more: Any) -> Finding:
    verdict = judge(picture(*found, **more))
    assert isinstance(verdict, Finding), verdict
    return verdict


class TestTorsadesOrLongQtc:
    """Rows 1 and 2."""

    @pytest.mark.parametrize("danger", [TORSADES, qtc("500")], ids=["torsades", "QTc 500"])
    @pytest.mark.parametrize(
        ("magnesium", "potassium", "shown"),
        [
            ("1.1 mg/dL", "4.2 mmol/L", CRITICAL), ("1.59 mg/dL", "4.2 mmol/L", CRITICAL),
            ("0.659 mmol/L", "4.2 mmol/L", CRITICAL), ("1.29 mEq/L", "4.2 mmol/L", CRITICAL),
            ("2.0 mg/dL", "3.49 mmol/L", CRITICAL), ("2.0 mg/dL", "2.0 mmol/L", CRITICAL),
            ("1.6 mg/dL", "4.2 mmol/L", WARNING), ("1.69 mg/dL", "4.2 mmol/L", WARNING),
            ("0.66 mmol/L", "4.2 mmol/L", WARNING), ("0.699 mmol/L", "4.2 mmol/L", WARNING),
            ("1.3 mEq/L", "4.2 mmol/L", WARNING), ("1.39 mEq/L", "4.2 mmol/L", WARNING),
            ("2.0 mg/dL", "3.5 mmol/L", WARNING), ("2.0 mg/dL", "3.99 mmol/L", WARNING),
            ("1.7 mg/dL", "4.0 mmol/L", None), ("0.70 mmol/L", "4.0 mmol/L", None), ("1.4 mEq/L", "4.01 mmol/L", None),
            ("3.0 mg/dL", "4.2 mmol/L", None),
            (">1.0 mg/dL", "4.2 mmol/L", WARNING), ("2.0 mg/dL", "<4.5 mmol/L", WARNING),
        ],
    )  # fmt: skip
    def test_by_values(self, danger: Fact, magnesium: str, potassium: str, shown: Indicator | None) -> None:
        assert indicator(danger, mg(magnesium), k(potassium)) is shown

    @pytest.mark.parametrize(
        "found",
        [
            [NORMAL_K],
            [NORMAL_MG],
            [],
            [mg("2.0 mg/dL", days_ago=15), NORMAL_K],
            [mg("1.4 mg/dL", days_ago=15), NORMAL_K],
            [NORMAL_MG, k("4.2 mmol/L", days_ago=15)],
            [NORMAL_MG, NORMAL_K, unreadable(hours_ago=1)],
            [NORMAL_MG, NORMAL_K, unreadable(Analyte.POTASSIUM, hours_ago=1)],
        ],
        ids=["no Mg", "no K", "neither", "stale", "stale, low", "old K", "newer Mg unread", "newer K unread"],
    )
    def test_what_is_not_known_now_is_a_warning(self, found: list[Fact]) -> None:
        assert indicator(TORSADES, *found) is WARNING

    @pytest.mark.parametrize(
        ("danger", "shown"),
        [
            (acute("torsades_de_pointes", hours_ago=72), CRITICAL),
            (acute("torsades_de_pointes", hours_ago=73), None),
            (problem("torsades_de_pointes"), None),
            (qtc("499.9"), None),
            (qtc("501"), CRITICAL),
            (lab(Analyte.QTC, "0.5 s"), CRITICAL),
            (lab(Analyte.QTC, "0.4999 s"), None),
            (qtc(">=500"), CRITICAL),
            (qtc(">480"), None),
            (qtc("801"), None),
            (qtc("510", days_ago=30), CRITICAL),
            (qtc("510", days_ago=31), None),
        ],
    )
    def test_only_what_is_torsades_or_long_now(self, danger: Fact, shown: Indicator | None) -> None:
        assert indicator(danger, LOW_MG, NORMAL_K) is shown

    def test_of_an_inpatient_a_qtc_counts_for_three_days(self) -> None:
        assert indicator(qtc("510", hours_ago=72), LOW_MG, NORMAL_K, setting=INPATIENT) is CRITICAL
        assert indicator(qtc("510", hours_ago=73), LOW_MG, NORMAL_K, setting=INPATIENT) is None

    @pytest.mark.parametrize(
        ("found", "shown"), [((LOW_MG, NORMAL_K), WARNING), ((NORMAL_MG,), INFO)], ids=["low", "potassium unknown"]
    )
    def test_a_paced_rhythm_is_one_step_lower_and_said(self, found: tuple[Fact, ...], shown: Indicator) -> None:
        paced = finding(qtc("510"), problem("pacemaker"), *found)
        assert paced.indicator is shown
        assert "Paced rhythm: QTc overestimates." in paced.what

    @pytest.mark.parametrize(("wide", "shown"), [("119", CRITICAL), ("120", WARNING)])
    def test_a_wide_qrs_is_one_step_lower_and_said(self, wide: str, shown: Indicator) -> None:
        found = finding(qtc("510"), qrs(wide), LOW_MG, NORMAL_K)
        assert found.indicator is shown
        said = f"QRS {wide} ms (14 Mar 2026 12:00): QTc overestimates."
        assert (said in found.what) is (shown is WARNING)

    def test_a_newer_qtc_that_could_not_be_read_holds_it_at_warning_and_is_said(self) -> None:
        found = finding(qtc("510", hours_ago=2), unreadable(Analyte.QTC), LOW_MG, NORMAL_K)
        assert found.indicator is WARNING
        assert "A newer QTc could not be read: look it up in the chart or repeat it." in found.act
        assert indicator(TORSADES, qtc("510", hours_ago=2), unreadable(Analyte.QTC), LOW_MG) is CRITICAL

    @pytest.mark.parametrize(("value", "told"), [("480", False), ("481", True), ("499", True)])
    def test_a_borderline_qtc_is_told_and_raises_nothing(self, value: str, told: bool) -> None:
        found = finding(qtc(value), SOTALOL, LOW_MG, NORMAL_K)
        assert found.indicator is WARNING
        assert (f"QTc {value} ms (14 Mar 2026 12:00), borderline." in found.what) is told
        assert any("QTc" in line for line in found.what) is told

    def test_torsades_of_a_paced_heart_is_not(self) -> None:
        assert indicator(TORSADES, qtc("510"), problem("pacemaker"), LOW_MG) is CRITICAL

    def test_says_what_to_measure_and_where_to_keep_them(self) -> None:
        found = finding(qtc("510"))
        target = "keep K at 4.0 mmol/L or above and Mg normal"
        assert found.summary == f"QTc 510 ms: measure serum magnesium and potassium now, {target}"
        assert found.act == (
            "Measure serum magnesium now.",
            "Measure potassium now.",
            "Keep K at 4.0 mmol/L or above and Mg normal; ECG monitoring.",
        )
        assert found.what[:2] == ("No usable serum magnesium on file.", "No current potassium.")
        assert found.proposals == (Proposal.SERUM_MAGNESIUM,)

    def test_asks_for_nothing_that_is_known(self) -> None:
        found = finding(qtc("510"), NORMAL_MG, k("3.7 mmol/L"))
        assert found.summary == "QTc 510 ms: keep K at 4.0 mmol/L or above and Mg normal"
        assert found.proposals == ()

    def test_the_target_is_the_site_s(self, tmp_path: Path) -> None:
        toml = '[potassium.target]\nprinted = { "mmol/L" = 4.5 }\nreviewed = 2026-01-01\n'
        policy = site_policy(tmp_path, toml)
        assert indicator(qtc("510"), NORMAL_MG, k("4.4 mmol/L"), policy=policy) is WARNING


class TestDigoxin:
    """Rows 3 and 4."""

    @pytest.mark.parametrize(
        ("magnesium", "potassium", "shown"),
        [
            ("1.1999 mg/dL", "4.2 mmol/L", CRITICAL), ("0.4999 mmol/L", "4.2 mmol/L", CRITICAL),
            ("0.9999 mEq/L", "4.2 mmol/L", CRITICAL), ("2.0 mg/dL", "2.99 mmol/L", CRITICAL),
            ("1.2 mg/dL", "4.2 mmol/L", WARNING), ("0.50 mmol/L", "4.2 mmol/L", WARNING),
            ("1.0 mEq/L", "4.2 mmol/L", WARNING), ("1.5999 mg/dL", "4.2 mmol/L", WARNING),
            ("<0.6 mmol/L", "4.2 mmol/L", WARNING),
            ("2.0 mg/dL", "3.0 mmol/L", WARNING), ("2.0 mg/dL", "3.01 mmol/L", WARNING),
            ("2.0 mg/dL", "3.49 mmol/L", WARNING),
            ("1.6 mg/dL", "3.5 mmol/L", None), ("0.66 mmol/L", "3.51 mmol/L", None), ("1.3 mEq/L", "3.5 mmol/L", None),
            ("1.4 mg/dL", "2.9 mmol/L", CRITICAL), ("1.1 mg/dL", "3.2 mmol/L", CRITICAL),
        ],
    )  # fmt: skip
    def test_by_values(self, magnesium: str, potassium: str, shown: Indicator | None) -> None:
        assert indicator(DIGOXIN, mg(magnesium), k(potassium)) is shown

    @pytest.mark.parametrize("found", [[], [NORMAL_MG], [mg("1.1 mg/dL", days_ago=15)], [k("2.4 mmol/L", days_ago=15)]])
    def test_what_is_unknown_or_stale_is_silent(self, found: list[Fact]) -> None:
        assert judge(picture(DIGOXIN, *found)) == NOTHING

    def test_says_why(self) -> None:
        found = finding(DIGOXIN, LOW_MG, k("3.2 mmol/L"), HEALTHY_KIDNEYS)
        assert found.summary == "Digoxin with low Mg 1.4 mg/dL and K 3.2 mmol/L: risk of arrhythmia"
        assert found.why == ("Low magnesium raises sensitivity to digoxin toxicity.",)
        assert found.act[0] == (
            "Correct magnesium with potassium, which alone often does not hold; recheck K within 24 h; "
            "the need for potassium falls once magnesium is repleted."
        )
        assert {Proposal.MAGNESIUM_ORAL, Proposal.POTASSIUM} <= set(found.proposals)

    def test_stopped_it_does_not_count(self) -> None:
        assert indicator(ended_order("digoxin", ended="2026-03-10"), SEVERE_MG) is None


class TestQtDrug:
    """Rows 5 and 6."""

    @pytest.mark.parametrize("risk", [SOTALOL, problem("long_qt")], ids=["QT drug", "long QT"])
    @pytest.mark.parametrize(
        ("magnesium", "potassium", "shown"),
        [
            ("1.1999 mg/dL", "4.2 mmol/L", CRITICAL), ("0.4999 mmol/L", "4.2 mmol/L", CRITICAL),
            ("0.9999 mEq/L", "4.2 mmol/L", CRITICAL), ("2.0 mg/dL", "2.49 mmol/L", CRITICAL),
            ("1.2 mg/dL", "4.2 mmol/L", WARNING), ("1.5999 mg/dL", "4.2 mmol/L", WARNING),
            ("2.0 mg/dL", "2.5 mmol/L", WARNING), ("2.0 mg/dL", "2.99 mmol/L", WARNING),
            ("2.0 mg/dL", "3.0 mmol/L", None), ("1.6 mg/dL", "3.4 mmol/L", None),
        ],
    )  # fmt: skip
    def test_by_values(self, risk: Fact, magnesium: str, potassium: str, shown: Indicator | None) -> None:
        assert indicator(risk, mg(magnesium), k(potassium)) is shown

    def test_digoxin_is_no_qt_drug_and_the_louder_of_both_speaks(self) -> None:
        found = finding(DIGOXIN, SOTALOL, k("2.9 mmol/L"))
        assert found.indicator is CRITICAL
        assert found.summary.startswith("Digoxin with low K 2.9 mmol/L")
        assert len(found.why) == 2

    def test_haloperidol_counts_intravenously(self) -> None:
        assert indicator(given("haloperidol", route=IV), SEVERE_MG) is CRITICAL
        assert indicator(given("haloperidol", route=ORAL), SEVERE_MG) is None

    def test_an_assumed_route_is_never_critical(self) -> None:
        assumed = order("erythromycin", route_assumed=True)
        assert indicator(assumed, SEVERE_MG) is WARNING
        assert indicator(assumed, SEVERE_MG, SOTALOL) is CRITICAL
        assert indicator(assumed, SEVERE_MG, problem("long_qt")) is CRITICAL
        assert indicator(order("digoxin", route_assumed=True), SEVERE_MG) is WARNING

    def test_names_two_drugs_and_counts_the_rest(self) -> None:
        found = finding(SOTALOL, order("methadone"), order("amiodarone"), SEVERE_MG)
        assert found.summary == "Amiodarone, methadone and 1 more with low Mg 1.1 mg/dL: risk of arrhythmia"
        assert "Review the QT drug: is it needed, is there an alternative?" in found.act
        assert len([line for line in found.what if "since" in line]) == 3

    def test_the_order_of_the_drafts_does_not_matter(self) -> None:
        drafts = [draft("sotalol"), draft("methadone")]
        assert finding(SEVERE_MG, *drafts) == finding(SEVERE_MG, *reversed(drafts))

    def test_names_the_condition(self) -> None:
        found = finding(problem("long_qt", label="Romano-Ward syndrome"), SEVERE_MG)
        assert found.summary.startswith("Long QT syndrome with low Mg")
        assert "Romano-Ward syndrome." in found.what


class TestWhatItSays:
    LOWERS = "Low magnesium raises sensitivity to digoxin toxicity."
    FAVOURS = "Low magnesium and potassium promote torsades de pointes."

    @pytest.mark.parametrize(
        ("danger", "why"),
        [
            (DIGOXIN, LOWERS),
            (SOTALOL, FAVOURS),
            (qtc("510"), FAVOURS),
            (problem("long_qt"), FAVOURS),
            (TORSADES, FAVOURS),
        ],
    )
    def test_why_and_on_which_fact(self, danger: Fact, why: str) -> None:
        found = finding(danger, SEVERE_MG, NORMAL_K)
        assert found.why == (why,)
        assert found.evidence.facts == (SEVERE_MG, NORMAL_K, danger)

    def test_each_drug_has_a_line(self) -> None:
        found = finding(DIGOXIN, SOTALOL, SEVERE_MG)
        assert [line.split()[0] for line in found.what[2:]] == ["Digoxin", "Sotalol"]

    def test_a_pacemaker_without_a_long_qtc_is_not_told(self) -> None:
        found = finding(DIGOXIN, SEVERE_MG, problem("pacemaker"))
        assert found.indicator is CRITICAL
        assert not any("Paced" in line for line in found.what)
        assert not any("Paced" in line for line in finding(qtc("510"), SEVERE_MG).what)

    @pytest.mark.parametrize(
        "potassium", [[k("<4.5 mmol/L")], [k("3.2 mmol/L", reference="a"), k("4.2 mmol/L", reference="b")]]
    )
    def test_a_potassium_that_is_not_clear_is_measured(self, potassium: list[Fact]) -> None:
        assert "Measure potassium now." in finding(qtc("510"), NORMAL_MG, *potassium).act

    def test_a_high_magnesium_is_a_matter_of_torsades(self) -> None:
        line = "Magnesium is high: no magnesium order is proposed."
        assert line not in finding(DIGOXIN, k("3.2 mmol/L"), mg("3.0 mg/dL")).act
        assert line not in finding(TORSADES, k("3.2 mmol/L"), NORMAL_MG).act


class TestTorsades:
    def test_calls_for_intravenous_magnesium_without_a_dose(self) -> None:
        found = finding(TORSADES, LOW_MG, NORMAL_K, HEALTHY_KIDNEYS)
        assert (
            "Torsades: IV magnesium now per local protocol; stop QT drugs, correct potassium, expert help." in found.act
        )
        assert found.act[0].startswith("Torsades")
        assert found.summary == "Torsades de pointes with low Mg 1.4 mg/dL: correct now"
        assert found.proposals == (Proposal.MAGNESIUM_INTRAVENOUS_NO_DOSE,)

    @pytest.mark.parametrize("magnesium", [[], [NORMAL_MG], [mg("1.6 mg/dL")]], ids=["unknown", "normal", "borderline"])
    def test_whatever_the_magnesium_is(self, magnesium: list[Fact]) -> None:
        found = finding(TORSADES, *magnesium, k("3.2 mmol/L"), HEALTHY_KIDNEYS)
        assert any(line.startswith("Torsades: IV magnesium now") for line in found.act)
        assert Proposal.MAGNESIUM_INTRAVENOUS_NO_DOSE in found.proposals

    def test_a_high_magnesium_holds_the_order_and_says_so(self) -> None:
        found = finding(TORSADES, mg("3.0 mg/dL"), k("3.2 mmol/L"), HEALTHY_KIDNEYS)
        assert "Magnesium is high: no magnesium order is proposed." in found.act
        assert Proposal.MAGNESIUM_INTRAVENOUS_NO_DOSE not in found.proposals
        assert found.evidence.held_back

    def test_the_guard_stands_beside_the_emergency(self) -> None:
        found = finding(TORSADES, LOW_MG, problem("myasthenia_gravis"), HEALTHY_KIDNEYS)
        assert any(line.startswith("Torsades: IV magnesium now") for line in found.act)
        assert any("myasthenic crisis" in line for line in found.act)
        assert found.proposals == ()

    def test_a_long_qtc_alone_does_not(self) -> None:
        assert finding(qtc("510"), k("3.2 mmol/L"), NORMAL_MG, HEALTHY_KIDNEYS).proposals == (Proposal.POTASSIUM,)

    def test_says_nothing_of_a_cardiac_arrest(self) -> None:
        assert indicator(acute("cardiac_arrest"), SEVERE_MG) is None


class TestOrderHooks:
    @pytest.mark.parametrize("drafted", ["digoxin", "sotalol", "furosemide", "chlorthalidone"])
    def test_speaks_of_what_may_start_an_arrhythmia(self, drafted: str) -> None:
        assert indicator(DIGOXIN, SEVERE_MG, draft(drafted)) is CRITICAL

    @pytest.mark.parametrize(
        "drafts", [[draft("omeprazole")], [draft("haloperidol", route=ORAL)], [draft("furosemide", selected=False)]]
    )
    def test_is_silent_otherwise(self, drafts: list[Fact]) -> None:
        silent = Quiet(Topic.ARRHYTHMIA, "no digoxin, QT drug, loop diuretic or thiazide is being ordered")
        assert judge(picture(DIGOXIN, SEVERE_MG, *drafts)) == silent

    def test_a_diuretic_alone_is_silent(self) -> None:
        assert judge(picture(SEVERE_MG, draft("furosemide"))) == NOTHING

    @pytest.mark.parametrize(("drug", "potassium"), [("digoxin", "2.9 mmol/L"), ("sotalol", "2.4 mmol/L")])
    def test_the_draft_itself_is_the_drug(self, drug: str, potassium: str) -> None:
        assert indicator(k(potassium), draft(drug)) is CRITICAL
        assert indicator(k(potassium), draft(drug, single_dose=True)) is CRITICAL
        assert indicator(k(potassium), draft(drug, as_needed=True)) is INFO

    def test_another_drug_in_force_is_not_played_down_by_a_draft_as_needed(self) -> None:
        assert indicator(SEVERE_MG, SOTALOL, draft("droperidol", as_needed=True)) is CRITICAL

    def test_what_is_in_the_draft_is_not_proposed_again(self) -> None:
        drafts = (draft("digoxin"), draft("magnesium oxide", route=ORAL), draft("potassium chloride"))
        found = finding(LOW_MG, k("3.2 mmol/L"), HEALTHY_KIDNEYS, *drafts)
        assert not {Proposal.MAGNESIUM_ORAL, Proposal.POTASSIUM} & set(found.proposals)


class TestRestraint:
    def test_an_aging_magnesium_is_one_step_lower_and_is_rechecked(self) -> None:
        found = finding(DIGOXIN, mg("1.1 mg/dL", hours_ago=73), NORMAL_K, setting=INPATIENT)
        assert found.indicator is WARNING
        assert "Measure serum magnesium now." in found.act
        assert Proposal.SERUM_MAGNESIUM in found.proposals
        assert indicator(DIGOXIN, mg("1.1 mg/dL", hours_ago=72), setting=INPATIENT) is CRITICAL
        assert indicator(DIGOXIN, mg("1.1 mg/dL", days_ago=15), setting=INPATIENT) is None

    def test_an_aging_normal_magnesium_is_not_known_beside_torsades(self) -> None:
        normal_k = k("4.2 mmol/L")
        assert indicator(TORSADES, mg("2.0 mg/dL", hours_ago=73), normal_k, setting=INPATIENT) is WARNING
        assert indicator(TORSADES, mg("1.4 mg/dL", hours_ago=73), normal_k, setting=INPATIENT) is WARNING
        assert indicator(TORSADES, mg("2.0 mg/dL", hours_ago=72), normal_k, setting=INPATIENT) is None

    def test_potassium_does_not_age_with_the_magnesium(self) -> None:
        old = mg("1.4 mg/dL", hours_ago=73)
        assert indicator(TORSADES, old, k("3.2 mmol/L"), setting=INPATIENT) is CRITICAL

    def test_a_newer_unread_magnesium_holds_what_rests_on_magnesium_at_warning(self) -> None:
        found = finding(DIGOXIN, SEVERE_MG, unreadable(hours_ago=1), HEALTHY_KIDNEYS)
        assert found.indicator is WARNING
        assert found.act[0] == "Measure serum magnesium now."
        assert found.proposals == (Proposal.SERUM_MAGNESIUM,)
        assert found.evidence.unusable
        assert indicator(DIGOXIN, k("2.9 mmol/L"), unreadable(hours_ago=1)) is CRITICAL

    def test_a_newer_unread_potassium_holds_what_rests_on_potassium_at_warning(self) -> None:
        unread = unreadable(Analyte.POTASSIUM, hours_ago=1)
        found = finding(SOTALOL, k("2.4 mmol/L", hours_ago=2), unread, HEALTHY_KIDNEYS)
        assert found.indicator is WARNING
        assert Proposal.POTASSIUM not in found.proposals
        assert "Measure potassium now." in found.act
        assert indicator(SOTALOL, SEVERE_MG, unread) is CRITICAL

    def test_palliative_care_sees_only_critical(self, tmp_path: Path) -> None:
        palliative = problem("palliative_care")
        assert indicator(DIGOXIN, SEVERE_MG, palliative) is CRITICAL
        assert judge(picture(DIGOXIN, LOW_MG, palliative)) == Quiet(Topic.ARRHYTHMIA, "palliative care")
        policy = site_policy(tmp_path, "palliative_critical = false\n")
        assert indicator(DIGOXIN, SEVERE_MG, palliative, policy=policy) is None

    def test_under_18_is_information_without_orders(self) -> None:
        found = finding(TORSADES, SEVERE_MG, k("2.9 mmol/L"), HEALTHY_KIDNEYS, patient=aged(17))
        assert found.indicator is INFO
        assert found.proposals == ()
        assert any("Under 18" in line for line in found.act)
        assert indicator(TORSADES, SEVERE_MG, patient=aged(18)) is CRITICAL

    def test_obstetric_magnesium_does_not_silence_it(self) -> None:
        found = finding(qtc("510"), k("3.2 mmol/L"), NORMAL_MG, problem("pregnancy"), iv_magnesium(), HEALTHY_KIDNEYS)
        assert found.indicator is CRITICAL

    def test_a_serum_magnesium_that_is_ordered_is_not_proposed(self) -> None:
        found = finding(qtc("510"), NORMAL_K, ordered_test(at=NOW))
        assert found.proposals == ()
        assert "Measure serum magnesium now." in found.act

    def test_results_of_one_moment_that_disagree_are_measured_again(self) -> None:
        found = finding(DIGOXIN, mg("1.4 mg/dL", reference="a"), mg("2.0 mg/dL", reference="b"), HEALTHY_KIDNEYS)
        assert found.indicator is WARNING
        assert found.act[0] == "Measure serum magnesium now."
        assert found.proposals == (Proposal.SERUM_MAGNESIUM,)


def test_the_potassium_guard_is_said_beside_the_potassium() -> None:
    """clinical.md §2.9: emergency text is still shown, with the guard beside it."""
    found = finding(DIGOXIN, NORMAL_MG, k("2.8 mmol/L"), egfr("15"))
    assert found.act[:2] == (
        "Correct potassium.",
        "Kidney function impaired: potassium per nephrology, recheck within hours.",
    )
    assert Proposal.POTASSIUM not in found.proposals


def test_a_newer_potassium_that_could_not_be_read_is_said() -> None:
    found = finding(DIGOXIN, NORMAL_MG, k("2.8 mmol/L", hours_ago=2), unreadable(Analyte.POTASSIUM), HEALTHY_KIDNEYS)
    assert found.indicator is WARNING
    assert "A newer potassium could not be read: look it up in the chart or repeat it." in found.act


def test_a_condition_without_words_of_its_own_is_named_as_people_do() -> None:
    assert "Long QT interval." in finding(problem("long_qt"), LOW_MG, NORMAL_K).what


def test_a_candidate_that_the_site_counts_is_judged_when_ordered(tmp_path: Path) -> None:
    own = site_policy(tmp_path, 'qt_drugs = ["ondansetron"]\n')
    found = (LOW_MG, NORMAL_K, draft("ondansetron"))
    assert indicator(*found) is None
    assert indicator(*found, policy=own) is WARNING
