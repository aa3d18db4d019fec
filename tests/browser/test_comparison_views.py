"""A comparison in the projections, the instances and the drawer: two runs that kept different instances, two steps of one."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import FrameLocator, Locator, Page, expect
from scipy.linalg import orthogonal_procrustes  # type: ignore[import-untyped]

from tensorboard_activis import open_run
from tensorboard_activis.query.snapshot import Snapshot
from tests.board import tensorboard
from tests.browser.conftest import OpenTab
from tests.browser.links import link
from tests.browser.reading import elements, filled, rectangle
from tests.browser.recorded import data_of
from tests.browser.test_detail import regressed
from tests.browser.test_tour import FIRST, SECOND, layer
from tests.records import CLASSES, Data, small_data, write_run

#: Pixels of a plot that the points leave free at its edges.
PAD = 14
GROUPS = ("Right in both", "Fixed", "Broken", "Wrong in both")


def later(data: Data, first: int, seed: int) -> Data:
    """What another model makes of the instances from `first` on, in another order."""
    random = np.random.default_rng(seed)
    order = random.permutation(np.arange(first, len(data.labels)))
    noise = random.normal(size=(len(order), 3)).astype(np.float32)
    logits = data.logits[order][:, [1, 2, 0]] * 0.4 + noise + 2 * np.eye(3, dtype=np.float32)[data.labels[order]]
    activations = {"stem/relu": data.activations["stem/relu"][order] * 1.7 + 0.2, "head": logits}
    return Data(data.ids[order], data.images[order], data.labels[order], logits, activations)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """Two runs of 60 instances, of which the second saw 50 in another order and kept 40; and two regressions."""
    log_dir = tmp_path_factory.mktemp("two")
    data = small_data(60)
    write_run(log_dir / "one", data, (3,), sample=None)
    write_run(log_dir / "two", later(data, 10, 4), (4,), sample=40)
    random = np.random.default_rng(5)
    target = np.linspace(-2, 3, 30)
    for name in ("numbers", "numbers again"):
        numbers = data_of(target, target + random.normal(scale=0.5, size=30))
        write_run(log_dir / name, numbers, (3,), class_names=None)
    with tensorboard(f"--logdir={log_dir}") as address:
        yield log_dir, address


def matched(one: Snapshot, other: Snapshot) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the instances that both kept, by id."""
    ids, others = (each.instances["id"].to_pylist() for each in (one, other))
    shared = [index for index, name in enumerate(ids) if name in others]
    return np.array(shared), np.array([others.index(ids[index]) for index in shared])


def values(snapshot: Snapshot, column: str) -> np.ndarray:
    return np.array(snapshot.instances[column].to_pylist())


def became(one: Snapshot, other: Snapshot) -> dict[str, list[int]]:
    """What became of the instances that both kept, by the first one's index."""
    before, after = (values(each, "correct") for each in (one, other))
    groups: dict[str, list[int]] = {name: [] for name in GROUPS}
    for here, there in zip(*matched(one, other), strict=True):
        at = (0 if after[there] else 2) if before[here] else (1 if after[there] else 3)
        groups[GROUPS[at]].append(int(here))
    return groups


def place_of(plot: Locator, xy: np.ndarray, bounds: np.ndarray) -> tuple[float, float]:
    """The pixel of a position in a plot whose axes show everything within `bounds`."""
    box = rectangle(plot)
    (left, low), (right, high) = bounds
    scale = min((box["width"] - 2 * PAD) / (right - left), (box["height"] - 2 * PAD) / (high - low))
    return (
        box["x"] + box["width"] / 2 + (xy[0] - (left + right) / 2) * scale,
        box["y"] + box["height"] / 2 - (xy[1] - (low + high) / 2) * scale,
    )


def plot_in(tab: FrameLocator, name: str, run: str) -> Locator:
    return layer(tab, name).get_by_role("application", name=f"Projection of {name} in {run}.")


