"""The facts are named as a reader calls them."""

from __future__ import annotations

from magnesium.facts import Need


def test_every_need_has_words() -> None:
    assert len({need.words for need in Need}) == len(Need)
