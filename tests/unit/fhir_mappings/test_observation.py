from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import pytest

from fhir_mappings.context import Context
from fhir_mappings.observation import read_observation
from fhir_mappings.site_codes import SiteCodes
from fhir_mappings.subject import PatientMismatch
from magnesium.facts import Analyte, LabResult, Match, Unusable

LOINC = "http://loinc.org"
OURS = "urn:ours"
UCUM = "http://unitsofmeasure.org"

SITE = SiteCodes(
    labs={(OURS, "MG"): Analyte.MAGNESIUM, (OURS, "K"): Analyte.POTASSIUM},
    names={"magnesium (serum)": Analyte.MAGNESIUM},
)


def observation(**changes: Any) -> dict[str, Any]:
    """A plain serum magnesium; a change to None takes the element away."""
    resource = {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "code": coded((LOINC, "19123-9")),
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2026-03-14T08:00:00Z",
        "valueQuantity": {"value": Decimal("1.4"), "unit": "mg/dL", "system": UCUM, "code": "mg/dL"},
    } | changes
    return {name: value for name, value in resource.items() if value is not None}


def coded(*pairs: tuple[str, str], text: str = "") -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code} for system, code in pairs], "text": text}


def amount(value: Any, unit: str | None = None, **more: Any) -> dict[str, Any]:
    return {"value": value, "unit": unit} | more


def result(resource: dict[str, Any], context: Context) -> LabResult:
    [fact] = read_observation(resource, context)
    assert isinstance(fact, LabResult), fact
    return fact


def unusable(resource: dict[str, Any], context: Context) -> Unusable:
    [fact] = read_observation(resource, context)
    assert isinstance(fact, Unusable), fact
    return fact


@pytest.fixture
def at_site(context_of: Any) -> Context:
    context: Context = context_of(site=SITE)
    return context


def test_a_plain_result(context: Context) -> None:
    lab = result(observation(), context)
    assert (lab.analyte, lab.quantity.text, lab.when.exact) == (Analyte.MAGNESIUM, "1.4 mg/dL", True)
    assert (lab.preliminary, lab.hemolyzed, lab.post_dialysis, lab.reference_low, lab.specimen) == (
        False, "", False, None, "",
    )  # fmt: skip
    assert lab.source.reference == "Observation/o1"
    assert (lab.source.system, lab.source.code, lab.source.as_sent) == (LOINC, "19123-9", "1.4 mg/dL")
    assert lab.source.display == "Magnesium [Mass/volume] in Serum or Plasma"
    assert lab.source.match is Match.STANDARD_CODE


