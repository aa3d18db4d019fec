"""Appends the pinned instances to the sample; ragged arrays of classes are padded."""

from collections.abc import Mapping, Sequence

import numpy as np

from tensorboard_activis.capture.tasks.predictions import UNKNOWN
from tensorboard_activis.summarize.rows import OrderedRows


def with_pinned(
    sample: Mapping[str, np.ndarray], pinned: Sequence[Mapping[str, np.ndarray]], sampled: int, extra: int
) -> dict[str, np.ndarray]:
    """Concatenates the arrays of the sample and of the pinned instances; values that pinned instances lack are missing.

    Arguments:
        sample: arrays by name, each [instances, ...].
        pinned: per batch, arrays of the same names or of some. If `id` is missing, ids are -1, -2, … or "pinned 1", …
        sampled, extra: number of instances in the sample, and of pinned ones.

    Returns:
        The arrays by name; "pinned" is bool [instances], and absent without pinned instances.
    """
    arrays = dict(sample)
    if not extra:
        return arrays
    sizes = [len(next(iter(batch.values()))) for batch in pinned]
    for name, values in sample.items():
        parts = [values]
        for batch, size in zip(pinned, sizes, strict=True):
            parts.append(batch[name] if name in batch else _missing(name, values, size))
        arrays[name] = _joined(parts)
    if any("id" not in batch for batch in pinned):
        texts = sample["id"].dtype.kind in "OU"
        numbers = range(1, extra + 1)
        ids = np.array([f"pinned {n}" for n in numbers], object) if texts else -np.arange(1, extra + 1)
        arrays["id"] = np.concatenate([sample["id"].astype(object if texts else np.int64), ids])
    arrays["pinned"] = np.arange(sampled + extra) >= sampled
    return arrays


def pop_layers(
    kind: str, columns: dict[str, OrderedRows], pinned: Sequence[Mapping[str, np.ndarray]], layers: Sequence[int]
) -> dict[int, OrderedRows]:
    """Takes what is stored of each layer out of the columns of the sample; behind it comes that of the pinned instances.

    Arguments:
        kind: "activations", or "peaks" where there are any.
        layers: their indices.
    """
    found = {}
    for index in layers:
        name = f"{kind}/{index}"
        if name in columns:
            rows = columns.pop(name)
            for batch in pinned:
                rows = rows.followed_by(batch[name])
            found[index] = rows
    return found


def pop_arrays(columns: dict[str, OrderedRows]) -> dict[str, np.ndarray]:
    """Takes all columns of the sample out, as arrays; the memory of each is free once it is one."""
    return {name: columns.pop(name).array() for name in list(columns)}


def longest(values: np.ndarray) -> int:
    """Length of the longest list in a ragged array: object [instances] of int arrays or None."""
    return max((len(classes) for classes in values if classes is not None), default=0)


def padded(values: np.ndarray, width: int) -> np.ndarray:
    """Pads a ragged array of classes: int32 [instances, width], -1 after the end of each list."""
    array = np.full((len(values), width), -1, np.int32)
    for index, classes in enumerate(values):
        if classes is not None:
            array[index, : len(classes)] = classes
    return array


def _missing(name: str, like: np.ndarray, size: int) -> np.ndarray:
    shape = (size, *like.shape[1:])
    if like.dtype.kind == "M":
        return np.full(shape, "NaT", like.dtype)
    if like.dtype.kind == "f":
        return np.full(shape, np.nan, like.dtype)
    if name == "column/correct":
        return np.full(shape, UNKNOWN, like.dtype)
    if like.dtype.kind == "i" and not name.startswith("user/"):
        return np.full(shape, -1, like.dtype)
    return np.full(shape, None, object)


def _joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    if any(part.dtype == object for part in parts) and parts[0].dtype.kind in "iu":
        # Integers of which some are missing become floats, so that NaN can stand for these.
        parts = [
            np.array([np.nan if value is None else value for value in part.tolist()], np.float64) for part in parts
        ]
    return np.concatenate([part.astype(object) if parts[0].dtype == object else part for part in parts])
