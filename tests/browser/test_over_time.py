"""Over the training steps: a neuron's lines, a row below its matrix, what stays in place while the step moves, the slider."""

import re
from pathlib import Path

import numpy as np
from playwright.sync_api import FrameLocator, Locator, Page, expect

from tensorboard_activis import open_run
from tests.board import tensorboard
from tests.browser.conftest import EPOCHS, OpenTab
from tests.browser.links import drawer, link
from tests.browser.reading import elements, eventually, rectangle, there_is
from tests.browser.recorded import pixels
from tests.browser.test_tour import FIRST, layer, row, settled
from tests.records import small_data, write_run

LAYER = "head.relu"
STEPS = [20 * (epoch + 1) for epoch in range(EPOCHS)]
AT_LAST = f"&p.activis.run={FIRST}"


def slider(tab: FrameLocator) -> Locator:
    return tab.get_by_role("slider", name="Training step")


def at(tab: FrameLocator, step: int) -> None:
    """The step is the one that is shown, and everything of it is there."""
    expect(slider(tab)).to_have_attribute("aria-valuenow", str(step))
    settled(tab)


def order_of_neurons(page: Page, tab: FrameLocator) -> list[int]:
    """The neurons of the matrix in their order, as the keyboard reads them."""
    grid = layer(tab, LAYER).get_by_role("grid")
    grid.focus()
    grid.press("Control+Home")
    cell, names = layer(tab, LAYER).get_by_role("gridcell"), [""]
    for _ in range(20):
        grid.press("ArrowRight")
        expect(cell).not_to_have_text(names[-1])
        names.append(cell.inner_text())
    return [int(found[1]) for name in names if (found := re.match(r"Neuron (\d+),", name))]


def chart(tab: FrameLocator) -> Locator:
    return drawer(tab).get_by_role("region", name="Over the steps")


def test_a_neuron_has_a_line_per_row(board: str, open_tab: OpenTab, page: Page, runs: Path) -> None:
    neuron = 7
    rows = [["i", 3], *(["s", str(digit)] for digit in range(10)), ["e", "score < 0.6", "unsure"]]
    selection = {"kind": "neuron", "layer": LAYER, "neuron": neuron}
    tab = open_tab(board, AT_LAST + link(rows=rows, selection=selection, face="values"))
    lines = chart(tab).locator("path[data-row]")
    expect(lines).to_have_count(12)

    # The ends of the lines are the means of the rows, from the smallest at the bottom to the largest on top.
    run = open_run(runs / FIRST)
    words = chart(tab).locator(".hidden-text").text_content() or ""
    for name, of in [("8", "label == 8"), ("unsure", "score < 0.6")]:
        for step in (STEPS[0], STEPS[-1]):
            snapshot = run.snapshot(step)
            mask = snapshot.where(of)[: snapshot.record.sample_size]
            mean = snapshot.activations(LAYER)[: len(mask), neuron][mask].astype(np.float64).mean()
            told = re.search(rf"{name} from (\S+) at step {STEPS[0]} to (\S+) at step {STEPS[-1]}", words)
            assert told is not None, words
            assert abs(float(told[1 if step == STEPS[0] else 2].replace("−", "-")) - mean) < 0.006

    # Labels stand beside the ends, apart from each other; as many as have room.
    labels = chart(tab).locator(".detail-line-label text")

    def apart() -> None:
        boxes = sorted(box["y"] + box["height"] / 2 for box in map(rectangle, elements(labels)))
        assert len(boxes) >= 8
        assert min(np.diff(boxes)) >= 11.5

    eventually(labels, apart)

    # A hovered row dims the rest, from wherever it is hovered.
    row(layer(tab, LAYER), "8").hover()
    eight = chart(tab).locator('path[data-row="s:8"]')
    expect(eight).to_have_attribute("opacity", "1")
    expect(chart(tab).locator('path[data-row="s:3"]')).not_to_have_attribute("opacity", "1")
    tab.get_by_role("heading", name="Instances").hover()
    expect(chart(tab).locator('path[data-row="s:3"]')).to_have_attribute("opacity", "1")
    page.mouse.move(*_on_line(eight, 0.5))
    expect(tab.get_by_role("tooltip")).to_have_text(re.compile(r"^step \d+ · \S+ · mean [−\d.]+ · n \d+$"))

    # A click moves to the nearest step.
    chart(tab).locator("svg").click(position={"x": 36, "y": 30})
    at(tab, STEPS[0])


def _on_line(line: Locator, share: float) -> tuple[float, float]:
    """A point of a path, in the page."""
    x, y = line.evaluate(
        """(path, share) => {
            const point = path.getPointAtLength(path.getTotalLength() * share);
            const ground = path.ownerSVGElement.getBoundingClientRect();
            return [ground.left + point.x, ground.top + point.y];
        }""",
        share,
    )
    frame = rectangle(line.page.locator("iframe[src*='name=activis']"))
    return x + frame["x"], y + frame["y"]


