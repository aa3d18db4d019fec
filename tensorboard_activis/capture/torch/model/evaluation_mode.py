"""Runs the model in evaluation mode and restores everything that this changed."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

import torch
from torch import nn

from tensorboard_activis.capture.isolation.exclusive import exclusively
from tensorboard_activis.capture.isolation.interrupts import bracketed, within
from tensorboard_activis.capture.isolation.random_states import random_states
from tensorboard_activis.capture.torch.model.current_pass import own_work
from tensorboard_activis.capture.torch.model.eager_mode import eager_mode
from tensorboard_activis.capture.torch.model.other_threads import OtherThreads
from tensorboard_activis.capture.torch.model.script_modules import script_modules_wrapped
from tensorboard_activis.capture.torch.model.thread_state import thread_state

T = TypeVar("T")


def run_in_evaluation_mode(model: nn.Module, loaders: tuple[Any, ...] | None, body: Callable[[], T]) -> T:
    """Runs a function with the model in evaluation mode, safe with other threads and with signals such as Ctrl-C.

    One pass at a time: passes of other threads wait. Threads that call the model, or set its training flags, wait until everything
    is restored; a forward pass that another thread runs already is waited for.

    Arguments:
        model: the user's own model, unwrapped.
        loaders: see `evaluation_mode`; None where the body itself restores random states, with `RandomStream`.
        body: the function.

    Returns:
        What the function returns.

    Raises:
        ActiVisError: another thread's forward pass does not end in time; see `OtherThreads.wait`.
    """
    others = OtherThreads(model)

    def run_alone() -> T:
        others.wait()
        return within(body, own_work(), evaluation_mode(model, loaders))

    return exclusively(lambda: bracketed(others.block, run_alone, lambda failed: others.release()))


@contextmanager
def evaluation_mode(model: nn.Module, loaders: tuple[Any, ...] | None = ()) -> Iterator[None]:
    """Puts the model into evaluation mode, eager and without gradients, for a `with` block; then restores everything.

    Restored are the random states of Python, numpy and torch and of the loaders' generators, the training flag of every module,
    buffers, and the gradient mode. Gradients are off by `no_grad`, not `inference_mode`: tensors that a model caches in its
    forward pass (rotary tables, say) must still work in training.

    Arguments:
        model: the user's own model, unwrapped.
        loaders: data loaders that the block reads; None leaves all random states alone.
    """
    with ExitStack() as stack:
        stack.enter_context(thread_state())
        stack.enter_context(eager_mode())  # first: hooks do not see another thread's compiled forward pass
        if loaders is not None:
            stack.enter_context(random_states(loaders))
        stack.enter_context(_training_off(model))
        stack.enter_context(_buffers_restored(model))
        stack.enter_context(script_modules_wrapped(model))
        stack.enter_context(_no_cast_cache())
        stack.enter_context(torch.no_grad())
        yield


@contextmanager
def _training_off(model: nn.Module) -> Iterator[None]:
    """Sets `training` of every module to False. Not by `eval()`, which users may have overridden, for example to merge weights."""
    flags = [(module, module.training) for module in model.modules() if hasattr(module, "training")]
    try:
        for module, _ in flags:
            module.training = False
        yield
    finally:
        for module, training in flags:
            if module.training is False:  # otherwise it was set meanwhile, and stays so
                module.training = training


@contextmanager
def _buffers_restored(model: nn.Module) -> Iterator[None]:
    """Restores all buffers: some models update them in their forward pass in evaluation mode as well."""
    saved = [
        (module, name, buffer, _version(buffer), buffer.clone())
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
                if _version(buffer) != version:
                    buffer.copy_(copy)
                if module._buffers.get(name) is not buffer:
                    module._buffers[name] = buffer


def _version(buffer: torch.Tensor) -> int | None:
    """A counter of changes in place; None if there is none, as where the buffer was made in inference mode."""
    return None if buffer.is_inference() else buffer._version


@contextmanager
def _no_cast_cache() -> Iterator[None]:
    """Turns off autocast's cache: the next training step must not get weights that were cast without gradients."""
    enabled = torch.is_autocast_cache_enabled()
    torch.set_autocast_cache_enabled(False)
    try:
        yield
    finally:
        torch.set_autocast_cache_enabled(enabled)
