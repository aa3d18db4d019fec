"""The graph while two runs or steps are compared: how far each layer moved, and what differs between the models."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import FrameLocator, Locator, Page, expect

from tensorboard_activis import open_run
from tests.board import tensorboard
from tests.browser import two_graphs
from tests.browser.conftest import OpenTab
from tests.browser.links import link
from tests.browser.reading import elements, eventually
from tests.browser.recorded import data_of, write_pictures
from tests.browser.test_matrix import choose, state
from tests.browser.test_tour import FIRST, SECOND, layer, settled
from tests.query.neurons.test_movement import distance
from tests.records import write_run


def node(tab: FrameLocator, key: str) -> Locator:
    return tab.get_by_role("tree", name="Layers of the model").locator(f'[data-key="{key}"]')


def moved(tab: FrameLocator, key: str) -> Locator:
    """The figure of a layer, right of its bar."""
    return node(tab, key).locator(":scope > g > .graph-rung")


def distances(one: Path, steps: tuple[int, int], other: Path) -> dict[str, float]:
    """1 − debiased linear CKA of each layer that both have, over the instances that both kept."""
    here, there = open_run(one).snapshot(steps[0]), open_run(other).snapshot(steps[1])
    ids, others = (each.instances["id"].to_pylist() for each in (here, there))
    rows = [place for place, key in enumerate(ids) if key in others]
    places = [others.index(ids[place]) for place in rows]
    return {
        name: distance(here.activations(name)[rows], there.activations(name)[places])
        for name in here.layers
        if name in there.layers
    }


def test_how_far_each_layer_moved_between_two_runs(board: str, open_tab: OpenTab, runs: Path) -> None:
    expected = distances(runs / FIRST, (60, 60), runs / SECOND)
    largest = max(expected, key=lambda name: expected[name])
    top = next(end for end in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1) if expected[largest] <= end)
    digits = 3 if top < 0.1 else 2
    tab = open_tab(board, state())
    settled(tab)
    choose(tab, "Compare with", SECOND)
    legend = tab.get_by_role("region", name="Comparison")
    expect(legend).to_contain_text("The same graph in both runs")
    expect(legend).to_contain_text("Moved: 1 − CKA, n 899")
    expect(legend).to_contain_text(f"0{top:g}")
    node(tab, "blocks").locator("[data-toggle]").click()
    for name, value in expected.items():
        expect(moved(tab, name)).to_have_text(f"{value:.{digits}f}")
        description = re.compile(rf"movement {value:.{digits}f} \(1 − CKA\) over 899 instances")
        expect(node(tab, name)).to_have_attribute("aria-description", description)
        _target, ground, bar = elements(moved(tab, name).locator("rect"), 3)
        share = float(bar.get_attribute("width") or 0) / float(ground.get_attribute("width") or 1)
        assert share == pytest.approx(value / top, abs=1e-3)
    bold = tab.locator(".graph-rung[data-bold]")
    expect(bold).to_have_count(1)
    expect(bold).to_have_text(f"{expected[largest]:.{digits}f}")

    # A closed module shows its last layer, in bold where the largest is inside.
    node(tab, "blocks").locator("[data-toggle]").click()
    expect(moved(tab, "blocks")).to_have_text(f"{expected['blocks.2']:.{digits}f}")
    assert (moved(tab, "blocks").get_attribute("data-bold") is not None) == largest.startswith("blocks")

    # Another step of the same run; and nothing.
    choose(tab, "Compare with", r"step 20")
    steps = distances(runs / FIRST, (60, 20), runs / FIRST)
    expect(moved(tab, "head.fc2")).to_have_text(re.compile(rf"{steps['head.fc2']:.2f}"))
    expect(legend).not_to_contain_text("graph")
    choose(tab, "Compare with", "nothing")
    expect(legend).to_have_count(0)
    expect(node(tab, "head.fc2")).not_to_have_attribute("aria-description", re.compile("movement"))


@pytest.fixture(scope="module")
def different(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    log_dir = tmp_path_factory.mktemp("graphs")
    two_graphs.write(log_dir)
    with tensorboard(f"--logdir={log_dir}") as address:
        yield log_dir, address


@pytest.fixture
def compared(different: tuple[Path, str], open_tab: OpenTab) -> FrameLocator:
    there = two_graphs.SECOND
    tab = open_tab(different[1], link(run=two_graphs.FIRST, layers=["head"], compare=[there, None]))
    expect(tab.get_by_role("region", name="Comparison")).to_contain_text("Moved")
    return tab


def test_models_of_other_widths_are_compared_over_common_instances(
    different: tuple[Path, str], compared: FrameLocator
) -> None:
    log_dir, _ = different
    expected = distances(log_dir / two_graphs.FIRST, (1, 1), log_dir / two_graphs.SECOND)
    assert set(expected) == {"stem.conv", "body.0.fc", "body.0.act", "head"}
    assert two_graphs.WIDTHS[two_graphs.FIRST]["body.0.fc"] != two_graphs.WIDTHS[two_graphs.SECOND]["body.0.fc"]
    common = two_graphs.INSTANCES - two_graphs.SHIFT
    expect(compared.get_by_role("region", name="Comparison")).to_contain_text(f"1 − CKA, n {common}")
    node(compared, "body.0").locator("[data-toggle]").click()
    for name, value in expected.items():
        expect(moved(compared, name)).to_have_text(f"{value:.2f}")
    expect(moved(compared, "dropout")).to_have_count(0)


def test_what_differs_is_marked_and_listed(compared: FrameLocator) -> None:
    graphs = [two_graphs.graph(run) for run in (two_graphs.FIRST, two_graphs.SECOND)]
    parameters = [{each.key: each.parameters for each in one.nodes}["body.0.fc"] for one in graphs]
    node(compared, "body.0").locator("[data-toggle]").click()
    for key, said, description in (
        ("body.0.fc", "64 ?→ ?128", f"parameters {parameters[0]:,} → {parameters[1]:,}"),
        ("body.0.act", "64 ?→ ?128", "type ReLU → GELU"),
        ("dropout", "only here", "only in this run"),
        ("head", "head", "parameters 195 → 387"),
    ):
        expect(node(compared, key).locator(".graph-change")).to_have_count(1)
        expect(node(compared, key)).to_contain_text(re.compile(said))
        expect(node(compared, key)).to_have_attribute("aria-description", re.compile(re.escape(description)))
    for key in ("stem", "stem.conv", "stem.relu", "/input", "/output"):
        expect(node(compared, key).locator(".graph-change")).to_have_count(0)

    line = compared.get_by_role("button", name="5 changed, 1 only here, 1 only there")
    line.click()
    legend = compared.get_by_role("region", name="Comparison")
    items = legend.get_by_role("listitem")
    expect(items).to_have_text(
        [
            "body output 64 → 128",
            "body.0 output 64 → 128",
            re.compile("^body.0.fc output 64 → 128, parameters "),
            "body.0.act output 64 → 128, type ReLU → GELU",
            "head parameters 195 → 387",
            "dropout Dropout · 64",
            "body.1 Block · 128 · 16,512 parameters · 2 nodes inside",
        ]
    )
    expect(legend).to_contain_text(f"Only in {two_graphs.SECOND}")
    # A click shows a node of this run in the graph, with both values in its detail.
    node(compared, "body.0").locator("[data-toggle]").click()
    expect(node(compared, "body.0.act")).to_have_count(0)
    items.filter(has_text="body.0.act").get_by_role("button").click()
    expect(node(compared, "body.0.act")).to_be_focused()
    line.click()
    expect(items).to_have_count(0)
    detail = compared.get_by_role("region", name="Node")
    expect(detail).to_contain_text("typeReLU → GELU")
    expect(detail).to_contain_text("output64 → 128")


def test_the_other_way_round_what_was_added_is_here(different: tuple[Path, str], open_tab: OpenTab) -> None:
    tab = open_tab(different[1], link(run=two_graphs.SECOND, layers=["head"], compare=[two_graphs.FIRST, None]))
    node(tab, "body").locator("[data-toggle]").click()
    expect(node(tab, "body.1")).to_contain_text("only here")
    expect(node(tab, "body.0").locator(".graph-change")).to_have_count(1)
    tab.get_by_role("button", name="5 changed, 1 only here, 1 only there").click()
    expect(tab.get_by_role("listitem").filter(has_text="Dropout")).to_have_text("dropout Dropout · 64")


def test_a_layer_that_cannot_be_compared_says_why(tmp_path: Path, open_tab: OpenTab) -> None:
    """The runs have two instances in common."""
    log_dir = tmp_path / "few"
    two_graphs.write(log_dir, shift=two_graphs.INSTANCES - 2)
    with tensorboard(f"--logdir={log_dir}") as board:
        tab = open_tab(board, link(run=two_graphs.FIRST, layers=["head"], compare=[two_graphs.SECOND, None]))
        expect(moved(tab, "head")).to_have_text("–")
        why = "At least 4 instances with finite activations must be in both samples; here are 2."
        expect(node(tab, "head")).to_have_attribute("aria-description", re.compile(re.escape(f"unknown: {why}")))
        node(tab, "head").click()
        expect(tab.get_by_role("region", name="Node")).to_contain_text(why)


def test_the_second_graph_is_asked_for_only_when_two_runs_are_compared(
    different: tuple[Path, str], open_tab: OpenTab, page: Page
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/activis/graph?" in request.url else None)
    open_tab(different[1], link(run=two_graphs.FIRST, layers=["head"], compare=[two_graphs.FIRST, 1]))
    tab = page.frame_locator('iframe[src*="name=activis"]')
    expect(tab.get_by_role("region", name="Comparison")).to_contain_text("Moved")
    assert len(asked) == 1
    choose(tab, "Compare with", two_graphs.SECOND)
    expect(tab.get_by_role("button", name="5 changed")).to_be_visible()
    assert [two_graphs.SECOND in url for url in asked] == [False, True]
    assert np.unique(asked).size == 2


def test_a_layer_that_the_other_run_has_not_is_not_asked_for(
    different: tuple[Path, str], open_tab: OpenTab, page: Page
) -> None:
    """The page's complaints would have the 404."""
    there = two_graphs.SECOND
    tab = open_tab(different[1], link(run=two_graphs.FIRST, layers=["dropout", "head"], compare=[there, None]))
    panel = layer(tab, "dropout")
    expect(panel.get_by_role("group", name=re.compile(f"^{there} has no layer dropout"))).to_be_visible()
    expect(layer(tab, "head").get_by_role("group", name=re.compile(f"^lower half: {there}"))).to_be_visible()


