"""After the first snapshot one line says where the log is and how to look at it: once, and where messages are wanted."""

import importlib.util
import io
import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tensorboard_activis.capture import announcement
from tensorboard_activis.capture.announcement import announce
from tests.conftest import TESTS

LINE = re.compile(
    r"ActiVis: the first snapshot is in (\S+)\. To look at it: tensorboard --logdir (\S+), then http://localhost:6006/#activis"
)


@pytest.fixture(autouse=True)
def _nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcement, "_announced", set())


@pytest.fixture
def unconfigured(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a program that does not configure Python's logging; pytest does."""
    monkeypatch.setattr(logging.getLogger("tensorboard_activis"), "hasHandlers", lambda: False)


@pytest.mark.parametrize(
    ("log_dir", "logdir"),
    [
        (Path("logs/run1"), "logs"),
        (Path("/data/my logs/run1"), "'/data/my logs'"),
        (Path("runs"), "runs"),
        (Path("./runs"), "runs"),
        (Path("/runs"), "/runs"),
        (Path.home() / "runs", str(Path.home() / "runs")),
        (Path.cwd() / "runs", str(Path.cwd() / "runs")),
    ],
)
@pytest.mark.usefixtures("unconfigured")
def test_tensorboard_is_given_the_directory_of_the_runs(
    log_dir: Path, logdir: str, capsys: pytest.CaptureFixture[str]
) -> None:
    announce(log_dir)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == (
        f"ActiVis: the first snapshot is in {log_dir}. To look at it: tensorboard --logdir {logdir}, "
        "then http://localhost:6006/#activis\n"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="a directory in use cannot be deleted")
@pytest.mark.usefixtures("unconfigured")
def test_without_a_home_and_in_a_directory_that_was_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    deleted = tmp_path / "deleted"
    deleted.mkdir()
    monkeypatch.chdir(deleted)
    deleted.rmdir()
    monkeypatch.setattr(Path, "home", no_home)
    announce(tmp_path / "logs" / "run1")
    assert LINE.findall(capsys.readouterr().err) == [(str(tmp_path / "logs" / "run1"), str(tmp_path / "logs"))]


@pytest.mark.usefixtures("unconfigured")
def test_once_for_all_runs_of_a_directory(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("logs/run1", "logs/run1", "logs/run2", "others/run1"):
        announce(Path(name))
    assert [logdir for _, logdir in LINE.findall(capsys.readouterr().err)] == ["logs", "others"]


@pytest.mark.usefixtures("unconfigured")
def test_a_name_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    announce(Path("logs\n/\x1b[2J"))
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert "\x1b" not in printed


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.usefixtures("unconfigured")
def test_a_line_of_its_own_behind_a_progress_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    terminal.write("5/5 ━━━━ loss: 0.1")
    monkeypatch.setattr(sys, "stderr", terminal)
    announce(Path("logs/run1"))
    bar, line, end = terminal.getvalue().split("\n")
    assert bar == "5/5 ━━━━ loss: 0.1"
    assert LINE.fullmatch(line)
    assert end == ""


@pytest.mark.usefixtures("unconfigured")
def test_above_bars_of_tqdm(monkeypatch: pytest.MonkeyPatch) -> None:
    tqdm = pytest.importorskip("tqdm").tqdm
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with tqdm(total=3, file=terminal, ncols=30, mininterval=0, bar_format="{n}/{total}") as bar:
        bar.update()
        announce(Path("logs/run1"))
    # The bar is cleared before the line, and drawn again below it.
    before, _, after = terminal.getvalue().partition("ActiVis")
    assert before.endswith("\r")
    assert "1/3" in after.partition("\n")[2]


@pytest.mark.parametrize("stream", [None, "closed"])
@pytest.mark.usefixtures("unconfigured")
def test_without_a_standard_error(monkeypatch: pytest.MonkeyPatch, stream: str | None) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", stream and closed)
    announce(Path("logs/run1"))


@pytest.mark.parametrize(("level", "lines"), [("INFO", 1), ("WARNING", 0)])
def test_where_logging_is_configured_it_decides(
    level: str, lines: int, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(level):
        announce(Path("logs/run1"))
    assert [record.levelname for record in caplog.records] == ["INFO"] * lines
    assert capsys.readouterr().err == ""


# What a user would write, in a process of its own: frameworks configure logging and progress bars as they like.
TORCH = """
import sys, torch
from torch import nn
model = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))
data = [(torch.randn(6, 5), torch.tensor([0, 1, 2, 0, 1, 2]))]
from tensorboard_activis.torch import ActiVisLogger
"""
FACES = {
    "torch": TORCH
    + """
with ActiVisLogger(sys.argv[1], model, data, strict=True) as activis:
    for step in range(3):
        activis.log(step)
""",
    "watch": TORCH
    + """
with ActiVisLogger(sys.argv[1], model, strict=True) as activis:
    for step in range(2):
        model.eval()
        with activis.watch(step) as watched, torch.no_grad():
            for x, y in data:
                model(x)
                watched.batch(labels=y)
""",
    "keras": """
import sys
import numpy as np
from tests.small_keras import X, Y, network
from tensorboard_activis.keras import ActiVisCallback
network().fit(X, Y, epochs=2, verbose=int(sys.argv[2]), callbacks=[ActiVisCallback(sys.argv[1], X, Y, strict=True)])
""",
    "flax": """
import sys
import numpy as np
from flax import nnx
from tensorboard_activis.flax import ActiVisLogger
from tests.flax.networks import Convolutions
images, labels = np.random.default_rng(0).normal(size=(9, 11, 9, 3)).astype("float32"), np.arange(9) % 4
with ActiVisLogger(sys.argv[1], Convolutions(nnx.Rngs(0)), [(images, labels)], strict=True) as activis:
    activis.log(1)
    activis.log(2)
""",
    "lightning": """
import logging, sys
from pathlib import Path
from tensorboard_activis.lightning import ActiVisCallback
from tests.small_lightning import fit
if sys.argv[2] == "0":
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
fit(Path(sys.argv[1]).parent, ActiVisCallback(log_dir=sys.argv[1], strict=True), enable_progress_bar=True)
""",
    "transformers": """
import sys
from pathlib import Path
from tensorboard_activis.transformers import ActiVisCallback
from tests.test_transformers import bert, trainer, words
where = Path(sys.argv[1])
trainer(bert(), words(), where.parent, ActiVisCallback(log_dir=where, strict=True), disable_tqdm=sys.argv[2] == "0").train()
""",
}


def said(face: str, where: Path, wanted: bool) -> list[tuple[str, str]]:
    """The directories that the line names, for each time that it stands by itself in what the program says."""
    for needed in {"watch": "torch"}.get(face, face), *({"transformers": ["accelerate"]}.get(face, [])):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"needs {needed}")
    command = [sys.executable, "-W", "ignore", "-c", FACES[face], str(where), str(int(wanted))]
    done = subprocess.run(command, cwd=TESTS.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = re.split(r"\n|\r|\x1b\[A", done.stderr)  # bars go back in their line, or up to that of another bar
    assert "ActiVis: the first" not in done.stdout
    return [match.groups() for line in lines if (match := LINE.fullmatch(line))]  # type: ignore[misc]


@pytest.mark.slow
@pytest.mark.parametrize("face", FACES)
def test_every_face_says_it_once(face: str, tmp_path: Path) -> None:
    assert said(face, tmp_path / "run", True) == [(str(tmp_path / "run"), str(tmp_path))]


@pytest.mark.slow
@pytest.mark.parametrize(
    "face", ["transformers", *(pytest.param(face, marks=pytest.mark.nightly) for face in ("keras", "lightning"))]
)
def test_not_in_a_trainer_that_says_nothing_itself(face: str, tmp_path: Path) -> None:
    assert said(face, tmp_path / "run", False) == []
