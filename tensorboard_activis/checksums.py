"""Checksums of large arrays, as files of arrays carry them in their header: CRC32C of a tensor's bytes, under `crc32c/<name>`."""

import google_crc32c
import numpy as np

_PREFIX = "crc32c/"
#: Bytes that are looked at in one go: they are copied first, and so small a copy stays in the processor's cache.
_CHUNK = 1 << 16


def checksum(array: np.ndarray) -> str:
    """Eight hexadecimal digits over the bytes of a C-contiguous array."""
    found = 0
    if array.nbytes:
        flat = array.reshape(-1).view(np.uint8)
        for start in range(0, flat.size, _CHUNK):
            found = google_crc32c.extend(found, flat[start : start + _CHUNK].tobytes())
    return f"{found:08x}"


def checksum_key(tensor: str) -> str:
    """Where a file's metadata have the checksum of a tensor."""
    return _PREFIX + tensor
