"""The page ``/insight`` in a browser: for every eye and ear, by keyboard alone, on a telephone and on a wide screen."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cds_service import clock
from cds_service.storage.upgrade import upgrade
from hooks.service import Display
from magnesium.verdict import Indicator, Topic
from tests.storage.say import Told, decision, entry, note, open_records, report

try:
    from playwright.sync_api import expect
except ImportError:
    expect = None  # type: ignore[assignment]  # stands for the missing package

Bench = Any
"""A ``tests.browser.conftest.Bench``: a name that can be imported nowhere but there without Playwright."""

SCHEMES = ("light", "dark")
NARROW, WIDE = 360, 1600
WEEKS = 12
TOPICS = (
    (Topic.HYPOMAGNESEMIA, Indicator.WARNING),
    (Topic.WASTING_DRUG, Indicator.INFO),
    (Topic.REFRACTORY_HYPOKALEMIA, Indicator.CRITICAL),
)
OUTCOMES = (("accepted", ""), ("overridden", "will-review"), ("", ""), ("overridden", ""), ("", ""))
# What client epic was shown: a card in the first week, two in the second, … each with what came of it.
SHOWN = [
    (WEEKS - cards, *TOPICS[number % len(TOPICS)], *OUTCOMES[number % len(OUTCOMES)])
    for cards in range(1, WEEKS + 1)
    for number in range(cards)
]
OF_OUTCOME = Counter(outcome for *_, outcome, _ in SHOWN)


def put_down(database: str) -> None:
    """Have cards shown and reported on; client oracle only watches, and has a card held back."""
    upgrade(database)
    records = open_records(database, Told())
    now = clock.now()
    for number, (weeks_ago, topic, indicator, outcome, reason) in enumerate(SHOWN):
        at = now - timedelta(weeks=weeks_ago)
        note(records, decision(number, topic, indicator=indicator), at=at)
        if outcome:
            report(records, entry(number, outcome, at, reason), received=at)
    watched = decision(len(SHOWN), Topic.MONITORING, display=Display.SILENT)
    held_back = decision(len(SHOWN) + 1, display=Display.HELD_BACK)
    note(records, watched, held_back, client="oracle", at=now)
    records.close()


@pytest.fixture(scope="module")
def service(start_service: Callable[[str], Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A service that can look back on twelve weeks."""
    database = f"sqlite:///{tmp_path_factory.mktemp('records') / 'records.sqlite'}"
    put_down(database)
    return start_service(database)


def opened(bench: Bench) -> Bench:
    bench.page.goto(f"{bench.url}/insight")
    return bench


def row_of(bench: Bench, table: str, head: str) -> list[str]:
    row = bench.page.get_by_role("table", name=table).get_by_role("row", name=re.compile(f"^{head}"))
    cells: list[str] = row.get_by_role("cell").all_inner_texts()
    return [text.split()[0] for text in cells]


def test_it_tells_what_was_put_down(bench: Bench) -> None:
    opened(bench)
    outcomes = [OF_OUTCOME[outcome] for outcome in ("accepted", "overridden", "")]
    assert row_of(bench, "Cards by client", "epic") == [f"{count}" for count in (len(SHOWN), *outcomes, 0, 0)]
    assert row_of(bench, "Cards by client", "oracle") == ["0", "0", "0", "0", "1", "1"]
    expect(bench.page.get_by_role("table", name="Overridden cards by reason")).to_contain_text("Will review orders")


def test_the_period_and_the_client_are_chosen_by_links(bench: Bench) -> None:
    opened(bench)
    period = bench.page.get_by_role("navigation", name="Period and client")
    expect(period.locator("[aria-current=page]")).to_have_text("12 weeks")
    period.get_by_role("link", name="4 weeks").click()
    expect(period.locator("[aria-current=page]")).to_have_text("4 weeks")
    expect(bench.page.locator(".columns .week")).to_have_count(4)
    bench.page.get_by_role("link", name="oracle").click()
    expect(period.locator("[aria-current=page]")).to_have_text("4 weeks")
    expect(bench.page.locator("header strong")).to_have_text("oracle")
    period.get_by_role("link", name="All clients").click()
    expect(bench.page.locator("header strong")).to_have_count(0)


