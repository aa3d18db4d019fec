"""The tab's help leads to the documentation that is installed with the plugin; without it there are no links."""

import re
from collections.abc import Iterator
from html import escape
from pathlib import Path

import pytest
from playwright.sync_api import FrameLocator, Page, expect
from werkzeug.serving import make_server

from scripts.shipped_docs import anchor, dead_links, linked_from_the_tab, missing_places
from tensorboard_activis.serve import static_files
from tensorboard_activis.standalone.application import application
from tensorboard_activis.standalone.command import Quiet
from tests.board import serving, tensorboard
from tests.browser.conftest import OpenTab
from tests.browser.reading import filled
from tests.browser.test_accessibility import objections
from tests.browser.test_readable import TARGETS, asked
from tests.docs.pages import DOCS
from tests.records import small_data, write_run


@pytest.fixture(scope="module")
def logdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("logs")
    write_run(path / "run1", small_data(), (3, 5))
    return path


@pytest.fixture(scope="module")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages with the headings of the Markdown, at the addresses that Sphinx would give them."""
    root = tmp_path_factory.mktemp("docs")
    for source in DOCS.rglob("*.md"):
        target = root / source.relative_to(DOCS).with_suffix(".html")
        target.parent.mkdir(exist_ok=True)
        headings = re.findall(r"^#+ (.+)$", source.read_text(), re.M)
        body = "".join(f'<section id="{anchor(text)}"><h2>{escape(text)}</h2></section>' for text in headings)
        style = "<style>section { height: 600px }</style>"
        target.write_text(f'<!doctype html><link rel="icon" href="data:,">{style}<title>{source.stem}</title>{body}')
    return root


@pytest.fixture(params=["true", "false"], ids=["load_fast", "load_slow"])
def board(request: pytest.FixtureRequest, logdir: Path, docs: Path) -> Iterator[str]:
    with tensorboard(f"--logdir={logdir}", f"--load_fast={request.param}", docs=docs) as address:
        yield address


def settled(tab: FrameLocator | Page) -> None:
    """Waits for both layers: what stands under the pointer before then may still move away."""
    expect(tab.get_by_role("img", name="Colours from")).to_have_count(2)


def test_explained_terms_and_the_help_lead_to_places(board: str, docs: Path, open_tab: OpenTab, page: Page) -> None:
    base = f"{board}/data/plugin/activis/docs/"
    tab = open_tab(board)
    settled(tab)
    tab.locator("[data-term='nearest mean']").first.hover()
    place = tab.get_by_role("tooltip").get_by_role("link", name="nearest mean")
    expect(place).to_have_attribute("href", f"{base}terms.html#nearest-mean")

    tab.get_by_role("button", name="Help (?)").click()
    sheet = tab.get_by_role("complementary", name="Help")
    expect(sheet.get_by_role("link", name="Documentation")).to_be_visible()
    links = filled(sheet.locator("a")).evaluate_all("all => all.map(a => [a.href, a.target, a.rel])")
    assert {(target, rel) for _, target, rel in links} == {("_blank", "noopener")}
    assert (objections(page), asked(page, TARGETS)) == ([], [])
    # `make docs` checks the same addresses against what Sphinx built.
    assert {href.removeprefix(base) for href, _, _ in links} == set(linked_from_the_tab())
    assert [*missing_places(docs), *dead_links(docs)] == []

    with page.context.expect_page() as opened:
        sheet.get_by_role("link", name="1 − CKA").click()
    there = opened.value
    expect(there).to_have_url(f"{base}terms.html#cka")
    expect(there.get_by_role("heading", name="1 − CKA")).to_be_in_viewport()
    assert there.evaluate("window.opener") is None
    there.close()

    with page.context.expect_page() as opened:
        sheet.get_by_role("link", name="Where do two classes differ?").click()
    expect(opened.value).to_have_title("sorting")


def test_without_pages_there_are_no_links(
    logdir: Path, tmp_path: Path, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(static_files, "DOCS", tmp_path)
    server = make_server("localhost", 0, application(logdir), threaded=True, request_handler=Quiet)
    with serving(server) as address:
        page.goto(f"{address}#activis")
        settled(page)
        page.get_by_role("button", name="Help (?)").click()
        expect(page.get_by_role("complementary", name="Help").get_by_role("heading", name="Terms")).to_be_visible()
        expect(page.locator("a")).to_have_count(0)
