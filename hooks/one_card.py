"""One fact, one card: which findings share a card, and which are left out because another says it.

On patient-view (the numbers are used below):

1. ``arrhythmia-risk`` absorbs low magnesium and both potassium topics.
2. ``refractory-hypokalemia`` absorbs ``hypokalemia``, and ``hypomagnesemia`` unless (1) did.
3. ``hypocalcemia`` at info is a line of the leading magnesium card.
4. ``cause-of-hypomagnesemia`` does not repeat drugs that another card lists.
5. ``magnesium-monitoring`` is silent if another card asks for a magnesium.

On the order hooks only ``refractory-hypokalemia`` absorbs ``hypokalemia``: there a card answers one order.

``magnesium-wasting-drug`` keeps its own card everywhere, because its action (change a drug) is another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from magnesium.facts import Exposure
from magnesium.verdict import Finding, Indicator, Proposal, Topic
from magnesium.words import name

_ABSORBED_BY_ARRHYTHMIA = (Topic.HYPOMAGNESEMIA, Topic.REFRACTORY_HYPOKALEMIA, Topic.HYPOKALEMIA)
_ABSORBED_BY_REFRACTORY = (Topic.HYPOMAGNESEMIA, Topic.HYPOKALEMIA)
_MAGNESIUM_CARDS = (
    Topic.ARRHYTHMIA,
    Topic.REFRACTORY_HYPOKALEMIA,
    Topic.HYPOMAGNESEMIA,
    Topic.HYPOKALEMIA,
    Topic.WASTING_DRUG,
)
_DRUGS_ELSEWHERE = "Drugs that may contribute are listed on another card."


@dataclass(frozen=True, slots=True)
class Lead:
    """A finding that gets a card, and the findings that are told on it."""

    finding: Finding
    absorbed: tuple[Finding, ...] = ()

    @property
    def topic(self) -> Topic:
        """The topic of the card."""
        return self.finding.topic

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything the card tells, the leading finding first."""
        return (self.finding, *self.absorbed)

    @property
    def indicator(self) -> Indicator:
        """The highest indicator of what the card tells: nothing is played down by being absorbed."""
        return max(finding.indicator for finding in self.findings)


def on_patient_view(findings: Iterable[Finding]) -> tuple[Lead, ...]:
    """Return the cards of patient-view.

    Raises:
        ValueError: two findings of one topic.
    """
    left = _by_topic(findings)
    leads: dict[Topic, Lead] = {}
    for topic, absorbs in (
        (Topic.ARRHYTHMIA, _ABSORBED_BY_ARRHYTHMIA),
        (Topic.REFRACTORY_HYPOKALEMIA, _ABSORBED_BY_REFRACTORY),
    ):
        if topic in left:
            leads[topic] = _absorb(left, topic, absorbs)
    leads |= {topic: Lead(finding) for topic, finding in left.items()}
    _calcium_as_a_line(leads)
    _monitoring_once(leads)
    _drugs_once(leads)
    return tuple(leads.values())


def on_order_hooks(findings: Iterable[Finding]) -> tuple[Lead, ...]:
    """Return the cards of order-select and order-sign.

    Raises:
        ValueError: two findings of one topic.
    """
    left = _by_topic(findings)
    leads = []
    if Topic.REFRACTORY_HYPOKALEMIA in left:
        leads.append(_absorb(left, Topic.REFRACTORY_HYPOKALEMIA, (Topic.HYPOKALEMIA,)))
    return (*leads, *map(Lead, left.values()))


def _by_topic(findings: Iterable[Finding]) -> dict[Topic, Finding]:
    found: dict[Topic, Finding] = {}
    for finding in findings:
        if finding.topic in found:
            raise ValueError(f"two findings of one topic: {finding.topic}")
        found[finding.topic] = finding
    return found


def _absorb(left: dict[Topic, Finding], topic: Topic, absorbs: Sequence[Topic]) -> Lead:
    """Take ``topic`` and what it absorbs out of ``left``."""
    return Lead(left.pop(topic), tuple(left.pop(other) for other in absorbs if other in left))


def _calcium_as_a_line(leads: dict[Topic, Lead]) -> None:
    """Rule 3. What to do about the calcium stays whole: "do not wait for magnesium" must not get lost."""
    calcium = leads.get(Topic.HYPOCALCEMIA)
    leading = next((topic for topic in _MAGNESIUM_CARDS if topic in leads), None)
    if calcium is None or leading is None or calcium.indicator > Indicator.INFO:
        return
    line = replace(calcium.finding, what=(calcium.finding.summary,), why=())
    leads[leading] = replace(leads[leading], absorbed=(*leads[leading].absorbed, line))
    del leads[Topic.HYPOCALCEMIA]


def _monitoring_once(leads: dict[Topic, Lead]) -> None:
    """Rule 5. The card that asks for the magnesium says in its evidence what it stands for."""
    monitoring = leads.get(Topic.MONITORING)
    if monitoring is None:
        return
    # A less urgent card cannot stand for it: it may be cut, or not be looked at.
    others = (topic for topic, lead in leads.items() if lead is not monitoring and _asks(lead))
    asking = next((topic for topic in others if leads[topic].indicator >= monitoring.indicator), None)
    if asking is None:
        return
    finding = leads[asking].finding
    note = f"{Topic.MONITORING}: this card already asks for a serum magnesium"
    evidence = replace(finding.evidence, held_back=(*finding.evidence.held_back, note))
    leads[asking] = replace(leads[asking], finding=replace(finding, evidence=evidence))
    del leads[Topic.MONITORING]


def _asks(lead: Lead) -> bool:
    return any(Proposal.SERUM_MAGNESIUM in finding.proposals for finding in lead.findings)


def _drugs_once(leads: dict[Topic, Lead]) -> None:
    """Rule 4. A line about a drug is one that begins with the drug's name (``magnesium.words.name``)."""
    cause = leads.get(Topic.CAUSE)
    if cause is None:
        return
    listed = tuple(drug for lead in leads.values() if lead is not cause for drug in _drugs(lead))
    kept = tuple(line for line in cause.finding.what if not line.casefold().startswith(listed))
    if len(kept) < len(cause.finding.what):
        leads[Topic.CAUSE] = replace(cause, finding=replace(cause.finding, what=(*kept, _DRUGS_ELSEWHERE)))


def _drugs(lead: Lead) -> Iterable[str]:
    """Names of the drugs that the card rests on and that its lines mention."""
    for finding in lead.findings:
        lines = "\n".join((finding.summary, *finding.what, *finding.act)).casefold()
        for fact in finding.evidence.facts:
            drug = name(fact).casefold() if isinstance(fact, Exposure) else ""
            if drug and drug in lines:
                yield drug
