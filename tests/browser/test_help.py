"""The handles A and B on rows, the hover of a pointer that rests, terms that explain themselves, and the help sheet."""

import re
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, expect

from tensorboard_activis import open_run
from tests.browser.conftest import OpenTab
from tests.browser.links import link
from tests.browser.reading import rectangle
from tests.browser.test_matrix import keyboard_cell
from tests.browser.test_tour import AT_FIRST, FIRST, layer, row, settled


def test_two_rows_are_compared_in_two_clicks(board: str, open_tab: OpenTab, runs: Path) -> None:
    tab = open_tab(board, AT_FIRST)
    settled(tab)
    panel = layer(tab, "head.relu")
    expect(tab.get_by_role("button", name="Sort neurons by: clusters")).to_be_visible()
    expect(panel.locator(".matrix-pick")).to_have_count(0)

    # B waits for A, which is said, and a click on it does nothing.
    row(panel, "8").hover()
    letters = panel.locator(".matrix-pick")
    expect(letters).to_have_text(["A", "B"])
    expect(letters.nth(1)).to_have_attribute("title", "Choose A first, on another row")
    letters.nth(1).click(force=True)
    expect(row(panel, "8")).to_have_accessible_name(re.compile("^8, n"))

    letters.nth(0).click()
    expect(tab.get_by_role("button", name="Sort neurons by: 8")).to_be_visible()
    row(panel, "1").hover()
    row(panel, "1").locator(".matrix-pick").nth(1).click()
    expect(tab.get_by_role("button", name="Sort neurons by: effect size 8 − 1")).to_be_visible()
    for name in ("head.relu", "head.fc2"):
        expect(row(layer(tab, name), "8")).to_have_accessible_name(re.compile("^8, A"))
        expect(row(layer(tab, name), "1")).to_have_accessible_name(re.compile("^1, B"))
    # What tells them apart most comes first.
    summary = open_run(runs / FIRST).snapshot(60).summary("head.fc2")
    a, b = (summary.subsets.index(name) for name in ("8", "1"))
    pooled = np.sqrt((summary.std[a] ** 2 + summary.std[b] ** 2) / 2)
    first = int(np.argmax((summary.mean[a] - summary.mean[b]) / pooled))
    expect(keyboard_cell(layer(tab, "head.fc2"))).to_contain_text(re.compile(rf"^Output for {first}, 0, mean"))


def test_hover_is_that_of_the_row_under_a_resting_pointer(board: str, open_tab: OpenTab, page: Page) -> None:
    tab = open_tab(board, AT_FIRST + link(sort={"by": "row", "a": "s:5"}))
    settled(tab)
    panel = layer(tab, "head.relu")
    box = rectangle(row(panel, "5"))
    x, y = box["x"] + 6, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    expect(panel.locator(".matrix-row.lit")).to_have_attribute("data-row", "s:5")
    expect(panel).to_contain_text("est. effect")
    # A click takes the order back; the bars go, the rows move up, and another one is now where the pointer rests.
    page.mouse.down()
    page.mouse.up()
    expect(panel).not_to_contain_text("est. effect")
    expect(panel.locator(".matrix-row.lit")).not_to_have_attribute("data-row", "s:5")
    key = panel.locator(".matrix-row.lit").get_attribute("data-row") or ""
    own = rectangle(panel.locator(f'.matrix-row[data-row="{key}"]'))
    assert own["y"] <= y < own["y"] + own["height"]


def test_help_has_keys_marks_and_terms(board: str, open_tab: OpenTab, page: Page) -> None:
    tab = open_tab(board, AT_FIRST)
    settled(tab)
    sheet = tab.get_by_role("complementary", name="Help")
    expect(sheet).to_have_count(0)
    tab.get_by_role("heading", name="Instances", exact=True).click()
    page.keyboard.press("?")
    expect(sheet).to_be_visible()
    for heading in ("In the matrix", "What the marks mean", "Three questions to start with", "Terms"):
        expect(sheet.get_by_role("heading", name=heading)).to_be_visible()
    search = sheet.get_by_role("textbox", name="Search the help")
    expect(search).to_be_focused()
    search.fill("AUC")
    expect(sheet.locator("[data-entry]")).to_have_count(1)
    expect(sheet.locator("[data-entry]")).to_contain_text("area under the ROC curve")
    search.press("Escape")
    expect(sheet).to_have_count(0)

    # In the expression box it is a character.
    page.keyboard.press("/")
    box = tab.get_by_role("combobox", name="Subset expression")
    expect(box).to_be_focused()
    box.press("?")
    expect(sheet).to_have_count(0)
    box.fill("")


def test_a_term_explains_itself_and_leads_to_all_terms(board: str, open_tab: OpenTab, page: Page) -> None:
    tab = open_tab(board, AT_FIRST)
    settled(tab)
    layer(tab, "head.relu").locator(".matrix-legend [data-term='z over the rows']").hover()
    tip = tab.get_by_role("tooltip").filter(has_text="z over the rows")
    expect(tip).to_contain_text("in standard deviations of the rows")
    # It stays while the pointer goes to its link.
    tip.get_by_role("button", name="All terms").hover()
    page.wait_for_timeout(600)
    tip.get_by_role("button", name="All terms").click()
    entry = tab.get_by_role("complementary", name="Help").locator("[data-entry='z over the rows']")
    expect(entry).to_be_in_viewport()
    expect(tip).to_have_count(0)
    # The drawer measures something else, and calls that otherwise.
    tab.get_by_role("button", name="Close the help").click()
    expect(tab.locator("[data-term='effect on the margin']").first).to_be_visible()


def test_sort_and_colour_are_named_in_the_bar_at_1280(board: str, open_tab: OpenTab, page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    tab = open_tab(board, AT_FIRST)
    settled(tab)
    for words in ("Sort by", "Colour by"):
        expect(tab.locator(".rows-bar").get_by_text(words, exact=True)).to_be_visible()
    page.set_viewport_size({"width": 1920, "height": 900})
    row(layer(tab, "head.relu"), "8").click()
    expect(layer(tab, "head.relu").locator(".matrix-legend")).to_contain_text("sorted by mean, coloured by z")
    expect(layer(tab, "head.fc2").locator(".matrix-differs")).to_have_count(0)
