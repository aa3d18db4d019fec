"""Instance ids from a hash of the content, the same in every pass whatever the order of the data loader."""

from collections.abc import Iterator

import numpy as np
import torch

from tensorboard_activis.capture.data.batch_forms import LABEL_KEYS
from tensorboard_activis.capture.instances import content_ids
from tensorboard_activis.capture.torch.data.batch import Batch, all_tensors


class ContentIds:
    """Gives instances of torch batches ids from a hash of their inputs; one object per pass, as `content_ids.ContentIds`."""

    def __init__(self) -> None:
        self._content_ids = content_ids.ContentIds()

    def for_batch(self, batch: Batch) -> list[str]:
        """One id per instance of a batch. Called before the batch is moved to another device, which saves copying it back."""
        return [self._content_ids.instance_id(content) for content in contents(batch)]


def contents(batch: Batch, *, labels: bool = True) -> Iterator[list[np.ndarray]]:
    """The content of each instance of a batch: one array of each input, without padding.

    Arguments:
        labels: whether labels that the model gets are part of it.
    """
    mask = None if batch.mask is None else batch.mask.numpy(force=True)
    named = {name: value for name, value in batch.kwargs.items() if labels or name not in LABEL_KEYS}
    inputs = [
        _array(tensor) for tensor in all_tensors([batch.args, named]) if _is_per_instance(tensor, batch.instances)
    ]

    def content(values: np.ndarray, index: int) -> np.ndarray:
        # Padding depends on the other instances of the batch.
        if mask is not None and values.ndim > 1 and values.shape[1] == mask.shape[1]:
            return np.asarray(values[index][mask[index]])
        return np.asarray(values[index])

    for index in range(batch.instances):
        yield [content(values, index) for values in inputs]


def _is_per_instance(tensor: torch.Tensor, instances: int) -> bool:
    return tensor.dim() > 0 and not tensor.is_nested and tensor.shape[0] == instances


def _array(tensor: torch.Tensor) -> np.ndarray:
    tensor = tensor.detach().cpu()
    tensor = tensor if tensor.layout is torch.strided else tensor.to_dense()
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
