"""Training health survives serialization to three digits, and what is forged is refused."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from tensorboard_activis import activis_pb2 as pb
from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.health_codec import (
    decode_health,
    encode_health,
    from_upper_half,
    loss_of,
    to_upper_half,
    values_of,
)
from tests.records import small_health


def test_values_keep_their_size_to_eight_bits():
    random = np.random.default_rng(0)
    values = (random.normal(size=10_000) * 10.0 ** random.integers(-30, 30, 10_000)).astype(np.float32)
    read = from_upper_half(to_upper_half(values))
    assert np.abs(read / values - 1).max() <= 2.0**-8


@pytest.mark.parametrize("value", [0.0, -0.0, 1.0, math.inf, -math.inf])
def test_what_has_few_digits_is_exact(value: float):
    (read,) = from_upper_half(to_upper_half(np.array([value], np.float32)))
    assert read == value
    assert math.copysign(1, read) == math.copysign(1, value)


@pytest.mark.parametrize("bits", [0x7FC00000, 0x7F800001, 0x7FFFFFFF, 0xFFFFFFFF])
def test_every_nan_stays_one(bits: int):
    values = np.array([bits], np.uint32).view(np.float32)
    assert np.isnan(from_upper_half(to_upper_half(values))).all()


def test_the_largest_number_becomes_infinite_and_no_nan():
    assert np.isinf(from_upper_half(to_upper_half(np.array([np.finfo(np.float32).max], np.float32)))).all()


def test_a_record_is_read_as_it_was_written():
    health = small_health("a", range(3, 9))
    read = decode_health(encode_health(health))
    assert read == health
    assert read.steps == tuple(range(3, 9))
    np.testing.assert_allclose(values_of(read), np.arange(1, 25).reshape(2, 2, 6) / 1024, rtol=2.0**-8)
    assert (loss_of(read) == 1).all()


def changed(change: Callable[[pb.Health], object]) -> bytes:
    message = pb.Health.FromString(encode_health(small_health("a")))
    change(message)
    return message.SerializeToString()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda message: message.ClearField("steps"), "do not ascend"),
        (lambda message: message.steps.append(3), "do not ascend"),
        (lambda message: message.steps.append(1 << 40), "shape|was expected"),
        (lambda message: message.measures.append("update_ratio"), "measures twice"),
        (lambda message: message.layers.add(name="head"), "layers twice"),
        (lambda message: message.layers.add(name="more"), "was expected"),
        (lambda message: setattr(message.values, "dtype", "float32"), "bytes"),
        (lambda message: setattr(message.values, "inline", b"12"), "bytes"),
        (lambda message: message.values.files.append("step-0000000001-a.safetensors"), "in files"),
        (lambda message: message.values.shape.append(-1), "impossible shape"),
        (lambda message: message.ClearField("loss"), "type"),
        (lambda message: setattr(message, "every", 0), "every 0 steps"),
    ],
)
def test_what_is_forged_is_refused(change: Callable[[pb.Health], object], said: str):
    with pytest.raises(UnreadableError, match=said):
        decode_health(changed(change))


@pytest.mark.parametrize("blob", [b"\xff", b"\x0a\xff", b"\x28\x01" * 100])
def test_other_bytes_are_refused(blob: bytes):
    with pytest.raises(UnreadableError):
        decode_health(blob)
