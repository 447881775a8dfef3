"""Settings come from the environment, or not at all; a wrong one stops the start and is named."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from cds_service.settings import (
    DEFAULT_PREFETCH_KEYS,
    LogFormat,
    LogLevel,
    Profile,
    Settings,
    SettingsError,
    unknown_variables,
    variable,
)
from magnesium.facts import Need


def test_nothing_set_gives_the_defaults() -> None:
    settings = Settings.from_environment({})
    assert settings == Settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert settings.max_body_bytes == 8 * 1024 * 1024
    assert settings.max_json_depth == 64
    assert settings.policy is None


def test_every_setting_has_a_variable(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_bytes(b"x" * 32)
    environ = {
        "MAGNESIUM_CDS_POLICY": str(file),
        "MAGNESIUM_CDS_DRUG_TABLE": str(file),
        "MAGNESIUM_CDS_HOST": "0.0.0.0",  # noqa: S104  a value to read
        "MAGNESIUM_CDS_PORT": "0",
        "MAGNESIUM_CDS_WORKERS": "3",
        "MAGNESIUM_CDS_LOG_LEVEL": "Warning",
        "MAGNESIUM_CDS_LOG_FORMAT": "console",
        "MAGNESIUM_CDS_MAX_BODY_BYTES": "1000",
        "MAGNESIUM_CDS_MAX_JSON_DEPTH": "10",
        "MAGNESIUM_CDS_PREFETCH_KEYS": "labs=item6",
        "MAGNESIUM_CDS_PROFILE": "dev",
        "MAGNESIUM_CDS_FHIR_SERVERS": "https://ehr.example.org/fhir/r4/, https://test.example.org:8443",
        "MAGNESIUM_CDS_FHIR_NETWORKS": "10.1.0.0/16, fd00::/8",
        "MAGNESIUM_CDS_FHIR_BUDGET_MS": "900",
        "MAGNESIUM_CDS_FHIR_PATIENT_PARAMETER": "reference",
        "MAGNESIUM_CDS_FHIR_MAX_PAGES": "3",
        "MAGNESIUM_CDS_FHIR_MAX_BYTES": "1000",
        "MAGNESIUM_CDS_FHIR_LOOKBACK_DAYS": "30",
        "MAGNESIUM_CDS_SANDBOX_DATA": str(tmp_path),
        "MAGNESIUM_CDS_METRICS": "off",
        "MAGNESIUM_CDS_CLIENTS": str(file),
        "MAGNESIUM_CDS_PUBLIC_URLS": "https://cds.example.org/magnesium",
        "MAGNESIUM_CDS_SECRET_FILE": str(file),
        "MAGNESIUM_CDS_DATABASE": "postgresql://cds@db.example.org/cds",
        "MAGNESIUM_CDS_RETENTION_DAYS": "30",
        "MAGNESIUM_CDS_INSIGHT_TOKEN_FILE": str(file),
        "MAGNESIUM_CDS_REDIS": "redis://cache.example.org:6379/0",
        "MAGNESIUM_CDS_PROXY_NETWORKS": "10.2.0.0/16",
        "MAGNESIUM_CDS_CERTIFICATE_HEADER": "X-SSL-Client-SHA256",
        "MAGNESIUM_CDS_DEV_NETWORKS": "172.16.0.0/12",
    }
    fields = [field.name for field in dataclasses.fields(Settings)]
    assert {variable(name) for name in fields} == set(environ)
    settings = Settings.from_environment(environ)
    assert settings.log_level is LogLevel.WARNING
    assert settings.log_format is LogFormat.CONSOLE
    assert settings.fhir_servers == ("https://ehr.example.org/fhir/r4", "https://test.example.org:8443")
    assert settings.database == "postgresql+psycopg://cds@db.example.org/cds"
    changed = [name for name in fields if getattr(settings, name) != getattr(Settings(), name)]
    assert changed == fields


def test_an_empty_variable_counts_as_not_set() -> None:
    assert Settings.from_environment({"MAGNESIUM_CDS_PORT": " ", "MAGNESIUM_CDS_POLICY": ""}) == Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("PORT", "-1"),
        ("PORT", "65536"),
        ("PORT", "\uff18\uff10"),
        ("WORKERS", "0"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
        ("METRICS", "perhaps"),
        ("MAX_BODY_BYTES", "8 MiB"),
        ("MAX_JSON_DEPTH", "0"),
        ("POLICY", "no-such-file.toml"),
        ("DRUG_TABLE", "."),
        ("PREFETCH_KEYS", "labs"),
        ("PREFETCH_KEYS", "labs="),
        ("PREFETCH_KEYS", "results=item6"),
        ("PREFETCH_KEYS", "labs=item6;medications=Item6"),
        ("PREFETCH_KEYS", "labs=medications"),
        ("PROFILE", "staging"),
        ("DATABASE", "mysql://db.example.org/cds"),
        ("DATABASE", "nonsense"),
        ("DATABASE", "sqlite://"),
        ("DATABASE", "sqlite:///:memory:"),
        ("DATABASE", "sqlite:///file:cds.sqlite?uri=true"),
        ("INSIGHT_TOKEN_FILE", "/no/such/file"),
        ("REDIS", "http://cache.example.org"),
        ("SECRET_FILE", "/no/such/file"),
        ("FHIR_SERVERS", "ehr.example.org"),
        ("FHIR_SERVERS", "file:///etc/passwd"),
        ("FHIR_SERVERS", "https://user@ehr.example.org/fhir"),
        ("FHIR_SERVERS", "https://ehr.example.org/fhir?tenant=1"),
        ("FHIR_SERVERS", "https://ehr.example.org/a/../b"),
        ("FHIR_NETWORKS", "10.1.0.0/33"),
        ("FHIR_NETWORKS", "hospital"),
        ("FHIR_BUDGET_MS", "0"),
        ("FHIR_PATIENT_PARAMETER", "subject"),
        ("FHIR_MAX_PAGES", "0"),
        ("FHIR_MAX_BYTES", "16 MiB"),
        ("FHIR_LOOKBACK_DAYS", "a year"),
        ("SANDBOX_DATA", "no-such-folder"),
    ],
)
def test_a_wrong_value_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^MAGNESIUM_CDS_{name}: "):
        Settings.from_environment({f"MAGNESIUM_CDS_{name}": value})


def test_all_wrong_values_are_named() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({"MAGNESIUM_CDS_PORT": "x", "MAGNESIUM_CDS_WORKERS": "x"})
    assert len(str(caught.value).splitlines()) == 2


def test_prefetch_keys_are_added_to_the_known_ones() -> None:
    settings = Settings.from_environment({"MAGNESIUM_CDS_PREFETCH_KEYS": "labs = item6, results ; patient=item1"})
    assert settings.prefetch_keys[Need.LABS] == (*DEFAULT_PREFETCH_KEYS[Need.LABS], "item6", "results")
    assert settings.prefetch_keys[Need.PATIENT] == ("patient", "item1")
    assert settings.prefetch_keys[Need.CONDITIONS] == DEFAULT_PREFETCH_KEYS[Need.CONDITIONS]


def test_every_need_has_its_published_key_and_no_key_serves_two_needs() -> None:
    assert set(DEFAULT_PREFETCH_KEYS) == set(Need)
    assert all(need.value in keys for need, keys in DEFAULT_PREFETCH_KEYS.items())
    keys = [key.casefold() for names in DEFAULT_PREFETCH_KEYS.values() for key in names]
    assert len(set(keys)) == len(keys)


def test_misspelt_variables_are_found() -> None:
    environ = {"MAGNESIUM_CDS_POLCY": "x", "MAGNESIUM_CDS_PORT": "1", "PATH": "x"}
    assert unknown_variables(environ) == ["MAGNESIUM_CDS_POLCY"]


def test_production_does_not_start_without_clients_addresses_and_a_secret() -> None:
    with pytest.raises(SettingsError) as refused:
        Settings().check()
    lines = str(refused.value).splitlines()
    assert [line.partition(":")[0] for line in lines[1:4]] == [
        "MAGNESIUM_CDS_CLIENTS",
        "MAGNESIUM_CDS_PUBLIC_URLS",
        "MAGNESIUM_CDS_SECRET_FILE",
    ]
    assert "MAGNESIUM_CDS_PROFILE=dev" in lines[-1]


def test_production_names_only_what_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "file"
    have = Settings(clients=file, public_urls=("https://cds.example.org",), secret_file=file)
    have.check()
    with pytest.raises(SettingsError, match=r"needs:\nMAGNESIUM_CDS_CLIENTS: [^\n]*\nTo try"):
        dataclasses.replace(have, clients=None).check()


@pytest.mark.parametrize("name", ["public_urls", "fhir_servers"])
def test_production_takes_no_address_without_encryption_and_says_so_with_what_is_missing(name: str) -> None:
    addresses: Any = {name: ("https://a.example.org", "http://b.example.org")}
    with pytest.raises(SettingsError) as refused:
        Settings(**addresses).check()
    said = [line for line in str(refused.value).splitlines() if "https" in line]
    assert said == [f"MAGNESIUM_CDS_{name.upper()}: https instead of http: patients and tokens travel there"]
    assert "MAGNESIUM_CDS_CLIENTS" in str(refused.value)
    Settings(profile=Profile.DEV, **addresses).check()


def test_the_dev_profile_needs_nothing() -> None:
    Settings(profile=Profile.DEV).check()


def test_a_short_secret_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_bytes(b"x" * 31)
    with pytest.raises(SettingsError, match="at least 32 random bytes"):
        Settings.from_environment({"MAGNESIUM_CDS_SECRET_FILE": str(file)})
