"""Reading data and running models as if nobody had drawn a random number meanwhile."""

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def random_states(loaders: tuple[Any, ...] = ()) -> Iterator[None]:
    """Put back the states of Python, of numpy and torch if these are there, and of the generators that torch loaders own."""
    torch, numpy = sys.modules.get("torch"), sys.modules.get("numpy")
    python = random.getstate()
    numpy_state = numpy.random.get_state() if numpy is not None else None
    of_torch = _torch_states(torch, loaders) if torch is not None else []
    try:
        yield
    finally:
        random.setstate(python)
        if numpy is not None and numpy_state is not None:
            numpy.random.set_state(numpy_state)
        for put_back, state in of_torch:
            put_back(state)


def _torch_states(torch: Any, loaders: tuple[Any, ...]) -> list[tuple[Any, Any]]:
    """Functions that take a state, each with the one of now."""
    states: list[tuple[Any, Any]] = [(torch.set_rng_state, torch.get_rng_state())]
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        states.append((torch.cuda.set_rng_state_all, torch.cuda.get_rng_state_all()))
    if torch.backends.mps.is_available():
        states.append((torch.mps.set_rng_state, torch.mps.get_rng_state()))
    owned = {id(found): found for loader in loaders for found in _generators(torch, loader)}
    return states + [(generator.set_state, generator.get_state()) for generator in owned.values()]


def _generators(torch: Any, loader: Any) -> Iterator[Any]:
    """The loader's own, its sampler's, its batch sampler's."""
    batches = getattr(loader, "batch_sampler", None)
    holders = (loader, getattr(loader, "sampler", None), batches, getattr(batches, "sampler", None))
    for holder in holders:
        generator = getattr(holder, "generator", None)
        if isinstance(generator, torch.Generator):
            yield generator
