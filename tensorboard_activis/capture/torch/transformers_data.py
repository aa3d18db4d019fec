"""What Hugging Face's Trainer and models say of the evaluation data: batches, names of classes, texts of tokens."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.utils.data import DataLoader, DistributedSampler, IterableDataset
from transformers.trainer_utils import RemoveColumnsCollator

from tensorboard_activis.capture.torch.batches import LABEL_KEYS


def evaluation_data(loader: Any, args: Any, *, shared: bool) -> Any:
    """The trainer's evaluation set, read by a loader of our own, for the trainer's keeps count of who reads it.

    Arguments:
        shared: whether each of several processes shall have a part.
    """
    dataset: Any = getattr(loader, "dataset", None)
    if dataset is None:
        return loader
    while type(dataset).__name__ == "IterableDatasetShard" and not shared:
        dataset = dataset.dataset
    stream = isinstance(dataset, IterableDataset) or not hasattr(dataset, "__len__")
    sampler: Any = None
    if shared and not stream:
        sampler = DistributedSampler(dataset, args.world_size, args.process_index, shuffle=False)
    return DataLoader(dataset, args.eval_batch_size, sampler=sampler, collate_fn=loader.collate_fn)


def batched(data: Any, args: Any, model: Any, loader: Any) -> Any:
    """Examples in batches, as the trainer's loaders make them: columns that the model does not take are left out."""
    examples = isinstance(data, list) and bool(data) and isinstance(data[0], Mapping)
    whole = isinstance(data, (DataLoader, list, tuple, Mapping, torch.Tensor)) or not hasattr(data, "__getitem__")
    if loader is None or (whole and not examples):
        return data
    collator = loader.collate_fn
    if args.remove_unused_columns:
        collator = collator.data_collator if isinstance(collator, RemoveColumnsCollator) else collator
        inner = model.get_base_model() if hasattr(model, "get_base_model") else model  # of an adapter
        columns = [*inspect.signature(inner.forward).parameters, *LABEL_KEYS, *(args.label_names or ())]
        collator = RemoveColumnsCollator(collator, columns)
    return DataLoader(data, args.eval_batch_size, collate_fn=collator)


def label_names(model: Any) -> list[str] | None:
    """What the configuration of a classifier calls the classes; None if it has but the names that it is born with."""
    names = getattr(getattr(model, "config", None), "id2label", None) or {}
    found = [str(names[index]) for index in sorted(names)]
    if not type(model).__name__.endswith("Classification") or len(set(found)) != len(found) or len(found) < 2:
        return None
    return None if all(name.startswith("LABEL_") for name in found) else found


def decoder(tokenizer: Any) -> Callable[[Any], list[str] | None] | None:
    """A function of a batch that gives its texts; None where there is no tokenizer, but something for images, say."""
    tokenizer = getattr(tokenizer, "tokenizer", tokenizer)
    if not hasattr(tokenizer, "batch_decode"):
        return None

    def texts(batch: Any) -> list[str] | None:
        ids = batch.get("input_ids") if isinstance(batch, Mapping) else None
        if ids is None or ids.dim() != 2:
            return None
        mask = batch.get("attention_mask")
        mask = torch.ones_like(ids) if mask is None or mask.shape != ids.shape else mask
        rows = [row[real.bool()].tolist() for row, real in zip(ids, mask, strict=True)]
        return list(tokenizer.batch_decode(rows, skip_special_tokens=True))

    return texts
