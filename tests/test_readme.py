"""What the README promises is there: its commands, its code, its keywords, its links."""

import inspect
import re
from pathlib import Path

import numpy as np
import pytest

from tensorboard_activis import open_run

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.S)
CLASSES = 3


def block(part: str) -> str:
    (found,) = [code for code in BLOCKS if part in code]
    return found


def test_targets_of_make_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    named = set(re.findall(r"^    make ([a-z-]+)|`make ([a-z-]+)", README, re.M))
    assert {one or other for one, other in named} <= targets


def test_links_lead_to_files():
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if not link.startswith("https://")]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_keywords_mean_the_same_in_both():
    from tensorboard_activis.keras import ActiVisCallback
    from tensorboard_activis.torch import ActiVisLogger

    named = re.findall(r"^\| `(\w+)` \|", README, re.M)
    assert named
    for keyword in named:
        ours, theirs = (inspect.signature(face).parameters[keyword] for face in (ActiVisLogger, ActiVisCallback))
        assert ours.kind is theirs.kind is inspect.Parameter.KEYWORD_ONLY
        assert ours.default == theirs.default


@pytest.fixture
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_torch_example_logs_what_the_reading_example_reads(somewhere: Path):
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.ReLU(), torch.nn.Linear(4, CLASSES))
    data = TensorDataset(torch.randn(7, 5), torch.arange(7) % CLASSES)
    names = {
        "model": model,
        "validation_loader": DataLoader(data, batch_size=4),
        "epochs": 2,
        "train": torch.nn.Module.train,
    }
    exec(block("ActiVisLogger"), dict(names))
    assert open_run("logs/run1").steps == [0, 1]
    read: dict[str, object] = {}
    exec(block("open_run"), read)
    assert read["layer"] == "2"


def test_keras_example_logs(somewhere: Path):
    import keras

    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(4, activation="relu"), keras.layers.Dense(CLASSES)]
    model = keras.Sequential([keras.Input((5,)), *layers])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    x, y = np.random.default_rng(0).normal(size=(7, 5)).astype("float32"), np.arange(7) % CLASSES
    code = block("ActiVisCallback").replace("epochs=10", "epochs=2, verbose=0")
    exec(code, {"model": model, "x": x, "y": y, "x_validation": x, "y_validation": y})
    assert open_run("logs/run1").steps == [1, 2]
