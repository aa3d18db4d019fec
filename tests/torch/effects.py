"""What tests of effects share: small models that err, and plain autograd to compare with."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from tensorboard_activis import open_run
from tensorboard_activis.query.snapshot import Snapshot
from tensorboard_activis.torch import ActiVisLogger

CLASSES = 4


class Cnn(nn.Module):
    """Maps, BatchNorm, an activation in place, an operator, a hidden layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.act = nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(inplace=True)
        self.hidden, self.drop, self.head = nn.Linear(6, 7), nn.Dropout(0.5), nn.Linear(7, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps = self.act(self.norm(self.conv(x)))
        hidden = torch.tanh(self.hidden(maps.mean((2, 3))))
        logits: torch.Tensor = self.head(self.drop(hidden))
        return logits


class Text(nn.Module):
    """A tiny transformer encoder with padding, whose mean over real tokens is classified."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 8)
        self.block = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        mask = attention_mask.bool()
        tokens = self.block(self.embedding(input_ids), src_key_padding_mask=~mask)
        pooled = (tokens * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
        logits: torch.Tensor = self.head(pooled)
        return logits


def images(count: int = 60, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 1, 6, 6, generator=generator), torch.randint(0, CLASSES, (count,), generator=generator)


def texts(count: int = 48) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    lengths = torch.randint(2, 9, (count,), generator=generator)
    mask = (torch.arange(9) < lengths[:, None]).long()
    mask[::3] = mask[::3].flip(1)  # padding on the left as well
    ids = torch.randint(0, 20, (count, 9), generator=generator)
    return {"input_ids": ids, "attention_mask": mask}, torch.randint(0, CLASSES, (count,), generator=generator)


def text_batches(size: int = 7) -> list[dict[str, torch.Tensor]]:
    inputs, labels = texts()
    parts = zip(*(each.split(size) for each in (inputs["input_ids"], inputs["attention_mask"], labels)), strict=True)
    return [{"input_ids": ids, "attention_mask": mask, "labels": label} for ids, mask, label in parts]


def margin(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The logit of the label minus the highest other, written another way than in the package."""
    rows = []
    for row, label in zip(logits, labels.tolist(), strict=True):
        rows.append(row[label] - torch.cat([row[:label], row[label + 1 :]]).max())
    return torch.stack(rows)


def plain_gradients(
    model: nn.Module, inputs: Mapping[str, torch.Tensor] | torch.Tensor, labels: torch.Tensor, modules: Sequence[str]
) -> tuple[np.ndarray, dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Margins, and by module its output and the margins' gradient with respect to it, by plain autograd in evaluation mode."""
    outputs: dict[str, torch.Tensor] = {}
    named, was = dict(model.named_modules()), model.training

    def keep(name: str) -> Any:
        def hook(module: nn.Module, args: Any, output: Any) -> torch.Tensor:
            outputs[name] = output
            output.retain_grad()
            return output.clone()  # what comes next may be in place

        return hook

    handles = [named[name].register_forward_hook(keep(name)) for name in modules]
    model.eval()
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    before = {name: parameter.grad for name, parameter in model.named_parameters()}
    logits = model(**inputs) if isinstance(inputs, Mapping) else model(inputs)
    logits = getattr(logits, "logits", logits)
    margins = margin(logits, labels)
    margins.sum().backward()
    torch.backends.mha.set_fastpath_enabled(fast)
    for handle in handles:
        handle.remove()
    for name, parameter in model.named_parameters():
        parameter.grad = before[name]
    model.train(was)
    gradients = {name: (each.detach().numpy(), each.grad.numpy()) for name, each in outputs.items()}  # type: ignore[union-attr]
    return margins.detach().numpy(), gradients


def logged(log_dir: Path, model: nn.Module, data: Any, **options: Any) -> Snapshot:
    """The snapshot of one pass."""
    chosen: dict[str, Any] = {"effects": "gradients", "effects_share": 1.0, "strict": True}
    with ActiVisLogger(log_dir, model, data, **chosen | options) as activis:
        activis.log(1)
    return open_run(log_dir).latest


def errors_of(snapshot: Snapshot, layer: str) -> np.ndarray:
    """Ids of the errors that have effects."""
    ids = np.array(snapshot.instances["id"].to_pylist())
    found: np.ndarray = ids[snapshot.gradient_effects(layer).rows]
    return found
