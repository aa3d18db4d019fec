"""Builds what is published, into dist/: sdist, wheel, and the list of all that is in the wheel or needed by it (an SBOM).

    make dist
    python scripts/release.py --twice      # builds the wheel a second time, and fails unless both have the same bytes

The same commit gives the same bytes of the wheel: its times are those of the commit.
"""

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import tomllib
import uuid
from datetime import UTC, datetime
from pathlib import Path
from zipfile import ZipFile

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
NOTICE = re.compile(r"^((?:@[\w.-]+/)?[\w.-]+) (\d[\w.-]*) \((.+)\)$", re.M)


def main() -> int:
    """0, or 1 when a second build differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    parser.add_argument("--twice", action="store_true", help="fail unless a second wheel has the same bytes")
    options = parser.parse_args()
    seconds = int(run("git", "log", "-1", "--format=%ct"))
    wheel = build(options.out, seconds)
    run(sys.executable, "-m", "twine", "check", "--strict", *map(str, options.out.glob("tensorboard_activis-*.*")))
    target = wheel.with_suffix(".cdx.json")
    target.write_text(sbom(wheel, seconds), encoding="utf-8")
    print(f"{wheel}\n{target}")
    if options.twice:
        with tempfile.TemporaryDirectory() as directory:
            again = build(Path(directory), seconds)
            if again.read_bytes() != wheel.read_bytes():
                print(
                    f"A second build of {wheel.name} has other bytes: {', '.join(differing(wheel, again))}",
                    file=sys.stderr,
                )
                return 1
        print("A second build has the same bytes.")
    return 0


def run(*command: str, **environment: str) -> str:
    """Output of a command that must succeed."""
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def build(out: Path, seconds: int) -> Path:
    """Builds the documentation, which the tab links to, sdist and, from it, the wheel; times in them are `seconds`, a Unix time."""
    run(sys.executable, "scripts/docs.py", "build/docs")
    run(sys.executable, "-m", "build", "--outdir", str(out), SOURCE_DATE_EPOCH=str(seconds))
    return max(out.glob("*.whl"), key=lambda path: path.stat().st_mtime_ns)


def differing(first: Path, second: Path) -> list[str]:
    """Names of the files that differ, or are in one of two wheels only."""
    contents = []
    for path in (first, second):
        with ZipFile(path) as archive:
            contents.append({info.filename: (info.date_time, archive.read(info)) for info in archive.infolist()})
    names = sorted(contents[0].keys() | contents[1].keys())
    return [name for name in names if contents[0].get(name) != contents[1].get(name)] or [
        "the order or rights of files"
    ]


def sbom(wheel: Path, seconds: int) -> str:
    """CycloneDX: the wheel, the packages that are in it, and the Python packages that it needs, as they were checked."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    version = wheel.name.split("-")[1]
    bom = Bom(serial_number=uuid.uuid5(uuid.NAMESPACE_URL, hashlib.sha256(wheel.read_bytes()).hexdigest()))
    bom.metadata.timestamp = datetime.fromtimestamp(seconds, UTC)
    root = Component(
        name=project["name"],
        version=version,
        type=ComponentType.LIBRARY,
        bom_ref=project["name"],
        purl=PackageURL("pypi", None, project["name"], version),
        licenses=[DisjunctiveLicense(id=project["license"])],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=hashlib.sha256(wheel.read_bytes()).hexdigest())],
    )
    bom.metadata.component = root
    parts = [*bundled(wheel), *needed(project["dependencies"])]
    for part in parts:
        bom.components.add(part)
    bom.register_dependency(root, parts)
    text: str = make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=2)
    return f"{text}\n"


def bundled(wheel: Path) -> list[Component]:
    """The packages whose code is in the wheel, from its notices: of the tab, and of the pages of the documentation."""
    parts = []
    with ZipFile(wheel) as archive:
        for directory, registry in (("static", "npm"), ("docs", "pypi")):
            notices = archive.read(f"tensorboard_activis/serve/{directory}/NOTICES.txt").decode()
            for full_name, version, license_id in NOTICE.findall(notices):
                scope, _, name = full_name.rpartition("/")
                purl = PackageURL(registry, scope or None, name, version)
                licenses = [DisjunctiveLicense(id=license_id)]
                parts.append(
                    Component(name=full_name, version=version, purl=purl, bom_ref=str(purl), licenses=licenses)
                )
    return parts


def needed(dependencies: list[str]) -> list[Component]:
    """The Python packages that are always required, in the versions of constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    checked = dict(line.lower().split("==") for line in lines if line and not line.startswith("#"))
    parts = []
    for name in (Requirement(text).name.lower() for text in dependencies):
        purl = PackageURL("pypi", None, name, checked[name])
        parts.append(Component(name=name, version=checked[name], purl=purl, bom_ref=str(purl)))
    return parts


if __name__ == "__main__":
    sys.exit(main())
