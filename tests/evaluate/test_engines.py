"""Both engines: the same rows, whatever is wrong with the export, and nothing lost when they are killed."""

from __future__ import annotations

import gzip
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pytest
from click.testing import CliRunner

from cds_service.evaluate.command import evaluate
from cds_service.evaluate.work import Work
from tests.evaluate.records import few_patients, patient, result, write_export

TABLES = ("firings", "patients", "missed", "unused", "differences", "problems")


def run(export: Path | str, out: Path, *options: str) -> str:
    ran = CliRunner().invoke(evaluate, [str(export), "--out", str(out), "--jobs", "1", *options])
    assert ran.exit_code == 0, ran.output
    return ran.output


def tables(out: Path) -> dict[str, str]:
    return {name: (out / f"{name}.csv").read_text(encoding="utf-8") for name in TABLES}


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export as it comes: compressed and not, in parts, with damage of every kind."""
    folder = write_export(tmp_path_factory.mktemp("export"), few_patients())
    whole = (folder / "Observation.ndjson").read_bytes().splitlines(keepends=True)
    (folder / "Observation.ndjson").write_bytes(b"".join(whole[::2]) + b"not JSON\n\n[1, 2]\n")
    (folder / "Observation-2.ndjson.gz").write_bytes(gzip.compress(b"".join(whole[1::2])))
    (folder / "Observation-3.ndjson.gz").write_bytes(gzip.compress(b"".join(whole))[:-40])
    strangers = [
        result("mg-x", 2, 1.0, subject={"reference": "Group/g"}),
        result("mg-y", 2, 1.0, subject={"reference": "https://ehr.example.org/r4/Patient/p1/_history/3"}),
        result("mg-z", 2, 1.0, whose="nobody"),
        {"resourceType": "Practitioner", "id": "dr"},
    ]
    (folder / "others.jsonl").write_text("".join(json.dumps(r) + "\n" for r in strangers), encoding="utf-8")
    (folder / "README.txt").write_text("not for us", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def embedded(export: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    out = tmp_path_factory.mktemp("embedded")
    run(export, out)
    return tables(out)


def test_what_is_wrong_costs_only_itself_and_is_listed(embedded: dict[str, str], export: Path) -> None:
    problems = embedded["problems"]
    assert f"{export}/Observation.ndjson:" in problems
    assert "not JSON at column 1" in problems
    assert "not a FHIR resource" in problems
    assert f'{export}/Observation-3.ndjson.gz,"",unreadable file' in problems
    assert "1 Observation resources name no patient" in problems
    assert "nobody,no Patient resource" in problems
    assert len(embedded["patients"].splitlines()) == 1 + 12


def test_a_drug_in_a_resource_of_its_own_is_found(embedded: dict[str, str]) -> None:
    assert "omeprazole" in embedded["firings"]


def test_an_object_store_is_read_through_fsspec(export: Path, embedded: dict[str, str], tmp_path: Path) -> None:
    store = fsspec.filesystem("memory")
    for path in export.iterdir():
        store.pipe(f"/bucket/{path.name}", path.read_bytes())
    run("memory://bucket", tmp_path)
    assert tables(tmp_path)["firings"] == embedded["firings"]


def test_two_processes_give_the_same_rows(export: Path, embedded: dict[str, str], tmp_path: Path) -> None:
    run(export, tmp_path, "--jobs", "2")
    assert tables(tmp_path) == embedded


def test_spark_gives_the_same_rows(
    export: Path, embedded: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spark_home: str
) -> None:
    """On a cluster of two workers, each a process of its own, on this machine."""
    monkeypatch.setenv("SPARK_HOME", spark_home)
    run(export, tmp_path, "--engine", "spark", "--master", "local-cluster[2,1,1024]")
    assert tables(tmp_path) == embedded


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Patients enough for a kill to come in between."""
    return write_export(tmp_path_factory.mktemp("many"), few_patients(40))


def killed(export: Path, out: Path, stretch: str, *options: str) -> dict[Path, int]:
    """Kill an evaluation as hard as can be once a stretch of it is done; return what was done, and when."""
    command = [sys.executable, "-m", "cds_service", "evaluate", str(export), "--out", str(out), "--jobs", "1", *options]
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)  # noqa: S603  our own
    rows = out / "work" / "rows"
    while not list(rows.glob(stretch)):
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (out / "report.html").exists()
    return {path: path.stat().st_mtime_ns for path in rows.glob(stretch)}


def test_after_a_kill_it_goes_on_where_it_was(many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is killed between two parts; no part that was done is done again."""
    done = killed(many, tmp_path / "out", "part-*.ndjson")
    monkeypatch.setattr(Work, "finish", lambda _: None)
    run(many, tmp_path / "out")
    assert {path: path.stat().st_mtime_ns for path in done} == done
    run(many, tmp_path / "whole")
    assert tables(tmp_path / "out") == tables(tmp_path / "whole")


def kill_a_worker() -> None:
    while not (workers := multiprocessing.active_children()):
        time.sleep(0.01)
    workers[0].kill()


def test_a_worker_that_is_killed_is_told_with_what_to_do(many: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor() as beside:
        beside.submit(kill_a_worker)
        ran = CliRunner().invoke(evaluate, [str(many), "--out", str(tmp_path), "--jobs", "2"])
    assert ran.exit_code == 1
    assert "A worker process was killed" in ran.output
    assert "start again" in ran.output
    assert run(many, tmp_path)


def test_after_a_kill_spark_goes_on_where_it_was(
    many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spark_home: str
) -> None:
    """It is killed between two waves; no wave that was done is done again."""
    monkeypatch.setenv("SPARK_HOME", spark_home)
    cluster = ("--engine", "spark", "--master", "local-cluster[2,1,1024]")
    done = killed(many, tmp_path / "out", "wave-*/_SUCCESS", *cluster)
    assert len(done) == 1
    monkeypatch.setattr(Work, "finish", lambda _: None)
    run(many, tmp_path / "out", *cluster)
    assert {path: path.stat().st_mtime_ns for path in done} == done
    run(many, tmp_path / "whole")
    assert tables(tmp_path / "out") == tables(tmp_path / "whole")


def test_a_folder_with_another_evaluation_is_not_touched(export: Path, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "plan.json").write_text("{}", encoding="utf-8")
    refused = CliRunner().invoke(evaluate, [str(export), "--out", str(tmp_path)])
    assert refused.exit_code == 1
    assert "another evaluation" in refused.output
    assert (tmp_path / "work" / "plan.json").read_text(encoding="utf-8") == "{}"
    run(export, tmp_path, "--fresh")


def test_a_patient_and_nothing_else(tmp_path: Path) -> None:
    output = run(write_export(tmp_path / "export", [patient()]), tmp_path / "out")
    assert "problems.csv" in output
