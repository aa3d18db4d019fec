"""What the model or its parts compute in `ignoring` is in no snapshot, neither in the pass that records the graph nor later."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tensorboard_activis import open_run
from tensorboard_activis.torch import ActiVisLogger


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Linear(4, 6), nn.ReLU())
        self.head = nn.Linear(6, 3)

    def forward(self, x: Any) -> Any:
        return self.head(torch.tanh(self.body(x)))


@pytest.mark.parametrize("calls_model", [True, False])
@pytest.mark.parametrize("before", [True, False])
def test_passes_and_parts_of_passes_are_ignored(tmp_path: Path, calls_model: bool, before: bool) -> None:
    model = Net().eval()
    x, y = torch.randn(11, 4, generator=torch.Generator().manual_seed(1)), torch.arange(11) % 3

    def others(watched: Any) -> None:
        with watched.ignoring(), watched.ignoring(), torch.no_grad():
            model.head(model.body(torch.ones(5, 4)))
            model(torch.ones(4, 4))
            model.body(torch.zeros(4, 4))

    with ActiVisLogger(tmp_path, model, strict=True) as activis:
        for step in range(2):
            watched = activis.open_watch(step)
            for rows in (slice(0, 4), slice(4, 8), slice(8, 11)):
                watched.begin((x[rows], y[rows]))
                with torch.no_grad():
                    if before:
                        others(watched)
                    if calls_model:
                        model(x[rows])
                    else:
                        model.head(torch.tanh(model.body(x[rows])))
                    if not before:
                        others(watched)
                watched.end()
            watched.close()
    run = open_run(tmp_path)
    assert not any("@" in layer for layer in run.latest.layers)
    with torch.no_grad():
        body, head = model.body(x).numpy(), model(x).numpy()
    for snapshot in (run.snapshot(0), run.snapshot(1)):
        ids = snapshot.instances["id"].to_pylist()
        assert sorted(ids) == list(range(11))
        np.testing.assert_allclose(snapshot.activations("head"), head[ids], rtol=2e-3, atol=1e-3)
        np.testing.assert_allclose(snapshot.activations("body.1"), body[ids], rtol=2e-3, atol=1e-3)
        assert snapshot.instances["prediction"].to_pylist() == head.argmax(1)[ids].tolist()
