"""Every setting is documented once, and no page names one that does not exist."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import fields
from pathlib import Path

import pytest

from cds_service.settings import PREFIX, Settings, variable
from tests.docs.pages import ROOT, pages
from tools.settings_page import documented, settings_page

SETTINGS = {variable(field.name) for field in fields(Settings)}
# Read by the tests and by continuous integration, not by the service.
OF_THE_TESTS = re.compile(rf"{PREFIX}REQUIRE_[A-Z_]+|{PREFIX}TEST_[A-Z_]+")


def test_every_setting_is_documented_once() -> None:
    named = Counter(PREFIX + name for names, _, _ in documented() for name in names)
    assert named == Counter(SETTINGS)


def test_the_page_shows_every_setting() -> None:
    assert set(re.findall(rf"{PREFIX}[A-Z_]+", settings_page())) == SETTINGS


@pytest.mark.parametrize("page", pages(), ids=lambda p: str(p.relative_to(ROOT)))
def test_a_page_names_settings_that_exist(page: Path) -> None:
    named = set(re.findall(rf"{PREFIX}[A-Z][A-Z_]*[A-Z]", page.read_text(encoding="utf-8")))
    unknown = {name for name in named - SETTINGS if not OF_THE_TESTS.fullmatch(name)}
    assert unknown == set()
