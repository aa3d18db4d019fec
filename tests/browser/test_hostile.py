"""What nobody wishes for: endless texts, no pixels, foreign scripts, slow, failing and restarted servers, runs that vanish."""

import re
import shutil
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.board import tensorboard
from tests.browser.conftest import OpenTab
from tests.browser.test_states import at_step, grid, reload
from tests.records import Data, small_data, write_run

LONG = "word " * 1999 + "end."
HEBREW = ("כלב", "חתול גדול מאוד", "ציפור")


def test_a_text_of_10_000_characters(tmp_path: Path, open_tab: OpenTab) -> None:
    data = small_data()
    texts = [LONG, "unbroken" * 1250, "", *["short"] * (len(data.labels) - 3)]
    write_run(tmp_path / "run", data, texts=texts)
    with tensorboard(f"--logdir={tmp_path}") as board:
        tab = open_tab(board)
        expect(grid(tab)).to_be_visible()
        tab.get_by_role("radio", name="Table").click()
        table = tab.get_by_role("grid", name="Instances")
        cell = table.get_by_role("gridcell").filter(has_text="word word").first
        expect(cell).to_be_visible()
        cell.click()
        drawer = tab.get_by_role("region", name="Detail", exact=True)
        expect(drawer).to_contain_text("end.")
        box = cell.bounding_box()
        assert box
        assert box["height"] < 30, "the table's lines keep their height"
        wide = tab.locator("body").evaluate("body => body.scrollWidth - innerWidth")
        assert wide <= 0


def test_pictures_without_a_pixel(tmp_path: Path, open_tab: OpenTab) -> None:
    data = small_data()
    write_run(
        tmp_path / "run",
        Data(data.ids, np.zeros((len(data.ids), 1, 0, 0), np.float32), data.labels, data.logits, data.activations),
    )
    with tensorboard(f"--logdir={tmp_path}") as board:
        tab = open_tab(board)
        expect(grid(tab)).to_be_visible()
        tab.get_by_role("listbox", name="Wrong").get_by_role("option").first.click()
        expect(tab.get_by_role("heading", name=re.compile("^Instance "))).to_be_visible()


def test_names_from_right_to_left(tmp_path: Path, open_tab: OpenTab, page: Page) -> None:
    write_run(tmp_path / "עברית", small_data(), class_names=HEBREW, subsets={"לא בטוח": "score < 0.6"})
    with tensorboard(f"--logdir={tmp_path}") as board:
        tab = open_tab(board)
        for name in HEBREW:
            expect(grid(tab).get_by_role("rowheader", name=re.compile(rf"^{name}, n"))).to_be_visible()
        tab.get_by_role("button", name=re.compile("^לא בטוח")).click()
        expect(grid(tab).get_by_role("rowheader", name=re.compile("^לא בטוח, n"))).to_be_visible()
        page.wait_for_url(re.compile("rows"))
        page.reload()
        expect(grid(tab).get_by_role("rowheader", name=re.compile("^לא בטוח, n"))).to_be_visible()


def test_a_slow_answer_leaves_the_old_picture(tmp_path: Path, open_tab: OpenTab, page: Page) -> None:
    write_run(tmp_path / "run", small_data(), (1, 2))
    with tensorboard(f"--logdir={tmp_path}") as board:
        tab = open_tab(board)
        expect(grid(tab)).to_be_visible()
        late: list[Route] = []
        page.route(re.compile(r"/plugin/activis/matrix\b.*step=1"), lambda route: late.append(route))
        tab.get_by_role("slider", name="Training step").press("Home")
        expect(at_step(tab, 1, 2)).to_be_visible()
        # The panel says that it loads, and shows what it had.
        expect(tab.get_by_role("region", name="Layer head", exact=True).get_by_role("progressbar")).to_be_visible()
        expect(grid(tab).get_by_role("rowheader").first).to_be_visible()
        for route in late:
            route.continue_()
        expect(tab.get_by_role("region", name="Layer head", exact=True).get_by_role("progressbar")).to_have_count(0)


