"""Real and public charts, judged in process: what the service reads is what an independent reader read.

``facts.csv`` of the hospital sets was made without this project: the newest value, unit and time of each analyte, and
the active orders of each drug class found by patterns of their names. Results must agree without exception. Drugs may
not: every disagreement stands in ``drug_disagreements.csv`` under a kind, and what the kind claims is checked on the
order itself. A disagreement that is not in the list, or one in the list that has gone, fails.

Nothing of the sets is in this repository but ids of snapshots and names of drugs.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec
import pytest

import fhir_mappings
from cds_service.charts import Piece, charts, hook_request, own_time, pieces
from cds_service.evaluation import Evaluation
from cds_service.logging import make_log
from cds_service.replay import Answered, InProcess
from cds_service.settings import DEFAULT_PREFETCH_KEYS, LogFormat, LogLevel, Settings
from magnesium.drugs import InForce
from magnesium.facts import Analyte, Need
from magnesium.picture import ClinicalPicture
from magnesium.replacement import magnesium_replacement, potassium_replacement
from magnesium.results import series
from magnesium.status import Status

pytestmark = pytest.mark.shared

HOSPITALS = ("mimic-iii", "mimic-iv", "eicu")
EXAMPLES = Path(fhir_mappings.__file__).parent / "examples"
DISAGREEMENTS = Path(__file__).parent / "drug_disagreements.csv"
INSTANCE = "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"
LONGEST_OPEN_ORDER = 400
"""Days after which an order without an end counts no more (clinical specification §1.7)."""

# As printed in the clinical specification §1.2: severe, low and borderline below; normal up to.
LIMITS = {
    "mg/dl": ("1.2", "1.6", "1.7", "2.6"),
    "mmol/l": ("0.50", "0.66", "0.70", "1.05"),
    "meq/l": ("1.0", "1.3", "1.4", "2.1"),
}

ENCODER = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True)
class Snapshot:
    """A chart, what the other reader found in it, and what the service made of it."""

    bundle: Mapping[str, Any]
    facts: Mapping[str, str]
    evaluation: Evaluation

    @property
    def name(self) -> str:
        return self.facts["snapshot"]

    @property
    def picture(self) -> ClinicalPicture:
        return self.evaluation.picture


def running(**settings: Any) -> InProcess:
    return InProcess(Settings(**settings), make_log(LogLevel.ERROR, LogFormat.JSON, io.StringIO()))


@pytest.fixture(scope="module")
def hospital(shared: Path) -> Callable[[str], list[Snapshot]]:
    """Return the snapshots of a hospital set, each judged on patient-view as of its own time."""
    judged: dict[str, list[Snapshot]] = {}

    def read(name: str) -> list[Snapshot]:
        if name not in judged:
            judged[name] = list(_judged(shared / "data" / f"{name}-demo", EXAMPLES / f"local-codes-{name}.toml"))
        return judged[name]

    return read


def _judged(folder: Path, policy: Path) -> Iterator[Snapshot]:
    service = running(policy=policy)
    with (folder / "facts.csv").open(encoding="utf-8", newline="") as file:
        facts = {row["snapshot"]: row for row in csv.DictReader(file)}
    for piece in pieces(folder / "snapshots.ndjson.gz", named=True):
        assert isinstance(piece, Piece), piece
        for bundle in charts(piece):
            answered = service.post(
                ENCODER.encode(hook_request(bundle, "patient-view", INSTANCE)),
                "patient-view",
                own_time(bundle, service.zone),
            )
            assert answered.status == HTTPStatus.OK, (bundle["id"], answered.body)
            assert answered.evaluation is not None
            assert answered.evaluation.answer.failed == (), bundle["id"]
            yield Snapshot(bundle, facts.pop(bundle["id"]), answered.evaluation)
    assert facts == {}, "snapshots without a chart"


def status_of(value: Decimal, unit: str) -> Status:
    severe, low, borderline, normal = map(Decimal, LIMITS[unit.casefold()])
    for below, status in ((severe, Status.SEVERE), (low, Status.LOW), (borderline, Status.BORDERLINE)):
        if value < below:
            return status
    return Status.NORMAL if value <= normal else Status.HIGH


@pytest.mark.parametrize("name", HOSPITALS)
class TestHospital:
    def test_every_magnesium_agrees(self, hospital: Callable[[str], list[Snapshot]], name: str) -> None:
        compared = 0
        for snapshot in hospital(name):
            row, reading = snapshot.facts, snapshot.picture.magnesium
            if not row["mg"]:
                assert reading.result is None, snapshot.name
                continue
            result = reading.result
            assert result is not None, snapshot.name
            assert result.source.as_sent.casefold() == f"{row['mg']} {row['mg_unit']}".casefold(), snapshot.name
            # Of a charted copy either time may stand: they are one sample.
            assert result.when.earliest <= datetime.fromisoformat(row["mg_time"]), snapshot.name
            assert reading.status is status_of(Decimal(row["mg"]), row["mg_unit"]), snapshot.name
            compared += 1
        assert compared > 50

    def test_every_potassium_agrees(self, hospital: Callable[[str], list[Snapshot]], name: str) -> None:
        compared = 0
        for snapshot in hospital(name):
            row, picture = snapshot.facts, snapshot.picture
            newest = series(picture.facts, Analyte.POTASSIUM, picture.policy, picture.as_of).newest
            values = {(Decimal(r.source.as_sent.split()[0]), r.when.earliest) for r in newest}
            expected = {(Decimal(row["k"]), datetime.fromisoformat(row["k_time"]))} if row["k"] else set()
            assert expected <= values, snapshot.name
            assert bool(values) == bool(expected), snapshot.name
            compared += bool(expected)
        assert compared > 50

    def test_every_drug_disagreement_is_listed(self, hospital: Callable[[str], list[Snapshot]], name: str) -> None:
        found = {
            (snapshot.name, column): (snapshot.facts[column], _labels(snapshot, column))
            for snapshot in hospital(name)
            for column in CLASSES
            if bool(snapshot.facts[column]) != bool(_held(snapshot.picture, column))
        }
        listed = {(row["snapshot"], row["class"]): (row["facts"], row["service"]) for row in disagreements(name)}
        assert found == listed

    def test_every_explanation_holds(self, hospital: Callable[[str], list[Snapshot]], name: str) -> None:
        snapshots = {snapshot.name: snapshot for snapshot in hospital(name)}
        for row in disagreements(name):
            assert KINDS[row["kind"]](snapshots[row["snapshot"]], row), row

    def test_the_classes_do_occur(self, hospital: Callable[[str], list[Snapshot]], name: str) -> None:
        """Agreement about nothing would be worth nothing."""
        agreed = {c for s in hospital(name) for c in CLASSES if s.facts[c] and _held(s.picture, c)}
        assert {"on_ppi", "on_loop", "on_potassium_chloride", "on_magnesium_replacement"} <= agreed


# ── Drugs ─────────────────────────────────────────────────────────────────────────────────────────

CLASSES: Mapping[str, tuple[str, ...]] = {
    "on_ppi": ("ppi",),
    "on_loop": ("loop_diuretic",),
    "on_thiazide": ("thiazide",),
    "on_calcineurin": ("calcineurin_inhibitor",),
    "on_platinum_egfr": ("platinum", "anti_egfr", "egfr_tki"),
    "on_aminoglycoside": ("aminoglycoside",),
    "on_amphotericin_pentamidine_foscarnet": ("amphotericin", "pentamidine", "foscarnet"),
    "on_digoxin": ("digoxin",),
    "on_k_sparing": ("potassium_sparing", "mra"),
    "on_potassium_chloride": ("potassium",),
    "on_magnesium_replacement": ("magnesium",),
}


def _held(picture: ClinicalPicture, column: str) -> list[InForce]:
    held = picture.regimen.of(*CLASSES[column])
    if column == "on_potassium_chloride":
        return [i for i in held if potassium_replacement(i.exposure, picture.policy)]
    if column == "on_magnesium_replacement":
        return [i for i in held if magnesium_replacement(i.exposure)]
    return list(held)


def _labels(snapshot: Snapshot, column: str) -> str:
    return "; ".join(sorted({i.exposure.label for i in _held(snapshot.picture, column)}))


def disagreements(name: str) -> list[dict[str, str]]:
    with DISAGREEMENTS.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["set"] == name]


def orders(snapshot: Snapshot, row: Mapping[str, str]) -> list[Mapping[str, Any]]:
    """Return the active orders whose drug the other reader named."""
    resources = [entry["resource"] for entry in snapshot.bundle["entry"]]
    drugs = {f"Medication/{r['id']}": r for r in resources if r["resourceType"] == "Medication"}
    named = set(row["facts"].split("; "))
    return [
        r
        for r in resources
        if r["resourceType"] == "MedicationRequest"
        and r["status"] == "active"
        and not _names(r, drugs).isdisjoint(named)
    ]


def _names(order: Mapping[str, Any], drugs: Mapping[str, Mapping[str, Any]]) -> set[str]:
    concept = order.get("medicationCodeableConcept")
    if concept is None:
        concept = drugs.get(order["medicationReference"]["reference"], {}).get("code", {})
    return {concept.get("text", ""), *(c.get("display", c.get("code", "")) for c in concept.get("coding", ()))}


def _starts_no_earlier(snapshot: Snapshot, row: Mapping[str, str]) -> bool:
    """The order has a day for its start, which is today: it may begin later today."""
    today = snapshot.picture.as_of.date()
    periods = [order.get("dispenseRequest", {}).get("validityPeriod", {}) for order in orders(snapshot, row)]
    starts = [period.get("start", "") for period in periods]
    return bool(starts) and all(_DAY.fullmatch(s) and date.fromisoformat(s) >= today for s in starts)


_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def _as_needed(snapshot: Snapshot, row: Mapping[str, str]) -> bool:
    """An order as needed is an exposure only through the doses that are given; the set has no doses."""
    found = orders(snapshot, row)
    dosages = [order.get("dosageInstruction", [{}])[0] for order in found]
    return bool(found) and all(dosage.get("asNeededBoolean") for dosage in dosages)


def _one_dose(snapshot: Snapshot, row: Mapping[str, str]) -> bool:
    """An order for one dose is an exposure only through that dose."""
    texts = [order.get("dosageInstruction", [{}])[0].get("text", "") for order in orders(snapshot, row)]
    return bool(texts) and all(re.search(r"\b(?:once|1xonly)\b", text, re.IGNORECASE) for text in texts)


def _left_open(snapshot: Snapshot, row: Mapping[str, str]) -> bool:
    """The order is active without an end, and too old to be believed."""
    found = orders(snapshot, row)
    written = [order["authoredOn"] for order in found if "authoredOn" in order and "dispenseRequest" not in order]
    ages = [snapshot.picture.as_of - datetime.fromisoformat(time) for time in written]
    return bool(found) and len(ages) == len(found) and all(age.days > LONGEST_OPEN_ORDER for age in ages)


def _other_salt(_: Snapshot, row: Mapping[str, str]) -> bool:
    """Potassium phosphate replaces potassium as well; the name pattern looks for the chloride."""
    return row["facts"] == "" and "phos" in row["service"].casefold()


def _laxative(snapshot: Snapshot, row: Mapping[str, str]) -> bool:
    """Milk of magnesia is a laxative, no replacement; whatever else is named starts that day."""
    others = [name for name in row["facts"].split("; ") if name.casefold() != "milk of magnesia"]
    if len(others) == len(row["facts"].split("; ")):
        return False
    return not others or _starts_no_earlier(snapshot, {**row, "facts": "; ".join(others)})


KINDS: Mapping[str, Callable[[Snapshot, Mapping[str, str]], bool]] = {
    "starts that day": _starts_no_earlier,
    "as needed": _as_needed,
    "one dose": _one_dose,
    "left open": _left_open,
    "laxative": _laxative,
    "another salt": _other_salt,
}


def test_every_kind_explains_something() -> None:
    assert {row["kind"] for name in HOSPITALS for row in disagreements(name)} == set(KINDS)


# ── The other sets ────────────────────────────────────────────────────────────────────────────────


def patients(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield one Bundle for each Patient of a set, from its files of single resources."""
    by_patient: dict[str, list[dict[str, Any]]] = {}
    drugs: list[dict[str, Any]] = []
    everybody: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob("*.ndjson.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                resource = json.loads(line, parse_float=Decimal)
                match resource["resourceType"]:
                    case "Patient":
                        everybody[resource["id"]] = resource
                    case "Medication":
                        drugs.append(resource)
                    case _:
                        subject = (resource.get("subject") or {}).get("reference", "")
                        by_patient.setdefault(subject.rpartition("/")[2], []).append(resource)
    for name, patient in everybody.items():
        own = by_patient.get(name, [])
        ordered = any(resource["resourceType"] == "MedicationRequest" for resource in own)
        found = [patient, *(drugs if ordered else ()), *own]
        entries = [{"resource": resource} for resource in found]
        yield {"resourceType": "Bundle", "id": name, "type": "collection", "entry": entries}


def magnesium_results(bundle: Mapping[str, Any]) -> list[tuple[str, Decimal, str]]:
    """Return time, value and unit of each serum magnesium, by its two common codes."""
    return [
        (r["effectiveDateTime"], Decimal(r["valueQuantity"]["value"]), r["valueQuantity"]["unit"])
        for entry in bundle["entry"]
        if (r := entry["resource"])["resourceType"] == "Observation"
        and {c.get("code") for c in r["code"].get("coding", ())} & {"19123-9", "2601-3"}
    ]


@pytest.mark.parametrize(
    ("name", "people", "with_magnesium"),
    [("smart-sample-patients", 20, 1), ("synthea-r4", 16, 0), ("pysynthea-mg", 2, 2), ("hl7-r4-examples", 13, 0)],
)
@pytest.mark.parametrize("hook", ["patient-view", "order-select", "order-sign"])
def test_every_sample_patient_is_answered(shared: Path, name: str, people: int, with_magnesium: int, hook: str) -> None:
    service = running()
    bundles = list(patients(shared / "data" / name))
    assert len(bundles) == people
    read = 0
    for bundle in bundles:
        answered = _played(service, bundle, hook)
        if answered is None:
            continue
        assert answered.status == HTTPStatus.OK, (bundle["id"], answered.body)
        assert answered.evaluation is not None
        assert answered.evaluation.answer.failed == ()
        reading, sent = answered.evaluation.picture.magnesium, magnesium_results(bundle)
        assert (reading.result is not None) == bool(sent), bundle["id"]
        if sent:
            _, value, unit = max(sent)
            assert reading.status is status_of(round(value, 4), unit), bundle["id"]
            read += 1
    if hook == "patient-view":
        assert read == with_magnesium


def _played(service: InProcess, bundle: Mapping[str, Any], hook: str) -> Answered | None:
    """Return the answer, or None where an order hook has no active order to draft again."""
    times = [t for entry in bundle["entry"] for t in _TIME.findall(json.dumps(entry, default=str))]
    as_of = datetime.fromisoformat(f"{max(times, default='2020-01-01')}T23:59:59+00:00")
    active = any(
        entry["resource"]["resourceType"] == "MedicationRequest" and entry["resource"].get("status") == "active"
        for entry in bundle["entry"]
    )
    if hook != "patient-view" and not active:
        return None
    return service.post(ENCODER.encode(hook_request(bundle, hook, INSTANCE)), hook, as_of)


_TIME = re.compile(r'"(?:effectiveDateTime|authoredOn)": "(\d{4}-\d\d-\d\d)')


# What the requests of the PDDI-CDS guide call their queries.
PDDI_KEYS = {
    **DEFAULT_PREFETCH_KEYS,
    Need.PATIENT: ("item1",),
    Need.MEDICATIONS: ("item2",),
    Need.STATEMENTS: ("item5",),
    Need.ADMINISTRATIONS: ("item4",),
    Need.LABS: ("item6",),
}


def pddi_requests(shared: Path) -> list[tuple[str, bytes]]:
    return [(path.name, path.read_bytes()) for path in sorted((shared / "data" / "pddi-cds" / "requests").iterdir())]


def test_requests_of_another_guide_are_answered_or_refused_by_name(shared: Path) -> None:
    """As they are: other prefetch keys, an older hook, byte order marks. Never a 5xx, and the refusal names the field."""
    service = running()
    statuses = []
    for name, body in pddi_requests(shared):
        hook = json.loads(body.decode("utf-8-sig"))["hook"]
        served = hook if hook in {"order-select", "order-sign"} else "order-select"
        answered = service.post(body, served, datetime(2020, 4, 6, tzinfo=UTC))
        statuses.append(answered.status)
        assert answered.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.PRECONDITION_FAILED}, name
        assert answered.body["issue"][0]["expression"], name
    assert len(statuses) == 10


def test_with_their_prefetch_keys_set_digoxin_and_magnesium_are_read(shared: Path) -> None:
    """0.8 mmol/L under a code for mass per volume: read by the code it would be severe, by its unit it is normal."""
    service = running(prefetch_keys=PDDI_KEYS)
    answered_ones = 0
    for name, body in pddi_requests(shared):
        request = json.loads(body.decode("utf-8-sig"))
        if not name.startswith("digoxin"):
            continue
        answered = service.post(body, request["hook"], datetime(2020, 4, 6, tzinfo=UTC))
        assert answered.status == HTTPStatus.OK, (name, answered.body)
        assert answered.evaluation is not None
        picture = answered.evaluation.picture
        assert picture.magnesium.status in {Status.NORMAL, None}, name
        assert picture.digoxin or picture.on("calcineurin_inhibitor"), name
        answered_ones += 1
    assert answered_ones == 2
