"""View A, the model's graph, in real TensorBoard: every sentence that the design has on it."""

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import FrameLocator, Locator, Page, expect

from benchmarks._browser_runs import BLOCKS, OPERATORS
from benchmarks._browser_runs import write as write_large
from tests.board import tensorboard
from tests.browser import graphs
from tests.browser.conftest import OpenTab
from tests.browser.graphs import TITLE
from tests.browser.reading import counted, eventually, rectangle, shown_texts

#: The accent colour, in light.
ACCENT = "#b84300"
#: The accent that fills, in light.
BAR = "#f57c00"
#: What the graph says of what is not in every forward pass.
DASHED = "not in every forward pass"


@pytest.fixture(scope="module")
def graph_board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log_dir = tmp_path_factory.mktemp("graphs")
    graphs.write(log_dir)
    write_large(log_dir, ["graph"])
    with tensorboard(f"--logdir={log_dir}") as address:
        yield address


def node(tab: FrameLocator, key: str) -> Locator:
    return tab.locator(f'[id="graph-{key}"]')


def top(item: Locator) -> float:
    box = rectangle(item)
    return box["y"]


def detail(tab: FrameLocator) -> dict[str, str]:
    """What stands under the graph on one node."""
    section = tab.get_by_role("region", name="Node")
    names, values = (shown_texts(section.locator(tag)) for tag in ("dt", "dd"))
    return dict(zip(names, values, strict=True)) | {"title": section.get_by_role("heading").inner_text()}


def search(tab: FrameLocator, text: str) -> None:
    tab.get_by_role("textbox", name="Search the graph by name, type or shape").fill(text)


def expect_in_sight(tab: FrameLocator, item: Locator) -> None:
    def check() -> None:
        pane, box = rectangle(tab.locator(".graph-pane")), rectangle(item)
        assert pane["y"] <= box["y"]
        assert pane["x"] <= box["x"]
        assert box["y"] + box["height"] <= pane["y"] + pane["height"]

    eventually(item, check)


