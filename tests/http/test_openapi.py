"""GET /openapi.json: it describes every address, every status that can be had there, and every body."""

from __future__ import annotations

import dataclasses
import ipaddress
import itertools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from cds_service import examples
from cds_service.clients import Client
from cds_service.limits import FAILURES as FAILURES_HEARD
from cds_service.openapi import document as described_by
from cds_service.settings import Settings
from cds_service.storage import NO_RECORDS
from cds_service.storage.records import RecordsUnavailableError
from hooks import SERVICES
from tests.http.conftest import MakeSite, Site
from tests.http.test_errors import FAILURES

TOO_MANY = FAILURES_HEARD.amount + 1

Document = dict[str, Any]
Drive = Callable[[Any, str], Any]
"""Brings about a status: takes what makes sites and an address, returns the answer."""

HOOK_OF = {f"/cds-services/{service.id}": service.hook.value for service in SERVICES}
FILLED = {"/examples/{name}": "/examples/order-sign", "/static/{filename}": "/static/landing.css"}
DISCOVERY = "/cds-services"
INSIGHT = ("/insight", "/insight.csv")
TOKEN = "a" * 64
SHOWN = {"Authorization": f"Bearer {TOKEN}"}
FEEDBACK = {
    "feedback": [
        {
            "card": "3ad5e3d0-1d1c-4b2c-9a55-0e6f7b1a2c01",
            "outcome": "overridden",
            "outcomeTimestamp": "2026-01-15T09:05:00Z",
        }
    ]
}


@pytest.fixture(scope="module")
def token_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file: Path = tmp_path_factory.mktemp("insight") / "token"
    file.write_text(TOKEN)
    return file


@pytest.fixture(scope="module")
def make_site(token_file: Path) -> MakeSite:
    """Start a service that has every address: with a token, production has ``/insight`` too."""

    def make(settings: Settings | None = None, **wiring: Any) -> Site:
        return Site(dataclasses.replace(settings or Settings(), insight_token_file=token_file), **wiring)

    return make


@pytest.fixture(scope="module")
def whole_site(make_site: MakeSite) -> Site:
    return make_site()


@pytest.fixture(scope="module")
def document(whole_site: Site) -> Document:
    found: Document = whole_site.client.get("/openapi.json").get_json()
    return found


def operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    for address, methods in document["paths"].items():
        for method, operation in methods.items():
            yield address, method.upper(), operation


def resolved(document: Document, part: Document) -> Document:
    while "$ref" in part:
        found = document
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        part = found
    return part


def empties(value: Any, path: str = "") -> Iterator[str]:
    """Yield where null, "", [] or {} stand; an empty ``cards`` may (M-07)."""
    if value in (None, "", {}) or (value == [] and path != ".cards"):
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inner:
        yield from empties(one, f"{path}.{name}")


def assert_conforms(document: Document, operation: Document, answer: Any) -> None:
    """Fail unless the answer is one that the operation promises."""
    promised = resolved(document, operation["responses"][str(answer.status_code)])
    for name, header in promised["headers"].items():
        described = resolved(document, header)
        assert re.search(described["schema"]["pattern"], answer.headers[name])
    if "content" not in promised:
        assert answer.get_data() == b""
        return
    ((media_type, content),) = promised["content"].items()
    assert media_type in {answer.mimetype, "*/*"}
    if media_type == "application/json":
        assert_fits(document, content["schema"], answer.get_json())
        if operation["operationId"] != "openapi":  # whose own format wants some
            assert list(empties(answer.get_json())) == []


def assert_fits(document: Document, schema: Document, value: Any) -> None:
    whole = {**schema, "components": document["components"]}
    errors = [f"{error.json_path}: {error.message}" for error in OAS31Validator(whole).iter_errors(value)]
    assert errors == []


# ── The document ─────────────────────────────────────────────────────────────────────────────────────────────


def test_it_is_openapi_3_1(document: Document) -> None:
    validate(document)
    assert document["openapi"] == "3.1.0"


