"""What the tab says when there is nothing, when something is broken, and when the log directory grows under the user."""

import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import FrameLocator, Locator, Page, expect
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from tests.board import tensorboard
from tests.browser.conftest import OpenTab
from tests.records import CLASSES, Data, small_data, write_run


def scalars(log_dir: Path) -> None:
    """A run of somebody who does not log activations."""
    EventFileWriter(str(log_dir)).close()


def grid(tab: FrameLocator, layer: str = "head") -> Locator:
    return tab.get_by_role("region", name=f"Layer {layer}", exact=True).get_by_role("grid")


def at_step(tab: FrameLocator, step: int, last: int) -> Locator:
    """The words beside the slider."""
    return tab.get_by_role("toolbar").get_by_text(re.compile(rf"^{step} of {last}\b")).first


def reload(page: Page) -> None:
    """TensorBoard's own button."""
    page.get_by_role("button", name=re.compile("Last Updated")).click()


def test_a_log_directory_without_activations(tmp_path: Path, open_tab: OpenTab, page: Page) -> None:
    scalars(tmp_path / "plain")
    with tensorboard(f"--logdir={tmp_path}") as board:
        tab = open_tab(board)
        expect(tab.get_by_role("heading", name="No activations in this log directory yet")).to_be_visible()
        for text in ("ActiVisLogger", "ActiVisCallback", "tensorboard-activis demo", "plain"):
            expect(tab.get_by_text(text).first).to_be_visible()
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        for what, said in (("the command", "tensorboard-activis demo"), ("the PyTorch code", "ActiVisLogger")):
            tab.get_by_role("button", name=f"Copy {what}").click()
            expect(tab.get_by_role("button", name=f"Copy {what}")).to_have_text("Copied")
            assert said in page.evaluate("navigator.clipboard.readText()")
        # It checks again automatically: the first snapshot replaces the page.
        write_run(tmp_path / "run", small_data(), (4,))
        expect(grid(tab)).to_be_visible()


def test_a_run_that_grows_keeps_the_users_place(tmp_path: Path, open_tab: OpenTab, page: Page) -> None:
    write_run(tmp_path / "run", small_data(), (1, 2))
    with tensorboard(f"--logdir={tmp_path}", "--reload_interval=1") as board:
        tab = open_tab(board)
        slider = tab.get_by_role("slider", name="Training step")
        slider.press("ArrowLeft")
        expect(at_step(tab, 1, 2)).to_be_visible()
        tab.get_by_role("listbox", name="Wrong").get_by_role("option").first.click()
        expect(grid(tab)).to_have_attribute("aria-rowcount", "4")

        write_run(tmp_path / "run", small_data(), (3,))
        reload(page)
        expect(at_step(tab, 1, 3)).to_be_visible()
        expect(grid(tab)).to_have_attribute("aria-rowcount", "4")
        slider.press("End")
        expect(at_step(tab, 3, 3)).to_be_visible()


