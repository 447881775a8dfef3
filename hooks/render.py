"""From findings to cards: order, cap, text, suggestions.

A card reads *what, why, what to do* in short bullets: Oracle Health shows it in an eighth of the screen.
Whatever a finding holds, a card comes out: a rule's odd text must not cost the clinician the whole answer.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from fhir_mappings.proposals import Product, ProposedOrder, build
from hooks import evidence
from hooks.cards import SUMMARY_LENGTH, Action, Card, Coding, SelectionBehavior, Source, Suggestion
from hooks.markdown import one_line, section, shortened
from hooks.one_card import Lead
from hooks.wording import NOT_RUN_CODE, NOT_RUN_TITLE, OVERRIDE_REASONS, TITLES
from magnesium.verdict import Indicator, Proposal, Topic

Failure = tuple[Topic, str]
"""A check that could not run, and the id under which the error was logged."""

_INTRAVENOUS = {Proposal.MAGNESIUM_INTRAVENOUS, Proposal.MAGNESIUM_INTRAVENOUS_NO_DOSE}
_FINDINGS = "Findings"
_GOES_ON = {" ", ",", ";", ":"}
_REFERRED = "How to replace magnesium: see the card “{}”."
_NOT_IN_ADDITION = "Instead of the intravenous order, not in addition."


class KnowsProducts(evidence.KnowsNumbers, Protocol):
    """The part of the policy that cards need."""

    @property
    def products(self) -> Mapping[str, Product]:
        """What the site lets the cards propose."""
        ...


@dataclass(frozen=True, slots=True)
class Presentation:
    """How one client wants its cards. A wrong setting is refused when it is read, not at the first card."""

    max_cards: int = 4
    """Critical cards and magnesium-safety are shown beyond it."""
    selection_behavior: SelectionBehavior = SelectionBehavior.AT_MOST_ONE
    """1.0 clients know only this one; Epic needs ``any``."""
    suggestions: bool = True
    extensions: bool = True
    source_label: str = "Magnesium CDS"
    source_url: str | None = None
    topic_system: str = "https://magnesium-cds.github.io/CodeSystem/topic"
    order_sign_minimum: Indicator = Indicator.WARNING
    """Order-sign shows nothing below it: order-select has said it. A site without order-select lowers it."""
    silent: frozenset[Topic] = frozenset()
    """Topics that are judged and recorded, and not shown: a hospital watches them before anyone sees one."""
    sources: Mapping[str, Source] = field(init=False, repr=False, compare=False)
    """The source of each topic's cards, built once."""

    def __post_init__(self) -> None:
        """Refuse settings that no card can be built with.

        Raises:
            ValueError: names the setting or the member of ``source`` that it would have become.
        """
        if self.max_cards < 1:
            raise ValueError(f"max_cards: must be at least 1, not {self.max_cards}")
        titles = {NOT_RUN_CODE: NOT_RUN_TITLE, **{topic.value: title for topic, title in TITLES.items()}}
        sources = {
            code: Source(self.source_label, Coding(code, self.topic_system, title), self.source_url or "")
            for code, title in titles.items()
        }
        object.__setattr__(self, "sources", sources)


@dataclass(frozen=True, slots=True)
class Occasion:
    """For whom and when the cards are, and what they are written with."""

    patient_id: str
    encounter_id: str | None
    as_of: datetime
    policy: KnowsProducts
    versions: Mapping[Topic, str]
    """Version of each rule, for the evidence."""
    presentation: Presentation
    new_uuid: Callable[[], str]
    held_back: tuple[str, ...] = ()
    """What is not shown because it was dismissed before; every card's evidence says so."""


