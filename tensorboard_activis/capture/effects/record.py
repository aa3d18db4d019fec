"""Writes the effects of a snapshot, and makes their record."""

from collections.abc import Sequence

import numpy as np

from tensorboard_activis import schema
from tensorboard_activis.capture.distributed.writer import DistributedWriter
from tensorboard_activis.capture.effects.measuring import EffectPlan, Measured, MeasuredLayer


def effects_record(
    options: EffectPlan,
    measured: Measured,
    order: np.ndarray,
    layers: Sequence[MeasuredLayer],
    writer: DistributedWriter,
) -> schema.Effects:
    """The record of the effects that the first process has. Without errors, all layers have effects, on none.

    Arguments:
        order: hashes of the sample, uint64 [instances], ascending.
    """

    def add(name: str, values: np.ndarray) -> schema.Array:
        return writer.add_replicated(f"effects/{name}", values)

    def rows(hashes: np.ndarray) -> np.ndarray:
        return np.searchsorted(order, hashes).astype(np.int32)

    tried = options.tried and bool(measured.settings or not measured.hashes.size)
    records = {}
    for index, layer in enumerate(layers):
        empty = np.zeros((0, layer.neurons), np.float32)
        found = (empty, empty) if not measured.hashes.size else measured.gradients.get(layer.name)
        if found is None:
            continue
        arrays = {"gradient": found[0]} | ({"product": found[1]} if layer.positions else {})
        if layer.name in measured.settings:
            arrays |= dict(zip(("neurons", "alone", "together"), measured.settings[layer.name], strict=True))
        records[layer.name] = schema.LayerEffects(
            **{name: add(f"{index}/{name}", values) for name, values in arrays.items()}
        )
    return schema.Effects(
        add("instances", rows(measured.hashes)),
        measured.wrong,
        records,
        add("tried", rows(measured.tried)) if tried else None,
        add("before", measured.before) if tried else None,
    )
