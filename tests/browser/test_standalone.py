"""The tab without TensorBoard around it: the same views, the same addresses, no complaint of the page."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from werkzeug.serving import make_server

from tensorboard_activis.standalone.application import application
from tensorboard_activis.standalone.command import Quiet
from tests.board import serving


@pytest.fixture(scope="module")
def alone(runs: Path) -> Iterator[str]:
    """The address of the tab alone, on the demo's runs."""
    server = make_server("localhost", 0, application(runs), threaded=True, request_handler=Quiet)
    with serving(server) as address:
        yield address


def test_the_views_are_drawn_and_the_address_is_that_of_the_tab(alone: str, page: Page, complaints: list[str]) -> None:
    page.goto(f"{alone}#activis")
    expect(page.get_by_role("grid").first).to_be_visible()
    expect(page.locator(".graph-node").first).to_be_visible()
    expect(page.locator(".layer-projection canvas").first).to_be_visible()
    steps = page.get_by_role("slider", name="Training step")
    last = steps.get_attribute("aria-valuetext")
    steps.press("ArrowLeft")
    expect(steps).not_to_have_attribute("aria-valuetext", str(last))
    chosen = str(steps.get_attribute("aria-valuetext"))
    page.wait_for_url(re.compile(r"step"))
    linked = page.url
    assert linked.startswith(f"{alone}#activis")
    page.goto("about:blank")
    page.goto(linked)
    expect(page.get_by_role("slider", name="Training step")).to_have_attribute("aria-valuetext", chosen)
    assert complaints == []
