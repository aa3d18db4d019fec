"""The demo's parts, and the demo itself for one epoch with each framework."""

import inspect
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tensorboard_activis import open_run, ports
from tensorboard_activis.cli import main
from tensorboard_activis.demo import board, command
from tensorboard_activis.demo.digits import load_digits
from tensorboard_activis.demo.plan import Plan
from tensorboard_activis.demo.sentences import CLASSES, Sentences, load_sentences, sentences
from tensorboard_activis.demo.text_plan import TextPlan, encoded
from tensorboard_activis.errors import ActiVisError


def demo(*arguments: str, **options: object) -> "subprocess.CompletedProcess[str]":
    """The command in a process of its own, as a user starts it."""
    code = "import sys; from tensorboard_activis.cli import main; sys.exit(main())"
    return subprocess.run([sys.executable, "-c", code, "demo", *arguments], capture_output=True, text=True, timeout=300)


def test_digits_are_split_in_halves_of_equal_classes():
    digits = load_digits()
    assert digits.train_images.shape == (898, 8, 8)
    assert digits.images.shape == (899, 8, 8)
    assert digits.images.min() == 0
    assert digits.images.max() == 1
    difference = np.bincount(digits.train_labels) - np.bincount(digits.labels)
    assert np.abs(difference).max() <= 1
    again = load_digits()
    np.testing.assert_array_equal(digits.instance_ids, again.instance_ids)
    np.testing.assert_array_equal(digits.train_images, again.train_images)


def test_wrong_labels_are_wrong_and_as_many_as_asked_for():
    digits = load_digits()
    wrong = digits.with_wrong_labels(0.2)
    assert (wrong.train_labels != digits.train_labels).sum() == round(0.2 * 898)
    assert set(wrong.train_labels) == set(range(10))
    assert wrong.labels is digits.labels


def test_plan_visits_every_image_once_per_epoch_in_a_new_order():
    plan = Plan(Path("unused"), load_digits(), epochs=3)
    first, second = np.concatenate(list(plan.batches(0))), np.concatenate(list(plan.batches(1)))
    assert sorted(first) == list(range(898))
    assert first.tolist() != second.tolist()
    assert plan.steps == 3 * len(list(plan.batches(0))) == 60


@pytest.mark.parametrize("framework", ["torch", "keras"])
def test_demo_logs_two_runs_that_open(framework: str, tmp_path: Path):
    result = demo("--framework", framework, "--logdir", str(tmp_path), "--epochs", "2", "--no-serve")
    assert result.returncode == 0, result.stderr
    assert re.search(r"Trained for \d+\.\d s, logged for \d+\.\d s", result.stdout)
    assert f"tensorboard --logdir {tmp_path}" in result.stdout
    suffix = "" if framework == "torch" else "-keras"
    snapshots = []
    for name in (f"digits-cnn{suffix}", f"digits-cnn{suffix}-wrong-labels"):
        run = open_run(tmp_path / name)
        assert run.steps == [20, 40]
        assert run.graph.framework == framework
        snapshot = run.latest
        snapshots.append(snapshot)
        assert snapshot.record.sample_size == snapshot.record.seen == 899
        assert {"0", "9", "3 or 8, wrong", "unsure"} <= {subset.name for subset in snapshot.record.subsets}
        assert 5 <= len(snapshot.layers) <= 12
        assert snapshot.record.notes == ()
        expected = load_digits()
        assert sorted(snapshot.instances["label"].to_pylist()) == sorted(expected.labels.tolist())
        assert list(tmp_path.glob(f"{name}/**/events.out.tfevents.*")), "scalars lie beside our own files"
    last = list(snapshots[0].layers)[-1]
    different = snapshots[0].activations(last) != snapshots[1].activations(last)
    assert different.any(), "the two runs differ, or switching between them shows nothing"
    scalars = [path for path in tmp_path.rglob("events.out.tfevents.*") if path.parent.name != "activis"]
    assert len(scalars) >= 2


def test_demo_serves_and_ends_with_its_server(tmp_path: Path):
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    (tmp_path / "logs").mkdir()
    code = f"from pathlib import Path; from tensorboard_activis.demo import board; board.serve(Path('logs'), {port})"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    try:
        assert process.stdout is not None
        said, deadline = "", time.monotonic() + 120
        while "#activis" not in said and time.monotonic() < deadline:
            said += process.stdout.readline()
        assert f"http://localhost:{port}/#activis" in said
        with pytest.raises(ActiVisError, match=f"port {port} is taken.*--port {port + 1}"):
            ports.free_port(port)
    finally:
        process.send_signal(2)  # as Ctrl-C does
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert ports.free_port(port) == port


def test_demo_that_is_told_to_end_leaves_no_server(tmp_path: Path):
    """By `kill`, or by a supervisor: a server that nobody knows would keep the port."""
    server = tmp_path / "server"
    server.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/new && mv {tmp_path}/new {tmp_path}/number\nexec sleep 600\n")
    server.chmod(0o755)
    code = "import sys; from pathlib import Path; from tensorboard_activis.demo import board; "
    code += f"sys.executable = {str(server)!r}; board.serve(Path('logs'), 1)"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path)
    deadline = time.monotonic() + 120
    while not (tmp_path / "number").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.terminate()
    assert process.wait(timeout=60) == 128 + signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "number").read_text()), 0)


