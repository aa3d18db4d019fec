"""What no user wishes for: markup, endless texts, pictures without a pixel, two tabs at once."""

from pathlib import Path

import numpy as np
from playwright.sync_api import Page, expect

from tests.board import tensorboard
from tests.browser.conftest import OpenTab
from tests.browser.links import drawer, go, link
from tests.browser.reading import rectangle
from tests.browser.test_states import MARKUP, at_step, grid
from tests.records import Data, small_data, write_run

WHOLE = "word " * 1999 + "end."
UNBROKEN = "unbroken" * 1250


def test_markup_endless_texts_and_pictures_without_a_pixel(tmp_path: Path, open_tab: OpenTab, page: Page) -> None:
    data = small_data()
    texts = [WHOLE, UNBROKEN, "", MARKUP[0], *["short"] * (len(data.labels) - 4)]
    nothing = np.zeros((len(data.ids), 1, 0, 0), np.float32)
    write_run(tmp_path / "texts", data, texts=texts)
    write_run(tmp_path / "empty", Data(data.ids, nothing, data.labels, data.logits, data.activations))
    write_run(tmp_path / "<b>run", data, (1, 2), class_names=MARKUP, subsets={MARKUP[0] + " subset": "score > 0.5"})
    with tensorboard(f"--logdir={tmp_path}") as board:
        tab = open_tab(board, link(run="texts", tab="table"))
        wide = lambda: tab.locator("body").evaluate("body => body.scrollWidth - innerWidth")  # noqa: E731
        # A text of 10,000 characters is whole in the drawer, and a line in lists.
        table = tab.get_by_role("grid", name="Instances")
        for key, text in ((100, "end."), (101, UNBROKEN), (102, "The text is empty."), (103, MARKUP[0])):
            line = table.get_by_role("row").filter(has_text=f"#{key}")
            line.click()
            expect(drawer(tab).get_by_role("heading", name=f"Instance #{key}")).to_be_visible()
            expect(drawer(tab)).to_contain_text(text)
            box = rectangle(line)
            assert box["height"] < 30, "the table's lines keep their height"
            assert wide() <= 0
        page.set_viewport_size({"width": 1024, "height": 768})
        assert wide() <= 0
        page.set_viewport_size({"width": 1440, "height": 900})

        go(page, tab, link(run="empty", rows=[["i", 0], ["s", "ant"]], selection={"kind": "instance", "row": 0}))
        expect(drawer(tab)).to_contain_text("No content was recorded.")
        tab.get_by_role("radio", name="Table").click()
        expect(table.get_by_role("row").nth(3)).to_be_visible()
        expect(tab.locator("img")).to_have_count(0)

        # Names with markup are names in the drawer; test_markup.py looks at all views.
        rows = [["i", 2], *[["s", name] for name in MARKUP], ["e", "score > 0.5", MARKUP[0]]]
        for selection in (
            {"kind": "instance", "row": 2},
            {"kind": "neuron", "layer": "head", "neuron": 1},
            {"kind": "subset", "key": f"s:{MARKUP[0]}"},
        ):
            go(page, tab, link(run="<b>run", rows=rows, selection=selection))
            expect(drawer(tab)).to_contain_text(MARKUP[0])
        assert tab.locator("body").evaluate("() => window.hurt") is None


def test_two_tabs_at_once(tmp_path: Path, page: Page) -> None:
    write_run(tmp_path / "run", small_data(), (1, 2))
    with tensorboard(f"--logdir={tmp_path}") as board:
        other = page.context.new_page()
        tabs = []
        for one in (page, other):
            one.goto(f"{board}/#activis")
            tabs.append(one.frame_locator('iframe[src*="name=activis"]'))
        for tab in tabs:
            expect(grid(tab)).to_be_visible(timeout=60_000)
        # Each has its own place, and its own address.
        tabs[0].get_by_role("slider", name="Training step").press("Home")
        tabs[1].get_by_role("listbox", name="Wrong").get_by_role("option").first.click()
        expect(at_step(tabs[0], 1, 2)).to_be_visible()
        expect(at_step(tabs[1], 2, 2)).to_be_visible()
        expect(grid(tabs[0])).to_have_attribute("aria-rowcount", "3")
        expect(grid(tabs[1])).to_have_attribute("aria-rowcount", "4")
        # What one collapses does not move under the other's user; who opens the tab next finds it so.
        tabs[1].get_by_role("separator", name="Width of the graph").press("Enter")
        expect(tabs[1].get_by_role("tree")).to_have_count(0)
        expect(tabs[0].get_by_role("tree")).to_be_visible()
        other.reload()
        expect(grid(tabs[1])).to_have_attribute("aria-rowcount", "4")
        expect(tabs[1].get_by_role("tree")).to_have_count(0)
        other.close()
