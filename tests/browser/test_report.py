"""The evaluation's report in a browser: every eye, every width, the keyboard, and nothing fetched from anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.evaluate.records import few_patients, result, write_export

SCHEMES = ("light", "dark")
NARROW, WIDE = 360, 1600
STRICTER = '[magnesium.low]\nprinted = { "mmol/L" = 0.70, "mg/dL" = 1.7, "mEq/L" = 1.4 }\nreviewed = 2026-11-22\n'


@pytest.fixture(scope="session")
def report(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with every part that one can have: two policies that differ, missed results, unusable ones, problems."""
    assert chromium
    pytest.importorskip("duckdb", reason="no DuckDB (the extra `evaluate`)")
    from cds_service.evaluate.command import evaluate  # noqa: PLC0415  only where it is asked for

    folder = tmp_path_factory.mktemp("report")
    (folder / "bundled-limits.toml").write_text("", encoding="utf-8")
    (folder / "laboratory-limits.toml").write_text(STRICTER, encoding="utf-8")
    odd = [
        result("unit", 5, 1.1, unit="furlong", whose="p1"),
        result("word", 6, 1.1, whose="p2", valueString="see comment"),
        result("stranger", 2, 1.0, whose="nobody"),
    ]
    export = write_export(folder / "export", [*few_patients(14), *odd])
    with (export / "Observation.ndjson").open("a", encoding="utf-8") as file:
        file.write("not JSON\n")
    policies = [f"--policy={folder / name}.toml" for name in ("bundled-limits", "laboratory-limits")]
    out = str(folder / "out")
    ran = CliRunner().invoke(
        evaluate, [str(export), "--out", out, *policies, "--jobs", "1", "--title", "General Hospital"]
    )
    assert ran.exit_code == 0, ran.output
    return folder / "out" / "report.html"


@pytest.fixture
def opened(bench_with: Any, report: Path) -> Any:
    """Open the report in a window of its own, and note every address that it asks for."""

    def open_report(**window: Any) -> tuple[Any, list[str]]:
        bench = bench_with(**window)
        asked: list[str] = []
        bench.page.on("request", lambda request: asked.append(request.url))
        bench.page.goto(report.as_uri())
        return bench, asked

    return open_report


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_no_accessibility_violation_and_nothing_runs_over_the_edge(opened: Any, width: int, scheme: str) -> None:
    # The page's policy would keep axe-core out; what it measures is the page all the same.
    bench, _ = opened(width=width, scheme=scheme, bypass_csp=True)
    bench.picture(f"report-{width}-{scheme}")
    assert bench.violations() == []
    assert bench.page.evaluate("() => document.documentElement.scrollWidth") <= width


def test_nothing_is_fetched(opened: Any, report: Path) -> None:
    """The fixture also fails on anything that the page's own policy had to forbid."""
    _, asked = opened()
    assert asked == [report.as_uri()]


def test_a_table_wider_than_the_page_is_scrolled_by_keyboard(opened: Any) -> None:
    bench, _ = opened(width=NARROW)
    region = bench.page.get_by_role("region").first
    assert region.evaluate("region => region.scrollWidth > region.clientWidth")
    while not region.evaluate("region => region === document.activeElement"):
        bench.page.keyboard.press("Tab")
        assert bench.page.evaluate("() => document.activeElement !== document.body"), "the Tab key passes it by"
    bench.page.keyboard.press("ArrowRight")
    bench.page.wait_for_function("() => document.activeElement.scrollLeft > 0")


def test_every_part_is_there(opened: Any) -> None:
    """Else there would be less on the page to find fault with than on a hospital's."""
    bench, _ = opened()
    parts = ("Cards by topic", "What came after", "What the service could not use", "Policies side by side")
    for name in (*parts, "Could not be read or judged"):
        heading = bench.page.get_by_role("heading", name=name)
        assert heading.count() == 1
        assert bench.page.locator(f"[aria-labelledby~='{heading.get_attribute('id')}'] tbody tr").count() > 0
    assert bench.page.get_by_role("img").count() >= 2
