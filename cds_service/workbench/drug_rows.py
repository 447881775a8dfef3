"""Which drugs the patient has or had, as rows of bars under the results."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from cds_service.workbench.tint import Tint
from magnesium.drugs import Weight, members, still_on
from magnesium.facts import Exposure, ExposureKind, ExposureStatus, Route
from magnesium.picture import ClinicalPicture
from magnesium.policy import Policy
from magnesium.words import name, time


@dataclass(frozen=True, slots=True)
class Stretch:
    """One record of a drug, from when to when."""

    exposure: Exposure
    start: datetime | None
    """None: nobody knows since when."""
    end: datetime
    running: bool
    """Goes on beyond now."""


@dataclass(frozen=True, slots=True)
class DrugRow:
    """All records of one drug."""

    name: str
    classes: str
    tint: Tint
    stretches: tuple[Stretch, ...]

    @property
    def first(self) -> str:
        """Since when, in words."""
        starts = [stretch.exposure.start for stretch in self.stretches]
        known = [start for start in starts if start is not None]
        return time(min(known, key=lambda when: when.earliest)) if len(known) == len(starts) else "unknown"

    @property
    def last(self) -> str:
        """Until when, in words."""
        newest = self.stretches[-1]
        return "now" if newest.running else newest.end.strftime("%d %b %Y %H:%M")

    @property
    def records(self) -> str:
        """What is on record, in words: ``2 orders, 9 doses given``."""
        kinds = [stretch.exposure.kind for stretch in self.stretches]
        counted = ((kinds.count(kind), words) for kind, words in _KINDS.items())
        return ", ".join(f"{count} {words}" if count == 1 else f"{count} {words}s" for count, words in counted if count)


_KINDS = {
    ExposureKind.ORDER: "order",
    ExposureKind.STATEMENT: "statement",
    ExposureKind.ADMINISTRATION: "dose",
    ExposureKind.DRAFT: "draft order",
}


_ORDER = (Tint.WASTING, Tint.REPLACING, Tint.SPARING, Tint.CONTEXT, Tint.LOCAL)


def drug_rows(picture: ClinicalPicture) -> tuple[DrugRow, ...]:
    """Return the drugs that the tables know, those that waste magnesium first."""
    ordering = picture.facts.ordering
    exposures = (*picture.facts.exposures, *(ordering.drafts if ordering else ()))
    keyed = sorted(exposures, key=lambda exposure: (_local(exposure), name(exposure)))
    rows = []
    for (local, label), group in groupby(keyed, key=lambda exposure: (_local(exposure), name(exposure))):
        records = list(group)
        classes, tint = ("acts locally, does not count", Tint.LOCAL) if local else _classes(records)
        stretches = sorted(
            (_stretch(e, picture.policy, picture.as_of) for e in records), key=lambda s: (s.end, s.running)
        )
        rows.append(DrugRow(label, classes, tint, tuple(stretches)))
    return tuple(sorted(rows, key=lambda row: (_ORDER.index(row.tint), row.name)))


def _local(exposure: Exposure) -> bool:
    return exposure.route in {Route.LOCAL, Route.UNKNOWN}


def _classes(records: Iterable[Exposure]) -> tuple[str, Tint]:
    found = {drug.drug_class.code: drug for exposure in records for drug in members(exposure)}
    weights = {drug.weight for drug in found.values()}
    tint = Tint.CONTEXT
    if any(drug.wasting for drug in found.values()):
        tint = Tint.WASTING
    elif Weight.SOURCE in weights:
        tint = Tint.REPLACING
    elif Weight.PROTECTIVE in weights:
        tint = Tint.SPARING
    return ", ".join(drug.drug_class.label for drug in found.values()), tint


def _stretch(exposure: Exposure, policy: Policy, as_of: datetime) -> Stretch:
    if exposure.kind is ExposureKind.DRAFT:
        return Stretch(exposure, as_of, as_of, running=True)
    start = exposure.start.earliest if exposure.start is not None else None
    if exposure.end is not None:
        end = exposure.end.latest
        return Stretch(exposure, start, min(end, as_of), running=end > as_of)
    if exposure.kind is ExposureKind.ADMINISTRATION:
        return Stretch(exposure, start, as_of, running=True)
    if exposure.status is ExposureStatus.ACTIVE and still_on(exposure, policy, as_of):
        return Stretch(exposure, start, as_of, running=True)
    # Over, and nobody says since when.
    return Stretch(exposure, start, start or as_of, running=False)
