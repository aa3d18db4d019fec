"""Reads what Hugging Face's Trainer evaluates: batches of examples, labels, and class names."""

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch.utils.data import DataLoader
from transformers.trainer_utils import RemoveColumnsCollator

from tensorboard_activis.capture.data.batch_forms import LABEL_KEYS, Unpack


def batched(data: Any, args: Any, model: Any, loader: Any) -> Any:
    """A data loader of examples that collates them as the trainer does, without columns that the model does not take."""
    examples = isinstance(data, list) and bool(data) and isinstance(data[0], Mapping)
    has_batches = isinstance(data, (DataLoader, list, tuple, Mapping, torch.Tensor)) or not hasattr(data, "__getitem__")
    if loader is None or (has_batches and not examples):
        return data
    collator = loader.collate_fn
    if args.remove_unused_columns:
        collator = collator.data_collator if isinstance(collator, RemoveColumnsCollator) else collator
        columns = [*_parameters(model), *LABEL_KEYS, *(args.label_names or ())]
        collator = RemoveColumnsCollator(collator, columns)
    return DataLoader(data, args.eval_batch_size, collate_fn=collator)


def labels_apart(args: Any, model: Any) -> Unpack | None:
    """A function that splits a batch into inputs and labels, where `TrainingArguments` has `label_names`; else None."""
    names = list(args.label_names or ())
    if len(names) != 1 or names[0] in LABEL_KEYS:
        return None
    name = names[0]
    parameter = _parameters(model).get(name)
    needed = parameter is not None and parameter.default is inspect.Parameter.empty

    def unpack(batch: Any) -> tuple[Any, Any]:
        return {key: value for key, value in batch.items() if key != name or needed}, batch.get(name)

    return unpack


def class_names_of(model: Any) -> list[str] | None:
    """Class names of a classifier, from `id2label` of its configuration; None if these are the default LABEL_0, LABEL_1, …"""
    names = getattr(getattr(model, "config", None), "id2label", None) or {}
    classes = [str(names[index]) for index in sorted(names)]
    classifies = any(kind.__name__.endswith("Classification") for kind in type(_base(model)).__mro__)
    if not classifies or len(set(classes)) != len(classes) or len(classes) < 2:
        return None
    return None if all(name.startswith("LABEL_") for name in classes) else classes


def _base(model: Any) -> Any:
    """The model inside of PEFT's wrapper."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _parameters(model: Any) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(_base(model).forward).parameters