def test_projections_stand_side_by_side_on_the_same_axes(two: tuple[Path, str], open_tab: OpenTab, page: Page) -> None:
    log_dir, board = two
    one, other = (open_run(log_dir / name).latest for name in ("one", "two"))
    here, there = matched(one, other)
    assert len(here) < 60
    assert here.tolist() != there.tolist()
    tab = open_tab(board, link(run="one", layers=["stem/relu"], compare=["two", None]))
    panel = layer(tab, "stem/relu")
    expect(panel).to_contain_text(f"{len(here)} of 60 instances are in both")
    for name, snapshot in (("one", one), ("two", other)):
        head = panel.get_by_role("region", name=f"stem/relu in {name}")
        metrics = snapshot.record.metrics
        expect(head).to_contain_text(f"accuracy {metrics['accuracy']:.1%} · loss {metrics['loss']:.2f}")
    plots = [plot_in(tab, "stem/relu", name) for name in ("one", "two")]
    expect(plots[1]).to_contain_text("turned to fit")

    # The second by itself: its own principal components, turned onto the first's places of the instances of both.
    first = one.projection("stem/relu").xy.astype(float)
    centred = other.activations("stem/relu").astype(float)
    centred -= centred.mean(axis=0)
    second = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
    a, b = second[there] - second[there].mean(axis=0), first[here] - first[here].mean(axis=0)
    second = (second @ orthogonal_procrustes(a, b)[0])[there]
    every = np.concatenate([first, second])
    bounds = np.array([every.min(axis=0), every.max(axis=0)])

    def alone(xy: np.ndarray, among: np.ndarray) -> float:
        apart = np.linalg.norm(among - xy, axis=1)
        return float(np.sort(apart)[1])

    ids = one.instances["id"].to_pylist()
    # Of those that lie by themselves, in either plot: the place says which it is, and the other plot marks it too.
    chosen = sorted(range(len(here)), key=lambda i: -min(alone(first[here[i]], first), alone(second[i], second)))[:3]
    for i in chosen:
        for plot, xy in ((plots[0], first[here[i]]), (plots[1], second[i])):
            page.mouse.move(2, 2)
            page.mouse.move(*place_of(plot, xy, bounds))
            tip = tab.get_by_role("tooltip")
            expect(tip).to_contain_text(f"#{ids[here[i]]} ")
            taken, sure = (values(other, name)[there[i]] for name in ("prediction", "score"))
            expect(tip).to_contain_text(f"two → {taken} · score {sure:.2f}")
    # A click in the second pins it: a row, and a ring in both.
    page.mouse.click(*place_of(plots[1], second[chosen[0]], bounds))
    expect(panel.locator(f'.matrix-row[data-row="i:{here[chosen[0]]}"]')).to_be_visible()

    # A lasso around everything in the second picks those that both kept.
    box = rectangle(plots[1])
    corners = [(4, 4), (box["width"] - 60, 4), (box["width"] - 4, 40), (box["width"] - 4, box["height"] - 4)]
    corners += [(4, box["height"] - 4), (4, 6)]
    page.mouse.move(box["x"] + 4, box["y"] + 4)
    page.mouse.down()
    for x, y in corners:
        page.mouse.move(box["x"] + x, box["y"] + y, steps=4)
    page.mouse.up()
    expect(panel.locator(".picked-bar")).to_contain_text(f"{len(here)} picked")


def test_instances_stand_in_four_groups(two: tuple[Path, str], open_tab: OpenTab, page: Page) -> None:
    log_dir, board = two
    one, other = (open_run(log_dir / name).latest for name in ("one", "two"))
    groups, (here, there) = became(one, other), matched(one, other)
    assert all(groups.values())
    tab = open_tab(board, link(run="one", layers=["head"], compare=["two", None]))
    pane = tab.get_by_role("region", name="Instances", exact=True)
    expect(pane.get_by_role("radio", name="Groups")).to_be_checked()
    expect(pane).to_contain_text(f"{len(here)} of 60 are kept in both")
    for name, members in groups.items():
        head = pane.get_by_role("region", name=name, exact=True).get_by_role("button")
        expect(head).to_contain_text(re.compile(rf"^{name} {len(members)}(?!\d)"))

    # Broken ones are listed first, those whose label lost most at the top; with both predictions and probabilities.
    expect(pane.get_by_role("listbox", name="Broken")).to_be_visible()
    other_of = dict(zip(here.tolist(), there.tolist(), strict=True))
    ids = one.instances["id"].to_pylist()
    before, after = (values(each, "label_score") for each in (one, other))
    order = sorted(groups["Broken"], key=lambda index: -abs(after[other_of[index]] - before[index]))
    options = pane.get_by_role("listbox", name="Broken").get_by_role("option")
    labels, firsts, seconds = values(one, "label"), values(one, "prediction"), values(other, "prediction")
    for index, option in zip(order, elements(options, len(order)), strict=True):
        words = (f"#{ids[index]}", labels[index], firsts[index], seconds[other_of[index]])
        numbers = f"{before[index]:.2f} {after[other_of[index]]:.2f}"
        text = " ".join((option.text_content() or "").split())
        assert text == "".join(map(str, words)) + numbers, text

    # A click picks the group, the next makes it a row: these ids and no others.
    pane.get_by_role("region", name="Fixed", exact=True).get_by_role("button").click()
    expect(pane.get_by_role("listbox", name="Fixed")).to_be_visible()
    expect(pane.locator(".picked-bar")).to_contain_text(f"{len(groups['Fixed'])} picked")
    pane.get_by_role("button", name="Add as row").click()
    added = layer(tab, "head").locator('.matrix-row[data-row^="e:id in"]')
    expect(added).to_have_count(1)
    listed = re.findall(r"\d+", (added.get_attribute("data-row") or ""))
    assert sorted(map(int, listed)) == sorted(ids[index] for index in groups["Fixed"])


