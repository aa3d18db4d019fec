"""One box: a typed expression shows its instances everywhere at once, filters the table, and is sent when it is complete."""

import re
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, Request, expect

from tensorboard_activis import open_run
from tests.board import tensorboard
from tests.browser.conftest import OpenTab
from tests.browser.links import link
from tests.browser.reading import eventually
from tests.browser.recorded import classes, expect_redrawn, pixels
from tests.browser.test_tour import AT_FIRST, FIRST, layer, settled
from tests.records import small_data, write_run


def test_what_is_typed_shows_everywhere_before_it_is_a_row(
    board: str, open_tab: OpenTab, page: Page, runs: Path
) -> None:
    snapshot = open_run(runs / FIRST).snapshot(60)
    text = "label == 9 and score < 0.7"
    count = int(snapshot.where(text).sum())
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/where" in request.url else None)
    tab = open_tab(board, AT_FIRST)
    settled(tab)
    instances = tab.get_by_role("region", name="Instances", exact=True)
    pictures = [layer(tab, "head.relu").locator(".projection-plot canvas").first, instances.locator("canvas").first]
    before = [pixels(canvas) for canvas in pictures]

    # Letter by letter: nothing is sent before something is complete.
    box = tab.get_by_role("combobox", name="Subset expression")
    box.press_sequentially("label ==", delay=5)
    page.wait_for_timeout(600)
    assert asked == []
    box.fill(text)
    expect(tab.get_by_text(f"{count} of 899")).to_be_visible()
    expect(instances.get_by_role("region", name=f"Typed: {count} instances")).to_be_visible()
    for canvas, was in zip(pictures, before, strict=True):
        expect_redrawn(canvas, was)  # the rest dims
    # In the matrix it stands above the classes, with its own means, and the neurons keep their places.
    grid = layer(tab, "head.relu").get_by_role("grid")
    expect(grid).to_have_attribute("aria-rowcount", "11")
    preview = layer(tab, "head.relu").get_by_role("rowheader").first
    expect(preview).to_have_accessible_name(f"typed, n {count}")
    grid.focus()
    grid.press("Control+Home")
    grid.press("ArrowRight")
    means = np.asarray(snapshot.activations("head.relu"), float)[snapshot.where(text)].mean(axis=0)
    cell = grid.get_by_role("gridcell")
    expect(cell).to_contain_text("typed, mean")
    said = cell.inner_text()
    neuron, value = int(said.split(",")[0].split()[1]), float(said.split()[-1].replace("−", "-"))
    assert abs(value - means[neuron]) < 0.01
    grid.press("ArrowDown")
    expect(cell).to_contain_text(f"Neuron {neuron}, 0, mean")
    grid.press("Escape")
    # A click on its name shows it in detail, before it is a row.
    preview.click()
    expect(tab.get_by_role("region", name="Detail", exact=True)).to_contain_text(str(count))
    tab.get_by_role("radio", name="Table").click()
    expect(tab.get_by_role("grid", name="Instances")).to_have_attribute("aria-rowcount", str(count))

    # As a row it is no longer a filter.
    tab.get_by_role("button", name="Add as row").first.click()
    expect(box).to_have_value("")
    expect(layer(tab, "head.relu").get_by_role("grid")).to_have_attribute("aria-rowcount", "11")
    expect(tab.get_by_role("grid", name="Instances")).to_have_attribute("aria-rowcount", "899")


def test_what_matches_nothing_cannot_become_a_row_and_says_why(board: str, open_tab: OpenTab, tmp_path: Path) -> None:
    tab = open_tab(board, AT_FIRST)
    settled(tab)
    box = tab.get_by_role("combobox", name="Subset expression")
    box.fill("score < 0")
    why = tab.get_by_role("status").filter(has_text="No kept instance matches, so there is nothing to show in a row.")
    expect(why).to_be_visible()
    expect(why).to_contain_text("All 899 were looked at.")
    expect(box).to_have_accessible_description(re.compile("All 899 were looked at"))
    expect(tab.get_by_text("0 of 899", exact=True)).to_be_visible()
    expect(tab.get_by_role("button", name="Add as row")).to_be_disabled()
    box.press("Enter")
    expect(why).to_be_visible()
    expect(layer(tab, "head.relu").get_by_role("grid")).to_have_attribute("aria-rowcount", "10")
    tab.get_by_role("button", name="Clear the expression").click()
    expect(box).to_have_value("")
    expect(why).to_have_count(0)

    # Neither in the form of a subset.
    tab.get_by_role("button", name="Add rows").click()
    tab.get_by_role("option", name="New subset").click()
    form = tab.get_by_role("dialog", name="New subset")
    form.get_by_role("textbox", name="Condition").fill("score < 0")
    expect(form).to_contain_text(
        "No kept instance matches, so there is nothing to show in a row. All 899 were looked at."
    )
    expect(form.get_by_role("button", name="Add as row")).to_be_disabled()

    # Of a sample others may match.
    write_run(tmp_path / "run", small_data(60), sample=40)
    with tensorboard(f"--logdir={tmp_path}") as address:
        tab = open_tab(address)
        tab.get_by_role("combobox", name="Subset expression").fill("score < 0")
        expect(tab.get_by_role("status").filter(has_text="No kept")).to_contain_text(
            "40 of the 60 were looked at; others may match."
        )


