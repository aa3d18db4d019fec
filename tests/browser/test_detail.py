"""The drawer says what numpy, scipy and scikit-learn find in the files: of a neuron, of an instance, of a subset."""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from playwright.sync_api import FrameLocator, Locator, Page, expect
from scipy import stats  # type: ignore[import-untyped]
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import LeaveOneOut, cross_val_predict

from tensorboard_activis import open_run
from tensorboard_activis.read.run import Run
from tests.browser.conftest import OpenTab
from tests.browser.links import drawer, go, link
from tests.browser.reading import elements, eventually, filled, rectangle, shown_texts
from tests.browser.test_tour import FIRST, layer, settled

LAYER = "block2"
NEURON = 7


def numbers(text: str) -> list[float]:
    return [float(one) for one in re.findall(r"[-+]?\d*\.?\d+(?:e-?\d+)?", text.replace("−", "-").replace(",", ""))]


def hedges(ours: np.ndarray, rest: np.ndarray) -> float:
    """Hedges' g, with the usual approximation of its factor."""
    degrees = len(ours) + len(rest) - 2
    pooled = np.sqrt((len(ours) * ours.var() + len(rest) * rest.var()) / degrees)
    return float((ours.mean() - rest.mean()) / pooled * (1 - 3 / (4 * degrees - 1)))


def section(tab: FrameLocator, name: str | re.Pattern[str]) -> Locator:
    return drawer(tab).get_by_role("region", name=name)


def bottom(part: Locator) -> float:
    box = rectangle(part)
    return box["y"] + box["height"]


def saved(page: Page, tab: FrameLocator, tmp_path: Path) -> list[list[str]]:
    """The drawer's numbers, as saved."""
    drawer(tab).get_by_role("button", name="Save the detail").click()
    with page.expect_download() as download:
        tab.get_by_role("option", name="CSV").click()
    download.value.save_as(tmp_path / "detail.csv")
    return list(csv.reader((tmp_path / "detail.csv").read_text(encoding="utf-8").splitlines()))


@dataclass(frozen=True)
class Truth:
    """What the files hold of the run's last step, and of the layer; the first axis is instances."""

    run: Run
    ids: np.ndarray
    labels: np.ndarray
    predictions: np.ndarray
    scores: np.ndarray
    values: np.ndarray
    logits: np.ndarray


def read(log_dir: Path, name: str = LAYER) -> Truth:
    run = open_run(log_dir)
    snapshot = run.snapshot(60)
    ids, labels, predictions = (
        np.array([str(one) for one in snapshot.instances[name].to_pylist()]) for name in ("id", "label", "prediction")
    )
    values = snapshot.activations(name).astype(np.float64)
    scores, logits = np.array(snapshot.instances["score"].to_pylist()), snapshot.activations("head.fc2")
    return Truth(run, ids, labels, predictions, scores, values, logits.astype(np.float64))


