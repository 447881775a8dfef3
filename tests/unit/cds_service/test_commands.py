"""What all commands have in common, and those that compare and count: ``policy diff``, ``terminology check``."""

from __future__ import annotations

import gzip
import json
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from cds_service import examples
from cds_service.cli import main
from cds_service.settings import PREFIX
from tests.unit.fhir_mappings.test_rxnorm_release import small_release


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)


# ── help ──────────────────────────────────────────────────────────────────────────────────────────


def commands(group: click.Group = main, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


COMMANDS = sorted(commands())


def help_of(path: tuple[str, ...]) -> str:
    return run(*path, "--help").stdout


def examples_of(path: tuple[str, ...]) -> list[list[str]]:
    """Return the arguments of every example in the help of a command, without remarks and redirections."""
    found = re.findall(
        r"magnesium-cds (.*?)(?: {2,}.*| > .*)?$", help_of(path).partition("\n  Example")[2], re.MULTILINE
    )
    return [shlex.split(line) for line in found]


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_help_has_an_example_of_the_command_and_its_exit_status(path: tuple[str, ...]) -> None:
    text = help_of(path)
    assert path in [tuple(arguments[: len(path)]) for arguments in examples_of(path)]
    assert re.search(r"^  Exit status", text, re.MULTILINE)
    assert all(len(line) <= 110 for line in text.splitlines())


# These end, and need nothing but files: their examples are run. Of the others the command line is read.
EXIT = {
    ("explain",): 0,
    ("policy", "check"): 0,
    ("policy", "diff"): 1,
    ("replay",): 0,
    ("terminology", "build"): 0,
    ("terminology", "check"): 0,
}


FILES = {"site.toml": 16, "site-2025.toml": 14, "site-2026.toml": 16, "ours.toml": 16, "stricter.toml": 20}
"""Policy files of the examples, and the hours that each sets."""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put every file that an example names into the working directory."""
    monkeypatch.chdir(tmp_path)
    request = json.dumps(examples.as_of("patient-view", examples.WRITTEN))
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "timestamp": examples.WRITTEN.isoformat(),
        "entry": [
            {"resource": {"resourceType": "Patient", "id": "p"}},
            {
                "resource": {
                    "resourceType": "MedicationRequest",
                    "id": "m",
                    "status": "active",
                    "intent": "order",
                    "subject": {"reference": "Patient/p"},
                }
            },
        ],
    }
    site = "[magnesium.after_dose]\nhours = {}\nreviewed = 2026-02-01\n"
    Path("request.json").write_text(request, encoding="utf-8")
    Path("charts").mkdir()
    Path("export").mkdir()
    Path("charts/one.json").write_text(json.dumps(bundle), encoding="utf-8")
    Path("charts.ndjson.gz").write_bytes(gzip.compress(json.dumps(bundle).encode()))
    for name, hours in FILES.items():
        Path(name).write_text(site.format(hours), encoding="utf-8")
    small_release().write(Path("rrf"))
    run("terminology", "build", "--release", "rrf", "--out", "drugs.csv.gz")


RUNNABLE = [
    pytest.param(path, arguments, id=shlex.join(arguments))
    for path in EXIT
    for arguments in examples_of(path)
    if "-" not in arguments and "--url" not in arguments
]


@pytest.mark.parametrize(("path", "arguments"), RUNNABLE)
@pytest.mark.usefixtures("files")
def test_the_examples_run(path: tuple[str, ...], arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == EXIT[path], result.output


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(arguments, id=shlex.join(arguments))
        for path in COMMANDS
        for arguments in examples_of(path)
        if tuple(arguments[: len(path)]) == path
    ],
)
@pytest.mark.usefixtures("files")
def test_the_command_line_of_every_example_is_read(arguments: list[str]) -> None:
    group: click.Group = main
    while isinstance(command := group.commands[arguments[0]], click.Group):
        group, arguments = command, arguments[1:]
    with command.make_context(arguments[0], arguments[1:]) as context:
        assert context.command is command


# ── policy diff ───────────────────────────────────────────────────────────────────────────────────


def policy(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


class TestPolicyDiff:
    NUMBER = "[magnesium.after_dose]\nhours = 16\nreviewed = 2026-02-01\n"

    def test_equal_policies_end_with_0(self, tmp_path: Path) -> None:
        file = policy(tmp_path, "a.toml", self.NUMBER)
        result = run("policy", "diff", file, file)
        assert (result.exit_code, result.stdout) == (0, "Both say the same.\n")

    def test_a_number_shows_value_footing_sources_and_review_date_of_both_and_ends_with_1(self, tmp_path: Path) -> None:
        result = run("policy", "diff", "built-in", policy(tmp_path, "site.toml", self.NUMBER))
        assert result.exit_code == 1
        what, before, after = result.stdout.splitlines()
        assert what == "magnesium.after_dose"
        assert re.fullmatch(r"  - 12 h \(local: .*; \d{4}-\d{2}-\d{2}\)", before)
        assert after == "  + 16 h (site: site; 2026-02-01)"

    def test_a_number_that_was_only_reviewed_again_is_a_difference(self, tmp_path: Path) -> None:
        later = policy(tmp_path, "later.toml", self.NUMBER.replace("02-01", "08-01"))
        result = run("policy", "diff", policy(tmp_path, "site.toml", self.NUMBER), later)
        assert result.stdout.splitlines()[1:] == [
            "  - 16 h (site: site; 2026-02-01)",
            "  + 16 h (site: site; 2026-08-01)",
        ]

    @pytest.mark.parametrize(
        ("text", "lines"),
        [
            ('units_shown = "si"\n', ["units_shown", "  - as-reported", "  + si"]),
            (
                "[drug_times.ppi]\nreviewed = 2026-02-01\nwashout_days = 21\n",
                ["drug_times.ppi.reviewed", "  + 2026-02-01", "drug_times.ppi.washout_days", "  + 21"],
            ),
            (
                '[local_codes.labs."urn:lab"]\nMG = "magnesium"\n',
                ["local_codes.labs.urn:lab.MG", "  + magnesium"],
            ),
        ],
        ids=["setting", "drug times", "local code"],
    )
    def test_what_is_no_number_is_compared_as_well(self, tmp_path: Path, text: str, lines: list[str]) -> None:
        file = policy(tmp_path, "site.toml", text)
        assert run("policy", "diff", "built-in", file).stdout.splitlines() == lines
        turned = [line.replace("  + ", "  * ").replace("  - ", "  + ").replace("  * ", "  - ") for line in lines]
        assert sorted(run("policy", "diff", file, "built-in").stdout.splitlines()) == sorted(turned)

    def test_a_file_that_cannot_be_used_ends_with_2(self, tmp_path: Path) -> None:
        result = run("policy", "diff", "built-in", policy(tmp_path, "site.toml", "[magnesium.lo]\n"))
        assert result.exit_code == 2
        assert "site.toml" in result.stderr


# ── terminology check ─────────────────────────────────────────────────────────────────────────────


class TestTerminologyCheck:
    def test_the_bundled_tables_fit_the_rules_and_every_class_has_codes(self) -> None:
        result = run("terminology", "check")
        assert result.exit_code == 0, result.output
        rows = re.findall(r"^(\S+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+)$", result.stdout, re.MULTILINE)
        assert {"loop_diuretic", "ppi", "magnesium", "potassium"} <= {name for name, *_ in rows}
        assert all(int(ingredients) and int(rxnorm) + int(names) for _, ingredients, rxnorm, _, _, names in rows)
        assert re.search(r"^magnesium +[1-9]\d*$", result.stdout, re.MULTILINE)

    def test_a_condition_that_no_standard_code_leads_to_is_named(self) -> None:
        printed = run("terminology", "check").stdout
        without = dict(re.findall(r"^no (\S.*?) code leads to: (.*) \(map your own", printed, re.MULTILINE))
        assert {"tetany", "periodic_paralysis", "refeeding"} <= set(without["SNOMED CT"].split(", "))
        assert {"gitelman_syndrome", "refeeding"} <= set(without["ICD-10-CM"].split(", "))
        assert not {"lambert_eaton", "sick_sinus_syndrome"} & set(without["SNOMED CT"].split(", "))
        assert re.search(r"^tetany +1 +0$", printed, re.MULTILINE)

    def test_a_built_table_is_compared_with_the_bundled_one(self, tmp_path: Path) -> None:
        table = tmp_path / "drugs.csv.gz"
        run("terminology", "build", "--release", small_release().write(tmp_path), "--out", table)
        result = run("terminology", "check", "--drug-table", table)
        assert result.exit_code == 0, result.output
        found = dict(re.findall(r"^  (\S.*?) {2,}(\d+)", result.stdout, re.MULTILINE))
        assert int(found["codes in both"]) > 0
        assert int(found["codes it lacks"]) > 1000
        assert "omeprazole" not in result.stdout.partition("ingredients without code")[0]
        assert re.search(r"^loop_diuretic +\d+ +\d+ +[1-9]", result.stdout, re.MULTILINE), "NDC codes are counted"

    def test_a_file_that_is_no_drug_table_is_refused(self, tmp_path: Path) -> None:
        file = tmp_path / "drugs.csv.gz"
        file.write_bytes(gzip.compress(b"code,drug"))
        result = run("terminology", "check", "--drug-table", file)
        assert result.exit_code == 1
        assert result.stderr.startswith("Error: drugs.csv.gz:1: not a drug table")
