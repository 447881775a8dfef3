"""Reads the cases, plays them to the service and says what differs. Used by the tests and by ``python -m tests.cases``.

README.md tells what a case consists of. Whatever is odd about the files of a case is a ``CaseError``: nothing is
skipped, because a case that is passed over looks like one that holds.
"""

from __future__ import annotations

import copy
import csv
import difflib
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec

from cds_service.logging import make_log
from cds_service.replay import Answered, InProcess
from cds_service.settings import LogFormat, LogLevel, Settings
from hooks.evidence import KEY
from hooks.wording import NOT_RUN_CODE
from magnesium.verdict import Quiet, Unknown

CASES = Path(__file__).parent
HOOKS = ("patient-view", "order-select", "order-sign")
WIDTH = 118

_OURS = frozenset({"README.md", "__main__.py", "harness.py", "__pycache__"})
_EXPECTATIONS = ("cards.json", "variants.csv")
_OPTIONAL = ("policy.toml", "disputed.md")
_FRONT_MATTER = re.compile(
    r"---\nas of: (?P<as_of>\S+)\nclinical: (?P<clinical>§[^\n]+)\n---\n\n(?P<story>.+)", re.DOTALL
)
_SECTIONS = re.compile(r"§\d+(?:\.\d+)?(?:, §\d+(?:\.\d+)?)*")
_FEWEST_WORDS = 12
_ENCODER = msgspec.json.Encoder(decimal_format="number")


class CaseError(Exception):
    """The files of a case are not as they must be."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One row of a table: what differs from the request, and what is expected."""

    line: int
    changes: Mapping[str, str]
    expected: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Case:
    """One folder: a request with the answer expected, or with a table of variants and the answer to each."""

    folder: Path
    hook: str
    as_of: datetime
    clinical: tuple[str, ...]
    """Sections of the clinical specification."""
    story: str
    request: Mapping[str, Any]
    expected: Mapping[str, Any] | None
    variants: tuple[Variant, ...]
    disputed: str = ""
    """Why the service does not yet say what is expected here; empty if it does."""

    @property
    def name(self) -> str:
        return f"{self.hook}/{self.folder.name}"


# ── What is read ──────────────────────────────────────────────────────────────────────────────────


def folders(root: Path = CASES) -> list[Path]:
    """Return the folder of every case.

    Raises:
        CaseError: there is none, a hook has none, or something else lies beside them.
    """
    odd = sorted(path.name for path in root.iterdir() if path.name not in _OURS and path.name not in HOOKS)
    if odd:
        raise CaseError(f"{root.name}: no hook is called {', '.join(odd)}")
    found: list[Path] = []
    for hook in HOOKS:
        of_hook = sorted((root / hook).iterdir()) if (root / hook).is_dir() else []
        if not of_hook:
            raise CaseError(f"{hook}: no cases")
        if stray := [path.name for path in of_hook if not path.is_dir()]:
            raise CaseError(f"{hook}: not a folder: {', '.join(stray)}")
        found += of_hook
    return found


def read_case(folder: Path) -> Case:
    """Read a case.

    Raises:
        CaseError: a file is missing, empty, unreadable, or one too many.
    """
    present = {path.name for path in folder.iterdir()}
    given = [name for name in _EXPECTATIONS if name in present]
    for name in ("why.md", "request.json"):
        if name not in present:
            raise CaseError(f"{folder.name}: no {name}")
    if len(given) != 1:
        raise CaseError(f"{folder.name}: exactly one of {' and '.join(_EXPECTATIONS)} is needed, not {len(given)}")
    if odd := present - {"why.md", "request.json", *_OPTIONAL, *given}:
        raise CaseError(f"{folder.name}: what is {', '.join(sorted(odd))}?")
    as_of, clinical, story = _why(folder / "why.md")
    request = _object(folder / "request.json")
    hook = folder.parent.name
    if request.get("hook") != hook:
        raise CaseError(f"{folder.name}/request.json: its hook is {request.get('hook')!r}, the folder says {hook!r}")
    table = given[0] == "variants.csv"
    return Case(
        folder=folder,
        hook=hook,
        as_of=as_of,
        clinical=clinical,
        story=story,
        request=request,
        expected=None if table else _expected(folder / "cards.json"),
        variants=_variants(folder / "variants.csv") if table else (),
        disputed=_text(folder / "disputed.md") if "disputed.md" in present else "",
    )


