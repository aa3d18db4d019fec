"""What people come for, in clicks from the tab as it opens; each ends on a figure that says the answer, which numpy confirms."""

import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import FrameLocator, Page, expect

from tensorboard_activis import open_run
from tests.browser.conftest import EPOCHS, OpenTab
from tests.browser.reading import rectangle
from tests.browser.test_comparison_views import became
from tests.browser.test_detail import check_error, hedges, numbers, read
from tests.browser.test_ladder import accuracies, first_apart, main_confusion, rung
from tests.browser.test_matrix import keyboard_cell
from tests.browser.test_tour import AT_FIRST, FIRST, SECOND, layer, row, settled

#: Every press of a mouse button counts, the right one's too.
COUNT_CLICKS = """
if (location.search.includes("name=activis")) {
  globalThis.clicks = 0;
  addEventListener("pointerdown", (event) => void (event.isTrusted && globalThis.clicks++), true);
}
"""
LAYER = "head.relu"


@pytest.fixture
def tab(board: str, open_tab: OpenTab, page: Page) -> FrameLocator:
    """The tab as it opens, which counts clicks."""
    page.add_init_script(COUNT_CLICKS)
    tab = open_tab(board, AT_FIRST)
    settled(tab)
    return tab


def clicks(tab: FrameLocator) -> int:
    return int(tab.locator("body").evaluate("() => clicks"))


def check_difference(tab: FrameLocator, values: np.ndarray, ours: np.ndarray, theirs: np.ndarray) -> None:
    """The first column is the neuron of the largest effect size of two groups, bool [instances], and says it."""
    usable = values[ours].std(axis=0) + values[theirs].std(axis=0) > 0
    effects = np.array(
        [hedges(values[ours, i], values[theirs, i]) if usable[i] else -np.inf for i in range(values.shape[1])]
    )
    best = int(np.argmax(effects))
    expect(keyboard_cell(layer(tab, LAYER))).to_contain_text(f"Neuron {best}, ")
    tip = tab.get_by_role("tooltip")
    expect(tip).to_contain_text("effect size")
    # It is written with one decimal.
    assert abs(numbers(tip.inner_text().partition("effect size")[2])[0] - effects[best]) < 0.051


def test_what_tells_one_class_from_another_takes_two_clicks(tab: FrameLocator, runs: Path) -> None:
    for name, letter in (("8", 0), ("1", 1)):
        row(layer(tab, LAYER), name).hover()
        row(layer(tab, LAYER), name).locator(".matrix-pick").nth(letter).click()
    expect(tab.get_by_role("button", name="Sort neurons by: effect size 8 − 1")).to_be_visible()
    assert clicks(tab) == 2

    truth = read(runs / FIRST, LAYER)
    check_difference(tab, truth.values, truth.labels == "8", truth.labels == "1")


def test_why_one_is_wrong_takes_one_click(tab: FrameLocator, runs: Path) -> None:
    truth = read(runs / FIRST, LAYER)
    entry = tab.get_by_role("listbox", name="Wrong").get_by_role("option").nth(1)
    wrong = next(i for i, name in enumerate(truth.ids) if f"#{name}" in entry.inner_text().split())
    entry.click()
    # What its neighbours are, why it is not of its class (z of neurons), why of the other (z and effect sizes).
    check_error(tab, truth, wrong)
    assert clicks(tab) == 1


