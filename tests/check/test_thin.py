"""`tensorboard-activis check LOGDIR --thin N` thins a finished run as `keep=N` does, says what it frees, and may refuse."""

import re
from pathlib import Path

import pytest

from tensorboard_activis import cli, open_run
from tensorboard_activis.check.directory import locked
from tensorboard_activis.thinning import run as thinning
from tests.thinning.runs import log, recorder


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log directory with two whole runs, of eight steps and of two."""
    monkeypatch.setattr(thinning, "measure", lambda *_: b"{}")
    for name, steps in (("long", range(8)), ("short", range(2))):
        made = recorder(tmp_path / "logs" / name, None)
        log(made, steps)
        made.close()
    return tmp_path / "logs"


def size(log_dir: Path) -> int:
    return sum(path.stat().st_size for path in (log_dir / "activis").iterdir() if path.is_file())


def content_of(directory: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_it_says_what_it_frees_before_and_after(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = size(logs / "long")
    arrays = sum(path.stat().st_size for path in (logs / "long" / "activis").glob("step-*"))
    assert cli.main(["check", str(logs), "--thin", "3"]) == 0
    out = capsys.readouterr().out
    after = size(logs / "long")
    found = re.search(r"thinning +5 of 8 snapshots with large arrays, which take ([\d,]+) of ([\d,]+) bytes", out)
    assert found is not None
    assert int(found[1].replace(",", "")) == pytest.approx(arrays * 5 / 8, rel=0.01)
    assert int(found[2].replace(",", "")) == before
    assert f"thinned   5 snapshots: {before - after:,} bytes are free, {after:,} are left" in out
    assert out.index("thinning ") < out.index("thinned ")
    assert "nothing to thin: 2 steps keep the activations of instances in files, at most 3 may\n" in out
    run = open_run(logs / "long")
    assert len(run.steps_with_instances) == 3
    assert run.steps == list(range(8))
    assert cli.main(["check", str(logs)]) == 0
    assert ": 3 whole snapshots, 5 thinned, " in capsys.readouterr().out


def test_it_keeps_the_steps_that_the_logger_would(logs: Path, tmp_path: Path) -> None:
    """Of a run of even steps. Thinning again to more changes nothing."""
    assert cli.main(["check", str(logs / "long"), "--thin", "4"]) == 0
    kept = open_run(logs / "long").steps_with_instances
    assert (kept[0], kept[-1], len(kept)) == (0, 7, 4)
    files = content_of(logs)
    assert cli.main(["check", str(logs / "long"), "--thin", "6"]) == 0
    assert {name: content for name, content in content_of(logs).items() if ".lock" not in name} == {
        name: content for name, content in files.items() if ".lock" not in name
    }


def test_it_refuses_while_a_logger_is_writing(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = recorder(logs / "long", None)
    files = content_of(logs)
    assert cli.main(["check", str(logs / "long"), "--thin", "3"]) == 1
    assert "not thinned: a logger is writing here" in capsys.readouterr().out
    assert content_of(logs) == files
    made.close()
    assert cli.main(["check", str(logs / "long"), "--thin", "3"]) == 0


def test_no_logger_begins_while_it_thins(logs: Path) -> None:
    with locked(logs / "long" / "activis") as free:
        assert free
        with pytest.raises(ValueError, match="Another logger is writing"):
            recorder(logs / "long", 3)


def test_it_refuses_where_something_is_damaged(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = next((logs / "long" / "activis").glob("step-*"))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    files = content_of(logs / "long")
    assert cli.main(["check", str(logs), "--thin", "3"]) == 1
    assert "not thinned: something is damaged" in capsys.readouterr().out
    assert content_of(logs / "long") == files


@pytest.mark.parametrize("number", ["1", "0", "-2", "2.5", "many", "9" * 12])
def test_what_the_number_may_be(logs: Path, number: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["check", str(logs), f"--thin={number}"])
    assert ended.value.code == 2
    assert "expected at least 2 snapshots" in capsys.readouterr().err
