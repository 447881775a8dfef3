"""The landing page and the examples."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from cds_service import examples


class Page(HTMLParser):
    """The links, headings and outside references of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.attributes if name == tag]


@pytest.fixture
def page(site: Any) -> Page:
    answer = site.client.get("/")
    assert answer.status_code == 200
    return Page(answer.get_data(as_text=True))


class TestLanding:
    def test_every_link_leads_somewhere(self, site: Any, page: Page) -> None:
        links = [attrs["href"] for tag in ("a", "link") for attrs in page.all(tag)]
        assert "/cds-services" in links
        for link in links:
            with site.client.get(link) as answer:
                assert answer.status_code == 200

    def test_nothing_is_loaded_from_elsewhere_and_nothing_runs(self, page: Page) -> None:
        sources = [attrs.get("src") or attrs.get("href") or "" for _, attrs in page.attributes]
        assert not [source for source in sources if "://" in source or source.startswith("//")]
        assert page.all("script") == []
        assert page.all("style") == []
        assert not [attrs for _, attrs in page.attributes if any(name.startswith(("on", "style")) for name in attrs)]

    def test_the_policy_allows_only_our_own_style_and_picture(self, site: Any) -> None:
        policy = site.client.get("/").headers["Content-Security-Policy"]
        directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
        assert directives == {
            "default-src": "'none'",
            "style-src": "'self'",
            "img-src": "'self'",
            "base-uri": "'none'",
            "form-action": "'none'",
            "frame-ancestors": "'none'",
        }

    def test_it_says_its_language_and_structure(self, page: Page) -> None:
        assert page.all("html") == [{"lang": "en"}]
        assert len(page.all("h1")) == 1
        assert len(page.all("main")) == 1
        labels = [attrs["aria-labelledby"] for attrs in page.all("section")]
        assert labels == [attrs["id"] for attrs in page.all("h2")]

    def test_its_commands_name_the_address_by_which_it_was_reached(self, site: Any) -> None:
        text = site.client.get("/", base_url="https://cds.example.org").get_data(as_text=True)
        assert "https://cds.example.org/cds-services/magnesium-order-sign" in text

    def test_a_strange_host_stays_text(self, site: Any) -> None:
        answer = site.client.get("/", headers={"Host": "<script>"})
        assert "<script>" not in answer.get_data(as_text=True)

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_text_can_be_read_in_both_colour_schemes(self, site: Any, scheme: str) -> None:
        with site.client.get("/static/landing.css") as answer:
            css = answer.get_data(as_text=True)
        light, dark = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
        colours = dict(re.findall(r"--(\w+): (#\w{6})", light if scheme == "light" else dark))
        for text in ("text", "quiet", "link"):
            for ground in ("ground", "raised"):
                assert contrast(colours[text], colours[ground]) >= 4.5


class TestExamples:
    @pytest.mark.parametrize("name", examples.NAMES)
    def test_each_can_be_fetched_and_posted_back(self, site: Any, name: str) -> None:
        request = site.client.get(f"/examples/{name}")
        assert request.status_code == 200
        answer = site.client.post(
            f"/cds-services/magnesium-{name}", data=request.get_data(), content_type="application/json"
        )
        assert answer.status_code == 200
        assert answer.get_json()["cards"]

    def test_the_name_may_have_its_extension(self, site: Any) -> None:
        assert site.client.get("/examples/patient-view.json").get_json()["hook"] == "patient-view"


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours (WCAG 2.2)."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    channels = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
