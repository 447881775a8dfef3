"""The evidence of a finding, put together the same way for every rule."""

from __future__ import annotations

from magnesium.picture import ClinicalPicture
from magnesium.verdict import Evidence, Fact


def grounds(  # noqa: PLR0913  one keyword per part of the evidence; a bundle would only rename them
    picture: ClinicalPicture,
    *facts: Fact | None,
    thresholds: tuple[str, ...],
    citations: tuple[str, ...],
    held_back: tuple[str, ...] = (),
    derived: tuple[tuple[str, str], ...] = (),
    missing: tuple[str, ...] = (),
) -> Evidence:
    """Return the evidence: the facts used once each, what could not be used, and what could not be seen."""
    return Evidence(
        facts=tuple(dict.fromkeys(fact for fact in facts if fact is not None)),
        thresholds=thresholds,
        citations=tuple(dict.fromkeys(citations)),
        unusable=tuple(dict.fromkeys((*picture.magnesium.unverified, *picture.potassium.unverified))),
        missing=(*missing, *picture.missing),
        held_back=held_back,
        derived=derived,
    )