def test_a_missing_file_is_named_and_the_rest_works(
    tmp_path: Path, open_tab: OpenTab, complaints: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tensorboard_activis.write.arrays.INLINE_BYTES", 0)
    write_run(tmp_path / "broken", small_data())
    write_run(tmp_path / "whole", small_data())
    missing = next((tmp_path / "broken" / "activis").glob("*.safetensors"))
    missing.unlink()
    with tensorboard(f"--logdir={tmp_path}") as board:
        tab = open_tab(board, "&p.activis.run=broken")
        expect(tab.get_by_text(f"{missing.name} is missing").first).to_be_visible()
        # Columns and layers lack it, too: one cause, one line.
        expect(tab.locator(".notices p")).to_have_count(1)
        expect(tab.get_by_role("tree", name="Layers of the model")).to_contain_text("head")
        tab.get_by_role("button", name="Run: broken").click()
        tab.get_by_role("option", name="whole").click()
        expect(grid(tab)).to_be_visible()
        assert complaints, "the missing file was asked for"
        assert all(re.search(r"422|status of 4", complaint) for complaint in complaints), complaints
        complaints.clear()


def test_a_truncated_event_file_shows_what_is_whole(tmp_path: Path, open_tab: OpenTab) -> None:
    write_run(tmp_path / "run", small_data(), (1, 2))
    events = next((tmp_path / "run" / "activis").glob("*tfevents*"))
    events.write_bytes(events.read_bytes()[:-9])
    with tensorboard(f"--logdir={tmp_path}") as board:
        tab = open_tab(board)
        expect(at_step(tab, 1, 1)).to_be_visible()
        expect(grid(tab)).to_be_visible()


def test_behind_a_path_prefix_and_with_named_directories(tmp_path: Path, open_tab: OpenTab) -> None:
    write_run(tmp_path / "a" / "run", small_data())
    write_run(tmp_path / "b" / "run", small_data(seed=1))
    with tensorboard(f"--logdir_spec=one:{tmp_path}/a,two:{tmp_path}/b", "--path_prefix=/board") as board:
        tab = open_tab(board)
        expect(grid(tab)).to_be_visible()
        tab.get_by_role("button", name=re.compile("^Run: ")).click()
        for name in ("one/run", "two/run"):
            expect(tab.get_by_role("option", name=name)).to_be_visible()


def test_dark_and_light_follow_tensorboard_at_once(tmp_path: Path, open_tab: OpenTab, page: Page) -> None:
    write_run(tmp_path / "run", small_data())
    with tensorboard(f"--logdir={tmp_path}") as board:
        tab = open_tab(board)
        expect(grid(tab)).to_be_visible()
        body = tab.locator("body")
        expect(body).to_have_css("background-color", "rgb(255, 255, 255)")
        page.evaluate("document.body.classList.add('dark-mode')")
        expect(body).to_have_css("background-color", "rgb(48, 48, 48)")


MARKUP = ("<img src=x onerror=window.hurt=1>", '"><script>window.hurt=1</script>', "{{constructor}}")


def test_names_with_markup_are_inert(tmp_path: Path, open_tab: OpenTab) -> None:
    write_run(tmp_path / "run", small_data(), class_names=MARKUP, subsets={MARKUP[0] + " subset": "score > 0.5"})
    with tensorboard(f"--logdir={tmp_path}") as board:
        tab = open_tab(board)
        expect(grid(tab)).to_contain_text(MARKUP[0])
        row = grid(tab).get_by_role("rowheader").first
        row.hover()
        tab.get_by_role("radio", name="Confusion").click()
        tab.get_by_role("radio", name="Table").click()
        tab.get_by_role("listbox").or_(tab.get_by_role("grid")).first.wait_for()
        assert tab.locator("body").evaluate("() => window.hurt") is None


@pytest.mark.parametrize("width", [1024, 1280, 1920])
def test_nothing_is_cut_at_any_width(board: str, open_tab: OpenTab, page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    tab = open_tab(board)
    expect(tab.get_by_role("grid").first).to_be_visible()
    beyond = tab.locator("body").evaluate(
        """body => {
           const scrollable = element => /auto|scroll/.test(getComputedStyle(element).overflowX);
           const scrolls = element => element && (scrollable(element) || scrolls(element.parentElement));
           return [...body.querySelectorAll("button, [role=slider], input, h2, h3")]
             .filter(element => element.checkVisibility({visibilityProperty: true}))
             .map(element => [element.getBoundingClientRect(), element])
             .filter(([box]) => box.width > 0 && (box.right > innerWidth + 1 || box.left < -1))
             .filter(([, element]) => !scrolls(element))
             .map(([, element]) => element.outerHTML.slice(0, 120));
           }"""
    )
    assert beyond == []


def without_labels(data: Data) -> Data:
    return Data(data.ids, data.images, np.full(len(data.labels), -1), data.logits, data.activations)


def test_instances_without_labels(tmp_path: Path, open_tab: OpenTab) -> None:
    write_run(tmp_path / "run", without_labels(small_data()))
    with tensorboard(f"--logdir={tmp_path}") as board:
        tab = open_tab(board)
        expect(grid(tab)).to_be_visible()
        expect(tab.get_by_role("region", name="Instances", exact=True)).to_contain_text("17")
        expect(tab.get_by_text("Labels that are missing or none of the 3 classes: 17").first).to_be_visible()


def test_every_class_has_its_name(tmp_path: Path, open_tab: OpenTab) -> None:
    write_run(tmp_path / "run", small_data())
    with tensorboard(f"--logdir={tmp_path}") as board:
        tab = open_tab(board)
        for name in CLASSES:
            expect(grid(tab).get_by_role("rowheader", name=re.compile(rf"^{name}\b"))).to_be_visible()
