"""Memory goes back to the system after answers."""

import subprocess
import sys
from pathlib import Path

import pytest

#: Threads that make and free arrays of many sizes, as requests do; prints the megabytes that stay.
THREADS = """
import threading
import numpy as np
from tensorboard_activis.serve.memory import return_large_blocks

def held():
    lines = open("/proc/self/smaps_rollup").read().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("Anonymous:"))

def work():
    for size in (2, 30, 5, 17, 9) * 3:
        arrays = [np.ones(size * 1_000_000, np.uint8) for _ in range(3)]
        del arrays

{call}
before = held()
threads = [threading.Thread(target=work) for _ in range(5)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(held() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="what a process holds is told by Linux")
def test_threads_that_answered_keep_nothing() -> None:
    kept = {
        call: float(
            subprocess.run([sys.executable, "-c", THREADS.format(call=call)], capture_output=True, check=True).stdout
        )
        for call in ("", "return_large_blocks()")
    }
    assert kept["return_large_blocks()"] < 20
    assert kept["return_large_blocks()"] <= kept[""] + 5
