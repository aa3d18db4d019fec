"""The README's tour in real TensorBoard: graph, matrix, instances, steps and runs, with either data loader."""

import re
from pathlib import Path

import numpy as np
from playwright.sync_api import FrameLocator, Locator, Page, expect

from tensorboard_activis import open_run
from tests.browser.conftest import OpenTab

FIRST, SECOND = "digits-cnn", "digits-cnn-wrong-labels"
AT_FIRST = f"&p.activis.run={FIRST}"


def layer(tab: FrameLocator, name: str) -> Locator:
    return tab.get_by_role("region", name=f"Layer {name}", exact=True)


def node(tab: FrameLocator, name: str) -> Locator:
    return tab.get_by_role("tree", name="Layers of the model").get_by_role("treeitem", name=re.compile(name))


def pick(tab: FrameLocator, name: str) -> None:
    """Clicks the head of a module in the graph."""
    node(tab, rf"^{name}\b").click(position={"x": 60, "y": 10})


def row(panel: Locator, name: str) -> Locator:
    return panel.get_by_role("rowheader", name=re.compile(rf"^{re.escape(name)}\b"))


def settled(tab: FrameLocator) -> None:
    """Waits until all views show data: what stands under the pointer before then may still move away."""
    expect(tab.get_by_role("img", name="Colours from")).to_have_count(2)
    expect(tab.get_by_text("PC1")).to_have_count(2)
    expect(tab.get_by_role("listbox", name="Wrong").get_by_role("option").first).to_be_visible()


def test_the_tab_opens_with_four_views(any_board: str, open_tab: OpenTab) -> None:
    tab = open_tab(any_board, AT_FIRST)
    expect(node(tab, "^fc2 Linear · 10")).to_be_visible()
    expect(layer(tab, "head.fc2").get_by_role("row")).to_have_count(10)
    expect(layer(tab, "head.fc2").get_by_role("application", name="Projection of head.fc2")).to_be_visible()
    expect(tab.get_by_role("region", name="Instances", exact=True)).to_contain_text("899")
    expect(tab.get_by_role("button", name=f"Run: {FIRST}")).to_be_visible()
    expect(tab.get_by_text(re.compile(r"60 of 60 · accuracy \d\d\.\d%"))).to_be_visible()


def test_the_tour(any_board: str, open_tab: OpenTab, runs: Path) -> None:
    tab = open_tab(any_board, AT_FIRST)

    # A layer picked in the graph opens its panel; picked again it closes.
    pick(tab, "block2")
    panel = layer(tab, "block2")
    expect(panel).to_contain_text("48 neurons")
    expect(panel).to_contain_text("all 899 kept")
    pick(tab, "block2")
    expect(panel).to_have_count(0)
    pick(tab, "block2")

    # Sorted by a class, the neuron that it drives most comes first.
    summary = open_run(runs / FIRST).snapshot(60).summary("block2")
    row(panel, "8").click()
    expect(tab.get_by_role("button", name=re.compile("Sort neurons by: .*8"))).to_be_visible()
    means = summary.mean[summary.subsets.index("8")]
    first, second = np.argsort(-means, kind="stable")[:2]
    # The grid shows one cell to those who cannot see the canvas: where the keyboard is, here in the row of class 0.
    grid = panel.get_by_role("grid")
    grid.focus()
    grid.press("Control+Home")
    grid.press("ArrowRight")
    expect(panel.get_by_role("gridcell")).to_contain_text(f"Neuron {first}, 0, mean {summary.mean[1, first]:.2f}")
    grid.press("ArrowRight")
    expect(panel.get_by_role("gridcell")).to_contain_text(f"Neuron {second}, 0, mean {summary.mean[1, second]:.2f}")

    # By the difference of two classes: the effect sizes are drawn above the columns.
    row(panel, "3").click(modifiers=["Shift"])
    expect(panel).to_contain_text("effect size")

    # A wrong instance, clicked, becomes a row of every panel and the subject of the drawer.
    snapshot = open_run(runs / FIRST).snapshot(60)
    wrong = {f"#{key}" for key in snapshot.instances.filter(snapshot.where("not correct"))["id"].to_pylist()}
    entry = tab.get_by_role("listbox", name="Wrong").get_by_role("option").first
    name = next(word for word in entry.inner_text().split() if word.startswith("#"))
    assert name in wrong
    entry.click()
    expect(tab.get_by_role("button", name=re.compile(rf"Remove {name}"))).to_be_visible()
    for opened in ("block2", "head.fc2"):
        expect(layer(tab, opened).get_by_role("grid")).to_have_attribute("aria-rowcount", "11")
        expect(row(layer(tab, opened), name)).to_be_visible()
    # What the keyboard explained goes when the keyboard goes elsewhere.
    expect(tab.get_by_role("tooltip")).to_have_count(0)
    drawer = tab.get_by_role("region", name="Detail", exact=True)
    expect(drawer).to_contain_text(name)
    expect(drawer).to_contain_text("wrong")

    # The step before, by keyboard; everything else stays.
    tab.get_by_role("slider", name="Training step").press("ArrowLeft")
    expect(tab.get_by_text(re.compile("40 of 60"))).to_be_visible()
    expect(row(panel, name)).to_be_visible()

    # The other run, at its own steps.
    tab.get_by_role("button", name=f"Run: {FIRST}").click()
    tab.get_by_role("option", name=SECOND).or_(tab.get_by_role("menuitemradio", name=SECOND)).click()
    expect(tab.get_by_role("button", name=f"Run: {SECOND}")).to_be_visible()
    expect(layer(tab, "block2")).to_contain_text("48 neurons")


