"""Removes the shuffling of a tf.data.Dataset, so that reading it for evaluation does not change the order of training.

A shuffling data set draws new seeds for every pass. If training reads the same data set, each evaluation pass would change the
order of its next epoch.
"""

import warnings
from typing import Any

from tensorboard_activis.errors import ActiVisWarning

_SHUFFLES = ("ShuffleDataset", "ShuffleDatasetV2", "ShuffleDatasetV3")


def unshuffled(dataset: Any) -> Any:
    """A data set of the same elements in the order before shuffling; the data set itself if it does not shuffle anew in each pass.

    If it cannot be copied (it contains more than 2 GB of data, or Python functions of another process), a warning says so, and
    the data set itself is returned.
    """
    if not shuffles(dataset):
        return dataset
    import tensorflow as tf
    from tensorflow.python.data.ops import dataset_ops

    try:
        # External state (tables, Python functions) may be shared, because the copy is read in the same process.
        serialized = tf.raw_ops.DatasetToGraphV2(input_dataset=dataset._variant_tensor, external_state_policy=1)
        graph = tf.compat.v1.GraphDef.FromString(serialized.numpy())
        for node in graph.node:
            if node.op in _SHUFFLES:
                node.op = "Identity"
                del node.input[1:]
                node.attr.clear()
                node.attr["T"].type = tf.variant.as_datatype_enum
        variant = tf.raw_ops.DatasetFromGraph(graph_def=graph.SerializeToString())
        copy = dataset_ops._VariantDataset(variant, dataset.element_spec)
        next(iter(copy), None)
        return copy
    except Exception as error:
        warnings.warn(
            f"x shuffles, and a copy of it that does not could not be made ({type(error).__name__}). If it is also trained on, "
            "logging changes the order of its batches: pass a data set without shuffle(), or with "
            "shuffle(..., reshuffle_each_iteration=False).",
            ActiVisWarning,
            stacklevel=2,
        )
        return dataset


def shuffles(dataset: Any) -> bool:
    """Whether a tf.data.Dataset has another order in every pass."""
    if getattr(dataset, "_reshuffle_each_iteration", False):
        return True
    return any(shuffles(source) for source in dataset._inputs())