def test_modules_edges_and_strips(graph_board: str, open_tab: OpenTab) -> None:
    tab = open_tab(graph_board, "&p.activis.run=net")
    tree = tab.get_by_role("tree", name="Layers of the model")
    pane = tab.get_by_role("region", name="Model graph").or_(tab.locator(".graph-outer")).first
    expect(node(tab, "stem").locator("image")).to_have_count(1, timeout=90_000)

    # Data flows from top to bottom; edges carry shapes, those of several tensors their count, those of some passes are dashed.
    keys = ["/input", "stem", "blocks", "split", "join", "sometimes", "always", "many", "wide", "head", "/output"]
    tops = [top(node(tab, key)) for key in keys]
    assert tops == sorted(tops)
    assert len(set(tops)) == len(tops)
    for shape in ("1×9×9", "7×5×3", "2 × 11", "22"):
        expect(pane.get_by_text(shape, exact=True).first).to_be_visible()
    expect(pane.locator("path[stroke-dasharray]")).to_have_count(2)
    expect(tab.get_by_text(DASHED)).to_be_visible()

    # A closed module says what it holds: repeated blocks, recorded layers, their strips joined.
    expect(node(tab, "blocks")).to_contain_text("Res × 3")
    expect(node(tab, "blocks")).to_have_attribute("aria-description", re.compile("3 recorded inside"))
    expect(node(tab, "blocks").locator("image")).to_have_count(3)

    # It opens in place: by double click, by its triangle, and closes again. Operators are there when it is open.
    before = top(node(tab, "blocks"))

    def stays() -> None:
        assert top(node(tab, "blocks")) == pytest.approx(before, abs=1)

    node(tab, "blocks").dblclick()
    expect(node(tab, "blocks")).to_have_attribute("aria-expanded", "true")
    node(tab, "blocks.1").locator("[data-toggle]").click()
    expect(node(tab, "blocks.1/add")).to_be_visible()
    expect(node(tab, "blocks.0/add")).to_have_count(0)
    eventually(node(tab, "blocks"), stays)
    node(tab, "blocks").dblclick(position=TITLE)
    expect(node(tab, "blocks.1")).to_have_count(0)

    # Strips: neurons by index, mean over the layer's largest activation, with a legend; dead, constant and broken ones are marked.
    node(tab, "stem").dblclick()
    legend = tab.locator(".graph-legend")
    for words in ("Mean ÷ layer’s largest", "−1", "1 all zero", "1 constant", "1 NaN or infinite"):
        expect(legend).to_contain_text(words)
    strip = node(tab, "stem.relu").locator("image")
    box = rectangle(strip)
    half = graphs.SLOPES[graphs.HALF] * (graphs.INSTANCES - 1) / 2 / graphs.LARGEST
    said = {
        graphs.ZERO: "0.00 · all zero",
        graphs.CONSTANT: "constant",
        graphs.BROKEN: "NaN",
        graphs.HALF: f"{half:.2f}",
    }
    for neuron, words in said.items():
        strip.hover(position={"x": (neuron + 0.5) * box["width"] / len(graphs.SLOPES), "y": 4})
        expect(tab.get_by_role("tooltip")).to_contain_text(re.compile(rf"stem.relu · Neuron {neuron} · .*{words}"))
        # The hovered neuron's place is marked.
        expect(node(tab, "stem.relu").locator(f'path[fill="{ACCENT}"]')).to_have_count(1)

    # A click on a recorded layer opens its panel and marks the node; another one closes it.
    node(tab, "stem.relu").click(position={"x": 60, "y": 10})
    panel = tab.get_by_role("region", name="Layer stem.relu", exact=True)
    expect(panel).to_be_visible()
    expect(node(tab, "stem.relu")).to_have_attribute("aria-selected", "true")
    # Closed over it, the module bears the bar.
    bar = node(tab, "stem").locator(f'rect[fill="{BAR}"]')
    expect(bar).to_have_count(0)
    node(tab, "stem").dblclick(position=TITLE)
    expect(bar).to_have_count(1)
    expect(node(tab, "stem")).to_have_attribute("aria-description", re.compile("panel open"))
    node(tab, "stem").dblclick()
    node(tab, "stem.relu").click(position={"x": 60, "y": 10})
    expect(panel).to_have_count(0)
    expect(node(tab, "stem.relu")).to_have_attribute("aria-selected", "false")

    # One that is not recorded says how to record it; its detail, and that of a second call.
    node(tab, "stem.conv").click()
    expect(tab.get_by_role("region", name="Node")).to_contain_text(
        'Not recorded. To record it: layers=[…, "stem.conv"]'
    )
    expect(tab.get_by_role("region", name="Node").get_by_role("heading")).to_have_text("stem.conv")
    assert detail(tab) == {
        "title": "stem.conv",
        "type": "Conv2d",
        "input": "1×9×9",
        "output": "7×5×3",
        "parameters": "70",
        "attributes": "bias, kernel 3×3, padding 1",
        "call": "1 of 1",
    }
    # What went another way in some passes is no NaN.
    expect(node(tab, "sometimes")).to_have_attribute(
        "aria-description", re.compile(f"^sometimes, Linear, recorded, 22 neurons, panel open, {DASHED}, ")
    )
    node(tab, "sometimes").locator("image").hover()
    expect(tab.get_by_role("tooltip")).to_contain_text(re.compile(r"^sometimes · Neuron \d+ · −?\d\.\d\d$"))

    # Pages of 300 children; the minimap appears with the first.
    tab.get_by_role("button", name="Close the node's detail").click()
    minimap = tab.locator(".graph-minimap")
    expect(minimap).to_have_count(0)
    node(tab, "many").dblclick()
    expect(node(tab, "many+more")).to_contain_text("Show more of 50")
    expect(minimap).to_be_visible()
    expect(tree.locator("[id^='graph-many.']")).to_have_count(300)
    node(tab, "many+more").click()
    expect(node(tab, "many+more")).to_have_count(0)
    node(tab, "many").dblclick(position=TITLE)
    node(tab, "wide").dblclick()
    # What does not fit beside each other is below each other.
    expect(node(tab, "wide.way99")).to_be_attached()
    drawn, room = rectangle(tab.locator("svg.graph-picture")), rectangle(tab.locator(".graph-pane"))
    assert drawn["width"] <= room["width"]

    # A search goes to where the hit is, and lights it up.
    tab.get_by_role("button", name="Search the graph").click()
    search(tab, "way99")
    expect(node(tab, "wide.way99").locator(f'rect[stroke="{ACCENT}"]')).to_have_count(1)
    expect_in_sight(tab, node(tab, "wide.way99"))


