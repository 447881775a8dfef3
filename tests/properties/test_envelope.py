"""Whatever is posted, the service answers with cards or says what is wrong; it never fails by input alone."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from cds_service import examples
from cds_service.app import create_app
from cds_service.clients import OPEN_CLIENT
from cds_service.envelope import HookRequest, parse_body, read_request
from cds_service.errors import RequestError
from cds_service.settings import Settings
from cds_service.storage import NO_RECORDS
from cds_service.strict_json import StrictJsonError, decode
from hooks import SERVICES

HOOKS = [service.hook.value for service in SERVICES]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["Bundle", "Patient/1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    return create_app(
        Settings(), clients=(OPEN_CLIENT,), records=NO_RECORDS, clock=lambda: examples.WRITTEN
    ).test_client()


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of everything inside a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


def changed(body: dict[str, Any], path: tuple[Any, ...], junk: Any, *, remove: bool) -> dict[str, Any]:
    result = copy.deepcopy(body)
    owner: Any = result
    for key in path[:-1]:
        owner = owner[key]
    if remove:
        del owner[path[-1]]
    else:
        owner[path[-1]] = junk
    return result


def assert_answers(client: FlaskClient, hook: str, data: bytes) -> None:
    answer = client.post(f"/cds-services/magnesium-{hook}", data=data, content_type="application/json")
    assert answer.status_code in {200, 400, 412}, answer.get_data(as_text=True)
    body = answer.get_json()
    if answer.status_code == 200:
        assert isinstance(body["cards"], list)
        assert not any("not-run" in str(card.get("source", {}).get("topic")) for card in body["cards"])
    else:
        assert body["resourceType"] == "OperationOutcome"


@given(data=st.data(), hook=st.sampled_from(HOOKS))
def test_a_request_with_one_thing_removed_or_replaced(client: FlaskClient, data: st.DataObject, hook: str) -> None:
    body = examples.as_of(hook, examples.WRITTEN)
    path = data.draw(st.sampled_from(list(places(body))))
    odd = changed(body, path, data.draw(JSON), remove=data.draw(st.booleans()))
    assert_answers(client, hook, json.dumps(odd).encode())


@given(body=JSON, hook=st.sampled_from(HOOKS))
def test_any_json_at_all(client: FlaskClient, body: Any, hook: str) -> None:
    assert_answers(client, hook, json.dumps(body).encode())


@given(body=st.binary(max_size=200), hook=st.sampled_from(HOOKS))
def test_any_bytes_at_all(client: FlaskClient, body: bytes, hook: str) -> None:
    assert_answers(client, hook, body)


@given(
    body=st.dictionaries(
        st.sampled_from(["hook", "hookInstance", "context", "prefetch", "fhirServer", "patient"]), JSON
    )
)
def test_an_envelope_is_read_or_refused_with_every_field_named(body: dict[str, Any]) -> None:
    read = read_or_refused(body)
    if isinstance(read, RequestError):
        assert read.status == 400
        assert read.issues
        assert all(issue.at and issue.text for issue in read.issues)
    else:
        assert read.patient_id
        assert read.user_id
        assert read.drafts is not None


def read_or_refused(body: dict[str, Any]) -> HookRequest | RequestError:
    try:
        return read_request(body, hook="order-select")
    except RequestError as error:
        return error


@given(value=JSON.filter(lambda value: "nan" not in repr(value) and "inf" not in repr(value)))
def test_what_is_accepted_is_what_the_standard_library_reads(value: Any) -> None:
    text = json.dumps(value)
    decoded = decoded_or_refused(text.encode())
    if isinstance(decoded, StrictJsonError):
        assert "number" in decoded.issue.text
    else:
        assert json.dumps(decoded, default=float) == json.dumps(json.loads(text))


def decoded_or_refused(body: bytes) -> Any:
    try:
        return decode(body, max_depth=64)
    except StrictJsonError as error:
        return error


@given(depth=st.integers(1, 40), limit=st.integers(1, 40))
def test_the_depth_limit_is_exact(depth: int, limit: int) -> None:
    body = b'{"a":' * depth + b"1" + b"}" * depth
    if depth <= limit:
        assert parse_body(body, max_depth=limit)
    else:
        with pytest.raises(RequestError):
            parse_body(body, max_depth=limit)
