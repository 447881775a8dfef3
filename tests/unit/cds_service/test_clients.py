"""The clients file: what it may say, and what is said about every field that is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cds_service.clients import OPEN, OPEN_CLIENT, Client, load_clients
from cds_service.settings import SettingsError
from hooks.cards import SelectionBehavior
from magnesium.facts import Need
from magnesium.policy import Policy
from magnesium.verdict import Indicator, Topic

EXAMPLES = Path(__file__).parents[3] / "cds_service" / "examples" / "clients"
Load = Callable[[str], tuple[Client, ...]]
GOOD = 'issuer = "https://ehr.example.org"\njwks_url = "https://ehr.example.org/jwks.json"\n'
CERTIFICATE = "ab" * 32


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Read a clients file; ``keys.json`` lies beside it."""
    (tmp_path / "keys.json").write_text("{}")

    def read(text: str) -> tuple[Client, ...]:
        file = tmp_path / "clients.toml"
        file.write_text(text, encoding="utf-8")
        return load_clients(file)

    return read


def troubles(load: Load, text: str) -> list[str]:
    """Return what is said about a file, without the name of the file."""
    with pytest.raises(SettingsError) as refused:
        load(text)
    lines = str(refused.value).splitlines()
    assert all(line.startswith("clients file clients.toml: ") for line in lines)
    return [line.removeprefix("clients file clients.toml: ") for line in lines]


# ── What may be said ──────────────────────────────────────────────────────────────────────────────


def test_a_client_needs_an_issuer_and_keys_and_has_defaults_for_the_rest(load: Load) -> None:
    (client,) = load(f"[clients.ehr]\n{GOOD}")
    issuer, url = "https://ehr.example.org", "https://ehr.example.org/jwks.json"
    assert client == Client(name="ehr", issuer=issuer, jwks_url=url)
    assert client.algorithms == ("ES384", "RS384")
    assert client.services == ("magnesium-patient-view", "magnesium-order-select", "magnesium-order-sign")


def test_every_field_can_be_set(load: Load, tmp_path: Path) -> None:
    (client,) = load(f"""
        [clients.ehr]
        issuer = "https://ehr.example.org"
        tenants = ["north"]
        jwks_file = "keys.json"
        jwks_url = "https://ehr.example.org/jwks.json"
        algorithms = ["ES256"]
        audiences = ["sand_man"]
        certificates = ["{CERTIFICATE}"]
        services = ["magnesium-order-sign"]
        origins = ["https://ehr.example.org", "http://127.0.0.1:8080", "https://[2001:db8::1]:8443"]
        rate_limit = "1200/minute"
        fhir_servers = ["https://ehr.example.org/fhir/r4"]
        subject = "client-7"
        prefetch_keys.labs = ["item6"]
        selection_behavior = "any"
        suggestions = false
        extensions = false
        max_cards = 2
        order_sign_minimum = "critical"
        source_label = "St. Elsewhere"
        source_url = "https://ehr.example.org/magnesium"
        silent = ["hypomagnesemia"]
        override_memory = true
    """)
    usual = OPEN_CLIENT
    same = [name for name in client.__struct_fields__ if getattr(client, name) == getattr(usual, name)]
    assert same == []
    assert client.jwks_file == str(tmp_path / "keys.json")
    assert client.keys()[Need.LABS][-1] == "item6"


def test_defaults_count_for_every_client_that_does_not_say_otherwise(load: Load) -> None:
    text = f"[defaults]\n{GOOD}max_cards = 2\n"
    north, south = load(f'{text}[clients.north]\ntenants = ["n"]\n[clients.south]\ntenants = ["s"]\nmax_cards = 3\n')
    assert (north.issuer, north.max_cards) == (south.issuer, 2)
    assert south.max_cards == 3


