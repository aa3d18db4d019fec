"""View B: rows, order, statistics, scales, what the tooltip says; and a matrix too large to come as numbers."""

import csv
import json
import math
import re
from pathlib import Path
from urllib.parse import quote

import numpy as np
from playwright.sync_api import FrameLocator, Locator, Page, Request, expect

from tensorboard_activis import open_run, schema
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.recorder import Recorder
from tests.board import tensorboard
from tests.browser.conftest import OpenTab
from tests.browser.reading import elements, rectangle
from tests.browser.test_tour import AT_FIRST, FIRST, layer, row, settled

LAYERS = ("block2", "head.fc2")
CLASSES = [str(digit) for digit in range(10)]
Box = tuple[float, float, float, float]


def state(**fields: object) -> str:
    return AT_FIRST + "".join(f"&p.activis.{name}={quote(json.dumps(value))}" for name, value in fields.items())


def keys(panel: Locator) -> list[str | None]:
    """Rows from top to bottom."""
    rows = [(rectangle(one)["y"], one.get_attribute("data-row")) for one in elements(panel.locator(".matrix-row"))]
    return [key for _, key in sorted(rows, key=lambda one: one[0])]


def edges(place: Locator) -> Box:
    """Left, top, right, bottom."""
    box = rectangle(place)
    return box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]


def cell(panel: Locator, key: str, place: int, neurons: int) -> Box:
    """Edges of a cell: right of its row's name, in the place that its column has among all."""
    _, top, left, bottom = edges(panel.locator(f'[data-row="{key}"]'))
    right = edges(panel.locator(".matrix-body"))[2] - 2
    width = (right - left) / neurons
    return left + place * width, top, left + (place + 1) * width, bottom


def point(page: Page, box: Box) -> None:
    page.mouse.move((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)


def choose(tab: FrameLocator, control: str, option: str) -> None:
    tab.get_by_role("button", name=re.compile(rf"^{control}")).click()
    tab.get_by_role("option", name=re.compile(rf"^{option}")).first.click()


def keyboard_cell(panel: Locator, place: int = 0) -> Locator:
    """Puts the keyboard on a cell of the first row, which the grid then tells."""
    grid = panel.get_by_role("grid")
    grid.focus()
    grid.press("Control+Home")
    for _ in range(place + 1):
        grid.press("ArrowRight")
    return panel.get_by_role("gridcell")


def readable(value: float) -> float:
    """The next number at the end of a scale."""
    ends = [lead * 10.0**power for power in range(-4, 5) for lead in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)]
    return min(end for end in ends if end >= value * (1 - 1e-6))


