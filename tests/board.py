"""Real servers for tests, such as TensorBoard: started on a free port, stopped at the end."""

import http.server
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_SECONDS_TO_START = 300
#: TensorBoard where TensorFlow is not installed, as most users of PyTorch have it: it starts in a quarter of the time.
_WITHOUT_TENSORFLOW = """
import sys
from types import ModuleType
sys.modules["tensorboard.compat.notf"] = ModuleType("tensorboard.compat.notf")
"""
_RUN = """
from tensorboard.main import run_main
run_main()
"""


@contextmanager
def tensorboard(*flags: str, tensorflow: bool = False, docs: Path | None = None) -> Iterator[str]:
    """Starts TensorBoard with these flags and gives its address, without a slash at the end.

    Arguments:
        tensorflow: whether it finds TensorFlow, where that is installed.
        docs: a directory that stands in for the built documentation.
    """
    code = "" if tensorflow else _WITHOUT_TENSORFLOW
    if docs is not None:
        code += "from pathlib import Path\nfrom tensorboard_activis.serve import static_files\n"
        code += f"static_files.DOCS = Path({str(docs)!r})\n"
    with started([sys.executable, "-c", code + _RUN, "--port", "0", "--host", "localhost", *flags]) as address:
        yield address


@contextmanager
def started(command: Sequence[str], address: str = r"http://\S+", **options: Any) -> Iterator[str]:
    """Starts a server that says its address on standard error, and gives the address, without a slash at the end.

    Arguments:
        address: what it looks like, as a regular expression.
        options: of `subprocess.Popen`.
    """
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **options)
    said: list[str] = []
    is_there = threading.Event()

    def listen() -> None:
        # Reads to the end: a full pipe would stop the server.
        for line in server.stderr or ():
            said.append(line)
            if re.search(address, line):
                is_there.set()
        is_there.set()

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        is_there.wait(_SECONDS_TO_START)
        match = re.search(address, "".join(said))
        if match is None:
            raise RuntimeError(f"{' '.join(command[:3])} did not start: {''.join(said)}")
        yield match[0].rstrip("/")
    finally:
        server.terminate()
        server.wait()
        listener.join()
        if server.stderr:
            server.stderr.close()


@contextmanager
def serving(server: http.server.HTTPServer) -> Iterator[str]:
    """Serves from a thread of this process and gives the address, with a slash at the end."""
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
