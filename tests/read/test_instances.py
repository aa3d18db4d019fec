"""The table of kept instances: shared by the steps that name the same file, and read anew when that changes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.read import tables
from tensorboard_activis.read.instances import read_instances
from tensorboard_activis.read.run import open_run
from tests.records import small_data, write_run


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were read."""
    found: list[Path] = []
    real = tables.read_table

    def read_table(path: Path) -> pa.Table:
        found.append(path)
        return real(path)

    monkeypatch.setattr("tensorboard_activis.read.instances.read_table", read_table)
    return found


def test_steps_share_one_table(tmp_path: Path, reads: list[Path]) -> None:
    write_run(tmp_path, small_data(), (1, 2, 3))
    run = open_run(tmp_path)
    found = [run.snapshot(step).instances for step in run.steps]
    assert len(reads) == 1
    addresses = {table.column("image").chunk(0).buffers()[-1].address for table in found}
    assert len(addresses) == 1
    assert found[0].column("score").to_pylist() == found[1].column("score").to_pylist()


@pytest.mark.parametrize("small", [0, 2 << 20])
def test_what_nobody_reads_is_let_go_and_what_changed_is_read_anew(
    tmp_path: Path, reads: list[Path], monkeypatch: pytest.MonkeyPatch, small: int
) -> None:
    """Small tables stay for a while."""
    monkeypatch.setattr("tensorboard_activis.read.instances._SMALL", small)
    write_run(tmp_path, small_data(), (1,))
    record = open_run(tmp_path).latest.record
    directory = tmp_path / "activis"
    held = read_instances(directory, record)
    path = directory / record.instances[0]
    changed = pq.read_table(path).append_column("more", pa.array(np.arange(17)))
    pq.write_table(changed, path)
    assert "more" in read_instances(directory, record).column_names
    assert "more" not in held.column_names
    before = len(reads)
    del held
    read_instances(directory, record)
    assert len(reads) == before + (not small)


def test_small_tables_that_were_read_last_stay(tmp_path: Path, reads: list[Path]) -> None:
    for number in range(5):
        write_run(tmp_path / str(number), small_data(), (1,))
    runs = [(tmp_path / str(number) / "activis", open_run(tmp_path / str(number)).latest.record) for number in range(5)]
    for directory, record in [*runs, *runs[1:]]:
        read_instances(directory, record)
    assert [path.parts[-3] for path in reads] == ["0", "1", "2", "3", "4"]
    read_instances(*runs[0])
    assert len(reads) == 6


@pytest.mark.parametrize(("small", "times"), [(0, 1), (2 << 20, 0)])
def test_memory_that_a_large_table_was_read_in_is_returned_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: int, times: int
) -> None:
    """Arrow keeps what it decompressed a table in, which is as large as the table; a small one is not worth asking."""
    released: list[int] = []

    class Pool:
        def release_unused(self) -> None:
            released.append(len(released))

    write_run(tmp_path, small_data(), (1, 2))
    run = open_run(tmp_path)
    monkeypatch.setattr("tensorboard_activis.read.instances._SMALL", small)
    monkeypatch.setattr(pa, "default_memory_pool", Pool)
    tables_of_steps = [run.snapshot(step).instances for step in run.steps]
    assert [table.num_rows for table in tables_of_steps] == [17, 17]
    assert len(released) == times


def test_a_file_that_is_gone_is_said_though_its_table_is_held(tmp_path: Path) -> None:
    write_run(tmp_path, small_data(), (1,))
    snapshot = open_run(tmp_path).latest
    held = snapshot.instances
    (tmp_path / "activis" / snapshot.record.instances[0]).unlink()
    with pytest.raises(UnreadableError, match="is missing"):
        read_instances(tmp_path / "activis", snapshot.record)
    assert held.num_rows == 17


def test_files_that_fit_alone_and_not_together_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_run(tmp_path / "run", small_data(17))
    snapshot = open_run(tmp_path / "run").latest
    (name,) = snapshot.record.instances
    (tmp_path / "run" / "activis" / name).write_bytes(repeated(1_000, 1_000))
    monkeypatch.setattr("tensorboard_activis.read.tables.ROOM", 3 << 20)
    once = replace(snapshot.record, sample_size=1_000)
    assert read_instances(tmp_path / "run" / "activis", once).num_rows == 1_000
    thrice = replace(snapshot.record, sample_size=4_000, instances=(name,) * 4)
    with pytest.raises(UnreadableError, match=r"the table would take 4,[0-9,]+ bytes of memory; 3,145,728 are allowed"):
        read_instances(tmp_path / "run" / "activis", thrice)


def repeated(rows: int, length: int) -> bytes:
    """A small file of one long text in every row."""
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"id": range(rows), "note": ["x" * length] * rows}), sink, compression="zstd")
    content: bytes = sink.getvalue().to_pybytes()
    return content
