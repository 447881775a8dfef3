"""A real server with two workers: what they count together, and what they answer when it is not HTTP."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests

from cds_service.settings import PREFIX
from tests.http.test_metrics import total

WORKERS = 2
CALLS = 40
CALL = b"/cds-services/magnesium-patient-view"
MARKER = b"Rosalind"
PATIENCE = 30


@dataclass(frozen=True)
class Served:
    """One ``magnesium-cds serve``."""

    process: subprocess.Popen[str]
    url: str
    folder: Path

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8")

    def send(self, raw: bytes) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body of the answer to some bytes."""
        port = int(self.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            with connection.makefile("rb") as answer:
                head, _, body = answer.read().partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        return int(first.split()[1]), headers, body


@contextmanager
def serve(folder: Path) -> Iterator[Served]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    environ |= {
        "TMPDIR": str(folder),
        f"{PREFIX}PROFILE": "dev",
        f"{PREFIX}DATABASE": f"sqlite:///{folder / 'records.sqlite'}",
    }
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(  # noqa: S603  our own command
            [sys.executable, "-m", "cds_service", "serve", "--port", "0", "--workers", str(WORKERS)],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environ,
        )
        assert process.stdout is not None
        with process.stdout:
            url = re.search(r"http://[\d.:]+", process.stdout.readline())
            try:
                assert url, (folder / "log").read_text()
                yield Served(process, url[0], folder)
            finally:
                process.terminate()
                process.wait(PATIENCE)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("served")) as one:
        yield one


def test_whichever_of_two_workers_is_asked_answers_for_both(tmp_path: Path) -> None:
    with serve(tmp_path) as served:
        folder = next(tmp_path.glob("magnesium-cds-metrics-*"))
        text = ""
        for call in range(1, CALLS + 1):
            # A connection each: whichever worker is free takes it.
            assert requests.get(f"{served.url}/cds-services", timeout=PATIENCE).status_code == 200
            text = requests.get(f"{served.url}/metrics", timeout=PATIENCE).text
            assert total(text, "requests_total", route="/cds-services") == call
        counted = {file.stem.rpartition("_")[2] for file in folder.glob("counter_*.db")}
        assert len(counted - {str(served.process.pid)}) == WORKERS, "one worker got none of the calls"
        assert total(text, "request_seconds_count", route="/cds-services") == CALLS
        assert total(text, "build_info") == 1
        served.process.terminate()
        assert served.process.wait(PATIENCE) == 0
        assert not folder.exists()


class Bad(NamedTuple):
    """Bytes that are no request that can be served, and the status they get."""

    raw: bytes
    status: int


def post(*headers: bytes, body: bytes = b"{}") -> bytes:
    lines = (b"POST " + CALL + b" HTTP/1.1", b"Host: localhost", b"Content-Type: application/json", *headers)
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def get(address: bytes, *headers: bytes, version: bytes = b"HTTP/1.1") -> bytes:
    return b"\r\n".join((b"GET " + address + b" " + version, b"Host: localhost", *headers)) + b"\r\n\r\n"


BAD = {
    "no request line": Bad(MARKER + b" is ill\r\n\r\n", 400),
    "a version that does not exist": Bad(get(b"/" + MARKER, version=b"HTTP/9.9"), 400),
    "a header without a colon": Bad(get(b"/", MARKER), 400),
    "a header with a space in its name": Bad(get(b"/", MARKER + b" x: 1"), 400),
    "an endless address": Bad(get(b"/" + MARKER * 2000), 414),
    "an endless header": Bad(get(b"/", b"X: " + MARKER * 2000), 431),
    "too many headers": Bad(get(b"/", *(b"X-%d: " % n + MARKER for n in range(300))), 431),
    "a coding that does not exist": Bad(post(b"Transfer-Encoding: " + MARKER), 501),
    "an expectation that cannot be met": Bad(post(b"Expect: " + MARKER), 417),
    "a length below zero": Bad(post(b"Content-Length: -5"), 400),
    "two lengths": Bad(post(b"Content-Length: 2", b"Content-Length: 3"), 400),
    "a body shorter than its length": Bad(post(b"Content-Length: 500", body=b'{"x":"' + MARKER), 400),
    "a chunk without a size": Bad(post(b"Transfer-Encoding: chunked", body=MARKER + b"\r\n{}\r\n0\r\n\r\n"), 400),
    "a chunk that breaks off": Bad(post(b"Transfer-Encoding: chunked", body=b"50\r\n{" + MARKER), 408),
    "an address in bytes that are no text": Bad(get(b"/examples/%ff%zz"), 404),
    "an address with a zero byte": Bad(get(b"/cds%00services"), 404),
    "an address with an encoded slash": Bad(get(b"/health%2f%2flive"), 404),
    "a long address": Bad(get(b"/" + b"a" * 3900), 404),
    "no address": Bad(b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
    "a tunnel": Bad(b"CONNECT x:443 HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
    "TRACE": Bad(b"TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_what_is_no_request_is_refused_in_the_one_shape_and_quoted_nowhere(served: Served, bad: Bad) -> None:
    status, headers, body = served.send(bad.raw)
    assert status == bad.status
    assert headers["Content-Type"] == "application/json"
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Request-Id"]
    assert MARKER not in body
    outcome: dict[str, Any] = json.loads(body)
    assert outcome["resourceType"] == "OperationOutcome"
    assert {issue["severity"] for issue in outcome["issue"]} == {"error"}
    assert MARKER.decode() not in served.log


def test_the_rest_of_a_body_that_is_read_as_a_request_is_quoted_nowhere(served: Served) -> None:
    rest = b'{"patient":"' + MARKER + b'"}\r\n\r\n'
    status, _, body = served.send(get(b"/health/live", b"Content-Length: 0") + rest)
    assert status == 200
    assert b"OperationOutcome" in body, "the second answer"
    assert MARKER not in body
    assert MARKER.decode() not in served.log


def test_whatever_is_written_is_one_json_object_a_line(served: Served) -> None:
    served.send(get(b"/cds-services"))
    served.send(BAD["no request line"].raw)
    events = [json.loads(line) for line in served.log.splitlines()]
    assert {"request", "library"} <= {event["event"] for event in events}
    said = next(event for event in events if event["event"] == "library")
    assert said["place"].startswith("cds_service/worker.py:")


@pytest.mark.parametrize(
    "address", ["/cds-services", "/cds-services/", "/health/live", "/metrics", "/openapi.json", "/"]
)
def test_head_is_answered_as_get_without_the_body(served: Served, address: str) -> None:
    expected = requests.get(served.url + address, timeout=PATIENCE)
    answer = requests.head(served.url + address, timeout=PATIENCE)
    assert (answer.status_code, answer.content) == (expected.status_code, b"") == (200, b"")
    assert answer.headers["Content-Type"] == expected.headers["Content-Type"]
