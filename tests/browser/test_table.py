"""The table of a run of a million instances: every page of it, sorted, filtered and searched by the server."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import FrameLocator, Page, expect

from benchmarks._browser_runs import MILLION, write
from tensorboard_activis import open_run
from tests.board import tensorboard
from tests.browser.conftest import OpenTab
from tests.browser.links import link
from tests.browser.reading import counted, shown_texts


@pytest.fixture(scope="module")
def million(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    log_dir = tmp_path_factory.mktemp("million")
    write(log_dir, ["million"])
    with tensorboard(f"--logdir={log_dir}") as address:
        yield log_dir / "million", address


def lines(tab: FrameLocator) -> list[str]:
    return shown_texts(tab.get_by_role("grid", name="Instances").locator(".table-id"))


def test_a_million_instances(million: tuple[Path, str], open_tab: OpenTab, page: Page) -> None:
    run, board = million
    table = open_run(run).latest.instances
    ids, label, score = (table[name].to_numpy(zero_copy_only=False) for name in ("id", "label", "score"))
    tab = open_tab(board, link(run="million", layers=["head"], tab="table"))
    grid = tab.get_by_role("grid", name="Instances")
    expect(grid).to_have_attribute("aria-rowcount", str(MILLION), timeout=120_000)
    shown = grid.locator(".table-id")
    expect(shown.first).to_have_text(f"#{ids[0]}")

    # Any part of it is there when it is scrolled to, and no more of it is in the document than is seen.
    for share in (0.5, 1.0, 0.25):
        top = grid.evaluate(
            "(grid, share) => (grid.scrollTop = share * (grid.scrollHeight - grid.clientHeight))", share
        )
        last = MILLION - 1 if share == 1.0 else int(top / grid.evaluate("grid => grid.scrollHeight") * MILLION) + 8
        expect(shown.filter(has_text=re.compile(f"^#{ids[last]}$"))).to_be_visible()
        assert counted(shown) < 60
    grid.evaluate("grid => (grid.scrollTop = 0)")

    # Sorted by the server, either way; the second page goes on where the first ends.
    order = np.argsort(-score, kind="stable")
    head = grid.get_by_role("columnheader", name="score")
    place = shown_texts(grid.get_by_role("columnheader")).index("score")
    for direction, best in (("descending", score[order[0]]), ("ascending", score[order[-1]])):
        head.get_by_role("button").click()
        expect(head).to_have_attribute("aria-sort", direction)
        expect(grid.get_by_role("row").nth(1).get_by_role("gridcell").nth(place)).to_have_text(f"{best:.2f}")
    head.get_by_role("button").click()
    expect(shown.first).to_have_text(f"#{ids[0]}")

    # Filtered and searched.
    instances = tab.get_by_role("region", name="Instances", exact=True)
    search = tab.get_by_role("combobox", name="Subset expression")
    found = np.flatnonzero((label == "class 3") & (score < 0.3))
    search.fill('label == "class 3" and score < 0.3')
    expect(instances).to_contain_text(f"{len(found):,} of {MILLION:,}")
    expect(grid).to_have_attribute("aria-rowcount", str(len(found)))
    expect(shown.first).to_have_text(f"#{ids[found[0]]}")
    # An id alone is offered as what it may mean.
    search.fill(str(ids[777_777]))
    tab.get_by_role("option", name=f"id == {ids[777_777]}").click()
    expect(shown).to_have_text([f"#{ids[777_777]}"])
    grid.get_by_role("row").nth(1).click()
    expect(tab.get_by_role("region", name="Detail", exact=True)).to_contain_text(f"#{ids[777_777]}")
