"""Audio: the waveforms of a batch, and their encoding as short WAV clips to listen to in the browser."""

import io
import wave
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tensorboard_activis.errors import ActiVisError, ConfigurationError

#: Waveforms, one per instance, and their sample rate.
Audio = tuple[np.ndarray | Sequence[np.ndarray], int]
#: `audio=` of the faces: the sample rate of inputs that are waveforms, or a function of a batch that returns waveforms and theirs.
AudioSource = int | Callable[[Any], tuple[Any, int]]

#: The longest clip, in seconds; the rest is cut off.
SECONDS = 10
#: Clips of more than 1.5 times this sample rate are downsampled to about this rate, in values per second.
RATE = 16_000


def read_audio(
    source: AudioSource,
    batch: Any,
    inputs: np.ndarray | None,
    as_array: Callable[[Any], np.ndarray],
    *,
    channels: str = "first",
) -> Audio:
    """The waveforms of a batch, [instances, samples], [instances, channels, samples] or one array each, and their sample rate.

    Arguments:
        source: `audio=` of the user.
        batch: the argument of the user's function.
        inputs: the model's inputs, None if there are none.
        as_array: converts the framework's tensors.
        channels: where inputs of three axes have that of the channels, "first" or "last" of the two that are not instances.

    Raises:
        ConfigurationError: inputs are no waveforms.
    """
    if callable(source):
        waves, rate = source(batch)
        return [as_array(wave) for wave in waves], rate
    if inputs is None or inputs.ndim not in (2, 3):
        got = "none" if inputs is None else f"shape {inputs.shape}"
        axes = "channels, samples" if channels == "first" else "samples, channels"
        raise ConfigurationError(
            f"audio= as a number says that inputs are waveforms, [instances, samples] or [instances, {axes}]; got {got}. Give "
            "audio= as a function of a batch that returns (waveforms, samples per second)."
        )
    return inputs.swapaxes(1, 2) if inputs.ndim == 3 and channels == "last" else inputs, source


class WavEncoder:
    """Encodes waveforms as 16-bit WAV of one channel.

    Arguments:
        rate: samples per second of the waveforms.

    Raises:
        ActiVisError: the rate is not a whole number from 1 to 1,000,000.

    Attributes:
        sample_rate: the same.
    """

    def __init__(self, rate: int) -> None:
        if isinstance(rate, bool) or not isinstance(rate, (int, np.integer)) or not 0 < rate <= 1_000_000:
            raise ActiVisError(f"The sample rate of audio must be a whole number of values per second; got {rate!r}.")
        self.sample_rate = int(rate)
        self._stride = max(1, -(-int(rate) // RATE) if rate > RATE * 1.5 else 1)
        self._rate = int(rate) // self._stride
        self._max_values = SECONDS * int(rate)

    def encode(self, waves: np.ndarray | Sequence[np.ndarray]) -> list[bytes]:
        """Encodes every instance as WAV.

        Args:
            waves: [instances, values], [instances, channels, values] or one array per instance. Integers have the range of their
                type; floats are in -1 to 1, and louder clips are scaled down to that.

        Raises:
            ActiVisError: an instance is no waveform.
        """
        return [self._wav(np.asarray(wave)) for wave in waves]

    def _wav(self, values: np.ndarray) -> bytes:
        if values.ndim not in (1, 2) or values.dtype.kind not in "iuf":
            raise ActiVisError(
                "Audio must be numbers, [instances, values] or [instances, channels, values]; one instance is "
                f"{values.dtype} {values.shape}."
            )
        values = values[..., : self._max_values]
        if values.dtype.kind in "iu":
            limits = np.iinfo(values.dtype)
            values = (values.astype(np.float64) - (limits.max + 1) / 2 * (limits.min == 0)) / (
                -limits.min or (limits.max + 1) / 2
            )
        values = np.nan_to_num(values.astype(np.float64), posinf=0, neginf=0)
        if values.ndim == 2:
            values = values.mean(axis=0)
        whole = values.size // self._stride * self._stride
        values = values[:whole].reshape(-1, self._stride).mean(axis=1)
        loudest = max(1.0, float(np.abs(values).max())) if values.size else 1.0
        sink = io.BytesIO()
        with wave.open(sink, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(self._rate)
            file.writeframes((values / loudest * 32767).round().astype("<i2").tobytes())
        return sink.getvalue()
