"""No word that a card or the clinicians' page may print claims more than the sources do (clinical specification, §2).

Looked at are all string literals of the core and of the modules that write card text beside it, and the columns of the
knowledge tables that are printed. A literal without a space is a code, not text.
"""

from __future__ import annotations

import ast
import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from magnesium.knowledge import read_text
from magnesium.policy import load_site

ROOT = Path(__file__).parents[2]

BANNED = ("will not", "the cause", "always", "commonest", "won't", "proves", "proven", "definitely", "guarantee")
"""The first four stand in the specification; the others claim as much."""

VAGUE = (
    "apparently", "arguably", "could be", "generally", "likely", "might", "perhaps", "possibly", "potentially",
    "presumably", "probably", "seems", "sometimes", "typically", "usually",
)  # fmt: skip
"""Cards hedge with "often", "may", "suggests" and nothing else."""

ALLOWED = {
    "renal wasting likely; reduced GFR raises FEMg": "§1.3, the table of FEMg",
    "extrarenal loss or low intake likely": "§1.3, the table of FEMg",
    "probably less active magnesium uptake in the gut (TRPM6/7); not proven": "§1.7, proton pump inhibitors",
    "Probably less active uptake in the gut, not proven": "§1.7, proton pump inhibitors",
    "perhaps also drugs and low potassium": "S0-192; in the column of mechanisms, which no card prints",
}
"""Sentences of the specification or of a source that hedge in their own words, and where they stand."""

BRITISH = re.compile(
    r"favour|tumour|colour|paediatr|anaem|haem(?!oly\*)|oedema|diarrhoea|oesoph|foetal|coeliac|\blitres?\b|sulphate"
    r"|\w+(kal|calc|magnes|phosphat)aemi|(recogn|normal|stabil|repolar|hospital)is(e|ing|ation)",
    re.IGNORECASE,
)
"""Card text is American, as the codes of the topics are."""


WRITES_CARDS = (
    "hooks/one_card.py",
    "hooks/render.py",
    "hooks/wording.py",
    "fhir_mappings/proposals.py",
    "fhir_mappings/dosage.py",
)
PRINTED = {
    "analytes.csv": ("label", "short"),
    "background.csv": ("says",),
    "causes.csv": ("name", "mechanism"),
    "drug_classes.csv": ("label", "site", "mechanism", "advice"),
    "findings.csv": ("words",),
}


def literals(path: Path) -> Iterator[str]:
    """The string literals of a module that are text; docstrings are for those who read the code."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        value = node.value if isinstance(node, ast.Constant) and id(node) not in documentation else None
        if isinstance(value, str) and " " in value.strip():
            yield value


def texts() -> Iterator[tuple[str, str]]:
    """Where a text stands, and the text."""
    for path in [*sorted((ROOT / "magnesium").rglob("*.py")), *(ROOT / name for name in WRITES_CARDS)]:
        yield from ((path.relative_to(ROOT).as_posix(), text) for text in literals(path))
    for name, columns in PRINTED.items():
        for row in csv.DictReader(read_text(name).splitlines()):
            yield from ((name, row[column]) for column in columns if row[column])
    policy = load_site().policy
    yield from (("policy.toml", number.says) for number in policy.numbers.values())
    yield from (("policy.toml", product.text) for product in policy.products.values())


TEXTS = tuple(texts())


def found(words: Sequence[str], *, allowed: Sequence[str] = ()) -> list[tuple[str, str]]:
    pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, words))})\b", re.IGNORECASE)

    def without(text: str) -> str:
        for sentence in allowed:
            text = text.replace(sentence, "")
        return text

    return [(place, text) for place, text in TEXTS if pattern.search(without(text))]


@pytest.mark.parametrize("word", BANNED)
def test_no_text_claims_certainty(word: str) -> None:
    assert found([word], allowed=list(ALLOWED)) == []


def test_texts_hedge_with_the_words_of_the_specification_only() -> None:
    assert found(VAGUE, allowed=list(ALLOWED)) == []


def test_texts_are_american() -> None:
    assert [(place, text) for place, text in TEXTS if BRITISH.search(text)] == []


def test_every_exception_is_needed() -> None:
    needed = {text for text in ALLOWED if any(text in said for _, said in TEXTS)}
    assert ALLOWED.keys() - needed == set()


def test_there_is_text_to_look_at() -> None:
    """The harness finds what it should: sentences of rules, of tables and of products."""
    places = {place for place, _ in TEXTS}
    assert {"magnesium/rules/hypomagnesemia.py", "magnesium/advice.py", "magnesium/guards.py"} <= places
    assert {*PRINTED, "policy.toml"} <= places
    assert ("magnesium/advice.py", "Replace magnesium") in {(place, text[:17]) for place, text in TEXTS}
    assert found(["torsades"]) != []
