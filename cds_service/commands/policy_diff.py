"""``magnesium-cds policy diff``: what changes for clinicians between two policy files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from cds_service.policy_diff import differences
from magnesium.policy import Site, load_site

BUILT_IN: Final = "built-in"

_EPILOG = """\b
Examples:
  magnesium-cds policy diff built-in site.toml
  magnesium-cds policy diff site-2025.toml site-2026.toml

\b
Exit status, as of diff:
  0 both say the same
  1 they differ
  2 a file cannot be used, or the command line is wrong
"""


class _Policy(click.ParamType[Site]):
    """A policy file, or the policy that the program comes with."""

    name = "policy"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Site:
        try:
            return load_site(None if value == BUILT_IN else Path(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command("diff", epilog=_EPILOG)
@click.argument("before", type=_Policy(), metavar="A")
@click.argument("after", type=_Policy(), metavar="B")
@click.pass_context
def command(context: click.Context, before: Site, after: Site) -> None:
    """List what policy B sets otherwise than policy A.

    A and B are policy files; `built-in` is the policy that a site without a file has. Shown are numbers with their
    footing, sources and review date, all other settings, and local codes. A `-` line is what A says, a `+` line
    what B says.
    """
    found = differences(before, after)
    for difference in found:
        click.echo(difference.what)
        if difference.before:
            click.echo(f"  - {difference.before}")
        if difference.after:
            click.echo(f"  + {difference.after}")
    if found:
        context.exit(1)
    click.echo("Both say the same.")
