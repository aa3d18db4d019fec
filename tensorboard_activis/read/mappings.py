"""Files that stay mapped for a while: to map 4 GB page by page, and to unmap it again, takes as long as to read it."""

import os
import threading
from collections import OrderedDict
from typing import BinaryIO

import numpy as np

#: A file that is removed gives its space back only when it is mapped no more.
_HELD = 4
_KEEPS = os.name != "nt"  # Windows removes no file that is mapped

_mappings: OrderedDict[tuple[int, ...], np.ndarray] = OrderedDict()
_lock = threading.Lock()


def mapped(file: BinaryIO) -> np.ndarray:
    """The whole file, uint8 [bytes], read-only; mapped anew once it is another file, or was written to.

    Raises OSError when it cannot be mapped.
    """
    status = os.fstat(file.fileno())
    key = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    with _lock:
        found = _mappings.pop(key, None)
        if found is None:
            found = np.memmap(file, np.uint8, "r")
        if _KEEPS:
            _mappings[key] = found
            while len(_mappings) > _HELD:
                _mappings.popitem(last=False)
    return found
