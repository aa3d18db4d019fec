"""Instance ids, labels, outputs, content and columns of torch batches, as a `BatchRecord`."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from tensorboard_activis.capture.adapter import check_of_first_batch
from tensorboard_activis.capture.batch_positions import BatchPositions
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.data.batch_forms import LABEL_KEYS, is_graph
from tensorboard_activis.capture.depth import TextsOfTokens
from tensorboard_activis.capture.further_scores import FurtherScores
from tensorboard_activis.capture.graph.outputs import OutputFlow
from tensorboard_activis.capture.instances.audio import Audio, AudioSource, read_audio
from tensorboard_activis.capture.instances.contents import Contents
from tensorboard_activis.capture.instances.doubts import Doubts
from tensorboard_activis.capture.instances.metadata import (
    BatchMetadata,
    InstanceMetadata,
    checked_ids,
)
from tensorboard_activis.capture.instances.thumbnails import CHANNELS
from tensorboard_activis.capture.instances.token_texts import TokenTexts
from tensorboard_activis.capture.instances.training_data import with_training_columns
from tensorboard_activis.capture.instances.user_columns import UserColumns, named_features
from tensorboard_activis.capture.options import SharedOptions
from tensorboard_activis.capture.score_output import ScoreOutput
from tensorboard_activis.capture.sequence_tokens import sequence_tokens
from tensorboard_activis.capture.tasks.labels import Labels, check_width
from tensorboard_activis.capture.tasks.next_tokens import next_token_shift
from tensorboard_activis.capture.tasks.repeated import Repeated
from tensorboard_activis.capture.tasks.tokens import TokenScores
from tensorboard_activis.capture.torch.data.batch import Batch, all_tensors
from tensorboard_activis.capture.torch.data.content_ids import ContentIds, contents
from tensorboard_activis.capture.torch.data.instance_order import InstanceIndices, InstanceOrder
from tensorboard_activis.capture.torch.data.scores import as_scores, score_tensors
from tensorboard_activis.capture.torch.data.tokens import torch_token_scores
from tensorboard_activis.capture.torch.data.untold_padding import padding_of_texts

#: Names of the input to show as content, where there are several inputs.
_DISPLAYED = ("pixel_values", "input_ids", "x", "inputs", "input", "image", "images")


class BatchReader(ABC):
    """Reads what is recorded of batches, besides activations.

    Attributes:
        score: which output of the model is the score.
        problem: message that says why the labels or outputs cannot be used; "" if they can.
    """

    score: ScoreOutput
    problem: str

    def first(self, batch: Batch, reader: "PassReader", output: Any, instances: int) -> BatchRecord:
        """The record, without activations, of the first instances of the first batch.

        Arguments:
            reader: of ids and columns, at its beginning.
            output: the model's output for these.
            instances: how many.

        Raises:
            ConfigurationError: a function that the user gave fails.
        """
        with check_of_first_batch():
            metadata = reader.read(batch)
            # Checked for the whole batch, before the first instances are taken.
            Contents().columns_of_batch(batch.instances, texts=metadata.texts)
            ids = None if metadata.ids is None else checked_ids(metadata.ids, batch.instances).tolist()
            columns = UserColumns().convert(metadata.columns, batch.instances)
            metadata = BatchMetadata(
                None if ids is None else ids[:instances],
                {name: values[:instances] for name, values in columns.items()},
                None if metadata.texts is None else list(metadata.texts)[:instances],
            )
            return self.record(batch, metadata, {}, output, instances)

    def with_positions(
        self, record: BatchRecord, batch: Batch, positions: Mapping[str, BatchPositions] | None
    ) -> BatchRecord:
        """The record, with where in the input the layers' neurons are active, if that is recorded."""
        return replace(record, positions=positions)

    @abstractmethod
    def record(
        self,
        batch: Batch,
        metadata: BatchMetadata,
        activations: Mapping[str, np.ndarray],
        output: Any,
        instances: int | None = None,
        *,
        pinned: bool = False,
    ) -> BatchRecord:
        """What a batch gives, once the model has run on it.

        Arguments:
            metadata: of these instances, or of the sequences that they are positions of.
            activations: by layer, float32 [instances, neurons].
            output: the model's output.
            instances: number of instances or sequences that `output` is of, the first of the batch; None: all of the batch.
            pinned: whether they are pinned instances.
        """

    def rows(
        self, batch: Batch, activations: Mapping[str, torch.Tensor], failures: dict[str, str]
    ) -> tuple[Mapping[str, torch.Tensor], int]:
        """Those layers that have a row for each instance, [instances, neurons], and the number of instances.

        Arguments:
            activations: by layer, what the hooks kept.
            failures: layers that are left out from this pass on, with the reason; others are added.
        """
        return activations, batch.instances


