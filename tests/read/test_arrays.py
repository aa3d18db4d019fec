"""Files of arrays are believed only as far as they go."""

import json
import tempfile
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from safetensors.numpy import save_file

from tensorboard_activis import schema
from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.files import open_own
from tensorboard_activis.read import array_file, concatenated, file_cache
from tensorboard_activis.read.arrays import read_array, whole_file

NAME = "step-0000000001-s.safetensors"
VALUES = np.arange(35, dtype=np.float16).reshape(7, 5)


def filed(*files: str, shape: tuple[int, ...] = (7, 5)) -> schema.Array:
    return schema.Array("float16", shape, tensor="a", files=files or (NAME,))


def write(path: Path, header: object, data: bytes = VALUES.tobytes()) -> None:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def test_shards_are_concatenated(tmp_path: Path) -> None:
    for name, rows in (("x", slice(0, 4)), ("y", slice(4, 7))):
        save_file({"a": VALUES[rows]}, tmp_path / name)
    np.testing.assert_array_equal(read_array(tmp_path, filed("x", "y")), VALUES)


def test_shards_that_do_not_fit_are_not_copied(tmp_path: Path) -> None:
    save_file({"a": VALUES}, tmp_path / "x")
    save_file({"a": VALUES[:, :3].copy()}, tmp_path / "y")
    with pytest.raises(
        UnreadableError, match=r"float16 \(7, 5\), float16 \(7, 3\); the snapshot says float16 \(14, 5\)"
    ):
        read_array(tmp_path, filed("x", "y", shape=(14, 5)))
    with pytest.raises(
        UnreadableError, match=r"x, x, x, x and 496 more is float16 .*\(7, 5\), …; the snapshot says float16 \(7, 5\)"
    ):
        read_array(tmp_path, filed(*["x"] * 500))


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F16", "shape": [2**40, 2**40, 0], "data_offsets": [0, 0]},
        {"dtype": "F16", "shape": [0] * 9, "data_offsets": [0, 0]},
        {"dtype": "F16", "shape": [7, 5], "data_offsets": [10, 80]},
        {"dtype": "F16", "shape": [7, 5], "data_offsets": [-10, 60]},
        {"dtype": "F16", "shape": [7, 5], "data_offsets": [70, 0]},
        {"dtype": "F16", "shape": [7, 5], "data_offsets": [0, 70, 90]},
        {"dtype": "F16", "shape": [7.0, 5], "data_offsets": [0, 70]},
        {"dtype": "F16", "shape": [True, 35], "data_offsets": [0, 70]},
        {"dtype": "F16", "shape": None, "data_offsets": [0, 70]},
        {"dtype": "BF16", "shape": [7, 5], "data_offsets": [0, 70]},
        {"dtype": ["F16"], "shape": [7, 5], "data_offsets": [0, 70]},
    ],
)
def test_a_lying_entry_is_refused(tmp_path: Path, entry: dict) -> None:
    write(tmp_path / NAME, {"a": entry})
    with pytest.raises(UnreadableError, match="does not fit into its"):
        read_array(tmp_path, filed())


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"[" * 100_000, "damaged header"),
        (b"\xff\xfe", "damaged header"),
        (b'{"a": ' + b"9" * 5000 + b"}", "damaged header"),
        (b"[1, 2]", "not a JSON object"),
        (b'{"b": 3}', "no tensor 'a'"),
        (b'{"__metadata__": {}}', "no tensor 'a'"),
        (b'{"a": 3}', "'a', which its header describes as 3, does not fit"),
        (b'{"a": ' + b"[" * 800 + b"]" * 800 + b"}", "'a', which its header describes as"),
        (b" " * (5 << 20), "not a complete safetensors file"),
    ],
)
def test_a_header_that_is_none(tmp_path: Path, header: bytes, message: str) -> None:
    write(tmp_path / NAME, header)
    with pytest.raises(UnreadableError, match=message):
        read_array(tmp_path, filed())


