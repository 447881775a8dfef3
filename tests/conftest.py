"""What all tests share: the hospital data sets beside the repository, the default policy, and how hypothesis runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from magnesium.policy import Policy, load_site
from tests.data_sets import find_shared

# No deadline: a slow machine is no bug. In CI the same examples every time: a red build has to mean a change.
settings.register_profile("dev", deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("dev"), derandomize=True, max_examples=200, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture(scope="session", autouse=True)
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What a service keeps that a test starts without saying where; never the user's own database."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        yield


@pytest.fixture(scope="session")
def policy() -> Policy:
    return load_site().policy


@pytest.fixture(scope="session")
def shared(pytestconfig: pytest.Config) -> Path:
    """The folder with the hospital data sets; where it is absent the test skips, or fails if it must not be absent."""
    return find_shared(pytestconfig.rootpath, required=os.environ.get("MAGNESIUM_CDS_REQUIRE_SHARED") == "1")