class InstanceReader(BatchReader):
    """Reads instance ids, labels, outputs, content and columns out of batches.

    Arguments:
        first: the first batch of the data.
        output: the model's output for the first `instances` instances of that batch.
        options: of `ActiVisLogger`.
        flow: of the model's graph.
        highest: class index that is known of earlier passes; -1 if none is.

    Attributes:
        score: which output of the model is the score.
        problem: message that says why the labels or outputs cannot be used; "" if they can.

    Raises:
        ConfigurationError: labels, class names and task do not fit each other or the model.
    """

    def __init__(
        self,
        first: Batch,
        output: Any,
        instances: int,
        options: SharedOptions,
        flow: OutputFlow,
        highest: int = -1,
    ) -> None:
        class_names, task, audio = options["class_names"], options["task"], options["audio"]
        self._names = TokenTexts(options.get("tokenizer"))
        self._audio, self._task = audio, task
        labels = labels_of(first)
        self.score = ScoreOutput(output, score_tensors, instances, labels, options, flow, highest)
        self._further = FurtherScores(self.score, _score_array)
        first, labels = replace(first, labels=self.score.labels_of(first.labels)), self.score.labels_of(labels)
        self._labelled_positions = _labelled_positions(first.labels) if task in (None, "tokens") else None
        score = self.score.of(output, instances)
        scores = as_scores(score, instances, self._labelled_positions)
        if scores is None and self._labelled_positions is not None:
            self._labelled_positions, scores = None, as_scores(score, instances)
        width = None if scores is None else (1 if scores.dim() == 1 else scores.shape[-1])
        self._width = width
        if task not in ("none", "regression", "ranking"):
            check_width(class_names, width)
        self._labels = Labels(class_names, labels, width, task, positions=self._labelled_positions is not None)
        self.problem = self.score.problem or self._labels.problem
        self._shift = shift_of_labels(first) if self._labels.kind == "positions" else None
        if audio is not None and first.raw is not None:  # not a batch of another process
            self._audio_of(audio, first)

    @property
    def shift(self) -> int | None:
        """Of the labels of a language model; see `next_token_shift`. None for other models."""
        return self._shift

    @property
    def texts_of_tokens(self) -> TextsOfTokens | None:
        """Gives the texts of tokens that a language model predicts; None of other models, and without a tokenizer."""
        return None if self._shift is None or not self._names.are_known else self._names.of

    def logits(self, output: Any, instances: int) -> torch.Tensor | None:
        """The score of each class, or of each next token, of a batch; None where instances have no such single label."""
        score = self.score.of(output, instances)
        if score is None or not isinstance(score, torch.Tensor) or self._width is None:
            return None
        if self._shift is not None:
            return score if score.dim() == 3 else None
        is_class = self._labelled_positions is None and self._labels.kind in ("classes", None) and not self.problem
        return score if is_class and self._task in (None, "classification") and score.dim() in (1, 2) else None

    def record(
        self,
        batch: Batch,
        metadata: BatchMetadata,
        activations: Mapping[str, np.ndarray],
        output: Any,
        instances: int | None = None,
        *,
        pinned: bool = False,
    ) -> BatchRecord:
        selection = slice(instances)
        all_labels = labels_of(batch)
        labels = self._labels.convert(self.score.labels_of(all_labels))
        positions = (
            labels.shape[1]
            if labels is not None and labels.ndim == 2 and self._labelled_positions is not None
            else None
        )
        self.score.check(labels, self._width)
        labels = None if labels is None else labels[selection]
        count = instances or batch.instances
        scores = as_scores(self.score.of(output, count), count, positions)
        outputs: np.ndarray | TokenScores | None = None
        if scores is not None and positions is not None:
            label_tensor = torch.from_numpy(labels)
            mask = None if batch.mask is None else batch.mask[selection].to(scores.device)
            outputs = torch_token_scores(scores, label_tensor, mask, self._shift)
        elif scores is not None:
            outputs = scores.float().numpy(force=True)
        elif self._width is not None and positions is None:  # this batch has none, others have: they are unknown
            outputs = np.full((count, self._width), np.nan, np.float32)
        columns = self._further.columns(output, count, all_labels) | dict(metadata.columns or {})
        record = BatchRecord(activations, metadata.ids, labels, outputs, columns, metadata.texts, pinned=pinned)
        if self._audio is not None:
            waves, rate = self._audio_of(self._audio, batch)
            return replace(record, audio=(waves[selection], rate))
        shown = displayed_input(batch)
        if shown is None:
            return record
        channels_last = shown.ndim == 4 and shown.shape[1] not in CHANNELS and shown.shape[3] in CHANNELS
        return replace(record, inputs=shown[selection], channels="last" if channels_last else "first")

    def with_positions(
        self, record: BatchRecord, batch: Batch, positions: Mapping[str, BatchPositions] | None
    ) -> BatchRecord:
        """With the tokens of sequences as well, and what is not told of these."""
        tokens = _token_ids(batch)

        def ids(index: int) -> list[int]:
            assert tokens is not None
            row = (
                tokens[index] if batch.mask is None else tokens[index][batch.mask[index].to(tokens.device, torch.bool)]
            )
            found: list[int] = row.tolist()
            return found

        words = None if isinstance(record.texts, Repeated) else record.texts
        mask = None if batch.mask is None or words is None else batch.mask.bool().numpy(force=True)
        found, unfit = sequence_tokens(positions or {}, words, None if tokens is None else ids, self._names, mask)
        doubts = Doubts(padding_of_texts(record, batch, tokens, (positions or {}).values()), unfit)
        return replace(record, positions=positions, tokens=found, doubts=doubts)

    def _audio_of(self, source: AudioSource, batch: Batch) -> Audio:
        return read_audio(source, batch.raw, None if callable(source) else displayed_input(batch), _array)


