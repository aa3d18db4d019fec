"""Tests this package with the oldest or the newest versions that pyproject.toml admits, in a fresh environment.

    python scripts/versions.py lowest                      # the reading and writing halves, without a framework
    python scripts/versions.py lowest --extra torch        # what an extra adds: its tests, with its oldest versions
    python3.13 scripts/versions.py newest                  # with the interpreter that is to be tested
    python3.13 scripts/versions.py newest --extra keras --wheel dist/tensorboard_activis-0.2.0-py3-none-any.whl

Other arguments go to pytest. `make test` tests everything in the versions of constraints.txt; docs/know/compatibility.md says what
was run.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import venv
from collections.abc import Iterable
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
#: What is run for an extra, as patterns of paths; it has its own requirements and those of the extras that it names.
OF_EXTRAS = {
    "torch": ("tests/torch", "tests/test_torch_models.py", "tests/test_linear.py", "tests/capture"),
    "lightning": ("tests/test_lightning*.py", "tests/torch/*of_trainers.py", "tests/torch/health/test_trainers.py"),
    "transformers": (
        "tests/test_trainer*.py",
        "tests/test_transformers*.py",
        "tests/torch/*of_trainers.py",
        "tests/torch/health/test_trainers.py",
        "tests/capture/torch",
    ),
    "keras": ("tests/test_keras*.py", "tests/capture/keras"),
    "flax": ("tests/flax",),
    "ray": ("tests/ray",),
    "notebook": ("tests/notebook",),
    "tsne": ("tests/query/projection",),
    "s3": ("tests/stores",),
}
#: What the tests of an extra need beside it, in any version.
TOOLS = {
    "torch": ("accelerate", "transformers"),
    "lightning": ("accelerate", "transformers"),
    "transformers": ("lightning",),
    "keras": ("torch",),
    "ray": ("torch",),
    "s3": ("flask", "flask-cors", "moto[s3]", "torch"),
}


def lowest(requirement: str) -> str:
    """`numpy>=2.0,<3` becomes `numpy==2.0`."""
    match = re.match(r"([A-Za-z0-9._-]+(?:\[[\w,]+\])?)>=([0-9.]+)", requirement)
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


def tests_of(patterns: Iterable[str]) -> list[str]:
    """The paths that patterns name, each once. Raises SystemExit for a pattern that names none."""
    found: dict[str, None] = {}
    for pattern in patterns:
        paths = sorted(ROOT.glob(pattern))
        if not paths:
            raise SystemExit(f"no tests are at {pattern}")
        found |= dict.fromkeys(str(path.relative_to(ROOT)) for path in paths)
    return list(found)


def without_the_package(directory: Path) -> Path:
    """A copy of the tests and what they use, so that the package that is imported is the installed one."""
    directory.mkdir()
    kept = ("tests", "docs", "examples", "benchmarks", "scripts", "contract", "frontend", "pyproject.toml", "README.md")
    for name in kept:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, directory / name, ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
        else:
            shutil.copy2(source, directory / name)
    return directory


def main() -> int:
    """The status of pytest."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("end", choices=("lowest", "newest"))
    parser.add_argument("--extra", choices=sorted(OF_EXTRAS))
    parser.add_argument("--wheel", type=Path, help="test this wheel, installed, rather than the checkout")
    parser.add_argument(
        "--environment", type=Path, help="a directory whose environment is used, and made if there is none; it stays"
    )
    options, arguments = parser.parse_known_args()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"]]
    if options.extra:
        asked += of_extra(options.extra, project["optional-dependencies"])
    wanted = [lowest(one) if options.end == "lowest" else one for one in asked]
    tests = tests_of(OF_EXTRAS[options.extra] if options.extra else TESTS)
    with tempfile.TemporaryDirectory() as temporary:
        directory = (options.environment or Path(temporary) / "environment").resolve()
        if not (directory / "pyvenv.cfg").exists():
            venv.create(directory, with_pip=True)
        python = str(directory / ("Scripts" if sys.platform == "win32" else "bin") / "python")
        # setuptools: tensorboard needs its pkg_resources up to some version.
        tools = ["pytest", "hypothesis", "scipy", "scikit-learn", "setuptools<81", *TOOLS.get(options.extra, ())]
        wheels = [str(options.wheel.resolve())] if options.wheel else []
        subprocess.run([python, "-m", "pip", "install", "-q", *wanted, *tools, *wheels], check=True)
        subprocess.run([python, "--version"], check=True)
        subprocess.run([python, "-m", "pip", "list"], check=True)
        place = without_the_package(Path(temporary) / "tests") if options.wheel else ROOT
        # Old packages warn of what has come since; that is theirs.
        command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "default", "-m", "not nightly"]
        return subprocess.run([*command, *tests, *arguments], cwd=place, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