def test_search_zoom_keyboard_and_saving(graph_board: str, open_tab: OpenTab, page: Page, tmp_path: Path) -> None:
    tab = open_tab(graph_board, "&p.activis.run=net")
    expect(node(tab, "blocks").locator("image")).to_have_count(3, timeout=90_000)
    picture, pane = tab.locator("svg.graph-picture"), tab.locator(".graph-pane")

    # Found by name, type and shape, all of them; Enter goes on to the next.
    tab.get_by_role("button", name="Search the graph").click()
    for text, first, count in (("add", "blocks.0/add", 3), ("conv2d", "stem.conv", 4), ("11 left", "split.left", 1)):
        search(tab, text)
        expect(tab.get_by_role("status").filter(has_text=f"1 of {count}")).to_be_visible()
        expect(node(tab, first).locator(f'rect[stroke="{ACCENT}"]')).to_have_count(1)
        expect_in_sight(tab, node(tab, first))
    search(tab, "conv2d")
    page.keyboard.press("Enter")
    expect(node(tab, "blocks.0.conv").locator(f'rect[stroke="{ACCENT}"]')).to_have_count(1)
    search(tab, "nothing of the kind")
    expect(tab.get_by_role("status").filter(has_text="none")).to_be_visible()

    # Escape goes back to the tree, at the last hit, with a ring around it; arrows walk, Enter and + and − open and close.
    page.keyboard.press("Escape")
    expect(node(tab, "blocks.0.conv")).to_be_focused()
    expect(node(tab, "blocks.0.conv").locator(".graph-focus")).to_have_css("stroke-width", "2px")
    for key, place in (
        ("ArrowDown", "blocks.0/add"),
        ("ArrowLeft", "blocks.0"),
        ("ArrowUp", "blocks"),
        ("Home", "/input"),
        ("End", "/output"),
    ):
        page.keyboard.press(key)
        expect(node(tab, place)).to_be_focused()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    for key, wide in (
        ("Enter", "false"),
        ("+", "true"),
        ("-", "false"),
        ("ArrowRight", "true"),
        ("ArrowLeft", "false"),
    ):
        page.keyboard.press(key)
        expect(node(tab, "stem")).to_have_attribute("aria-expanded", wide)

    # Fit, zoom about the pointer, pan by dragging the ground, and the minimap.
    node(tab, "many").dblclick()
    expect(node(tab, "many.step299")).to_have_count(1)
    full = picture.get_attribute("height") or ""
    fit = tab.get_by_role("button", name="Fit the graph into the pane, or back to full size")
    fit.click()
    expect(picture).not_to_have_attribute("height", full)
    room = rectangle(pane)

    def whole() -> None:
        assert rectangle(picture)["height"] <= room["height"] + 1

    eventually(picture, whole)
    fit.click()
    page.mouse.move(room["x"] + 120, room["y"] + 300)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    expect(picture).not_to_have_attribute("width", re.compile(r"^(2[0-4]\d|1\d\d)(\.|$)"))
    pane.evaluate("element => element.scrollTo(0, 500)")
    page.mouse.move(room["x"] + 3, room["y"] + 300)
    page.mouse.down()
    page.mouse.move(room["x"] + 3, room["y"] + 200)
    page.mouse.up()
    expect(pane).to_have_js_property("scrollTop", 600)
    map_ = tab.locator(".graph-minimap")
    box = rectangle(map_)
    map_.click(position={"x": box["width"] / 2, "y": box["height"] - 3})
    expect(node(tab, "/output")).to_be_in_viewport()

    # Saved as it is: SVG with its words, PNG at twice the size.
    for kind in ("SVG", "PNG"):
        tab.get_by_role("button", name="Save the graph").click()
        with page.expect_download() as download:
            tab.get_by_role("option", name=kind).click()
        download.value.save_as(tmp_path / kind)
        assert download.value.suggested_filename == f"model-net.{kind.lower()}"
    root = ElementTree.parse(tmp_path / "SVG").getroot()
    words = {text.text for text in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"stem", "blocks", "0 · Res", "step7", "2 × 11"} <= words
    assert (tmp_path / "PNG").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    sides = [int.from_bytes((tmp_path / "PNG").read_bytes()[at : at + 4]) for at in (16, 20)]
    assert sides[1] == pytest.approx(2 * float(root.attrib["height"]), abs=2) or max(sides) == 16_000


def test_ten_thousand_operators(graph_board: str, open_tab: OpenTab) -> None:
    tab = open_tab(graph_board, "&p.activis.run=graph")
    expect(node(tab, "block0")).to_be_visible()
    # Only what is open is laid out, and only what is in sight of much is in the document.
    items = tab.get_by_role("treeitem")
    expect(items).to_have_count(BLOCKS + 3)
    each = OPERATORS // BLOCKS
    for block in (2, 1, 0):
        node(tab, f"block{block}").dblclick()
        expect(node(tab, f"block{block}.op0")).to_be_visible()
    node(tab, "block0").press("End")
    expect(node(tab, "head")).to_be_focused()
    assert counted(items) < BLOCKS + 3 + 3 * each

    tab.get_by_role("button", name="Search the graph").click()
    search(tab, f"block37.op{each - 1}")
    expect(node(tab, f"block37.op{each - 1}").locator(f'rect[stroke="{ACCENT}"]')).to_have_count(1)
    expect_in_sight(tab, node(tab, f"block37.op{each - 1}"))
    expect(tab.locator(".graph-minimap")).to_be_visible()
