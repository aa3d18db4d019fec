"""View B, right: every sentence of the projection, on the demo's run and on runs of many classes."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import FrameLocator, Locator, Page, expect

from tensorboard_activis import open_run
from tests.browser.conftest import OpenTab
from tests.browser.links import link
from tests.browser.reading import eventually, rectangle, shown_texts, there_is
from tests.browser.recorded import WORDS, expect_redrawn, pixels, tasks_board, words
from tests.browser.test_tour import AT_FIRST, FIRST, layer, row, settled

GREY = 24  # greys, their halos and mixtures differ by less in their channels


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with tasks_board(tmp_path_factory.mktemp("tasks")) as address:
        yield address


@pytest.fixture(autouse=True)
def written(page: Page) -> None:
    page.add_init_script(WORDS)


def plot(tab: FrameLocator, name: str = "head.fc2") -> Locator:
    return layer(tab, name).get_by_role("application", name=f"Projection of {name}")


def legend(tab: FrameLocator, name: str = "head.fc2") -> Locator:
    return layer(tab, name).get_by_role("group", name="Legend").get_by_role("button")


def colour_by(tab: FrameLocator, name: str, by: str) -> None:
    layer(tab, name).get_by_role("button", name=re.compile("^Colour: ")).click()
    tab.get_by_role("listbox", name="Colour").get_by_role("option", name=by).first.click()


def coloured(canvas: Locator) -> int:
    """Pixels that are no grey."""
    channels = pixels(canvas)[..., :3].astype(int)
    return int((channels.max(-1) - channels.min(-1) > GREY).sum())


def test_colours_legend_and_hover(board: str, open_tab: OpenTab, runs: Path) -> None:
    tab = open_tab(board, AT_FIRST + link(sort={"by": "index"}))
    settled(tab)
    digits = [str(digit) for digit in range(10)]
    points = plot(tab).locator("canvas").first

    # By label; clusters are named in the plot.
    expect(legend(tab)).to_have_text(digits)

    def clusters_are_named() -> None:
        assert set(digits) >= set(words(plot(tab)))
        assert len(words(plot(tab))) >= 8
        assert coloured(points) > 1000

    eventually(points, clusters_are_named)
    whole = pixels(points)

    # An entry is switched off and on again: its points go and come back, its name too.
    legend(tab).nth(3).click()
    expect(legend(tab).nth(3)).to_have_attribute("aria-pressed", "false")
    tab.get_by_role("heading", name="Instances").hover()

    def three_is_gone() -> None:
        assert "3" not in words(plot(tab))
        assert (pixels(points) != whole).any(-1).sum() > 100

    eventually(points, three_is_gone)
    legend(tab).nth(3).click()
    tab.get_by_role("heading", name="Instances").hover()
    expect(legend(tab).nth(3)).to_have_attribute("aria-pressed", "true")

    def as_before() -> None:
        assert np.array_equal(pixels(points), whole)

    eventually(points, as_before)

    # A hovered row lights its points and its entry, the others dim and stay.
    row(layer(tab, "head.fc2"), "8").hover()
    expect(tab.locator(".projection-entry.here")).to_have_text(["8", "8"])
    expect(legend(tab).nth(3)).to_have_class(re.compile("dim"))

    def eight_is_lit() -> None:
        assert coloured(points) > 200
        assert (pixels(points) != whole).any(-1).sum() > 1000

    eventually(points, eight_is_lit)
    # An entry does the same for everybody else.
    legend(tab).nth(5).hover()
    expect(layer(tab, "head.relu").locator(".matrix-row.lit")).to_contain_text("5")

    # By everything else there is.
    for by, entries in (("prediction", digits), ("correctness", ["right", "wrong"]), ("rows", digits)):
        colour_by(tab, "head.fc2", by)
        expect(legend(tab).filter(has_text=entries[0]).first).to_be_visible()
        assert [text for text in shown_texts(legend(tab)) if text in entries] == entries
    colour_by(tab, "head.fc2", "score")
    scale = layer(tab, "head.fc2").locator(".projection-legend.scale")
    expect(scale).to_have_text(re.compile(r"^0[\d.]+$"))
    best = max(open_run(runs / FIRST).snapshot(60).instances["score"].to_pylist())
    assert float(scale.inner_text().split()[-1]) >= best
    # A neuron that was chosen anywhere, in any panel.
    grid = layer(tab, "head.relu").get_by_role("grid")
    grid.focus()
    grid.press("Control+Home")
    grid.press("ArrowRight")
    grid.press("Enter")
    colour_by(tab, "head.fc2", "Neuron 0")
    expect(layer(tab, "head.fc2").get_by_role("button", name="Colour: Neuron 0")).to_be_visible()

    def neuron_is_seen() -> None:
        assert coloured(points) > 500

    eventually(points, neuron_is_seen)


def test_hover_pin_zoom_and_lasso(board: str, open_tab: OpenTab, page: Page, runs: Path) -> None:
    tab = open_tab(board, AT_FIRST)
    settled(tab)
    box = rectangle(plot(tab))
    known = {record["id"]: record for record in open_run(runs / FIRST).snapshot(60).instances.to_pylist()}

    # What is pointed at is explained, in words of its record.
    tip = tab.get_by_role("tooltip")
    for step in range(200):
        page.mouse.move(box["x"] + 20 + step, box["y"] + box["height"] * 0.45)
        if there_is(tip):
            break
    record_words = re.compile(r"#(\d+) · (\d) → (\d) · score (\d\.\d\d)")
    expect(tip).to_contain_text(record_words)
    said = record_words.search(tip.inner_text())
    assert said, tip.inner_text()
    record = known[said[1]] if said[1] in known else known[int(said[1])]
    assert (str(record["label"]), str(record["prediction"])) == (said[2], said[3])
    assert float(said[4]) == pytest.approx(record["score"], abs=0.0051)

    # A click pins it: a row, and its ring and name in every plot.
    page.mouse.down()
    page.mouse.up()
    name = f"#{said[1]}"
    expect(tab.get_by_role("button", name=re.compile(f"Remove {name}"))).to_be_visible()
    page.mouse.move(2, 2)
    for panel in ("head.relu", "head.fc2"):

        def is_ringed(panel: str = panel) -> None:
            assert name in words(plot(tab, panel))
            ring = pixels(plot(tab, panel).locator("canvas").nth(1))
            accent = (ring == np.array([0xB8, 0x43, 0x00, 255], np.uint8)).all(-1)
            assert accent.sum() > 20

        eventually(plot(tab, panel), is_ringed)
    # Hovered it has another ring, by keyboard as by pointer.
    marks = plot(tab).locator("canvas").nth(1)
    before = pixels(marks)
    tab.get_by_role("listbox").get_by_role("option").nth(2).hover()
    expect_redrawn(marks, before)

    # The wheel with Ctrl zooms around the pointer, the middle button pans, a button shows all again.
    everything = words(plot(tab))
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.keyboard.down("Control")
    for _ in range(8):
        page.mouse.wheel(0, -30)
    page.keyboard.up("Control")
    fit = layer(tab, "head.fc2").get_by_role("button", name="Show all")
    expect(fit).to_be_visible()
    closer = pixels(plot(tab).locator("canvas").first)
    page.mouse.down(button="middle")
    page.mouse.move(box["x"] + 10, box["y"] + 10, steps=3)
    page.mouse.up(button="middle")
    expect_redrawn(plot(tab).locator("canvas").first, closer)
    fit.click()
    expect(fit).to_have_count(0)
    page.mouse.move(2, 2)

    def all_is_shown() -> None:
        assert words(plot(tab)) == everything

    eventually(plot(tab), all_is_shown)

    # A lasso around all; alt takes the left half away, shift brings it back.
    def lasso(left: float, right: float) -> int:
        page.mouse.move(box["x"] + 1 + left * (box["width"] - 2), box["y"] + 1)
        page.mouse.down()
        for across, down in ((right, 0), (right, 1), (left, 1)):
            page.mouse.move(
                box["x"] + 1 + across * (box["width"] - 2), box["y"] + 1 + down * (box["height"] - 2), steps=3
            )
        page.mouse.up()
        text = layer(tab, "head.fc2").get_by_text(re.compile("^[0-9,]+ picked$"))
        expect(text).to_be_visible()
        return int(text.inner_text().split()[0].replace(",", ""))

    assert lasso(0.05, 0.95) == len(known)
    page.keyboard.down("Alt")
    half = lasso(0.0, 0.5)
    page.keyboard.up("Alt")
    assert 0 < half < len(known)
    page.keyboard.down("Shift")
    assert lasso(0.0, 0.6) == len(known)
    page.keyboard.up("Shift")


def test_tsne_tells_how_far_it_is_and_shows_itself_to_who_waits(board: str, open_tab: OpenTab) -> None:
    tab = open_tab(board, AT_FIRST)
    settled(tab)
    panel = layer(tab, "head.fc2")
    method = panel.get_by_role("radiogroup", name="Projection method")
    cancel = panel.get_by_role("button", name="Cancel the t-SNE")
    method.get_by_role("radio").nth(1).click()
    expect(cancel).to_be_visible()
    expect(method.get_by_role("radio").nth(1)).to_have_text(re.compile(r"t-SNE \d+%"))
    # The switch is on the side that is waited for; the picture is still the one that was there.
    expect(method.get_by_role("radio").nth(1)).to_be_checked()
    expect(panel.get_by_text("PC1")).to_be_visible()
    # Who goes back to PCA waits no more.
    method.get_by_role("radio", name="PCA").click()
    expect(cancel).to_have_count(0)
    expect(method.get_by_role("radio", name="PCA")).to_be_checked()

    method.get_by_role("radio", name="t-SNE").click()
    expect(cancel).to_be_visible()
    expect(panel.get_by_text("PC1")).to_have_count(0, timeout=120_000)
    expect(method.get_by_role("radio", name="t-SNE")).to_be_checked()
    expect(cancel).to_have_count(0)


def test_more_classes_than_colours(tasks: str, open_tab: OpenTab) -> None:
    # Beyond ten: clusters have their names.
    tab = open_tab(tasks, "&p.activis.run=15-classes")
    expect(legend(tab, "head")).to_have_text([f"kind {index}" for index in range(15)])
    expect(layer(tab, "head").get_by_text("PC1")).to_be_visible()
    assert len([word for word in words(plot(tab, "head")) if word.startswith("kind ")]) >= 6

    # Beyond twenty: only what was chosen is coloured.
    tab = open_tab(tasks, "&p.activis.run=30-classes")
    expect(layer(tab, "head").get_by_text("30 classes, too many to colour")).to_be_visible()
    points = plot(tab, "head").locator("canvas").first
    assert coloured(points) == 0
    row(layer(tab, "head"), "kind 7").hover()
    tab.locator(".classes-scroll").press("Tab")
    plot(tab, "head").focus()
    plot(tab, "head").press("ArrowRight")
    plot(tab, "head").press("Enter")
    expect(legend(tab, "head")).to_have_count(1)
    expect(layer(tab, "head").get_by_text("29 more in grey")).to_be_visible()
    assert coloured(points) > 10
