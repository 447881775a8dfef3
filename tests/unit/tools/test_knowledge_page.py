"""The clinicians' page holds everything that is to be signed, and points at settings that exist."""

from __future__ import annotations

from functools import cache

import pytest

from magnesium.cause_table import causes
from magnesium.drugs import drug_classes, drugs
from magnesium.guards import Guard
from magnesium.rules import RULES
from magnesium.verdict import Proposal
from tests.builders import POLICY
from tests.example_patients import GUARD_PATIENTS, GuardPatient
from tools.knowledge_page import SITE_DECISIONS, knowledge_page
from tools.traceability import ROOT, background

SHIPPED = ("magnesium/knowledge", "fhir_mappings/terminology")
HEADINGS = ("What it says", "Why", "When it is silent", "When it cannot tell", "Sources")
NUMBERS = POLICY.numbers


@cache
def page() -> str:
    return knowledge_page()


def test_prints_every_number_with_every_unit_basis_and_source() -> None:
    for number in NUMBERS.values():
        assert f"| `{number.id}` | {number.says} | " in page()
        for value in getattr(number, "printed", {}):
            assert value in page()


def test_prints_every_drug_and_what_can_be_done() -> None:
    assert [name for name in drugs() if name not in page()] == []
    assert [c.code for c in drug_classes().values() if c.label not in page() or c.advice not in page()] == []


def test_prints_every_cause() -> None:
    assert [cause.id for cause in causes() if f"| {cause.name} |" not in page()] == []


def test_prints_every_row_of_the_background() -> None:
    rows = [(row["says"], row["sources"].split("|")) for row in background()]
    assert [says for says, sources in rows if f"- {says} [{', '.join(sources)}]" not in page()] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.topic.value)
def test_tells_every_rule_in_plain_words(rule: object) -> None:
    code = rule.topic.value  # type: ignore[attr-defined]  # parametrize hands it over as an object
    told = page().partition(f"`{code}`, version")[2].partition("\n###")[0]
    assert [heading for heading in HEADINGS if f"- **{heading}.** " not in told] == []


def test_asks_the_site_about_settings_that_exist() -> None:
    keys = {key for _, _, keys in SITE_DECISIONS for key in keys}
    files = {key for key in keys if key.endswith(".csv")}
    settings = {*POLICY.__struct_fields__, *NUMBERS, "local_codes"}
    assert keys - files - settings == set()
    shipped = {path.name for folder in SHIPPED for path in (ROOT / folder).glob("*.csv")}
    assert files - shipped == set()


def test_ends_with_a_place_to_sign() -> None:
    assert page().rpartition("\n## ")[2].startswith("Sign-off\n")


def test_links_lead_somewhere() -> None:
    assert (ROOT / "docs" / "traceability.md").is_file()


DRUG_ORDERS = frozenset(Proposal) - {
    Proposal.SERUM_MAGNESIUM,
    Proposal.SERUM_CREATININE,
    Proposal.URINE_MAGNESIUM,
}


@pytest.mark.parametrize("patient", GUARD_PATIENTS, ids=lambda patient: patient.finding)
def test_every_finding_but_the_first_holds_something_back(patient: GuardPatient) -> None:
    guard: Guard = patient.picture.guard
    assert bool(guard.held) is (patient is not GUARD_PATIENTS[0])
    assert guard.held.keys() <= DRUG_ORDERS