class TestWhatWasMeasured:
    @pytest.mark.parametrize(
        ("pairs", "text", "analyte", "match"),
        [
            ([(LOINC, "19123-9")], "", Analyte.MAGNESIUM, Match.STANDARD_CODE),
            ([(LOINC, "2601-3")], "", Analyte.MAGNESIUM, Match.STANDARD_CODE),
            ([("urn:oid:2.16.840.1.113883.6.1", "2601-3")], "", Analyte.MAGNESIUM, Match.STANDARD_CODE),
            ([(OURS, "MG")], "", Analyte.MAGNESIUM, Match.LOCAL_CODE),
            ([(OURS, "MG"), (LOINC, "2601-3")], "", Analyte.MAGNESIUM, Match.STANDARD_CODE),
            ([(OURS, "MG"), (LOINC, "99999-9")], "", Analyte.MAGNESIUM, Match.LOCAL_CODE),
            ([(OURS, "MG"), (OURS, "MG")], "", Analyte.MAGNESIUM, Match.LOCAL_CODE),
            ([(LOINC, "2601-3"), (LOINC, "19123-9")], "", Analyte.MAGNESIUM, Match.STANDARD_CODE),
            ([(OURS, "X")], "Magnesium (SERUM)", Analyte.MAGNESIUM, Match.NAME),
            ([(OURS, "K")], "Magnesium (serum)", Analyte.POTASSIUM, Match.LOCAL_CODE),
            # ionized, red-cell and whole-blood magnesium are not serum magnesium
            ([(LOINC, "2600-5")], "", Analyte.MAGNESIUM_IONIZED, Match.STANDARD_CODE),
            ([(LOINC, "26746-8")], "", Analyte.MAGNESIUM_RBC, Match.STANDARD_CODE),
            ([(LOINC, "21377-7")], "", Analyte.MAGNESIUM_WHOLE_BLOOD, Match.STANDARD_CODE),
        ],
    )
    def test_a_standard_code_wins_over_a_local_one_over_a_name(
        self, pairs: list[tuple[str, str]], text: str, analyte: Analyte, match: Match, at_site: Context
    ) -> None:
        lab = result(observation(code=coded(*pairs, text=text), valueQuantity=amount(1, "mmol/L")), at_site)
        assert (lab.analyte, lab.source.match) == (analyte, match)

    def test_whole_blood_potassium_counts_as_potassium(self, context: Context) -> None:
        sent = observation(code=coded((LOINC, "6298-4")), valueQuantity=amount(Decimal("3.9"), "mmol/L"))
        assert result(sent, context).analyte is Analyte.POTASSIUM

    @pytest.mark.parametrize(
        "code",
        [
            coded((LOINC, "718-7")),  # hemoglobin
            coded((LOINC, "11253-2")),  # tacrolimus level
            coded((OURS, "MG")),  # a local code that nobody mapped
            coded(text="Magnesium"),  # a name alone is never enough
            coded((LOINC, "40248-7")),  # creatinine, baseline
            coded((LOINC, "39955-0")),  # creatinine, pre challenge
            coded((LOINC, "62425-4")),  # creatinine, post challenge
            coded((LOINC, "72271-0")),  # creatinine, pre contrast
            coded((LOINC, "44784-7")),  # creatinine, maximum during study
            {},
            "magnesium",
            None,
        ],
        ids=str,
    )
    def test_what_is_of_no_interest_is_ignored(self, code: Any, context: Context) -> None:
        assert list(read_observation(observation(code=code), context)) == []

    def test_a_known_code_for_something_else_wins_over_a_local_one(self, at_site: Context) -> None:
        sent = observation(code=coded((OURS, "MG"), (LOINC, "13474-2")))  # urine magnesium/creatinine
        assert list(read_observation(sent, at_site)) == []

    def test_a_known_code_for_something_else_contradicts_a_standard_one(self, at_site: Context) -> None:
        sent = observation(code=coded((LOINC, "19123-9"), (LOINC, "13474-2")))
        fact = unusable(sent, at_site)
        assert (fact.reason, fact.analyte) == ("conflicting-codes", Analyte.MAGNESIUM)

    def test_pre_dialysis_is_routine_and_post_dialysis_is_marked(self, context: Context) -> None:
        for code, marked in (("51618-7", False), ("29349-8", True)):
            sent = observation(code=coded((LOINC, code)), valueQuantity=amount(4, "mmol/L"))
            assert result(sent, context).post_dialysis is marked

    @pytest.mark.parametrize(
        ("pairs", "analytes"),
        [
            ([(LOINC, "19123-9"), (LOINC, "2823-3")], [Analyte.MAGNESIUM, Analyte.POTASSIUM]),
            ([(LOINC, "19123-9"), (LOINC, "21377-7")], [Analyte.MAGNESIUM, Analyte.MAGNESIUM_WHOLE_BLOOD]),
            ([(OURS, "MG"), (OURS, "K")], [Analyte.MAGNESIUM, Analyte.POTASSIUM]),
        ],
    )
    def test_contradicting_codes_are_an_unread_result_of_each(
        self, pairs: list[tuple[str, str]], analytes: list[Analyte], at_site: Context
    ) -> None:
        facts = list(read_observation(observation(code=coded(*pairs)), at_site))
        assert [(fact.reason, fact.analyte) for fact in facts if isinstance(fact, Unusable)] == [
            ("conflicting-codes", analyte) for analyte in analytes
        ]
        assert all(fact.when is not None for fact in facts)


