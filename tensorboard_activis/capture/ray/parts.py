"""Divides a data set into parts: consecutive blocks, as many as are evaluated in one call of an actor."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
from ray.data.block import BlockAccessor

from tensorboard_activis.capture.ray.bundles import bundles
from tensorboard_activis.capture.ray.evaluator import Part
from tensorboard_activis.capture.ray.rows import Slice

#: A part is closed when it has as many rows or bytes. It is evaluated again when its actor is lost, and merged at a time.
PART_ROWS, PART_BYTES = 8192, 64 << 20
#: Rows of the first parts, as many as are given away before one comes back; each further round has twice as many. What is known of
#: the sample after small parts spares the actors most of what they would keep of larger ones.
FIRST_PART_ROWS = 512


def parts(data: Any, batch_size: int, at_once: int) -> Iterator[tuple[Part, list[Any]]]:
    """The parts of a `ray.data.Dataset` in its order, each with the references to its blocks.

    The data set is read as the parts are asked for; rows do not come here. A part has a whole batch at least, so that the first
    batch, which decides for all, is that of one process.

    Arguments:
        at_once: how many parts are evaluated or wait at a time.
    """
    refs: list[Any] = []
    slices: list[Slice] = []
    number = first = rows = size = 0
    for bundle in bundles(data):
        for entry, part_of in zip(bundle.blocks, bundle.slices, strict=True):
            count = entry.metadata.num_rows
            if count is None:
                count = ray.get(_count.remote(entry.ref))
            start, stop = (0, count) if part_of is None else (part_of.start_offset, part_of.end_offset)
            if start == stop:
                continue
            refs.append(entry.ref)
            slices.append((start, stop))
            rows, size = rows + stop - start, size + (entry.metadata.size_bytes or 0)
            if rows >= max(batch_size, _most_rows(number // at_once)) or (rows >= batch_size and size >= PART_BYTES):
                yield Part(number, first, tuple(slices)), refs
                number, first, rows, size, refs, slices = number + 1, first + rows, 0, 0, [], []
    if refs:
        yield Part(number, first, tuple(slices)), refs


def _most_rows(round_: int) -> int:
    return min(PART_ROWS, FIRST_PART_ROWS << min(round_, 32))


@contextmanager
def in_order(data: Any) -> Iterator[None]:
    """A context in which a data set gives its blocks in their order, so that every row has the same number in every run."""
    options = data.context.execution_options
    before, options.preserve_order = options.preserve_order, True
    try:
        yield
    finally:
        options.preserve_order = before


@ray.remote(num_cpus=0)
def _count(block: Any) -> int:
    return int(BlockAccessor.for_block(block).num_rows())
