"""The usual JSON body, decoded at the speed of compiled code; whatever is not usual is left to a closer look.

``strict_json`` says what is acceptable, and why. Here nothing is refused: a body is either surely acceptable, and then
its value is the one that the closer look would return, or it is ``DOUBTFUL``.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import Any, Final

import msgspec

_LONGEST_FRACTION: Final = 40
_MOST_BITS: Final = 100
_WHITE: Final = b" \t\n\r"


class Doubt(Enum):
    """Stands for a body that needs a closer look."""

    DOUBTFUL = "doubtful"


DOUBTFUL: Final = Doubt.DOUBTFUL


def decode_usual(body: bytes, *, max_depth: int) -> Any:
    """Return the value that ``body`` holds, or ``DOUBTFUL``."""
    try:
        value = _DECODER.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return DOUBTFUL
    if not isinstance(value, dict | list):
        return DOUBTFUL
    # Between a key and its colon there can only be white space: there are at most as many keys as quotation marks
    # before a colon. If as many members were decoded, then no key stood twice, and none was lost.
    most_keys = body.translate(None, _WHITE).count(b'":')
    return value if _members(value, max_depth) == most_keys else DOUBTFUL


def _members(value: dict[str, Any] | list[Any], max_depth: int) -> int:
    """Return how many members all objects have together; -1 if they are nested too deep, or a number is very long."""
    count = 0
    level: list[Any] = [value]
    for _ in range(max_depth):
        if not level:
            return count
        inside = []
        for outer in level:
            if type(outer) is dict:
                count += len(outer)
            for inner in outer.values() if type(outer) is dict else outer:
                kind = type(inner)
                if kind is str:  # most are
                    continue
                if kind is dict or kind is list:
                    inside.append(inner)
                elif kind is int and inner.bit_length() > _MOST_BITS:
                    return -1
        level = inside
    return -1 if level else count


def _decimal(literal: str) -> Decimal:
    if len(literal) > _LONGEST_FRACTION or "e" in literal or "E" in literal:
        raise ValueError
    return Decimal(literal)


_DECODER: Final = msgspec.json.Decoder(float_hook=_decimal)
