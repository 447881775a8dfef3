"""Every golden case: the service says what a clinician accepted (tests/cases/README.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cases.harness import HOOKS, Play, differences, folders, read_case, service

FEWEST_CASES = 120

# What each topic may reach on each hook: all of it must occur among the cases. Order-sign shows no information.
REACHED = {
    ("patient-view", "hypomagnesemia", "critical"),
    ("patient-view", "hypomagnesemia", "warning"),
    ("patient-view", "hypomagnesemia", "info"),
    ("patient-view", "magnesium-wasting-drug", "warning"),
    ("patient-view", "magnesium-wasting-drug", "info"),
    ("patient-view", "refractory-hypokalemia", "critical"),
    ("patient-view", "refractory-hypokalemia", "warning"),
    ("patient-view", "refractory-hypokalemia", "info"),
    ("patient-view", "hypokalemia", "warning"),
    ("patient-view", "hypokalemia", "info"),
    ("patient-view", "cause-of-hypomagnesemia", "info"),
    ("order-select", "magnesium-wasting-drug", "critical"),
    ("order-select", "magnesium-wasting-drug", "warning"),
    ("order-select", "magnesium-wasting-drug", "info"),
    ("order-select", "refractory-hypokalemia", "critical"),
    ("order-select", "refractory-hypokalemia", "warning"),
    ("order-select", "refractory-hypokalemia", "info"),
    ("order-select", "hypokalemia", "warning"),
    ("order-select", "hypokalemia", "info"),
    ("order-sign", "magnesium-wasting-drug", "critical"),
    ("order-sign", "magnesium-wasting-drug", "warning"),
    ("order-sign", "refractory-hypokalemia", "critical"),
    ("order-sign", "refractory-hypokalemia", "warning"),
    ("order-sign", "hypokalemia", "warning"),
}


@pytest.fixture(scope="module")
def to() -> Play:
    return service()


def _cases() -> list[Any]:
    cases = []
    for folder in folders():
        case = read_case(folder)
        # Strict: as soon as the service says what is expected, disputed.md has to go.
        marks = [pytest.mark.xfail(reason=case.disputed, strict=True)] if case.disputed else []
        cases.append(pytest.param(folder, id=case.name, marks=marks))
    return cases


@pytest.mark.parametrize("folder", _cases())
def test_case(folder: Path, to: Play) -> None:
    found = differences(read_case(folder), to)
    assert not found, "\n".join(["what is expected and what the service says differ:", *found])


def test_there_are_enough_cases_to_mean_something() -> None:
    assert len(folders()) >= FEWEST_CASES


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_has_silent_cases_and_cases_with_cards(hook: str) -> None:
    cases = [read_case(folder) for folder in folders() if folder.parent.name == hook]
    assert any(case.expected and case.expected.get("cards") for case in cases)
    assert any(case.expected and case.expected.get("silent") for case in cases)


def test_every_topic_is_shown_at_every_urgency_it_can_reach() -> None:
    expected = set()
    for folder in folders():
        case = read_case(folder)
        if case.expected is not None:
            expected |= {(case.hook, c["topic"], c["indicator"]) for c in case.expected.get("cards", ())}
        for variant in case.variants:
            cards = [card.rpartition(" ") for card in variant.expected["cards"].split("; ")]
            expected |= {(case.hook, topic, indicator) for topic, _, indicator in cards}
    assert expected >= REACHED
