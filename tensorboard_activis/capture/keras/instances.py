"""Reads ids, labels, outputs, content, texts and columns of Keras batches, as a `BatchRecord`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from tensorboard_activis.capture.adapter import check_of_first_batch
from tensorboard_activis.capture.batch_positions import BatchPositions
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.further_scores import FurtherScores
from tensorboard_activis.capture.graph.outputs import OutputFlow
from tensorboard_activis.capture.instances.audio import Audio, AudioSource, read_audio
from tensorboard_activis.capture.instances.content_ids import ContentIds
from tensorboard_activis.capture.instances.doubts import Doubts
from tensorboard_activis.capture.instances.metadata import BatchMetadata, InstanceMetadata
from tensorboard_activis.capture.instances.padding_runs import PaddingRuns
from tensorboard_activis.capture.instances.token_texts import TokenTexts
from tensorboard_activis.capture.instances.training_data import with_training_columns
from tensorboard_activis.capture.instances.user_columns import named_features
from tensorboard_activis.capture.keras.data.batches import Batch, as_array
from tensorboard_activis.capture.keras.data.datasets import DatasetData
from tensorboard_activis.capture.keras.data.evaluation_data import ArrayData
from tensorboard_activis.capture.keras.data.outputs import content, image_channels, loss_names, output_arrays
from tensorboard_activis.capture.keras.depth.blocks import BlockRow
from tensorboard_activis.capture.keras.depth.reader import DepthReader
from tensorboard_activis.capture.keras.depth.tail import Tail
from tensorboard_activis.capture.keras.forward import Captured
from tensorboard_activis.capture.options import InstanceOptions, SharedOptions
from tensorboard_activis.capture.score_output import ScoreOutput, name_of
from tensorboard_activis.capture.sequence_tokens import sequence_tokens
from tensorboard_activis.capture.tasks.labels import Labels, check_width
from tensorboard_activis.capture.tasks.next_tokens import next_token_shift
from tensorboard_activis.capture.tasks.repeated import Repeated
from tensorboard_activis.capture.tasks.tokens import TokenScores, token_scores
from tensorboard_activis.errors import ActiVisError, ConfigurationError

#: How padding is told.
_ADVICE = (
    "If they are padding: Embedding(mask_zero=True), a Masking layer or a mask that the layers are given says so, and labels of "
    "padding are -100."
)
#: One text, or a list of words, per instance.
Texts = Callable[[Any], Sequence[Any]] | Sequence[Any]


class InstanceDescription:
    """Instance metadata, texts and audio of the user: `id`, `columns`, `texts` and `audio`, as in `ActiVisCallback`.

    Raises:
        ConfigurationError: an argument is wrong, or does not fit the others or the data.
    """

    def __init__(self, data: ArrayData | DatasetData, options: InstanceOptions, texts: Any) -> None:
        self.metadata = InstanceMetadata(options["id"], options["columns"])
        self.metadata.check(None if data.bounded else data.instances, fixed_order=data.fixed_order)
        self.audio = options["audio"]
        self.texts: Texts | None = texts
        if texts is None or callable(texts):
            return
        if isinstance(texts, str) or not hasattr(texts, "__len__") or not hasattr(texts, "__getitem__"):
            raise ConfigurationError(
                f"texts must be one text per instance, in the order of x, or a function of a batch; got {texts!r:.60}."
            )
        if not data.fixed_order or not (data.bounded or data.instances in (None, len(texts))):
            raise ConfigurationError(
                f"texts has {len(texts)} values, one for each instance in the order of x; but x holds {data.instances} instances."
                if data.fixed_order
                else "texts goes by the order of x, which comes shuffled. Give texts as a function of a batch."
            )


class InstanceReader:
    """Reads labels, outputs and content of batches, for one model.

    Arguments:
        first: the first batch of the data.
        captured: activations and outputs of this batch.
        flow: of the model's graph.

    Attributes:
        score: which output of the model is the score.
        problem: message that says why the labels or outputs cannot be used; "" if they can.

    Raises:
        ConfigurationError: labels, names and the model's output do not fit each other.
    """

    def __init__(
        self,
        model: Any,
        description: InstanceDescription,
        data: ArrayData | DatasetData,
        first: Batch,
        captured: Captured,
        options: SharedOptions,
        flow: OutputFlow,
    ) -> None:
        class_names, task = options["class_names"], options["task"]
        self._task, self._half = task, model.compute_dtype in ("float16", "bfloat16")
        self._description, self._names = description, TokenTexts()
        self._by_position = data.by_position
        labels = _by_output(first.labels if data.labels is None else data.labels)
        names = getattr(model, "output_names", None) or ()
        self.score = ScoreOutput(captured.outputs, output_arrays, first.instances, labels, options, flow, names=names)
        self._further = FurtherScores(self.score, _score_array)
        output, labels = self.score.of(captured.outputs, first.instances), self.score.labels_of(labels)
        rank = 0 if output is None else output.ndim
        self._tokens = rank == 3 and task in (None, "tokens") and (task is not None or _per_token(labels, output))
        width = self._width = output.shape[-1] if rank == 2 or self._tokens else None
        if task not in ("none", "regression", "ranking"):
            check_width(class_names, width)
        self._labels = Labels(class_names, labels, width, task, positions=self._tokens, loss=loss_names(model))
        self.problem = self.score.problem or self._labels.problem
        tokens = self._labels.convert(self.score.labels_of(_by_output(first.labels))) if self._tokens else None
        self._shift = (
            None
            if self.problem or tokens is None or tokens.ndim != 2
            else next_token_shift(map(as_array, keras.tree.flatten(first.inputs)), tokens)
        )

    def metadata_reader(self) -> "MetadataReader":
        """A reader of instance metadata for one pass over the data."""
        metadata = self._description.metadata
        return MetadataReader(self, metadata, self._description.texts, not (self._by_position or metadata.has_ids))

    def pinned_metadata_reader(self) -> "MetadataReader":
        """A reader for the pinned instances, whose ids, columns and texts come only from functions of a batch."""
        texts = self._description.texts
        return MetadataReader(
            self, self._description.metadata.functions_only, texts if callable(texts) else None, False
        )

    def labels(self, batch: Batch) -> np.ndarray | None:
        """The labels of the score's output, as class indices or whatever they are; None without."""
        return self._labels.convert(self.score.labels_of(_by_output(batch.labels)))

    def depth_reader(self, row: BlockRow | None, tail: Tail | None, probabilities: bool | None) -> DepthReader | None:
        """What reads prediction by depth; None where instances have no single class or next token."""
        is_class = (
            not self._tokens and self._labels.kind in ("classes", None) and self._task in (None, "classification")
        )
        wanted = self._shift is not None or (is_class and self._width is not None)
        if row is None or not wanted or self.problem or self.score.path is None:
            return None
        return DepthReader(row, tail, self.score.path, self._shift, probabilities, half=self._half)

    def first(self, batch: Batch, captured: Captured) -> BatchRecord:
        """The record, without activations, of the first batch.

        Raises:
            ConfigurationError: a function that the user gave fails.
        """
        with check_of_first_batch():
            return replace(self.record(batch, self.metadata_reader().read(batch), captured), activations={})

    def record(self, batch: Batch, metadata: BatchMetadata, captured: Captured, *, pinned: bool = False) -> BatchRecord:
        """What a batch gives, once the model has run on it.

        Raises:
            ActiVisError: the number of labels is not that of the instances.
        """
        output = self.score.of(captured.outputs, batch.instances)
        all_labels, labels = _by_output(batch.labels), self.labels(batch)
        if labels is not None and len(labels) != batch.instances:
            raise ActiVisError(f"A batch has {batch.instances} instances but {len(labels)} labels.")
        self.score.check(labels, self._width)
        scores: np.ndarray | TokenScores | None = output
        if self._tokens and output is not None:
            mask = dict(output_arrays(captured.masks)).get(self.score.path or "")
            scores = token_scores(output, labels, mask, self._shift)
        columns = self._further.columns(captured.outputs, batch.instances, all_labels) | dict(metadata.columns or {})
        record = BatchRecord(captured.activations, metadata.ids, labels, scores, columns, metadata.texts, pinned=pinned)
        if self._description.audio is not None:
            return replace(record, audio=self._waveforms(self._description.audio, batch))
        inputs = content(batch.inputs)
        return replace(record, inputs=inputs, channels=image_channels(inputs))

    def with_positions(
        self, record: BatchRecord, batch: Batch, captured: Captured, positions: Mapping[str, BatchPositions] | None
    ) -> BatchRecord:
        """With positions, the tokens of sequences, and what is not told of these."""
        ids = _token_ids(batch)
        masks = [each["real"] for each in captured.positions.values() if "real" in each]
        real = next((each for each in masks if ids is not None and each.shape == ids.shape), None)

        def of_instance(index: int) -> list[int]:
            assert ids is not None
            found: list[int] = (ids[index] if real is None else ids[index][real[index]]).tolist()
            return found

        words = None if isinstance(record.texts, Repeated) else record.texts
        tokens, unfit = sequence_tokens(positions or {}, words, None if ids is None else of_instance, self._names, real)
        doubts = Doubts(_padding_runs(record, ids, masks, self._padding_is_told(captured)), unfit)
        return replace(record, positions=positions, tokens=tokens, doubts=doubts)

    def _padding_is_told(self, captured: Captured) -> bool:
        """Whether the model's score comes with a mask that has padding."""
        mask = dict(output_arrays(captured.masks)).get(self.score.path or "")
        return mask is not None and not mask.all()

    def _waveforms(self, source: AudioSource, batch: Batch) -> Audio:
        return read_audio(source, batch.raw, content(batch.inputs), as_array, channels="last")


