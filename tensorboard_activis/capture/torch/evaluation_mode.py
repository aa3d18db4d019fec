"""Running a model that is being trained as if nobody had."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

import torch
from torch import nn

from tensorboard_activis.capture.exclusive import exclusively
from tensorboard_activis.capture.interrupts import bracketed, within
from tensorboard_activis.capture.random_states import random_states
from tensorboard_activis.capture.torch.modules import unwrap
from tensorboard_activis.capture.torch.other_threads import OtherThreads
from tensorboard_activis.capture.torch.script_modules import scripts_wrapped
from tensorboard_activis.capture.torch.thread_state import thread_state

T = TypeVar("T")


def run_in_evaluation_mode(model: nn.Module, loaders: tuple[Any, ...] | None, body: Callable[[], T]) -> T:
    """Runs the body in `evaluation_mode`, whatever other threads do and wherever Ctrl-C comes.

    One pass at a time: another thread's waits. Other threads that run the model, or set its training flags, wait until all is as
    before. A forward pass of theirs that runs already is waited for.

    Arguments:
        loaders: see `evaluation_mode`; None where the body itself sees to random states, with `RandomStream`.

    Raises:
        ActiVisError: another thread's forward pass does not end.
    """
    others = OtherThreads(model)

    def alone() -> T:
        others.wait()
        return within(body, evaluation_mode(model, loaders))

    return exclusively(lambda: bracketed(others.stop, alone, lambda failed: others.go()))


@contextmanager
def evaluation_mode(model: nn.Module, loaders: tuple[Any, ...] | None = ()) -> Iterator[None]:
    """In the body the model is in evaluation mode, without gradients, run eagerly; then all is as before.

    Random states of Python, numpy and torch, of generators that the loaders own, training flags of every module, buffers
    and the gradient mode are put back. Gradients are turned off by `no_grad`, not by `inference_mode`: what a model caches
    in its forward pass (rotary tables, say) must still be good for training.
    """
    with ExitStack() as stack:
        stack.enter_context(thread_state())
        stack.enter_context(_eager())  # first: another thread's compiled forward pass would not come to hooks
        if loaders is not None:
            stack.enter_context(random_states(loaders))
        stack.enter_context(_evaluation(model))
        stack.enter_context(_buffers(model))
        stack.enter_context(scripts_wrapped(model))
        stack.enter_context(_no_cast_cache())
        stack.enter_context(torch.no_grad())
        yield


@contextmanager
def _evaluation(model: nn.Module) -> Iterator[None]:
    """Sets the flags themselves: a `train` of the user's own may do more, such as merging weights."""
    flags = [(module, module.training) for module in model.modules() if hasattr(module, "training")]
    try:
        for module, _ in flags:
            module.training = False
        yield
    finally:
        for module, training in flags:
            if module.training is False:  # otherwise somebody set it meanwhile, who is right
                module.training = training


@contextmanager
def _buffers(model: nn.Module) -> Iterator[None]:
    """Some models count or average in their forward pass whatever the mode."""
    saved = [
        (module, name, buffer, buffer._version, buffer.clone())
        for module in model.modules()
        if not isinstance(module, torch.jit.ScriptModule)
        for name, buffer in module._buffers.items()
        if buffer is not None and not nn.parameter.is_lazy(buffer)
    ]
    try:
        yield
    finally:
        with torch.no_grad():
            for module, name, buffer, version, copy in saved:
                if buffer._version != version:
                    buffer.copy_(copy)
                if module._buffers.get(name) is not buffer:
                    module._buffers[name] = buffer


@contextmanager
def _eager() -> Iterator[None]:
    """Hooks inside compiled code never fire, and fused attention leaves modules out: neither is used in the body."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        if "torch._dynamo" in sys.modules:
            with torch.compiler.set_stance("force_eager"):
                yield
        else:
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


@contextmanager
def _no_cast_cache() -> Iterator[None]:
    """Weights that autocast casts without gradients must not be found by the training step that comes next."""
    enabled = torch.is_autocast_cache_enabled()
    torch.set_autocast_cache_enabled(False)
    try:
        yield
    finally:
        torch.set_autocast_cache_enabled(enabled)


def is_lazy(model: nn.Module) -> bool:
    """Whether there are parameters that the first forward pass makes."""
    tensors = (*model.parameters(), *model.buffers())
    return any(nn.parameter.is_lazy(tensor) for tensor in tensors)


def is_sharded(model: nn.Module) -> bool:
    """Whether each of several processes holds a part of the parameters, as after `fully_shard`."""
    found = [parameter for parameter in model.parameters() if hasattr(parameter, "device_mesh")]
    return any(parameter.device_mesh.size() > 1 for parameter in found)


def device_of(model: nn.Module) -> torch.device:
    """Where the model is: its first parameter or buffer; the processor if it has neither."""
    for tensor in (*unwrap(model).parameters(), *unwrap(model).buffers()):
        return tensor.device
    return torch.device("cpu")


def dtype_of(model: nn.Module) -> torch.dtype | None:
    """The floating type of all its parameters; None if there is more than one, or none."""
    found = {parameter.dtype for parameter in unwrap(model).parameters() if parameter.is_floating_point()}
    return found.pop() if len(found) == 1 else None
