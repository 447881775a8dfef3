"""The Markdown files of the repository, taken apart."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
_SKIPPED = {".venv", ".git", "build", "node_modules", "mutants"}
_MARKDOWN = MarkdownIt("gfm-like", {"linkify": False})


@dataclass(frozen=True)
class Block:
    """A fenced block of code."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True)
class Link:
    """A link or a picture that leads to somewhere in the repository."""

    page: Path
    line: int
    target: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line} → {self.target}"


@cache
def pages() -> tuple[Path, ...]:
    """Return every Markdown file, but those of the cases: their stories hold no links."""
    found = (path for path in ROOT.rglob("*.md") if not _SKIPPED & set(path.relative_to(ROOT).parts))
    cases = ROOT / "tests" / "cases"
    return tuple(sorted(path for path in found if path.parent == cases or cases not in path.parents))


def blocks(page: Path) -> Iterator[Block]:
    for token in _MARKDOWN.parse(page.read_text(encoding="utf-8")):
        if token.type == "fence":
            yield Block(page, (token.map or [0])[0] + 1, token.info.strip(), token.content)


def links(page: Path) -> Iterator[Link]:
    for token in _MARKDOWN.parse(page.read_text(encoding="utf-8")):
        for child in token.children or ():
            target = child.attrs.get("href") or child.attrs.get("src")
            if isinstance(target, str) and not urlsplit(target).scheme:
                yield Link(page, (token.map or [0])[0] + 1, target)


@cache
def anchors(page: Path) -> frozenset[str]:
    """Return the names of the headings of a page, as the repository's viewer and the site make them."""
    seen: Counter[str] = Counter()
    names = set()
    tokens = _MARKDOWN.parse(page.read_text(encoding="utf-8"))
    for token, inline in pairwise(tokens):
        if token.type == "heading_open":
            text = "".join(child.content for child in inline.children or () if child.type in {"text", "code_inline"})
            name = re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
            names.add(f"{name}-{seen[name]}" if seen[name] else name)
            seen[name] += 1
    return frozenset(names)


def trouble(link: Link) -> str | None:
    """Return what is wrong with a link."""
    path, _, anchor = link.target.partition("#")
    there = (link.page.parent / unquote(path)).resolve() if path else link.page
    if not there.exists():
        return "there is no such file"
    if there != ROOT and ROOT not in there.parents:
        return "it leads out of the repository"
    if anchor and (there.suffix != ".md" or unquote(anchor) not in anchors(there)):
        return "there is no such heading"
    return None
