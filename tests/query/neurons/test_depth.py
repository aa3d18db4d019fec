"""Prediction by depth as it is read: the values that were logged, by name, and the shares counted by hand."""

from pathlib import Path

import numpy as np
import pytest

from tensorboard_activis import open_run
from tensorboard_activis.errors import NotFoundError
from tests.records import CLASSES, depth_of, small_data, write_run


def test_a_ladder_has_the_logged_classes_and_the_shares_counted_by_hand(tmp_path: Path) -> None:
    data = small_data()
    write_run(tmp_path, data, sample=9, class_names=CLASSES)
    snapshot = open_run(tmp_path).latest
    ids = snapshot.instances.column("id").to_pylist()
    logged = depth_of(data, slice(None))
    right = [float((order[:, 0] == data.labels).mean()) for order in np.moveaxis(logged.top, 1, 0)]
    for index, identity in enumerate(ids):
        row = identity - 100
        read = snapshot.depth(index)
        assert (read.token, read.label, read.counted) == ("first", CLASSES[data.labels[row]], 17)
        assert [block.layer for block in read.blocks] == ["a", "b"]
        for place, block in enumerate(read.blocks):
            assert block.right == pytest.approx(right[place])
            assert [score.class_ for score in block.scores] == [CLASSES[one] for one in logged.top[row, place, :3]]
            assert [score.score for score in block.scores] == logged.score[row, place, :3].tolist()
            assert block.rank == 1 + [score.class_ for score in block.scores].index(str(read.label))
    assert len(ids) == 9


def test_shares_over_the_steps(tmp_path: Path) -> None:
    data = small_data()
    write_run(tmp_path, data, steps=(3, 7))
    history = open_run(tmp_path).snapshot(3).depth_history()
    assert history.layers == ("a", "b")
    assert [(step.step, step.problem) for step in history.steps] == [(3, None), (7, None)]
    accuracy = (data.logits.argmax(axis=1) == data.labels).mean()
    np.testing.assert_allclose(history.right[:, 1], [accuracy, accuracy], rtol=1e-6)


def test_what_is_not_there_is_said_in_words(tmp_path: Path) -> None:
    write_run(tmp_path, small_data())
    snapshot = open_run(tmp_path).latest
    with pytest.raises(NotFoundError, match="go from 0 to 16; got 99"):
        snapshot.depth(99)
    object.__setattr__(snapshot.record, "depth", None)
    for ask in (lambda: snapshot.depth(0), snapshot.depth_history, lambda: snapshot.depth_array("top")):
        with pytest.raises(NotFoundError, match="no prediction by depth"):
            ask()
