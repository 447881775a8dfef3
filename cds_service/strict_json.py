"""JSON from strangers: decoded once, exactly, or refused with the place where it is not acceptable.

Refused beside plain syntax errors: duplicate keys (two readers would see two different requests), NaN and
Infinity (not JSON), numbers that no measurement needs, nesting beyond a limit, half surrogate pairs (they
could not be sent back). Numbers with a fraction or an exponent become ``Decimal``: 1.60 mg/dL stays what the
laboratory printed.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from cds_service.errors import Issue, IssueCode
from cds_service.quick_json import DOUBTFUL, decode_usual

_BYTE_ORDER_MARK = "\ufeff"
# 18 digits are what FHIR's decimal asks for; real charts send 15 decimals. The rest is room.
_LONGEST_NUMBER = 40
_LARGEST_EXPONENT = 40
_LONGEST_KEY_SHOWN = 40
_MAYBE_HALF_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class StrictJsonError(ValueError):
    """Text that is not acceptable JSON, as the issue to answer with."""

    def __init__(self, issue: Issue) -> None:
        super().__init__(f"{issue.at} {issue.text}".strip())
        self.issue = issue


class _Flaw:
    """Stands in the decoded value where something cannot be accepted: a second look finds the place."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


def decode(body: bytes, *, max_depth: int) -> Any:
    """Return the value that ``body`` holds.

    Raises:
        StrictJsonError: the body is not JSON that can be accepted.
    """
    value = decode_usual(body, max_depth=max_depth)
    return look_closely(body, max_depth=max_depth) if value is DOUBTFUL else value


def look_closely(body: bytes, *, max_depth: int) -> Any:
    """Return the value that ``body`` holds, or find the place where it is not acceptable.

    Raises:
        StrictJsonError: the body is not JSON that can be accepted.
    """
    text = _text(body)
    reading = _Reading()
    try:
        value = json.loads(
            text,
            object_pairs_hook=reading.members,
            parse_float=reading.decimal,
            parse_int=reading.integer,
            parse_constant=reading.constant,
        )
    except json.JSONDecodeError as error:
        words = f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        raise StrictJsonError(Issue(IssueCode.INVALID, words)) from None
    except RecursionError:
        raise _too_deep("", max_depth) from None
    if _deeper_than(value, max_depth):
        raise _too_deep(_deep_place(value, max_depth), max_depth)
    if reading.flawed:
        at, flaw = next((at, found) for at, found, _ in _walk(value) if isinstance(found, _Flaw))
        raise StrictJsonError(Issue(IssueCode.INVALID, flaw.text, at))
    if _MAYBE_HALF_SURROGATE.search(text):
        _refuse_half_surrogates(value)
    return value


class _Reading:
    """One pass over a body: what cannot be accepted is marked where it stands."""

    def __init__(self) -> None:
        self.flawed = False

    def _flaw(self, text: str) -> _Flaw:
        self.flawed = True
        return _Flaw(text)

    def members(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            times = Counter(name for name, _ in pairs)
            twice = next(name for name, count in times.items() if count > 1)
            result[twice] = self._flaw("The same key stands here more than once.")
        return result

    def decimal(self, literal: str) -> Decimal | _Flaw:
        if len(literal) > _LONGEST_NUMBER:
            return self._flaw("This number has too many digits.")
        _, _, exponent = literal.lower().partition("e")
        if exponent and abs(int(exponent)) > _LARGEST_EXPONENT:
            return self._flaw("This number is too large or too small.")
        return Decimal(literal)

    def integer(self, literal: str) -> int | _Flaw:
        if len(literal) > _LONGEST_NUMBER:
            return self._flaw("This number has too many digits.")
        return int(literal)

    def constant(self, _: str) -> _Flaw:
        return self._flaw("NaN and Infinity are not JSON numbers.")


def _text(body: bytes) -> str:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        words = f"The body is not UTF-8: byte {error.start} cannot be read."
        raise StrictJsonError(Issue(IssueCode.INVALID, words)) from None
    return text.removeprefix(_BYTE_ORDER_MARK)


def _too_deep(at: str, max_depth: int) -> StrictJsonError:
    words = f"The body is nested more than {max_depth} levels deep."
    return StrictJsonError(Issue(IssueCode.TOO_LONG, words, at))


def _deeper_than(value: Any, max_depth: int) -> bool:
    """Whether objects and arrays are nested deeper than the limit; level by level, so it cannot overflow."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(max_depth):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) is dict or type(inner) is list
        ]
        if not level:
            return False
    return True


def _deep_place(value: Any, max_depth: int) -> str:
    """Return the path of the first object or array beyond the limit."""
    return next(at for at, found, depth in _walk(value) if depth == max_depth and isinstance(found, dict | list))


def _refuse_half_surrogates(value: Any) -> None:
    for at, found, _ in _walk(value):
        texts = found if isinstance(found, dict) else (found,)
        for text in texts:
            if isinstance(text, str):
                try:
                    text.encode("utf-8")
                except UnicodeEncodeError:
                    issue = Issue(IssueCode.INVALID, "This text holds half of a surrogate pair.", _sendable(at))
                    raise StrictJsonError(issue) from None


def _walk(value: Any) -> Iterator[tuple[str, Any, int]]:
    """Yield every value inside ``value`` with its path and depth, in reading order.

    One member after the other: a list of what is in a body of some megabytes would need hundreds of them.
    """
    yield "", value, 0
    trail = [_members("", value)]
    while trail:
        for at, found in trail[-1]:
            yield at, found, len(trail)
            if isinstance(found, dict | list):
                trail.append(_members(at, found))
                break
        else:
            trail.pop()


def _members(at: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            shown = key[:_LONGEST_KEY_SHOWN]
            yield (f"{at}.{shown}" if at else shown), inner
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield f"{at}[{index}]", inner


def _sendable(path: str) -> str:
    return path.encode("utf-8", "replace").decode()
