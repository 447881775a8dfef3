"""How long fetching takes beside its slowest query: the goal is no more than a fifth above it.

python -m benchmarks.fhir_retrieval

The FHIR server is the sandbox behind a proxy that lets every query wait, and the laboratory results longest.
"""

from __future__ import annotations

import statistics
import threading

from tests.fhir_server.conftest import Asking, sandbox_app
from tests.fhir_server.quirks import Proxy, Visit

RUNS = 20
SLOWEST, OTHERS = 0.4, 0.2


def wait_then_answer(visit: Visit) -> None:
    """Answer as the server behind does, after a while."""
    pause = SLOWEST if visit.kind == "Observation" and "_count=10" not in str(visit.handler.path) else OTHERS
    threading.Event().wait(pause)
    visit.send(*visit.answer())


def main() -> None:
    """Measure and print."""
    with Proxy(sandbox_app(), wait_then_answer) as proxy:
        asking = Asking(proxy.url)
        asking.call("patient-view", {})
        took = []
        for _ in range(RUNS):
            answer = asking.call("patient-view", {})
            if answer.status_code != 200:  # noqa: PLR2004
                raise SystemExit("no answer to measure")
            took.append(asking.milliseconds)
    slowest = SLOWEST * 1000
    middle = statistics.median(took)
    print(f"slowest query {slowest:.0f} ms, all of them one after the other {(SLOWEST + 8 * OTHERS) * 1000:.0f} ms")
    print(f"whole answer: median {middle:.0f} ms, worst of {RUNS} {max(took):.0f} ms")
    print(f"median above the slowest query: {100 * (middle / slowest - 1):.0f} %")


if __name__ == "__main__":
    main()
