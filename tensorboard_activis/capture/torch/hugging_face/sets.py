"""Tells the evaluation sets of Hugging Face's Trainer apart and names their runs."""

import re
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tensorboard_activis import metadata

#: Sets that `evaluate` is given, beside the trainer's own, of which snapshots are logged.
MOST = 32


@dataclass
class _OtherSet:
    """A set that `evaluate` was given.

    Attributes:
        name: of its run.
        prefix: of its metrics.
        dataset: returns the object, None once that no longer exists.
        fingerprint: of a `datasets.Dataset`; None for others.
        step: of its last evaluation.
    """

    name: str
    prefix: str
    dataset: Callable[[], Any]
    fingerprint: str | None
    step: int


class EvaluationSets:
    """Names the run of each evaluation set, relative to the log directory.

    The trainer's own set is the log directory itself, "". If its evaluation set is a dict, each of them is a run below, by the
    name that the Trainer gives its metrics: `eval_easy`. Another set that `evaluate` is given has the `metric_key_prefix`, with a
    number if it is evaluated beside another one of that name: `test`, `eval_2`. Under a prefix other than "eval", sets of different
    steps may be the same set made anew, and share a run; else a set is known by its object or its fingerprint.
    """

    def __init__(self) -> None:
        self._others: list[_OtherSet] = []
        self._directories: dict[Any, str] = {}

    def name(self, trainer: Any, dataset: Any, prefix: str, step: int) -> str | None:
        """The name of the run.

        Arguments:
            dataset: what `evaluate` was given: a data set, a key of the trainer's dict of sets, or None.
            prefix: `metric_key_prefix`.
            step: at which it is evaluated; two sets at one step are never taken for the same one made anew.

        Returns:
            None if there are too many sets.
        """
        own = trainer.eval_dataset
        if dataset is None or dataset is own:
            return ""
        if isinstance(dataset, str):
            return self._directory(dataset, f"eval_{dataset}")
        if isinstance(own, Mapping):
            for key, each in own.items():
                if each is dataset:
                    return self._directory(key, f"eval_{key}")
        other = self._known(dataset, prefix, step)
        if other is None:
            if len(self._others) == MOST:
                return None
            other = self._new(dataset, prefix)
        other.step = step
        return self._directory(id(other), other.name)

    def _known(self, dataset: Any, prefix: str, step: int) -> _OtherSet | None:
        alike = [other for other in self._others if other.prefix == prefix]
        fingerprint = _fingerprint(dataset)
        for other in alike:
            if other.dataset() is dataset or (fingerprint is not None and other.fingerprint == fingerprint):
                return other
        for other in alike:
            if prefix != "eval" and other.step != step:
                other.dataset, other.fingerprint = _reference(dataset), fingerprint
                return other
        return None

    def _new(self, dataset: Any, prefix: str) -> _OtherSet:
        number = 1 + sum(other.prefix == prefix for other in self._others) + (prefix == "eval")
        name = prefix if number == 1 else f"{prefix}_{number}"
        self._others.append(_OtherSet(name, prefix, _reference(dataset), _fingerprint(dataset), -1))
        return self._others[-1]

    def _directory(self, of: Any, name: str) -> str:
        """The directory of a set, by its name without characters that are special in paths; no two sets have the same."""
        if of not in self._directories:
            plain = re.sub(r"[^\w.+= -]", "_", name).strip(". ") or "_"
            taken, number = {metadata.RUN_DIRECTORY, *self._directories.values()}, 1
            while (directory := plain if number == 1 else f"{plain}_{number}") in taken:
                number += 1
            self._directories[of] = directory
        return self._directories[of]


def _reference(dataset: Any) -> Callable[[], Any]:
    try:
        return weakref.ref(dataset)
    except TypeError:  # a list
        return lambda: dataset


def _fingerprint(dataset: Any) -> str | None:
    fingerprint = getattr(dataset, "_fingerprint", None)
    return fingerprint if isinstance(fingerprint, str) else None
