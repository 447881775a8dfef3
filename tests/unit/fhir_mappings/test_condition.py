from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fhir_mappings.condition import read_condition
from fhir_mappings.context import Context
from fhir_mappings.site_codes import SiteCodes
from fhir_mappings.subject import PatientMismatch
from magnesium.facts import Certainty, ConditionFact, Unusable

ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"


def condition(**changes: Any) -> dict[str, Any]:
    resource = {
        "resourceType": "Condition",
        "id": "c1",
        "clinicalStatus": status("active"),
        "verificationStatus": status("confirmed"),
        "code": {"coding": [{"system": ICD10CM, "code": "I45.81", "display": "Long QT syndrome"}]},
        "subject": {"reference": "Patient/p1"},
        "recordedDate": "2026-03-01",
    } | changes
    return {name: value for name, value in resource.items() if value is not None}


def status(code: str) -> dict[str, Any]:
    return {"coding": [{"system": CLINICAL, "code": code}]}


def fact(resource: dict[str, Any], context: Context) -> ConditionFact:
    [found] = read_condition(resource, context)
    assert isinstance(found, ConditionFact)
    return found


def test_a_plain_condition(context: Context) -> None:
    found = fact(condition(), context)
    assert (found.condition, found.label, found.certainty) == ("long_qt", "Long QT syndrome", Certainty.ESTABLISHED)
    assert (found.source.reference, found.source.code) == ("Condition/c1", "I45.81")
    assert found.onset is not None
    assert found.onset.earliest.day == 1


@pytest.mark.parametrize(
    "clinical",
    [
        None,
        status("active"),
        status("recurrence"),
        status("relapse"),
        "active",  # STU3
        {"text": "Active"},
        {"coding": [{"system": "urn:oid:1.2.840.114350", "code": "Active"}, {"system": CLINICAL, "code": "active"}]},
    ],
    ids=str,
)
def test_what_holds_counts(clinical: Any, context: Context) -> None:
    assert fact(condition(clinicalStatus=clinical), context).condition == "long_qt"


@pytest.mark.parametrize(
    "changes",
    [
        {"clinicalStatus": status("inactive")},
        {"clinicalStatus": status("remission")},
        {"clinicalStatus": status("resolved")},
        {"clinicalStatus": status("unknown")},
        {"clinicalStatus": {"coding": [{"code": "active"}, {"code": "remission"}]}},
        {"verificationStatus": status("refuted")},
        {"verificationStatus": status("entered-in-error")},
        {"verificationStatus": "entered-in-error"},
        {"abatementDateTime": "2026-02"},
        {"abatementPeriod": {"start": "2026-01-01", "end": "2026-02-01"}},
        {"clinicalStatus": None, "abatementBoolean": True},
        {"clinicalStatus": None, "abatementString": "last year"},
        {"code": {"coding": [{"system": ICD10CM, "code": "J45.909"}]}},  # asthma: no rule asks for it
        {"code": {"text": "Long QT syndrome"}},  # conditions are never matched by name
        {"code": None},
    ],
    ids=str,
)
def test_what_is_over_refuted_or_unknown_does_not(changes: dict[str, Any], context: Context) -> None:
    assert list(read_condition(condition(**changes), context)) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"abatementDateTime": "2026-04-01"},
        {"abatementDateTime": "2026-03"},
        {"abatementString": "unclear"},
        {"clinicalStatus": None, "abatementBoolean": False},
    ],
    ids=str,
)
def test_what_may_not_be_over_holds(changes: dict[str, Any], context: Context) -> None:
    assert fact(condition(**changes), context).condition == "long_qt"


@pytest.mark.parametrize(
    ("verification", "certainty"),
    [
        (None, Certainty.ESTABLISHED),
        (status("confirmed"), Certainty.ESTABLISHED),
        (status("unconfirmed"), Certainty.SUSPECTED),
        (status("provisional"), Certainty.SUSPECTED),
        (status("differential"), Certainty.SUSPECTED),
        ("unknown", Certainty.SUSPECTED),
    ],
    ids=str,
)
def test_certainty(verification: Any, certainty: Certainty, context: Context) -> None:
    assert fact(condition(verificationStatus=verification), context).certainty is certainty


