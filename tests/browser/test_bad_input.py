"""What no user wishes for: runs that vanish, servers that are slow, fail or restart, old links, markup, endless texts, two tabs."""

import re
import shutil
from pathlib import Path

import numpy as np
from playwright.sync_api import FrameLocator, Locator, Page, Route, expect

from tests.board import tensorboard
from tests.browser.conftest import OpenTab
from tests.browser.links import drawer, go, link
from tests.browser.test_accessibility import objections
from tests.browser.test_states import MARKUP, at_step, grid, reload
from tests.browser.test_tour import row
from tests.records import Data, small_data, write_run

WHOLE = "word " * 1999 + "end."
UNBROKEN = "unbroken" * 1250
SNAPSHOT_ROUTES = re.compile(r"/plugin/activis/(snapshot|strips|matrix|projection|columns|instance|neuron|where)\b")


def panel(tab: FrameLocator) -> Locator:
    return tab.get_by_role("region", name="Layer head", exact=True)


def notices(tab: FrameLocator) -> Locator:
    return tab.locator(".notices")


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
        expect(notices(tab)).to_contain_text("What is shown here was read before.", timeout=60_000)
        expect(grid(tab).get_by_role("rowheader").first).to_be_visible()

        # What was looked at is looked at again when it comes back.
        write_run(tmp_path / "goes", small_data(seed=1), (6,))
        expect(tab.get_by_role("button", name="Run: goes")).to_be_visible(timeout=60_000)
        expect(at_step(tab, 6, 6)).to_be_visible()
        expect(notices(tab)).to_have_count(0)
    complaints.clear()


def test_a_slow_server(tmp_path: Path, open_tab: OpenTab, page: Page) -> None:
    write_run(tmp_path / "run", small_data(), (1, 2))
    write_run(tmp_path / "second", small_data(seed=2), (1, 2))
    with tensorboard(f"--logdir={tmp_path}") as board:
        tab = open_tab(board, link(run="run"))
        expect(grid(tab)).to_be_visible()
        expect(tab.get_by_text("PC1")).to_have_count(2)
        held: list[Route] = []

        def release() -> None:
            for route in held:
                route.continue_()
            held.clear()
            page.unroute(SNAPSHOT_ROUTES)
            expect(tab.get_by_role("progressbar")).to_have_count(0)

        def hold() -> None:
            page.route(SNAPSHOT_ROUTES, lambda route: held.append(route))

        # In each case the control that asked shows progress, and the old picture stays.
        old = grid(tab).get_by_role("rowheader")
        hold()
        tab.get_by_role("slider", name="Training step").press("Home")
        expect(tab.get_by_role("slider").get_by_role("progressbar", name="The step is loading")).to_be_visible()
        expect(panel(tab).get_by_role("progressbar", name="The matrix of head is loading")).to_be_visible()
        expect(panel(tab).get_by_role("progressbar", name="The projection of head is loading")).to_be_visible()
        expect(old).to_have_count(3)
        assert objections(page) == []
        release()
        expect(at_step(tab, 1, 2)).to_be_visible()

        for control, choice in (
            ("Sort neurons by", "clustered"),
            ("Statistic", "standard deviation"),
            ("Compare with", "second"),
            ("Run", "second"),
        ):
            hold()
            button = tab.get_by_role("button", name=re.compile(f"^{control}\\b"))
            button.click()
            tab.get_by_role("option", name=choice).first.click()
            expect(button).to_have_attribute("aria-busy", "true")
            expect(old).to_have_count(3)
            release()
            expect(button).to_have_attribute("aria-busy", "false")

        hold()
        tab.get_by_role("combobox", name="Subset expression").fill("score < 0.5")
        expect(tab.get_by_role("progressbar", name="Counting")).to_be_visible()
        release()
        expect(tab.get_by_text(re.compile(r"^\d+ of 17$"))).to_be_visible()

        # The latest wins: what was asked for in between is let go.
        hold()
        slider = tab.get_by_role("slider", name="Training step")
        slider.press("End")
        slider.press("Home")
        page.wait_for_timeout(200)
        release()
        expect(at_step(tab, 1, 2)).to_be_visible()


