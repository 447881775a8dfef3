"""What every check concluded, also those that stay silent: why there is no card is an answer, too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

from hooks.service import Answer
from hooks.wording import TITLES
from magnesium.verdict import Finding, Quiet, Topic, Unknown, Verdict


@dataclass(frozen=True, slots=True)
class Check:
    """One check."""

    title: str
    topic: str
    verdict: str
    """``critical``, ``warning``, ``info``, ``silent``, ``cannot tell`` or ``failed``."""
    reason: str


def read_checks(answer: Answer) -> list[Check]:
    """Return the checks of an answer in the order of their topics."""
    found = {check.topic: check for check in _checks(answer)}
    return [found[topic.value] for topic in Topic if topic.value in found]


def _checks(answer: Answer) -> Iterator[Check]:
    for verdict in answer.verdicts:
        yield Check(TITLES[verdict.topic], verdict.topic.value, *_concluded(verdict))
    for topic, error_id in answer.failed:
        yield Check(TITLES[topic], topic.value, "failed", f"error {error_id}")


def _concluded(verdict: Verdict) -> tuple[str, str]:
    match verdict:
        case Finding():
            return verdict.indicator.code, verdict.summary
        case Quiet():
            return "silent", verdict.reason
        case Unknown():
            return "cannot tell", verdict.missing
    assert_never(verdict)
