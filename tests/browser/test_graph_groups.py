"""The graph of real models in real TensorBoard: loops, flat models, names that are too long, and what Fit keeps legible."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from playwright.sync_api import FrameLocator, Locator, Page, expect
from torch import nn

from tensorboard_activis.torch import ActiVisLogger
from tests.board import tensorboard
from tests.browser.conftest import OpenTab
from tests.browser.graphs import TITLE
from tests.browser.reading import eventually, rectangle

BLOCKS = 22


class Residual(nn.Module):
    """`x = relu(layer(x)) + x`, time and again."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(8, 12)
        self.layers = nn.ModuleList(nn.Linear(12, 12) for _ in range(BLOCKS))
        self.head = nn.Linear(12, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.embed(x)
        for layer in self.layers:
            x = torch.relu(layer(x)) + x
        return self.head(x)


class Flat(nn.Sequential):
    """91 layers beside each other, whose names say where they belong, as those of a functional model in Keras."""

    def __init__(self) -> None:
        super().__init__()
        for stage in range(4):
            for block in range(1, 8):
                for part, layer in (("conv1", nn.Linear(12, 12)), ("bn1", nn.LayerNorm(12)), ("out", nn.ReLU())):
                    self.add_module(f"stage{stage}_block{block}_{part}", layer)
            self.add_module(f"between{stage}", nn.Tanh())
        for part in ("projection_of_all_that_was_seen_in", "projection_of_all_that_was_seen_out"):
            self.add_module(part, nn.Linear(12, 12))
        self.add_module("classifier", nn.Linear(12, 100))


def write(log_dir: Path, model: nn.Module, inputs: torch.Tensor, classes: list[str], **options: object) -> None:
    labels = torch.arange(len(inputs)) % len(classes)
    with ActiVisLogger(log_dir, model, [(inputs, labels)], class_names=classes, strict=True, **options) as logger:  # type: ignore[arg-type]
        logger.log(1)


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log_dir = tmp_path_factory.mktemp("groups")
    torch.manual_seed(0)
    write(log_dir / "residual", Residual(), torch.randn(60, 8), ["a", "b", "c"])
    names = [f"a class of the kind that annotators write out in full, number {i}" for i in range(100)]
    write(log_dir / "flat", Flat(), torch.randn(200, 12), names, layers=["*_out", "projection*", "classifier"])
    with tensorboard("--logdir", str(log_dir)) as base:
        yield base


def node(tab: FrameLocator, key: str) -> Locator:
    return tab.locator(f"[id='graph-{key}']")


def expect_within_pane(tab: FrameLocator) -> None:
    """The picture is as wide as its pane at most; it is drawn anew when fonts and figures of layers arrive."""
    picture = tab.locator("svg.graph-picture")

    def check() -> None:
        assert rectangle(picture)["width"] <= rectangle(tab.locator(".graph-pane"))["width"]

    eventually(picture, check)


def test_a_loop_is_a_chain_with_a_fold(board: str, open_tab: OpenTab) -> None:
    tab = open_tab(board, "&p.activis.run=residual")
    expect(node(tab, "layers").locator("image")).to_have_count(BLOCKS, timeout=90_000)
    items = tab.get_by_role("treeitem")
    expect(items).to_have_count(5)
    expect(node(tab, "layers")).to_contain_text(re.compile(rf"layers\s*Linear × {BLOCKS}"))
    expect_within_pane(tab)
    # It opens: the steps, and in each what the step computes.
    node(tab, "layers").dblclick(position=TITLE)
    expect(items).to_have_count(5 + BLOCKS)
    expect(node(tab, "layers.3+")).to_contain_text("3 · Linear")
    node(tab, "layers.3+").dblclick(position=TITLE)
    for key, words in (("layers.3", "3 · Linear"), ("layers.3/relu", "relu"), ("/add_3", "add_3")):
        expect(node(tab, key)).to_contain_text(words)
    expect(node(tab, "layers.3/relu")).to_have_attribute("aria-level", "3")
    expect_within_pane(tab)
    # The layer of the step opens as any other.
    node(tab, "layers.3/relu").click()
    expect(tab.get_by_role("region", name="Layer layers.3/relu", exact=True)).to_be_visible()


@pytest.mark.parametrize("width", [1024, 1280, 1920])
def test_a_flat_model_is_grouped_and_its_names_can_be_told_apart(
    board: str, open_tab: OpenTab, page: Page, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    tab = open_tab(board, "&p.activis.run=flat")
    expect(node(tab, "stage0_block*").locator("image")).to_have_count(7, timeout=90_000)
    expect(node(tab, "stage0_block*")).to_contain_text(re.compile(r"stage0_block\s*× 7"))
    # What is in a group is without its prefix.
    node(tab, "stage0_block*").dblclick(position=TITLE)
    node(tab, "stage0_block_5*").dblclick(position=TITLE)
    for part in ("conv1", "bn1", "out"):
        expect(node(tab, f"stage0_block5_{part}").locator("text").first).to_have_text(part)
    for end in ("in", "out"):
        expect(node(tab, f"projection_of_all_that_was_seen_{end}").locator("text").first).to_have_text(end)
    expect_within_pane(tab)
    # The title of the panel keeps the end, in which it differs from the other layer.
    title = tab.get_by_role("region", name=re.compile("seen_out$")).get_by_role("heading")
    expect(title).to_have_text("projection_of_all_that_was_seen_out")
    ends = title.locator(".ends > :last-child")
    expect(ends).to_have_text("_out")
    whole, last = rectangle(title), rectangle(ends)
    assert last["x"] + last["width"] <= whole["x"] + whole["width"] + 0.5


def test_fit_closes_what_does_not_fit_and_stays_legible(board: str, open_tab: OpenTab, page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 760})
    tab = open_tab(board, "&p.activis.run=residual")
    expect(node(tab, "layers").locator("image")).to_have_count(BLOCKS, timeout=90_000)
    node(tab, "layers").dblclick(position=TITLE)
    items, picture = tab.get_by_role("treeitem"), tab.locator("svg.graph-picture")
    expect(items).to_have_count(5 + BLOCKS)
    tall, high = rectangle(picture), picture.get_attribute("height") or ""
    fit = tab.get_by_role("button", name="Fit the graph into the pane, or back to full size")
    fit.click()
    expect(picture).not_to_have_attribute("height", high)
    scale = picture.evaluate("svg => svg.getBoundingClientRect().width / svg.viewBox.baseVal.width")
    assert scale * 12 >= 10 - 1e-6
    fit.click()
    expect(items).to_have_count(5 + BLOCKS)
    expect(picture).to_have_attribute("height", high)
    assert rectangle(picture) == tall
