"""View C: classes, confusion, table and list, on the demo's run and on runs of every task."""

import csv
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import FrameLocator, Locator, Page, expect

from tensorboard_activis import open_run
from tests.board import tensorboard
from tests.browser.conftest import OpenTab
from tests.browser.links import link
from tests.browser.reading import elements, eventually, rectangle, shown_texts
from tests.browser.recorded import WORDS, data_of, pixels, tasks_board, words
from tests.browser.test_accessibility import objections
from tests.browser.test_tour import AT_FIRST, FIRST, layer, row, settled
from tests.records import write_run


@pytest.fixture(scope="module")
def task_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tasks")


@pytest.fixture(scope="module")
def tasks(task_runs: Path) -> Iterator[str]:
    with tasks_board(task_runs) as address:
        yield address


def pane(tab: FrameLocator) -> Locator:
    return tab.get_by_role("region", name="Instances", exact=True)


def block(tab: FrameLocator, name: str) -> Locator:
    return pane(tab).get_by_role("button", name=re.compile(rf"^{re.escape(name)}\s"))


def listed(tab: FrameLocator) -> list[str]:
    """Names of the instances in the list, as many as are drawn."""
    return shown_texts(pane(tab).get_by_role("listbox").locator(".list-name"))


def test_classes_and_the_list(board: str, open_tab: OpenTab, runs: Path) -> None:
    snapshot = open_run(runs / FIRST).snapshot(60)
    table = snapshot.instances.to_pydict()
    correct, score = np.array(table["correct"]), np.array(table["score"])
    label, prediction = (np.array(table[name]).astype(int) for name in ("label", "prediction"))
    names = np.array([f"#{key}" for key in table["id"]])
    tab = open_tab(board, AT_FIRST)
    settled(tab)

    # Right on the left, wrong on the right: how many, and how many of each class.
    expect(pane(tab)).to_contain_text(f"Right {correct.sum()}")
    expect(pane(tab)).to_contain_text(f"Wrong {(~correct).sum()}")
    for digit in range(10):
        if digit == 6:  # blocks that are out of sight are not made
            pane(tab).locator(".classes-scroll").evaluate("box => box.scrollTo(0, box.scrollHeight)")
        own = correct[label == digit]
        expect(block(tab, str(digit))).to_have_accessible_description(
            re.compile(f"^{own.sum()} right, {(~own).sum()} wrong")
        )
        expect(block(tab, str(digit))).to_contain_text(f"{100 * own.mean():.1f}%")

    pane(tab).locator(".classes-scroll").evaluate("box => box.scrollTo(0, 0)")
    # Marks stand by falling score, and have the colour of what was predicted, stronger for a higher score.
    digit = int(label[np.flatnonzero(~correct)[0]])
    right = np.flatnonzero(correct & (label == digit))
    wrong = np.flatnonzero(~correct & (label == digit))
    right, wrong = (rows[np.argsort(-score[rows], kind="stable")] for rows in (right, wrong))
    palette = ["344ef1", "7e7900", "b45773", "009c9f", "651300", "b68562", "654676", "0194e6", "41663c", "690033"]
    canvas, name = pane(tab).locator("canvas").first, block(tab, str(digit))
    several = re.search(r"(?:1 mark is|▪ =) (\d+)", pane(tab).locator(".classes-heads").inner_text())
    per = int(several[1]) if several else 1
    sides = [(rows, edge) for rows, edge in ((right, 0), (wrong, -1)) if rows.size]
    assert sides

    def marked() -> None:
        line = pixels(canvas)[int(rectangle(name)["y"] - rectangle(canvas)["y"] + 5) + 3].astype(int)
        # The first marks of the two sides: what begins behind a gap that is wider than between marks.
        drawn = np.flatnonzero(line[:, 3] > 0)
        begins = drawn[np.diff(drawn, prepend=-100) > 8]
        assert len(begins) == len(sides)
        # A mark of several instances has the colour of the first of them.
        for rows, edge in sides:
            for place, one in enumerate(rows[::per][:3]):
                strength = 0.45 + 0.55 * max(0, score[one] - 0.1) / 0.9
                found = line[begins[edge] + 7 * place + 3]
                assert np.abs(found[:3] - list(bytes.fromhex(palette[prediction[one]]))).max() < 4
                assert abs(found[3] / 255 - strength) < 0.02

    eventually(canvas, marked)

    # By keyboard in the same order; what is hovered is hovered in the projection, too.
    name.focus()
    said = tab.get_by_role("status").filter(has_text="predicted").first
    for one in right[:3]:
        name.press("ArrowRight")
        expect(said).to_have_text(f"{names[one]}, label {digit}, predicted {prediction[one]}")

    # The list below: the wrong ones of the class that was pointed at, the surest first; it stays when the pointer leaves.
    tab.get_by_role("heading", name="Instances").hover()
    expect(pane(tab).get_by_role("listbox")).to_have_accessible_name(f"Class {digit}, wrong")

    def surest_first() -> None:
        assert listed(tab)[: min(5, len(wrong))] == list(names[wrong][:5])

    eventually(pane(tab), surest_first)
    row(layer(tab, "head.fc2"), "3").hover()
    expect(pane(tab).get_by_role("listbox")).to_have_accessible_name(re.compile("^Class 3"))
    pane(tab).get_by_role("button", name="Sort by p(label)").click()
    expect(pane(tab).get_by_role("button", name="Sort by p(label)")).to_have_text("p(label) ↓")

    # A click in it pins and shows in the drawer.
    first = pane(tab).get_by_role("listbox").get_by_role("option").first
    clicked = listed(tab)[0]
    first.click()
    expect(tab.get_by_role("button", name=re.compile(f"Remove {clicked}"))).to_be_visible()
    expect(tab.get_by_role("region", name="Detail", exact=True)).to_contain_text(clicked)
    # A click on a class shows the class.
    pane(tab).locator(".classes-scroll").evaluate("box => box.scrollTo(0, box.scrollHeight)")
    block(tab, "7").click()
    expect(tab.get_by_role("region", name="Detail", exact=True)).to_contain_text("7")


