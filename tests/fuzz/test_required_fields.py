"""M-09: a required field that is missing or of another kind is a 4xx that names it, never a failure of ours."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service import examples
from hooks import SERVICES
from tests.fuzz.test_openapi_fuzz import application, assert_is_the_one_error, empties

CLIENT = application().test_client()
HOOKS = {service.hook.value: service.id for service in SERVICES}
AUTHORIZATION = {
    "access_token": "token",
    "token_type": "Bearer",
    "expires_in": 300,
    "scope": "patient/*.read",
    "subject": "client",
}
# Where each field stands, and the JSON types it may have.
FIELDS: dict[tuple[str, ...], tuple[type, ...]] = {
    ("hook",): (str,),
    ("hookInstance",): (str,),
    ("context",): (dict,),
    ("context", "userId"): (str,),
    ("context", "patientId"): (str,),
    ("context", "draftOrders"): (dict,),
    ("context", "selections"): (list,),
    ("fhirServer",): (str,),
    ("fhirAuthorization", "access_token"): (str,),
    ("fhirAuthorization", "token_type"): (str,),
    ("fhirAuthorization", "expires_in"): (int,),
    ("fhirAuthorization", "scope"): (str,),
    ("fhirAuthorization", "subject"): (str,),
}
CASES = [
    (hook, field)
    for hook in HOOKS
    for field in FIELDS
    if not (field[-1] == "draftOrders" and hook == "patient-view")
    if not (field[-1] == "selections" and hook != "order-select")
]
IDS = [f"{hook} {'.'.join(field)}" for hook, field in CASES]

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def whole(hook: str) -> dict[str, Any]:
    """Return a request in which every field is required: with fhirAuthorization, fhirServer is too."""
    server = {"fhirServer": "https://ehr.example.org/fhir", "fhirAuthorization": dict(AUTHORIZATION)}
    return {**examples.as_of(hook, examples.WRITTEN), **server}


def owner(body: dict[str, Any], field: tuple[str, ...]) -> dict[str, Any]:
    for name in field[:-1]:
        body = body[name]
    return body


def is_of(value: Any, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and not (isinstance(value, bool) and bool not in kinds)


def refused(hook: str, body: Any, field: tuple[str, ...]) -> None:
    answer = CLIENT.post(f"/cds-services/{HOOKS[hook]}", json=body)
    assert answer.status_code == 400
    assert_is_the_one_error(answer.get_json())
    named = [path for issue in answer.get_json()["issue"] for path in issue.get("expression", [])]
    # Or what stands in it: a number too large to be read is named before anything else is looked at.
    assert any(path.startswith(".".join(field)) for path in named)


@pytest.mark.parametrize("hook", HOOKS)
def test_the_whole_request_is_answered(hook: str) -> None:
    answer = CLIENT.post(f"/cds-services/{HOOKS[hook]}", json=whole(hook))
    assert answer.status_code == 200
    assert list(empties(answer.get_json())) == []


@pytest.mark.parametrize(("hook", "field"), CASES, ids=IDS)
def test_without_it_the_request_is_refused_and_the_field_named(hook: str, field: tuple[str, ...]) -> None:
    body = whole(hook)
    del owner(body, field)[field[-1]]
    refused(hook, body, field)


@pytest.mark.parametrize(("hook", "field"), CASES, ids=IDS)
@pytest.mark.parametrize("blank", [None, "", {}], ids=repr)
def test_blank_is_missing(hook: str, field: tuple[str, ...], blank: Any) -> None:
    body = whole(hook)
    owner(body, field)[field[-1]] = blank
    refused(hook, body, field)


@given(case=st.sampled_from(CASES), value=anything)
def test_of_another_kind_it_is_refused_and_the_field_named(case: tuple[str, tuple[str, ...]], value: Any) -> None:
    hook, field = case
    if is_of(value, FIELDS[field]):
        return
    body = whole(hook)
    owner(body, field)[field[-1]] = value
    refused(hook, body, field)


@given(hook=st.sampled_from(sorted(HOOKS)), data=st.data())
def test_whatever_stands_anywhere_it_is_never_a_failure_of_ours(hook: str, data: st.DataObject) -> None:
    body = whole(hook)
    places = list(_places(body))
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(places))
        changed = copy.deepcopy(body)
        _put(changed, path, data.draw(anything))
        answer = CLIENT.post(f"/cds-services/{HOOKS[hook]}", json=changed)
        assert answer.status_code in {200, 400, 412}
        if answer.status_code == 200:
            assert [empty for empty in empties(answer.get_json()) if empty != []] == []
        else:
            assert_is_the_one_error(answer.get_json())


def _places(value: Any, path: tuple[Any, ...] = ()) -> Any:
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inner:
        yield from _places(one, (*path, name))


def _put(value: Any, path: tuple[Any, ...], new: Any) -> None:
    for step in path[:-1]:
        value = value[step]
    value[path[-1]] = new
