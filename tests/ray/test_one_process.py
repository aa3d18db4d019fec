"""Several actors log what one process would, whatever the blocks."""

from pathlib import Path

import numpy as np
import pytest

from tensorboard_activis.capture.ray import parts
from tensorboard_activis.ray import log
from tests.ray.models import CLASSES, Net, images
from tests.ray.runs import dataset, latest, one_process, same


def test_two_actors_log_what_one_process_logs(tmp_path: Path, cluster: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART_ROWS", 100)
    data = images(500)
    options: dict = {"sample": 80, "subsets": {"x": "site == 'x' and not correct"}}
    one_process(
        tmp_path / "one",
        data,
        columns=lambda batch: {"site": batch["site"].tolist()},
        texts=lambda batch: batch["name"].tolist(),
        **options,
    )
    log(
        tmp_path / "two",
        1,
        Net,
        dataset(data, 9),
        batch_size=64,
        actors=2,
        inputs="image",
        columns=["site"],
        texts="name",
        class_names=CLASSES,
        strict=True,
        **options,
    )
    one, two = latest(tmp_path / "one"), latest(tmp_path / "two")
    same(one, two)
    assert two.instances["id"].to_pylist() == one.instances["id"].to_pylist()
    with np.errstate(all="raise"):
        assert two.record.seen == 500
