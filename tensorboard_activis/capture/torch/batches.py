"""The evaluation data, whatever form they have, as batches of one form."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, Dataset, IterableDataset, SequentialSampler

from tensorboard_activis.capture.torch.batch import Batch, all_tensors, map_tensors
from tensorboard_activis.errors import ConfigurationError

#: Whole tensors are cut into batches of so many instances.
BATCH = 256

LABEL_KEYS = ("labels", "label", "label_ids", "targets", "target", "y")
MASK_KEYS = ("attention_mask", "mask")
#: As torch's own attention takes them: True where there is padding.
PADDING_KEYS = ("src_key_padding_mask", "key_padding_mask")

#: Of a batch: the model's input (one argument, a tuple of them, or a dict by name), and the labels or None.
Unpack = Callable[[Any], tuple[Any, Any]]

#: Of a batch: what a person would read, one text per instance, or None.
Texts = Callable[[Any], Sequence[str] | None]


class Batches:
    """The user's data, to be gone through once per snapshot.

    Arguments:
        data: see `ActiVisLogger`.
        model: its `forward` says how inputs are handed over.
        unpack: the user's own way to tell inputs from labels.
        texts: a function of a batch as it comes, which gives its texts.

    Raises:
        ConfigurationError: the data can be read only once, or cannot be read.
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
        self.source = _source(data)

    @property
    def fixed_order(self) -> bool:
        """Whether the running index tells instances apart in every pass."""
        source = self.source
        if isinstance(source, DataLoader):
            if isinstance(source.dataset, IterableDataset):
                return False
            if source.batch_sampler is None:
                return isinstance(source.sampler, SequentialSampler)
            plain = type(source.batch_sampler) is BatchSampler
            return plain and isinstance(getattr(source.batch_sampler, "sampler", None), SequentialSampler)
        return isinstance(source, (_Slices, Sequence))

    @property
    def instances(self) -> int | None:
        """How many there are; None if that is not known before."""
        source = self.source
        if isinstance(source, _Slices):
            return source.rows
        dataset = getattr(source, "dataset", None)
        if isinstance(source, DataLoader) and self.fixed_order and isinstance(dataset, Sized):
            return (
                len(dataset) // (source.batch_size or 1) * (source.batch_size or 1)
                if source.drop_last
                else len(dataset)
            )
        return None

    def __len__(self) -> int:
        """Number of batches. TypeError if that is not known."""
        return len(self.source)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Batch]:
        for batch in self.source:
            yield self.batch(batch)

    def batch(self, raw: Any) -> Batch:
        """One batch in the one form.

        Raises:
            ConfigurationError: it has none of the forms that are understood.
        """
        inputs, labels = self._split(raw)
        args, kwargs = self._arranged(map_tensors(inputs, lambda tensor: tensor))
        found = all_tensors([args, kwargs])
        if not found:
            raise ConfigurationError(
                f"A batch of data holds no tensor for the model; got {_told(raw)}. A batch is (inputs, labels), a dict, or "
                "inputs alone. For anything else give unpack=, a function of the batch that returns (inputs, labels)."
            )
        instances = _rows(labels)
        if instances is None:
            instances = found[0].shape[0] if found[0].dim() else 1
        elif all(instances not in tensor.shape for tensor in found):
            raise ConfigurationError(
                f"A batch has {instances} labels, but inputs of shape {tuple(found[0].shape)}. Check that data yields "
                "(inputs, labels), or give unpack=."
            )
        mask = _mask(inputs, instances) if isinstance(inputs, Mapping) else None
        return Batch(args, kwargs, labels, instances, mask, None if self._texts is None else self._texts(raw), raw)

    def _split(self, raw: Any) -> tuple[Any, Any]:
        if self._unpack is not None:
            pair = self._unpack(raw)
            if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                raise ConfigurationError(f"unpack must return (inputs, labels); it returned {_told(pair)}.")
            return pair[0], pair[1]
        if is_dataclass(raw) and not isinstance(raw, type):
            raw = {entry.name: getattr(raw, entry.name) for entry in fields(raw)}
        elif isinstance(raw, tuple) and any(name in LABEL_KEYS for name in getattr(raw, "_fields", ())):
            raw = raw._asdict()  # type: ignore[attr-defined]
        if isinstance(raw, Mapping):
            name = next((key for key in LABEL_KEYS if key in raw), None)
            return {key: value for key, value in raw.items() if key != name}, None if name is None else raw[name]
        if isinstance(raw, (tuple, list)) and not isinstance(raw, nn.utils.rnn.PackedSequence):
            if len(raw) == 1:
                return raw[0], None
            if len(raw) == 2:
                return raw[0], raw[1]
            if self._takes(len(raw) - 1):
                return tuple(raw[:-1]), raw[-1]
            raise ConfigurationError(
                f"A batch of data is {_told(raw)}; which of it are the labels cannot be told. Give unpack=, a function of "
                "the batch that returns (inputs, labels)."
            )
        return raw, None

    def _arranged(self, inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Inputs as the model's forward takes them: a dict by name, a tuple by place, else one argument."""
        kinds = {parameter.kind for parameter in self._parameters.values()}
        if isinstance(inputs, Mapping):
            anything = inspect.Parameter.VAR_KEYWORD in kinds
            named = {key: value for key, value in inputs.items() if anything or key in self._parameters}
            return ((), named) if named else ((inputs,), {})
        if isinstance(inputs, (tuple, list)) and not isinstance(inputs, nn.utils.rnn.PackedSequence):
            return (tuple(inputs), {}) if self._takes(len(inputs)) else ((inputs,), {})
        return (inputs,), {}

    def _takes(self, count: int) -> bool:
        places = [
            parameter
            for parameter in self._parameters.values()
            if parameter.kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        ]
        if any(parameter.kind == inspect.Parameter.VAR_POSITIONAL for parameter in self._parameters.values()):
            return True
        needed = sum(parameter.default is inspect.Parameter.empty for parameter in places)
        return needed <= count <= len(places)


class _Slices:
    """Whole tensors, in batches."""

    def __init__(self, inputs: Any, labels: Any, wrapped: bool) -> None:
        self._inputs, self._labels, self._wrapped = inputs, labels, wrapped
        found = all_tensors(inputs)
        self.rows = found[0].shape[0] if found and found[0].dim() else 0
        rows = _rows(labels)
        if rows is not None and rows != self.rows:
            raise ConfigurationError(f"data has {self.rows} inputs and {rows} labels; there must be one for each.")

    def __len__(self) -> int:
        return -(-self.rows // BATCH)

    def __iter__(self) -> Iterator[Any]:
        for start in range(0, self.rows, BATCH):
            part = slice(start, start + BATCH)

            def cut(tensor: torch.Tensor, part: slice = part) -> torch.Tensor:
                return tensor[part] if tensor.dim() and tensor.shape[0] == self.rows else tensor

            inputs = map_tensors(self._inputs, cut)
            yield (inputs, None if self._labels is None else self._labels[part]) if self._wrapped else inputs


def _source(data: Any) -> Iterable[Any]:
    if isinstance(data, (torch.Tensor, np.ndarray)):
        return _Slices(data, None, wrapped=False)
    if isinstance(data, Mapping) and all_tensors(data):
        return _Slices(data, None, wrapped=False)
    if isinstance(data, tuple) and len(data) == 2 and _is_whole(data[1]) and all_tensors(data[0]):
        return _Slices(data[0], data[1], wrapped=True)
    if isinstance(data, Dataset) and not isinstance(data, IterableDataset):
        return DataLoader(data, batch_size=BATCH)
    if isinstance(data, IterableDataset):
        return DataLoader(data, batch_size=BATCH)
    if not hasattr(data, "__iter__") and not hasattr(data, "__getitem__"):
        raise ConfigurationError(
            f"data must be a DataLoader, batches that can be gone through again and again, or (inputs, labels) as whole "
            f"tensors; got {_told(data)}."
        )
    if isinstance(data, Iterator):
        raise ConfigurationError(
            f"data is {_told(data)}, which can be read only once, but every snapshot reads it again. Give a DataLoader, "
            "or list(data)."
        )
    return data  # type: ignore[no-any-return]


def _is_whole(labels: Any) -> bool:
    if labels is None or isinstance(labels, (torch.Tensor, np.ndarray)):
        return True
    return isinstance(labels, (list, tuple)) and all(isinstance(label, (int, float, str)) for label in labels)


def _mask(inputs: Mapping[str, Any], instances: int) -> torch.Tensor | None:
    """bool [instances, positions], False in padding; None if the model is given no such mask."""
    for key in (*MASK_KEYS, *PADDING_KEYS):
        if inputs.get(key) is not None:
            mask = torch.as_tensor(inputs[key])
            if mask.dim() != 2 or mask.shape[0] != instances:
                return None
            if key in MASK_KEYS:
                return mask.bool()
            return ~mask if mask.dtype == torch.bool else mask == 0  # numbers are added to the attention's scores
    return None


def _rows(labels: Any) -> int | None:
    if isinstance(labels, (torch.Tensor, np.ndarray)):
        return labels.shape[0] if labels.ndim else 1
    if isinstance(labels, (list, tuple)):
        return len(labels)
    return None


def _told(value: Any) -> str:
    """What a value is, in a few words."""
    if isinstance(value, (torch.Tensor, np.ndarray)):
        return f"a {type(value).__name__} of shape {tuple(value.shape)}"
    if isinstance(value, Mapping):
        return f"a {type(value).__name__} with {', '.join(map(str, value))}"
    if isinstance(value, (list, tuple)):
        return f"a {type(value).__name__} of {len(value)} ({', '.join(_told(inner) for inner in value[:4])})"
    return f"a {type(value).__name__}"
