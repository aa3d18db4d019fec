"""What an instance looks like, and its columns: the part of a snapshot that does not change from step to step."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from tensorboard_activis.capture.columns import Thumbnails, is_image
from tensorboard_activis.capture.instances import identifiers, named
from tensorboard_activis.errors import ActiVisError

#: Inputs of rank 2 with at most so many features are kept as content.
MOST_FEATURES = 256


class Contents:
    """Recognises content among inputs, and makes the table of kept instances."""

    def __init__(self) -> None:
        self._thumbnails: Thumbnails | None = None
        self._texts: bool | None = None

    def readable(self, texts: Sequence[str] | None, count: int) -> np.ndarray | None:
        """Texts that UTF-8 can hold, object [instances].

        Raises:
            ActiVisError: there are too few, or none where others had some.
        """
        if self._texts is not None and (texts is not None) != self._texts:
            raise ActiVisError("Some batches have texts and others have none. Give all of them, or none.")
        self._texts = texts is not None
        if texts is None:
            return None
        if len(texts) != count:
            raise ActiVisError(f"There are {len(texts)} texts for a batch of {count} instances.")
        readable = np.empty(count, dtype=object)
        readable[:] = [str(text).encode("utf-8", "replace").decode("utf-8") for text in texts]
        return readable

    def kept(self, inputs: np.ndarray | None, chosen: np.ndarray, channels: str) -> dict[str, np.ndarray]:
        """How the chosen instances of a batch look, by name of column."""
        if inputs is None:
            return {}
        if self._thumbnails is None and is_image(inputs, channels):
            self._thumbnails = Thumbnails(inputs, channels)
        if self._thumbnails is not None:
            pictures = np.empty(chosen.size, dtype=object)
            pictures[:] = self._thumbnails.encode(inputs[chosen])
            return {"image": pictures}
        if inputs.ndim == 2 and inputs.dtype.kind == "f" and inputs.shape[1] <= MOST_FEATURES:
            return {"features": inputs[chosen].astype(np.float32)}
        return {}

    def table(self, kept: Mapping[str, np.ndarray], class_names: Sequence[str] | None) -> pa.Table:
        """One row per kept instance: id, label, content."""
        fields: dict[str, Any] = {"id": identifiers(kept["id"])}
        content: dict[str, str] = {}
        if "label" in kept:
            fields["label"] = named(kept["label"], class_names)
        if "features" in kept:
            features = kept["features"]
            fields["features"] = pa.FixedSizeListArray.from_arrays(pa.array(features.ravel()), features.shape[1])
            content = {"content": "numbers"}
        if "text" in kept:
            fields["text"] = pa.array(kept["text"].tolist(), pa.string())
            content = {"content": "text"}
        if "image" in kept:
            fields["image"] = pa.array(kept["image"].tolist(), pa.binary())
            content = {"content": "image", "ink": str(int(self._thumbnails is not None and self._thumbnails.ink))}
        return pa.table(fields).replace_schema_metadata({f"activis.{name}": value for name, value in content.items()})
