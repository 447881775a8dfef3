"""The page that follows each statement of the sources to a rule or a table row, and to a test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tools.markdown import table
from tools.traceability import BY_KIND, Contradiction, Statement, contradictions, statements

_INTRODUCTION = """\
# From the sources to rules and tests

Written by `python -m tools.generate_docs`. Do not edit: the statements stand in
[traceability.csv](traceability.csv), the contradictions in [contradictions.csv](contradictions.csv). What cites a
statement itself (rules, tables, docstrings) is found by the tool.

Five documents, S0 to S4, were taken apart into {all} numbered statements; the cards cite them by these ids
([sources](../magnesium/knowledge/sources.toml)). Use: *compute*: a rule or calculation rests on it; *table*: a row of a
knowledge table; *say*: said on a card or on the [clinicians' page](../magnesium/knowledge/README.md); *not-used*.

| place | is | every row held by |
|---|---|---|
| `rule:x` | [magnesium/rules/](../magnesium/rules)x.py | |
| `module:x` | [magnesium/](../magnesium)x.py | |
| `policy:x` | number x of [policy.toml](../magnesium/knowledge/policy.toml) | |
| `cause:x` | row x of [causes.csv](../magnesium/knowledge/causes.csv) | {cause} |
| `finding:x` | row x of [findings.csv](../magnesium/knowledge/findings.csv) | {finding} |
| `class:x` | row x of [drug_classes.csv](../magnesium/knowledge/drug_classes.csv) | {class} |
| `drug:x` | row x of [drugs.csv](../magnesium/knowledge/drugs.csv) | {drug} |
| `background:x` | row x of [background.csv](../magnesium/knowledge/background.csv) | {background} |

The background is printed on the clinicians' page and on no card. A test is a node of pytest or the
folder of a [golden case](../tests/cases); paths begin at `tests/`. A row without one of its own is held by the test of
all rows above.
"""


def traceability_page() -> str:
    """Return the page."""
    every = statements()
    used = [s for s in every if s.used]
    return "\n".join(
        (
            _INTRODUCTION.format(all=len(every), **{kind: _tests([test]) for kind, test in BY_KIND.items()}),
            _counts(every),
            "",
            "## Contradictions",
            "",
            "Where the sources disagree with each other, or with themselves. More readings of what they leave open:",
            "[decision 0011](decisions/0011-how-the-clinical-specification-is-read.md).",
            "",
            _contradictions(contradictions()),
            "",
            "## Not used, and why",
            "",
            table(
                ("id", "statement", "use", "why not"),
                ((s.id, s.words, s.use, s.note) for s in every if not s.used),
            ),
            *(
                part
                for source in sorted({s.id[:2] for s in used})
                for part in ("", f"## {source}", "", _used(s for s in used if s.id.startswith(source)))
            ),
            "",
        )
    )


def _counts(every: Iterable[Statement]) -> str:
    uses = Counter((s.use, s.used) for s in every)
    on_page = Counter(s.use for s in every if s.used and all(p.startswith("background:") for p in s.places))
    rows = (
        (use, str(uses[use, True] + uses[use, False]), str(uses[use, True]), str(on_page[use]), str(uses[use, False]))
        for use in ("compute", "table", "say", "not-used")
    )
    return table(("use", "statements", "used", "of these on the clinicians' page only", "not used"), rows)


def _contradictions(found: Iterable[Contradiction]) -> str:
    return table(
        ("matter", "the sources say", "statements", "resolved", "where"),
        ((c.matter, c.sources_say, ", ".join(c.statements), c.resolution, _code(c.places)) for c in found),
    )


def _used(found: Iterable[Statement]) -> str:
    return table(
        ("id", "statement", "use", "where", "test", "note"),
        ((s.id, s.words, s.use, _code(s.places), _tests(s.tests), s.note) for s in found),
    )


def _tests(tests: Iterable[str]) -> str:
    return _code(test.removeprefix("tests/") for test in tests)


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
