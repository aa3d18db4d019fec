"""Reads the evaluation data, a data loader, a data set or whole tensors, as batches of one form."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, Dataset, IterableDataset, SequentialSampler

from tensorboard_activis.capture.torch.data.batch import Batch, all_tensors, map_tensors
from tensorboard_activis.errors import ConfigurationError

#: Instances per batch of data sets and of whole tensors.
BATCH_SIZE = 256

LABEL_KEYS = ("labels", "label", "label_ids", "targets", "target", "y")
MASK_KEYS = ("attention_mask", "mask")
#: As torch's attention modules take them: True in padding.
PADDING_KEYS = ("src_key_padding_mask", "key_padding_mask")

#: A function of a batch that returns the model's input (one argument, a tuple of them, or a dict by name) and the labels or None.
Unpack = Callable[[Any], tuple[Any, Any]]

#: A function of a batch that returns one text per instance to show, or None.
Texts = Callable[[Any], Sequence[str] | None]


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
        if unpack is not None and not callable(unpack):
            raise ConfigurationError(
                f"unpack must be a function of a batch that gives (inputs, labels); got {unpack!r}."
            )
        if texts is not None and not callable(texts):
            raise ConfigurationError(
                f"texts must be a function of a batch that gives one text per instance; got {texts!r}."
            )
        self._unpack, self._texts = unpack, texts
        self._parameters = inspect.signature(model.forward).parameters
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
        return isinstance(source, (_TensorBatches, Sequence))

    @property
    def instances(self) -> int | None:
        """Number of instances; None if it is not known before the pass."""
        source = self.source
        if isinstance(source, _TensorBatches):
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
        inputs, labels = self._split(raw)
        args, kwargs = self._as_arguments(map_tensors(inputs, lambda tensor: tensor))
        if isinstance(raw, Mapping) and self._unpack is None:
            kwargs |= self._needed_labels(raw, kwargs)
        tensors = all_tensors([args, kwargs])
        if not tensors:
            raise ConfigurationError(
                f"A batch of data holds no tensor for the model; got {_describe(raw)}. A batch is (inputs, labels), a dict, or "
                "inputs alone. For anything else give unpack=, a function of the batch that returns (inputs, labels)."
            )
        instances = _count_labels(labels)
        if instances is None:
            instances = tensors[0].shape[0] if tensors[0].dim() else 1
        elif all(instances not in tensor.shape for tensor in tensors):
            raise ConfigurationError(
                f"A batch has {instances} labels, but inputs of shape {tuple(tensors[0].shape)}. Check that data yields "
                "(inputs, labels), or give unpack=."
            )
        mask = padding_mask(inputs, instances) if isinstance(inputs, Mapping) else None
        return Batch(args, kwargs, labels, instances, mask, None if self._texts is None else self._texts(raw), raw)

    def _split(self, raw: Any) -> tuple[Any, Any]:
        """Splits a raw batch into inputs and labels."""
        if self._unpack is not None:
            pair = self._unpack(raw)
            if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                raise ConfigurationError(f"unpack must return (inputs, labels); it returned {_describe(pair)}.")
            return pair[0], pair[1]
        if is_dataclass(raw) and not isinstance(raw, type):
            raw = {entry.name: getattr(raw, entry.name) for entry in fields(raw)}
        elif isinstance(raw, tuple) and any(name in LABEL_KEYS for name in getattr(raw, "_fields", ())):
            raw = raw._asdict()  # type: ignore[attr-defined]
        if isinstance(raw, Mapping):
            inputs = dict(raw)
            labels = split_labels(inputs)
            return inputs, labels
        if isinstance(raw, (tuple, list)) and not isinstance(raw, nn.utils.rnn.PackedSequence):
            if len(raw) == 1:
                return raw[0], None
            if len(raw) == 2:
                return raw[0], raw[1]
            if self._accepts_arguments(len(raw) - 1):
                return tuple(raw[:-1]), raw[-1]
            raise ConfigurationError(
                f"A batch of data is {_describe(raw)}; which of it are the labels cannot be told. Give unpack=, a function of "
                "the batch that returns (inputs, labels)."
            )
        return raw, None

    def _as_arguments(self, inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Inputs as args and kwargs of the model's forward: a dict by name, a tuple by position, else one argument."""
        kinds = {parameter.kind for parameter in self._parameters.values()}
        if isinstance(inputs, Mapping):
            anything = inspect.Parameter.VAR_KEYWORD in kinds
            named = {key: value for key, value in inputs.items() if anything or key in self._parameters}
            return ((), named) if named else ((inputs,), {})
        if isinstance(inputs, (tuple, list)) and not isinstance(inputs, nn.utils.rnn.PackedSequence):
            return (tuple(inputs), {}) if self._accepts_arguments(len(inputs)) else ((inputs,), {})
        return (inputs,), {}

    def _needed_labels(self, raw: Mapping[str, Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Labels that the model cannot run without: of an argument without default, or the targets of an encoder-decoder."""
        decodes = self._is_encoder_decoder and not {"decoder_input_ids", "decoder_inputs_embeds"} & set(kwargs)
        return {
            name: map_tensors(raw[name], lambda tensor: tensor)
            for name in LABEL_KEYS
            if name in raw and name in self._parameters and name not in kwargs
            if decodes or self._parameters[name].default is inspect.Parameter.empty
        }

    def _accepts_arguments(self, count: int) -> bool:
        """Whether the model's forward can be called with so many positional arguments."""
        places = [
            parameter
            for parameter in self._parameters.values()
            if parameter.kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        ]
        if any(parameter.kind == inspect.Parameter.VAR_POSITIONAL for parameter in self._parameters.values()):
            return True
        needed = sum(parameter.default is inspect.Parameter.empty for parameter in places)
        return needed <= count <= len(places)


class _TensorBatches:
    """Whole tensors, sliced into batches."""

    def __init__(self, inputs: Any, labels: Any, wrapped: bool) -> None:
        self._inputs, self._labels, self._wrapped = inputs, labels, wrapped
        tensors = all_tensors(inputs)
        self.instances = tensors[0].shape[0] if tensors and tensors[0].dim() else 0
        instances = _count_labels(labels)
        if instances is not None and instances != self.instances:
            raise ConfigurationError(
                f"data has {self.instances} inputs and {instances} labels; there must be one for each."
            )

    def __len__(self) -> int:
        return -(-self.instances // BATCH_SIZE)

    def __iter__(self) -> Iterator[Any]:
        for start in range(0, self.instances, BATCH_SIZE):
            batch = slice(start, start + BATCH_SIZE)

            def slice_tensor(tensor: torch.Tensor, batch: slice = batch) -> torch.Tensor:
                return tensor[batch] if tensor.dim() and tensor.shape[0] == self.instances else tensor

            inputs = map_tensors(self._inputs, slice_tensor)
            yield (inputs, None if self._labels is None else self._labels[batch]) if self._wrapped else inputs


def _batch_source(data: Any) -> Iterable[Any]:
    """The iterable of raw batches for the evaluation data in any supported form."""
    if isinstance(data, (torch.Tensor, np.ndarray)):
        return _TensorBatches(data, None, wrapped=False)
    if isinstance(data, Mapping) and all_tensors(data):
        return _TensorBatches(data, None, wrapped=False)
    if isinstance(data, tuple) and len(data) == 2 and _are_labels(data[1]) and all_tensors(data[0]):
        return _TensorBatches(data[0], data[1], wrapped=True)
    if isinstance(data, Dataset) and not isinstance(data, IterableDataset):
        return DataLoader(data, batch_size=BATCH_SIZE)
    if isinstance(data, IterableDataset):
        return DataLoader(data, batch_size=BATCH_SIZE)
    if not hasattr(data, "__iter__") and not hasattr(data, "__getitem__"):
        raise ConfigurationError(
            f"data must be a DataLoader, batches that can be gone through again and again, or (inputs, labels) as whole "
            f"tensors; got {_describe(data)}."
        )
    if isinstance(data, Iterator):
        raise ConfigurationError(
            f"data is {_describe(data)}, which can be read only once, but every snapshot reads it again. Give a DataLoader, "
            "or list(data)."
        )
    return data  # type: ignore[no-any-return]


def _are_labels(labels: Any) -> bool:
    """Whether this may be the labels of whole tensors."""
    if labels is None or isinstance(labels, (torch.Tensor, np.ndarray)):
        return True
    return isinstance(labels, (list, tuple)) and all(isinstance(label, (int, float, str)) for label in labels)


def split_labels(inputs: dict[str, Any]) -> Any:
    """Removes the labels from a batch that is a dict, and returns them; None if there are none."""
    name = next((key for key in LABEL_KEYS if key in inputs), None)
    return None if name is None else inputs.pop(name)


def padding_mask(inputs: Mapping[str, Any], instances: int) -> torch.Tensor | None:
    """The padding mask, bool [instances, positions], False in padding; None if the inputs have none."""
    for key in (*MASK_KEYS, *PADDING_KEYS):
        if inputs.get(key) is not None:
            mask = torch.as_tensor(inputs[key])
            if mask.dim() != 2 or mask.shape[0] != instances:
                return None
            if key in MASK_KEYS:
                return mask.bool()
            return ~mask if mask.dtype == torch.bool else mask == 0  # a float mask is added to the attention scores
    return None


def _count_labels(labels: Any) -> int | None:
    """Number of instances by the labels; None if these are of an unknown form."""
    if isinstance(labels, (torch.Tensor, np.ndarray)):
        return labels.shape[0] if labels.ndim else 1
    if isinstance(labels, (list, tuple)):
        return len(labels)
    return None


def _describe(value: Any) -> str:
    """Type and size of a value, for messages."""
    if isinstance(value, (torch.Tensor, np.ndarray)):
        return f"a {type(value).__name__} of shape {tuple(value.shape)}"
    if isinstance(value, Mapping):
        return f"a {type(value).__name__} with {', '.join(map(str, value))}"
    if isinstance(value, (list, tuple)):
        return f"a {type(value).__name__} of {len(value)} ({', '.join(_describe(inner) for inner in value[:4])})"
    return f"a {type(value).__name__}"
