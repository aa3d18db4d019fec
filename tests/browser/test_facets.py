"""Facets below the toolbar: they show what is typed, and a click or a brush writes it."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import FrameLocator, Locator, Page, expect

from tensorboard_activis import open_run
from tests.board import tensorboard
from tests.browser.conftest import OpenTab
from tests.browser.reading import rectangle
from tests.browser.test_accessibility import objections
from tests.browser.test_tour import AT_FIRST, FIRST, layer, settled
from tests.records import small_data, write_run


def opened(tab: FrameLocator) -> Locator:
    """The facets, shown by their handle at the box."""
    tab.get_by_role("button", name=re.compile("Show the facets")).click()
    facets = tab.get_by_role("region", name="Facets")
    expect(facets).to_be_visible()
    return facets


def box(tab: FrameLocator) -> Locator:
    return tab.get_by_role("combobox", name="Subset expression")


def drag(page: Page, histogram: Locator, start: float, end: float) -> None:
    """Across a histogram, from one share of its width to another."""
    place = rectangle(histogram)
    y = place["y"] + place["height"] / 2
    page.mouse.move(place["x"] + start * place["width"], y)
    page.mouse.down()
    page.mouse.move(place["x"] + (start + end) / 2 * place["width"], y)
    page.mouse.move(place["x"] + end * place["width"], y)
    page.mouse.up()


def test_a_click_writes_and_takes_out(board: str, open_tab: OpenTab, page: Page, runs: Path) -> None:
    snapshot = open_run(runs / FIRST).snapshot(60)
    tab = open_tab(board, AT_FIRST)
    settled(tab)
    facets = opened(tab)
    count = int(snapshot.where("label == 9").sum())
    nine = facets.get_by_role("button", name="label 9:")
    expect(nine).to_have_attribute("aria-label", f"label 9: {count} instances")
    expect(nine).to_have_attribute("aria-pressed", "false")
    nine.click()
    expect(box(tab)).to_have_value("label == 9")
    expect(tab.get_by_text(f"{count} of 899")).to_be_visible()
    expect(nine).to_have_attribute("aria-pressed", "true")

    # Another value of the column is added, another column is joined.
    facets.get_by_role("button", name="label 3:").click()
    expect(box(tab)).to_have_value("label in [9, 3]")
    facets.get_by_role("button", name="correct wrong").click()
    text = "label in [9, 3] and not correct"
    expect(box(tab)).to_have_value(text)
    wrong = int(snapshot.where(text).sum())
    expect(tab.get_by_text(f"{wrong} of 899")).to_be_visible()
    # What it says beside each value is counted: all, and of what is typed.
    predictions = snapshot.column("prediction")
    for value in range(10):
        there = predictions == value
        expect(facets.get_by_role("button", name=f"prediction {value}:")).to_have_attribute(
            "aria-label", f"prediction {value}: {int((there & snapshot.where(text)).sum())} of {int(there.sum())}"
        )

    # Clicked again it is taken out; the last one leaves nothing.
    nine.click()
    expect(box(tab)).to_have_value("label == 3 and not correct")
    facets.get_by_role("button", name="correct wrong").click()
    facets.get_by_role("button", name="Clear label").click()
    expect(box(tab)).to_have_value("")
    expect(facets.get_by_text("typed")).to_have_count(0)

    # Whether they are shown is remembered.
    page.reload()
    expect(tab.get_by_role("region", name="Facets")).to_be_visible()
    tab.get_by_role("button", name="Hide the facets").click()
    expect(tab.get_by_role("region", name="Facets")).to_have_count(0)


def test_a_brush_writes_a_range(board: str, open_tab: OpenTab, page: Page, runs: Path) -> None:
    snapshot = open_run(runs / FIRST).snapshot(60)
    tab = open_tab(board, AT_FIRST)
    settled(tab)
    facets = opened(tab)
    histogram = facets.locator(".facet", has_text="score").filter(has_not_text="p(label)").locator(".facet-histogram")
    first, end = (facets.get_by_role("slider", name=f"score, {which}", exact=True) for which in ("from", "below"))
    bins = int(end.get_attribute("aria-valuemax") or 0)
    drag(page, histogram, 0.02, 0.5)
    expect(box(tab)).to_have_value(re.compile(r"^score < 0?\.\d+$"))
    text = box(tab).input_value()
    expect(tab.get_by_text(f"{int(snapshot.where(text).sum())} of 899")).to_be_visible()
    below = float(text.split("<")[1])
    score = snapshot.column("score")
    # As many as lie in the bins on the left of the middle.
    low, high = np.floor(score.min() * 50) / 50, np.ceil(score.max() * 50) / 50
    assert abs(below - (low + high) / 2) < (high - low) / bins + 0.02
    expect(histogram.locator(".facet-brush")).to_be_visible()

    # By keyboard, a bin further; both ends.
    end.press("ArrowLeft")
    expect(box(tab)).not_to_have_value(text)
    first.press("ArrowRight")
    expect(box(tab)).to_have_value(re.compile(r"^0\.\d+ <= score < 0\.\d+$"))
    text = box(tab).input_value()
    expect(tab.get_by_text(f"{int(snapshot.where(text).sum())} of 899")).to_be_visible()

    # Typed by hand it is shown as well; a click within it takes it out.
    box(tab).fill("label == 9 and score < 0.3")
    expect(end).to_have_attribute("aria-valuetext", "0.3")
    place = rectangle(histogram)
    page.mouse.click(place["x"] + 6, place["y"] + 20)
    expect(box(tab)).to_have_value("label == 9")
    # The pictures beside it follow.
    expect(layer(tab, "head.relu").get_by_role("grid")).to_be_visible()


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """300 instances with a hundred user columns, of which one has a value per instance; beside it `other`, with five."""
    log_dir = tmp_path_factory.mktemp("wide")
    random = np.random.default_rng(0)
    columns: dict = {f"feature {index}": random.normal(size=300).tolist() for index in range(98)}
    columns |= {
        "file": [f"photo-{index}.png" for index in range(300)],
        "site": random.choice(list("ABC"), 300).tolist(),
    }
    data = small_data(300)
    others = {f"measure {index}": random.normal(size=300).tolist() for index in range(4)}
    write_run(log_dir / "logs" / "other", data, columns=others | {"site": random.choice(list("DE"), 300).tolist()})
    write_run(log_dir / "logs" / "wide", data, columns=columns)
    with tensorboard(f"--logdir={log_dir / 'logs'}") as address:
        yield log_dir / "logs" / "wide", address


def test_of_a_hundred_columns_the_others_are_searched(wide: tuple[Path, str], open_tab: OpenTab) -> None:
    run, board = wide
    tab = open_tab(board)
    facets = opened(tab)
    expect(facets.locator(".facet")).to_have_count(8)
    search = facets.get_by_role("textbox", name="Search the columns")
    expect(search).to_have_attribute("placeholder", "106 columns")
    search.fill("feature 7")
    expect(facets.locator(".facet")).to_have_count(8)
    search.fill("site")
    expect(facets.locator(".facet")).to_have_count(1)
    snapshot = open_run(run).latest
    count = snapshot.instances["site"].to_pylist().count("B")
    site = facets.get_by_role("button", name="site B")
    expect(site).to_have_accessible_name(f"site B: {count} instances")
    site.click()
    expect(box(tab)).to_have_value('site == "B"')
    search.fill("nothing like it")
    expect(facets.get_by_text("No column has that name.")).to_be_visible()

    # A value per instance: how many there are, and a search.
    search.fill("file")
    values = facets.get_by_role("textbox", name="Search the values of file")
    expect(values).to_have_attribute("placeholder", "300 values")
    expect(facets.get_by_role("button", name="file photo")).to_have_count(0)
    values.fill("TO-29")
    expect(facets.get_by_role("button", name="file photo")).to_have_count(11)
    facets.get_by_role("button", name="file photo-290.png").click()
    expect(box(tab)).to_have_value('site == "B" and file == "photo-290.png"')


def test_each_run_is_asked_for_its_own_columns(wide: tuple[Path, str], open_tab: OpenTab) -> None:
    """To and fro between two runs while columns and values are searched. Answers of 400 and more fail the test."""
    run, board = wide
    tab = open_tab(board)
    facets = opened(tab)
    search = facets.get_by_role("textbox", name="Search the columns")

    def go(name: str) -> None:
        tab.get_by_role("button", name="Run: ").click()
        tab.get_by_role("option", name=name).click()
        expect(tab.get_by_role("button", name=f"Run: {name}")).to_be_visible()

    expect(tab.get_by_role("button", name="Run: wide")).to_be_visible()
    search.fill("file")
    facets.get_by_role("textbox", name="Search the values of file").fill("TO-29")
    expect(facets.get_by_role("button", name="file photo")).to_have_count(11)
    go("other")
    expect(facets.get_by_text("No column has that name.")).to_be_visible()
    expect(search).to_have_value("file")
    search.fill("measure")
    expect(facets.locator(".facet-head b")).to_have_text([f"measure {index}" for index in range(4)])
    go("wide")
    expect(facets.get_by_text("No column has that name.")).to_be_visible()
    search.fill("site")
    for name in ("wide", "other"):
        if name == "other":
            go(name)
        sites = open_run(run.parent / name).latest.instances["site"].to_pylist()
        labels = facets.get_by_role("button", name=re.compile("^site [A-E]:"))
        expect(labels).to_have_count(len(set(sites)))
        for site in sorted(set(sites)):
            button = facets.get_by_role("button", name=f"site {site}:")
            expect(button).to_have_accessible_name(f"site {site}: {sites.count(site)} instances")
    expect(facets.get_by_role("alert")).to_have_count(0)


def test_nothing_is_asked_for_what_is_incomplete(board: str, open_tab: OpenTab, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/facets" in request.url else None)
    tab = open_tab(board, AT_FIRST)
    settled(tab)
    assert asked == []
    opened(tab)
    expect(tab.get_by_role("button", name="label 9:")).to_be_visible()
    before = len(asked)
    for typed in ("label ==", "correct and", "(score > 0.5"):
        box(tab).fill(typed)
        page.wait_for_timeout(400)
    assert len(asked) == before
    # What is not complete makes way for what is clicked.
    box(tab).fill("correct and score")
    page.wait_for_timeout(300)
    tab.get_by_role("button", name="label 9:").click()
    expect(box(tab)).to_have_value("correct and label == 9")


@pytest.mark.parametrize("width", [1024, 1280, 1920])
def test_facets_fit_and_can_be_reached(board: str, open_tab: OpenTab, page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    tab = open_tab(board, AT_FIRST)
    facets = opened(tab)
    expect(facets.get_by_role("button", name="label 9:")).to_be_visible()
    place = rectangle(facets)
    assert (place["width"], place["height"]) == (width, 126)
    small = facets.evaluate(
        """facets => [...facets.querySelectorAll("button, input")].filter((each) => {
          const { width, height } = each.getBoundingClientRect();
          return width < 24 || height < 24;
        }).map((each) => each.outerHTML.slice(0, 120))"""
    )
    assert small == []
    last = facets.locator(".facet").last
    last.scroll_into_view_if_needed()
    expect(last).to_be_in_viewport()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(board: str, open_tab: OpenTab, page: Page, scheme: str) -> None:
    tab = open_tab(board, AT_FIRST)
    facets = opened(tab)
    expect(facets.get_by_role("button", name="label 9:")).to_be_visible()
    assert objections(page) == []
