"""Every malformed run of the corpus in the tab: it says in words what is wrong, and the good run beside it is as ever."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import FrameLocator, Page, expect

from tests.board import tensorboard
from tests.browser.conftest import OpenTab
from tests.browser.test_states import grid
from tests.hostile.corpus import CASES, TRICKS, write_case
from tests.records import small_data, write_run

GOOD = "the good one"
#: What is odd, and none the less right, is shown as it is.
ODD = {
    "names-with-tricks": "<img src=x onerror=hurt()>",
    "names-that-are-the-same": "3 of 3",
    "numbers-that-are-none": "3 of 3",
}
#: Each part of the corpus is one page.
PARTS = 4


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a TensorBoard with all of them."""
    logs = tmp_path_factory.mktemp("corpus")
    for name in CASES:
        write_case(CASES[name], logs / name)
    write_run(logs / GOOD, small_data())
    with tensorboard(f"--logdir={logs}") as address:
        yield address


def go_to(page: Page, board: str, run: str, step: int) -> None:
    """As a link does; the page stays."""
    page.goto(f"{board}/#activis&p.activis.run={run}&p.activis.step={step}")


def shown(tab: FrameLocator, run: str) -> None:
    expect(tab.get_by_role("button", name=f"Run: {run}", exact=True)).to_be_visible()


@pytest.mark.parametrize("part", range(PARTS))
def test_each_is_shown_as_what_it_is(
    corpus: str, open_tab: OpenTab, page: Page, complaints: list[str], part: int
) -> None:
    tab = open_tab(corpus, f"&p.activis.run={GOOD}&p.activis.step=3")
    for name in list(CASES)[part::PARTS]:
        go_to(page, corpus, GOOD, 3)
        shown(tab, GOOD)
        expect(grid(tab).get_by_role("row")).to_have_count(3)
        expect(tab.locator(".notices")).to_have_count(0)

        case = CASES[name]
        go_to(page, corpus, name, case.step)
        said = ODD.get(name, case.said)
        expect(tab.locator("body")).to_contain_text(said if name in ODD else re.compile(said))
        if name != "newer-version":  # nothing of it can be shown, so that the good one stays
            shown(tab, name)
        if name in ODD:
            expect(grid(tab, TRICKS[1] if name == "names-with-tricks" else "head")).to_be_visible()
        # Refusals of what is bad are no complaints; anything else is.
        assert [one for one in complaints if "422" not in one and "404" not in one] == []
    go_to(page, corpus, GOOD, 3)
    shown(tab, GOOD)
    complaints.clear()
