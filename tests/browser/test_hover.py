"""One hover over all views: what is pointed at in one is shown in every other, and the rest stays."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenTab
from tests.browser.recorded import expect_redrawn, pixels
from tests.browser.test_graph import ACCENT
from tests.browser.test_matrix import cell, point
from tests.browser.test_tour import AT_FIRST, layer, row, settled


def test_hover_is_linked_over_the_views(board: str, open_tab: OpenTab, page: Page) -> None:
    tab = open_tab(board, AT_FIRST)
    settled(tab)
    instances = tab.get_by_role("region", name="Instances", exact=True)
    here = instances.locator(".classes-label.here")
    row(layer(tab, "head.fc2"), "3").hover()
    expect(here).to_contain_text("3")
    for name in ("head.relu", "head.fc2"):
        expect(layer(tab, name).locator(".matrix-row.lit")).to_contain_text("3")

    # A cell is its row and its neuron: the neuron is marked on the layer's strip, and on no other's.
    panel = layer(tab, "head.fc2")
    point(page, cell(panel, "s:2", 4, 10))
    for name in ("head.relu", "head.fc2"):
        expect(layer(tab, name).locator(".matrix-row.lit")).to_contain_text("2")
        expect(layer(tab, name).locator(".projection-entry.here")).to_contain_text("2")
    expect(here).to_contain_text("2")
    mark = f'path[fill="{ACCENT}"]'
    expect(tab.locator(f'[id="graph-head.fc2"] {mark}')).to_have_count(1)
    expect(tab.locator(f".graph-node {mark}")).to_have_count(1)
    page.mouse.move(2, 2)
    expect(here).to_have_count(0)
    expect(tab.locator(f".graph-node {mark}")).to_have_count(0)

    # An instance of the list: a ring in every projection, and around its mark among the classes.
    marks = [layer(tab, name).locator(".projection-plot canvas").nth(1) for name in ("head.relu", "head.fc2")]
    marks.append(instances.locator("canvas").nth(1))
    before = [pixels(canvas) for canvas in marks]
    instances.get_by_role("listbox").get_by_role("option").nth(1).hover()
    for canvas, was in zip(marks, before, strict=True):
        expect_redrawn(canvas, was)
