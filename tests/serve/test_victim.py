"""TensorBoard's own pages answer while the most expensive requests are sent; `benchmarks/victim.py` says how fast."""

from pathlib import Path

import pytest

from benchmarks.victim import attacks, measure, write_run
from tests.board import tensorboard
from tests.serve.client import Client
from tests.serve.test_tensorboard import runs_when_ready

STATUSES = {200, 400, 413}


@pytest.fixture(scope="module")
def logdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("logs")
    write_run(path, instances=300, neurons=16)
    return path


@pytest.mark.parametrize("number", range(len(attacks())))
def test_the_most_expensive_requests_are_answered_or_refused(logdir: Path, number: int) -> None:
    route, parameters = attacks()[number]
    response = Client(logdir).post(route, **parameters)
    assert response.status_code in STATUSES, response.get_data()


def test_pages_answer_under_attack(logdir: Path) -> None:
    with tensorboard("--logdir", str(logdir), "--reload_interval=1") as board:
        runs_when_ready(board, 1)
        alone, meanwhile, answers = measure(board, seconds=3, clients=2)
    assert len(alone) > 2
    assert len(meanwhile) > 2  # every one of them was 200
    assert sum(answers.values()) >= 2
    assert {int(status) for status in answers} <= STATUSES
