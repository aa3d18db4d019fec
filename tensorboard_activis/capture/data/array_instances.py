"""Instance ids, labels, outputs, content and columns of batches of numpy arrays, as a `BatchRecord`."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tensorboard_activis.capture.adapter import check_of_first_batch
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.data.array_batches import Batch, Batches
from tensorboard_activis.capture.data.batch_forms import is_array
from tensorboard_activis.capture.further_scores import FurtherScores
from tensorboard_activis.capture.graph.outputs import OutputFlow
from tensorboard_activis.capture.instances.audio import read_audio
from tensorboard_activis.capture.instances.content_ids import ContentIds
from tensorboard_activis.capture.instances.doubts import Doubts
from tensorboard_activis.capture.instances.metadata import BatchMetadata, InstanceMetadata
from tensorboard_activis.capture.instances.padding_runs import PaddingRuns
from tensorboard_activis.capture.instances.thumbnails import CHANNELS
from tensorboard_activis.capture.instances.user_columns import named_features
from tensorboard_activis.capture.options import SharedOptions
from tensorboard_activis.capture.score_output import Outputs, ScoreOutput
from tensorboard_activis.capture.tasks.arrays import as_array
from tensorboard_activis.capture.tasks.labels import Labels, check_width
from tensorboard_activis.capture.tasks.next_tokens import next_token_shift
from tensorboard_activis.capture.tasks.tokens import TokenScores, token_scores

#: Names of the input to show as content, where there are several inputs.
_DISPLAYED = ("pixel_values", "input_ids", "x", "inputs", "input", "image", "images")
#: How padding is told.
_ADVICE = (
    "If they are padding: attention_mask or mask among the inputs of a batch (in a dict) says so, and labels of padding are -100. "
    "If they are not: a mask of ones says so."
)


class InstanceReader:
    """Reads labels, outputs and content out of batches, and makes the readers of ids and columns.

    Arguments:
        data: the evaluation data.
        first: its first batch.
        output: of the model, for it.
        arrays: gives the arrays of an output, with their key paths.
        options: of the logger.
        flow: of the model's graph.

    Attributes:
        score: which output of the model is the score.
        problem: message that says why the labels or outputs cannot be used; "" if they can.

    Raises:
        ConfigurationError: labels, class names, task or the user's ids and columns do not fit each other or the model.
    """

    def __init__(
        self,
        data: Batches,
        first: Batch,
        output: Any,
        arrays: Callable[[Any], Outputs],
        options: SharedOptions,
        flow: OutputFlow,
    ) -> None:
        self._audio, task, names = options["audio"], options["task"], options["class_names"]
        self._metadata = InstanceMetadata(options["id"], options["columns"])
        self._metadata.check(data.instances, fixed_order=data.fixed_order)
        self._by_content = not (data.fixed_order or self._metadata.has_ids)
        labels = _as_labels(first.labels)
        self.score = ScoreOutput(output, arrays, first.instances, labels, options, flow)
        self._further = FurtherScores(self.score, _scores)
        first, labels = replace(first, labels=self.score.labels_of(first.labels)), self.score.labels_of(labels)
        positions = _labelled_positions(first.labels) if task in (None, "tokens") else None
        score = self.score.of(output, first.instances)
        scores = _scores(score, first.instances, positions)
        if scores is None and positions is not None:
            positions, scores = None, _scores(score, first.instances)
        self._tokens = positions is not None
        width = self._width = None if scores is None else (1 if scores.ndim == 1 else scores.shape[-1])
        if task not in ("none", "regression", "ranking"):
            check_width(names, width)
        self._labels = Labels(names, labels, width, task, positions=self._tokens)
        self.problem = self.score.problem or self._labels.problem
        self._shift = (
            next_token_shift(first.arrays, as_array(first.labels)) if self._labels.kind == "positions" else None
        )

    def begin(self, *, pinned: bool = False) -> "PassReader":
        """The reader of ids and columns for one pass; those of pinned instances come only from the user's functions."""
        metadata = self._metadata.functions_only if pinned else self._metadata
        return PassReader(metadata, ContentIds() if self._by_content and not pinned else None)

    def first(self, batch: Batch, output: Any) -> BatchRecord:
        """The record, without activations, of the first batch.

        Raises:
            ConfigurationError: a function that the user gave fails.
        """
        with check_of_first_batch():
            return self.record(batch, self.begin().read(batch), {}, output)

    def record(
        self,
        batch: Batch,
        metadata: BatchMetadata,
        activations: Mapping[str, np.ndarray],
        output: Any,
        *,
        pinned: bool = False,
    ) -> BatchRecord:
        """What a batch gives, once the model has run on it.

        Arguments:
            metadata: of its instances.
            activations: by layer, float32 [instances, neurons].
            output: of the model.
            pinned: whether they are pinned instances.
        """
        all_labels = _as_labels(batch.labels)
        labels = self._labels.convert(self.score.labels_of(all_labels))
        self.score.check(labels, self._width)
        positions = labels.shape[1] if labels is not None and labels.ndim == 2 and self._tokens else None
        scores = _scores(self.score.of(output, batch.instances), batch.instances, positions)
        reduced: np.ndarray | TokenScores | None = scores
        if scores is not None and labels is not None and positions is not None:
            mask = None if batch.mask is None or batch.mask.shape != labels.shape else batch.mask
            reduced = token_scores(scores, labels, mask, self._shift)
        columns = self._further.columns(output, batch.instances, all_labels) | dict(metadata.columns or {})
        padding = self._padding_runs(batch, labels) if isinstance(reduced, TokenScores) else PaddingRuns()
        record = BatchRecord(
            activations,
            metadata.ids,
            labels,
            reduced,
            columns,
            metadata.texts,
            pinned=pinned,
            doubts=Doubts(padding),
        )
        shown = _displayed_input(batch)
        if self._audio is not None:
            return replace(record, audio=read_audio(self._audio, batch.raw, shown, as_array, channels="last"))
        first = shown is not None and shown.ndim == 4 and shown.shape[1] in CHANNELS and shown.shape[3] not in CHANNELS
        return replace(record, inputs=shown, channels="first" if first else "last")

    @staticmethod
    def _padding_runs(batch: Batch, labels: np.ndarray | None) -> PaddingRuns:
        """What looks like padding among the tokens whose labels are scored, where no mask tells it."""
        if labels is None or (batch.mask is not None and batch.mask.shape == labels.shape):
            return PaddingRuns()
        fitting = (one for one in batch.arrays if one.shape == labels.shape and one.dtype.kind in "iu")
        tokens = next(fitting, None)
        return PaddingRuns() if tokens is None else PaddingRuns.of(tokens, labels >= 0, advice=_ADVICE)


