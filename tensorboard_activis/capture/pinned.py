"""The rows of the sample and of the pinned instances behind it as one."""

from collections.abc import Mapping, Sequence

import numpy as np

from tensorboard_activis.capture.predictions import UNKNOWN


def with_pinned(
    kept: Mapping[str, np.ndarray], pinned: Sequence[Mapping[str, np.ndarray]], rows: int, extra: int
) -> dict[str, np.ndarray]:
    """What is kept of the sample, followed by the pinned instances; what a pinned instance does not have is missing there.

    Arguments:
        kept: by name, each array [instances, ...].
        pinned: per batch, the same names or some of them. `id` may be missing in all: -1, -2, … or "pinned 1", …
        rows, extra: how many there are in the sample and of pinned instances.
    """
    found = dict(kept)
    if not extra:
        return found
    sizes = [len(next(iter(batch.values()))) for batch in pinned]
    for name, values in kept.items():
        parts = [values]
        for batch, size in zip(pinned, sizes, strict=True):
            parts.append(batch[name] if name in batch else _missing(name, values, size))
        found[name] = _joined(parts)
    if any("id" not in batch for batch in pinned):
        texts = kept["id"].dtype.kind in "OU"
        numbers = range(1, extra + 1)
        ids = np.array([f"pinned {n}" for n in numbers], object) if texts else -np.arange(1, extra + 1)
        found["id"] = np.concatenate([kept["id"].astype(object if texts else np.int64), ids])
    found["pinned"] = np.arange(rows + extra) >= rows
    return found


def longest(values: np.ndarray) -> int:
    """Of lists of classes, or None, [instances]."""
    return max((len(row) for row in values if row is not None), default=0)


def padded(values: np.ndarray, width: int) -> np.ndarray:
    """Lists of classes as one array: int32 [instances, width], -1 behind their ends."""
    found = np.full((len(values), width), -1, np.int32)
    for row, classes in enumerate(values):
        if classes is not None:
            found[row, : len(classes)] = classes
    return found


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
    if any(part.dtype == object for part in parts) and parts[0].dtype.kind in "iu":  # whole numbers, and some missing
        parts = [
            np.array([np.nan if value is None else value for value in part.tolist()], np.float64) for part in parts
        ]
    return np.concatenate([part.astype(object) if parts[0].dtype == object else part for part in parts])