def test_rows_are_added_ordered_named_and_removed(board: str, open_tab: OpenTab, page: Page, runs: Path) -> None:
    snapshot = open_run(runs / FIRST).snapshot(60)
    tab = open_tab(board, state(layers=LAYERS))
    settled(tab)
    panels = [layer(tab, name) for name in LAYERS]
    about = panels[0].get_by_role("group", name=re.compile("^ConvBlock, 48 neurons, spatial mean, all 899 kept"))
    about.focus()
    expect(tab.get_by_role("tooltip")).to_contain_text("ConvBlock · 48 neurons · spatial mean · all 899 kept")
    bar = tab.locator(".rows-bar")
    expect(bar).to_contain_text("label 10 classes")
    summary = snapshot.summary("head.fc2")
    offered = int(summary.count[summary.subsets.index("3 or 8, wrong"), 0])
    expect(bar.get_by_role("button", name=re.compile(f"^3 or 8, wrong {offered}$"))).to_be_visible()

    # An instance stands above the subsets, in rows of at least 18 px, with its picture and what it was taken for.
    tab.get_by_role("listbox", name="Wrong").get_by_role("option").first.click()
    names = {}
    for panel in panels:
        pinned = panel.locator('.matrix-row[data-row^="i:"]')
        expect(pinned).to_have_count(1)
        key = pinned.get_attribute("data-row") or ""
        index = int(key[2:])
        expect(pinned.locator("img")).to_be_visible()
        label, prediction = (snapshot.instances[name][index].as_py() for name in ("label", "prediction"))
        expect(pinned).to_contain_text(f"{label} → {prediction}")
        assert edges(pinned)[3] - edges(pinned)[1] >= 18
        assert keys(panel) == [key, *(f"s:{name}" for name in CLASSES)]
        names[key] = f"#{snapshot.instances['id'][index].as_py()}"
    expect(bar.get_by_role("button", name=f"Remove {next(iter(names.values()))}")).to_be_visible()
    # One grid: names and first cells begin at the same x in all panels.
    for place in (0, 2):
        assert (
            edges(panels[0].locator(".matrix-row").first)[place] == edges(panels[1].locator(".matrix-row").first)[place]
        )

    # Dragged to order, in every panel; the pinned block stays above.
    first, third = (edges(row(panels[0], name)) for name in ("0", "2"))
    page.mouse.move(first[0] + 30, (first[1] + first[3]) / 2)
    page.mouse.down()
    page.mouse.move(first[0] + 30, third[3] - 2, steps=6)
    page.mouse.up()
    for panel in panels:
        expect(panel.locator('.matrix-row[data-row="s:0"]')).to_have_attribute("aria-rowindex", "4")
        assert keys(panel)[1:4] == ["s:1", "s:2", "s:0"]

    # An expression becomes a row, is renamed, and is removed; so is a class.
    box = tab.get_by_role("combobox", name="Subset expression")
    box.fill("score < 0.5")
    unsure = int(snapshot.where("score < 0.5").sum())
    expect(tab.get_by_text(f"{unsure} of 899")).to_be_visible()
    box.press("Enter")
    row(panels[0], "score < 0.5").click(button="right")
    tab.get_by_role("option", name="Rename").click()
    field = tab.get_by_role("textbox", name="Name of the row")
    field.fill("unsure")
    field.press("Enter")
    for panel in panels:
        expect(panel.get_by_role("rowheader", name=f"unsure, n {unsure}")).to_be_visible()
    bar.get_by_role("button", name="Remove unsure").click()
    row(panels[0], "9").click(button="right")
    tab.get_by_role("option", name="Remove").click()
    for panel in panels:
        expect(panel.locator(".matrix-row")).to_have_count(10)
    tab.get_by_role("button", name="Add rows").click()
    tab.get_by_role("option", name=re.compile("^9")).click()
    expect(row(panels[1], "9")).to_be_visible()
    assert keys(panels[1])[-1] == "s:9"
    for name in ("all", "correct"):
        tab.get_by_role("button", name="Add rows").click()
        tab.get_by_role("option", name=re.compile(f"^{name}")).click()
        expect(row(panels[0], name)).to_be_visible()

    # In a low window the pinned block stays while the rest scrolls.
    page.set_viewport_size({"width": 1440, "height": 560})
    expect(panels[0].get_by_role("rowgroup", name="Subsets")).to_be_attached()
    stays = edges(panels[0].locator('.matrix-row[data-row^="i:"]'))
    panels[0].get_by_role("rowgroup", name="Subsets").evaluate("list => list.scrollTop = 40")
    expect(row(panels[0], "correct")).to_be_in_viewport()
    assert edges(panels[0].locator('.matrix-row[data-row^="i:"]')) == stays


