"""`tensorboard-activis check` finds what is not as it was written, says what is left of it, and removes nothing but leftovers."""

import io
import json
import os
import re
import shutil
import struct
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tensorboard_activis import cli, codec, metadata, schema
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.recorder import Recorder
from tensorboard_activis.check.command import run_check
from tensorboard_activis.framing import framed, records
from tensorboard_activis.read.run import open_run
from tensorboard_activis.write.events import EventWriter
from tests.records import small_data, small_graph, small_layers, write_run

LEFT = "step-0000000009-0123abcd.safetensors"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run's directory: steps 1 and 2 with all arrays in files."""
    monkeypatch.setattr("tensorboard_activis.write.arrays.INLINE_BYTES", 0)
    write_run(tmp_path / "logs" / "run", small_data(), (1, 2), class_names=["ant", "bee", "cat"])
    return tmp_path / "logs" / "run" / "activis"


def content_of(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}


def one(directory: Path, pattern: str) -> Path:
    (found,) = directory.glob(pattern)
    return found


def edit(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :]


def test_a_run_that_is_as_it_was_written(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = content_of(run)
    write_run(run.parent.parent / "other", small_data(seed=1), (5,))
    assert run_check(run.parent.parent) == 0
    out = capsys.readouterr().out
    size = sum(path.stat().st_size for path in run.iterdir() if path.name != ".lock")
    assert f"{run}: 2 whole snapshots, 4 files, {size:,} bytes" in out
    assert out.endswith("2 runs checked: everything is as it was written.\n")
    assert content_of(run) == before


@pytest.mark.parametrize("below", [".", "run", "run/activis"])
def test_a_run_is_found_wherever_one_points(run: Path, below: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", str(run.parent.parent / below)]) == 0
    assert "2 whole snapshots" in capsys.readouterr().out


def test_superseded_snapshots_are_counted(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(run.parent, small_data(seed=1), (2, 3))
    assert run_check(run) == 0
    assert "4 whole snapshots, of which 1 superseded by newer ones" in capsys.readouterr().out


def test_what_a_copied_event_file_announces_again_is_counted_once(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = one(run, "*tfevents*")
    events.with_name(f"{events.name}.copy").write_bytes(events.read_bytes())
    assert run_check(run) == 0
    assert "2 whole snapshots, 5 files" in capsys.readouterr().out


def test_nothing_to_check_is_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_check(tmp_path / "gone") == 2
    assert "is no directory" in capsys.readouterr().err
    assert run_check(tmp_path) == 2
    assert "there is no directory 'activis' below" in capsys.readouterr().err
    with pytest.raises(SystemExit) as caught:
        cli.main(["check"])
    assert caught.value.code == 2


def _damage_record(run: Path) -> None:
    edit(one(run, "*tfevents*"), lambda content: flipped(content, len(content) - 20))


def _tear(run: Path) -> None:
    edit(one(run, "*tfevents*"), lambda content: content[:-9])


def _tear_all(run: Path) -> None:
    edit(one(run, "*tfevents*"), lambda content: content[:200])


def _link_events(run: Path) -> None:
    path = one(run, "*tfevents*")
    path.symlink_to(path.rename(run.parent / "moved"))


def _newer(run: Path) -> None:
    edit(
        one(run, "*tfevents*"),
        lambda content: _reframed(content, b"\x0a\x07activis\x12\x011", b"\x0a\x07activis\x12\x019"),
    )


def _nonsense_blob(run: Path) -> None:
    writer = EventWriter(run, "ffffffffffff-00")
    writer.write_blob(metadata.SNAPSHOT_TAG, 3, b"\xff\xff\xff", 0.0)
    writer.close()


def _nonsense_event(run: Path) -> None:
    edit(one(run, "*tfevents*"), lambda content: content + framed(b"\xff\xff\xff"))


def _other_step(run: Path) -> None:
    writer = EventWriter(run, "000000000000-00")
    writer.write_blob(metadata.SNAPSHOT_TAG, 7, codec.encode_snapshot(open_run(run).snapshot(2).record), 0.0)
    writer.close()


def _missing_arrays(run: Path) -> None:
    one(run, "step-0000000002-*").unlink()


def _short_arrays(run: Path) -> None:
    edit(one(run, "step-0000000002-*"), lambda content: content[:-1])


def _longer_arrays(run: Path) -> None:
    edit(one(run, "step-0000000002-*"), lambda content: content + b"more")


def _changed_value(run: Path) -> None:
    edit(one(run, "step-0000000002-*"), lambda content: flipped(content, len(content) - 3))


def _linked_arrays(run: Path) -> None:
    path = one(run, "step-0000000002-*")
    path.symlink_to(path.rename(run.parent / "moved"))


def _missing_table(run: Path) -> None:
    one(run, "*.parquet").unlink()


def _changed_table(run: Path) -> None:
    path = one(run, "*.parquet")
    pq.write_table(pq.read_table(path), path, compression="snappy")


def _shorter_table(run: Path) -> None:
    path = one(run, "*.parquet")
    pq.write_table(pq.read_table(path).slice(1), path)


def _no_table(run: Path) -> None:
    one(run, "*.parquet").write_bytes(b"PAR1 nothing PAR1")


def _without_graph(run: Path) -> None:
    edit(one(run, "*tfevents*"), lambda content: _reframed(content, b"activis/graph", b"another/graph"))


def _reframed(content: bytes, old: bytes, new: bytes) -> bytes:
    """The event file with bytes of its records exchanged, and right checksums."""
    assert old in content
    return b"".join(framed(record.replace(old, new)) for record in records(io.BytesIO(content)))


@pytest.mark.parametrize(
    ("damage", "wrong", "left"),
    [
        (
            _damage_record,
            r"tfevents\S+: damaged at byte [\d,]+; what follows",
            r"1 snapshot \(step 1\) before it. TensorBoard",
        ),
        (_tear, r"tfevents\S+: ends in the middle of a record \([\d,]+ bytes\)", r"1 snapshot \(step 1\) before it"),
        (_tear_all, "ends in the middle of a record", "No snapshot of this file is complete"),
        (_link_events, r"tfevents\S+: it is a link", "Nothing of this file"),
        (_newer, "written in format version 9; this installation reads version 1", "with the newer version"),
        (_nonsense_blob, r"snapshot of step 3: A snapshot event of 3 bytes cannot be decoded", "Every other event"),
        (_nonsense_event, "an event cannot be decoded", "Everything else in this file"),
        (_other_step, "Its event says step 7, the snapshot itself 2", "under its own step"),
        (
            _missing_arrays,
            "step 2: step-0000000002-.* is missing",
            "0 of 2 layers, 0 of 7 columns of outcomes, the table",
        ),
        (_short_arrays, "step-0000000002-.* bytes", "Nothing of this file"),
        (
            _longer_arrays,
            "step-0000000002-.* bytes. The arrays that its header lists take [0-9,]+,",
            "Nothing of this file",
        ),
        (
            _changed_value,
            "step-0000000002-.*'.+' is not what was written: the checksum differs",
            r"The other \d+ arrays",
        ),
        (_linked_arrays, "step 2: step-0000000002-.* it is a link", "0 of 2 layers"),
        (_missing_table, "step 1: instances-.* is missing", "2 of 2 layers, 7 of 7 columns .*, no table"),
        (_changed_table, "instances-.*: The checksum in its name is not that of its content", "It can be opened"),
        (
            _shorter_table,
            "step 2: instances-.*: the table has 16 rows .* the snapshot needs 17 rows",
            "2 of 2 layers, 7 of 7 columns .*, no table",
        ),
        (_no_table, "instances-.* cannot be read", "Nothing of this file"),
        (_without_graph, "graph: No event holds one", "without the picture of the model"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_damage_is_said_with_what_is_left(
    run: Path, capsys: pytest.CaptureFixture[str], damage: Callable[[Path], None], wrong: str, left: str
) -> None:
    damage(run)
    write_run(run.parent.parent / "whole", small_data(), (1,))
    before = content_of(run)
    assert run_check(run.parent.parent, repair=True) == 1
    out = capsys.readouterr().out
    assert re.search(rf"  damaged   .*{wrong}.*\n            can be read: .*{left}", out), out
    assert "2 runs checked: 1 damaged." in out
    assert re.search(r"whole/activis: 1 whole snapshot, \d files, [\d,]+ bytes\n(?!  damaged)", out)
    assert {name: content for name, content in content_of(run).items() if name in before} == before


def test_a_layer_that_is_not_in_the_graph(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = small_data()
    layers = [*small_layers(), schema.LayerInfo("elsewhere", 3, "none", 0, schema.Shape((-1, 3)))]
    log = Recorder(tmp_path, small_graph(), layers, strict=True)
    with log.snapshot(1) as evaluation:
        evaluation.add(
            BatchRecord({**data.activations, "elsewhere": data.logits}, labels=data.labels, outputs=data.logits)
        )
    log.close()
    assert run_check(tmp_path) == 1
    assert "step 1: The layer 'elsewhere' is no node of any graph" in capsys.readouterr().out


def test_files_of_older_versions_have_no_checksums(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in run.glob("step-*"):
        edit(path, _without_checksums)
    assert run_check(run) == 0
    assert "2 files of arrays without checksums" in capsys.readouterr().out


def _without_checksums(content: bytes) -> bytes:
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    del header["__metadata__"]
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content[8 + length :]


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour has gone by."""
    real = time.time
    monkeypatch.setattr("tensorboard_activis.check.directory.time.time", lambda: real() + 3600)


def leave(run: Path) -> tuple[Path, ...]:
    """What two killed processes leave: files that they finished and files that they began."""
    begun = run / f".{LEFT}.partial", run / ".events-0123456789ab-0123abcd.partial"
    paths = run / LEFT, run / LEFT.replace(".", "-0001."), *begun
    for path in paths:
        path.write_bytes(b"left")
    return paths


@pytest.mark.usefixtures("later")
def test_leftovers_are_named_and_removed_on_demand_only(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = content_of(run)
    left = leave(run)
    assert run_check(run) == 0
    out = capsys.readouterr().out
    assert f"  leftover  {LEFT}: no event names it, because its process was killed" in out
    assert "--repair removes them" in out
    assert all(path.exists() for path in left)
    assert run_check(run, repair=True) == 0
    assert f"  removed   {LEFT}: " in capsys.readouterr().out
    assert content_of(run) == before


def test_young_leftovers_stay(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left = leave(run)
    for path in left:
        os.utime(path, (0, 0))  # as `cp -a` and rsync do
    assert run_check(run, repair=True) == 0
    assert "touched less than 60 seconds ago" in capsys.readouterr().out
    assert all(path.exists() for path in left)


@pytest.mark.usefixtures("later")
def test_nothing_is_removed_under_a_live_logger(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left = leave(run)
    log = Recorder(run.parent, small_graph(), small_layers())
    left = leave(run)
    assert run_check(run, repair=True) == 0
    assert "leftover" not in capsys.readouterr().out
    assert all(path.exists() for path in left)
    log.close()


@pytest.mark.usefixtures("later")
def test_where_events_are_damaged_finished_files_stay(run: Path) -> None:
    left = leave(run)
    _damage_record(run)
    assert run_check(run, repair=True) == 1
    assert [path.exists() for path in left] == [True, True, False, False]


@pytest.mark.usefixtures("later")
def test_files_whose_events_are_gone_are_no_leftovers(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As when a run was copied without its event file, or that was removed by mistake; also by the next logger."""
    events = one(run, "*tfevents*")
    kept = events.read_bytes()
    events.unlink()
    left = leave(run)
    assert run_check(run, repair=True) == 1
    assert "killed process leaves one snapshot, not several: their event file is missing" in capsys.readouterr().out
    assert [path.exists() for path in left] == [True, True, False, False]
    Recorder(run.parent, small_graph(), small_layers()).close()
    events.write_bytes(kept)
    assert run_check(run, repair=True) == 0
    assert not any(path.exists() for path in left)
    assert open_run(run).snapshot(2).activations("head").shape == (17, 3)


def test_a_copy_of_a_live_run_is_checked_on_its_own(run: Path, tmp_path: Path) -> None:
    log = Recorder(run.parent, small_graph(), small_layers())
    shutil.copytree(run.parent, tmp_path / "copy")
    assert run_check(tmp_path / "copy") == 0
    log.close()


def test_reading_changes_nothing(run: Path) -> None:
    (run / ".lock").unlink()
    before = content_of(run)
    assert run_check(run) == 0
    assert content_of(run) == before


def test_large_tables_and_arrays_of_many_types(tmp_path: Path) -> None:
    write_run(tmp_path, small_data(3_000), (1,), batch=700, sample=None)
    assert run_check(tmp_path) == 0
    table = pq.read_table(one(tmp_path / "activis", "*.parquet"))
    assert isinstance(table, pa.Table)
    assert np.all(table["id"].to_numpy() >= 100)
