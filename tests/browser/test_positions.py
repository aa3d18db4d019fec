"""The drawer says where in texts and images a neuron responds: what numpy finds in the values that the runs were made of."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import FrameLocator, Page, expect

from tensorboard_activis import open_run
from tests.board import tensorboard
from tests.browser.conftest import OpenTab
from tests.browser.links import drawer, go, link
from tests.browser.reading import elements, eventually, filled, rectangle
from tests.positions import SEQUENCE, STRONGEST, Truth, write_positions_run
from tests.records import small_data, write_run

NEURON = 2


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    """A run of texts and one of images."""
    path = tmp_path_factory.mktemp("logs")
    write_run(path / "images", small_data())
    return path, write_positions_run(path / "texts")


@pytest.fixture(scope="module")
def places(logs: tuple[Path, Truth]) -> Iterator[str]:
    with tensorboard(f"--logdir={logs[0]}") as address:
        yield address


def shown(run: str, layer: str, **state: object) -> str:
    return link(run=run, layers=[layer], detail=layer, **state)


def neuron(layer: str) -> dict[str, object]:
    return {"kind": "neuron", "layer": layer, "neuron": NEURON}


def alphas(tab: FrameLocator, selector: str) -> list[int]:
    """The most that each overlay covers, 0 to 255."""
    found: list[int] = filled(tab.locator(selector)).evaluate_all(
        """all => all.map(one => Math.max(...one.getContext("2d").getImageData(0, 0, one.width, one.height).data
        .filter((_, i) => i % 4 === 3)))"""
    )
    return found


def test_texts(places: str, logs: tuple[Path, Truth], open_tab: OpenTab, page: Page) -> None:
    truth = logs[1]
    values = truth.values[SEQUENCE][:, NEURON]
    order = np.argsort(-np.nanmean(values, 1).astype(np.float16), kind="stable")[:STRONGEST]
    tab = open_tab(places, shown("texts", SEQUENCE, selection=neuron(SEQUENCE)))

    # The strongest, tokens shaded, the token of the peak in bold.
    lines = drawer(tab).get_by_role("region", name="Strongest instances").locator(".where-lines .where-line")
    for line, row in zip(elements(lines, STRONGEST), order, strict=True):
        expect(line.locator(".token")).to_have_text(list(truth.tokens[row]))
        expect(line.locator(".token.peak")).to_have_text(truth.tokens[row][int(np.nanargmax(values[row]))])
        assert "rgb" in (line.locator(".token.peak").get_attribute("style") or "")
    expect(drawer(tab).get_by_role("img", name=re.compile("^Colours from"))).to_be_visible()
    expect(drawer(tab).get_by_role("region", name="Tokens at its peaks").locator("li").first).to_be_visible()

    # The list of instances is shaded by the same neuron; where the peak alone is known, it is bold.
    listed = tab.locator(".list-row")
    expect(tab.locator(".list-shaded")).to_contain_text(f"n{NEURON}")
    expect(listed.first.locator(".token.peak")).to_have_count(1)

    # The least: their peaks alone. Arrow keys choose.
    drawer(tab).get_by_role("radio", name="most").focus()
    page.keyboard.press("ArrowRight")
    least = drawer(tab).get_by_role("region", name="Weakest instances").locator(".where-lines .where-line")
    expect(least).to_have_count(8)
    expect(least.first.locator(".token.peak")).to_have_count(1)

    # Enter selects an instance. Its text is painted by the same neuron, whatever is known of it.
    least.first.focus()
    page.keyboard.press("Enter")
    content = drawer(tab).locator(".where-painted")
    expect(content.locator(".token.peak")).to_have_count(1)
    expect(content).to_contain_text(re.compile("the peak alone|whole map"))

    # By another neuron, chosen in a menu; and by none.
    drawer(tab).get_by_role("button", name="The neuron that the content is painted by").click()
    tab.get_by_role("option", name="Neuron 4", exact=True).click()
    expect(drawer(tab).get_by_role("button", name="The neuron that the content is painted by")).to_contain_text("n4")
    drawer(tab).get_by_role("button", name="The neuron that the content is painted by").click()
    tab.get_by_role("option", name="no neuron").click()
    expect(content).to_have_count(0)


def test_images(places: str, logs: tuple[Path, Truth], open_tab: OpenTab, page: Page) -> None:
    layer = "stem/relu"
    snapshot = open_run(logs[0] / "images").latest
    strongest = snapshot.positions(layer).strongest(NEURON)
    tab = open_tab(places, shown("images", layer, selection=neuron(layer)))
    tiles = drawer(tab).get_by_role("region", name="Strongest instances").get_by_role("button")
    for tile, row, peak in zip(elements(tiles, len(strongest.rows)), strongest.rows, strongest.peaks, strict=True):
        identifier = snapshot.instances["id"][int(row)].as_py()
        expect(tile).to_have_accessible_name(
            re.compile(rf"^#{identifier}, .*peak at row {peak // 4}, column {peak % 4}$")
        )

    # Overlay and ring; the ring alone; the picture alone.
    overlays, rings = (".where-tile .painted-map", ".where-tile .painted-ring")
    count = len(strongest.rows)
    expect(tab.locator(overlays)).to_have_count(count)

    def painted() -> None:
        assert max(alphas(tab, overlays)) > 150

    eventually(tiles, painted)
    for name, maps, peaks in (("peak", 0, count), ("plain", 0, 0), ("overlay", count, count)):
        drawer(tab).get_by_role("radio", name=name, exact=True).click()
        expect(tab.locator(overlays)).to_have_count(maps)
        expect(tab.locator(rings)).to_have_count(peaks)

    # Where it peaks: as many as lie above the median.
    values = snapshot.neuron(layer, NEURON).astype(float)
    expect(drawer(tab).get_by_role("region", name="Where it peaks")).to_contain_text(
        f"{int((values > np.median(values)).sum())} instances above the median, of {len(values)}"
    )

    # Its values are a click away, and the address keeps that.
    drawer(tab).get_by_role("radio", name="values").click()
    expect(drawer(tab).get_by_role("heading", name="Highest activation")).to_be_visible()
    expect(page).to_have_url(re.compile("face=values"))

    # An instance is painted by the neuron whose column is hovered.
    go(page, tab, shown("images", layer, selection={"kind": "instance", "row": int(strongest.rows[0])}))
    expect(drawer(tab).get_by_role("heading", name=re.compile("Content"))).to_be_visible()
    box = rectangle(tab.locator(".matrix-body").first)
    caption = drawer(tab).locator(".where-painted")
    found = set()
    for share in (0.3, 0.45, 0.6, 0.75, 0.9):  # of five neurons
        page.mouse.move(box["x"] + share * box["width"], box["y"] + 20)
        page.wait_for_timeout(200)
        found.add(caption.inner_text())
    assert len(found) > 1
    assert any("whole map" in text for text in found)


def test_layers_without_positions_are_as_before(places: str, open_tab: OpenTab) -> None:
    tab = open_tab(places, shown("texts", "head", selection={"kind": "neuron", "layer": "head", "neuron": 0}))
    expect(drawer(tab).get_by_role("heading", name="Highest activation")).to_be_visible()
    expect(drawer(tab).get_by_role("radio", name="where")).to_have_count(0)
