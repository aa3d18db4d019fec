"""The tab in real TensorBoard, in a real browser: runs of the demo, both data loaders, pages that report every complaint."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from filelock import FileLock
from playwright.sync_api import Browser, ConsoleMessage, FrameLocator, Page, Response, expect, sync_playwright

from tests.board import tensorboard
from tests.chromium import launch

#: Pictures of what failed, to be looked at.
FAILURES = Path(__file__).parent / "failures"
EPOCHS = 3

# An expectation waits: machines that test are busy.
expect.set_options(timeout=30_000)

#: In every frame: the tab's violations are said in words that the page's listener below knows, wherever they come from.
POLICY = """
if (location.search.includes("name=activis"))
  addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI, sourceFile, sample }) =>
    console.error(`activis: Content Security Policy: ${violatedDirective} ${blockedURI} ${sourceFile} ${sample}`));
"""
#: In every frame: the marks of a first visit have been seen, as by everybody but a newcomer.
VISITED = 'try { localStorage.setItem("activis.visited", "1") } catch {}'

#: How many times slower the page is than this machine; then each answer is late, too, by up to 400 ms, in another order every time.
SLOW = float(os.environ.get("SLOW_BROWSER", "1"))
LATE = """
const sent = window.fetch;
window.fetch = async (...asked) => {
  await new Promise((resolve) => setTimeout(resolve, 400 * Math.random()));
  return sent(...asked);
};
"""

#: Opens the ActiVis tab of a TensorBoard, with some state in the address, and gives the tab's frame.
OpenTab = Callable[..., FrameLocator]


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log directory with the demo's two runs, of three epochs: made once, by the first of the workers that needs it."""
    own = tmp_path_factory.getbasetemp()
    path = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "demo"
    with FileLock(f"{path}.lock"):
        if not path.exists():
            command = [sys.executable, "-m", "tensorboard_activis.cli", "demo", "--no-serve"]
            made = f"{path}.made"
            subprocess.run([*command, "--epochs", str(EPOCHS), "--logdir", made], check=True, capture_output=True)
            Path(made).rename(path)
    return path


@pytest.fixture(scope="session", params=["true", "false"], ids=["load_fast", "load_slow"])
def any_board(request: pytest.FixtureRequest, runs: Path) -> Iterator[str]:
    """The address of a TensorBoard on the demo's runs, with either data loader."""
    with tensorboard(f"--logdir={runs}", f"--load_fast={request.param}", tensorflow=True) as address:
        yield address


@pytest.fixture(scope="session")
def board(runs: Path) -> Iterator[str]:
    """The address of a TensorBoard on the demo's runs."""
    with tensorboard(f"--logdir={runs}") as address:
        yield address


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, headless."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the page complained about; a test that provokes a complaint empties it."""
    return []


@pytest.fixture
def scheme() -> Literal["light", "dark"]:
    """What the page's user prefers; TensorBoard follows it."""
    return "light"


@pytest.fixture
def visited() -> bool:
    """Whether the page's user has seen the tab before."""
    return True


@pytest.fixture
def page(
    browser: Browser,
    complaints: list[str],
    scheme: Literal["light", "dark"],
    visited: bool,
    request: pytest.FixtureRequest,
) -> Iterator[Page]:
    """A page of 1440 x 900; whatever it complains about fails the test: errors, failed requests, policy violations."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme=scheme)
    context.add_init_script(POLICY)
    if visited:
        context.add_init_script(VISITED)
    page = context.new_page()
    page.set_default_timeout(30_000)
    if SLOW > 1:
        context.add_init_script(LATE)
        context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": SLOW})

    def on_message(message: ConsoleMessage) -> None:
        where = message.location.get("url", "")
        if "net::ERR_" in message.text:  # a test's own server ends before its page
            return
        if message.type == "error" and ("activis" in where + message.text or "Content Security Policy" in message.text):
            complaints.append(f"{message.text} ({where})")

    def on_response(response: Response) -> None:
        if "/plugin/activis/" in response.url and response.status >= 400:
            complaints.append(f"{response.status} {response.url}")

    # Of every page and popup that a test opens.
    context.on("console", on_message)
    context.on("response", on_response)
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    failed = request.session.testsfailed
    yield page
    if request.session.testsfailed > failed or complaints:
        FAILURES.mkdir(exist_ok=True)
        page.screenshot(path=FAILURES / f"{request.node.name}.png")
    context.close()
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def open_tab(page: Page) -> OpenTab:
    def open_tab(board: str, state: str = "") -> FrameLocator:
        page.goto(f"{board}/#activis{state}")
        return page.frame_locator('iframe[src*="name=activis"]')

    return open_tab