def test_a_typed_subset_against_its_class_takes_two_clicks(tab: FrameLocator, runs: Path) -> None:
    truth, panel = read(runs / FIRST, LAYER), layer(tab, LAYER)
    whole = truth.labels == "3"
    limit = round(float(np.median(truth.scores[whole])), 3)
    text = f"label == 3 and score < {limit}"
    box = tab.get_by_role("combobox", name="Subset expression")
    box.click()
    box.press_sequentially(text)
    expect(row(panel, "typed")).to_be_visible()
    # Without an A, a class that is made B is compared with what is typed, which becomes a row.
    row(panel, "3").hover()
    row(panel, "3").locator(".matrix-pick").nth(1).click()
    expect(tab.get_by_role("button", name=f"Sort neurons by: effect size {text} − 3")).to_be_visible()
    expect(panel.get_by_role("grid")).to_have_attribute("aria-rowcount", "11")
    expect(box).to_have_value("")
    assert clicks(tab) == 2

    part = whole & (truth.scores < limit)
    assert 1 < part.sum() < whole.sum()
    check_difference(tab, truth.values, part, whole)


@pytest.mark.filterwarnings("ignore:self.within_class_std_dev_")  # of neurons that are never above zero
def test_the_layer_where_two_classes_come_apart_takes_one_click(tab: FrameLocator, runs: Path) -> None:
    snapshot = open_run(runs / FIRST).latest
    pair = list(main_confusion(snapshot))
    known = accuracies(snapshot, pair)
    name = first_apart(known, 2, sum(label in pair for label in snapshot.instances["label"].to_pylist()))
    tab.locator(".headline").get_by_role("button", name=name, exact=True).click()
    expect(layer(tab, name)).to_be_visible()
    expect(rung(tab, name)).to_have_attribute("data-bold", "true")
    assert clicks(tab) == 1

    # With its accuracy, which no layer before it reaches.
    expect(rung(tab, name)).to_have_text(f"{known[name]:.0%}")
    before = list(known)[: list(known).index(name)]
    assert all(known[other] < known[name] for other in before)


def test_a_class_over_training_takes_two_clicks(tab: FrameLocator, runs: Path) -> None:
    panel = layer(tab, LAYER)
    row(panel, "8").click()
    panel.get_by_role("button", name="Spread a row over the steps").click()
    strip = panel.get_by_role("region", name=f"8 over the steps in {LAYER}")
    expect(strip.get_by_role("img")).to_have_attribute("aria-label", re.compile(f"neurons by {EPOCHS} steps"))
    assert clicks(tab) == 2

    # Sorted by the class, its strongest neuron is the first column; a line for each step says its mean.
    ground = strip.locator(".matrix-strip-cells")
    box, left = rectangle(ground), rectangle(row(panel, "8"))
    run = open_run(runs / FIRST)
    for position, step in enumerate(run.steps):
        snapshot = run.snapshot(step)
        means = snapshot.activations(LAYER)[snapshot.where("label == 8")].astype(np.float64).mean(axis=0)
        if position == 0:
            best = int(np.argmax(run.latest.activations(LAYER)[run.latest.where("label == 8")].mean(axis=0)))
        ground.hover(
            position={"x": left["x"] + left["width"] - box["x"] + 4, "y": (position + 0.5) * box["height"] / EPOCHS}
        )
        tip = tab.get_by_role("tooltip")
        expect(tip).to_contain_text(f"Neuron {best} · 8 at step {step} · mean ")
        assert abs(numbers(tip.inner_text().partition("mean")[2])[0] - means[best]) < 0.006


def test_what_two_runs_differ_in_takes_two_clicks(tab: FrameLocator, runs: Path) -> None:
    tab.get_by_role("button", name="Compare with").click()
    tab.get_by_role("option", name=SECOND).click()
    one, other = (open_run(runs / name).latest for name in (FIRST, SECOND))
    pane = tab.get_by_role("region", name="Instances", exact=True)
    for name, members in became(one, other).items():
        expect(pane.get_by_role("region", name=name, exact=True)).to_contain_text(f"{name} {len(members):,}")
    assert clicks(tab) == 2

    right = [np.equal(*(each.instances[name].to_pylist() for name in ("label", "prediction"))) for each in (one, other)]
    shares = [100 * float(np.mean(each)) for each in right]
    expect(tab.locator(".toolbar-metric")).to_contain_text(f"accuracy {shares[0]:.1f} against {shares[1]:.1f}%")
