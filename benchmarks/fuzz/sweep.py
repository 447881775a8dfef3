"""Every place in every example, with each of the values that are known to hurt somebody's parser.

python -m benchmarks.fuzz.sweep

Prints the slowest and whatever is a finding: an exception that is no ``RequestError``, or more than a second of
processor time.
"""

from __future__ import annotations

import copy
import json
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from typing import Any

from benchmarks.fuzz import target

LONG = 200_000
SLOW_SECONDS = 1.0
NASTY: dict[str, Any] = {
    "null": None,
    "true": True,
    "empty text": "",
    "empty list": [],
    "empty object": {},
    "zero": 0,
    "negative": -1,
    "40 digits": 10**39,
    "tiny": 1e-40,
    "huge": 1e40,
    "digits": "9" * LONG,
    "spaces": " " * LONG,
    "letters": "a" * LONG,
    "spaces and a letter": " " * LONG + "x",
    "a, a, a": "a, " * (LONG // 3),
    "1 1 1": "1 " * (LONG // 2),
    "1.1.1": "1." * (LONG // 2),
    "dashes": "-" * LONG,
    "slashes": "/" * LONG,
    "brackets": "(" * LONG,
    "lines": "\n" * LONG,
    "markdown": "*_[](`" * (LONG // 6),
    "half code points": "\u0301\u200d\ufeff\u202e" * 10,
    "other digits": "١٢٣٤٥²³½",
    "control": "\x00\x1f\x7f\x85\u2028",
    "mg mg mg": "mg/" * (LONG // 3),
    "year 0": "0000-00-00T00:00:00Z",
    "first instant": "0001-01-01T00:00:00+14:00",
    "last instant": "9999-12-31T23:59:60-14:00",
    "year 10000": "10000-01-01",
    "list of texts": ["a"] * (LONG // 10),
    "list of objects": [{"a": 1}] * (LONG // 10),
    "list of null": [None] * (LONG // 10),
    "many keys": {f"k{number}": number for number in range(LONG // 10)},
}
_opened: dict[str, Any] = {"deep list": [], "deep object": {}}
for _name, _open in _opened.items():
    _deep = _open
    for _ in range(40):
        _deep = [_deep] if isinstance(_open, list) else {"extension": _deep}
    NASTY[_name] = _deep


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of everything inside ``value``."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """Return ``value`` with something else in one place."""
    result = copy.deepcopy(value)
    owner = result
    for key in path[:-1]:
        owner = owner[key]
    owner[path[-1]] = new
    return result


def repeated(value: Any, path: tuple[Any, ...], times: int) -> Any:
    """Return ``value`` with the list at ``path`` so many times as long."""
    owner = value
    for key in path:
        owner = owner[key]
    return changed(value, path, owner * times) if isinstance(owner, list) and owner else value


def inputs() -> Iterator[tuple[str, bytes]]:
    """Yield every input with what it is."""
    for hook, request in target.EXAMPLES.items():
        for path in places(request):
            where = f"{hook} {'.'.join(map(str, path))}"
            for name, nasty in NASTY.items():
                yield f"{where} = {name}", json.dumps(changed(request, path, nasty)).encode()
            yield f"{where} × 2000", json.dumps(repeated(request, path, 2000)).encode()


def main(step: int = 1) -> int:
    """Try them all, or one in ``step``."""
    slowest: list[tuple[float, str]] = []
    statuses: Counter[int] = Counter()
    found: dict[str, str] = {}
    for number, (name, data) in enumerate(inputs()):
        if number % step:
            continue
        begun = time.process_time()
        try:
            statuses[target.body(data)] += 1
        except Exception as error:  # noqa: BLE001  a finding
            last = traceback.extract_tb(error.__traceback__)[-1]
            if found.setdefault(f"{type(error).__name__} {last.filename}:{last.lineno}", name) == name:
                traceback.print_exc()
        took = time.process_time() - begun
        slowest = sorted([*slowest, (took, f"{name} ({len(data)} bytes)")], reverse=True)[:20]
    print(f"{sum(statuses.values())} inputs: {dict(statuses)}")
    for took, name in slowest:
        print(f"{took:6.2f} s  {name}")
    for what, name in found.items():
        print(f"FOUND {what}: {name}")
    return 1 if found or slowest[0][0] > SLOW_SECONDS else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
