"""A closed loop of HTTP requests: each connection sends, waits for the answer, and sends again."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}
_TICKS = 100  # a second, on every Linux


@dataclass(frozen=True)
class Load:
    """What one stretch of load came to; times in milliseconds."""

    latencies: list[float]
    """Of each request."""
    seconds: float
    processor: float
    """Of the server, for each request."""

    @property
    def per_second(self) -> float:
        """Requests answered a second."""
        return len(self.latencies) / self.seconds


class NotAnswered(Exception):  # noqa: N818  says what happened
    """A request was answered with an error, so that there is nothing to measure."""


def measure(  # noqa: PLR0913  whom, what, how much
    pid: int, port: int, path: str, body: bytes, *, connections: int, seconds: float
) -> Load:
    """Return what ``seconds`` of load on a server of this machine come to.

    Raises:
        NotAnswered: an answer was not a 200.
    """
    before, begun = _processor_seconds(pid), time.perf_counter()
    with ThreadPoolExecutor(connections) as pool:
        loops = [pool.submit(_loop, port, path, body, begun + seconds) for _ in range(connections)]
        latencies = [latency for loop in loops for latency in loop.result()]
    took, worked = time.perf_counter() - begun, _processor_seconds(pid) - before
    return Load(latencies, took, 1000 * worked / len(latencies))


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the latency within which this share of the requests was answered."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _loop(port: int, path: str, body: bytes, until: float) -> list[float]:
    """Send requests until it is time, but at least one."""
    latencies: list[float] = []
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    line.connect()
    line.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while not latencies or time.perf_counter() < until:
        begun = time.perf_counter()
        line.request("POST", path, body, _HEADERS)
        answer = line.getresponse()
        text = answer.read()
        latencies.append(1000 * (time.perf_counter() - begun))
        if answer.status != http.HTTPStatus.OK:
            raise NotAnswered(f"{path}: {answer.status} {text[:300]!r}")
    line.close()
    return latencies


def family(pid: int) -> Iterator[int]:
    """Yield a process and its descendants."""
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text(encoding="ascii").split():
            yield from family(int(child))


def _processor_seconds(pid: int) -> float:
    """Return how long a process and its descendants have kept processors busy."""
    ticks = 0
    for member in family(pid):
        # The name in parentheses may hold blanks; user and system time are the 12th and 13th field after it.
        fields = Path(f"/proc/{member}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICKS


def megabytes(pid: int) -> float:
    """Return the memory of a process and its descendants, with what they share counted once."""
    kilobytes = 0
    for member in family(pid):
        lines = Path(f"/proc/{member}/smaps_rollup").read_text(encoding="ascii").splitlines()
        kilobytes += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kilobytes / 1024