@pytest.mark.parametrize("insight", [False, True], ids=["without insight", "with insight"])
def test_every_address_of_production_is_in_it_and_nothing_else(token_file: Path, insight: bool) -> None:
    site = Site(Settings(insight_token_file=token_file if insight else None))
    document = site.client.get("/openapi.json").get_json()
    validate(document)
    assert ("/insight" in document["paths"]) is insight
    adapter = site.app.url_map.bind("localhost")
    described: dict[str, set[str]] = {}
    for address, method, _ in operations(document):
        endpoint, _ = adapter.match(FILLED.get(address, address), method=method)
        described.setdefault(endpoint, set()).add(method)
    served = {rule.endpoint: set(rule.methods or ()) - {"HEAD", "OPTIONS"} for rule in site.app.url_map.iter_rules()}
    assert described == served


def test_operations_have_names_of_their_own(document: Document) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names)


def test_its_examples_are_as_it_says(document: Document) -> None:
    seen = 0
    for _, _, operation in operations(document):
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for body in bodies:
            for content in resolved(document, body).get("content", {}).values():
                for example in content.get("examples", {}).values():
                    assert_fits(document, content["schema"], example["value"])
                    seen += 1
    assert seen >= 2 * len(SERVICES)


def test_everything_described_is_used(document: Document) -> None:
    text = json.dumps(document)
    for kind, parts in document["components"].items():
        for name in parts:
            assert f'"#/components/{kind}/{name}"' in text or f'{{"{name}": []}}' in text, f"{kind}/{name}"


# ── The answers ──────────────────────────────────────────────────────────────────────────────────────────────


def asked(client: Any, address: str, **more: Any) -> Any:
    """Ask as it should be asked, unless ``more`` says otherwise."""
    if address in HOOK_OF:
        return client.post(address, **({"json": examples.as_of(HOOK_OF[address], examples.WRITTEN)} | more))
    if address.endswith("/feedback"):
        return client.post(address, **({"json": FEEDBACK} | more))
    if address in INSIGHT:
        return client.get(address, **({"headers": SHOWN} | more))
    return client.get(address, **more)


def identified(make_site: Any, address: str, *, calls: int, **known: Any) -> Any:
    """Return the last answer to somebody who shows a certificate; with no calls, to somebody who shows none."""
    fingerprint = "a" * 64
    client = Client(name="ehr", certificates=(fingerprint,), **known)
    if address == DISCOVERY:
        # It is open to everybody, but a token that comes along has to be good.
        site = make_site(clients=(client,))
        return [asked(site.client, address, headers={"Authorization": "Bearer x"}) for _ in range(calls or 1)][-1]
    settings = Settings(proxy_networks=(ipaddress.ip_network("127.0.0.0/8"),))
    site = make_site(settings, clients=(client,))
    if not calls:
        return asked(site.client, address, headers={})
    return [asked(site.client, address, headers={settings.certificate_header: fingerprint}) for _ in range(calls)][-1]


def broken(make_site: Any, address: str) -> Any:
    def fails(**_: Any) -> Any:
        raise RuntimeError

    site = make_site()
    method = "POST" if address.startswith(f"{DISCOVERY}/") else "GET"
    endpoint, _ = site.app.url_map.bind("localhost").match(address, method=method)
    site.app.view_functions[endpoint] = fails
    return asked(site.client, address)


class BrokenRecords:
    """Records that cannot be kept."""

    def __getattr__(self, name: str) -> Any:
        return getattr(NO_RECORDS, name)

    def check(self) -> str:
        return "The database cannot be reached."

    def keep(self, *_: Any) -> None:
        raise RecordsUnavailableError

    def tallies(self, *_: Any) -> None:
        raise RecordsUnavailableError


def malformed(make_site: Any, address: str) -> Any:
    wrong: dict[str, Any] = {"query_string": {"since": "yesterday"}} if address in INSIGHT else {"json": []}
    return asked(make_site().client, address, **wrong)


def lacking(make_site: Any, address: str) -> Any:
    body = examples.as_of(HOOK_OF[address], examples.WRITTEN)
    del body["prefetch"]["labs"]
    return asked(make_site().client, address, json=body)


