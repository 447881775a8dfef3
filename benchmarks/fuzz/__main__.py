"""Coverage-guided fuzzing of the service with atheris, which is no pinned requirement.

python -m pip install atheris
python -m benchmarks.fuzz resource corpus/ -max_total_time=600 -rss_limit_mb=1024

The first argument names what is fuzzed (``body``, ``feedback`` or ``resource`` of ``target.py``); the others are
libFuzzer's. A corpus folder that is empty is filled with the examples, and for ``body`` with the golden cases. One
change in eight is libFuzzer's own, to the bytes, which mostly ends in text that is no JSON; the others are to the JSON:
something in it is removed, repeated, swapped, or becomes one of the values that hurt parsers (``sweep.NASTY``). A
finding does not stop the run: it is printed once for each place it is raised from, and the input is left in the folder
``findings``.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["cds_service", "fhir_mappings", "hooks", "magnesium"]):
    from benchmarks.fuzz import target
from benchmarks.fuzz.sweep import NASTY, SLOW_SECONDS, places

FINDINGS = Path("findings")
CASES = Path(__file__).parents[2] / "tests" / "cases"
"""The golden cases: every form of request that is known to matter."""
LARGEST = 65_536
REPORT_EVERY = 10_000


class Run:
    """What was tried, and what was found."""

    def __init__(self, name: str) -> None:
        """Take the name of a function of ``target``."""
        self.name = name
        self._try = {"body": target.body, "feedback": target.feedback, "resource": target.resource}[name]
        self.statuses: Counter[int] = Counter()
        self.found: dict[str, str] = {}
        self.slowest = 0.0
        self.total = 0

    def one(self, data: bytes) -> None:
        """Try one input."""
        self.total += 1
        if self.total % REPORT_EVERY == 0:
            self.report()
        begun = time.process_time()
        try:
            self.statuses[self._try(data)] += 1
        except Exception as error:  # noqa: BLE001  a finding
            last = traceback.extract_tb(error.__traceback__)[-1]
            self._find(f"{type(error).__name__} {last.filename}:{last.lineno}", data, traceback.format_exc())
        took = time.process_time() - begun
        self.slowest = max(self.slowest, took)
        if took > SLOW_SECONDS:
            self._find("slow", data, f"{took:.2f} s for {len(data)} bytes")

    def _find(self, what: str, data: bytes, told: str) -> None:
        if what in self.found:
            return
        FINDINGS.mkdir(exist_ok=True)
        file = FINDINGS / f"{self.name}-{hashlib.sha256(data).hexdigest()[:12]}"
        file.write_bytes(data)
        self.found[what] = str(file)
        print(f"FOUND {what}: {file}\n{told}", flush=True)

    def report(self) -> None:
        """Say what came of it so far: libFuzzer ends the process without asking."""
        told = f"{self.total} executions, {dict(self.statuses)}, slowest {self.slowest:.2f} s"
        print(f"{self.name}: {told}, {len(self.found)} findings", flush=True)


def mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """Change an input: its JSON, or its bytes."""
    chance = random.Random(seed)  # noqa: S311  libFuzzer's seed makes it repeatable
    try:
        value = json.loads(data)
        known = list(places(value))
        if not known or chance.random() < 1 / 8:
            return bytes(atheris.Mutate(data, max_size))
        for _ in range(chance.choice((1, 1, 2, 4))):
            _change(value, chance.choice(known), known, chance)
        made = json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError, LookupError, TypeError):
        return bytes(atheris.Mutate(data, max_size))
    return made if len(made) <= max_size else data


_SHORT = 1000
_SMALL = [value for value in NASTY.values() if len(json.dumps(value)) < _SHORT]
_LETTERS = "0 -/.:TZ|,~<>=%mgLéµ\u0661"


def _change(value: Any, path: tuple[Any, ...], known: list[tuple[Any, ...]], chance: random.Random) -> None:
    owner = _at(value, path[:-1])
    kind = chance.randrange(5)
    if kind == 0:
        del owner[path[-1]]
    elif kind == 1 and isinstance(owner, list):
        owner.insert(chance.randrange(len(owner) + 1), owner[path[-1]])
    elif kind == 2:  # noqa: PLR2004  the third of the five
        owner[path[-1]] = _at(value, chance.choice(known))
    elif isinstance(owner[path[-1]], str) and kind == 3:  # noqa: PLR2004
        text = owner[path[-1]]
        place = chance.randrange(len(text) + 1)
        owner[path[-1]] = text[:place] + chance.choice(_LETTERS) + text[place + chance.randrange(2) :]
    else:
        owner[path[-1]] = chance.choice(_SMALL)


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def seeds(name: str) -> list[bytes]:
    """Return what fuzzing starts from."""
    if name == "body":
        written = (path.read_bytes() for path in sorted(CASES.glob("*/*/request.json")))
        return [*(json.dumps(request).encode() for request in target.EXAMPLES.values()), *written]
    if name == "feedback":
        card = "6f1f6d3a-9c1b-4f6e-8b0e-0d5c6a2b7e11"
        reason = {"reason": {"code": "will-review", "system": "https://example.org"}, "userComment": "later"}
        entry = {"card": card, "outcomeTimestamp": "2026-01-15T09:00:00Z"}
        accepted = {**entry, "outcome": "accepted", "acceptedSuggestions": [{"id": card}]}
        overridden = {**entry, "outcome": "overridden", "overrideReason": reason}
        return [json.dumps({"feedback": [accepted, overridden]}).encode()]
    text = json.dumps(list(target.EXAMPLES.values()))
    for request in target.EXAMPLES.values():
        # All of one patient: others are refused before they are read.
        text = text.replace(request["context"]["patientId"], target.PATIENT)
    parts = [_at(json.loads(text), path) for path in places(json.loads(text))]
    kinds = [part for part in parts if isinstance(part, dict) and part.get("resourceType", "Bundle") != "Bundle"]
    return [json.dumps(resource).encode() for resource in kinds]


def main(arguments: list[str]) -> None:
    """Fuzz until libFuzzer has enough."""
    name, folder, *options = arguments
    corpus = Path(folder)
    corpus.mkdir(parents=True, exist_ok=True)
    if not any(corpus.iterdir()):
        for number, seed in enumerate(seeds(name)):
            (corpus / f"seed-{number}").write_bytes(seed)
    atheris.Setup([sys.argv[0], str(corpus), f"-max_len={LARGEST}", *options], Run(name).one, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
