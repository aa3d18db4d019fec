"""Images are detected and encoded correctly, whatever their range of values and order of channels."""

import io

import numpy as np
import pytest
from PIL import Image

from tensorboard_activis.capture.instances import thumbnails
from tensorboard_activis.capture.instances.thumbnails import Thumbnails, is_image


def decoded(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (np.array([[0.0, 1.0], [0.5, 0.25]]), [[0, 255], [128, 64]]),
        (np.array([[0, 255], [51, 102]], dtype=np.uint8), [[0, 255], [51, 102]]),
        (np.array([[0.0, 16.0], [8.0, 4.0]]), [[0, 255], [128, 64]]),
        (np.array([[-1.0, 1.0], [0.0, np.nan]]), [[0, 255], [128, 0]]),
    ],
)
def test_images_of_any_range(images: np.ndarray, expected: list) -> None:
    batch = images[None, None]
    np.testing.assert_array_equal(decoded(Thumbnails(batch, "first").encode(batch)[0]), expected)


def test_channels_first_and_last_give_the_same_picture() -> None:
    first = np.random.default_rng(0).random((2, 3, 5, 7))
    last = np.moveaxis(first, 1, -1)
    pictures = [Thumbnails(first, "first").encode(first), Thumbnails(last, "last").encode(last)]
    assert pictures[0] == pictures[1]
    assert decoded(pictures[0][0]).shape == (5, 7, 3)


def test_large_images_become_thumbnails() -> None:
    images = np.random.default_rng(0).random((1, 300, 150, 3))
    assert decoded(Thumbnails(images, "last").encode(images)[0]).shape == (128, 64, 3)


def test_ink_is_bright_strokes_on_an_empty_ground() -> None:
    stroke = np.zeros((1, 9, 9, 1))
    stroke[0, 2:7, 4] = 1
    assert Thumbnails(stroke, "last").ink
    assert not Thumbnails(1 - stroke, "last").ink
    assert not Thumbnails(np.repeat(stroke, 3, axis=3), "last").ink


@pytest.mark.parametrize(
    ("shape", "channels", "expected"),
    [
        ((2, 3, 8, 9), "first", True),
        ((2, 8, 9, 3), "last", True),
        ((2, 8, 9, 3), "first", False),
        ((2, 28, 28), "last", True),
        ((2, 20, 300), "last", False),
        ((2, 7), "last", False),
        ((2, 0, 0, 3), "last", False),
    ],
)
def test_what_looks_like_images(shape: tuple[int, ...], channels: str, expected: bool) -> None:
    assert is_image(np.zeros(shape), channels) is expected


def test_pictures_that_come_again_are_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    encode, encoded = thumbnails._encode_png, []

    def counted(image: np.ndarray) -> bytes:
        encoded.append(image)
        return encode(image)

    monkeypatch.setattr(thumbnails, "_encode_png", counted)
    images = np.random.default_rng(9).integers(0, 256, (5, 11, 9, 3)).astype(np.uint8)
    first = Thumbnails(images, "last").encode(images)
    again = Thumbnails(images, "last").encode(images[::-1])
    assert again == first[::-1]
    assert len(encoded) == 5
    for image, png in zip(images, first, strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png))), image)
    # Of more than there is room for, the oldest go.
    monkeypatch.setattr(thumbnails, "MOST_BYTES", len(first[3]) + len(first[4]) + 10)
    others = 255 - images[:1]
    Thumbnails(others, "last").encode(others)
    assert thumbnails._CACHE.size <= thumbnails.MOST_BYTES
    Thumbnails(images, "last").encode(images[:1])
    assert len(encoded) == 7
