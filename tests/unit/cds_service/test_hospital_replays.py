"""The snapshots of three public hospital data sets, replayed: no error, and the magnesium status of every one."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import fhir_mappings
from cds_service.cli import main

EXAMPLES = Path(fhir_mappings.__file__).parent / "examples"
# Severe, low and borderline below; normal up to; as clinicians signed them, per unit (clinical specification 1.2).
LIMITS = {
    "mg/dl": ("1.2", "1.6", "1.7", "2.6"),
    "mmol/l": ("0.50", "0.66", "0.70", "1.05"),
    "meq/l": ("1.0", "1.3", "1.4", "2.1"),
}

pytestmark = pytest.mark.shared


def expected_status(value: str, unit: str) -> str:
    severe, low, borderline, normal = map(Decimal, LIMITS[unit.casefold()])
    number = Decimal(value)
    for below, status in ((severe, "severe"), (low, "low"), (borderline, "borderline")):
        if number < below:
            return status
    return "normal" if number <= normal else "high"


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path, str], dict[str, Any]]:
    """Replay a data set once and return its report."""
    reports: dict[str, dict[str, Any]] = {}

    def replay(shared: Path, name: str) -> dict[str, Any]:
        if name not in reports:
            out = tmp_path_factory.mktemp("replay") / "report.json"
            source = shared / "data" / f"{name}-demo" / "snapshots.ndjson.gz"
            policy = EXAMPLES / f"local-codes-{name}.toml"
            arguments = ["replay", str(source), "--policy", str(policy), "--json", str(out)]
            result = CliRunner().invoke(main, arguments, catch_exceptions=False)
            assert result.exit_code == 0, result.output
            reports[name] = json.loads(out.read_text(encoding="utf-8"))
        return reports[name]

    return replay


def facts(shared: Path, name: str) -> list[dict[str, str]]:
    with (shared / "data" / f"{name}-demo" / "facts.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", ["mimic-iii", "mimic-iv", "eicu"])
class TestHospital:
    def test_every_snapshot_is_answered(
        self, shared: Path, replayed: Callable[[Path, str], dict[str, Any]], name: str
    ) -> None:
        report = replayed(shared, name)
        assert report["errors"] == {}
        assert report["answered"] == len(facts(shared, name)) > 0

    def test_the_magnesium_status_agrees_with_the_facts(
        self, shared: Path, replayed: Callable[[Path, str], dict[str, Any]], name: str
    ) -> None:
        found = {line["chart"]: line["magnesium"] for line in replayed(shared, name)["charts"]}
        expected = {
            row["snapshot"]: expected_status(row["mg"], row["mg_unit"]) if row["mg"] else "no usable result"
            for row in facts(shared, name)
        }
        assert {"low", "normal"} <= set(expected.values())
        assert found == expected
