"""What is known of the instances of torch batches besides their activations, in the form that the recorder takes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from tensorboard_activis import schema
from tensorboard_activis.capture.contents import Contents
from tensorboard_activis.capture.instance_metadata import InstanceMetadata, checked_ids
from tensorboard_activis.capture.thumbnails import CHANNELS
from tensorboard_activis.capture.torch.batch import Batch, all_tensors
from tensorboard_activis.capture.torch.batches import Batches
from tensorboard_activis.capture.torch.content_ids import ContentIds
from tensorboard_activis.capture.torch.instance_order import InstanceOrder, Positions
from tensorboard_activis.capture.torch.labels import Labels, check_width
from tensorboard_activis.capture.torch.scores import find_scores
from tensorboard_activis.capture.torch.tokens import torch_token_scores
from tensorboard_activis.capture.user_columns import RESERVED, UserColumns
from tensorboard_activis.errors import ActiVisError, ConfigurationError

#: Values per second of inputs that are waveforms, or a function of a batch that returns waveforms and that number.
Audio = int | Callable[[Any], tuple[Any, int]]

#: Names of arguments that are what a person sees, where there are several.
_SHOWN = ("pixel_values", "input_ids", "x", "inputs", "input", "image", "images")
#: What a model's last step is when its answers are probabilities, or surely not; others are told by their values.
_PROBABILITIES = {"Softmax", "softmax", "Sigmoid", "sigmoid"}
_SCORES = {"Linear", "Bilinear", "linear", "LogSoftmax", "log_softmax"}
_VIEWS = {"squeeze", "view", "reshape", "flatten", "float", "to", "getitem", "contiguous", "Flatten", "Identity"}


class Instances:
    """Reads ids, labels, outputs, content and columns out of batches.

    Arguments:
        data: the evaluation data, and the order they come in. first: their first batch. output: the model's answer to the first
            `instances` of it.
        class_names, task, id, columns, audio: as in `ActiVisLogger`.

    Attributes:
        problem: why labels are not understood, for the user; "" otherwise.

    Raises:
        ConfigurationError: they do not fit each other.
    """

    def __init__(
        self,
        data: Batches,
        order: InstanceOrder,
        first: Batch,
        output: Any,
        instances: int,
        *,
        class_names: Sequence[str] | None = None,
        task: str | None = None,
        id: Any = None,
        columns: Any = None,
        audio: Audio | None = None,
    ) -> None:
        self._task, self._audio = task, audio
        self._given = InstanceMetadata(id, columns)
        self._given.check(order.instances, fixed_order=order.fixed)
        self._order = order
        self._positions = _positions(first.labels) if task in (None, "tokens") else None
        scores = find_scores(output, instances, self._positions)
        if scores is None and self._positions is not None:
            self._positions, scores = None, find_scores(output, instances)
        width = None if scores is None else (1 if scores.dim() == 1 else scores.shape[-1])
        if task not in ("none", "regression", "ranking"):
            check_width(class_names, width)
        self._labels = Labels(class_names, first.labels, width, task, None if self._positions is None else 1)
        self.problem = self._labels.problem
        if self.problem and task not in (None, "none"):
            raise ConfigurationError(f"task={task!r} does not fit the labels: {self.problem}")
        self._causal = self._labels.kind == "positions" and _repeats(first)
        if audio is not None and first.raw is not None:  # not another process's
            self._sound(first)

    def begin(self) -> "Reading":
        """What lasts for one pass over the data."""
        content = ContentIds() if self._order.by_content and not self._given.has_ids else None
        return Reading(self._given, content, self._order.begin())

    def begin_pinned(self) -> "Reading":
        """The same for pinned instances, which have ids and columns only by the functions."""
        return Reading(self._given.functions_only, None, Positions(None, described=False, named=False))

    def first(self, batch: Batch, output: Any, instances: int) -> dict[str, Any]:
        """All that `SnapshotCollector.add` takes but activations, of the first so many instances of a batch.

        Arguments:
            output: the model's answer to these.

        Raises:
            ConfigurationError: a function of the user's fails.
        """
        try:
            described = self.begin().of(batch)
            looks = self.of(batch, output, instances)
            # Checked whole, before they are cut.
            Contents().columns_of_batch(batch.instances, texts=batch.texts)
            ids = described["ids"]
            described["ids"] = None if ids is None else checked_ids(ids, batch.instances)[:instances].tolist()
            columns = UserColumns().convert(described["columns"], batch.instances)
            described["columns"] = {name: values[:instances] for name, values in columns.items()}
        except ConfigurationError:
            raise
        except ActiVisError as error:
            raise ConfigurationError(str(error)) from error
        except Exception as error:
            raise ConfigurationError(
                f"id=, columns= or audio= failed on the first batch: {type(error).__name__}: {error}. A function gets the batch "
                "as data yields it."
            ) from error
        return described | looks

    def of(self, batch: Batch, output: Any, instances: int | None = None) -> dict[str, Any]:
        """What `SnapshotCollector.add` takes, but ids and the user's columns.

        With `instances`, of the first so many instances, if these are all of `output`.
        """
        some = slice(instances)
        labels = self._labels.of(batch.labels)
        positions = labels.shape[1] if labels is not None and labels.ndim == 2 and self._positions is not None else None
        labels = None if labels is None else labels[some]
        scores = find_scores(output, instances or batch.instances, positions)
        outputs: Any = None
        if scores is not None and positions is not None:
            given = torch.from_numpy(labels)
            mask = None if batch.mask is None else batch.mask[some].to(scores.device)
            outputs = torch_token_scores(scores, given, mask, causal=self._causal)
        elif scores is not None:
            outputs = scores.float().numpy(force=True)
        texts = None if batch.texts is None else list(batch.texts)[some]
        found = {"labels": labels, "outputs": outputs, "texts": texts}
        if self._audio is not None:
            waves, rate = self._sound(batch)
            return found | {"audio": (waves[some], rate)}
        shown = _shown(batch)
        if shown is None:
            return found
        last = shown.ndim == 4 and shown.shape[1] not in CHANNELS and shown.shape[3] in CHANNELS
        return found | {"inputs": shown[some], "channels": "last" if last else "first"}

    def _sound(self, batch: Batch) -> tuple[Any, int]:
        if isinstance(self._audio, int) or self._audio is None:
            shown = _shown(batch)
            if shown is None or shown.ndim not in (2, 3):
                got = "none" if shown is None else f"shape {shown.shape}"
                raise ConfigurationError(
                    "audio= as a number says that inputs are waveforms, [instances, samples] or [instances, channels, samples]; "
                    f"got {got}. Give audio= as a function of a batch that returns (waveforms, samples per second)."
                )
            return shown, int(self._audio or 0)
        waves, rate = self._audio(batch.raw)
        return waves.numpy(force=True) if isinstance(waves, torch.Tensor) else [
            np.asarray(wave) for wave in waves
        ], rate


class Reading:
    """One pass over the data: ids go on from batch to batch."""

    def __init__(self, given: InstanceMetadata, content: ContentIds | None, positions: Positions) -> None:
        self._given, self._content, self._positions = given, content, positions
        self._seen = 0

    def of(self, batch: Batch) -> dict[str, Any]:
        """Ids and columns of a batch that is still where the loader left it, as `SnapshotCollector.add` takes them."""
        place, count = self._seen, batch.instances
        ids, columns = self._given.for_batch(batch.raw, place, count, self._positions.described(place, count))
        self._seen += count
        if ids is None:
            ids = self._content.for_batch(batch) if self._content is not None else self._positions.ids(place, count)
        ids = ids.tolist() if isinstance(ids, torch.Tensor) else ids
        return {
            "ids": ids,
            "columns": _features(batch) | {name: _plain(each) for name, each in (columns or {}).items()},
        }

    def pass_over(self, batch: Batch) -> None:
        """Counts a batch that another process takes."""
        self._seen += batch.instances

    def end(self) -> None:
        """Says that this was all. ActiVisError: more ids or columns were given than there are instances."""
        if self._positions.described(0, 0) is None:
            self._given.check_all_used(self._seen)


def gives_probabilities(graph: schema.Graph) -> bool | None:
    """Whether the model ends in a softmax or sigmoid; None if that cannot be told."""
    nodes = {node.key: node for node in graph.nodes}
    at = "/output"
    for _ in range(8):
        sources = {edge.source for edge in graph.edges if edge.target == at}
        if len(sources) != 1:
            return None
        at = sources.pop()
        kind = nodes[at].type
        if kind not in _VIEWS:
            return True if kind in _PROBABILITIES else False if kind in _SCORES else None
    return None


def _shown(batch: Batch) -> np.ndarray | None:
    """The input that a person would look at, [instances, ...]."""
    named = [batch.kwargs[name] for name in _SHOWN if name in batch.kwargs]
    for tensor in all_tensors([named, batch.args, batch.kwargs]):
        if tensor.is_nested or not tensor.dim():
            continue
        axes = [axis for axis, size in enumerate(tensor.shape) if size == batch.instances]
        if axes:
            found = tensor.movedim(axes[0], 0)
            return (found.float() if found.is_floating_point() else found).numpy(force=True)
    return None


def _features(batch: Batch) -> dict[str, np.ndarray]:
    """One-dimensional inputs that have a name: columns of a table, that a model was given one by one."""
    holders = [batch.kwargs, *(value for value in batch.args if isinstance(value, Mapping))]
    found = {}
    for holder in holders:
        for name, value in holder.items():
            flat = isinstance(value, torch.Tensor) and value.shape in ((batch.instances,), (batch.instances, 1))
            if flat and isinstance(name, str) and name not in RESERVED and not value.is_complex():
                found[name] = _plain(value.reshape(batch.instances))
    return found


def _plain(values: Any) -> Any:
    if not isinstance(values, torch.Tensor):
        return values
    return (values.float() if values.dtype == torch.bfloat16 else values).numpy(force=True)


def _positions(labels: Any) -> int | None:
    """How many positions of each instance have a label; None if that is not what labels are."""
    if isinstance(labels, (torch.Tensor, np.ndarray)) and labels.ndim == 2 and labels.shape[1] > 0:
        whole = not labels.is_floating_point() if isinstance(labels, torch.Tensor) else labels.dtype.kind in "iu"
        return int(labels.shape[1]) if whole else None
    return None


def _repeats(batch: Batch) -> bool:
    """Whether labels are the tokens of the input themselves, for a model of the next token."""
    labels = torch.as_tensor(batch.labels)
    known = labels >= 0
    return bool(known.any()) and any(
        tensor.shape == labels.shape
        and not tensor.is_floating_point()
        and tensor.dtype != torch.bool
        and bool((tensor.to(labels.device) == labels)[known].all())
        for tensor in all_tensors([batch.args, batch.kwargs])
    )