@pytest.mark.parametrize(
    ("elements", "day"),
    [
        ({"onsetDateTime": "2026-02-11"}, 11),
        ({"onsetPeriod": {"start": "2026-02-12"}}, 12),
        ({"onsetAge": {"value": 30}}, 1),
        ({"recordedDate": None, "assertedDate": "2026-02-13"}, 13),
        ({"recordedDate": None, "dateRecorded": "2026-02-14"}, 14),
        ({"recordedDate": None}, None),
    ],
    ids=str,
)
def test_onset_else_the_date_of_the_record(elements: dict[str, Any], day: int | None, context: Context) -> None:
    onset = fact(condition(**elements), context).onset
    assert (onset.earliest.day if onset else None) == day


def test_one_fact_for_each_condition_that_the_codes_name(context: Context) -> None:
    codes = [{"system": ICD10CM, "code": code} for code in ("I45.81", "I47.21", "I45.81")]
    found = list(read_condition(condition(code={"coding": codes, "text": "Long QT, torsades"}), context))
    assert [(one.condition, one.label) for one in found if isinstance(one, ConditionFact)] == [
        ("long_qt", "Long QT, torsades"),
        ("torsades_de_pointes", "Long QT, torsades"),
    ]


def test_nobody_s_condition_is_listed(context: Context) -> None:
    [found] = read_condition(condition(subject=None), context)
    assert isinstance(found, Unusable)
    assert (found.source.reference, found.reason) == ("Condition/c1", "no-subject")


def test_another_patient_s_condition_is_refused(context: Context) -> None:
    with pytest.raises(PatientMismatch):
        list(read_condition(condition(subject={"reference": "Patient/p2"}), context))


BLEEDING = {"coding": [{"system": ICD10CM, "code": "K92.2"}]}
PREGNANT = {"coding": [{"system": ICD10CM, "code": "Z33.1"}]}


@pytest.mark.parametrize("code", [BLEEDING, PREGNANT])
@pytest.mark.parametrize(
    ("changes", "until"),
    [
        ({"clinicalStatus": status("resolved"), "abatementDateTime": "2026-03-10"}, 10),
        ({"clinicalStatus": status("inactive"), "abatementPeriod": {"end": "2026-03-10"}}, 10),
        ({"clinicalStatus": None, "abatementDateTime": "2026-03-10"}, 10),
        ({"clinicalStatus": status("resolved")}, 1),  # when it was recorded, for want of an end
    ],
    ids=str,
)
def test_what_still_counts_for_a_while_is_told_with_its_end(
    code: dict[str, Any], changes: dict[str, Any], until: int, context: Context
) -> None:
    found = fact(condition(code=code, **changes), context)
    assert found.until is not None
    assert found.until.earliest.day == until


def test_what_still_counts_for_a_while_is_left_out_where_nothing_says_when_it_was(context: Context) -> None:
    over = condition(code=PREGNANT, clinicalStatus=status("resolved"), recordedDate=None)
    assert list(read_condition(over, context)) == []


def test_what_lasts_has_no_end(context: Context) -> None:
    assert fact(condition(code=PREGNANT), context).until is None


LOCAL = {"system": "urn:ours:problems", "code": "REFEED", "display": "Refeeding"}


def test_a_site_s_own_code(context_of: Callable[..., Context]) -> None:
    site = SiteCodes(conditions={("urn:ours:problems", "REFEED"): "refeeding"})
    found = fact(condition(code={"coding": [LOCAL]}), context_of(site=site))
    assert (found.condition, found.label, found.source.code) == ("refeeding", "Refeeding", "REFEED")
    assert list(read_condition(condition(code={"coding": [LOCAL]}), context_of())) == []


def test_a_standard_code_wins_over_a_local_one(context_of: Callable[..., Context]) -> None:
    site = SiteCodes(conditions={("urn:ours:problems", "REFEED"): "refeeding"})
    both = {"coding": [LOCAL, {"system": ICD10CM, "code": "I45.81"}]}
    assert fact(condition(code=both), context_of(site=site)).condition == "long_qt"
