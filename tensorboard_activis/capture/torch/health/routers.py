"""Routers of mixtures of experts: the modules that say to which experts a token goes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

_NAMES = ("gate", "router", "wg", "gating", "switch")
_COUNTS = ("top_k", "num_experts_per_tok", "num_selected_experts", "k")


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
        name = path.rpartition(".")[2].lower()
        if name not in _NAMES and "router" not in type(module).__name__.lower():
            continue
        parent = modules.get(path.rpartition(".")[0])
        experts = _experts(module, parent)
        count = next(
            (number for each in (module, parent) for attribute in _COUNTS if (number := _whole(each, attribute))), 1
        )
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
    counts = (_whole(each, "num_experts") for each in (module, beside, parent))
    return next((count for count in counts if count), 0)


def _whole(owner: object, attribute: str) -> int:
    value = getattr(owner, attribute, None)
    return value if type(value) is int and value > 0 else 0