def test_order_statistic_scale_and_tooltip(
    board: str, open_tab: OpenTab, page: Page, runs: Path, tmp_path: Path
) -> None:
    snapshot = open_run(runs / FIRST).snapshot(60)
    summary = snapshot.summary("block2")
    active = float((snapshot.activations("block2")[snapshot.where("label == 0"), 0] > 0).mean())
    rows = [summary.subsets.index(name) for name in CLASSES]
    mean, std, largest = (values[rows].astype(float) for values in (summary.mean, summary.std, summary.max))
    count = np.broadcast_to(summary.count, summary.mean.shape)[rows].astype(float)
    tab = open_tab(board, state(layers=LAYERS))
    settled(tab)
    panel = layer(tab, "block2")

    # A and B: a click, then one with shift; letters on both rows of every panel, effect sizes over the columns, largest first.
    row(panel, "8").click()
    for name in LAYERS:  # the bars of effects move the rows
        expect(layer(tab, name).locator(".matrix-effect").first).to_be_visible()
    row(panel, "3").click(modifiers=["Shift"])
    for name in LAYERS:
        expect(row(layer(tab, name), "8")).to_have_accessible_name(re.compile("^8, A"))
        expect(row(layer(tab, name), "3")).to_have_accessible_name(re.compile("^3, B"))
        expect(layer(tab, name)).to_contain_text("8 − 3")
    expect(tab.get_by_role("button", name="Sort neurons by")).to_contain_text(re.compile("effect size.*8.*3"))
    pooled = (count[8] * std[8] ** 2 + count[3] * std[3] ** 2) / (count[8] + count[3] - 2)
    apart = pooled > 0
    degrees = count[8, 0] + count[3, 0] - 2
    hedges = math.exp(math.lgamma(degrees / 2) - math.lgamma((degrees - 1) / 2)) / math.sqrt(degrees / 2)
    effect = np.where(apart, (mean[8] - mean[3]) / np.sqrt(np.where(apart, pooled, 1)), 0) * hedges
    order = np.argsort(-effect, kind="stable")
    expect(keyboard_cell(panel)).to_contain_text(f"Neuron {order[0]}, 0, mean")
    expect(keyboard_cell(panel, 1)).to_contain_text(f"Neuron {order[1]}, 0, mean")
    panel.get_by_role("grid").press("Escape")

    # The tooltip: at most two lines, exact numbers, never over the hovered row or column.
    for key, place in (("s:8", 0), ("s:0", 24), ("s:9", 47), ("s:4", 5)):
        at = cell(panel, key, place, 48)
        point(page, at)
        tip = tab.get_by_role("tooltip")
        neuron, index = int(order[place]), int(key[2:])
        expect(tip).to_contain_text(f"Neuron {neuron} · class {index} · mean")
        expect(tip).to_contain_text(f"n {int(count[index, 0])}, exact")
        expect(tip).to_contain_text(f"effect size {effect[neuron]:.1f}".replace("-", "−").replace("−0.0", "0.0"))
        expect(tip).to_contain_text(f"mean {short(mean[index, neuron])}")
        expect(tip).to_contain_text(f"sd {short(std[index, neuron])}")
        left, top, right, bottom = edges(tip)
        body = edges(panel.locator(".matrix-body"))
        assert bottom - top <= 2 * 16 + 16
        assert bottom <= at[1] or top >= at[3], "over the hovered row"
        assert right <= at[0] or left >= at[2] or bottom <= body[1] or top >= body[3], "over the hovered column"
    expect(row(panel, "4").locator("..")).to_have_class(re.compile("lit"))

    # A column, clicked, is the neuron in D.
    point(page, cell(panel, "s:8", 0, 48))
    page.mouse.down()
    page.mouse.up()
    expect(tab.get_by_role("region", name="Detail", exact=True)).to_contain_text(f"Neuron {order[0]}")
    page.mouse.move(2, 2)

    # B by the row's menu; strongest, clustered and index; each layer has its own order, the rule stands in the bar.
    row(panel, "5").click(button="right")
    tab.get_by_role("option", name=re.compile("^Set as B")).click()
    expect(row(panel, "5")).to_have_accessible_name(re.compile("^5, B"))
    for rule, best in (("strongest", int(np.argmax(mean.max(axis=0)))), ("index", 0)):
        choose(tab, "Sort neurons by", rule)
        expect(tab.get_by_role("button", name="Sort neurons by")).to_contain_text(rule)
        expect(keyboard_cell(panel)).to_contain_text(f"Neuron {best}, 0, mean {short(mean[0, best])}")
    choose(tab, "Sort neurons by", "clusters")
    expect(tab.get_by_role("button", name="Sort neurons by")).to_contain_text("clusters")
    choose(tab, "Sort neurons by", "index")

    # Statistics.
    for option, words in (
        ("standard deviation", f"standard deviation {short(std[0, 0])}"),
        ("max", f"max {short(largest[0, 0])}"),
        ("share active", f"share active {active * 100:.0f}%"),
        ("mean", f"mean {short(mean[0, 0])}"),
    ):
        choose(tab, "Statistic", option)
        expect(keyboard_cell(panel)).to_contain_text(f"Neuron 0, 0, {words}")
    panel.get_by_role("grid").press("Escape")

    # Scales: deviations by default, raw for the last layer; ends at the 99th percentile, and the legend says what lies beyond.
    spread = mean.std(axis=0)
    z = np.abs(np.where(spread > 0, (mean - mean.mean(axis=0)) / np.where(spread > 0, spread, 1), 0))
    for scale, sizes in (("z", z), ("0–1", None), ("raw", np.abs(mean)), ("auto", z)):
        choose(tab, "Scale", scale)
        end = 1.0 if sizes is None else readable(float(np.sort(sizes, axis=None)[math.ceil(0.99 * sizes.size) - 1]))
        low = f"−{end:g}" if sizes is z else "0"
        legend = panel.get_by_role("img", name=f"Colours from {low} to {end:g}")
        expect(legend).to_be_visible()
        expect(legend).to_contain_text(f"≥ {end:g}" if sizes is not None and sizes.max() > end else f"{end:g}")
    expect(layer(tab, "head.fc2").locator(".matrix-legend i")).to_have_count(0)

    # The numbers as CSV, the matrix as picture and as shapes.
    for option, name in (("CSV", "csv"), ("PNG", "png"), ("SVG", "svg")):
        tab.get_by_role("button", name="Save the matrix of block2").click()
        with page.expect_download() as saved:
            tab.get_by_role("option", name=option).click()
        assert saved.value.suggested_filename == f"block2-step-60.{name}"
        saved.value.save_as(tmp_path / name)
    with (tmp_path / "csv").open() as file:
        lines = list(csv.reader(file))
    assert lines[0] == ["neuron", *(f"{name} mean" for name in CLASSES)]
    np.testing.assert_allclose(np.array(lines[1:], float)[:, 1:], mean.T, rtol=1e-6)
    assert (tmp_path / "png").read_bytes()[:4] == b"\x89PNG"
    assert (tmp_path / "svg").read_text().count("<rect") > 480


