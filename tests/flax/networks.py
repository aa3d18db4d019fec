"""Networks for the tests of Flax, and what their layers give by plain calls."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx


class Convolutions(nnx.Module):
    """Convolutions with batch statistics and dropout: [instances, height, width, 3] to {"logits": [instances, 4]}."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        self.conv1 = nnx.Conv(3, 5, (3, 2), rngs=rngs)
        self.norm = nnx.BatchNorm(5, rngs=rngs)
        self.dropout = nnx.Dropout(0.5, rngs=rngs)
        self.conv2 = nnx.Conv(5, 7, (3, 3), strides=2, rngs=rngs)
        self.head = nnx.Linear(7, 4, rngs=rngs)

    def __call__(self, x: Any) -> Any:
        x = nnx.relu(self.norm(self.conv1(x)))
        x = nnx.relu(self.conv2(self.dropout(x)))
        return {"logits": self.head(x.mean(axis=(1, 2))), "map": x}

    def by_hand(self, x: Any) -> dict[str, Any]:
        """What the layers give in evaluation mode."""
        mean, var = self.norm.mean[...], self.norm.var[...]
        conv1 = self.conv1(x)
        norm = (conv1 - mean) / np.sqrt(var + self.norm.epsilon) * np.asarray(self.norm.scale) + np.asarray(
            self.norm.bias
        )
        conv2 = self.conv2(jnp.maximum(norm, 0))
        relu = jnp.maximum(conv2, 0)
        return {"conv1": conv1, "norm": norm, "conv2": conv2, "/relu_1": relu, "head": self.head(relu.mean((1, 2)))}


class Block(nnx.Module):
    def __init__(self, width: int, rngs: nnx.Rngs) -> None:
        self.attention = nnx.MultiHeadAttention(2, width, decode=False, rngs=rngs)
        self.norm = nnx.LayerNorm(width, rngs=rngs)
        self.dense = nnx.Linear(width, width, rngs=rngs)

    def __call__(self, x: Any, mask: Any) -> Any:
        x = x + self.attention(self.norm(x), mask=mask)
        return x + nnx.gelu(self.dense(x))


class Reader(nnx.Module):
    """Attention and a recurrent layer over tokens with a padding mask; `shared` runs twice."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        self.embed = nnx.Embed(50, 6, rngs=rngs)
        self.blocks = nnx.List([Block(6, rngs) for _ in range(3)])
        self.rnn = nnx.RNN(nnx.GRUCell(6, 8, rngs=rngs), return_carry=True)
        self.shared = nnx.Linear(8, 8, rngs=rngs)
        self.head = nnx.Linear(8, 3, rngs=rngs)

    def __call__(self, input_ids: Any, attention_mask: Any, train: bool = True) -> Any:
        mask = nnx.make_attention_mask(attention_mask, attention_mask)
        x = self.embed(input_ids)
        for block in self.blocks:
            x = block(x, mask)
        carry, _ = self.rnn(x, seq_lengths=attention_mask.sum(axis=1))
        logits = self.head(self.shared(jnp.tanh(self.shared(carry))))
        return logits + jax.random.normal(jax.random.key(0)) if train else logits
