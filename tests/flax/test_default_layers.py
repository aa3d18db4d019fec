"""Which layers of Flax models are recorded when nobody says which, by name."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
from flax import nnx

from tensorboard_activis import open_run
from tensorboard_activis.flax import ActiVisLogger

RANDOM = np.random.default_rng(0)


def recorded(tmp_path: Path, model: nnx.Module, x: np.ndarray) -> list[str]:
    with ActiVisLogger(tmp_path, model, x, task="none", strict=True) as logger:
        logger.log(0)
        printed = [line.split()[0] for line in repr(logger.layers).splitlines() if line.endswith("yes")]
        assert printed == [layer.name for layer in logger.layers]
    return printed


def test_functions_after_layers(tmp_path: Path) -> None:
    class Convolutions(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.conv = nnx.Conv(3, 4, (3, 3), rngs=rngs)
            self.norm = nnx.BatchNorm(4, rngs=rngs)
            self.hidden = nnx.Linear(4, 5, rngs=rngs)
            self.head = nnx.Linear(5, 3, rngs=rngs)

        def __call__(self, x):
            x = nnx.relu(self.norm(self.conv(x))).mean((1, 2))
            return self.head(jnp.tanh(self.hidden(x)))

    model, x = Convolutions(nnx.Rngs(0)), RANDOM.normal(size=(12, 8, 7, 3)).astype("float32")
    assert recorded(tmp_path, model, x) == ["/relu", "/tanh", "head"]
    model.eval()
    snapshot = open_run(tmp_path).latest
    expected = np.asarray(nnx.relu(model.norm(model.conv(jnp.asarray(x)))).mean((1, 2)))
    np.testing.assert_allclose(
        snapshot.activations("/relu"), expected[np.asarray(snapshot.instances["id"])], rtol=2e-3, atol=1e-3
    )


def test_blocks_and_constant_embeddings(tmp_path: Path) -> None:
    class Block(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.wide, self.narrow = nnx.Linear(6, 8, rngs=rngs), nnx.Linear(8, 6, rngs=rngs)

        def __call__(self, x):
            return x + self.narrow(nnx.gelu(self.wide(x)))

    class Reader(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.tokens, self.positions = nnx.Embed(31, 6, rngs=rngs), nnx.Embed(9, 6, rngs=rngs)
            self.blocks = nnx.List([Block(rngs) for _ in range(2)])
            self.norm = nnx.LayerNorm(6, rngs=rngs)
            self.head = nnx.Linear(6, 3, rngs=rngs)

        def __call__(self, x):
            x = self.tokens(x) + self.positions(jnp.arange(x.shape[1]))
            for block in self.blocks:
                x = block(x)
            return self.head(self.norm(x).mean(1))

    x = RANDOM.integers(0, 31, (12, 7))
    assert recorded(tmp_path, Reader(nnx.Rngs(0)), x) == ["tokens", "blocks.0", "blocks.1", "norm", "head"]


def test_two_towers(tmp_path: Path) -> None:
    class Towers(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.user, self.item = (
                nnx.Sequential(nnx.Linear(5, 8, rngs=rngs), nnx.relu, nnx.Linear(8, 4, rngs=rngs)) for _ in range(2)
            )

        def __call__(self, x):
            return (self.user(x[:, :5]) * self.item(x[:, 5:])).sum(-1)

    x = RANDOM.normal(size=(12, 10)).astype("float32")
    layers = ["user/relu", "user.layers.2", "item/relu", "item.layers.2", "/sum"]
    assert recorded(tmp_path, Towers(nnx.Rngs(0)), x) == layers


def test_a_vocabulary_is_left_out_with_a_note(tmp_path: Path) -> None:
    class Wide(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.hidden, self.head = nnx.Linear(4, 5, rngs=rngs), nnx.Linear(5, 8193, rngs=rngs)

        def __call__(self, x):
            return self.head(nnx.relu(self.hidden(x)))

    assert recorded(tmp_path, Wide(nnx.Rngs(0)), RANDOM.normal(size=(12, 4)).astype("float32")) == ["/relu"]
    (note,) = open_run(tmp_path).latest.notes
    assert "head (8,193)" in note
