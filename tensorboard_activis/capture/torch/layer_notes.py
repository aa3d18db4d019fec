"""Says in words which layers an evaluation could not record."""

from collections.abc import Mapping

import numpy as np

from tensorboard_activis.capture.distributed.processes import Processes
from tensorboard_activis.capture.recorded_layers import absent_layers
from tensorboard_activis.capture.torch.hooks import ActivationHooks
from tensorboard_activis.capture.torch.recorded_model import RecordedModel
from tensorboard_activis.errors import ActiVisError


def layer_notes(
    recorded: RecordedModel,
    evaluated: int,
    absent: Mapping[str, int],
    hooks: ActivationHooks | None,
    processes: Processes,
) -> list[str]:
    """Notes of the layers of an evaluation, counted over all processes.

    Arguments:
        recorded: the model.
        evaluated: number of instances of this process.
        absent: by layer, for how many of these it is unknown.
        hooks: that were on the layers, and know why and where these gave nothing; None if there were none.
        processes: that log together.

    Raises:
        ActiVisError: no layer could be recorded, or there were no instances.
    """
    failures, unplaced = ({}, {}) if hooks is None else (hooks.failures, hooks.unplaced)
    names = [layer.name for layer in recorded.layers]
    missing = [absent.get(name, 0) for name in names], [unplaced.get(name, 0) for name in names]
    counts = processes.sum(np.array([evaluated, *missing[0], *missing[1]])).tolist()
    if not counts[0]:
        raise ActiVisError("There was no forward pass in evaluation mode, in any process.")
    totals = dict(zip(names, counts[1 : 1 + len(names)], strict=True))
    partly = [
        f"The layer {name!r} is unknown for {count:,} instances. {failures[name]}"
        for name, count in totals.items()
        if name in failures and count < counts[0]
    ]
    padding = [(name, count) for name, count in zip(names, counts[1 + len(names) :], strict=True) if count]
    if recorded.of_positions and padding:
        shown = ", ".join(f"{name} ({count:,})" for name, count in padding)
        partly.append(
            "Layers of packed or nested sequences have no value at positions that are padding to them, but not by the batch: "
            f"{shown}. Give attention_mask or lengths with the model's inputs, and padding is no instance."
        )
    left_out = recorded.selection.notes if recorded.selection is not None else []
    return [*left_out, *absent_layers(totals, len(names), counts[0], failures), *partly]
