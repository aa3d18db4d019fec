"""The pages of docs/start: each is a program that runs as it stands, and logs what it says."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tensorboard_activis import open_run
from tensorboard_activis.query.run import Run
from tests.distributed.launch import torchrun
from tests.docs.pages import DOCS, blocks, links

START = DOCS / "start"
#: Instances of the digits that the pages evaluate.
EVALUATED = 1797 - 1200


@pytest.fixture
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def program(page: str) -> str:
    (code,) = blocks(START / f"{page}.md")
    return code


def run_page(page: str, log_dir: str = "logs/run1") -> Run:
    """Runs the program of a page in this process, and opens what it logged."""
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(program(page), f"{page}.md", "exec"), names)
    return open_run(log_dir)


def test_every_page_has_a_test() -> None:
    pages = {Path(target).stem for target in links((START / "index.md").read_text()) if "/" not in target}
    tested = {name.removeprefix("test_the_page_of_") for name in globals() if name.startswith("test_the_page_of_")}
    assert {path.stem for path in START.glob("*.md")} - {"index"} == pages == tested


def test_every_page_marks_what_is_added() -> None:
    for page in set(START.glob("*.md")) - {START / "index.md"}:
        ours = [line for code in blocks(page) for line in code.splitlines() if "activis" in line.lower()]
        assert ours, page
        assert [line for line in ours if "# ActiVis" not in line] == [], page


def test_the_page_of_pytorch(somewhere: Path) -> None:
    run = run_page("pytorch")
    assert run.steps == [0, 1, 2]
    assert run.latest.record.seen == EVALUATED
    assert dict(run.latest.record.metrics)["accuracy"] > 0.5
    assert run.latest.position_sizes("1") == (8, 8)


@pytest.mark.filterwarnings("ignore:The '.*_dataloader' does not have many workers")
@pytest.mark.filterwarnings("ignore:.isinstance.treespec, LeafSpec.. is deprecated:FutureWarning")
@pytest.mark.filterwarnings("ignore:.*tensorboardX.*", "ignore:The number of training batches")
def test_the_page_of_lightning(somewhere: Path) -> None:
    run = run_page("lightning", "logs/lightning_logs/version_0")
    assert run.steps == [38, 76, 114]
    assert list(run.latest.layers) == ["hidden.1", "hidden.3", "head"]


def test_the_page_of_trainer(somewhere: Path) -> None:
    run = run_page("trainer")
    assert run.steps == [4, 8, 12]
    assert run.latest.where('"ship" in text').sum() > 0
    assert any(name.endswith("/heads[entropy]") for name in run.latest.layers)
    assert run.latest.record.class_names == ("person", "place", "time")


def test_the_page_of_keras(somewhere: Path) -> None:
    run = run_page("keras")
    assert run.steps == [38, 76, 114]
    assert list(run.latest.layers)[-2:] == ["hidden", "logits"]


def test_the_page_of_flax(somewhere: Path) -> None:
    run = run_page("flax")
    assert run.steps == [0, 1, 2]
    assert list(run.latest.layers)[-1] == "head"


def test_the_page_of_ray(somewhere: Path) -> None:
    """In a process of its own, with a small cluster."""
    pytest.importorskip("ray.data")
    cluster = "ray.init(num_cpus=3, include_dashboard=False, object_store_memory=150 << 20, log_to_driver=False)"
    (somewhere / "evaluate.py").write_text(f"import ray\n{cluster}\n{program('ray')}")
    settings = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    command = [sys.executable, "evaluate.py"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=os.environ | settings)
    assert done.returncode == 0, done.stdout + done.stderr
    run = open_run("logs/run1")
    assert run.steps == [0]
    assert run.latest.record.seen == EVALUATED
    assert list(run.latest.layers)[-1] == "2"


def test_the_page_of_torchrun(somewhere: Path) -> None:
    script = somewhere / "train.py"
    script.write_text(program("torchrun"))
    torchrun(script, 2)
    run = open_run("logs/run1")
    assert run.steps == [0, 1]
    assert run.latest.record.seen == EVALUATED
    assert "counted once" in " ".join(run.latest.notes)