def test_a_mark_stands_for_as_many_instances_in_every_class(
    tmp_path: Path, tasks: str, open_tab: OpenTab, page: Page
) -> None:
    # 500 right and 100 wrong are few enough to be told apart.
    tab = open_tab(tasks, "&p.activis.run=crowd")
    expect(pane(tab)).to_contain_text("Right 500")
    expect(pane(tab).get_by_text("1 mark is")).to_have_count(0)
    # Of 3,000 in class "much", 500 are wrong; "little" has 300, all right.
    labels = np.repeat([0, 1], [3000, 300])
    predicted = np.where(np.arange(3300) < 500, 1, labels)
    outputs = np.eye(2)[predicted] * np.linspace(9, 5, 3300)[:, None]
    names = ["much", "little"]
    write_run(tmp_path / "more", data_of(labels, outputs), class_names=names, sample=None, batch=3300)
    with tensorboard(f"--logdir={tmp_path}") as board:
        tab = open_tab(board)
        expect(pane(tab)).to_contain_text("Right 2,800")
        # The larger class has 600 marks at most.
        expect(pane(tab).get_by_text("1 mark is 5", exact=False)).to_have_count(1)
        edges = [rectangle(pane(tab).locator(".classes-heads > span").nth(side)) for side in (1, 2)]
        for name, edge in (("much", edges[0]), ("much", edges[1]), ("little", edges[0])):
            box = rectangle(block(tab, name))
            page.mouse.move(edge["x"] + 3, box["y"] + 8)
            expect(tab.get_by_role("tooltip")).to_have_text("5 instances: click to pick them")
        page.mouse.down()
        page.mouse.up()
        expect(pane(tab).get_by_text("5 picked")).to_be_visible()