def test_a_failed_answer_says_what_failed_and_is_asked_again(
    tmp_path: Path, open_tab: OpenTab, page: Page, complaints: list[str]
) -> None:
    write_run(tmp_path / "run", small_data(), (1, 2))
    with tensorboard(f"--logdir={tmp_path}") as board:
        page.route(re.compile("/plugin/activis/projection"), lambda route: route.abort())
        tab = open_tab(board)
        expect(grid(tab)).to_be_visible()
        panel = tab.get_by_role("region", name="Layer head", exact=True)
        expect(panel.get_by_text("TensorBoard does not answer").first).to_be_visible()
        page.unroute(re.compile("/plugin/activis/projection"))
        panel.get_by_role("button", name="Try again").first.click()
        expect(panel.get_by_text("PC1")).to_be_visible()
        complaints.clear()


def test_a_restarted_server(tmp_path: Path, open_tab: OpenTab, page: Page, complaints: list[str]) -> None:
    write_run(tmp_path / "run", small_data(), (1, 2))
    with tensorboard(f"--logdir={tmp_path}") as board:
        port = board.rpartition(":")[2]
        tab = open_tab(board)
        expect(grid(tab)).to_be_visible()
    # It is gone: what is shown stays, and what is asked for says so.
    tab.get_by_role("slider", name="Training step").press("Home")
    expect(tab.get_by_text("TensorBoard does not answer").first).to_be_visible()
    expect(grid(tab).get_by_role("rowheader").first).to_be_visible()
    with tensorboard(f"--logdir={tmp_path}", f"--port={port}"):
        tab.get_by_role("button", name="Try again").first.click()
        expect(at_step(tab, 1, 2)).to_be_visible()
        expect(tab.get_by_role("region", name="Layer head", exact=True).get_by_role("progressbar")).to_have_count(0)
    complaints.clear()


def test_a_run_that_disappears(tmp_path: Path, open_tab: OpenTab, page: Page, complaints: list[str]) -> None:
    write_run(tmp_path / "stays", small_data())
    write_run(tmp_path / "goes", small_data(seed=1))
    with tensorboard(f"--logdir={tmp_path}", "--reload_interval=1") as board:
        tab = open_tab(board, "&p.activis.run=goes")
        expect(tab.get_by_role("button", name="Run: goes")).to_be_visible()
        expect(grid(tab)).to_be_visible()
        shutil.rmtree(tmp_path / "goes")
        until = time.monotonic() + 60
        notice = tab.get_by_text("There is no run “goes” with activations; this is stays.")
        while not notice.count() and time.monotonic() < until:
            reload(page)
            page.wait_for_timeout(1000)
        expect(notice).to_be_visible()
        expect(grid(tab).get_by_role("rowheader").first).to_be_visible()
    complaints.clear()


def test_a_link_to_what_is_no_more(tmp_path: Path, open_tab: OpenTab) -> None:
    write_run(tmp_path / "run", small_data())
    gone = (
        "&p.activis.step=99&p.activis.layers=%5B%22head%22,%22gone%22%5D&p.activis.rows=%5B%5B%22s%22,%22ant%22%5D,%5B%22s%22,%22yak%22%5D,%5B%22i%22,5000%5D%5D"
        "&p.activis.sort=%7B%22by%22:%22row%22,%22a%22:%22s:yak%22%7D&p.activis.compare=%5B%22other%22,null%5D"
        "&p.activis.selection=%7B%22kind%22:%22instance%22,%22row%22:5000%7D&p.activis.modules=%5B%22nowhere%22%5D"
    )
    with tensorboard(f"--logdir={tmp_path}") as board:
        tab = open_tab(board, gone)
        expect(grid(tab)).to_have_attribute("aria-rowcount", "1")
        notices = tab.locator(".notices")
        for said in ("There is no step 99", "Not recorded at this step: gone", "yak", "no run “other”", "no instance"):
            expect(notices).to_contain_text(said)
        expect(tab.get_by_role("button", name="Sort neurons by: index")).to_be_visible()


def test_two_tabs_at_once(tmp_path: Path, page: Page) -> None:
    write_run(tmp_path / "run", small_data(), (1, 2))
    context: BrowserContext = page.context
    with tensorboard(f"--logdir={tmp_path}") as board:
        other = context.new_page()
        tabs = []
        for one in (page, other):
            one.goto(f"{board}/#activis")
            tabs.append(one.frame_locator('iframe[src*="name=activis"]'))
        for tab in tabs:
            expect(grid(tab)).to_be_visible(timeout=60_000)
        tabs[0].get_by_role("slider", name="Training step").press("Home")
        expect(at_step(tabs[0], 1, 2)).to_be_visible()
        expect(at_step(tabs[1], 2, 2)).to_be_visible()
        other.close()
