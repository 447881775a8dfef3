"""kill -9 while feedback pours in: whatever was answered 200 is in the database, once.

The service runs as it does in a hospital – gunicorn, two workers – and is killed with all its processes at moments
that a seed decides. Clients do what the answer tells them: what was not answered 200 they send again.
"""

from __future__ import annotations

import http.client
import json
import os
import queue
import random
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from cds_service import clock, examples
from cds_service.settings import PREFIX
from cds_service.storage.schema import calls, decisions, feedback
from tests.storage.say import card, entry, rows

ENTRIES = 10_000
CLIENTS = 8
KILLS = 4
EVERY_BATCH = 50
"""One post in so many carries three entries, the others one."""
EVERY_REPEAT = 20
"""One post in so many is sent again although it was answered."""
PATH = "/cds-services/magnesium-patient-view/feedback"


class Service:
    """The service as processes; each start listens on another port."""

    def __init__(self, url: str, folder: Path) -> None:
        self._environ = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        self._environ |= {
            f"{PREFIX}PROFILE": "dev",
            f"{PREFIX}DATABASE": url,
            f"{PREFIX}LOG_LEVEL": "error",
            "XDG_DATA_HOME": str(folder),
        }
        self._log = folder / "log"
        self.address = ""

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    def start(self) -> None:
        command = [sys.executable, "-m", "cds_service", "serve", "--port", "0", "--workers", "2"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  ours, word by word
                command, env=self._environ, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
            )
        assert self._process.stdout is not None
        greeting = self._process.stdout.readline()
        found = re.search(r"http://\S+", greeting)
        assert found, f"{greeting}\n{self._log.read_text()}"
        self.address = found[0]

    def stop(self) -> None:
        """Ask it to end, as a deployment does, and wait until it has."""
        self._process.terminate()
        self._process.communicate(timeout=60)

    def kill(self) -> None:
        """Kill every process of the service at once; none can finish anything."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()


class Clients:
    """Send posts from several connections until each was answered 200."""

    def __init__(self, service: Service, posts: Sequence[tuple[int, ...]]) -> None:
        self._service = service
        self._left: queue.SimpleQueue[tuple[int, ...] | None] = queue.SimpleQueue()
        self.acknowledged: Counter[int] = Counter()
        self.answers: Counter[int | str] = Counter()
        self._changed = threading.Condition()
        for number, post in enumerate(posts):
            self._left.put(post)
            if number % EVERY_REPEAT == 0:
                self._left.put(post)
        self._threads = [threading.Thread(target=self._send_all, daemon=True) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def wait_for(self, acknowledged: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: len(self.acknowledged) >= acknowledged)

    def finish(self) -> None:
        for _ in self._threads:
            self._left.put(None)
        for thread in self._threads:
            thread.join()

    def _send_all(self) -> None:
        connection = http.client.HTTPConnection(urlsplit(self._service.address).netloc, timeout=30)
        while (post := self._left.get()) is not None:
            try:
                answer: int | str = self._send(connection, post)
            except (OSError, http.client.HTTPException) as error:
                answer = type(error).__name__
                connection.close()
            with self._changed:
                self.answers[answer] += 1
                if answer == http.client.OK:
                    self.acknowledged.update(post)
                    self._changed.notify_all()
                    continue
                self._left.put(post)
                # The killed service is being started again, elsewhere.
                self._changed.wait(0.05)
            connection.close()
            connection = http.client.HTTPConnection(urlsplit(self._service.address).netloc, timeout=30)
        connection.close()

    def _send(self, connection: http.client.HTTPConnection, post: tuple[int, ...]) -> int:
        body = json.dumps({"feedback": [entry(number) for number in post]})
        connection.request("POST", PATH, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        response.read()
        return response.status


def posts() -> list[tuple[int, ...]]:
    made: list[tuple[int, ...]] = []
    number = 0
    while number < ENTRIES:
        size = 3 if len(made) % EVERY_BATCH == 0 else 1
        made.append(tuple(range(number, min(number + size, ENTRIES))))
        number += size
    return made


@contextmanager
def running(service: Service) -> Iterator[None]:
    service.start()
    try:
        yield
    finally:
        if service.runs:
            service.kill()


def test_what_was_answered_200_survives_kill_9_exactly_once(empty_url: str, tmp_path: Path) -> None:
    moments = sorted(random.Random(5).sample(range(500, ENTRIES - 500), KILLS))  # noqa: S311  repeatable on purpose
    service = Service(empty_url, tmp_path)
    with running(service):
        clients = Clients(service, posts())
        for moment in moments:
            clients.wait_for(moment)
            service.kill()
            service.start()
        clients.wait_for(ENTRIES)
        clients.finish()
    kept = Counter(row["card"] for row in rows(empty_url, feedback))
    assert set(clients.acknowledged) == set(range(ENTRIES))
    assert max(clients.acknowledged.values()) > 1, "none was sent twice"
    assert kept == Counter(card(number) for number in range(ENTRIES))
    assert set(clients.answers) - {200, 503}, "no kill came while something was being sent"


def test_a_service_that_is_asked_to_stop_writes_down_what_it_decided(empty_url: str, tmp_path: Path) -> None:
    service = Service(empty_url, tmp_path)
    body = json.dumps(examples.as_of("patient-view", clock.now()))
    shown = 0
    with running(service):
        with closing(http.client.HTTPConnection(urlsplit(service.address).netloc, timeout=30)) as connection:
            for _ in range(20):
                connection.request("POST", "/cds-services/magnesium-patient-view", body)
                response = connection.getresponse()
                shown += len(json.load(response)["cards"])
        service.stop()
    assert shown
    assert len(rows(empty_url, decisions)) == shown
    assert sum(row["total"] for row in rows(empty_url, calls)) == 20
