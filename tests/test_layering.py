"""The structure that the design promises: two halves, stages in order, frameworks only at the edge."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "tensorboard_activis"
NAME = "tensorboard_activis"

#: What each stage may import besides itself and the shared modules.
ALLOWED = {
    "summarize": set(),
    "write": set(),
    "capture": {"summarize", "write", NAME},  # the version
    "read": set(),
    "query": {"read"},
    "serve": {"query", "read", NAME},  # the version
    "alerts": {"query", "read", "thinning"},
    "thinning": {"query", "read", "write"},
    "torch": {"capture", "alerts"},
    "keras": {"capture", "alerts"},
    "ray": {"capture", "alerts"},
    "flax": {"capture", "alerts"},
    "lightning": {"capture", "torch"},
    "transformers": {"capture", "torch"},
    "demo": {"torch", "keras", "demo"},
    "check": {"read", "thinning"},
    "report": {"query", "read"},
    "standalone": {"serve"},
    "notebook": {"read", "standalone"},
    "export": {"serve", "standalone", NAME},  # the version
    "doctor": {"read", "serve", NAME},
    "cli": {"check", "doctor", "report", "query", "demo", "standalone", "export", NAME},
    NAME: {"query"},  # __init__.py: open_run
}
#: Both halves use these; they import no stage.
SHARED = {
    "schema",
    "metadata",
    "codec",
    "health_codec",
    "health_part",
    "patterns_codec",
    "bounds",
    "errors",
    "mean_setting",
    "framing",
    "blobs",
    "checksums",
    "files",
    "leftovers",
    "activis_pb2",
    "expression",
    "ports",
    "printable",
    "private_cache",
    "steps",
    "stores",
}
#: The rooms of `query`, each with those that it may import; what lies in `query` itself may import all of them.
QUERY_ROOMS = {
    "contract": set(),
    "limits": set(),
    "arithmetic": {"limits"},
    "instances": {"contract", "limits", "arithmetic"},
    "causes": {"contract", "limits", "arithmetic", "instances"},
    "matrix": {"contract", "limits", "arithmetic", "instances", "causes"},
    "health": {"contract", "limits"},
    "neurons": {"contract", "limits", "arithmetic", "instances", "causes", "matrix"},
    "positions": {"contract", "limits", "arithmetic", "instances", "matrix"},
    "projection": {"contract", "limits", "arithmetic", "instances"},
    "findings": {"contract", "limits", "arithmetic", "instances", "causes", "matrix", "neurons"},
}
#: As QUERY_ROOMS, for the packages in `capture` and in `capture/torch` and `capture/keras`. "" is what lies in `capture` itself,
#: the core: it knows no framework, and the rooms before it do not know it.
CAPTURE_ROOMS = {
    "tasks": set(),
    "distributed": set(),
    "instances": {"tasks", "distributed"},
    "graph": set(),
    "isolation": set(),
    "effects": {"distributed"},
    "": {"tasks", "distributed", "instances", "graph", "isolation", "effects"},
    "data": {"tasks", "distributed", "instances", "graph", "isolation", "effects", ""},
}
FRAMEWORK_ROOMS = {
    "torch/model": set(),
    "torch/distributed": set(),
    "torch/data": {"torch/model", "torch/distributed"},
    "torch/attention": {"torch/model"},
    "torch/graph": {"torch/model", "torch/attention"},
    "torch/depth": {"torch/model", "torch/data", "torch/graph"},
    "torch/hugging_face": {"torch/data", "torch/distributed"},
    "torch/lightning": set(),
    "torch/health": {"torch/model"},
    "torch": {"torch/model", "torch/distributed", "torch/data", "torch/attention", "torch/graph", "torch/depth"},
    "keras/model": {"torch/model"},  # the state that torch has per thread, with Keras on torch
    "keras/data": set(),
    "keras/attention": {"keras/model"},
    "keras/graph": {"keras/model", "keras/attention"},
    "keras/depth": {"keras/model", "keras/data", "keras/graph"},
    "keras/health": {"keras/model", "keras/graph"},
    "keras": {"keras/model", "keras/data", "keras/attention", "keras/graph", "keras/depth"},
    "flax": set(),
    "ray": {"torch", "keras"},  # whichever the user's model is of, once it is made on an actor
}
FRAMEWORKS = {"torch", "keras", "tensorflow", "lightning", "pytorch_lightning", "transformers", "flax", "jax", "ray"}


@cache
def modules() -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob("*.py")) if not path.name.endswith("_pb2.py")]


def stage_of(path: Path) -> str:
    """The first part of a module's name below the package; the package itself for its __init__.py."""
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return NAME if first == "__init__" else first


