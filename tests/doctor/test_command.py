"""`tensorboard-activis doctor`: what it prints of installations and logs that are well and that are not."""

import getpass
import importlib.util
import re
import socket
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement

from tensorboard_activis import __version__, cli
from tensorboard_activis.doctor import packages, plugin
from tests.records import small_data, write_run


def test_an_installation_that_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"tensorboard-activis {__version__}"
    assert lines[-1] == "All is well."
    assert "TensorBoard starts, sees the plugin, and the tab is built" in lines
    versions = dict(line.split() for line in lines if line.startswith("  ") and len(line.split()) == 2)
    required = metadata.requires("tensorboard-activis")
    assert required
    for text in required:
        requirement = Requirement(text)
        if requirement.marker is None:
            assert versions[requirement.name] == metadata.version(requirement.name)


def test_extras_for_developers_are_told_from_those_for_users() -> None:
    extras = set(metadata.metadata("tensorboard-activis").get_all("Provides-Extra") or [])
    for_users = {name for package in packages.packages() for name in package.extras}
    assert not for_users & {"bench", "docs", "nightly", "release", "test"}
    assert {"flax", "keras", "lightning", "torch", "transformers"} <= for_users <= extras


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Versions by name, in place of what is installed."""
    required = ["numpy>=2.0", 'torch>=2.13; extra == "torch"', 'jax>=0.10; extra == "flax"', 'ruff; extra == "test"']
    versions = {"numpy": "2.4.6", "torch": "2.13.0+cpu", "jax": "0.10.2"}

    def version(name: str) -> str:
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    extras = SimpleNamespace(get_all=lambda _: ["torch", "flax", "test"])
    fake = SimpleNamespace(
        requires=lambda _: required,
        version=version,
        metadata=lambda _: extras,
        PackageNotFoundError=metadata.PackageNotFoundError,
    )
    monkeypatch.setattr(packages, "metadata", fake)
    return versions


@pytest.mark.usefixtures("installed")
def test_a_local_version_fits_and_packages_for_developers_are_not_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "2.13.0+cpu" in out
    assert "ruff" not in out


@pytest.mark.parametrize(
    ("name", "version", "said", "status"),
    [
        ("numpy", "1.26.4", "! numpy 1.26.4 is not >=2.0. Run: pip install 'numpy>=2.0'", 1),
        ("numpy", None, "! numpy is required and not installed. Run: pip install 'numpy>=2.0'", 1),
        ("torch", "2.1.0", "! torch 2.1.0 is not >=2.13. Run: pip install 'torch>=2.13'", 1),
        ("jax", None, "  not installed, and needed by these extras only: jax (flax)", 0),
    ],
)
def test_versions_that_are_not_well(
    installed: dict[str, str],
    capsys: pytest.CaptureFixture[str],
    name: str,
    version: str | None,
    said: str,
    status: int,
) -> None:
    del installed[name]
    if version is not None:
        installed[name] = version
    assert cli.main(["doctor"]) == status
    assert said in capsys.readouterr().out.splitlines()


def test_a_plugin_that_tensorboard_does_not_see(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(plugin, "metadata", SimpleNamespace(entry_points=lambda group: []))
    monkeypatch.setattr(plugin, "static_file", lambda name: None)
    unseen, unbuilt = plugin.plugin_problems()
    assert "does not see the plugin" in unseen
    assert unbuilt == "The tab was not built. In the checkout, run: pip install ."


def test_a_plugin_that_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def load() -> None:
        raise ImportError("no module named x (/opt/site-packages/x.py)")

    entry = SimpleNamespace(name="activis", load=load)
    monkeypatch.setattr(plugin, "metadata", SimpleNamespace(entry_points=lambda group: [entry]))
    assert cli.main(["doctor"]) == 1
    assert "! TensorBoard cannot load the plugin: no module named x (…/x.py). Run: " in capsys.readouterr().out


def test_a_tensorboard_that_needs_an_older_setuptools(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module = tmp_path / "default.py"
    module.write_text("import logging\nimport pkg_resources\n")
    specs = {"tensorboard.default": SimpleNamespace(origin=str(module)), "pkg_resources": None}
    monkeypatch.setattr(importlib.util, "find_spec", specs.get)
    assert "pip install 'setuptools<82'" in plugin.plugin_problems()[0]
    specs["pkg_resources"] = SimpleNamespace(origin="")
    assert plugin.plugin_problems() == []


def test_logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "user")
    directory = tmp_path / "user" / "logs"
    write_run(directory / "good", small_data())
    write_run(directory / "bad", small_data())
    for path in (directory / "bad").rglob("events.out.*"):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    assert cli.main(["doctor", str(directory)]) == 1
    out = capsys.readouterr().out
    assert "\nLog ~/logs\n" in out
    assert "\n  good: step 3; 2 layers, " in out
    assert "\n! bad: " in out
    assert str(tmp_path) not in out


def test_runs_named_after_their_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`torch.utils.tensorboard.SummaryWriter` names its runs so, and our own event files have the host in their names."""
    monkeypatch.setattr(socket, "gethostname", lambda: "gpu-7.lab.example")
    monkeypatch.setattr(getpass, "getuser", lambda: "mmusterfrau")
    write_run(tmp_path / "mmusterfrau" / "Nov30_02-14-15_gpu-7", small_data())
    (event_file,) = tmp_path.rglob("*tfevents*")
    event_file.chmod(0o600)
    event_file.write_bytes(b"")
    event_file.unlink()
    event_file.mkdir()
    assert cli.main(["doctor", str(tmp_path / "mmusterfrau")]) == 1
    out = capsys.readouterr().out
    assert "\nLog …/<user>\n" in out
    assert "Nov30_02-14-15_<host>: " in out
    assert not re.search("gpu-7|mmusterfrau", out)


@pytest.mark.parametrize("name", ["nothing", "empty"])
def test_logs_that_are_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    (tmp_path / "empty").mkdir()
    assert cli.main(["doctor", str(tmp_path / name)]) == 1
    out = capsys.readouterr().out
    assert f"…/{name}" in out
    assert str(tmp_path) not in out
