"""Cards that cannot be built against the CDS Hooks specification (1.0 to 3.0, the strictest of each rule).

Building a wrong one raises ``ValueError`` naming the field, so a mistake shows in our tests and not as an
error card in front of a clinician. Only what this service sends exists here: an action *creates* an order for
the clinician to sign; nothing in the chart is changed or deleted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from magnesium.verdict import Indicator

SUMMARY_LENGTH = 139
"""The specification says "fewer than 140 characters"; the public conformance kit fails exactly 140."""
_CONTAINERS = (dict, list, tuple)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TOPIC_CODE = re.compile(r"[A-Za-z0-9-]{1,100}")
_ABSOLUTE_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
_REVERSE_DOMAIN = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9_-]+)+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_CONTROL_BUT_NEWLINE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class SelectionBehavior(StrEnum):
    """How many suggestions of a card may be taken. 1.0 clients know only the first, Epic only the second."""

    AT_MOST_ONE = "at-most-one"
    ANY = "any"


class LinkType(StrEnum):
    """What a link opens: a page, or a SMART app in the client's session."""

    ABSOLUTE = "absolute"
    SMART = "smart"


@dataclass(frozen=True, slots=True)
class Coding:
    """A code with its system."""

    code: str
    system: str
    display: str = ""

    def __post_init__(self) -> None:
        """Refuse a code that nobody can look up."""
        _line("coding.code", self.code)
        if not _ABSOLUTE_URI.fullmatch(self.system):
            raise ValueError(f"coding.system: must be an absolute URI, not {self.system!r}")
        if self.display:
            _line("coding.display", self.display)

    def to_json(self) -> dict[str, Any]:
        """Return the Coding as CDS Hooks sends it."""
        sent = {"code": self.code, "system": self.system}
        return {**sent, "display": self.display} if self.display else sent


@dataclass(frozen=True, slots=True)
class OverrideReason(Coding):
    """A reason for dismissing a card; unlike other codings it needs words to choose by."""

    def __post_init__(self) -> None:
        """Refuse a reason without display (invariant cds-resp-4)."""
        # Named in full: slots=True makes a new class, which the bare super() of a dataclass does not find.
        Coding.__post_init__(self)
        _line("overrideReasons.display", self.display)


@dataclass(frozen=True, slots=True)
class Source:
    """Who says it, and under which stable topic."""

    label: str
    topic: Coding | None = None
    url: str = ""

    def __post_init__(self) -> None:
        """Refuse a nameless source, and a topic under which a client could not remember an override."""
        _line("source.label", self.label)
        if self.topic is not None and not _TOPIC_CODE.fullmatch(self.topic.code):
            # Epic keeps overrides under it: alphanumeric, at most 100 characters.
            raise ValueError(f"source.topic.code: 1 to 100 letters, digits, hyphens, not {self.topic.code!r}")
        if self.url:
            _https("source.url", self.url)

    def to_json(self) -> dict[str, Any]:
        """Return the source as CDS Hooks sends it."""
        sent: dict[str, Any] = {"label": self.label}
        if self.url:
            sent["url"] = self.url
        if self.topic is not None:
            sent["topic"] = self.topic.to_json()
        return sent