class PassReader:
    """Reads instance ids and columns, batch by batch, in one pass over the data."""

    def __init__(self, metadata: InstanceMetadata, content_ids: ContentIds | None) -> None:
        self._metadata, self._content_ids = metadata, content_ids
        self._position = 0

    def read(self, batch: Batch) -> BatchMetadata:
        """Ids, columns and texts of the next batch."""
        metadata = self._metadata.for_batch(batch.raw, self._position, batch.instances)
        self._position += batch.instances
        ids: Any = as_array(metadata.ids) if is_array(metadata.ids) else metadata.ids
        if ids is None and self._content_ids is not None:
            ids = [self._content_ids.instance_id(_content(batch, row)) for row in range(batch.instances)]
        columns: dict[str, Any] = {}
        for inputs in (batch.kwargs, *(value for value in batch.args if isinstance(value, Mapping))):
            columns |= named_features(inputs, batch.instances, as_array)
        for name, values in (metadata.columns or {}).items():
            columns[name] = as_array(values) if is_array(values) else values
        return BatchMetadata(ids, columns, batch.texts)

    def end(self) -> None:
        """Ends the pass; raises ActiVisError if the user gave more ids or columns than there are instances."""
        self._metadata.check_all_used(self._position)


def _scores(output: Any, instances: int, positions: int | None = None) -> np.ndarray | None:
    """An output as one score per class, or one number, for each instance; None if it is something else.

    Arguments:
        positions: how many positions of each instance have labels; scores are then [instances, positions, classes].
    """
    array = None if output is None else np.asarray(output)
    if array is None or array.shape[:1] != (instances,) or array.dtype.kind == "c":
        return None
    fits = array.ndim in (1, 2) if positions is None else array.ndim == 3 and array.shape[1] == positions
    return array.astype(np.float32) if fits else None


def _as_labels(labels: Any) -> Any:
    """Labels without the framework's arrays, one by one in a list too."""
    if isinstance(labels, Mapping):
        return {name: _as_labels(one) for name, one in labels.items()}
    if isinstance(labels, list | tuple) and labels and all(map(is_array, labels)):
        return [as_array(label).tolist() for label in labels]
    return as_array(labels) if is_array(labels) else labels


def _displayed_input(batch: Batch) -> np.ndarray | None:
    """The input to show as content, [instances, ...]; None if no input has a batch axis."""
    named = [batch.kwargs[name] for name in _DISPLAYED if name in batch.kwargs]
    for values in [*named, *batch.arrays]:
        if batch.instances in np.shape(values):
            array: np.ndarray = np.moveaxis(values, values.shape.index(batch.instances), 0)
            return array if array.dtype.kind in "biuf" else array.astype(np.float32)  # bfloat16
    return None


def _content(batch: Batch, row: int) -> list[np.ndarray]:
    """The inputs of one instance, without its padding, which depends on the other instances of the batch."""
    mask = batch.mask
    return [
        values[row][mask[row]]
        if mask is not None and values.ndim > 1 and values.shape[1] == mask.shape[1]
        else np.asarray(values[row])
        for values in batch.arrays
        if values.shape[:1] == (batch.instances,)
    ]


def _labelled_positions(labels: Any) -> int | None:
    """Number of labelled positions per instance, for integer labels [instances, positions]; None for other labels."""
    array = as_array(labels) if is_array(labels) else np.empty(0)
    return array.shape[1] or None if array.ndim == 2 and array.dtype.kind in "iu" else None
