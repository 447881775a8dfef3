"""Text of rules and records, made safe for a card.

Lines come in as plain text: a rule knows no markdown, and a drug name in a record may hold anything. They
leave as text that means the same in a GitHub-Flavored Markdown viewer, in a naive one and in none.

- **No "<" at all.** A bounded result "<0.6" is written "below 0.6". A backslash before it would be right in
  GFM, but older viewers print the backslash, HTML escapes break markdown (cds-hooks/docs#33), and a viewer
  that strips what looks like a tag would cut "<0.6 mmol/L, K >" out of "Mg <0.6 mmol/L, K >5". Other angle
  brackets become single angle quotation marks.
- Punctuation with a meaning in markdown is escaped; web addresses are broken up, so that none becomes a link.
- Control characters, line breaks, text direction overrides and lone surrogates become spaces.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_INVISIBLE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]+")
_COMPARATOR = re.compile(r"(?<![-=<>])([<>]=?)\s*(?=[.\d])")
_WORDS = {"<": "below ", "<=": "at most ", ">": "above ", ">=": "at least "}
_BRACKETS = str.maketrans("<>", "\u2039\u203a")
# Both begin with one character out of few, whatever else they ask for: lines that hold none of these, as most do, are
# passed over quickly.
_MEANING = re.compile(r"[\\`*_\[\]~|&](?:(?<!&)|(?=#?\w+;))")
_BLOCK = re.compile(r"\d{1,9}(?=[.)](?:\s|$))|(?=[-+#]+(?:\s|$))")
_ADDRESS = re.compile(r"(?i)/(?<=:/)(?=/)|\.(?<=www\.)")
_LONGEST = 500


def one_line(text: str) -> str:
    """Return ``text`` as one plain line without "<": fit for a summary, a label or a description."""
    # Most lines are clean, and asking is many times faster than replacing.
    line = text.strip() if text.isprintable() and "  " not in text else _INVISIBLE.sub(" ", text).strip()
    if "<" in line or ">" in line:
        line = _COMPARATOR.sub(_in_words, line.replace("->", "→")).translate(_BRACKETS)
    return line


def shortened(line: str, limit: int) -> str:
    """Return ``line`` in at most ``limit`` characters, cut between words where it has any."""
    if len(line) <= limit:
        return line
    kept = line[: limit - 1]
    words, _, _ = kept.rpartition(" ")
    return f"{words or kept}…"


def section(title: str, lines: Iterable[str]) -> str:
    """Return a bold lead word and a bullet for each line; empty without lines."""
    bullets = [f"- {escaped(line)}" for line in lines]
    return "\n".join((f"**{title}**\n", *bullets)) if bullets else ""


def escaped(line: str) -> str:
    """Return ``line`` as markdown that shows exactly it; a record's endless text is cut."""
    safe = _MEANING.sub(r"\\\g<0>", shortened(one_line(line), _LONGEST))
    safe = _ADDRESS.sub(r" \g<0>", safe)
    if block := _BLOCK.match(safe):
        # "- 2024. seen" would number it, "- # seen" would make it a headline.
        safe = f"{safe[: block.end()]}\\{safe[block.end() :]}"
    return safe


def _in_words(found: re.Match[str]) -> str:
    before = found.string[max(found.start() - 1, 0) : found.start()]
    return f"{' ' if before.isalnum() else ''}{_WORDS[found[1]]}"
