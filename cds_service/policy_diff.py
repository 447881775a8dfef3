"""What differs between two policies: numbers, switches, products, drug times and local codes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from magnesium.policy import Policy, Site


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that two policies set differently; empty where one of them does not set it."""

    what: str
    """As it stands in a policy file: ``magnesium.low``, ``local_codes.labs``."""
    before: str
    after: str


def differences(before: Site, after: Site) -> list[Difference]:
    """Return what differs, numbers first."""
    numbers = _both(_numbers(before.policy), _numbers(after.policy))
    settings = _both(_settings(before.policy), _settings(after.policy))
    codes = _both(dict(_leaves(before.local_codes, "local_codes")), dict(_leaves(after.local_codes, "local_codes")))
    return [*numbers, *settings, *codes]


def _both(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Difference]:
    for name in (*before, *(name for name in after if name not in before)):
        one, other = before.get(name, ""), after.get(name, "")
        if one != other:
            yield Difference(name, one, other)


def _numbers(policy: Policy) -> dict[str, str]:
    rows = (policy.describe(number) for number in policy.numbers)
    return {row["id"]: f"{row['value']} ({row['basis']}: {row['sources']}; {row['reviewed']})" for row in rows}


def _settings(policy: Policy) -> dict[str, str]:
    """Return everything that is no number, flat."""
    sections = {number.partition(".")[0] for number in policy.numbers}
    plain = msgspec.to_builtins(policy)
    return dict(_leaves({name: value for name, value in plain.items() if name not in sections}, ""))


def _leaves(value: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}" if name else key)
    elif isinstance(value, list | tuple):
        yield name, ", ".join(sorted(map(str, value)))
    else:
        yield name, "" if value is None else str(value)