def check_neuron(tab: FrameLocator, truth: Truth) -> None:
    own = truth.values[:, NEURON]

    # Distribution: a line per row, with its mean; bars of all rows on the same axis.
    lines = section(tab, "Distribution per row").locator(".detail-line")
    for index, told in enumerate(shown_texts(lines, 10)):
        count, mean, spread = numbers(told.split("instances")[0])[-1], *numbers(told.split("mean")[1])[:2]
        members = own[truth.labels == str(index)]
        assert count == len(members)
        np.testing.assert_allclose([mean, spread], [members.mean(), members.std()], rtol=0.01, atol=0.006)

    # The instances that drive it most and least, with their content.
    order = np.argsort(-own, kind="stable")
    for heading, expected in (("Highest activation", order[:8]), ("Lowest activation", order[::-1][:8])):
        tiles = drawer(tab).locator(".detail-section").filter(has=tab.get_by_role("heading", name=heading))
        found = [
            re.match(r"#(\S+),", name or "")
            for name in filled(tiles.get_by_role("button"), 8).evaluate_all(
                "all => all.map(one => one.getAttribute('aria-label'))"
            )
        ]
        shown = [float(own[truth.ids == match[1]][0]) for match in found if match]
        np.testing.assert_allclose(shown, own[expected])
        expect(tiles.get_by_role("img", name="Content of")).to_have_count(8)

    # Selectivity: AUC, effect size and n of every class, the most selective first.
    classes = [line.split() for line in shown_texts(section(tab, "Selectivity per class").locator(".detail-class"), 10)]
    assert [float(one[1]) for one in classes] == sorted((float(one[1]) for one in classes), reverse=True)
    for name, auc, effect, size in classes:
        inside = truth.labels == name
        assert int(size) == inside.sum()
        assert abs(float(auc) - roc_auc_score(inside, own)) < 0.006
        assert abs(numbers(effect)[0] - hedges(own[inside], own[~inside])) < 0.06

    # Its mean over the steps, in words a sentence per row.
    words = section(tab, "Over the steps").locator(".hidden-text").text_content() or ""
    sentences = dict(re.findall(r"(\d) from (\S+ at step \d+ to \S+ at step \d+)\.", words))
    assert len(sentences) == 10
    for name, sentence in sentences.items():
        first, step, last, end = numbers(sentence)
        assert (step, end) == (20, 60)
        means = [
            truth.run.snapshot(at).activations(LAYER)[truth.labels == name, NEURON].astype(np.float64).mean()
            for at in (20, 60)
        ]
        np.testing.assert_allclose([first, last], means, rtol=0.01, atol=0.006)


def check_error(tab: FrameLocator, truth: Truth, wrong: int) -> None:
    labels, predictions, values = truth.labels, truth.predictions, truth.values
    # An error: content, scores, neighbours, and why it was not taken for what it is.
    title = drawer(tab).locator("header")
    for text in (f"Instance #{truth.ids[wrong]}", "wrong"):
        expect(title).to_contain_text(text)
    expect(drawer(tab).get_by_role("img", name=f"Content of #{truth.ids[wrong]}").first).to_be_visible()
    scores = [numbers(line)[-1] for line in shown_texts(drawer(tab).locator(".detail-scores li"))]
    assert scores == sorted(scores, reverse=True)
    assert abs(scores[0] - truth.scores[wrong]) < 0.006

    apart = np.sqrt(((values - values[wrong]) ** 2).sum(axis=1))
    apart[wrong] = np.inf
    near = drawer(tab).locator(".detail-section").filter(has=tab.get_by_role("heading", name="Nearest neighbours"))
    tiles = near.get_by_role("button")
    for tile, row in zip(elements(tiles, 8), np.argsort(apart, kind="stable")[:8], strict=True):
        called = labels[row] if labels[row] == predictions[row] else f"{labels[row]} → {predictions[row]}"
        expect(tile).to_have_accessible_name(re.compile(rf"^#{truth.ids[row]}, {called}, distance "))
        assert abs(numbers(tile.get_attribute("aria-label") or "")[-1] - apart[row]) < 0.02 * apart[row]

    # Effects by scikit-learn: of what the file holds of the logits, on the layer.
    label, taken = labels[wrong], predictions[wrong]
    ours, theirs = values[labels == label], values[labels == taken]
    _, weights = regressed(values, truth.logits)
    effects = (weights[int(taken)] - weights[int(label)]) * (values[wrong] - ours.mean(axis=0))
    places = [int(one) for one in np.argsort(-effects, kind="stable")[:5] if effects[one] > 0]
    heading = re.compile(f"^Why not {label}")
    listed = section(tab, heading).get_by_role("button")
    for line, index in zip(elements(listed, len(places)), places, strict=True):
        # "Neuron 50, value 5.62, mean 2.70 against 8.85, +0.48"
        wanted = [index, values[wrong, index], ours[:, index].mean(), theirs[:, index].mean(), effects[index]]
        np.testing.assert_allclose(numbers(line.inner_text()), wanted, rtol=0.02, atol=0.06)
    expect(section(tab, heading)).to_contain_text("estimated")
    # Two intervals a neuron, mean ± sd of either class, the instance's own value as a diamond, and a hollow bar.
    expect(section(tab, heading).locator("svg rect:not([class])")).to_have_count(4 * len(places))
    expect(section(tab, heading).locator("svg path[paint-order]")).to_have_count(len(places))
    bars = elements(section(tab, heading).locator(".effect-estimated"), len(places))
    lengths = [float(bar.get_attribute("width") or 0) for bar in bars]
    np.testing.assert_allclose(np.array(lengths) / lengths[0], effects[places] / effects[places[0]], atol=0.03)

    # What they do together: the margin now and then.
    mean = ours.mean(axis=0)
    change = np.where(np.isin(np.arange(values.shape[1]), places), mean - values[wrong], 0)
    together = section(tab, "Together")
    margins = []
    for logits in (truth.logits[wrong], truth.logits[wrong] + weights @ change):
        margins.append(logits[int(label)] - np.delete(logits, int(label)).max())
    np.testing.assert_allclose(numbers(together.locator("p b").inner_text()), margins, atol=0.03)


