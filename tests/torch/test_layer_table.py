"""`logger.layers`: a sequence of the recorded layers, which prints as a table of all that can be recorded."""

from pathlib import Path

import torch
from torch import nn

from tensorboard_activis.torch import ActiVisLogger


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 5, 3)
        self.relu = nn.ReLU()
        self.lstm = nn.LSTM(5, 6, batch_first=True)
        self.fc = nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        states, _ = self.lstm(self.relu(self.conv(x)).flatten(2).transpose(1, 2))
        logits: torch.Tensor = self.fc(torch.tanh(states.mean(1)))
        return logits


def table(logger: ActiVisLogger) -> list[list[str]]:
    """The printed lines, by columns that two spaces or more divide; empty cells at the end are left out."""
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in repr(logger.layers).splitlines()]


def test_defaults(tmp_path: Path) -> None:
    with ActiVisLogger(tmp_path, Net(), torch.rand(20, 1, 6, 6), task="none", strict=True) as logger:
        assert [layer.name for layer in logger.layers] == ["relu", "lstm[0]", "fc"]
        assert isinstance(logger.layers, tuple)
        assert table(logger) == [
            ["name", "type", "output", "neurons", "recorded"],
            ["(the model)", "Net", "[N, 3]", "3"],
            ["conv", "Conv2d", "[N, 5, 4, 4]", "5"],
            ["relu", "ReLU", "[N, 5, 4, 4]", "5", "yes"],
            ["lstm[0]", "LSTM", "[N, 16, 6]", "6", "yes"],
            ["fc", "Linear", "[N, 3]", "3", "yes"],
        ]


def test_what_the_user_chose_is_told_from_the_default(tmp_path: Path) -> None:
    with ActiVisLogger(tmp_path, Net(), torch.rand(20, 1, 6, 6), layers=["conv", "/tanh", "fc"], task="none") as logger:
        rows = {row[0]: row[1:] for row in table(logger)}
        lines = repr(logger.layers).splitlines()
    assert rows["name"][-2:] == ["recorded", "by default"]
    assert rows["/tanh"] == ["tanh", "[N, 6]", "6", "yes"]  # operators are shown where they are recorded
    assert "/mean" not in rows
    columns = [lines[0].index("recorded"), lines[0].index("by default")]
    cells = {line.split()[0]: [line[start : start + 3].strip() for start in columns] for line in lines[2:]}
    assert cells == {
        "conv": ["yes", ""],
        "relu": ["", "yes"],
        "lstm[0]": ["", "yes"],
        "/tanh": ["yes", ""],
        "fc": ["yes", "yes"],
    }


def test_of_many_modules_the_recorded_ones_are_shown(tmp_path: Path) -> None:
    model = nn.Sequential(*[nn.Identity() for _ in range(200)], nn.Linear(4, 2))
    with ActiVisLogger(tmp_path, model, torch.rand(20, 4), task="none") as logger:
        lines = repr(logger.layers).splitlines()
    assert lines[1].split() == ["200", "Linear", "[N,", "2]", "2", "yes"]
    assert lines[2] == "and 201 other modules, which layers= can name"


def test_before_the_first_batch(tmp_path: Path) -> None:
    with ActiVisLogger(tmp_path, Net()) as logger:
        assert logger.layers == ()
        assert repr(logger.layers) == "The layers are decided by the first batch."
