"""Tables are read when they fit into memory; a few bytes that stand for gigabytes are refused before they are unpacked."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.read.run import open_run
from tensorboard_activis.read.sanitized import sanitize
from tensorboard_activis.read.tables import read_table
from tests.records import small_data, write_run

ROWS = 1_234


def table() -> pa.Table:
    random = np.random.default_rng(5)
    texts = [f"text {index} é" if index % 5 else None for index in range(ROWS)]
    return pa.table(
        {
            "id": pa.array(range(ROWS)),
            "label": pa.array([("ant", "bee", "cat")[index % 3] for index in range(ROWS)]).dictionary_encode(),
            "text": pa.array(texts),
            "image": pa.array([bytes([index % 256]) * (index % 40) for index in range(ROWS)]),
            "features": pa.FixedSizeListArray.from_arrays(pa.array(random.random(ROWS * 3, np.float32)), 3),
            "words": pa.array([["a", "b"][: index % 3] for index in range(ROWS)]),
            "known": pa.array([index % 7 == 0 for index in range(ROWS)]),
        }
    )


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "zstd"},
        {},
        {"compression": "none", "use_dictionary": False},
        {"compression": "snappy", "row_group_size": 500},
        {"data_page_size": 300, "compression": "zstd"},
        {"data_page_size": 100, "write_batch_size": 20, "write_page_checksum": True},
        {"write_page_index": True},
        {"store_schema": False},
    ],
)
def test_whatever_the_writers_options_a_table_comes_back(tmp_path: Path, options: dict) -> None:
    expected = table()
    if "store_schema" in options:  # Parquet itself has neither categories nor arrays of one length
        expected = expected.drop_columns("features")
    pq.write_table(expected, tmp_path / "file", **options)
    if "store_schema" in options:
        expected = expected.set_column(1, "label", expected.column("label").cast(pa.string()))
    assert read_table(tmp_path / "file").equals(expected)
    with (tmp_path / "file").open("rb") as file:
        source = sanitize(file, 1 << 30)
    metadata = pq.read_metadata(tmp_path / "file")
    columns = range(metadata.num_columns)
    chunks = [[metadata.row_group(i).column(j) for i in range(metadata.num_row_groups)] for j in columns]
    for demand, mine in zip(source.demands, chunks, strict=True):
        assert demand.values == sum(chunk.num_values for chunk in mine)
        # The metadata count the pages' headers as well.
        assert 0 < demand.uncompressed < sum(chunk.total_uncompressed_size for chunk in mine)
        assert bool(demand.entries) == any(chunk.has_dictionary_page for chunk in mine)


def test_columns_that_might_not_fit_are_unpacked_when_they_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tensorboard_activis.read.tables.ROOM", 0)
    monkeypatch.setattr("tensorboard_activis.read.tables._TIMES", 6)
    repeated = table().append_column("more", pa.array([f"{index % 4}" * 40 for index in range(ROWS)]))
    pq.write_table(repeated, tmp_path / "file", compression="none", use_dictionary=True)
    assert read_table(tmp_path / "file").equals(repeated)


BOMBS = {
    "zeros that compress": pa.table({"id": pa.array([bytes(3 << 20)])}),
    "one value many times": pa.table({"id": pa.array(np.zeros(1 << 20, np.int8))}),
    "no value many times": pa.table({"id": pa.nulls(1 << 20, pa.int64())}),
    "one text many times": pa.table({"text": pa.array(["x" * 50_000] * 100)}),
    "one category many times": pa.table({"text": pa.array(["x" * 50_000] * 100).dictionary_encode()}),
    "one token many times": pa.table({"tokens": pa.array([["x" * 50_000] * 10] * 10)}),
    "lists of nothing": pa.table({"lists": pa.array([[None] * 1000] * 1000, pa.list_(pa.int32()))}),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_few_bytes_that_stand_for_many_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("tensorboard_activis.read.tables.ROOM", 2 << 20)
    pq.write_table(BOMBS[name], tmp_path / "file", compression="zstd", use_dictionary=True)
    assert (tmp_path / "file").stat().st_size < 120_000
    with pytest.raises(
        UnreadableError,
        match=r"would take [0-9,]+ bytes of memory; [0-9,]+ are allowed\. Log fewer instances \(sample=\), or shorter texts\.$",
    ):
        read_table(tmp_path / "file")


def test_links_are_refused(tmp_path: Path) -> None:
    pq.write_table(table(), tmp_path / "outside")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(UnreadableError, match="link cannot be read: it is a link"):
        read_table(tmp_path / "run" / "link")


@pytest.mark.parametrize("seed", range(60))
def test_damage_is_said(tmp_path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    pq.write_table(table(), tmp_path / "file", compression="zstd")
    content = bytearray((tmp_path / "file").read_bytes())
    if seed % 3:
        for position in random.integers(0, len(content), 1 + seed % 8):
            content[position] ^= 1 << int(random.integers(8))
    else:
        del content[int(random.integers(len(content))) :]
    (tmp_path / "file").write_bytes(content)
    try:
        read_table(tmp_path / "file")
    except UnreadableError as error:
        assert str(error).startswith("file cannot be read: ") or str(error).startswith("file: column")


def test_long_names_of_classes_are_measured_before_they_are_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(tmp_path, small_data(), class_names=["a" * 9_000, "b", "c"])
    monkeypatch.setattr("tensorboard_activis.read.tables.ROOM", 60_000)
    monkeypatch.setattr("tensorboard_activis.read.tables.allowance", lambda status: 1 << 20)  # the labels fit
    predicted = int((small_data().logits.argmax(axis=1) == 0).sum())
    with pytest.raises(UnreadableError, match=rf"names of predicted classes would take {predicted * 9:,},\d+ bytes"):
        _ = open_run(tmp_path).latest.instances


def test_texts_that_are_no_texts_are_damage(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["abcd", "efgh"]}), tmp_path / "file", compression="none", use_dictionary=False)
    content = (tmp_path / "file").read_bytes()
    (tmp_path / "file").write_bytes(content.replace(b"abcd", b"a\xff\xfed"))
    with pytest.raises(UnreadableError, match="file cannot be read: .*UTF8"):
        read_table(tmp_path / "file")


def test_names_that_are_no_texts_are_damage(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["abcd"]}), tmp_path / "file", store_schema=False)
    content = (tmp_path / "file").read_bytes()
    (tmp_path / "file").write_bytes(content.replace(b"text", b"t\xff\xfet"))
    with pytest.raises(UnreadableError, match="file cannot be read: "):
        read_table(tmp_path / "file")


def test_metadata_that_contradict_each_other_end_no_process(tmp_path: Path) -> None:
    """pyarrow's view of a column's metadata would end it: the size statistics must fit the column's levels."""
    pq.write_table(pa.table({"id": pa.array([1, 2, None])}), tmp_path / "file")
    content = (tmp_path / "file").read_bytes()
    required = content.replace(b"\x25\x02\x18\x02id", b"\x25\x00\x18\x02id")
    assert required != content
    (tmp_path / "file").write_bytes(required)
    script = (
        "import sys; from pathlib import Path; from tensorboard_activis.errors import UnreadableError\n"
        "from tensorboard_activis.read.tables import read_table\n"
        "try: read_table(Path(sys.argv[1])); print('read')\n"
        "except UnreadableError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "file")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(("file cannot be read: ", "read"))
