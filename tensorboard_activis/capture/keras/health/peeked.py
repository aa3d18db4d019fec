"""Looks at the batch that a training step will take, and hands on data from which the step takes the same one."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

import keras


class Peeked(NamedTuple):
    """Batches that were taken of what a compiled training function reads, and what it can read in its place.

    Attributes:
        first: the first batch; None: there is none, or it cannot be had.
        source: for the training function: it yields the batches that were taken.
    """

    first: Any
    source: Any


def peeked(source: Any, executions: int) -> Peeked:
    """Takes the batches of one execution.

    Arguments:
        source: the last argument of Keras's training function: on torch the batches, else an iterator.
        executions: batches that one execution takes.
    """
    backend = keras.backend.backend()
    if backend == "torch":
        return Peeked(source, source)
    if backend == "tensorflow":
        return _of_tensorflow(source, executions)
    batches = list(islice(source, executions))
    return Peeked(batches[0] if batches else None, iter(batches))


def _of_tensorflow(source: Any, executions: int) -> Peeked:
    import tensorflow as tf

    if not isinstance(source, tf.data.Iterator):  # that of a distribution strategy, which has a batch per replica
        return Peeked(None, source)
    batches: Iterator[Any] = islice(source, executions)
    first = next(batches, None)
    if first is None:
        return Peeked(None, source)
    data = tf.data.Dataset.from_tensors(first)
    for batch in batches:
        data = data.concatenate(tf.data.Dataset.from_tensors(batch))
    # With the type of the source itself, sizes that vary among them, the training function is not traced again.
    variant = tf.data.experimental.to_variant(data)
    return Peeked(first, iter(tf.data.experimental.from_variant(variant, source.element_spec)))
