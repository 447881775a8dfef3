from __future__ import annotations

from collections.abc import Callable
from itertools import count
from uuid import UUID

import pytest

from magnesium.policy import Policy, load_site


@pytest.fixture(scope="session")
def policy() -> Policy:
    return load_site().policy


@pytest.fixture
def new_uuid() -> Callable[[], str]:
    """Uuids that a test can foresee: …0001, …0002."""
    numbers = count(1)
    return lambda: str(UUID(int=next(numbers)))
