"""Every block of code in the pages is what it says: commands exist, files load, data parse."""

from __future__ import annotations

import ast
import json
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cds_service.cli import main
from cds_service.clients import load_clients
from cds_service.envelope import read_request
from cds_service.feedback import read_feedback
from magnesium.policy import load_site
from tests.docs.pages import ROOT, Block, blocks, pages

BLOCKS = [block for page in pages() for block in blocks(page)]
SHELL = [block for block in BLOCKS if block.language in {"sh", "bash", "shell"}]
TOML = [block for block in BLOCKS if block.language == "toml"]
BASH = shutil.which("bash") or "/bin/bash"
# What tells a list of clients from a policy.
CLIENT_TABLES = {"clients", "defaults"}


def of(language: str) -> list[Block]:
    return [block for block in BLOCKS if block.language == language]


def our_commands(block: Block) -> list[list[str]]:
    """Return the words after ``magnesium-cds`` of each call of it."""
    text = block.text.replace("\\\n", " ")
    calls = []
    for line in text.splitlines():
        for part in re.split(r"[|;]|&&", line.split(" # ")[0].split("    #")[0]):
            words = shlex.split(part, comments=True) if part.count("'") % 2 == 0 else []
            while words and (re.fullmatch(r"[A-Z_]+=.*", words[0]) or words[0] == "exec"):
                words.pop(0)
            if words and Path(words[0]).name == "magnesium-cds":
                calls.append([word for word in words[1:] if word not in {">", "<"}])
    return calls


def make_targets() -> set[str]:
    return set(re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_the_shell_can_read_it(block: Block) -> None:
    read_only = [BASH, "-n"]
    done = subprocess.run(read_only, input=block.text, text=True, capture_output=True, check=False)  # noqa: S603  runs nothing
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", [block for block in SHELL if our_commands(block)], ids=str)
def test_our_command_knows_its_words(block: Block) -> None:
    for call in our_commands(block):
        command: click.Command = main
        words = call
        while isinstance(command, click.Group):
            assert words, f"magnesium-cds: a word is missing in {block}"
            found = command.get_command(click.Context(command), words[0])
            assert found is not None, f"magnesium-cds has no {words[0]}"
            command, words = found, words[1:]
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        used = {word.split("=")[0] for word in words if word.startswith("-") and word != "-"}
        assert used <= known | {"--help"}, f"{command.name} does not know {used - known}"


@pytest.mark.parametrize("block", [block for block in SHELL if "make " in block.text], ids=str)
def test_make_knows_its_targets(block: Block) -> None:
    named = re.findall(r"^make ([a-z]+)", block.text, re.MULTILINE)
    assert set(named) <= make_targets()


@pytest.mark.parametrize("block", [block for block in SHELL if "python -m " in block.text], ids=str)
def test_modules_that_are_run_exist(block: Block) -> None:
    for name in re.findall(r"python -m ([a-z_.]+)", block.text):
        path = ROOT / name.replace(".", "/")
        ours = name.split(".")[0] in {"tools", "tests", "benchmarks", "cds_service"}
        assert not ours or path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()


@pytest.mark.parametrize("block", of("json"), ids=str)
def test_json_is_json(block: Block) -> None:
    body = json.loads(block.text)
    if "feedback" in body:
        assert not read_feedback(body).odd
    if "hook" in body:
        read_request(body, hook=body["hook"])


@pytest.mark.parametrize("block", of("python"), ids=str)
def test_python_can_be_parsed(block: Block) -> None:
    if not block.text.startswith(" "):  # a line from the middle of a table
        ast.parse(block.text)


@pytest.mark.parametrize("block", TOML, ids=str)
def test_toml_is_taken_by_the_service(block: Block, tmp_path: Path) -> None:
    table = tomllib.loads(block.text)
    file = tmp_path / "example.toml"
    if CLIENT_TABLES & set(table):
        file.write_text(block.text, encoding="utf-8")
        assert load_clients(file)
        return
    text = block.text
    if "version" not in table:
        text = f'version = "example"\n{text}'
    file.write_text(text, encoding="utf-8")
    load_site(file)


@pytest.mark.parametrize("command", ["check", "diff"])
def test_the_policy_of_the_page_is_checked_and_compared_as_it_says(command: str, tmp_path: Path) -> None:
    page = ROOT / "docs" / "clinicians" / "change-a-number.md"
    file = tmp_path / "my-hospital.toml"
    file.write_text(next(block.text for block in blocks(page) if block.language == "toml"), encoding="utf-8")
    words = ["policy", "check", str(file)] if command == "check" else ["policy", "diff", "built-in", str(file)]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == (0 if command == "check" else 1)
    if command == "diff":
        assert done.output.strip() == next(block.text for block in blocks(page) if not block.language).strip()
