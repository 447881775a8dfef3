"""``python -m tests.cases show [NAME…]`` prints what the service says; ``update [NAME…]`` writes it down as expected."""

from __future__ import annotations

import sys

import click

from tests.cases.harness import CaseError, answer, differences, pretty, read_case, select, service, shown, update


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Work on the golden cases. NAME is the folder of a case, or a part of it; without one, all of them."""


@main.command("show")
@click.argument("names", nargs=-1)
def show(names: tuple[str, ...]) -> None:
    """Print the story of each case and what the service says."""
    to = service()
    for folder in select(names):
        case = read_case(folder)
        click.echo(f"━━ {case.name}   {', '.join(case.clinical)}\n{case.story}\n")
        if case.expected is not None:
            click.echo(pretty(answer(case, case.request, to)))
            continue
        for variant, cells in zip(case.variants, shown(case, to), strict=True):
            inputs = ", ".join(f"{name}: {cell}" for name, cell in variant.changes.items())
            click.echo(f"  {inputs or 'as it stands'}  →  {' | '.join(cells.values())}")
        click.echo()


@main.command("update")
@click.argument("names", nargs=-1)
def rewrite(names: tuple[str, ...]) -> None:
    """Write what the service says now into cards.json and variants.csv. Review the difference before you commit it."""
    to = service()
    for folder in select(names):
        case = read_case(folder)
        for line in differences(case, to):
            click.echo(f"{case.name}: {line}")
        if update(case, to):
            click.echo(f"{case.name}: rewritten")


if __name__ == "__main__":
    try:
        main()
    except CaseError as error:
        sys.exit(str(error))