@dataclass(frozen=True, slots=True)
class Action:
    """One order to create. ``description`` carries the whole meaning: Epic shows nothing else."""

    description: str
    resource: dict[str, Any]

    def __post_init__(self) -> None:
        """Refuse an action without words (cds-resp-5) or without a resource to create."""
        _line("action.description", self.description)
        if not self.resource.get("resourceType"):
            raise ValueError("action.resource: must be a FHIR resource, with a resourceType")
        if without_empties(self.resource) != self.resource:
            raise ValueError("action.resource: holds null, an empty string, list or object")

    def to_json(self) -> dict[str, Any]:
        """Return the action as CDS Hooks sends it."""
        return {"type": "create", "description": self.description, "resource": self.resource}


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Something the clinician may accept with one click."""

    uuid: str
    label: str
    actions: tuple[Action, ...]
    is_recommended: bool = False

    def __post_init__(self) -> None:
        """Refuse a suggestion that does nothing or of which no feedback could come back."""
        _uuid("suggestion.uuid", self.uuid)
        _line("suggestion.label", self.label)
        if not self.actions:
            raise ValueError("suggestion.actions: must hold at least one action")

    def to_json(self) -> dict[str, Any]:
        """Return the suggestion as CDS Hooks sends it."""
        sent: dict[str, Any] = {"label": self.label, "uuid": self.uuid}
        if self.is_recommended:
            sent["isRecommended"] = True
        sent["actions"] = [action.to_json() for action in self.actions]
        return sent


@dataclass(frozen=True, slots=True)
class Link:
    """A page or an app beside the card. Clients drop links they do not know: a card is complete without."""

    label: str
    url: str
    type: LinkType = LinkType.ABSOLUTE
    app_context: str = ""

    def __post_init__(self) -> None:
        """Refuse what is not https, and an app context without an app (cds-resp-3)."""
        _line("link.label", self.label)
        _https("link.url", self.url)
        if self.app_context and self.type is not LinkType.SMART:
            raise ValueError("link.appContext: only a smart link has one")

    def to_json(self) -> dict[str, Any]:
        """Return the link as CDS Hooks sends it."""
        sent = {"label": self.label, "url": self.url, "type": self.type.value}
        return {**sent, "appContext": self.app_context} if self.app_context else sent


@dataclass(frozen=True, slots=True)
class Card:
    """What the clinician sees."""

    uuid: str
    summary: str
    indicator: Indicator
    source: Source
    detail: str = ""
    suggestions: tuple[Suggestion, ...] = ()
    selection_behavior: SelectionBehavior | None = None
    override_reasons: tuple[OverrideReason, ...] = ()
    links: tuple[Link, ...] = ()
    extension: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what a client would show as an error or not show at all."""
        _uuid("card.uuid", self.uuid)
        _line("card.summary", self.summary)
        if len(self.summary) > SUMMARY_LENGTH:
            raise ValueError(f"card.summary: {len(self.summary)} characters, at most {SUMMARY_LENGTH}")
        if "<" in self.summary:
            raise ValueError("card.summary: must not hold '<': it is plain text, but clients differ")
        self._check_detail()
        self._check_suggestions()
        for name in self.extension:
            if not _REVERSE_DOMAIN.fullmatch(name):
                raise ValueError(f"card.extension: {name!r} is not a reverse domain name")

    def _check_detail(self) -> None:
        """Refuse raw HTML and images.

        GitHub-Flavored Markdown lets some HTML through and nobody knows which client renders it. Every tag,
        comment and autolink begins with "<", so a detail holds none; ``hooks.markdown`` writes "below".
        """
        if self.detail and not self.detail.strip():
            raise ValueError("card.detail: must not be blank")
        if "<" in self.detail:
            raise ValueError("card.detail: must not hold '<', where raw HTML begins")
        if "![" in self.detail:
            raise ValueError("card.detail: must not hold an image")
        if _CONTROL_BUT_NEWLINE.search(self.detail):
            raise ValueError("card.detail: must not hold control characters")

    def _check_suggestions(self) -> None:
        if bool(self.suggestions) != (self.selection_behavior is not None):
            raise ValueError("card.selectionBehavior: must be there if and only if there are suggestions")
        recommended = sum(suggestion.is_recommended for suggestion in self.suggestions)
        if self.selection_behavior is SelectionBehavior.AT_MOST_ONE and recommended > 1:
            raise ValueError("card.suggestions: at-most-one allows a single recommended suggestion")
        if len({suggestion.uuid for suggestion in self.suggestions}) != len(self.suggestions):
            raise ValueError("card.suggestions: two have the same uuid")

    def to_json(self) -> dict[str, Any]:
        """Return the card as CDS Hooks sends it; what has no value is absent, never null or empty."""
        sent: dict[str, Any] = {"uuid": self.uuid, "summary": self.summary}
        if self.detail:
            sent["detail"] = self.detail
        sent["indicator"] = self.indicator.code
        sent["source"] = self.source.to_json()
        if self.selection_behavior is not None:
            sent["suggestions"] = [suggestion.to_json() for suggestion in self.suggestions]
            sent["selectionBehavior"] = self.selection_behavior.value
        if self.override_reasons:
            sent["overrideReasons"] = [reason.to_json() for reason in self.override_reasons]
        if self.links:
            sent["links"] = [link.to_json() for link in self.links]
        if extension := without_empties(self.extension):
            sent["extension"] = extension
        return sent


def without_empties(value: Any) -> Any:
    """Return a JSON object or array without null, "", [] and {} at any depth; zero and false stay.

    It runs over every fact in the evidence of every card: hence a loop and few calls.
    """
    if isinstance(value, dict):
        members = {}
        for name, member in value.items():
            kept = without_empties(member) if isinstance(member, _CONTAINERS) else member
            if kept or isinstance(kept, int | float):
                members[name] = kept
        return members
    entries = (without_empties(entry) if isinstance(entry, _CONTAINERS) else entry for entry in value)
    return [kept for kept in entries if kept or isinstance(kept, int | float)]


def _line(name: str, text: str) -> None:
    if not text.strip():
        raise ValueError(f"{name}: must not be blank")
    if _CONTROL.search(text):
        raise ValueError(f"{name}: must be one line without control characters")


def _uuid(name: str, text: str) -> None:
    if not _UUID.fullmatch(text):
        raise ValueError(f"{name}: must be a lower-case UUID, not {text!r}")


def _https(name: str, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.username is not None or re.search(r"\s", url):
        raise ValueError(f"{name}: must be an absolute https address, not {url!r}")
