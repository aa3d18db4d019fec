"""`tensorboard-activis report`: what it prints in each format, and its exit status."""

import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from tensorboard_activis import cli
from tests.query.findings.logged import log


@pytest.fixture
def logdir(tmp_path: Path) -> Path:
    values = np.random.default_rng(0).normal(size=(40, 8))
    log(tmp_path / "good", {1: {"head": values}}, labels=np.arange(40) % 3)
    dead = values.copy()
    dead[:, 3] = 0
    log(tmp_path / "bad | <b>", {1: {"head": values}, 2: {"head": dead}}, labels=np.arange(40) % 3)
    return tmp_path


SENTENCE = "1 of 8 neurons of head is 0 for all 40 instances since step 2."


def test_text(logdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["report", str(logdir)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "bad | <b>, step 2: 1 finding",
        "  dead: 1 neuron of head died at step 2 (since step 2, exact)",
        f"      {SENTENCE}",
        "good, step 1: no findings",
    ]


def test_json(logdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["report", str(logdir), "--format", "json"])
    bad, good = json.loads(capsys.readouterr().out)["runs"]
    assert good == {"run": "good", "step": 1, "findings": [], "notes": []}
    (finding,) = bad["findings"]
    assert finding == {
        "kind": "dead",
        "title": "1 neuron of head died at step 2",
        "sentence": SENTENCE,
        "strength": 0.125,
        "p": None,
        "subset": None,
        "layer": "head",
        "neurons": [3],
        "instances": [],
        "step": 2,
        "target": None,
    }


def test_markdown(logdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["report", str(logdir), "--format", "markdown"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == r"## bad \| \<b\>, step 2: 1 finding"
    assert lines[4] == f"| dead | **1 neuron of head died at step 2.** {SENTENCE} | 2 | exact |"


def test_html(logdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["report", str(logdir), "--format", "html"])
    tags, texts = [], []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            tags.append(tag)

        def handle_data(self, data: str) -> None:
            texts.append(data)

    Reader().feed(capsys.readouterr().out)
    assert "b" not in tags
    assert "bad | <b>, step 2: 1 finding" in texts
    assert any(SENTENCE in text for text in texts)


@pytest.mark.parametrize(
    ("kinds", "status"), [((), 0), (("exploding",), 0), (("dead",), 1), (("exploding", "dead"), 1)]
)
def test_status_for_ci(logdir: Path, kinds: tuple[str, ...], status: int) -> None:
    assert cli.main(["report", str(logdir), *(part for kind in kinds for part in ("--fail-on", kind))]) == status


def test_a_kind_that_does_not_exist(logdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(["report", str(logdir), "--fail-on", "deadly"])
    assert "expected one of failing-slice, shortcut" in capsys.readouterr().err


def test_nothing_to_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["report", str(tmp_path / "gone")]) == 2
    assert "is no directory" in capsys.readouterr().err
    assert cli.main(["report", str(tmp_path)]) == 2
    assert "nothing was logged there" in capsys.readouterr().err


def test_a_run_that_cannot_be_read_hides_no_other(logdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (logdir / "empty" / "activis").mkdir(parents=True)
    assert cli.main(["report", str(logdir)]) == 0
    captured = capsys.readouterr()
    assert "good, step 1: no findings" in captured.out
    assert "has no snapshots" in captured.err
