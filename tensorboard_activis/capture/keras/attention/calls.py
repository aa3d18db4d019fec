"""Finds the attention in a forward pass: what Keras's attention layers compute between their projections.

The method that computes it is Keras's own in each of them, or the layer's heads cannot be seen: nothing says what another one does.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras

from tensorboard_activis.capture.keras.model.calls import operations

_GROUPED: Any = getattr(keras.layers, "GroupQueryAttention", ())
#: Layers with heads, and those with one head whose shares are all that they give.
_HEADED = (keras.layers.MultiHeadAttention, *([_GROUPED] if _GROUPED else ()))
_SINGLE = (keras.layers.Attention,)

UNSEEN = "cannot be seen: Keras shows those of MultiHeadAttention, GroupQueryAttention and Attention, over all their positions"


@dataclass(frozen=True, eq=False)
class AttentionCall:
    """One attention.

    Attributes:
        output: [batch, from, heads, size], the shares times the values, before the output projection.
        weights: the shares, [batch, heads, from, to]; None where only the next attributes are known.
        query, key: [batch, from, heads, size] and [batch, to, heads, size].
        mask: bool, False where nothing may be looked at; broadcasts to [batch, heads, from, to].
        scale: of the scores.
        causal: whether a position looks at no later one.
    """

    output: Any
    weights: Any = None
    query: Any = None
    key: Any = None
    mask: Any = None
    scale: float = 1.0
    causal: bool = False


@dataclass(frozen=True)
class Ends:
    """What an attention layer is called on, tensors of any kind: what looks, and what is looked at."""

    query: Any
    value: Any

    @classmethod
    def of(cls, layer: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> "Ends | None":
        """Those of a call; None if they are not tensors."""
        given = [*args, *(kwargs[name] for name in ("query", "value", "inputs") if name in kwargs)]
        if isinstance(layer, _SINGLE) and given and isinstance(given[0], list | tuple):
            given = list(given[0])
        ends = given[:2]
        return cls(*ends) if len(ends) == 2 and all(hasattr(each, "shape") for each in ends) else None


def heads_of(layer: Any, query: Any) -> int:
    """Number of heads of an attention layer that can be seen, called on this query; 0 of any other layer."""
    if isinstance(layer, _HEADED):
        axes = getattr(layer, "_attention_axes", None)
        every = axes is None or tuple(axes) == tuple(range(1, len(query.shape) - 1))
        if not every or not _is_own(layer, "_compute_attention"):
            return 0
        return int(getattr(layer, "num_query_heads", 0) or getattr(layer, "num_heads", 0))
    return int(isinstance(layer, _SINGLE) and len(query.shape) == 3 and _is_own(layer, "_apply_scores"))


@contextmanager
def attention_intercepted(model: Any, on_attention: Callable[[Any, AttentionCall], None]) -> Iterator[None]:
    """`on_attention(layer, call)` is called for every attention that a layer of the model computes, in this thread."""
    thread = threading.get_ident()
    patched: list[tuple[Any, str]] = []

    def patch(layer: Any, name: str, read: Callable[..., AttentionCall]) -> None:
        original = getattr(layer, name)

        def compute(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            symbolic = any(isinstance(each, keras.KerasTensor) for each in keras.tree.flatten(result))
            if threading.get_ident() == thread and not symbolic:
                on_attention(layer, read(layer, result, *args, **kwargs))
            return result

        # Not by Keras's __setattr__, which would track the function as part of the layer's state.
        object.__setattr__(layer, name, compute)
        patched.append((layer, name))

    try:
        for layer in operations(model):
            if isinstance(layer, _HEADED) and _is_own(layer, "_compute_attention"):
                patch(layer, "_compute_attention", _read_headed)
            elif isinstance(layer, _SINGLE) and _is_own(layer, "_apply_scores"):
                patch(layer, "_apply_scores", _read_single)
        yield
    finally:
        for layer, name in patched:
            object.__delattr__(layer, name)


def _is_own(layer: Any, name: str) -> bool:
    method = getattr(type(layer), name, None)
    return name not in vars(layer) and getattr(method, "__module__", "").startswith("keras.")


def _read_headed(
    layer: Any,
    result: Any,
    query: Any,
    key: Any,
    value: Any,
    attention_mask: Any = None,
    *args: Any,
    use_causal_mask: bool = False,
    **kwargs: Any,
) -> AttentionCall:
    output, weights = result
    output, query, key = (_flat_positions(each) for each in (output, query, key))
    if weights is not None:
        if len(weights.shape) > 4:
            sizes = keras.ops.shape(weights)
            weights = keras.ops.reshape(weights, (*sizes[:2], keras.ops.shape(query)[1], keras.ops.shape(key)[1]))
        return AttentionCall(output, weights)
    mask = attention_mask if attention_mask is None or len(attention_mask.shape) > 3 else attention_mask[:, None]
    named = (getattr(layer, name, None) for name in ("_inverse_sqrt_key_dim", "_inverse_sqrt_head_dim"))
    scale = next((each for each in named if each is not None), int(query.shape[-1]) ** -0.5)
    return AttentionCall(output, None, query, key, mask, float(scale), use_causal_mask)


def _read_single(layer: Any, result: Any, *args: Any, **kwargs: Any) -> AttentionCall:
    output, weights = result
    return AttentionCall(keras.ops.expand_dims(output, 2), keras.ops.expand_dims(weights, 1))


def _flat_positions(tensor: Any) -> Any:
    """[batch, positions ..., heads, size] with one axis of positions."""
    if len(tensor.shape) == 4:
        return tensor
    sizes = keras.ops.shape(tensor)
    return keras.ops.reshape(tensor, (sizes[0], -1, *sizes[-2:]))
