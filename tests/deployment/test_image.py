"""Dockerfile and docker-compose.yml: what they may do, and that they are true of the program."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from cds_service.cli import main
from cds_service.server import GRACE_SECONDS
from cds_service.settings import PREFIX, Profile, Settings, unknown_variables

ROOT = Path(__file__).parents[2]
READY = f"http://127.0.0.1:{Settings().port}/health/ready"


def instructions() -> list[tuple[str, str]]:
    """Return the instructions of the Dockerfile, continued lines joined."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in lines)]


DOCKERFILE = instructions()
SHIPPED = DOCKERFILE[max(place for place, (name, _) in enumerate(DOCKERFILE) if name == "FROM") :]


def shipped(name: str) -> list[str]:
    return [rest for instruction, rest in SHIPPED if instruction == name]


def is_pinned(image: str) -> bool:
    """Whether an image is named with a version."""
    return re.search(r":v?\d[\w.-]*$|@sha256:[0-9a-f]{64}$", image) is not None


class TestImage:
    def test_every_image_it_builds_on_has_a_version(self) -> None:
        assert all(is_pinned(rest.split()[0]) for name, rest in DOCKERFILE if name == "FROM")

    def test_every_file_it_copies_is_there_and_let_through(self) -> None:
        ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        sources = [
            source
            for name, rest in DOCKERFILE
            if name == "COPY" and not rest.startswith("--from")
            for source in rest.split()[:-1]
        ]
        assert all((ROOT / source).exists() for source in sources)
        assert {f"!{source}" for source in sources} <= set(ignored)

    def test_what_is_installed_is_locked_and_needs_no_compiler(self) -> None:
        [installs] = [rest for name, rest in DOCKERFILE if name == "RUN" and "-r requirements/" in rest]
        assert installs.count("--require-hashes --only-binary=:all:") == installs.count("-r requirements/")

    def test_it_does_not_run_as_root(self) -> None:
        assert shipped("USER") == ["10001:10001"]

    def test_every_variable_is_a_setting(self) -> None:
        values = dict(part.split("=", 1) for rest in shipped("ENV") for part in shlex.split(rest))
        ours = {name: value for name, value in values.items() if name.startswith(PREFIX)}
        assert ours
        assert unknown_variables(ours) == []
        Settings.from_environment(ours)

    def test_it_serves_on_the_port_that_it_names_and_is_asked_there_whether_it_is_ready(self) -> None:
        assert shipped("EXPOSE") == [f"{Settings().port}"]
        assert READY in shipped("HEALTHCHECK")[0]

    def test_it_runs_a_command_of_ours(self) -> None:
        assert (shipped("ENTRYPOINT"), shipped("CMD")) == (['["magnesium-cds"]'], ['["serve"]'])


COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service.get("image") == "magnesium-cds:dev"}
each_service = pytest.mark.parametrize(
    "service", [pytest.param(service, id=name) for name, service in SERVICES.items()]
)
each_of_ours = pytest.mark.parametrize("service", [pytest.param(service, id=name) for name, service in OURS.items()])


class TestCompose:
    @each_service
    def test_ports_are_published_on_this_machine_only(self, service: dict[str, Any]) -> None:
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))

    @each_service
    def test_nothing_is_privileged_and_no_part_of_the_machine_is_mounted(self, service: dict[str, Any]) -> None:
        assert not {"privileged", "network_mode", "pid", "ipc", "devices", "cap_add"} & service.keys()
        assert all(volume.partition(":")[0] in COMPOSE["volumes"] for volume in service.get("volumes", ()))

    @each_service
    def test_every_image_has_a_version(self, service: dict[str, Any]) -> None:
        built = service.get("build", {})
        if built == ".":
            return
        inline = re.findall(r"^FROM (\S+)", built.get("dockerfile_inline", ""), re.MULTILINE)
        images = inline or [service["image"]]
        assert all(is_pinned(image) for image in images)
        assert not built or re.search(r"#[0-9a-f]{40}$", built["context"])

    @each_of_ours
    def test_ours_may_write_to_tmp_and_do_nothing_more(self, service: dict[str, Any]) -> None:
        assert service["read_only"] is True
        assert service["tmpfs"] == ["/tmp"]  # noqa: S108  in the container
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]

    @each_of_ours
    def test_every_variable_of_ours_is_a_setting(self, service: dict[str, Any]) -> None:
        assert unknown_variables(service["environment"]) == []
        assert Settings.from_environment(service["environment"]).profile is Profile.DEV

    @each_of_ours
    def test_what_ours_are_told_to_run_is_a_command(self, service: dict[str, Any]) -> None:
        words = service.get("command", ["serve"])
        command: click.Command = main
        while words and isinstance(command, click.Group):
            command, words = command.commands[words[0]], words[1:]
        assert not isinstance(command, click.Group)
        command.make_context(command.name or "", list(words))

    @pytest.mark.parametrize("name", ["magnesium-cds", "database", "hapi-database"])
    def test_what_others_wait_for_says_whether_it_is_well(self, name: str) -> None:
        assert "test" in SERVICES[name]["healthcheck"]

    def test_the_service_starts_when_its_tables_are_made_and_is_asked_whether_it_is_ready(self) -> None:
        service = SERVICES["magnesium-cds"]
        assert service["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
        assert READY in service["healthcheck"]["test"][-1]
        assert service["ports"] == [f"127.0.0.1:8080:{Settings().port}"]

    def test_stopping_waits_for_what_has_begun(self) -> None:
        assert int(SERVICES["magnesium-cds"]["stop_grace_period"].removesuffix("s")) > GRACE_SECONDS