def test_many_rows_are_pale_but_those_that_are_chosen(tmp_path: Path, open_tab: OpenTab) -> None:
    subsets = {f"over {at}": f"id > {100 + at}" for at in range(24)}
    write_run(tmp_path / "run", small_data(40), (1, 2, 3), subsets=subsets)
    rows = [["i", 2], *(["s", name] for name in subsets)]
    with tensorboard(f"--logdir={tmp_path}") as board:
        tab = open_tab(
            board,
            link(
                rows=rows,
                selection={"kind": "neuron", "layer": "head", "neuron": 1},
                sort={"by": "difference", "a": "s:over 3", "b": "s:over 20"},
            ),
        )
        lines = chart(tab).locator("path[data-row]")

        def three_are_strong() -> None:
            opacities = {line.get_attribute("data-row"): line.get_attribute("opacity") for line in elements(lines, 25)}
            assert {key for key, opacity in opacities.items() if opacity == "1"} == {"i:2", "s:over 3", "s:over 20"}

        eventually(lines, three_are_strong)
        expect(chart(tab).locator(".detail-line-label")).to_have_count(3)


def test_a_row_is_spread_over_the_steps(board: str, open_tab: OpenTab, page: Page) -> None:
    tab = open_tab(board, AT_LAST)
    panel = layer(tab, LAYER)
    # By the row's menu, and by the button of the panel.
    row(panel, "8").click(button="right")
    tab.get_by_role("option", name="Over the steps").click()
    strip = panel.get_by_role("region", name=f"8 over the steps in {LAYER}")
    cells = strip.get_by_role("img")
    expect(cells).to_have_attribute("aria-label", f"8: neurons by {EPOCHS} steps, from {STEPS[0]} to {STEPS[-1]}")
    settled(tab)
    expect(panel.get_by_role("button", name="Close the row over the steps").first).to_be_visible()

    # Its last line is the row of the matrix above, in the same colours: same neurons in the same order.
    grid = panel.get_by_role("grid")

    def as_above() -> None:
        matrix, spread = pixels(panel.locator(".matrix-body canvas").first), pixels(strip.locator("canvas").first)
        box, whole = rectangle(row(panel, "8")), rectangle(grid)
        ratio = matrix.shape[0] / whole["height"]
        own = matrix[round((box["y"] + box["height"] / 2 - whole["y"]) * ratio)]
        last = spread[-round(spread.shape[0] / EPOCHS / 2)]
        first = spread[round(spread.shape[0] / EPOCHS / 2)]
        left = round(130 * ratio)
        assert np.array_equal(own[left:], last[left:])
        assert not np.array_equal(own[left:], first[left:])

    eventually(strip, as_above)

    # The step shown is marked; a cell says its value; hovering is linked; a click moves the step.
    expect(strip.locator(".matrix-strip-step.shown")).to_have_text(str(STEPS[-1]))
    ground = strip.locator(".matrix-strip-cells")
    place = rectangle(ground)
    ground.hover(position={"x": place["width"] * 0.6, "y": 4})
    tip = tab.get_by_role("tooltip")
    expect(tip).to_have_text(re.compile(rf"^Neuron \d+ · 8 at step {STEPS[0]} · mean [−\d.]+ · z [+−]?[\d.]+ · n \d+$"))
    expect(row(panel, "8").locator("xpath=..")).to_have_class(re.compile("lit"))
    ground.click(position={"x": place["width"] * 0.6, "y": 4})
    at(tab, STEPS[0])
    expect(strip.locator(".matrix-strip-step.shown")).to_have_text(re.compile(str(STEPS[0])))

    # Another row, then none.
    strip.get_by_role("button", name=re.compile("^Row over the steps")).click()
    tab.get_by_role("option", name="3", exact=True).click()
    expect(panel.get_by_role("region", name=f"3 over the steps in {LAYER}")).to_be_visible()
    panel.get_by_role("button", name="Close the row over the steps").first.click()
    expect(panel.locator(".matrix-strip")).to_have_count(0)
    panel.get_by_role("button", name="Spread a row over the steps").click()
    expect(panel.get_by_role("region", name=f"0 over the steps in {LAYER}")).to_be_visible()


def test_more_steps_than_lines_are_thinned_and_it_says_so(tmp_path: Path, open_tab: OpenTab) -> None:
    write_run(tmp_path / "run", small_data(), tuple(range(0, 120, 2)))
    with tensorboard(f"--logdir={tmp_path}") as board:
        tab = open_tab(board, link(**{"panel:head": {"o": "s:bee"}}))
        strip = layer(tab, "head").get_by_role("region", name="bee over the steps in head")
        expect(strip).to_contain_text("over the steps, 48 of 60, evenly spread")
        expect(strip.get_by_role("img")).to_have_attribute("aria-label", "bee: neurons by 48 steps, from 0 to 118")


