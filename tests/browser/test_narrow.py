"""In a window of 1,024 px nothing of a pane is cut at its sides, whatever the drawer is about."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from playwright.sync_api import FrameLocator, Page, expect

from scripts.gallery_runs import states, write
from tensorboard_activis.torch import ActiVisLogger
from tests.board import tensorboard
from tests.browser.conftest import OpenTab
from tests.browser.links import drawer, go, link
from tests.browser.reading import eventually
from tests.browser.recorded import classes
from tests.browser.test_heads import Model
from tests.browser.test_tour import FIRST, SECOND
from tests.positions import SEQUENCE, write_positions_run
from tests.records import write_run

#: What reaches beyond the sides of a pane, or of a part of it that cuts what is in it. Texts that end in an
#: ellipsis, the row of chips, which scrolls to the side, and what only screen readers see do not count.
CUT = """body => {
  const shortened = (part) => part.closest(".cut, .middle-cut, .hidden-text, .rows-chips") !== null ||
    getComputedStyle(part).textOverflow === "ellipsis";
  const leaf = (part) => part.childElementCount === 0 ? !part.closest("svg") : part.tagName === "svg";
  return [...body.querySelectorAll(".pane")].flatMap((pane) => [...pane.querySelectorAll("*")].filter((part) => {
    const box = part.getBoundingClientRect();
    if (!leaf(part) || !box.width || !box.height || !part.checkVisibility({ visibilityProperty: true })) return false;
    if (shortened(part)) return false;
    for (let frame = part.parentElement; frame && pane.contains(frame); frame = frame.parentElement) {
      if (shortened(frame)) return false;
      const edge = frame.getBoundingClientRect();
      const cuts = frame === pane || getComputedStyle(frame).overflowX !== "visible";
      if (cuts && (box.right > edge.right + 1 || box.left < edge.left - 1)) return true;
    }
    return false;
  }).map((part) => `${part.parentElement.className} > ${part.outerHTML.slice(0, 100)}`));
}"""


def _heads(log_dir: Path) -> None:
    torch.manual_seed(0)
    data = torch.randn(12, 5, 8), torch.arange(12) % 3
    pinned = [(torch.randn(1, 80, 8), torch.tensor([2]))]
    with ActiVisLogger(log_dir, Model(), data, pinned=pinned, strict=True) as logger:
        logger.log(0)


@pytest.fixture(scope="module")
def narrow(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The demo's runs, and small ones of texts, targets, tokens, heads and prediction by depth."""
    logs = tmp_path_factory.mktemp("narrow")
    for run in runs.iterdir():
        (logs / run.name).symlink_to(run)
    every = states()
    for name in ("questions", "regression"):
        write(logs / name, dataclasses.replace(every[name], steps=(60,)))
    write_positions_run(logs / "places")
    write_run(logs / "depth", dataclasses.replace(classes(3, 24, wrong=6), depth=True))
    _heads(logs / "heads")
    with tensorboard(f"--logdir={logs}") as address:
        yield address


def _in(layer: str, **state: object) -> dict[str, object]:
    return {"layers": [layer], "detail": layer} | state


def _neuron(layer: str) -> dict[str, object]:
    return {"kind": "neuron", "layer": layer, "neuron": 2}


INSTANCE = {"kind": "instance", "row": 5}
EIGHT = {"kind": "subset", "key": "s:8"}
PAIR = "label == 8 and prediction == 3"
DIRECTION = {"panel:head.relu": {"c": "along:s:8"}}
DIGITS = _in("head.relu", run=FIRST, step="60")
COMPARED = DIGITS | {"compare": [SECOND, 60]}
#: What the drawer is about, and the state of the tab for it.
ABOUT: dict[str, dict[str, object]] = {
    "an instance": DIGITS | {"selection": INSTANCE},
    "a subset": DIGITS | {"selection": EIGHT},
    "its direction": DIGITS | DIRECTION | {"selection": EIGHT},
    "a pair of classes": DIGITS
    | {"rows": [["s", "8"], ["e", PAIR]], "selection": {"kind": "subset", "key": f"e:{PAIR}"}, "tab": "confusion"},
    "a neuron": DIGITS | {"selection": _neuron("head.relu"), "face": "values"},
    "an instance in two runs": COMPARED | {"selection": INSTANCE},
    "a subset in two runs": COMPARED | {"selection": EIGHT},
    "its direction in two runs": COMPARED | DIRECTION | {"selection": EIGHT},
    "a neuron in two runs": COMPARED | {"selection": _neuron("head.relu"), "face": "values"},
    "a text": {"run": "questions", "selection": INSTANCE},
    "texts of a class": _in("head.fc1", run="questions", selection={"kind": "subset", "key": "s:DESCRIPTION"}),
    "a target": {"run": "regression", "selection": INSTANCE},
    "a neuron over tokens": _in(SEQUENCE, run="places", selection=_neuron(SEQUENCE)),
    "tokens of an instance": _in(SEQUENCE, run="places", selection=INSTANCE),
    "a head": _in("attention/heads", run="heads", selection=_neuron("attention/heads")),
    "prediction by depth": {"run": "depth", "selection": INSTANCE},
}


def expect_nothing_is_cut(tab: FrameLocator, name: str) -> None:
    body = drawer(tab).locator(".detail-body")
    expect(body.locator("h3").first).to_be_visible()
    expect(tab.get_by_role("progressbar")).to_have_count(0)

    def check() -> None:
        assert tab.locator("body").evaluate(CUT) == [], name
        assert body.evaluate("body => body.scrollWidth <= body.clientWidth"), name

    eventually(body, check)


def test_nothing_is_cut(narrow: str, open_tab: OpenTab, page: Page) -> None:
    page.set_viewport_size({"width": 1024, "height": 768})
    tab, run = open_tab(narrow, link(run=FIRST)), FIRST
    expect(tab.get_by_role("grid").first).to_be_visible()
    for name, state in ABOUT.items():
        if state["run"] != run:  # what was selected is not asked for of another run
            page.goto("about:blank")
            tab, run = open_tab(narrow, link(**state)), str(state["run"])
        else:
            go(page, tab, link(**state))
        expect_nothing_is_cut(tab, name)

    # It would be found: the last one, moved to the right.
    drawer(tab).locator(".detail-body").evaluate("body => { body.style.paddingLeft = '700px' }")
    assert tab.locator("body").evaluate(CUT) != []


@pytest.mark.parametrize("width", [1100, pytest.param(1240, marks=pytest.mark.nightly)])
def test_nothing_is_cut_in_windows_that_are_a_little_wider(
    narrow: str, open_tab: OpenTab, page: Page, width: int
) -> None:
    """The drawer is as wide as beside training health in wider ones."""
    page.set_viewport_size({"width": width, "height": 800})
    tab = open_tab(narrow, link(**ABOUT["an instance"]))
    expect_nothing_is_cut(tab, "an instance")
    for name in ("its direction in two runs", "a neuron in two runs"):
        go(page, tab, link(**ABOUT[name]))
        expect_nothing_is_cut(tab, name)
