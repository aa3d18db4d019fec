"""The pictures of the gallery: each view and state of the tab as a link, and the mouse and key actions that follow."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from playwright.sync_api import FrameLocator, Page

from scripts.tab import link

RUN = "digits"
LAYERS = ["body.2/relu", "head.fc2"]
ROWS = [
    ["i", 5],
    ["i", 9],
    *[["s", str(digit)] for digit in range(10)],
    ["e", "score < 0.6 and not correct", "unsure and wrong", 12],
]


def nothing(page: Page, tab: FrameLocator) -> None:
    page.mouse.move(2, 2)


Act = Callable[[Page, FrameLocator], None]


@dataclass(frozen=True)
class Shot:
    """A picture: the state in the address, and what is then done with mouse and keys."""

    name: str
    link: str
    act: Callable[[Page, FrameLocator], None] = nothing
    #: What the server answers about snapshots: what it has, nothing, or errors.
    answers: Literal["real", "none", "errors"] = "real"
    #: Whether it is taken in a window of 1,024 px as well.
    narrow: bool = False


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
    for key in ("ArrowRight", "ArrowRight", "Enter"):
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


def first_tile(page: Page, tab: FrameLocator) -> None:
    tab.locator(".grid-scroll [role=option]").first.click()


def press(name: str) -> Act:
    """Opens a menu, or whatever else the first button of this name opens."""
    return lambda page, tab: tab.get_by_role("button", name=name).first.click()


def radio(name: str) -> Act:
    """Chooses one side of a switch."""
    return lambda page, tab: tab.get_by_role("radio", name=name, exact=True).first.click()


def point_at(selector: str, number: int = 0) -> Act:
    """Lets the mouse rest on an element."""
    return lambda page, tab: tab.locator(selector).nth(number).hover()


def cell_hovered(page: Page, tab: FrameLocator) -> None:
    tab.locator(".matrix-body").last.hover(position={"x": 200, "y": 30})


def instance_hovered(page: Page, tab: FrameLocator) -> None:
    tab.locator(".classes-scroll").hover(position={"x": 100, "y": 60})


def node_chosen(page: Page, tab: FrameLocator) -> None:
    tab.get_by_role("treeitem", name="conv Conv2d").first.click()


def wrong_focused(page: Page, tab: FrameLocator) -> None:
    tab.get_by_role("combobox", name="Subset expression").focus()


def completed(page: Page, tab: FrameLocator) -> None:
    tab.get_by_role("combobox", name="Subset expression").press_sequentially("not correct and la")


def term(page: Page, tab: FrameLocator) -> None:
    tab.locator(".matrix-legend [data-term]").first.hover()
    tab.locator(".explanation").wait_for()


def incomplete(page: Page, tab: FrameLocator) -> None:
    box = tab.get_by_role("combobox", name="Subset expression")
    box.fill("not correct and labl")
    box.press("Enter")


def drawers_closed(page: Page, tab: FrameLocator) -> None:
    tab.get_by_role("button", name="Close the drawer").click()
    for name in ("Width of the graph", "Width of the instances"):
        edge = tab.get_by_role("separator", name=name)
        if edge.count():  # in a narrow window the instances are closed
            edge.press("Enter")
    page.mouse.move(4, 4)


def instances_over(page: Page, tab: FrameLocator) -> None:
    """Opens what a narrow window keeps at the edge."""
    edge = tab.get_by_role("button", name="Show or hide Instances")
    if edge.count():
        edge.click()


def facets(page: Page, tab: FrameLocator) -> None:
    """The facets, with a brush over the score."""
    press("Show the facets")(page, tab)
    last = tab.get_by_role("slider", name="score, below", exact=True)
    for _ in range(5):
        last.press("ArrowLeft")
    page.mouse.move(4, 4)


def over_the_steps(page: Page, tab: FrameLocator) -> None:
    """A row spread over the steps, in the first panel."""
    press("Spread a row over the steps")(page, tab)
    page.mouse.move(4, 4)


def groups(page: Page, tab: FrameLocator) -> None:
    """What got worse, picked."""
    tab.get_by_role("region", name="Broken", exact=True).get_by_role("button").first.click()
    page.mouse.move(4, 4)


def node_changes(page: Page, tab: FrameLocator) -> None:
    tab.get_by_role("button", name=re.compile("changed")).first.click()
    page.mouse.move(4, 4)


def layers_by_g(page: Page, tab: FrameLocator) -> None:
    tab.get_by_role("region", name="How well layers tell apart").get_by_role("radio", name="g").click()
    page.mouse.move(4, 4)


def newcomer(page: Page, tab: FrameLocator) -> None:
    """The tab opened by somebody who has not seen it."""
    tab.locator("body").evaluate("() => { sessionStorage.setItem('newcomer', '1'); location.reload(); }")
    tab.get_by_role("complementary", name="First steps").locator(".tooltip").first.wait_for()


def server_gone(page: Page, tab: FrameLocator) -> None:
    """TensorBoard has ended, and another step is asked for."""
    page.route(re.compile("/plugin/activis/"), lambda route: route.abort())
    tab.get_by_role("slider", name="Training step").press("ArrowLeft")
    tab.locator(".notices").wait_for()


def tsne_there(page: Page, tab: FrameLocator) -> None:
    """A t-SNE shows itself when it is computed."""
    tab.get_by_role("radio", name="t-SNE").first.click()
    tab.get_by_role("button", name="Cancel the t-SNE").wait_for(state="detached", timeout=60_000)


def views() -> list[Shot]:
    """The views on the run that has everything."""

    def shot(
        name: str,
        act: Act = nothing,
        answers: Literal["real", "none", "errors"] = "real",
        narrow: bool = False,
        **state: object,
    ) -> Shot:
        return Shot(name, link(**({"run": RUN, "layers": LAYERS} | state)), act, answers, narrow)

    coloured = {f"panel:{LAYERS[0]}": {"c": "rows"}, f"panel:{LAYERS[1]}": {"c": f"neuron:7 {LAYERS[0]}"}}
    zoomed = {f"panel:{LAYERS[0]}": {"z": [2.5, 0.1, 0.2], "v": [10, 20]}}
    difference = {"by": "difference", "a": "s:8", "b": "s:3"}
    neuron = {"kind": "neuron", "layer": LAYERS[0], "neuron": 7}
    return [
        Shot("first", link(run=RUN), narrow=True),
        shot("class hovered", hover_class),
        shot("cell by keyboard", hover_cell, rows=ROWS, sort=difference),
        shot("point hovered", hover_point, rows=ROWS),
        shot("lasso", lasso),
        shot(
            "instance and difference", narrow=True, rows=ROWS, sort=difference, selection={"kind": "instance", "row": 5}
        ),
        shot("neuron", narrow=True, selection=neuron),
        shot("neuron brushed", brush, selection=neuron, rows=ROWS),
        shot("subset", narrow=True, selection={"kind": "subset", "key": "s:8"}),
        shot("confusion", confusion_cell, tab="confusion"),
        shot("table", tab="table", rows=ROWS),
        shot("table filtered", filters, tab="table"),
        shot("row menu", row_menu),
        shot("subset editor", editor, narrow=True, rows=ROWS),
        shot("sort menu", sort_menu, sort=difference),
        shot("graph search", search),
        shot("two runs", narrow=True, compare=["digits-again", None]),
        shot("two runs, neuron", narrow=True, compare=["digits-again", None], selection=neuron),
        shot("two steps, subset", compare=[RUN, 20], selection={"kind": "subset", "key": "s:8"}),
        shot("two steps, difference", narrow=True, compare=[RUN, 20], mode="difference"),
        Shot("colour by rows", link(run=RUN, layers=LAYERS, rows=ROWS, **coloured)),
        shot("clustered, share active, 0 to 1", sort={"by": "clustered"}, statistic="active", scale="unit"),
        Shot("columns zoomed", link(run=RUN, layers=LAYERS, **zoomed)),
        shot("four layers", layers=["stem/relu", "body.1/relu", *LAYERS]),
        shot("no layer", layers=[]),
        shot("help", press("Help"), narrow=True),
        shot("term explained", term),
        shot("letters on a row", point_at(".matrix-row[data-row='s:8'] .matrix-label"), rows=ROWS),
        shot("typed", expression="label == 9 and score < 0.7"),
        shot("typed, nothing matches", expression="score < 0"),
        shot("typed, incomplete", incomplete),
        Shot("colour by correctness", link(run=RUN, layers=LAYERS, **{f"panel:{LAYERS[0]}": {"c": "correct"}})),
        shot("wrong expression", wrong_focused, expression="lable == 8 and not correct"),
        shot(
            "link to what is gone",
            narrow=True,
            step="55",
            layers=[*LAYERS, "body.9/relu"],
            rows=[["s", "8"], ["s", "eleven"], ["e", "colour == 3"]],
            selection={"kind": "neuron", "layer": "gone", "neuron": 3},
        ),
        shot("loading", answers="none", step="40"),
        shot("server fails", answers="errors", narrow=True, step="40", selection=neuron),
        shot("two runs, difference", compare=["digits-again", None], mode="difference", rows=ROWS),
        shot("cell hovered", cell_hovered, rows=ROWS),
        shot("instance hovered", instance_hovered),
        shot("strip hovered", point_at("[data-key='stem/relu'] image")),
        shot("node chosen", node_chosen),
        shot("run menu", press("Run: ")),
        shot("compare menu", press("Compare with: ")),
        shot("rows menu", press("Add rows"), rows=ROWS),
        shot("classes menu", press("10 classes")),
        shot("statistic menu", press("Statistic: ")),
        shot("scale menu", press("Scale: ")),
        shot("colour menu", press("Colour: ")),
        shot("save menu", press("Save the matrix of ")),
        shot("completions", completed),
        shot("all drawers closed", drawers_closed, narrow=True),
        shot("instances over", instances_over, narrow=True, rows=ROWS),
        shot("t-SNE", tsne_there),
        shot("ladder of A and B", narrow=True, sort=difference),
        shot("ladder of A and B, g", layers_by_g, sort=difference),
        shot("facets", facets, narrow=True),
        shot("row over the steps", over_the_steps, narrow=True),
        shot("row over the steps, subset", over_the_steps, rows=ROWS, selection={"kind": "subset", "key": "s:8"}),
        shot("first visit", newcomer, narrow=True),
        shot("server gone", server_gone, narrow=True),
        shot("two runs, groups", groups, compare=["digits-again", None]),
        shot(
            "two runs, instance", narrow=True, compare=["digits-again", None], selection={"kind": "instance", "row": 5}
        ),
        shot("two graphs", narrow=True, compare=["digits-deeper", None]),
        shot("two graphs, what changed", node_changes, compare=["digits-deeper", None]),
    ]


#: Taken in a narrow window, too: texts, many classes with long names, numbers, nothing to predict.
PROMISED = ("questions", "hundred-classes", "regression", "no-labels")
#: Of these runs the drawer is shown as well: an instance, a neuron.
DETAILS = {
    "instance": (
        "questions",
        "hundred-classes",
        "texts",
        "features",
        "sounds",
        "multilabel",
        "tokens",
        "regression",
        "ranking",
        "thousand-classes",
    ),
    "neuron": (
        "questions",
        "texts",
        "features",
        "sounds",
        "regression",
        "three-instances",
        "dead-and-nan",
        "hundred-thousand",
    ),
}


def of_runs(names: list[str]) -> list[Shot]:
    """Every run as it opens, and details of those whose instances look different."""
    shots = [
        Shot(f"run {name.split('-of-a')[0]}", link(run=name), narrow=name in PROMISED or name.startswith("long"))
        for name in names
    ]
    for run in names:
        if run in DETAILS["instance"]:
            shots.append(Shot(f"detail of {run}", link(run=run), first_listed))
        if run in DETAILS["neuron"]:
            selection = {"kind": "neuron", "layer": "body.1/relu", "neuron": 3}
            shots.append(Shot(f"neuron of {run}", link(run=run, selection=selection)))
        if run == "no-labels":
            shots.append(Shot(f"detail of {run}", link(run=run), first_tile))
        if run == "hundred-classes":
            shots.append(Shot(f"confusion of {run}", link(run=run, tab="confusion"), narrow=True))
        if run in ("questions", "texts", "tokens", "regression", "multilabel", "hundred-thousand"):
            shots.append(Shot(f"table of {run}", link(run=run, tab="table")))
    return shots