#: What of the toolbar is cut or lies upon something else; names of runs may give way.
OVERLAPS = """toolbar => {
  const parts = [...toolbar.querySelectorAll(
    ".select, .step-track, .toolbar-metric, .toolbar-step button, .expression, .toolbar-end")];
  const wrong = parts.filter(part => {
    const box = part.getBoundingClientRect();
    return box.right > innerWidth || box.bottom > toolbar.getBoundingClientRect().bottom ||
      (part.matches(".toolbar-metric") && part.scrollWidth > part.clientWidth) ||
      [...part.querySelectorAll(".second")].some(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth + 1);
  }).map(part => part.className);
  parts.sort((a, b) => a.getBoundingClientRect().left - b.getBoundingClientRect().left);
  parts.forEach((part, i) => {
    const after = parts[i + 1]?.getBoundingClientRect();
    if (after && after.left < part.getBoundingClientRect().right - 0.5) wrong.push(`${part.className} covered`);
  });
  return wrong;
}"""


def expect_no_overlaps(tab: FrameLocator) -> None:
    toolbar = tab.locator(".toolbar")

    def check() -> None:
        assert toolbar.evaluate(OVERLAPS) == []

    eventually(toolbar, check)


@pytest.mark.parametrize("width", [1024, 1280, 1440, 1920])
def test_both_accuracies_and_losses_in_the_toolbar(
    board: str, open_tab: OpenTab, page: Page, runs: Path, width: int
) -> None:
    """All 899 instances are kept, so that their columns have the metrics."""
    page.set_viewport_size({"width": width, "height": 800})
    here, there = (open_run(runs / name).snapshot(60).instances.to_pydict() for name in (FIRST, SECOND))
    tab = open_tab(board, state(layers=["head.fc2"], compare=[SECOND, None]))
    accuracies = [100 * float(np.mean(each["correct"])) for each in (here, there)]
    losses = [float(np.mean(each["loss"])) for each in (here, there)]
    metrics = tab.locator(".toolbar-metric")
    expect(metrics).to_contain_text(f"accuracy {accuracies[0]:.1f} against {accuracies[1]:.1f}%")
    expect(metrics).to_contain_text(f"loss {losses[0]:.2f} against {losses[1]:.2f}")
    select = tab.get_by_role("button", name=f"Compare with: {SECOND} step 60")
    expect(select).to_contain_text(SECOND)
    # Both ends of the name are seen.
    start, end = elements(select.locator(".middle-cut > span"), 2)
    assert start.evaluate("part => part.clientWidth") > 20
    assert end.evaluate("part => part.scrollWidth <= part.clientWidth || part.clientWidth === 0")
    expect_no_overlaps(tab)


@pytest.mark.parametrize("width", [1024, 1280])
def test_of_numbers_the_losses_and_without_labels_the_step_alone(
    tmp_path: Path, open_tab: OpenTab, page: Page, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    target = np.linspace(-2, 3, 30)
    errors = np.random.default_rng(5).normal(scale=0.5, size=(2, 30))
    for name, error in zip(("numbers", "numbers again"), errors, strict=True):
        write_run(tmp_path / name, data_of(target, target + error), (3,), class_names=None)
    for name in ("plain", "plain again"):
        write_pictures(tmp_path / name)
    with tensorboard(f"--logdir={tmp_path}") as board:
        tab = open_tab(board, link(run="numbers", compare=["numbers again", None]))
        first, second = (np.mean(error**2) for error in errors)
        metrics = tab.locator(".toolbar-metric")
        expect(metrics).to_have_text(f"3loss {first:.2f} against {second:.2f}")
        expect_no_overlaps(tab)
        tab = open_tab(board, link(run="plain", compare=["plain again", None]))
        expect(tab.get_by_role("button", name="Compare with: plain again step 3")).to_be_visible()
        expect(metrics).to_have_text("3")
        expect_no_overlaps(tab)