def imports(path: Path) -> Iterator[str]:
    """Full names of what a module imports, anywhere in it but under `if TYPE_CHECKING`."""
    package = ".".join([NAME, *path.relative_to(PACKAGE).parent.parts])
    nodes: list[ast.AST] = [ast.parse(path.read_text())]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            nodes += node.orelse
            continue
        nodes += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            # `from tensorboard_activis import schema` names a module, `from …schema import Graph` does not: take both.
            yield from (f"{module}.{alias.name}" for alias in node.names)


@cache
def stages_imported(path: Path) -> set[str]:
    known = {stage_of(module) for module in modules()} | set(ALLOWED) | SHARED
    parts = [name.split(".") for name in imports(path) if name.split(".")[0] == NAME]
    return {name[1] if len(name) > 1 and name[1] in known else NAME for name in parts}


@cache
def shared_modules() -> set[str]:
    """The shared modules, and the single modules that these are made of."""
    shared, new = set(SHARED), set(SHARED)
    while new:
        paths = [path for path in modules() if stage_of(path) in new]
        new = {stage for path in paths for stage in stages_imported(path)} - shared - {NAME}
        shared |= new
    return shared


def test_shared_modules_import_no_stage():
    stages = {path.name for path in PACKAGE.iterdir() if path.is_dir()} - SHARED
    assert not shared_modules() & (stages | {"torch", "keras", "cli"})


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_stage_imports_only_what_comes_before(path: Path):
    stage, shared = stage_of(path), shared_modules()
    if stage in shared:
        return
    assert stage in ALLOWED, f"{stage} is new: say in ALLOWED what it may import"
    assert stages_imported(path) - ALLOWED[stage] - shared - {stage} == set()


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_frameworks_only_at_the_edge(path: Path):
    found = {name.split(".")[0] for name in imports(path)} & FRAMEWORKS
    if (
        stage_of(path) not in {"capture", "torch", "keras", "flax", "lightning", "transformers", "ray", "demo"}
        or path.name == "__init__.py"
    ):
        allowed = set()
    else:  # the name of a module, or of the folder it is in, says whose it is
        parts = path.relative_to(PACKAGE).parts
        owner = parts[1] if parts[0] == "capture" and len(parts) > 2 else path.stem.split("_")[0]
        owner = "transformers" if path.parent.name == "hugging_face" else owner
        allowed = {
            "torch": {"torch"},
            "lightning": {"torch", "lightning", "pytorch_lightning"},
            "transformers": {"torch", "transformers"},
            "keras": {"torch", "keras", "tensorflow", "jax"},  # Keras runs on either of the others
            "flax": {"flax", "jax"},
            "ray": {"ray", "torch"},
        }.get(owner, set())
    assert found <= allowed


def rooms(stage: str) -> set[str]:
    """The packages below a stage, as paths from it; "" is the stage itself."""
    return {path.parent.relative_to(PACKAGE / stage).as_posix() for path in (PACKAGE / stage).rglob("__init__.py")} - {
        "."
    }


def test_rooms_are_those_that_are_named():
    assert rooms("query") | {"contract", "limits"} == set(QUERY_ROOMS)
    assert rooms("capture") | {""} == set(CAPTURE_ROOMS) | set(FRAMEWORK_ROOMS)


@pytest.mark.parametrize("stage", ["capture", "query"])
def test_every_folder_of_modules_is_a_package(stage: str):
    """One without __init__.py is left out of what is installed."""
    folders = {path.parent.relative_to(PACKAGE / stage).as_posix() for path in (PACKAGE / stage).rglob("*.py")}
    assert folders - {"."} == rooms(stage)


@pytest.mark.parametrize("room", sorted(QUERY_ROOMS))
def test_rooms_of_query_import_only_what_comes_before(room: str):
    place = PACKAGE / "query" / room
    for path in [place.with_suffix(".py")] if not place.is_dir() else sorted(place.rglob("*.py")):
        inside = [name.split(".")[2] for name in imports(path) if name.startswith(f"{NAME}.query.")]
        assert set(inside) - {room} <= QUERY_ROOMS[room], path


def room_of_import(name: str) -> str:
    """The room of `capture` in which an imported name is, such as "torch/graph" or "" for the core."""
    parts = name.split(".")[2:]
    return next(path for n in (2, 1, 0) if (path := "/".join(parts[:n])) in CAPTURE_ROOMS | FRAMEWORK_ROOMS)


@pytest.mark.parametrize("room", sorted(CAPTURE_ROOMS | FRAMEWORK_ROOMS))
def test_rooms_of_capture_import_only_what_comes_before(room: str):
    """A framework's rooms may import all that knows no framework."""
    allowed = CAPTURE_ROOMS[room] if room in CAPTURE_ROOMS else FRAMEWORK_ROOMS[room] | set(CAPTURE_ROOMS)
    for path in sorted((PACKAGE / "capture" / room).glob("*.py")):
        imported = {room_of_import(name) for name in imports(path) if name.startswith(f"{NAME}.capture.")}
        assert imported - {room} <= allowed, path


