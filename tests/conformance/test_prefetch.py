"""§2.4: "looked and nothing there" is not "could not look" (M-01, M-02)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import pytest

from magnesium.facts import Need
from tests.http.conftest import Site

Example = Callable[[str], dict[str, Any]]
GONE: Final = object()
REQUIRED = ("patient", "labs", "medications")


def outcome(severity: str) -> dict[str, Any]:
    issue = {"severity": severity, "code": "processing", "details": {"text": "Resource request returns no results."}}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def bundle(*entries: Any, **members: Any) -> dict[str, Any]:
    found = {"resourceType": "Bundle", "type": "searchset", **members}
    return {**found, "entry": [{"resource": entry} for entry in entries]} if entries else found


class Known(NamedTuple):
    """Forms of a value, after all of which the client is taken to have looked or not to have looked."""

    empty: bool
    values: tuple[Any, ...]


FORMS = {
    "prefetch-absent": Known(False, (GONE,)),
    "prefetch-null": Known(True, (None,)),
    "prefetch-empty": Known(True, (bundle(), bundle(total=0), {**bundle(total=0), "entry": []})),
    "prefetch-no-results": Known(True, (bundle(outcome("warning"), total=0), bundle(outcome("information")))),
    "prefetch-failed-entry": Known(False, (bundle(outcome("error")), bundle(outcome("warning"), outcome("fatal")))),
    "prefetch-outcome": Known(False, (outcome("error"), outcome("warning"))),
    "prefetch-unusable": Known(False, ("123", 5, True, ["x"], {"a": 1}, {"resourceType": "Practitioner", "id": "1"})),
}


@pytest.mark.requirement(*FORMS)
@pytest.mark.requirement("M-01", "M-02", "R-18", "R-20", "R-21", "R-37", "status-412")
@pytest.mark.parametrize("key", REQUIRED)
@pytest.mark.parametrize("form", FORMS)
def test_required_data_that_nobody_looked_for_are_a_412_and_known_empty_ones_are_not(
    site: Site, example: Example, form: str, key: str
) -> None:
    for value in FORMS[form].values:
        answer = site.call(sent(example, key, value))
        if FORMS[form].empty:
            assert answer.status_code == 200
            assert Need(key) not in site.evaluations[-1].facts.unavailable
        else:
            assert answer.status_code == 412
            assert [issue["expression"] for issue in answer.get_json()["issue"]] == [[f"prefetch.{key}"]]


@pytest.mark.requirement(*FORMS)
@pytest.mark.requirement("M-02", "R-18")
@pytest.mark.parametrize("form", FORMS)
def test_optional_data_that_nobody_looked_for_are_named_on_the_card(site: Site, example: Example, form: str) -> None:
    for value in FORMS[form].values:
        answer = site.call(sent(example, "conditions", value))
        assert answer.status_code == 200
        said = "could not be read: the problem list" in answer.get_data(as_text=True)
        assert said is not FORMS[form].empty


@pytest.mark.requirement("M-02", "prefetch-failed-entry")
@pytest.mark.parametrize("severity", ["error", "fatal"])
def test_results_beside_an_error_are_not_taken_for_all_there_are(site: Site, example: Example, severity: str) -> None:
    body = example("patient-view")
    body["prefetch"]["labs"]["entry"].append({"resource": outcome(severity), "search": {"mode": "outcome"}})
    assert site.call(body).status_code == 412


@pytest.mark.requirement("prefetch-next", "R-21")
def test_a_first_page_is_a_part_and_the_card_says_so(site: Site, example: Example) -> None:
    body = example("patient-view")
    body["prefetch"]["labs"]["link"] = [{"relation": "next", "url": "https://ehr.example.org/fhir?page=2"}]
    answer = site.call(body)
    assert answer.status_code == 200
    assert "arrived only in part: laboratory results" in answer.get_data(as_text=True)


@pytest.mark.requirement("prefetch-wrapper")
def test_the_wrapper_of_old_clients_is_opened(site: Site, example: Example) -> None:
    body = example("patient-view")
    expected = summaries(site, body)
    body["prefetch"] = {
        key: {"response": {"status": "200 OK"}, "resource": value} for key, value in body["prefetch"].items()
    }
    assert summaries(site, body) == expected
    body["prefetch"]["labs"]["response"]["status"] = "404 Not Found"
    assert site.call(body).status_code == 412


@pytest.mark.requirement("prefetch-foreign-entries", "R-21")
@pytest.mark.parametrize(
    "foreign",
    [
        {"resourceType": "Organization", "id": "o1", "name": "St. Elsewhere"},
        {"resourceType": "Medication", "id": "m1", "code": {"text": "cisplatin"}},
        outcome("information"),
    ],
    ids=["another resource", "an included Medication", "a remark"],
)
def test_entries_that_were_not_asked_for_are_left_alone(site: Site, example: Example, foreign: Any) -> None:
    body = example("patient-view")
    expected = summaries(site, body)
    body["prefetch"]["labs"]["entry"].append({"resource": foreign, "search": {"mode": "include"}})
    assert summaries(site, body) == expected


@pytest.mark.requirement("prefetch-foreign-entries", "form-absolute-references")
@pytest.mark.parametrize("form", ["Patient/{}", "https://ehr.example.org/fhir/Patient/{}", "Patient/{}/_history/2"])
def test_references_are_absolute_or_relative(site: Site, example: Example, form: str) -> None:
    body = example("patient-view")
    expected = summaries(site, body)
    patient = body["context"]["patientId"]
    for key in ("labs", "medications"):
        for entry in body["prefetch"][key]["entry"]:
            entry["resource"]["subject"] = {"reference": form.format(patient)}
    assert summaries(site, body) == expected


@pytest.mark.requirement("R-21")
def test_keys_of_other_services_change_nothing(site: Site, example: Example) -> None:
    body = example("patient-view")
    expected = summaries(site, body)
    for other in (None, "x", {"resourceType": "Coverage", "id": "c1"}, outcome("error")):
        body["prefetch"]["coverage"] = other
        assert summaries(site, body) == expected


def sent(example: Example, key: str, value: Any) -> dict[str, Any]:
    body = example("patient-view")
    body["prefetch"][key] = copy.deepcopy(value)
    if value is GONE:
        del body["prefetch"][key]
    return body


def summaries(site: Site, body: dict[str, Any]) -> list[str]:
    answer = site.call(body)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    found = [card["summary"] for card in answer.get_json()["cards"]]
    assert found
    return found
