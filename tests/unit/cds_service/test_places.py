"""A resource about another patient is named by where it stands, never by its id."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.envelope import DraftBundle, HookRequest
from cds_service.places import place_of_stranger

KEYS = {"patient", "labs", "observations"}


def result(subject: str | None = "Patient/other", **members: Any) -> dict[str, Any]:
    about = {} if subject is None else {"subject": {"reference": subject}}
    return {"resourceType": "Observation", "id": "ROE-1950", **about, **members}


def bundle(*entries: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "entry": list(entries)}


def place(prefetch: dict[str, Any], drafts: dict[str, Any] | None = None, named: str = "Observation/ROE-1950") -> str:
    context = None if drafts is None else DraftBundle(drafts, None)
    return place_of_stranger(named, HookRequest("h", "i", "p1", "u", drafts=context, prefetch=prefetch), KEYS)


OURS = result("Patient/p1")


@pytest.mark.parametrize(
    ("prefetch", "path"),
    [
        ({"labs": bundle({"resource": result()})}, "prefetch.labs.entry[0].resource"),
        ({"labs": bundle({"resource": OURS}, None, {"resource": result()})}, "prefetch.labs.entry[2].resource"),
        ({"labs": bundle(result())}, "prefetch.labs.entry[0]"),
        ({"labs": result()}, "prefetch.labs"),
        ({"Observations": bundle({"resource": result()})}, "prefetch.Observations.entry[0].resource"),
        (
            {"labs": {"response": {}, "resource": bundle({"resource": result()})}},
            "prefetch.labs.resource.entry[0].resource",
        ),
        (
            {"labs": bundle({"resource": result(None, patient={"reference": "other"})})},
            "prefetch.labs.entry[0].resource",
        ),
    ],
    ids=["in a Bundle", "not the first", "without a wrapper", "bare", "by another key", "before 1.0", "DSTU2"],
)
def test_what_was_prefetched(prefetch: dict[str, Any], path: str) -> None:
    assert place(prefetch) == path


def test_a_draft() -> None:
    order = {"resourceType": "MedicationRequest", "id": "ROE-1950", "subject": {"reference": "Patient/other"}}
    drafts = bundle({"resource": order | {"id": "d1"}}, {"resource": order})
    assert place({}, drafts, "MedicationRequest/ROE-1950") == "context.draftOrders.entry[1].resource"


def test_of_several_without_an_id_the_one_about_somebody_else() -> None:
    ours, other = ({**resource, "id": None} for resource in (OURS, result()))
    found = place({"labs": bundle({"resource": ours}, {"resource": other})}, named="Observation/(no id)")
    assert found == "prefetch.labs.entry[1].resource"


@pytest.mark.parametrize(
    "prefetch",
    [{}, {"labs": None}, {"labs": bundle({"resource": OURS})}, {"Jane Roe": bundle({"resource": result()})}],
    ids=["nothing came", "null", "ours", "a key that is not read"],
)
def test_what_did_not_come_with_the_request_is_named_by_its_type(prefetch: dict[str, Any]) -> None:
    assert place(prefetch) == "Observation"
