"""What is thinned is what lies in files: snapshots whose arrays fit into the event keep everything, as the documentation says."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tensorboard_activis import cli, open_run
from tensorboard_activis.read.content import array_files
from tensorboard_activis.thinning import run as thinning
from tensorboard_activis.torch import ActiVisLogger
from tensorboard_activis.write import arrays

ROOT = Path(__file__).parents[2]
KEEP, STEPS = 3, [0, 1, 2, 3, 4, 5]


def logged(log_dir: Path) -> Path:
    """Six steps of a tiny network, all of one size."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.ReLU(), torch.nn.Linear(6, 3))
    data = torch.randn(21, 4), torch.arange(21) % 3
    with ActiVisLogger(log_dir, model, data, strict=True, keep=KEEP) as activis:
        for step in STEPS:
            activis.log(step)
    return log_dir


def size(log_dir: Path) -> int:
    """Bytes of all arrays of the last snapshot, which lie in its event."""
    record = open_run(log_dir).latest.record
    assert array_files(record) == ()
    found = [array for layer in record.layers for array in layer.arrays] + list(record.columns.values())
    return sum(len(array.inline) for array in found)


def test_a_step_is_small_up_to_the_bytes_that_fit_into_its_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(thinning, "measure", lambda *_: b"{}")
    small = logged(tmp_path / "tiny")
    total = size(small)
    assert 0 < total < arrays.INLINE_BYTES
    for inline, kept in ((total, STEPS), (total - 1, None)):
        monkeypatch.setattr(arrays, "INLINE_BYTES", inline)
        run = open_run(logged(tmp_path / str(inline)))
        assert run.steps == STEPS
        assert len(run.steps_with_instances) == (KEEP if kept is None else len(kept))
        for step in run.steps_with_instances:
            snapshot = run.snapshot(step)
            assert all(np.isfinite(snapshot.activations(layer)).all() for layer in snapshot.layers)
    monkeypatch.undo()
    assert open_run(small).steps_with_instances == STEPS
    before = {path: path.read_bytes() for path in (small / "activis").iterdir() if path.name != ".lock"}
    capsys.readouterr()
    assert cli.main(["check", str(small), "--thin", str(KEEP)]) == 0
    assert (
        "nothing to thin: 0 steps keep the activations of instances in files, at most 3 may; 6 more are small and lie in the event "
        "file, where they stay"
    ) in capsys.readouterr().out
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("page", ["python.md", "do/bound_disk.md", "keywords.md", "reliability.md"])
def test_the_documentation_says_from_which_size_on(page: str) -> None:
    assert f"{arrays.INLINE_BYTES // 1024} KiB" in (ROOT / "docs" / page).read_text()
