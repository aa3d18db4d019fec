"""A file stays mapped as long as it is the same, and few do."""

import os
from pathlib import Path

import numpy as np

from tensorboard_activis.read import mappings
from tensorboard_activis.read.mappings import mapped


def read(path: Path) -> np.ndarray:
    with path.open("rb") as file:
        return mapped(file)


def test_mapped_once_and_read_only(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes(range(200)))
    first = read(path)
    assert first.tobytes() == bytes(range(200))
    assert not first.flags.writeable
    assert read(path) is first
    os.rename(path, tmp_path / "b")
    assert read(tmp_path / "b").tobytes() == first.tobytes()


def test_another_file_of_the_same_name(tmp_path: Path) -> None:
    path, other = tmp_path / "a", tmp_path / "b"
    path.write_bytes(b"old")
    old = read(path)
    other.write_bytes(b"new")
    other.replace(path)
    assert read(path).tobytes() == b"new"
    assert old.tobytes() == b"old"  # whoever still reads it may
    path.write_bytes(b"longer")
    assert read(path).tobytes() == b"longer"


def test_few_stay(tmp_path: Path) -> None:
    for index in range(9):
        path = tmp_path / str(index)
        path.write_bytes(bytes([index] * 5))
        assert read(path).tolist() == [index] * 5
    assert len(mappings._mappings) <= 4
    assert read(tmp_path / "8") is read(tmp_path / "8")
    assert read(tmp_path / "0").tolist() == [0] * 5