def test_a_file_of_no_use_for_its_array(tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(b"")
    (tmp_path / NAME).symlink_to(tmp_path / "outside")
    with pytest.raises(UnreadableError, match=f"{NAME} cannot be read: it is a link"):
        read_array(tmp_path, filed())
    (tmp_path / NAME).unlink()
    (tmp_path / NAME).mkdir()
    with pytest.raises(UnreadableError, match=f"{NAME} cannot be read: it is no regular file"):
        read_array(tmp_path, filed())


def test_all_of_a_file(tmp_path: Path) -> None:
    save_file({"a": VALUES, "b": np.arange(3)}, tmp_path / NAME, {"key": "value"})
    file = whole_file(tmp_path / NAME)
    assert file.header.metadata == {"key": "value"}
    np.testing.assert_array_equal(file.read(file.tensor("a")), VALUES)
    assert file.read(file.tensor("b")).tolist() == [0, 1, 2]
    with (tmp_path / NAME).open("ab") as more:
        more.write(b"more")
    with pytest.raises(
        UnreadableError, match="bytes. The arrays that its header lists take [0-9,]+, leave gaps or overlap"
    ):
        whole_file(tmp_path / NAME)


def test_arrays_that_lie_upon_each_other(tmp_path: Path) -> None:
    entry = {"dtype": "F16", "shape": [7, 5], "data_offsets": [0, 70]}
    write(tmp_path / NAME, {"a": entry, "b": entry})
    with pytest.raises(
        UnreadableError, match="bytes. The arrays that its header lists take [0-9,]+, leave gaps or overlap"
    ):
        whole_file(tmp_path / NAME)


def test_large_shards_are_put_together_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every question would copy gigabytes; they are mapped as those of one file are, and a new file is another array."""
    monkeypatch.setattr(concatenated, "MAPPED", 64)
    monkeypatch.setattr(concatenated, "_PIECE", 16)
    for name, rows in (("x", slice(0, 4)), ("y", slice(4, 7))):
        save_file({"b": np.ones(3), "a": VALUES[rows]}, tmp_path / name)
    found = read_array(tmp_path, filed("x", "y"))
    assert isinstance(found, np.memmap)
    assert not found.flags.writeable
    np.testing.assert_array_equal(found, VALUES)
    assert np.shares_memory(read_array(tmp_path, filed("x", "y")), found)
    save_file({"a": -VALUES[4:]}, tmp_path / "z")
    (tmp_path / "z").replace(tmp_path / "y")
    np.testing.assert_array_equal(read_array(tmp_path, filed("x", "y")), np.concatenate([VALUES[:4], -VALUES[4:]]))
    np.testing.assert_array_equal(found, VALUES)


def test_no_room_to_put_shards_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concatenated, "MAPPED", 64)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "not there"))
    for name, rows in (("x", slice(0, 4)), ("y", slice(4, 7))):
        save_file({"a": VALUES[rows]}, tmp_path / name)
    with pytest.raises(UnreadableError, match="cannot be put together in .*not there: No such file.* set TMPDIR"):
        read_array(tmp_path, filed("x", "y"))
    monkeypatch.setattr(concatenated, "_MAX_BYTES", 69)
    with pytest.raises(UnreadableError, match="in 2 files of 70 bytes together; 69 are allowed. Keep a smaller sample"):
        read_array(tmp_path, filed("x", "y"))


def test_shards_are_put_together_within_bounds(tmp_path: Path) -> None:
    """Files with holes claim gigabytes and take nothing of the disk."""
    for name in ("x", "y"):
        header = {"a": {"dtype": "F16", "shape": [2**20, 200], "data_offsets": [0, 2**20 * 400]}}
        write(tmp_path / name, header, b"")
        with (tmp_path / name).open("r+b") as file:
            file.truncate(file.seek(0, 2) + 2**20 * 400)
    with pytest.raises(
        UnreadableError, match=r"in 2 files and would have 838,860,800 bytes. Only [0-9,]+ of them are on disk"
    ):
        read_array(tmp_path, filed("x", "y", shape=(2**21, 200)))


def test_thousands_of_arrays_of_one_file_open_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its header grows with their number: read for each of them, they would take the square of it."""
    opened: list[Path] = []

    def opens(path: Path) -> BinaryIO:
        opened.append(path)
        return open_own(path)

    monkeypatch.setattr(array_file, "open_own", opens)
    monkeypatch.setattr(file_cache, "open_own", opens)
    save_file({f"layer {index}": np.full((7, 5), index, np.float16) for index in range(3_000)}, tmp_path / NAME)
    for index in range(0, 3_000, 100):
        found = read_array(tmp_path, schema.Array("float16", (7, 5), tensor=f"layer {index}", files=(NAME,)))
        assert found[0, 0] == np.float16(index)
    assert len(opened) == 2  # for the header, and for what it says
