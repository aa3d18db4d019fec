"""What is wrong with arguments, data and cluster is said before anything is evaluated."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tensorboard_activis.capture.ray.columns import DatasetColumns, RowBatch
from tensorboard_activis.capture.ray.rows import Rows
from tensorboard_activis.errors import ActiVisError, ConfigurationError
from tensorboard_activis.ray import log
from tests.ray.models import Net, images
from tests.ray.runs import _table, dataset


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": Net()}, "model must be a function without arguments.* got Net"),
        ({"model": None}, "model must be a function"),
        ({"data": [1, 2]}, "data must be a ray.data.Dataset; got list"),
        ({"batch_size": 0}, "batch_size must be a whole number, 1 or more; got 0"),
        ({"actors": 1.5}, "actors must be a whole number"),
        ({"num_gpus": -1}, "num_gpus must be a number, 0 or more"),
        ({"num_cpus": "two"}, "num_cpus must be a number"),
        ({"id": [1, 2, 3]}, "id must be the name of a column of the data set, or a function of a batch; got .1, 2, 3."),
        ({"columns": "site"}, "columns must be a list of names"),
        ({"unpack": 3}, "unpack must be a function"),
        ({"unpack": len, "label": "label"}, "leave out inputs= and label="),
        ({"sample": 0}, "sample must be a positive number"),
        ({"log_dir": "simplecache::s3://bucket/run"}, "must not contain credentials, . or ::"),
    ],
)
def test_wrong_arguments(tmp_path: Path, cluster: None, options: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"log_dir": tmp_path, "model": Net, "data": dataset(images(4), 1)} | options
    with pytest.raises(ConfigurationError, match=message):
        log(step=1, **given)


def test_keywords_of_other_faces(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="effects= is a keyword of the faces for PyTorch and Keras"):
        log(tmp_path, 1, Net, None, effects="gradients")  # type: ignore[call-arg]


def test_blocks_with_different_columns() -> None:
    first, other = images(4), images(4)
    del other["site"]
    other["more"] = other["label"]
    rows = Rows([_table(first), _table(other)], [(0, 4), (0, 4)], 0, 3)
    with pytest.raises(ActiVisError, match="the one of row 4 lacks site and has also more, against the first"):
        list(rows)


def test_rows_of_blocks_are_batches_of_one_size() -> None:
    data = images(10)
    blocks = [
        _table({name: values[low:high] for name, values in data.items()}) for low, high in ((0, 1), (1, 8), (8, 10))
    ]
    kept = np.ones(9, bool)
    kept[[0, 4]] = False
    batches = list(Rows(blocks, [(0, 1), (1, 7), (0, 2)], 100, 4, kept))
    assert [batch.rows.tolist() for batch in batches] == [[101, 102, 103, 105], [106, 107, 108]]
    expected = np.delete(data["image"], 1, axis=0)[kept]  # the second block begins at its second row
    np.testing.assert_array_equal(np.concatenate([batch["image"] for batch in batches]), expected)
    assert batches[0]["image"].flags.writeable


def test_images_of_different_sizes_are_named() -> None:
    columns = DatasetColumns("image", None, None, None, None, None)
    ragged = np.empty(2, object)
    ragged[:] = [np.zeros((2, 3)), np.zeros((4, 3))]
    with pytest.raises(
        ActiVisError, match=re.escape("'image' holds arrays of different shapes in one batch, (2, 3) and (4, 3)")
    ):
        columns.inputs_and_labels(RowBatch({"image": ragged}, np.arange(2)))


WITHOUT = """
import sys
sys.modules["ray"] = None
try:
    import tensorboard_activis.ray
except ImportError as error:
    print(error)
"""


def test_without_ray_the_extra_is_named() -> None:
    result = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == 'tensorboard_activis.ray needs Ray Data: pip install "tensorboard-activis[ray]"'