class PassReader:
    """Reads instance ids and columns, batch by batch, in one pass over the data.

    Arguments:
        metadata: the user's ids and columns.
        order: how the instances are identified where these have no ids; None for pinned instances.
        of_positions: whether these are sequences, whose positions are the instances; they always have ids.
    """

    def __init__(self, metadata: InstanceMetadata, order: InstanceOrder | None, *, of_positions: bool = False) -> None:
        self._of_positions, self._is_pinned = of_positions, order is None
        self._metadata = metadata if order is not None else metadata.functions_only
        self._content_ids = ContentIds() if order is not None and order.by_content and not metadata.has_ids else None
        self._indices = InstanceIndices(None, for_user_data=False, are_ids=False) if order is None else order.begin()
        self._position = 0
        self._features: list[str] | None = None

    def read(self, batch: Batch) -> BatchMetadata:
        """Ids, columns and texts of the next batch. Called before the batch is moved to another device."""
        start, count = self._position, batch.instances
        metadata = self._metadata.for_batch(batch.raw, start, count, self._indices.for_user_data(start, count))
        self._position += count
        ids = metadata.ids
        if ids is None:
            ids = (
                self._content_ids.for_batch(batch) if self._content_ids is not None else self._indices.ids(start, count)
            )
        ids = ids.tolist() if isinstance(ids, torch.Tensor) else ids
        if ids is None and self._of_positions:
            numbers = range(start, start + count)
            ids = [-1 - number if self._is_pinned else number for number in numbers]
        features: dict[str, Any] = dict(_features(batch))
        if self._features is None:
            self._features = list(features)
        # In a batch whose longest text is of one token, what holds tokens looks like a number per instance.
        features = {name: features.get(name, [None] * count) for name in self._features}
        columns = features | {
            name: _array(each) if isinstance(each, torch.Tensor) else each
            for name, each in (metadata.columns or {}).items()
        }
        columns = with_training_columns(columns, self._metadata.training, contents(batch, labels=False))
        return BatchMetadata(ids, columns, batch.texts)

    def skip(self, batch: Batch) -> None:
        """Skips a batch that another process evaluates."""
        self._position += batch.instances

    def end(self) -> None:
        """Ends the pass.

        Raises:
            ActiVisError: the user gave more ids or columns than there are instances.
        """
        if self._indices.for_user_data(0, 0) is None:
            self._metadata.check_all_used(self._position)


