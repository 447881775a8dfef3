"""Bundled patients to try the service with: textbook stories, invented, and always of this minute.

Each is a plain FHIR Bundle, written as of ``examples.WRITTEN``; what is told of it stands in ``stories.toml``.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from datetime import datetime
from importlib import resources
from typing import Any

import msgspec

from cds_service import examples

_FILES = resources.files(__name__)


class Story(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A patient, and what there is to see."""

    title: str
    who: str
    story: str
    watch: str
    hook: str
    drafts: tuple[str, ...]
    """Ids of the draft orders that are picked at first."""


def _load() -> Mapping[str, Story]:
    return msgspec.convert(tomllib.loads(_FILES.joinpath("stories.toml").read_text(encoding="utf-8")), dict[str, Story])


STORIES: Mapping[str, Story] = _load()
"""All stories by id, in the order in which they are listed."""


def chart(story_id: str, moment: datetime) -> dict[str, Any]:
    """Return the chart of a story with its times moved to ``moment``.

    Raises:
        KeyError: there is no such story.
    """
    if story_id not in STORIES:
        raise KeyError(story_id)
    bundle = json.loads(_FILES.joinpath(f"{story_id}.json").read_text(encoding="utf-8"))
    moved: dict[str, Any] = examples.moved(bundle, moment.replace(microsecond=0) - examples.WRITTEN)
    return moved
