"""A head of attention in the drawer: the pattern of a pinned instance, figures per row, and the heads beside it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from playwright.sync_api import expect
from torch import nn

from tensorboard_activis import open_run
from tensorboard_activis.query.snapshot import Snapshot
from tensorboard_activis.torch import ActiVisLogger
from tests.board import tensorboard
from tests.browser.conftest import OpenTab
from tests.browser.links import drawer, link

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
    with tensorboard(f"--logdir={Path(snapshot._directory).parent.parent}") as address:
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
