"""Content of instances (images, audio, text), and features as columns."""

import io
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from tensorboard_activis.errors import ConfigurationError
from tensorboard_activis.query.instances.content import content, describe_content
from tests.torch.snapshots import by_id, counts, logged


class Mean(nn.Module):
    """Takes anything: two scores of the mean."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(1, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.head(x.float().flatten(1).mean(1, keepdim=True))
        return out


class Tabular(nn.Module):
    """Features by name, one by one."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(2, 2)

    def forward(self, age: torch.Tensor, income: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.head(torch.stack([age.float().reshape(-1), income.reshape(-1)], 1))
        return out


LABELS = torch.arange(7) % 2


@pytest.mark.parametrize(
    ("images", "low", "high"),
    [
        (torch.rand(7, 3, 20, 30), 0, 1),
        (torch.rand(7, 3, 20, 30) * 2 - 1, None, None),
        ((torch.rand(7, 3, 20, 30) * 255).byte(), 0, 255),
        (torch.rand(7, 1, 20, 30) * 7 + 3, None, None),
        (torch.rand(7, 3, 300, 200), 0, 1),
    ],
)
def test_images_of_any_range(tmp_path: Path, images: torch.Tensor, low: float | None, high: float | None) -> None:
    snapshot = logged(tmp_path, Mean(), (images, LABELS))
    assert describe_content(snapshot)[0] == "image"
    assert low is not None or images.is_floating_point()
    least, most = (images.min().item() if low is None else low), (images.max().item() if high is None else high)
    for row, index in enumerate(snapshot.instances["id"].to_pylist()):
        kind, png = content(snapshot, row)
        assert kind == "image"
        assert isinstance(png, bytes)
        shown = np.asarray(Image.open(io.BytesIO(png)))
        if images.shape[2] > 128:
            assert shown.shape == (128, 85, 3)
            continue
        expected = (images[index].numpy().astype(np.float64) - least) / (most - least) * 255
        np.testing.assert_allclose(shown.reshape(20, 30, -1), np.moveaxis(expected, 0, -1), atol=0.51)


def test_images_with_their_channels_last(tmp_path: Path) -> None:
    images = torch.rand(7, 20, 30, 3)
    images[0, 0, 0], images[0, 0, 1] = 0, 1  # the first batch says the range
    snapshot = logged(tmp_path, Mean(), (images, LABELS))
    for row, index in enumerate(snapshot.instances["id"].to_pylist()):
        _, png = content(snapshot, row)
        assert isinstance(png, bytes)
        np.testing.assert_allclose(np.asarray(Image.open(io.BytesIO(png))), images[index].numpy() * 255, atol=0.51)


def test_texts_as_words(tmp_path: Path) -> None:
    words = [["the", "cat"], ["a", "catalogue"], [], ["dog"], ["the", "the"], ["x"], ["cat"]]
    snapshot = logged(
        tmp_path,
        Mean(),
        [(torch.rand(7, 3), LABELS)],
        texts=lambda batch: words,
        subsets={"part": '"cat" in text', "word": '"cat" in words', "long": "len(words) > 1"},
    )
    assert {name: counts(snapshot)[name] for name in ("part", "word", "long")} == {"part": 3, "word": 2, "long": 3}
    assert by_id(snapshot, "text") == [" ".join(own) for own in words]
    assert by_id(snapshot, "words") == words
    assert describe_content(snapshot)[0] == "text"


@pytest.mark.parametrize("shape", [(7, 800), (7, 2, 800)])
def test_sound(tmp_path: Path, shape: tuple[int, ...]) -> None:
    waves = torch.randn(shape, generator=torch.Generator().manual_seed(1)) * 0.2
    snapshot = logged(tmp_path, Mean(), (waves, LABELS), audio=8_000)
    assert describe_content(snapshot)[0] == "audio"
    for row, index in enumerate(snapshot.instances["id"].to_pylist()):
        kind, clip = content(snapshot, row)
        assert kind == "audio"
        assert isinstance(clip, bytes)
        with wave.open(io.BytesIO(clip)) as file:
            assert (file.getnchannels(), file.getsampwidth(), file.getframerate(), file.getnframes()) == (
                1,
                2,
                8_000,
                800,
            )
            heard = np.frombuffer(file.readframes(800), "<i2") / 32767
        expected = waves[index] if waves.dim() == 2 else waves[index].mean(0)
        np.testing.assert_allclose(heard, expected.clamp(-1, 1), atol=1e-4)


def test_sound_by_a_function(tmp_path: Path) -> None:
    batch = {"x": torch.rand(7, 3, 5), "wave": torch.rand(7, 100), "labels": LABELS}
    snapshot = logged(tmp_path, Mean(), [batch], audio=lambda given: (list(given["wave"]), 4_000))
    assert content(snapshot, 0)[0] == "audio"


def test_sound_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"audio= as a number says that inputs are waveforms.*shape \(7, 3, 8, 8\)"
    ):
        logged(tmp_path, Mean(), (torch.rand(7, 3, 8, 8), LABELS), audio=8_000)
    with pytest.raises(ConfigurationError, match="sample rate of audio must be a whole number"):
        logged(tmp_path, Mean(), (torch.rand(7, 100), LABELS), audio=lambda batch: (batch[0], 0.5))


def test_features_are_columns(tmp_path: Path) -> None:
    x = torch.randn(7, 3, generator=torch.Generator().manual_seed(1))
    snapshot = logged(tmp_path, nn.Linear(3, 2), (x, LABELS), subsets={"high": "x0 > 0 and x2 <= x1"})
    assert counts(snapshot)["high"] == int(((x[:, 0] > 0) & (x[:, 2] <= x[:, 1])).sum())
    for index in range(3):
        np.testing.assert_array_equal(by_id(snapshot, f"x{index}"), x[:, index].numpy())
    assert content(snapshot, 0)[0] == "numbers"


@pytest.mark.parametrize("flat", [True, False])
def test_features_by_name(tmp_path: Path, flat: bool) -> None:
    age, income = torch.tensor([30, 41, 5, 18, 77, 60, 21]), torch.rand(7)
    batch: dict[str, Any] = {"age": age, "income": income if flat else income[:, None], "labels": LABELS}
    snapshot = logged(tmp_path, Tabular(), [batch], subsets={"young": "age < 20"})
    assert counts(snapshot)["young"] == 2
    assert by_id(snapshot, "age") == age.tolist()
    np.testing.assert_allclose(by_id(snapshot, "income"), income, rtol=1e-6)
