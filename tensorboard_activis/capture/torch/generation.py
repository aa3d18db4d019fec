"""Leaves out of a watched evaluation what `generate` runs: steps of texts, which are no instances of the evaluation."""

import copy
import functools
from collections.abc import Callable, Generator, Iterator
from types import GeneratorType
from typing import Any

from torch import nn

from tensorboard_activis.capture.isolation.interrupts import bracketed
from tensorboard_activis.capture.replaced_methods import replace_method
from tensorboard_activis.capture.torch.model.current_pass import current_pass
from tensorboard_activis.capture.torch.passes import PassCollector

_NAME = "generate"


class Generation:
    """Has a collector take nothing while `generate` of the model, or of a part of it, runs.

    What the model's own forward pass generates belongs to that pass.

    Arguments:
        model: whose method it is, or whose parts'.
        collector: of its passes.

    Attributes:
        happened: whether it ran, since this was last set.
    """

    #: What helps where nothing else ran.
    ADVICE = (
        "It only ran inside of `generate`, which is not watched: such a pass is one step of a text, not of labelled instances. "
        "Compute the loss in the evaluation as well (Hugging Face's Trainer does where the data have labels), or give data= with "
        "inputs and labels, over which a forward pass is then run for the snapshot (with a logger, by log(step))."
    )

    def __init__(self, model: nn.Module, collector: PassCollector) -> None:
        self._model, self._collector, self._pass = model, collector, current_pass()
        self._ends: list[Callable[[], None]] = []
        self.happened = False

    def attach(self) -> None:
        """Replaces the methods; the caller must call `detach` whatever happens."""
        for module in self._model.modules():
            if _NAME in vars(module) or callable(getattr(type(module), _NAME, None)):
                self._ends.append(replace_method(module, _NAME, _Generate(module, self)))

    def detach(self) -> None:
        """Puts the methods back; safe to call twice."""
        for end in self._ends:
            end()

    def run(self, generate: Callable[[], Any]) -> Any:
        """Calls the method in place of which a function of this was called."""
        collector = self._collector
        if collector.ignoring or any(collector.calls) or current_pass() != self._pass:
            return generate()
        self.happened = True
        result = bracketed(collector.pause, generate, lambda failed: collector.resume())
        return self._in_steps(result) if isinstance(result, GeneratorType) else result

    def _in_steps(self, generator: Iterator[Any]) -> Generator[Any, None, Any]:
        """The same of a method that yields: it runs when it is asked for the next."""
        while True:
            try:
                value = self.run(lambda: next(generator))
            except StopIteration as stop:
                return stop.value
            yield value


class _Generate:
    """Stands on a module in place of its method; in a copy of the module it is the copy's own method."""

    def __init__(self, module: nn.Module, generation: Generation) -> None:
        self._method, self._generation = getattr(module, _NAME), generation
        self.taken_back = False
        functools.update_wrapper(self, self._method, updated=())  # for who asks for its signature

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.taken_back:
            return self._method(*args, **kwargs)
        return self._generation.run(lambda: self._method(*args, **kwargs))

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return copy.deepcopy(self._method, memo)
