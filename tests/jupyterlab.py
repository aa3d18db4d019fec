"""A real JupyterLab for tests: on the loopback, with a token, on a directory of its own."""

import json
import os
import re
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_SECONDS_TO_START = 300
#: Nothing of the user's is read or written, and nothing outside is asked.
_SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"checkForUpdates": False, "fetchNews": "false"},
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
}


def write_notebook(path: Path, *cells: str) -> None:
    """A notebook of code cells."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made: list[dict[str, object]] = [
        {"cell_type": "code", "id": f"cell-{i}", "execution_count": None, "metadata": {}, "outputs": [], "source": cell}
        for i, cell in enumerate(cells)
    ]
    notebook = {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(notebook))


@contextmanager
def jupyterlab(directory: Path, theme: str = "JupyterLab Light", *options: str) -> Iterator[tuple[str, str]]:
    """Starts JupyterLab on a directory and gives its address, without a slash at the end, and its token."""
    home = directory / ".jupyter"
    settings = home / "lab" / "user-settings"
    for plugin, values in {**_SETTINGS, "@jupyterlab/apputils-extension:themes": {"theme": theme}}.items():
        extension, _, name = plugin.partition(":")
        file = settings / extension / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    places = {"JUPYTER_CONFIG_DIR": home, "JUPYTER_DATA_DIR": home / "data", "JUPYTER_RUNTIME_DIR": home / "runtime"}
    places |= {
        "JUPYTERLAB_SETTINGS_DIR": settings,
        "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces",
        "IPYTHONDIR": home / "ipython",
    }
    token = secrets.token_hex(16)
    command: Sequence[str] = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", "--port=0"),
        *(f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={directory}", *options),
    ]
    environ = os.environ | {name: str(place) for name, place in places.items()}
    server = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environ, cwd=directory
    )
    said: list[str] = []
    found = threading.Event()

    def listen() -> None:
        for line in server.stderr or ():
            said.append(line)
            if "http://127.0.0.1:" in line:
                found.set()
        found.set()

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        found.wait(_SECONDS_TO_START)
        address = re.search(r"http://127\.0\.0\.1:\d+", "".join(said))
        if address is None:
            raise RuntimeError(f"JupyterLab did not start: {''.join(said)}")
        yield address[0], token
    finally:
        server.terminate()  # its kernels end with it
        server.wait()
        listener.join()
        if server.stderr:
            server.stderr.close()
