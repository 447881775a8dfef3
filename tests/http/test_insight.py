"""``/insight`` and ``/insight.csv``: what became of the cards, for those in charge of them."""

from __future__ import annotations

import csv
import io
import re
from base64 import b64encode
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from cds_service import examples
from cds_service.settings import Profile, Settings, SettingsError
from cds_service.storage import NoRecords
from cds_service.storage.records import RecordsUnavailableError
from cds_service.storage.tallies import CallTally, CardTally, Tallies
from cds_service.storage.upgrade import upgrade
from hooks.service import Display
from magnesium.verdict import Topic
from tests.http.test_pages import contrast
from tests.storage.say import Told, decision, entry, note, open_records, report

NOW = examples.WRITTEN
TODAY = NOW.date()
DEV = Settings(profile=Profile.DEV)
TOKEN = "0123456789abcdef" * 4


class Kept(NoRecords):
    """Records that hold what a test says, and remember what was asked."""

    def __init__(self, *cards: CardTally, calls: tuple[CallTally, ...] = (), unknown: int = 0) -> None:
        self._tallies = Tallies(cards, calls, unknown)
        self.asked: list[tuple[date, date, str | None]] = []

    def tallies(self, since: date, until: date, client: str | None = None) -> Tallies:
        self.asked.append((since, until, client))
        return self._tallies


def cards(count: int, outcome: str = "", reason: str = "", **more: Any) -> CardTally:
    told: dict[str, Any] = {
        "day": TODAY,
        "client": "epic",
        "topic": "hypomagnesemia",
        "indicator": "warning",
        "display": "shown",
        **more,
    }
    return CardTally(**told, outcome=outcome, reason=reason, count=count)


