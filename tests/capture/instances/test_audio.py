"""WAV clips have the values of the waveforms, whatever their type, length and sample rate."""

import io
import wave
from typing import Any

import numpy as np
import pytest

from tensorboard_activis.capture.instances.audio import WavEncoder, read_audio
from tensorboard_activis.errors import ActiVisError, ConfigurationError


def heard(clip: bytes) -> tuple[int, np.ndarray]:
    with wave.open(io.BytesIO(clip)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        return file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32767


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([0.0, 0.5, -1.0, 1.0]), [0, 0.5, -1, 1]),
        (np.array([0.0, 2.0, -4.0], np.float32), [0, 0.5, -1]),
        (np.array([0, 16_384, -32_768], np.int16), [0, 0.5, -1]),
        (np.array([128, 192, 0], np.uint8), [0, 0.5, -1]),
        (np.array([[0.0, 1.0, np.nan], [0.0, 0.0, np.inf]]), [0, 0.5, 0]),
    ],
)
def test_values_of_any_range(values: np.ndarray, expected: list[float]) -> None:
    rate, found = heard(WavEncoder(8_000).encode([values])[0])
    assert rate == 8_000
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_long_clips_are_cut_and_high_rates_thinned_out() -> None:
    rate, found = heard(WavEncoder(48_000).encode([np.tile([0.3, 0.6, 0.0], 48_000 * 5)])[0])
    assert rate == 16_000
    assert found.size == 160_000  # 10 of 15 seconds
    np.testing.assert_allclose(found, 0.3, atol=1e-4)
    assert heard(WavEncoder(22_050).encode([np.zeros(7)])[0])[0] == 22_050


def test_clips_of_different_lengths_and_none() -> None:
    clips = WavEncoder(4_000).encode([np.zeros(5), np.zeros((2, 7)), np.zeros(0)])
    assert [heard(clip)[1].size for clip in clips] == [5, 7, 0]


@pytest.mark.parametrize("rate", [0, -1, 0.5, True, "16000", 10**7, None])
def test_rates_that_are_none(rate: Any) -> None:
    with pytest.raises(ActiVisError, match="sample rate of audio must be a whole number"):
        WavEncoder(rate)


@pytest.mark.parametrize("values", [np.zeros((2, 3, 4)), np.array(["a"]), np.zeros(3, bool), np.zeros(())])
def test_what_is_no_sound(values: np.ndarray) -> None:
    with pytest.raises(ActiVisError, match=r"Audio must be numbers"):
        WavEncoder(8_000).encode([values])


def test_waveforms_are_the_inputs_or_what_a_function_gives() -> None:
    inputs = np.arange(24.0).reshape(2, 3, 4)
    waves, rate = read_audio(8_000, None, inputs, np.asarray)
    assert waves is inputs
    assert rate == 8_000
    waves, rate = read_audio(8_000, None, inputs, np.asarray, channels="last")
    assert (rate, np.asarray(waves).shape) == (8_000, (2, 4, 3))
    np.testing.assert_array_equal(waves[1][:, 2], inputs[1, 2])
    waves, rate = read_audio(lambda batch: (batch["sound"], 44_100), {"sound": [[1, 2], [3]]}, None, np.asarray)
    assert rate == 44_100
    assert [wave.tolist() for wave in waves] == [[1, 2], [3]]


@pytest.mark.parametrize(
    ("inputs", "channels", "message"),
    [
        (None, "first", r"\[instances, channels, samples\]; got none"),
        (np.zeros((2, 3, 8, 8)), "first", r"got shape \(2, 3, 8, 8\)"),
        (np.zeros(7), "last", r"\[instances, samples, channels\]; got shape \(7,\)"),
    ],
)
def test_inputs_that_are_no_waveforms(inputs: np.ndarray | None, channels: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        read_audio(8_000, None, inputs, np.asarray, channels=channels)
