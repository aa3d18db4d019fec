"""What is known of instances besides their activations: label, prediction, correct, score, loss, and how they look."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

#: Thumbnails are at most this wide and high, in pixels.
THUMBNAIL = 128
#: In the column "correct", of an instance without a label.
UNKNOWN = 255
#: So many of the highest scores are kept per instance.
TOP = 10


@dataclass(frozen=True)
class Outcome:
    """What the model made of a batch; every array has the first axis [instances].

    Attributes:
        label: int64 class index, -1 where it is missing or out of range; float64 for regression; None without labels.
        columns: "prediction" (int32 class index; float32 for regression), "correct" (uint8: 0, 1, 255 without a label),
            "score" (float32: probability of the prediction), "loss" (float32: cross entropy; squared error for regression),
            "label_score" (float32: probability of the label), "top_classes" (int32) and "top_scores" (float16)
            [instances, k]. Those without a meaning are absent; NaN where there is no label.
    """

    label: np.ndarray | None
    columns: dict[str, np.ndarray] = field(default_factory=dict)


class Outcomes:
    """Turns a model's outputs and labels into outcomes. What they are is decided by the first batch and then kept.

    Attributes:
        task: "classification", "regression" or "none"; None before the first batch.
        classes: number of classes, 0 without.
        stray: labels that are no class, counted.
    """

    def __init__(self, class_names: Sequence[str] | None) -> None:
        self._names = class_names
        self._probabilities = False
        self.task: str | None = None
        self.classes = 0
        self.stray = 0

    def of(self, outputs: np.ndarray | None, labels: np.ndarray | None) -> Outcome:
        """The outcome of a batch.

        Args:
            outputs: logits or probabilities [instances, classes]; [instances] or [instances, 1] for regression or two classes.
            labels: integers [instances]; floats for regression.
        """
        if outputs is not None:
            outputs = np.asarray(outputs, dtype=np.float64)
            if outputs.ndim == 2 and outputs.shape[1] == 1:
                outputs = outputs[:, 0]
        if self.task is None:
            self._decide(outputs, labels)
        if self.task == "classification" and outputs is not None:
            return self._classified(outputs, labels)
        label = None if labels is None or labels.ndim != 1 else labels
        if self.task == "regression" and outputs is not None and label is not None:
            label = label.astype(np.float64)
            error = outputs - label
            return Outcome(
                label, {"prediction": outputs.astype(np.float32), "loss": (error * error).astype(np.float32)}
            )
        return Outcome(label)

    def _decide(self, outputs: np.ndarray | None, labels: np.ndarray | None) -> None:
        integers = labels is not None and labels.ndim == 1 and labels.dtype.kind in "iub"
        self.task = "none"
        if outputs is None or not np.issubdtype(outputs.dtype, np.number):
            return
        finite = outputs[np.isfinite(outputs)]
        in_unit = bool(((finite >= -1e-6) & (finite <= 1 + 1e-6)).all())
        if outputs.ndim == 2:
            simplex = in_unit and bool(np.allclose(outputs.sum(axis=1), 1, atol=1e-3))
            if integers or self._names is not None or (labels is None and simplex):
                self.task, self.classes, self._probabilities = "classification", outputs.shape[1], simplex
        elif outputs.ndim == 1:
            if integers and labels is not None and set(np.unique(labels).tolist()) <= {-1, 0, 1}:
                self.task, self.classes, self._probabilities = "classification", 2, in_unit
            elif labels is not None and labels.ndim == 1 and labels.dtype.kind in "iuf":
                self.task = "regression"

    def _classified(self, outputs: np.ndarray, labels: np.ndarray | None) -> Outcome:
        logs = self._log_probabilities(outputs)
        count = logs.shape[0]
        rows = np.arange(count)
        probabilities = np.exp(logs)
        top = min(TOP, self.classes)
        order = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
        prediction = order[:, 0]
        columns = {
            "prediction": prediction.astype(np.int32),
            "score": probabilities[rows, prediction].astype(np.float32),
            "top_classes": order.astype(np.int32),
            "top_scores": np.take_along_axis(probabilities, order, axis=1).astype(np.float16),
        }
        if labels is None:
            return Outcome(None, columns)
        label = labels.astype(np.int64)
        known = (label >= 0) & (label < self.classes)
        self.stray += int((~known).sum())
        label = np.where(known, label, -1)
        of_label = np.where(known, logs[rows, np.maximum(label, 0)], np.nan)
        columns["correct"] = np.where(known, prediction == label, UNKNOWN).astype(np.uint8)
        columns["loss"] = (-of_label).astype(np.float32)
        columns["label_score"] = np.exp(of_label).astype(np.float32)
        return Outcome(label, columns)

    def _log_probabilities(self, outputs: np.ndarray) -> np.ndarray:
        if outputs.ndim == 1:  # two classes by one number
            if self._probabilities:
                outputs = np.stack([1 - outputs, outputs], axis=1)
            else:
                return -np.logaddexp(0, np.stack([outputs, -outputs], axis=1))
        if self._probabilities:
            return np.log(np.clip(outputs, 1e-45, None))
        shifted = outputs - outputs.max(axis=1, keepdims=True)
        return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


class Thumbnails:
    """Recognises images among inputs and encodes them as PNG.

    The range of values is decided by the first batch: 0-1, 0-255 for integers, else what that batch spans.

    Attributes:
        ink: bright strokes on an empty ground (a digit, a sketch), which a light page may show inverted.
    """

    def __init__(self, inputs: np.ndarray, channels: str) -> None:
        images = _as_images(inputs, channels)
        finite = images[np.isfinite(images)] if images.dtype.kind == "f" else images
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
        if images.dtype == np.uint8 or (images.dtype.kind in "iu" and low >= 0 and 16 < high <= 255):
            low, high = 0.0, 255.0
        elif low >= 0 and 0.5 < high <= 1:
            low, high = 0.0, 1.0
        self._channels = channels
        self._low, self._range = low, max(high - low, 1e-12)
        border = np.concatenate(
            [images[:, 0].ravel(), images[:, -1].ravel(), images[:, :, 0].ravel(), images[:, :, -1].ravel()]
        )
        self.ink = images.shape[-1] == 1 and float(np.median(border)) <= low + 0.05 * self._range

    def encode(self, inputs: np.ndarray) -> list[bytes]:
        """PNG of every instance."""
        values = _as_images(inputs, self._channels).astype(np.float32)
        scaled = np.nan_to_num(np.clip((values - self._low) / self._range, 0, 1) * 255).round().astype(np.uint8)
        return [_png(image[..., 0] if image.shape[-1] == 1 else image) for image in scaled]


def is_image(inputs: np.ndarray | None, channels: str) -> bool:
    """Whether inputs [instances, ...] look like images: a channel axis of 1, 3 or 4, or square planes without one."""
    if inputs is None or inputs.dtype.kind not in "fiub":
        return False
    if inputs.ndim == 3:
        return inputs.shape[1] == inputs.shape[2] >= 8
    size = 1 if channels == "first" else 3
    return inputs.ndim == 4 and inputs.shape[size] in (1, 3, 4) and min(inputs.shape[1:]) > 0


def _as_images(inputs: np.ndarray, channels: str) -> np.ndarray:
    """[instances, height, width, channels]"""
    if inputs.ndim == 3:
        return inputs[..., None]
    return np.moveaxis(inputs, 1, -1) if channels == "first" else inputs


def _png(image: np.ndarray) -> bytes:
    picture = Image.fromarray(image)
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    sink = io.BytesIO()
    picture.save(sink, format="PNG")
    return sink.getvalue()