def test_two_steps_of_one_run(board: str, open_tab: OpenTab, page: Page, runs: Path) -> None:
    one, other = (open_run(runs / FIRST).snapshot(step) for step in (60, 20))
    groups = became(one, other)
    tab = open_tab(board, link(run=FIRST, step=60, layers=["block2"], compare=[FIRST, 20]))
    pane = tab.get_by_role("region", name="Instances", exact=True)
    expect(pane).to_contain_text(f"{len(one.instances)} kept in both")
    expect(pane).to_contain_text("first step 60, second step 20")
    for name, members in groups.items():
        expect(pane.get_by_role("region", name=name, exact=True)).to_contain_text(f"{name} {len(members):,}")
    expect(layer(tab, "block2")).to_contain_text(f"the same {len(one.instances)} instances in both")
    for step in (20, 60):
        expect(plot_in(tab, "block2", f"step {step}")).to_be_visible()
    # The comparison ends: one projection beside the matrix, and the classes.
    tab.get_by_role("button", name="Compare with").click()
    tab.get_by_role("option", name="nothing").click()
    expect(layer(tab, "block2").get_by_role("application")).to_have_count(1)
    expect(pane.get_by_role("radio", name="Classes")).to_be_checked()


def test_numbers_are_improved_or_worsened(two: tuple[Path, str], open_tab: OpenTab) -> None:
    log_dir, board = two
    one, other = (open_run(log_dir / name).latest for name in ("numbers", "numbers again"))
    here, there = matched(one, other)
    errors = [np.abs(values(each, "prediction") - values(each, "label")) for each in (one, other)]
    change = errors[1][there] - errors[0][here]
    tab = open_tab(board, link(run="numbers", layers=["head"], compare=["numbers again", None]))
    pane = tab.get_by_role("region", name="Instances", exact=True)
    for name, count in (("Improved", (change < 0).sum()), ("Worsened", (change > 0).sum())):
        expect(pane.get_by_role("region", name=name, exact=True)).to_contain_text(f"{name} {count}")
    worst = here[np.argmax(change)]
    first = pane.get_by_role("listbox", name="Worsened").get_by_role("option").first
    expect(first).to_contain_text(f"#{one.instances['id'][int(worst)].as_py()}")