class Tables(HTMLParser):
    """The tables of a page: by caption, the cells of each row; and every tag with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._in = ""
        self._caption = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.tables[self._caption].append([])
        if tag in {"td", "th"}:
            self.tables[self._caption][-1].append("")
        if tag in {"caption", "td", "th"}:
            self._in = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == self._in:
            self._in = ""

    def handle_data(self, data: str) -> None:
        if self._in == "caption":
            self._caption = data.strip()
            self.tables[self._caption] = []
        elif self._in:
            cells = self.tables[self._caption][-1]
            cells[-1] = " ".join(f"{cells[-1]} {data}".split())


def page(site: Any, query: str = "") -> Tables:
    answer = site.client.get(f"/insight{query}")
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return Tables(answer.get_data(as_text=True))


class TestPage:
    def test_it_tells_what_became_of_the_cards(self, make_site: Any) -> None:
        kept = Kept(
            cards(6, "accepted"),
            cards(3, "overridden", "will-review"),
            cards(1, "overridden"),
            cards(10),
            cards(4, display="silent"),
            cards(2, display="held-back", topic="magnesium-wasting-drug"),
            calls=(CallTally(TODAY, "epic", 100, 80),),
        )
        tables = page(make_site(DEV, records=kept)).tables
        head, *topics = tables["Cards by topic"]
        assert head == ["Topic", "Shown", "Accepted", "Overridden", "Without answer", "Silent", "Held back"]
        assert topics == [
            ["Low magnesium", "20", "6 30 %", "4 20 %", "10 50 %", "4", "0"],
            ["Drugs that waste magnesium", "0", "0", "0", "0", "0", "2"],
        ]
        assert tables["Overridden cards by reason"][1:] == [["Will review orders", "3"], ["No reason given", "1"]]
        assert tables["Cards by client"][1:] == [["epic", "20", "6 30 %", "4 20 %", "10 50 %", "4", "2"]]
        assert len(tables["Cards by week"]) == 1 + 12

    def test_everything_it_shows_comes_from_what_was_kept(self, make_site: Any, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path / 'cds.sqlite'}"
        upgrade(url)
        records = open_records(url, Told())
        note(records, decision(1), decision(2, Topic.WASTING_DRUG), at=NOW)
        note(records, decision(3, Topic.MONITORING, display=Display.SILENT), at=NOW)
        report(records, entry(1, at=NOW), received=NOW)
        tables = page(make_site(DEV, records=records)).tables
        records.close()
        assert [row[:4] for row in tables["Cards by topic"][1:]] == [
            ["Low magnesium", "1", "0", "1"],
            ["Drugs that waste magnesium", "1", "0", "0"],
            ["Magnesium monitoring", "0", "0", "0"],
        ]

    def test_nothing_on_record_is_a_page_too(self, make_site: Any) -> None:
        tables = page(make_site(DEV, records=Kept())).tables
        assert "Cards by topic" not in tables
        assert len(tables["Cards by week"]) == 1 + 12

    def test_a_share_of_fewer_than_five_is_not_told(self, make_site: Any) -> None:
        kept = Kept(cards(1, "accepted"), cards(3), cards(2, client="oracle"), cards(3, "accepted", client="oracle"))
        rows = {row[0]: row[2] for row in page(make_site(DEV, records=kept)).tables["Cards by client"]}
        assert (rows["epic"], rows["oracle"]) == ("1", "3 60 %")

    @pytest.mark.parametrize(
        ("query", "asked"),
        [
            ("", (date(2025, 10, 27), TODAY, None)),
            ("?since=2026-01-01&until=2026-01-10&client=epic", (date(2026, 1, 1), date(2026, 1, 10), "epic")),
            ("?until=2026-01-10", (date(2025, 10, 20), date(2026, 1, 10), None)),
            ("?since=&until=&client=", (date(2025, 10, 27), TODAY, None)),
            ("?since=2015-12-25&until=2026-01-01", (date(2015, 12, 25), date(2026, 1, 1), None)),
            ("?since=2000-01-01&until=2000-01-01", (date(2000, 1, 1), date(2000, 1, 1), None)),
            ("?since=2999-12-31&until=2999-12-31", (date(2999, 12, 31), date(2999, 12, 31), None)),
        ],
    )
    def test_the_period_and_the_client_can_be_chosen(self, make_site: Any, query: str, asked: Any) -> None:
        kept = Kept()
        page(make_site(DEV, records=kept), query)
        assert kept.asked == [asked]

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("?since=x", "since"),
            ("?until=2026-13-01", "until"),
            ("?since=2026-01-16", "since"),
            ("?since=2999-01-01", "since"),
            ("?since=2015-12-24&until=2026-01-01", "since"),
            ("?until=1999-12-31", "until"),
            ("?until=3000-01-01", "until"),
            ("?client=a%00b", "client"),
            ("?client=a%0Ab", "client"),
        ],
    )
    @pytest.mark.parametrize("address", ["/insight", "/insight.csv"])
    def test_a_period_or_client_that_cannot_be_is_refused_by_name(
        self, make_site: Any, address: str, query: str, field: str
    ) -> None:
        kept = Kept()
        answer = make_site(DEV, records=kept).client.get(f"{address}{query}")
        assert kept.asked == []
        assert answer.status_code == 400
        assert answer.get_json()["issue"][0]["expression"] == [field]

    def test_every_link_leads_somewhere_and_nothing_is_loaded_from_elsewhere(self, make_site: Any) -> None:
        site = make_site(DEV, records=Kept(cards(1), calls=(CallTally(TODAY, "epic", 1, 0),)))
        found = page(site, "?client=epic").tags + page(site).tags
        links = {attrs["href"] for tag, attrs in found if tag in {"a", "link"}}
        assert links
        for link in links:
            with site.client.get(link) as answer:
                assert answer.status_code == 200
        assert not [tag for tag, _ in found if tag in {"script", "style"}]
        assert not [attrs for _, attrs in found if any(name == "style" or name.startswith("on") for name in attrs)]

    def test_what_a_client_calls_itself_stays_text(self, make_site: Any) -> None:
        answer = make_site(DEV, records=Kept(cards(1, "overridden", "<script>"))).client.get("/insight?client=<script>")
        assert "<script>" not in answer.get_data(as_text=True)

    def test_the_charts_show_what_the_tables_say(self, make_site: Any) -> None:
        kept = Kept(cards(1, "accepted"), cards(2, "overridden"), cards(5, day=TODAY - timedelta(weeks=2)))
        bars = [attrs for tag, attrs in page(make_site(DEV, records=kept)).tags if tag == "rect"]
        columns = [bar for bar in bars if "y" in bar and bar["y"] != "0"]
        assert [bar["class"] for bar in columns] == ["unanswered", "accepted", "overridden"]
        heights = [float(bar["height"] or 0) for bar in columns]
        assert heights[0] == pytest.approx(5 * heights[1], abs=0.1)
        assert heights[2] == pytest.approx(2 * heights[1], abs=0.1)

    def test_a_database_that_is_down_is_said(self, make_site: Any) -> None:
        class Down(Kept):
            def tallies(self, since: date, until: date, client: str | None = None) -> Tallies:
                raise RecordsUnavailableError

        answer = make_site(DEV, records=Down()).client.get("/insight")
        assert answer.status_code == 503
        assert answer.get_json()["resourceType"] == "OperationOutcome"

    def test_nothing_of_it_is_kept_on_the_way(self, make_site: Any) -> None:
        for address in ("/insight", "/insight.csv"):
            assert make_site(DEV, records=Kept()).client.get(address).headers["Cache-Control"] == "no-store"

    @pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
    def test_the_colors_of_the_charts_stand_out(self, site: Any, scheme: int) -> None:
        def colors(name: str) -> dict[str, str]:
            with site.client.get(f"/static/{name}") as answer:
                found = re.findall(r":root \{(.*?)\}", answer.get_data(as_text=True), re.DOTALL)[scheme]
            return dict(re.findall(r"--(\w+): (#\w{6})", found))

        ground = colors("landing.css")["ground"]
        for color in colors("insight.css").values():
            assert contrast(color, ground) >= 3


class TestCsv:
    def test_every_count_is_a_line(self, make_site: Any) -> None:
        kept = Kept(
            cards(2, "overridden", "will-review"),
            cards(3, "overridden", "will-review", day=TODAY - timedelta(days=1)),
            cards(1, topic="magnesium-wasting-drug"),
        )
        answer = make_site(DEV, records=kept).client.get("/insight.csv?since=2026-01-01")
        assert answer.content_type.startswith("text/csv")
        assert "magnesium-cds-2026-01-01-2026-01-15.csv" in answer.headers["Content-Disposition"]
        assert list(csv.reader(io.StringIO(answer.get_data(as_text=True)))) == [
            ["week", "client", "topic", "indicator", "display", "outcome", "reason", "cards"],
            ["2026-01-12", "epic", "hypomagnesemia", "warning", "shown", "overridden", "will-review", "5"],
            ["2026-01-12", "epic", "magnesium-wasting-drug", "warning", "shown", "", "", "1"],
        ]


class TestDoor:
    @pytest.fixture
    def locked(self, make_site: Any, tmp_path: Path) -> Any:
        file = tmp_path / "token"
        file.write_text(f"{TOKEN}\n")
        return make_site(Settings(insight_token_file=file), records=Kept())

    def test_production_has_no_such_page_unless_a_token_is_set(self, make_site: Any) -> None:
        site = make_site(Settings(), records=Kept())
        assert site.client.get("/insight").status_code == 404
        assert site.client.get("/insight.csv").status_code == 404
        assert "/insight" not in site.client.get("/").get_data(as_text=True)

    def test_where_there_is_one_the_landing_page_leads_there(self, make_site: Any, locked: Any) -> None:
        for site in (locked, make_site(DEV, records=Kept())):
            assert 'href="/insight"' in site.client.get("/").get_data(as_text=True)

    @pytest.mark.parametrize("address", ["/insight", "/insight.csv"])
    @pytest.mark.parametrize(
        "shown",
        [
            "",
            "Bearer",
            "Bearer wrong",
            f"Bearer {TOKEN}x",
            f"Bearer {TOKEN[:-1]}",
            f"Token {TOKEN}",
            "Basic !",
            "Basic " + b64encode(f"{TOKEN}:".encode()).decode(),
            "Basic " + b64encode("any:é".encode()).decode(),
        ],
    )
    def test_without_the_token_it_stays_shut(self, locked: Any, address: str, shown: str) -> None:
        answer = locked.client.get(address, headers={"Authorization": shown} if shown else {})
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")
        assert answer.get_json()["resourceType"] == "OperationOutcome"

    @pytest.mark.parametrize(
        "shown",
        [f"Bearer {TOKEN}", f"bearer {TOKEN}", "Basic " + b64encode(f"anybody:{TOKEN}".encode()).decode()],
    )
    def test_the_token_opens_it_as_bearer_or_as_password(self, locked: Any, shown: str) -> None:
        assert locked.client.get("/insight", headers={"Authorization": shown}).status_code == 200

    @pytest.mark.parametrize("content", [b" " * 40, b"\xff" * 40, b"a\nb" * 20])
    def test_a_token_that_nobody_could_type_is_refused_at_the_start(
        self, make_site: Any, tmp_path: Path, content: bytes
    ) -> None:
        file = tmp_path / "token"
        file.write_bytes(content)
        with pytest.raises(SettingsError, match="MAGNESIUM_CDS_INSIGHT_TOKEN_FILE"):
            make_site(Settings(insight_token_file=file), records=Kept())

    def test_in_the_dev_profile_a_token_that_is_set_is_asked_for(self, make_site: Any, tmp_path: Path) -> None:
        file = tmp_path / "token"
        file.write_text(TOKEN)
        site = make_site(Settings(profile=Profile.DEV, insight_token_file=file), records=Kept())
        assert site.client.get("/insight").status_code == 401