@pytest.mark.parametrize(
    ("names", "mistakes", "note"), [(["DESCRIPTION", "ABBREVIATION"], 500, "1 mark is 5"), (["a", "b"], 1500, "▪ = ")]
)
def test_heads_of_classes_do_not_overlap(
    tmp_path: Path, open_tab: OpenTab, page: Page, names: list[str], mistakes: int, note: str
) -> None:
    labels = np.repeat([0, 1], [3000, 300])
    predicted = np.where(np.arange(3300) < mistakes, 1, labels)
    outputs = np.eye(2)[predicted] * np.linspace(9, 5, 3300)[:, None]
    write_run(tmp_path / "long", data_of(labels, outputs), class_names=names, sample=None, batch=3300)
    with tensorboard(f"--logdir={tmp_path}") as board:
        page.set_viewport_size({"width": 1280, "height": 800})
        tab = open_tab(board)
        expect(pane(tab)).to_contain_text(f"Right {3300 - mistakes:,}")
        expect(pane(tab).get_by_text(note, exact=False)).to_have_count(1)
        boxes = [rectangle(head) for head in elements(pane(tab).locator(".classes-heads > span"), 3)]
        for before, after in itertools.pairwise(boxes):
            assert before["x"] + before["width"] <= after["x"]


def test_many_classes_are_ordered_by_what_they_are_taken_for(tmp_path: Path, open_tab: OpenTab, page: Page) -> None:
    # Of 100 classes, 7 and 90 are taken for each other, 3 for 50 less often; all the others are right.
    labels = np.arange(400) % 100
    predicted = labels.copy()
    for at, (own, taken) in enumerate([(7, 90)] * 3 + [(90, 7)] * 2 + [(3, 50)] * 2):
        labels[at], predicted[at] = own, taken
    names = [f"kind {index}" for index in range(100)]
    write_run(tmp_path / "logs" / "many", data_of(labels, np.eye(100)[predicted] * 9), class_names=names, sample=None)
    page.add_init_script(WORDS)
    with tensorboard(f"--logdir={tmp_path / 'logs'}") as board:
        tab = open_tab(board, link(tab="confusion"))
        expect(pane(tab)).to_contain_text("4 of 100 classes, the most confused first")
        matrix = tab.get_by_role("application", name=re.compile("^Label by prediction"))
        matrix.press("ArrowRight")
        matrix.press("ArrowRight")
        written = [word for word in words(pane(tab).locator(".confusion")) if word.startswith("kind")]
        assert written == ["kind 7", "kind 90", "kind 3", "kind 50"] * 2
        said = tab.get_by_role("status").filter(has_text="instance").first
        expect(said).to_contain_text("kind 7 → kind 90: 3 instances")
        matrix.press("Enter")
        expect(pane(tab).get_by_text("3 picked")).to_be_visible()
        # Their own order has all of them.
        tab.get_by_role("button", name=re.compile("^label 100 classes")).click()
        tab.get_by_role("option", name="The classes’ own order").click()
        expect(pane(tab).get_by_text("the most confused first")).to_have_count(0)
        matrix.focus()
        for key in ("ArrowDown", "ArrowRight"):
            matrix.press(key)
        expect(said).to_contain_text("kind 1 → kind ")


def test_a_long_menu_is_searched(tmp_path: Path, open_tab: OpenTab, page: Page) -> None:
    labels = np.arange(80) % 40
    names = [f"{'red' if index % 2 else 'blue'} kind {index}" for index in range(40)]
    write_run(tmp_path / "logs" / "many", data_of(labels, np.eye(40)[labels] * 9), class_names=names, sample=None)
    with tensorboard(f"--logdir={tmp_path / 'logs'}") as board:
        tab = open_tab(board)
        tab.get_by_role("button", name="Sort neurons by").click()
        field = tab.get_by_role("combobox", name="Search: Sort neurons by")
        expect(field).to_be_focused()
        options = tab.get_by_role("listbox", name="Sort neurons by").get_by_role("option")
        # Three rules, every row, its direction, and its effect.
        expect(options).to_have_count(3 + 40 + 40 + 40)
        assert objections(page) == []
        page.keyboard.type("red kind 3")
        found = [f"red kind {index}" for index in (3, 31, 33, 35, 37, 39)]
        its = [re.compile(f"{words}.*{name}") for words in ("direction of", "effect on") for name in found]
        expect(options).to_have_text([*found, *its])
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(tab.get_by_role("button", name="Sort neurons by: red kind 31")).to_be_focused()
        page.keyboard.press("Enter")
        page.keyboard.type("nothing of the kind")
        expect(options).to_have_count(0)
        expect(tab.get_by_text("Nothing matches.")).to_be_visible()
        page.keyboard.press("Escape")
        expect(field).to_have_count(0)
        # A short one is not.
        tab.get_by_role("button", name="Statistic").click()
        expect(tab.get_by_role("listbox", name="Statistic")).to_be_visible()
        expect(tab.get_by_role("combobox", name=re.compile("^Search"))).to_have_count(0)


