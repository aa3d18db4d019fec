"""What an optimizer's step does to the parameters of a layer: their gradients, and how far they move."""

from collections.abc import Sequence

import torch

#: Values of one parameter whose movement is measured, evenly spaced: all of smaller ones. An estimate of the norm of the whole
#: within half a per cent, that needs no second copy of the model.
MOST_VALUES = 1 << 16


def gradient_squares(parameters: Sequence[torch.nn.Parameter], scale: torch.Tensor | None) -> torch.Tensor | None:
    """Sum of the squares of the gradients, a float32 scalar; None where no parameter has one.

    Arguments:
        scale: of the loss, where the optimizer itself undoes it.
    """
    squares = []
    for parameter in parameters:
        if parameter.grad is None:
            continue
        gradient = parameter.grad.detach()  # with `create_graph=True` it has a graph of its own
        values = gradient.coalesce().values() if gradient.is_sparse else gradient
        norm = torch.linalg.vector_norm(values, dtype=torch.float32)
        if scale is not None:
            norm = norm / scale.to(norm.device)
        squares.append(norm * norm)
    return torch.stack(squares).sum() if squares else None


def sample(parameter: torch.Tensor) -> torch.Tensor:
    """A copy of evenly spaced values of a parameter, in the order in which they lie in memory, float32 [values]."""
    values = parameter.detach()
    if not values.is_contiguous():
        values = values.permute(sorted(range(values.dim()), key=values.stride, reverse=True))
    flat = values.reshape(-1)
    return flat[:: -(-flat.numel() // MOST_VALUES)].to(torch.float32, copy=True)


def movement_squares(
    parameters: Sequence[torch.nn.Parameter], before: Sequence[torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Sums of the squares of what changed and of what was before, float32 scalars.

    Arguments:
        before: `sample` of each parameter before the step.
    """
    moved, weights = [], []
    for parameter, old in zip(parameters, before, strict=True):
        share = parameter.numel() / old.numel()
        moved.append((sample(parameter) - old).square().sum() * share)
        weights.append(old.square().sum() * share)
    return torch.stack(moved).sum(), torch.stack(weights).sum()
