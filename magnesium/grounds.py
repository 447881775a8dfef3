"""The evidence of a finding, put together the same way for every rule."""

from __future__ import annotations

from collections.abc import Iterator

from magnesium.facts import Unusable
from magnesium.picture import ClinicalPicture
from magnesium.verdict import Evidence, Fact


def _unverified(picture: ClinicalPicture) -> Iterator[Unusable]:
    """Yield the results that may be newer than those the rules rest on, and could not be used."""
    yield from picture.magnesium.unverified
    yield from picture.potassium.unverified
    yield from picture.kidney.unverified
    if picture.qtc is not None:
        yield from picture.qtc.unverified


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
        unusable=tuple(dict.fromkeys(_unverified(picture))),
        missing=(*missing, *picture.missing),
        held_back=held_back,
        derived=derived,
    )
