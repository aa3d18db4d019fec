"""Where classes come apart: the sentence above the panels, and the bars in the graph, against scikit-learn on the same folds."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import FrameLocator, Locator, Page, expect

from tensorboard_activis import open_run
from tensorboard_activis.read.snapshot import SnapshotReader
from tests.board import tensorboard
from tests.browser.conftest import OpenTab
from tests.browser.links import link
from tests.browser.reading import rectangle
from tests.browser.recorded import write_tasks
from tests.browser.test_tour import AT_FIRST, FIRST, layer, settled
from tests.query.neurons.test_separation import by_scikit_learn


def node(tab: FrameLocator, key: str) -> Locator:
    return tab.locator(f'[id="graph-{key}"]')


def rung(tab: FrameLocator, name: str) -> Locator:
    """The bar and figure of a layer: its own, or that of the closed module of which it is the last."""
    return tab.locator(f'[data-rung="{name}"]')


def main_confusion(snapshot: SnapshotReader) -> tuple[str, str]:
    label, prediction = (snapshot.instances[name].to_pylist() for name in ("label", "prediction"))
    pairs = Counter((a, b) for a, b in zip(label, prediction, strict=True) if a != b)
    most = max(pairs.values())
    return min((pair for pair, count in pairs.items() if count == most), key=lambda pair: (int(pair[0]), int(pair[1])))


def accuracies(snapshot: SnapshotReader, names: list[str]) -> dict[str, float]:
    """Of each layer, among the instances of these classes."""
    label = np.array(snapshot.instances["label"].to_pylist())
    used = np.isin(label, names)
    groups = np.array([names.index(name) for name in label[used]])
    return {
        name: by_scikit_learn(snapshot.activations(name)[used].astype(np.float64), groups) for name in snapshot.layers
    }


def first_apart(known: dict[str, float], groups: int, n: int) -> str:
    """The first layer within one standard error of the best, for groups of about the same size."""
    best = max(known.values())
    each = n / groups
    share = (best * each + 1) / (each + 2)
    error = np.sqrt(share * (1 - share) / each / groups)
    return next(name for name, accuracy in known.items() if accuracy >= best - error)


@pytest.mark.filterwarnings("ignore:self.within_class_std_dev_")  # of neurons that are never above zero
def test_the_layer_by_which_two_classes_are_apart_in_one_click(board: str, open_tab: OpenTab, runs: Path) -> None:
    snapshot = open_run(runs / FIRST).latest
    own, taken = main_confusion(snapshot)
    known = accuracies(snapshot, [own, taken])
    n = sum(label in (own, taken) for label in snapshot.instances["label"].to_pylist())
    name = first_apart(known, 2, n)
    tab = open_tab(board, AT_FIRST)
    settled(tab)

    # The sentence says it without a click.
    headline = tab.locator(".headline")
    expect(headline).to_contain_text(f"{name} ({known[name]:.0%})")
    # The graph has every class at first.
    legend = tab.get_by_role("region", name="How well layers tell apart")
    expect(legend).to_contain_text("nearest mean, n 899")
    expect(legend).to_contain_text("10 classes")
    expect(legend).to_contain_text("10%")

    # One click: the layer is open, the two classes are A and B, and the graph answers for them.
    headline.get_by_role("button", name=name, exact=True).click()
    expect(layer(tab, name)).to_be_visible()
    expect(legend).to_contain_text(f"{own} from {taken}")
    expect(legend).to_contain_text(f"nearest mean, n {n}")
    expect(legend).to_contain_text("50%")
    for key in ("stem", "block1", "block2", "head.relu", "head.fc2"):
        expect(rung(tab, key)).to_have_text(f"{known[key]:.0%}")
        expect(node(tab, key)).to_have_attribute(
            "aria-description", re.compile(f"{known[key]:.0%} right by the nearest mean, largest g −?\\d")
        )
    # One is bold: that of the sentence, which the graph shows, opening what it lies in.
    bold = tab.locator("[data-rung][data-bold]")
    expect(bold).to_have_count(1)
    expect(bold).to_have_attribute("data-rung", name)
    expect(bold).to_have_text(f"{known[name]:.0%}")
    expect(bold).to_be_in_viewport()


def test_effect_sizes_and_steps(board: str, open_tab: OpenTab, page: Page, runs: Path) -> None:
    run = open_run(runs / FIRST)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/separation" in request.url else None)
    tab = open_tab(board, AT_FIRST + link(sort={"by": "difference", "a": "s:3", "b": "s:8"}))
    settled(tab)
    legend = tab.get_by_role("region", name="How well layers tell apart")
    expect(legend).to_contain_text("3 from 8")
    legend.get_by_role("radio", name="g").click()
    answers = {one.name: one for one in run.latest.separation(["3", "8"]).layers}
    for key in ("stem", "head.fc2"):
        expect(rung(tab, key)).to_have_text(f"{abs(answers[key].effect):.1f}")
    expect(legend).to_contain_text("largest |g|")
    # It is in the address.
    expect(tab.get_by_role("radio", name="g")).to_be_checked()
    assert "p.activis.ladder=effect" in page.url
    legend.get_by_role("radio", name="accuracy").click()

    # Passing over the bars asks nothing; resting on one asks that layer at each step, and says it all.
    before = len(asked)
    boxes = [rectangle(rung(tab, key)) for key in ("stem", "block1", "block2")]
    for box in boxes:  # no `hover`, which looks at each first, so that a slow machine would rest there
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tip = tab.get_by_role("tooltip")
    expect(tip.get_by_role("img", name="Over the steps 20 to 60")).to_be_visible()
    expect(tip).to_contain_text("block2")
    expect(tip).to_contain_text("standard error")
    expect(tip).to_contain_text(re.compile(r"largest g −?\d+\.\d, neuron \d+"))
    assert len(asked) - before == len(run.steps)
    assert all("block2" in address and "stem" not in address for address in asked[before:])

    # A closed module has the figure of its last layer. A click on the bar opens that; another click leaves it open.
    expect(rung(tab, "blocks.2")).to_have_text(f"{answers['blocks.2'].accuracy:.0%}")
    rung(tab, "blocks.2").click()
    expect(layer(tab, "blocks.2")).to_be_visible()
    rung(tab, "blocks.2").click()
    expect(layer(tab, "blocks.2")).to_be_visible()
    page.mouse.move(700, 20)
    expect(tip).to_have_count(0)


@pytest.mark.parametrize("run", ["unlabelled", "regression", "ranking", "multilabel"])
def test_nothing_to_tell_apart(tmp_path: Path, page: Page, open_tab: OpenTab, run: str) -> None:
    write_tasks(tmp_path)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/separation" in request.url else None)
    with tensorboard(f"--logdir={tmp_path}") as address:
        tab = open_tab(address, f"&p.activis.run={run}")
        expect(tab.locator("image[data-strip]").first).to_be_visible()
        expect(tab.locator(".headline")).not_to_be_empty()
        page.wait_for_timeout(1000)
        assert asked == []
        expect(tab.locator("[data-rung]")).to_have_count(0)
        expect(tab.get_by_role("region", name="How well layers tell apart")).to_have_count(0)
