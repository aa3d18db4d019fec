"""The graph's second face, training health, of a run that PyTorch's face logged: figures against plain hooks, and the link."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from playwright.sync_api import FloatRect, FrameLocator, Locator, Page, expect
from torch import nn
from torch.nn import functional

from tensorboard_activis.torch import ActiVisLogger
from tests.board import tensorboard
from tests.browser.conftest import OpenTab
from tests.browser.links import link
from tests.browser.reading import eventually, rectangle, shown_texts
from tests.browser.test_accessibility import objections

STEPS, SPIKE = 40, 30
LAYERS = ("body.first", "body.second", "head")
#: Of each measure [layers, steps], as plain hooks and autograd have it.
Measured = dict[str, np.ndarray]


class Net(nn.Module):
    """Two linear layers in a module, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.ModuleDict({"first": nn.Linear(8, 16), "second": nn.Linear(16, 16)})
        self.head = nn.Linear(16, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = functional.relu(self.body["second"](functional.relu(self.body["first"](x))))
        logits: torch.Tensor = self.head(hidden)
        return logits


def train(log_dir: Path) -> Measured:
    """Logs training health of every step, with one update that is far too large; measures the same without the package."""
    torch.manual_seed(0)
    inputs, labels = torch.randn(60, 8), torch.arange(60) % 3
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
    given: dict[str, torch.Tensor] = {}
    modules = [model.get_submodule(name) for name in LAYERS]
    measured: Measured = {
        name: np.full((3, STEPS), np.nan) for name in ("update_ratio", "gradient_norm", "activation_rms")
    }

    def norm(tensors: list[torch.Tensor]) -> float:
        return float(torch.cat([tensor.detach().double().flatten() for tensor in tensors]).norm())

    with ActiVisLogger(log_dir, model, [(inputs, labels)], health=1, strict=True) as logger:
        for name, module in zip(LAYERS, modules, strict=True):
            module.register_forward_hook(lambda _, __, output, name=name: given.__setitem__(name, output.detach()))
        for step in range(STEPS):
            optimizer.param_groups[0]["lr"] = 20 if step == SPIKE else 0.02
            loss = functional.cross_entropy(model(inputs), labels)
            logger.training_loss(loss)
            optimizer.zero_grad()
            loss.backward()
            before = [[one.detach().clone() for one in module.parameters()] for module in modules]
            optimizer.step()
            for row, (name, module) in enumerate(zip(LAYERS, modules, strict=True)):
                moved = [new - old for new, old in zip(module.parameters(), before[row], strict=True)]
                measured["update_ratio"][row, step] = norm(moved) / norm(before[row])
                measured["gradient_norm"][row, step] = norm(
                    [one.grad for one in module.parameters() if one.grad is not None]
                )
                measured["activation_rms"][row, step] = float(given[name].double().square().mean().sqrt())
            if step in (9, 19, 29, 39):
                logger.log(step)
    return measured


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Measured]]:
    log_dir = tmp_path_factory.mktemp("health")
    measured = train(log_dir / "net")
    with tensorboard(f"--logdir={log_dir}") as board:
        yield board, measured


def plot(tab: FrameLocator) -> Locator:
    return tab.get_by_role("application", name="over the steps of training")


def largest(tab: FrameLocator) -> list[float]:
    return [float(text.replace(",", "")) for text in shown_texts(tab.locator(".health-largest"), len(LAYERS))]


def choose(tab: FrameLocator, measure: str) -> None:
    tab.get_by_role("button", name=re.compile("^Measure:")).click()
    tab.get_by_role("option", name=measure, exact=True).click()


def at(box: FloatRect, row: int, step: int) -> tuple[float, float]:
    """The pixel in the middle of a cell; rows are 24 px high, with 5 between them and 7 more before the head."""
    return box["x"] + (step + 0.5) / STEPS * box["width"], box["y"] + (12, 41, 77)[row]


