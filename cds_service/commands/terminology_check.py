"""``magnesium-cds terminology check``: what the codes cover, class by class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import click

from cds_service.commands import options
from cds_service.terminology_check import CONDITION_SYSTEMS, SYSTEMS, Coverage, contents, coverage, troubles

_SHOWN: Final = 10
"""Codes that are listed one by one."""

_EPILOG = """\b
Examples:
  magnesium-cds terminology check
  magnesium-cds terminology check --drug-table drugs.csv.gz

\b
Exit status: 0 tables and rules fit together
             1 they do not, or a table cannot be used
             2 the command line is wrong
"""


@click.command("check", epilog=_EPILOG)
@click.option("--drug-table", type=options.FILE, help="A table made by `terminology build`.  [default: the one in use]")
@click.pass_context
def command(context: click.Context, drug_table: Path | None) -> None:
    """Count what the drug, laboratory and diagnosis tables hold, and check that they fit the rules.

    A built drug table, from --drug-table or MAGNESIUM_CDS_DRUG_TABLE, is also compared with the bundled one.
    """
    table = drug_table or options.settings().drug_table
    try:
        held = contents(table)
        wrong = troubles(table)
        compared = coverage(table) if table is not None else None
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"terminology {held.version}\n")
    rows = [(code, f"{held.ingredients[code]}", *(f"{held.drugs[code][s]}" for s in SYSTEMS)) for code in held.drugs]
    _table(("drug class", "ingredients", *SYSTEMS), rows)
    _counts("laboratory result", "LOINC codes", held.results)
    click.echo()
    _table(
        ("condition", *CONDITION_SYSTEMS),
        [(slug, *(f"{count}" for count in codes.values())) for slug, codes in held.conditions.items()],
    )
    for system in CONDITION_SYSTEMS:
        click.echo(f"\n{_without(system, held.conditions)}")
    click.echo(f"\nrecognized, read by no rule: {', '.join(held.unused) or 'none'}")
    if compared is not None:
        _compare(compared)
    for trouble in wrong:
        click.echo(trouble, err=True)
    if wrong:
        context.exit(1)
    click.echo("\nTables and rules fit together.")


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for name, *counts in lines:
        right = "".join(f"  {count:>{width}}" for count, width in zip(counts, widths[1:], strict=True))
        click.echo(f"{name:<{widths[0]}}{right}")


def _counts(name: str, what: str, counts: Mapping[str, int]) -> None:
    click.echo()
    _table((name, what), [(key, f"{count}") for key, count in counts.items()])


def _without(system: str, conditions: Mapping[str, Mapping[str, int]]) -> str:
    named = ", ".join(slug for slug, codes in conditions.items() if not codes[system])
    return f"no {system} code leads to: {named or 'none'} (map your own: local_codes.conditions)"


def _compare(found: Coverage) -> None:
    click.echo(f"\nRxNorm release {found.release} against the bundled table")
    click.echo(f"  codes in both           {found.known}")
    for name, listed in (
        ("codes it lacks", found.missing),
        ("codes read otherwise", found.different),
        ("ingredients without code", found.unreachable),
    ):
        first = ", ".join(listed[:_SHOWN])
        more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
        click.echo(f"  {name:<23} {len(listed)}{f': {first}{more}' if listed else ''}")
