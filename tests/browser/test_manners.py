"""The manners of the tab: panes resize and remember, nothing lies on anything else or is fetched twice, every view is saved."""

import csv
import re
import struct
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import numpy as np
from playwright.sync_api import FrameLocator, Locator, Page, Request, expect

from tensorboard_activis import open_run
from tests.browser.conftest import OpenTab
from tests.browser.links import drawer, link
from tests.browser.reading import elements, eventually, rectangle
from tests.browser.test_tour import AT_FIRST, FIRST, layer, pick, settled

#: Words and buttons of the bars that lie on each other, as "this over that".
OVERLAPS = """body => {
  const words = [...body.querySelectorAll("header :is(h2, h3, button, input, .caption, .second)")]
    .filter(one => one.checkVisibility({visibilityProperty: true, opacityProperty: true}) && one.textContent + one.ariaLabel !== "")
    .map(one => [one, one.getBoundingClientRect()]).filter(([, box]) => box.width > 1 && box.height > 1);
  const found = [];
  words.forEach(([one, a], i) => words.slice(i + 1).forEach(([other, b]) => {
    const [x, y] = [Math.min(a.right, b.right) - Math.max(a.left, b.left), Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top)];
    const header = one.closest("header") === other.closest("header");
    if (header && x > 2 && y > 2 && !one.contains(other) && !other.contains(one))
      found.push(`${one.outerHTML.slice(0, 90)} over ${other.outerHTML.slice(0, 90)}`);
  }));
  return found;
}"""


def width(pane: Locator) -> float:
    box = rectangle(pane)
    return box["width"]


def top(part: Locator) -> float:
    box = rectangle(part)
    return box["y"]


def test_panes_resize_collapse_and_remember(board: str, open_tab: OpenTab, page: Page) -> None:
    tab = open_tab(board, link(run=FIRST, layers=["stem", "block1", "block2", "head.relu", "head.fc2"]))
    graph, instances = (tab.get_by_role("region", name=name, exact=True) for name in ("Model graph", "Instances"))
    expect(layer(tab, "head.fc2").get_by_role("grid")).to_be_visible()
    before = width(graph), width(instances)
    edge = tab.get_by_role("separator", name="Width of the graph")
    edge.press("ArrowRight")
    edge.press("ArrowRight")
    side = rectangle(tab.get_by_role("separator", name="Width of the instances"))
    page.mouse.move(side["x"] + 3, side["y"] + 100)
    page.mouse.down()
    page.mouse.move(side["x"] - 57, side["y"] + 100, steps=3)
    page.mouse.up()

    def resized() -> None:
        assert (width(graph), width(instances)) == (before[0] + 32, before[1] + 60)

    def collapsed() -> None:
        assert rectangle(drawer(tab))["height"] <= 34, "the drawer collapses to its title line"

    eventually(graph, resized)
    tab.get_by_role("separator", name="Height of the detail").press("Enter")
    eventually(graph, collapsed)

    # Panels are at least 240 px high; more of them scroll.
    panels = tab.get_by_role("region", name=re.compile("^Layer "))
    assert min(rectangle(panel)["height"] for panel in elements(panels, 5)) >= 240
    layer(tab, "head.fc2").scroll_into_view_if_needed()
    expect(layer(tab, "head.fc2").get_by_role("grid")).to_be_in_viewport()

    page.reload()
    expect(layer(tab, "head.fc2").get_by_role("grid")).to_be_visible()
    eventually(graph, resized)
    eventually(graph, collapsed)
    drawer(tab).get_by_role("button", name="Open the drawer").click()

    # From 1,024 px to 4K nothing lies on anything else; C goes first, then the projection goes under its matrix.
    plot, grid = (layer(tab, "stem").get_by_role(role).first for role in ("application", "grid"))
    for wide, high in ((3840, 2160), (1280, 800), (1270, 800), (1024, 768)):
        page.set_viewport_size({"width": wide, "height": high})
        page.wait_for_timeout(300)

        def fits(wide: int = wide) -> None:
            assert tab.locator("body").evaluate(OVERLAPS) == [], wide
            assert (width(instances) <= 28) == (wide < 1280)
            assert (top(plot) > top(grid) + 100) == (wide < 1100)

        eventually(plot, fits)
    tab.get_by_role("button", name="Show or hide Instances").click()
    wrong = tab.get_by_role("listbox", name="Wrong")
    expect(wrong).to_be_visible()
    assert tab.locator("body").evaluate(OVERLAPS) == []

    # Closed by the keyboard, C takes the hover on its list with it.
    wrong.get_by_role("option").nth(1).hover()
    expect(tab.locator(".projection-entry.dim")).not_to_have_count(0)
    tab.get_by_role("separator", name="Width of the instances").press("Enter")
    expect(wrong).to_have_count(0)
    expect(tab.locator(".projection-entry.dim")).to_have_count(0)


