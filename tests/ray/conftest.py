"""A small cluster of Ray on this machine, one for all tests of a worker of pytest."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("ray.data", reason="Ray Data is not installed: pip install 'tensorboard-activis[ray]'")

# Before Ray is started: it asks no token of its own workers, tells nobody that it was used, and its workers do not give way to all
# else that runs.
os.environ.setdefault("RAY_AUTH_MODE", "disabled")
os.environ.setdefault("RAY_worker_niceness", "0")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")


#: What Ray says of its own settings when it makes them.
_OF_RAY = ("use_push_based_shuffle", "use_polars", "use_arrow_tensor_v2")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Lets Ray warn of itself; other warnings are errors here as everywhere."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            for name in _OF_RAY:
                item.add_marker(pytest.mark.filterwarnings(f"ignore:`{name}` is deprecated:DeprecationWarning"))


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Ray with two processors and a small object store, without its dashboard."""
    import ray

    ray.init(num_cpus=2, include_dashboard=False, object_store_memory=150 << 20, log_to_driver=False)
    yield
    ray.shutdown()
