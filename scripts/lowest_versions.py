"""Tests the reading and writing halves with the oldest versions that pyproject.toml admits, in an environment of their own.

    python scripts/lowest_versions.py            # the newest ones are what `make test` installs

Frameworks are left out: they are tested in the versions of constraints.txt.
"""

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
    "tests/serve/test_plugin.py",
    "tests/serve/test_http.py",
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
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [lowest(requirement) for requirement in project["dependencies"]]
    print("with", ", ".join(wanted), flush=True)
    with tempfile.TemporaryDirectory() as directory:
        venv.create(directory, with_pip=True)
        python: str = str(Path(directory) / ("Scripts" if sys.platform == "win32" else "bin") / "python")
        # setuptools: tensorboard needs its pkg_resources up to some version.
        tools = ["pytest", "hypothesis", "scipy", "scikit-learn", "setuptools<81"]
        install = [python, "-m", "pip", "install", "-q", *wanted, *tools]
        subprocess.run(install, check=True)
        # Old packages warn of what has come since; that is theirs.
        command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "default", *TESTS, *sys.argv[1:]]
        return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
