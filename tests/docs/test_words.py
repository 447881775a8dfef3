"""Lists in hand-written pages that have to agree with the code."""

from __future__ import annotations

import re

from hooks.wording import NOT_RUN_CODE, NOT_RUN_TITLE, OVERRIDE_REASONS, TITLES
from tests.docs.pages import ROOT

ANSWERS = (ROOT / "docs" / "integrate" / "answers.md").read_text(encoding="utf-8")


def rows(heading: str) -> dict[str, str]:
    section = ANSWERS.split(f"## {heading}\n")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| `([^`]+)` \| (.+) \|$", section, re.MULTILINE))


def test_the_override_reasons_are_those_of_the_cards() -> None:
    assert rows("Override reasons") == {
        reason.code: reason.display for reasons in OVERRIDE_REASONS.values() for reason in reasons
    }


def test_the_topics_are_those_of_the_cards() -> None:
    assert rows("Topics") == {**{topic.value: title for topic, title in TITLES.items()}, NOT_RUN_CODE: NOT_RUN_TITLE}
