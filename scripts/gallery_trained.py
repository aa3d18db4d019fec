"""Runs of the gallery that need a real model: maps of a convolution, tokens, heads, prediction by depth, tokens as instances."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from tensorboard_activis.demo.torch_network import DigitsNet
from tensorboard_activis.demo.torch_transformer import WIDTH, SentenceNet
from tensorboard_activis.torch import ActiVisLogger

#: The runs that are written.
TRAINED = ("maps", "words", "tags")
#: Tokens that stand for padding and for the sequence as a whole.
PAD, WHOLE = 0, 1


def write_trained(log_dir: Path, images: np.ndarray, labels: np.ndarray, texts: list[str], kinds: np.ndarray) -> None:
    """Trains three small models for a few steps and logs them.

    Arguments:
        images: float32 [instances, 1, 8, 8], with `labels`, int64 [instances].
        texts: with `kinds`, their classes, int64 [instances].
    """
    torch.manual_seed(0)
    torch.set_num_threads(1)
    _pictures(log_dir / "maps", torch.from_numpy(images), torch.from_numpy(labels))
    words = [text.split() for text in texts]
    numbers = {word: number for number, word in enumerate(sorted({word for text in words for word in text}), WHOLE + 1)}
    ids = torch.full((len(words), 1 + max(map(len, words))), PAD)
    for row, text in enumerate(words):
        ids[row, : len(text) + 1] = torch.tensor([WHOLE, *(numbers[word] for word in text)])
    # The label of a word: whether it is one of those that begin a question, or stands in all kinds of them.
    first = {text[0] for text in words}
    tags = torch.full(ids.shape, -100)
    for row, text in enumerate(words):
        tags[row, 1 : len(text) + 1] = torch.tensor(
            [0 if word in first else 1 if len(word) < 4 else 2 for word in text]
        )
    _texts(log_dir / "words", words, ids, torch.from_numpy(kinds))
    _tags(log_dir / "tags", words, ids, tags)


def _pictures(log_dir: Path, images: torch.Tensor, labels: torch.Tensor) -> None:
    model = DigitsNet()
    data = DataLoader(TensorDataset(images, labels), batch_size=256)
    pinned = TensorDataset(images[:4], labels[:4])
    train = _trainer(model, lambda rows: functional.cross_entropy(model(images[rows]), labels[rows]), len(labels))
    with ActiVisLogger(log_dir, model, data, pinned=DataLoader(pinned, batch_size=4)) as logger:
        for step in (20, 40):
            train(20)
            logger.log(step)


def _network(numbers: int, length: int, classes: int) -> SentenceNet:
    model = SentenceNet(numbers)
    model.places = nn.Embedding(length, WIDTH)
    model.h = model.h[:2]
    model.classify = nn.Linear(WIDTH, classes)
    return model


def _batches(words: list[list[str]], ids: torch.Tensor, labels: torch.Tensor) -> list[dict[str, Any]]:
    return [
        {
            "input_ids": ids[start : start + 60],
            "attention_mask": (ids[start : start + 60] != PAD).long(),
            "labels": labels[start : start + 60],
            "tokens": [["[cls]", *text] for text in words[start : start + 60]],
        }
        for start in range(0, len(ids), 60)
    ]


def _texts(log_dir: Path, words: list[list[str]], ids: torch.Tensor, kinds: torch.Tensor) -> None:
    model = _network(int(ids.max()) + 1, ids.shape[1], int(kinds.max()) + 1)
    batches = _batches(words, ids, kinds)
    train = _trainer(
        model, lambda rows: functional.cross_entropy(model(ids[rows], ids[rows] != PAD), kinds[rows]), len(ids)
    )
    with ActiVisLogger(
        log_dir,
        model,
        batches,
        class_names=["ABBREVIATION", "DESCRIPTION", "ENTITY", "HUMAN", "LOCATION", "NUMBER"],
        texts=lambda batch: batch["tokens"],
        pinned=[{key: value[:3] for key, value in batches[0].items()}],
        unpack=lambda batch: ({name: batch[name] for name in ("input_ids", "attention_mask")}, batch["labels"]),
    ) as logger:
        for step in (40, 80):
            train(40)
            logger.log(step)


class Tagger(SentenceNet):
    """Logits [batch, words, classes]: of every word."""

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """`attention_mask`: 1 where there is a word, 0 in padding."""
        x = self.words(input_ids) + self.places(torch.arange(input_ids.shape[1]))
        for block in self.h:
            x = block(x, attention_mask.bool())
        logits: torch.Tensor = self.classify(self.norm(x))
        return logits


class Words:
    """What the logger asks a tokenizer for: the words of ids."""

    def __init__(self, words: list[list[str]], ids: torch.Tensor) -> None:
        """`words` are those of `ids`, after the first of each row."""
        self._words = {PAD: "[pad]", WHOLE: "[cls]"}
        for row, text in zip(ids.tolist(), words, strict=True):
            self._words.update(zip(row[1:], text, strict=False))

    def convert_ids_to_tokens(self, token: int) -> str:
        """The word of an id."""
        return self._words[token]

    def batch_decode(self, ids: list[list[int]]) -> list[str]:
        """The text of each sequence of ids."""
        return [" ".join(self._words[token] for token in one) for one in ids]


def _tags(log_dir: Path, words: list[list[str]], ids: torch.Tensor, tags: torch.Tensor) -> None:
    words, ids, tags = words[:120], ids[:120], tags[:120]
    model = Tagger(int(ids.max()) + 1)
    model.places, model.h, model.classify = nn.Embedding(ids.shape[1], WIDTH), model.h[:2], nn.Linear(WIDTH, 3)

    def loss(rows: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(model(ids[rows], ids[rows] != PAD).flatten(0, 1), tags[rows].flatten())

    train = _trainer(model, loss, len(ids))
    with ActiVisLogger(
        log_dir,
        model,
        _batches(words, ids, tags),
        unit="position",
        class_names=["question", "short", "long"],
        tokenizer=Words(words, ids),
        sample=800,
        unpack=lambda batch: ({name: batch[name] for name in ("input_ids", "attention_mask")}, batch["labels"]),
    ) as logger:
        for step in (15, 30):
            train(15)
            logger.log(step)


def _trainer(model: nn.Module, loss: Callable[[torch.Tensor], torch.Tensor], instances: int) -> Callable[[int], None]:
    """A function that makes so many steps of Adam, on 32 instances each; `loss` is of the instances of these indices."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def train(steps: int) -> None:
        model.train()
        for _ in range(steps):
            optimizer.zero_grad()
            loss(torch.randint(0, instances, (32,))).backward()
            optimizer.step()

    return train
