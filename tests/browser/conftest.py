"""A browser and a running service. Skipped where there is no browser, unless ``MAGNESIUM_CDS_REQUIRE_BROWSER=1``.

The browser is the machine's own Chromium, named by ``MAGNESIUM_CDS_CHROMIUM`` or found by its usual names; nothing is
downloaded. ``MAGNESIUM_CDS_SCREENSHOTS`` names a folder for screenshots.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import pytest

try:
    from axe_playwright_python import sync_playwright as axe_package  # type: ignore[import-untyped]  # has no types
    from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright
except ImportError:
    sync_playwright = None  # type: ignore[assignment]  # stands for the missing package

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_PATIENCE_MS = 20_000


def _without(what: str) -> NoReturn:
    if os.environ.get("MAGNESIUM_CDS_REQUIRE_BROWSER") == "1":
        pytest.fail(f"{what}, and MAGNESIUM_CDS_REQUIRE_BROWSER=1 asks for it", pytrace=False)
    pytest.skip(what)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the browser."""
    if sync_playwright is None:
        _without("the packages playwright and axe-playwright-python are not installed")
    named = os.environ.get("MAGNESIUM_CDS_CHROMIUM", "")
    found = named or next(filter(None, map(shutil.which, _NAMES)), "")
    if not found or not Path(found).exists():
        _without("there is no Chromium: install it or name it in MAGNESIUM_CDS_CHROMIUM")
    return found


class Service(NamedTuple):
    """A service in a process of its own, in the dev profile."""

    url: str
    database: str
    """URL of its database, which can be read while it runs."""


@contextmanager
def _serving(folder: Path, database: str) -> Iterator[Service]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAGNESIUM_CDS_")}
    environment |= {
        "MAGNESIUM_CDS_PROFILE": "dev",
        "MAGNESIUM_CDS_DATABASE": database,
        "MAGNESIUM_CDS_LOG_LEVEL": "warning",
    }
    command = [sys.executable, "-m", "cds_service", "serve", "--port", "0"]
    log = folder / "log.txt"
    with (
        log.open("w", encoding="utf-8") as errors,
        subprocess.Popen(  # noqa: S603  our own command
            command, stdout=subprocess.PIPE, stderr=errors, env=environment, text=True
        ) as process,
    ):
        try:
            assert process.stdout is not None
            greeting = process.stdout.readline()
            url = re.search(r"http://\S+", greeting)
            assert url is not None, log.read_text(encoding="utf-8")
            yield Service(url[0], database)
        finally:
            process.terminate()


StartService = Callable[..., Service]


@pytest.fixture(scope="session")
def start_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartService]:
    """Start a service, with an empty database if none is named. It runs until the tests are over."""
    with ExitStack() as running:

        def start(database: str = "") -> Service:
            folder = tmp_path_factory.mktemp("service")
            return running.enter_context(_serving(folder, database or f"sqlite:///{folder / 'records.sqlite'}"))

        yield start


@pytest.fixture(scope="session")
def service(start_service: StartService) -> Service:
    """The service that the browser is sent to."""
    return start_service()


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield running
        running.close()


class Bench:
    """A page of the service, most often the workbench, as one user sees it."""

    def __init__(self, page: Page, service: Service) -> None:
        self.page = page
        self.url = service.url
        self.database = service.database
        self.complaints: list[str] = []
        """What the browser's console complained of: scripts that failed, and what the page's policy forbade."""
        page.set_default_timeout(_PATIENCE_MS)
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _note(self, message: ConsoleMessage) -> None:
        # A refusal by the service is an answer; the browser calls it an error all the same.
        if message.type in {"error", "warning"} and "the server responded with a status of" not in message.text:
            self.complaints.append(message.text)

    def open(self, story: str) -> None:
        """Open a story and wait for its cards."""
        self.page.goto(f"{self.url}/workbench?story={story}")
        self.answered()

    def answered(self) -> None:
        """Wait until the service has answered."""
        expect(self.page.locator("#status")).to_have_text(re.compile(r"card|refused|No request"), timeout=_PATIENCE_MS)
        expect(self.page.locator("#reading")).not_to_be_empty(timeout=_PATIENCE_MS)

    def call(self, hook: str) -> None:
        """Pick a hook and call the service."""
        self.page.get_by_role("radio", name=hook).check()
        with self.page.expect_response(re.compile("/workbench/cards$")):
            self.page.get_by_role("button", name="Call the service").click()
        self.answered()

    @property
    def cards(self) -> tuple[str, ...]:
        """Indicator and topic of each card, in their order."""
        shown = self.page.locator(".card").all()
        return tuple(f"{card.get_attribute('data-indicator')} {card.get_attribute('data-topic')}" for card in shown)

    def violations(self) -> list[str]:
        """What axe-core finds, in every part of the page unfolded."""
        self.page.locator("details").evaluate_all("all => all.forEach(details => { details.open = true })")
        found = axe_package.Axe().run(self.page).response["violations"]
        return [f"{v['id']}: {v['help']}: {[node['html'] for node in v['nodes']][:3]}" for v in found]

    def picture(self, name: str, *, whole: bool = True) -> None:
        """Save a screenshot of the whole page, or of its first screen, if somebody asked for them."""
        if folder := os.environ.get("MAGNESIUM_CDS_SCREENSHOTS"):
            self.page.screenshot(path=Path(folder) / f"{name}.png", full_page=whole)


OpenBench = Callable[..., Bench]


@pytest.fixture
def bench_with(browser: Browser, service: Service) -> Iterator[OpenBench]:
    """Open a browser window with a width, a color scheme and the like; it must not complain of anything."""
    opened: list[Bench] = []

    def make(*, width: int = 1600, scheme: str = "light", **more: Any) -> Bench:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **more)  # type: ignore[arg-type]  # one of Playwright's words
        opened.append(Bench(context.new_page(), service))
        return opened[-1]

    yield make
    complaints = [complaint for bench in opened for complaint in bench.complaints]
    for bench in opened:
        bench.page.context.close()
    assert complaints == []


@pytest.fixture
def bench(bench_with: OpenBench) -> Bench:
    return bench_with()
