"""Comparison: an instance against a subset, two layers, two runs, two steps; and what the other run has not."""

import math
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import FrameLocator, Locator, Page, expect

from tensorboard_activis import open_run
from tests.board import tensorboard
from tests.browser.conftest import OpenTab
from tests.browser.links import link
from tests.browser.test_matrix import CLASSES, LAYERS, cell, choose, point, readable, short, state
from tests.browser.test_tour import FIRST, SECOND, layer, row, settled
from tests.records import Data, small_data, write_run


def told(page: Page, tab: FrameLocator, panel: Locator, key: str, place: int, neurons: int) -> Locator:
    """The tooltip of a cell; the pointer has come from elsewhere."""
    page.mouse.move(2, 2)
    point(page, cell(panel, key, place, neurons))
    return tab.get_by_role("tooltip")


def against(own: np.ndarray, mean: np.ndarray, std: np.ndarray, count: int) -> np.ndarray:
    """Hedges' g of one instance against a set; infinite where the set does not spread, but the instance lies elsewhere."""
    degrees = count - 1
    pooled = np.sqrt(count * std**2 / degrees)
    factor = math.exp(math.lgamma(degrees / 2) - math.lgamma((degrees - 1) / 2)) / math.sqrt(degrees / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(own == mean, 0, (own - mean) / pooled * factor)


def test_an_instance_against_its_class_in_two_layers(board: str, open_tab: OpenTab, page: Page, runs: Path) -> None:
    here, there = (open_run(runs / name).snapshot(60) for name in (FIRST, SECOND))
    tab = open_tab(board, state(layers=LAYERS))
    settled(tab)
    tab.get_by_role("listbox", name="Wrong").get_by_role("option").first.click()
    key = layer(tab, LAYERS[0]).locator('.matrix-row[data-row^="i:"]').get_attribute("data-row") or ""
    index = int(key[2:])
    identity, label = (here.instances[name][index].as_py() for name in ("id", "label"))
    row(layer(tab, LAYERS[0]), f"#{identity}").click()
    expect(layer(tab, LAYERS[0]).locator(".matrix-effect").first).to_be_visible()  # the bars of effects move the rows
    row(layer(tab, LAYERS[0]), str(label)).click(modifiers=["Shift"])

    # The rule is one, the order is each layer's own: what sets the instance off most from its class comes first.
    for name in LAYERS:
        panel, summary = layer(tab, name), here.summary(name)
        position = summary.subsets.index(str(label))
        mean, std = (values[position].astype(float) for values in (summary.mean, summary.std))
        own = here.activations(name)[index].astype(float)
        effect = against(own, mean, std, int(np.ravel(summary.count[position])[0]))
        order = np.argsort(-effect, kind="stable")
        expect(panel).to_contain_text(f"#{identity} − {label}")
        for place in (0, 1, len(own) - 1):
            neuron = int(order[place])
            tip = told(page, tab, panel, key, place, len(own))
            called = f"Output for {neuron}" if name == "head.fc2" else f"Neuron {neuron}"
            expect(tip).to_contain_text(f"{called} · #{identity} · {short(own[neuron])}")
            expect(tip).to_contain_text(f"class {label}: mean {short(mean[neuron])}")
            if abs(effect[neuron]) < 100:
                expect(tip).to_contain_text(
                    f"effect size {effect[neuron]:.1f}".replace("-", "−").replace("−0.0", "0.0")
                )

    # Beside it the same instance in the other run, in the order of this one.
    choose(tab, "Compare with", SECOND)
    panel = layer(tab, "head.fc2")
    expect(panel.get_by_role("group", name=re.compile(f"^lower half: {SECOND}"))).to_be_visible()
    panel.get_by_role("grid").scroll_into_view_if_needed()
    its = there.activations("head.fc2")[there.index_of(identity)].astype(float)
    tip = told(page, tab, panel, key, 0, len(its))
    first = int(order[0])
    expect(tip).to_contain_text(f"{SECOND}, step 60: mean {short(its[first])} · difference")


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """Two runs, of which the second saw 13 of the 17 instances, kept 9 and has no subset "few", on a board of their own."""
    log_dir = tmp_path_factory.mktemp("uneven")
    data = small_data()
    seen = {name: values[4:] for name, values in data.activations.items()}
    write_run(log_dir / "one", data, (3,), subsets={"few": "score < 0.6"})
    later = Data(data.ids[4:], data.images[4:], data.labels[4:], data.logits[4:], seen)
    write_run(log_dir / "two", later, (3,), sample=9)
    with tensorboard(f"--logdir={log_dir}") as address:
        yield log_dir, address


def test_the_other_run_kept_other_instances(uneven: tuple[Path, str], open_tab: OpenTab, page: Page) -> None:
    log_dir, board = uneven
    one, two = (open_run(log_dir / name).latest for name in ("one", "two"))
    ids, others = (each.instances["id"].to_pylist() for each in (one, two))
    shared = next(place for place in range(17) if ids[place] in others and others.index(ids[place]) != place)
    alone = next(place for place in range(17) if ids[place] not in others)
    rows = [["i", shared], ["i", alone], ["s", "few"], ["s", "bee"]]
    tab = open_tab(board, link(run="one", layers=["head"], compare=["two", None], rows=rows, sort={"by": "index"}))
    panel = layer(tab, "head")
    expect(panel.get_by_role("group", name=re.compile("^lower half: two"))).to_be_visible()
    its = float(two.activations("head")[others.index(ids[shared]), 1])
    own = float(one.activations("head")[shared, 1])
    difference = f"{own - its:+.2f}".replace("-", "−")
    tip = told(page, tab, panel, f"i:{shared}", 1, 3)
    expect(tip).to_contain_text(f"Output for bee · #{ids[shared]} · {short(own)}")
    expect(tip).to_contain_text(re.compile(rf"two, step 3: mean {short(its)} · difference [+−]?{difference[1:]}"))
    for missing in (f"i:{alone}", "s:few"):
        expect(told(page, tab, panel, missing, 1, 3)).to_contain_text("two, step 3: no such instances")
    tab.get_by_role("radio", name="difference").click()
    expect(panel.get_by_role("group", name=re.compile("^minus two"))).to_be_visible()
    expect(told(page, tab, panel, f"i:{shared}", 1, 3)).to_contain_text(f"mean {short(its)}")


def test_a_part_of_what_was_seen_says_so(uneven: tuple[Path, str], open_tab: OpenTab, page: Page) -> None:
    log_dir, board = uneven
    two = open_run(log_dir / "two").latest
    inside = two.where("score > 0.5")
    values = two.activations("head")[inside, 2].astype(float)
    assert 1 < len(values) < 9
    rows = [["e", "score > 0.5"], ["s", "bee"]]
    tab = open_tab(board, link(run="two", layers=["head"], rows=rows, sort={"by": "index"}))
    panel = layer(tab, "head")
    expect(panel).to_contain_text("9 of 13 kept")
    expect(panel.get_by_role("img", name="Colours from")).to_be_visible()
    error = 1.96 * values.std() / math.sqrt(len(values))
    tip = told(page, tab, panel, "e:score > 0.5", 2, 3)
    expect(tip).to_contain_text(f"mean {short(values.mean())} ± {short(error)}")
    expect(tip).to_contain_text(f"from {len(values)} of 13")
    expect(told(page, tab, panel, "s:bee", 2, 3)).to_contain_text("exact")


def test_two_runs_and_two_steps_beside_each_other(board: str, open_tab: OpenTab, page: Page, runs: Path) -> None:
    here, there, before = (
        open_run(runs / name).snapshot(step).summary("block2")
        for name, step in ((FIRST, 60), (SECOND, 60), (FIRST, 20))
    )
    tab = open_tab(board, state(layers=LAYERS, compare=[SECOND, None], sort={"by": "row", "a": "s:8"}))
    panel = layer(tab, "block2")
    expect(panel.get_by_role("application")).to_have_count(2)
    own = here.mean[here.subsets.index("8")].astype(float)
    order = np.argsort(-own, kind="stable")
    best = int(order[0])

    def said(name: str, other: float) -> None:
        """The cell of class 8 and its strongest neuron here, and the same neuron there: one order for both."""
        point(page, cell(panel, "s:8", 0, 48))
        tip = tab.get_by_role("tooltip")
        expect(tip).to_contain_text(f"Neuron {best} · class 8 · mean {own[best]:.2f}")
        difference = f"{own[best] - other:+.2f}".replace("-", "−")
        expect(tip).to_contain_text(f"{name}: mean {other:.2f} · difference {difference}")
        page.mouse.move(2, 2)

    expect(panel.get_by_role("group", name=re.compile(f"^lower half: {SECOND}"))).to_be_visible()
    said(f"{SECOND}, step 60", float(there.mean[there.subsets.index("8"), best]))

    # The difference has colours about zero: as far as the 99th percentile of what lies between the two.
    tab.get_by_role("radio", name="difference").click()
    expect(panel.get_by_role("group", name=re.compile(f"^minus {SECOND}"))).to_be_visible()
    rows = [here.subsets.index(name) for name in CLASSES]
    apart = np.abs(here.mean[rows].astype(float) - there.mean[[there.subsets.index(name) for name in CLASSES]])
    end = readable(float(np.sort(apart, axis=None)[math.ceil(0.99 * apart.size) - 1]))
    expect(panel.get_by_role("img", name=f"Colours from −{end:g} to {end:g}")).to_be_visible()
    said(f"{SECOND}, step 60", float(there.mean[there.subsets.index("8"), best]))

    # Another step of the same run.
    choose(tab, "Compare with", rf"{FIRST}.*20|step 20")
    expect(panel.get_by_role("group", name=re.compile("^minus step 20"))).to_be_visible()
    said(f"{FIRST}, step 20", float(before.mean[before.subsets.index("8"), best]))