class TestValue:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (amount(Decimal("1.40"), "mg/dL"), "1.40 mg/dL"),
            (amount(1.4, "MG/DL"), "1.4 mg/dL"),
            (amount(Decimal("1.4"), None, code="mg/dL"), "1.4 mg/dL"),
            (amount(Decimal("0.8"), "mmol/L"), "0.8 mmol/L"),  # under a mass code: the unit decides
            (amount(Decimal("1.4"), "meq/L"), "1.4 mEq/L"),
            (amount(1, "mmol/l"), "1 mmol/L"),
            (amount(Decimal("1.2000000000000002"), "mg/dL"), "1.2 mg/dL"),
            (amount(Decimal("0.6"), "mmol/L", comparator="<"), "<0.6 mmol/L"),
            (amount(Decimal("0.6"), "mmol/L", comparator="<="), "<=0.6 mmol/L"),
            (amount(10, "mg/dL", comparator=">="), ">=10 mg/dL"),
            (amount(Decimal("1.4"), "mg per dL", code="mg/dL"), "1.4 mg/dL"),
            (amount(Decimal("1.4"), "mg/dL", code="private"), "1.4 mg/dL"),
        ],
        ids=str,
    )
    def test_a_quantity(self, value: dict[str, Any], text: str, context: Context) -> None:
        assert result(observation(valueQuantity=value), context).quantity.text == text

    @pytest.mark.parametrize(
        ("sent", "text"),
        [
            ("1.2 mg/dL", "1.2 mg/dL"),
            ("1.2mg/dL", "1.2 mg/dL"),
            (" < 0.5 mmol/L ", "<0.5 mmol/L"),
            ("<=0.5 mmol/L", "<=0.5 mmol/L"),
            ("≥ 10 mg/dL", ">=10 mg/dL"),
            ("LESS THAN 0.5 mg/dL", "<0.5 mg/dL"),
            ("less than or equal to 0.5 mg/dL", "<=0.5 mg/dL"),
            ("GREATER  THAN 10 mg/dL", None),
            ("Greater than 10 mg/dL", ">10 mg/dL"),
        ],
    )
    def test_a_value_in_words(self, sent: str, text: str | None, context: Context) -> None:
        resource = observation(valueQuantity=None, valueString=sent)
        if text is None:
            assert unusable(resource, context).reason == "no-number"
        else:
            lab = result(resource, context)
            assert (lab.quantity.text, lab.source.as_sent) == (text, sent.strip())

    @pytest.mark.parametrize(
        ("value", "reason"),
        [
            ({"valueQuantity": amount(Decimal("1.4"))}, "no-unit"),
            ({"valueQuantity": amount(Decimal("1.4"), "furlongs")}, "unknown-unit"),
            ({"valueQuantity": amount(Decimal("1.4"), "mg")}, "unknown-unit"),
            ({"valueQuantity": amount(Decimal("1.4"), "g/dL")}, "unknown-unit"),
            ({"valueQuantity": amount(Decimal("1.4"), "mg/dL", code="mmol/L")}, "conflicting-units"),
            ({"valueQuantity": amount(Decimal("1.4"), "mg/dL", comparator="~")}, "unknown-comparator"),
            ({"valueQuantity": amount("1.4", "mg/dL")}, "no-number"),
            ({"valueQuantity": amount(True, "mg/dL")}, "no-number"),
            ({"valueQuantity": amount(float("nan"), "mg/dL")}, "no-number"),
            ({"valueQuantity": amount(Decimal("1E+999"), "mg/dL")}, "no-number"),
            ({"valueQuantity": amount(None, "mg/dL")}, "value-absent"),
            ({"valueQuantity": {}}, "value-absent"),
            ({"valueQuantity": "1.4 mg/dL"}, "no-number"),
            ({"valueString": "LESS THAN 0.4"}, "no-unit"),
            ({"valueString": "<0.6"}, "no-unit"),
            ({"valueString": "1.4 stones"}, "unknown-unit"),
            ({"valueString": "1,4 mg/dL"}, "no-number"),
            ({"valueString": "1.4.2 mg/dL"}, "no-number"),
            ({"valueString": "UNABLE TO REPORT DUE TO CONTAMINATION"}, "no-number"),
            ({"valueString": "9" * 40 + " mg/dL"}, "no-number"),
            ({"valueString": ""}, "no-number"),
            ({"valueInteger": 2}, "no-unit"),
            ({"valueCodeableConcept": {"text": "low"}}, "no-number"),
            ({"valueRange": {"low": {"value": 1}}}, "no-number"),
            ({"dataAbsentReason": {"coding": [{"code": "unknown"}]}}, "value-absent"),
            ({}, "value-absent"),
        ],
        ids=str,
    )
    def test_what_cannot_be_read_is_an_unread_result_with_its_analyte(
        self, value: dict[str, Any], reason: str, context: Context
    ) -> None:
        fact = unusable(observation(**{"valueQuantity": None} | value), context)
        assert (fact.reason, fact.analyte) == (reason, Analyte.MAGNESIUM)
        assert fact.when is not None

    def test_units_that_mean_the_same_do_not_contradict(self, context: Context) -> None:
        sent = observation(code=coded((LOINC, "2823-3")), valueQuantity=amount(Decimal("3.4"), "mmol/L", code="meq/L"))
        assert result(sent, context).quantity.text == "3.4 mEq/L"

    def test_ph_has_no_unit_by_nature(self, context: Context) -> None:
        sent = observation(code=coded((LOINC, "2744-1")), valueQuantity=amount(Decimal("7.48")))
        assert result(sent, context).quantity.value == Decimal("7.48")

    def test_an_egfr_may_be_a_bound(self, context: Context) -> None:
        sent = observation(code=coded((LOINC, "98979-8")), valueQuantity=None, valueString=">60 mL/min/1.73m2")
        assert result(sent, context).quantity.text == ">60 mL/min/1.73m2"