def regressed(values: np.ndarray, logits: np.ndarray) -> tuple[float, np.ndarray]:
    """R² of leaving one out, and the weights [classes, neurons], of scikit-learn's ridge."""
    values, logits = values.astype(np.float64), logits - logits.mean(axis=1, keepdims=True)
    centred = values - values.mean(axis=0)
    ridge = Ridge(alpha=1e-3 * (centred**2).sum() / values.shape[1])
    left_out = cross_val_predict(ridge, values, logits, cv=LeaveOneOut())
    r2 = 1 - ((logits - left_out) ** 2).sum() / ((logits - logits.mean(axis=0)) ** 2).sum()
    return float(r2), np.asarray(ridge.fit(values, logits).coef_)


def check_neighbour(tab: FrameLocator, truth: Truth, wrong: int) -> None:
    # A neighbour, clicked, is pinned.
    apart = np.sqrt(((truth.values - truth.values[wrong]) ** 2).sum(axis=1))
    apart[wrong] = np.inf
    near = drawer(tab).locator(".detail-section").filter(has=tab.get_by_role("heading", name="Nearest neighbours"))
    near.get_by_role("button").first.click()
    nearest = truth.ids[np.argmin(apart)]
    expect(drawer(tab).get_by_role("heading", name=f"Instance #{nearest}")).to_be_visible()
    expect(layer(tab, LAYER).get_by_role("rowheader", name=re.compile(f"^#{nearest}\\b"))).to_be_visible()


def check_subset(tab: FrameLocator, truth: Truth, label: str) -> None:
    labels, predictions, values = truth.labels, truth.predictions, truth.values
    # A subset: how many, how well predicted, as what, and its most distinguishing neurons.
    inside = labels == label
    facts = drawer(tab).locator(".detail-facts")
    expect(facts).to_contain_text(f"instances{inside.sum()} of 899 seen")
    own, rest = (f"{(labels == predictions)[mask].mean() * 100:.1f}%" for mask in (inside, ~inside))
    expect(facts).to_contain_text(f"accuracy{own} the rest {rest}")
    counts = {name: int((predictions[inside] == name).sum()) for name in set(predictions[inside])}
    as_what = [line.split() for line in shown_texts(drawer(tab).locator(".detail-scores li"), min(len(counts), 5))]
    assert [int(count) for _, count in as_what] == sorted(counts.values(), reverse=True)[:5]
    assert all(counts[name] == int(count) for name, count in as_what)
    expect(section(tab, "Overlaps with")).to_have_count(0)  # classes share none
    effects = np.array(
        [hedges(values[inside, i], values[~inside, i]) if values[:, i].std() else 0 for i in range(values.shape[1])]
    )
    tested = np.flatnonzero(values.std(axis=0))
    chance = stats.ttest_ind(values[inside][:, tested], values[~inside][:, tested], equal_var=False).pvalue
    rates = dict(zip(tested.tolist(), stats.false_discovery_control(chance), strict=True))
    listed = section(tab, "Differs most from the rest").get_by_role("button")
    for line, index in zip(elements(listed, 6), np.argsort(-np.abs(effects), kind="stable")[:6], strict=True):
        told, _, share = line.inner_text().rpartition("\n")
        assert numbers(told)[0] == index
        assert abs(numbers(told)[-1] - effects[index]) < 0.06
        assert (share.strip() == "<.001") == (rates[int(index)] < 0.001)


