"""Cards as they came back, made ready to be shown as an EHR's side bar shows them.

What is shown is the answer that the browser got, so it is read like anything else that comes from outside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markdown_it import MarkdownIt
from markupsafe import Markup

from cds_service.workbench.evidence_view import EvidenceView, read_evidence
from cds_service.workbench.exact_json import indented
from fhir_mappings.reading import as_list, first, objects, text

# CommonMark and tables, as EHRs render them; no HTML, no pictures. Addresses are checked by the library.
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
_ANY = "any"


@dataclass(frozen=True, slots=True)
class ActionView:
    """One order that a suggestion would create."""

    description: str
    resource: str
    """As JSON, indented; empty if there is none."""


@dataclass(frozen=True, slots=True)
class SuggestionView:
    """A suggestion, and what accepting it would do."""

    uuid: str
    label: str
    recommended: bool
    actions: tuple[ActionView, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """A reason for dismissing a card."""

    code: str
    system: str
    display: str


@dataclass(frozen=True, slots=True)
class CardView:
    """A card."""

    uuid: str
    summary: str
    indicator: str
    topic: str
    topic_title: str
    source: str
    source_url: str
    detail: Markup
    suggestions: tuple[SuggestionView, ...]
    several: bool
    """More than one suggestion may be accepted."""
    reasons: tuple[Choice, ...]
    links: tuple[tuple[str, str, str], ...]
    """Label, address, type."""
    evidence: EvidenceView | None


def read_refusal(answer: Any) -> list[tuple[tuple[str, ...], str]]:
    """Return what an OperationOutcome says: of each issue the places and the words."""
    issues = objects(first(answer).get("issue"))
    return [
        (
            tuple(filter(None, map(text, as_list(issue.get("expression"))))),
            text(issue.get("diagnostics")) or text(issue.get("code")),
        )
        for issue in issues
    ]


def read_cards(answer: Any) -> list[CardView]:
    """Return the cards of a CDS Hooks response."""
    return [_card(card) for card in objects(answer.get("cards") if isinstance(answer, dict) else None)]


def _card(card: Mapping[str, Any]) -> CardView:
    source = first(card.get("source"))
    topic = first(source.get("topic"))
    return CardView(
        uuid=text(card.get("uuid")),
        summary=text(card.get("summary")),
        indicator=text(card.get("indicator")),
        topic=text(topic.get("code")),
        topic_title=text(topic.get("display")) or text(topic.get("code")),
        source=text(source.get("label")),
        source_url=_https(source.get("url")),
        detail=Markup(_MARKDOWN.render(text(card.get("detail")))),  # noqa: S704  raw HTML is off, the rest is escaped
        suggestions=tuple(map(_suggestion, objects(card.get("suggestions")))),
        several=text(card.get("selectionBehavior")) == _ANY,
        reasons=tuple(_reason(reason) for reason in objects(card.get("overrideReasons"))),
        links=tuple(
            (text(link.get("label")), url, text(link.get("type")))
            for link in objects(card.get("links"))
            if (url := _https(link.get("url")))
        ),
        evidence=read_evidence(card),
    )


def _suggestion(suggestion: Mapping[str, Any]) -> SuggestionView:
    return SuggestionView(
        uuid=text(suggestion.get("uuid")),
        label=text(suggestion.get("label")),
        recommended=suggestion.get("isRecommended") is True,
        actions=tuple(
            ActionView(text(action.get("description")), _written(action.get("resource")))
            for action in objects(suggestion.get("actions"))
        ),
    )


def _reason(reason: Mapping[str, Any]) -> Choice:
    return Choice(*(text(reason.get(name)) for name in ("code", "system", "display")))


def _written(resource: Any) -> str:
    return indented(resource) if isinstance(resource, dict) else ""


def _https(value: Any) -> str:
    url = text(value)
    return url if url.startswith("https://") else ""
