"""Saves and restores random states, so that reading data and running models leaves no trace in random numbers."""

import random
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, TypeVar

from tensorboard_activis.capture.isolation.interrupts import bracketed

T = TypeVar("T")
#: Functions that set a generator's state, each with the state to set.
_States = list[tuple[Callable[[Any], Any], Any]]
_END: Any = object()


@contextmanager
def random_states(loaders: tuple[Any, ...] = ()) -> Iterator[None]:
    """Restores the random states of Python, of numpy and torch if they are loaded, and of the torch loaders' own generators."""
    states = _states(loaders)
    try:
        yield
    finally:
        _restore(states)


class RandomStream:
    """A stream of random numbers for one evaluation, which begins with the present states of the generators.

    Generators belong to the process, and other threads draw from them, or seed them, during an evaluation: to restore them at its
    end would undo that. So states are swapped around each piece of work that may draw, and restored only if it drew.

    Arguments:
        loaders: the torch loaders that are read.
    """

    def __init__(self, loaders: tuple[Any, ...] = ()) -> None:
        self._loaders = loaders
        self._stream_states: _States = []
        self._drawn = False

    def run(self, work: Callable[[], T]) -> T:
        """Runs the function with random numbers of the stream."""
        outer: _States = []

        def begin() -> None:
            outer.extend(_states(self._loaders))
            if self._drawn:
                _restore(self._stream_states)

        def end(failed: bool) -> None:
            if not outer:
                return
            entered, self._stream_states = self._stream_states if self._drawn else outer, _states(self._loaders)
            drawn = not _same(entered, self._stream_states)
            if drawn or self._drawn:
                _restore(outer)
            self._drawn = self._drawn or drawn

        return bracketed(begin, work, end)

    def each(self, items: Iterable[T]) -> Iterator[T]:
        """Iterates the items, each of them read with random numbers of the stream."""
        iterators: list[Iterator[T]] = []

        def read() -> T:
            if not iterators:
                iterators.append(iter(items))
            return next(iterators[0], _END)

        while (item := self.run(read)) is not _END:
            yield item


def _states(loaders: tuple[Any, ...]) -> _States:
    """The generators in use, with their present states."""
    torch, numpy = sys.modules.get("torch"), sys.modules.get("numpy")
    states: _States = [(random.setstate, random.getstate())]
    if numpy is not None:
        states.append((numpy.random.set_state, numpy.random.get_state()))
        for loader in loaders:
            states += _owned_states(numpy, loader)
    states += _tensorflow_states()
    return states if torch is None else states + _torch_states(torch, loaders)


def _restore(states: _States) -> None:
    for set_state, state in states:
        set_state(state)


def _same(states: _States, others: _States) -> bool:
    return len(states) == len(others) and all(
        _equal(one, other) for (_, one), (_, other) in zip(states, others, strict=True)
    )


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, (tuple, list)) and any(hasattr(part, "all") for part in one):
        return len(one) == len(other) and all(map(_equal, one, other))
    if hasattr(one, "equal"):  # a tensor
        return bool(one.equal(other))
    return bool((one == other).all()) if hasattr(one, "all") else bool(one == other)


def _tensorflow_states() -> _States:
    """The seeds that eager operations of TensorFlow draw, and its global generator where there is one."""
    context = sys.modules.get("tensorflow.python.eager.context")
    random_ops = sys.modules.get("tensorflow.python.ops.stateful_random_ops")
    states: _States = []
    seeds = getattr(context.context(), "_rng", None) if context is not None else None
    if seeds is not None:
        states.append((seeds.setstate, seeds.getstate()))
    generator = getattr(random_ops, "global_generator", None)
    if generator is not None:
        states.append((generator.state.assign, generator.state.numpy()))
    return states


def _owned_states(numpy: Any, loader: Any) -> _States:
    """Generators that are attributes of a data set, and the counters by which Keras's image iterators seed theirs."""
    states: _States = []
    for name, value in getattr(loader, "__dict__", {}).items():
        if isinstance(value, random.Random):
            states.append((value.setstate, value.getstate()))
        elif isinstance(value, numpy.random.RandomState):
            states.append((value.set_state, value.get_state()))
        elif isinstance(value, numpy.random.Generator):
            states.append((partial(setattr, value.bit_generator, "state"), value.bit_generator.state))
        elif name in ("total_batches_seen", "index_array"):
            states.append((partial(setattr, loader, name), value))
    return states


def _torch_states(torch: Any, loaders: tuple[Any, ...]) -> _States:
    states: _States = [(torch.set_rng_state, torch.get_rng_state())]
    if torch.cuda.is_initialized():
        states.append((torch.cuda.set_rng_state_all, torch.cuda.get_rng_state_all()))
    if _has_mps(torch):
        states.append((torch.mps.set_rng_state, torch.mps.get_rng_state()))
    owned = {id(generator): generator for loader in loaders for generator in _generators(torch, loader)}
    return states + [(generator.set_state, generator.get_state()) for generator in owned.values()]


@cache
def _has_mps(torch: Any) -> bool:
    return bool(torch.backends.mps.is_available())


def _generators(torch: Any, loader: Any) -> Iterator[Any]:
    """The generators of a torch loader, of its sampler and of its batch sampler."""
    batches = getattr(loader, "batch_sampler", None)
    owners = (loader, getattr(loader, "sampler", None), batches, getattr(batches, "sampler", None))
    for owner in owners:
        generator = getattr(owner, "generator", None)
        if isinstance(generator, torch.Generator):
            yield generator
