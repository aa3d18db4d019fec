"""Checksums of arrays are CRC32C of their bytes, as any other implementation finds them."""

import numpy as np
import pytest
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import crc32c

from tensorboard_activis.checksums import checksum


@pytest.mark.parametrize("shape", [(0,), (7, 0, 3), (), (1,), (7, 5, 3), (70_001,)])
def test_it_is_the_crc32c_of_the_bytes(shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(1).normal(size=shape).astype(np.float16)
    assert checksum(array) == f"{crc32c(array.tobytes()):08x}"
