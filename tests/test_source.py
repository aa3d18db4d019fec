"""What must not be in the package: ways from data to code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "tensorboard_activis"
MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if not path.name.endswith("_pb2.py")]

#: Modules that turn bytes into objects or code, or start shells.
FORBIDDEN_IMPORTS = {
    "pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "joblib",
    "marshal",
    "shelve",
    "yaml",
    "code",
    "codeop",
    "pty",
}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "builtins.eval", "builtins.exec", "torch.load"} | {
    "asyncio.create_subprocess_shell",
    "os.system",
    "os.popen",
    "os.execv",
    "os.execvp",
    "subprocess.getoutput",
    "subprocess.getstatusoutput",
}
#: Of torch.distributed: they pickle.
FORBIDDEN_METHODS = {
    *("all_gather_object", "gather_object", "broadcast_object_list", "scatter_object_list"),
    *("send_object_list", "recv_object_list"),
}


def ways(tree: ast.AST) -> Iterator[str]:
    """Every way from data to code in a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (f"imports {one.name}" for one in node.names if one.name.split(".")[0] in FORBIDDEN_IMPORTS)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in FORBIDDEN_IMPORTS:
            yield f"imports {node.module}"
        elif isinstance(node, ast.ImportFrom):
            names = (f"{node.module}.{one.name}" for one in node.names)
            yield from (f"imports {name}" for name in names if name in FORBIDDEN_CALLS)
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in FORBIDDEN_CALLS or called.rpartition(".")[2] in FORBIDDEN_METHODS:
                yield f"calls {called}"
            given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            yield from (f"passes {name}" for name in ("shell", "allow_pickle") if given.get(name, "False") != "False")
            if called in ("np.load", "numpy.load") and "allow_pickle" not in given:
                yield "calls numpy.load without allow_pickle=False"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_way_from_data_to_code(path: Path) -> None:
    assert list(ways(ast.parse(path.read_text()))) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "import yaml",
        "eval('1')",
        "exec(text)",
        "import os\nos.system('ls')",
        "from os import system",
        "from torch import load",
        "import subprocess\nsubprocess.run('ls', shell=True)",
        "import numpy as np\nnp.load(path)",
        "np.load(path, allow_pickle=True)",
        "import torch\ntorch.load(path)",
        "import torch.distributed as dist\ndist.all_gather_object(found, value)",
    ],
)
def test_each_way_would_be_found(source: str) -> None:
    assert list(ways(ast.parse(source)))


#: Ways from texts to markup or code in the tab; its views make elements and texts of them, never markup.
MARKUP = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML|document\.write|srcdoc|DOMParser|createContextualFragment"
    r"|\beval\(|new Function|setTimeout\(\s*[\"'`]|javascript:"
)


def test_no_way_from_text_to_markup_in_the_tab() -> None:
    sources = list((PACKAGE.parent / "frontend" / "src").rglob("*.ts*"))
    assert len(sources) > 50
    found = {path.name: MARKUP.findall(path.read_text()) for path in sources}
    assert {name: ways for name, ways in found.items() if ways} == {}
    assert MARKUP.search("element.innerHTML = text")


def test_pictures_are_never_opened_by_the_reading_half() -> None:
    """Decoders of pictures are large; what was kept is handed to the browser as it is."""
    reading = [path for path in MODULES if path.relative_to(PACKAGE).parts[0] in ("read", "query", "serve", "check")]
    assert reading
    assert [path.name for path in reading if "PIL" in path.read_text()] == []