def test_the_drawer(board: str, open_tab: OpenTab, page: Page, runs: Path, tmp_path: Path) -> None:
    truth = read(runs / FIRST)
    state = {"run": FIRST, "layers": [LAYER, "head.fc2"], "detail": LAYER}
    tab = open_tab(board, link(**state, face="values", selection={"kind": "neuron", "layer": LAYER, "neuron": NEURON}))
    settled(tab)
    check_neuron(tab, truth)
    rows = saved(page, tab, tmp_path)
    assert ["class", "auc", "d", "n"] in rows
    assert [row for row in rows if row[:1] == ["60"]], "the steps are saved too"

    wrong = int(np.flatnonzero(truth.labels != truth.predictions)[0])
    go(page, tab, link(**state, selection={"kind": "instance", "row": wrong}))
    check_error(tab, truth, wrong)
    check_neighbour(tab, truth, wrong)

    label = str(truth.labels[wrong])
    go(page, tab, link(**state, selection={"kind": "subset", "key": f"s:{label}"}))
    check_subset(tab, truth, label)

    # Of an expression: with which rows it shares instances.
    expression = f"label == {label} and score <= 1"
    shared = [["s", "all"], ["s", label], ["e", expression, None, 5]]
    go(page, tab, link(**state, rows=shared, selection={"kind": "subset", "key": f"e:{expression}"}))
    expect(section(tab, "Overlaps with").get_by_role("listitem")).to_have_text(
        [re.compile(rf"{label}\s*{np.count_nonzero(truth.labels == label)}")]
    )

    # In the lowest drawer, too, no axis is cut off.
    page.set_viewport_size({"width": 1280, "height": 800})
    for selection in (
        {"kind": "subset", "key": f"s:{label}"},
        {"kind": "instance", "row": wrong},
        {"kind": "neuron", "layer": LAYER, "neuron": NEURON},
    ):
        go(page, tab, link(**state, face="values", selection=selection))
        settled(tab)
        ticks = drawer(tab).locator("svg .detail-tick")
        assert max(bottom(tick) for tick in elements(ticks)) <= bottom(drawer(tab))


def test_what_the_drawer_is_about(board: str, open_tab: OpenTab, page: Page) -> None:
    tab = open_tab(board, link(run=FIRST, layers=[LAYER, "head.fc2"]))
    settled(tab)
    # Before anyone clicks: the most confident error, in the last open layer before the outputs. Its layer is chosen in the title.
    heading = drawer(tab).get_by_role("heading", name=re.compile("^Instance "))
    expect(drawer(tab)).to_contain_text("the most confident error")
    drawer(tab).get_by_role("button", name=f"Layer of the detail: {LAYER}").click()
    tab.get_by_role("option", name="head.fc2").click()
    expect(drawer(tab).get_by_role("button", name="Layer of the detail: head.fc2")).to_be_visible()

    # Kept in the drawer, it stays whatever is clicked.
    held = heading.inner_text()
    drawer(tab).get_by_role("button", name="Pin: keep this in the drawer").click()
    wrong = tab.get_by_role("listbox", name="Wrong").get_by_role("option")
    wrong.nth(2).click()
    expect(heading).to_have_text(held)
    drawer(tab).get_by_role("button", name="Unpin: the drawer follows what you click").click()
    expect(heading).not_to_have_text(held)

    # Closed, it is its title line; a click on something opens it again.
    drawer(tab).get_by_role("button", name="Close the drawer").click()

    def closed() -> None:
        assert rectangle(drawer(tab))["height"] <= 34

    eventually(heading, closed)
    wrong.nth(1).click()
    expect(heading).to_be_visible()

    # A right one has no list; words say so.
    tab.get_by_role("application", name="Projection of head.fc2").press("ArrowRight")
    tab.get_by_role("application", name="Projection of head.fc2").press("Enter")
    expect(drawer(tab).get_by_text("The prediction is right").first).to_be_visible()
