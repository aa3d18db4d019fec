"""A progress bar (tqdm) for evaluations that take long."""

import sys
from collections.abc import Iterable, Sized
from typing import TypeVar

T = TypeVar("T")


def with_bar(batches: Iterable[T], progress: bool | None, total: int | None = None) -> Iterable[T]:
    """Wraps batches so that iterating them shows a tqdm progress bar; returns them unchanged if tqdm is not installed.

    Arguments:
        progress: whether to show a bar; None: on a terminal, when it takes longer than a second.
        total: number of batches, if the batches have no length.
    """
    show = sys.stderr.isatty() if progress is None else progress
    if not show:
        return batches
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return batches
    if total is None and isinstance(batches, Sized):
        try:
            total = len(batches)
        except TypeError:  # a loader of a stream
            total = None
    bar: Iterable[T] = tqdm(
        batches, desc="ActiVis", unit="batch", total=total, leave=False, delay=1 if progress is None else 0
    )
    return bar
