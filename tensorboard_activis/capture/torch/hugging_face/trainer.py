"""Finds the Trainer that calls a callback, and passes calls of its methods to a watch.

The Trainer's events do not say that an evaluation begins, so three of its methods are replaced on the instance, where overrides in
subclasses are part of what is called.
"""

import sys
import weakref
from collections.abc import Callable
from types import FrameType
from typing import Any, Protocol

from transformers import Trainer

#: The methods that are replaced: which set is evaluated, the whole evaluation, and one batch of it.
METHODS = ("get_eval_dataloader", "evaluation_loop", "prediction_step")
#: Attribute of a trainer with its watches.
_WATCHES = "_activis_watches"


class MethodWatch(Protocol):
    """What gets the calls of a trainer's methods, each in a method of the same name: (trainer, method, *args, **kwargs)."""

    def get_eval_dataloader(self, trainer: Any, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any: ...
    def evaluation_loop(self, trainer: Any, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any: ...
    def prediction_step(self, trainer: Any, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any: ...


class WatchedMethod:
    """Stands on a trainer in place of one of its methods and passes the calls to a watch.

    It does not keep the trainer alive, and copies and pickles with it.

    Arguments:
        trainer: whose method it is.
        name: of the method.
        watch: gets the calls.
        replaced: what the user had set on the instance under this name; None: the method of the class.
    """

    def __init__(self, trainer: Any, name: str, watch: MethodWatch, replaced: Callable[..., Any] | None) -> None:
        self._trainer = weakref.ref(trainer)
        self._name, self.watch, self.replaced = name, watch, replaced

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        trainer = self._trainer()
        if trainer is None:
            raise ReferenceError(f"The trainer that this {self._name} belongs to no longer exists.")
        method = self.replaced or getattr(type(trainer), self._name).__get__(trainer)
        return getattr(self.watch, self._name)(trainer, method, *args, **kwargs)

    def __reduce__(self) -> tuple[Any, ...]:
        return WatchedMethod, (self._trainer(), self._name, self.watch, self.replaced)


def attach(trainer: Any, watch: MethodWatch) -> None:
    """Passes the calls of the trainer's methods to the watch from now on."""
    for name in METHODS:
        setattr(trainer, name, WatchedMethod(trainer, name, watch, vars(trainer).get(name)))
    setattr(trainer, _WATCHES, [*watches(trainer), watch])


def watches(trainer: Any) -> list[Any]:
    """The watches that get the calls of the trainer's methods."""
    return list(vars(trainer).get(_WATCHES, ()))


def calling_trainer(callback: Any) -> Any:
    """The trainer that is calling an event of the callback, found among the callers; None if no trainer is."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        caller = frame.f_locals.get("self")
        if isinstance(caller, Trainer) and any(each is callback for each in caller.callback_handler.callbacks):
            return caller
        frame = frame.f_back
    return None


def label_of(trainer: Any, inputs: Any) -> Any:
    """The labels of a batch by the trainer's `label_names`: of one name, or of "labels" among several; None if it has none."""
    names = list(trainer.label_names)
    name = names[0] if len(names) == 1 else "labels" if "labels" in names else None
    try:
        return None if name is None else inputs[name]
    except (KeyError, TypeError, IndexError):
        return None
