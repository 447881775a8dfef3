"""The SSRF matrix (M-05) on ``fhirServer``, through the service: nothing is resolved, nothing is connected to."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from cds_service.settings import Profile
from tests.fhir_server import patients
from tests.fhir_server.conftest import TOKEN, Asking, cards
from tests.unit.cds_service.test_url_guard import BESIDE, ELSEWHERE, LISTED


@pytest.fixture(scope="module")
def production() -> Asking:
    return Asking(LISTED, profile=Profile.PRODUCTION)


@pytest.fixture
def touched(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was resolved or connected to."""
    found: list[Any] = []

    def refuse(*arguments: Any, **_: Any) -> Any:
        found.append(arguments)
        raise OSError("there is no network here")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    return found


@pytest.mark.requirement("R-32", "M-05")
@pytest.mark.parametrize("url", (ELSEWHERE | BESIDE).values(), ids=(ELSEWHERE | BESIDE).keys())
class TestAServerThatIsNotListed:
    def test_it_is_not_called_and_not_named(self, production: Asking, touched: list[Any], url: str) -> None:
        answer = production.call("patient-view", {}, fhirServer=url)
        assert answer.status_code in {400, 412}
        assert touched == []
        text = answer.get_data(as_text=True)
        assert url not in text
        assert "evil" not in text
        assert TOKEN not in text + production.log.getvalue()

    def test_with_full_prefetch_it_does_no_harm(self, production: Asking, touched: list[Any], url: str) -> None:
        complete = patients.prefetch("patient-view")
        answer = production.call("patient-view", complete, fhirServer=url)
        # What is no web address at all is a mistake in the envelope.
        assert answer.status_code == 400 or cards(answer)
        assert touched == []


@pytest.mark.requirement("M-05")
def test_the_listed_one_is_called(production: Asking, touched: list[Any]) -> None:
    """Otherwise the matrix shows nothing."""
    answer = production.call("patient-view", {})
    assert answer.status_code == 412
    assert {arguments[0] for arguments in touched} == {"ehr.example.org"}