def test_moving_the_step_moves_no_block_and_no_neuron(board: str, open_tab: OpenTab, page: Page) -> None:
    tab = open_tab(board, AT_LAST)
    at(tab, STEPS[-1])
    sort = tab.get_by_role("button", name=re.compile("^Sort neurons by"))
    blocks = tab.get_by_role("region", name="Instances", exact=True).locator(".classes-label")

    def tops() -> list[float]:
        return [rectangle(one)["y"] for one in elements(blocks)]

    before, neurons = tops(), order_of_neurons(page, tab)
    assert len(before) >= 5
    assert neurons != sorted(neurons)
    for key, step in (("Home", STEPS[0]), ("ArrowRight", STEPS[1])):
        slider(tab).press(key)
        at(tab, step)
        assert tops() == before
        assert order_of_neurons(page, tab) == neurons
        expect(sort).to_contain_text(f"order of step {STEPS[-1]}")

    # Asked for anew, the order is that of the step shown.
    sort.click()
    tab.get_by_role("listbox", name="Sort neurons by").get_by_role("option", name=re.compile("^clusters")).click()
    settled(tab)
    expect(sort).not_to_contain_text("order of step")
    assert order_of_neurons(page, tab) != neurons


def by_errors(log_dir: Path, step: int) -> list[str]:
    """The classes with most errors first, of equally many the one with the largest share."""
    snapshot = open_run(log_dir).snapshot(step)
    right = snapshot.where("correct")
    sizes = {str(digit): snapshot.where(f"label == {digit}") for digit in range(10)}
    errors = {name: int((mask & ~right).sum()) for name, mask in sizes.items()}
    return sorted(errors, key=lambda name: (-errors[name], -errors[name] / sizes[name].sum()))


def test_the_order_of_classes_stays_with_the_step(board: str, open_tab: OpenTab, runs: Path) -> None:
    tab = open_tab(board, AT_LAST + link(order="errors", step=str(STEPS[-1])))
    at(tab, STEPS[-1])
    names = layer(tab, LAYER).locator("[role=rowheader] .matrix-name")
    last, first = by_errors(runs / FIRST, STEPS[-1]), by_errors(runs / FIRST, STEPS[0])
    assert last != first
    expect(names).to_have_text(last)
    chip = tab.locator(".chip-body").filter(has_text="10 classes")
    expect(chip).not_to_contain_text("order of step")
    slider(tab).press("Home")
    at(tab, STEPS[0])
    expect(names).to_have_text(last)
    expect(chip).to_contain_text(f"order of step {STEPS[-1]}")
    chip.click()
    tab.get_by_role("option", name="Most errors first").dispatch_event("click")
    expect(names).to_have_text(first)
    expect(chip).not_to_contain_text("order of step")


def test_the_slider_by_keyboard_and_where_accuracy_moved_most(
    board: str, open_tab: OpenTab, runs: Path, tmp_path: Path
) -> None:
    tab = open_tab(board, AT_LAST)
    at(tab, STEPS[-1])
    run = open_run(runs / FIRST)
    accuracy = [run.snapshot(step).record.metrics["accuracy"] for step in STEPS]
    moved = int(np.argmax(np.abs(np.diff(accuracy))))
    said = (
        f"Accuracy moved most from step {STEPS[moved]} to {STEPS[moved + 1]}: "
        f"{100 * accuracy[moved]:.1f}% to {100 * accuracy[moved + 1]:.1f}%"
    )
    expect(slider(tab).locator(".step-jump")).to_have_attribute("title", said)
    expect(slider(tab)).to_have_attribute("aria-description", said)
    for key, step in (("Home", STEPS[0]), ("ArrowRight", STEPS[1]), ("PageUp", STEPS[-1]), ("ArrowLeft", STEPS[-2])):
        slider(tab).press(key)
        expect(slider(tab)).to_have_attribute("aria-valuenow", str(step))
    for key, step in (("PageDown", STEPS[0]), ("End", STEPS[-1])):
        slider(tab).press(key)
        expect(slider(tab)).to_have_attribute("aria-valuenow", str(step))


def test_pinned_instances_beyond_the_fold_are_counted(board: str, open_tab: OpenTab) -> None:
    pinned = 30
    rows = [*(["i", index] for index in range(pinned)), *(["s", str(digit)] for digit in range(10))]
    tab = open_tab(board, AT_LAST + link(rows=rows))
    panel = layer(tab, LAYER)
    fold = panel.get_by_role("button", name=re.compile("more below$"))
    block = panel.get_by_role("rowgroup", name="Pinned instances")
    box = rectangle(block)
    height = box["height"]
    expect(fold).to_have_text(f"{pinned - round(height / 18)} more below")
    while there_is(fold):
        fold.click()
    expect(panel.get_by_role("button", name=re.compile("more above$"))).to_have_text(
        f"{pinned - round(height / 18)} more above"
    )
    expect(block.get_by_role("rowheader").last).to_be_visible()
