"""Which results of an analyte count: not implausible, not from the future, one sample once, suspect ones set aside."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from magnesium.facts import Analyte, LabResult, PatientFacts, Unusable
from magnesium.policy import Limit, Policy, Span
from magnesium.quantity import Comparator, Quantity


@dataclass(frozen=True, slots=True)
class Series:
    """The results of one analyte: the usable ones, oldest first, and those that exist but cannot be used."""

    results: tuple[LabResult, ...] = ()
    unusable: tuple[Unusable, ...] = ()

    @property
    def newest(self) -> tuple[LabResult, ...]:
        """The results that may be the newest: more than one where times coincide or overlap."""
        last = self._last_start
        return tuple(r for r in self.results if last is None or r.when.latest >= last)

    @property
    def unverified_newer(self) -> tuple[Unusable, ...]:
        """Results that may be newer than the newest usable one and could not be used."""
        last = self._last_start
        return tuple(u for u in self.unusable if u.when is None or last is None or u.when.latest >= last)

    @property
    def _last_start(self) -> datetime | None:
        """The instant before which something is surely older than some usable result."""
        return max((r.when.earliest for r in self.results), default=None)

    def before(self, result: LabResult) -> tuple[LabResult, ...]:
        """The usable results surely drawn before this one, oldest first."""
        return tuple(r for r in self.results if r.when.surely_before(result.when))


def series(
    facts: PatientFacts,
    analyte: Analyte,
    policy: Policy,
    as_of: datetime,
    *,
    suspect_counts: Callable[[LabResult], bool] = lambda _: False,
) -> Series:
    """Return the results of ``analyte`` that may be used at ``as_of``, and those that may not.

    ``suspect_counts`` says whether a result from a hemolyzed or contaminated specimen still counts: a low
    magnesium or potassium does, a normal or high one does not.
    """
    unusable = [u for u in facts.unusable if u.analyte is analyte]
    usable = []
    for result in facts.labs_by_analyte.get(analyte, ()):
        if result.post_dialysis:
            continue
        reason = _why_not(result, policy, as_of, suspect_counts)
        if reason:
            unusable.append(Unusable(result.source, reason, result.hemolyzed, analyte=analyte, when=result.when))
        else:
            usable.append(result)
    usable.sort(key=_by_time)
    unusable.sort(key=lambda u: (u.source.reference, u.reason))
    return Series(tuple(_each_sample_once(usable, policy)), tuple(unusable))


def _by_time(result: LabResult) -> tuple[datetime, datetime, str]:
    return result.when.earliest, result.when.latest, result.source.reference


def _why_not(result: LabResult, policy: Policy, as_of: datetime, suspect_counts: Callable[[LabResult], bool]) -> str:
    if result.when.surely_after(as_of + policy.quality.ahead.delta):
        return "in-the-future"
    if implausible(result.analyte, result.quantity, policy):
        return "implausible"
    if result.hemolyzed and not suspect_counts(result):
        return "suspect-specimen"
    return ""


def implausible(analyte: Analyte, quantity: Quantity, policy: Policy) -> bool:
    """Whether a value cannot be true: not above zero, or outside the policy's limits of plausibility.

    A bounded result is implausible only if no value it allows is plausible.
    """
    zero_or_less = quantity.interval.high <= (quantity.value * 0, 0)
    least, most = _plausible(analyte, policy)
    return (
        zero_or_less
        or (least is not None and least.below(quantity) is True)
        or (most is not None and most.at_most(quantity) is False)
    )


def _plausible(analyte: Analyte, policy: Policy) -> tuple[Limit | None, Limit | None]:
    quality = policy.quality
    match analyte:
        case Analyte.MAGNESIUM | Analyte.MAGNESIUM_IONIZED | Analyte.MAGNESIUM_WHOLE_BLOOD:
            return None, quality.magnesium_most
        case Analyte.POTASSIUM:
            return quality.potassium_least, quality.potassium_most
        case Analyte.CREATININE:
            return None, quality.creatinine_most
        case Analyte.CALCIUM_TOTAL | Analyte.CALCIUM_CORRECTED | Analyte.CALCIUM_IONIZED:
            return None, quality.calcium_most
        case Analyte.SODIUM:
            return quality.sodium_least, quality.sodium_most
        case Analyte.QTC:
            return quality.qtc_least, quality.qtc_most
        case _:
            return None, None


def _each_sample_once(results: Sequence[LabResult], policy: Policy) -> Sequence[LabResult]:
    """Drop charted copies: the same value under another code system within the policy's time.

    Each copy pairs with one earlier result, so two genuine repeats of a value stay two. Results come oldest first.
    """
    if len({result.source.system for result in results}) <= 1:
        return results  # a copy has another code system
    kept: list[LabResult] = []
    # What may still have a copy, oldest first: by value, and by code system within it.
    waiting: dict[tuple[Comparator, Fraction], dict[str, deque[LabResult]]] = {}
    for result in results:
        alike = waiting.setdefault((result.quantity.comparator, result.quantity.canonical), {})
        if not _is_copy(result, alike, policy.quality.charted_twice.delta):
            kept.append(result)
            alike.setdefault(result.source.system, deque()).append(result)
    return kept


def _is_copy(result: LabResult, alike: dict[str, deque[LabResult]], window: timedelta) -> bool:
    """Whether a result of another code system waits for this copy; then it waits no longer."""
    when = result.when
    if when.latest - when.earliest > window:
        return False  # a date so wide that no result is surely near enough
    used_up = []
    original = None
    for system, queue in alike.items():
        # What lies further back than the window can have no copy any more.
        while queue and when.earliest - queue[0].when.earliest > window:
            queue.popleft()
        if not queue:
            used_up.append(system)
        elif system != result.source.system and when.latest - queue[0].when.earliest <= window:
            original = queue.popleft()
            break
    for system in used_up:
        del alike[system]
    return original is not None


def newest_current(  # noqa: PLR0913  what is read, by which policy, when, for how long, and which of several
    facts: PatientFacts,
    analyte: Analyte,
    policy: Policy,
    as_of: datetime,
    *,
    window: Span,
    of_several: Callable[[Iterable[LabResult]], LabResult | None],
) -> LabResult | None:
    """Return the newest result of ``analyte`` if it is current; ``of_several`` chooses among those of one moment."""
    return if_current(of_several(series(facts, analyte, policy, as_of).newest), window, as_of)


def if_current(result: LabResult | None, window: Span, as_of: datetime) -> LabResult | None:
    """Return the result if it surely lies within the window before ``as_of``."""
    return result if result is not None and result.when.surely_within(window.delta, as_of) else None


def lowest(results: Iterable[LabResult]) -> LabResult | None:
    """Return the result with the lowest value; ties by reference, so that the order of input never matters."""
    return min(results, key=lambda r: (r.quantity.canonical, r.source.reference), default=None)


def highest(results: Iterable[LabResult]) -> LabResult | None:
    """Return the result with the highest value; ties by reference, so that the order of input never matters."""
    return max(results, key=lambda r: (r.quantity.canonical, r.source.reference), default=None)
