"""Tests this package with the oldest or the newest versions that pyproject.toml admits, in a fresh environment.

    python scripts/versions.py lowest                      # the reading and writing halves, without a framework
    python scripts/versions.py lowest --extra torch        # what an extra adds: its tests, with its oldest versions
    python3.13 scripts/versions.py newest                  # with the interpreter that is to be tested

Other arguments go to pytest. `make test` tests everything in the versions of constraints.txt; docs/know/compatibility.md says what
was run.
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
#: What is run for an extra; it has its own requirements and those of the extras that it names.
OF_EXTRAS = {
    "torch": ("tests/torch", "tests/test_torch_models.py", "tests/capture/torch"),
    "lightning": ("tests/test_lightning.py", "tests/test_lightning_watching.py", "tests/test_lightning_modules.py"),
    "transformers": (
        "tests/test_transformers.py",
        "tests/test_transformers_watching.py",
        "tests/test_transformers_positions.py",
        "tests/capture/torch/hugging_face",
    ),
    "keras": (
        "tests/test_keras.py",
        "tests/test_keras_layers.py",
        "tests/test_keras_outputs.py",
        "tests/capture/keras",
    ),
}
#: What the tests of an extra need beside it, in any version.
TOOLS = {"torch": ("accelerate", "transformers"), "keras": ("torch",)}


def lowest(requirement: str) -> str:
    """`numpy>=2.0,<3` becomes `numpy==2.0`."""
    match = re.match(r"([A-Za-z0-9._-]+)>=([0-9.]+)", requirement)
    if match is None:
        raise SystemExit(f"{requirement} has no lowest version")
    return f"{match[1]}=={match[2]}"


def of_extra(extra: str, extras: dict[str, list[str]]) -> list[str]:
    """The requirements of an extra and of the extras that it names, for Linux on x86-64."""
    found = []
    for text in extras[extra]:
        requirement, _, marker = (part.strip() for part in text.partition(";"))
        own = re.fullmatch(r"tensorboard-activis\[(.+)\]", requirement)
        if own is not None:
            found += [one for name in own[1].split(",") for one in of_extra(name.strip(), extras)]
        elif "!=" not in marker:
            found.append(requirement)
    return found


def main() -> int:
    """The status of pytest."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("end", choices=("lowest", "newest"))
    parser.add_argument("--extra", choices=sorted(OF_EXTRAS))
    options, arguments = parser.parse_known_args()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"]]
    if options.extra:
        asked += of_extra(options.extra, project["optional-dependencies"])
    wanted = [lowest(one) if options.end == "lowest" else one for one in asked]
    tests = OF_EXTRAS[options.extra] if options.extra else TESTS
    with tempfile.TemporaryDirectory() as directory:
        venv.create(directory, with_pip=True)
        python: str = str(Path(directory) / ("Scripts" if sys.platform == "win32" else "bin") / "python")
        # setuptools: tensorboard needs its pkg_resources up to some version.
        tools = ["pytest", "hypothesis", "scipy", "scikit-learn", "setuptools<81", *TOOLS.get(options.extra, ())]
        subprocess.run([python, "-m", "pip", "install", "-q", *wanted, *tools], check=True)
        print(f"Python {sys.version.split()[0]} with", flush=True)
        subprocess.run([python, "-m", "pip", "list"], check=True)
        # Old packages warn of what has come since; that is theirs.
        command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "default", *tests, *arguments]
        return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