def test_the_table(board: str, open_tab: OpenTab, page: Page, runs: Path, tmp_path: Path) -> None:
    snapshot = open_run(runs / FIRST).snapshot(60)
    records = snapshot.instances.to_pylist()
    tab = open_tab(board, AT_FIRST)
    settled(tab)
    pane(tab).get_by_role("radio", name="Table").click()
    grid = pane(tab).get_by_role("grid", name="Instances")
    expect(grid).to_have_attribute("aria-rowcount", "899")
    ids = grid.locator(".table-id")

    # Thumbnails; sorted by a click, the other way by a second, as before by a third.
    expect(grid.get_by_role("img").first).to_be_visible()
    head = grid.get_by_role("columnheader", name="score")
    by_score = sorted((record["score"] for record in records), reverse=True)
    cells = grid.get_by_role("row").nth(1).get_by_role("gridcell")
    place = shown_texts(grid.get_by_role("columnheader")).index("score")
    for direction, value in (("descending", by_score[0]), ("ascending", by_score[-1])):
        head.get_by_role("button").click()
        expect(head).to_have_attribute("aria-sort", direction)
        expect(cells.nth(place)).to_have_text(f"{value:.2f}")
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "none")
    expect(ids.first).to_have_text(f"#{records[0]['id']}")

    # The last page comes when it is scrolled to.
    grid.evaluate("grid => grid.scrollTo(0, grid.scrollHeight)")
    expect(ids.filter(has_text=re.compile(f"^#{records[-1]['id']}$"))).to_be_visible()

    # Filtered by the one box, for an id or an expression; and by columns, several at once.
    search = tab.get_by_role("combobox", name="Subset expression")
    search.fill(str(records[5]["id"]))
    tab.get_by_role("option", name=f"id == {records[5]['id']}").click()
    expect(ids.filter(has_text=re.compile(f"^#{records[5]['id']}$"))).to_be_visible()
    search.fill("score < 0.5")
    unsure = int(snapshot.where("score < 0.5").sum())
    expect(pane(tab)).to_contain_text(f"{unsure} of 899")
    search.fill("")
    pane(tab).get_by_role("button", name="Filter").click()
    pane(tab).get_by_role("textbox", name="Filter by label").fill("8")
    pane(tab).get_by_role("textbox", name="Filter by score").fill("< 0.9")
    both = int(snapshot.where("label == 8 and score < 0.9").sum())
    expect(pane(tab)).to_contain_text(f"{both} of 899")
    expect(grid).to_have_attribute("aria-rowcount", str(both))

    # Marked ones are picked, and go out as CSV.
    first = next(record["id"] for record in records if str(record["label"]) == "8" and record["score"] < 0.9)
    expect(ids.first).to_have_text(f"#{first}")
    wanted = [ids.nth(place).inner_text() for place in (0, 2)]
    for place in (0, 2):
        grid.get_by_role("checkbox").nth(place).click()
    expect(pane(tab).get_by_text("2 picked")).to_be_visible()
    pane(tab).get_by_role("button", name="Save the instances").click()
    with page.expect_download() as download:
        tab.get_by_role("option", name=re.compile("CSV")).click()
    download.value.save_as(tmp_path / "picked.csv")
    lines = list(csv.DictReader((tmp_path / "picked.csv").read_text(encoding="utf-8").splitlines()))
    assert {f"#{line['id']}" for line in lines} == set(wanted)
    assert {line["label"] for line in lines} == {"8"}


