"""§2.2 and §2.5: the discovery document and its prefetch templates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conformance.checker import Violation, of_discovery, of_template
from tests.http.conftest import MakeSite, Site

ROOT = Path(__file__).parents[2]


@pytest.fixture
def document(site: Site) -> Any:
    answer = site.client.get("/cds-services")
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    return answer.get_json()


def templates(document: Any) -> dict[tuple[str, str], str]:
    return {(s["hook"], key): template for s in document["services"] for key, template in s["prefetch"].items()}


@pytest.mark.requirement(
    *("R-6", "R-7", "R-9a", "R-9b", "R-9c", "R-9d", "R-9e", "R-9f", "R-9g", "R-10"),
    *("R-22", "R-24", "R-25", "R-26", "R-27", "R-28", "M-15"),
    *("crd_discovery_endpoint_test", "crd_discovery_services_validation"),
)
def test_the_document_breaks_nothing_but_where_a_drug_is_included(document: Any) -> None:
    outside = {Violation("R-24", f"services[{place}].prefetch.medications") for place in range(3)}
    assert set(of_discovery(document)) == outside
    assert all(
        "&_include=MedicationRequest:medication&" in templates(document)[hook, "medications"]
        for hook in hooks(document)
    )


@pytest.mark.requirement("R-24")
def test_without_that_the_templates_are_inside_the_restricted_subset(document: Any) -> None:
    for (hook, _), template in templates(document).items():
        assert list(of_template(template.replace("_include=MedicationRequest:medication&", ""), hook)) == []


@pytest.mark.requirement("R-25")
def test_newest_first_is_said_as_fhir_says_it(document: Any) -> None:
    for hook in hooks(document):
        assert "_sort=-date&_count=" in templates(document)[hook, "labs"]


@pytest.mark.requirement("R-15a", "R-9a", "R-10")
def test_there_is_one_service_for_each_hook(document: Any) -> None:
    assert sorted(hooks(document)) == ["order-select", "order-sign", "patient-view"]


def hooks(document: Any) -> list[str]:
    return [service["hook"] for service in document["services"]]


@pytest.mark.requirement("R-8")
def test_without_services_the_list_is_empty_and_there(make_site: MakeSite) -> None:
    answer = make_site(services=[]).client.get("/cds-services")
    assert (answer.status_code, answer.get_json()) == (200, {"services": []})


@pytest.mark.requirement("R-12")
def test_the_templates_are_documented_for_people(document: Any) -> None:
    page = (ROOT / "docs" / "prefetch.md").read_text(encoding="utf-8")
    for template in templates(document).values():
        assert template in page
