"""A bar for passes that take long, where somebody is looking."""

import sys
from collections.abc import Iterable, Sized
from typing import TypeVar

T = TypeVar("T")


def with_bar(batches: Iterable[T], progress: bool | None, total: int | None = None) -> Iterable[T]:
    """The same batches, with a tqdm bar while they are gone through; as they are where tqdm is not installed.

    Arguments:
        progress: whether to show one; None: on a terminal, when it takes more than a second.
        total: how many there are, where the batches themselves do not know it.
    """
    wanted = sys.stderr.isatty() if progress is None else progress
    if not wanted:
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
