"""A network on 100,000 images, evaluated by two actors of Ray: what a million photographs on many machines would look like.

    python examples/ray_imagenet_like.py            # some minutes on two cores; --instances 5000 for a look
    tensorboard --logdir logs/ray

The images are made by Ray as they are needed, 32 x 32 pixels of ten classes: stripes of ten directions, each class in a colour of
its own, in noise. Of one site the colours are pale, which makes its images hard: the tab shows that as `site == "north"`. With
images of your own take `ray.data.read_images(..., include_paths=True)` or `read_parquet` in the place of `ray.data.range`.
"""

import argparse

import numpy as np
import ray
import ray.data
import torch
from torch import nn
from torch.nn import functional

from tensorboard_activis.ray import log

CLASSES = [f"{angle}°" for angle in range(0, 180, 18)]
SIZE = 32


def make_images(rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The images of these numbers, the same in every run: float32 [rows, 3, 32, 32], labels, sites and names."""
    numbers = rows["id"]
    label = numbers % len(CLASSES)
    pale = numbers % 7 == 0
    down, across = np.mgrid[:SIZE, :SIZE] / 4.0
    angle = np.pi * label / len(CLASSES)
    phase = (numbers * 0.7)[:, None, None]
    wave = np.sin(np.cos(angle)[:, None, None] * across + np.sin(angle)[:, None, None] * down + phase)
    colour = 0.6 + 0.4 * np.cos(angle[:, None] * 2 + np.array([0.0, 2.1, 4.2]))
    # Of each image by its number: which images share a batch depends on the cluster.
    noise = np.stack([np.random.default_rng(number).normal(scale=0.8, size=(3, SIZE, SIZE)) for number in numbers])
    strength = np.where(pale, 0.25, 1.0)[:, None, None, None]
    image = strength * colour[:, :, None, None] * wave[:, None] + noise
    return {
        "image": image.astype(np.float32),
        "label": label,
        "site": np.where(pale, "north", "south").astype(object),
        "name": np.array([f"image-{number:07d}" for number in numbers], object),
    }


class Net(nn.Module):
    """A small convolutional network."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 24, 3, 2, 1)
        self.conv2 = nn.Conv2d(24, 48, 3, 2, 1)
        self.conv3 = nn.Conv2d(48, 64, 3, 2, 1)
        self.hidden = nn.Linear(64 * 16, 64)
        self.head = nn.Linear(64, len(CLASSES))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """[images, 3, 32, 32] -> logits [images, 10]"""
        x = torch.relu(self.conv3(torch.relu(self.conv2(torch.relu(self.conv1(image))))))
        logits: torch.Tensor = self.head(torch.relu(self.hidden(x.flatten(1))))
        return logits


def train(model: Net, steps: int) -> None:
    """Trains on images that are not evaluated."""
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    for step in range(steps):
        batch = make_images({"id": 10_000_000 + 128 * step + np.arange(128)})
        loss = functional.cross_entropy(model(torch.from_numpy(batch["image"])), torch.from_numpy(batch["label"]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=100_000)
    parser.add_argument("--actors", type=int, default=2)
    parser.add_argument("--log-dir", default="logs/ray")
    arguments = parser.parse_args()

    torch.manual_seed(0)
    model = Net()
    if not ray.is_initialized():
        ray.init(include_dashboard=False, log_to_driver=False)
    data = ray.data.range(arguments.instances).map_batches(make_images, batch_size=1024)
    for step in (30, 120):
        train(model, step)
        weights = {name: values.clone() for name, values in model.state_dict().items()}

        def load(weights: dict[str, torch.Tensor] = weights) -> Net:
            loaded = Net()
            loaded.load_state_dict(weights)
            return loaded

        log(
            arguments.log_dir,
            step,
            load,
            data,
            inputs="image",
            id="name",
            columns=["site"],
            class_names=CLASSES,
            subsets={"north": 'site == "north"', "south": 'site == "south"'},
            batch_size=256,
            actors=arguments.actors,
        )
    ray.shutdown()


if __name__ == "__main__":
    main()
