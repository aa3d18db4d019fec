"""The tab in a real JupyterLab, in Chromium: drawn, asked, followed, in the notebook's theme, and quiet without a kernel."""

import importlib.util
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import FrameLocator, Page, expect, sync_playwright

from tests.browser.reading import rectangle
from tests.chromium import launch
from tests.jupyterlab import jupyterlab, write_notebook
from tests.records import small_data, write_run

_MISSING = [name for name in ("anywidget", "jupyterlab") if importlib.util.find_spec(name) is None]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.nightly,
    pytest.mark.skipif(
        bool(_MISSING), reason=f"{' and '.join(_MISSING)} not installed: pip install -e '.[notebook,nightly]'"
    ),
]

#: Milliseconds: JupyterLab and its kernel take long on a machine that tests.
PATIENCE = 90_000
SHOW = """from tensorboard_activis.notebook import show
widget = show("logs", height=640)
widget"""
GROW = """from tests.records import small_data, write_run
from pathlib import Path
write_run(Path("logs/run1"), small_data(), (6,))"""


@contextmanager
def opened(directory: Path, complaints: list[str], asked: list[str], theme: str = "JupyterLab Light") -> Iterator[Page]:
    """The notebook `book.ipynb` of a directory, in JupyterLab, once its kernel runs; what the page complains about is listed."""
    with jupyterlab(directory, theme) as (address, token), sync_playwright() as playwright:
        browser = launch(playwright)
        context = browser.new_context(viewport={"width": 1440, "height": 1000})
        context.add_init_script('try { localStorage.setItem("activis.visited", "1") } catch {}')
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        context.on("request", lambda request: asked.append(request.url))
        context.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.goto(f"{address}/lab/tree/book.ipynb?token={token}", timeout=PATIENCE)
        expect(page.locator(".jp-Notebook .jp-CodeCell").first).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=PATIENCE)
        yield page
        browser.close()


def run_cell(page: Page, number: int) -> None:
    """Runs a cell and waits until it ran."""
    cell = page.locator(".jp-Notebook .jp-CodeCell").nth(number)
    cell.locator(".cm-content").first.click()
    page.keyboard.press("Shift+Enter")
    expect(cell.locator(".jp-InputPrompt").first).to_have_text(re.compile(r"\[\d+\]"), timeout=PATIENCE)


def output(page: Page, number: int) -> str:
    """The text below a cell."""
    return page.locator(".jp-Notebook .jp-CodeCell").nth(number).locator(".jp-OutputArea-output").inner_text()


def drawn(page: Page) -> FrameLocator:
    """The tab below the first cell, once its first picture is there."""
    tab = page.frame_locator('iframe[title="ActiVis"]')
    expect(tab.get_by_role("grid").first).to_be_visible(timeout=PATIENCE)
    expect(tab.locator(".graph-node").first).to_be_visible(timeout=PATIENCE)
    expect(tab.locator(".layer-projection canvas").first).to_be_visible(timeout=PATIENCE)
    return tab


def test_the_tab_in_a_notebook(tmp_path: Path) -> None:
    write_run(tmp_path / "logs/run1", small_data(), (5,))
    chosen = "[widget.selection[key] for key in ('expression', 'layer', 'instance', 'neuron')]"
    choose, end = 'widget.state = "#activis&p.activis.step=5"', "import os; os._exit(1)"
    write_notebook(tmp_path / "book.ipynb", SHOW, chosen, GROW, choose, end)
    complaints: list[str] = []
    asked: list[str] = []
    with opened(tmp_path, complaints, asked) as page:
        before, at = len(complaints), page.url
        run_cell(page, 0)
        tab = drawn(page)
        assert rectangle(page.locator('iframe[title="ActiVis"]'))["height"] == 640
        expect(tab.locator("html")).to_have_attribute("data-theme", "light")
        # A picture of an instance comes from the kernel, too.
        picture = tab.locator("img.thumbnail, .content img").first
        expect(picture).to_be_visible(timeout=PATIENCE)
        page.wait_for_function(
            "() => [...document.querySelector('iframe[title=ActiVis]').contentDocument.images].some((one) => one.naturalWidth > 0)"
        )

        # What is selected there is known here.
        tab.locator(".expression-input").fill("not correct")
        expect(tab.get_by_text("2 of 17").first).to_be_visible()
        tab.get_by_role("grid").first.click(position={"x": 260, "y": 12})
        expect(tab.locator(".pane.detail")).to_contain_text(re.compile(r"Neuron \d"))
        run_cell(page, 1)
        said = output(page, 1).strip()
        assert re.fullmatch(r"\['not correct', '[^']+', None, \d\]", said), said

        # A run that grows is read on, without a click; and what Python sets is shown.
        steps = tab.get_by_role("slider", name="Training step")
        run_cell(page, 2)
        expect(steps).to_have_attribute("aria-valuetext", re.compile("6"), timeout=PATIENCE)
        run_cell(page, 3)
        expect(steps).to_have_attribute("aria-valuetext", re.compile("5"), timeout=PATIENCE)

        # A change of theme is followed: a notebook sets attributes, and its style sheet colours what is in it.
        page.evaluate(
            """() => {
                document.querySelector("iframe[title=ActiVis]").parentElement.style.color = "rgb(230, 230, 230)";
                document.body.dataset.jpThemeLight = "false";
            }"""
        )
        expect(tab.locator("html")).to_have_attribute("data-theme", "dark", timeout=PATIENCE)

        # A kernel that ends leaves what was drawn, and a line.
        page.locator(".jp-Notebook .jp-CodeCell").nth(4).locator(".cm-content").first.click()
        page.keyboard.press("Shift+Enter")
        silent = page.get_by_text("The kernel does not answer.")
        expect(silent).to_be_visible(timeout=PATIENCE)
        expect(tab.get_by_role("grid").first).to_be_visible()

        assert page.url == at  # the address of the notebook is its own
        assert complaints[before:] == []
    # Nothing but JupyterLab was asked, and it was not asked for the tab.
    places = {urlsplit(url).netloc for url in asked if url.startswith(("http:", "https:", "ws:", "wss:"))}
    assert places == {urlsplit(at).netloc}
    assert [url for url in asked if "/data/plugin/" in url or "kernel.invalid" in url] == []


def test_without_its_kernel_it_says_so_quietly(tmp_path: Path) -> None:
    """A notebook that was saved with its widgets is opened again; the kernel knows nothing of them."""
    from ipywidgets import Widget

    from tensorboard_activis.notebook import show

    write_run(tmp_path / "logs/run1", small_data(), (5,))
    widget = show(tmp_path / "logs")
    write_notebook(tmp_path / "book.ipynb", "widget")
    notebook = json.loads((tmp_path / "book.ipynb").read_text())
    bundle, _ = widget._repr_mimebundle_()
    [cell] = notebook["cells"]
    cell["outputs"] = [{"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": bundle}]
    kind = "application/vnd.jupyter.widget-state+json"
    notebook["metadata"]["widgets"] = {kind: Widget.get_manager_state(drop_defaults=False)}
    (tmp_path / "book.ipynb").write_text(json.dumps(notebook))
    complaints: list[str] = []
    with opened(tmp_path, complaints, []) as page:
        shown = page.locator(".jp-OutputArea-output").first
        expect(shown).to_contain_text("run this cell", timeout=PATIENCE)
        assert rectangle(shown)["height"] < 100
        assert [said for said in complaints if "activis" in said.lower()] == []
