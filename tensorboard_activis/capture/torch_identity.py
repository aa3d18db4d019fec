"""Names for instances that stay the same from pass to pass, whatever order the loader gives them in."""

import hashlib
from collections import Counter

import numpy as np
import torch

from tensorboard_activis.capture.torch_batches import Batch, tensors


class ContentIds:
    """Hashes of the model's input, as hex text; the second instance with the same content gets `-1`, the third `-2`."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def of(self, batch: Batch) -> list[str]:
        """One id per instance of a batch that is still where the loader left it."""
        mask = None if batch.mask is None else batch.mask.numpy(force=True)
        columns = [
            _bytes(tensor)
            for tensor in tensors([batch.args, batch.kwargs])
            if _is_per_instance(tensor, batch.instances)
        ]
        ids = []
        for row in range(batch.instances):
            digest = hashlib.blake2b(digest_size=12)
            for column in columns:
                content = column[row]
                # How far a batch is padded depends on what else is in it.
                if mask is not None and content.ndim and content.shape[0] == mask.shape[1]:
                    content = content[mask[row]]
                digest.update(np.ascontiguousarray(content).tobytes())
            name = digest.hexdigest()
            count = self._seen[name]
            self._seen[name] += 1
            ids.append(f"{name}-{count}" if count else name)
        return ids


def _is_per_instance(tensor: torch.Tensor, instances: int) -> bool:
    return tensor.dim() > 0 and not tensor.is_nested and tensor.shape[0] == instances


def _bytes(tensor: torch.Tensor) -> np.ndarray:
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
