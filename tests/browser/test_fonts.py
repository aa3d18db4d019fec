"""TensorBoard's font may come after the first picture: what was measured in another one is measured anew."""

from pathlib import Path

from playwright.sync_api import Page, Route, expect

from tests.board import tensorboard
from tests.browser.conftest import OpenTab
from tests.browser.links import go, link
from tests.browser.reading import filled
from tests.records import small_data, write_run


def test_texts_are_placed_anew_when_the_font_arrives(tmp_path: Path, open_tab: OpenTab, page: Page) -> None:
    write_run(tmp_path / "run", small_data(), (1,))
    held: list[Route] = []
    with tensorboard(f"--logdir={tmp_path}") as board:
        tab = open_tab(board)
        words = tab.locator("svg.graph-picture text")

        def places() -> list[str]:
            expect(tab.get_by_role("region", name="How well layers tell apart")).to_be_visible()
            expect(tab.get_by_role("progressbar")).to_have_count(0)
            found: list[str] = filled(words).evaluate_all("all => all.map(text => text.getAttribute('x'))")
            return found

        expect(words.first).to_be_visible()
        tab.locator("body").evaluate("() => document.fonts.ready.then(() => new Promise(requestAnimationFrame))")
        right = places()
        page.route("**/*.woff2", lambda route: held.append(route))
        go(page, tab, link(run="run"))
        assert places() != right
        for route in held:
            route.continue_()
        frame = next(frame for frame in page.frames if "name=activis" in frame.url)
        frame.wait_for_function(
            "right => document.fonts.status === 'loaded' && right.join() === "
            "[...document.querySelectorAll('svg.graph-picture text')].map(text => text.getAttribute('x')).join()",
            arg=right,
        )
