"""Texts that the user gave as lists of words, and whose words are not one for each token."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass
class UnfitWords:
    """Counts of a batch, or of all.

    Attributes:
        texts: that are lists of words; unfit: those of them with another number of words than tokens.
        first: the first of these in words; "" if there is none.
        instead: what their tokens are shown by.
    """

    texts: int = 0
    unfit: int = 0
    first: str = ""
    instead: str = ""

    def add(self, index: int, words: int, fitting: set[int], instead: str) -> bool:
        """Adds a text, and returns whether its words fit.

        Arguments:
            index: of the text in the batch.
            words: how many it has.
            fitting: how many it may have.
            instead: what its tokens are shown by if they do not fit.
        """
        self.texts += 1
        if words in fitting:
            return True
        self.unfit += 1
        if not self.first:
            allowed = " or ".join(f"{count:,}" for count in sorted(fitting))
            self.first = f"text {index:,} of its batch has {words:,} words where {allowed} are expected"
            self.instead = instead
        return False

    def merge(self, other: "UnfitWords") -> None:
        """Adds those of other batches."""
        self.texts, self.unfit = self.texts + other.texts, self.unfit + other.unfit
        if not self.first:
            self.first, self.instead = other.first, other.instead

    def notes(self) -> list[str]:
        """What is to be said; nothing where all fit."""
        if not self.unfit:
            return []
        return [
            f"The words of texts= are not one for each token in {self.unfit:,} of {self.texts:,} texts, whose tokens are shown by "
            f"{self.instead} instead: the first, {self.first}. Give for each text a list with a word for each position, padding "
            "too, or with a word for each position that a mask leaves."
        ]

    def state(self) -> list[Any]:
        """As a list, for another process."""
        return list(vars(self).values())


def without_padding(words: Sequence[Any], mask: np.ndarray | None) -> Sequence[Any]:
    """Words of one text: where there is one for each position of a mask, bool [positions], those that it leaves; else all."""
    if mask is None or len(words) != len(mask):
        return words
    return [word for word, is_real in zip(words, mask.tolist(), strict=True) if is_real]
