"""How the log beside this file was made, once, with the code of version 0.1.0: `python made_with.py DIRECTORY`.

It is kept to say what the expected numbers are: those of plain forward hooks and numpy, in `expected.npz`, and nothing of ours.
Running it with a later version would make a log of that version, which is not what test_logs_of_0_1.py wants to read.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from tensorboard_activis.torch import ActiVisLogger
from tensorboard_activis.write import arrays

INSTANCES, SAMPLE, BATCH = 60, 24, 16


def main(directory: Path) -> None:
    torch.manual_seed(0)
    arrays.INLINE_BYTES = 4096  # 64 KiB otherwise: so that a small log has a file of large arrays, too
    digits = load_digits()
    images = torch.tensor(digits.images[: INSTANCES + 2, None] / 16, dtype=torch.float32)
    labels = torch.tensor(digits.target[: INSTANCES + 2])
    model = nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(384, 12), nn.ReLU(), nn.Linear(12, 10)
    )
    data = torch.utils.data.TensorDataset(images[:INSTANCES], labels[:INSTANCES])
    ink = images[:INSTANCES].sum((1, 2, 3)).numpy()
    site = np.array(["A", "B", "C"])[np.arange(INSTANCES) % 3]
    options: dict[str, Any] = {
        "layers": ["1", "4", "5"],
        "class_names": [f"digit {digit}" for digit in range(10)],
        "subsets": {"wrong": "not correct", "heavy": "ink > 20", "site B": 'site == "B"'},
        "columns": {"ink": ink.tolist(), "site": site.tolist()},
        "sample": SAMPLE,
        "probes": (images[INSTANCES:], labels[INSTANCES:]),  # `pinned` since 0.2.0
        "strict": True,
    }
    expected: dict[str, Any] = {"ink": ink, "site": site, "label": labels[:INSTANCES].numpy()}
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    with ActiVisLogger(directory / "run", model, torch.utils.data.DataLoader(data, BATCH), **options) as activis:
        for step in (0, 7):
            activis.log(step)
            expected |= {f"{step} {name}": values for name, values in passed(model, images, labels).items()}
            for _ in range(7):
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(images[:INSTANCES]), labels[:INSTANCES]).backward()
                optimizer.step()
    np.savez_compressed(directory / "expected.npz", **expected)


def passed(model: nn.Sequential, images: torch.Tensor, labels: torch.Tensor) -> dict[str, np.ndarray]:
    """Of a plain pass over all instances, the probes last: each layer's value per neuron, prediction, score, loss."""
    outputs: dict[str, np.ndarray] = {}

    def hook(name: str) -> Any:
        return lambda module, inputs, output: outputs.update({name: output.numpy()})

    handles = [model[int(name)].register_forward_hook(hook(name)) for name in ("1", "4", "5")]
    with torch.no_grad():
        model(images)
    for handle in handles:
        handle.remove()
    outputs["1"] = outputs["1"].mean((2, 3), dtype=np.float64).astype(np.float32)
    logits = outputs["5"].astype(np.float64)
    shifted = np.exp(logits - logits.max(1, keepdims=True))
    probabilities = shifted / shifted.sum(1, keepdims=True)
    own = probabilities[np.arange(len(labels)), labels.numpy()]
    return {**outputs, "prediction": logits.argmax(1), "score": probabilities.max(1), "loss": -np.log(own)}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
