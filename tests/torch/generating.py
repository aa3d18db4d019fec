"""A small model with a `generate` of its own, whose passes are on other inputs than the evaluation's."""

from typing import Any

import torch

from tests.torch.network import Net

#: What is said where a model ran inside of `generate` alone, in words.
ADVICE = (
    "It only ran inside of `generate`, which is not watched: such a pass is one step of a text, not of labelled instances. Compute "
    "the loss in the evaluation as well (Hugging Face's Trainer does where the data have labels), or give data= with inputs and "
    "labels, over which a forward pass is then run for the snapshot (with a logger, by log(step))."
)
NO_PASS = f"The model made no forward pass in evaluation mode while it was watched. {ADVICE}"


class Generating(Net):
    """Generates by forward passes, and by calls of its parts."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        super().__init__()

    @torch.no_grad()
    def generate(self, x: torch.Tensor, *, steps: int = 3) -> torch.Tensor:
        for _ in range(steps):
            x = 2 * x + self(x).argmax(1)[:, None, None, None]
            self.fc(self.conv(x).flatten(1))
        return x


class Inside(torch.nn.Module):
    """The model as a part, with nothing of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.part = Generating()

    def forward(self, x: torch.Tensor) -> Any:
        return self.part(x)


class GeneratesFirst(Inside):
    """Its forward pass generates what its head is run on."""

    def __init__(self) -> None:
        super().__init__()
        self.head = torch.nn.Linear(64, 3)

    def forward(self, x: torch.Tensor) -> Any:
        return self.head(self.part.generate(x, steps=1).flatten(1))
