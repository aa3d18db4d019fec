"""A matrix of a thousand classes: the rows in sight come first, the others when somebody scrolls; colours and numbers of all."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import FrameLocator, Locator, Page, Request, expect

from tests.board import tensorboard
from tests.browser.conftest import OpenTab
from tests.browser.reading import filled
from tests.browser.test_matrix import edges, keyboard_cell, short, write_large
from tests.browser.test_tour import layer

CLASSES, NEURONS, FIRST = 1_000, 300, 128
#: Which half of a class's neurons is the stronger one: 1 where it is the left half.
SIGNS = np.where((np.arange(CLASSES) * 7 % 11) < 5, 1, -1)


@pytest.fixture(scope="module")
def means(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    logs = tmp_path_factory.mktemp("logs")
    halves = np.where(np.arange(NEURONS) < NEURONS // 2, 6.0, -6.0)
    return logs, write_large(logs / "large", CLASSES, NEURONS, SIGNS[:, None] * halves)


@pytest.fixture(scope="module")
def large(means: tuple[Path, np.ndarray]) -> Iterator[str]:
    with tensorboard(f"--logdir={means[0]}") as board:
        yield board


@pytest.fixture
def asked(page: Page) -> list[Request]:
    """Requests for a matrix that is drawn."""
    found: list[Request] = []
    page.on("requestfinished", lambda one: found.append(one) if '"quantized"' in (one.post_data or "") else None)
    return found


def opened(open_tab: OpenTab, board: str) -> tuple[FrameLocator, Locator]:
    tab = open_tab(board, "&p.activis.sort=%7B%22by%22%3A%22index%22%7D")
    panel = layer(tab, "wide")
    expect(panel.get_by_role("img", name="Colours from")).to_be_visible()
    expect(panel.locator(".matrix-row").first).to_be_visible()
    return tab, panel


def drawn_signs(panel: Locator) -> dict[int, int]:
    """Of each class that is wholly in sight: 1 where its left half is blue and its right half brown, -1 the other way, else 0."""
    body, block = edges(panel.locator(".matrix-body")), edges(panel.get_by_role("rowgroup", name="Subsets"))
    picture = np.asarray(Image.open(io.BytesIO(panel.locator(".matrix-body").screenshot())).convert("RGB")).astype(int)
    rows = filled(panel.locator(".matrix-row")).evaluate_all(
        """rows => {
          const { left, top } = rows[0].closest(".matrix-body").getBoundingClientRect();
          return rows.map((row) => {
            const box = row.getBoundingClientRect();
            return [row.dataset.row, box.right - left, box.top - top, box.bottom - top];
          });
        }"""
    )
    found = {}
    for key, left, top, bottom in rows:
        if top < block[1] - body[1] or bottom > block[3] - body[1]:
            continue
        cells = picture[int((top + bottom) / 2), int(left) + 2 : picture.shape[1] - 14]
        blue = [(half[len(half) // 5 : -len(half) // 5] @ [-1, 0, 1]).mean() for half in np.array_split(cells, 2)]
        clear = min(map(abs, blue)) > 20 and blue[0] * blue[1] < 0
        found[int(key.removeprefix("s:class "))] = int(np.sign(blue[0])) if clear else 0
    return found


def look(panel: Locator) -> set[int]:
    """Compares the colours of what is in sight; returns which classes that are."""
    expect(panel.get_by_role("progressbar")).to_have_count(0)
    panel.page.mouse.move(2, 2)  # no tooltip lies over the cells
    panel.page.wait_for_timeout(100)  # until the next frame is drawn
    found = drawn_signs(panel)
    assert len(found) > 10
    assert found == {index: SIGNS[index] for index in found}
    return set(found)


def test_all_rows_are_right_wherever_one_scrolls(
    large: str, means: tuple[Path, np.ndarray], open_tab: OpenTab, page: Page, asked: list[Request]
) -> None:
    tab, panel = opened(open_tab, large)
    seen = look(panel)
    (first,) = asked
    assert (first.post_data_json or {})["drawn"] == list(range(FIRST))

    left, top, right, _ = edges(panel.locator(".matrix-body"))
    page.mouse.move(right - 40, top + 100)
    page.mouse.wheel(0, 130)
    seen |= look(panel)

    # A page of rows at a time, all are seen; in a high window, which makes fewer pages.
    page.set_viewport_size({"width": 1440, "height": 1900})
    seen |= look(panel)
    rows = panel.get_by_role("rowgroup", name="Subsets")
    height, whole = rows.evaluate("(rows) => [rows.clientHeight, rows.scrollHeight]")
    for place in range(0, whole, int(height - 26)):
        rows.evaluate("(rows, place) => rows.scrollTo(0, place)", place)
        seen |= look(panel)
    assert seen == set(range(CLASSES))
    assert len(asked) == 2, "the other rows come once"
    assert "drawn" not in (asked[1].post_data_json or {})
    assert first.sizes()["responseBodySize"] < asked[1].sizes()["responseBodySize"] / 2

    # The exact number is told of rows of either part, by keyboard and by pointer.
    tip = tab.get_by_role("tooltip")
    for key, index, neuron in (("Control+Home", 0, 0), ("Control+End", CLASSES - 1, NEURONS - 1)):
        told = keyboard_cell(panel)
        panel.get_by_role("grid").press(key)
        panel.get_by_role("grid").press("ArrowRight")
        value = short(means[1][index, neuron])
        expect(told).to_have_text(f"Neuron {neuron}, class {index}, mean {value}")
        expect(tip).to_contain_text(f"mean {value}")
    panel.get_by_role("grid").press("Escape")
    row = panel.locator(f'[data-row="s:class {CLASSES - 3}"]')
    expect(row).to_be_visible()
    page.mouse.move(left + (right - left) * 0.6, sum(edges(row)[1::2]) / 2)
    expect(tip).to_contain_text(f"class {CLASSES - 3}")
    expect(tip).to_contain_text(re.compile(r"mean [−\d]"))
    neuron = int(re.findall(r"Neuron (\d+)", tip.inner_text())[0])
    expect(tip).to_contain_text(f"mean {short(means[1][CLASSES - 3, neuron])}")


def test_a_picture_is_saved_whole_before_anybody_scrolled(
    large: str, open_tab: OpenTab, page: Page, asked: list[Request], tmp_path: Path
) -> None:
    tab, _ = opened(open_tab, large)
    tab.get_by_role("button", name="Save the matrix of wide").click()
    with page.expect_download() as saved:
        tab.get_by_role("option", name="PNG").click()
    saved.value.save_as(tmp_path / "png")
    picture = np.asarray(Image.open(tmp_path / "png").convert("RGB")).astype(int)
    ratio = picture.shape[1] / (160 + 1600 + 14)  # as frontend/src/views/matrix/saveMatrix.ts lays it out
    y = ((32 + 8 + 14 * (np.arange(CLASSES) + 0.5)) * ratio).astype(int)
    halves = [picture[y, int((160 + x) * ratio) : int((160 + x + 600) * ratio)] @ [-1, 0, 1] for x in (100, 900)]
    assert np.array_equal(np.sign(halves[0].mean(axis=1)), SIGNS)
    assert np.array_equal(np.sign(halves[1].mean(axis=1)), -SIGNS)
    assert ["drawn" in (one.post_data_json or {}) for one in asked] == [True, False]
