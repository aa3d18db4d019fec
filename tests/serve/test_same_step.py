"""Steps that are logged again or go back: both of TensorBoard's loaders, `open_run` and `check` show the newest alone."""

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch

from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.recorder import Recorder
from tensorboard_activis.check.directory import check_directory
from tensorboard_activis.query.run import open_run
from tensorboard_activis.torch import ActiVisLogger
from tests.board import tensorboard
from tests.records import CLASSES, Data, small_data, small_graph, small_layers

LAYER = "stem/relu"
#: By run, the sessions that are logged one after the other, each with its steps.
SEQUENCES: dict[str, list[list[int]]] = {
    "twice": [[1, 2, 3, 3]],
    "thrice": [[5, 5, 5]],
    "back": [[10, 20, 30, 15]],
    "back and on": [[10, 20, 30, 15, 25, 30]],
    "cell run again": [[0, 1, 2, 3, 0, 1, 2, 3]],
    "two sessions": [[1, 2, 3], [3]],
    "three sessions": [[1, 2], [2], [2, 1, 4]],
    "resumed": [[10, 20, 30, 15], [25, 35]],
    "resumed below": [[10, 20, 15, 40], [12, 11, 50]],
}
SHOWN = {
    "twice": [1, 2, 3],
    "thrice": [5],
    "back": [10, 15],
    "back and on": [10, 15, 25, 30],
    "cell run again": [0, 1, 2, 3],
    "two sessions": [1, 2, 3],
    "three sessions": [1, 4],
    "resumed": [10, 15, 25, 35],
    "resumed below": [10, 11, 50],
}


def log(log_dir: Path, steps: Sequence[int], seeds: Iterator[int], shown: dict[int, Data]) -> None:
    """One session, each time with other data; `shown` has the last of each step."""
    recorder = Recorder(log_dir, small_graph(), small_layers(), class_names=CLASSES, strict=True)
    for step in steps:
        data = small_data(seed=next(seeds))
        with recorder.snapshot(step) as evaluation:
            evaluation.add(
                BatchRecord(data.activations, labels=data.labels, outputs=data.logits, ids=data.ids.tolist())
            )
        shown[step] = data
    recorder.close()


@pytest.fixture(scope="module")
def expected() -> dict[str, dict[int, Data]]:
    return {}


@pytest.fixture(scope="module")
def logdir(tmp_path_factory: pytest.TempPathFactory, expected: dict[str, dict[int, Data]]) -> Path:
    """All sequences, with arrays in files of their own and inside of events."""
    logs = tmp_path_factory.mktemp("logs")
    seeds = iter(range(1_000))
    with pytest.MonkeyPatch.context() as patch, pytest.warns(UserWarning, match="was logged after step"):
        for number, (name, sessions) in enumerate(SEQUENCES.items()):
            patch.setattr("tensorboard_activis.write.arrays.INLINE_BYTES", 0 if number % 2 else 1 << 16)
            for steps in sessions:
                log(logs / name, steps, seeds, expected.setdefault(name, {}))
    return logs


@pytest.mark.parametrize("name", SEQUENCES)
def test_open_run_and_check(logdir: Path, expected: dict[str, dict[int, Data]], name: str) -> None:
    run = open_run(logdir / name)
    assert (run.steps, run.problems) == (SHOWN[name], ())
    for step in run.steps:
        data, snapshot = expected[name][step], run.snapshot(step)
        np.testing.assert_allclose(snapshot.summary(LAYER).mean[0], data.activations[LAYER].mean(axis=0), atol=1e-6)
        rows = np.array(snapshot.instances["id"].to_pylist()) - 100
        np.testing.assert_array_equal(snapshot.activations(LAYER), data.activations[LAYER][rows].astype(np.float16))
    report = check_directory(logdir / name / "activis")
    logged = sum(map(len, SEQUENCES[name]))
    assert report.problems == report.leftovers == []
    assert (report.snapshots, report.superseded) == (logged, logged - len(run.steps))


def fetch(base: str, route: str, **parameters: object) -> bytes:
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in parameters.items()}
    address = f"{base}/data/plugin/activis/{route}?{urllib.parse.urlencode(texts)}"
    with urllib.request.urlopen(address, timeout=120) as response:
        content: bytes = response.read()
        return content


