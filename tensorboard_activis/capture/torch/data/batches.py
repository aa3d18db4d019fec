"""Reads the evaluation data, a data loader, a data set or whole tensors, as batches of one form."""

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from typing import Any

import torch
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, Dataset, IterableDataset, SequentialSampler

from tensorboard_activis.capture.data.batch_forms import (
    BATCH_SIZE,
    LABEL_KEYS,
    BatchForm,
    Texts,
    Unpack,
    WholeArrays,
    batch_source,
    count_instances,
    is_graph,
)
from tensorboard_activis.capture.tasks.labels import IGNORED
from tensorboard_activis.capture.torch.data.batch import Batch, all_tensors, map_tensors, packed_sequences
from tensorboard_activis.capture.torch.data.padding import padding_mask
from tensorboard_activis.errors import ConfigurationError, warn


class Batches:
    """The evaluation data as an iterable of `Batch`, which is iterated once per snapshot.

    Arguments:
        data: see `ActiVisLogger`; None if batches come from elsewhere, and only `batch` is used.
        model: the signature of its `forward` says how it is called.
        unpack: the user's function that splits a batch into inputs and labels.
        texts: the user's function that gives the texts of a batch.

    Attributes:
        source: the iterable of raw batches.

    Raises:
        ConfigurationError: the data can be iterated only once, or not at all.
    """

    def __init__(self, data: Any, model: nn.Module, unpack: Unpack | None = None, texts: Texts | None = None) -> None:
        self._form = BatchForm(
            model.forward, unpack, texts, lambda value: isinstance(value, nn.utils.rnn.PackedSequence)
        )
        self._has_functions = unpack is not None or texts is not None
        self._is_encoder_decoder = bool(getattr(getattr(model, "config", None), "is_encoder_decoder", False))
        self.source: Iterable[Any] = () if data is None else _batch_source(data)

    @property
    def fixed_order(self) -> bool:
        """Whether every pass gives the instances in the same order, so that their index identifies them."""
        source = self.source
        if isinstance(source, DataLoader):
            if isinstance(source.dataset, IterableDataset):
                return False
            if source.batch_sampler is None:
                return isinstance(source.sampler, SequentialSampler)
            plain = type(source.batch_sampler) is BatchSampler
            return plain and isinstance(getattr(source.batch_sampler, "sampler", None), SequentialSampler)
        return isinstance(source, (WholeArrays, Sequence))

    @property
    def may_draw(self) -> bool:
        """Whether reading them may draw random numbers."""
        plain = type(self.source) in (list, tuple) or isinstance(self.source, WholeArrays)
        return self._has_functions or not plain

    @property
    def instances(self) -> int | None:
        """Number of instances; None if it is not known before the pass."""
        source = self.source
        if isinstance(source, WholeArrays):
            return source.instances
        dataset = getattr(source, "dataset", None)
        if isinstance(source, DataLoader) and self.fixed_order and isinstance(dataset, Sized):
            return (
                len(dataset) // (source.batch_size or 1) * (source.batch_size or 1)
                if source.drop_last
                else len(dataset)
            )
        return None

    def __len__(self) -> int:
        """Number of batches.

        Raises:
            TypeError: it is not known.
        """
        return len(self.source)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Batch]:
        for batch in self.source:
            yield self.batch(batch)

    def batch(self, raw: Any) -> Batch:
        """Splits a raw batch into inputs, labels, mask and texts.

        Raises:
            ConfigurationError: its form is not supported.
        """
        inputs, labels = self._form.split(raw)
        args, kwargs = self._form.arguments(map_tensors(inputs, lambda tensor: tensor))
        if isinstance(raw, Mapping) and not self._form.unpacks:
            kwargs |= self._needed_labels(raw, kwargs)
        tensors = all_tensors([args, kwargs])
        if any(tensor.is_nested and tensor.layout == torch.strided for tensor in tensors):
            raise ConfigurationError(
                "A batch of data holds a nested tensor of the strided layout, whose sizes torch does not give. Make it with "
                "layout=torch.jagged, or make it in the model, of padded sequences."
            )
        packed = packed_sequences([args, kwargs])
        if packed and not tensors:  # as many instances as sequences go on at the first position
            instances = int(packed[0].batch_sizes[0])
        else:
            labels = self.labels_of(labels, tensors[0].shape[0] if tensors and tensors[0].dim() else 1)
            instances = count_instances(tensors, labels, raw, kind="tensor", of_parts=is_graph(raw))
        named = inputs if isinstance(inputs, Mapping) else dict(zip(self._form.parameters, args, strict=False)) | kwargs
        mask = padding_mask(named, instances)
        return Batch(args, kwargs, labels, instances, mask, self._form.texts(raw), raw)

    def labels_of(self, labels: Any, instances: int) -> Any:
        """Labels of one output as they are, or padded, those of several as a mapping; see `BatchForm.labels_by_output`."""
        if isinstance(labels, torch.Tensor) and labels.is_nested and not labels.is_floating_point():
            return torch.nested.to_padded_tensor(labels, IGNORED)
        return self._form.labels_by_output(labels, instances)

    def _needed_labels(self, raw: Mapping[str, Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Labels that the model cannot run without: of an argument without default, or the targets of an encoder-decoder."""
        decodes = self._is_encoder_decoder and not {"decoder_input_ids", "decoder_inputs_embeds"} & set(kwargs)
        return {
            name: map_tensors(raw[name], lambda tensor: tensor)
            for name in LABEL_KEYS
            if name in raw and name in self._form.parameters and name not in kwargs
            if decodes or self._form.parameters[name].default is inspect.Parameter.empty
        }


def _batch_source(data: Any) -> Iterable[Any]:
    """The iterable of raw batches for the evaluation data in any supported form."""
    if isinstance(data, Dataset):
        return DataLoader(data, batch_size=BATCH_SIZE)
    return batch_source(data, map_tensors, arrays="tensors", loader="a DataLoader, ")


def warn_of_dropped(data: Batches) -> None:
    """Warns if a data loader drops the last batch."""
    source: Any = data.source
    size = getattr(source, "batch_size", None)
    dataset = getattr(source, "dataset", None)
    if getattr(source, "drop_last", False) and size and isinstance(dataset, Sized) and len(dataset) % size:
        warn(
            f"ActiVis: data has drop_last=True, so {len(dataset) % size} of its {len(dataset)} instances are in no "
            "snapshot. Give a loader with drop_last=False."
        )
