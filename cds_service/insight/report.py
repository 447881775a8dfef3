"""From counts of the database to what the people in charge of the alerts ask.

There is no patient in a report, no user, no ward and no time finer than a week: a small number tells nothing of
anybody. Still it is for the hospital's own people, not for publication (docs/decisions/0026).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

from cds_service.feedback import ANOTHER_CODE, IN_WORDS, Outcome
from cds_service.storage.tallies import CardTally, Tallies
from hooks.service import Display
from hooks.wording import NOT_RUN_CODE, NOT_RUN_TITLE, OVERRIDE_REASONS, TITLES
from magnesium.verdict import Indicator

WEEKS: Final = 12
"""How far back a report goes if nobody says."""
_MOST_DAYS: Final = 3660  # ten years
_EARLIEST: Final = date(2000, 1, 1)
_LATEST: Final = date(2999, 12, 31)
NO_REASON: Final = ""
_FEWEST_FOR_A_SHARE: Final = 5

_TITLES: Final[Mapping[str, str]] = {**{topic.value: TITLES[topic] for topic in TITLES}, NOT_RUN_CODE: NOT_RUN_TITLE}
_REASONS: Final[Mapping[str, str]] = {
    NO_REASON: "No reason given",
    IN_WORDS: "Given in words, which are not kept",
    ANOTHER_CODE: "Another code than those of the cards, which is not kept",
    **{reason.code: reason.display for reasons in OVERRIDE_REASONS.values() for reason in reasons},
}


@dataclass(slots=True)
class Counts:
    """Cards, by what became of them."""

    shown: int = 0
    accepted: int = 0
    overridden: int = 0
    silent: int = 0
    """Decided on and, because the client only watches the topic, not shown."""
    held_back: int = 0
    """Not shown because it was dismissed before."""

    def add(self, tally: CardTally) -> None:
        """Add cards."""
        match Display(tally.display):
            case Display.SHOWN:
                self.shown += tally.count
                self.accepted += tally.count * (tally.outcome == Outcome.ACCEPTED)
                self.overridden += tally.count * (tally.outcome == Outcome.OVERRIDDEN)
            case Display.SILENT:
                self.silent += tally.count
            case Display.HELD_BACK:
                self.held_back += tally.count

    @property
    def unanswered(self) -> int:
        """Shown, and nothing was reported: left alone, or the client reports nothing."""
        return self.shown - self.accepted - self.overridden

    def to_json(self) -> dict[str, int]:
        """Return the counts by name."""
        return {
            "shown": self.shown,
            "accepted": self.accepted,
            "overridden": self.overridden,
            "unanswered": self.unanswered,
            "silent": self.silent,
            "heldBack": self.held_back,
        }


@dataclass(slots=True)
class Report:
    """What happened from one day to another, both included, in UTC."""

    since: date
    until: date
    client: str | None
    """The only client that is told of, if it is one."""
    total: Counts = field(default_factory=Counts)
    calls: int = 0
    calls_without_cards: int = 0
    unknown_cards: int = 0
    """Reports about cards that are not on record."""
    by_topic: dict[str, Counts] = field(default_factory=dict)
    by_indicator: dict[str, Counts] = field(default_factory=dict)
    by_client: dict[str, Counts] = field(default_factory=dict)
    by_week: dict[date, Counts] = field(default_factory=dict)
    """By the Monday on which it begins; weeks without cards too."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Why cards were overridden."""
    rows: Counter[tuple[str, ...]] = field(default_factory=Counter)
    """Every count by itself, keyed by the columns ``COLUMNS``."""

    @property
    def reasons_in_order(self) -> list[tuple[str, int]]:
        """The reasons, the most frequent first; of equals that of no reason last."""
        return sorted(self.reasons.items(), key=lambda item: (-item[1], item[0] == NO_REASON, item[0]))

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return {
            "since": self.since.isoformat(),
            "until": self.until.isoformat(),
            "client": self.client,
            "calls": self.calls,
            "callsWithoutCards": self.calls_without_cards,
            "cards": self.total.to_json(),
            "reportsAboutUnknownCards": self.unknown_cards,
            "topics": _listed("topic", self.by_topic),
            "indicators": _listed("indicator", self.by_indicator),
            "clients": _listed("client", self.by_client),
            "weeks": _listed("week", {week.isoformat(): counts for week, counts in self.by_week.items()}),
            "reasons": [{"reason": code or None, "cards": count} for code, count in self.reasons_in_order],
        }