def test_the_counts_can_be_taken_along_as_csv(bench: Bench, tmp_path: Path) -> None:
    opened(bench)
    with bench.page.expect_download() as download:
        bench.page.get_by_role("link", name="Download as CSV").click()
    assert re.fullmatch(r"magnesium-cds-[\d-]{10}-[\d-]{10}\.csv", download.value.suggested_filename)
    file = tmp_path / "cards.csv"
    download.value.save_as(file)
    with file.open(encoding="utf-8", newline="") as lines:
        counted = list(csv.DictReader(lines))
    assert sum(int(line["cards"]) for line in counted) == len(SHOWN) + 2
    assert sum(int(line["cards"]) for line in counted if line["outcome"] == "accepted") == OF_OUTCOME["accepted"]


class TestCharts:
    def test_the_weeks_are_a_picture_with_a_name_and_its_numbers_in_a_table(self, bench: Bench) -> None:
        opened(bench)
        expect(bench.page.get_by_role("img", name=re.compile("^Cards shown each week"))).to_be_visible()
        bench.page.get_by_text("Numbers of each week").click()
        weeks = bench.page.get_by_role("table", name="Cards by week").locator("tbody tr")
        expect(weeks).to_have_count(WEEKS)
        assert [week.get_by_role("cell").first.inner_text() for week in weeks.all()] == [
            f"{cards}" for cards in range(1, WEEKS + 1)
        ]

    def test_every_other_drawing_stands_beside_its_number_and_is_left_out_when_read_aloud(self, bench: Bench) -> None:
        opened(bench)
        drawings = bench.page.locator("svg:not([role=img])")
        assert drawings.count() >= len(TOPICS)
        assert drawings.evaluate_all("all => all.map(svg => svg.getAttribute('aria-hidden'))") == (
            ["true"] * drawings.count()
        )
        bars = bench.page.locator("tbody .bar")
        numbers = bars.evaluate_all("all => all.map(bar => bar.closest('tr').querySelector('td').textContent)")
        drawn = bars.evaluate_all("all => all.map(bar => bar.children.length > 0)")
        assert [int(number.split()[0]) > 0 for number in numbers] == drawn


class TestKeyboard:
    CONTROLS = "a[href], summary, [tabindex='0']"

    def test_it_reaches_every_control_in_the_order_of_the_page(self, bench: Bench) -> None:
        opened(bench)
        bench.page.locator("details").evaluate_all("all => all.forEach(details => { details.open = true })")
        count = bench.page.locator(self.CONTROLS).count()
        assert count >= 10
        reached = []
        for _ in range(count):
            bench.page.keyboard.press("Tab")
            reached.append(
                bench.page.evaluate(
                    "all => [...document.querySelectorAll(all)].indexOf(document.activeElement)", self.CONTROLS
                )
            )
            outline = bench.page.evaluate("() => getComputedStyle(document.activeElement).outlineWidth")
            assert outline == "3px"
        assert reached == list(range(count))

    def test_it_opens_what_is_folded_and_follows_links(self, bench: Bench) -> None:
        opened(bench)
        bench.page.locator("summary").focus()
        bench.page.keyboard.press("Enter")
        expect(bench.page.get_by_role("table", name="Cards by week")).to_be_visible()
        bench.page.get_by_role("link", name="52 weeks").focus()
        bench.page.keyboard.press("Enter")
        expect(bench.page.locator("nav [aria-current=page]")).to_have_text("52 weeks")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", [NARROW, WIDE])
@pytest.mark.parametrize("query", ["", "?client=nobody"], ids=["records", "nothing"])
def test_no_accessibility_violation_and_nothing_runs_over_the_edge(
    bench_with: Any, query: str, width: int, scheme: str
) -> None:
    # The page's policy would keep axe-core out; what it measures is the page all the same.
    bench = bench_with(width=width, scheme=scheme, bypass_csp=True)
    bench.page.goto(f"{bench.url}/insight{query}")
    bench.picture(f"insight{'-empty' if query else ''}-{width}-{scheme}")
    assert bench.violations() == []
    assert bench.page.evaluate("() => document.documentElement.scrollWidth") <= width
