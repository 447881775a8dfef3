"""``magnesium-cds explain``: every step from request to card, as served."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cds_service import examples
from cds_service.cli import main
from cds_service.settings import PREFIX

AS_OF = examples.WRITTEN.isoformat()


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)


def run(request: Any, *arguments: object) -> Result:
    body = request if isinstance(request, bytes) else json.dumps(request).encode()
    given = ["explain", "-", "--as-of", AS_OF, *map(str, arguments)]
    return CliRunner().invoke(main, given, input=body, catch_exceptions=False)


def explained(request: Any, *arguments: object) -> dict[str, Any]:
    result = run(request, "--json", *arguments)
    assert result.exit_code == 0, result.output
    shown: dict[str, Any] = json.loads(result.stdout)
    return shown


def example(name: str = "patient-view") -> dict[str, Any]:
    return examples.as_of(name, examples.WRITTEN)


def row(rows: list[dict[str, str]], **wanted: str) -> dict[str, str]:
    """Return the one row with these cells."""
    [found] = [row for row in rows if wanted.items() <= row.items()]
    return found


class TestWhatIsExplained:
    def test_the_response_is_the_one_that_is_served(self) -> None:
        shown = explained(example())
        decided = [card["card"] for card in shown["cards"]]
        assert decided == [card["source"]["topic"]["code"] for card in shown["response"]["cards"]]
        assert decided

    @pytest.mark.parametrize(
        ("change", "need", "sent", "end"),
        [
            ({}, "labs", "data (4)", "known"),
            ({"conditions": None}, "conditions", "known empty", "known"),
            ({"conditions": {"resourceType": "OperationOutcome"}}, "conditions", "failed", "unknown"),
            ({"conditions": "?"}, "conditions", "unusable", "unknown"),
            (
                {"conditions": {"resourceType": "Condition", "id": "1"}},
                "conditions",
                "data (1)",
                "known in part",
            ),
        ],
    )
    def test_each_need_says_what_was_sent_and_what_is_known_in_the_end(
        self, change: dict[str, Any], need: str, sent: str, end: str
    ) -> None:
        request = example()
        request["prefetch"].update(change)
        found = row(explained(request)["needs"], need=need)
        assert found["sent"] == sent
        assert found["inTheEnd"].partition(":")[0] == end

    def test_a_result_shows_how_it_was_sent_when_it_was_where_it_is_and_how_it_was_recognized(self) -> None:
        assert row(explained(example())["facts"], fact="magnesium") == {
            "fact": "magnesium",
            "readAs": "1.3 mg/dL",
            "asSent": "Magnesium [Mass/volume] in Serum or Plasma, 1.3 mg/dL",
            "time": "2026-01-15T07:10+00:00",
            "source": "Observation/mg-today",
            "matched": "standard code 19123-9",
        }

    def test_a_drug_says_what_kind_of_record_it_is_and_how_it_is_given(self) -> None:
        found = row(explained(example())["facts"], fact="omeprazole")
        assert found["readAs"] == "order, active, oral"

    def test_a_draft_that_was_picked_says_so(self) -> None:
        found = row(explained(example("order-select"))["facts"], fact="cetuximab")
        assert found["readAs"].startswith("draft, active")
        assert found["readAs"].endswith("selected")

    def test_what_cannot_be_used_is_listed_with_the_reason(self) -> None:
        request = example()
        request["prefetch"]["labs"]["entry"][0]["resource"]["valueQuantity"] = {"value": 1.3, "unit": "furlong"}
        [found] = explained(request)["unusable"]
        assert found["reason"].startswith("unknown-unit: ")
        assert found["source"].startswith("Observation/")

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"effectiveDateTime": "2026-01-16T07:10:00Z"}, "in-the-future"),
            ({"valueQuantity": {"value": 130, "unit": "mg/dL"}}, "implausible"),
        ],
    )
    def test_a_result_that_was_read_and_cannot_be_used_is_listed_once(
        self, change: dict[str, Any], reason: str
    ) -> None:
        request = example()
        request["prefetch"]["labs"]["entry"][0]["resource"].update(change)
        [found] = explained(request)["unusable"]
        assert found["reason"].startswith(f"{reason}: ")
        assert found["wouldBe"] == "magnesium"

    def test_a_suspect_specimen_is_a_mark_among_the_facts(self) -> None:
        request = example()
        request["prefetch"]["labs"]["entry"][0]["resource"]["note"] = [{"text": "hemolyzed"}]
        shown = explained(request)
        assert shown["unusable"] == []
        assert row(shown["facts"], source="Observation/mg-today")["readAs"].endswith("suspect specimen")

    def test_a_laboratory_code_that_nobody_mapped_is_named_without_its_value(self) -> None:
        request = example()
        result = request["prefetch"]["labs"]["entry"][0]["resource"]
        result["code"] = {"coding": [{"system": "urn:ours", "code": "MG", "display": "of Jane"}]}
        shown = explained(request)
        assert shown["unmapped"] == [{"code": "urn:ours|MG", "results": "1"}]
        assert explained(example())["unmapped"] == []

    def test_every_rule_of_the_service_has_its_verdict_and_why(self) -> None:
        rules = explained(example())["rules"]
        assert {rule["verdict"].partition(",")[0] for rule in rules} == {"finding", "quiet", "unknown"}
        assert all(rule["why"] for rule in rules)
        assert row(rules, rule="refractory-hypokalemia")["verdict"] == "finding, warning"
        assert row(rules, rule="cause-of-hypomagnesemia")["why"].startswith("missing: ")

    def test_the_readings_are_those_of_the_clinical_picture(self) -> None:
        readings = {found["reading"]: found["value"] for found in explained(example())["readings"]}
        assert readings["patient"] == "67 years, female, outpatient"
        assert readings["magnesium"] == "low, Mg 1.3 mg/dL (15 Jan 2026 07:10), current"
        assert re.search(r"K 3\.0 mmol/L .*, low, did not respond to replacement since K 3\.1", readings["potassium"])
        assert readings["kidney"].startswith("full, eGFR ")
        assert readings["FEMg"] == "not computable: spot urine magnesium"

    def test_drugs_in_force_name_their_class_and_whether_they_waste_magnesium(self) -> None:
        drugs = {found["drug"].partition(" (")[0]: found for found in explained(example())["drugs"]}
        assert drugs["furosemide"]["wastesMagnesium"] == "strong"
        assert drugs["potassium chloride"]["wastesMagnesium"] == "no"

    def test_a_card_names_the_topics_it_took_in(self) -> None:
        assert row(explained(example())["cards"], card="refractory-hypokalemia")["tellsAlso"] == "hypomagnesemia"

    def test_the_numbers_applied_have_value_footing_and_review_date(self) -> None:
        found = row(explained(example())["thresholds"], number="magnesium.low")
        assert "1.6 mg/dL" in found["value"]
        assert found["basis"] == "published"
        assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", found["reviewed"])

    def test_a_site_s_policy_is_the_one_applied(self, tmp_path: Path) -> None:
        file = tmp_path / "site.toml"
        file.write_text("[potassium.refractory_gap]\nhours = 24\nreviewed = 2026-02-01\n", encoding="utf-8")
        found = row(explained(example(), "--policy", file)["thresholds"], number="potassium.refractory_gap")
        assert (found["value"], found["basis"]) == ("24 h", "site")

    @pytest.mark.parametrize("name", examples.NAMES)
    def test_the_tables_say_the_same_as_the_json(self, name: str) -> None:
        printed = run(example(name)).stdout
        for rule in explained(example(name))["rules"]:
            assert re.search(rf"{rule['rule']} +{rule['verdict']} ", printed)


class TestHowItEnds:
    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"context": None}, "400 Bad Request:\n  context: "),
            ({"prefetch": None}, "412 Precondition Failed:\n  prefetch.patient: "),
        ],
    )
    def test_what_the_service_would_refuse_is_printed_and_ends_with_1(self, change: dict[str, Any], said: str) -> None:
        result = run({**example(), **change})
        assert result.exit_code == 1
        assert said in result.stdout

    def test_a_refusal_is_json_too(self) -> None:
        result = run({**example(), "context": None}, "--json")
        assert result.exit_code == 1
        shown = json.loads(result.stdout)
        assert (shown["status"], shown["response"]["resourceType"]) == (400, "OperationOutcome")

    def test_a_body_that_is_no_json_is_refused_as_it_would_be_served(self) -> None:
        result = run(b"{", "--hook", "patient-view")
        assert result.exit_code == 1
        assert "400 Bad Request" in result.stdout

    @pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b'{"hook": "appointment-book"}', b'{"hook": []}'])
    def test_without_a_hook_that_is_served_one_must_be_named(self, body: bytes) -> None:
        result = run(body)
        assert result.exit_code == 2
        assert "--hook" in result.stderr

    def test_a_policy_that_cannot_be_used_is_named(self, tmp_path: Path) -> None:
        file = tmp_path / "site.toml"
        file.write_text("[potassium.lo]\n", encoding="utf-8")
        result = run(example(), "--policy", file)
        assert result.exit_code == 1
        assert "site.toml" in result.stderr


def on_a_terminal(tmp_path: Path, **environ: str) -> str:
    """Return what the command writes to a terminal."""
    file = tmp_path / "request.json"
    file.write_text(json.dumps(example()), encoding="utf-8")
    controller, terminal = pty.openpty()
    command = [sys.executable, "-m", "cds_service", "explain", str(file), "--as-of", AS_OF]
    environ = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", **environ}
    with subprocess.Popen(command, stdout=terminal, cwd=Path(__file__).parents[3], env=environ) as process:  # noqa: S603
        os.close(terminal)
        written = b""
        try:
            while piece := os.read(controller, 65536):
                written += piece
        except OSError:
            pass  # how Linux says that the other end was closed
        os.close(controller)
    assert process.returncode == 0
    return written.decode()


class TestOnATerminal:
    COLOR = re.compile(r"\x1b\[[0-9;]*3[0-7]m")
    MARK = re.compile(r"\x1b\[[0-9;]*m")

    def test_it_is_colored_and_as_wide_as_the_terminal(self, tmp_path: Path) -> None:
        written = on_a_terminal(tmp_path, COLUMNS="80")
        assert self.COLOR.search(written)
        assert max(len(line) for line in self.MARK.sub("", written).splitlines()) <= 80

    def test_no_color_is_honored(self, tmp_path: Path) -> None:
        assert not self.COLOR.search(on_a_terminal(tmp_path, NO_COLOR="1"))

    def test_a_pipe_gets_plain_text(self) -> None:
        assert "\x1b" not in run(example()).stdout
