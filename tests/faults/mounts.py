"""File systems of their own, where the system lets us mount them."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="mounts are Linux's")


@contextmanager
def mounted(options: str) -> Iterator[Path]:
    """A file system of its own in memory."""
    point = Path(tempfile.mkdtemp())
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(point)], capture_output=True, check=False)
    if done.returncode:
        point.rmdir()
        pytest.skip(f"a file system of its own cannot be mounted here: {done.stderr.decode().strip()}")
    try:
        yield point
    finally:
        subprocess.run(["umount", "-l", str(point)], check=True)
        point.rmdir()
