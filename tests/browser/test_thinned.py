"""A run that was thinned: the slider marks the steps, what summaries answer is drawn, and the rest says in words what happened."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.board import tensorboard
from tests.browser.conftest import OpenTab
from tests.browser.links import link
from tests.thinning.runs import log, recorder


@pytest.fixture(scope="module", params=["true", "false"], ids=["load_fast", "load_slow"])
def board(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a TensorBoard on a run of ten steps of which four are whole: 0, 50 or so, and 90 among them."""
    logs: Path = tmp_path_factory.mktemp("logs")
    made = recorder(logs / "run", 4)
    log(made, range(0, 100, 10))
    made.close()
    with tensorboard(f"--logdir={logs}", f"--load_fast={request.param}") as address:
        yield address


def test_a_thinned_step_shows_what_it_has_and_says_what_it_lost(
    board: str, open_tab: OpenTab, page: Page, complaints: list[str]
) -> None:
    tab = open_tab(board)
    slider = tab.get_by_role("slider", name="Training step")
    expect(slider).to_have_attribute("aria-valuetext", re.compile("^90 of 90, accuracy"))
    expect(tab.locator(".step-tick")).to_have_count(10)
    expect(tab.locator(".step-tick.thinned")).to_have_count(6)
    expect(tab.locator(".step-handle.thinned")).to_have_count(0)
    expect(tab.get_by_text(re.compile("were thinned"))).to_have_count(0)

    slider.press("ArrowLeft")
    expect(slider).to_have_attribute("aria-valuetext", re.compile("^80 of 90, thinned, accuracy 75"))
    expect(tab.locator(".step-handle.thinned")).to_have_count(1)
    words = "The activations of single instances at step 80 were thinned (keep=4)"
    expect(tab.locator(".notice, .toolbar-notice, [role=status]").filter(has_text=words).first).to_be_visible()
    # The matrix of the classes, exact, and the graph are there; the projection says why it is not, without asking the server.
    late = tab.get_by_role("region", name=re.compile("late")).first
    expect(late.get_by_role("rowheader")).to_have_count(3)
    expect(late.get_by_role("alert").filter(has_text="The activations of step 80 were thinned.")).to_be_visible()
    expect(late.get_by_text("The projection of late is not kept.")).to_be_visible()
    expect(late.get_by_role("button", name="Try again")).to_have_count(0)
    expect(tab.get_by_text("could not be read")).to_have_count(0)
    # The table of instances has its columns and pictures: a kept step shares them.
    expect(tab.get_by_text("Right 180")).to_be_visible()

    slider.press("Home")
    expect(slider).to_have_attribute("aria-valuetext", re.compile("^0 of 90, accuracy"))
    expect(tab.get_by_text(re.compile("were thinned"))).to_have_count(0)
    expect(late.get_by_role("alert")).to_have_count(0)


@pytest.mark.parametrize("by", ["row", "effect", "direction"])
def test_a_matrix_that_is_sorted_by_single_instances_stays_where_they_were_thinned(
    board: str, open_tab: OpenTab, page: Page, complaints: list[str], by: str
) -> None:
    rule = {"by": by, "a": "s:bee"}
    tab = open_tab(board, link(step=90, sort=rule))
    late = tab.get_by_role("region", name=re.compile("late")).first
    expect(late.get_by_role("rowheader")).to_have_count(3)
    slider = tab.get_by_role("slider", name="Training step")
    for step, thinned in ((80, True), (90, False)):
        slider.press("ArrowLeft" if thinned else "ArrowRight")
        expect(slider).to_have_attribute("aria-valuetext", re.compile(f"^{step} of 90"))
        expect(late.locator(".matrix-body[aria-busy=true]")).to_have_count(0)
        expect(late.get_by_role("rowheader")).to_have_count(3)