COLUMNS: Final = ("week", "client", "topic", "indicator", "display", "outcome", "reason")


def make_report(tallies: Tallies, since: date, until: date, client: str | None = None) -> Report:
    """Return the report of a period."""
    topics = {topic: Counts() for topic in _in_order({tally.topic for tally in tallies.cards}, list(_TITLES))}
    indicators = {indicator.code: Counts() for indicator in sorted(Indicator, reverse=True)}
    clients = sorted({card.client for card in tallies.cards} | {called.client for called in tallies.calls})
    report = Report(
        since,
        until,
        client,
        calls=sum(tally.total for tally in tallies.calls),
        calls_without_cards=sum(tally.without_cards for tally in tallies.calls),
        unknown_cards=tallies.unknown_cards,
        by_topic=topics,
        by_indicator=indicators,
        by_client={name: Counts() for name in clients},
        by_week={week: Counts() for week in _weeks(since, until)},
    )
    for tally in tallies.cards:
        week = _monday(tally.day)
        for counts in (
            report.total,
            report.by_topic[tally.topic],
            report.by_indicator[tally.indicator],
            report.by_client[tally.client],
            report.by_week[week],
        ):
            counts.add(tally)
        if tally.outcome == Outcome.OVERRIDDEN:
            report.reasons[tally.reason] += tally.count
        key = (week.isoformat(), tally.client, tally.topic, tally.indicator, tally.display, tally.outcome, tally.reason)
        report.rows[key] += tally.count
    return report


class PeriodError(ValueError):
    """A period of which no report can be made."""

    def __init__(self, end: str, text: str) -> None:
        """Say which end is wrong, ``since`` or ``until``, and in a sentence why."""
        super().__init__(f"{end}: {text}")
        self.end = end
        self.text = text


def read_period(since: str | None, until: str | None, today: date) -> tuple[date, date]:
    """Return the first and the last day of a report: as asked for, or the usual ones where nobody says.

    Raises:
        PeriodError: one of them is no day that a report can be about, or they are too far apart or the wrong way round.
    """
    last = today if until is None else _day("until", until)
    first = first_day(last) if since is None else _day("since", since)
    if first > last:
        raise PeriodError("since", "This must not be after until.")
    if (last - first).days > _MOST_DAYS:
        raise PeriodError("since", f"This must not be more than {_MOST_DAYS} days before until.")
    return first, last


def first_day(last: date, weeks: int = WEEKS) -> date:
    """Return the Monday on which a report of so many weeks begins, the week of its last day included."""
    return _monday(last) - timedelta(weeks=weeks - 1)


def title(topic: str) -> str:
    """Return a topic as people read it; a code that is none of ours any more stays as it is."""
    return _TITLES.get(topic, topic)


def reason_text(code: str) -> str:
    """Return a reason as people read it; a code that is none of ours any more stays as it is."""
    return _REASONS.get(code, code)


def share(part: int, whole: int) -> str:
    """Return a share in percent; nothing where a share of so few would mislead."""
    return f"{part / whole:.0%}".replace("%", " %") if whole >= _FEWEST_FOR_A_SHARE else ""


def _day(end: str, text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise PeriodError(end, "This must be a day such as 2026-01-15.") from None
    if not _EARLIEST <= day <= _LATEST:
        raise PeriodError(end, f"This must be from {_EARLIEST} to {_LATEST}.")
    return day


def _listed(name: str, groups: Mapping[str, Counts]) -> list[dict[str, Any]]:
    return [{name: key, **counts.to_json()} for key, counts in groups.items()]


def _in_order(found: Iterable[str], order: list[str]) -> list[str]:
    return sorted(found, key=lambda item: (order.index(item) if item in order else len(order), item))


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _weeks(since: date, until: date) -> Iterable[date]:
    week = _monday(since)
    while week <= until:
        yield week
        week += timedelta(weeks=1)
