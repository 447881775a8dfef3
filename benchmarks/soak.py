"""A working day in small: mixed calls, good and bad, for as long as it takes to see what grows.

python -m benchmarks.soak --minutes 30
python -m benchmarks.soak --minutes 30 --rate 8 --json soak.json

A service with two workers and a database of its own is called at half of what it can do (or at ``--rate`` calls a
second): all hooks, small and large charts, data that have to be fetched from a FHIR server that errs every twentieth
time, feedback, bodies that are no requests, callers who hang up. Every call has statuses that are right for it; any
other is a failure. What the processes hold – memory, file descriptors, connections, threads – is looked up every ten
seconds, and judged after a third of the time, when everything that is loaded once is loaded.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from flask import Flask

from benchmarks.load import percentile
from cds_service import clock, examples
from cds_service.sandbox import routes as sandbox_routes
from cds_service.sandbox.store import Store
from cds_service.settings import PREFIX
from hooks import SERVICES
from tests.fhir_server import quirks
from tests.fhir_server.quirks import Proxy, Visit

SERVICE_ID = {service.hook.value: service.id for service in SERVICES}
WORKERS, SENDERS = 2, 8
CROWD = 64
"""Callers at once before anything is counted: more than the service has threads to answer them, so that it starts each
of those that it starts on demand, and what grows afterwards is a leak."""
CALIBRATION_SECONDS = 5
SAMPLE_SECONDS = 10
BUDGET_MS = 500
OBSERVATIONS = 500
SEED = 8
# What may grow, in what is left after the warm-up, before it counts as growth: the noise of an allocator.
MOST_MB = 8.0
MOST_THINGS = 3.0
OK, REFUSED, INCOMPLETE, NOTHING = 200, 400, 412, 0
"""Statuses; 0 is none, because the caller hung up."""

FAULTS = (quirks.status(500), quirks.status(401), quirks.reset, quirks.half_a_body, quirks.silence)


def fhir_server() -> Flask:
    """Return a FHIR server that holds the example patients, as of now."""
    app = Flask("soak")
    app.register_blueprint(sandbox_routes.blueprint(Store.bundled(clock.now(), None)))
    return app


def err_now_and_then(visit: Visit) -> None:
    """Answer as the server behind does, or with one of ``FAULTS``."""
    chance = random.random()  # noqa: S311  no secret
    if chance < 1 / 20:
        random.choice(FAULTS)(visit)  # noqa: S311
    else:
        visit.send(*visit.raw())


@dataclass(frozen=True)
class Call:
    """One request, and the statuses that are right for it."""

    kind: str
    method: str
    path: str
    body: bytes | None
    right: frozenset[int]
    headers: dict[str, str] = field(default_factory=dict)
    hangs_up: bool = False


class Mix:
    """Makes calls, at random and in proportion."""

    def __init__(self, fhir: str, seed: int = SEED) -> None:
        """Take the address of the FHIR server that is asked for what is missing."""
        self._random = random.Random(seed)  # noqa: S311  repeatable on purpose
        self._fhir = fhir
        self._shown: list[str] = []
        self._lock = threading.Lock()
        self._kinds: list[tuple[Callable[[], Call], int]] = [
            (self._hook, 50),
            (self._large, 10),
            (self.fetched, 10),
            (self._feedback, 12),
            (self._bad, 10),
            (self._hung_up, 2),
            (self._page, 6),
        ]

    def next(self) -> Call:
        """Return the next call."""
        with self._lock:
            make = self._random.choices(*zip(*self._kinds, strict=True))[0]
            call: Call = make()
            return call

    def seen(self, answer: bytes) -> None:
        """Remember cards, so that feedback can be given on them."""
        with self._lock:
            self._shown = [*self._shown[-99:], *(card["uuid"] for card in json.loads(answer)["cards"])]

    def _request(self, hook: str) -> dict[str, Any]:
        return {**examples.as_of(hook, clock.now()), "hookInstance": str(uuid4())}

    def _post(self, kind: str, hook: str, body: Any, *right: int, **more: Any) -> Call:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return Call(kind, "POST", f"/cds-services/{SERVICE_ID[hook]}", data, frozenset(right), **more)

    def _any_hook(self) -> str:
        return self._random.choice(examples.NAMES)

    def _hook(self) -> Call:
        hook = self._any_hook()
        return self._post(hook, hook, self._request(hook), OK)

    def _large(self) -> Call:
        hook = self._any_hook()
        request = self._request(hook)
        entries = request["prefetch"]["labs"]["entry"]
        request["prefetch"]["labs"]["entry"] = [
            self._renamed(entries[number % len(entries)], number) for number in range(OBSERVATIONS)
        ]
        return self._post(f"{hook}, {OBSERVATIONS} Observations", hook, request, OK)

    @staticmethod
    def _renamed(entry: dict[str, Any], number: int) -> dict[str, Any]:
        changed = copy.deepcopy(entry)
        changed["resource"]["id"] = f"copy-{number}"
        changed.pop("fullUrl", None)
        return changed

    def fetched(self) -> Call:
        """Return a call whose data have to be fetched."""
        hook = self._any_hook()
        request = self._request(hook)
        kept = self._random.choice([(), ("patient", "labs")])
        request["prefetch"] = {key: request["prefetch"][key] for key in kept if key in request["prefetch"]}
        return self._post(
            "fetched from a server that errs", hook, {**request, "fhirServer": self._fhir}, OK, INCOMPLETE
        )

    def _feedback(self) -> Call:
        hook = self._any_hook()
        card = self._random.choice(self._shown) if self._shown else str(uuid4())
        entry = {
            "card": card,
            "outcome": "overridden",
            "outcomeTimestamp": clock.now().isoformat(),
            "overrideReason": {"reason": {"code": "will-review", "system": "https://example.org/reasons"}},
        }
        odd = {"card": card, "outcome": "forgotten"}
        body = json.dumps({"feedback": [entry, odd]}).encode()
        return Call("feedback", "POST", f"/cds-services/{SERVICE_ID[hook]}/feedback", body, frozenset({OK}))

    def _bad(self) -> Call:
        hook = self._any_hook()
        request = self._request(hook)
        stranger = {"resourceType": "Patient", "id": "somebody-else"}
        bad: list[tuple[Any, int, dict[str, str]]] = [
            (json.dumps(request).encode()[:-40], REFUSED, {}),
            ({**request, "hook": "encounter-start"}, REFUSED, {}),
            ({**request, "context": {}}, REFUSED, {}),
            ({**request, "prefetch": {**request["prefetch"], "patient": stranger}}, REFUSED, {}),
            ({**request, "prefetch": {}}, INCOMPLETE, {}),
            (b"[" * 100_000, REFUSED, {}),
            (b'{"hook": "\xff"}', REFUSED, {}),
            (request, 415, {"Content-Encoding": "gzip"}),
            (request, 415, {"Content-Type": "text/plain"}),
            (b" " * 9_000_000, 413, {}),
        ]
        body, right, headers = self._random.choice(bad)
        return self._post(f"bad: {right}", hook, body, right, headers=headers)

    def _hung_up(self) -> Call:
        hook = self._any_hook()
        return self._post("caller hangs up", hook, self._request(hook), NOTHING, hangs_up=True)

    def _page(self) -> Call:
        path, right = self._random.choice(
            [("/cds-services", OK), ("/health/ready", OK), ("/metrics", OK), ("/", OK), ("/nothing", 404)]
        )
        return Call("pages", "GET", path, None, frozenset({right}))


@dataclass
class Tally:
    """What came of the calls."""

    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    wrong: Counter[str] = field(default_factory=Counter)
    milliseconds: dict[str, list[float]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, call: Call, status: int, took: float, trouble: str = "") -> None:
        """Count one call."""
        with self.lock:
            self.statuses.setdefault(call.kind, Counter())[status] += 1
            if status not in call.right:
                self.wrong[f"{call.kind}: {trouble or status}"] += 1
            self.milliseconds.setdefault(call.kind, []).append(1000 * took)

    @property
    def total(self) -> int:
        """How many calls there were."""
        return sum(sum(counter.values()) for counter in self.statuses.values())


class Sender(threading.local):
    """Sends calls on a connection of its own thread, which it keeps as an EHR's proxy does."""

    def __init__(self, address: str) -> None:
        """Take host and port."""
        self._address = address
        self._connection = HTTPConnection(address, timeout=60)

    def send(self, call: Call, mix: Mix, tally: Tally) -> None:
        """Send one call and note what came of it."""
        begun = time.perf_counter()
        if call.hangs_up:
            self._hang_up(call)
            tally.add(call, NOTHING, 0)
            return
        try:
            headers = {"Content-Type": "application/json", **call.headers}
            self._connection.request(call.method, call.path, call.body, headers)
            response = self._connection.getresponse()
            answer = response.read()
        except (OSError, HTTPException) as error:
            self._connection.close()
            tally.add(call, NOTHING, 0, type(error).__name__)
            return
        tally.add(call, response.status, time.perf_counter() - begun)
        if response.status == OK and call.path in {f"/cds-services/{name}" for name in SERVICE_ID.values()}:
            mix.seen(answer)

    def _hang_up(self, call: Call) -> None:
        assert call.body is not None  # noqa: S101
        host, port = self._address.split(":")
        head = f"POST {call.path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(call.body)}\r\n\r\n"
        with socket.create_connection((host, int(port)), 60) as connection:
            connection.sendall(head.encode() + call.body[: len(call.body) // 2])


@dataclass(frozen=True)
class Sample:
    """What all processes of the service hold together at a moment."""

    minute: float
    megabytes: float
    """Resident, without what the processes share counted twice."""
    files: int
    """Open, sockets apart."""
    sockets: int
    threads: int
    calls: int
    cpu_seconds: float


def sample(pids: Sequence[int], minute: float, calls: int) -> Sample:
    """Look up what the processes hold."""
    pages, files, sockets, threads, ticks = 0, 0, 0, 0, 0
    for pid in pids:
        process = Path(f"/proc/{pid}")
        pages += int(re.search(r"^Pss:\s+(\d+)", (process / "smaps_rollup").read_text(), re.MULTILINE)[1])  # type: ignore[index]
        for descriptor in (process / "fd").iterdir():
            with suppress(OSError):  # closed meanwhile
                is_socket = descriptor.readlink().name.startswith("socket:")
                files, sockets = files + (not is_socket), sockets + is_socket
        threads += len(list((process / "task").iterdir()))
        fields = (process / "stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return Sample(minute, pages / 1024, files, sockets, threads, calls, ticks / os.sysconf("SC_CLK_TCK"))


def children(pid: int) -> list[int]:
    """Return the processes that a process started."""
    return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextmanager
def service(folder: Path, fhir: str) -> Iterator[tuple[str, int]]:
    """Run the service; give its address and its process id."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    environ |= {
        f"{PREFIX}PROFILE": "dev",
        f"{PREFIX}DATABASE": f"sqlite:///{folder / 'records.sqlite'}",
        f"{PREFIX}FHIR_SERVERS": fhir,
        f"{PREFIX}FHIR_BUDGET_MS": str(BUDGET_MS),
        f"{PREFIX}LOG_LEVEL": "error",
        "TMPDIR": str(folder),
    }
    command = [sys.executable, "-m", "cds_service", "serve", "--port", "0", "--workers", str(WORKERS)]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=log, text=True)  # noqa: S603
        assert process.stdout is not None  # noqa: S101
        with process.stdout:
            found = re.search(r"http://\S+", process.stdout.readline())
            if found is None:
                raise SystemExit((folder / "log").read_text())
            try:
                yield urlsplit(found[0]).netloc, process.pid
            finally:
                process.terminate()
                process.wait(60)


def calibrate(sender: Sender, mix: Mix, senders: int, make: Callable[[], Call]) -> float:
    """Return how many calls a second the service answers when so many senders send as many as it takes."""
    tally, end = Tally(), time.perf_counter() + CALIBRATION_SECONDS

    def send() -> None:
        while time.perf_counter() < end:
            sender.send(make(), mix, tally)

    with ThreadPoolExecutor(senders) as pool:
        for _ in range(senders):
            pool.submit(send)
    return tally.total / CALIBRATION_SECONDS


def slope(samples: Sequence[Sample], name: str) -> float:
    """Return by how much something grew from the first to the last of ``samples``, along the straight line."""
    minutes = [one.minute for one in samples]
    fitted = statistics.linear_regression(minutes, [float(getattr(one, name)) for one in samples])
    return fitted.slope * (minutes[-1] - minutes[0])


def soak(minutes: float, rate: float | None) -> tuple[Tally, list[Sample], float]:
    """Call the service for some minutes; return what came of it, what it held, and the calls a second."""
    tally, samples = Tally(), []
    with tempfile.TemporaryDirectory() as folder, Proxy(fhir_server(), err_now_and_then) as proxy:
        with service(Path(folder), proxy.url) as (address, pid):
            mix, sender = Mix(proxy.url), Sender(address)
            while len(children(pid)) < WORKERS:
                time.sleep(0.1)
            for make in (mix.fetched, mix.next):
                calibrate(sender, mix, CROWD, make)
            most = calibrate(sender, mix, SENDERS, mix.next)
            rate = rate or most / 2
            begun = time.perf_counter()
            waits = random.Random(SEED)  # noqa: S311  repeatable on purpose
            due = looked = 0.0
            with ThreadPoolExecutor(SENDERS) as pool:
                while (now := time.perf_counter() - begun) < 60 * minutes:
                    if now >= looked:
                        samples.append(sample([pid, *children(pid)], now / 60, tally.total))
                        looked += SAMPLE_SECONDS
                    if now < due:
                        time.sleep(min(due - now, 0.5))
                        continue
                    due += waits.expovariate(rate)
                    pool.submit(sender.send, mix.next(), mix, tally)
            samples.append(sample([pid, *children(pid)], minutes, tally.total))
        for line in (Path(folder) / "log").read_text().splitlines():
            tally.wrong[f"logged: {line[:100]}"] += 1
    return tally, samples, rate


def print_report(tally: Tally, samples: Sequence[Sample], rate: float) -> bool:
    """Print tables and verdict; say whether nothing failed and nothing grew."""
    print(f"{samples[-1].minute:.0f} minutes, {rate:.1f} calls a second, {tally.total} calls")
    print(f"\n{'calls':<32} {'p50 ms':>7} {'p99 ms':>7} {'most ms':>8}  statuses")
    for kind, statuses in sorted(tally.statuses.items()):
        took = sorted(tally.milliseconds[kind])
        times = f"{percentile(took, 0.5):7.1f} {percentile(took, 0.99):7.1f} {took[-1]:8.1f}"
        print(f"{kind:<32} {times}  {', '.join(f'{status}: {count}' for status, count in sorted(statuses.items()))}")
    print(f"\n{'minute':>6} {'MB':>7} {'files':>6} {'sockets':>8} {'threads':>8} {'calls':>7} {'CPU s':>7}")
    every = max(1, len(samples) // 15)
    for one in [*samples[:-1:every], samples[-1]]:
        held = f"{one.minute:6.1f} {one.megabytes:7.1f} {one.files:6} {one.sockets:8} {one.threads:8}"
        print(f"{held} {one.calls:7} {one.cpu_seconds:7.1f}")
    warm = samples[len(samples) // 3 :]
    grown = {name: slope(warm, name) for name in ("megabytes", "files", "sockets", "threads")}
    print("\ngrown after the warm-up: " + ", ".join(f"{name} {by:+.1f}" for name, by in grown.items()))
    for what, count in tally.wrong.most_common(20):
        print(f"WRONG {count} × {what}")
    grew = grown.pop("megabytes") > MOST_MB or any(by > MOST_THINGS for by in grown.values())
    passed = not tally.wrong and not grew
    print(f"verdict: {'passed' if passed else 'failed'}")
    return passed


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=float, help="calls a second; half of what the service can do if not given")
    parser.add_argument("--json", type=Path, help="file for the samples and statuses")
    given = parser.parse_args(arguments)
    tally, samples, rate = soak(given.minutes, given.rate)
    passed = print_report(tally, samples, rate)
    if given.json:
        told = {"rate": rate, "statuses": tally.statuses, "wrong": tally.wrong, "samples": [*map(asdict, samples)]}
        given.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
