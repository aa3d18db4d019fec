"""Short clips of sound, as small files to listen to."""

import io
import wave
from collections.abc import Sequence

import numpy as np

from tensorboard_activis.errors import ActiVisError

#: Clips are cut to so many seconds, and thinned out to at most about so many values a second: both are for the ear.
SECONDS = 10
RATE = 16_000


class WavEncoder:
    """Encodes waveforms as 16-bit WAV of one channel.

    Arguments:
        rate: values per second.

    Attributes:
        given_rate: the same.
    """

    def __init__(self, rate: int) -> None:
        if isinstance(rate, bool) or not isinstance(rate, (int, np.integer)) or not 0 < rate <= 1_000_000:
            raise ActiVisError(f"The sample rate of audio must be a whole number of values per second; got {rate!r}.")
        self.given_rate = int(rate)
        self._every = max(1, -(-int(rate) // RATE) if rate > RATE * 1.5 else 1)
        self._rate = int(rate) // self._every
        self._most = SECONDS * int(rate)

    def encode(self, waves: np.ndarray | Sequence[np.ndarray]) -> list[bytes]:
        """WAV of every instance: [instances, values] or [instances, channels, values], or one array per instance.

        Whole numbers have the range of their type; others are in -1 to 1, and louder clips are made as loud as that.
        """
        return [self._wav(np.asarray(wave)) for wave in waves]

    def _wav(self, values: np.ndarray) -> bytes:
        if values.ndim not in (1, 2) or values.dtype.kind not in "iuf":
            raise ActiVisError(
                "Audio must be numbers, [instances, values] or [instances, channels, values]; one instance is "
                f"{values.dtype} {values.shape}."
            )
        values = values[..., : self._most]
        if values.dtype.kind in "iu":
            span = np.iinfo(values.dtype)
            values = (values.astype(np.float64) - (span.max + 1) / 2 * (span.min == 0)) / (
                -span.min or (span.max + 1) / 2
            )
        values = np.nan_to_num(values.astype(np.float64), posinf=0, neginf=0)
        if values.ndim == 2:
            values = values.mean(axis=0)
        whole = values.size // self._every * self._every
        values = values[:whole].reshape(-1, self._every).mean(axis=1)
        loudest = max(1.0, float(np.abs(values).max())) if values.size else 1.0
        sink = io.BytesIO()
        with wave.open(sink, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(self._rate)
            file.writeframes((values / loudest * 32767).round().astype("<i2").tobytes())
        return sink.getvalue()
