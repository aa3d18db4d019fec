"""Opens the tab in a browser for pictures: loads a state, waits until it has settled, saves a small picture."""

import contextlib
import io
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Frame, FrameLocator, Page

Scheme = Literal["light", "dark"]
_IFRAME = "iframe[src*='name=activis']"
# Everybody has seen the tab, but for the one load after `newcomer` is set.
_VISITED = """try {
  localStorage.setItem("activis.visited", "1");
  if (sessionStorage.getItem("newcomer")) localStorage.removeItem("activis.visited");
  sessionStorage.removeItem("newcomer");
} catch {}"""
_BUSY = "() => document.querySelectorAll('[role=progressbar]').length > 0 || !document.querySelector('.app > *')"


def link(**state: object) -> str:
    """The state as the tab writes it into the address; what is written otherwise it would write anew."""
    words = {
        quote(name, safe=""): value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
        for name, value in state.items()
    }
    return "#activis" + "".join(f"&p.activis.{name}={quote(value)}" for name, value in words.items())


@contextlib.contextmanager
def opened(browser: Browser, board: str, scheme: Scheme, size: tuple[int, int], ratio: float = 1) -> Iterator[Page]:
    """A page of TensorBoard with the tab, in a browser profile of its own. TensorBoard follows the scheme."""
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, device_scale_factor=ratio
    )
    context.add_init_script(_VISITED)
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


def go_to(page: Page, state: str, panes: Mapping[str, int] | None = None) -> None:
    """Goes to a state as if the tab were opened with it: what the address does not say is forgotten.

    Args:
        panes: sizes of panes that the user has dragged, in pixels: graph, instances, detail, projection.
    """
    page.mouse.move(2, 2)
    page.evaluate("hash => { location.hash = hash }", state)
    stored = json.dumps(panes) if panes else "{}"
    _frame(page).evaluate("panes => { localStorage.setItem('activis.panes', panes); location.reload(); }", stored)
    page.wait_for_timeout(200)
    tab_of(page).locator(".app > *").first.wait_for()


def settle(page: Page, seconds: float = 120) -> None:
    """Waits until nothing loads any more."""
    frame, until, quiet = _frame(page), time.monotonic() + seconds, 0
    while quiet < 3 and time.monotonic() < until:
        page.wait_for_timeout(150)
        quiet = 0 if frame.evaluate(_BUSY) else quiet + 1
    page.wait_for_timeout(300)


def save(page: Page, path: Path, **options: Any) -> None:
    """A picture in 256 colours: a third of the bytes, and hardly a difference to see."""
    pixels = np.asarray(Image.open(io.BytesIO(page.screenshot(**options))).convert("RGB"))
    colours, places, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True, return_counts=True)
    palette, nearest = _palette(colours.astype(np.int32), counts)
    small = Image.fromarray(nearest[places].reshape(pixels.shape[:2]))
    small.putpalette(palette.astype(np.uint8).tobytes())
    path.parent.mkdir(parents=True, exist_ok=True)
    small.save(path, optimize=True)


def _palette(colours: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At most 256 of the colours [count, 3], and the place of the nearest of them for each [count].

    Those that are there most, and then always the one that is furthest from all. By share alone, as Pillow chooses, the
    small swatches of classes would change their colours.
    """
    palette = colours[np.argsort(-counts, kind="stable")[:96]]
    distances = ((colours[:, None] - palette) ** 2).sum(axis=2)
    nearest, apart = distances.argmin(axis=1), distances.min(axis=1)
    while len(palette) < 256 and apart.any():
        palette = np.concatenate([palette, colours[apart.argmax()][None]])
        distance = ((colours - palette[-1]) ** 2).sum(axis=1)
        nearest[distance < apart] = len(palette) - 1
        apart = np.minimum(apart, distance)
    return palette, nearest.astype(np.uint8)