DRIVES: dict[int, Drive] = {
    200: lambda make_site, address: asked(make_site().client, address),
    400: malformed,
    401: lambda make_site, address: identified(make_site, address, calls=0),
    403: lambda make_site, address: identified(make_site, address, calls=1, services=("another",)),
    404: lambda make_site, address: make_site().client.get(f"{address}-that-does-not-exist"),
    412: lacking,
    413: lambda make_site, address: asked(make_site(Settings(max_body_bytes=10)).client, address),
    415: lambda make_site, address: asked(
        make_site().client, address, json=None, data="a=b", content_type="text/plain"
    ),
    429: lambda make_site, address: identified(make_site, address, calls=TOO_MANY, rate_limit="1/minute"),
    500: broken,
    503: lambda make_site, address: asked(make_site(records=BrokenRecords()).client, address),
}
PROMISED = [
    (address, int(status))
    for address, _, operation in operations(described_by("1", SERVICES, insight=True))
    for status in operation["responses"]
]


@pytest.mark.parametrize(("address", "status"), PROMISED, ids=[f"{status} {address}" for address, status in PROMISED])
def test_every_promised_status_can_be_had_and_is_as_described(
    make_site: Any, document: Document, address: str, status: int
) -> None:
    with DRIVES[status](make_site, FILLED.get(address, address)) as answer:
        assert answer.status_code == status
        (operation,) = document["paths"][address].values()
        assert_conforms(document, operation, answer)


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES.keys())
def test_every_failure_has_the_shape_that_is_described(site: Any, document: Document, failure: Any) -> None:
    answer = site.client.open(
        failure.address, method=failure.method, data=failure.body, content_type=failure.content_type
    )
    assert_fits(document, {"$ref": "#/components/schemas/OperationOutcome"}, answer.get_json())
    assert list(empties(answer.get_json())) == []
    assert answer.headers["X-Request-Id"]
    methods = document["paths"].get(failure.address, {})
    if failure.method.lower() in methods:
        assert_conforms(document, methods[failure.method.lower()], answer)
    else:
        assert answer.status_code in {404, 405}


# ── Insight: every way to ask for it ─────────────────────────────────────────────────────────────────────────

PERIODS = [
    "",
    "since=2026-01-01&until=2026-01-10&client=epic",
    "since=&until=&client=",
    "client=nobody&client=other&more=1",
    "since=%FF",
    "since=2026-02-30",
    "until=0001-01-01",
    "until=9999-12-31",
    "since=2026-01-02&until=2026-01-01",
    "since=2000-01-01&until=2026-01-01",
    "client=%00",
]
TOKENS = ["", "Bearer", "Bearer wrong", "Basic !", f"Digest {TOKEN}", SHOWN["Authorization"]]


@pytest.mark.parametrize("address", INSIGHT)
def test_insight_has_every_status_that_is_described_and_no_other(
    make_site: MakeSite, whole_site: Site, document: Document, address: str
) -> None:
    operation = document["paths"][address]["get"]
    seen = set()
    for site, period, token in itertools.product((whole_site, make_site(records=BrokenRecords())), PERIODS, TOKENS):
        answer = site.client.get(f"{address}?{period}", headers={"Authorization": token} if token else {})
        assert_conforms(document, operation, answer)
        seen.add(f"{answer.status_code}")
    assert seen | {"500"} == set(operation["responses"])


ALMOST_A_DAY = st.dates().map(str) | st.from_regex(r"\d{4}-\d\d-\d\d", fullmatch=True) | st.text()


@given(query=st.fixed_dictionaries({}, optional={"since": ALMOST_A_DAY, "until": ALMOST_A_DAY, "client": st.text()}))
def test_whatever_is_asked_of_insight_is_answered_or_refused_by_name(
    whole_site: Site, document: Document, query: dict[str, str]
) -> None:
    answer = whole_site.client.get(INSIGHT[1], query_string=query, headers=SHOWN)
    assert_conforms(document, document["paths"][INSIGHT[1]]["get"], answer)
    if answer.status_code != 200:
        ((field,),) = (issue["expression"] for issue in answer.get_json()["issue"])
        assert field in query
