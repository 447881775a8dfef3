"""A body that is refused before it is read: the caller hears why, and the connection is good for the next request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.faults.conftest import SERVICE_ID
from tests.faults.test_worker_killed import PATIENCE, serving

CALL = f"/cds-services/{SERVICE_ID['patient-view']}"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("refused")
    with serving(folder, f"sqlite:///{folder / 'cds.sqlite'}") as (address, _):
        yield address


@pytest.mark.parametrize("wish", ["keep-alive", "close"])
@pytest.mark.parametrize(
    ("call", "status"),
    [
        (("/cds-services/no-such-service", 2_000_000, "application/json"), 404),
        ((CALL, 2_000_000, "text/plain"), 415),
        ((CALL, 9_000_000, "application/json"), 413),
    ],
)
def test_the_caller_hears_why(address: str, call: tuple[str, int, str], status: int, wish: str) -> None:
    path, size, media_type = call
    with closing(HTTPConnection(address, timeout=PATIENCE)) as connection:
        for _ in range(3):
            headers = {"Content-Type": media_type, "Connection": wish}
            connection.request("POST", path, b" " * size, headers)
            response = connection.getresponse()
            assert (response.status, response.read()[:1]) == (status, b"{")
