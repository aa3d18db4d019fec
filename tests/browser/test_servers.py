"""Servers that are slow, that fail, and that are restarted: the old picture stays, and who asked sees what became of it."""

import re
from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import Page, Route, expect

from tests.board import tensorboard
from tests.browser.conftest import OpenTab
from tests.browser.links import drawer, go, link, notices
from tests.browser.test_accessibility import objections
from tests.browser.test_states import at_step, grid
from tests.browser.test_tour import layer
from tests.records import small_data, write_run

SNAPSHOT_ROUTES = re.compile(r"/plugin/activis/(snapshot|strips|matrix|projection|columns|instance|neuron|where)\b")


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
        expect(layer(tab, "head").get_by_role("progressbar", name="The matrix of head is loading")).to_be_visible()
        expect(layer(tab, "head").get_by_role("progressbar", name="The projection of head is loading")).to_be_visible()
        expect(old).to_have_count(3)
        assert objections(page) == []
        release()
        expect(at_step(tab, 1, 2)).to_be_visible()

        for control, choice in (
            ("Sort neurons by", "strongest"),
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
        # A comparison is on, where accuracies take the place of "of 2".
        expect(slider).to_have_attribute("aria-valuetext", re.compile(r"^(step )?1\b"))
        expect(tab.get_by_role("toolbar").get_by_text(re.compile(r"^1\b")).first).to_be_visible()


def test_a_server_that_fails(tmp_path: Path, open_tab: OpenTab, page: Page, complaints: list[str]) -> None:
    write_run(tmp_path / "run", small_data(), (1, 2))
    with tensorboard(f"--logdir={tmp_path}") as board:
        # Everything fails but the list of runs: each pane says what failed, and its button asks for it again.
        everything = re.compile(r"/plugin/activis/(?!runs|index\.js|more-|graph\.worker|plugin_entry)")
        page.route(everything, lambda route: route.fulfill(status=500, content_type="text/html", body="<h1>no</h1>"))
        tab = open_tab(board)
        for what in ("The graph", "The snapshot"):
            said = tab.get_by_role("alert").filter(has_text=f"{what} could not be read.")
            expect(said).to_contain_text("500 Internal Server Error")
        expect(drawer(tab)).to_contain_text("The detail needs the snapshot, which could not be read.")
        page.unroute(everything)
        assert objections(page) == []
        # One button for all that failed.
        tab.get_by_role("alert").filter(has_text="The graph").get_by_role("button", name="Try again").click()
        expect(tab.get_by_role("alert")).to_have_count(0)
        expect(layer(tab, "head").get_by_text("PC1")).to_be_visible()
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
            "Output for bee of head could not be read.",
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


def test_each_part_leaves_it_to_the_banner_that_the_server_is_gone(
    tmp_path: Path, open_tab: OpenTab, page: Page, complaints: list[str]
) -> None:
    write_run(tmp_path / "run", small_data(), (1, 2))
    write_run(tmp_path / "second", small_data(seed=2), (1, 2))
    everything = re.compile(r"/plugin/activis/(?!index\.js|more-|graph\.worker|plugin_entry)")
    waiting = "Shown when TensorBoard answers."
    with tensorboard(f"--logdir={tmp_path}") as board:
        tab = open_tab(board, link(run="run"))
        expect(tab.get_by_text("PC1")).to_have_count(2)

        def gone(state: str, *lost: str) -> None:
            """Opens a state; the server goes while the routes `lost` are under way, and before another step is asked."""
            held: list[Route] = []
            with ExitStack() as asked:
                for name in lost:
                    its = re.compile(rf"/plugin/activis/{name}\b")
                    page.route(its, lambda route: held.append(route))
                    asked.enter_context(page.expect_request(its))
                go(page, tab, state)
            expect(tab.get_by_role("progressbar")).to_have_count(1 if lost else 0)
            frame = next(frame for frame in page.frames if "name=activis" in frame.url)
            frame.wait_for_function("() => [...document.images].every(picture => picture.complete)")
            page.route(everything, lambda route: route.abort())
            for one in held:
                one.abort()
            tab.get_by_role("slider", name="Training step").press("Home")
            expect(tab.get_by_role("alert")).to_contain_text("TensorBoard does not answer.")
            expect(tab.get_by_role("progressbar")).to_have_count(0)
            expect(tab.get_by_role("alert")).to_have_count(1)
            expect(tab.get_by_role("img", name="without its picture")).to_have_count(0)

        def back() -> None:
            page.unroute_all()
            tab.get_by_role("alert").get_by_role("button", name="Try again").click()
            expect(tab.get_by_role("alert")).to_have_count(0)
            expect(tab.get_by_role("progressbar")).to_have_count(0)
            expect(tab.get_by_text(waiting)).to_have_count(0)

        # What was never read says when it is shown.
        gone(link(run="run"), "instance", "separation")
        expect(drawer(tab).get_by_text(waiting)).to_be_visible()
        back()
        expect(drawer(tab).get_by_role("heading", name="Content")).to_be_visible()
        # What was read stays, in the drawer as elsewhere.
        spread = {"panel:head": {"o": "s:ant"}}
        neuron = {"kind": "neuron", "layer": "head", "neuron": 1}
        gone(link(run="run", **spread, selection=neuron, tab="table", expression="score < 0.5"))
        expect(drawer(tab).get_by_role("heading", name="Highest activation")).to_be_visible()
        back()
        tab.get_by_role("button", name=re.compile("Show the facets")).click()
        gone(link(run="run", compare=["second", None], **spread, selection={"kind": "subset", "key": "s:ant"}))
        back()
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
    # Said once, above everything, and the step beside the slider is the one whose picture is still there.
    expect(failed).to_have_count(1)
    expect(tab.get_by_role("alert")).to_have_count(1)
    expect(failed).to_contain_text("Step 1 is shown when it answers.")
    expect(failed.get_by_role("button", name="Try again")).to_be_visible()
    expect(at_step(tab, 2, 2)).to_be_visible()
    expect(grid(tab).get_by_role("rowheader")).to_have_count(3)
    expect(notices(tab)).to_contain_text("What you see was read earlier.")
    assert objections(page) == []
    with tensorboard(f"--logdir={tmp_path}", f"--port={port}"):
        # Nobody clicks.
        expect(tab.get_by_role("alert")).to_have_count(0, timeout=60_000)
        expect(at_step(tab, 1, 2)).to_be_visible()
        expect(notices(tab)).to_have_count(0)
        expect(tab.get_by_role("progressbar")).to_have_count(0)
        expect(tab.get_by_text("PC1")).to_have_count(2)
    complaints.clear()
