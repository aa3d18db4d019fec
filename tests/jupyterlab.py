"""A real JupyterLab for tests: on the loopback, with a token, on a directory of its own."""

import json
import os
import secrets
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.board import started

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
    with started(command, r"http://127\.0\.0\.1:\d+", env=environ, cwd=directory) as address:
        yield address, token  # its kernels end with it
