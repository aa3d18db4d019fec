"""Addresses of the tab with a state in them, and how a test goes there."""

import json
from urllib.parse import quote

from playwright.sync_api import FrameLocator, Locator, Page, expect


def link(**state: object) -> str:
    """State as it stands in the address."""
    words = {name: value if isinstance(value, str) else json.dumps(value) for name, value in state.items()}
    return "".join(f"&p.activis.{quote(name)}={quote(value)}" for name, value in words.items())


def go(page: Page, tab: FrameLocator, state: str) -> None:
    """Opens the tab anew, in another state."""
    frame = next(frame for frame in page.frames if "name=activis" in frame.url)
    page.evaluate("hash => { location.hash = hash }", f"#activis{state}")
    # The old page, which is still there for a moment, is not taken for the new one.
    with frame.expect_navigation():
        frame.evaluate("() => location.reload()")
    expect(tab.get_by_role("grid").first).to_be_visible()


def drawer(tab: FrameLocator) -> Locator:
    return tab.get_by_role("region", name="Detail", exact=True)


def notices(tab: FrameLocator) -> Locator:
    return tab.locator(".notices")
