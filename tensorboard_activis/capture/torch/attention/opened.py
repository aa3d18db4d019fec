"""Runs operators so that the attention inside of them is seen: `multi_head_attention_forward` is one operator for torch."""

import types
from collections.abc import Callable, Mapping
from typing import Any

from torch.nn import functional
from torch.overrides import TorchFunctionMode

from tensorboard_activis.capture.torch.attention.calls import AttentionCall, AttentionFinder
from tensorboard_activis.capture.torch.model.thread_state import active_modes, restore_modes

#: Takes an attention and the output of the operator that completes it; gives what stands for that output.
ChangeHeads = Callable[[AttentionCall, Any], Any]


def run_operator(
    func: Callable[..., Any],
    args: Any,
    kwargs: Mapping[str, Any],
    finder: AttentionFinder,
    change_heads: ChangeHeads | None = None,
) -> tuple[Any, AttentionCall | None]:
    """Calls a torch function from within a TorchFunctionMode.

    Arguments:
        change_heads: gives what stands for the output of an operator that completes an attention; None: that itself.

    Returns:
        What it gave, the same bit for bit as without this unless heads are changed, and the attention that it completed, if any.
    """
    if func is functional.multi_head_attention_forward:
        inside = _Inside(finder, change_heads)
        finder.heads = args[4] if len(args) > 4 else kwargs["num_heads"]
        modes = active_modes()
        try:
            inside.__enter__()  # type: ignore[no-untyped-call]
            output = _opened()(*args, **kwargs)
        finally:
            restore_modes(modes)  # not its `__exit__`: after an interrupt another mode may be on top
            finder.heads = None
        return output, inside.call
    output = func(*args, **kwargs)
    attention = finder.after(func, args, kwargs, output)
    if attention is not None and change_heads is not None:
        output = change_heads(attention, output)
    return output, attention


class _Inside(TorchFunctionMode):
    """Sees the operators of one call of `multi_head_attention_forward`."""

    def __init__(self, finder: AttentionFinder, change_heads: ChangeHeads | None) -> None:
        super().__init__()
        self._finder, self._change_heads = finder, change_heads
        self.call: AttentionCall | None = None

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        output = func(*args, **(kwargs or {}))
        call = self._finder.after(func, args, kwargs, output)
        if self.call is None and call is not None and self._change_heads is not None:
            output = self._change_heads(call, output)
        self.call = self.call or call
        return output


def _opened() -> Callable[..., Any]:
    """`multi_head_attention_forward` without its first step, which hands the call as a whole to a mode that is active."""
    original = functional.multi_head_attention_forward
    names = {**original.__globals__, "has_torch_function": lambda tensors: False}
    copy = types.FunctionType(original.__code__, names, original.__name__, original.__defaults__, original.__closure__)
    copy.__kwdefaults__ = original.__kwdefaults__
    return copy
