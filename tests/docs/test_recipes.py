"""The recipes of docs/do, and the code in docs/learn: each runs as it stands, and does what its page says."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tensorboard_activis import cli, open_run
from tensorboard_activis.query.snapshot import Snapshot
from tests.docs.pages import DOCS, blocks
from tests.records import small_data, write_run

WITH_CODE = sorted(
    (page for part in ("do", "learn") for page in (DOCS / part).glob("*.md") if blocks(page)),
    key=lambda page: page.stem,
)
#: Their code reads a run that is there.
READING = {"arrays", "concept", "sorting", "statistic"}
COUNT, CLASSES, SIDE = 40, 3, 6


class Network(nn.Module):
    """Two blocks of maps and a linear layer, of which the first channel of the last block is dead."""

    def __init__(self, outputs: int = CLASSES) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            nn.Sequential(nn.Conv2d(1, 5, 3, padding=1), nn.ReLU()),
            nn.Sequential(nn.Conv2d(5, 4, 3, padding=1), nn.ReLU()),
        )
        self.fc = nn.Linear(4, outputs)
        last = self.blocks.get_submodule("1.0")
        assert isinstance(last, nn.Conv2d)
        assert last.bias is not None
        with torch.no_grad():
            last.bias[0] = -100

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.fc(self.blocks(x).mean((2, 3)))
        return scores


def images() -> torch.Tensor:
    return torch.randn(COUNT, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(0))


def labels() -> torch.Tensor:
    return torch.arange(COUNT) % CLASSES


def in_batches(*columns: Any) -> list[tuple[Any, ...]]:
    return [tuple(column[start : start + 16] for column in columns) for start in range(0, COUNT, 16)]


def snapshot(name: str = "run1") -> Snapshot:
    return open_run(f"logs/{name}").latest


def by_id(values: Any) -> np.ndarray:
    """Values in the order of the data, in that of the kept instances."""
    return np.asarray(values)[np.asarray(snapshot().instances["id"])]


def dicts() -> dict[str, Any]:
    files, sites = [f"file{index}" for index in range(COUNT)], ["ABCD"[index % 4] for index in range(COUNT)]
    batches = in_batches(images(), labels(), files, sites)
    return {"loader": [dict(zip(("picture", "target", "file", "site"), batch, strict=True)) for batch in batches]}


def check_dicts(names: dict[str, Any]) -> None:
    for name in ("run1", "run2"):
        table = snapshot(name).instances
        expected = {f"file{index}": "ABCD"[index % 4] for index in range(COUNT)}
        assert dict(zip(table["id"].to_pylist(), table["site"].to_pylist(), strict=True)) == expected
        assert [int(each[4:]) % CLASSES for each in table["id"].to_pylist()] == table["label"].to_pylist()
    assert snapshot().summary("fc").subsets[-1] == "site D"


def text_labels() -> dict[str, Any]:
    return {"loader": in_batches(images(), [("ant", "bee", "cat")[index % CLASSES] for index in range(COUNT)])}


def check_text_labels(names: dict[str, Any]) -> None:
    assert snapshot().record.class_names == ("ant", "bee", "cat")
    assert snapshot().where('label == "bee"').tolist() == (by_id(labels()) == 1).tolist()


def multilabel() -> dict[str, Any]:
    return {
        "loader": in_batches(images(), torch.tensor([[i % 2, i % 3 > 0, i % 5 == 0] for i in range(COUNT)]).float())
    }


def check_multilabel(names: dict[str, Any]) -> None:
    index = np.arange(COUNT)
    assert snapshot().record.task == "multilabel"
    assert snapshot().where('"people" in label and "snow" in label').sum() == ((index % 3 > 0) & (index % 5 == 0)).sum()


def regression() -> dict[str, Any]:
    return {"model": Network(1), "loader": in_batches(images(), torch.linspace(0, 4, COUNT)[:, None])}


def check_regression(names: dict[str, Any]) -> None:
    assert snapshot().record.task == "regression"
    assert snapshot().where("label > 2").sum() == (np.linspace(0, 4, COUNT) > 2).sum()


def ranking() -> dict[str, Any]:
    query = torch.arange(COUNT) // 8
    batches = in_batches(images(), torch.arange(COUNT) % 3, query)
    return {
        "model": Network(1),
        "loader": [dict(zip(("features", "relevance", "query"), batch, strict=True)) for batch in batches],
    }


def check_ranking(names: dict[str, Any]) -> None:
    assert snapshot().record.task == "ranking"
    assert snapshot().where("rank <= 3").sum() == COUNT // 8 * 3


def tokens() -> dict[str, Any]:
    words = ["the", "old", "ship", "was", "found", "again"]
    batch = torch.tensor([[0, 1, 2, 3, 4], [0, 2, 3, 4, 5], [0, 1, 2, 0, 2]])
    return {
        "words": words,
        "model": nn.Sequential(nn.Embedding(6, 8), nn.Linear(8, 7), nn.ReLU(), nn.Linear(7, 6)),
        "loader": [(batch, batch)],
    }


def check_tokens(names: dict[str, Any]) -> None:
    assert snapshot("gpt").unit == "position"
    assert snapshot("gpt").record.seen == 15
    assert snapshot("gpt").where('token == "the"').sum() == 4


def model_in_pieces() -> dict[str, Any]:
    return {
        "encoder": nn.Sequential(nn.Flatten(), nn.Linear(SIDE * SIDE, 6), nn.ReLU()),
        "head": nn.Linear(6, CLASSES),
        "prototypes": torch.randn(CLASSES, 6, generator=torch.Generator().manual_seed(1)),
    }


def check_model_in_pieces(names: dict[str, Any]) -> None:
    assert list(snapshot().layers) == ["encoder.2", "head"]
    with torch.no_grad():
        predicted = (names["encoder"](images()) @ names["prototypes"].T).argmax(1)
    table = snapshot("run2").instances
    assert table["prediction"].to_pylist() == by_id(predicted).tolist()


def check_last_layers(names: dict[str, Any]) -> None:
    assert list(snapshot("run2").layers) == ["blocks.1", "fc"]


def check_reducer(names: dict[str, Any]) -> None:
    with torch.no_grad():
        maps = names["model"].blocks(images()).flatten(2).sort(-1, descending=True).values
    expected = by_id(maps[..., :3].mean(-1))
    np.testing.assert_allclose(snapshot().activations("blocks.1"), expected, rtol=1e-3, atol=1e-3)


def check_bound_disk(names: dict[str, Any]) -> None:
    assert list(snapshot().layers) == ["blocks.1", "fc"]
    assert snapshot().position_sizes("blocks.1") == ()


def check_every_n_steps(names: dict[str, Any]) -> None:
    assert open_run("logs/run1").steps == [500, 1000]


def alert() -> dict[str, Any]:
    sent: list[str] = []
    return {"sent": sent, "send": sent.append}


def check_alert(names: dict[str, Any]) -> None:
    (told,) = names["sent"]
    assert "neuron" in told
    assert "step 1" in told


def compare() -> dict[str, Any]:
    for name in ("2026-11-22", "2026-11-29"):
        write_run(Path("logs") / name, small_data(), (1,))
    return {}


def check_compare(names: dict[str, Any]) -> None:
    assert names["broken"] == []
    assert len(names["now"]) == len(names["was"]) > 0


def check_arrays(names: dict[str, Any]) -> None:
    assert names["values"].dtype == torch.float32
    assert names["wrong"].numpy().tolist() == [correct is False for correct in names["frame"]["correct"]]


def check_concept(names: dict[str, Any]) -> None:
    assert names["along"].values.shape == (len(names["snapshot"].instances),)
    along, plane = names["along"], names["plane"]
    np.testing.assert_allclose(plane.xy[:, 0], along.values * plane.direction.length, rtol=1e-3, atol=1e-3)


def check_statistic(names: dict[str, Any]) -> None:
    assert names["percentile"].shape == names["kurtosis"].shape == (3,)
    brightness = dict(
        zip(*(snapshot("run2").instances[name].to_pylist() for name in ("id", "brightness")), strict=True)
    )
    assert brightness == pytest.approx(dict(enumerate(images().flatten(1).mean(1).tolist())))


def check_sorting(names: dict[str, Any]) -> None:
    assert sorted(names["matrix"].order) == list(range(len(names["matrix"].effect)))


@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: page.stem)
@pytest.mark.filterwarnings("ignore:ActiVis.*:tensorboard_activis.errors.ActiVisWarning")
def test_the_code_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    code = blocks(page)
    make: Callable[[], dict[str, Any]] = globals().get(page.stem, dict)
    names = {"model": Network(), "loader": in_batches(images(), labels()), "train_step": nn.Module.train} | make()
    if page.stem in READING:
        write_run(tmp_path / "logs" / "run1", small_data(), (1, 2))
    for each in code:
        exec(compile(each, str(page), "exec"), names)
    globals()[f"check_{page.stem}"](names)


def test_the_commands_of_ci_have_the_status_that_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (shell,) = blocks(DOCS / "do" / "ci.md", "sh")
    commands = [shlex.split(line.partition(">")[0])[1:] for line in shell.splitlines()]
    assert [cli.main(command) for command in commands] == [2, 2]
    write_run(tmp_path / "logs" / "run1", small_data(), (1, 2))
    kinds = {finding.kind for finding in open_run("logs/run1").findings()}
    failing = int(bool(kinds & {"dead", "exploding"}))
    assert [cli.main(command) for command in commands] == [failing, 0]
    assert "run1" in capsys.readouterr().out
    assert cli.main(["report", "logs", *(part for kind in kinds for part in ("--fail-on", kind))]) == int(bool(kinds))
