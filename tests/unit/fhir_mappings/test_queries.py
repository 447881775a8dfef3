from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

import pytest

from fhir_mappings.codes import Terminology
from fhir_mappings.queries import ANALYTES_READ, Query, queries
from magnesium.facts import Analyte, Need


def by_need(terminology: Terminology) -> dict[Need, Query]:
    return {query.need: query for query in queries(terminology)}


def test_one_query_for_each_need(terminology: Terminology) -> None:
    assert [query.need for query in queries(terminology)] == list(Need)
    assert [query.key for query in queries(terminology)] == [need.value for need in Need]


def test_what_the_service_cannot_do_without(terminology: Terminology) -> None:
    required = {query.need for query in queries(terminology) if query.required}
    assert required == {Need.PATIENT, Need.LABS, Need.MEDICATIONS}


@pytest.mark.parametrize("need", Need)
def test_templates_stay_inside_the_grammar(need: Need, terminology: Terminology) -> None:
    template = by_need(terminology)[need].template
    assert re.findall(r"\{\{(.*?)\}\}", template) == ["context.patientId"]
    path, _, search = template.partition("?")
    if need is Need.PATIENT:
        assert (path, search) == ("Patient/{{context.patientId}}", "")
        return
    assert re.fullmatch(r"[A-Z][A-Za-z]+", path)
    names = [name for name, _ in parse_qsl(search, strict_parsing=True)]
    assert len(names) == len(set(names))
    assert names[0] == "patient"
    assert set(names) <= {"patient", "code", "status", "_sort", "_count", "_include"}


def test_the_one_exception_from_the_grammar(terminology: Terminology) -> None:
    with_include = [query.need for query in queries(terminology) if "_include" in query.template]
    assert with_include == [Need.MEDICATIONS]


def test_labs_ask_for_codes_with_their_system(terminology: Terminology) -> None:
    search = dict(parse_qsl(urlsplit(by_need(terminology)[Need.LABS].template).query))
    codes = search["code"].split(",")
    assert len(codes) == len(set(codes))
    assert {"http://loinc.org|19123-9", "http://loinc.org|2823-3", "http://loinc.org|19124-7"} <= set(codes)
    for code in codes:
        system, _, bare = code.partition("|")
        lab = terminology.lab(system, bare)
        assert lab is not None
        assert Analyte(lab.analyte) in ANALYTES_READ


def test_the_newest_results_come_first(terminology: Terminology) -> None:
    assert "_sort=-date&" in by_need(terminology)[Need.LABS].template
    assert "_sort=-effective-time&" in by_need(terminology)[Need.ADMINISTRATIONS].template