def render(leads: Iterable[Lead], failures: Sequence[Failure], occasion: Occasion) -> tuple[Card, ...]:
    """Return the cards: critical first, then warning, then info, within by topic; failed checks last.

    The card about failed checks is not counted against the cap: it must not push out a finding.
    """
    ranked = sorted(leads, key=lambda lead: (-lead.indicator, lead.topic.rank))
    shown, cut = _capped(ranked, occasion.presentation.max_cards)
    offered = _offered(shown) if occasion.presentation.suggestions else [()] * len(shown)
    intravenous = any(proposal in _INTRAVENOUS for proposals in offered for proposal in proposals)
    named_on = [*([[]] * (len(shown) - 1)), cut] if shown else []
    cards = [
        _card(lead, _suggestions(proposals, occasion, intravenous=intravenous), act, named, occasion)
        for lead, proposals, act, named in zip(shown, offered, _acts(shown), named_on, strict=True)
    ]
    return (*cards, _not_run(failures, occasion)) if failures else tuple(cards)


def _capped(ranked: Sequence[Lead], most: int) -> tuple[list[Lead], list[Lead]]:
    """Return what is shown and what is cut."""
    room = most - sum(map(_never_cut, ranked))
    shown, cut = [], []
    for lead in ranked:
        if _never_cut(lead):
            shown.append(lead)
        elif room > 0:
            shown.append(lead)
            room -= 1
        else:
            cut.append(lead)
    return shown, cut


def _never_cut(lead: Lead) -> bool:
    return lead.indicator is Indicator.CRITICAL or lead.topic is Topic.SAFETY


# ── Suggestions ──────────────────────────────────────────────────────────────────────────────────────────


def _offered(shown: Iterable[Lead]) -> list[tuple[Proposal, ...]]:
    """Return what each card offers: every proposal once in the whole answer, on the first card that has it.

    Where one rule allows an intravenous dose and another does not, the order without a dose is offered.
    """
    wanted = [[proposal for finding in lead.findings for proposal in finding.proposals] for lead in shown]
    without_dose = any(Proposal.MAGNESIUM_INTRAVENOUS_NO_DOSE in proposals for proposals in wanted)
    safest = Proposal.MAGNESIUM_INTRAVENOUS_NO_DOSE if without_dose else Proposal.MAGNESIUM_INTRAVENOUS
    seen: set[Proposal] = set()
    offered = []
    for proposals in wanted:
        safer = (safest if p in _INTRAVENOUS else p for p in proposals)
        new = tuple(p for p in dict.fromkeys(safer) if p not in seen)
        seen.update(new)
        offered.append(new)
    return offered


def _acts(shown: Iterable[Lead]) -> list[list[str]]:
    """Return what each card says to do: of a plan that a card before it tells, only where it stands.

    Told is what is shown: a card that is cut, watched or held back tells nothing. Cautions are no plan and stay.
    """
    told: dict[str, str] = {}
    acts = []
    for lead in shown:
        lines = [line for finding in lead.findings for line in finding.act]
        plan = {line for finding in lead.findings for line in finding.plan}
        acts.append([_REFERRED.format(told[line]) if line in plan & told.keys() else line for line in lines])
        told = dict.fromkeys(plan, _summary(lead)) | told
    return acts


def _suggestions(proposals: Iterable[Proposal], occasion: Occasion, *, intravenous: bool) -> tuple[Suggestion, ...]:
    """One action each: Epic takes no more."""
    suggestions = []
    for proposal in proposals:
        order = build(
            proposal,
            patient_id=occasion.patient_id,
            encounter_id=occasion.encounter_id,
            products=occasion.policy.products,
        )
        if intravenous and proposal is Proposal.MAGNESIUM_ORAL:
            # A client that allows any number of suggestions would let both be taken.
            order = replace(order, description=f"{order.description} {_NOT_IN_ADDITION}")
        suggestions.append(_suggestion(order, occasion.new_uuid()))
    return tuple(suggestions)


def _suggestion(order: ProposedOrder, uuid: str) -> Suggestion:
    return Suggestion(uuid, order.label, (Action(order.description, order.resource),))


# ── Cards ────────────────────────────────────────────────────────────────────────────────────────────────


