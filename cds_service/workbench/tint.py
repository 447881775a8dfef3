"""The colors of the timeline, by meaning; the style sheet says which they are."""

from __future__ import annotations

from enum import StrEnum


class Tint(StrEnum):
    """What a band, a result or a drug is drawn as."""

    SEVERE = "severe"
    LOW = "low"
    BORDERLINE = "borderline"
    NORMAL = "normal"
    HIGH = "high"
    OPEN = "open"
    """A bounded result that allows more than one."""
    WASTING = "wasting"
    REPLACING = "replacing"
    SPARING = "sparing"
    CONTEXT = "context"
    LOCAL = "local"
