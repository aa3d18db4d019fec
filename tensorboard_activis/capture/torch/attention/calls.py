"""Finds attention among the operators of a forward pass, in whatever way a model computes it.

Attention is one call of `scaled_dot_product_attention`, or a softmax over the last axis whose result a later product takes on its
left. So no model and no library has to be known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

_PRODUCTS = {"matmul", "bmm", "einsum", "baddbmm"}


@dataclass(frozen=True, eq=False)
class AttentionCall:
    """One attention: what it gave, and what its shares can be computed from.

    Attributes:
        output: [batch, heads, from, size], the shares times the values, before the output projection; [batch * heads, from, size]
            where the heads are not an axis of their own.
        heads: number of heads where these are not an axis of their own and the call says how many; else None.
        weights: the shares, [..., from, to]; None where only the next attributes are known.
        query, key: [..., from, size] and [..., to, size], of the softmax's input or of the call.
        mask: what is added to the scores, or False where nothing may be looked at; broadcasts to [..., from, to].
        scale: of the scores.
        causal: whether a position looks at no later one.
    """

    output: torch.Tensor
    heads: int | None = None
    weights: torch.Tensor | None = None
    query: torch.Tensor | None = None
    key: torch.Tensor | None = None
    mask: torch.Tensor | None = None
    scale: float = 1.0
    causal: bool = False


class AttentionFinder:
    """Sees the operators of a forward pass one by one, and says which of them complete an attention.

    Attributes:
        heads: number of heads of the attention that runs, where the caller knows it.
    """

    def __init__(self) -> None:
        self.heads: int | None = None
        self.reset()

    def reset(self) -> None:
        """Begins a new forward pass, and keeps no tensor of the last one."""
        self._product: tuple[Any, Any, torch.Size] | None = None
        self._softmax: tuple[torch.Tensor, Any, Any] | None = None

    def after(
        self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any] | None, output: Any
    ) -> AttentionCall | None:
        """The attention that an operator completes; None for all others.

        Arguments:
            func: the operator.
            args, kwargs: its arguments.
            output: what it gave.
        """
        name = str(getattr(func, "__name__", "")).strip("_")
        if name == "scaled_dot_product_attention":
            return _fused(args, kwargs or {}, output, self.heads)
        if name == "softmax":
            self._after_softmax(args, kwargs or {}, output)
        elif name in _PRODUCTS:
            return self._after_product(name, args, output)
        return None

    def _after_softmax(self, args: Sequence[Any], kwargs: Mapping[str, Any], output: Any) -> None:
        axis = kwargs.get("dim", args[1] if len(args) > 1 else None)
        if not isinstance(output, torch.Tensor) or output.dim() not in (3, 4) or axis not in (-1, output.dim() - 1):
            return
        query, key = self._product[:2] if self._product and self._product[2] == output.shape else (None, None)
        self._softmax = output, query, key

    def _after_product(self, name: str, args: Sequence[Any], output: Any) -> AttentionCall | None:
        if not isinstance(output, torch.Tensor) or output.dim() < 3:
            return None
        equation = args[0].replace(" ", "") if name == "einsum" and args and isinstance(args[0], str) else ""
        operands = args[1:] if name != "matmul" and name != "bmm" else args
        if equation and len(operands) == 1 and isinstance(operands[0], (list, tuple)):
            operands = operands[0]
        if len(operands) != 2 or not all(isinstance(operand, torch.Tensor) for operand in operands):
            return None
        left, right = operands
        if self._softmax is not None and _follows(left, self._softmax[0]) and right.dim() >= 3:
            weights, query, key = self._softmax
            values = _heads_first(equation, output) if equation else output
            if values is not None and left.dim() < weights.dim():
                values = values.unflatten(0, weights.shape[:2])
                left = left.unflatten(0, weights.shape[:2])
            if values is not None and values.shape[:-1] == weights.shape[:-1]:
                self._softmax = self._product = None
                # The left side lacks the column of a sink, which is none of the positions, where there is one.
                shares = weights if left.shape == weights.shape else left
                return AttentionCall(values, self.heads, shares, query, key)
        self._product = left, right, output.shape
        return None


def _follows(left: torch.Tensor, weights: torch.Tensor) -> bool:
    """Whether the left side of a product is what a softmax gave.

    Perhaps after dropout, without its last column, or with instances and heads on one axis.
    """
    if left.dim() == 3 and weights.dim() == 4:
        return left.shape[0] == weights.shape[0] * weights.shape[1] and left.shape[1:] == weights.shape[2:]
    return left.shape[:-1] == weights.shape[:-1] and weights.shape[-1] - left.shape[-1] in (0, 1)


def _heads_first(equation: str, output: torch.Tensor) -> torch.Tensor | None:
    """The output of an einsum of shares and values as [batch, heads, from, size]; None if its equation is no such product."""
    left, _, result = equation.partition("->")
    weights = left.split(",")[0]
    rows = weights[:-1]
    sizes = [letter for letter in result if letter not in rows]
    if weights[-1] in result or not set(rows) <= set(result) or len(sizes) != 1 or len(result) != len(rows) + 1:
        return None
    return output.permute([result.index(letter) for letter in (*rows, *sizes)])


def _fused(args: Sequence[Any], kwargs: Mapping[str, Any], output: Any, heads: int | None) -> AttentionCall | None:
    names = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal")
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    query, key = given["query"], given["key"]
    if not isinstance(output, torch.Tensor) or output.is_nested or output.dim() not in (3, 4):
        return None
    scale = given.get("scale")
    return AttentionCall(
        output,
        heads,
        query=query,
        key=key,
        mask=given.get("attn_mask"),
        scale=query.shape[-1] ** -0.5 if scale is None else float(scale),
        causal=bool(given.get("is_causal", False)),
    )