def test_a_link_brings_the_picture_back(board: str, open_tab: OpenTab, page: Page) -> None:
    tab = open_tab(board, AT_FIRST)
    pick(tab, "stem")
    row(layer(tab, "stem"), "3").click()
    expect(tab.get_by_role("button", name=re.compile("Sort neurons by: .*3"))).to_be_visible()
    tab.get_by_role("slider", name="Training step").press("Home")
    expect(tab.get_by_text(re.compile("20 of 60"))).to_be_visible()
    page.wait_for_url(re.compile("step=20"))

    page.reload()
    expect(tab.get_by_text(re.compile("20 of 60"))).to_be_visible()
    expect(layer(tab, "stem")).to_be_visible()
    expect(tab.get_by_role("button", name=re.compile("Sort neurons by: .*3"))).to_be_visible()

    page.go_back()
    expect(tab.get_by_text(re.compile("60 of 60"))).to_be_visible()
    expect(layer(tab, "stem")).to_be_visible()


def test_play_goes_through_the_steps(board: str, open_tab: OpenTab) -> None:
    tab = open_tab(board, AT_FIRST)
    tab.get_by_role("slider", name="Training step").press("Home")
    expect(tab.get_by_text(re.compile("20 of 60"))).to_be_visible()
    tab.get_by_role("button", name="Play through the steps").click()
    expect(tab.get_by_text(re.compile("60 of 60"))).to_be_visible()


def test_an_expression_counts_and_becomes_a_row(board: str, open_tab: OpenTab, runs: Path) -> None:
    tab = open_tab(board, AT_FIRST)
    expression = "label == 8 and not correct"
    count = int(open_run(runs / FIRST).snapshot(60).where(expression).sum())
    box = tab.get_by_role("combobox", name="Subset expression")
    box.fill(expression)
    expect(tab.get_by_text(f"{count} of 899")).to_be_visible()
    tab.get_by_role("button", name="Add as row").click()
    expect(layer(tab, "head.fc2").get_by_role("grid")).to_have_attribute("aria-rowcount", "11")


def test_an_expression_is_completed_by_keyboard(board: str, open_tab: OpenTab, complaints: list[str]) -> None:
    tab = open_tab(board, AT_FIRST)
    box = tab.get_by_role("combobox", name="Subset expression")
    options = tab.get_by_role("listbox", name="Completions").get_by_role("option")
    box.press_sequentially("lab")
    expect(options).to_have_text([re.compile("^label"), re.compile("^label_score")])
    expect(box).to_have_attribute("aria-expanded", "true")
    box.press("ArrowDown")
    expect(options.first).to_have_attribute("aria-selected", "true")
    box.press("Enter")
    expect(box).to_have_value("label")
    box.press_sequentially(" == ")
    expect(options).to_have_count(10)
    box.press("ArrowDown")
    box.press("Tab")
    expect(box).to_have_value("label == 0")
    expect(box).to_be_focused()
    expect(tab.get_by_text(re.compile("^[0-9]+ of 899$"))).to_be_visible()
    box.press_sequentially(" and co")
    expect(options.first).to_contain_text("correct")
    box.press("Escape")
    expect(options).to_have_count(0)
    expect(box).to_have_value(re.compile(" and co$"))
    complaints.clear()  # what is half typed is refused


def test_a_wrong_expression_is_explained_at_its_place(board: str, open_tab: OpenTab, complaints: list[str]) -> None:
    tab = open_tab(board, AT_FIRST)
    tab.get_by_role("combobox", name="Subset expression").fill("lable == 8")
    expect(tab.get_by_text(re.compile("label"), exact=False).filter(has_text="lable").first).to_be_visible()
    complaints.clear()
