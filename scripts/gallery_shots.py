"""What the gallery shows: each view and state of the tab as a link, and what is then done with mouse and keys."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from playwright.sync_api import FrameLocator, Page

RUN = "digits"
LAYERS = ["body.2/relu", "head.fc2"]
ROWS = [
    ["i", 5],
    ["i", 9],
    *[["s", str(digit)] for digit in range(10)],
    ["e", "score < 0.6 and not correct", "unsure and wrong", 12],
]


def link(**state: object) -> str:
    """The state as it stands in the address."""
    words = {
        quote(name, safe=""): value if isinstance(value, str) else json.dumps(value) for name, value in state.items()
    }
    return "#activis" + "".join(f"&p.activis.{name}={quote(value)}" for name, value in words.items())


def nothing(page: Page, tab: FrameLocator) -> None:
    page.mouse.move(2, 2)


Act = Callable[[Page, FrameLocator], None]


@dataclass(frozen=True)
class Shot:
    """A picture: the state in the address, and what is then done with mouse and keys."""

    name: str
    link: str
    act: Callable[[Page, FrameLocator], None] = nothing
    #: Whether nothing is answered.
    slow: bool = False


def hover_class(page: Page, tab: FrameLocator) -> None:
    tab.locator(".matrix-row[data-row='s:8']").first.hover()


def hover_cell(page: Page, tab: FrameLocator) -> None:
    grid = tab.get_by_role("grid").first
    grid.focus()
    for key in ("Control+Home", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight", "ArrowRight"):
        grid.press(key)


def hover_point(page: Page, tab: FrameLocator) -> None:
    plot = tab.get_by_role("application", name="Projection").first
    plot.focus()
    plot.press("ArrowRight")
    plot.press("ArrowRight")


def lasso(page: Page, tab: FrameLocator) -> None:
    box = tab.locator(".projection-plot").first.bounding_box()
    assert box
    page.mouse.move(box["x"] + 30, box["y"] + 30)
    page.mouse.down()
    for x, y in ((0.6, 0.15), (0.6, 0.7), (0.15, 0.7), (0.12, 0.2)):
        page.mouse.move(box["x"] + box["width"] * x, box["y"] + box["height"] * y, steps=4)
    page.mouse.up()


def brush(page: Page, tab: FrameLocator) -> None:
    box = tab.locator(".detail-brushed").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.55, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 30, steps=4)
    page.mouse.up()
    page.mouse.move(2, 2)


def confusion_cell(page: Page, tab: FrameLocator) -> None:
    box = tab.get_by_role("application", name="Label by prediction")
    for key in ("ArrowDown", "ArrowRight", "ArrowRight", "Enter"):
        box.press(key)


def filters(page: Page, tab: FrameLocator) -> None:
    tab.get_by_role("button", name="Filter").click()
    tab.get_by_role("textbox", name="Filter by score").fill("< 0.7")


def row_menu(page: Page, tab: FrameLocator) -> None:
    tab.locator(".matrix-row[data-row='s:8'] .matrix-label").first.press("Shift+F10")


def editor(page: Page, tab: FrameLocator) -> None:
    tab.get_by_role("button", name="Menu of unsure and wrong").click()
    tab.get_by_role("option", name="Edit or combine").click()


def search(page: Page, tab: FrameLocator) -> None:
    tab.get_by_role("button", name="Search the graph").click()
    page.keyboard.type("conv")


def sort_menu(page: Page, tab: FrameLocator) -> None:
    tab.get_by_role("button", name="Sort neurons by").click()


def first_listed(page: Page, tab: FrameLocator) -> None:
    tab.locator(".list-row").first.click()


def views() -> list[Shot]:
    """The views on the run that has everything."""

    def shot(
        name: str, act: Callable[[Page, FrameLocator], None] = nothing, slow: bool = False, **state: object
    ) -> Shot:
        return Shot(name, link(**({"run": RUN, "layers": LAYERS} | state)), act, slow)

    difference = {"by": "difference", "a": "s:8", "b": "s:3"}
    neuron = {"kind": "neuron", "layer": LAYERS[0], "neuron": 7}
    return [
        Shot("first", link(run=RUN)),
        shot("class hovered", hover_class),
        shot("cell by keyboard", hover_cell, rows=ROWS, sort=difference),
        shot("point hovered", hover_point, rows=ROWS),
        shot("lasso", lasso),
        shot("instance and difference", rows=ROWS, sort=difference, selection={"kind": "instance", "row": 5}),
        shot("neuron", selection=neuron),
        shot("neuron brushed", brush, selection=neuron, rows=ROWS),
        shot("subset", selection={"kind": "subset", "key": "s:8"}),
        shot("confusion", confusion_cell, tab="confusion"),
        shot("table", tab="table", rows=ROWS),
        shot("table filtered", filters, tab="table"),
        shot("row menu", row_menu),
        shot("subset editor", editor, rows=ROWS),
        shot("sort menu", sort_menu, sort=difference),
        shot("graph search", search),
        shot("two runs", compare=["digits-again", None]),
        shot("two steps, difference", compare=[RUN, 20], mode="difference"),
        shot(
            "colour by rows",
            rows=ROWS,
            panels={LAYERS[0]: {"c": "rows"}, LAYERS[1]: {"c": f"neuron:7 {LAYERS[0]}"}},
        ),
        shot("clustered, share active, 0 to 1", sort={"by": "clustered"}, statistic="active", scale="unit"),
        shot("columns zoomed", panels={LAYERS[0]: {"v": [10, 20]}}),
        shot("four layers", layers=["stem/relu", "body.1/relu", *LAYERS]),
        shot("no layer", layers=[]),
        shot("wrong expression", expression="lable == 8 and not correct"),
        shot(
            "link to what is gone",
            step="55",
            layers=[*LAYERS, "body.9/relu"],
            rows=[["s", "8"], ["s", "eleven"], ["e", "colour == 3"]],
            selection={"kind": "neuron", "layer": "gone", "neuron": 3},
        ),
        shot("loading", slow=True, step="40"),
    ]
