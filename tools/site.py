"""The part of the documentation site that Sphinx does not have: links to source files, and a front door.

The pages link to files and folders of the repository (``../magnesium/rules``), because there they are one click away.
In the site each linked file becomes a page that shows it, each linked folder a page that lists it, and what is listed
becomes a page as well; an HTML report stays what it is. Loaded by ``docs/conf.py``.
"""

from __future__ import annotations

import html
import posixpath
from collections.abc import Iterator
from pathlib import Path
from shutil import copyfile
from typing import Any
from urllib.parse import unquote

from docutils import nodes
from pygments.lexers import get_lexer_for_filename
from pygments.util import ClassNotFound
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.transforms import SphinxTransform

_FOLDER = "source"
_UNSEEN = {"__pycache__"}
_LARGEST = 400_000
"""Bytes; a larger file is named and not shown."""
_NO_TEXT = {".gz", ".png"}


class SourceLinks(SphinxTransform):
    """Turns a link to a file that is no page of the site into a link to the page that shows the file."""

    default_priority = 50

    def apply(self, **kwargs: Any) -> None:  # noqa: ARG002  Sphinx's signature
        """Rewrite the links of one page."""
        for link in [node for node in self.document.findall(nodes.Element) if _unresolved(node)]:
            found = self._found(_target(link))
            if found is not None:
                _linked(self.app).add(found)
                uri = _uri(self.app, self.env.docname, _page_of(found))
                link.replace_self(nodes.reference("", "", *link.children, refuri=uri, internal=True))

    def _found(self, target: str) -> str | None:
        """Return the path of the file or folder below the root, if there is one and it is no page."""
        path = posixpath.normpath(posixpath.join(posixpath.dirname(self.env.docname), target))
        path = path.removeprefix("/")
        there = Path(self.app.srcdir) / path
        if path.startswith("..") or not there.exists() or posixpath.splitext(path)[0] in self.env.found_docs:
            return None
        return path


def _unresolved(node: nodes.Element) -> bool:
    return isinstance(node, addnodes.download_reference | addnodes.pending_xref) and "reftarget" in node


def _target(link: nodes.Element) -> str:
    """Return what a link leads to, from the folder of its page; MyST names a page that is none from the root."""
    target = unquote(str(link["reftarget"]).split("#")[0])
    return f"/{target}.md" if link.get("refdomain") == "doc" else target


class TableHeads(SphinxTransform):
    """Makes heads of tables that say something: an empty row goes, an empty cell gets a word for screen readers."""

    default_priority = 50

    def apply(self, **kwargs: Any) -> None:  # noqa: ARG002  Sphinx's signature
        """Mend the tables of one page."""
        for head in list(self.document.findall(nodes.thead)):
            cells = list(head.findall(nodes.entry))
            if not any(cell.astext().strip() for cell in cells):
                head.parent.remove(head)
                continue
            for cell in cells:
                if not cell.astext().strip():
                    cell.append(nodes.paragraph("", "", nodes.inline("", "what", classes=["visually-hidden"])))


def _linked(app: Sphinx) -> set[str]:
    """Return the paths of what pages link to, as far as pages were read."""
    linked: set[str] = app.env.__dict__.setdefault("linked_sources", set())
    return linked


def _page_of(path: str) -> str:
    return f"{_FOLDER}/{path.removesuffix('.html')}"


def _uri(app: Sphinx, page: str, other: str) -> str:
    return app.builder.get_relative_uri(page, other)


def _pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield a page for every linked file and folder, and for what the folders hold."""
    root = Path(app.srcdir)
    waiting = sorted(_linked(app))
    done: set[str] = set()
    while waiting:
        path = waiting.pop()
        if path in done or path.endswith(".html"):
            continue
        done.add(path)
        there = root / path
        held: list[Path] = []
        if there.is_dir():
            held = sorted(item for item in there.iterdir() if item.name[0] != "." and item.name not in _UNSEEN)
            waiting += [f"{path}/{item.name}" for item in held]
        body = _listing(app, path, held) if there.is_dir() else _shown(app, there)
        title = html.escape(path)
        yield _page_of(path), {"title": title, "body": f"<h1>{title}</h1>\n{body}"}, "page.html"


def _listing(app: Sphinx, path: str, held: list[Path]) -> str:
    items = "\n".join(
        f'<li><a href="{_uri(app, _page_of(path), _page_of(f"{path}/{item.name}"))}">'
        f"{html.escape(item.name)}{'/' if item.is_dir() else ''}</a></li>"
        for item in held
    )
    return f"<ul>\n{items}\n</ul>"


def _shown(app: Sphinx, file: Path) -> str:
    if file.stat().st_size > _LARGEST or file.suffix in _NO_TEXT:
        return "<p>Not shown here; it is in the repository.</p>"
    text = file.read_text(encoding="utf-8")
    try:
        language = get_lexer_for_filename(file.name).aliases[0]
    except (ClassNotFound, IndexError):
        language = "text"
    assert isinstance(app.builder, StandaloneHTMLBuilder)  # the only one that collects pages  # noqa: S101
    return app.builder.highlighter.highlight_block(text, language, linenos=False, force=True)


def _finish(app: Sphinx, failure: Exception | None) -> None:
    """Copy what is a page already, and put an ``index.html`` beside the folders, which leads to the first page."""
    if failure is None and app.builder.name == "html":
        for path in sorted(_linked(app)):
            if path.endswith(".html"):
                target = Path(app.outdir) / _FOLDER / path
                target.parent.mkdir(parents=True, exist_ok=True)
                copyfile(Path(app.srcdir) / path, target)
        first = app.builder.get_target_uri(app.config.root_doc)
        (Path(app.outdir) / "index.html").write_text(
            f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{app.config.project}</title>'
            f'<meta http-equiv="refresh" content="0; url={first}"></head>'
            f'<body><a href="{first}">{app.config.project}</a></body></html>\n',
            encoding="utf-8",
        )


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_transform(SourceLinks)
    app.add_transform(TableHeads)
    app.connect("html-collect-pages", _pages)
    app.connect("build-finished", _finish)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
