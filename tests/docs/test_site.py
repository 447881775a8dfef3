"""The site builds without a warning, loads nothing from elsewhere, and shows every page and linked file."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest

from tests.docs.pages import ROOT

for package in ("sphinx", "myst_parser", "pydata_sphinx_theme", "sphinx_external_toc"):
    pytest.importorskip(package, reason="the site's packages are not installed: dependency group `site`")


class _Addresses(HTMLParser):
    """Collects what a page loads, what it links to, and the places in it."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.places: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.places |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "link" and given.get("rel") in {"stylesheet", "preload", "icon"}:
            self.loads.append(given["href"])
        elif tag in {"script", "img", "iframe", "source"} and "src" in given:
            self.loads.append(given["src"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    strictly = ("-W", "--keep-going", "-q", "-E", "-b", "html", "-c", "docs", "-d", str(out / "doctrees"))
    done = subprocess.run(  # noqa: S603  our own words
        [sys.executable, "-m", "sphinx", *strictly, ".", str(out / "html")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return out / "html"


@pytest.fixture(scope="module")
def read(site: Path) -> dict[Path, _Addresses]:
    found = {}
    for page in site.rglob("*.html"):
        parser = _Addresses()
        parser.feed(page.read_text(encoding="utf-8"))
        found[page] = parser
    return found


def test_nothing_is_loaded_from_another_host(read: dict[Path, _Addresses], site: Path) -> None:
    loaded = {(page, url) for page, addresses in read.items() for url in addresses.loads}
    assert loaded
    assert {(page, url) for page, url in loaded if urlsplit(url).netloc} == set()
    styles = "".join(style.read_text(encoding="utf-8") for style in site.rglob("*.css"))
    assert re.findall(r"(?:url\(|@import\s+)['\"]?(?:https?:)?//", styles) == []


def test_every_link_within_the_site_leads_somewhere(read: dict[Path, _Addresses]) -> None:
    lost = set()
    for page, addresses in read.items():
        for link in addresses.links:
            url, anchor = urldefrag(link)
            if urlsplit(url).scheme or link.startswith("//"):
                continue
            there = (page.parent / unquote(url)).resolve() if url else page
            if (there not in read and not there.is_file()) or (
                anchor and there in read and unquote(anchor) not in read[there].places
            ):
                lost.add((page.name, link))
    assert lost == set()


@pytest.mark.parametrize(
    "page",
    [
        "index.html",
        "docs/README.html",
        "magnesium/knowledge/README.html",
        "README.html",
        "source/magnesium/knowledge/policy.toml.html",
        "source/magnesium/rules.html",
        "source/magnesium/rules/hypomagnesemia.py.html",
        "search.html",
    ],
)
def test_the_page_is_there(site: Path, page: str) -> None:
    assert (site / page).is_file()
