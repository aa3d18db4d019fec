"""Findings and scalars of a Flax model: told once, in TensorBoard's dashboards beside the program's own."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("flax", reason="Flax is not installed")

import jax
from flax import nnx
from tensorboard.summary import Writer

from tensorboard_activis.errors import ActiVisWarning
from tensorboard_activis.flax import ActiVisLogger
from tensorboard_activis.query.findings.finding import Finding
from tests.alerted import check_scalars, check_told

RANDOM = np.random.default_rng(0)


class Network(nnx.Module):
    def __init__(self, rngs: nnx.Rngs) -> None:
        self.hidden = nnx.Linear(6, 12, rngs=rngs)
        self.head = nnx.Linear(12, 4, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.head(nnx.relu(self.hidden(x)))


def test_told_once_and_written_once(tmp_path: Path) -> None:
    model, told = Network(nnx.Rngs(0)), list[Finding]()
    data = RANDOM.normal(size=(60, 6)).astype("float32"), RANDOM.integers(0, 4, 60)
    writer = Writer(str(tmp_path / "run"))
    keywords: dict[str, Any] = {"sample": None, "strict": True, "layers": ["/relu", "head"]}
    with (
        pytest.warns(ActiVisWarning) as warned,
        ActiVisLogger(
            tmp_path / "run", model, data, on_finding=told.append, alerts=True, scalars=True, **keywords
        ) as log,
    ):
        for step in range(3):
            writer.add_scalar("loss", 1.0 / (1 + step), step)
            bias: Any = model.hidden.bias
            bias[...] = bias[...].at[step].set(-100.0)
            log.log(step)
    writer.close()
    check_told(told, warned, tmp_path / "run", "/relu")
    check_scalars(tmp_path, tmp_path / "run", "/relu", "loss")
