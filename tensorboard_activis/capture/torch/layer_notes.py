"""Says in words which layers an evaluation could not record."""

from collections.abc import Mapping

import numpy as np

from tensorboard_activis.capture.distributed.processes import Processes
from tensorboard_activis.capture.recorded_layers import absent_layers
from tensorboard_activis.capture.torch.recorded_model import RecordedModel
from tensorboard_activis.errors import ActiVisError


def layer_notes(
    recorded: RecordedModel,
    evaluated: int,
    absent: Mapping[str, int],
    failures: Mapping[str, str],
    processes: Processes,
) -> list[str]:
    """Notes of the layers of an evaluation, counted over all processes.

    Arguments:
        recorded: the model.
        evaluated: number of instances of this process.
        absent: by layer, for how many of these it is unknown.
        failures: by layer, why.
        processes: that log together.

    Raises:
        ActiVisError: no layer could be recorded, or there were no instances.
    """
    names = [layer.name for layer in recorded.layers]
    counts = processes.sum(np.array([evaluated, *(absent.get(name, 0) for name in names)])).tolist()
    if not counts[0]:
        raise ActiVisError("There was no forward pass in evaluation mode, in any process.")
    totals = dict(zip(names, counts[1:], strict=True))
    partly = [
        f"The layer {name!r} is unknown for {count:,} instances. {failures[name]}"
        for name, count in totals.items()
        if name in failures and count < counts[0]
    ]
    left_out = recorded.selection.notes if recorded.selection is not None else []
    return [*left_out, *absent_layers(totals, len(names), counts[0], failures), *partly]