def _token_ids(batch: Batch) -> torch.Tensor | None:
    """The token ids among the inputs, int [instances, positions]."""
    for tensor in all_tensors([batch.kwargs.get("input_ids"), batch.args]):
        is_ids = not tensor.is_nested and tensor.dim() == 2 and tensor.dtype in (torch.int64, torch.int32)
        fits = batch.mask is None or tensor.shape == batch.mask.shape
        if is_ids and fits and tensor.shape[0] == batch.instances:
            return tensor
    return None


def _score_array(tensor: torch.Tensor | None, instances: int) -> np.ndarray | None:
    scores = as_scores(tensor, instances)
    return None if scores is None else scores.float().numpy(force=True)


def displayed_input(batch: Batch) -> np.ndarray | None:
    """The input to show as content, [instances, ...]; None if no input has a batch axis."""
    named = [batch.kwargs[name] for name in _DISPLAYED if name in batch.kwargs]
    for tensor in all_tensors([named, batch.args, batch.kwargs]):
        if tensor.is_nested or tensor.layout is not torch.strided or not tensor.dim():
            continue
        axes = range(1 if is_graph(batch.raw) else tensor.dim())
        batch_axes = [axis for axis in axes if tensor.shape[axis] == batch.instances]
        if batch_axes:
            values = tensor.movedim(batch_axes[0], 0)
            return (values.float() if values.is_floating_point() else values).numpy(force=True)
    return None


def _features(batch: Batch) -> dict[str, np.ndarray]:
    """Named inputs with one number per instance, without the labels, which some models take."""
    columns: dict[str, np.ndarray] = {}
    for inputs in (batch.kwargs, *(value for value in batch.args if isinstance(value, Mapping))):
        inputs = {name: value for name, value in inputs.items() if value is not batch.labels}
        columns |= named_features(inputs, batch.instances, _array)
    return columns


def _array(values: Any) -> np.ndarray:
    """A tensor, of any type and on any device, or anything else as an array."""
    if not isinstance(values, torch.Tensor):
        return np.asarray(values)
    return (values.float() if values.dtype == torch.bfloat16 else values).numpy(force=True)


def labels_of(batch: Batch) -> Any:
    """The labels of a batch, as arrays where they are tensors."""
    labels = batch.labels
    if isinstance(labels, Mapping):
        return {name: labels_of(replace(batch, labels=one)) for name, one in labels.items()}
    if isinstance(labels, (list, tuple)) and labels and all(isinstance(label, torch.Tensor) for label in labels):
        return [label.tolist() for label in labels]
    if isinstance(labels, torch.Tensor):
        return _array(labels.float() if labels.dtype == torch.float16 else labels)
    return labels


def _labelled_positions(labels: Any) -> int | None:
    """Number of labelled positions per instance, for integer labels [instances, positions]; None for other labels."""
    if isinstance(labels, (torch.Tensor, np.ndarray)) and labels.ndim == 2 and labels.shape[1] > 0:
        whole = not labels.is_floating_point() if isinstance(labels, torch.Tensor) else labels.dtype.kind in "iu"
        return int(labels.shape[1]) if whole else None
    return None


def shift_of_labels(batch: Batch) -> int | None:
    """`next_token_shift` of a batch. The model may get the labels as well: after its tokens, or under a name."""
    named = {name: value for name, value in batch.kwargs.items() if name not in LABEL_KEYS}
    inputs = all_tensors([batch.args, named])
    tokens_too = sum(each is batch.labels for each in all_tensors(batch.raw)) > 1  # one tensor is both
    first = all_tensors([batch.args])[:1]
    labels = torch.as_tensor(batch.labels)
    tensors = [
        tensor
        for tensor in [*first, *(each for each in inputs if tokens_too or each is not batch.labels)]
        if tensor.shape == labels.shape and not tensor.is_floating_point()
    ]
    return next_token_shift(map(_array, tensors), _array(labels))
