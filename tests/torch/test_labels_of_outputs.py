"""Several outputs with labels each: the first is the task, the others have columns, by instance id against plain passes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tensorboard_activis import open_run
from tensorboard_activis.torch import ActiVisLogger
from tests.torch.snapshots import by_id, logged

#: Instances; a batch of 8 leaves a last one of three, as many as there are outputs.
N = 35
X = torch.randn(N, 6, generator=torch.Generator().manual_seed(1))
KIND, SIZE, SHADE = torch.arange(N) % 3, X[:, 1] * 2, torch.arange(N) % 4


class Heads(nn.Module):
    """Three outputs in a dict or tuple: scores of 3 classes, a number, scores of 4 classes."""

    def __init__(self, form: type) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.kind, self.size, self.shade, self.form = nn.Linear(6, 3), nn.Linear(6, 1), nn.Linear(6, 4), form

    def forward(self, x: torch.Tensor) -> Any:
        outputs = {"kind": self.kind(x), "size": self.size(x)[:, 0], "shade": self.shade(x)}
        return outputs if self.form is dict else tuple(outputs.values())


def batches(form: type, size: int = 8) -> list[Any]:
    rows = [torch.arange(N)[start : start + size] for start in range(0, N, size)]
    labels = {"size": SIZE, "kind": KIND, "shade": SHADE}
    order = ("kind", "size", "shade")
    return [
        (
            X[row],
            {name: each[row] for name, each in labels.items()} if form is dict else [labels[n][row] for n in order],
        )
        for row in rows
    ]


def check(snapshot: Any, form: type, task: str = "kind") -> None:
    with torch.no_grad():
        kind, size, shade = Heads(tuple)(X)
    names = (
        {"kind": "kind", "size": "size", "shade": "shade"}
        if form is dict
        else {"kind": "output0", "size": "output1", "shade": "output2"}
    )
    prefix = {name: "" if name == task else f"{each}_" for name, each in names.items()}
    for name, scores, labels in (("kind", kind, KIND), ("shade", shade, SHADE)):
        assert by_id(snapshot, prefix[name] + "label") == labels.tolist()
        assert by_id(snapshot, prefix[name] + "prediction") == scores.argmax(1).tolist()
        assert by_id(snapshot, prefix[name] + "correct") == (scores.argmax(1) == labels).tolist()
        loss = F.cross_entropy(scores, labels, reduction="none")
        np.testing.assert_allclose(by_id(snapshot, prefix[name] + "loss"), loss, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(by_id(snapshot, prefix["size"] + "label"), SIZE, rtol=1e-5)
    np.testing.assert_allclose(by_id(snapshot, prefix["size"] + "prediction"), size, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(by_id(snapshot, prefix["size"] + "loss"), (size - SIZE) ** 2, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(("form", "size"), [(dict, 8), (dict, 3), (dict, 1), (tuple, 8), (tuple, N), (tuple, 1)])
def test_in_a_pass_of_our_own(tmp_path: Path, form: type, size: int) -> None:
    snapshot = logged(tmp_path, Heads(form), batches(form, size))
    check(snapshot, form)
    (note,) = (note for note in snapshot.record.notes if "several outputs" in note)
    assert "have columns of their own. output= says otherwise." in note
    assert snapshot.record.metrics["accuracy"] == pytest.approx(np.mean(by_id(snapshot, "correct")))


@pytest.mark.parametrize("form", [dict, tuple])
def test_in_a_watched_evaluation(tmp_path: Path, form: type) -> None:
    model = Heads(form).eval()
    with ActiVisLogger(tmp_path, model, strict=True) as logger, torch.no_grad(), logger.watch(1) as watched:
        for inputs, labels in batches(form):
            for part in inputs.split(5):  # a batch in pieces
                model(part)
            watched.batch(labels=labels)
    check(open_run(tmp_path).latest, form)


def test_the_task_is_said(tmp_path: Path) -> None:
    subsets = {"both right": "correct and kind_correct", "large": "size_label > 1"}
    snapshot = logged(tmp_path, Heads(dict), batches(dict), output="shade", subsets=subsets)
    check(snapshot, dict, task="shade")
    with torch.no_grad():
        kind, _, shade = Heads(tuple)(X)
    both = (kind.argmax(1) == KIND) & (shade.argmax(1) == SHADE)
    counts = {subset.name: subset.count for subset in snapshot.record.subsets}
    assert (counts["both right"], counts["large"]) == (int(both.sum()), int((SIZE > 1).sum()))
    assert not any("several outputs" in note for note in snapshot.record.notes)


def test_whole_tensors_with_labels_by_name(tmp_path: Path) -> None:
    check(logged(tmp_path, Heads(dict), (X, {"kind": KIND, "size": SIZE, "shade": SHADE})), dict)


def test_labels_of_one_of_several_outputs(tmp_path: Path) -> None:
    snapshot = logged(tmp_path, Heads(dict), (X, {"shade": SHADE}))
    with torch.no_grad():
        assert by_id(snapshot, "prediction") == Heads(tuple)(X)[2].argmax(1).tolist()
    assert not any(name.startswith(("kind", "size", "shade")) for name in snapshot.instances.column_names)


def test_labels_that_are_missing_in_some_batches(tmp_path: Path) -> None:
    data = batches(dict)
    data[1] = (data[1][0], {"kind": data[1][1]["kind"], "size": None})
    snapshot = logged(tmp_path, Heads(dict), data, pinned=X[:2])
    unknown = [None if 8 <= index < 16 else each for index, each in enumerate(SHADE.tolist())]
    rows = list(zip(snapshot.instances["id"].to_pylist(), snapshot.instances["shade_label"].to_pylist(), strict=True))
    assert [value for index, value in sorted(rows) if index >= 0] == unknown
    assert [value for index, value in sorted(rows) if index < 0] == [None, None]