@pytest.mark.parametrize("text", [CERTIFICATE, CERTIFICATE.upper(), ":".join(["AB"] * 32)])
def test_certificates_are_known_in_every_spelling(load: Load, text: str) -> None:
    (client,) = load(f'[clients.device]\ncertificates = ["{text}"]\n')
    assert client.certificates == (CERTIFICATE,)


def test_how_it_wants_its_cards(load: Load, policy: Policy) -> None:
    (client,) = load(
        f'[clients.ehr]\n{GOOD}silent = "all"\nselection_behavior = "any"\nsource_url = "https://x.example"\n'
    )
    wanted = client.presentation(policy)
    assert wanted.silent == frozenset(Topic)
    assert wanted.selection_behavior is SelectionBehavior.ANY
    assert wanted.source_url == "https://x.example"
    assert wanted.order_sign_minimum is Indicator[policy.order_sign_minimum.upper()]
    asked = msgspec.structs.replace(client, order_sign_minimum="critical", silent=(Topic.HYPOMAGNESEMIA,))
    assert asked.presentation(policy).order_sign_minimum is Indicator.CRITICAL
    assert asked.presentation(policy).silent == {Topic.HYPOMAGNESEMIA}


def test_everybody_is_one_client_without_a_mark() -> None:
    assert (OPEN_CLIENT.name, OPEN_CLIENT.issuer, OPEN_CLIENT.certificates) == (OPEN, "", ())


def test_where_all_is_to_be_encrypted_no_fhir_server_is_http(load: Load, tmp_path: Path) -> None:
    text = f'[clients.ehr]\n{GOOD}fhir_servers = ["https://a.example/fhir", "http://b.example/fhir"]\n'
    assert load(text)
    with pytest.raises(SettingsError, match=r"^clients file clients\.toml: ehr: fhir_servers: https instead of http"):
        load_clients(tmp_path / "clients.toml", https_only=True)


# ── What is wrong ─────────────────────────────────────────────────────────────────────────────────

