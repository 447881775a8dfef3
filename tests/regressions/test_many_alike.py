"""Found by a review: thousands of records that are alike, for which the work grew with the square of their number.

No assertion is about time. What is counted is what was done too often – comparisons, references taken apart, facts
spelled out –, and twice as many records may cost little more than twice as much.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_mappings import chart, draft_orders, drug, medication, specimen_quality
from fhir_mappings.chart import Gathered, read_facts
from fhir_mappings.codes import RXNORM, Terminology
from fhir_mappings.draft_orders import DraftOrders
from fhir_mappings.pool import Pool
from fhir_mappings.site_codes import SiteCodes
from magnesium import pairing
from magnesium.facts import LabResult, Need, PatientFacts
from magnesium.femg import NotComputable
from magnesium.moment import When
from magnesium.picture import ClinicalPicture
from magnesium.results import _each_sample_once
from tests.builders import IV, NOW, POLICY, ago, facts, mg, urine_creatinine, urine_mg
from tests.builders import given as dose

P1 = {"reference": "Patient/p1"}
FEW, TWICE = 200, 400
ROOM = 2.6
"""Twice the records, plus the logarithm of sorting."""


def grows_with_the_records(counted: Callable[[int], int]) -> bool:
    few, twice = counted(FEW), counted(TWICE)
    return 0 < twice <= ROOM * few


class Instant(datetime):
    """A moment that counts how often it is measured against another."""

    measured = 0

    def __sub__(self, other: Any) -> Any:
        Instant.measured += 1
        return datetime.__sub__(self, other)

    def __ge__(self, other: Any) -> bool:
        Instant.measured += 1
        return datetime.__ge__(self, other)


MOMENT = Instant(2026, 3, 14, 8, tzinfo=UTC)


def measured(results: list[LabResult]) -> int:
    Instant.measured = 0
    _each_sample_once(results, POLICY)
    return Instant.measured


def plainly_each_sample_once(results: list[LabResult]) -> list[LabResult]:
    """What is meant: each result that is no copy of one before it, which no other copy has used up."""
    window = POLICY.quality.charted_twice.delta
    kept: list[LabResult] = []
    waiting: list[LabResult] = []
    for result in results:
        original = next(
            (
                other
                for other in waiting
                if other.source.system != result.source.system
                and other.quantity.comparator == result.quantity.comparator
                and other.quantity.canonical == result.quantity.canonical
                and result.when.latest - other.when.earliest <= window
            ),
            None,
        )
        if original is None:
            kept.append(result)
            waiting.append(result)
        else:
            waiting.remove(original)
    return kept


VALUES = st.sampled_from(["1.4 mg/dL", "14 mg/L", "1.5 mg/dL", "<1.4 mg/dL"])
INSTANTS = st.integers(0, 40).map(lambda hours: When.at(ago(hours=hours)))
DAYS = st.integers(0, 2).map(
    lambda days: When(
        datetime(2026, 3, 13 - days, tzinfo=UTC), datetime(2026, 3, 14 - days, tzinfo=UTC) - timedelta(microseconds=1)
    )
)


def charted(times: st.SearchStrategy[When], systems: str) -> st.SearchStrategy[list[LabResult]]:
    def result(value: str, when: When, system: str) -> LabResult:
        return replace(mg(value, system=f"urn:{system}"), when=when)

    def in_order(found: list[LabResult]) -> list[LabResult]:
        numbered = [replace(r, source=replace(r.source, reference=f"{n}")) for n, r in enumerate(found)]
        return sorted(numbered, key=lambda r: (r.when.earliest, r.when.latest, r.source.reference))

    return st.lists(st.builds(result, VALUES, times, st.sampled_from(systems)), max_size=25).map(in_order)


class TestSamplesChartedTwice:
    @pytest.mark.parametrize("alike", [True, False], ids=["of one value", "of different values"])
    def test_results_of_one_moment_are_not_all_compared_with_each_other(self, alike: bool) -> None:
        def counted(count: int) -> int:
            one = mg("1.4 mg/dL")
            value = one.quantity.value
            return measured(
                [
                    replace(
                        one, when=When.at(MOMENT), quantity=replace(one.quantity, value=value if alike else value + n)
                    )
                    for n in range(count)
                ]
                + [replace(one, when=When.at(MOMENT), source=replace(one.source, system="urn:copy"))] * count
            )

        assert grows_with_the_records(counted)

    @pytest.mark.parametrize("apart", [timedelta(), timedelta(hours=13)], ids=["of one moment", "far apart"])
    def test_nor_are_those_of_very_many_code_systems(self, apart: timedelta) -> None:
        def counted(count: int) -> int:
            one = mg("1.4 mg/dL")
            moments = [Instant.fromtimestamp((MOMENT + n * apart).timestamp(), UTC) for n in range(count)]
            return measured(
                [
                    replace(one, when=When.at(moment), source=replace(one.source, system=f"urn:{n}"))
                    for n, moment in enumerate(moments)
                ]
            )

        assert grows_with_the_records(counted)

    @given(charted(INSTANTS, "abcd"))
    def test_what_is_kept_at_full_instants_is_what_is_meant(self, results: list[LabResult]) -> None:
        assert _each_sample_once(results, POLICY) == plainly_each_sample_once(results)

    @given(charted(INSTANTS | DAYS, "ab"))
    def test_so_it_is_with_plain_dates_among_them(self, results: list[LabResult]) -> None:
        assert _each_sample_once(results, POLICY) == plainly_each_sample_once(results)


def read(*resources: dict[str, Any], drafts: DraftOrders | None = None) -> PatientFacts:
    return read_facts(
        Gathered({Need.LABS: resources}),
        patient_id="p1",
        encounter_id=None,
        drafts=drafts,
        terminology=Terminology.load(),
        site=SiteCodes(),
        zone=ZoneInfo("Europe/Berlin"),
        as_of=NOW,
    )


def calls_of(monkeypatch: pytest.MonkeyPatch, module: object, name: str) -> list[Any]:
    """Record the first argument of every call of a function."""
    function, calls = getattr(module, name), []

    def recorded(*arguments: Any) -> Any:
        calls.append(arguments[0])
        return function(*arguments)

    monkeypatch.setattr(module, name, recorded)
    return calls


def order(number: int, **elements: Any) -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest",
        "id": f"m{number}",
        "status": "active",
        "subject": P1,
        "medicationCodeableConcept": {"coding": [{"system": RXNORM, "code": "4603"}]},
    } | elements


def result(number: int, **elements: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "19123-9"}]},
        "subject": P1,
        "effectiveDateTime": "2026-03-14T08:00:00Z",
        "valueQuantity": {"value": 1 + number * 7919 % 1000 / 1000, "unit": "mg/dL"},
    } | elements


class TestReaders:
    def test_each_selection_is_taken_apart_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        calls = calls_of(monkeypatch, draft_orders, "target")

        def counted(count: int) -> int:
            calls.clear()
            entries = [{"resource": order(n, status="draft")} for n in range(count)]
            picked = tuple(f"MedicationRequest/x{n}" for n in range(count))
            read(drafts=DraftOrders({"entry": entries}, picked, signing=False))
            return len(calls)

        assert grows_with_the_records(counted)

    def test_a_fact_without_an_id_is_spelled_out_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        spelled = []

        def spell(fact: object) -> str:
            spelled.append(fact)
            return repr(fact)

        monkeypatch.setattr(chart, "repr", spell, raising=False)

        def counted(count: int) -> int:
            spelled.clear()
            read(*map(result, range(count)))
            return len(spelled)

        assert (counted(FEW), counted(TWICE)) == (FEW, TWICE)

    def test_a_specimen_that_many_results_share_is_read_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        specimen = {"resourceType": "Specimen", "id": "s", "note": [{"text": "hemolyzed"}]}
        calls = calls_of(monkeypatch, specimen_quality, "_on_specimen")
        found = read(specimen, *(result(n, id=f"o{n}", specimen={"reference": "Specimen/s"}) for n in range(FEW)))
        assert {lab.hemolyzed for lab in found.labs} == {"hemolyzed (specimen note)"}
        assert len(calls) == 1

    def test_the_components_of_a_panel_share_what_is_said_of_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        urine = {"code": {"coding": [{"system": "http://loinc.org", "code": "19124-7"}]}}
        component = urine | {"valueQuantity": {"value": 5, "unit": "mg/dL"}}
        panel = result(1, id="o", code={"text": "panel"}, component=[component] * FEW, note=[{"text": "contaminated"}])
        calls = calls_of(monkeypatch, specimen_quality, "_on_result")
        found = read({name: value for name, value in panel.items() if name != "valueQuantity"})
        assert [lab.hemolyzed for lab in found.labs] == ["contaminated (note)"] * FEW
        assert len(calls) == 1

    def test_the_class_of_an_encounter_of_many_orders_is_read_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        stay = {
            "resourceType": "Encounter",
            "id": "e",
            "status": "in-progress",
            "class": {"code": "IMP"},
            "subject": P1,
        }
        calls = calls_of(monkeypatch, medication, "class_codes")
        found = read(stay, *(order(n, encounter={"reference": "Encounter/e"}) for n in range(FEW)))
        assert {exposure.inpatient for exposure in found.exposures} == {True}
        assert len(calls) == 1

    def test_a_medication_and_its_parts_are_read_once_for_all_orders(self, monkeypatch: pytest.MonkeyPatch) -> None:
        mixture = {
            "resourceType": "Medication",
            "id": "mixture",
            "ingredient": [{"itemReference": {"reference": "Medication/part"}}] * 2,
        }
        part = {"resourceType": "Medication", "id": "part", "code": {"coding": [{"system": RXNORM, "code": "4603"}]}}
        calls = calls_of(monkeypatch, drug, "_of_medication")
        spelled = calls_of(monkeypatch, drug, "words_of")
        pointer = {"medicationReference": {"reference": "Medication/mixture"}, "medicationCodeableConcept": None}
        found = read(mixture, part, *(order(n, **pointer) for n in range(FEW)))
        assert {exposure.ingredients for exposure in found.exposures} == {("furosemide",)}
        assert (len(calls), len(spelled)) == (1, 1)

    def test_what_a_resource_holds_is_looked_through_once(self) -> None:
        class Held(dict[str, Any]):
            looked = 0

            def get(self, key: str, default: Any = None) -> Any:
                Held.looked += 1
                return super().get(key, default)

        def counted(count: int) -> int:
            Held.looked = 0
            holder = {"contained": [Held(id=f"q{n}") for n in range(count)]}
            pool = Pool.of([])
            for n in range(count):
                assert pool.resolve(f"#q{n}", "Medication", holder) == {"id": f"q{n}"}
            return Held.looked

        assert grows_with_the_records(counted)


class TestRules:
    def test_of_very_many_doses_each_is_looked_at_for_few_results(self, monkeypatch: pytest.MonkeyPatch) -> None:
        looked: list[Any] = []
        injected = ClinicalPicture._injected_by

        def look(picture: ClinicalPicture, *asked: Any) -> bool:
            looked.append(asked)
            return injected(picture, *asked)

        monkeypatch.setattr(ClinicalPicture, "_injected_by", look)

        def counted(count: int) -> int:
            results = [mg("2 mg/dL", hours_ago=2 * n) for n in range(count)]
            doses = [dose("magnesium sulfate", IV, hours_ago=2 * n + 1) for n in range(count)]
            picture = ClinicalPicture(facts(mg("1.1 mg/dL", hours_ago=2 * count), *results, *doses), POLICY, NOW)
            looked.clear()
            assert picture.low_before_dose is not None
            return len(looked)

        assert grows_with_the_records(counted)

    def test_a_urine_sample_is_measured_against_the_results_around_it_only(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        calls = calls_of(monkeypatch, pairing, "apart")

        def counted(count: int) -> int:
            calls.clear()
            urine = [urine_mg("5 mg/dL", hours_ago=n) for n in range(count)]
            creatinine = [urine_creatinine("90 mg/dL", hours_ago=n) for n in range(count)]
            assert isinstance(ClinicalPicture(facts(*urine, *creatinine), POLICY, NOW).femg, NotComputable)
            return len(calls)

        assert grows_with_the_records(counted)
