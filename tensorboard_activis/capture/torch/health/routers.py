"""Routers of mixtures of experts: the modules that say to which experts a token goes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from tensorboard_activis.capture.routers import COUNTS, expert_count, is_named_router, whole


@dataclass(frozen=True)
class Router:
    """A module whose output chooses among experts.

    Attributes:
        experts: how many there are.
        count: how many each token goes to.
    """

    experts: int
    count: int

    def chosen(self, output: Any) -> torch.Tensor | None:
        """The experts of each token, int64 [tokens, count]: those that the module returns, else those of the largest scores."""
        tensors = [output] if isinstance(output, torch.Tensor) else output if isinstance(output, tuple | list) else []
        tensors = [each.detach() for each in tensors if isinstance(each, torch.Tensor) and each.dim() > 1]
        for tensor in tensors:
            if tensor.dtype in (torch.int64, torch.int32) and tensor.shape[-1] == self.count:
                return tensor.long()
        for tensor in tensors:
            if tensor.is_floating_point() and tensor.shape[-1] == self.experts:
                return tensor.topk(self.count, dim=-1).indices
        return None


def find_routers(modules: Mapping[str, nn.Module]) -> dict[str, Router]:
    """The routers among modules, by path: named as one, beside experts whose number is known."""
    found = {}
    for path, module in modules.items():
        if not is_named_router(path.rpartition(".")[2], type(module).__name__):
            continue
        parent = modules.get(path.rpartition(".")[0])
        experts = _experts(module, parent)
        count = next((number for each in (module, parent) for name in COUNTS if (number := whole(each, name))), 1)
        if experts and count < experts:
            found[path] = Router(experts, count)
    return found


def _experts(module: nn.Module, parent: nn.Module | None) -> int:
    """How many experts a module chooses from; 0 where there are none beside it."""
    beside = getattr(parent, "experts", None)
    if isinstance(beside, nn.ModuleList | nn.ModuleDict):
        return len(beside)
    if not isinstance(beside, nn.Module):
        return 0
    return expert_count(module, beside, parent)
