"""The service as a client that conforms meets it, and the marker that names what a test shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cds_service import examples
from tests.http.conftest import NOW, MakeSite, Site


@pytest.fixture(scope="module")
def shared_site() -> Site:
    return Site()


@pytest.fixture
def site(shared_site: Site) -> Site:
    """The service with its defaults; its log and evaluations start empty."""
    shared_site.log.seek(0)
    shared_site.log.truncate()
    shared_site.evaluations.clear()
    return shared_site


@pytest.fixture
def make_site() -> MakeSite:
    """Start a service with other settings or other wiring."""
    return Site


@pytest.fixture
def example() -> Callable[[str], dict[str, Any]]:
    """Return a bundled request, as of now."""
    return lambda hook: examples.as_of(hook, NOW)
