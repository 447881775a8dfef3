"""What several commands take, and how all of them end."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import click

from cds_service.settings import Settings, SettingsError
from hooks import SERVICES

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
HOOKS = tuple(service.hook.value for service in SERVICES)


def settings() -> Settings:
    """Return what the environment says.

    Raises:
        ClickException: a variable cannot be used.
    """
    try:
        return Settings.from_environment(os.environ)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None


def moment(_: click.Context, __: click.Parameter, text: str | None) -> datetime | None:
    """Read an option that is a time.

    Raises:
        BadParameter: it is none, or has no zone.
    """
    if text is None:
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter("expected a time such as 2026-01-15T09:00:00Z") from None
    if when.tzinfo is None:
        raise click.BadParameter("a time needs a zone, e.g. 2026-01-15T09:00:00Z")
    return when
