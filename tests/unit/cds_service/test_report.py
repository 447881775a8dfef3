"""``magnesium-cds report``: counts in order, shares where they mean something, charts to scale."""

from __future__ import annotations

import json
import os
from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cds_service.cli import main
from cds_service.insight import charts
from cds_service.insight.report import Counts, first_day, make_report, reason_text, share, title
from cds_service.settings import PREFIX
from cds_service.storage.tallies import CallTally, CardTally, Tallies
from cds_service.storage.upgrade import upgrade
from hooks.service import Display
from magnesium.verdict import Topic
from tests.builders import NOW
from tests.storage.say import Told, decision, entry, note, open_records, report

MONDAY = date(2026, 3, 9)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)


def run(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["report", *arguments], env={f"{PREFIX}DATABASE": url}, catch_exceptions=False)


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Two clients, six calls, five cards, three of them reported on."""
    url = f"sqlite:///{tmp_path / 'cds.sqlite'}"
    upgrade(url)
    records = open_records(url, Told())
    note(records, decision(1), decision(2, Topic.WASTING_DRUG), at=NOW)
    note(records, decision(3), at=NOW)
    note(records, decision(4, Topic.MONITORING, display=Display.SILENT), at=NOW)
    note(records, decision(5, display=Display.HELD_BACK), client="oracle", at=NOW)
    for _ in range(2):
        note(records, at=NOW)
    report(records, entry(1, at=NOW), entry(2, "accepted", at=NOW), entry(3, reason="", at=NOW), entry(9), received=NOW)
    records.close()
    return url


class TestCommand:
    def test_it_prints_tables(self, url: str) -> None:
        result = run(url, "--since", "2026-03-09", "--until", "2026-03-15")
        assert result.exit_code == 0
        assert result.stdout == (
            "2026-03-09 to 2026-03-15 (UTC)\n"
            "\n"
            "6 calls, 4 (67 %) without a card\n"
            "\n"
            "cards  shown  accepted  overridden  unanswered  silent  held back\n"
            "all        3         1           2           0       1          1\n"
            "\n"
            "topic                       shown  accepted  overridden  unanswered  silent  held back\n"
            "Low magnesium                   2         0           2           0       0          1\n"
            "Drugs that waste magnesium      1         1           0           0       0          0\n"
            "Magnesium monitoring            0         0           0           0       1          0\n"
            "\n"
            "indicator  shown  accepted  overridden  unanswered  silent  held back\n"
            "critical       0         0           0           0       0          0\n"
            "warning        3         1           2           0       1          1\n"
            "info           0         0           0           0       0          0\n"
            "\n"
            "client  shown  accepted  overridden  unanswered  silent  held back\n"
            "epic        3         1           2           0       1          0\n"
            "oracle      0         0           0           0       0          1\n"
            "\n"
            "week of     shown  accepted  overridden  unanswered  silent  held back\n"
            "2026-03-09      3         1           2           0       1          1\n"
            "\n"
            "reason for overriding  cards\n"
            "Will review orders         1\n"
            "No reason given            1\n"
            "\n"
            "1 reports were about cards that are not on record.\n"
        )

    def test_one_client_by_itself(self, url: str) -> None:
        told = run(url, "--until", "2026-03-15", "--client", "oracle").stdout
        assert told.startswith("2025-12-22 to 2026-03-15 (UTC), client oracle\n")
        assert "epic" not in told

    def test_csv_has_every_count_on_a_line(self, url: str) -> None:
        lines = run(url, "--until", "2026-03-15", "--csv").stdout.splitlines()
        assert lines[0] == "week,client,topic,indicator,display,outcome,reason,cards"
        assert lines[1] == "2026-03-09,epic,hypomagnesemia,warning,shown,overridden,,1"
        assert len(lines) == 1 + 5

    def test_json_has_the_tables(self, url: str) -> None:
        told = json.loads(run(url, "--until", "2026-03-15", "--json").stdout)
        assert (told["calls"], told["callsWithoutCards"], told["reportsAboutUnknownCards"]) == (6, 4, 1)
        assert told["cards"] == {
            "shown": 3,
            "accepted": 1,
            "overridden": 2,
            "unanswered": 0,
            "silent": 1,
            "heldBack": 1,
        }
        assert told["reasons"] == [{"reason": "will-review", "cards": 1}, {"reason": None, "cards": 1}]
        assert [week["week"] for week in told["weeks"]][-1] == "2026-03-09"

    def test_without_a_database_it_says_what_to_do(self, tmp_path: Path) -> None:
        result = run(f"sqlite:///{tmp_path / 'none.sqlite'}")
        assert result.exit_code == 1
        assert "magnesium-cds db upgrade" in result.stderr

    @pytest.mark.parametrize(
        ("arguments", "named"),
        [
            (("--since", "x"), "--since: This must be a day such as 2026-01-15."),
            (("--since", ""), "--since: This must be a day such as 2026-01-15."),
            (("--until", "2026-02-30"), "--until: This must be a day such as 2026-01-15."),
            (("--until", "0001-01-01"), "--until: This must be from 2000-01-01 to 2999-12-31."),
            (("--since", "2026-03-02", "--until", "2026-03-01"), "--since: This must not be after until."),
            (("--since", "2000-01-01"), "--since: This must not be more than 3660 days before until."),
            (("--csv=x",), "--csv"),
        ],
    )
    def test_a_wrong_option_ends_with_2_and_is_named(self, url: str, arguments: tuple[str, ...], named: str) -> None:
        result = run(url, *arguments)
        assert result.exit_code == 2
        assert named in result.stderr


class TestReport:
    def test_weeks_without_cards_are_there_too(self) -> None:
        told = make_report(Tallies(), MONDAY - timedelta(days=1), MONDAY + timedelta(days=7))
        assert list(told.by_week) == [MONDAY + timedelta(weeks=week) for week in (-1, 0, 1)]

    def test_topics_stand_in_the_order_of_cards_and_what_nobody_knows_last(self) -> None:
        topics = ("gout", "checks-not-run", "cause-of-hypomagnesemia", "magnesium-safety")
        cards = tuple(CardTally(MONDAY, "epic", topic, "info", "shown", "", "", 1) for topic in topics)
        assert list(make_report(Tallies(cards), MONDAY, MONDAY).by_topic) == [
            "magnesium-safety",
            "cause-of-hypomagnesemia",
            "checks-not-run",
            "gout",
        ]

    def test_a_client_that_only_called_is_listed(self) -> None:
        calls = (CallTally(MONDAY, "epic", 3, 3),)
        assert list(make_report(Tallies(calls=calls), MONDAY, MONDAY).by_client) == ["epic"]

    def test_codes_are_told_in_words_where_there_are_any(self) -> None:
        assert title("hypomagnesemia") == "Low magnesium"
        assert title("gout") == "gout"
        assert reason_text("goals-of-care") == "Does not fit the goals of care"
        assert reason_text("4711") == "4711"
        assert reason_text("") == "No reason given"

    @pytest.mark.parametrize(
        ("part", "whole", "told"),
        [(0, 0, ""), (1, 4, ""), (0, 5, "0 %"), (1, 5, "20 %"), (2, 3000, "0 %"), (5, 5, "100 %")],
    )
    def test_a_share_of_fewer_than_five_is_not_told(self, part: int, whole: int, told: str) -> None:
        assert share(part, whole) == told

    @pytest.mark.parametrize(
        ("last", "first"),
        [(MONDAY, date(2025, 12, 22)), (MONDAY + timedelta(days=6), date(2025, 12, 22))],
    )
    def test_a_report_begins_on_a_monday_twelve_weeks_back(self, last: date, first: date) -> None:
        assert first_day(last) == first
        assert first_day(last, 1) == MONDAY


class TestCharts:
    @pytest.mark.parametrize(
        ("most", "top"),
        [(0, "5"), (1, "5"), (5, "5"), (6, "10"), (51, "55"), (99, "100"), (101, "150"), (110, "150"), (1234, "1500")],
    )
    def test_the_scale_ends_at_a_round_number_that_holds_every_column(self, most: int, top: str) -> None:
        assert charts.columns({MONDAY: Counts(shown=most)}).scale[1].text == top

    def test_columns_are_stacked_from_the_ground_and_stay_inside(self) -> None:
        drawn = charts.columns({MONDAY: Counts(shown=10, accepted=2, overridden=3)})
        assert [(bar.kind, bar.count) for bar in drawn.bars] == [("accepted", 2), ("overridden", 3), ("unanswered", 5)]
        for lower, upper in zip(drawn.bars, drawn.bars[1:], strict=False):
            assert upper.y + upper.height == pytest.approx(lower.y, abs=0.02)
        assert drawn.bars[0].y + drawn.bars[0].height == pytest.approx(drawn.scale[0].y)
        assert drawn.bars[-1].y == pytest.approx(drawn.scale[1].y)

    @pytest.mark.parametrize("weeks", [1, 6, 7, 12, 53])
    def test_there_is_room_for_the_names_of_the_weeks(self, weeks: int) -> None:
        drawn = charts.columns({MONDAY + timedelta(weeks=week): Counts(shown=1) for week in range(weeks)})
        assert 1 <= len(drawn.weeks) <= 6
        assert drawn.weeks[0].text == "9 Mar"
        assert all(0 <= bar.x <= bar.x + bar.width <= charts.WIDTH for bar in drawn.bars)

    def test_a_row_fills_its_share_of_the_longest(self) -> None:
        bars = charts.row(Counts(shown=5, accepted=5), longest=20)
        assert [(bar.kind, bar.x, bar.width) for bar in bars] == [("accepted", 0, 25)]
