"""The settings of the demo on texts."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tensorboard_activis.demo.digits import SEED
from tensorboard_activis.demo.sentences import Sentences

#: The first numbers of the vocabulary: padding, the token before every sentence, and words that are met less than twice.
SPECIAL = ("[pad]", "[cls]", "[rare]")
#: Batches whose sentences are sorted by length together, so that little is padding.
ALIKE = 16
#: User subsets, in the language of the tab's query box.
SUBSETS = {"PyTorch or NumPy, wrong": 'label in ["PyTorch", "NumPy"] and not correct', "short": "length < 10"}


@dataclass(frozen=True, slots=True)
class TextPlan:
    """One training run on texts.

    Attributes:
        log_dir: the run's own directory.
        sentences: the data.
        epochs: how often training goes through the data; a snapshot is logged after each.
        batch_size: sentences per training step.
        learning_rate: of AdamW, after the first steps.
    """

    log_dir: Path
    sentences: Sentences
    epochs: int
    batch_size: int = 32
    learning_rate: float = 5e-4

    @property
    def steps(self) -> int:
        """Training steps in all epochs."""
        return self.epochs * -(-len(self.sentences.train) // self.batch_size)

    @property
    def vocabulary(self) -> dict[str, int]:
        """The number of each word in lower case that the sentences for training have at least twice, after `SPECIAL`."""
        counts = Counter(word.lower() for words in self.sentences.train for word in words)
        common = [word for word, count in counts.most_common() if count > 1]
        return {word: number for number, word in enumerate((*SPECIAL, *common))}

    def batches(self, epoch: int) -> Iterator[np.ndarray]:
        """Indices of the sentences for training, in a new order for each epoch; those of a batch are about equally long."""
        random = np.random.default_rng([SEED, epoch])
        lengths = np.array([len(words) for words in self.sentences.train])
        order = random.permutation(len(lengths))
        batches = []
        for start in range(0, len(order), ALIKE * self.batch_size):
            part = order[start : start + ALIKE * self.batch_size]
            part = part[np.argsort(lengths[part], kind="stable")]
            batches += [part[first : first + self.batch_size] for first in range(0, len(part), self.batch_size)]
        yield from (batches[place] for place in random.permutation(len(batches)))


def encoded(sentences: list[list[str]], vocabulary: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of the words, after that of "[cls]", int64 [sentences, words]; and 1 where there is one, 0 in padding."""
    width = 1 + max(map(len, sentences))
    numbers, mask = np.zeros((len(sentences), width), np.int64), np.zeros((len(sentences), width), np.int64)
    for row, words in enumerate(sentences):
        known = [1, *(vocabulary.get(word.lower(), 2) for word in words)]
        numbers[row, : len(known)], mask[row, : len(known)] = known, 1
    return numbers, mask
