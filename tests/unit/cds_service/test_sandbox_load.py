"""magnesium-cds sandbox load: the example patients for somebody's own test server."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import responses
from click.testing import CliRunner

from cds_service import examples
from cds_service.cli import main
from cds_service.sandbox.load import load, transaction
from cds_service.sandbox.store import SandboxError

URL = "http://hapi.example:8080/fhir"


@pytest.fixture
def server() -> Any:
    with responses.RequestsMock() as mocked:
        yield mocked


def test_everything_is_put_under_its_own_id_and_nothing_before_what_it_refers_to() -> None:
    entries = transaction(examples.WRITTEN)["entry"]
    urls = [entry["request"]["url"] for entry in entries]
    assert len(set(urls)) == len(urls)
    assert all(
        url == f"{e['resource']['resourceType']}/{e['resource']['id']}" for url, e in zip(urls, entries, strict=True)
    )
    patients = [url for url in urls if url.startswith("Patient/")]
    assert urls[: len(patients)] == patients
    assert len(patients) == len(examples.NAMES)


def test_the_command_says_what_it_did(server: Any) -> None:
    server.post(URL, json={"resourceType": "Bundle", "type": "transaction-response"})
    result = CliRunner().invoke(main, ["sandbox", "load", f"{URL}/"])
    assert result.exit_code == 0, result.output
    assert f"resources of 3 invented patients are at {URL}" in result.output
    assert server.calls[0].request.headers["Content-Type"] == "application/fhir+json"


def test_it_waits_until_the_server_is_up(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threading.Event.wait", lambda *_: False)
    server.get(f"{URL}/metadata", body=requests.ConnectionError("starting"))
    server.get(f"{URL}/metadata", status=503)
    server.get(f"{URL}/metadata", json={})
    server.post(URL, json={})
    assert load(URL, examples.WRITTEN, wait_seconds=10)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"status": 422}, "refused the examples with status 422"),
        ({"body": requests.ConnectionError("x")}, "does not answer"),
    ],
)
def test_a_server_that_does_not_take_them_is_an_error(server: Any, answer: dict[str, Any], words: str) -> None:
    server.post(URL, **answer)
    with pytest.raises(SandboxError, match=words):
        load(URL, examples.WRITTEN)
