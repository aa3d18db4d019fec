"""Texts come first, with what is looked for in sight; and pictures have a ground before they are there."""

import io
import re
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import FrameLocator, Locator, Page, expect

from tests.board import tensorboard
from tests.browser.conftest import OpenTab
from tests.browser.links import link
from tests.browser.reading import elements, rectangle
from tests.browser.recorded import classes
from tests.browser.test_tour import AT_FIRST
from tests.records import write_run

FILLING = "the quick brown fox jumps over the lazy dog and runs away from all of them "


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """24 texts of 5 to 60 words; "needle" is the last word of every third."""
    log_dir = tmp_path_factory.mktemp("texts")
    said = [
        f"{index} " + (FILLING * 4)[: 30 + 14 * index].strip() + (" needle" if index % 3 == 0 else "")
        for index in range(24)
    ]
    write_run(log_dir / "logs" / "texts", classes(3, 24, wrong=6), texts=said)
    with tensorboard(f"--logdir={log_dir / 'logs'}") as address:
        yield address


def seen(mark: Locator) -> bool:
    """Whether all of a mark lies inside of the boxes that cut it."""
    inside: bool = mark.evaluate(
        """mark => {
          const own = mark.getBoundingClientRect();
          for (let box = mark.parentElement; box; box = box.parentElement) {
            const { overflowX, overflowY } = getComputedStyle(box);
            const { left, right, top, bottom } = box.getBoundingClientRect();
            if (overflowX === "visible" && overflowY === "visible") continue;
            if (own.left < left - 1 || own.right > right + 1 || own.top < top - 1 || own.bottom > bottom + 1) return false;
          }
          return own.width > 0;
        }"""
    )
    return inside


def search(tab: FrameLocator, text: str) -> None:
    tab.get_by_role("combobox", name="Subset expression").fill(text)
    expect(tab.get_by_text("8 of 24")).to_be_visible()


def test_what_is_looked_for_is_in_sight_wherever_a_text_is(texts: str, open_tab: OpenTab, page: Page) -> None:
    tab = open_tab(texts, link(selection={"kind": "instance", "row": 0}))
    search(tab, '"needle" in text')
    rows = tab.get_by_role("listbox", name="Typed").get_by_role("option")
    expect(rows.first.locator("mark")).to_have_text("needle")
    for row in elements(rows, 8):
        assert seen(row.locator("mark"))
    # A line of 20 px for the text, one of 17 for the rest.
    assert rows.first.evaluate("row => getComputedStyle(row).gridTemplateRows") == "20px 17px"
    rows.first.click()
    drawer = tab.get_by_role("region", name="Detail", exact=True)
    expect(drawer.locator(".detail-text mark")).to_have_text("needle")
    near = drawer.locator(".detail-said mark")
    for mark in elements(near):
        mark.scroll_into_view_if_needed()
        assert seen(mark)
    tab.get_by_role("radio", name="Table").click()
    cells = tab.get_by_role("grid", name="Instances").locator("mark")
    for cell in elements(cells, 8):
        assert seen(cell)


@pytest.mark.parametrize("width", [1024, 1280])
def test_the_table_keeps_label_prediction_and_score_in_view(
    texts: str, open_tab: OpenTab, page: Page, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    tab = open_tab(texts, link(tab="table"))
    if width < 1280:
        tab.get_by_role("button", name="Show or hide Instances").click()
    grid = tab.get_by_role("grid", name="Instances")
    for name in ("text", "label", "pred.", "score"):
        head = grid.get_by_role("columnheader", name=name, exact=True)
        expect(head).to_be_in_viewport(ratio=1)
        inside = head.evaluate(
            "head => head.getBoundingClientRect().right <= head.closest('.table-scroll').getBoundingClientRect().right"
        )
        assert inside, name


#: What tooltips with a text say once they have moved with the pointer, and whether all of each is in the window.
TIPS = """async body => {
  for (let frame = 0; frame < 4; frame++) await new Promise(requestAnimationFrame);
  return [...body.querySelectorAll("[role=tooltip]:has(.instance-text)")].map((tip) => {
    const { left, right, top, bottom } = tip.getBoundingClientRect();
    const inside = left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight;
    return [tip.querySelector(".instance-text").textContent, inside];
  });
}"""


@pytest.mark.parametrize("size", [(1024, 700), (1440, 900)])
def test_a_tooltip_never_leaves_the_window(texts: str, open_tab: OpenTab, page: Page, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    tab = open_tab(texts)
    plot = tab.locator(".projection-plot").last
    expect(tab.get_by_text("PC1").first).to_be_visible()
    plot.scroll_into_view_if_needed()
    place = rectangle(plot)
    found = 0
    for x in np.linspace(0.02, 0.98, 14):
        for y in (0.2, 0.5, 0.8, 0.96):
            page.mouse.move(place["x"] + x * place["width"], place["y"] + y * place["height"])
            for text, inside in tab.locator("body").evaluate(TIPS):
                assert inside, text
                found += re.match("[…0-9]", text) is not None
    assert found > 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pictures_have_a_grey_ground_until_they_are_there(
    board: str, open_tab: OpenTab, page: Page, scheme: str
) -> None:
    page.route("**/content?**", lambda route: None)
    tab = open_tab(board, AT_FIRST)
    picture = tab.get_by_role("listbox", name="Wrong").locator("img").first
    expect(picture).to_be_visible()
    page.wait_for_timeout(500)
    pixels = _pixels(picture)
    middle = pixels[pixels.shape[0] // 2, -3].astype(int)
    assert np.ptp(middle) < 12, "grey"
    light = middle.mean()
    assert 215 < light < 252 if scheme == "light" else 40 < light < 90


def _pixels(element: Locator) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(element.screenshot())).convert("RGB"))
