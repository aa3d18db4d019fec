"""Tests the reading and writing halves with the oldest or the newest versions that pyproject.toml admits, in a fresh environment.

    python scripts/versions.py lowest
    python3.13 scripts/versions.py newest        # with the interpreter that is to be tested

Frameworks are left out: they are tested by `make test`, in the versions of constraints.txt.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = (
    "tests/test_codec.py",
    "tests/test_framing.py",
    "tests/test_predicate.py",
    "tests/test_leftovers.py",
    "tests/check",
    "tests/write",
    "tests/read",
    "tests/query",
    "tests/summarize/test_moments.py",
    "tests/summarize/test_sample.py",
    "tests/serve",
    "tests/capture/test_recorder.py",
)


def lowest(requirement: str) -> str:
    """`numpy>=2.0,<3` becomes `numpy==2.0`."""
    match = re.match(r"([A-Za-z0-9._-]+)>=([0-9.]+)", requirement)
    if match is None:
        raise SystemExit(f"{requirement} has no lowest version")
    return f"{match[1]}=={match[2]}"


def main() -> int:
    """The status of pytest."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("end", choices=("lowest", "newest"))
    options, arguments = parser.parse_known_args()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [lowest(one) if options.end == "lowest" else one for one in project["dependencies"]]
    with tempfile.TemporaryDirectory() as directory:
        venv.create(directory, with_pip=True)
        python: str = str(Path(directory) / ("Scripts" if sys.platform == "win32" else "bin") / "python")
        # setuptools: tensorboard needs its pkg_resources up to some version.
        tools = ["pytest", "hypothesis", "scipy", "scikit-learn", "setuptools<81"]
        subprocess.run([python, "-m", "pip", "install", "-q", *wanted, *tools], check=True)
        print(f"Python {sys.version.split()[0]} with", flush=True)
        subprocess.run([python, "-m", "pip", "list"], check=True)
        # Old packages warn of what has come since; that is theirs.
        command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "default", *TESTS, *arguments]
        return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
