"""Effects on margins in the tab say what scikit-learn's ridge says of the files: over the columns, as an order, behind errors."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from playwright.sync_api import Page, expect

from tests.board import tensorboard
from tests.browser.conftest import OpenTab
from tests.browser.links import drawer, link
from tests.browser.reading import elements, eventually, rectangle
from tests.browser.test_detail import Truth, numbers, read, regressed, section
from tests.browser.test_tour import FIRST, SECOND, layer
from tests.torch.effects import Cnn, images, logged, margin

LAYER = "head.relu"
AT = {"run": FIRST, "step": "60", "layers": [LAYER], "detail": LAYER}


def pulls(truth: Truth) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """R², what a unit of each neuron adds to each margin [instances, neurons], the margins, and the class of each label."""
    r2, weights = regressed(truth.values, truth.logits)
    own = truth.labels.astype(int)
    others = truth.logits.copy()
    others[np.arange(len(own)), own] = -np.inf
    best = others.argmax(axis=1)
    return r2, weights[own] - weights[best], truth.logits[np.arange(len(own)), own] - others.max(axis=1), own


def test_effects_stand_over_the_columns_of_the_row_that_is_sorted_by(board: str, open_tab: OpenTab, runs: Path) -> None:
    truth = read(runs / FIRST, LAYER)
    r2, pull, _, own = pulls(truth)
    effect = (pull * (truth.values.mean(axis=0) - truth.values))[own == 8].mean(axis=0)
    tab = open_tab(board, link(**AT, sort={"by": "row", "a": "s:8"}))
    panel = layer(tab, LAYER)
    head = panel.locator(".matrix-effect").first
    expect(head).to_contain_text("est. effect")
    expect(head).to_contain_text(f"R² {r2:.2f}")
    grid = panel.get_by_role("grid")

    def told() -> tuple[int, float]:
        """The neuron under the keyboard, and what the tooltip says of its effect."""
        expect(tab.locator(".matrix-tip")).to_contain_text("estimated effect on the margin of class 8")
        words = tab.locator(".matrix-tip").inner_text()
        match = re.search(r"Neuron (\d+)", words)
        assert match
        return int(match[1]), numbers(words.split("estimated effect on the margin of class 8")[1])[0]

    # By the row's mean.
    grid.focus()
    grid.press("Control+Home")
    grid.press("ArrowRight")
    neuron, value = told()
    assert neuron == truth.values[own == 8].mean(axis=0).argmax()
    assert abs(value - effect[neuron]) < 0.011

    # By effect: the largest first, whichever way it goes.
    tab.get_by_role("button", name=re.compile("Sort neurons by")).click()
    tab.get_by_role("option", name="effect on 8", exact=True).click()
    expect(panel.locator(".matrix-neuron")).to_contain_text("by effect")
    order = np.argsort(-np.abs(effect), kind="stable")
    grid.focus()
    grid.press("Control+Home")
    for place in range(3):
        grid.press("ArrowRight")
        expect(panel.get_by_role("gridcell")).to_contain_text(f"Neuron {order[place]},")
        neuron, value = told()
        assert neuron == order[place]
        assert abs(value - effect[neuron]) < 0.011


def test_in_a_comparison_the_bars_are_those_of_the_first(board: str, open_tab: OpenTab, runs: Path) -> None:
    truth = read(runs / FIRST, LAYER)
    r2, pull, _, own = pulls(truth)
    effect = (pull * (truth.values.mean(axis=0) - truth.values))[own == 8].mean(axis=0)
    order = np.argsort(-np.abs(effect), kind="stable")
    tab = open_tab(board, link(**AT, compare=[SECOND, 60], sort={"by": "effect", "a": "s:8"}))
    panel = layer(tab, LAYER)
    head = panel.locator(".matrix-effect").first
    for mode in ("both", "difference"):
        tab.get_by_role("radio", name=mode).click()
        expect(head).to_contain_text("effect, first")
        expect(head).to_contain_text(f"R² {r2:.2f}")
        grid = panel.get_by_role("grid")
        grid.focus()
        grid.press("Control+Home")
        grid.press("ArrowRight")
        expect(panel.get_by_role("gridcell")).to_contain_text(f"Neuron {order[0]},")
        words = "estimated effect on the margin of class 8 in the first"
        tip = tab.locator(".matrix-tip")
        expect(tip).to_contain_text(words)
        assert abs(numbers(tip.inner_text().split(words)[1])[0] - effect[order[0]]) < 0.011


def test_the_drawer_of_a_subset_lists_the_neurons_behind_its_errors(board: str, open_tab: OpenTab, runs: Path) -> None:
    truth = read(runs / FIRST, LAYER)
    _, pull, margins, own = pulls(truth)
    label = int(np.bincount(own[margins < 0], minlength=10).argmax())
    wrong = (own == label) & (truth.labels != truth.predictions)
    effect = -(pull * truth.values)[wrong].mean(axis=0)
    order = [int(one) for one in np.argsort(-effect, kind="stable") if effect[one] > 0]
    tab = open_tab(board, link(**AT, selection={"kind": "subset", "key": f"s:{label}"}))
    behind = section(tab, re.compile(f"^Behind its {wrong.sum()} error"))
    lines = elements(behind.get_by_role("button"))
    assert 3 <= len(lines) <= len(order)
    right = (own == label) & ~wrong
    for line, neuron in zip(lines, order, strict=False):
        # "Neuron 50, mean 2.70 against 8.85, +0.48"
        wanted = [neuron, truth.values[wrong, neuron].mean(), effect[neuron]]
        found = numbers(line.inner_text())
        np.testing.assert_allclose([found[0], found[1], found[-1]], wanted, rtol=0.02, atol=0.02)
        if right.any():
            np.testing.assert_allclose(found[2], truth.values[right, neuron].mean(), rtol=0.02, atol=0.02)
    expect(behind.locator(".effect-estimated")).to_have_count(len(lines))
    expect(tab.locator(".detail-errors")).to_contain_text("ridge, R²")


@pytest.mark.parametrize("name", [LAYER, "stem"])
def test_all_of_the_legend_is_seen_in_a_narrow_window(
    board: str, open_tab: OpenTab, page: Page, runs: Path, name: str
) -> None:
    """Whether the estimate is reliable or not."""
    truth = read(runs / FIRST, name)
    r2, _ = regressed(truth.values, truth.logits)
    page.set_viewport_size({"width": 1024, "height": 768})
    selection = {"kind": "subset", "key": "s:8"}
    tab = open_tab(board, link(run=FIRST, step="60", layers=[name], detail=name, selection=selection))
    estimate = drawer(tab).locator(".detail-errors .detail-estimate")
    expect(estimate).to_have_text(f"{'ridge' if r2 >= 0.95 else 'unreliable'}, R² {r2:.3f}")

    def is_seen() -> None:
        words, around = rectangle(estimate), rectangle(drawer(tab))
        assert words["y"] + words["height"] <= around["y"] + around["height"]
        assert words["x"] + words["width"] <= around["x"] + around["width"]
        assert words["height"] < 24, "one line"

    eventually(estimate, is_seen)


def test_an_estimate_that_fits_badly_says_so(board: str, open_tab: OpenTab, runs: Path) -> None:
    name = "stem"
    truth = read(runs / FIRST, name)
    r2, _ = regressed(truth.values, truth.logits)
    assert r2 < 0.95
    index = int(np.flatnonzero(truth.labels != truth.predictions)[0])
    at = AT | {"layers": [name], "detail": name}
    selection = {"kind": "instance", "row": index}
    tab = open_tab(board, link(**at, sort={"by": "row", "a": "s:8"}, selection=selection))
    head = layer(tab, name).locator(".matrix-effect .accent").first
    expect(head).to_contain_text(f"R² {r2:.2f}")
    expect(drawer(tab).locator(".detail-estimate")).to_contain_text(f"R² {r2:.3f}")
    expect(drawer(tab).locator(".detail-estimate")).to_have_text(f"unreliable, R² {r2:.3f}")


def test_what_was_tried_is_said_to_be_tried(tmp_path: Path, open_tab: OpenTab) -> None:
    """Beside each estimate stands what the model gave when the neuron was set to its mean over the label's class."""
    torch.manual_seed(5)
    model, (x, y) = Cnn(), images()
    snapshot = logged(tmp_path / "run", model, [(x, y)], layers=["hidden", "head"], effects="tried")
    index = int(snapshot.tried_effects("hidden").rows[0])
    identity = int(snapshot.instances["id"][index].as_py())
    model.eval()
    with torch.no_grad():
        hidden = model.hidden(model.act(model.norm(model.conv(x))).mean((2, 3)))
        mean = hidden[y == y[identity]].mean(dim=0)

        def margin_with(set_to: dict[int, float]) -> float:
            own = hidden[identity].clone()
            for neuron, value in set_to.items():
                own[neuron] = value
            return float(margin(model.head(torch.tanh(own))[None], y[identity : identity + 1])[0])

        with tensorboard(f"--logdir={tmp_path}") as address:
            selection = {"kind": "instance", "row": index}
            tab = open_tab(address, link(run="run", layers=["hidden"], detail="hidden", selection=selection))
            section_of = drawer(tab).locator(".detail-intervals", has_text="Why not")
            expect(section_of).to_contain_text("tried")
            lines = section_of.get_by_role("button")
            chosen = {}
            for line in elements(lines):
                found = numbers(line.inner_text())
                neuron = int(found[0])
                chosen[neuron] = float(mean[neuron])
                change = margin_with({neuron: float(mean[neuron])}) - margin_with({})
                assert abs(found[-1] - change) < 0.02
            together = section(tab, "Together")
            expect(together).to_contain_text("tried in the model while logging")
            before, after = numbers(together.locator("p").first.inner_text())[:2]
            assert abs(before - margin_with({})) < 0.02
            assert abs(after - margin_with(chosen)) < 0.02
