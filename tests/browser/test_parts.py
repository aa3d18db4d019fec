"""Parts of the tab's code that are loaded when first needed: not before, by the page's own version, and said in words if not."""

import re
from pathlib import Path

from playwright.sync_api import Page, Route, expect

from tests.board import tensorboard
from tests.browser.conftest import OpenTab
from tests.browser.links import drawer, link
from tests.browser.test_tour import layer
from tests.records import small_data, write_run

#: What a view says whose code did not come.
WORDS = "This part of the tab could not be loaded."


def part(name: str) -> re.Pattern[str]:
    """The address of a file of the tab that bears a hash: a page never gets a part of another version."""
    return re.compile(rf"/plugin/activis/{name}-[\w-]{{8}}\.js$")


def test_parts_are_loaded_when_first_needed(tmp_path: Path, open_tab: OpenTab, page: Page) -> None:
    write_run(tmp_path / "run", small_data(), (1,))
    scripts: list[str] = []
    page.on("request", lambda request: scripts.append(request.url) if request.url.endswith(".js") else None)
    with tensorboard(f"--logdir={tmp_path}") as board:
        tab = open_tab(board, link(run="run"))
        expect(layer(tab, "head").get_by_role("grid")).to_be_visible()
        expect(drawer(tab).get_by_role("heading", level=2)).to_be_visible()
        own = [url.rpartition("/")[2] for url in scripts if "/plugin/activis/" in url]
        assert own[0] == "index.js"
        # All the rest is in one file. Fetched, then imported, which the browser answers by itself or with a 304.
        assert len(set(own[1:])) == 1, own
        assert part("more").search(scripts[-1]), scripts
        tab.get_by_role("radio", name="Table").click()
        expect(tab.get_by_role("grid", name="Instances").locator(".table-id").first).to_be_visible()
        assert len({url for url in scripts if part("more").search(url)}) == 1
        # The part uses the state of the page that is there: there is no second copy of it.
        assert sum(url.endswith("/plugin/activis/index.js") for url in scripts) == 1


def test_parts_that_cannot_be_loaded(tmp_path: Path, open_tab: OpenTab, page: Page) -> None:
    write_run(tmp_path / "run", small_data(), (1,))

    def gone(route: Route) -> None:
        route.abort("connectionrefused")

    with tensorboard(f"--logdir={tmp_path}") as board:
        # A view says it in its place, and all others go on.
        page.route(part("more"), gone)
        tab = open_tab(board, link(run="run"))
        head = layer(tab, "head")
        missing = drawer(tab).get_by_role("alert")
        expect(missing).to_contain_text("The detail could not be read.")
        expect(missing).to_contain_text(WORDS)
        expect(head.get_by_role("grid")).to_be_visible()
        tab.get_by_role("radio", name="Table").click()
        alert = tab.get_by_role("region", name="Instances", exact=True).get_by_role("alert")
        expect(alert).to_contain_text("The table could not be read.")
        expect(alert).to_contain_text(WORDS)

        # So does what saves a picture.
        head.get_by_role("button", name="Save the matrix of head").click()
        tab.get_by_role("option", name="CSV").click()
        expect(head.get_by_role("alert")).to_contain_text("The matrix could not be saved.")
        expect(head.get_by_role("alert")).to_contain_text(WORDS)

        page.unroute(part("more"))
        # One button retries all that failed to load.
        missing.get_by_role("button", name="Try again").click()
        expect(drawer(tab).get_by_role("heading", level=2)).to_be_visible()
        expect(missing).to_have_count(0)
        expect(tab.get_by_role("grid", name="Instances").locator(".table-id").first).to_be_visible()
        expect(alert).to_have_count(0)
        with page.expect_download() as download:
            head.get_by_role("button", name="Try again").click()
        assert download.value.suggested_filename == "head-step-1.csv"
        expect(head.get_by_role("alert")).to_have_count(0)