def _text(path: Path) -> str:
    text = " ".join(path.read_text(encoding="utf-8").split())
    if not text:
        raise CaseError(f"{path.parent.name}/{path.name}: says nothing")
    return text


def _why(path: Path) -> tuple[datetime, tuple[str, ...], str]:
    found = _FRONT_MATTER.fullmatch(path.read_text(encoding="utf-8"))
    if found is None:
        raise CaseError(f"{path.parent.name}/why.md: must begin with `as of` and `clinical` between two lines of ---")
    try:
        as_of = datetime.fromisoformat(found["as_of"])
    except ValueError:
        as_of = datetime.min  # noqa: DTZ901  refused with the next line
    if as_of.tzinfo is None:
        raise CaseError(f"{path.parent.name}/why.md: `as of` must be a time with a zone, not {found['as_of']}")
    if not _SECTIONS.fullmatch(found["clinical"]):
        raise CaseError(f"{path.parent.name}/why.md: `clinical` must list sections (§2.1, §1.2)")
    story = found["story"].strip()
    if len(story.split()) < _FEWEST_WORDS:
        raise CaseError(f"{path.parent.name}/why.md: who is the patient, what must be said, and why?")
    return as_of, tuple(found["clinical"].split(", ")), story


def _object(path: Path) -> dict[str, Any]:
    where = f"{path.parent.name}/{path.name}"
    try:
        value = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except ValueError as error:
        raise CaseError(f"{where}: {error}") from None
    if not isinstance(value, dict):
        raise CaseError(f"{where}: must be an object")
    return value


def _expected(path: Path) -> dict[str, Any]:
    value = _object(path)
    cards, refused = value.get("cards"), value.get("refused")
    if refused is None and not isinstance(cards, list):
        raise CaseError(f"{path.parent.name}/cards.json: must say which `cards` come, or why the request is `refused`")
    if cards == [] and not value.get("silent"):
        raise CaseError(f"{path.parent.name}/cards.json: no card: why each topic is `silent` must be there")
    return value


def _variants(path: Path) -> tuple[Variant, ...]:
    where = f"{path.parent.name}/variants.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, strict=True))
    if not rows:
        raise CaseError(f"{where}: no rows")
    columns = list(rows[0])
    unknown = [name for name in columns if name not in _SHOWN and name != _NOTE and " " not in name]
    if unknown or "cards" not in columns:
        raise CaseError(f"{where}: needs a column `cards` and columns like `Observation/mg value`, not {unknown}")
    found = []
    for line, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise CaseError(f"{where}:{line}: has more or fewer cells than the heading")
        if not row["cards"]:
            raise CaseError(f"{where}:{line}: `cards` is empty; write {_NONE}")
        changes = {name: cell for name, cell in row.items() if name not in _SHOWN and name != _NOTE and cell}
        found.append(Variant(line, changes, {name: row[name] for name in columns if name in _SHOWN}))
    if len({tuple(variant.expected.values()) for variant in found}) == 1:
        raise CaseError(f"{where}: every row expects the same, so the table shows nothing")
    if len({tuple(variant.changes.items()) for variant in found}) < len(found):
        raise CaseError(f"{where}: two rows are the same")
    return tuple(found)


# ── Playing ───────────────────────────────────────────────────────────────────────────────────────


Play = Callable[[Case, Mapping[str, Any]], Answered]
"""Plays a request of a case to the service, as of the case's time."""


def service() -> Play:
    """Return the service with its defaults, or with the policy of the case, through its WSGI application."""

    @cache
    def running(policy: Path | None) -> InProcess:
        return InProcess(Settings(policy=policy), make_log(LogLevel.ERROR, LogFormat.JSON, io.StringIO()))

    def play(case: Case, request: Mapping[str, Any]) -> Answered:
        own = case.folder / "policy.toml"
        return running(own if own.exists() else None).post(_ENCODER.encode(request), case.hook, case.as_of)

    return play