def test_nothing_is_fetched_twice(board: str, open_tab: OpenTab, page: Page) -> None:
    asked: Counter[str] = Counter()

    # What is loaded later is fetched, and then imported from the browser's cache. Findings are asked for until all are known.
    others = re.compile(r"/(runs|findings|index\.js|more-[\w-]+\.js|graph\.worker\.js)\b")

    def count(request: Request) -> None:
        if "/plugin/activis/" in request.url and not others.search(request.url):
            asked[f"{request.url} {request.post_data or ''}"] += 1

    page.on("requestfinished", count)  # not those that were given up because the step moved on
    tab = open_tab(board, AT_FIRST)
    settled(tab)
    slider = tab.get_by_role("slider", name="Training step")
    for key, step in (("Home", 20), ("End", 60), ("Home", 20), ("End", 60)):
        slider.press(key)
        expect(tab.get_by_text(re.compile(f"{step} of 60"))).to_be_visible()
        expect(tab.get_by_role("progressbar")).to_have_count(0)
    for _ in range(2):
        pick(tab, "block2")
        expect(layer(tab, "block2")).to_be_visible()
        expect(tab.get_by_role("progressbar")).to_have_count(0)
        pick(tab, "block2")
        expect(layer(tab, "block2")).to_have_count(0)
    for name in ("Table", "Confusion", "Classes", "Table"):
        tab.get_by_role("radio", name=name).click()
    for rule in ("strongest", "index", "strongest"):
        tab.get_by_role("button", name=re.compile("^Sort neurons by")).click()
        tab.get_by_role("option", name=rule).click()
        expect(tab.get_by_role("progressbar")).to_have_count(0)
    assert asked
    assert [request for request, times in asked.items() if times > 1] == []


def test_every_view_is_saved(board: str, open_tab: OpenTab, page: Page, runs: Path, tmp_path: Path) -> None:
    tab = open_tab(board, AT_FIRST + link(sort={"by": "index"}))
    settled(tab)

    def save(button: Locator, kind: str | None = None) -> Path:
        button.hover()
        if kind:
            button.click()
        with page.expect_download() as download:
            (tab.get_by_role("option", name=kind) if kind else button).click()
        path = tmp_path / download.value.suggested_filename
        download.value.save_as(path)
        return path

    def button(name: str, within: Locator | FrameLocator = tab) -> Locator:
        return within.get_by_role("button", name=name, exact=True)

    def check_picture(path: Path, at_least: tuple[int, int]) -> None:
        content = path.read_bytes()
        assert content.startswith(b"\x89PNG")
        size = struct.unpack(">II", content[16:24])
        assert size >= at_least
        assert len(content) > size[0] * size[1] / 200, "something is drawn"

    check_picture(save(button("Save the matrix of head.relu"), "PNG"), (600, 200))
    check_picture(save(button("Save the graph"), "PNG"), (300, 600))
    check_picture(save(button("Save the projection of head.relu"), "PNG"), (200, 150))
    check_picture(save(button("Save the instances"), "PNG"), (600, 800))
    check_picture(save(button("Save the detail"), "PNG"), (1000, 300))

    for path, word in (
        (save(button("Save the matrix of head.relu"), "SVG"), "neuron"),
        (save(button("Save the graph"), "SVG"), "fc1"),
    ):
        drawn = ET.parse(path).getroot()
        assert drawn.tag.endswith("svg")
        assert any(word in text for text in drawn.itertext())
        assert len(list(drawn.iter())) > 30

    # Numbers, as they are in the files.
    snapshot = open_run(runs / FIRST).snapshot(60)
    summary = snapshot.summary("head.relu")
    head, *lines = list(
        csv.reader(save(button("Save the matrix of head.relu"), "CSV").read_text(encoding="utf-8").splitlines())
    )
    assert head == ["neuron", *[f"{digit} mean" for digit in range(10)]]
    classes = [summary.subsets.index(str(digit)) for digit in range(10)]
    wanted = [[index, *summary.mean[classes, index]] for index in range(summary.mean.shape[1])]
    np.testing.assert_allclose(np.array(lines, float), wanted, rtol=1e-5, atol=1e-6)
    table = list(csv.DictReader(save(button("Save the instances"), "CSV").read_text(encoding="utf-8").splitlines()))
    ids = [str(one) for one in snapshot.instances["id"].to_pylist()]
    assert [line["id"] for line in table] == ids
    places = list(
        csv.DictReader(save(button("Save the projection of head.relu"), "CSV").read_text(encoding="utf-8").splitlines())
    )
    assert [line["id"] for line in places] == ids
    assert [line["label"] for line in places] == [str(one) for one in snapshot.instances["label"].to_pylist()]
    centred = snapshot.activations("head.relu").astype(float)
    centred -= centred.mean(axis=0)
    axes = np.linalg.svd(centred, full_matrices=False)[2][:2]
    found = np.array([[line["x"], line["y"]] for line in places], float)
    # Which way an axis points is free.
    np.testing.assert_allclose(np.abs(found), np.abs(centred @ axes.T), rtol=1e-2, atol=1e-2 * np.abs(found).max())
    expect(tab.get_by_text("picked")).to_have_count(0)