def import_graph(package: Path) -> dict[str, set[str]]:
    """The modules of a package, by full name, each with the modules of it that it imports when it is imported itself.

    Imports for type checkers count as well; those inside of functions do not.
    """
    names = {
        path: ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__")
        for path in sorted(package.rglob("*.py"))
    }
    known = set(names.values())
    graph: dict[str, set[str]] = {}
    for path, name in names.items():
        nodes: list[ast.AST] = [ast.parse(path.read_text())]
        imported: set[str] = set()
        while nodes:
            node = nodes.pop()
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
                continue
            nodes += ast.iter_child_nodes(node)
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                above = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
                parents = above[: len(above) - node.level + 1] if node.level else []
                base = ".".join([*parents, *filter(None, [node.module])])
                modules_named = {f"{base}.{alias.name}" for alias in node.names} & known
                imported |= modules_named or {base}
        graph[name] = imported & known - {name}
    return graph


def import_circle(package: Path) -> list[str]:
    """Modules that import each other in a circle, first and last the same; empty when there is none."""
    try:
        TopologicalSorter(import_graph(package)).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_modules_import_each_other():
    """Each module is below those that import it, in the whole package."""
    assert import_circle(PACKAGE) == []


@pytest.mark.parametrize(
    ("files", "circle"),
    [
        ({"a": "from made import b", "b": "import made.c", "c": "x = 1"}, set()),
        (
            {"a": "from made import b", "b": "import made.c", "c": "from made.a import x"},
            {"made.a", "made.b", "made.c"},
        ),
        ({"a": "from . import b", "b": "from .a import x"}, {"made.a", "made.b"}),
        ({"a": "from made import b", "b": "if TYPE_CHECKING:\n    from made.a import x"}, {"made.a", "made.b"}),
        ({"a": "from made import b", "b": "try:\n    import made.a\nexcept ImportError: pass"}, {"made.a", "made.b"}),
        ({"a": "from made import b", "b": "def f():\n    import made.a"}, set()),
        ({"__init__": "from made.a import x", "a": "import made"}, {"made", "made.a"}),
    ],
)
def test_a_circle_is_noticed(tmp_path: Path, files: dict[str, str], circle: set[str]):
    (tmp_path / "made").mkdir()
    for name, text in files.items():
        (tmp_path / "made" / f"{name}.py").write_text(text)
    assert set(import_circle(tmp_path / "made")) == circle


def test_stages_have_no_files_over_the_limit():
    lengths = {path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines()) for path in modules()}
    assert {name: length for name, length in lengths.items() if length > 400} == {}


#: Run in a process of its own, in which a framework cannot be imported.
SERVING_HALF = """
import sys
class Forbidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "keras", "tensorflow", "lightning", "transformers"}:
            raise AssertionError("the serving half imports " + name)
sys.meta_path.insert(0, Forbidden())
for name in sys.argv[1:]:
    __import__(name)
"""


def test_serving_half_needs_no_framework():
    stages = {"read", "query", "serve", "check", "cli", NAME} | shared_modules()
    serving = [path for path in modules() if stage_of(path) in stages]
    names = [
        ".".join([NAME, *path.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(".__init__") for path in serving
    ]
    result = subprocess.run([sys.executable, "-c", SERVING_HALF, *names], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("name", [NAME, f"{NAME}.serve.loader"])
def test_importing_is_light(name: str):
    """TensorBoard imports the loader at every start, unguarded; users import the package before they choose a framework."""
    heavy = ["torch", "keras", "tensorflow", "pyarrow", "numpy"]
    code = f"import sys, {name}; print([m for m in {heavy} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    allowed = "['numpy']" if name.endswith("loader") else "[]"  # tensorboard's own plugin interface imports numpy
    assert result.stdout.strip() in {"[]", allowed}


def test_lock_file_records_no_addresses():
    lock = json.loads((ROOT / "frontend" / "package-lock.json").read_text())
    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []


def test_no_file_names_a_place_on_this_machine():
    """Neither the checkout's own path nor an address of a package registry belongs in a file that others read."""
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, cwd=ROOT)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    places = re.compile(
        r"(?<![\w.])/(?:home|root|work)/[\w.-]+|https?://[\w.-]*(?:registry|pypi|pythonhosted)[\w.-]*/", re.I
    )
    found = []
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if path.suffix in {".png", ".ttf", ".woff2", ".safetensors", ".parquet"} or not path.is_file():
            continue
        found += [f"{name}: {match}" for match in places.findall(path.read_text(errors="replace"))]
    assert found == []


def test_expressions_of_requests_are_computed_within_their_limits() -> None:
    """`SnapshotReader.where` has none: it is for users. Requests go through `query.instances.filtering`."""
    for stage in ("query", "serve"):
        for path in sorted((PACKAGE / stage).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Attribute) and node.attr in ("where", "whole", "mask"):
                    assert isinstance(node.value, ast.Name), path
                    assert node.value.id in ("np", "selections", "handlers"), f"{path}:{node.lineno}"
