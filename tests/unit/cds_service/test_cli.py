"""The command line: replays, policy and terminology; ``serve`` as a process of its own."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner, Result

from cds_service import examples
from cds_service.cli import main
from cds_service.settings import PREFIX
from fhir_mappings.codes import RXNORM, Terminology
from tests.unit.fhir_mappings.test_rxnorm_release import small_release


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)


def chart(name: str, **members: Any) -> dict[str, Any]:
    """Return the chart of a bundled example as a collection Bundle."""
    request = examples.as_of(name, examples.WRITTEN)
    bundles = [value for key, value in request["prefetch"].items() if key != "patient"]
    entries = [entry for bundle in bundles for entry in bundle.get("entry", ())]
    patient = {"resource": request["prefetch"]["patient"]}
    return {
        "resourceType": "Bundle",
        "id": name,
        "type": "collection",
        "timestamp": "2026-01-15T09:00:00Z",
        "entry": [patient, *entries],
        **members,
    }


@pytest.fixture
def charts(tmp_path: Path) -> Path:
    """Two charts with something to say, one without, one line that is broken."""
    quiet = chart("order-sign", id="quiet")
    quiet["entry"] = quiet["entry"][:1]
    file = tmp_path / "charts.ndjson.gz"
    lines = [json.dumps(chart("patient-view")), json.dumps(chart("order-sign")), "{broken", json.dumps(quiet)]
    file.write_bytes(gzip.compress("\n".join(lines).encode()))
    return file


class TestReplay:
    def test_it_prints_what_the_service_would_have_said(self, charts: Path) -> None:
        result = run("replay", charts)
        rows = dict(re.findall(r"^ *(\S.*?) {2,}(\S.*)$", result.stdout, re.MULTILINE))
        assert rows["hook"] == "patient-view"
        assert rows["patients"] == "2"
        assert rows["snapshots answered"] == "3"
        assert rows["without a card"] == "1 (33 %)"
        assert rows["refractory-hypokalemia"].split() == ["–", "1", "–"]
        assert rows["low"] == "1"
        assert rows["severe"] == "1"
        assert rows["no usable result"] == "1"

    def test_a_bad_line_costs_only_itself_is_listed_with_its_place_and_fails_the_run(self, charts: Path) -> None:
        result = run("replay", charts)
        assert result.exit_code == 1
        assert f"{charts}:3: The body is not JSON" in result.stdout

    def test_a_run_without_errors_succeeds(self, tmp_path: Path) -> None:
        file = tmp_path / "chart.json"
        file.write_text(json.dumps(chart("patient-view")))
        result = run("replay", file)
        assert result.exit_code == 0
        assert result.stdout.endswith("errors\n  none\n")

    def test_the_json_report_says_the_same_and_names_no_patient(self, charts: Path, tmp_path: Path) -> None:
        out = tmp_path / "report.json"
        run("replay", charts, "--json", out)
        report = json.loads(out.read_text(encoding="utf-8"))
        assert (report["patients"], report["answered"], report["silent"]) == (2, 3, 1)
        assert report["errors"] == {"not JSON": 1}
        assert [line["place"] for line in report["charts"]] == [f"{charts}:{n}" for n in (1, 2, 3, 4)]
        assert [line["magnesium"] for line in report["charts"]] == ["low", "severe", "", "no usable result"]
        counted = Counter((card["topic"], card["indicator"]) for line in report["charts"] for card in line["cards"])
        assert counted == {(row["topic"], row["indicator"]): row["count"] for row in report["cards"]}
        assert counted
        assert "example-" not in out.read_text(encoding="utf-8")

    def test_each_chart_is_judged_as_of_its_own_time_unless_told_otherwise(self, tmp_path: Path) -> None:
        file = tmp_path / "chart.json"
        file.write_text(json.dumps(chart("patient-view")))
        own = run("replay", file).stdout
        later = run("replay", file, "--as-of", "2027-01-15T09:00:00Z").stdout
        assert "refractory-hypokalemia" in own
        assert "refractory-hypokalemia" not in later

    def test_several_processes_report_the_same_as_one(self, charts: Path) -> None:
        assert run("replay", charts, "--jobs", 2).stdout == run("replay", charts).stdout

    def test_an_order_hook_drafts_the_newest_active_order_again(self, charts: Path) -> None:
        result = run("replay", charts, "--hook", "order-select")
        rows = dict(re.findall(r"^ *(\S.*?) {2,}(\S.*)$", result.stdout, re.MULTILINE))
        assert rows["snapshots answered"] == "1"
        assert rows["no active order"] == "2"

    def test_unreadable_facts_are_counted_by_reason(self, tmp_path: Path) -> None:
        odd = chart("patient-view")
        odd["entry"][1]["resource"]["valueQuantity"] = {"value": 1.3, "unit": "furlong"}
        file = tmp_path / "chart.json"
        file.write_text(json.dumps(odd))
        assert re.search(r"unknown-unit +1$", run("replay", file).stdout, re.MULTILINE)

    def test_laboratory_codes_that_nobody_mapped_are_counted(self, tmp_path: Path) -> None:
        odd = chart("patient-view")
        odd["entry"][1]["resource"]["code"] = {"coding": [{"system": "urn:ours", "code": "MG"}]}
        file, out = tmp_path / "chart.json", tmp_path / "report.json"
        file.write_text(json.dumps(odd))
        printed = run("replay", file, "--json", out).stdout
        assert re.search(r"laboratory codes not known here\n  urn:ours\|MG +1$", printed, re.MULTILINE)
        assert json.loads(out.read_text(encoding="utf-8"))["unmappedCodes"] == {"urn:ours|MG": 1}

    def test_of_many_unmapped_codes_the_most_frequent_are_printed(self, tmp_path: Path) -> None:
        odd = chart("patient-view")
        result = odd["entry"][1]["resource"]
        for number in range(11):
            code = {"coding": [{"system": "urn:ours", "code": f"{number:02}"}]}
            odd["entry"].append({"resource": result | {"id": f"o{number}", "code": code}})
        file = tmp_path / "chart.json"
        file.write_text(json.dumps(odd))
        printed = run("replay", file).stdout
        assert "laboratory codes not known here: the 10 most frequent of 11\n" in printed
        assert "urn:ours|09" in printed
        assert "urn:ours|10" not in printed

    def test_a_refused_chart_is_an_error_of_its_kind(self, tmp_path: Path) -> None:
        odd = chart("patient-view")
        odd["entry"][1]["resource"]["subject"] = {"reference": "Patient/somebody-else"}
        file = tmp_path / "chart.json"
        file.write_text(json.dumps(odd))
        result = run("replay", file)
        assert result.exit_code == 1
        assert "400 conflict prefetch.labs.entry[0].resource" in result.stdout

    def test_nothing_to_replay_is_a_failure(self, tmp_path: Path) -> None:
        result = run("replay", tmp_path)
        assert result.exit_code == 1
        assert "Nothing was replayed" in result.stderr

    @pytest.mark.parametrize(("option", "shown"), [("--progress", True), ("--no-progress", False)])
    def test_progress_goes_to_standard_error(self, charts: Path, option: str, *, shown: bool) -> None:
        result = run("replay", charts, option)
        assert ("replay" in result.stderr) is shown
        assert result.stdout == run("replay", charts).stdout

    def test_a_running_service_has_its_own_policy_and_time(self, charts: Path) -> None:
        result = run("replay", charts, "--url", "http://127.0.0.1:9", "--as-of", "2026-01-15T09:00:00Z")
        assert result.exit_code == 2
        assert "--as-of" in result.stderr

    def test_a_service_that_does_not_answer_is_an_error_for_each_chart(self, charts: Path) -> None:
        result = run("replay", charts, "--url", "http://127.0.0.1:9")
        assert result.exit_code == 1
        assert re.search(r"no answer +3$", result.stdout, re.MULTILINE)

    @pytest.mark.parametrize("text", ["yesterday", "2026-01-15T09:00:00"])
    def test_a_time_needs_a_zone(self, charts: Path, text: str) -> None:
        assert run("replay", charts, "--as-of", text).exit_code == 2


_PRODUCT = """[products.{name}]
text = "{text}"
system = "urn:ours"
code = "1"
display = ""
route = "oral"
"""


class TestPolicyCheck:
    def test_it_lists_every_number_and_marks_the_site_s_own(self, tmp_path: Path) -> None:
        file = tmp_path / "site.toml"
        file.write_text("[magnesium.after_dose]\nhours = 16\nreviewed = 2026-02-01\n", encoding="utf-8")
        result = run("policy", "check", file)
        assert result.exit_code == 0
        assert re.search(r"^magnesium\.after_dose +16 h +site +2026-02-01", result.stdout, re.MULTILINE)
        assert re.search(r"^magnesium\.severe .*1\.2 mg/dL.* published", result.stdout, re.MULTILINE)
        assert "1 of them the site's; 0 local codes." in result.stdout

    @pytest.mark.parametrize(
        "text",
        [
            "[magnesium.after_doze]\nhours = 16\n",
            "hours = ",
            "[local_codes.labz]\n",
            "[magnesium.after_dose]\nhours = 16\n",
            _PRODUCT.format(name="magnesium-imaginary", text="Magnesium"),
        ],
        ids=["unknown number", "not TOML", "unknown local codes", "no review date", "unknown product"],
    )
    def test_a_wrong_file_is_refused(self, tmp_path: Path, text: str) -> None:
        file = tmp_path / "site.toml"
        file.write_text(text, encoding="utf-8")
        result = run("policy", "check", file)
        assert result.exit_code == 1
        assert result.stderr.startswith("Error: ")


class TestTerminologyBuild:
    def test_a_folder_that_is_no_release_is_refused(self, tmp_path: Path) -> None:
        result = run("terminology", "build", "--release", tmp_path, "--out", tmp_path / "drugs.csv.gz")
        assert result.exit_code == 1
        assert result.stderr.startswith("Error: ")

    def test_a_release_becomes_a_drug_table_that_the_service_takes(self, tmp_path: Path) -> None:
        release, table = small_release().write(tmp_path), tmp_path / "drugs.csv.gz"
        result = run("terminology", "build", "--release", release, "--out", table)
        assert result.exit_code == 0, result.stderr
        assert "concepts with our ingredients" in result.stdout
        drug = Terminology.load(table).drug(RXNORM, "4603")
        assert drug is not None
        assert drug.ingredients == ("furosemide",)


def test_settings_that_cannot_be_used_are_named(monkeypatch: pytest.MonkeyPatch, charts: Path) -> None:
    monkeypatch.setenv("MAGNESIUM_CDS_PORT", "eighty")
    result = run("serve")
    assert result.exit_code == 1
    assert "MAGNESIUM_CDS_PORT" in result.stderr


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A service in a process of its own, and what it printed."""
    command = [sys.executable, "-m", "cds_service", "serve", "--port", "0"]
    root = Path(__file__).parents[3]
    environ = {**os.environ, "MAGNESIUM_CDS_PROFILE": "dev", "XDG_DATA_HOME": str(tmp_path)}
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(  # noqa: S603
            command, stdout=subprocess.PIPE, stderr=log, text=True, cwd=root, env=environ
        )
        assert process.stdout is not None
        try:
            yield process, "".join(process.stdout.readline() for _ in range(3))
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


