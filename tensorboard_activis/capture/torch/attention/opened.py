"""Runs operators so that the attention inside of them is seen: `multi_head_attention_forward` is one operator for torch."""

import types
from collections.abc import Callable, Mapping
from typing import Any

from torch.nn import functional
from torch.overrides import TorchFunctionMode

from tensorboard_activis.capture.torch.attention.calls import AttentionCall, AttentionFinder


def run_operator(
    func: Callable[..., Any], args: Any, kwargs: Mapping[str, Any], finder: AttentionFinder
) -> tuple[Any, AttentionCall | None]:
    """Calls a torch function from within a TorchFunctionMode.

    Returns:
        What it gave, the same bit for bit as without this, and the attention that it completed, if any.
    """
    if func is functional.multi_head_attention_forward:
        inside = _Inside(finder)
        finder.heads = args[4] if len(args) > 4 else kwargs["num_heads"]
        try:
            with inside:
                output = _opened()(*args, **kwargs)
        finally:
            finder.heads = None
        return output, inside.call
    output = func(*args, **kwargs)
    return output, finder.after(func, args, kwargs, output)


class _Inside(TorchFunctionMode):
    """Sees the operators of one call of `multi_head_attention_forward`."""

    def __init__(self, finder: AttentionFinder) -> None:
        super().__init__()
        self._finder = finder
        self.call: AttentionCall | None = None

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        output = func(*args, **(kwargs or {}))
        self.call = self.call or self._finder.after(func, args, kwargs, output)
        return output


def _opened() -> Callable[..., Any]:
    """`multi_head_attention_forward` without its first step, which hands the call as a whole to a mode that is active."""
    original = functional.multi_head_attention_forward
    names = {**original.__globals__, "has_torch_function": lambda tensors: False}
    copy = types.FunctionType(original.__code__, names, original.__name__, original.__defaults__, original.__closure__)
    copy.__kwdefaults__ = original.__kwdefaults__
    return copy
