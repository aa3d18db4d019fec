"""Reads the evaluation data of Hugging Face's Trainer: data loaders, class names, and decoded texts."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.utils.data import DataLoader, DistributedSampler, IterableDataset
from transformers.trainer_utils import RemoveColumnsCollator

from tensorboard_activis.capture.torch.data.batches import LABEL_KEYS


def evaluation_data(loader: Any, args: Any, *, shared: bool) -> Any:
    """A data loader of our own for the trainer's evaluation set, because the trainer's loader counts its iterations.

    Arguments:
        loader: the trainer's evaluation loader.
        args: the `TrainingArguments`.
        shared: whether each of several processes gets a part of the data.
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
    """A data loader of examples that collates them as the trainer does, without columns that the model does not take."""
    examples = isinstance(data, list) and bool(data) and isinstance(data[0], Mapping)
    has_batches = isinstance(data, (DataLoader, list, tuple, Mapping, torch.Tensor)) or not hasattr(data, "__getitem__")
    if loader is None or (has_batches and not examples):
        return data
    collator = loader.collate_fn
    if args.remove_unused_columns:
        collator = collator.data_collator if isinstance(collator, RemoveColumnsCollator) else collator
        base_model = model.get_base_model() if hasattr(model, "get_base_model") else model  # PEFT
        columns = [*inspect.signature(base_model.forward).parameters, *LABEL_KEYS, *(args.label_names or ())]
        collator = RemoveColumnsCollator(collator, columns)
    return DataLoader(data, args.eval_batch_size, collate_fn=collator)


def label_names(model: Any) -> list[str] | None:
    """Class names of a classifier, from `id2label` of its configuration; None if these are the default LABEL_0, LABEL_1, …"""
    names = getattr(getattr(model, "config", None), "id2label", None) or {}
    classes = [str(names[index]) for index in sorted(names)]
    if not type(model).__name__.endswith("Classification") or len(set(classes)) != len(classes) or len(classes) < 2:
        return None
    return None if all(name.startswith("LABEL_") for name in classes) else classes


def decoder(tokenizer: Any) -> Callable[[Any], list[str] | None] | None:
    """A function that decodes the texts of a batch; None if there is no tokenizer, as where the processor is for images."""
    tokenizer = getattr(tokenizer, "tokenizer", tokenizer)
    if not hasattr(tokenizer, "batch_decode"):
        return None

    def texts(batch: Any) -> list[str] | None:
        ids = batch.get("input_ids") if isinstance(batch, Mapping) else None
        if ids is None or ids.dim() != 2:
            return None
        mask = batch.get("attention_mask")
        mask = torch.ones_like(ids) if mask is None or mask.shape != ids.shape else mask
        sequences = [sequence[is_token.bool()].tolist() for sequence, is_token in zip(ids, mask, strict=True)]
        return list(tokenizer.batch_decode(sequences, skip_special_tokens=True))

    return texts
