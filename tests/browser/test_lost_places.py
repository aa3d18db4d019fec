"""Runs and steps that vanish under the user, and links to what is no more: as much as can be is kept, and the rest is said."""

import re
import shutil
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.board import tensorboard
from tests.browser.conftest import OpenTab
from tests.browser.links import drawer, go, link, notices
from tests.browser.test_accessibility import objections
from tests.browser.test_states import at_step, grid, reload
from tests.browser.test_tour import layer, row
from tests.records import small_data, write_run


def test_what_disappears_under_the_user(tmp_path: Path, open_tab: OpenTab, page: Page, complaints: list[str]) -> None:
    write_run(tmp_path / "stays", small_data())
    write_run(tmp_path / "goes", small_data(seed=1), (1, 2, 6))
    with tensorboard(f"--logdir={tmp_path}", "--reload_interval=1") as board:
        # The newest run, at its newest step: nobody chose them.
        tab = open_tab(board)
        expect(at_step(tab, 6, 6)).to_be_visible()
        tab.get_by_role("listbox", name="Wrong").get_by_role("option").first.click()
        expect(grid(tab)).to_have_attribute("aria-rowcount", "4")

        # Training goes on from a checkpoint: the later step is superseded. Rows and drawer stay.
        write_run(tmp_path / "goes", small_data(seed=1), (2,))
        reload(page)
        expect(notices(tab)).to_contain_text("There is no step 6; this is the nearest, 2.", timeout=60_000)
        expect(at_step(tab, 2, 2)).to_be_visible()
        expect(grid(tab)).to_have_attribute("aria-rowcount", "4")
        expect(drawer(tab).get_by_role("heading", name=re.compile("^Instance "))).to_be_visible()

        shutil.rmtree(tmp_path / "goes")
        reload(page)
        expect(notices(tab)).to_contain_text("There is no run “goes” with activations; this is stays.", timeout=60_000)
        expect(grid(tab).get_by_role("rowheader").first).to_be_visible()
        expect(tab.get_by_role("button", name="Run: stays")).to_be_visible()

        # All are gone: the last picture stays, and the tab says that it is an old one.
        shutil.rmtree(tmp_path / "stays")
        reload(page)
        expect(notices(tab)).to_contain_text("What you see was read earlier.", timeout=60_000)
        expect(grid(tab).get_by_role("rowheader").first).to_be_visible()

        # What was looked at is looked at again when it comes back.
        write_run(tmp_path / "goes", small_data(seed=1), (6,))
        expect(tab.get_by_role("button", name="Run: goes")).to_be_visible(timeout=60_000)
        expect(at_step(tab, 6, 6)).to_be_visible()
        expect(notices(tab)).to_have_count(0)
    page.goto("about:blank")  # so that nothing is asked any more
    complaints.clear()


def test_a_link_to_what_is_no_more(tmp_path: Path, open_tab: OpenTab, page: Page, complaints: list[str]) -> None:
    write_run(tmp_path / "run", small_data())
    rows = [
        ["s", "ant"],
        ["s", "yak"],
        ["i", 5000],
        ["e", "colour == 3"],
        ["e", "score < 0.9", "unsure", 11],
        "?",
        ["x"],
    ]
    with tensorboard(f"--logdir={tmp_path}") as board:
        tab = open_tab(
            board,
            link(
                step="99",
                layers=["head", "gone"],
                rows=rows,
                sort={"by": "row", "a": "s:yak"},
                compare=["other", None],
                selection={"kind": "instance", "row": 5000},
                modules=["nowhere"],
                statistic="mode",
                tab="table",
                scale="raw",
                expression="lable == 3",
            ),
        )
        # Said: all that is gone. Kept: all the rest.
        for said in (
            "There is no step 99; this is the nearest, 3.",
            "Not recorded at this step: gone.",
            "These rows do not exist here: yak, index 5000, colour == 3.",
            "no run “other”",
            "There is no instance with the index 5000 here.",
            "in index order",
            "The link’s expression cannot be used. At character 1: there is no column lable.",
        ):
            expect(notices(tab)).to_contain_text(said)
        expect(grid(tab)).to_have_attribute("aria-rowcount", "2")
        expect(row(layer(tab, "head"), "unsure")).to_be_visible()
        expect(tab.get_by_role("button", name="Sort neurons by: index")).to_be_visible()
        expect(tab.get_by_role("button", name="Statistic: mean")).to_be_visible()
        expect(tab.get_by_role("button", name="Scale: raw")).to_be_visible()
        expect(tab.get_by_role("radio", name="Table")).to_be_checked()
        page.evaluate("document.body.classList.add('dark-mode')")
        assert objections(page) == []
        tab.get_by_role("button", name="Dismiss").click()
        expect(notices(tab)).to_have_count(0)

        go(
            page,
            tab,
            link(
                run="elsewhere", layers="{broken", rows="[1", selection={"kind": "neuron", "layer": "gone", "neuron": 3}
            )
            + "&p.activis.panel:head=%7B%22c%22:%22neuron:7%20gone%22,%22z%22:%5B-1,0%5D%7D&p.activis.rest=%E0%A4",
        )
        expect(notices(tab)).to_contain_text("There is no run “elsewhere” with activations; this is run.")
        expect(drawer(tab)).to_contain_text("gone is not recorded at this step.")
        expect(grid(tab)).to_have_attribute("aria-rowcount", "3")
        expect(layer(tab, "head").get_by_text("PC1")).to_be_visible()
    page.goto("about:blank")  # so that nothing is asked any more
    complaints.clear()  # the expression without its column is refused
