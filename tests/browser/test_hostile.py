"""Names in a script that is written from right to left; what else nobody wishes for is in test_bad_input.py and test_markup.py."""

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.board import tensorboard
from tests.browser.conftest import OpenTab
from tests.browser.test_states import grid
from tests.records import small_data, write_run

HEBREW = ("כלב", "חתול גדול מאוד", "ציפור")


def test_names_from_right_to_left(tmp_path: Path, open_tab: OpenTab, page: Page) -> None:
    write_run(tmp_path / "עברית", small_data(), class_names=HEBREW, subsets={"לא בטוח": "score < 0.6"})
    with tensorboard(f"--logdir={tmp_path}") as board:
        tab = open_tab(board)
        for name in HEBREW:
            expect(grid(tab).get_by_role("rowheader", name=re.compile(rf"^{name}, n"))).to_be_visible()
        tab.get_by_role("button", name=re.compile("^לא בטוח")).click()
        expect(grid(tab).get_by_role("rowheader", name=re.compile("^לא בטוח, n"))).to_be_visible()
        page.wait_for_url(re.compile("rows"))
        page.reload()
        expect(grid(tab).get_by_role("rowheader", name=re.compile("^לא בטוח, n"))).to_be_visible()