class TestStatus:
    @pytest.mark.parametrize("status", ["final", "amended", "corrected", "FINAL"])
    def test_used(self, status: str, context: Context) -> None:
        assert not result(observation(status=status), context).preliminary

    @pytest.mark.parametrize("status", ["preliminary", "unknown", None])
    def test_used_and_marked(self, status: str | None, context: Context) -> None:
        assert result(observation(status=status), context).preliminary

    @pytest.mark.parametrize(
        ("status", "reason"),
        [
            ("entered-in-error", "not-a-result"),
            ("cancelled", "not-a-result"),
            ("registered", "not-yet-resulted"),
            ("specimen-in-process", "not-yet-resulted"),
        ],
    )
    def test_no_result_at_all_is_not_a_newer_one(self, status: str, reason: str, context: Context) -> None:
        fact = unusable(observation(status=status), context)
        assert (fact.reason, fact.analyte, fact.when) == (reason, None, None)

    def test_a_status_that_fhir_does_not_have_may_be_a_newer_result(self, context: Context) -> None:
        fact = unusable(observation(status="verified"), context)
        assert (fact.reason, fact.analyte) == ("unknown-status", Analyte.MAGNESIUM)


class TestTime:
    @pytest.mark.parametrize(
        ("elements", "hour"),
        [
            ({"effectiveDateTime": "2026-03-14T08:00:00Z", "issued": "2026-03-14T11:00:00Z"}, 8),
            ({"effectiveInstant": "2026-03-14T09:00:00Z", "issued": "2026-03-14T11:00:00Z"}, 9),
            ({"effectivePeriod": {"start": "2026-03-14T01:00:00Z", "end": "2026-03-14T10:00:00Z"}}, 10),
            ({"effectivePeriod": {"start": "2026-03-14T01:00:00Z"}, "issued": "2026-03-14T11:00:00Z"}, 11),
            ({"effectiveDateTime": "this morning", "issued": "2026-03-14T11:00:00Z"}, 11),
        ],
        ids=str,
    )
    def test_effective_time_else_issued(self, elements: dict[str, Any], hour: int, context: Context) -> None:
        assert result(observation(**{"effectiveDateTime": None} | elements), context).when.earliest.hour == hour

    def test_without_any_time_it_may_be_the_newest(self, context: Context) -> None:
        fact = unusable(observation(effectiveDateTime=None), context)
        assert (fact.reason, fact.analyte, fact.when) == ("no-time", Analyte.MAGNESIUM, None)