# One line beside a good issuer and key set, and what is said about it.
WRONG_FIELDS = {
    "issuer = 7": "Expected `str`, got `int` - at `$.issuer`",
    'tenants = "north"': "Expected `array`, got `str` - at `$.tenants`",
    'tenants = [""]': "Expected `str` of length >= 1 - at `$.tenants[0]`",
    'jwks_file = "gone.json"': "jwks_file: there is no file gone.json",
    'jwks_url = "http://ehr.example.org/jwks.json"': "jwks_url: must be a plain https URL",
    'jwks_url = "https://user@ehr.example.org/jwks.json"': "jwks_url: must be a plain https URL",
    'jwks_url = "https://ehr.example.org/jwks.json?v=1"': "jwks_url: must be a plain https URL",
    'jwks_url = "file:///etc/passwd"': "jwks_url: must be a plain https URL",
    'jwks_url = ""': "jwks_file, jwks_url: one of them is needed, for its public keys",
    "algorithms = []": "algorithms: name at least one of ES256, ES384, RS256, RS384",
    'algorithms = ["HS256"]': "Invalid enum value 'HS256' - at `$.algorithms[0]`",
    'algorithms = ["none"]': "Invalid enum value 'none' - at `$.algorithms[0]`",
    'audiences = [""]': "Expected `str` of length >= 1 - at `$.audiences[0]`",
    'certificates = ["abc"]': "Expected `str` matching regex",
    f'certificates = ["{"g" * 64}"]': "Expected `str` matching regex",
    f'certificates = ["{CERTIFICATE}ab"]': "Expected `str` matching regex",
    'services = ["magnesium-order-dispatch"]': (
        "services: there is no magnesium-order-dispatch; there are magnesium-order-select, magnesium-order-sign,"
        " magnesium-patient-view"
    ),
    "services = []": "services: name at least one of magnesium-order-select,",
    'origins = ["*"]': "origins: * is no web origin such as https://ehr.example.org",
    'origins = ["https://*.example.org"]': "origins: https://*.example.org is no web origin",
    'origins = ["https://ehr.example.org/"]': "origins: https://ehr.example.org/ is no web origin",
    'origins = ["https://ehr.example.org/app"]': "origins: https://ehr.example.org/app is no web origin",
    'origins = ["https://ehr.example.org:443"]': "origins: https://ehr.example.org:443 is no web origin",
    'origins = ["https://EHR.example.org"]': "origins: https://EHR.example.org is no web origin",
    'origins = ["ehr.example.org"]': "origins: ehr.example.org is no web origin",
    'origins = ["null"]': "origins: null is no web origin",
    'rate_limit = "often"': "rate_limit: must be COUNT/UNIT, such as 1200/minute",
    'rate_limit = "0/minute"': "rate_limit: must be COUNT/UNIT",
    'rate_limit = "10/second; 100/minute"': "rate_limit: must be COUNT/UNIT",
    "rate_limit = 1200": "Expected `str`, got `int` - at `$.rate_limit`",
    'fhir_servers = ["ehr.example.org"]': "fhir_servers: ehr.example.org is no plain base URL",
    'fhir_servers = ["https://ehr.example.org/a/../b"]': "fhir_servers: https://ehr.example.org/a/../b is no plain",
    "subject = false": "Expected `str`, got `bool` - at `$.subject`",
    'prefetch_keys.results = ["item6"]': "prefetch_keys: there is no results; there are patient, labs,",
    'prefetch_keys.labs = ["medications"]': "prefetch_keys: the same key is given for two needs",
    'prefetch_keys.labs = "item6"': "Expected `array`, got `str` - at `$.prefetch_keys[...]`",
    'selection_behavior = "all"': "Invalid enum value 'all' - at `$.selection_behavior`",
    'suggestions = "no"': "Expected `bool`, got `str` - at `$.suggestions`",
    "extensions = 0": "Expected `bool`, got `int` - at `$.extensions`",
    "max_cards = 0": "Expected `int` >= 1 - at `$.max_cards`",
    'order_sign_minimum = "low"': "Invalid enum value 'low' - at `$.order_sign_minimum`",
    'source_label = ""': "Expected `str` of length >= 1 - at `$.source_label`",
    'source_label = " "': "source_label: must not be blank",
    'source_label = "St.\\nElsewhere"': "source_label: must be one line without control characters",
    'source_url = "http://ehr.example.org"': "source_url: must be a plain https URL",
    'silent = "most"': "Invalid enum value 'most' - at `$.silent`",
    'silent = ["thirst"]': "Invalid enum value 'thirst' - at `$.silent[0]`",
    'override_memory = "yes"': "Expected `bool`, got `str` - at `$.override_memory`",
    'color = "blue"': "Object contains unknown field `color`",
    'name = "other"': "name: is what heads the table",
}


@pytest.mark.parametrize(("line", "said"), WRONG_FIELDS.items(), ids=WRONG_FIELDS.keys())
def test_a_wrong_field_is_named_with_what_would_be_right(load: Load, line: str, said: str) -> None:
    field = re.split(r"[ .]", line, maxsplit=1)[0]
    kept = "".join(f"{good}\n" for good in GOOD.splitlines() if not good.startswith(f"{field} "))
    (found,) = troubles(load, f"[clients.ehr]\n{kept}{line}\n")
    assert found.startswith(f"ehr: {said}")


def test_every_field_has_a_wrong_value_above() -> None:
    tried = {re.split(r"[ .]", line, maxsplit=1)[0] for line in WRONG_FIELDS}
    assert tried == {*Client.__struct_fields__, "color"}


