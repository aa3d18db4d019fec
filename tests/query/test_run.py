"""What `open_run` returns."""

from pathlib import Path

import numpy as np
import pytest

from tensorboard_activis import open_run
from tensorboard_activis.errors import NotFoundError
from tests.records import small_data, write_run


def test_layers_say_what_they_are(tmp_path: Path) -> None:
    write_run(tmp_path, small_data())
    layers = open_run(tmp_path).latest.layers
    assert [(name, layer.name, layer.neurons, layer.reducer, layer.shape) for name, layer in layers.items()] == [
        ("stem/relu", "stem/relu", 5, "mean", (-1, 5, 4, 4)),
        ("head", "head", 3, "none", (-1, 3)),
    ]
    assert repr(layers["head"]) == "Layer(name='head', neurons=3, reducer='none', shape=(-1, 3))"


def test_where_is_of_the_latest_step(tmp_path: Path) -> None:
    first, last = small_data(seed=1), small_data(seed=2)
    write_run(tmp_path, first, steps=(3,))
    write_run(tmp_path, last, steps=(9,))
    run = open_run(tmp_path)
    wrong = dict(zip(last.ids.tolist(), last.logits.argmax(1) != last.labels, strict=True))
    assert run.where("not correct").tolist() == [wrong[each] for each in run.latest.instances["id"].to_pylist()]
    assert not np.array_equal(run.where("not correct"), run.snapshot(3).where("not correct"))
    with pytest.raises(NotFoundError):
        open_run(tmp_path / "nothing").where("correct")