class TestSubject:
    @pytest.mark.parametrize(
        "subject",
        [
            {"reference": "Patient/p1"},
            {"reference": "https://fhir.example.org/r4/Patient/p1/_history/7"},
            {"reference": "urn:uuid:p1"},
            {"reference": "p1"},
            [{"reference": "Patient/p1"}],
        ],
        ids=str,
    )
    def test_this_patient(self, subject: Any, context: Context) -> None:
        assert result(observation(subject=subject), context).analyte is Analyte.MAGNESIUM

    def test_dstu2_says_patient(self, context: Context) -> None:
        sent = observation(subject=None, patient={"reference": "Patient/p1"})
        assert result(sent, context).analyte is Analyte.MAGNESIUM

    @pytest.mark.parametrize("reference", ["Patient/p2", "https://fhir.example.org/r4/Patient/p2"])
    @pytest.mark.parametrize("code", ["19123-9", "718-7"])
    def test_another_patient_s_result_is_refused_even_if_it_is_of_no_interest(
        self, reference: str, code: str, context: Context
    ) -> None:
        sent = observation(subject={"reference": reference}, code=coded((LOINC, code)))
        with pytest.raises(PatientMismatch, match=r"^Observation/o1 belongs to another patient$") as mismatch:
            list(read_observation(sent, context))
        assert mismatch.value.reference == "Observation/o1"

    @pytest.mark.parametrize(
        ("subject", "reason"),
        [
            (None, "no-subject"),
            ({"display": "Ann"}, "no-subject"),
            ({"reference": "Group/p1"}, "unresolved-subject"),
            ({"reference": "urn:uuid:0c3151bd"}, "unresolved-subject"),
            ({"reference": "#p"}, "unresolved-subject"),
            ({"reference": "Patient/"}, "unresolved-subject"),
        ],
        ids=str,
    )
    def test_nobody_s_result_counts_for_nothing(self, subject: Any, reason: str, context: Context) -> None:
        fact = unusable(observation(subject=subject), context)
        assert (fact.reason, fact.analyte) == (reason, None)


class TestReferenceRange:
    @pytest.mark.parametrize(
        ("ranges", "low"),
        [
            ([{"low": amount(Decimal("1.7"), "mg/dL"), "high": amount(Decimal("2.2"), "mg/dL")}], "1.7 mg/dL"),
            ({"low": amount(Decimal("0.7"), "mmol/L")}, "0.7 mmol/L"),
            (
                [
                    {"type": {"coding": [{"code": "normal"}]}, "low": amount(Decimal("1.7"), "mg/dL")},
                    {"type": {"coding": [{"code": "therapeutic"}]}, "low": amount(4, "mg/dL")},
                    {"appliesTo": [{"text": "pregnancy"}], "low": amount(Decimal("1.5"), "mg/dL")},
                ],
                "1.7 mg/dL",
            ),
            ([{"low": amount(Decimal("1.7"), "mg/dL")}, {"low": amount(Decimal("1.6"), "mg/dL")}], None),
            ([{"low": amount(Decimal("1.7"))}], None),
            ([{"high": amount(Decimal("2.2"), "mg/dL")}], None),
            ([{"text": "1.7 to 2.2"}], None),
            (7, None),
        ],
        ids=str,
    )
    def test_the_one_lower_limit(self, ranges: Any, low: str | None, context: Context) -> None:
        found = result(observation(referenceRange=ranges), context).reference_low
        assert (found.text if found else None) == low


