"""What clinicians made of the cards, as clients report it: read entry by entry, with patience.

Only an envelope that cannot be read, or is too long, is refused. An odd entry costs only itself; what is odd is told
by the path of the field. Kept of an entry are our own codes and ids, and times. A comment is free text and may be
about a patient: only that there was one is kept. So it is with a reason in words, and with a code that no card of ours
offers: a name or a number of a person may be typed as one.

Clients differ: Epic says ``overrideReasons`` and puts the reason into an ``extension``; some send one reason in a
list, a reason with several codings, suggestions as plain ids, times without a zone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from cds_service.errors import Issue, IssueCode, RequestError, bad_request
from hooks.wording import OVERRIDE_REASONS

LONGEST_CODE: Final = 64
LONGEST_SYSTEM: Final = 255
IN_WORDS: Final = "(text)"
"""Stands for a reason that was given in words instead of a code, or in a comment alone."""
ANOTHER_CODE: Final = "(other)"
"""Stands for a reason by a code that no card of ours offers."""
MOST_ENTRIES: Final = 1000
"""Entries of one call: they are written at once, and nobody else can write meanwhile."""
_MOST_SUGGESTIONS: Final = 20
# A card has a handful of levels below its entry; what is nested deeper holds no reason.
_DEEPEST_EXTENSION: Final = 6
_SYSTEMS: Final[Mapping[str, str]] = {
    reason.code: reason.system for reasons in OVERRIDE_REASONS.values() for reason in reasons
}


class Outcome(StrEnum):
    """What became of a card. One that nobody acted on is not reported."""

    ACCEPTED = "accepted"
    OVERRIDDEN = "overridden"


class Odd(StrEnum):
    """How an entry is counted that reports nothing of that kind."""

    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a card was overridden."""

    code: str
    """A code that our cards offer, or ``ANOTHER_CODE``, or ``IN_WORDS``."""
    system: str = ""
    """Of the code, if that was sent as well; some clients send the code alone, or as one of a system of their own."""


@dataclass(frozen=True, slots=True, repr=False)
class Feedback:
    """One entry. Has no repr: as sent, it may hold a patient."""

    card: str
    """The card's uuid; empty if what was sent is no uuid and so no card of ours."""
    outcome: Outcome
    when: datetime | None
    """None if it was not said, or cannot be read."""
    suggestions: tuple[str, ...]
    reason: Reason | None
    commented: bool
    sent: str
    """The entry as it was sent, in one fixed form: to tell whether it was sent before. Not to be kept."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one call reports."""

    entries: tuple[Feedback, ...]
    odd: tuple[str, ...]
    """Paths of the fields for which an entry was left out."""


def read_feedback(body: Mapping[str, Any]) -> Batch:
    """Return the entries of a feedback body.

    Raises:
        RequestError: ``feedback`` is missing or no array (400), or has more than ``MOST_ENTRIES`` entries (413).
    """
    listed = body.get("feedback")
    if listed is None:
        raise bad_request(Issue(IssueCode.REQUIRED, "This is required.", "feedback"))
    if not isinstance(listed, list):
        raise bad_request(Issue(IssueCode.STRUCTURE, "This must be an array.", "feedback"))
    if len(listed) > MOST_ENTRIES:
        text = f"This may have {MOST_ENTRIES} entries. Send the rest in further calls."
        raise RequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, (Issue(IssueCode.TOO_LONG, text, "feedback"),))
    entries: list[Feedback] = []
    odd: list[str] = []
    for index, entry in enumerate(listed):
        read = _entry(entry)
        if isinstance(read, Feedback):
            entries.append(read)
        else:
            odd.append(f"feedback[{index}]{read}")
    return Batch(tuple(entries), tuple(odd))


def _entry(entry: Any) -> Feedback | str:
    """Return an entry, or the path of what makes it unusable."""
    if not isinstance(entry, dict):
        return ""
    card = entry.get("card")
    if not isinstance(card, str) or not card.strip():
        return ".card"
    outcome = entry.get("outcome")
    if not isinstance(outcome, str) or outcome.strip().lower() not in set(Outcome):
        return ".outcome"
    told = Outcome(outcome.strip().lower())
    given = list(_override_reasons(entry)) if told is Outcome.OVERRIDDEN else []
    commented = any(_text(reason.get("userComment")) for reason in given)
    reason = next((found for found in map(_reason, given) if found is not None), None)
    return Feedback(
        card=_uuid(card),
        outcome=told,
        when=_moment(entry.get("outcomeTimestamp")),
        suggestions=_suggestions(entry.get("acceptedSuggestions")) if told is Outcome.ACCEPTED else (),
        reason=Reason(IN_WORDS) if reason is None and commented else reason,
        commented=commented,
        sent=json.dumps(entry, sort_keys=True, default=str),
    )


def _uuid(text: str) -> str:
    try:
        return str(UUID(text.strip()))
    except ValueError:
        return ""


def _moment(value: Any) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.strip().upper())
        # The specification asks for UTC, so a time without a zone is taken as that.
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _suggestions(value: Any) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else [value]
    ids = (item.get("id") if isinstance(item, dict) else item for item in listed)
    uuids = (_uuid(text) for text in ids if isinstance(text, str))
    return tuple(dict.fromkeys(filter(None, uuids)))[:_MOST_SUGGESTIONS]


# ── Reasons ──────────────────────────────────────────────────────────────────────────────────────────────


def _override_reasons(entry: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for name in ("overrideReason", "overrideReasons"):
        value = entry.get(name)
        yield from (item for item in (value if isinstance(value, list) else [value]) if isinstance(item, dict))


def _reason(given: Mapping[str, Any]) -> Reason | None:
    """Return the reason of one ``overrideReason``: a code of ours, else that it has another, else that it has words.

    Beside the reason – in an extension – a code without a system may be anybody's number, and is no reason.
    """
    described = given.get("reason")
    beside = (coding for coding in _coded(given) if _is_ours(coding) or _text(coding.get("system")))
    found = [*_coded(described), *beside]
    ours = next(filter(_is_ours, found), None)
    if ours is not None:
        code, system = _text(ours["code"]), _text(ours.get("system"))
        return Reason(code, system if system == _SYSTEMS[code] else "")
    if found:
        return Reason(ANOTHER_CODE)
    in_words = _text(described) or (isinstance(described, dict) and _text(described.get("display")))
    return Reason(IN_WORDS) if in_words else None


def _is_ours(coding: Mapping[str, Any]) -> bool:
    return _text(coding["code"]) in _SYSTEMS


def _coded(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield what has a code, from the outside in: each client shapes its extension as it likes."""
    level = [value]
    for _ in range(_DEEPEST_EXTENSION):
        yield from (item for item in level if isinstance(item, dict) and _text(item.get("code")))
        level = [inner for item in level for inner in _inside(item)]


def _inside(item: Any) -> Iterator[Any]:
    if isinstance(item, dict):
        yield from item.values()
    elif isinstance(item, list):
        yield from item


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""