def _card(
    lead: Lead, suggestions: tuple[Suggestion, ...], act: Sequence[str], cut: Sequence[Lead], occasion: Occasion
) -> Card:
    presentation = occasion.presentation
    return Card(
        uuid=occasion.new_uuid(),
        summary=_summary(lead),
        indicator=lead.indicator,
        source=presentation.sources[lead.topic.value],
        detail=_detail(lead, act, cut),
        suggestions=suggestions,
        selection_behavior=presentation.selection_behavior if suggestions else None,
        override_reasons=OVERRIDE_REASONS[lead.topic],
        extension={evidence.KEY: _evidence(lead, cut, occasion)} if presentation.extensions else {},
    )


def _evidence(lead: Lead, cut: Sequence[Lead], occasion: Occasion) -> dict[str, object]:
    held_back = [f"{other.topic}: {other.indicator.code}, beyond the most cards to show" for other in cut]
    return evidence.evidence(
        lead,
        policy=occasion.policy,
        versions=occasion.versions,
        as_of=occasion.as_of,
        held_back=(*held_back, *occasion.held_back),
    )


def _summary(lead: Lead) -> str:
    return shortened(one_line(lead.finding.summary) or TITLES[lead.topic], SUMMARY_LENGTH)


def _detail(lead: Lead, act: Sequence[str], cut: Sequence[Lead]) -> str:
    """The leading finding's lines come first, then what it absorbed adds to them."""
    lines: dict[str, list[str]] = {title: [] for title in (_FINDINGS, "Why it matters", "What to do")}
    if len(one_line(lead.finding.summary)) > SUMMARY_LENGTH:
        lines[_FINDINGS].append(lead.finding.summary)
    for finding in lead.findings:
        if finding.indicator > lead.finding.indicator:
            # It decides how urgent the card is, so it is told in full.
            lines[_FINDINGS].append(finding.summary)
        lines[_FINDINGS].extend(finding.what)
        lines["Why it matters"].extend(finding.why)
    lines["What to do"].extend(act)
    lines["Not available"] = [text for finding in lead.findings for text in finding.evidence.missing]
    lines["Also found, not shown as cards"] = [
        f"{TITLES[finding.topic]} ({finding.indicator.code}): {finding.summary}"
        for other in cut
        for finding in other.findings
    ]
    return _sections(lines)


def _sections(sections: Mapping[str, Iterable[str]]) -> str:
    """Return the sections that have lines. Rules that share a card say some things twice: print them once."""
    said: set[str] = {""}
    texts = []
    for title, lines in sections.items():
        fresh: list[str] = []
        plain = [one_line(line) for line in lines]
        for line in _fullest(plain) if title == _FINDINGS else plain:
            if line.casefold() not in said:
                said.add(line.casefold())
                fresh.append(line)
        texts.append(section(title, fresh))
    return "\n\n".join(text for text in texts if text)


def _fullest(lines: Sequence[str]) -> Iterator[str]:
    """Yield, for each line, the one that says it and most besides: "Mg 1.1 (08:00), severe." for "Mg 1.1 (08:00).".

    In order, the lines that begin as this one stand behind each other: no other is looked at.
    """
    ordered = sorted(set(lines))
    for line in lines:
        start = line.removesuffix(".")
        said = line
        for place in range(bisect_left(ordered, start), len(ordered)):
            other = ordered[place]
            if not other.startswith(start):
                break
            if len(other) > len(said) and other[len(start) : len(start) + 1] in _GOES_ON:
                said = other
        yield said


def _not_run(failures: Sequence[Failure], occasion: Occasion) -> Card:
    """Silence would read as "nothing found", so the checks that failed are named."""
    one = len(failures) == 1
    count = "One magnesium check" if one else f"{len(failures)} magnesium checks"
    topics, them = ("this topic", "this") if one else ("these topics", "these")
    checks = [f"{TITLES[topic]} (error {error_id})" for topic, error_id in failures]
    return Card(
        uuid=occasion.new_uuid(),
        summary=f"{count} could not run; no card on {topics} does not mean that nothing was found",
        indicator=Indicator.INFO,
        source=occasion.presentation.sources[NOT_RUN_CODE],
        detail="\n\n".join(
            (
                section("Could not run", checks),
                section("What to do", [f"Check {them} yourself.", "Give the error id to support."]),
            )
        ),
    )
