"""A small language model on the docstrings of Python's standard library: how much does it know of the next token?

    python examples/docstrings_model.py                     # logs to logs/docstrings
    tensorboard --logdir logs/docstrings

Every token is an instance. The model learns from docstrings padded to one length; from the same, with the padding told; and from
windows of all docstrings in a row. docs/cases/docstrings.md goes through what was found.
"""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from cases import arguments, compare
from torch import nn
from torch.nn import functional

from tensorboard_activis.demo.sentences import MODULES, documented
from tensorboard_activis.torch import ActiVisLogger

LENGTH, WORDS, WIDTH, BATCH, STEPS = 64, 500, 48, 16, 300
PAD, RARE, START = 0, 1, 2
TOKEN = re.compile(r"\w+|\n|[^\w\s]")
IGNORED = -100


class Block(nn.Module):
    """Causal attention and an MLP, each added to what comes in: [texts, tokens, WIDTH] -> the same."""

    def __init__(self, heads: int = 4) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attention = nn.MultiheadAttention(WIDTH, heads, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.ReLU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Every token looks at itself and at those before it."""
        y = self.norm1(x)
        x = x + self.attention(y, y, y, attn_mask=mask, need_weights=False)[0]
        y = self.mlp(self.norm2(x))
        return x + y


class LanguageModel(nn.Module):
    """Token ids [texts, tokens] -> logits of the next token [texts, tokens, words]."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(words, WIDTH), nn.Embedding(LENGTH, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(2))
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, words)

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        """Padding comes last, so no token looks at it."""
        length = input_ids.shape[1]
        mask = torch.triu(torch.full((length, length), float("-inf")), 1)
        x = self.tokens(input_ids) + self.positions(torch.arange(length))
        for block in self.blocks:
            x = block(x, mask)
        logits: torch.Tensor = self.head(self.norm(x))
        return logits


def docstrings() -> tuple[list[list[str]], list[list[str]]]:
    """Docstrings as tokens for training, and every fifth of them for evaluation."""
    found = [TOKEN.findall(text.lower()) for _, text in documented(MODULES["Python"].split())]
    return [words for place, words in enumerate(found) if place % 5], found[::5]


class Texts:
    """Docstrings as numbers of a vocabulary.

    Attributes:
        names: of the tokens, by number.
    """

    def __init__(self, training: list[list[str]]) -> None:
        counts = Counter(word for words in training for word in words)
        self.names = ["[pad]", "[rare]", "[start]", *(word for word, _ in counts.most_common(WORDS - 3))]
        self._numbers = {word: number for number, word in enumerate(self.names)}

    def padded(self, texts: list[list[str]]) -> torch.Tensor:
        """One row per text, cut or filled up: int [texts, LENGTH + 1]."""
        rows = [self._row(words)[: LENGTH + 1] for words in texts]
        return torch.tensor([row + [PAD] * (LENGTH + 1 - len(row)) for row in rows])

    def packed(self, texts: list[list[str]], stride: int) -> torch.Tensor:
        """Windows of all texts in a row, one from every so manieth token on: int [windows, LENGTH + 1]."""
        return torch.tensor([number for words in texts for number in self._row(words)]).unfold(0, LENGTH + 1, stride)

    def _row(self, words: list[str]) -> list[int]:
        return [START, *(self._numbers.get(word, RARE) for word in words)]


def following(cut: torch.Tensor, *, masked: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens [texts, LENGTH + 1] as inputs, and the next token of each as labels; padding is no label where it is masked."""
    labels = cut[:, 1:]
    return cut[:, :-1], labels.masked_fill(labels == PAD, IGNORED) if masked else labels


def tried(model: nn.Module, cut: torch.Tensor, *, masked: bool) -> tuple[float, float]:
    """Mean loss of the labels in nats, and the share of them that is predicted right."""
    inputs, labels = following(cut, masked=masked)
    with torch.inference_mode():
        logits = torch.cat([model(part) for part in inputs.split(BATCH)])
    right = (logits.argmax(2) == labels)[labels != IGNORED].float().mean().item()
    return functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED).item(), right


def main() -> None:
    """Trains the three for as many steps of as many positions, and tries them on the same docstrings."""
    chosen = arguments(__doc__, "logs/docstrings").parse_args()
    training, evaluation = docstrings()
    evaluation = evaluation[: 20 if chosen.small else 320]
    texts = Texts(training)
    known = {"plain": texts.padded(training), "packed": texts.packed(training, 1)}
    unseen = {"plain": texts.padded(evaluation), "packed": texts.packed(evaluation, LENGTH)}
    known["told"], unseen["told"] = known["plain"], unseen["plain"]

    def train(variant: str, seed: int, log_dir: Path | None) -> Mapping[str, float]:
        torch.manual_seed(seed)
        model = LanguageModel(len(texts.names))
        optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
        for _ in range(4 if chosen.small else STEPS):
            rows = known[variant][torch.randint(len(known[variant]), (BATCH,))]
            inputs, labels = following(rows, masked=variant == "told")
            optimizer.zero_grad()
            functional.cross_entropy(model(inputs).flatten(0, 1), labels.flatten(), ignore_index=IGNORED).backward()
            optimizer.step()
        model.eval()
        if log_dir:
            log(variant, model, log_dir)
        loss, right = tried(model, unseen["plain"], masked=True)  # the same tokens for all three
        _, logged = tried(model, unseen[variant], masked=variant == "told")
        return {
            "accuracy as it is logged": logged,
            "accuracy on real tokens of unseen docstrings": right,
            "loss of a real token of unseen docstrings, nats": loss,
        }

    def log(variant: str, model: nn.Module, log_dir: Path) -> None:
        batches: list[Any] = []
        for part in unseen[variant].split(BATCH):
            inputs, labels = following(part, masked=variant == "told")
            mask = {"attention_mask": inputs != PAD} if variant == "told" else {}
            batches.append({"input_ids": inputs, "labels": labels, **mask})

        def words(batch: dict[str, torch.Tensor]) -> list[list[str]]:
            return [[texts.names[token] for token in row] for row in batch["input_ids"].tolist()]

        with ActiVisLogger(log_dir, model, batches, unit="position", sample=4000, texts=words) as logger:
            logger.log(STEPS)

    compare(train, ["plain", "told", "packed"], range(chosen.seeds), chosen.log_dir)


if __name__ == "__main__":
    main()