@pytest.mark.parametrize("width", [1024, 1280])
def test_nothing_is_cut(board: str, open_tab: OpenTab, page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    tab = open_tab(board, link(run=FIRST, step=60, layers=["block2"], compare=[SECOND, None]))
    panel = layer(tab, "block2")
    expect(plot_in(tab, "block2", SECOND)).to_be_visible()
    over = panel.evaluate(
        """panel => {
          const parts = [...panel.querySelectorAll('.twin-head > *, .twins > .panel-header > *, .matrix-header > *')];
          const edge = panel.getBoundingClientRect();
          const boxes = parts.map(part => [part, part.getBoundingClientRect()]).filter(([, box]) => box.width > 0);
          const found = boxes.filter(([, box]) => box.left < edge.left || box.right > edge.right + 0.5);
          for (const [one, a] of boxes) for (const [two, b] of boxes)
            if (one !== two && one.parentNode === two.parentNode && a.left < b.left && a.right > b.left + 0.5)
              found.push([one, a]);
          return found.map(([part]) => part.outerHTML.slice(0, 200));
        }"""
    )
    assert over == []


def test_the_drawer_says_what_both_say(two: tuple[Path, str], open_tab: OpenTab, page: Page) -> None:
    log_dir, board = two
    one, other = (open_run(log_dir / name).latest for name in ("one", "two"))
    other_of = dict(zip(*(indices.tolist() for indices in matched(one, other)), strict=True))
    index = became(one, other)["Broken"][0]
    there, identity = other_of[index], values(one, "id")[index]
    label, taken = str(values(one, "label")[index]), str(values(other, "prediction")[there])
    selection = {"kind": "instance", "row": index}
    tab = open_tab(
        board, link(run="one", layers=["head"], compare=["two", None], selection=selection, detail="stem/relu")
    )
    drawer = tab.get_by_role("region", name="Detail", exact=True)
    expect(drawer.get_by_role("heading", level=2)).to_have_text(f"Instance #{identity}")
    words = re.compile(rf"label {label}\W*one {label}\W*two {taken}\W*broken")
    expect(drawer.locator(".detail-header")).to_contain_text(words)

    def softmax(snapshot: Snapshot, at: int) -> np.ndarray:
        odds = np.exp(snapshot.activations("head")[at].astype(float))
        return odds / odds.sum()

    scores = drawer.get_by_role("region", name="Scores of both")
    expect(scores.locator(".detail-score")).to_have_text([re.compile(r"\d\.\d\d")] * 2 * len(CLASSES))
    for position, name in enumerate(CLASSES):
        line = scores.locator("div.twin-scores").filter(has_text=name)
        shares = [softmax(one, index)[position], softmax(other, there)[position]]
        shown = re.findall(r"\d\.\d\d", " ".join(filled(line.locator(".detail-score"), 2).all_text_contents()))
        np.testing.assert_allclose(np.array(shown, float), shares, atol=0.0051)

    def why_not(snapshot: Snapshot, at: int, own: str, predicted: str) -> list[int]:
        """Neurons by what its margin for `own` would gain if they had their mean over that class, by scikit-learn's ridge."""
        activations, summary = snapshot.activations("stem/relu").astype(float), snapshot.summary("stem/relu")
        _, weights = regressed(activations, snapshot.activations("head").astype(float))
        apart = weights[CLASSES.index(predicted)] - weights[CLASSES.index(own)]
        effects = apart * (activations[at] - summary.mean[summary.subsets.index(own)])
        return [neuron for neuron in np.argsort(-effects, kind="stable").tolist()[:5] if effects[neuron] > 0]

    for name, snapshot, at, own, predicted in (("one", one, index, taken, label), ("two", other, there, label, taken)):
        section = drawer.get_by_role("region", name=f"Why in {name}")
        expect(section).to_contain_text(f"Why not {own} · {name}")
        expected = why_not(snapshot, at, own, predicted)
        found = " ".join(filled(section.locator("button"), len(expected)).all_text_contents())
        assert [int(neuron) for neuron in re.findall(r"Neuron n?(\d+)", found)] == expected

    # A neuron: both distributions; a subset: the accuracy in both.
    drawer.get_by_role("button", name="Neuron").first.click()
    for name in ("one", "two"):
        expect(drawer.get_by_role("region", name=f"Distribution per row in {name}")).to_be_visible()
    expect(drawer.locator(".detail-header")).to_contain_text("the same neuron in both runs, r 1.00")


def test_a_subset_in_both(two: tuple[Path, str], open_tab: OpenTab) -> None:
    log_dir, board = two
    one, other = (open_run(log_dir / name).latest for name in ("one", "two"))
    selection = {"kind": "subset", "key": "s:bee"}
    tab = open_tab(board, link(run="one", layers=["head"], compare=["two", None], selection=selection))
    drawer = tab.get_by_role("region", name="Detail", exact=True)
    for name, snapshot in (("Facts", one), ("Facts in two", other)):
        right = values(snapshot, "correct")[values(snapshot, "label") == "bee"]
        facts = drawer.get_by_role("region", name=name, exact=True)
        expect(facts).to_contain_text(f"kept{len(right)} of {len(snapshot.instances)}")
        expect(facts).to_contain_text(f"accuracy{right.mean():.1%}")


def test_the_second_tsne_shows_itself_after_the_first(two: tuple[Path, str], open_tab: OpenTab) -> None:
    tab = open_tab(two[1], link(run="one", layers=["stem/relu"], compare=["two", None]))
    plots = [plot_in(tab, "stem/relu", name) for name in ("one", "two")]
    expect(plots[0]).to_contain_text("PC1")
    expect(plots[1]).to_contain_text("turned to fit")
    layer(tab, "stem/relu").get_by_role("radio", name="t-SNE").click()
    # Nothing more is clicked: both change by themselves, and neither is left with the other's axes.
    for plot in plots:
        expect(plot).not_to_contain_text("%", timeout=120_000)
    expect(layer(tab, "stem/relu").get_by_role("button", name="Cancel the t-SNE")).to_have_count(0)
    expect(layer(tab, "stem/relu").get_by_role("radio", name="t-SNE")).to_be_checked()
