"""Wraps the ScriptModules of a model during a pass, because they do not take forward hooks."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


class ScriptModuleWrapper(nn.Module):
    """Runs a ScriptModule and takes forward hooks, which see its output but nothing inside."""

    def __init__(self, inner: torch.jit.ScriptModule) -> None:
        super().__init__()
        # Not as a child module, which would be hooked as well.
        object.__setattr__(self, "inner", inner)
        self.original_name = getattr(inner, "original_name", type(inner).__name__)
        self.training = False
        for name, parameter in inner.named_parameters():
            self._parameters[name.replace(".", "/")] = parameter

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.__dict__["inner"], name)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the ScriptModule."""
        return self.inner(*args, **kwargs)


@contextmanager
def script_modules_wrapped(model: nn.Module) -> Iterator[None]:
    """Replaces the model's ScriptModules by wrappers that take forward hooks, for the time of a `with` block."""
    replaced: list[tuple[nn.Module, str, nn.Module]] = []
    for module in list(model.modules()):
        if isinstance(module, torch.jit.ScriptModule):
            continue
        for name, child in module._modules.items():
            if isinstance(child, torch.jit.ScriptModule):
                replaced.append((module, name, child))
    try:
        for module, name, child in replaced:
            module._modules[name] = ScriptModuleWrapper(child)  # type: ignore[arg-type]
        yield
    finally:
        for module, name, child in replaced:
            module._modules[name] = child
