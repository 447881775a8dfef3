"""The Kubernetes manifests: right by the schemas of Kubernetes, and true of the program that they run."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import kubernetes_validate
import pytest
import yaml

from cds_service.app import create_app
from cds_service.cli import main
from cds_service.clients import OPEN_CLIENT, load_clients
from cds_service.server import GRACE_SECONDS
from cds_service.settings import PREFIX, Profile, Settings, unknown_variables
from cds_service.storage import NO_RECORDS
from magnesium.policy import load_site

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
BASE, EXAMPLE = FOLDER / "base", FOLDER / "example"
OLDEST, NEWEST = "1.29", "1.34"
"""Releases of Kubernetes between which the manifests are to hold."""


def objects(folder: Path) -> list[dict[str, Any]]:
    """Return the objects of a folder, as its kustomization lists them."""
    listed = kustomization(folder)["resources"]
    files = [folder / name for name in listed if (folder / name).is_file()]
    return [found for file in files for found in yaml.safe_load_all(file.read_text(encoding="utf-8"))]


def kustomization(folder: Path) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
    return read


OBJECTS = [*objects(BASE), *objects(EXAMPLE)]


def named(entry: dict[str, Any]) -> str:
    return f"{entry['kind']}/{entry['metadata']['name']}"


def one(kind: str, name: str = "magnesium-cds") -> dict[str, Any]:
    [found] = [entry for entry in OBJECTS if named(entry) == f"{kind}/{name}"]
    return found


def pod_templates() -> list[Any]:
    """Return every object that makes pods, with the template of its pods."""
    found = []
    for entry in OBJECTS:
        spec = entry.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in spec:
            found.append(pytest.param(spec["template"], id=named(entry)))
    return found


DEPLOYMENT = one("Deployment")
POD = DEPLOYMENT["spec"]["template"]["spec"]
[CONTAINER] = POD["containers"]


class TestTheyAreRight:
    @pytest.mark.parametrize("release", [OLDEST, NEWEST])
    @pytest.mark.parametrize("entry", [pytest.param(entry, id=named(entry)) for entry in OBJECTS])
    def test_each_object_is_what_the_schema_of_kubernetes_says(self, entry: dict[str, Any], release: str) -> None:
        kubernetes_validate.validate(entry, release, strict=True)

    @pytest.mark.parametrize("folder", [BASE, EXAMPLE], ids=lambda folder: folder.name)
    def test_each_file_is_applied(self, folder: Path) -> None:
        files = {file.name for file in folder.glob("*.yaml")} - {"kustomization.yaml"}
        assert files == {name for name in kustomization(folder)["resources"] if name.endswith(".yaml")}

    def test_no_secret_is_in_the_tree(self) -> None:
        assert not [named(entry) for entry in OBJECTS if entry["kind"] == "Secret"]

    def test_a_plain_word_selects_the_pods_of_the_deployment(self) -> None:
        labels = DEPLOYMENT["spec"]["template"]["metadata"]["labels"]
        selectors = {
            "deployment": DEPLOYMENT["spec"]["selector"]["matchLabels"],
            "service": one("Service")["spec"]["selector"],
            "disruption": one("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
            "network": one("NetworkPolicy", "magnesium-cds-service")["spec"]["podSelector"]["matchLabels"],
        }
        for name, selector in selectors.items():
            assert selector == labels, name

    @pytest.mark.parametrize("template", pod_templates())
    @pytest.mark.parametrize("policy", ["magnesium-cds", "magnesium-cds-hospital"])
    def test_every_pod_is_under_the_network_policies(self, template: dict[str, Any], policy: str) -> None:
        selector = one("NetworkPolicy", policy)["spec"]["podSelector"]["matchLabels"]
        assert selector.items() <= template["metadata"]["labels"].items()

    def test_nobody_gets_in_but_from_the_proxy_and_prometheus_on_the_port_that_is_served(self) -> None:
        rules = one("NetworkPolicy", "magnesium-cds-service")["spec"]["ingress"]
        assert [
            (rule["from"][0]["namespaceSelector"]["matchLabels"], [port["port"] for port in rule["ports"]])
            for rule in rules
        ] == [
            ({"kubernetes.io/metadata.name": "ingress-nginx"}, ["http"]),
            ({"kubernetes.io/metadata.name": "monitoring"}, ["http"]),
        ]
        assert "ingress" not in one("NetworkPolicy")["spec"]

    def test_the_autoscaler_scales_the_deployment_which_names_no_number_itself(self) -> None:
        target = one("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
        assert (target["kind"], target["name"]) == ("Deployment", DEPLOYMENT["metadata"]["name"])
        assert "replicas" not in DEPLOYMENT["spec"]

    def test_what_is_published_leads_to_the_service(self) -> None:
        [rule] = one("Ingress")["spec"]["rules"]
        [path] = rule["http"]["paths"]
        backend = path["backend"]["service"]
        ports = {port["name"] for port in one("Service")["spec"]["ports"]}
        assert (path["path"], backend["name"]) == ("/cds-services", one("Service")["metadata"]["name"])
        assert backend["port"]["name"] in ports


class TestThePodsMayDoNothingMore:
    @pytest.mark.parametrize("template", pod_templates())
    def test_each_is_restricted_and_its_root_read_only(self, template: dict[str, Any]) -> None:
        pod = template["spec"]
        assert (
            pod["securityContext"].items()
            >= {
                "runAsNonRoot": True,
                "runAsUser": 10001,
                "seccompProfile": {"type": "RuntimeDefault"},
            }.items()
        )
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert {"requests", "limits"} == container["resources"].keys()
            assert "/tmp" in {mount["mountPath"] for mount in container["volumeMounts"]}  # noqa: S108  in the pod

    def test_the_namespace_enforces_it(self) -> None:
        assert one("Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"

    def test_the_user_is_that_of_the_image(self) -> None:
        assert re.search(r"^USER 10001:10001$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)


class TestAnUpgradeTakesNobodyAway:
    def test_the_next_pod_is_ready_before_one_goes(self) -> None:
        assert DEPLOYMENT["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}

    def test_the_grace_period_covers_the_pause_and_what_has_begun(self) -> None:
        command, seconds = CONTAINER["lifecycle"]["preStop"]["exec"]["command"]
        assert command == "sleep"
        assert POD["terminationGracePeriodSeconds"] > int(seconds) + GRACE_SECONDS

    def test_no_probe_waits_longer_than_it_is_repeated(self) -> None:
        for name in ("livenessProbe", "readinessProbe"):
            assert CONTAINER[name]["timeoutSeconds"] <= CONTAINER[name]["periodSeconds"], name


def variables(container: dict[str, Any]) -> Iterator[str]:
    for entry in container["env"]:
        yield entry["name"]


class TestTheyAreTrueOfTheProgram:
    def test_every_variable_is_a_setting(self) -> None:
        names = [
            name
            for param in pod_templates()
            for box in param.values[0]["spec"]["containers"]
            for name in variables(box)
        ]
        assert names
        assert unknown_variables(dict.fromkeys(names, "")) == []
        assert all(name.startswith(PREFIX) for name in names)

    def test_the_example_s_settings_files_and_addresses_can_be_used(self) -> None:
        lines = (EXAMPLE / "config/settings.env").read_text(encoding="utf-8").splitlines()
        environ = dict(line.split("=", 1) for line in lines)
        assert unknown_variables(environ) == []
        settings = Settings.from_environment(environ)
        assert settings.profile is Profile.PRODUCTION
        [client] = load_clients(EXAMPLE / "config/clients.toml")
        assert set(client.fhir_servers) <= set(settings.fhir_servers)
        assert load_site(EXAMPLE / "config/policy.toml").policy.zone

    def test_every_file_that_a_variable_names_is_mounted_there(self) -> None:
        generated = {
            generator["name"]: [Path(file).name for file in generator.get("files", ())]
            for generator in kustomization(EXAMPLE)["configMapGenerator"]
        }
        at = {mount["name"]: mount["mountPath"] for mount in CONTAINER["volumeMounts"]}
        there = {
            f"{at[volume['name']]}/{name}"
            for volume in POD["volumes"]
            for name in (
                *generated.get(volume.get("configMap", {}).get("name"), ()),
                *(item["path"] for item in volume.get("secret", {}).get("items", ())),
            )
        }
        named_files = {entry["value"] for entry in CONTAINER["env"] if "value" in entry}
        assert named_files == there
        assert CONTAINER["envFrom"][0]["configMapRef"]["name"] in generated

    def test_production_has_all_that_it_needs(self) -> None:
        """Settings.check asks for these; the address comes from settings.env."""
        given = {*variables(CONTAINER), *(EXAMPLE / "config/settings.env").read_text(encoding="utf-8").split("=")}
        given = {name.rpartition("\n")[2] for name in given}
        assert {f"{PREFIX}{name}" for name in ("CLIENTS", "SECRET_FILE", "PUBLIC_URLS", "DATABASE")} <= given

    def test_the_port_is_the_one_that_is_served_probed_and_led_to(self) -> None:
        [port] = CONTAINER["ports"]
        assert port == {"name": "http", "containerPort": Settings().port}
        assert {CONTAINER[f"{name}Probe"]["httpGet"]["port"] for name in ("startup", "liveness", "readiness")} == {
            "http"
        }
        assert [entry["targetPort"] for entry in one("Service")["spec"]["ports"]] == ["http"]

    @pytest.mark.parametrize(
        ("probe", "path"),
        [("startup", "/health/live"), ("liveness", "/health/live"), ("readiness", "/health/ready")],
    )
    def test_every_probe_is_answered(self, probe: str, path: str) -> None:
        app = create_app(Settings(profile=Profile.DEV), clients=(OPEN_CLIENT,), records=NO_RECORDS)
        assert CONTAINER[f"{probe}Probe"]["httpGet"]["path"] == path
        assert app.test_client().get(path).status_code == 200

    @pytest.mark.parametrize("template", pod_templates())
    def test_what_a_pod_is_told_to_run_is_a_command(self, template: dict[str, Any]) -> None:
        for container in template["spec"]["containers"]:
            command: click.Command = main
            for word in container.get("args", ["serve"]):
                assert isinstance(command, click.Group)
                command = command.commands[word]
            assert not isinstance(command, click.Group)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)
