"""Subsets from expressions, lasso, table, confusion and a brushed distribution; named, coloured, combined, in the link."""

import re
from pathlib import Path

import numpy as np
from playwright.sync_api import FrameLocator, Locator, Page, expect

from tensorboard_activis import open_run
from tests.browser.conftest import OpenTab
from tests.browser.reading import rectangle
from tests.browser.test_tour import AT_FIRST, FIRST, layer, row, settled


def grid(tab: FrameLocator) -> Locator:
    return layer(tab, "head.fc2").get_by_role("grid")


def count(name: str) -> re.Pattern[str]:
    return re.compile(rf"^{re.escape(name)}.*, n (\d+)$")


def add_picked(tab: FrameLocator) -> None:
    tab.get_by_role("region", name="Instances", exact=True).get_by_role("button", name="Add as row").click()


def test_edited_combined_and_in_the_link(board: str, open_tab: OpenTab, page: Page, runs: Path) -> None:
    snapshot = open_run(runs / FIRST).snapshot(60)
    tab = open_tab(board, AT_FIRST)
    settled(tab)
    box = tab.locator("[aria-label='Subset expression']")
    box.fill("score < 0.5")
    expect(tab.get_by_text(f"{snapshot.where('score < 0.5').sum()} of 899")).to_be_visible()
    box.press("Enter")

    # Renamed, made of other words, combined with a class: one row all the while, of one colour, in every panel.
    tab.get_by_role("button", name="Menu of score < 0.5").click()
    tab.get_by_role("option", name="Edit or combine").click()
    editor = tab.get_by_role("dialog", name="Edit the subset")
    editor.get_by_role("textbox", name="Condition").fill("score < 0.4")
    editor.get_by_role("button", name="Combine with").click()
    tab.get_by_role("option", name="8", exact=True).click()
    expect(editor.get_by_role("textbox", name="Condition")).to_have_value("score < 0.4 and label == 8")
    editor.get_by_role("textbox", name="Name").fill("unsure eights")
    editor.get_by_role("radio", name="Colour 15").click()
    both = int(snapshot.where("score < 0.4 and label == 8").sum())
    expect(editor.get_by_text(f"{both} of 899")).to_be_visible()
    editor.get_by_role("button", name="Change").click()
    for name in ("head.relu", "head.fc2"):
        expect(layer(tab, name).get_by_role("rowheader", name=f"unsure eights, n {both}")).to_be_visible()

    # The rest of it.
    row(layer(tab, "head.fc2"), "unsure eights").click(button="right")
    tab.get_by_role("option", name="Add the rest as a row").click()
    expect(grid(tab).get_by_role("rowheader", name=f"not unsure eights, n {899 - both}")).to_be_visible()

    # The link brings all of it back, with its colour.
    colour = "element => getComputedStyle(element.querySelector('.swatch')).backgroundColor"
    before = row(layer(tab, "head.fc2"), "unsure eights").evaluate(colour)
    page.wait_for_url(re.compile("unsure"))
    page.reload()
    again = row(layer(tab, "head.fc2"), "unsure eights")
    expect(again).to_be_visible()
    assert again.evaluate(colour) == before

    # Another step: the same subset, of those that it is true for there.
    tab.get_by_role("slider", name="Training step").press("Home")
    there = int(open_run(runs / FIRST).snapshot(20).where("score < 0.4 and label == 8").sum())
    expect(grid(tab).get_by_role("rowheader", name=f"unsure eights, n {there}")).to_be_visible()


def test_from_a_brushed_distribution(board: str, open_tab: OpenTab, page: Page, runs: Path) -> None:
    tab = open_tab(
        board,
        AT_FIRST + "&p.activis.selection=%7B%22kind%22:%22neuron%22,%22layer%22:%22head.relu%22,%22neuron%22:3%7D",
    )
    settled(tab)
    plot = tab.locator(".detail-brushed")
    box = rectangle(plot)
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + 30, steps=4)
    page.mouse.up()
    add_picked(tab)
    header = grid(tab).get_by_role("rowheader", name=count("neuron 3 "))
    expect(header).to_be_visible()

    # Its expression says what was brushed, and its number is that of the instances between the ends.
    header.click(button="right")
    tab.get_by_role("option", name="Edit or combine").click()
    expression = tab.get_by_role("dialog").get_by_role("textbox", name="Condition").input_value()
    ends = re.fullmatch(r'(\S+) <= neuron\("head\.relu", 3\) < (\S+)', expression)
    assert ends, expression
    values = open_run(runs / FIRST).snapshot(60).activations("head.relu")[:, 3].astype(np.float64)
    inside = int(((values >= float(ends[1])) & (values < float(ends[2]))).sum())
    assert inside > 0
    expect(header).to_have_accessible_name(re.compile(rf", n {inside}$"))


def test_from_a_confusion_cell_at_every_step(board: str, open_tab: OpenTab, runs: Path) -> None:
    snapshot = open_run(runs / FIRST).snapshot(60)
    label, prediction = (snapshot.instances[name].to_pylist() for name in ("label", "prediction"))
    first, second = min((int(a), int(b)) for a, b in zip(label, prediction, strict=True) if a != b)
    tab = open_tab(board, AT_FIRST)
    settled(tab)
    tab.get_by_role("radio", name="Confusion").click()
    box = tab.get_by_role("application", name=re.compile("^Label by prediction"))
    for key in ["ArrowRight"] * (second + 1) + ["ArrowDown"] * first + ["Enter"]:
        box.press(key)
    pair = f"label == {first} and prediction == {second}"
    expected = sum(str(a) == str(first) and str(b) == str(second) for a, b in zip(label, prediction, strict=True))
    add_picked(tab)
    name = f"{first} → {second}"
    expect(grid(tab).get_by_role("rowheader", name=f"{name}, n {expected}")).to_be_visible()
    tab.get_by_role("slider", name="Training step").press("Home")
    there = int(open_run(runs / FIRST).snapshot(20).where(pair).sum())
    expect(grid(tab).get_by_role("rowheader", name=f"{name}, n {there}")).to_be_visible()


def test_from_a_lasso_and_from_the_table(board: str, open_tab: OpenTab, page: Page) -> None:
    tab = open_tab(board, AT_FIRST)
    settled(tab)
    box = rectangle(tab.locator(".projection-plot").first)
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    for x, y in ((0.9, 0.1), (0.9, 0.9), (0.1, 0.9)):
        page.mouse.move(box["x"] + box["width"] * x, box["y"] + box["height"] * y, steps=4)
    page.mouse.up()
    picked = tab.get_by_text(re.compile(r"^\d+ picked$")).first
    number = picked.inner_text().split()[0]
    add_picked(tab)
    expect(grid(tab).get_by_role("rowheader", name=f"lasso, n {number}")).to_be_visible()

    tab.get_by_role("radio", name="Table").click()
    marks = tab.get_by_role("grid", name="Instances").get_by_role("checkbox")
    for place in (0, 2, 3):
        marks.nth(place).click()
    expect(tab.get_by_text("3 picked").first).to_be_visible()
    add_picked(tab)
    expect(grid(tab).get_by_role("rowheader", name="table, n 3")).to_be_visible()
