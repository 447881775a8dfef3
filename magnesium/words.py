"""Values, times and drugs as a busy reader wants them: number, unit and time, never rounded across a limit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import cache

from magnesium.facts import Analyte, ConditionFact, Exposure, ExposureKind, LabResult, Match
from magnesium.knowledge import read_table
from magnesium.moment import When
from magnesium.policy import Span
from magnesium.status import Status

STATUS = {
    Status.SEVERE: "severely low",
    Status.LOW: "low",
    Status.BORDERLINE: "borderline",
    Status.NORMAL: "in the usual range",
    Status.HIGH: "high",
}
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LONGEST_NAME = 60
_SPELLED = {
    "av_block_high_grade": "AV block of second or third degree",
    "av_block_unspecified": "AV block",
    "barrett_esophagus": "Barrett's esophagus",
    "bartter_syndrome": "Bartter syndrome",
    "gi_bleeding": "gastrointestinal bleeding",
    "gitelman_syndrome": "Gitelman syndrome",
    "lambert_eaton": "Lambert-Eaton syndrome",
    "long_qt": "long QT interval",
    "zollinger_ellison_syndrome": "Zollinger-Ellison syndrome",
}
"""Conditions whose slug is not their name."""
_DAY = timedelta(days=1)
_MONTH = timedelta(days=31)


@cache
def _short_names() -> dict[str, str]:
    rows = read_table("analytes.csv", ("analyte", "substance", "label", "short"))
    return {row["analyte"]: row["short"] for row in rows}


def short(analyte: Analyte) -> str:
    """Return the short name of an analyte, e.g. ``Mg``."""
    return _short_names()[analyte]


def time(when: When) -> str:
    """Return a time as precisely as it is known, in the zone it was recorded in: ``14 Mar 2026 08:00``."""
    first = when.earliest
    month = f"{MONTHS[first.month - 1]} {first.year}"
    length = when.latest - first
    if when.exact:
        return f"{first.day} {month} {first.hour:02}:{first.minute:02}"
    if length <= _DAY:
        return f"{first.day} {month}"
    return month if length <= _MONTH else f"{first.year}"


def day(when: When) -> str:
    """Return the day of a time, without the hour: ``14 Mar 2026``."""
    first = when.earliest
    return time(when) if not when.exact else f"{first.day} {MONTHS[first.month - 1]} {first.year}"


def value(result: LabResult) -> str:
    """Return a result without its time: ``Mg 1.4 mg/dL``."""
    return f"{short(result.analyte)} {result.shown or result.quantity.text}"


def result(found: LabResult) -> str:
    """Return a result with its time and what makes it doubtful: ``Mg 1.4 mg/dL (14 Mar 2026 08:00)``."""
    marks = [time(found.when)]
    if found.when.zone_assumed:
        marks.append("time zone assumed")
    if found.preliminary:
        marks.append("not final")
    if found.hemolyzed:
        marks.append("suspect specimen")
    return f"{value(found)} ({', '.join(marks)})"


def name(exposure: Exposure) -> str:
    """Return the generic name of what is in the product, else the recorded name, never longer than 60 characters."""
    label = ", ".join(exposure.ingredients) or exposure.label
    return label if len(label) <= _LONGEST_NAME else label[: _LONGEST_NAME - 1].rstrip() + "…"


def drug(exposure: Exposure) -> str:
    """Return a drug with its start and how it was recognised: ``furosemide (since 2 Mar 2026)``."""
    return _drug(exposure, day)


def drug_to_the_hour(exposure: Exposure) -> str:
    """Return a drug as ``drug`` does, with the hour of its start where the sample of a result is as recent."""
    return _drug(exposure, time)


def _drug(exposure: Exposure, since: Callable[[When], str]) -> str:
    marks = []
    if exposure.kind is ExposureKind.DRAFT:
        marks.append("being ordered")
    elif exposure.start is not None:
        given = exposure.kind is ExposureKind.ADMINISTRATION
        marks.append(f"given {time(exposure.start)}" if given else f"since {since(exposure.start)}")
    else:
        marks.append("start unknown")
    if exposure.source.match is Match.NAME:
        marks.append("matched by name")
    if exposure.route_assumed:
        marks.append("systemic route assumed")
    return f"{name(exposure)} ({', '.join(marks)})"


def condition(fact: ConditionFact) -> str:
    """Return a condition as the record calls it, else by its name here."""
    return fact.label or _SPELLED.get(fact.condition, fact.condition.replace("_", " "))


def between(first: Span, last: Span) -> str:
    """Return a range of time, with the unit once where both share it: ``24 to 48 h``."""
    start, _, unit = first.text.partition(" ")
    shared = last.text.endswith(f" {unit}") and last.text.count(" ") == 1
    return f"{start if shared else first.text} to {last.text}"


def unread(label: str) -> str:
    """Return the sentence about a result that may be newer and could not be read."""
    return f"A newer {label} could not be read: look it up in the chart or repeat it."


def listed(names: Iterable[str]) -> str:
    """Return names once each, in order, joined for a sentence: ``a, b and c``."""
    unique = list(dict.fromkeys(names))
    if len(unique) <= 1:
        return "".join(unique)
    return f"{', '.join(unique[:-1])} and {unique[-1]}"


def few(names: Iterable[str], most: int) -> str:
    """Return at most ``most`` names for a summary line, and how many more there are."""
    unique = list(dict.fromkeys(names))
    rest = len(unique) - most
    return listed(unique) if rest <= 0 else f"{', '.join(unique[:most])} and {rest} more"


def sentence(text: str) -> str:
    """Return the text with a capital first letter; the rest is left alone (``pH``, ``eGFR`` would suffer)."""
    return text[:1].upper() + text[1:]
