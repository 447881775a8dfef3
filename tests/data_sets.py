"""Where the hospital data sets are: beside the repository, and not everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest


def find_shared(root: Path, *, required: bool) -> Path:
    """Return ``../shared``; where it is absent, skip the test that wants it, or fail it if it must not be absent."""
    folder = root.parent / "shared"
    if folder.is_dir():
        return folder
    reason = f"the shared data sets are not at {folder}"
    if required:
        pytest.fail(f"{reason}, and MAGNESIUM_CDS_REQUIRE_SHARED=1 asks for them", pytrace=False)
    pytest.skip(reason)
