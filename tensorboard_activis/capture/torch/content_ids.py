"""Names for instances that stay the same from pass to pass, whatever order the loader gives them in."""

import numpy as np
import torch

from tensorboard_activis.capture import content_ids
from tensorboard_activis.capture.torch.batch import Batch, all_tensors


class ContentIds:
    """Names the instances of torch batches by their content; one object serves one pass, as `content_ids.ContentIds` does."""

    def __init__(self) -> None:
        self._names = content_ids.ContentIds()

    def of(self, batch: Batch) -> list[str]:
        """One id per instance of a batch that is still where the loader left it."""
        mask = None if batch.mask is None else batch.mask.numpy(force=True)
        columns = [
            _array(tensor)
            for tensor in all_tensors([batch.args, batch.kwargs])
            if _is_per_instance(tensor, batch.instances)
        ]

        def content(column: np.ndarray, row: int) -> np.ndarray:
            # How far a batch is padded depends on what else is in it.
            if mask is not None and column.ndim > 1 and column.shape[1] == mask.shape[1]:
                return np.asarray(column[row][mask[row]])
            return np.asarray(column[row])

        return [self._names.instance_id([content(column, row) for column in columns]) for row in range(batch.instances)]


def _is_per_instance(tensor: torch.Tensor, instances: int) -> bool:
    return tensor.dim() > 0 and not tensor.is_nested and tensor.shape[0] == instances


def _array(tensor: torch.Tensor) -> np.ndarray:
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
