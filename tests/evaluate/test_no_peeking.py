"""No future changes a card: up to a moment, an export says what the chart of that moment says without any future.

A chart is drawn as it stood at the moment ``NOW``: what was running had no end. Then a future is drawn for it: more is
recorded, what was running ends, a result, an order or a problem is amended or taken back. The export of that future is
replayed, and the cards of NOW and of all moments before it are letter by letter those of the chart that had no future
yet. In particular any two futures agree, whatever one adds to the other or leaves out.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from cds_service.evaluate.patient import Evaluation
from cds_service.evaluate.rows import Firing, Problem
from fhir_mappings.reading import own_reference
from tests.evaluate.records import (
    ALL_KINDS,
    CREATININE,
    FUROSEMIDE,
    MAGNESIUM,
    MAGNESIUM_OXIDE,
    POTASSIUM,
    START,
    Resource,
    after,
    dialysis,
    dose,
    infusion,
    judge,
    laboratory_order,
    order,
    patient,
    problem,
    result,
    stay,
)

NOW = 100
"""The moment, in hours after the beginning of the record."""
LAST = 300

BY_NOW, LATER = st.integers(0, NOW), st.integers(NOW + 1, LAST)
AMPHOTERICIN = "Amphotericin B 50 MG Injection"
OMEPRAZOLE = "Omeprazole 20 MG Delayed Release Capsule"
DRUGS = (
    FUROSEMIDE,
    OMEPRAZOLE,
    MAGNESIUM_OXIDE,
    "Digoxin 0.125 MG Oral Tablet",
    "Potassium Chloride 20 MEQ Extended Release Oral Tablet",
    AMPHOTERICIN,
)
VALUES = {MAGNESIUM: (0.7, 2.9, "mg/dL"), POTASSIUM: (2.2, 5.5, "mmol/L"), CREATININE: (0.5, 4.0, "mg/dL")}
CODES = ("E83.42", "E87.6", "N17.9", "I47.21", "Z51.5", "N18.6")
OVER = ("completed", "stopped")
OF_STAY: Resource = {"encounter": {"reference": "Encounter/s0"}}
# The supply lasts longer than the record: an order that is completed without an end was in force all the time.
SUPPLY = {"dispenseRequest": {"expectedSupplyDuration": {"value": 90, "unit": "d"}}}
PLANNED = {"dispenseRequest": {"validityPeriod": {"end": after(LAST)}}}
WITHOUT_END: tuple[Resource, ...] = ({}, OF_STAY, SUPPLY, PLANNED)


def told(record: list[Resource], until: float = NOW) -> list[tuple[Any, ...]]:
    """Everything about the cards of the moments up to one, but what came after them."""
    rows = Evaluation((judge(kinds=ALL_KINDS),)).of_patient("p1", [json.dumps(resource) for resource in record])
    assert not [row for row in rows if isinstance(row, Problem)]
    moment = START + timedelta(hours=until)
    return [
        (row.at, row.hook, row.triggers, row.topic, row.absorbed, row.indicator, row.summary, row.repeat, row.evidence)
        for row in rows
        if isinstance(row, Firing) and datetime.fromisoformat(row.at) <= moment
    ]


def of_drug(written: Resource, drug: str) -> Resource:
    """An order that names its drug by reference."""
    rest = {name: value for name, value in written.items() if name != "medicationCodeableConcept"}
    return {**rest, "medicationReference": {"reference": f"Medication/{drug}"}}


# ── What becomes of a resource ────────────────────────────────────────────────────────────────────


def ended(resource: Resource, hours: float, status: str = "completed") -> Resource:
    """Something that was running, as an export has it after it ended."""
    end = {"end": after(hours)}
    match resource["resourceType"]:
        case "MedicationRequest":
            dispense = resource.get("dispenseRequest", {})
            validity = {**dispense.get("validityPeriod", {}), **end}
            return {**resource, "status": status, "dispenseRequest": {**dispense, "validityPeriod": validity}}
        case "MedicationAdministration":
            return {**resource, "status": status, "effectivePeriod": {**resource["effectivePeriod"], **end}}
        case "Procedure":
            return {**resource, "status": status, "performedPeriod": {**resource["performedPeriod"], **end}}
        case "Encounter":
            return {**resource, "status": "finished", "period": {**resource["period"], **end}}
        case "Condition":
            resolved = {"coding": [{"code": "resolved"}]}
            return {**resource, "clinicalStatus": resolved, "abatementDateTime": end["end"]}
        case "Patient":
            return {**resource, "deceasedDateTime": end["end"]}
        case _:
            return called_over(resource)


def called_over(resource: Resource) -> Resource:
    """Something that is over without saying since when."""
    return {**resource, "status": "completed"}


def amended(resource: Resource, hours: float, **changes: Any) -> list[Resource]:
    """A resource in two versions, the second written later."""
    return [resource, {**resource, **changes, "meta": {"lastUpdated": after(hours)}}]


def runs(resource: Resource) -> bool:
    return (
        resource["resourceType"] == "Patient"
        or resource.get("status") in {"active", "in-progress"}
        or resource.get("clinicalStatus") == {"coding": [{"code": "active"}]}
    )


TAKEN_BACK = {"status": "entered-in-error"}
WITHDRAWN = (TAKEN_BACK, {"status": "cancelled"})
AMENDMENTS: dict[str, tuple[Resource, ...]] = {
    "Observation": (
        *WITHDRAWN,
        {"status": "corrected", "valueQuantity": {"value": 9.9, "unit": "mg/dL", "code": "mg/dL"}},
        {"status": "amended", "code": {"coding": [{"system": "http://loinc.org", "code": "2951-2"}]}},
        {"status": "amended", "issued": after(LAST), "effectiveDateTime": after(LAST)},
    ),
    "MedicationRequest": (
        *WITHDRAWN,
        {"status": "on-hold"},
        {"status": "stopped"},
        {"status": "active", "medicationCodeableConcept": {"text": "Aspirin 81 MG Oral Tablet"}},
    ),
    "MedicationAdministration": (*WITHDRAWN, {"status": "not-done"}),
    "Procedure": (*WITHDRAWN, {"status": "not-done"}),
    "ServiceRequest": (*WITHDRAWN, {"status": "revoked"}),
    "Condition": (
        {"verificationStatus": {"coding": [{"code": "refuted"}]}},
        {"clinicalStatus": {"coding": [{"code": "resolved"}]}},
    ),
    "Encounter": (*WITHDRAWN, {"class": {"code": "AMB"}}),
    "Patient": ({"gender": "male"}, {"birthDate": "2011-01-01"}),
    "Medication": ({"code": {"text": "Aspirin 81 MG Oral Tablet"}},),
    "Specimen": ({"condition": [{"text": "hemolyzed"}]},),
}


@st.composite
def what_becomes(draw: st.DrawFn, resource: Resource) -> list[Resource]:
    """What an export of some future has of a resource of the chart."""
    kind, hours = resource["resourceType"], draw(LATER)
    fates = ["stays", "is amended"]
    if runs(resource):
        fates.append("ends")
    if kind == "MedicationRequest" and runs(resource) and ({"encounter", "dispenseRequest"} & resource.keys()):
        fates.append("is over")
    fate = draw(st.sampled_from(fates))
    event(f"{kind} {fate}")
    match fate:
        case "ends":
            return [ended(resource, hours, draw(st.sampled_from(OVER)))]
        case "is over":
            return [called_over(resource)]
        case "is amended":
            return amended(resource, hours, **draw(st.sampled_from(AMENDMENTS[kind])))
        case _:
            return [resource]


# ── Charts ────────────────────────────────────────────────────────────────────────────────────────


@st.composite
def resources(draw: st.DrawFn, name: str, hours: st.SearchStrategy[int], last: int) -> Resource:
    """Something that is recorded at one of these hours; if it ended, then by the last one."""
    begin = draw(hours)
    end = draw(st.none() | st.integers(begin, last))
    kinds = ("result", "result", "result", "order", "order", "dose", "infusion", "problem", "stay", "dialysis", "test")
    match draw(st.sampled_from(kinds)):
        case "result":
            code = draw(st.sampled_from(list(VALUES)))
            low, high, unit = VALUES[code]
            more: Resource = draw(
                st.fixed_dictionaries(
                    {},
                    optional={
                        "basedOn": st.just([{"reference": "ServiceRequest/t0"}]),
                        "specimen": st.just({"reference": "Specimen/sample"}),
                    },
                )
            )
            return result(f"r{name}", begin, round(draw(st.floats(low, high)), 1), code, unit=unit, **more)
        case "order":
            running = order(f"o{name}", begin, draw(st.sampled_from(DRUGS)))
            if end is not None:
                return ended(running, end, draw(st.sampled_from(OVER)))
            return {**draw(st.sampled_from((running, of_drug(running, "drug")))), **draw(st.sampled_from(WITHOUT_END))}
        case "dose":
            return dose(f"d{name}", begin, draw(st.sampled_from(DRUGS)))
        case "infusion":
            return infusion(f"i{name}", begin, draw(st.sampled_from(DRUGS)), end)
        case "problem":
            noted = problem(f"c{name}", begin, draw(st.sampled_from(CODES)))
            return noted if end is None else ended(noted, end)
        case "stay":
            return stay(f"s{name}", begin, end)
        case "dialysis":
            return dialysis(f"h{name}", begin, end)
        case _:
            return laboratory_order(f"t{name}", begin, draw(st.sampled_from(list(VALUES))))


@st.composite
def charts(draw: st.DrawFn) -> list[Resource]:
    """A chart as it stands at NOW, in a stay that goes on."""
    count = draw(st.integers(3, 14))
    drawn = [draw(resources(f"{number}", BY_NOW, NOW)) for number in range(1, count)]
    resulted = any("basedOn" in resource for resource in drawn)
    return [
        patient(),
        {"resourceType": "Medication", "id": "drug", "code": {"text": OMEPRAZOLE}},
        {"resourceType": "Specimen", "id": "sample"},
        stay("s0", 0),
        laboratory_order("t0", 0, status="completed" if resulted else "active"),
        *drawn,
    ]


@st.composite
def exports(draw: st.DrawFn, chart: list[Resource]) -> list[Resource]:
    """An export of some future of a chart, in any order."""
    became = [version for resource in chart for version in draw(what_becomes(resource))]
    more = [draw(resources(f"later{number}", LATER, LAST)) for number in range(draw(st.integers(0, 8)))]
    coded = problem("coded", None, draw(st.sampled_from(CODES)), **OF_STAY)
    diagnosed = draw(st.booleans())
    event("a diagnosis is coded at discharge", str(diagnosed))
    return draw(st.permutations([*became, *more, *([coded] if diagnosed else [])]))


@settings(max_examples=100)
@given(st.data())
def test_no_future_changes_a_card(data: st.DataObject) -> None:
    chart = data.draw(charts(), "chart")
    export = data.draw(exports(chart), "export")
    cards = told(chart)
    event("cards by now", str(bool(cards)))
    event("the future has cards of its own", str(len(told(export, LAST)) > len(cards)))
    assert told(export) == cards


# ── Each of these futures matters: what is said later does change ─────────────────────────────────

CHANGE = NOW + 10
ASKED_AGAIN = [result("q1", NOW + 20, 3.9, POTASSIUM, unit="mmol/L"), result("q2", 600, 1.3)]
"""Moments after the change: soon, and when dialysis is long over."""

ORDER, OF_STAY_ONLY = order("x", 1), order("x", 1, **OF_STAY)
INFUSION, DIALYSIS, PALLIATIVE = infusion("x", 1, AMPHOTERICIN), dialysis("x", 50), problem("x", 50, "Z51.5")
DRUG = {"resourceType": "Medication", "id": "x", "code": {"text": FUROSEMIDE}}
BY_REFERENCE = of_drug(ORDER, "x")
LOW, CREATININE_HIGH = result("x", 60, 1.1), result("cr", 50, 1.4, CREATININE)
SPECIMEN = {"resourceType": "Specimen", "id": "x"}
OF_SPECIMEN = result("x", 60, 2.0, specimen={"reference": "Specimen/x"})
# After a dose by vein a recheck is wanted, and not where it is ordered already.
BY_VEIN = {"route": {"coding": [{"system": "http://snomed.info/sct", "code": "47625008"}]}}
TREATED = [
    dose("d", 58, "Magnesium Sulfate 500 MG/ML Injection", dosage=BY_VEIN),
    result("m1", 60, 2.0),
    stay("s1", 90),
]
TEST = laboratory_order("x", 80)
RESULT_OF_TEST = result("na", CHANGE, 140, "2951-2", basedOn=[{"reference": "ServiceRequest/x"}])

FATES = [
    ("a result comes in", [], [result("x", CHANGE, 1.0)]),
    ("a result is corrected", [LOW], amended(LOW, CHANGE, **AMENDMENTS["Observation"][2])),
    ("a result is taken back", [LOW], amended(LOW, CHANGE, **TAKEN_BACK)),
    ("a specimen was hemolyzed", [OF_SPECIMEN, SPECIMEN], amended(SPECIMEN, CHANGE, condition=[{"text": "hemolyzed"}])),
    ("an order ends", [ORDER], [ended(ORDER, CHANGE)]),
    ("an order is stopped", [ORDER], [ended(ORDER, CHANGE, "stopped")]),
    ("an order is stopped before its time", [order("x", 1, until=LAST)], [ended(ORDER, CHANGE, "stopped")]),
    ("an order ends with its stay", [OF_STAY_ONLY], [called_over(OF_STAY_ONLY), stay("s0", 0, CHANGE)]),
    ("an order is taken back", [ORDER], amended(ORDER, CHANGE, **TAKEN_BACK)),
    ("an order is changed", [ORDER], amended(ORDER, CHANGE, medicationCodeableConcept={"text": "Aspirin"})),
    ("a drug was another one", [DRUG, BY_REFERENCE], amended(DRUG, CHANGE, code={"text": "Aspirin"})),
    ("an infusion ends", [INFUSION], [ended(INFUSION, CHANGE)]),
    ("an infusion was not given", [INFUSION], amended(INFUSION, CHANGE, status="not-done")),
    ("dialysis ends", [DIALYSIS], [ended(DIALYSIS, CHANGE)]),
    ("dialysis was not done", [DIALYSIS], amended(DIALYSIS, CHANGE, status="not-done")),
    ("a problem is resolved", [PALLIATIVE], [ended(PALLIATIVE, CHANGE)]),
    ("a problem is refuted", [PALLIATIVE], amended(PALLIATIVE, CHANGE, **AMENDMENTS["Condition"][0])),
    ("a diagnosis is coded at discharge", [], [stay("s0", 0, CHANGE), problem("x", None, "Z51.5", **OF_STAY)]),
    ("a stay ends", [], [stay("s0", 0, CHANGE)]),
    ("a stay is called off", [], amended(stay("s0", 0), CHANGE, status="cancelled")),
    ("an ordered test has its result", [*TREATED, TEST], [called_over(TEST), RESULT_OF_TEST]),
    ("an ordered test is called off", [*TREATED, TEST], amended(TEST, CHANGE, status="revoked")),
    ("a birth date is corrected", [CREATININE_HIGH], amended(patient(), CHANGE, birthDate="2025-01-01")),
]
"""Title, what the chart holds beside a low magnesium, and what becomes of it or is added to it."""


@pytest.mark.parametrize(("held", "became"), [case[1:] for case in FATES], ids=[case[0] for case in FATES])
def test_cards_change_after_the_change_and_not_before(held: list[Resource], became: list[Resource]) -> None:
    chart = [patient(), stay("s0", 0), result("m0", 10, 1.4), *held]
    rewritten = {own_reference(resource) for resource in became}
    export = [*(resource for resource in chart if own_reference(resource) not in rewritten), *became]
    assert told(export) == told(chart) != []
    assert told([*export, *ASKED_AGAIN], 600) != told([*chart, *ASKED_AGAIN], 600)


def test_of_a_result_that_was_overwritten_nothing_is_seen_before_it_was_amended() -> None:
    """The export no longer says what it was: there is no card on it, and none on what was not known yet."""
    chart = [patient(), stay("s0", 0), result("m0", 10, 1.4)]
    overwritten = result("x", 60, 1.1, issued=after(CHANGE), status="amended")
    assert told([*chart, overwritten]) == told(chart)


def test_a_card_changes_with_what_was_known() -> None:
    """Cards that no change can alter would have all these properties."""
    chart = [patient(), stay("s0", 0), result("m0", 10, 1.4)]
    assert (
        len({str(told([*chart, *held])) for held in ([], [ORDER], [LOW], [PALLIATIVE, LOW], [CREATININE_HIGH, LOW])})
        == 5
    )