def test_a_server_that_fails(tmp_path: Path, open_tab: OpenTab, page: Page, complaints: list[str]) -> None:
    write_run(tmp_path / "run", small_data(), (1, 2))
    with tensorboard(f"--logdir={tmp_path}") as board:
        # Everything fails but the list of runs: each pane says what failed, and its button asks for it again.
        everything = re.compile(r"/plugin/activis/(?!runs|index\.js|graph\.worker|plugin_entry)")
        page.route(everything, lambda route: route.fulfill(status=500, content_type="text/html", body="<h1>no</h1>"))
        tab = open_tab(board)
        for what in ("The graph", "The snapshot"):
            said = tab.get_by_role("alert").filter(has_text=f"{what} could not be read.")
            expect(said).to_contain_text("500 Internal Server Error")
        expect(drawer(tab)).to_contain_text("Without the snapshot there is no detail.")
        page.unroute(everything)
        assert objections(page) == []
        # One button for all that failed.
        tab.get_by_role("alert").filter(has_text="The graph").get_by_role("button", name="Try again").click()
        expect(tab.get_by_role("alert")).to_have_count(0)
        expect(panel(tab).get_by_text("PC1")).to_be_visible()
        expect(drawer(tab).get_by_role("heading", name=re.compile("^Instance "))).to_be_visible()

        def fails(routes: str, state: str, *said: str) -> None:
            route = re.compile(rf"/plugin/activis/({routes})\b")
            page.route(route, lambda one: one.fulfill(status=500, content_type="text/html", body="no"))
            go(page, tab, state)
            for text in said:
                expect(tab.get_by_role("alert").filter(has_text=text)).to_be_visible()
            page.unroute(route)
            tab.get_by_role("alert").filter(has_text=said[0]).get_by_role("button", name="Try again").click()
            expect(tab.get_by_role("alert")).to_have_count(0)

        fails(
            "projection|columns|neuron|where",
            link(layers=["head"], selection={"kind": "neuron", "layer": "head", "neuron": 1}, expression="score < 0.5"),
            "The projection of head could not be read.",
            "The instances could not be read.",
            "Neuron 1 of head could not be read.",
            "where",
        )
        fails(
            "table|subset",
            link(layers=["head"], selection={"kind": "subset", "key": "s:ant"}, tab="table"),
            "The table could not be read.",
            "The subset could not be read.",
        )
        # Pictures that do not come leave their place, not a broken icon.
        page.route(re.compile(r"/plugin/activis/content\b"), lambda route: route.fulfill(status=500))
        go(page, tab, link(layers=["head"], rows=[["i", 3], ["s", "ant"]], selection={"kind": "instance", "row": 3}))
        expect(drawer(tab).get_by_role("img", name="without its picture").first).to_be_visible()
        expect(tab.locator("img")).to_have_count(0)
    complaints.clear()


def test_a_server_that_is_restarted(tmp_path: Path, open_tab: OpenTab, page: Page, complaints: list[str]) -> None:
    write_run(tmp_path / "run", small_data(), (1, 2))
    with tensorboard(f"--logdir={tmp_path}") as board:
        port = board.rpartition(":")[2]
        tab = open_tab(board)
        expect(tab.get_by_text("PC1")).to_have_count(2)
    # It is gone: what is shown stays, and what is asked for says so and offers to try again.
    tab.get_by_role("slider", name="Training step").press("Home")
    failed = tab.get_by_role("alert").filter(has_text="TensorBoard does not answer. Is it still running?")
    expect(failed.first).to_be_visible()
    expect(failed.first.get_by_role("button", name="Try again")).to_be_visible()
    expect(grid(tab).get_by_role("rowheader")).to_have_count(3)
    expect(notices(tab)).to_contain_text("What is shown here was read before.")
    assert objections(page) == []
    with tensorboard(f"--logdir={tmp_path}", f"--port={port}"):
        # Nobody clicks.
        expect(tab.get_by_role("alert")).to_have_count(0, timeout=60_000)
        expect(at_step(tab, 1, 2)).to_be_visible()
        expect(notices(tab)).to_have_count(0)
        expect(tab.get_by_role("progressbar")).to_have_count(0)
        expect(tab.get_by_text("PC1")).to_have_count(2)
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
                statistic="median",
                tab="table",
                scale="raw",
                expression="lable == 3",
            ),
        )
        # Said: all that is gone. Kept: all the rest.
        for said in (
            "There is no step 99; this is the nearest, 3.",
            "Not recorded at this step: gone.",
            "Rows that are not here: yak, row 5000, colour == 3.",
            "no run “other”",
            "There is no instance in row 5000 here.",
            "by their index",
            "The link’s expression cannot be used. At character 1: there is no column lable.",
        ):
            expect(notices(tab)).to_contain_text(said)
        expect(grid(tab)).to_have_attribute("aria-rowcount", "2")
        expect(row(panel(tab), "unsure")).to_be_visible()
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
        expect(panel(tab).get_by_text("PC1")).to_be_visible()
    complaints.clear()  # the expression without its column is refused


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
            box = line.bounding_box()
            assert box
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
