"""What is counted of one patient: a small history in which every figure can be checked by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cds_service.evaluate.patient import Evaluation
from cds_service.evaluate.rows import Difference, Firing, Missed, Patient, Problem, Row, Unused
from tests.evaluate.records import (
    KINDS,
    MAGNESIUM_OXIDE,
    POTASSIUM,
    Resource,
    after,
    dose,
    judge,
    order,
    patient,
    problem,
    result,
    rows,
    stay,
)


def firings(found: list[Row], topic: str = "hypomagnesemia") -> list[Firing]:
    return [row for row in found if isinstance(row, Firing) and row.topic == topic]


def summed(found: list[Row]) -> Patient:
    (row,) = (row for row in found if isinstance(row, Patient))
    return row


LOW = [patient(), stay("s", 0, 100), result("m1", 2, 1.4)]


class TestMoments:
    def test_an_order_a_result_and_a_stay_are_a_call_each(self) -> None:
        row = summed(rows([*LOW, order("o", 3)]))
        assert (row.calls, row.patient_view, row.order_sign) == (3, 2, 1)

    def test_results_that_are_released_together_are_looked_at_together(self) -> None:
        together = result("k", 2, 4.0, POTASSIUM, unit="mmol/L")
        assert summed(rows([*LOW, together])).patient_view == 2

    @pytest.mark.parametrize("status", ["draft", "entered-in-error"])
    def test_an_order_that_was_never_signed_is_none(self, status: str) -> None:
        assert summed(rows([*LOW, order("o", 3, status=status)])).order_sign == 0

    def test_an_order_that_was_withdrawn_had_been_signed(self) -> None:
        assert summed(rows([*LOW, order("o", 3, status="cancelled")])).order_sign == 1

    def test_an_order_is_a_draft_at_its_moment(self) -> None:
        (card,) = firings(rows([*LOW, order("o", 3)]), "magnesium-wasting-drug")[:1]
        assert (card.hook, card.occasion, card.triggers, card.drugs) == (
            "order-sign",
            "order",
            "MedicationRequest/o",
            "furosemide",
        )

    def test_a_day_is_a_moment_at_its_beginning(self) -> None:
        assert summed(rows([*LOW, order("o", 3, authoredOn="2026-03-03")])).by_day == 1

    def test_results_of_no_interest_are_no_call(self) -> None:
        assert summed(rows([*LOW, result("x", 4, 140, "2951-2", unit="mmol/L")])).calls == 2


class TestAfterwards:
    def test_magnesium_measured_and_how_it_was(self) -> None:
        (card,) = firings(rows([*LOW, result("m2", 30, 1.9)]))
        assert card.magnesium_measured_48h
        assert (card.next_magnesium, card.next_magnesium_status) == ("1.9 mg/dL", "normal")
        assert card.next_magnesium_hours == 27.0  # drawn an hour before it was released

    @pytest.mark.parametrize(("hours", "measured"), [(51, True), (51.1, False)])
    def test_forty_eight_hours_are_the_limit(self, hours: float, measured: bool) -> None:
        assert firings(rows([*LOW, result("m2", hours, 1.9)]))[0].magnesium_measured_48h is measured

    @pytest.mark.parametrize(("hours", "replaced"), [(2, True), (26, True), (26.1, False), (1.9, False)])
    def test_a_dose_within_a_day_replaces_magnesium(self, hours: float, replaced: bool) -> None:
        assert firings(rows([*LOW, dose("d", hours)]))[0].magnesium_replaced_24h is replaced

    def test_without_doses_an_order_for_magnesium_counts(self) -> None:
        assert firings(rows([*LOW, order("o", 20, MAGNESIUM_OXIDE)]))[0].magnesium_replaced_24h

    def test_another_drug_does_not(self) -> None:
        assert not firings(rows([*LOW, dose("d", 5, "Furosemide 40 MG Oral Tablet")]))[0].magnesium_replaced_24h

    @pytest.mark.parametrize(("value", "normal"), [(3.4, False), (3.5, True)])
    def test_low_potassium_becomes_normal(self, value: float, normal: bool) -> None:
        low = result("k1", 2, 3.0, POTASSIUM, unit="mmol/L")
        later = result("k2", 40, value, POTASSIUM, unit="mmol/L")
        assert firings(rows([*LOW, low, later]))[0].potassium_normal_72h is normal

    def test_potassium_that_was_not_low_is_not_asked(self) -> None:
        assert firings(rows(LOW))[0].potassium_normal_72h is None

    def test_how_long_the_record_goes_on(self) -> None:
        assert firings(rows(LOW))[0].followed_hours == 98

    def test_replacement_that_runs_is_already_being_done(self) -> None:
        running = order("o", 1, MAGNESIUM_OXIDE)
        assert [card.done for card in firings(rows([*LOW, running]))] == [True]
        assert [card.done for card in firings(rows(LOW))] == [False]


class TestMemory:
    def test_the_same_again_within_a_day_would_be_held_back(self) -> None:
        again = rows([*LOW, result("m2", 20, 1.4)])
        assert [card.repeat for card in firings(again)] == [False, True]
        assert summed(again).repeats == 1 + sum(card.repeat for card in firings(again, "cause-of-hypomagnesemia"))

    def test_lower_is_news(self) -> None:
        assert [card.repeat for card in firings(rows([*LOW, result("m2", 20, 1.3)]))] == [False, False]

    def test_after_the_window_it_is_told_again(self) -> None:
        assert [card.repeat for card in firings(rows([*LOW, result("m2", 30, 1.4)]))] == [False, False]


class TestMissed:
    @pytest.fixture(autouse=True)
    def _policy(self, tmp_path: Path) -> None:
        self.silent_policy = tmp_path / "silent.toml"
        self.silent_policy.write_text("palliative_critical = false\n", encoding="utf-8")

    def test_severe_magnesium_with_a_card_is_not_missed(self) -> None:
        found = rows([patient(), stay("s", 0, 100), result("m1", 2, 1.0)])
        assert summed(found).severe == 1
        assert not [row for row in found if isinstance(row, Missed)]

    def test_severe_magnesium_without_a_card_says_why(self) -> None:
        older = result("m0", 9, 1.0, effectiveDateTime=after(0))
        found = rows([patient(), stay("s", 0, 100), result("m1", 5, 2.0), older])
        (missed,) = (row for row in found if isinstance(row, Missed))
        assert (missed.magnesium, missed.reason) == ("1.0 mg/dL", "another result is newer, or of the same sample")

    def test_a_rule_that_is_quiet_gives_its_reason(self) -> None:
        palliative = problem("c", 0, "Z51.5")
        found = rows([patient(), stay("s", 0, 100), palliative, result("m1", 2, 1.0)], judge(policy=self.silent_policy))
        (missed,) = (row for row in found if isinstance(row, Missed))
        assert missed.reason == "palliative care"

    def test_what_could_not_be_used_has_a_reason(self) -> None:
        found = rows([*LOW, result("m2", 4, 1.4, unit="furlong")])
        (unused,) = (row for row in found if isinstance(row, Unused))
        assert (unused.reference, unused.means, unused.reason) == ("Observation/m2", "magnesium", "unknown-unit")


class TestPatientDays:
    def test_stays_that_overlap_count_once(self) -> None:
        assert summed(rows([patient(), stay("a", 0, 48), stay("b", 24, 72)])).hospital_days == 3

    def test_a_visit_is_no_day_in_hospital(self) -> None:
        visit = {**stay("a", 0, 48), "class": {"code": "AMB"}}
        row = summed(rows([patient(), visit]))
        assert (row.encounters, row.hospital_days) == (1, 0)


class TestPolicies:
    @pytest.fixture
    def stricter(self, tmp_path: Path) -> Path:
        path = tmp_path / "stricter.toml"
        path.write_text(
            '[magnesium.low]\nprinted = { "mmol/L" = 0.70, "mg/dL" = 1.7, "mEq/L" = 1.4 }\nreviewed = 2026-11-22\n',
            encoding="utf-8",
        )
        return path

    def test_moments_at_which_two_policies_differ(self, stricter: Path) -> None:
        borderline = [patient(), stay("s", 0, 100), result("m1", 2, 1.6), result("m2", 30, 1.4)]
        found = rows(borderline, judge(), judge("stricter", stricter))
        different = [row for row in found if isinstance(row, Difference) and row.topic == "hypomagnesemia"]
        assert [(row.at, row.indicator, row.other_indicator) for row in different] == [(after(2), "warning", "")]

    def test_the_same_policy_twice_does_not_differ(self) -> None:
        found = rows(LOW, judge("a"), judge("b"))
        assert not [row for row in found if isinstance(row, Difference)]
        assert len(firings(found)) == 2


class TestTrouble:
    def evaluate(self, *lines: str) -> list[Row]:
        return Evaluation((judge(),)).of_patient("p1", lines)

    def test_a_bad_resource_costs_only_itself(self) -> None:
        found = self.evaluate(*map(json.dumps, LOW), '{"resourceType": "Observation", "status": "a", "status": "b"}')
        (trouble,) = (row for row in found if isinstance(row, Problem))
        assert trouble.kind == "unreadable resource"
        assert len(firings(found)) == 1

    @pytest.mark.parametrize(
        ("resources", "kind"),
        [
            ([result("m1", 2, 1.4)], "no Patient resource"),
            ([patient()], "nothing to replay"),
            ([*LOW, problem("c", 1, "E83.42", subject={"reference": "Patient/p2"})], "two patients"),
        ],
    )
    def test_a_bad_patient_costs_only_itself(self, resources: list[Resource], kind: str) -> None:
        found = self.evaluate(*map(json.dumps, resources))
        assert [row.kind for row in found if isinstance(row, Problem)] == [kind]

    def test_our_own_mistake_is_listed_without_what_the_patient_has(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(*_: object) -> None:
            raise RuntimeError("Mrs. Smith")

        monkeypatch.setattr("cds_service.evaluate.patient.moments", broken)
        (trouble,) = self.evaluate(*map(json.dumps, LOW))
        assert isinstance(trouble, Problem)
        assert trouble.kind == "patient not evaluated"
        assert "RuntimeError" in trouble.message
        assert "Smith" not in trouble.message


def test_what_the_export_does_not_hold_was_not_looked_at() -> None:
    (without,) = firings(rows(LOW, judge(kinds=KINDS - {"Condition"})))
    (with_them,) = firings(rows(LOW))
    assert "the problem list" in without.evidence
    assert "the problem list" not in with_them.evidence
