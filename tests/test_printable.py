"""What comes from a run does nothing to the terminal that shows it."""

import io
import logging
import re
from dataclasses import replace
from pathlib import Path

import pytest
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from tensorboard_activis import cli, schema
from tensorboard_activis.check.report import Report
from tensorboard_activis.printable import printable, traceback_of, visible, visible_lines
from tensorboard_activis.serve.responses import error_response
from tests.records import small_data, write_run

#: Clears the screen, sets the title, sets a colour (in one character), turns the direction of writing, begins a line anew.
HOSTILE = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202eevil\u2066\r\x00\x7f\u200b\u2028\udc80"
RAW = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def test_what_has_no_picture_is_written_as_an_escape() -> None:
    assert visible("plain, é 中 😀") == "plain, é 中 😀"
    assert visible("\x1b[2J\u202e\n\udc80\U000e0041") == "\\x1b[2J\\u202e\\n\\udc80\\U000e0041"
    assert visible_lines("a\x1b\nb\r\n") == "a\\x1b\nb\\r\n"
    assert printable("a\udc80\x1b") == "a\\udc80\x1b"
    assert not RAW.search(visible(HOSTILE))


def test_a_traceback_is_visible_in_full() -> None:
    try:
        raise ValueError(HOSTILE)
    except ValueError as error:
        text = traceback_of(error)
    assert not RAW.search(text)
    assert text.splitlines()[-1].startswith("ValueError: \\x1b[2J")


@pytest.mark.parametrize("what", ["directory", "problem", "leftover", "nothing", "unreadable"])
def test_check_prints_no_escapes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    named = HOSTILE.replace("\x00", "")
    run = tmp_path / named
    if what == "nothing":
        run.mkdir()
    else:
        write_run(run, small_data(), (1,), class_names=["ant", "bee", "cat"])
    if what == "problem":

        def damaged(directory: Path, repair: bool) -> Report:
            report = Report(directory)
            report.add(HOSTILE, HOSTILE, HOSTILE)
            report.leftovers = [directory / HOSTILE]
            report.keep_reason = HOSTILE
            return report

        monkeypatch.setattr("tensorboard_activis.check.command.check_directory", damaged)
    if what == "unreadable":

        def unreadable(directory: Path, repair: bool) -> Report:
            raise OSError(5, HOSTILE, str(directory))

        monkeypatch.setattr("tensorboard_activis.check.command.check_directory", unreadable)
    cli.main(["check", str(run if what == "nothing" else tmp_path)])
    said = "".join(capsys.readouterr())
    assert said.strip()
    assert not RAW.search(said), ascii(said)
    assert "\\x1b[2J" in said


def test_names_within_a_run_are_visible_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Layers and tensors are named by who wrote the run."""
    from tensorboard_activis import codec, metadata
    from tensorboard_activis.framing import framed
    from tensorboard_activis.read.run import open_run
    from tensorboard_activis.write.events import _event

    write_run(tmp_path / "run", small_data(), (1,))
    record = open_run(tmp_path / "run").latest.record
    layer = schema.Layer(
        schema.LayerInfo(HOSTILE[:-1], 5, "none", 0, schema.Shape((-1, 5))),
        schema.Array(
            "float16", (record.stored_instances, 5), tensor=HOSTILE[:-1], files=("step-0000000002-x.safetensors",)
        ),
        record.layers[0].summary,
    )
    hostile = replace(record, step=2, layers=(layer,), notes=(HOSTILE[:-1],))
    event = _event(metadata.SNAPSHOT_TAG, codec.encode_snapshot(hostile), 2, 1.0)
    (path,) = (tmp_path / "run" / "activis").glob("*tfevents*")
    with path.open("ab") as file:
        file.write(framed(event.SerializeToString()))
    assert cli.main(["check", str(tmp_path)]) == 1
    said = "".join(capsys.readouterr())
    assert "step 2" in said
    assert not RAW.search(said), ascii(said)


def test_the_servers_log_has_no_escapes(caplog: pytest.LogCaptureFixture) -> None:
    request = Request(EnvironBuilder(path="/data/\x1b[2J\u202e").get_environ())
    with caplog.at_level(logging.ERROR):
        error_response(request, RuntimeError(HOSTILE))
    text = "\n".join(logging.Formatter("%(message)s").format(record) for record in caplog.records)
    assert "RuntimeError: \\x1b[2J" in text
    assert not RAW.search(text), ascii(text)


def test_a_terminal_without_a_letter_is_no_reason_to_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_run(tmp_path / "é", small_data(), (1,))
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", narrow)
    assert cli.main(["check", str(tmp_path)]) == 0
    narrow.seek(0)
    assert "\\xe9" in narrow.read()
