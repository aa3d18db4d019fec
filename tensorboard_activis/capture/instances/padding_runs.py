"""What looks like padding in sequences that come without a mask: runs of one value that end, or begin, rows of unequal length."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

#: Runs are said of if this share of the rows has one of at least two positions, and two rows at least.
_ROWS = 0.1
#: And if no larger share of the other positions has the same value: separators and spaces are between words, too.
_ELSEWHERE = 0.01
_SIDES = {"end": "end", "start": "begin"}


@dataclass
class Run:
    """Runs of one value at one side of the rows.

    Attributes:
        rows: that end (or begin) with the value; long: with at least two.
        positions: in these runs; labelled: those of them that have a label.
        least, most: positions of the shortest and the longest run, 0 where a row has none.
        elsewhere: positions with the value that are in no such run, in batches where some are of two or more; not at the other side
            of a row, where it may stand for the beginning of a text.
    """

    rows: int
    long: int
    positions: int
    labelled: int
    least: int
    most: int
    elsewhere: int

    def merge(self, other: "Run") -> None:
        """Adds those of other rows."""
        self.rows, self.long = self.rows + other.rows, self.long + other.long
        self.positions, self.labelled = self.positions + other.positions, self.labelled + other.labelled
        self.least, self.most = min(self.least, other.least), max(self.most, other.most)
        self.elsewhere += other.elsewhere


@dataclass
class PaddingRuns:
    """Runs at the sides of sequences of which no mask says what is padding.

    Attributes:
        rows, positions: of all sequences.
        advice: how to say what is padding and what is not, in words.
        runs: by what the value is, as "token 0", and the side, "end" or "start".
    """

    rows: int = 0
    positions: int = 0
    advice: str = ""
    runs: dict[tuple[str, str], Run] = field(default_factory=dict)

    @classmethod
    def of(
        cls, values: np.ndarray, labelled: np.ndarray | None = None, *, what: str = "token", advice: str = ""
    ) -> "PaddingRuns":
        """The runs in a batch.

        Arguments:
            values: int [rows, positions], token ids, or labels of positions, of which only the negative ones count; or [rows,
                positions, features], of which only the zeros count.
            labelled: bool [rows, positions], which of these have a label; None: none.
            what: the values are.
            advice: see the attribute.
        """
        numbers = np.arange(1, values.shape[1] + 1)  # of positions of which none is like another
        if values.ndim == 3:
            what, values = "zeros", np.where((values == 0).all(2), 0, numbers)
        elif what == "label":
            values = np.where(values < 0, values, numbers)
        rows, size = values.shape
        found = cls(rows, values.size, advice)
        if not values.size:
            return found
        for side in _SIDES:
            ordered, known = (values, labelled) if side == "end" else (_flipped(values), _flipped(labelled))
            outermost = ordered[:, -1]
            same = ordered == outermost[:, None]
            lengths = np.where(same.all(1), size, np.argmin(same[:, ::-1], axis=1))
            inside = np.arange(size) >= size - lengths[:, None]
            of_rows = np.zeros(rows, np.int64) if known is None else (known & inside).sum(1)
            ends, group = np.unique(outermost, return_inverse=True)
            most = np.zeros(ends.size, np.int64)
            np.maximum.at(most, group, lengths)
            weights = (np.ones(rows), lengths > 1, lengths, of_rows)
            counts = np.stack([*(np.bincount(group, each) for each in weights), most], 1).astype(np.int64).tolist()
            for value, (ending, long, positions, with_label, longest) in zip(ends.tolist(), counts, strict=True):
                if what != "token" and value > 0:
                    continue
                elsewhere = 0
                if longest > 1:
                    elsewhere = int(((ordered == value)[:, 1:] & ~(same & inside)[:, 1:]).sum())
                least = int(lengths.min()) if ends.size == 1 else 0
                key = what if what == "zeros" else f"{what} {value}"
                found.runs[key, side] = Run(ending, long, positions, with_label, least, longest, elsewhere)
        return found

    def merge(self, other: "PaddingRuns") -> None:
        """Adds those of other batches."""
        self.rows, self.positions = self.rows + other.rows, self.positions + other.positions
        self.advice = self.advice or other.advice
        for key, run in other.runs.items():
            if key in self.runs:
                self.runs[key].merge(run)
            else:
                self.runs[key] = run

    def notes(self, *, are_instances: bool) -> list[str]:
        """What is to be said: of the value whose runs look like padding; nothing where none does.

        Arguments:
            are_instances: whether each position is an instance.
        """
        found = {key: run for key, run in self.runs.items() if self._looks_like_padding(run)}
        if not found:
            return []
        (what, side), run = max(found.items(), key=lambda each: each[1].positions)
        share = f"{run.positions:,} of {self.positions:,} positions ({run.positions / self.positions:.0%})"
        counts = "count as instances" if are_instances else "count in the activations of their texts"
        labels = f"; {run.labelled:,} of them have a label, which counts in accuracy and loss" if run.labelled else ""
        return [
            f"What looks like padding is counted: {share} lie in runs of {what}, up to {run.most:,} long, that {_SIDES[side]} "
            f"{run.rows:,} of {self.rows:,} texts. No mask says that they are padding, so they {counts}{labels}. {self.advice}"
        ]

    def _looks_like_padding(self, run: Run) -> bool:
        unequal = run.most > (run.least if run.rows == self.rows else 0)
        alone = run.elsewhere <= _ELSEWHERE * (self.positions - run.positions)
        return unequal and alone and run.long >= max(2, _ROWS * self.rows)

    def state(self) -> list[Any]:
        """As lists of numbers and texts, for another process."""
        return [self.rows, self.positions, self.advice, [[*key, *vars(run).values()] for key, run in self.runs.items()]]

    @classmethod
    def of_state(cls, state: Any) -> "PaddingRuns":
        """What `state` gave elsewhere."""
        rows, positions, advice, runs = state
        return cls(rows, positions, advice, {(what, side): Run(*numbers) for what, side, *numbers in runs})


def _flipped(values: Any) -> Any:
    return None if values is None else values[:, ::-1]
