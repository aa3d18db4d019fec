"""Starts TensorBoard and waits until its ActiVis tab answers."""

import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from tensorboard_activis.errors import ActiVisError

SECONDS_TO_START = 90


def serve(log_dir: Path, port: int) -> int:
    """Run TensorBoard until it ends or the user presses Ctrl-C; the address is printed when the tab is there.

    Must be called in the main thread, which alone may answer signals.

    Returns:
        The exit status: 0 after Ctrl-C, else TensorBoard's.

    Raises:
        SystemExit: this process was told to end (SIGTERM); TensorBoard ends with it.
    """
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    # A process of its own: the server needs no framework, and should not carry the one that trained.
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(log_dir), "--port", str(port)]
    with tempfile.TemporaryFile() as output:
        server = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            if not _answers(server, f"http://localhost:{port}/data/plugin/activis/runs"):
                output.seek(0)
                message = output.read().decode(errors="replace").strip()
                raise ActiVisError(
                    f"TensorBoard did not start: {message or 'it said nothing'}\nTry it by hand: {' '.join(command)}"
                )
            print(f"\nOpen  http://localhost:{port}/#activis  (Ctrl-C stops TensorBoard)", flush=True)
            return server.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            server.terminate()
            server.wait()
            signal.signal(signal.SIGTERM, before)


def _answers(server: "subprocess.Popen[bytes]", address: str) -> bool:
    """Wait until an address answers; False when the server ended or took too long."""
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return True
        except urllib.error.HTTPError as error:
            raise ActiVisError(
                f"TensorBoard is up, but its ActiVis tab is not: {address} answers {error.code}"
            ) from error
        except OSError:
            time.sleep(0.2)
    return False
