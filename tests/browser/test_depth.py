"""Prediction by depth in the drawer of an instance: a rung per block, against what was logged."""

import dataclasses
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tensorboard_activis import open_run
from tests.board import tensorboard
from tests.browser.conftest import OpenTab
from tests.browser.links import link
from tests.browser.recorded import classes
from tests.records import write_run


@pytest.fixture(scope="module")
def board_of_depth(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    log_dir = tmp_path_factory.mktemp("depth")
    data = dataclasses.replace(classes(3, 24, wrong=6), depth=True)
    write_run(log_dir / "logs" / "depth", data, steps=(3, 7))
    with tensorboard(f"--logdir={log_dir / 'logs'}") as address:
        yield address, str(log_dir / "logs" / "depth")


def test_the_ladder_says_what_was_logged(board_of_depth: tuple[str, str], open_tab: OpenTab) -> None:
    board, where = board_of_depth
    read = open_run(where).latest.depth(2)
    tab = open_tab(board, link(run="depth", selection={"kind": "instance", "row": 2}))
    ladder = tab.get_by_role("region", name="Prediction by depth")
    expect(ladder).to_contain_text("The model's own last norm and classifier, read after each block.")
    expect(ladder).to_contain_text(f"label {read.label}")
    rungs = ladder.locator("tbody tr")
    expect(rungs).to_have_count(len(read.blocks))
    for place, block in enumerate(read.blocks):
        rung = rungs.nth(place)
        first = block.scores[0]
        expect(rung.get_by_role("img")).to_have_attribute(
            "aria-label", re.compile(rf"^{first.class_} {first.score:.2f}")
        )
        expect(rung.locator("td").nth(1)).to_have_text(str(block.rank))
        expect(rung.locator("td").nth(2)).to_contain_text(f"{100 * block.right:.1f}")
    expect(ladder.locator("polyline")).to_have_count(len(read.blocks))
