"""Content of instances (images, audio, text, features) and the table of stored instances with their columns."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from tensorboard_activis.capture.instances.audio import Audio, WavEncoder
from tensorboard_activis.capture.instances.columns import class_column, id_column
from tensorboard_activis.capture.instances.thumbnails import Thumbnails, is_image
from tensorboard_activis.capture.instances.user_columns import UserColumns, arrow
from tensorboard_activis.capture.tasks.repeated import Column, Repeated, objects, texts_to_arrow, values_of
from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.printable import printable

#: Inputs [instances, features] with at most this many features are stored as content.
MOST_FEATURES = 256
#: With at most this many features, each feature is a column as well: x0, x1, …
MOST_FEATURE_COLUMNS = 64

#: A string, or a list of words, per instance; or those of the sequences that instances are positions of, and the sequence of each.
Texts = Sequence[str] | Sequence[Sequence[str]] | Repeated
#: A function of the indices of instances in a batch that returns the tokens of each.
Tokens = Callable[[np.ndarray], Sequence[Sequence[str]]]

_USER = "user/"
#: Instances whose content is converted at a time.
_MOVED = 1024


class Contents:
    """Detects content among inputs, texts and audio of batches, and makes the table of stored instances."""

    def __init__(self) -> None:
        self._thumbnails: Thumbnails | None = None
        self._clips: WavEncoder | None = None
        self._texts: bool | None = None
        self._features: int | None = None
        self._user = UserColumns()

    @property
    def decided(self) -> tuple[Any, ...]:
        """What the first batch decided, for `decide_as` in another process."""
        thumbnails = None if self._thumbnails is None else self._thumbnails.decided
        return (
            thumbnails,
            None if self._clips is None else self._clips.sample_rate,
            self._texts,
            self._user.kinds,
            self._features,
        )

    def decide_as(self, decided: tuple[Any, ...]) -> None:
        """Takes over what another process decided, instead of deciding by a first batch."""
        thumbnails, rate, self._texts, self._user.kinds, self._features = decided
        self._thumbnails = None if thumbnails is None else Thumbnails.from_decided(thumbnails)
        self._clips = None if rate is None else WavEncoder(rate)

    def columns_of_batch(
        self,
        count: int,
        *,
        inputs: np.ndarray | None = None,
        texts: Texts | None = None,
        columns: Mapping[str, Any] | None = None,
        pinned: bool = False,
    ) -> dict[str, Column]:
        """Columns of a batch that subset expressions may use besides predictions, as arrays [instances] by their stored names.

        Args:
            count: number of instances in the batch.
            inputs: features [instances, features] become x0, x1, …
            texts: per instance a string, or a list of words.
            columns: user columns.
            pinned: whether these are pinned instances, for which columns and texts may be missing.

        Raises:
            ActiVisError: there is not one value per instance, or columns differ from those of earlier batches.
        """
        text_columns = {} if pinned and texts is None else self._text_columns(texts, count)
        others: dict[str, Column] = {**_features(self._aligned(inputs))}
        others |= self._user.convert(columns, count, partly=pinned)
        return text_columns | {_USER + name: values for name, values in others.items()}

    def content_of(
        self,
        chosen: np.ndarray,
        *,
        inputs: np.ndarray | None = None,
        channels: str = "last",
        audio: Audio | None = None,
        tokens: Tokens | None = None,
    ) -> dict[str, np.ndarray]:
        """Encodes the content of these instances of a batch, as arrays [instances, ...] by their stored names.

        Args:
            chosen: indices in the batch.
            inputs: images [instances, height, width, channels] and so on (see `is_image`), or features [instances, features].
            channels: where images have their channel axis, "first" or "last".
            audio: waveforms and their sample rate.
            tokens: of sequences.
        """
        texts = {}
        if tokens is not None:
            texts["token_texts"] = objects([[printable(str(each)) for each in part] for part in tokens(chosen)])
        return texts | self._shown(chosen, inputs, channels, audio)

    def _shown(
        self, chosen: np.ndarray, inputs: np.ndarray | None, channels: str, audio: Audio | None
    ) -> dict[str, np.ndarray]:
        """Pictures, sounds or features of these instances."""
        if audio is not None:
            waves, rate = audio
            self._clips = self._clips or WavEncoder(rate)
            return {"audio": objects(self._clips.encode([waves[index] for index in chosen]))}
        if inputs is None:
            return {}
        if self._thumbnails is None and is_image(inputs, channels):
            self._thumbnails = Thumbnails(inputs, channels)
        if self._thumbnails is not None:
            return {"image": objects(self._thumbnails.encode(inputs[chosen]))}
        inputs = self._aligned(inputs)
        if _is_features(inputs) and inputs.shape[1] <= MOST_FEATURES:
            return {"features": inputs[chosen].astype(np.float32)}
        return {}

    def _aligned(self, inputs: Any) -> Any:
        """The inputs; unknown features where a batch has another number of them than the first one."""
        if not isinstance(inputs, np.ndarray) or not _is_features(inputs):
            return inputs
        if self._features is None:
            self._features = inputs.shape[1]
        return (
            inputs if inputs.shape[1] == self._features else np.full((len(inputs), self._features), np.nan, np.float32)
        )

    def columns(self, stored: Mapping[str, Column]) -> dict[str, pa.Array]:
        """Converts the columns of `columns_of_batch`, whole or in part, to Arrow, by their names in the table."""
        columns = {}
        if "text" in stored:
            text = stored["text"]
            columns["text"] = text.arrow(texts_to_arrow) if isinstance(text, Repeated) else texts_to_arrow(text)
        if "words" in stored:
            columns["words"] = pa.array(values_of(stored["words"]).tolist(), pa.list_(pa.string()))
        return columns | {
            name.removeprefix(_USER): values.arrow(arrow) if isinstance(values, Repeated) else arrow(values)
            for name, values in stored.items()
            if name.startswith(_USER)
        }

    def group(self, stored: Mapping[str, Column]) -> pa.Array | None:
        """The user's column `group`, of the columns of `columns_of_batch`: what the instances of a ranking are compared within."""
        groups = stored.get(f"{_USER}group")
        return None if groups is None or isinstance(groups, Repeated) else arrow(groups)

    def table(self, stored: dict[str, np.ndarray], class_names: Sequence[str] | None) -> pa.Table:
        """The table of stored instances: id, whether it is pinned, label, user columns, content.

        Texts, pictures and sounds, which may be large, are taken out of `stored`.
        """
        fields: dict[str, Any] = {"id": id_column(stored["id"])}
        content: dict[str, str] = {}
        if "pinned" in stored:
            fields["pinned"] = pa.array(stored["pinned"])
        if "label" in stored:
            fields["label"] = class_column(stored["label"], class_names)
        if "before" in stored:  # a token, between what is before and after it
            token = arrow(stored.pop(f"{_USER}token"))
            fields |= {"before": texts_to_arrow(stored.pop("before")), "token": token}
            fields["after"] = texts_to_arrow(stored.pop("after"))
            content = {"content": "text"}
        if "text" in stored:
            fields["text"] = _moved(stored.pop("text"), pa.string())
            content = {"content": "text"}
        fields |= self.columns(stored)
        if "token_texts" in stored:
            fields["token_texts"] = _moved(stored.pop("token_texts"), pa.list_(pa.string()))
        if "features" in stored:
            features = stored["features"]
            fields["features"] = pa.FixedSizeListArray.from_arrays(pa.array(features.ravel()), features.shape[1])
            content = content or {"content": "numbers"}
        if "audio" in stored:
            fields["audio"] = _moved(stored.pop("audio"), pa.binary())
            content = {"content": "audio"}
        if "image" in stored:
            fields["image"] = _moved(stored.pop("image"), pa.binary())
            content = {"content": "image", "ink": str(int(self._thumbnails is not None and self._thumbnails.ink))}
        return pa.table(fields).replace_schema_metadata({f"activis.{name}": value for name, value in content.items()})

    def _text_columns(self, texts: Texts | None, count: int) -> dict[str, Column]:
        if self._texts is not None and (texts is not None) != self._texts:
            raise ActiVisError("Some batches have texts and others have none. Give all of them, or none.")
        self._texts = texts is not None
        if texts is None:
            return {}
        if isinstance(texts, Repeated):
            of_sequences = self._text_columns(texts.values.tolist(), len(texts.values))
            return {"text": Repeated(of_sequences["text"], texts.index)}  # type: ignore[arg-type]
        if isinstance(texts, str) or len(texts) != count:
            got = "one text" if isinstance(texts, str) else f"{len(texts)} texts"
            raise ActiVisError(f"There are {got} for a batch of {count} instances.")
        if all(isinstance(text, str) for text in texts):
            return {"text": objects([printable(str(text)) for text in texts])}
        words = [[text] if isinstance(text, str) else list(text) for text in texts]
        words = [[printable(str(word)) for word in part] for part in words]
        return {"text": objects([" ".join(part) for part in words]), "words": objects(words)}


def _moved(values: np.ndarray, kind: pa.DataType) -> pa.ChunkedArray:
    """Converts objects to Arrow block by block, and lets go of each block, so that only one is there twice."""
    chunks = []
    for start in range(0, len(values), _MOVED):
        chunks.append(pa.array(values[start : start + _MOVED].tolist(), kind))
        values[start : start + _MOVED] = None
    return pa.chunked_array(chunks, kind)


def _features(inputs: np.ndarray | None) -> dict[str, np.ndarray]:
    if inputs is not None and _is_features(inputs) and 0 < inputs.shape[1] <= MOST_FEATURE_COLUMNS:
        return {f"x{index}": inputs[:, index].astype(np.float32) for index in range(inputs.shape[1])}
    return {}


def _is_features(inputs: np.ndarray) -> bool:
    return inputs.ndim == 2 and inputs.dtype.kind == "f"
