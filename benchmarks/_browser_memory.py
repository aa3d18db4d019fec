"""Memory of the tab after hours of use: rounds of scripted use of all views, and what is left after garbage collection."""

import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from statistics import median

from playwright.sync_api import FrameLocator, Page

LAYERS = ("features", "head")
#: Rounds differ in what they click, and so in what they leave open; after so many they begin anew.
CYCLE = 8


@dataclass(frozen=True)
class PageMemory:
    """Memory of the whole page, TensorBoard included: heap in bytes, nodes of the document, event listeners."""

    heap: float
    nodes: float
    listeners: float


def middle(rounds: Sequence[PageMemory]) -> PageMemory:
    """The median of each number over several rounds: memory goes up and down with what is open in the page."""
    return PageMemory(*map(median, zip(*map(astuple, rounds), strict=True)))


class Watch:
    """Measures the memory of a page through the browser's debugging protocol."""

    def __init__(self, page: Page) -> None:
        self._session = page.context.new_cdp_session(page)
        self._session.send("HeapProfiler.enable")
        self._session.send("Performance.enable")

    def measure(self) -> PageMemory:
        """Memory after two garbage collections: the second frees what the first finalises."""
        for _ in range(2):
            self._session.send("HeapProfiler.collectGarbage")
            time.sleep(0.2)
        metrics = {entry["name"]: entry["value"] for entry in self._session.send("Performance.getMetrics")["metrics"]}
        return PageMemory(metrics["JSHeapUsedSize"], metrics["Nodes"], metrics["JSEventListeners"])


def one_round(page: Page, tab: FrameLocator, number: int) -> None:
    """Steps, layers, rows, sorting, hover, projections, expressions, every detail, every list; ends as it began."""
    slider = tab.get_by_role("slider", name="Training step")
    for key in ("Home", "ArrowRight", "End"):
        slider.press(key)
        page.wait_for_timeout(250)
    node = tab.get_by_role("treeitem", name=LAYERS[0]).first
    for _ in range(2):  # opens or closes its panel, and back
        node.click()
        page.wait_for_timeout(200)
    labels = tab.locator(".matrix-label")
    labels.nth(number % 8).click()
    labels.nth((number + 3) % 8).click(modifiers=["Shift"])
    _sweep(page, tab, ".matrix-body")
    tab.locator(".matrix-body").first.click(position={"x": 40 + number % 100, "y": 40})  # a neuron's detail
    page.wait_for_timeout(300)
    _sweep(page, tab, ".projection-plot")
    page.mouse.wheel(0, -120)
    page.mouse.wheel(0, 120)
    tab.locator(".list-row").nth(number % 4).click()  # an instance's detail, and a row of its own
    page.wait_for_timeout(300)
    for radio in ("Confusion", "Table", "Classes"):
        tab.get_by_role("radio", name=radio).click()
        page.wait_for_timeout(150)
    _sweep(page, tab, ".classes-scroll")
    box = tab.get_by_role("combobox", name="Subset expression")
    box.fill(f"score < 0.{number % 1000:03d}1")
    tab.get_by_role("button", name="Add as row").click(timeout=30_000)
    page.wait_for_timeout(500)
    box.fill("")
    labels.last.press("Shift+F10")  # a subset's detail
    page.keyboard.press("Escape")
    removable = tab.get_by_role("button", name="Remove ")
    while removable.count():
        removable.last.click()


def _sweep(page: Page, tab: FrameLocator, selector: str) -> None:
    """The pointer goes across."""
    box = tab.locator(selector).first.bounding_box()
    if box is None:
        return
    for step in range(12):
        page.mouse.move(box["x"] + box["width"] * (0.1 + 0.07 * step), box["y"] + box["height"] * (0.2 + 0.05 * step))
