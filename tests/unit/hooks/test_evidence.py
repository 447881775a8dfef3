"""clinical.md §3: a card can be explained, and replayed, from its evidence."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from hooks.cards import without_empties
from hooks.evidence import MOST_UNUSABLE, evidence
from hooks.one_card import Lead
from magnesium.facts import (
    Analyte,
    ConditionFact,
    Exposure,
    ExposureKind,
    ExposureStatus,
    LabResult,
    Match,
    Route,
    Source,
    Unusable,
)
from magnesium.moment import When
from magnesium.policy import Policy
from magnesium.quantity import Comparator, Quantity
from magnesium.units import unit_of
from magnesium.verdict import Evidence, Finding, Indicator, Topic

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
THIS_MORNING = When.at(datetime(2026, 3, 14, 6, 30, tzinfo=UTC))
IN_MARCH = When(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 31, tzinfo=UTC), zone_assumed=True)


def magnesium(value: str, unit: str, comparator: Comparator = Comparator.EXACT) -> Quantity:
    known = unit_of(Analyte.MAGNESIUM, unit)
    assert known is not None
    return Quantity(Decimal(value), known, comparator)


LOW = LabResult(
    Analyte.MAGNESIUM,
    magnesium("12", "mg/L", Comparator.LESS),
    THIS_MORNING,
    Source("Observation/1", "http://loinc.org", "19123-9", "Magnesium", "<12 mg/L"),
)


def shown(policy: Policy, *parts: Evidence, held_back: tuple[str, ...] = ()) -> dict[str, Any]:
    """The evidence of a card that leads with arrhythmia risk and absorbs low magnesium, as it is sent."""
    topics = (Topic.ARRHYTHMIA, Topic.HYPOMAGNESEMIA)
    indicators = (Indicator.WARNING, Indicator.CRITICAL)
    findings = [
        Finding(topic, indicator, "x", evidence=part)
        for topic, indicator, part in zip(topics, indicators, parts, strict=False)
    ]
    sent: dict[str, Any] = without_empties(
        evidence(
            Lead(findings[0], tuple(findings[1:])),
            policy=policy,
            versions={Topic.ARRHYTHMIA: "1", Topic.HYPOMAGNESEMIA: "2"},
            as_of=NOW,
            held_back=held_back,
        )
    )
    return sent


def test_says_which_rules_spoke_under_which_policy_and_for_when(policy: Policy) -> None:
    assert shown(policy, Evidence(), Evidence()) == {
        "asOf": "2026-03-14T12:00:00+00:00",
        "topics": [
            {"code": "arrhythmia-risk", "indicator": "warning", "absorbed": False},
            {"code": "hypomagnesemia", "indicator": "critical", "absorbed": True},
        ],
        "rules": [{"id": "arrhythmia-risk", "version": "1"}, {"id": "hypomagnesemia", "version": "2"}],
        "policyVersion": policy.version,
    }


def test_shows_a_result_as_sent_and_as_compared(policy: Policy) -> None:
    assert shown(policy, Evidence((LOW,)))["facts"] == [
        {
            "kind": "result",
            "reference": "Observation/1",
            "system": "http://loinc.org",
            "code": "19123-9",
            "display": "Magnesium",
            "asSent": "<12 mg/L",
            "matched": "standard code",
            "means": "magnesium",
            "compared": "<1.2 mg/dL",
            "time": "2026-03-14T06:30:00+00:00",
        }
    ]


def test_shows_what_is_unusual_about_a_result(policy: Policy) -> None:
    odd = LabResult(
        Analyte.MAGNESIUM,
        magnesium("0.6", "mmol/L"),
        IN_MARCH,
        Source("Observation/2", match=Match.LOCAL_CODE),
        preliminary=True,
        hemolyzed="note says hemolyzed",
        post_dialysis=True,
        reference_low=magnesium("0.70", "mmol/L"),
        specimen="Specimen/9",
    )

    assert shown(policy, Evidence((odd,)))["facts"] == [
        {
            "kind": "result",
            "reference": "Observation/2",
            "matched": "local code",
            "means": "magnesium",
            "compared": "0.6 mmol/L",
            "time": "2026-03-01T00:00:00+00:00/2026-03-31T00:00:00+00:00",
            "timeZoneAssumed": True,
            "preliminary": True,
            "postDialysis": True,
            "hemolyzed": "note says hemolyzed",
            "referenceLow": "0.70 mmol/L",
            "specimen": "Specimen/9",
        }
    ]


def test_shows_a_drug_and_how_it_was_recognised(policy: Policy) -> None:
    drug = Exposure(
        ExposureKind.DRAFT,
        ExposureStatus.ACTIVE,
        ("magnesium oxide",),
        "Mag-Ox 400",
        Source("MedicationRequest/3", display="Mag-Ox 400", match=Match.NAME),
        route=Route.ORAL,
        route_assumed=True,
        dose_form="tablet",
        start=THIS_MORNING,
        authored=THIS_MORNING,
        as_needed=True,
        single_dose=True,
        inpatient=True,
        supply_days=30,
        daily_amount=magnesium("10", "mmol/L"),
        selected=True,
    )

    assert shown(policy, Evidence((drug,)))["facts"] == [
        {
            "kind": "draft",
            "reference": "MedicationRequest/3",
            "display": "Mag-Ox 400",
            "matched": "matched by name",
            "means": "magnesium oxide",
            "label": "Mag-Ox 400",
            "status": "active",
            "route": "oral",
            "doseForm": "tablet",
            "time": "2026-03-14T06:30:00+00:00",
            "authored": "2026-03-14T06:30:00+00:00",
            "supplyDays": 30,
            "dailyAmount": "10 mmol/L",
            "routeAssumed": True,
            "asNeeded": True,
            "singleDose": True,
            "inpatient": True,
            "selected": True,
        }
    ]


def test_shows_a_drug_of_which_little_is_known(policy: Policy) -> None:
    drug = Exposure(
        ExposureKind.ORDER, ExposureStatus.ACTIVE, ("furosemide",), "Furosemide", Source("MedicationRequest/4")
    )

    assert shown(policy, Evidence((drug,)))["facts"] == [
        {
            "kind": "order",
            "reference": "MedicationRequest/4",
            "matched": "standard code",
            "means": "furosemide",
            "label": "Furosemide",
            "status": "active",
            "route": "systemic",
        }
    ]


def test_shows_a_condition(policy: Policy) -> None:
    condition = ConditionFact("long_qt", Source("Condition/5", "http://snomed.info/sct", "9651007"), "Long QT")

    assert shown(policy, Evidence((condition,)))["facts"] == [
        {
            "kind": "condition",
            "reference": "Condition/5",
            "system": "http://snomed.info/sct",
            "code": "9651007",
            "matched": "standard code",
            "means": "long_qt",
            "label": "Long QT",
            "certainty": "established",
        }
    ]


def test_shows_what_could_not_be_used_and_why(policy: Policy) -> None:
    newer = Unusable(
        Source("Observation/6", as_sent="1.2"),
        "no-unit",
        "value without unit",
        Analyte.MAGNESIUM,
        THIS_MORNING,
    )
    other = Unusable(Source("Observation/7"), "not-an-object")

    assert shown(policy, Evidence(unusable=(newer, other)))["unusable"] == [
        {
            "reference": "Observation/6",
            "asSent": "1.2",
            "matched": "standard code",
            "reason": "no-unit",
            "detail": "value without unit",
            "means": "magnesium",
            "time": "2026-03-14T06:30:00+00:00",
        },
        {"reference": "Observation/7", "matched": "standard code", "reason": "not-an-object"},
    ]


@pytest.mark.parametrize(("over", "said"), [(0, []), (1, ["unusable: 1 more than the 100 listed"])])
def test_of_very_many_unusable_records_the_first_are_listed_and_the_others_counted(
    policy: Policy, over: int, said: list[str]
) -> None:
    unusable = tuple(Unusable(Source(f"Observation/{n}"), "no-unit") for n in range(MOST_UNUSABLE + over))

    sent = shown(policy, Evidence(unusable=unusable))

    assert [row["reference"] for row in sent["unusable"]] == [f"Observation/{n}" for n in range(MOST_UNUSABLE)]
    assert sent.get("heldBack", []) == said


def test_prints_each_number_applied_with_its_source(policy: Policy) -> None:
    [severe] = shown(policy, Evidence(thresholds=("magnesium.severe",)))["thresholds"]

    assert severe == policy.describe("magnesium.severe")
    assert severe["id"] == "magnesium.severe"
    assert "1.2 mg/dL" in severe["value"]


def test_a_misspelt_number_costs_its_own_line_only(policy: Policy) -> None:
    thresholds = shown(policy, Evidence(thresholds=("magnesium.sevre",)))["thresholds"]

    assert thresholds == [{"id": "magnesium.sevre"}]


def test_findings_on_one_card_share_their_facts_and_sources(policy: Policy) -> None:
    part = Evidence(
        facts=(LOW,),
        thresholds=("magnesium.low",),
        citations=("S0", "S4"),
        unusable=(Unusable(Source("Observation/8"), "no-unit"),),
        missing=("kidney function",),
        held_back=("no potassium order: K 3.6",),
        derived=(("FEMg", "5.2 %"),),
    )

    once = shown(policy, part)
    twice = shown(policy, part, part)

    assert once["derived"] == [{"name": "FEMg", "value": "5.2 %"}]
    for member in ("facts", "thresholds", "citations", "unusable", "missing", "heldBack", "derived"):
        assert len(once[member]) == len(part.citations if member == "citations" else [member])
        assert twice[member] == once[member]


def test_says_what_was_held_back_by_a_guard_and_by_the_cap(policy: Policy) -> None:
    sent = shown(policy, Evidence(held_back=("guard: eGFR 25",)), held_back=("hypocalcemia: info, cut",))

    assert sent["heldBack"] == ["guard: eGFR 25", "hypocalcemia: info, cut"]
