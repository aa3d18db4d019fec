"""Files of arrays are what the safetensors library writes and reads, also where an array comes in blocks."""

from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from tensorboard_activis.checksums import checksum
from tensorboard_activis.read.arrays import whole_file
from tensorboard_activis.summarize.rows import OrderedRows
from tensorboard_activis.write.tensors import Values, write_tensors

ARRAYS: dict[str, np.ndarray] = {
    "half": (np.arange(3 * 700_001) % 2_039).reshape(-1, 3).astype(np.float16),
    "bytes": np.arange(77, dtype=np.uint8).reshape(7, 11),
    'é " \\ \u2028': np.array([[2**40, -1]]),
    "strided": np.arange(40, dtype=np.int32).reshape(5, 8)[:, ::2],
    "none": np.zeros((0, 5), np.float32),
    "single": np.array([1 / 3, np.nan, -np.inf], np.float32),
    "double": np.array(0.1),
}


def write(path: Path, arrays: dict[str, Values]) -> Path:
    path.write_bytes(b"something longer than the header" * 1_000)
    write_tensors(path, arrays)
    return path


def test_the_library_reads_what_was_written(tmp_path: Path) -> None:
    path = write(tmp_path / "ours", dict(ARRAYS))
    library = {name: array.copy() for name, array in ARRAYS.items()}
    save_file(library, tmp_path / "theirs")
    for ours, theirs in ((load_file(path), library), (load_file(path), load_file(tmp_path / "theirs"))):
        assert ours.keys() == theirs.keys()
        for name, array in theirs.items():
            assert (ours[name].dtype, ours[name].shape) == (array.dtype, array.shape)
            np.testing.assert_array_equal(ours[name], array)
    with safe_open(path, "numpy") as file:
        assert file.metadata() == {f"crc32c/{name}": checksum(array) for name, array in library.items()}
    tensors = {name: whole_file(path).tensor(name) for name in library}
    assert all(tensor.begin % np.dtype(tensor.dtype).itemsize == 0 for tensor in tensors.values())


def test_blocks_are_one_array(tmp_path: Path) -> None:
    rows = OrderedRows.of(ARRAYS["half"])
    shuffled = OrderedRows(rows.rows, np.random.default_rng(0).permutation(len(rows)))
    expected = ARRAYS["half"][shuffled.slots]
    loaded = load_file(write(tmp_path / "ours", {"half": shuffled}))
    np.testing.assert_array_equal(loaded["half"], expected)
    with safe_open(tmp_path / "ours", "numpy") as file:
        assert file.metadata() == {"crc32c/half": checksum(expected)}