class MetadataReader:
    """Reads ids, columns and texts of each batch in one pass over the data."""

    def __init__(
        self, instances: InstanceReader, metadata: InstanceMetadata, texts: Texts | None, by_content: bool
    ) -> None:
        self._instances, self._metadata, self._texts = instances, metadata, texts
        self._content_ids = ContentIds() if by_content else None
        self._seen = 0

    def read(self, batch: Batch) -> BatchMetadata:
        """Ids, columns and texts of the next batch."""
        metadata = self._metadata.for_batch(batch.raw, self._seen, batch.instances)
        ids = metadata.ids
        if ids is None and self._content_ids is not None:
            ids = self._content_ids.for_batch(*keras.tree.flatten(batch.inputs))
        texts = self._texts
        if texts is None:
            texts = _strings(batch)
        elif callable(texts):
            texts = texts(batch.raw)
        else:
            texts = texts[self._seen : self._seen + batch.instances]
        self._seen += batch.instances
        features = named_features(batch.inputs, batch.instances, as_array) if isinstance(batch.inputs, Mapping) else {}
        columns = {name: _without_tensors(values) for name, values in (metadata.columns or {}).items()}
        contents = zip(*keras.tree.flatten(batch.inputs), strict=True)
        return BatchMetadata(
            None if ids is None else _without_tensors(ids),
            with_training_columns(features | columns, self._metadata.training, contents),
            None if texts is None else [_text(text) for text in _without_tensors(texts)],
        )

    def end(self, *, complete: bool = True) -> None:
        """Checks at the end of the pass that all values in the order of the data were used.

        Arguments:
            complete: whether all of the data was read.

        Raises:
            ActiVisError: there were fewer instances than values.
        """
        if not complete:
            return
        self._metadata.check_all_used(self._seen)
        texts = self._texts
        if texts is not None and not callable(texts) and self._seen < len(texts):
            raise ActiVisError(f"texts has {len(texts)} values, but x held {self._seen} instances.")


