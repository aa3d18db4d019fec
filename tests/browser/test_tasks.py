"""What people come for, in clicks from the tab as it opens; each ends on a figure that says the answer, which numpy confirms."""

from pathlib import Path

import numpy as np
from playwright.sync_api import FrameLocator, Page, expect

from tests.browser.conftest import OpenTab
from tests.browser.test_detail import hedges, numbers, read
from tests.browser.test_matrix import keyboard_cell
from tests.browser.test_tour import AT_FIRST, FIRST, layer, row, settled

COUNT_CLICKS = """
if (location.search.includes("name=activis")) {
  globalThis.clicks = 0;
  addEventListener("click", (event) => void (event.isTrusted && globalThis.clicks++), true);
}
"""
LAYER = "head.relu"


def clicks(tab: FrameLocator) -> int:
    return int(tab.locator("body").evaluate("() => clicks"))


def test_what_tells_one_class_from_another_takes_two_clicks(
    board: str, open_tab: OpenTab, page: Page, runs: Path
) -> None:
    page.add_init_script(COUNT_CLICKS)
    tab = open_tab(board, AT_FIRST)
    settled(tab)
    panel = layer(tab, LAYER)
    for name, letter in (("8", 0), ("1", 1)):
        row(panel, name).hover()
        row(panel, name).locator(".matrix-pick").nth(letter).click()
    expect(tab.get_by_role("button", name="Sort neurons by: effect size 8 − 1")).to_be_visible()
    assert clicks(tab) == 2

    truth = read(runs / FIRST)
    values = truth.run.snapshot(60).activations(LAYER).astype(np.float64)
    ours, theirs = (values[truth.labels == name] for name in ("8", "1"))
    spread = ours.std(axis=0) + theirs.std(axis=0) > 0
    effects = [hedges(ours[:, i], theirs[:, i]) if spread[i] else -np.inf for i in range(values.shape[1])]
    best = int(np.argmax(effects))
    expect(keyboard_cell(panel)).to_contain_text(f"Neuron {best}, ")
    tip = tab.get_by_role("tooltip")
    expect(tip).to_contain_text("effect size")
    # It is written with one decimal.
    assert abs(numbers(tip.inner_text().partition("effect size")[2])[0] - effects[best]) < 0.051