def steps_when(base: str, wanted: dict[str, list[int]]) -> dict[str, list[int]]:
    """The steps by run, as soon as they are those, or after a minute."""
    end = time.monotonic() + 60
    while True:
        listed = json.loads(fetch(base, "runs"))["runs"]
        assert not [problem for run in listed for problem in run["problems"]]
        found = {run["name"]: [step["step"] for step in run["steps"]] for run in listed}
        if found == wanted or time.monotonic() > end:
            return found
        time.sleep(0.2)


def means(base: str, run: str, step: int, layer: str = LAYER) -> np.ndarray:
    """The mean of each neuron over all instances, as the tab shows it."""
    answer = fetch(base, "matrix", run=run, step=step, layer=layer, rows=[{"subset": "all"}])
    mean: np.ndarray = safetensors.numpy.load(answer)["mean"][0]
    return mean


def means_meanwhile(base: str, run: str, step: int, layer: str) -> np.ndarray:
    """As `means`; NaN in the moment in which TensorBoard's loader has dropped the step and not read the new one."""
    try:
        return means(base, run, step, layer)
    except urllib.error.HTTPError as error:
        with error:
            if error.code not in (404, 422):
                raise
        return np.full(1, np.nan)


@contextmanager
def board(logdir: Path, load_fast: str, purge: str) -> Iterator[str]:
    with tensorboard(
        "--logdir", str(logdir), "--reload_interval=1", f"--load_fast={load_fast}", f"--purge_orphaned_data={purge}"
    ) as base:
        yield base


@pytest.mark.parametrize("purge", ["true", "false"])
@pytest.mark.parametrize("load_fast", ["true", "false"])
def test_the_tab(logdir: Path, expected: dict[str, dict[int, Data]], load_fast: str, purge: str) -> None:
    with board(logdir, load_fast, purge) as base:
        assert steps_when(base, SHOWN) == SHOWN
        for run, steps in SHOWN.items():
            for step in steps:
                data = expected[run][step]
                np.testing.assert_allclose(means(base, run, step), data.activations[LAYER].mean(axis=0), atol=1e-6)
                description = json.loads(fetch(base, "snapshot", run=run, step=step))
                accuracy = (data.logits.argmax(axis=1) == data.labels).mean()
                assert (description["problems"], description["metrics"]["accuracy"]) == ([], pytest.approx(accuracy))
            assert json.loads(fetch(base, "graph", run=run))["model"] == "Net"


@pytest.mark.parametrize("load_fast", ["true", "false"])
def test_a_step_that_is_logged_again_while_the_tab_is_open(tmp_path: Path, load_fast: str) -> None:
    """With a real model, whose outputs are computed here once more; what was asked before is not given again."""
    torch.manual_seed(0)
    inputs, labels = torch.randn(40, 4), torch.randint(0, 3, (40,))
    first = torch.nn.Linear(4, 5)
    model = torch.nn.Sequential(first, torch.nn.Tanh(), torch.nn.Linear(5, 3))

    def outputs() -> np.ndarray:
        with torch.no_grad():
            return np.tanh(first(inputs).numpy()).mean(axis=0)

    with (
        ActiVisLogger(tmp_path / "run", model, (inputs, labels), layers=["1"], strict=True) as activis,
        board(tmp_path, load_fast, "true") as base,
    ):
        activis.log(3)
        assert steps_when(base, {"run": [3]}) == {"run": [3]}
        for bias in (0.5, -0.25):
            np.testing.assert_allclose(means(base, "run", 3, "1"), outputs(), atol=1e-3)
            with torch.no_grad():
                first.bias.add_(bias)
            activis.log(3)
            end = time.monotonic() + 60
            while time.monotonic() < end and not np.allclose(
                means_meanwhile(base, "run", 3, "1"), outputs(), atol=1e-3
            ):
                time.sleep(0.2)
        np.testing.assert_allclose(means(base, "run", 3, "1"), outputs(), atol=1e-3)
        with pytest.warns(UserWarning, match="step 1 was logged after step 3"):
            activis.log(1)
        assert steps_when(base, {"run": [1]}) == {"run": [1]}
