"""Propagates the axes of instances and neurons through products with weights, by which of their axes the weights bring."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from tensorboard_activis.capture.torch.graph.axes import Axes

AxesOf = Callable[[Any], Axes | None]


def axes_after_product(name: str, args: Sequence[Any], axes_of: AxesOf) -> Axes | None:
    """Axes of the output of einsum, or of a matrix product with weights on its left; None where this does not tell.

    The neurons are the axis that only the weights have, or else that of the neurons of an input.

    Arguments:
        name: of the operator.
        args: its arguments.
        axes_of: gives the axes of a tensor that depends on the data, None for others.
    """
    if name == "einsum" and args and isinstance(args[0], str):
        operands = args[1] if len(args) == 2 and isinstance(args[1], (list, tuple)) else args[1:]
        return _after_einsum(args[0].replace(" ", ""), operands, axes_of)
    if name in ("matmul", "bmm") and len(args) == 2 and all(isinstance(arg, torch.Tensor) for arg in args):
        left, right = args
        axes = axes_of(right)
        known = axes is not None and axes.neurons is not None and axes_of(left) is None
        if known and right.dim() > 2 and left.dim() in (2, right.dim()):
            return _after_einsum(_matmul_equation(left.dim(), right.dim()), args, axes_of)
    return None


def _matmul_equation(left: int, right: int) -> str:
    """The equation of a product of a matrix, or of as many matrices, and a tensor of this rank."""
    outer = "abcdefgh"[: right - 2]
    return f"{outer if left > 2 else ''}ij,{outer}jk->{outer}ik"


def _after_einsum(equation: str, operands: Sequence[Any], axes_of: AxesOf) -> Axes | None:
    left, arrow, result = equation.partition("->")
    terms = left.split(",")
    if not arrow or "." in equation or len(terms) != len(operands):
        return None
    known = [(term, axes) for term, operand in zip(terms, operands, strict=True) if (axes := axes_of(operand))]
    if any(axes.flattened or axes.gathered for _, axes in known):
        return None
    batch = {term[axes.batch] for term, axes in known if axes.batch is not None} & set(result)
    neurons = [term[axes.neurons] for term, axes in known if axes.neurons is not None]
    data = {letter for term, _ in known for letter in term}
    brought = [letter for letter in result if letter not in data]
    if set(neurons) & set(result):  # the weights mix positions, not neurons
        brought = []
    possible = [letter for letter in brought or neurons if letter in result and letter not in batch]
    if len(batch) != 1 or not possible:
        return None
    return Axes(result.index(batch.pop()), result.index(possible[-1]))
