"""A file of arrays stays open as long as it is the same, few do, and one that is cut short is no accident."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.read import array_file
from tensorboard_activis.read.array_file import ArrayFile


def write(path: Path, *values: int) -> Path:
    save_file({"a": np.array(values, np.uint8)}, path)
    return path


def read(path: Path) -> list[int]:
    file = ArrayFile(path)
    values = file.read(file.tensor("a"))
    assert not values.flags.writeable
    return values.tolist()


def test_a_header_is_read_once_while_the_file_is_the_same(tmp_path: Path) -> None:
    path = write(tmp_path / "a", 1, 2, 3)
    assert read(path) == [1, 2, 3]
    assert ArrayFile(path).header is ArrayFile(path).header
    path.rename(tmp_path / "b")
    assert read(tmp_path / "b") == [1, 2, 3]


def test_another_file_of_the_same_name(tmp_path: Path) -> None:
    path = write(tmp_path / "a", 1, 2, 3)
    early = ArrayFile(path)
    write(tmp_path / "b", 4, 5, 6).replace(path)
    assert read(path) == [4, 5, 6]
    with pytest.raises(UnreadableError, match="a was changed while it was read. Ask again."):
        early.read(early.tensor("a"))
    path.unlink()
    with pytest.raises(UnreadableError, match="a is missing"):
        ArrayFile(path)
    path.symlink_to(tmp_path / "b")
    with pytest.raises(UnreadableError, match="it is a link"):
        ArrayFile(path)


def test_some_rows(tmp_path: Path) -> None:
    values = np.arange(35, dtype=np.float16).reshape(7, 5)
    save_file({"a": values, "none": values[:0]}, tmp_path / "a")
    file = ArrayFile(tmp_path / "a")
    for rows in (0, 1, 6, 7, 9):
        np.testing.assert_array_equal(file.read(file.tensor("a"), rows), values[:rows])
        assert file.read(file.tensor("none"), rows).shape == (0, 5)


def test_few_stay_open_and_none_that_was_removed(tmp_path: Path) -> None:
    for index in range(40):
        assert read(write(tmp_path / str(index), index)) == [index]
    open_files = array_file._open._values
    assert len(open_files) <= 16
    assert read(tmp_path / "0") == [0]
    for index in range(40):
        (tmp_path / str(index)).unlink()
    read(write(tmp_path / "last", 1))
    assert not any(file.removed() for file, _ in open_files.values())


def test_large_headers_do_not_pile_up(tmp_path: Path) -> None:
    for index in range(5):
        save_file({"a": np.zeros(1, np.uint8)}, tmp_path / str(index), {"note": "x" * (3 << 20)})
        ArrayFile(tmp_path / str(index))
    headers = [header.start for header, _ in array_file._headers._values.values()]
    assert 0 < sum(headers) <= 8 << 20


def test_a_file_that_is_cut_short_between_header_and_array(tmp_path: Path) -> None:
    path = write(tmp_path / "a", *range(200))
    file = ArrayFile(path)
    assert file.read(file.tensor("a"), 3).tolist() == [0, 1, 2]
    os.truncate(path, 150)
    with pytest.raises(UnreadableError, match="a was cut short while it was read"):
        file.read(file.tensor("a"))


def test_what_is_read_survives_that_its_file_is_cut_short(tmp_path: Path) -> None:
    """In a process of its own: one that looked at a mapped file would end by a signal."""
    program = (
        "import os, sys, pathlib, numpy, safetensors.numpy\n"
        "from tensorboard_activis.read.array_file import ArrayFile\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "safetensors.numpy.save_file({'a': numpy.full(1 << 20, 3, numpy.float16)}, path)\n"
        "file = ArrayFile(path)\n"
        "values = file.read(file.tensor('a'))\n"
        "os.truncate(path, 0)\n"
        "print(float(values.astype('float32').mean()))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "a")], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "3.0\n"), done.stderr
