"""CRC32C checksums of arrays, which safetensors files carry in their header under `crc32c/<name of the tensor>`."""

import google_crc32c
import numpy as np

_PREFIX = "crc32c/"
#: Bytes per step: each step copies them first, and a copy this small stays in the processor's cache.
_CHUNK = 1 << 16


def checksum(array: np.ndarray) -> str:
    """The CRC32C of the bytes of a C-contiguous array, as eight hexadecimal digits."""
    crc = 0
    if array.nbytes:
        flat = array.reshape(-1).view(np.uint8)
        for start in range(0, flat.size, _CHUNK):
            crc = google_crc32c.extend(crc, flat[start : start + _CHUNK].tobytes())
    return f"{crc:08x}"


def checksum_key(tensor: str) -> str:
    """The key of a tensor's checksum in the metadata of its file."""
    return _PREFIX + tensor
