"""The page for a committee: whole in itself, readable by everybody, and nobody is named in it."""

from __future__ import annotations

import csv
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner

from cds_service.evaluate.command import evaluate
from tests.evaluate.records import few_patients, write_export

STRICTER = '[magnesium.low]\nprinted = { "mmol/L" = 0.70, "mg/dL" = 1.7, "mEq/L" = 1.4 }\nreviewed = 2026-11-22\n'


class Page(HTMLParser):
    """What a browser would fetch, and what a screen reader would find."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        self.fetched += [value for name, value in attrs if name in {"src", "href", "srcset", "data"} and value]

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    (folder / "ours.toml").write_text(STRICTER, encoding="utf-8")
    (folder / "theirs.toml").write_text("", encoding="utf-8")
    export = write_export(folder / "export", few_patients())
    policies = ["--policy", str(folder / "theirs.toml"), "--policy", str(folder / "ours.toml")]
    ran = CliRunner().invoke(evaluate, [str(export), "--out", str(folder / "out"), *policies, "--jobs", "1"])
    assert ran.exit_code == 0, ran.output
    return folder / "out"


@pytest.fixture(scope="module")
def text(out: Path) -> str:
    return (out / "report.html").read_text(encoding="utf-8")


def test_it_fetches_nothing(text: str) -> None:
    assert Page(text).fetched == []
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org)", text)
    assert "default-src 'none'" in text


def test_no_patient_is_named(text: str) -> None:
    assert not re.search(r"\bp\d+\b|stay-p|mg1-p", text)


def test_tables_have_headers_and_charts_have_words(text: str) -> None:
    page = Page(text)
    assert page.all("table")
    assert all(header.get("scope") in {"col", "row"} for header in page.all("th"))
    charts = [svg for svg in page.all("svg") if "viewbox" in svg and svg.get("role") == "img"]
    assert charts
    assert all(svg.get("aria-label") for svg in charts)
    assert page.all("html")[0]["lang"] == "en"
    assert len(page.all("main")) == 1


def test_wide_tables_can_be_scrolled_by_keyboard(text: str) -> None:
    regions = [div for div in Page(text).all("div") if div.get("class") == "scroll"]
    names = {attributes.get("id") for _, attributes in Page(text).tags}
    assert regions
    labels = [(div.get("aria-labelledby") or "nothing").split() for div in regions]
    assert all(div.get("tabindex") == "0" for div in regions)
    assert all(names.issuperset(label) for label in labels)


def test_it_is_for_light_dark_and_paper(text: str) -> None:
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


def test_the_tables_name_every_card_with_its_evidence(out: Path, text: str) -> None:
    with (out / "firings.csv").open(encoding="utf-8", newline="") as file:
        cards = list(csv.DictReader(file))
    assert {row["policy"] for row in cards} == {"theirs", "ours"}
    assert all(row["evidence"].startswith("{") for row in cards)
    assert (out / "firings.parquet").stat().st_size > 0
    for policy in ("theirs", "ours"):
        assert policy in text


def test_policies_are_compared_patient_by_patient(out: Path, text: str) -> None:
    with (out / "differences.csv").open(encoding="utf-8", newline="") as file:
        different = list(csv.DictReader(file))
    assert {(row["policy"], row["other"]) for row in different} == {("ours", "theirs")}
    assert "Patient by patient" in text


def test_copies_of_the_export_are_not_left_behind(out: Path) -> None:
    assert not (out / "work").exists()
