"""Real processes, started by torchrun, log what one process would: compared with plain hooks over all the data."""

import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tensorboard_activis import open_run
from tensorboard_activis.summarize.sample import ranks
from tests.distributed.expected import expect_all, hooked
from tests.distributed.launch import environment, torchrun
from tests.distributed.training import INSTANCES, Net, Words, X, sentences

SCRIPT = Path(__file__).with_name("training.py")
EVERYWHERE = ("dealt", "shuffled", "subsets", "named", "whole")


def ran(where: Path, size: int, *cases: str) -> Path:
    torchrun(SCRIPT, size, str(where), *cases)
    return where


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes wrote in every case but those that have a test of their own."""
    cases = (
        *EVERYWHERE,
        "all_rows",
        "fault",
        "refused",
        "first_alone",
        "late",
        "averaged",
        "sharded",
        "flat",
        "watched",
        "tokens",
    )
    return ran(tmp_path_factory.mktemp("two"), 2, *cases)


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What four processes wrote."""
    return ran(tmp_path_factory.mktemp("four"), 4, *EVERYWHERE)


@pytest.mark.parametrize("case", ["dealt", "shuffled"])
@pytest.mark.parametrize("size", ["two", "four"])
def test_a_distributed_sampler_in_order_or_shuffled(size: str, case: str, request: pytest.FixtureRequest) -> None:
    run = open_run(request.getfixturevalue(size) / case)
    assert run.steps == [1, 2]
    for step in run.steps:
        expect_all(run.snapshot(step))


@pytest.mark.parametrize("size", ["two", "four"])
def test_parts_of_unequal_length_that_are_subsets_of_one_data_set(size: str, request: pytest.FixtureRequest) -> None:
    expect_all(open_run(request.getfixturevalue(size) / "subsets").latest)


@pytest.mark.parametrize("size", ["two", "four"])
def test_ids_of_the_users_own_and_processes_without_data(size: str, request: pytest.FixtureRequest) -> None:
    expect_all(open_run(request.getfixturevalue(size) / "named").latest, texts=True)


@pytest.mark.parametrize("size", ["two", "four"])
def test_all_data_on_all_processes_are_shared_out(size: str, request: pytest.FixtureRequest) -> None:
    where = request.getfixturevalue(size) / "whole"
    snapshot = open_run(where).latest
    expect_all(snapshot)
    assert snapshot.instances["number"].to_pylist()[:11] == [
        row / 2 for row in snapshot.instances["id"].to_pylist()[:11]
    ]
    assert snapshot.record.pinned == 2
    assert snapshot.instances["id"].to_pylist()[11:] == [-1, -2]
    np.testing.assert_allclose(
        snapshot.activations("head")[11:], hooked(Net(), ["head"], X[:2])["head"], rtol=1e-3, atol=1e-5
    )
    evaluated = [int(path.read_text()) for path in where.glob("told-*")]
    assert sum(evaluated) == INSTANCES + 2 * len(evaluated)  # each instance once, the pinned instances by all
    assert max(evaluated) < INSTANCES


