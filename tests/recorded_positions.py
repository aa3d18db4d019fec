"""Positions of runs that tests write: made of raw values by loops and numpy, and put into the records of the recorder."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from unittest import mock

import numpy as np

from tensorboard_activis import schema
from tensorboard_activis.capture import recorder

WINDOW, STRONGEST = 5, 4


@contextmanager
def positions_recorded(positions: Mapping[str, Callable[[], schema.Positions]]) -> Iterator[None]:
    """Within this context, recorders write these positions of the layers, whatever they log."""

    def with_positions(record: schema.Snapshot) -> schema.Snapshot:
        layers = (
            replace(layer, positions=positions[layer.name]()) if layer.name in positions else layer
            for layer in record.layers
        )
        return replace(record, layers=tuple(layers))

    write_event = recorder.Recorder._write_event
    with mock.patch.object(
        recorder.Recorder, "_write_event", lambda self, record: write_event(self, with_positions(record))
    ):
        yield


def maps_with_means(means: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    """Made-up maps [instances, neurons, *sizes] whose means are given, [instances, neurons]."""
    random = np.random.RandomState(3)  # its stream of numbers is frozen, unlike default_rng's methods
    shares = random.rand(*means.shape, *sizes) ** 2
    axes = tuple(range(2, shares.ndim))
    shares /= shares.mean(axis=axes, keepdims=True)
    return (means[(..., *(None,) * len(sizes))] * shares).astype(np.float32)


def positions_of(values: np.ndarray, reduced: np.ndarray, pinned: int = 0) -> schema.Positions:
    """The record of positions of a layer, by loops.

    Arguments:
        values: of the kept instances in their order, the pinned ones last: float32 [instances, neurons, *sizes].
        reduced: their activations, [instances, neurons].
        pinned: how many are pinned.
    """
    instances, neurons, *sizes = values.shape
    flat = values.reshape(instances, neurons, -1)
    peaks = np.nanargmax(flat, axis=2)
    stored = (WINDOW,) if len(sizes) == 1 else tuple(sizes)
    strongest = np.argsort(-reduced.astype(np.float16).astype(np.float32), axis=0, kind="stable")[:STRONGEST].T
    starts = np.zeros((neurons, STRONGEST), np.uint32)
    maps = np.full((neurons, STRONGEST, *stored), 255, np.uint8)
    ranges = np.full((neurons, STRONGEST, 2), np.nan, np.float32)
    for neuron in range(neurons):
        for place, row in enumerate(strongest[neuron]):
            shown = values[row, neuron]
            if len(sizes) == 1:
                length = int((~np.isnan(shown)).sum())
                start = min(max(peaks[row, neuron] - WINDOW // 2, 0), max(length - WINDOW, 0))
                starts[neuron, place] = start
                shown = shown[start : start + WINDOW]
            maps[neuron, place], ranges[neuron, place] = _bytes(shown)
    whole = [[_bytes(one) for one in values[row]] for row in range(instances - pinned, instances)]
    return schema.Positions(
        (-1,) if len(sizes) == 1 else tuple(sizes),
        _inline(peaks.astype(np.uint8)),
        _inline(strongest.astype(np.int32)),
        _inline(maps),
        _inline(ranges),
        _inline(starts) if len(sizes) == 1 else None,
        _inline(np.stack([np.stack([codes for codes, _ in one], -1) for one in whole])) if whole else None,
        _inline(np.array([[each for _, each in one] for one in whole], np.float32)) if whole else None,
    )


def _bytes(values: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    codes = np.rint((values - low) * (254 / (high - low) if high > low else 0))
    return np.where(np.isnan(values), 255, codes).astype(np.uint8), (low, high)


def _inline(values: np.ndarray) -> schema.Array:
    return schema.Array(values.dtype.name, values.shape, values.tobytes())
