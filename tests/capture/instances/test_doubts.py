"""What had to be guessed of sequences: counts are those of loops, whatever the batches and processes."""

import numpy as np
import pytest

from tensorboard_activis.capture.instances.doubts import Doubts
from tensorboard_activis.capture.instances.padding_runs import PaddingRuns
from tensorboard_activis.capture.instances.unfit_words import UnfitWords
from tests.processes import run_threads

RANDOM = np.random.default_rng(0)


def padded(lengths: list[int], size: int, value: int) -> np.ndarray:
    rows = RANDOM.integers(5, 90, (len(lengths), size))
    for row, length in zip(rows, lengths, strict=True):
        row[length:] = value
    return rows


ROWS, KNOWN = padded([9, 2, 10, 1, 10, 4, 9], 10, 0), RANDOM.random((7, 10)) < 0.6


def run_of(row: np.ndarray, value: int) -> int:
    count = 0
    while count < row.size and row[-1 - count] == value:
        count += 1
    return count


@pytest.mark.parametrize("sizes", [[7], [1, 1, 5], [3, 4]])
def test_counts_are_those_of_a_loop_whatever_the_batches(sizes: list[int]) -> None:
    found, start = PaddingRuns(), 0
    for size in sizes:
        found.merge(PaddingRuns.of(ROWS[start : start + size], KNOWN[start : start + size], advice="Do this."))
        start += size
    lengths = [run_of(row, 0) for row in ROWS]
    labelled = sum(int(known[10 - length :].sum()) for known, length in zip(KNOWN, lengths, strict=True))
    run = found.runs["token 0", "end"]
    (note,) = found.notes(are_instances=True)
    assert (run.positions, run.labelled, run.most) == (sum(lengths), labelled, max(lengths))
    assert (run.rows, run.long) == (sum(length > 0 for length in lengths), sum(length > 1 for length in lengths))
    assert f"{sum(lengths)} of 70 positions" in note
    assert f"{labelled} of them have a label" in note
    assert note.endswith("Do this.")


def test_a_value_that_is_elsewhere_as_well_is_no_padding() -> None:
    rows = ROWS.copy()
    assert PaddingRuns.of(rows).notes(are_instances=False)
    rows[:, 0] = 0  # where a text begins
    assert PaddingRuns.of(rows).notes(are_instances=False)
    rows[2, 5] = 0
    assert PaddingRuns.of(rows).notes(are_instances=False) == []


@pytest.mark.parametrize("shape", [(0, 4), (3, 0), (0, 0), (2, 1)])
def test_nothing_is_no_padding(shape: tuple[int, int]) -> None:
    assert PaddingRuns.of(np.zeros(shape, np.int64)).notes(are_instances=True) == []


def test_processes_give_what_one_gives() -> None:
    """Also where one of them has no data."""

    def own(rank: int) -> Doubts:
        part = [ROWS[:3], ROWS[3:], ROWS[:0]][rank]
        words = UnfitWords()
        for index in range(len(part)):
            words.add(index, 3 + index, {3}, "their ids")
        return Doubts(PaddingRuns.of(part, advice="Do this."), words)

    everything = own(0)
    everything.merge(own(1))
    expected = everything.notes(of_positions=True)
    assert len(expected) == 2
    found = run_threads(3, lambda processes: own(processes.rank).combined(processes).notes(of_positions=True))
    assert found == [expected] * 3
    assert "in 5 of 7 texts" in expected[1]
    assert "text 1 of its batch has 4 words where 3 are expected" in expected[1]
