"""docs/python.md: its code runs as it stands, and names every question that a snapshot answers."""

import inspect
import re
from pathlib import Path

import pytest

from tensorboard_activis.query.snapshot import Snapshot
from tests.records import small_data, write_run

GUIDE = (Path(__file__).resolve().parent.parent / "docs" / "python.md").read_text()
(CODE,) = re.findall(r"```python\n(.*?)```", GUIDE, re.S)


def test_the_code_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "logs" / "run1", small_data(), (1, 2))
    names: dict = {}
    exec(CODE, names)
    assert names["matrix"].mean.shape == (4, 3)
    assert names["neuron"].counts.shape[0] == 2
    assert 0 < names["subset"].sampled < 17
    assert names["index"] == 0


def test_every_question_is_named() -> None:
    own = {name for name, _ in inspect.getmembers(Snapshot, inspect.isfunction) if name in vars(Snapshot)}
    public = {name for name in own if not name.startswith("_")} - {"content"}
    assert {name for name in public if f".{name}(" not in CODE} == set()