def test_other_ports_are_tried_when_none_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ports, "_is_free", lambda port, host: port >= 6008)
    assert ports.free_port(None) == 6008
    monkeypatch.setattr(ports, "_is_free", lambda port, host: False)
    with pytest.raises(ActiVisError, match="6006 to 6015 are all taken"):
        ports.free_port(None)


def test_server_that_fails_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(ActiVisError, match="TensorBoard did not start: it said nothing"):
        board.serve(tmp_path, 6006)


def test_directory_of_others_is_not_touched(tmp_path: Path):
    ours, theirs = tmp_path / "digits-cnn", tmp_path / "digits-cnn-wrong-labels"
    command.make_directory(ours)
    (ours / "old").touch()
    theirs.mkdir()
    (theirs / "precious").touch()
    with pytest.raises(ActiVisError, match=r"wrong-labels was not made by the demo.*--logdir"):
        command.run_demo("torch", tmp_path, 1, serve=False, port=None)
    assert (theirs / "precious").exists()
    assert (ours / "old").exists(), "nothing is removed before all is checked"


def test_earlier_demo_is_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    run = tmp_path / "digits-cnn"
    command.make_directory(run)
    (run / "old").touch()
    command.check_free(run)
    command.make_directory(run)
    assert not (run / "old").exists()
    assert "Replacing" in capsys.readouterr().out


def test_log_directory_that_cannot_be_made(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(ActiVisError, match=r"cannot write to .*digits-cnn: Not a directory"):
        command.make_directory(tmp_path / "file" / "digits-cnn")


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setitem(command.NEEDS, "torch", ("demo", ("json", "sklearn_is_not_here", "tqdm_is_not_here")))
    assert main(["demo", "--no-serve"]) == 1
    said = capsys.readouterr().err
    assert "tqdm_is_not_here" in said
    assert said.endswith("pip install 'tensorboard-activis[demo]'\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--epochs", "0"], "expected a number of at least 1, got '0'"),
        (["--epochs", "many"], "expected a number of at least 1, got 'many'"),
        (["--port", "65536"], "expected a port from 1 to 65535, got '65536'"),
        (["--framework", "jax"], "invalid choice: 'jax'"),
    ],
)
def test_command_line_that_is_wrong(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as stopped:
        main(["demo", *arguments])
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err


def test_sentences_are_prose_that_names_no_package():
    data = load_sentences()
    assert set(data.labels) == set(data.train_labels) == set(range(len(CLASSES)))
    assert len(data.ids) == len(set(data.ids)) == len(data.evaluation) >= 1_000
    lengths = [len(words) for words in (*data.train, *data.evaluation)]
    assert min(lengths) >= 6
    assert max(lengths) <= 48
    assert not {word.lower() for words in data.evaluation for word in words} & {"numpy", "scipy", "sklearn", "torch"}
    assert not {" ".join(words) for words in data.train} & {" ".join(words) for words in data.evaluation}


def test_the_prose_of_a_docstring():
    text = """Return the sum of all values along the given axis.

    Parameters
    ----------
    axis : int
        Axis along which they are summed.

    The sum of an empty array is the neutral element 0. Short one.
    It is that of numpy where this package is installed.
    """
    assert sentences(inspect.cleandoc(text)) == [
        "Return the sum of all values along the given axis.",
        "The sum of an empty array is the neutral element 0.",
    ]


def test_batches_of_texts_have_every_sentence_once_and_little_padding():
    words = [["word"] * (6 + place % 40) for place in range(700)]
    data = Sentences(words, np.zeros(700, np.int64), words[:2], np.zeros(2, np.int64), ["a", "b"], ["a", "b"])
    plan = TextPlan(Path("unused"), data, epochs=2)
    batches = list(plan.batches(0))
    assert sorted(np.concatenate(batches)) == list(range(700))
    assert len(batches) * 2 == plan.steps
    assert max(np.ptp([len(words[row]) for row in batch]) for batch in batches[:-1]) < 20
    numbers, mask = encoded([["Word", "unmet"], ["word"]], plan.vocabulary)
    assert numbers.tolist() == [[1, 3, 2], [1, 3, 0]]
    assert mask.tolist() == [[1, 1, 1], [1, 1, 0]]


def test_demo_on_texts_logs_a_run_with_prediction_by_depth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    few = load_sentences()
    part = slice(None, None, 40)
    small = Sentences(
        few.train[part], few.train_labels[part], few.evaluation[part], few.labels[part], few.ids[part], few.names[part]
    )
    monkeypatch.setattr(command, "load_sentences", lambda: small)
    assert main(["demo", "--data", "text", "--logdir", str(tmp_path), "--epochs", "1", "--no-serve"]) == 0
    snapshot = open_run(tmp_path / "sentences-transformer").latest
    assert snapshot.notes == ()
    assert {"h.0", "h.3", "classify"} <= set(snapshot.layers)
    depth = snapshot.depth(0)
    assert (depth.token, depth.counted, len(depth.blocks)) == ("first", len(small.ids), 4)
    assert depth.blocks[-1].right == pytest.approx(snapshot.record.metrics["accuracy"])


def test_demo_on_texts_is_for_pytorch(capsys: pytest.CaptureFixture[str]):
    assert main(["demo", "--data", "text", "--framework", "keras", "--no-serve"]) == 1
    assert "the demo on texts is for PyTorch" in capsys.readouterr().err
