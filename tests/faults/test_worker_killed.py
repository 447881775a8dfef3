"""One of two workers is killed with -9 under load, again and again.

What was in its hands is lost, and its caller hears so: the connection breaks, and no half answer passes for a whole
one. All else is answered, the killed worker is replaced, and feedback that was answered 200 is there.
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
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException
from itertools import count
from pathlib import Path

from cds_service import clock, examples
from cds_service.settings import PREFIX
from cds_service.storage.schema import feedback
from tests.faults.conftest import SERVICE_ID
from tests.storage.say import card, entry, rows

KILLS, SENDERS, PATIENCE = 3, 4, 60
BETWEEN = 40
"""Answers of 200 between two kills."""
CALL = f"/cds-services/{SERVICE_ID['patient-view']}"


class Load:
    """Senders that alternate between cards and feedback, and what they were told."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._numbers = count()
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self.answers: Counter[str] = Counter()
        self.acknowledged: set[str] = set()
        self.wrong: list[str] = []
        self._body = json.dumps(examples.as_of("patient-view", clock.now())).encode()
        with closing(HTTPConnection(address, timeout=PATIENCE)) as connection:
            self._expected = self._post(connection, CALL, self._body)

    def wait_for(self, answers: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.answers["200"] >= answers, PATIENCE)

    def stop(self) -> None:
        self._stop.set()

    def send(self) -> None:
        """Send until told to stop; a connection that breaks is opened again."""
        connection = HTTPConnection(self._address, timeout=PATIENCE)
        while not self._stop.is_set():
            number = next(self._numbers)
            try:
                told = self._feedback(connection, number) if number % 2 else self._cards(connection)
            except (OSError, HTTPException, ValueError):
                told = "broken"
                connection.close()
            with self._changed:
                self.answers[told] += 1
                self._changed.notify_all()
        connection.close()

    def _cards(self, connection: HTTPConnection) -> str:
        status, summaries = self._post(connection, CALL, self._body)
        if status == 200 and summaries != self._expected[1]:
            self.wrong.append(repr(summaries))
        return str(status)

    def _feedback(self, connection: HTTPConnection, number: int) -> str:
        body = json.dumps({"feedback": [entry(number)]}).encode()
        status, _ = self._post(connection, f"{CALL}/feedback", body)
        if status == 200:
            self.acknowledged.add(card(number))
        return str(status)

    @staticmethod
    def _post(connection: HTTPConnection, path: str, body: bytes) -> tuple[int, list[str]]:
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = response.read()
        return response.status, [shown["summary"] for shown in json.loads(answer)["cards"]] if answer else []


@contextmanager
def serving(folder: Path, database: str) -> Iterator[tuple[str, int]]:
    """Run the service with two workers; give its address and its process id."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    environ |= {f"{PREFIX}PROFILE": "dev", f"{PREFIX}DATABASE": database, f"{PREFIX}LOG_LEVEL": "error"}
    command = [sys.executable, "-m", "cds_service", "serve", "--port", "0", "--workers", "2"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(  # noqa: S603  ours, word by word
            command, env={**environ, "TMPDIR": str(folder)}, stdout=subprocess.PIPE, stderr=log, text=True
        )
    assert process.stdout is not None
    with process.stdout:
        found = re.search(r"http://(\S+)", process.stdout.readline())
        try:
            assert found, (folder / "log").read_text()
            yield found[1], process.pid
        finally:
            process.terminate()
            process.wait(PATIENCE)


def workers(pid: int) -> list[int]:
    return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_killed_worker_costs_what_it_had_in_hand_and_nothing_else(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'cds.sqlite'}"
    killed: list[int] = []
    with serving(tmp_path, database) as (address, pid), ThreadPoolExecutor(SENDERS) as pool:
        load = Load(address)
        sending = [pool.submit(load.send) for _ in range(SENDERS)]
        try:
            for number in range(KILLS):
                load.wait_for((number + 1) * BETWEEN)
                killed.append(workers(pid)[0])
                os.kill(killed[-1], signal.SIGKILL)
            load.wait_for((KILLS + 1) * BETWEEN)
        finally:
            load.stop()
        for one in sending:
            one.result()
        assert len(workers(pid)) == 2
        assert not set(workers(pid)) & set(killed)
    assert load.wrong == []
    assert set(load.answers) <= {"200", "broken"}
    assert load.answers["broken"] <= KILLS * SENDERS
    kept = Counter(row["card"] for row in rows(database, feedback))
    assert load.acknowledged <= set(kept)
    assert set(kept.values()) == {1}
