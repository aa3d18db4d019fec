"""Runs the tour of the tab in Firefox, light and dark, on the demo's runs in a real TensorBoard, and opens an export of one.

Usage: make firefox, or: python scripts/firefox/smoke.py [--logdir RUNS_OF_THE_DEMO] [--pictures DIRECTORY]

Without Firefox it says so and passes. It needs the packages of package-lock.json: npm --prefix scripts/firefox ci.
"""

import argparse
import functools
import http.server
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT))

from tests.board import serving, tensorboard  # noqa: E402

_NAMES = ("firefox-esr", "firefox")


def main() -> int:
    """The status of the tour: 0 when every step of it held, or there is no Firefox."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--logdir", type=Path, help="what `tensorboard-activis demo` has logged; trained anew if not given"
    )
    parser.add_argument("--pictures", type=Path, help="save a picture of every step there")
    options = parser.parse_args()
    firefox = next(filter(None, map(shutil.which, _NAMES)), None)
    if firefox is None:
        print("skipped: there is no Firefox; install it with: sudo apt-get install firefox-esr")
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        log_dir = options.logdir or Path(temporary)
        if options.logdir is None:
            demo = [sys.executable, "-m", "tensorboard_activis.cli", "demo", "--no-serve", "--epochs", "3"]
            subprocess.run([*demo, "--logdir", str(log_dir)], check=True, stdout=subprocess.DEVNULL)
        with tensorboard(f"--logdir={log_dir}") as board:
            tour = ["node", str(HERE / "tour.js"), firefox, board]
            if options.pictures:
                options.pictures.mkdir(parents=True, exist_ok=True)
                tour.append(str(options.pictures.resolve()))
            status = subprocess.run(tour, check=False).returncode
        return status or exported(firefox, log_dir)


def exported(firefox: str, log_dir: Path) -> int:
    """The status of an export of one of the runs, opened from the disk and from a plain file server."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "an export"
        run = min(path.parent for path in log_dir.glob("*/activis"))
        command = [sys.executable, "-m", "tensorboard_activis.cli", "export", str(run), str(folder)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        files = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
        with serving(http.server.ThreadingHTTPServer(("localhost", 0), files)) as address:
            pages = [f"{folder.as_uri()}/index.html", f"{address}index.html"]
            return subprocess.run(["node", str(HERE / "exported.js"), firefox, *pages], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
