"""What is wrong with model, data and cluster is said before anything is written. Minutes, for each case starts an actor."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tensorboard_activis.capture.run_directory import RunDirectory
from tensorboard_activis.errors import ConfigurationError
from tensorboard_activis.ray import log
from tests.ray.models import CLASSES, Net, images
from tests.ray.runs import dataset


def broken() -> Any:
    raise FileNotFoundError("weights.pt")


def number() -> Any:
    return 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": broken}, "model= .* failed there: FileNotFoundError: weights.pt"),
        ({"model": number}, "must return a torch.nn.Module or a keras.Model; it returned a builtins.int"),
        (
            {"inputs": ["picture"]},
            "inputs= names the column 'picture', which the data set has not; it has image, label",
        ),
        ({"id": "key"}, "id= names the column 'key'"),
        ({"columns": ["where"]}, "columns= names the column 'where'"),
        ({"inputs": "name"}, "a column of texts, which PyTorch has no tensor for.*unpack="),
        ({"inputs": "image", "layers": ["nothing"]}, "nothing"),
        ({"inputs": "image", "class_names": ["a", "b"]}, "class_names has 2 names, but the model gives 3"),
    ],
)
def test_what_does_not_fit_is_said_before_training(
    tmp_path: Path, cluster: None, options: dict[str, Any], message: str
) -> None:
    given: dict[str, Any] = {"model": Net, "class_names": CLASSES, "actors": 1} | options
    with pytest.raises(ConfigurationError, match=message):
        log(tmp_path, 1, data=dataset(images(20), 2), **given)
    RunDirectory(tmp_path).close()  # the directory is free again


def test_an_empty_data_set(tmp_path: Path, cluster: None) -> None:
    import ray.data

    with pytest.raises(ConfigurationError, match="data is empty"):
        log(tmp_path, 1, Net, ray.data.range(0), actors=1)
    with pytest.raises(ConfigurationError, match="data is empty"):
        log(tmp_path, 1, Net, ray.data.range(9).limit(0), actors=1)


#: A cluster whose workers cannot import the package, as one whose image lacks it.
BARE = """
import sys, ray, ray.data

def hide():
    import sys
    class Hidden:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] == "tensorboard_activis":
                raise ModuleNotFoundError("No module named 'tensorboard_activis'", name="tensorboard_activis")
    sys.meta_path.insert(0, Hidden())

ray.init(num_cpus=2, include_dashboard=False, object_store_memory=100 << 20, log_to_driver=False,
         runtime_env={"worker_process_setup_hook": hide})
from tensorboard_activis.ray import log
try:
    log(sys.argv[1], 1, dict, ray.data.range(8), inputs="id", actors=1)
except Exception as error:
    print(type(error).__name__, error)
"""


def test_workers_without_the_package(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", BARE, str(tmp_path)], capture_output=True, text=True, check=True, timeout=300
    )
    said = result.stdout.splitlines()[-1]
    assert said.startswith("ConfigurationError The workers of the Ray cluster cannot import tensorboard_activis.")
    assert "runtime_env" in said
