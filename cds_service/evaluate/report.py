"""The page for a committee: one file, nothing loaded from elsewhere, no patient named."""

from __future__ import annotations

from datetime import datetime

from jinja2 import Environment, PackageLoader, StrictUndefined

from cds_service.evaluate.figures import Figures
from hooks.wording import TITLES
from magnesium.verdict import Topic


def page(  # noqa: PLR0913  each by name
    figures: Figures, *, title: str, made: datetime, version: str, policies: list[str], files: int
) -> str:
    """Return the report as HTML.

    Args:
        figures: what it shows.
        title: what was evaluated.
        made: when.
        version: of this software.
        policies: in the order in which they are compared.
        files: how many files were read.
    """
    environment = Environment(
        loader=PackageLoader("cds_service", "evaluate"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"grouped": _grouped, "share": _share, "topic": _topic}
    return environment.get_template("report.html.j2").render(
        figures=figures,
        title=title,
        made=made,
        version=version,
        policies=policies,
        files=files,
        topics=[topic.value for topic in Topic],
        longest=max((topic.cards for topic in figures.topics), default=1),
    )


def _grouped(number: float) -> str:
    return f"{number:,.0f}".replace(",", "\u202f")


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "–"


def _topic(code: str) -> str:
    """Return a topic as clinicians call it."""
    return TITLES[Topic(code)]
