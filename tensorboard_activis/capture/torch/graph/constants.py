"""Tensors that are the same whatever the model's input is, such as the embeddings of all positions."""

import weakref
from typing import Any

import torch
from torch import nn

from tensorboard_activis.capture.torch.model.modules import TensorOrPacked, nested_tensors


class Constants:
    """Parameters, buffers, and what a forward pass computes of these alone; each as long as something else keeps it.

    Arguments:
        model: whose parameters and buffers these are.
    """

    def __init__(self, model: nn.Module) -> None:
        self._by_id: dict[int, weakref.ref[torch.Tensor]] = {}
        for tensor in (*model.parameters(), *model.buffers()):
            self._add(tensor)

    def add_result(self, arguments: Any, output: Any) -> None:
        """Takes note of an operator's output, which is constant if all tensors among its arguments are."""
        if all(tensor in self for _, tensor in nested_tensors(arguments)):
            for _, tensor in nested_tensors(output):
                if isinstance(tensor, torch.Tensor):
                    self._add(tensor)

    def __contains__(self, tensor: TensorOrPacked) -> bool:
        reference = self._by_id.get(id(tensor))
        return reference is not None and reference() is tensor

    def _add(self, tensor: torch.Tensor) -> None:
        self._by_id[id(tensor)] = weakref.ref(tensor)
