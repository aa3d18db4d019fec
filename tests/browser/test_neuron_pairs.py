"""Two runs whose neurons have no common order: each stands beside the one that it correlates with, and it is said."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import FrameLocator, Page, expect

from tensorboard_activis import open_run
from tests.board import tensorboard
from tests.browser.conftest import OpenTab
from tests.browser.links import link
from tests.browser.test_comparison import told
from tests.browser.test_matrix import short
from tests.browser.test_tour import layer
from tests.records import Data, small_data, write_run

STEM = "stem/relu"


@pytest.fixture(scope="module")
def shuffled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """Three runs of the same 60 instances; in the second the first's neurons are moved by one, in the third they stay."""
    log_dir = tmp_path_factory.mktemp("shuffled")
    data = small_data(60)
    stem = np.random.default_rng(0).normal(1, 1, data.activations[STEM].shape).astype(np.float32)
    noise = np.random.default_rng(1).normal(scale=0.1, size=stem.shape).astype(np.float32)
    for name, own in (("one", stem), ("moved", np.roll(stem, 1, axis=1) * 2 + noise), ("noisy", stem + noise)):
        activations = {**data.activations, STEM: own}
        write_run(log_dir / name, Data(data.ids, data.images, data.labels, data.logits, activations), (3,))
    with tensorboard(f"--logdir={log_dir}") as address:
        yield log_dir, address


def opened(open_tab: OpenTab, board: str, other: str, **state: object) -> FrameLocator:
    chosen = {"layers": [STEM], "rows": [["s", "bee"], ["s", "ant"]], "sort": {"by": "index"}}
    return open_tab(board, link(run="one", compare=[other, None], **(chosen | state)))


def test_paired_by_correlation_or_by_number(shuffled: tuple[Path, str], open_tab: OpenTab, page: Page) -> None:
    log_dir, board = shuffled
    one, moved = (open_run(log_dir / name).latest for name in ("one", "moved"))
    here, there = (each.activations(STEM).astype(float) for each in (one, moved))
    neurons = here.shape[1]
    correlations = np.corrcoef(here.T, there.T)[:neurons, neurons:]
    partner = (2 + 1) % neurons
    assert correlations[2].argmax() == partner
    mean = {run: each.summary(STEM).mean[each.summary(STEM).subsets.index("bee")] for run, each in
            (("one", one), ("moved", moved))}  # fmt: skip

    tab = opened(open_tab, board, "moved")
    panel = layer(tab, STEM)
    median = np.median([correlations[neuron, (neuron + 1) % neurons] for neuron in range(neurons)])
    expect(panel.get_by_role("group", name=re.compile("^lower half: moved, "))).to_have_accessible_name(
        re.compile(f"paired by correlation, r {median:.2f}")
    )
    tip = told(page, tab, panel, "s:bee", 2, neurons)
    expect(tip).to_contain_text(f"Neuron 2 · class bee · mean {short(mean['one'][2])}")
    said = f"moved, step 3: n{partner}, r {correlations[2, partner]:.2f} · mean {short(mean['moved'][partner])}"
    expect(tip).to_contain_text(said)

    # By number, if somebody wants that; the address remembers it.
    panel.get_by_role("button", name="Compare neurons of the same number").click()
    tip = told(page, tab, panel, "s:bee", 2, neurons)
    expect(tip).to_contain_text(f"moved, step 3: mean {short(mean['moved'][2])}")
    assert "pairs=index" in page.url
    expect(panel.get_by_role("group", name=re.compile("in the order of their numbers"))).to_be_visible()
    panel.get_by_role("button", name="Pair neurons that are correlated").click()
    assert "pairs=index" not in page.url


def test_the_drawer_shows_the_partner(shuffled: tuple[Path, str], open_tab: OpenTab) -> None:
    log_dir, board = shuffled
    one, moved = (open_run(log_dir / name).latest for name in ("one", "moved"))
    neuron = {"kind": "neuron", "layer": STEM, "neuron": 1}
    tab = opened(open_tab, board, "moved", selection=neuron)
    drawer = tab.get_by_role("region", name="Detail")
    r = np.corrcoef(one.activations(STEM)[:, 1].astype(float), moved.activations(STEM)[:, 2].astype(float))[0, 1]
    expect(drawer).to_contain_text(f"in moved: n2, r {r:.2f}")
    its = drawer.get_by_role("region", name="Distribution per row in moved")
    subsets = moved.summary(STEM)
    expect(its).to_contain_text(short(subsets.mean[subsets.subsets.index("bee"), 2]))


def test_the_same_neurons_stay_in_their_order(shuffled: tuple[Path, str], open_tab: OpenTab) -> None:
    tab = opened(open_tab, shuffled[1], "noisy", selection={"kind": "neuron", "layer": STEM, "neuron": 1})
    about = layer(tab, STEM).get_by_role("group", name=re.compile("^lower half: noisy, same neurons in both, r "))
    expect(about).to_be_visible()
    expect(tab.get_by_role("region", name="Detail")).to_contain_text("the same neuron in both runs, r ")

    # What is of a class is not asked for.
    tab = opened(open_tab, shuffled[1], "noisy", layers=["head"])
    panel = layer(tab, "head")
    expect(panel.get_by_role("group", name=re.compile("^lower half: noisy, (?!same)"))).to_be_visible()
    expect(panel.get_by_role("button", name="Compare neurons of the same number")).to_have_count(0)