class TestServe:
    def test_it_prints_a_command_that_returns_a_card(self, served: tuple[subprocess.Popen[str], str]) -> None:
        _, printed = served
        fetch, post = re.findall(r"http://127\.0\.0\.1:\d+/\S+", printed)[:2]
        example = requests.get(fetch, timeout=10)
        answer = requests.post(post, data=example.content, headers={"Content-Type": "application/json"}, timeout=10)
        assert answer.status_code == 200
        assert answer.json()["cards"]

    def test_charts_can_be_replayed_against_it(self, served: tuple[subprocess.Popen[str], str], tmp_path: Path) -> None:
        url = re.findall(r"http://127\.0\.0\.1:\d+", served[1])[0]
        file = tmp_path / "chart.json"
        file.write_text(json.dumps(chart("patient-view")))
        result = run("replay", file, "--url", url)
        assert result.exit_code == 0, result.output
        assert re.search(r"snapshots answered +1$", result.stdout, re.MULTILINE)

    def test_ctrl_c_stops_it_without_a_word(self, served: tuple[subprocess.Popen[str], str], tmp_path: Path) -> None:
        process, _ = served
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
        assert (tmp_path / "log").read_text() == ""

    def test_a_taken_port_is_said_in_one_line(self, served: tuple[subprocess.Popen[str], str]) -> None:
        port = re.findall(r":(\d+)/", served[1])[0]
        result = run("serve", "--port", port)
        assert result.exit_code == 1
        assert result.stderr.startswith(f"Error: cannot listen on 127.0.0.1:{port}: ")
