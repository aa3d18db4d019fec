"""Links between documents lead to files and to headings that are there, and every page can be reached."""

import os
import re
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, PAGES, ROOT, anchors, links


def dead(page: Path, text: str) -> list[str]:
    """Links of a page's text that lead nowhere."""
    found = []
    for target in links(text):
        name, _, anchor = target.partition("#")
        path = page.parent / name if name else page
        there = text if path == page else path.read_text() if path.suffix == ".md" and path.is_file() else ""
        if not path.is_file() or (anchor and anchor not in anchors(there)):
            found.append(target)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    assert dead(page, page.read_text()) == []


@pytest.mark.parametrize("link", ["nowhere.md", "tasks.md#no-such-heading", "#neither-here", "images/none.png"])
def test_a_dead_link_is_noticed(link: str) -> None:
    page = DOCS / "python.md"
    assert dead(page, page.read_text() + f"\n[there]({link})\n") == [link]


def test_code_is_no_link() -> None:
    assert links("`a[0](b)`\n\n```python\nx[1](y)\n```\n[a](b.md)") == ["b.md"]


def test_every_page_can_be_reached() -> None:
    """From the first page by links, as somebody who reads them on a code host does."""
    reached, queue = {DOCS / "index.md"}, [DOCS / "index.md"]
    while queue:
        page = queue.pop()
        for target in links(page.read_text()):
            path = Path(os.path.normpath(page.parent / target.partition("#")[0]))
            if path.suffix == ".md" and path.is_relative_to(DOCS) and path.is_file() and path not in reached:
                reached.add(path)
                queue.append(path)
    assert set(DOCS.rglob("*.md")) == reached


def test_every_page_is_in_the_table_of_contents() -> None:
    listed = set()
    for page in DOCS.rglob("*.md"):
        for tree in re.findall(r"```\{toctree\}\n(.*?)```", page.read_text(), re.S):
            for name in re.findall(r"^([\w/]+)$", tree, re.M):
                listed |= {path for path in [page.parent / f"{name}.md", page.parent / f"{name}.rst"] if path.is_file()}
    assert {*DOCS.rglob("*.md")} - listed == {DOCS / "index.md"}
