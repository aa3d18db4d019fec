"""A row as one more neuron in the tab, by its direction: colours, legend, list and drawer say what numpy says of the files."""

import csv
import re
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, expect
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

from tests.browser.conftest import OpenTab
from tests.browser.links import drawer, go, link
from tests.browser.reading import elements, shown_texts
from tests.browser.test_detail import Truth, numbers, read, regressed
from tests.browser.test_tour import FIRST, SECOND, layer, row

LAYER = "head.relu"
AT = {"run": FIRST, "step": "60", "layers": [LAYER], "detail": LAYER}


def along(values: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The direction [neurons], and where each instance lies along it: 0 at the others' mean, 1 at the subset's."""
    direction = values[inside].mean(axis=0) - values[~inside].mean(axis=0)
    return direction, (values - values[~inside].mean(axis=0)) @ direction / (direction @ direction)


def held_out(values: np.ndarray, inside: np.ndarray) -> float:
    """The area under the curve of every fifth instance along the direction of the others."""
    fold = np.arange(1, len(values) + 1) % 5
    right = pairs = 0.0
    for number in range(5):
        here, rest = fold == number, fold != number
        direction = values[rest & inside].mean(axis=0) - values[rest & ~inside].mean(axis=0)
        count = float(inside[here].sum() * (~inside[here]).sum())
        right += count * roc_auc_score(inside[here], values[here] @ direction)
        pairs += count
    return right / pairs


def moved(truth: Truth, direction: np.ndarray) -> np.ndarray:
    """By how much each class's logit changes, about the mean of all."""
    change = regressed(truth.values, truth.logits)[1] @ direction
    return change - change.mean()


def test_a_row_is_one_more_neuron(board: str, open_tab: OpenTab, runs: Path) -> None:
    truth = read(runs / FIRST, LAYER)
    inside = truth.labels == "8"
    direction, values = along(truth.values, inside)
    tab = open_tab(board, link(**AT, selection={"kind": "subset", "key": "s:8"}))
    panel = layer(tab, LAYER)
    expect(tab.get_by_role("listbox", name=re.compile("^Class 8")).get_by_role("option").first).to_be_visible()

    row(panel, "8").click(button="right")
    tab.get_by_role("option", name="Colour by its direction").click()
    expect(panel.get_by_role("button", name="Colour: direction of 8")).to_be_visible()
    legend = panel.locator(".projection-legend")
    expect(legend).to_contain_text("0 is the mean of the rest, 1 that of 8")
    assert abs(numbers(legend.locator(".projection-along").inner_text())[-1] - held_out(truth.values, inside)) < 0.0051
    # The scale is symmetric, with 0, and holds all values.
    low, high = (numbers(one)[0] for one in shown_texts(legend.locator("> span:not(.projection-along)"), 3)[::2])
    assert low == -high
    assert np.abs(values).max() <= high <= 2.5 * np.abs(values).max()

    # The list below the classes stands in their order, with their values.
    listed = tab.get_by_role("listbox", name=re.compile("^Class 8"))
    wrong = np.flatnonzero(inside & (truth.labels != truth.predictions))
    mine = wrong if wrong.size else np.flatnonzero(inside)
    order = mine[np.argsort(-values[mine], kind="stable")]
    expect(tab.get_by_role("button", name="Sort by along")).to_contain_text("↓")
    for row_, line in zip(order[:4], elements(listed.get_by_role("option")), strict=False):
        expect(line).to_contain_text(f"#{truth.ids[row_]}")
        assert abs(numbers(line.inner_text())[-1] - values[row_]) < 0.011
    tab.get_by_role("button", name="Sort by along").click()
    expect(listed.get_by_role("option").first).to_contain_text(f"#{truth.ids[order[-1]]}")

    # The drawer says which classes it moves, the farthest first.
    change = moved(truth, direction)
    lines = drawer(tab).locator(".detail-section", has_text="Its direction moves").get_by_role("listitem")
    for line, label in zip(elements(lines, 3), np.argsort(-np.abs(change), kind="stable"), strict=False):
        found = numbers(line.inner_text())
        assert found[0] == label
        assert abs(found[-1] - change[label]) < 0.011 + 0.01 * abs(change[label])


def test_where_there_is_no_direction_that_is_said(
    board: str, open_tab: OpenTab, page: Page, complaints: list[str]
) -> None:
    panels = {f"panel:{LAYER}": {"c": "along:e:score < 0"}}
    tab = open_tab(board, link(**AT, **panels))
    panel = layer(tab, LAYER)
    expect(panel.locator(".projection-along")).to_have_text(
        "score < 0 has no direction: it holds none of the kept instances"
    )
    expect(tab.get_by_role("button", name="Sort by p(label)")).to_be_visible()

    go(page, tab, link(**AT, **{f"panel:{LAYER}": {"c": "along:e:nothing == 3"}}))
    expect(panel.locator(".projection-along")).to_contain_text("there is no column nothing")
    # A link that names nothing colours by labels.
    go(page, tab, link(**AT, **{f"panel:{LAYER}": {"c": "along:x"}}))
    expect(panel.get_by_role("button", name="Colour: label")).to_be_visible()
    assert len(complaints) >= 1
    assert all("nothing" in one or "422" in one or "400" in one for one in complaints), complaints
    complaints.clear()


def test_in_a_comparison_each_run_has_its_own_direction(board: str, open_tab: OpenTab, runs: Path) -> None:
    tab = open_tab(
        board,
        link(**AT, compare=[SECOND, 60], **{f"panel:{LAYER}": {"c": "along:s:8"}}),
    )
    panel = layer(tab, LAYER)
    expect(panel.locator(".projection-along")).to_contain_text("each along its own direction")
    ends = []
    for name in (FIRST, SECOND):
        truth = read(runs / name, LAYER)
        ends.append(np.abs(along(truth.values, truth.labels == "8")[1]).max())
    # One scale for both, which holds all values.
    high = numbers(shown_texts(panel.locator(".projection-legend > span:not(.projection-along)"), 3)[2])[0]
    assert max(ends) <= high <= 2.5 * max(ends)


def test_a_row_is_what_a_layer_is_projected_along(
    board: str, open_tab: OpenTab, page: Page, runs: Path, tmp_path: Path
) -> None:
    truth = read(runs / FIRST, LAYER)
    inside = truth.labels == "8"
    direction, values = along(truth.values, inside)
    length = float(np.sqrt((direction**2).sum()))
    tab = open_tab(board, link(**AT))
    panel = layer(tab, LAYER)
    row(panel, "8").click(button="right")
    tab.get_by_role("option", name="Project along its direction").click()
    expect(panel.get_by_role("radio", name="Direction")).to_be_checked()
    legend = panel.locator(".projection-along")
    expect(legend).to_contain_text("apart by construction")
    # "x in layer units: 0 is the mean of the 812 others, 1.38 that of the 87 in 8: … AUC 0.77 held out"
    zero, others, end, count, name, auc = numbers(legend.inner_text())
    assert (others, zero, count, name) == ((~inside).sum(), 0, inside.sum(), 8)
    assert abs(end - length) < 0.006
    assert abs(auc - held_out(truth.values, inside)) < 0.0051
    across = truth.values - np.outer(truth.values @ direction, direction) / length**2
    y = PCA(1, svd_solver="full").fit_transform(across)[:, 0]
    total = truth.values.var(axis=0).sum()
    expect(panel.locator(".projection-axis.x")).to_have_text(
        f"direction of 8 · {100 * (values * length).var() / total:.0f}%"
    )
    expect(panel.locator(".projection-axis.y")).to_have_text(f"across it {100 * y.var() / total:.0f}%")

    # What is drawn is what is saved.
    panel.get_by_role("button", name=f"Save the projection of {LAYER}").click()
    with page.expect_download() as saved:
        tab.get_by_role("option", name="CSV").click()
    saved.value.save_as(tmp_path / "csv")
    with (tmp_path / "csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [line["id"] for line in lines] == [str(one) for one in truth.ids]
    xy = np.array([[line["x"], line["y"]] for line in lines], float)
    np.testing.assert_allclose(xy[:, 0], values * length, atol=0.01)
    np.testing.assert_allclose(np.abs(xy[:, 1]), np.abs(y), atol=0.02)

    # The address brings it back; another method forgets it, and the selected row is offered.
    expect(panel.locator(".projection-axis.x")).to_contain_text("direction of 8")
    page.wait_for_function("location.hash.includes('along%3As%3A8')")
    page.reload()
    expect(panel.locator(".projection-axis.x")).to_contain_text("direction of 8")
    panel.get_by_role("radio", name="PCA").click()
    expect(panel.locator(".projection-axis.x")).to_contain_text("PC1")
    row(panel, "3").click()
    panel.get_by_role("radio", name="Direction").click()
    expect(panel.locator(".projection-axis.x")).to_contain_text("direction of 3")


def test_a_projection_along_what_is_no_direction_says_so(
    board: str, open_tab: OpenTab, page: Page, complaints: list[str]
) -> None:
    tab = open_tab(board, link(**AT, **{f"panel:{LAYER}": {"m": "along:e:score < 0"}}))
    panel = layer(tab, LAYER)
    expect(panel.get_by_role("alert")).to_contain_text(
        "This row has no direction in the layer: there are 0 instances of"
    )
    panel.get_by_role("radio", name="PCA").click()
    expect(panel.locator(".projection-axis.x")).to_contain_text("PC1")
    expect(panel.get_by_role("alert")).to_have_count(0)
    # A link that names no row, or a single instance, shows the PCA.
    for wrong in ("along:i:3", "along:x", "umap"):
        go(page, tab, link(**AT, **{f"panel:{LAYER}": {"m": wrong}}))
        expect(panel.get_by_role("radio", name="PCA")).to_be_checked()
    assert complaints
    assert all("400" in one for one in complaints), complaints
    complaints.clear()


def test_projections_of_a_comparison_are_each_along_their_own_direction(
    board: str, open_tab: OpenTab, runs: Path
) -> None:
    tab = open_tab(board, link(**AT, compare=[SECOND, 60], **{f"panel:{LAYER}": {"m": "along:s:8"}}))
    panel = layer(tab, LAYER)
    expect(panel.locator(".projection-along")).to_contain_text("each along its own direction")
    axes = panel.locator(".projection-axis.x")
    expect(axes).to_have_count(2)
    for axis, name in zip((axes.first, axes.last), (FIRST, SECOND), strict=True):
        truth = read(runs / name, LAYER)
        direction, values = along(truth.values, truth.labels == "8")
        share = values.var() * (direction @ direction) / truth.values.var(axis=0).sum()
        expect(axis).to_have_text(f"direction of 8 · {100 * share:.0f}%")


def test_neurons_stand_by_their_weight_in_the_direction(board: str, open_tab: OpenTab, runs: Path) -> None:
    truth = read(runs / FIRST, LAYER)
    direction, _ = along(truth.values, truth.labels == "8")
    unit = direction / np.sqrt((direction**2).sum())
    order = np.argsort(-unit, kind="stable")
    tab = open_tab(board, link(**AT))
    panel = layer(tab, LAYER)
    row(panel, "8").click(button="right")
    tab.get_by_role("option", name="Sort by its direction").click()
    expect(tab.get_by_role("button", name="Sort neurons by")).to_contain_text("direction of 8")
    expect(panel.locator(".matrix-effect").first).to_contain_text("weight")
    expect(panel.locator(".matrix-effect").first).to_contain_text("8 − rest")
    grid, tip = panel.get_by_role("grid"), tab.locator(".matrix-tip")
    grid.focus()
    grid.press("Control+Home")
    for place in range(3):
        grid.press("ArrowRight")
        expect(panel.get_by_role("gridcell")).to_contain_text(f"Neuron {order[place]},")
        expect(tip).to_contain_text(f"weight +{unit[order[place]]:.2f}")
    grid.press("Control+End")
    expect(panel.get_by_role("gridcell")).to_contain_text(f"Neuron {order[-1]},")
    assert unit[order[-1]] < 0