WRONG_FILES: dict[str, tuple[str, list[str]]] = {
    "no client": ("", ["there is no client: add a table [clients.NAME]"]),
    "not TOML": ("[clients", ["Expected ']' at the end of a table declaration"]),
    "another table": (f"[client.ehr]\n{GOOD}", ["Object contains unknown field `client`"]),
    "a name with spaces": (f'[clients."St. Elsewhere"]\n{GOOD}', ["Expected `str` matching regex"]),
    "the name of everybody": (
        f"[clients.open]\n{GOOD}",
        ["open: is the name of everybody in the dev profile: choose another"],
    ),
    "nothing to know it by": (
        "[clients.ehr]\n",
        ["ehr: issuer: is missing; a client is known by its tokens (issuer) or by certificates"],
    ),
    "no issuer, but what is about tokens": (
        f'[clients.ehr]\ncertificates = ["{CERTIFICATE}"]\ntenants = ["north"]\n',
        ["ehr: issuer: is missing; tenants, jwks_file, jwks_url and audiences are about its tokens"],
    ),
    "two with one issuer": (f"[clients.a]\n{GOOD}[clients.b]\n{GOOD}", ["b: has the same issuer as a"]),
    "two with one tenant": (
        f'[defaults]\n{GOOD}[clients.a]\ntenants = ["x", "y"]\n[clients.b]\ntenants = ["y"]\n',
        ["b: has the same issuer as a"],
    ),
    "two with one certificate, spelled differently": (
        f'[clients.a]\ncertificates = ["{CERTIFICATE}"]\n[clients.b]\ncertificates = ["{CERTIFICATE.upper()}"]\n',
        ["b: has the same certificate as a"],
    ),
    "several things at once": (
        f'[clients.a]\n{GOOD}max_cards = 0\n[clients.b]\n{GOOD}origins = ["*"]\nrate_limit = "x"\n',
        [
            "a: Expected `int` >= 1 - at `$.max_cards`",
            "b: origins: * is no web origin such as https://ehr.example.org",
            "b: rate_limit: must be COUNT/UNIT, such as 1200/minute",
        ],
    ),
}


@pytest.mark.parametrize(("text", "said"), WRONG_FILES.values(), ids=WRONG_FILES.keys())
def test_a_wrong_file_is_explained_all_at_once(load: Load, text: str, said: list[str]) -> None:
    found = troubles(load, text)
    assert len(found) == len(said)
    for line, start in zip(found, said, strict=True):
        assert line.startswith(start)


def test_a_file_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^clients file gone\.toml: .*No such file"):
        load_clients(tmp_path / "gone.toml")


def test_a_file_that_is_no_text_is_said(tmp_path: Path) -> None:
    file = tmp_path / "clients.toml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match=r"^clients file clients\.toml: 'utf-8' codec"):
        load_clients(file)


# ── Worked examples ───────────────────────────────────────────────────────────────────────────────

# What each client is known for (docs/clients.md), as fields.
WORKED: dict[str, dict[str, Any]] = {
    "epic": {"selection_behavior": SelectionBehavior.ANY, "algorithms": ("RS384",)},
    "oracle-health": {"selection_behavior": SelectionBehavior.AT_MOST_ONE, "services": ("magnesium-patient-view",)},
    "public-sandbox": {"issuer": "https://sandbox.cds-hooks.org", "origins": ("https://sandbox.cds-hooks.org",)},
    "meld": {"audiences": ("sand_man",)},
}


@pytest.mark.parametrize("name", WORKED)
def test_a_worked_example_loads_and_says_what_its_client_needs(name: str) -> None:
    clients = load_clients(EXAMPLES / f"{name}.toml")
    assert clients
    for client in clients:
        assert {field: getattr(client, field) for field in WORKED[name]} == WORKED[name]


def test_there_are_no_other_worked_examples() -> None:
    assert {file.stem for file in EXAMPLES.iterdir()} == set(WORKED)


def test_every_field_is_documented() -> None:
    text = (EXAMPLES.parents[2] / "docs" / "clients.md").read_text(encoding="utf-8")
    rows = {line.split("`")[1] for line in text.splitlines() if line.startswith("| `")}
    assert rows == set(Client.__struct_fields__) - {"name"}