def test_numbers_stand_in_bins(tasks: str, open_tab: OpenTab, task_runs: Path) -> None:
    tab = open_tab(tasks, "&p.activis.run=regression")
    expect(pane(tab).get_by_role("radio")).to_have_text(["Bins", "Table"])
    table = open_run(task_runs / "regression").latest.instances.to_pydict()
    error = np.array(table["prediction"]) - np.array(table["label"])
    # From -2 to 3 in tenths, at round edges.
    expect(block(tab, "−2 to −1.5")).to_be_visible()
    pane(tab).locator(".classes-scroll").evaluate("box => box.scrollTo(0, box.scrollHeight)")
    expect(block(tab, "2.5–3")).to_be_visible()
    held = (np.array(table["label"]) >= 2.5).sum()
    expect(block(tab, "2.5–3")).to_have_accessible_description(re.compile(f"^{held} instances"))
    pane(tab).locator(".classes-scroll").evaluate("box => box.scrollTo(0, 0)")
    expect(pane(tab).locator(".classes-scale")).to_have_text(re.compile(r"^error −\d.* \d"))
    # The farthest off first.
    order = np.argsort(-np.abs(error), kind="stable")

    def farthest_first() -> None:
        assert listed(tab)[:5] == [f"#{table['id'][one]}" for one in order[:5]]

    eventually(pane(tab), farthest_first)
    # Signed: brown below, blue above; the first mark of a bin is the one that is most too high.
    canvas = pane(tab).locator("canvas").first
    at, frame = rectangle(block(tab, "−2 to −1.5")), rectangle(canvas)
    edge = rectangle(pane(tab).locator(".classes-heads span").nth(1))
    own = np.sort(error[np.array(table["label"]) < -1.5])[::-1]

    def signed() -> None:
        picture = pixels(canvas)[..., :3].astype(int)
        for place in (0, len(own) - 1):
            red, _, blue = picture[int(at["y"] - frame["y"]) + 8, int(edge["x"] - frame["x"]) + 3 + 7 * place]
            assert np.sign(blue - red) == np.sign(own[place])

    eventually(canvas, signed)

    tab = open_tab(tasks, "&p.activis.run=ranking")
    expect(pane(tab).get_by_role("radio")).to_have_text(["Bins", "Table"])
    expect(pane(tab).get_by_role("button", name="Sort by rank error")).to_be_visible()


def test_without_classes(tasks: str, open_tab: OpenTab, task_runs: Path) -> None:
    # No labels: the pictures side by side.
    tab = open_tab(tasks, "&p.activis.run=unlabelled")
    expect(pane(tab).get_by_role("radio")).to_have_text(["Grid", "Table"])
    cells = pane(tab).get_by_role("listbox", name="Instances").get_by_role("option")
    expect(cells).to_have_count(23)
    cells.nth(4).hover()
    expect(cells.nth(4)).to_have_class(re.compile("here"))
    name = cells.nth(4).get_attribute("aria-label") or ""
    cells.nth(4).click()
    expect(tab.get_by_role("button", name=re.compile(f"Remove {name}"))).to_be_visible()

    # Several labels: right where all of them are, wrong where one is not.
    tab = open_tab(tasks, "&p.activis.run=multilabel")
    correct = np.array(open_run(task_runs / "multilabel").latest.instances["correct"].to_pylist())
    expect(pane(tab).get_by_role("radio")).to_have_text(["Right, wrong", "Table"])
    expect(pane(tab)).to_contain_text(f"Right {correct.sum()}")
    expect(pane(tab)).to_contain_text(f"Wrong {(~correct).sum()}")
    assert 0 < correct.sum() < len(correct)


def test_texts_are_shown_where_they_are_hovered(tasks: str, open_tab: OpenTab, page: Page) -> None:
    tab = open_tab(tasks, "&p.activis.run=texts")
    expect(pane(tab)).to_contain_text("Wrong 6")
    box = rectangle(block(tab, "ant"))
    edge = rectangle(pane(tab).locator(".classes-heads span").nth(2))
    page.mouse.move(edge["x"] + 3, box["y"] + 8)
    # Content, label, prediction and score: of class ant, row 0 is the surest that was wrong.
    expect(tab.get_by_role("tooltip")).to_have_text(
        re.compile(r"^<b>question 0</b> of a user#100 · ant → bee · score \d\.\d\d$")
    )
    pane(tab).get_by_role("radio", name="Table").click()
    expect(pane(tab).get_by_role("gridcell", name="<b>question 3</b> of a user")).to_be_visible()
    tab.get_by_role("combobox", name="Subset expression").fill("question 17")
    tab.get_by_role("option", name='"question 17" in text').click()
    expect(pane(tab)).to_contain_text("1 of 24")