def test_what_is_missing_is_said_on_enter_and_not_sent(board: str, open_tab: OpenTab, page: Page) -> None:
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request) if "/where" in request.url else None)
    tab = open_tab(board, AT_FIRST)
    settled(tab)
    box = tab.get_by_role("combobox", name="Subset expression")
    for typed, said in (
        ("correct and", "Something is missing after “and”."),
        ("not correct and lab", "There is no column “lab”. Did you mean label?"),
        ("(score > 0.5", "A closing ) is missing."),
        ("score", "“score” must be compared with a value"),
    ):
        box.fill(typed)
        page.wait_for_timeout(300)
        expect(tab.get_by_role("alert")).to_have_count(0)
        box.press("Escape")
        box.fill(typed)
        page.wait_for_timeout(300)
        box.press("Enter")
        expect(tab.get_by_role("alert")).to_contain_text(said)
    assert asked == []


def test_words_are_offered_as_a_search_of_the_texts(tmp_path: Path, open_tab: OpenTab) -> None:
    texts = [f"{'who' if index % 3 else 'what'} is number {index}" for index in range(24)]
    write_run(tmp_path / "logs" / "texts", classes(3, 24, wrong=6), texts=texts)
    found = sum("who" in text for text in texts)
    with tensorboard(f"--logdir={tmp_path / 'logs'}") as board:
        tab = open_tab(board)
        instances = tab.get_by_role("region", name="Instances", exact=True)
        # Texts come first in the list, and their ids second.
        first = instances.get_by_role("listbox", name="Wrong").get_by_role("option").first
        expect(first.locator(".list-text")).to_have_text(re.compile("^(who|what) is number"))
        box = tab.get_by_role("combobox", name="Subset expression")
        box.press_sequentially("who")
        tab.get_by_role("option", name='"who" in text').click()
        expect(box).to_have_value('"who" in text')
        expect(tab.get_by_text(f"{found} of 24")).to_be_visible()
        # What was looked for is marked in them.
        marked = instances.get_by_role("listbox", name="Typed").locator("mark")
        expect(marked.first).to_have_text("who")
        tab.get_by_role("radio", name="Table").click()
        heads = tab.get_by_role("grid", name="Instances").get_by_role("columnheader")
        expect(heads).to_have_text(["Marked", "text", "label", "pred.", "score", "id", "p(label)", "loss"])


def test_wrong_has_a_mark_of_its_own_in_the_projection(board: str, open_tab: OpenTab) -> None:
    tab = open_tab(board, AT_FIRST + link(**{"panel:head.relu": {"c": "correct"}}))
    settled(tab)
    plot = layer(tab, "head.relu").locator(".projection-plot")

    def crosses() -> None:
        points, marks = (pixels(plot.locator("canvas").nth(number))[..., :3].astype(int) for number in (0, 1))
        # No point has the blue of "more active": where a pixel is coloured at all, it is grey.
        assert (points.max(axis=2) - points.min(axis=2)).max() < 24
        # Crosses in the colour of the text.
        ink = (np.abs(marks - [0x21, 0x21, 0x21]).max(axis=2) < 12).sum()
        assert ink > 200

    eventually(plot, crosses)
    expect(layer(tab, "head.relu").locator(".projection-cross")).to_have_count(1)


def test_type_is_readable_and_buttons_are_large_enough(board: str, open_tab: OpenTab, page: Page) -> None:
    tab = open_tab(board, AT_FIRST)
    settled(tab)
    frame = next(frame for frame in page.frames if "name=activis" in frame.url)
    small = frame.evaluate(
        """() => [...document.querySelectorAll("button")].filter((button) => {
          const { width, height } = button.getBoundingClientRect();
          return width > 0 && !button.matches(".detail-interval, .matrix-pick") && (width < 24 || height < 24);
        }).map((button) => button.outerHTML.slice(0, 120))"""
    )
    assert small == []
    tiny = frame.evaluate(
        """() => {
          const found = [];
          const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          while (walk.nextNode()) {
            const own = walk.currentNode.parentElement;
            const ticks = ".tick, .detail-tick, .projection-axis, sub, .hidden-text";
            if (!walk.currentNode.textContent.trim() || !own.getClientRects().length || own.closest(ticks)) continue;
            if (parseFloat(getComputedStyle(own).fontSize) < 12) found.push(walk.currentNode.textContent);
          }
          return found;
        }"""
    )
    assert tiny == []