def test_the_figures_are_those_of_plain_hooks(trained: tuple[str, Measured], page: Page, open_tab: OpenTab) -> None:
    board, measured = trained
    tab = open_tab(board)
    tab.get_by_role("radio", name="Health").click()
    expect(plot(tab)).to_be_visible()
    expect(tab.locator(".health-name")).to_have_text(LAYERS)
    for title, name in {
        "update ÷ weight": "update_ratio",
        "gradient": "gradient_norm",
        "activation RMS": "activation_rms",
    }.items():
        choose(tab, title)
        expect(plot(tab)).to_have_attribute("aria-label", re.compile(f"^{title} of 3 layers"))
        # Stored with eight bits, shown with two digits or three.

        def as_measured(name: str = name) -> None:
            np.testing.assert_allclose(largest(tab), measured[name].max(axis=1), rtol=0.02)

        eventually(plot(tab), as_measured)

    # The rule that marks the update, in every layer, and what it says.
    choose(tab, "update ÷ weight")
    assert np.all(measured["update_ratio"][:, SPIKE] > 20 * np.median(measured["update_ratio"], axis=1))
    expect(tab.locator(".health-cells .health-triangle")).to_have_count(3)
    said = tab.get_by_role("region", name="What stands out")
    expect(said.get_by_role("button", name=f"Jump at step {SPIKE} in all 3 layers").first).to_be_visible()

    # A cell says its layer, step and value.
    box = rectangle(plot(tab))
    for row, step in ((0, 3), (2, SPIKE), (1, STEPS - 1)):
        page.mouse.move(*at(box, row, step))
        tip = tab.get_by_role("tooltip")
        expect(tip).to_contain_text(re.compile(rf"weight [\d.]+.*{re.escape(LAYERS[row])}, step {step}\D", re.DOTALL))
        value = re.search(r"weight ([\d.]+)", tip.inner_text())
        assert value is not None
        assert float(value[1]) == pytest.approx(measured["update_ratio"][row, step], rel=0.02)


def test_a_column_goes_to_the_nearest_snapshot_a_name_opens_its_layer_and_the_link_keeps_the_face(
    trained: tuple[str, Measured], page: Page, open_tab: OpenTab
) -> None:
    board, _ = trained
    tab = open_tab(board, link(run="net", model="health", measure="gradient_norm"))
    expect(plot(tab)).to_have_attribute("aria-label", re.compile("^gradient of 3 layers"))
    slider = tab.get_by_role("slider", name="Training step")
    expect(slider).to_have_attribute("aria-valuenow", "39")
    box = rectangle(plot(tab))
    page.mouse.click(*at(box, 1, 12))
    expect(slider).to_have_attribute("aria-valuenow", "9")

    # The same by keyboard: the first layer, 26 steps before the last one.
    plot(tab).focus()
    for key in ("ArrowUp", "End", "PageUp", "PageUp", *["ArrowLeft"] * 6):
        plot(tab).press(key)
    status = plot(tab).get_by_role("status")
    expect(status).to_contain_text(f"{LAYERS[0]}, step 13")
    plot(tab).press("End")
    plot(tab).press("Enter")
    expect(slider).to_have_attribute("aria-valuenow", "39")

    name = tab.locator(".health-name", has_text="head")
    was = name.get_attribute("aria-pressed")
    name.click()
    expect(name).to_have_attribute("aria-pressed", "false" if was == "true" else "true")

    choose(tab, "kurtosis")
    expect(page).to_have_url(re.compile("p.activis.measure=kurtosis"))
    page.reload()
    expect(plot(tab)).to_have_attribute("aria-label", re.compile("^kurtosis of 3 layers"))
    tab.get_by_role("radio", name="Graph").click()
    expect(tab.locator(".graph-picture")).to_be_visible()
    expect(page).not_to_have_url(re.compile("p.activis.model"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_has_no_objection(
    trained: tuple[str, Measured], page: Page, open_tab: OpenTab, scheme: Literal["light", "dark"]
) -> None:
    board, _ = trained
    tab = open_tab(board, link(run="net", model="health"))
    expect(plot(tab)).to_be_visible()
    expect(tab.get_by_role("grid").first).to_be_visible()
    assert objections(page) == []
    tab.get_by_text("update ÷ weight", exact=True).last.hover()
    expect(tab.get_by_text(re.compile("^How far one step of the optimizer moves a layer"))).to_be_visible()