def write_large(log_dir: Path, classes: int, neurons: int, centres: np.ndarray | float = 0.0) -> np.ndarray:
    """A run of three instances per class, around their centres [classes, neurons]; returns the means, [classes, neurons]."""
    random = np.random.default_rng(1)
    shape = schema.Shape((-1, neurons))
    nodes = (
        schema.Node("", None, "module", "Net", "Net", (shape,)),
        schema.Node("wide", "", "module", "wide", "Linear", (shape,)),
    )
    log = Recorder(
        log_dir,
        schema.Graph("torch", "Net", nodes, ()),
        [schema.LayerInfo("wide", neurons, "none", 0, shape)],
        class_names=[f"class {index}" for index in range(classes)],
        strict=True,
    )
    labels = np.repeat(np.arange(classes), 3)
    values = random.normal(size=(labels.size, neurons))
    values += np.repeat(np.broadcast_to(centres, (classes, neurons)), 3, axis=0)
    values = values.astype(np.float16).astype(np.float32)
    scores = np.eye(classes, dtype=np.float32)[labels]
    with log.guard(1), log.snapshot(1) as evaluation:
        evaluation.add(BatchRecord({"wide": values}, labels=labels, outputs=scores))
    log.close()
    means: np.ndarray = values.astype(float).reshape(classes, 3, neurons).mean(axis=1)
    return means


def test_a_large_matrix_is_drawn_from_bytes_and_told_in_numbers(tmp_path: Path, open_tab: OpenTab, page: Page) -> None:
    classes, neurons = 200, 400
    means = write_large(tmp_path / "logs" / "large", classes, neurons)
    asked: list[Request] = []
    page.on("requestfinished", lambda request: asked.append(request))
    with tensorboard(f"--logdir={tmp_path / 'logs'}") as board:
        tab = open_tab(board)
        panel = layer(tab, "wide")
        expect(panel.get_by_role("img", name="Colours from")).to_be_visible()
        (drawn,) = [request for request in asked if "/matrix" in request.url]
        assert '"quantized":"mean"' in (drawn.post_data or "")
        size = drawn.sizes()["responseBodySize"]
        assert classes * neurons < size < classes * neurons * 1.5

        # Sorted by the difference of two rows, the tooltip has the exact numbers of the cell and of the two.
        row(panel, "class 2").click()
        row(panel, "class 1").click(modifiers=["Shift"])
        expect(panel).to_contain_text("class 2 − class 1")
        told = keyboard_cell(panel)
        expect(told).to_contain_text(re.compile(r"Neuron \d+, class 0, mean [−\d]"))
        neuron = int(re.findall(r"\d+", told.inner_text())[0])
        expect(told).to_contain_text(f"mean {short(means[0, neuron])}")
        tip = tab.get_by_role("tooltip")
        expect(tip).to_contain_text("n 3, rounded")
        for index in (1, 2):
            expect(tip).to_contain_text(f"class {index}: mean {short(means[index, neuron])}")
        panel.get_by_role("grid").press("Escape")

        # All of it can be saved.
        tab.get_by_role("button", name="Save the matrix of wide").click()
        with page.expect_download() as saved:
            tab.get_by_role("option", name="CSV").click()
        saved.value.save_as(tmp_path / "csv")
        with (tmp_path / "csv").open() as file:
            lines = list(csv.reader(file))
        assert len(lines) == neurons + 1
        assert int(lines[1][0]) == neuron
        found = np.array(lines[1:], float)
        order = found[:, 0].astype(int)
        # The means of so many classes are stored to 1/4,094 of their range.
        step = np.ptp(means, axis=0)[order, None] / 4094
        assert np.all(np.abs(found[:, 2:] - means.T[order]) <= 1.001 * step)


def short(value: float) -> str:
    """About three digits, as the tab writes numbers between 0.001 and 10."""
    size = abs(value)
    return f"{value:.{2 if size >= 0.1 else 3 if size >= 0.01 else 4}f}".replace("-", "−")