def _score_array(output: np.ndarray | None, instances: int) -> np.ndarray | None:
    return output if output is not None and output.ndim in (1, 2) else None


def _by_output(labels: Any) -> Any:
    """Labels as they are, or a mapping of those of several outputs, by name or position."""
    if not isinstance(labels, dict | list | tuple):
        return labels
    return {name_of("".join(f"[{step}]" for step in path)): each for path, each in keras.tree.flatten_with_path(labels)}


def _per_token(labels: Any, output: np.ndarray) -> bool:
    """Whether there is a whole number or a one-hot vector for each position of the output."""
    if labels is None:
        return False
    labels = np.asarray(labels)
    classes = labels[..., 0] if labels.ndim == 3 and labels.shape[2] == 1 else labels
    whole = classes.dtype.kind in "iu" or (classes.dtype.kind == "f" and bool((classes == np.round(classes)).all()))
    return whole and classes.ndim in (2, 3) and classes.shape[1:] == output.shape[1 : classes.ndim]


def _token_ids(batch: Batch) -> np.ndarray | None:
    """The first input that may be token ids, [instances, positions]."""
    inputs = keras.tree.flatten(batch.inputs)
    return next((each for each in inputs if each.dtype.kind in "iu" and each.ndim == 2), None)


def _padding_runs(
    record: BatchRecord, ids: np.ndarray | None, masks: Sequence[np.ndarray], is_masked: bool
) -> PaddingRuns:
    """What looks like padding among token ids whose positions count, in layers with these masks or by their labels."""
    if ids is None:
        return PaddingRuns()
    fitting = [mask for mask in masks if mask.shape == ids.shape]
    counted = bool(fitting) or isinstance(record.outputs, TokenScores)
    if is_masked or not counted or not all(mask.all() for mask in fitting):
        return PaddingRuns()
    labelled = None if record.labels is None or record.labels.shape != ids.shape else record.labels >= 0
    return PaddingRuns.of(ids, labelled, advice=_ADVICE)


def _strings(batch: Batch) -> list[Any] | None:
    """The first input with one text per instance, as of a model with a TextVectorization layer; None if there is none."""
    for values in keras.tree.flatten(batch.inputs):
        if values.dtype.kind in "OSU" and values.shape in ((batch.instances,), (batch.instances, 1)):
            return list(values.reshape(-1))
    return None


def _without_tensors(values: Any) -> Any:
    """Converts tensors to arrays; other values stay."""
    return as_array(values) if hasattr(values, "shape") else values


def _text(text: Any) -> Any:
    """Converts a text or a list of words to strings; bytes are decoded as UTF-8, as in TensorFlow."""
    if isinstance(text, bytes):
        return text.decode("utf-8", "replace")
    if isinstance(text, str) or not isinstance(text, list | tuple | np.ndarray):
        return str(text)
    return [_text(word) for word in text]