def test_each_process_writes_a_file_of_rows(two: Path) -> None:
    snapshot = open_run(two / "all_rows").latest
    directory = two / "all_rows" / "activis"
    assert len(list(directory.glob("*.safetensors"))) == 2
    assert len(list(directory.glob("*.parquet"))) == 2
    assert len(list(directory.glob("*tfevents*"))) == 1
    assert len(snapshot.layers["0"].activations.files) == 2
    weights = [
        torch.randn(shape, generator=torch.Generator().manual_seed(number))
        for number, shape in enumerate([(9_000, 5), (9_000,)])
    ]
    wide = (X @ weights[0].T + weights[1]).numpy()
    order = np.argsort(ranks(range(INSTANCES)))
    assert snapshot.instances["id"].to_pylist() == order.tolist()
    np.testing.assert_allclose(snapshot.activations("0"), wide[order], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(snapshot.summary("0").mean[0], wide.mean(axis=0), rtol=1e-5, atol=1e-5)


def test_a_fault_in_one_process_loses_the_snapshot_and_two_processes_say_so(two: Path) -> None:
    assert open_run(two / "fault").steps == [3]
    first, second = ((two / "fault" / f"told-{rank}").read_text() for rank in range(2))
    assert first.count("ActiVis lost the snapshot") == second.count("ActiVis lost the snapshot") == 2
    assert "step 1; training goes on. Process 1 of 2 failed. ValueError: no thirteenth" in first
    assert "step 1; training goes on. ValueError: no thirteenth" in second
    assert "step 2" in first
    assert "No space left on device" in first
    assert not list((two / "fault").rglob("*.partial"))


def test_watched_loops_of_unequal_length_and_one_that_fails(two: Path) -> None:
    run = open_run(two / "watched")
    assert run.steps == [1, 3]
    for step in run.steps:
        expect_all(run.snapshot(step))
    first, second = ((two / "watched" / f"told-{rank}").read_text() for rank in range(2))
    assert first.count("ActiVis lost") == second.count("ActiVis lost") == 1
    assert "step 2; training goes on. Process 1 of 2 failed. ActiVisError: batch() has 3 labels" in first
    assert "step 2; training goes on. ActiVisError: batch() has 3 labels" in second


def test_tokens_as_instances_are_those_of_one_process(two: Path) -> None:
    """A batch that both have counts once; the sample is of tokens, from both."""
    snapshot = open_run(two / "tokens").latest
    model, found = Words(), {}
    for batch in sentences():
        with torch.no_grad():
            embedded = model.embed(batch["input_ids"])
        for row, name in enumerate(batch["names"]):
            for place in range(int(batch["attention_mask"][row].sum())):
                token = int(batch["input_ids"][row, place])
                found[f"{name}:{place}"] = (token, embedded[row, place].numpy(), name)
    assert (snapshot.unit, snapshot.record.seen, snapshot.record.sample_size) == ("position", len(found), 20)
    rows = snapshot.instances.to_pylist()
    for index, row in enumerate(rows):
        token, values, name = found[row["id"]]
        assert (row["token"], row["sequence"], row["text"]) == (str(token), name, f"all of {name}")
        np.testing.assert_allclose(snapshot.activations("embed")[index], values, rtol=1e-3, atol=1e-4)
    everything = np.stack([values for _, values, _ in found.values()])
    np.testing.assert_allclose(snapshot.summary("embed", 1).mean[0], everything.mean(0), rtol=1e-5, atol=1e-5)
    count = {subset.name: subset.count for subset in snapshot.record.subsets}
    assert count["third"] == sum(token == 3 for token, _, _ in found.values())
    assert count["long"] == 6


def test_what_one_process_refuses_all_refuse_before_training(two: Path) -> None:
    first, second = ((two / "refused" / f"told-{rank}").read_text() for rank in range(2))
    assert first.startswith("Process 1 of 2 failed. ConfigurationError: layers: 'nowhere' matches none")
    assert second.startswith("layers: 'nowhere' matches none")


def test_one_process_may_log_alone(two: Path) -> None:
    run = open_run(two / "first_alone")
    assert run.steps == [1, 2]
    for step in run.steps:
        expect_all(run.snapshot(step))
    said = (two / "first_alone" / "told-0").read_text()
    assert said.count("ActiVis") == 1
    assert "no other made a logger" in said
    assert "give distributed=False, which does not wait" in said


def test_a_process_that_comes_late_is_told_what_to_do(two: Path) -> None:
    assert "Of 2 processes only 0 made a logger" in (two / "late" / "told-1").read_text()


def test_buffers_are_those_of_the_first_process(two: Path) -> None:
    first, second = ((two / "averaged" / f"told-{rank}").read_text() for rank in range(2))
    assert first != second
    model = Net()
    model.load_state_dict(torch.load(two / "averaged" / "state"))
    expect_all(open_run(two / "averaged").latest, models=[model])


@pytest.mark.parametrize("case", ["sharded", "flat"])
def test_parameters_that_are_spread_over_processes(two: Path, case: str) -> None:
    run = open_run(two / case)
    assert run.steps == [0, 1, 2, 3]
    expect_all(run.snapshot(0), texts=True)
    expect_all(open_run(two / case / "watched").latest)
    for rank in range(2):
        same, alone = (two / case / f"told-{rank}").read_text().splitlines()
        assert same == "True"  # weights, buffers and random numbers, with the logger and without
        assert alone.startswith("The model's parameters are spread over several processes")
    assert not np.array_equal(run.snapshot(0).summary("head").mean, run.snapshot(3).summary("head").mean)


def test_a_process_that_dies_does_not_hang_the_others(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # Without torchrun, which would end the other process at once.
    started = [
        subprocess.Popen(
            [sys.executable, str(SCRIPT), str(tmp_path), "dies"],
            env=environment()
            | {"RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)},
            stderr=subprocess.DEVNULL,
        )
        for rank in range(2)
    ]
    for process in started:
        process.wait(timeout=300)
    said = (tmp_path / "dies" / "told-0").read_text()
    assert "ActiVis lost the snapshot of step 1" in said
    assert "has one of them ended?" in said
    assert "step 2; training goes on. DisconnectedError" in said
    assert not list((tmp_path / "dies").rglob("*tfevents*"))
