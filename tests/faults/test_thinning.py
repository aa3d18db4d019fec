"""A process that is killed at any file operation of thinning harms nothing that is kept, and the next one finishes it."""

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tensorboard_activis.check.directory import check_directory
from tensorboard_activis.errors import ThinnedError
from tensorboard_activis.read.run import Run
from tensorboard_activis.thinning import run as thinning
from tensorboard_activis.thinning.logged import read_logged
from tests.faults import victim
from tests.faults.kill import kill_in_a_row, victims_of
from tests.processes import run_threads

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")

KEEP, SEED, STEPS = 3, 7, 6


def log(log_dir: Path, processes: int) -> None:
    """Six steps with everything in files, by one process or several."""

    def work(one: Any) -> None:
        snapshot = victim.log_with_recorder(log_dir, SEED, processes=one if processes > 1 else None)
        for step in range(1, STEPS + 1):
            snapshot(step)
        snapshot.close()  # type: ignore[attr-defined]

    run_threads(processes, work)


def thin(directory: Path) -> None:
    thinning.thin_run(directory, read_logged(directory), KEEP)


def killed_at(operation: int, directory: Path) -> bool:
    """Thins in a forked process, which is killed right before that file operation; returns whether it came to that."""
    child = os.fork()
    if not child:
        left = iter(range(operation))

        def counted(act: Callable[..., Any]) -> Callable[..., Any]:
            def maybe(*arguments: Any, **options: Any) -> Any:
                if next(left, None) is None:
                    os._exit(9)
                return act(*arguments, **options)

            return maybe

        try:
            for name in ("unlink", "replace", "rename", "fsync"):
                setattr(os, name, counted(getattr(os, name)))
            thin(directory)
        except BaseException:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, 9), f"the process ended with {code}"
    return code == 9


def check(directory: Path) -> list[int]:
    """Every step is what was logged, whole or thinned; returns the whole ones."""
    run = Run(directory)
    assert run.problems == ()
    assert run.steps == list(range(1, STEPS + 1))
    whole = []
    for step in run.steps:
        snapshot = run.snapshot(step)
        rows = np.array(snapshot.instances["id"].to_pylist())
        assert sorted(rows) == list(range(victim.INSTANCES))
        readable = 0
        for layer, expected in zip(snapshot.layers, victim.activations(SEED, step), strict=True):
            assert np.allclose(snapshot.summary(layer).mean[0], expected.mean(axis=0), rtol=1e-3, atol=1e-4)
            try:
                assert np.allclose(snapshot.activations(layer), expected[rows], rtol=2e-3, atol=2e-3)
                readable += 1
            except ThinnedError:
                assert snapshot.remains is not None
        assert readable in (0, len(snapshot.layers))
        if snapshot.remains is None:
            assert readable
            whole.append(step)
    assert check_directory(directory).problems == []
    return whole


@pytest.mark.parametrize("processes", [1, 2])
def test_killed_at_every_file_operation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: int) -> None:
    monkeypatch.setattr("tensorboard_activis.write.arrays.INLINE_BYTES", 0)
    monkeypatch.setattr(thinning, "measure", lambda *_: b"{}")  # what is measured takes its time, and writes nothing
    log(tmp_path / "run", processes)
    for operation in range(1000):
        at = tmp_path / str(operation)
        shutil.copytree(tmp_path / "run", at)
        struck = killed_at(operation, at / "activis")
        whole = check(at / "activis")
        assert {1, STEPS} <= set(whole)
        thin(at / "activis")
        assert check(at / "activis") == [1, 3, 6]
        names = {path.name for path in (at / "activis").iterdir()}
        assert sum(".thinned." in name for name in names) == STEPS - KEEP
        assert sum(name.startswith("step-") and ".thinned." not in name for name in names) == KEEP * processes
        shutil.rmtree(at)
        if not struck:
            break
    assert operation >= (STEPS - KEEP) * (2 + processes)


@pytest.mark.slow
def test_killed_at_random_moments_while_it_logs_and_thins(tmp_path: Path) -> None:
    with victims_of("recorder-keep") as victims:
        figures = kill_in_a_row(victims, tmp_path / "run", 5, random.Random(3))
    assert figures.kills == 5
    assert figures.announced > 0
