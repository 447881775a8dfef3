"""What each profile starts with: production with all it needs, dev on this machine or for networks that are named."""

from __future__ import annotations

import dataclasses
import ipaddress
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from cds_service.app import create_app
from cds_service.cli import main
from cds_service.settings import PREFIX, Profile, Settings, SettingsError

ANYWHERE = ("0.0.0.0", "::", "192.168.1.7", "cds.example.org", "")  # noqa: S104  values to refuse


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)


@pytest.mark.parametrize("host", ANYWHERE)
def test_the_dev_profile_listens_on_this_machine(host: str) -> None:
    settings = Settings(profile=Profile.DEV, host=host)
    with pytest.raises(SettingsError, match=r"^MAGNESIUM_CDS_HOST: .*MAGNESIUM_CDS_DEV_NETWORKS\.$"):
        settings.check()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_this_machine_has_several_names(host: str) -> None:
    Settings(profile=Profile.DEV, host=host).check()


@pytest.mark.parametrize("host", ANYWHERE)
def test_it_listens_elsewhere_for_networks_that_are_named(host: str) -> None:
    Settings(profile=Profile.DEV, host=host, dev_networks=(ipaddress.ip_network("172.16.0.0/12"),)).check()


def test_clients_in_the_dev_profile_need_the_address_under_which_they_call(tmp_path: Path) -> None:
    settings = Settings(profile=Profile.DEV, clients=tmp_path / "clients.toml")
    with pytest.raises(SettingsError, match=r"^MAGNESIUM_CDS_PUBLIC_URLS: the addresses under which the clients call"):
        settings.check()
    dataclasses.replace(settings, public_urls=("http://127.0.0.1:8080",)).check()


def test_serve_refuses_the_dev_profile_everywhere_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAGNESIUM_CDS_PROFILE", "dev")
    result = CliRunner().invoke(main, ["serve", "--host", "0.0.0.0", "--port", "0"])  # noqa: S104  as above
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: MAGNESIUM_CDS_HOST: the dev profile asks nobody who they are")


def test_serve_refuses_production_without_settings_and_names_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    result = CliRunner().invoke(main, ["serve", "--port", "0"])
    assert result.exit_code == 1
    for name in ("CLIENTS", "PUBLIC_URLS", "SECRET_FILE", "PROFILE=dev"):
        assert f"MAGNESIUM_CDS_{name}" in result.stderr


def test_so_does_the_application_under_another_server() -> None:
    with pytest.raises(SettingsError, match="MAGNESIUM_CDS_CLIENTS"):
        create_app(Settings())


def test_production_starts_with_all_of_them_and_names_what_is_wrong_in_the_clients_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_bytes(os.urandom(32))
    clients = tmp_path / "clients.toml"
    clients.write_text("[clients.ehr]\n")
    for name, value in {
        "CLIENTS": str(clients),
        "PUBLIC_URLS": "https://cds.example.org",
        "SECRET_FILE": str(tmp_path / "secret"),
        "DATABASE": f"sqlite:///{tmp_path / 'records.sqlite'}",
    }.items():
        monkeypatch.setenv(PREFIX + name, value)
    with pytest.raises(SettingsError, match=r"^clients file clients\.toml: ehr: issuer: is missing"):
        create_app()
    good = '[clients.ehr]\nissuer = "https://ehr.example.org"\njwks_url = "https://ehr.example.org/jwks"\n'
    clients.write_text(f'{good}fhir_servers = ["http://ehr.example.org/fhir"]\n')
    monkeypatch.setenv(PREFIX + "PUBLIC_URLS", "http://cds.example.org")
    with pytest.raises(SettingsError) as refused:
        create_app()
    assert "MAGNESIUM_CDS_PUBLIC_URLS: https instead of http" in str(refused.value)
    assert "clients file clients.toml: ehr: fhir_servers: https instead of http" in str(refused.value)
    monkeypatch.setenv(PREFIX + "PUBLIC_URLS", "https://cds.example.org")
    clients.write_text(good)
    client = create_app().test_client()
    assert client.get("/cds-services").status_code == 200
    assert client.post("/cds-services/magnesium-patient-view", data=b"{}").status_code == 401
