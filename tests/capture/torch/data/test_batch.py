"""All processes get the first batch of one of them, or each keeps its own."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from tensorboard_activis.capture.distributed.processes import Processes
from tensorboard_activis.capture.torch.data.batch import Batch, broadcast_batch
from tensorboard_activis.errors import ActiVisError, ConfigurationError
from tests.processes import run_threads


def make_batch(rank: int, extra: object = None) -> Batch:
    x = torch.full((2, 3), float(rank))
    return Batch((x, {"scale": 0.5, "extra": extra}), {"flag": True}, [{1, 2}, {0}], 2, x > 0, ["a", "b"], {"x": x})


def broadcast(size: int, local_batch: Callable[[int], Batch | None]) -> list[Batch | ActiVisError | None]:
    def work(processes: Processes) -> Batch | ActiVisError | None:
        try:
            return broadcast_batch(processes, local_batch(processes.rank))
        except ActiVisError as error:
            return error

    return run_threads(size, work)


def test_it_is_that_of_the_first_process_that_has_one() -> None:
    batches = [None, make_batch(1), make_batch(2)]
    first, second, third = broadcast(3, lambda rank: batches[rank])
    assert second is batches[1]
    for batch in (first, third):
        assert isinstance(batch, Batch)
        assert batch.args[0].tolist() == [[1, 1, 1], [1, 1, 1]]
        assert batch.args[1] == {"scale": 0.5, "extra": None}
        assert (batch.kwargs, batch.labels, batch.instances) == ({"flag": True}, [{1, 2}, {0}], 2)
        assert batch.mask is not None
        assert batch.mask.all()
        assert (batch.texts, batch.raw) == (None, None)


def test_where_it_cannot_be_sent_each_keeps_its_own() -> None:
    batches = [make_batch(rank, extra=np.random.default_rng()) for rank in range(2)]
    assert broadcast(2, lambda rank: batches[rank]) == batches


def test_who_has_none_is_told_what_cannot_be_sent() -> None:
    batches = [make_batch(0, extra=np.random.default_rng()), None]
    first, second = broadcast(2, lambda rank: batches[rank])
    assert first is batches[0]
    assert isinstance(second, ConfigurationError)
    assert "cannot be sent to it" in str(second)
    assert "Give every process some data" in str(second)


@pytest.mark.parametrize("size", [1, 2])
def test_no_data_at_all(size: int) -> None:
    assert broadcast(size, lambda rank: None) == [None] * size
