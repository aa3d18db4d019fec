"""What users install: built in isolation from an sdist, installed into an empty environment, opened in TensorBoard."""

import gzip
import json
import os
import re
import socket
import subprocess
import sys
import tarfile
import time
import tomllib
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import tensorboard_activis

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

#: The documentation as pages, which is in both.
DOCS = "tensorboard_activis/serve/docs/"

pytestmark = pytest.mark.packaging


def run(*command: str | Path, **options: object) -> str:
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)  # type: ignore[call-overload]
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


def clean_environment() -> dict[str, str]:
    """Ours without what would let a child find this checkout, its packages, or another Node than the wheel's."""
    hidden = {"PYTHONPATH", "VIRTUAL_ENV", "PIP_CONSTRAINT", "NODE_PATH"}
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    return {**kept, "PATH": os.defpath, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sdist")
    code = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"
    run(sys.executable, "-c", code, out, cwd=ROOT)
    (archive,) = out.iterdir()
    return archive


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the sdist as pip does it: in isolation, with the build requirements that pyproject.toml names."""
    out = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", out, sdist, cwd=out, env=clean_environment())
    (built,) = out.iterdir()
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that holds the wheel and what it depends on, nothing else."""
    home = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", home)
    interpreter = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    run(interpreter, "-m", "pip", "install", "--quiet", wheel, cwd=home, env=clean_environment())
    return interpreter


@pytest.fixture(scope="module")
def board(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a TensorBoard, started in that environment on an empty log directory."""
    home = tmp_path_factory.mktemp("board")
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    command = [str(python), "-m", "tensorboard.main", "--logdir", str(home), "--port", str(port)]
    with (home / "output").open("w") as output:
        server = subprocess.Popen(command, stdout=output, stderr=output, cwd=home, env=clean_environment())
    try:
        address = f"http://localhost:{port}/"
        for _ in range(300):
            assert server.poll() is None, (home / "output").read_text()
            try:
                urllib.request.urlopen(f"{address}data/plugin/activis/runs", timeout=10).close()
                break
            except urllib.error.HTTPError:
                break  # the tests say what is wrong with it
            except OSError:
                time.sleep(0.2)
        yield address
    finally:
        server.terminate()
        server.wait()


def sources() -> set[str]:
    """The package's files that the checkout holds and git does not ignore."""
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "tensorboard_activis", cwd=ROOT)
    return {name for name in listed.splitlines() if (ROOT / name).exists()}


def pages() -> set[str]:
    """The documentation as it was built; none in a checkout where nobody did. `make dist` fails without it."""
    return {path.relative_to(ROOT).as_posix() for path in (ROOT / DOCS).rglob("*") if path.is_file()}


def test_sdist_carries_sources_not_results(sdist: Path):
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {"proto/activis.proto", "frontend/package.json", "frontend/package-lock.json", "frontend/.npmrc"}
    wanted |= {"frontend/vite.config.ts", "frontend/src/main.tsx", "setup.py", "pyproject.toml", "LICENSE", "README.md"}
    assert wanted - names == set()
    assert sources() - names == set()
    assert [name for name in names if "node_modules" in name or "/static/" in name or "_pb2" in name] == []
    assert {name for name in names if name.startswith(DOCS)} >= pages()


def test_wheel_carries_results(wheel: Path):
    assert wheel.name == f"tensorboard_activis-{tensorboard_activis.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert sources() - names == set()
    assert {name for name in names if name.startswith(DOCS)} == pages()
    generated = {"activis_pb2.py", "activis_pb2.pyi", "serve/static/index.js", "serve/static/NOTICES.txt", "py.typed"}
    generated |= {"export/static/tab.js", "export/static/NOTICES.txt"}
    assert {f"tensorboard_activis/{name}" for name in generated} - names == set()
    top = {name.split("/")[0] for name in names}
    assert top == {"tensorboard_activis", f"tensorboard_activis-{tensorboard_activis.__version__}.dist-info"}
    assert [name for name in names if Path(name).name.startswith(".") or "node_modules" in name] == []


def test_wheel_names_the_packages_whose_code_is_in_it(wheel: Path):
    """Name, version and licence as in the lock file, the licence's text below; at least what the front end depends on."""
    with zipfile.ZipFile(wheel) as archive:
        notices = archive.read("tensorboard_activis/serve/static/NOTICES.txt").decode()
    _, *parts = notices.split("-" * 80)
    locked = json.loads((ROOT / "frontend/package-lock.json").read_text())["packages"]
    named = set()
    for part in parts:
        title, _, text = part.strip().partition("\n")
        name, version, licence = re.fullmatch(r"(\S+) (\S+) \((\S+)\)", title).groups()  # type: ignore[union-attr]
        package = locked[f"node_modules/{name}"]
        assert (package["version"], package["license"]) == (version, licence)
        assert "Permission is hereby granted" in text or "Licensed under the Apache License" in text
        named.add(name)
    assert set(json.loads((ROOT / "frontend/package.json").read_text())["dependencies"]) <= named


def test_front_end_is_small(wheel: Path):
    """Gzipped: at most 110 KB that the first picture needs; in all at most 195 KB, where 150 are the aim."""
    with zipfile.ZipFile(wheel) as archive:
        files = {Path(name).name: archive.read(name) for name in archive.namelist() if "/serve/static/" in name}
    sizes = {name: len(gzip.compress(data)) for name, data in files.items() if name.endswith((".js", ".css"))}
    assert sum(size for name, size in sizes.items() if name in first_part(files)) <= 110_000, sizes
    assert sum(sizes.values()) <= 195_000, sizes


def test_front_end_is_of_one_version(wheel: Path):
    """index.js asks only for files that are there; their names change with what is in them, so that versions never mix."""
    with zipfile.ZipFile(wheel) as archive:
        files = {Path(name).name: archive.read(name) for name in archive.namelist() if "/serve/static/" in name}
    scripts = {name: data.decode() for name, data in files.items() if name.endswith(".js")}
    named = {name for text in scripts.values() for name in re.findall(r"""["'`]\./([\w.@-]+\.js)["'`]""", text)}
    assert {name for name in scripts if not re.search(r"-[\w-]{8}\.js$", name)} == {"index.js"}
    assert len(named) >= 2
    assert named - set(scripts) == set()


def first_part(files: dict[str, bytes]) -> set[str]:
    """index.js and all that it imports before it runs; its styles are in it."""
    names, queue = {"index.js"}, ["index.js"]
    while queue:
        script = files[queue.pop()].decode()
        imported = set(re.findall(r"""(?:\bfrom|\bimport)\s*["']\./([^"']+)["']""", script)) - names
        names |= imported
        queue += imported
    return names


def test_installs_without_a_framework(python: Path):
    listed = run(python, "-m", "pip", "list", "--format=freeze", env=clean_environment()).lower()
    assert "tensorboard-activis==" in listed
    assert re.findall(r"^(torch|keras|tensorflow.*|nodejs.*|grpcio-tools)==", listed, re.M) == []
    run(python, "-m", "pip", "check", env=clean_environment())


def fetch(address: str) -> tuple[str, bytes]:
    """The content type and the body."""
    with urllib.request.urlopen(address, timeout=120) as answer:
        return answer.headers["Content-Type"], answer.read()


def test_tensorboard_answers(board: str):
    assert json.loads(fetch(f"{board}data/plugin/activis/runs")[1])["runs"] == []


def test_tensorboard_loads_the_tab(board: str):
    listing = json.loads(fetch(f"{board}data/plugins_listing")[1])
    assert listing["activis"]["tab_name"] == "ActiVis"
    kind, script = fetch(urllib.parse.urljoin(board, listing["activis"]["loading_mechanism"]["module_path"]))
    assert "javascript" in kind
    assert b"render" in script


@pytest.mark.parametrize("framework", ["torch", "keras"])
def test_demo_says_what_is_missing(python: Path, framework: str):
    command = python.parent / "tensorboard-activis"
    result = subprocess.run(
        [command, "demo", "--framework", framework], capture_output=True, text=True, cwd=python.parent
    )
    assert result.returncode == 1
    extra = {"torch": "demo", "keras": "demo-keras"}[framework]
    assert f"pip install 'tensorboard-activis[{extra}]'" in result.stderr
    assert result.stderr.count("\n") == 1


def test_versions_that_are_checked_are_allowed():
    """Every dependency of the project and its extras has its line in constraints.txt, within the range asked for.

    But for Google's store: every gcsfs wants an fsspec of its own, and none wants that of s3fs. Nothing is tested with it.
    """
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    pinned = dict(line.lower().split("==") for line in lines)
    extras = [names for extra, names in PROJECT["project"]["optional-dependencies"].items() if extra != "gcs"]
    asked = [
        *PROJECT["project"]["dependencies"],
        *PROJECT["build-system"]["requires"],
        *(r for extra in extras for r in extra),
    ]
    for requirement in map(Requirement, asked):
        if requirement.name == "tensorboard-activis" or (requirement.marker and not requirement.marker.evaluate()):
            continue
        assert requirement.name.lower() in pinned, f"{requirement.name} has no line in constraints.txt"
        assert pinned[requirement.name.lower()] in requirement.specifier
