"""Large arrays lie in a safetensors file that other readers open; small ones travel inline."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

from tensorboard_activis.checksums import checksum
from tensorboard_activis.read.arrays import read_array
from tensorboard_activis.write.arrays import INLINE_BYTES, ArrayWriter


def test_small_arrays_travel_inline_and_large_ones_in_a_file(tmp_path: Path) -> None:
    small = np.arange(15, dtype=np.float32).reshape(5, 3)
    large = np.arange(INLINE_BYTES // 2 + 7, dtype=np.float16)
    writer = ArrayWriter(tmp_path, 12, "0a-b")

    inline, filed = writer.add("small", small), writer.add("large", large)
    writer.close()

    assert (inline.inline, inline.files) == (small.tobytes(), ())
    assert (filed.inline, filed.tensor, filed.files) == (b"", "large", ("step-0000000012-0a-b.safetensors",))
    np.testing.assert_array_equal(load_file(tmp_path / filed.files[0])["large"], large)
    with safe_open(tmp_path / filed.files[0], "numpy") as file:
        assert file.metadata() == {"crc32c/large": checksum(large)}
    for array, expected in ((inline, small), (filed, large)):
        np.testing.assert_array_equal(read_array(tmp_path, array), expected)


def test_an_event_carries_only_so_much_inline(tmp_path: Path) -> None:
    writer = ArrayWriter(tmp_path, 1, "s")
    records = [writer.add(str(i), np.zeros(INLINE_BYTES // 4, np.uint8)) for i in range(6)]
    assert [len(record.inline) for record in records] == [INLINE_BYTES // 4] * 4 + [0, 0]
    assert records[-1].files


def test_without_large_arrays_there_is_no_file(tmp_path: Path) -> None:
    writer = ArrayWriter(tmp_path, 1, "s")
    writer.add("a", np.zeros(3))
    writer.close()
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    writer = ArrayWriter(tmp_path / "gone", 1, "s")
    writer.add("a", np.zeros(INLINE_BYTES))
    with pytest.raises(OSError, match="step-0000000001-s"):
        writer.close()
    assert list(tmp_path.iterdir()) == []


def test_whoever_may_read_the_directorys_files_may_read_the_arrays(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"")
    writer = ArrayWriter(tmp_path, 1, "s")
    writer.add("a", np.zeros(INLINE_BYTES))
    writer.close()
    arrays = next(tmp_path.glob("*.safetensors"))
    assert arrays.stat().st_mode == (tmp_path / "other").stat().st_mode


def test_what_no_event_came_to_name_is_discarded(tmp_path: Path) -> None:
    writer = ArrayWriter(tmp_path, 1, "s")
    writer.add("a", np.zeros(INLINE_BYTES))
    writer.close()
    writer.discard()
    writer.discard()
    assert list(tmp_path.iterdir()) == []


class Failing:
    """An array whose second block does not come."""

    dtype, shape = np.dtype(np.float64), (2, INLINE_BYTES)

    def array(self) -> np.ndarray:
        raise NotImplementedError

    def blocks(self) -> Iterator[np.ndarray]:
        yield np.zeros((1, INLINE_BYTES))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_fault_in_the_middle_of_the_file_leaves_nothing(tmp_path: Path) -> None:
    writer = ArrayWriter(tmp_path, 1, "s")
    writer.add("a", Failing())
    with pytest.raises(OSError, match="No space left on device"):
        writer.close()
    assert list(tmp_path.iterdir()) == []
