from __future__ import annotations

from typing import Any

import pytest

from fhir_mappings.pool import Pool


def medication(own_id: str = "m1", **elements: Any) -> dict[str, Any]:
    return {"resourceType": "Medication", "id": own_id} | elements


def test_every_resource_once_whichever_group_it_came_in() -> None:
    one, other = medication(), medication("m2")
    assert Pool.of([one, other, dict(one), one]).by_type == {"Medication": (one, other)}


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("2026-03-13T00:00:00Z", "2026-03-14T00:00:00Z"),
        ("2026-03-14T10:00:00+02:00", "2026-03-14T09:00:00Z"),
        ("2026-03-14T09:00:00Z", "2026-03-14T09:00:00.500Z"),
        ("yesterday", "2026-03-14T09:00:00Z"),
    ],
    ids=str,
)
def test_of_two_versions_the_last_updated(earlier: str, later: str, turned: bool) -> None:
    old = medication(meta={"lastUpdated": earlier}, status="inactive")
    new = medication(meta={"lastUpdated": later}, status="active")
    versions = [new, old] if turned else [old, new]
    assert Pool.of(versions).by_type["Medication"] == (new,)


def test_of_two_versions_without_a_date_always_the_same_one() -> None:
    a, b = medication(status="active"), medication(status="inactive", meta="none")
    assert Pool.of([a, b]).by_type == Pool.of([b, a]).by_type


def test_a_version_that_cannot_be_written_down_does_not_disturb() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert len(Pool.of([medication(note=endless), medication()]).by_type["Medication"]) == 1


def test_what_has_no_id_is_never_the_same() -> None:
    nameless = {"resourceType": "Observation"}
    assert Pool.of([nameless, dict(nameless)]).by_type["Observation"] == (nameless, nameless)


def test_what_is_no_resource_is_counted() -> None:
    pool = Pool.of([None, "x", 1, [], {}, {"id": "1"}, {"resourceType": ""}, {"resourceType": []}])
    assert (pool.by_type, pool.strays) == ({}, 8)


@pytest.mark.parametrize(
    ("literal", "found"),
    [
        ("Medication/m1", "m1"),
        ("https://fhir.example.org/Medication/m1", "m1"),
        ("Medication/m1/_history/2", "m1"),
        ("urn:uuid:77", "m2"),
        ("https://fhir.example.org/Medication/m2", "m2"),
        ("m1", "m1"),
        ("#c", "c"),
        ("#d", None),
        ("Medication/m3", None),
        ("urn:uuid:78", None),
        ("Medication/draft", "draft"),
        ("urn:uuid:e", None),
    ],
)
def test_resolve(literal: str, found: str | None) -> None:
    pool = Pool.of(
        [
            medication(),
            medication("m2", _fullUrl="urn:uuid:77"),
            {"resourceType": "Encounter", "id": "e", "_fullUrl": "urn:uuid:e"},
        ],
        lookups=[medication("draft"), "junk"],
    )
    resource = pool.resolve(literal, "Medication", {"contained": [{"id": "x"}, medication("c")]})
    assert (resource["id"] if resource else None) == found
