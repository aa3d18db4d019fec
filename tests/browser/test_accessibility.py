"""axe finds nothing to object to in the tab: its main states, light and dark."""

import re
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import FrameLocator, Page, expect

from scripts.gallery_runs import states, write
from tests.board import tensorboard
from tests.browser.conftest import OpenTab
from tests.browser.links import go, link
from tests.browser.test_tour import AT_FIRST, layer, pick, row, settled
from tests.records import small_data, write_run

AXE = Path(__file__).parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
#: What the page of the tab is asked: the violations, one line each with the elements.
VIOLATIONS = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations.map(
    ({id, help, nodes}) => `${id}: ${help}: ${nodes.map(({html}) => html.slice(0, 200)).join(" | ")}`)"""

schemes = pytest.mark.parametrize("scheme", ["light", "dark"])


def objections(page: Page) -> list[str]:
    """What axe says of the tab as it is now."""
    page.wait_for_timeout(300)  # what appears softly is judged once it is there
    frame = next(frame for frame in page.frames if "name=activis" in frame.url)
    if not frame.evaluate("typeof axe === 'object'"):
        frame.evaluate(AXE.read_text())
    found: list[str] = frame.evaluate(VIOLATIONS)
    return found


def neuron(tab: FrameLocator) -> None:
    pick(tab, "block2")
    grid = layer(tab, "block2").get_by_role("grid")
    grid.focus()
    for key in ("Control+Home", "ArrowRight", "Enter"):
        grid.press(key)
    expect(tab.get_by_role("heading", name=re.compile("^Neuron "))).to_be_visible()
    expect(tab.get_by_role("region", name="Strongest instances")).to_be_visible()


def values(tab: FrameLocator) -> None:
    tab.get_by_role("radio", name="values", exact=True).click()
    expect(tab.get_by_role("region", name="Over the steps", exact=True)).to_be_visible()


def subset(tab: FrameLocator) -> None:
    row(layer(tab, "head.fc2"), "8").click()
    row(layer(tab, "head.fc2"), "3").click(modifiers=["Shift"])
    tab.get_by_role("button", name=re.compile(r"^3 \d")).first.click()
    expect(tab.get_by_role("heading", name="Class 3")).to_be_visible()


def pinned(tab: FrameLocator) -> None:
    tab.get_by_role("listbox", name="Wrong").get_by_role("option").first.click()
    expect(tab.get_by_role("heading", name=re.compile("^Instance "))).to_be_visible()


def confusion(tab: FrameLocator) -> None:
    tab.get_by_role("radio", name="Confusion").click()
    box = tab.get_by_role("application", name=re.compile("^Label by prediction"))
    for key in ("ArrowDown", "ArrowRight", "Enter"):
        box.press(key)


def table(tab: FrameLocator) -> None:
    tab.get_by_role("radio", name="Table").click()
    tab.get_by_role("button", name="Filter").click()
    expect(tab.get_by_role("grid", name="Instances").get_by_role("row").nth(3)).to_be_visible()


def comparing(tab: FrameLocator) -> None:
    tab.get_by_role("button", name="Compare with").click()
    tab.get_by_role("option", name="digits-cnn-wrong-labels").click()
    tab.get_by_role("radio", name="difference").click()
    expect(tab.get_by_text("minus digits-cnn-wrong-labels").first).to_be_visible()


def groups(tab: FrameLocator) -> None:
    tab.get_by_role("radio", name="Groups").click()
    expect(tab.get_by_role("region", name="Broken", exact=True)).to_be_visible()
    expect(tab.get_by_role("region", name="Why in digits-cnn-wrong-labels")).to_be_visible()


def editor(tab: FrameLocator) -> None:
    row(layer(tab, "head.fc2"), "8").press("Shift+F10")
    tab.get_by_role("option", name="Edit or combine a copy").click()
    expect(tab.get_by_role("dialog", name="Edit the subset").get_by_text(re.compile(r"\d+ of 899"))).to_be_visible()


def menu(tab: FrameLocator) -> None:
    tab.get_by_role("button", name="Add rows").click()
    expect(tab.get_by_role("listbox", name="Add rows")).to_be_visible()


def search(tab: FrameLocator) -> None:
    tab.get_by_role("button", name="Search the graph").click()
    tab.get_by_role("searchbox").or_(
        tab.get_by_role("textbox", name=re.compile("graph|node", re.IGNORECASE))
    ).first.fill("conv")


def closed(tab: FrameLocator) -> None:
    tab.locator(":focus").press("Escape")


#: One after the other: each leaves its traces to the next.
STATES = (
    settled,
    neuron,
    values,
    subset,
    pinned,
    menu,
    closed,
    search,
    closed,
    confusion,
    comparing,
    groups,
    table,
    editor,
)


@schemes
def test_axe_finds_nothing(board: str, open_tab: OpenTab, page: Page, scheme: Literal["light", "dark"]) -> None:
    tab = open_tab(board, AT_FIRST)
    found = {}
    for state in STATES:
        state(tab)
        found[state.__name__] = objections(page)
    assert found == {state.__name__: [] for state in STATES}


@schemes
def test_axe_finds_nothing_in_a_narrow_window(board: str, open_tab: OpenTab, page: Page, scheme: str) -> None:
    page.set_viewport_size({"width": 1024, "height": 768})
    tab = open_tab(board, AT_FIRST)
    tab.get_by_role("button", name="Show or hide Instances").click()
    expect(tab.get_by_role("listbox", name="Wrong")).to_be_visible()
    assert objections(page) == []


@schemes
def test_axe_finds_nothing_where_an_expression_is_wrong(
    board: str, open_tab: OpenTab, page: Page, complaints: list[str], scheme: str
) -> None:
    tab = open_tab(board, AT_FIRST)
    settled(tab)
    tab.get_by_role("combobox", name="Subset expression").fill("lable == 8")
    expect(tab.get_by_role("alert")).to_be_visible()
    assert objections(page) == []
    complaints.clear()


@schemes
def test_axe_finds_nothing_while_an_expression_is_completed(
    board: str, open_tab: OpenTab, page: Page, complaints: list[str], scheme: str
) -> None:
    tab = open_tab(board, AT_FIRST)
    settled(tab)
    box = tab.get_by_role("combobox", name="Subset expression")
    box.press_sequentially("la")
    box.press("ArrowDown")
    expect(tab.get_by_role("listbox", name="Completions").get_by_role("option").first).to_be_visible()
    assert objections(page) == []
    complaints.clear()  # what is half typed is refused


@schemes
def test_axe_finds_nothing_where_there_is_nothing(tmp_path: Path, open_tab: OpenTab, page: Page, scheme: str) -> None:
    with tensorboard(f"--logdir={tmp_path}") as board:
        tab = open_tab(board)
        expect(tab.get_by_role("heading", name="No activations in this log directory yet")).to_be_visible()
        assert objections(page) == []


@schemes
def test_axe_finds_nothing_where_a_file_is_missing(
    tmp_path: Path, open_tab: OpenTab, page: Page, complaints: list[str], monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setattr("tensorboard_activis.write.arrays.INLINE_BYTES", 0)
    write_run(tmp_path / "broken", small_data())
    next((tmp_path / "broken" / "activis").glob("*.safetensors")).unlink()
    with tensorboard(f"--logdir={tmp_path}") as board:
        tab = open_tab(board)
        expect(tab.get_by_text("is missing").first).to_be_visible()
        assert objections(page) == []
        complaints.clear()


#: Runs whose instances, names or numbers are of another kind than the demo's.
KINDS = ("texts", "features", "sounds", "regression", "no-labels", "multilabel", "dead-and-nan", "right-to-left-עברית")


def test_axe_finds_nothing_whatever_there_is_to_see(tmp_path: Path, open_tab: OpenTab, page: Page) -> None:
    runs = states()
    for name in KINDS:
        write(tmp_path / name, runs[name])
    with tensorboard(f"--logdir={tmp_path}") as board:
        tab = open_tab(board, link(run=KINDS[0]))
        expect(tab.get_by_role("grid").first).to_be_visible(timeout=120_000)
        found = {}
        for name in KINDS:
            # An instance and the classes in light, a neuron and the table in dark; TensorBoard's theme is followed at once.
            for dark, subject, view in (
                (False, {"kind": "instance", "row": 1}, "classes"),
                (True, {"kind": "neuron", "layer": "body.2/relu", "neuron": 3}, "table"),
            ):
                page.evaluate("dark => document.body.classList.toggle('dark-mode', dark)", dark)
                go(page, tab, link(run=name, layers=["body.2/relu", "head.fc2"], selection=subject, tab=view))
                expect(tab.get_by_role("heading", name=re.compile("^(Instance|Neuron) "))).to_be_visible()
                expect(tab.get_by_role("progressbar")).to_have_count(0)
                found[name, view] = objections(page)
        assert found == {state: [] for state in found}
