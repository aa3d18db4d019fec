"""Converts arrays of any framework to numpy."""

from typing import Any

import numpy as np


def as_array(data: Any) -> np.ndarray:
    """Converts what users pass to a numpy array: tensors of any framework, data frames and series, lists of numbers."""
    if hasattr(data, "detach"):  # torch
        data = data.detach().cpu()
        data = data.float() if str(data.dtype) == "torch.bfloat16" else data
    if hasattr(data, "to_tensor"):  # ragged
        data = data.to_tensor()
    for convert in ("to_numpy", "numpy"):
        if hasattr(data, convert):
            return np.asarray(getattr(data, convert)())
    return np.asarray(data)
