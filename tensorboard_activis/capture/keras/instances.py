"""What is known of the instances of Keras batches besides their activations, in the form that the recorder takes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from tensorboard_activis.capture.content_ids import ContentIds
from tensorboard_activis.capture.instance_metadata import InstanceMetadata
from tensorboard_activis.capture.keras.batches import Batch, as_array
from tensorboard_activis.capture.keras.data import ArrayData
from tensorboard_activis.capture.keras.datasets import DatasetData
from tensorboard_activis.capture.keras.forward import Captured
from tensorboard_activis.capture.keras.labels import Labels, check_width
from tensorboard_activis.capture.keras.outputs import content, image_channels, loss_names, watched
from tensorboard_activis.capture.tasks import TaskEvaluator
from tensorboard_activis.capture.tokens import TokenScores, token_scores
from tensorboard_activis.capture.user_columns import RESERVED
from tensorboard_activis.errors import ActiVisError, ConfigurationError
from tensorboard_activis.printable import printable

#: One text, or a list of words, per instance.
Texts = Callable[[Any], Sequence[Any]] | Sequence[Any]
#: Values per second of inputs that are waveforms, or a function of a batch that returns waveforms and that number.
Audio = int | Callable[[Any], tuple[Any, int]]


class Described:
    """What users say of their instances: `id`, `columns`, `texts` and `audio`, as in `ActiVisCallback`.

    Raises:
        ConfigurationError: they do not fit each other or the data.
    """

    def __init__(self, data: ArrayData | DatasetData, id: Any, columns: Any, texts: Any, audio: Any) -> None:
        self.given = InstanceMetadata(id, columns)
        self.given.check(None if data.bounded else data.instances, fixed_order=data.fixed_order)
        if audio is not None and (isinstance(audio, bool) or not (isinstance(audio, int) or callable(audio))):
            raise ConfigurationError(
                "audio must be the number of values per second, where inputs are waveforms, or a function of a batch that "
                f"returns (waveforms, that number); got {audio!r:.60}."
            )
        self.audio: Audio | None = audio
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


class Instances:
    """Reads labels, outputs, content and columns out of batches, for one model.

    Arguments:
        first: batch of the data, and what the model `captured` of it. known: all labels, where they are at hand.

    Raises:
        ConfigurationError: labels, names and the model's output do not fit each other.
    """

    def __init__(
        self,
        model: Any,
        described: Described,
        data: ArrayData | DatasetData,
        first: Batch,
        captured: Captured,
        class_names: Sequence[str] | None,
        task: str | None,
        probabilities: bool | None,
    ) -> None:
        self._described = described
        self._by_position = data.by_position
        output, labels = watched(captured.outputs, first.labels if data.labels is None else data.labels)
        self._tokens = (
            output.ndim == 3 and task in (None, "tokens") and (task is not None or _per_token(labels, output))
        )
        width = output.shape[-1] if output.ndim == 2 or self._tokens else None
        if task not in ("none", "regression", "ranking"):
            check_width(class_names, width)
        self._labels = Labels(
            labels, class_names, width=width, loss=loss_names(model), task=task, positions=self._tokens
        )
        if described.audio is not None:
            self._sound(first)
        found = self.of(first, captured)
        TaskEvaluator(class_names, task, probabilities).evaluate(found["outputs"], found["labels"])

    def begin(self) -> "Reading":
        """What lasts for one pass over the data."""
        given = self._described.given
        return Reading(self, given, self._described.texts, not (self._by_position or given.has_ids))

    def begin_pinned(self) -> "Reading":
        """The same for pinned instances, which have ids, columns and texts only by functions of a batch."""
        texts = self._described.texts
        return Reading(self, self._described.given.functions_only, texts if callable(texts) else None, False)

    def of(self, batch: Batch, captured: Captured) -> dict[str, Any]:
        """What `SnapshotCollector.add` takes, but ids, texts and columns.

        Raises:
            ActiVisError: labels are not one per instance.
        """
        output, labels = watched(captured.outputs, batch.labels)
        known = self._labels.of(labels)
        if known is not None and len(known) != len(output):
            raise ActiVisError(f"A batch has {len(output)} outputs but {len(known)} labels.")
        scores: np.ndarray | TokenScores = output
        if self._tokens:
            scores = token_scores(output, known, watched(captured.masks, batch.labels)[0])
        if self._described.audio is not None:
            return {"labels": known, "outputs": scores, "audio": self._sound(batch)}
        shown = content(batch.inputs)
        return {"labels": known, "outputs": scores, "inputs": shown, "channels": image_channels(shown)}

    def _sound(self, batch: Batch) -> tuple[Any, int]:
        audio = self._described.audio
        if callable(audio):
            waves, rate = audio(batch.raw)
            return [as_array(wave) for wave in waves], rate
        shown = content(batch.inputs)
        if shown is not None and shown.ndim == 3:  # Keras has channels last
            shown = shown.transpose(0, 2, 1)
        if shown is None or shown.ndim not in (2, 3):
            got = "none" if shown is None else f"shape {shown.shape}"
            raise ConfigurationError(
                "audio= as a number says that inputs are waveforms, [instances, samples] or [instances, samples, channels]; got "
                f"{got}. Give audio= as a function of a batch that returns (waveforms, samples per second)."
            )
        return shown, int(audio or 0)


class Reading:
    """One pass over the data: ids, columns and texts go on from batch to batch."""

    def __init__(self, instances: Instances, given: InstanceMetadata, texts: Texts | None, by_content: bool) -> None:
        self._instances, self._given, self._texts = instances, given, texts
        self._content = ContentIds() if by_content else None
        self._seen = 0

    def of(self, batch: Batch) -> dict[str, Any]:
        """Ids, texts and columns of a batch, as `SnapshotCollector.add` takes them."""
        ids, columns = self._given.for_batch(batch.raw, self._seen, batch.instances)
        if ids is None and self._content is not None:
            ids = self._content.for_batch(*keras.tree.flatten(batch.inputs))
        texts = self._texts
        if texts is None:
            texts = _strings(batch)
        elif callable(texts):
            texts = texts(batch.raw)
        else:
            texts = texts[self._seen : self._seen + batch.instances]
        self._seen += batch.instances
        return {
            "ids": None if ids is None else _plain(ids),
            "texts": None if texts is None else [_text(text) for text in _plain(texts)],
            "columns": _features(batch) | {name: _plain(values) for name, values in (columns or {}).items()},
        }

    def end(self, *, complete: bool = True) -> None:
        """Ends the pass.

        Arguments:
            complete: whether all of the data was read, rather than a part of them.

        Raises:
            ActiVisError: there are more values by the order of the data than instances.
        """
        if not complete:
            return
        self._given.check_all_used(self._seen)
        texts = self._texts
        if texts is not None and not callable(texts) and self._seen < len(texts):
            raise ActiVisError(f"texts has {len(texts)} values, but x held {self._seen} instances.")


def _per_token(labels: Any, output: np.ndarray) -> bool:
    """Whether labels are whole numbers, or one-hot rows, for each position of the output."""
    if labels is None:
        return False
    labels = np.asarray(labels)
    rows = labels[..., 0] if labels.ndim == 3 and labels.shape[2] == 1 else labels
    whole = rows.dtype.kind in "iu" or (rows.dtype.kind == "f" and bool((rows == np.round(rows)).all()))
    return whole and rows.ndim in (2, 3) and rows.shape[1:] == output.shape[1 : rows.ndim]


def _features(batch: Batch) -> dict[str, np.ndarray]:
    """One-dimensional inputs that have a name: columns of a table, that a model was given one by one."""
    if not isinstance(batch.inputs, Mapping):
        return {}
    flat = ((batch.instances,), (batch.instances, 1))
    return {
        printable(name): values.reshape(-1)
        for name, values in batch.inputs.items()
        if isinstance(name, str) and name not in RESERVED and values.shape in flat and values.dtype.kind in "iufb"
    }


def _strings(batch: Batch) -> list[Any] | None:
    """The first input that is one text per instance: what a model with a TextVectorization is given."""
    for values in keras.tree.flatten(batch.inputs):
        if values.dtype.kind in "OSU" and values.shape in ((batch.instances,), (batch.instances, 1)):
            return list(values.reshape(-1))
    return None


def _plain(values: Any) -> Any:
    """Arrays instead of tensors."""
    return as_array(values) if hasattr(values, "shape") else values


def _text(text: Any) -> Any:
    """Words stay a list; bytes are UTF-8, as TensorFlow has them."""
    if isinstance(text, bytes):
        return text.decode("utf-8", "replace")
    if isinstance(text, str) or not isinstance(text, list | tuple | np.ndarray):
        return str(text)
    return [_text(word) for word in text]