def differences(case: Case, to: Play) -> list[str]:
    """Return what the service says otherwise than the case expects; empty if it agrees."""
    if case.expected is not None:
        return _differences(case.expected, answer(case, case.request, to))
    return [
        f"line {variant.line}, {column}: expected {variant.expected[column]!r}, found {found!r}"
        for variant, cells in zip(case.variants, shown(case, to), strict=True)
        for column, found in cells.items()
        if found != variant.expected[column]
    ]


def answer(case: Case, request: Mapping[str, Any], to: Play) -> dict[str, Any]:
    """Return what a clinician judges of the service's answer.

    Raises:
        CaseError: a check of the service failed, which is never the right answer.
    """
    answered = to(case, request)
    if answered.status != HTTPStatus.OK:
        issues = answered.body["issue"]
        return {"refused": answered.status, "because": [issue["diagnostics"] for issue in issues]}
    cards = [judged(card) for card in answered.body["cards"]]
    if any(card["topic"] == NOT_RUN_CODE for card in cards):
        raise CaseError(f"{case.name}: a check could not run: {cards[-1]['detail']}")
    return {"cards": cards} if cards else {"cards": cards, "silent": _silence(answered)}


def judged(card: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a clinician judges of one card: nothing random, nothing that only machines read."""
    evidence = card.get("extension", {}).get(KEY, {})
    told = {
        "topic": card["source"]["topic"]["code"],
        "indicator": card["indicator"],
        "summary": card["summary"],
        "detail": [line for line in card.get("detail", "").split("\n") if line],
        "suggestions": [_suggestion(suggestion) for suggestion in card.get("suggestions", ())],
        "tells": [_told(topic) for topic in evidence.get("topics", ())],
        "derived": {entry["name"]: entry["value"] for entry in evidence.get("derived", ())},
        "unusable": [f"{entry['reference']}: {entry['reason']}" for entry in evidence.get("unusable", ())],
        "missing": evidence.get("missing", []),
        "heldBack": evidence.get("heldBack", []),
    }
    return {name: value for name, value in told.items() if value}


def _told(topic: Mapping[str, Any]) -> str:
    absorbed = ", absorbed" if topic.get("absorbed") else ""
    return f"{topic['code']} {topic['indicator']}{absorbed}"


def _suggestion(suggestion: Mapping[str, Any]) -> dict[str, Any]:
    (action,) = suggestion["actions"]
    resource = action["resource"]
    concept = resource.get("medicationCodeableConcept") or resource["code"]
    codes = [coding["code"] for coding in concept.get("coding", ())]
    order = " ".join((resource["resourceType"], *codes))
    return {"label": suggestion["label"], "order": order, "description": action["description"]}


def _silence(answered: Answered) -> dict[str, str]:
    """Return why each topic is silent: without it a case of silence would hold for a chart that nobody read."""
    assert answered.evaluation is not None
    reasons = {}
    for verdict in answered.evaluation.answer.verdicts:
        match verdict:
            case Quiet(topic=topic, reason=reason):
                reasons[topic.value] = reason
            case Unknown(topic=topic, missing=missing):
                reasons[topic.value] = f"cannot tell: {missing}"
            case _:
                reasons[verdict.topic.value] = f"{verdict.indicator.code}, not shown on this hook"
    return reasons


def _differences(expected: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    one, other = (pretty(value).splitlines() for value in (expected, found))
    return list(difflib.unified_diff(one, other, "cards.json", "the service says", lineterm="", n=1))


# ── Tables ────────────────────────────────────────────────────────────────────────────────────────

_NOTE = "note"
_NONE = "none"
_ABSENT = "–"
_AS_TEXT = "text: "


def shown(case: Case, to: Play) -> Iterator[dict[str, str]]:
    """Yield for each row of a table what the service says, under the columns that the table has."""
    for variant in case.variants:
        where = f"{case.name}/variants.csv:{variant.line}"
        found = answer(case, changed(case.request, variant.changes, where), to)
        yield {column: _SHOWN[column](found) for column in variant.expected}


def _cards(found: Mapping[str, Any]) -> str:
    if "refused" in found:
        return f"refused {found['refused']}"
    return "; ".join(f"{card['topic']} {card['indicator']}" for card in found["cards"]) or _NONE


def _each(member: str) -> Any:
    def cell(found: Mapping[str, Any]) -> str:
        # Two cards may rest on the same: said once.
        return "; ".join(dict.fromkeys(text for card in found.get("cards", ()) for text in card.get(member, ())))

    return cell


def _tells(found: Mapping[str, Any]) -> str:
    return "; ".join(text for card in found.get("cards", ()) for text in card.get("tells", ())) or _NONE


def _suggestions(found: Mapping[str, Any]) -> str:
    return "; ".join(s["label"] for card in found.get("cards", ()) for s in card.get("suggestions", ())) or _NONE


def _derived(name: str) -> Any:
    def cell(found: Mapping[str, Any]) -> str:
        return "; ".join(card["derived"][name] for card in found.get("cards", ()) if name in card.get("derived", {}))

    return cell


_SHOWN: Mapping[str, Any] = {
    "cards": _cards,
    "tells": _tells,
    "suggestions": _suggestions,
    "heldBack": _each("heldBack"),
    "unusable": _each("unusable"),
    "missing": _each("missing"),
    "FEMg": _derived("FEMg"),
    "reading": _derived("reading"),
}
"""Columns of a table that say what is expected; all others change the request."""

_QUANTITY = re.compile(r"(?P<comparator><=|>=|<|>)?(?P<value>-?\d+(?:\.\d+)?)(?: (?P<unit>\S+))?")
_CODED = re.compile(r"(?P<system>\S+) (?P<code>\S+) (?P<display>.+)")
_SYSTEMS = {
    "RxNorm": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "ICD-10-CM": "http://hl7.org/fhir/sid/icd-10-cm",
    "SNOMED": "http://snomed.info/sct",
}
_UCUM = "http://unitsofmeasure.org"
_UCUM_CODES = {"mEq/L": "meq/L", "umol/L": "umol/L", "µmol/L": "umol/L"}


def changed(request: Mapping[str, Any], changes: Mapping[str, str], where: str) -> dict[str, Any]:
    """Return the request of one row.

    Raises:
        CaseError: a column names a resource that the request does not have, or a cell that cannot be read.
    """
    varied = copy.deepcopy(dict(request))
    for column, cell in changes.items():
        reference, _, member = column.partition(" ")
        holders = [(holder, at) for holder, at in _places(varied) if _reference(holder[at]) == reference]
        if len(holders) != 1:
            raise CaseError(f"{where}: the request has {len(holders)} resources {reference}")
        holder, at = holders[0]
        if cell == _ABSENT:
            _drop(varied, holder[at])
        else:
            _change(holder[at], member, cell, f"{where}, {column}")
    return varied


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield where the resources of a request stand, as container and key."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        if isinstance(member, dict) and "resourceType" in member and "id" in member:
            yield value, key
        yield from _places(member)


def _reference(resource: Mapping[str, Any]) -> str:
    return f"{resource['resourceType']}/{resource['id']}"


def _drop(request: Mapping[str, Any], resource: Mapping[str, Any]) -> None:
    """Take an entry out of its Bundle, which then says that it has one less."""
    for bundle in (*request["prefetch"].values(), request["context"].get("draftOrders")):
        entries = bundle.get("entry", []) if isinstance(bundle, dict) else []
        kept = [entry for entry in entries if entry["resource"] is not resource]
        if len(kept) < len(entries):
            bundle["entry"] = kept
            if "total" in bundle:
                bundle["total"] = len(kept)


def _change(resource: dict[str, Any], member: str, cell: str, where: str) -> None:
    match member:
        case "value":
            for name in [name for name in resource if name.startswith("value")]:
                del resource[name]
            resource.update(_value(cell, where))
        case "time":
            _known_member(resource, "effectiveDateTime", where)
            resource["effectiveDateTime"] = cell
        case "ordered":
            _known_member(resource, "authoredOn", where)
            resource["authoredOn"] = cell
        case "stopped":
            _known_member(resource, "dispenseRequest", where)
            resource["dispenseRequest"]["validityPeriod"]["end"] = cell
        case "drug":
            resource["medicationCodeableConcept"] = _concept(cell, where)
        case "code":
            resource["code"] = _concept(cell, where)
        case "birthDate" | "status" | "onsetDateTime" | "performedDateTime":
            _known_member(resource, member, where)
            resource[member] = cell
        case _:
            raise CaseError(f"{where}: what is to change?")


def _known_member(resource: Mapping[str, Any], member: str, where: str) -> None:
    if member not in resource:
        raise CaseError(f"{where}: the request has no {member} there")


def _value(cell: str, where: str) -> dict[str, Any]:
    if cell.startswith(_AS_TEXT):
        return {"valueString": cell.removeprefix(_AS_TEXT)}
    found = _QUANTITY.fullmatch(cell)
    if found is None:
        raise CaseError(f"{where}: not a value: {cell}")
    try:
        quantity: dict[str, Any] = {"value": Decimal(found["value"])}
    except InvalidOperation:
        raise CaseError(f"{where}: not a number: {cell}") from None
    if found["comparator"]:
        quantity["comparator"] = found["comparator"]
    if unit := found["unit"]:
        quantity |= {"unit": unit, "system": _UCUM, "code": _UCUM_CODES.get(unit, unit)}
    return {"valueQuantity": quantity}


def _concept(cell: str, where: str) -> dict[str, Any]:
    if cell.startswith(_AS_TEXT):
        return {"text": cell.removeprefix(_AS_TEXT)}
    found = _CODED.fullmatch(cell)
    if found is None or found["system"] not in _SYSTEMS:
        raise CaseError(f"{where}: neither a code ({', '.join(_SYSTEMS)}) nor `{_AS_TEXT}` and a name: {cell}")
    coding = {"system": _SYSTEMS[found["system"]], "code": found["code"], "display": found["display"]}
    return {"coding": [coding], "text": found["display"]}


# ── Writing ───────────────────────────────────────────────────────────────────────────────────────


def update(case: Case, to: Play) -> bool:
    """Write what the service says now as what is expected. Return whether that changed anything.

    What is expected of a disputed case was written by a person and stays.
    """
    if case.disputed:
        return False
    if case.expected is not None:
        path, text = case.folder / "cards.json", pretty(answer(case, case.request, to))
    else:
        path = case.folder / "variants.csv"
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, **cells} for row, cells in zip(rows, shown(case, to), strict=True))
        text = buffer.getvalue()
    if path.read_text(encoding="utf-8") == text:
        return False
    path.write_text(text, encoding="utf-8")
    return True


def pretty(value: Any) -> str:
    """Return JSON for readers: what fits on a line stands on a line."""
    return f"{_pretty(value, 0)}\n"


def _pretty(value: Any, depth: int) -> str:
    flat = json.dumps(_plain(value), ensure_ascii=False)
    if not isinstance(value, dict | list) or not value:
        return flat
    holds_many = isinstance(value, list) and any(isinstance(entry, dict | str) for entry in value) and len(value) > 1
    if len(flat) + 2 * depth <= WIDTH and not holds_many and depth > 1:
        return flat
    inner = "  " * (depth + 1)
    if isinstance(value, dict):
        lines = [f"{inner}{json.dumps(key)}: {_pretty(member, depth + 1)}" for key, member in value.items()]
    else:
        lines = [f"{inner}{_pretty(entry, depth + 1)}" for entry in value]
    opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
    return "\n".join((opening, ",\n".join(lines), "  " * depth + closing))


def _plain(value: Any) -> Any:
    """Return ``value`` without Decimals, which the standard encoder does not know."""
    match value:
        case dict():
            return {key: _plain(member) for key, member in value.items()}
        case list():
            return [_plain(entry) for entry in value]
        case Decimal():
            return float(value) if "." in str(value) else int(value)
        case _:
            return value


def select(names: Sequence[str], root: Path = CASES) -> list[Path]:
    """Return the folders that are named (``patient-view/severe``, or a part of it); all of them without a name.

    Raises:
        CaseError: a name fits no case.
    """
    everything = folders(root)
    if not names:
        return everything
    chosen = []
    for name in names:
        fitting = [folder for folder in everything if name in f"{folder.parent.name}/{folder.name}"]
        if not fitting:
            raise CaseError(f"no case is called {name}")
        chosen += fitting
    return list(dict.fromkeys(chosen))
