"""Every link between the pages of the repository leads somewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Link, links, pages, trouble

# Its links are examples of what is to be written there.
TEMPLATE = ROOT / "docs" / "decisions" / "0000-template.md"


@pytest.mark.parametrize("page", [page for page in pages() if page != TEMPLATE], ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_of_the_page_leads_to_a_file_and_a_heading(page: Path) -> None:
    assert [f"{link}: {wrong}" for link in links(page) if (wrong := trouble(link))] == []


@pytest.mark.parametrize(
    ("target", "wrong"),
    [
        ("clients.md", None),
        ("clients.md#fields", None),
        ("../magnesium/rules", None),
        ("#documents", None),
        ("nowhere.md", "there is no such file"),
        ("clients.md#nowhere", "there is no such heading"),
        ("#nowhere", "there is no such heading"),
        ("../../elsewhere/../..", "it leads out of the repository"),
    ],
)
def test_a_link_that_leads_nowhere_is_found(target: str, wrong: str | None) -> None:
    assert trouble(Link(ROOT / "docs" / "README.md", 1, target)) == wrong


def test_every_page_of_the_documents_is_on_the_first_one() -> None:
    first = ROOT / "docs" / "README.md"
    listed = {(first.parent / link.target.split("#")[0]).resolve() for link in links(first)}
    docs = ROOT / "docs"
    wanted = {page for page in pages() if docs in page.parents and page != first and "decisions" not in page.parts}
    assert wanted - listed == set()


def test_every_decision_is_in_the_list_of_decisions() -> None:
    first = ROOT / "docs" / "decisions" / "README.md"
    listed = {(first.parent / link.target).resolve() for link in links(first)}
    assert set(first.parent.glob("0*.md")) - listed == set()