class TestSpecimen:
    def test_the_specimen_holds_results_together(self, context: Context) -> None:
        sent = observation(specimen={"reference": "Specimen/s1"})
        assert result(sent, context).specimen == "Specimen/s1"

    def test_a_contained_specimen_is_of_this_result_only(self, context: Context) -> None:
        assert result(observation(specimen={"reference": "#s"}), context).specimen == "Observation/o1#s"

    def test_a_kind_of_specimen_is_no_specimen(self, context: Context) -> None:
        assert result(observation(specimen={"display": "Blood"}), context).specimen == ""


class TestComponents:
    PANEL = observation(
        code=coded((LOINC, "24447-0")),
        valueQuantity=None,
        component=[
            {"code": coded((LOINC, "19124-7")), "valueQuantity": amount(Decimal("2.1"), "mg/dL")},
            {"code": coded((LOINC, "2161-8")), "valueQuantity": amount(77, "mg/dL")},
            {"code": coded((LOINC, "5811-5")), "valueQuantity": amount(Decimal("1.01"))},
        ],
    )

    def test_a_urine_panel_is_its_components(self, context: Context) -> None:
        facts = list(read_observation(self.PANEL, context))
        assert [(fact.analyte, fact.source.as_sent, fact.source.reference) for fact in facts] == [
            (Analyte.MAGNESIUM_URINE, "2.1 mg/dL", "Observation/o1"),
            (Analyte.CREATININE_URINE, "77 mg/dL", "Observation/o1"),
        ]

    def test_a_serum_value_in_a_score_is_not_a_result(self, context: Context) -> None:
        score = copy.deepcopy(self.PANEL)
        score["component"] = [{"code": coded((LOINC, "2160-0")), "valueQuantity": amount(3, "mg/dL")}]
        assert list(read_observation(score, context)) == []

    ECG = observation(
        code=coded(("urn:ecg", "12-lead")),
        valueQuantity=None,
        component=[
            {"code": coded((LOINC, "8636-3")), "valueQuantity": amount(512, "ms")},
            {"code": coded((LOINC, "8633-0")), "valueQuantity": amount(Decimal("0.124"), "s")},
            {"code": coded((LOINC, "8867-4")), "valueQuantity": amount(44, "/min")},
        ],
    )

    def test_an_electrocardiogram_gives_its_qtc_and_qrs(self, context: Context) -> None:
        facts = list(read_observation(self.ECG, context))
        assert [(fact.analyte, fact.source.as_sent, fact.source.reference) for fact in facts] == [
            (Analyte.QTC, "512 ms", "Observation/o1"),
            (Analyte.QRS, "0.124 s", "Observation/o1"),
        ]

    @pytest.mark.parametrize(
        ("value", "reason"),
        [(amount(512), "no-unit"), (amount(512, "mm"), "unknown-unit"), (amount(None, "ms"), "value-absent")],
    )
    def test_an_interval_that_cannot_be_read_is_listed(
        self, value: dict[str, Any], reason: str, context: Context
    ) -> None:
        ecg = copy.deepcopy(self.ECG)
        ecg["component"] = [{"code": coded((LOINC, "8636-3")), "valueQuantity": value}]
        assert (unusable(ecg, context).reason, unusable(ecg, context).analyte) == (reason, Analyte.QTC)

    def test_the_uncorrected_interval_is_not_read(self, context: Context) -> None:
        ecg = copy.deepcopy(self.ECG)
        ecg["component"] = [{"code": coded((LOINC, "8634-8")), "valueQuantity": amount(512, "ms")}]
        assert list(read_observation(ecg, context)) == []


def test_a_hemolyzed_specimen_is_marked(context: Context) -> None:
    sent = observation(note=[{"text": "Specimen slightly hemolyzed"}])
    assert result(sent, context).hemolyzed == "hemolyzed (note)"
