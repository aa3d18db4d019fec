"""Models that actors make, and the data that they are evaluated on."""

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

CLASSES = ("a", "b", "c")


class Net(nn.Module):
    """A small convolutional network, the same in every process."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(3)
            self.conv = nn.Conv2d(1, 6, 3)
            self.head = nn.Linear(6, len(CLASSES))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.head(torch.relu(self.conv(image)).mean((2, 3)))


class Killed(Net):
    """Kills its process the first times that it sees a certain instance: so many as there are files to remove."""

    def __init__(self, lives: Path, value: float) -> None:
        super().__init__()
        self._lives, self._value = lives, value

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        if (image[:, 0, 0, 0] == self._value).any():
            life = next(iter(sorted(self._lives.iterdir())), None)
            if life is not None:
                life.unlink()
                os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(image)


class Failing(Net):
    """Fails at a certain instance."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self._value = value

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        if (image[:, 0, 0, 0] == self._value).any():
            raise RuntimeError("this image is odd")
        return super().forward(image)


def keras_net() -> Any:
    """A small network of Keras, the same in every process."""
    import keras

    keras.utils.set_random_seed(5)
    inputs = keras.Input((8,), name="features")
    hidden = keras.layers.Dense(7, activation="relu", name="hidden")(inputs)
    return keras.Model(inputs, keras.layers.Dense(3, name="head")(hidden))


def images(count: int) -> dict[str, np.ndarray]:
    """Columns of instances: images, labels, ids that are texts, and one more."""
    random = np.random.default_rng(count)
    image = random.normal(size=(count, 1, 6, 6)).astype(np.float32)
    image[:, 0, 0, 0] = np.arange(count)
    return {
        "image": image,
        "label": random.integers(0, len(CLASSES), count),
        "name": np.array([f"i{row}" for row in range(count)], object),
        "site": np.array(["xy"[row % 2] for row in range(count)], object),
    }
