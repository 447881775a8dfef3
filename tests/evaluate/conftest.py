"""Spark, where it can be had; where it cannot, its tests skip and say why, but not in continuous integration."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

import pytest


@pytest.fixture
def spark_home() -> str:
    """Where Spark is: a cluster on this machine starts its workers from there."""
    found = importlib.util.find_spec("pyspark")
    lacking = [
        *(["PySpark (the extra `spark`)"] if found is None else []),
        *(["Java 17"] if shutil.which("java") is None and not os.environ.get("JAVA_HOME") else []),
    ]
    if lacking:
        reason = f"no {' and no '.join(lacking)}"
        if os.environ.get("MAGNESIUM_CDS_REQUIRE_SPARK") == "1":
            pytest.fail(f"{reason}, and MAGNESIUM_CDS_REQUIRE_SPARK=1 asks for it", pytrace=False)
        pytest.skip(reason)
    assert found is not None
    assert found.origin is not None
    return str(Path(found.origin).parent)
