"""What a rolling upgrade does to callers: nothing. Real processes, a balancer as Kubernetes is one, steady load.

The balancer sends a request only to instances whose readiness was seen, and tries the next one only where a
connection was refused, when nothing has been sent yet. Whatever else goes wrong with a request has failed.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cds_service import clock, examples
from cds_service.server import GRACE_SECONDS
from cds_service.settings import PREFIX
from hooks import SERVICES
from hooks.service import Hook

ROOT = Path(__file__).parents[2]
READY = "/health/ready"
SERVICE = next(service.id for service in SERVICES if service.hook is Hook.PATIENT_VIEW)
ADDRESS = re.compile(r"listens on http://127\.0\.0\.1:(\d+)")
PATIENCE = 30
"""Seconds after which something that should have happened will not."""
PROPAGATION = 0.5
"""Seconds between an instance leaving the balancer and its SIGTERM: the preStop pause of the manifests, in small."""


def until(happened: Callable[[], bool]) -> None:
    """Wait for something that another process or thread does."""
    pause = threading.Event()
    for _ in range(PATIENCE * 100):
        if happened():
            return
        pause.wait(0.01)
    pytest.fail("it did not happen")


@dataclass
class Instance:
    """One ``magnesium-cds serve``."""

    process: subprocess.Popen[str]
    port: int
    log: Path

    @property
    def ready(self) -> bool:
        """What a probe finds: an answer that says so. No connection, or one that is cut, is none."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as connection:
            try:
                connection.request("GET", READY)
                return connection.getresponse().status == 200
            except OSError:
                return False

    def stop(self) -> int:
        """Return the exit status; too slow is killed and shows as one that is not 0."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


Start = Callable[..., Instance]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start an instance and wait until it says that it is ready."""
    with ExitStack() as running:

        def begin(**settings: str) -> Instance:
            return running.enter_context(_instance(tmp_path, settings))

        yield begin


@contextmanager
def _instance(folder: Path, settings: dict[str, str]) -> Iterator[Instance]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    own = {f"{PREFIX}{name}": value for name, value in {"PROFILE": "dev", "LOG_LEVEL": "error", **settings}.items()}
    log = folder / f"{len(list(folder.glob('*.log')))}.log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "cds_service", "serve", "--port", "0"],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=ROOT,
            env={**inherited, **own, "XDG_DATA_HOME": str(folder)},
        )
    assert process.stdout is not None
    with process.stdout as printed:
        try:
            match = ADDRESS.search(printed.readline())
            assert match is not None, log.read_text()
            instance = Instance(process, int(match[1]), log)
            until(lambda: instance.ready)
            yield instance
        finally:
            process.kill()
            process.wait()


@dataclass
class Balancer:
    """Round robin over the instances that are ready."""

    instances: Sequence[Instance] = ()
    answered: Counter[int] = field(default_factory=Counter)
    """By port."""
    failed: list[str] = field(default_factory=list)
    _turn: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, instance: Instance) -> None:
        self.instances = (*self.instances, instance)

    def remove(self, instance: Instance) -> None:
        self.instances = tuple(other for other in self.instances if other is not instance)

    def pick(self) -> Instance:
        with self._lock:
            self._turn += 1
            return self.instances[self._turn % len(self.instances)]

    def send_until(self, stop: threading.Event, body: bytes) -> None:
        """Post ``body`` again and again, on connections that are kept as a proxy keeps its own."""
        kept: dict[int, HTTPConnection] = {}
        while not stop.wait(0.02):
            instance = self.pick()
            connection = kept.get(instance.port) or HTTPConnection("127.0.0.1", instance.port, timeout=PATIENCE)
            try:
                if connection.sock is None:
                    connection.connect()
            except ConnectionRefusedError:
                continue  # nothing was sent: the next instance gets it
            kept[instance.port] = connection
            try:
                trouble = _trouble(connection, body)
            except (OSError, HTTPException, ValueError) as error:
                trouble = repr(error)
                connection.close()
            with self._lock:
                if trouble:
                    self.failed.append(f"{instance.port}: {trouble}")
                else:
                    self.answered[instance.port] += 1
        for connection in kept.values():
            connection.close()


def _trouble(connection: HTTPConnection, body: bytes) -> str:
    """Return what is wrong with the answer: its status, or cards that are not there; nothing if it is in order."""
    answer = _post(connection, body)
    return "" if answer[0] == 200 and answer[1]["cards"] else f"{answer}"


def _post(connection: HTTPConnection, body: bytes) -> tuple[int, Any]:
    connection.request("POST", f"/cds-services/{SERVICE}", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def test_a_rolling_restart_under_load_fails_no_request(start: Start) -> None:
    body = json.dumps(examples.as_of(Hook.PATIENT_VIEW.value, clock.now())).encode()
    balancer = Balancer()
    first = [start(), start()]
    for instance in first:
        balancer.add(instance)
    stop = threading.Event()
    statuses = []
    with ThreadPoolExecutor(4) as pool:
        load = [pool.submit(balancer.send_until, stop, body) for _ in range(4)]
        try:
            for old in first:
                until(lambda old=old: balancer.answered[old.port] >= 10)  # type: ignore[misc]
                new = start()
                balancer.add(new)
                until(lambda new=new: balancer.answered[new.port] >= 10)  # type: ignore[misc]
                balancer.remove(old)
                threading.Event().wait(PROPAGATION)
                statuses.append(old.stop())
        finally:
            stop.set()
        for thread in load:
            thread.result()
    assert balancer.failed == []
    assert statuses == [0, 0]
    assert [instance.log.read_text() for instance in first] == ["", ""]


class _SlowFhirServer(ThreadingHTTPServer):
    """Holds every answer back until it is released; knows a patient and nothing about them."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _SlowAnswer)
        self.asked = threading.Event()
        self.released = threading.Event()


class _SlowAnswer(BaseHTTPRequestHandler):
    server: _SlowFhirServer

    def do_GET(self) -> None:
        self.server.asked.set()
        self.server.released.wait(PATIENCE)
        found = {"resourceType": "Bundle", "type": "searchset", "total": 0}
        if self.path.startswith("/fhir/Patient/"):
            found = {"resourceType": "Patient", "id": "p1"}
        body = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/fhir+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name that the base class gives it
        """Say nothing."""


@pytest.fixture
def slow() -> Iterator[_SlowFhirServer]:
    server = _SlowFhirServer()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sigterm_lets_a_request_that_has_begun_end(start: Start, slow: _SlowFhirServer, workers: str) -> None:
    fhir = f"http://127.0.0.1:{slow.server_port}/fhir"
    instance = start(FHIR_SERVERS=fhir, FHIR_BUDGET_MS=str(PATIENCE * 1000), WORKERS=workers)
    context = {"patientId": "p1", "userId": "Practitioner/1"}
    hook_instance = "b0c2a9a8-3f1e-4c7b-9a51-0d0f6f0f7c11"
    request = {"hook": "patient-view", "hookInstance": hook_instance, "context": context, "fhirServer": fhir}
    with (
        closing(HTTPConnection("127.0.0.1", instance.port, timeout=PATIENCE)) as connection,
        ThreadPoolExecutor(2) as pool,
    ):
        answer = pool.submit(_post, connection, json.dumps(request).encode())
        try:
            assert slow.asked.wait(PATIENCE)
            stopped = pool.submit(instance.stop)
            until(lambda: not instance.ready)
        finally:
            slow.released.set()
        status, body = answer.result()
        assert (status, set(body)) == (200, {"cards"})
        assert stopped.result() == 0
    assert instance.log.read_text() == ""
