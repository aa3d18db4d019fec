"""Models for segmentation and detection are recorded where that has a meaning; else the advice in the message can be followed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tensorboard_activis.errors import ActiVisWarning, ConfigurationError
from tests.torch.snapshots import by_id, logged


class Segmentation(nn.Module):
    """A class for every place, as torchvision's give it."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU())
        self.classifier = nn.Conv2d(6, 4, 1)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"out": self.classifier(self.backbone(x))}


class Queries(nn.Module):
    """A detector that gives equally many boxes for each image, as DETR does."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.classes, self.boxes = nn.Conv2d(3, 6, 3), nn.Linear(6, 5), nn.Linear(6, 4)

    def forward(self, pixel_values: torch.Tensor) -> dict[str, torch.Tensor]:
        inner = self.body(pixel_values).flatten(2).transpose(1, 2)
        return {"logits": self.classes(inner), "pred_boxes": self.boxes(inner)}


class Detector(nn.Module):
    """Takes a list of images and gives a list, as torchvision's detectors do; its body gets all images at once."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.classes, self.boxes = nn.Conv2d(3, 6, 3), nn.Linear(6, 5), nn.Linear(6, 4)

    def forward(self, images: Any, targets: Any = None) -> list[dict[str, torch.Tensor]]:
        maps = self.body(torch.stack(list(images)))
        found = []
        for each in maps:
            places = each.flatten(1).T
            scores = self.classes(places).softmax(-1).amax(-1)
            found.append({"boxes": self.boxes(places)[scores > 0.3], "scores": scores[scores > 0.3]})
        return found


class OneByOne(Detector):
    """No part of it takes a batch."""

    def forward(self, images: Any, targets: Any = None) -> list[dict[str, torch.Tensor]]:
        return [super(OneByOne, self).forward([image])[0] for image in images]


IMAGES = torch.randn(11, 3, 9, 7, generator=torch.Generator().manual_seed(0))
MAPS = torch.randint(0, 4, (11, 9, 7), generator=torch.Generator().manual_seed(1))
BOXES = torch.rand(11, 3, 4, generator=torch.Generator().manual_seed(2))
TARGETS = [{"boxes": BOXES[index, : 1 + index % 3], "labels": torch.ones(1 + index % 3)} for index in range(11)]


def check_body(snapshot: Any, layer: str, module: nn.Module) -> None:
    with torch.no_grad():
        expected = module(IMAGES).mean((2, 3)).numpy()
    order = np.asarray(snapshot.instances["id"])
    assert sorted(order) == list(range(11))
    np.testing.assert_allclose(snapshot.activations(layer), expected[order], atol=2e-3)


def test_segmentation_is_recorded_and_the_advice_on_labels_holds(tmp_path: Path) -> None:
    model, loader = Segmentation().eval(), DataLoader(TensorDataset(IMAGES, MAPS), 4)
    with pytest.warns(
        ActiVisWarning, match=r"labels of shape \(4, 9, 7\) .* one label per instance.*unpack=.* task='none'"
    ):
        snapshot = logged(tmp_path / "maps", model, loader)
    check_body(snapshot, "backbone.1", model.backbone)
    assert "label" not in snapshot.instances.column_names
    snapshot = logged(tmp_path / "none", model, loader, task="none")  # without a warning
    check_body(snapshot, "backbone.1", model.backbone)
    most = MAPS.flatten(1).mode(1).values

    def unpack(batch: Any) -> tuple[Any, Any]:
        return batch[0], batch[1].flatten(1).mode(1).values

    snapshot = logged(tmp_path / "most", model, loader, unpack=unpack)
    assert [int(label) for label in by_id(snapshot, "label")] == most.tolist()


@pytest.mark.parametrize("named", [False, True])
def test_boxes_of_queries_are_recorded(tmp_path: Path, named: bool) -> None:
    """Targets are dicts of boxes and classes."""
    model = Queries().eval()
    batches: list[Any] = []
    for start in range(0, 11, 4):
        images, targets = IMAGES[start : start + 4], TARGETS[start : start + 4]
        batches.append({"pixel_values": images, "labels": targets} if named else (images, targets))
    with pytest.warns(ActiVisWarning, match="labels that are several values per instance are not one per instance"):
        snapshot = logged(tmp_path / "targets", model, batches)
    check_body(snapshot, "body", model.body)
    with torch.no_grad():
        boxes = model(IMAGES)["pred_boxes"].mean(1).numpy()
    order = np.asarray(snapshot.instances["id"])
    np.testing.assert_allclose(snapshot.activations("boxes"), boxes[order], atol=2e-3)
    check_body(logged(tmp_path / "none", model, batches, task="none"), "body", model.body)


@pytest.mark.parametrize("size", [4, 5])
def test_lists_of_images_are_recorded_once_they_are_stacked(tmp_path: Path, size: int) -> None:
    """Also where a batch has as many images as a box has numbers."""
    model = Detector().eval()
    batches = [(list(IMAGES[start : start + size]), TARGETS[start : start + size]) for start in range(0, 11, size)]
    with pytest.raises(
        ConfigurationError, match=r"one per instance.* unpack=.*torch.stack\(batch\[0\]\), None\), and task='none'"
    ):
        logged(tmp_path / "lists", model, batches)
    unpack = lambda batch: (torch.stack(batch[0]), None)  # noqa: E731
    snapshot = logged(tmp_path / "stacked", model, batches, unpack=unpack, task="none")
    check_body(snapshot, "body", model.body)
    assert list(snapshot.layers) == ["body"]


def test_the_body_of_a_model_that_takes_images_one_by_one(tmp_path: Path) -> None:
    model = OneByOne().eval()
    batches = [(list(IMAGES[start : start + 4]), None) for start in range(0, 11, 4)]
    unpack = lambda batch: (torch.stack(batch[0]), None)  # noqa: E731
    with pytest.raises(ConfigurationError, match="one by one.* log a part that takes batches, such as its backbone"):
        logged(tmp_path / "whole", model, batches, unpack=unpack, task="none")
    check_body(logged(tmp_path / "body", model.body, batches, unpack=unpack, task="none"), "/conv2d", model.body)
