"""ScriptModules inside a model refuse hooks; for the time of a pass each is wrapped into a module that takes them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


class ScriptModuleWrapper(nn.Module):
    """Stands for a ScriptModule: its output can be seen, its inside cannot."""

    def __init__(self, inner: torch.jit.ScriptModule) -> None:
        super().__init__()
        # Not as a child: hooks would be refused there.
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
        """What the ScriptModule gives."""
        return self.inner(*args, **kwargs)


@contextmanager
def scripts_wrapped(model: nn.Module) -> Iterator[None]:
    """In the body ScriptModules within the model can be hooked."""
    changed: list[tuple[nn.Module, str, nn.Module]] = []
    for module in list(model.modules()):
        if isinstance(module, torch.jit.ScriptModule):
            continue
        for name, child in module._modules.items():
            if isinstance(child, torch.jit.ScriptModule):
                changed.append((module, name, child))
    try:
        for module, name, child in changed:
            module._modules[name] = ScriptModuleWrapper(child)  # type: ignore[arg-type]
        yield
    finally:
        for module, name, child in changed:
            module._modules[name] = child
