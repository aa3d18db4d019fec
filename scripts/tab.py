"""The tab in a browser, for pictures: opened at a state, settled, saved small."""

import contextlib
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from PIL import Image
from playwright.sync_api import Browser, Frame, FrameLocator, Page

Scheme = Literal["light", "dark"]
_IFRAME = "iframe[src*='name=activis']"
_BUSY = "() => document.querySelectorAll('[role=progressbar]').length > 0 || !document.querySelector('.app > *')"


def link(**state: object) -> str:
    """The state as it stands in the address."""
    words = {
        quote(name, safe=""): value if isinstance(value, str) else json.dumps(value) for name, value in state.items()
    }
    return "#activis" + "".join(f"&p.activis.{name}={quote(value)}" for name, value in words.items())


@contextlib.contextmanager
def opened(browser: Browser, board: str, scheme: Scheme, size: tuple[int, int], ratio: float = 1) -> Iterator[Page]:
    """A page of TensorBoard with the tab, in a browser profile of its own. TensorBoard follows the scheme."""
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, device_scale_factor=ratio
    )
    page = context.new_page()
    page.set_default_timeout(15_000)
    page.goto(f"{board}/#activis", timeout=120_000)
    page.wait_for_selector(_IFRAME, timeout=120_000)
    tab_of(page).locator(".app > *").first.wait_for(timeout=120_000)
    yield page
    context.close()


def tab_of(page: Page) -> FrameLocator:
    return page.frame_locator(_IFRAME)


def _frame(page: Page) -> Frame:
    return next(frame for frame in page.frames if "name=activis" in frame.url)


def go_to(page: Page, state: str) -> None:
    """Goes to a state as if the tab were opened with it: what the address does not say is forgotten."""
    page.mouse.move(2, 2)
    page.evaluate("hash => { location.hash = hash }", state)
    _frame(page).evaluate("() => { localStorage.removeItem('activis.panes'); location.reload(); }")
    page.wait_for_timeout(200)
    tab_of(page).locator(".app > *").first.wait_for()


def settle(page: Page, seconds: float = 20) -> None:
    """Waits until nothing loads any more."""
    frame, until, quiet = _frame(page), time.monotonic() + seconds, 0
    while quiet < 3 and time.monotonic() < until:
        page.wait_for_timeout(150)
        quiet = 0 if frame.evaluate(_BUSY) else quiet + 1
    page.wait_for_timeout(300)


def save(page: Page, path: Path, **options: Any) -> None:
    """A picture in 256 colours: a third of the bytes, and no difference to see."""
    picture = Image.open(io.BytesIO(page.screenshot(**options))).convert("RGB")
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
