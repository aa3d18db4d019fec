"""Thumbnails: images among the inputs, encoded as small PNG files."""

import io
import threading
from hashlib import sha256

import numpy as np
from PIL import Image

#: Largest width and height of a thumbnail, in pixels.
THUMBNAIL = 128
#: Numbers of channels that an image may have: grey, RGB, RGBA.
CHANNELS = (1, 3, 4)

#: Size of the cache of encoded images, in bytes: the images of the sample come again with every snapshot.
MOST_BYTES = 32 << 20


class Thumbnails:
    """Recognises images among inputs and encodes them as PNG.

    The range of values is decided by the first batch: 0-1, 0-255 for integers, else its minimum and maximum.

    Arguments:
        inputs: the first batch, [instances, ...]; see `is_image`.
        channels: where images have their channel axis, "first" or "last".

    Attributes:
        ink: whether images are bright strokes on a dark background (a digit, a drawing), which a light page may show inverted.
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

    @property
    def decided(self) -> tuple[str, float, float, bool]:
        """What the first batch decided: channels, lowest value, range, ink."""
        return self._channels, self._low, self._range, self.ink

    @classmethod
    def from_decided(cls, decided: tuple[str, float, float, bool]) -> "Thumbnails":
        """Makes an object that uses what another process decided."""
        thumbnails = cls.__new__(cls)
        thumbnails._channels, thumbnails._low, thumbnails._range, thumbnails.ink = decided
        return thumbnails

    def encode(self, inputs: np.ndarray) -> list[bytes]:
        """PNG of every instance."""
        values = inputs.astype(np.float32, order="C")  # a copy, which is scaled in place
        values -= self._low
        values /= self._range
        if np.isnan(values.min(initial=0)):
            np.nan_to_num(values, copy=False)
        np.clip(values, 0, 1, out=values)
        values *= 255
        scaled = np.rint(values, out=values).astype(np.uint8)
        return [_CACHE.encode(image, self._channels) for image in scaled]


def is_image(inputs: np.ndarray | None, channels: str) -> bool:
    """Whether inputs [instances, ...] are images: with a channel axis of 1, 3 or 4, or square without a channel axis."""
    if inputs is None or inputs.dtype.kind not in "fiub":
        return False
    if inputs.ndim == 3:
        height, width = inputs.shape[1:]
        return bool(height == width >= 8)
    size = 1 if channels == "first" else 3
    return inputs.ndim == 4 and inputs.shape[size] in CHANNELS and min(inputs.shape[1:]) > 0


def _as_images(inputs: np.ndarray, channels: str) -> np.ndarray:
    """[instances, height, width, channels]"""
    if inputs.ndim == 3:
        return inputs[..., None]
    return np.moveaxis(inputs, 1, -1) if channels == "first" else inputs


class _PngCache:
    """A cache of encoded images, by content; the oldest are dropped when it is full.

    Attributes:
        size: of all encoded images, in bytes.
    """

    def __init__(self) -> None:
        self._images: dict[tuple[str, tuple[int, ...], bytes], bytes] = {}
        self.size = 0
        self._lock = threading.Lock()

    def encode(self, image: np.ndarray, channels: str) -> bytes:
        """PNG of an image, uint8 with its channel axis first or last, or without one; its rows follow each other in memory."""
        key = (channels, image.shape, sha256(image.data).digest())  # the processor has instructions for this hash
        png = self._images.get(key)
        if png is None:
            picture = _as_images(image[None], channels)[0]
            png = _encode_png(picture[..., 0] if picture.shape[-1] == 1 else picture)
            with self._lock:
                self.size += 0 if key in self._images else len(png)
                self._images[key] = png
                while self.size > MOST_BYTES and self._images:
                    self.size -= len(self._images.pop(next(iter(self._images))))
        return png


_CACHE = _PngCache()


def _encode_png(image: np.ndarray) -> bytes:
    picture = Image.fromarray(image)
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()
