"""A head of attention in the drawer: the pattern of a pinned instance, figures per row, and the heads beside it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from playwright.sync_api import Page, expect
from torch import nn

from tensorboard_activis import open_run
from tensorboard_activis.query.snapshot import Snapshot
from tensorboard_activis.torch import ActiVisLogger
from tests.board import tensorboard
from tests.browser.conftest import OpenTab
from tests.browser.links import drawer, link
from tests.browser.reading import eventually, rectangle
from tests.query.positions.test_attention import Patches

LAYER = "attention/heads"


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention, self.out = nn.MultiheadAttention(8, 4, batch_first=True), nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.attention(3 * x, 3 * x, x, need_weights=False)[0].mean(1))


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("logs") / "heads"
    pinned = [(torch.randn(2, 5, 8), torch.tensor([0, 1])), (torch.randn(1, 80, 8), torch.tensor([2]))]
    data = torch.randn(12, 5, 8), torch.arange(12) % 3
    with ActiVisLogger(path, Model(), data, pinned=pinned, strict=True) as logger:
        logger.log(0)
    return open_run(path).latest


@pytest.fixture(scope="module")
def places(snapshot: Snapshot) -> Iterator[str]:
    with tensorboard(f"--logdir={Path(str(snapshot._directory)).parent.parent}") as address:
        yield address


def test_a_head_in_the_drawer(places: str, open_tab: OpenTab, snapshot: Snapshot) -> None:
    selected = {"kind": "neuron", "layer": LAYER, "neuron": 2}
    tab = open_tab(places, link(run="heads", layers=[LAYER], selection=selected))
    area = drawer(tab)
    detail = snapshot.attention_detail(LAYER, 2, 12)
    assert detail.shares is not None
    assert detail.entropy is not None
    cells = area.locator(".head-pattern .head-cell")
    expect(cells).to_have_count(25)
    for place, share in enumerate(detail.shares.ravel().tolist()):
        expect(cells.nth(place)).to_have_text(f"{share:.2f}".removeprefix("0") if share >= 0.3 else "")
    rows = area.locator(".head-pattern tbody tr")
    for place, entropy in enumerate(detail.entropy.tolist()):
        expect(rows.nth(place).locator("td.number").first).to_have_text(f"{entropy:.2f}")
    expect(area.locator(".head-table tbody tr")).to_have_count(4)
    expect(area.locator(".head-table .current")).to_contain_text("Head 2")
    area.get_by_role("button", name="Head 0").click()
    expect(area.locator(".head-table .current")).to_contain_text("Head 0")
    area.get_by_role("button", name="Instance").click()
    tab.get_by_role("option", name="pinned 3").click()
    expect(area.locator(".head-line button")).to_have_count(80)  # too many for cells: the text of one row
    area.locator(".head-line button").nth(7).click()
    expect(area.locator(".head-line .from")).to_have_text("7")


@pytest.fixture(scope="module")
def patches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Snapshot]]:
    """A vision transformer: a class token, and patches of 3 rows and 5 columns."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("logs") / "vit"
    images = torch.rand(14, 3, 12, 20)
    data, pinned = (images[:12], torch.arange(12) % 3), (images[12:], torch.tensor([0, 1]))
    with ActiVisLogger(path, Patches(1), data, pinned=pinned, strict=True) as logger:
        logger.log(0)
    with tensorboard(f"--logdir={path.parent}") as address:
        yield address, open_run(path).latest


def test_a_head_over_the_patches_of_an_image(patches: tuple[str, Snapshot], open_tab: OpenTab, page: Page) -> None:
    address, snapshot = patches
    selected = {"kind": "neuron", "layer": LAYER, "neuron": 1}
    tab = open_tab(address, link(run="vit", layers=[LAYER], selection=selected))
    shares = snapshot.attention_detail(LAYER, 1, 12).shares
    assert shares is not None
    area = drawer(tab).locator(".head-patches")

    def check_row(row: int, name: str) -> None:
        """The caption, and that the patch that gets the most is the one that is covered most."""
        most = shares[row, 1:].max()
        expect(area).to_contain_text(f"From {name}: a patch gets {most:.2f} at most")
        expect(area.locator("img")).to_be_visible()

        def covers() -> None:
            covered = area.locator(".painted-map").evaluate(
                """one => Array.from(one.getContext("2d").getImageData(0, 0, one.width, one.height).data)
                .filter((_, i) => i % 4 === 3)"""
            )
            assert len(covered) == 15
            assert int(np.argmax(covered)) == int(shares[row, 1:].argmax())

        eventually(area, covers)

    check_row(0, "[0]")  # the class token, which has no place
    expect(area.locator(".head-from")).to_have_count(0)
    # A click on a patch looks from there: of 5 columns and 3 rows that are as wide as the picture.
    box = rectangle(area.locator(".head-grid"))
    page.mouse.click(box["x"] + 3.5 / 5 * box["width"], box["y"] + 1.5 / 3 * box["height"])
    check_row(1 + 5 + 3, "1, 3")
    own = rectangle(area.locator(".head-from"))
    assert own["x"] - box["x"] == pytest.approx(3 / 5 * box["width"], abs=1)
    assert own["y"] - box["y"] == pytest.approx(1 / 3 * box["height"], abs=1)
    # And so does the keyboard.
    area.get_by_role("slider").focus()
    page.keyboard.press("ArrowRight")
    check_row(1 + 5 + 4, "1, 4")
    expect(drawer(tab).locator(".head-pattern tbody tr")).to_have_count(16)
    expect(drawer(tab).locator(".head-pattern tbody th").nth(10)).to_have_text("1, 4")
