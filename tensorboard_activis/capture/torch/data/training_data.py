"""Reads the training data once for `train_data=`, in order and without a trace: not through the user's own loader."""

import copy
from collections.abc import Iterator
from typing import Any

from torch import nn
from torch.utils.data import DataLoader

from tensorboard_activis.capture.data.batch_forms import BATCH_SIZE, Unpack
from tensorboard_activis.capture.distributed.processes import Processes
from tensorboard_activis.capture.instances.training_data import Content, TrainingData
from tensorboard_activis.capture.torch.data.batches import Batches
from tensorboard_activis.capture.torch.data.content_ids import contents
from tensorboard_activis.capture.training_data_reading import read_once


def read_training_data(data: Any, model: nn.Module, unpack: Unpack | None, processes: Processes) -> TrainingData:
    """The content of the training data, for `TrainingData`.

    Random states are restored. Of a loader only its data set and its collate function are used, by a loader of our own, in order
    and in this process: its workers, its sampler and its own state are not touched.

    Arguments:
        data: in any form that evaluation data may have.
        model, unpack: see `Batches`.

    Raises:
        ConfigurationError: they cannot be read, or hold nothing.
    """

    def read() -> Iterator[Content]:
        for batch in Batches(_own_loader(data), model, unpack):
            yield from contents(batch, labels=False)

    def work() -> TrainingData:
        dataset = getattr(data, "dataset", data)
        state = copy.deepcopy(dataset.state_dict()) if hasattr(dataset, "load_state_dict") else None
        try:
            return TrainingData(read(), processes)
        finally:
            if state is not None:
                dataset.load_state_dict(state)

    return read_once(work, (data, getattr(data, "dataset", None)))


def _own_loader(data: Any) -> Any:
    """A loader of our own over the data set of a loader; anything else as it is."""
    dataset, collate = getattr(data, "dataset", None), getattr(data, "collate_fn", None)
    if dataset is None or collate is None:
        return data
    size = getattr(data, "batch_size", None)
    if (
        size is None and getattr(data, "batch_sampler", None) is not None
    ):  # one of the user's own, of batches of any size
        size = BATCH_SIZE
    return DataLoader(dataset, batch_size=size, collate_fn=collate)
