"""What the tab says before anything is clicked: a line in words, clusters, classes with most errors, names of outputs."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, expect

from tensorboard_activis import open_run
from tests.board import tensorboard
from tests.browser.conftest import OpenTab
from tests.browser.links import drawer, link
from tests.browser.reading import filled
from tests.browser.recorded import WORDS, data_of, words
from tests.browser.test_matrix import keyboard_cell
from tests.browser.test_tour import AT_FIRST, FIRST, layer, row, settled
from tests.records import write_run


def test_the_headline_counts_and_leads_to_the_picture(board: str, open_tab: OpenTab, runs: Path) -> None:
    table = open_run(runs / FIRST).snapshot(60).instances
    label, prediction = (table[name].to_pylist() for name in ("label", "prediction"))
    pairs = Counter((a, b) for a, b in zip(label, prediction, strict=True) if a != b)
    most = max(pairs.values())
    (own, taken) = min(
        (pair for pair, count in pairs.items() if count == most), key=lambda pair: (int(pair[0]), int(pair[1]))
    )
    tab = open_tab(board, AT_FIRST)
    settled(tab)
    headline = tab.locator(".headline")
    expect(headline).to_contain_text(f"{own} is taken for {taken} in {most} of {label.count(own)}")
    headline.get_by_role("button", name=f"{most} of {label.count(own)}").first.click()
    # The cell's instances are picked, in the confusion matrix and everywhere.
    expect(tab.get_by_role("radio", name="Confusion")).to_be_checked()
    expect(tab.get_by_text(f"{most} picked").first).to_be_visible()
    expect(tab.get_by_text(re.compile(rf"^{own} → {taken}"))).to_be_visible()
    # What tells the two apart is said after it.
    expect(headline).to_contain_text(
        re.compile(r"They are (apart by|furthest apart in) \S+ \(\d+%\)|No layer tells them apart")
    )


def test_outputs_have_the_names_of_classes(board: str, open_tab: OpenTab, page: Page, runs: Path) -> None:
    page.add_init_script(WORDS)
    tab = open_tab(board, AT_FIRST + link(sort={"by": "index"}))
    settled(tab)
    outputs, hidden = layer(tab, "head.fc2"), layer(tab, "head.relu")
    expect(outputs.locator(".matrix-neuron")).to_have_text("class")
    expect(hidden.locator(".matrix-neuron")).to_have_text("neuron")
    assert set("0123456789") <= set(words(outputs.locator(".matrix-body")))
    expect(keyboard_cell(outputs, 3)).to_contain_text("Output for 3, 0, mean")
    expect(tab.get_by_role("tooltip")).to_contain_text("Output for 3 · class 0 · mean")
    outputs.get_by_role("grid").press("Enter")
    expect(drawer(tab).get_by_role("heading", name="Output for 3")).to_be_visible()
    expect(keyboard_cell(hidden, 3)).to_contain_text("Neuron 3, 0, mean")


def test_the_drawer_opens_on_the_layer_before_the_outputs(board: str, open_tab: OpenTab) -> None:
    tab = open_tab(board, AT_FIRST)
    settled(tab)
    expect(drawer(tab).get_by_role("button", name="Layer of the detail: head.relu")).to_be_visible()
    expect(tab.get_by_role("button", name="Sort neurons by: clusters")).to_be_visible()


def test_many_classes_stand_by_their_errors(tmp_path: Path, open_tab: OpenTab) -> None:
    # 32 classes, of which two have no instances; the first 37 of 120 instances are wrong: two each of 7 classes, one of 23.
    labels = np.arange(120) % 30
    predicted = np.where(np.arange(120) < 37, (labels + 1) % 30, labels)
    names = [f"kind {index}" for index in range(32)]
    write_run(tmp_path / "logs" / "many", data_of(labels, np.eye(32)[predicted] * 9), class_names=names, sample=None)
    wrong = Counter(f"kind {index % 30}" for index in range(37))
    with tensorboard(f"--logdir={tmp_path / 'logs'}") as board:
        tab = open_tab(board)
        panel = tab.get_by_role("region", name=re.compile("^Layer ")).last
        expect(row(panel, "kind 6")).to_be_visible()
        shown = filled(panel.locator(".matrix-row")).evaluate_all("rows => rows.map(row => row.dataset.row.slice(2))")
        assert shown[:7] == [f"kind {index}" for index in range(7)]
        assert [wrong[name] for name in shown] == sorted((wrong[name] for name in shown), reverse=True)
        # The two without instances are the last ones, whatever the order.
        expect(panel.get_by_role("grid")).to_have_attribute("aria-rowcount", "32")
        tab.get_by_role("button", name=re.compile("^label 32 classes")).click()
        expect(tab.get_by_role("option", name="Most errors first")).to_be_visible()
        tab.get_by_role("option", name="The classes’ own order").click()
        grid = panel.get_by_role("grid")
        grid.focus()
        grid.press("Control+End")
        expect(row(panel, "kind 31")).to_be_visible()
        expect(panel.locator(".matrix-row").last).to_have_attribute("data-row", "s:kind 31")
