"""The harness itself: data that is absent skips a test, and fails it where it must not be absent."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.data_sets import find_shared


@pytest.mark.parametrize("required", [True, False])
def test_finds_the_folder_beside_the_repository(tmp_path: Path, required: bool) -> None:
    (tmp_path / "shared").mkdir()
    assert find_shared(tmp_path / "main", required=required) == tmp_path / "shared"


def test_skips_with_a_reason_where_it_is_absent(tmp_path: Path) -> None:
    with pytest.raises(pytest.skip.Exception, match="the shared data sets are not at"):
        find_shared(tmp_path / "main", required=False)


def test_fails_where_it_must_not_be_absent(tmp_path: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match="MAGNESIUM_CDS_REQUIRE_SHARED=1 asks for them"):
        find_shared(tmp_path / "main", required=True)
