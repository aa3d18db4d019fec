"""What is built from other people's packages names them, and nothing of theirs runs while it is built."""

import json
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "tensorboard_activis" / "serve" / "static"
RULE = "\n" + "-" * 80 + "\n\n"


def bundled() -> dict[str, dict[str, str]]:
    """The packages of package-lock.json that are no mere tools, and the bundler, whose helper is in the bundle; by name."""
    packages = json.loads((ROOT / "frontend" / "package-lock.json").read_text())["packages"]
    return {
        name.removeprefix("node_modules/"): about
        for name, about in packages.items()
        if name == "node_modules/rolldown" or (name and not about.get("dev") and not about.get("devOptional"))
    }


def test_every_package_in_the_bundle_is_named_with_its_licence() -> None:
    _, *notices = (STATIC / "NOTICES.txt").read_text().split(RULE)
    heads = [notice.partition("\n")[0] for notice in notices]
    assert heads == sorted(f"{name} {about['version']} ({about['license']})" for name, about in bundled().items())
    assert {"@preact/signals", "@preact/signals-core", "preact", "rolldown"} == set(bundled())
    for notice in notices:
        assert "Copyright" in notice
        assert "Permission is hereby granted" in notice
        assert "WITHOUT WARRANTY OF ANY KIND" in notice


def test_no_package_runs_code_when_it_is_installed() -> None:
    assert "ignore-scripts=true" in (ROOT / "frontend" / ".npmrc").read_text().splitlines()
    assert '"ci", "--ignore-scripts"' in (ROOT / "setup.py").read_text()


@pytest.mark.parametrize("text", tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"])
def test_a_new_major_version_of_a_build_tool_is_not_taken_unseen(text: str) -> None:
    assert not Requirement(text).specifier.contains("10000"), f"{text} has no upper bound"
