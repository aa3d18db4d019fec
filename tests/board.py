"""A real TensorBoard for tests: started on a free port, stopped at the end."""

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_SECONDS_TO_START = 300


@contextmanager
def tensorboard(*flags: str) -> Iterator[str]:
    """Starts TensorBoard with these flags and gives its address, without a slash at the end."""
    command = [sys.executable, "-m", "tensorboard.main", "--port", "0", "--host", "localhost", *flags]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    said: list[str] = []
    found = threading.Event()

    def listen() -> None:
        # Reads to the end: a full pipe would stop the server.
        for line in server.stderr or ():
            said.append(line)
            if "http://" in line:
                found.set()
        found.set()

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        found.wait(_SECONDS_TO_START)
        address = re.search(r"http://\S+", "".join(said))
        if address is None:
            raise RuntimeError(f"TensorBoard did not start: {''.join(said)}")
        yield address[0].rstrip("/")
    finally:
        server.terminate()
        server.wait()
        listener.join()
        if server.stderr:
            server.stderr.close()
