"""Images among the inputs, as small pictures to look at."""

import io
import threading
from hashlib import blake2b

import numpy as np
from PIL import Image

#: Thumbnails are at most this wide and high, in pixels.
THUMBNAIL = 128
#: Numbers of channels that are a picture's: grey, colours, colours and opacity.
CHANNELS = (1, 3, 4)

#: So many bytes of encoded pictures are kept: those of the sample come again with every snapshot.
MOST_BYTES = 32 << 20


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

    @property
    def decided(self) -> tuple[str, float, float, bool]:
        """What the first batch decided."""
        return self._channels, self._low, self._range, self.ink

    @classmethod
    def like(cls, decided: tuple[str, float, float, bool]) -> "Thumbnails":
        """One that decided the same, on another process."""
        found = cls.__new__(cls)
        found._channels, found._low, found._range, found.ink = decided
        return found

    def encode(self, inputs: np.ndarray) -> list[bytes]:
        """PNG of every instance."""
        values = _as_images(inputs, self._channels).astype(np.float32)
        scaled = np.nan_to_num(np.clip((values - self._low) / self._range, 0, 1) * 255).round().astype(np.uint8)
        return [_KEPT.of(image[..., 0] if image.shape[-1] == 1 else image) for image in scaled]


def is_image(inputs: np.ndarray | None, channels: str) -> bool:
    """Whether inputs [instances, ...] look like images: a channel axis of 1, 3 or 4, or square planes without one."""
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


class _Encoded:
    """PNG by what is in the picture; the oldest go when there are too many bytes.

    Attributes:
        held: bytes.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, bytes] = {}
        self.held = 0
        self._lock = threading.Lock()

    def of(self, image: np.ndarray) -> bytes:
        key = blake2b(f"{image.shape}".encode() + image.tobytes(), digest_size=16).digest()
        found = self._known.get(key)
        if found is None:
            found = _encoded(image)
            with self._lock:
                self.held += 0 if key in self._known else len(found)
                self._known[key] = found
                while self.held > MOST_BYTES and self._known:
                    self.held -= len(self._known.pop(next(iter(self._known))))
        return found


_KEPT = _Encoded()


def _encoded(image: np.ndarray) -> bytes:
    picture = Image.fromarray(image)
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    sink = io.BytesIO()
    picture.save(sink, format="PNG")
    return sink.getvalue()
