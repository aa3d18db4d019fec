"""Any number of actors, also of which one is killed, log what one process logs; a run that fails publishes nothing."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tensorboard_activis.capture.ray import actors, parts
from tensorboard_activis.capture.ray.actors import Actors
from tensorboard_activis.capture.ray.evaluator import Evaluated
from tensorboard_activis.errors import ActiVisError, ActiVisWarning
from tensorboard_activis.ray import log
from tensorboard_activis.read.run import open_run
from tests.ray.models import CLASSES, Failing, Killed, Net, images, keras_net
from tests.ray.runs import dataset, latest, one_process, same

pytestmark = pytest.mark.usefixtures("cluster", "small_parts")

COUNT, SAMPLE = 700, 90


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART_ROWS", 60)


@pytest.fixture(scope="module")
def data() -> dict[str, np.ndarray]:
    return images(COUNT)


@pytest.fixture(scope="module")
def alone(data: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process logs."""
    where = tmp_path_factory.mktemp("alone")
    one_process(where, data, sample=SAMPLE)
    return where


def logged(where: Path, model: Any, data: Any, **options: Any) -> None:
    given: dict = {"batch_size": 64, "inputs": "image", "class_names": CLASSES, "sample": SAMPLE, "strict": True}
    log(where, 1, model, data, **given | options)


@pytest.mark.parametrize(("number", "blocks"), [(1, 1), (2, 30), (3, 11)])
def test_any_number_of_actors(
    tmp_path: Path, data: dict[str, np.ndarray], alone: Path, number: int, blocks: int
) -> None:
    logged(tmp_path, Net, dataset(data, blocks), actors=number)
    same(latest(alone), latest(tmp_path))


def test_an_actor_that_is_killed_midway_leaves_nothing_and_is_replaced(
    tmp_path: Path, data: dict[str, np.ndarray], alone: Path
) -> None:
    lives = tmp_path / "lives"
    lives.mkdir()
    for name in ("first", "second"):
        (lives / name).touch()
    logged(tmp_path / "run", lambda: Killed(lives, 333.0), dataset(data, 11), actors=2)
    assert list(lives.iterdir()) == []  # two were killed, in the middle of a part
    same(latest(alone), latest(tmp_path / "run"))


def test_a_part_whose_actors_are_always_lost_fails_the_run_which_publishes_nothing(
    tmp_path: Path, data: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actors, "RETRIES", 1)
    lives = tmp_path / "lives"
    lives.mkdir()
    for number in range(9):
        (lives / f"{number}").touch()
    with pytest.raises(ActiVisError, match="An actor was lost.* smaller batch_size"):
        logged(tmp_path / "run", lambda: Killed(lives, 333.0), dataset(data, 11), actors=2)
    assert list(tmp_path.glob("run/activis/*step*")) == []
    assert not any(b"activis/snapshot" in path.read_bytes() for path in tmp_path.glob("run/activis/*tfevents*"))


def test_a_model_that_fails_is_one_warning_and_publishes_nothing(tmp_path: Path, data: dict[str, np.ndarray]) -> None:
    with pytest.warns(ActiVisWarning, match="lost the snapshot of step 1.*RuntimeError: this image is odd") as said:
        logged(tmp_path, lambda: Failing(600.0), dataset(data, 11), strict=False)
    assert len(said) == 1
    assert list(tmp_path.glob("activis/*step*")) == []
    logged(tmp_path, Net, dataset(data, 3), actors=1)  # the directory is free again
    assert open_run(tmp_path).steps == [1]


def test_ids_that_come_again_are_left_out_in_the_order_of_the_data(tmp_path: Path, data: dict[str, np.ndarray]) -> None:
    again = {name: np.concatenate([values, values[::3]]) for name, values in data.items()}
    again["label"][COUNT:] = 0  # the later ones are other instances under the same ids
    one_process(tmp_path / "one", again, sample=SAMPLE, id=lambda batch: batch["name"].tolist())
    logged(tmp_path / "many", Net, dataset(again, 13), id="name", actors=2)
    one, many = latest(tmp_path / "one"), latest(tmp_path / "many")
    assert one.record.seen == many.record.seen == COUNT
    assert [note for note in many.record.notes if "came before" in note] == list(one.record.notes)
    same(one, many)


def test_pinned_instances_come_once(tmp_path: Path, data: dict[str, np.ndarray]) -> None:
    import torch

    pinned = (torch.from_numpy(data["image"][5:8]), torch.from_numpy(data["label"][5:8]))
    one_process(
        tmp_path / "one", data, sample=SAMPLE, pinned=[{"image": pinned[0].numpy(), "label": pinned[1].numpy()}]
    )
    logged(
        tmp_path / "many",
        Net,
        dataset(data, 7),
        pinned=[{"image": pinned[0], "label": pinned[1]}],
        actors=2,
    )
    one, many = latest(tmp_path / "one"), latest(tmp_path / "many")
    assert many.record.pinned == 3
    same(one, many)


def test_later_steps_and_findings(tmp_path: Path, data: dict[str, np.ndarray]) -> None:
    found: list = []
    for step in (1, 2):
        log(
            tmp_path,
            step,
            Net,
            dataset(data, 5),
            inputs="image",
            class_names=CLASSES,
            actors=1,
            strict=True,
            on_finding=found.append,
            scalars=True,
        )
    assert open_run(tmp_path).steps == [1, 2]


def test_keras(tmp_path: Path) -> None:
    from tensorboard_activis.keras import ActiVisCallback

    random = np.random.default_rng(1)
    columns: dict[str, np.ndarray] = {
        "features": random.normal(size=(400, 8)).astype(np.float32),
        "label": random.integers(0, 3, 400),
        "site": np.array(["xy"[row % 2] for row in range(400)], object),
    }
    callback = ActiVisCallback(
        tmp_path / "one",
        columns["features"],
        columns["label"],
        batch_size=64,
        columns={"site": columns["site"].tolist()},
        sample=SAMPLE,
        class_names=CLASSES,
        strict=True,
    )
    callback.set_model(keras_net())
    callback.log(1)
    callback.close()
    logged(tmp_path / "many", keras_net, dataset(columns, 6), actors=2, inputs="features", columns=["site"])
    same(latest(tmp_path / "one"), latest(tmp_path / "many"))


def test_a_part_is_taken_once() -> None:
    pool = Actors.__new__(Actors)
    pool._accepted = set()
    evaluated = Evaluated(4, None)
    assert [pool.accept(evaluated), pool.accept(evaluated), pool.accept(Evaluated(5, None))] == [True, False, True]


def test_the_example(tmp_path: Path) -> None:
    """In a process of its own, which starts a cluster of its own."""
    command = [sys.executable, "examples/ray_imagenet_like.py", "--instances", "3000", "--log-dir", str(tmp_path)]
    subprocess.run(command, check=True, timeout=900, cwd=Path(__file__).parents[2])
    run = open_run(tmp_path)
    assert run.steps == [30, 120]
    assert run.latest.record.seen == 3000
    assert run.latest.record.metrics["accuracy"] > 0.5
    assert {subset.name for subset in run.latest.record.subsets} >= {"north", "south"}
