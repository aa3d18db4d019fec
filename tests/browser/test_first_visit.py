"""Three marks point at graph, matrix and instances on a first visit: once, in nobody's way, wherever the browser stores nothing."""

import pytest
from playwright.sync_api import FloatRect, FrameLocator, Locator, Page, expect

from tests.browser.conftest import OpenTab
from tests.browser.reading import rectangle
from tests.browser.test_accessibility import objections, schemes
from tests.browser.test_tour import AT_FIRST, layer, row, settled

#: In the tab's frame: the browser refuses to store.
REFUSED = """
if (location.search.includes("name=activis"))
  Object.defineProperty(window, "localStorage", { get() { throw new DOMException("denied", "SecurityError"); } });
"""


@pytest.fixture
def visited() -> bool:
    return False


def marks(tab: FrameLocator) -> Locator:
    return tab.get_by_role("complementary", name="First steps")


def box(part: Locator) -> FloatRect:
    found = rectangle(part)
    return found


@schemes
def test_three_marks_point_at_the_three_panes(board: str, open_tab: OpenTab, page: Page, scheme: str) -> None:
    tab = open_tab(board, AT_FIRST)
    settled(tab)
    mark = marks(tab).locator(".tooltip")
    expect(mark).to_have_count(3)
    panes = tab.locator(".pane.graph"), tab.locator(".layer-matrix").first, tab.locator(".pane.instances")
    for width in (1440, 1280, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(300)
        for index, pane in enumerate(panes):
            # The tip is over the pane, and the whole mark in the window.
            tip, target, card = box(mark.nth(index).locator("i")), box(pane), box(mark.nth(index))
            assert target["x"] < tip["x"] + tip["width"] / 2 < target["x"] + target["width"]
            assert target["y"] < tip["y"] < target["y"] + target["height"]
            assert card["x"] >= 0
            assert card["x"] + card["width"] <= width
            assert card["y"] + card["height"] <= 900
    assert objections(page) == []


def test_a_click_goes_where_it_was_meant_to_and_ends_them_for_good(board: str, open_tab: OpenTab, page: Page) -> None:
    tab = open_tab(board, AT_FIRST)
    settled(tab)
    expect(marks(tab).locator(".tooltip").first).to_be_visible()
    # Under a mark as anywhere.
    card = box(marks(tab).locator(".tooltip").nth(2))
    page.mouse.click(card["x"] + 20, card["y"] + 40)
    expect(marks(tab)).to_have_count(0)
    page.reload()
    settled(tab)
    row(layer(tab, "head.fc2"), "3").click()
    expect(tab.get_by_role("button", name="Sort neurons by: 3")).to_be_visible()
    expect(marks(tab)).to_have_count(0)


@pytest.mark.parametrize("key", ["Escape", "?"])
def test_the_keyboard_is_free_and_ends_them(board: str, open_tab: OpenTab, page: Page, key: str) -> None:
    tab = open_tab(board, AT_FIRST)
    settled(tab)
    expect(marks(tab).locator(".tooltip").first).to_be_visible()
    # The focus is where it was, and keys go to what has it.
    expect(marks(tab).locator(":focus")).to_have_count(0)
    slider = tab.get_by_role("slider", name="Training step")
    slider.press("ArrowLeft")
    expect(tab.get_by_text("40 of 60")).to_be_visible()
    expect(marks(tab).locator(".tooltip").first).to_be_visible()
    page.keyboard.press(key)
    expect(marks(tab)).to_have_count(0)
    expect(tab.get_by_role("complementary", name="Help")).to_have_count(int(key == "?"))
    page.reload()
    settled(tab)
    expect(marks(tab)).to_have_count(0)


def test_a_browser_that_stores_nothing_shows_them_until_they_are_dismissed(
    board: str, open_tab: OpenTab, page: Page
) -> None:
    page.add_init_script(REFUSED)
    tab = open_tab(board, AT_FIRST)
    settled(tab)
    marks(tab).get_by_role("button", name="Got it").click()
    expect(marks(tab)).to_have_count(0)
    row(layer(tab, "head.fc2"), "3").click()
    expect(tab.get_by_role("button", name="Sort neurons by: 3")).to_be_visible()


def test_their_code_is_no_part_of_the_first_picture(board: str, open_tab: OpenTab, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    tab = open_tab(board, AT_FIRST)
    settled(tab)
    marks(tab).get_by_role("button", name="Got it").click()
    first = next(url for url in asked if "/activis/index.js" in url)
    later = [url for url in asked if "/activis/" in url and url.endswith(".js") and url != first]
    assert "Got it" not in page.request.get(first).text()
    assert any("Got it" in page.request.get(url).text() for url in later)
