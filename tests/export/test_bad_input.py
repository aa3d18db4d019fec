"""What `export` says when it cannot, that the options it names help, and that nothing is written then."""

import os
import re
import shlex
import shutil
from functools import partialmethod
from pathlib import Path

import pytest

from tensorboard_activis import cli
from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.export.budget import Sizes, check_budget, megabytes, parse_bytes
from tensorboard_activis.export.folder import write_folder
from tensorboard_activis.export.packs import File
from tests.export.exported import Exported
from tests.records import small_data, write_run


def refused(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    capsys.readouterr()
    assert cli.main(["export", *map(str, arguments)]) == 1
    return capsys.readouterr().err


def test_a_directory_that_is_not_empty(logdir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a").write_text("mine")
    (tmp_path / "b").write_text("mine")
    said = refused(capsys, logdir, tmp_path)
    assert f"{tmp_path} is not empty: it has 'a' and 1 more." in said
    assert "nothing is overwritten" in said
    assert "is a file" in refused(capsys, logdir, tmp_path / "a")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_an_empty_directory_is_filled(logdir: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert cli.main(["export", str(logdir), str(tmp_path / "out"), "--layers", "head"]) == 0
    assert (tmp_path / "out" / "index.html").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_directory_that_is_there_stays_the_same_one(
    logdir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a shell stands, or a link to another place, which may be a mount."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    before = (tmp_path / "real").stat().st_ino
    assert cli.main(["export", str(logdir), str(tmp_path / "link"), "--layers", "head"]) == 0
    assert ((tmp_path / "real").stat().st_ino, (tmp_path / "link").is_symlink()) == (before, True)
    assert (tmp_path / "real" / "index.html").exists()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert cli.main(["export", str(logdir), ".", "--layers", "head"]) == 0
    assert sorted(path.name for path in (tmp_path / "here").iterdir()) == sorted(
        path.name for path in (tmp_path / "real").iterdir()
    )
    assert cli.main(["export", str(logdir), f"../{'long' * 60}", "--layers", "head"]) == 0  # 240 letters


def test_a_place_that_is_the_loggers_or_somebody_elses(
    logdir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = refused(capsys, logdir, logdir / "run1" / "activis" / "shared")
    assert f"lies in {logdir}/run1/activis, which is the logger's own. Name another one" in said
    assert not (logdir / "run1" / "activis" / "shared").exists()
    assert cli.main(["export", str(logdir), str(tmp_path / "activis" / "shared"), "--layers", "head"]) == 0
    shutil.rmtree(tmp_path / "activis")
    (tmp_path / ".out.x.partial").mkdir()
    said = refused(capsys, logdir, tmp_path)
    assert "It was left by an export that was killed: delete it." in said
    monkeypatch.setattr("os.access", lambda *_: False)
    said = refused(capsys, logdir, tmp_path / "a" / "b")
    assert f"b cannot be written: you may not write to {tmp_path}. Name another directory" in said


@pytest.mark.parametrize("there", [False, True])
def test_whatever_stops_it_there_is_no_export_or_a_whole_one(
    logdir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    """Stopped at each of its changes to the disk in turn: by Ctrl-C, which cleans up, and by a kill, which does not."""

    class Killed(BaseException):
        pass

    files = [
        File("index.html", b"page"),
        File("manifest.js", b"manifest"),
        File("data/a.js", b"a"),
        File("data/b.js", b"b"),
    ]
    real = {name: getattr(Path, name) for name in ("write_bytes", "rename", "mkdir", "rmdir", "chmod")}
    for cleans, stop in ((True, KeyboardInterrupt), (False, Killed)):
        for at in range(1, 30):
            directory, done = tmp_path / f"{cleans}-{at}" / "out", 0
            real["mkdir"](directory.parent)
            if there:
                real["mkdir"](directory)
            with monkeypatch.context() as patch:

                def counted(
                    self: Path,
                    *given: object,
                    _name: str,
                    _at: int = at,
                    _stop: type[BaseException] = stop,
                    **more: object,
                ) -> object:
                    nonlocal done
                    done += 1
                    if done == _at:
                        raise _stop
                    return real[_name](self, *given, **more)

                for name in real:
                    patch.setattr(Path, name, partialmethod(counted, _name=name))
                if not cleans:
                    patch.setattr("shutil.rmtree", lambda *_: None)
                    patch.setattr(Path, "unlink", lambda *_: None)
                try:
                    write_folder(directory, files)
                    break
                except (KeyboardInterrupt, Killed):
                    pass
            names = {str(path.relative_to(directory)) for path in directory.rglob("*")}
            whole = {"index.html", "manifest.js", "data", "data/a.js", "data/b.js"}
            assert whole <= names if "index.html" in names else not cleans or not names
        assert done > 6
        assert (directory / "data" / "b.js").read_bytes() == b"b"


def test_nothing_is_left_where_the_disk_refuses(
    logdir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    said = refused(capsys, logdir, tmp_path / "out", "--layers", "head")
    assert "out cannot be written: No space left on device" in said
    assert list(tmp_path.iterdir()) == []


def test_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "other").mkdir()
    said = refused(capsys, tmp_path, tmp_path / "out")
    assert "holds no activations" in said
    assert "Name the log_dir of the callback" in said
    assert "there is no directory" in refused(capsys, tmp_path / "none", tmp_path / "out")


def test_a_name_that_is_not_utf8(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path / "logs" / os.fsdecode(b"run\xff"), small_data(), (5,))
    assert "has a name that is not UTF-8" in refused(capsys, tmp_path / "logs", tmp_path / "out")


def test_several_runs_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("b", "a"):
        write_run(tmp_path / name, small_data(), (5,))
    said = refused(capsys, tmp_path, tmp_path / "out")
    assert f"has 2 runs, and an export holds one: a, b. Name the directory of one, such as {tmp_path}/a" in said
    assert cli.main(["export", f"{tmp_path}/a", str(tmp_path / "out"), "--layers", "head"]) == 0
    assert Exported(tmp_path / "out").manifest["name"] == "a"


def test_unknown_steps_and_layers_list_what_there_is(
    logdir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(capsys, logdir, tmp_path / "out", "--step", "5", "7", "8")
    assert "there is no step 7, 8 that can be read. There are: 5, 6" in said
    said = refused(capsys, logdir, tmp_path / "out", "--layers", "head", "heat")
    assert "there is no layer heat at the chosen steps. There are: stem/relu, head" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", ["", "much", "-5MB", "0", "5TB", "1e9", "nan"])
def test_a_budget_that_is_none(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["export", "logs", "out", f"--budget={value}"])
    assert "expected a size such as 20MB" in capsys.readouterr().err


def test_sizes() -> None:
    assert [parse_bytes(text) for text in ("20MB", "1.5 gb", "300k", "12", "7B")] == [20e6, 1.5e9, 3e5, 12, 7]
    assert [megabytes(size) for size in (20_000_000, 99_999, 120)] == ["20.0 MB", "100.0 KB", "0.1 KB"]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose layers take more than the tab's code, at three steps that differ."""
    logdir = tmp_path_factory.mktemp("large")
    for step in (5, 6, 7):
        write_run(logdir / "run", small_data(250, seed=step), (step,))
    return logdir


def test_more_than_the_budget_says_what_takes_how_much_and_its_options_help(
    large: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = ["--step", "5", "6", "7"]
    said = refused(capsys, large, tmp_path / "out", *chosen, "--budget", "700KB")
    assert re.search(r"the export would take about 0\.[89] MB, more than the budget of 0\.7 MB\.", said)
    assert "Nothing was written." in said
    for what in ("the tab's code", "pictures, sounds, texts", "each of 3 steps", "stem/relu", "head"):
        assert what in said
    options = [line.strip().partition("  (")[0] for line in said.partition("What helps:\n")[2].splitlines()]
    assert any(option.startswith("--step") for option in options)
    assert any(option.startswith("--budget") for option in options)
    for place, option in enumerate(options):
        given = shlex.split(option)
        rest = [] if "--step" in given else chosen
        budget = [] if "--budget" in given else ["--budget", "700KB"]
        directory = tmp_path / f"out{place}"
        assert cli.main(["export", str(large), str(directory), *rest, *budget, *given]) == 0, option
        assert Exported(directory).size <= parse_bytes((given + budget)[-1] if "--budget" in given else "700KB")
    assert not (tmp_path / "out").exists()


def test_the_options_that_are_named_are_those_that_fit() -> None:
    layers = {"a": 5_000_000, "b c": 400_000, "head": 300_000}
    sizes = Sizes(600_000, 50_000, 2_000_000, 0, layers)
    check_budget(sizes, [1, 2], 14_100_000)  # exactly as much
    with pytest.raises(ActiVisError) as error:
        check_budget(sizes, [1, 2], 9_000_000)
    assert str(error.value).splitlines() == [
        "the export would take about 14.1 MB, more than the budget of 9.0 MB. Nothing was written.",
        "  the tab's code and the graph  0.6 MB",
        "  pictures, sounds, texts       2.0 MB",
        "  each of 2 steps, such as 2:",
        "    table, columns, findings    50.0 KB",
        "        5.0 MB  a",
        "        0.4 MB  b c",
        "        0.3 MB  head",
        "What helps:",
        "  --step 2  (8.3 MB)",
        "  --layers 'b c' head  (4.1 MB)",
        "  --budget 15MB",
    ]
    with pytest.raises(ActiVisError, match=r"--step 2 --layers head  \(3.0 MB\)\n  --budget 15MB"):
        check_budget(sizes, [1, 2], 2_960_000)
    with pytest.raises(ActiVisError, match=r"--budget 15MB\n  No export of this run is smaller than 0.7 MB and"):
        check_budget(sizes, [1, 2], 600_000)
    with pytest.raises(ActiVisError, match="Every one of the 100,000 kept instances is in an export.*sample=1000"):
        check_budget(sizes, [2], 2_000_000, 100_000)
    with pytest.raises(ActiVisError, match=r"What helps:\n  --layers 'b c' head  .*\n  --no-content  \(6.3 MB\)"):
        check_budget(sizes, [2], 6_500_000)


def test_details_that_do_not_fit_are_left_out_and_said(
    large: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["export", str(large), str(tmp_path / "out"), "--budget", "700KB"]) == 0
    found, said = Exported(tmp_path / "out"), capsys.readouterr().out
    assert found.size <= 700_000
    assert "single instances in stem/relu at step 7" in found.manifest["left_out"]
    assert "Left out, because they exceed the budget:\n" in said
    assert "  single instances in stem/relu at step 7\n" in said
