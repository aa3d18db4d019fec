"""Tests of pages wait for what they read: a reading that does not wait finds nothing on a busy machine."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PAGES = [*sorted((TESTS / "browser").glob("*.py")), TESTS / "notebook" / "test_jupyterlab.py"]
#: Readings of lists, of which Playwright says that they do not wait, and the box of a part that may not be drawn yet.
BARE = {"all", "all_inner_texts", "all_text_contents", "bounding_box", "element_handles", "evaluate_all"}
#: Has them for all others.
READING = TESTS / "browser" / "reading.py"


def bare(source: str) -> Iterator[str]:
    """Calls that give what there is at this moment, unless `filled` has waited for it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in BARE:
            of = node.value
            waited = isinstance(of, ast.Call) and ast.unparse(of.func) == "filled"
            array = isinstance(of, ast.Compare) or ast.unparse(of) == "np"
            if not waited and not array:
                yield f"line {node.lineno}: {ast.unparse(node)}"
        elif isinstance(node, ast.Call) and not node.args and getattr(node.func, "attr", "") == "count":
            yield f"line {node.lineno}: {ast.unparse(node)}"


@pytest.mark.parametrize("path", [path for path in PAGES if path != READING], ids=lambda path: path.name)
def test_what_is_read_was_waited_for(path: Path) -> None:
    assert list(bare(path.read_text())) == [], f"read it by {READING.relative_to(TESTS.parent)}"


def test_a_bare_reading_would_be_found() -> None:
    for source in (
        "for line in lines.all(): line.click()",
        "keys = panel.locator('.row').evaluate_all",
        "boxes = map(Locator.bounding_box, parts)",
        "assert tab.get_by_role('option').count() < 5",
    ):
        assert len(list(bare(source))) == 1, source
    assert list(bare("filled(lines).all(); np.all(values)")) == []
