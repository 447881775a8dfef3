"""A CDS service: a hook, the rules it runs, and the answer it gives."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, Protocol

from hooks.cards import Card
from hooks.memory import Measure, Recall, hold_back, measure, note, nothing_remembered
from hooks.one_card import Lead, on_order_hooks, on_patient_view
from hooks.render import Failure, Occasion, Presentation, render
from magnesium.picture import ClinicalPicture
from magnesium.verdict import Finding, Indicator, Topic, Verdict

SPECIFICATION = "2.0.1"
"""Version of CDS Hooks that the services conform to. 3.0 asks for it in discovery; older clients pass over it."""
_ID = re.compile(r"[A-Za-z0-9._-]+")


class Hook(StrEnum):
    """The hooks served; each has a service of its own, because clients key services by their address."""

    PATIENT_VIEW = "patient-view"
    ORDER_SELECT = "order-select"
    ORDER_SIGN = "order-sign"


class Rule(Protocol):
    """A rule as ``magnesium.rules`` registers it."""

    @property
    def topic(self) -> Topic:
        """What it judges; also its id in the evidence."""
        ...

    @property
    def version(self) -> str:
        """Version of the rule."""
        ...

    @property
    def hooks(self) -> frozenset[str]:
        """Names of the hooks on which it runs."""
        ...

    @property
    def judge(self) -> Callable[[ClinicalPicture], Verdict]:
        """The rule itself."""
        ...


class Display(StrEnum):
    """What became of a card that was decided on."""

    SHOWN = "shown"
    SILENT = "silent"
    """Of a topic that this client only watches."""
    HELD_BACK = "held-back"
    """Dismissed before, and the patient is not worse."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A card that was decided on, for the record."""

    uuid: str
    """Of the card; of one that is not shown its own."""
    topic: str
    indicator: Indicator
    display: Display
    measure: Measure | None = None
    """None for the card that names checks which could not run."""
    suggestions: tuple[str, ...] = ()
    """UUIDs of what the card suggests."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The cards, and what they were made from, for the decision record."""

    cards: tuple[Card, ...]
    verdicts: tuple[Verdict, ...]
    failed: tuple[Failure, ...]
    decisions: tuple[Decision, ...] = ()

    def __post_init__(self) -> None:
        """Refuse two cards with one uuid: feedback on one would count for both."""
        uuids = [card.uuid for card in self.cards]
        uuids += [suggestion.uuid for card in self.cards for suggestion in card.suggestions]
        if len(set(uuids)) != len(uuids):
            raise ValueError("cards: two cards or suggestions have the same uuid")

    def to_json(self) -> dict[str, Any]:
        """Return the response body; nothing to say is an empty list of cards."""
        return {"cards": [card.to_json() for card in self.cards]}


@dataclass(frozen=True, slots=True)
class HookService:
    """One service of the discovery document."""

    id: str
    hook: Hook
    title: str
    description: str
    usage_requirements: str
    rules: tuple[Rule, ...]

    def __post_init__(self) -> None:
        """Refuse an id that is no path segment, and two rules that would compete for one card."""
        if not _ID.fullmatch(self.id):
            raise ValueError(f"service.id: must be one plain path segment, not {self.id!r}")
        if len({rule.topic for rule in self.rules}) != len(self.rules):
            raise ValueError("service.rules: two rules have the same topic")

    def to_discovery(self, prefetch: Mapping[str, str]) -> dict[str, Any]:
        """Return the service's entry in the discovery document; ``prefetch`` maps keys to query templates."""
        entry: dict[str, Any] = {
            "hook": self.hook.value,
            "title": self.title,
            "description": self.description,
            "id": self.id,
            "version": SPECIFICATION,
            "usageRequirements": self.usage_requirements,
        }
        return {**entry, "prefetch": dict(prefetch)} if prefetch else entry

    def evaluate(  # noqa: PLR0913  each by name
        self,
        picture: ClinicalPicture,
        presentation: Presentation,
        *,
        new_uuid: Callable[[], str],
        on_failure: Callable[[Topic, Exception], str],
        encounter_id: str | None = None,
        recall: Recall = nothing_remembered,
    ) -> Answer:
        """Run the rules and return the cards.

        Args:
            picture: the patient, the policy and the moment.
            presentation: how this client wants its cards.
            new_uuid: makes the lower-case UUID of each card and suggestion.
            on_failure: logs a rule that failed and returns the id to show for it.
            encounter_id: ``context.encounterId``, for the orders that cards propose.
            recall: looks up what was dismissed before.
        """
        verdicts: list[Verdict] = []
        failed: list[Failure] = []
        for rule in self.rules:
            try:
                verdicts.append(_judged(rule, picture))
            except Exception as error:  # noqa: BLE001
                # The one place where every exception is caught: a mistake in one rule must not take away the
                # cards of the others. It is not swallowed: it is logged with an id and named on a card.
                failed.append((rule.topic, on_failure(rule.topic, error)))
        silent = presentation.silent
        findings = [verdict for verdict in verdicts if isinstance(verdict, Finding)]
        # Taken apart before they are merged: a topic that is watched must not take a shown one off the screen.
        merge = partial(self._leads, presentation=presentation)
        watched = merge([finding for finding in findings if finding.topic in silent])
        shown, held = hold_back(
            [finding for finding in findings if finding.topic not in silent], merge, picture, recall
        )
        # Nobody waits for a card on a watched topic, so nobody need be told that its check could not run.
        missed = [(topic, error_id) for topic, error_id in failed if topic not in silent]
        occasion = Occasion(
            patient_id=picture.facts.patient.identifier,
            encounter_id=encounter_id,
            as_of=picture.as_of,
            policy=picture.policy,
            versions={rule.topic: rule.version for rule in self.rules},
            presentation=presentation,
            new_uuid=new_uuid,
            held_back=tuple(note(lead, override) for lead, override in held),
        )
        cards = render(shown, missed, occasion)
        measures = {lead.topic.value: measure(lead, picture) for lead in shown}
        decisions = (
            *(_shown(card, measures) for card in cards),
            *(_unseen(lead, Display.SILENT, picture, new_uuid) for lead in watched),
            *(_unseen(lead, Display.HELD_BACK, picture, new_uuid) for lead, _ in held),
        )
        return Answer(cards, tuple(verdicts), tuple(failed), decisions)

    def _leads(self, findings: Iterable[Finding], presentation: Presentation) -> tuple[Lead, ...]:
        leads = on_patient_view(findings) if self.hook is Hook.PATIENT_VIEW else on_order_hooks(findings)
        if self.hook is not Hook.ORDER_SIGN:
            return leads
        return tuple(lead for lead in leads if lead.indicator >= presentation.order_sign_minimum)


def rules_on(hook: Hook, rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Return the rules that run on a hook."""
    return tuple(rule for rule in rules if hook.value in rule.hooks)


def _judged(rule: Rule, picture: ClinicalPicture) -> Verdict:
    verdict = rule.judge(picture)
    if verdict.topic is not rule.topic:
        raise ValueError(f"the rule for {rule.topic} answered for {verdict.topic}")
    return verdict


def _shown(card: Card, measures: Mapping[str, Measure]) -> Decision:
    topic = card.source.topic.code if card.source.topic else ""
    suggestions = tuple(suggestion.uuid for suggestion in card.suggestions)
    return Decision(card.uuid, topic, card.indicator, Display.SHOWN, measures.get(topic), suggestions)


def _unseen(lead: Lead, display: Display, picture: ClinicalPicture, new_uuid: Callable[[], str]) -> Decision:
    return Decision(new_uuid(), lead.topic.value, lead.indicator, display, measure(lead, picture))
