"""A process that reads a log directory in a store through TensorBoard's own loader, without TensorFlow, and asks the plugin.

Arguments: the log directory, and seconds that each request of `slow://` takes. For `slow://`, which lives in this process, it first
logs runs there. It prints JSON: answers, and what was asked of the store meanwhile.
"""

import argparse
import json
import sys
import time
import warnings
from types import ModuleType
from typing import Any

from tensorboard_activis.private_cache import cache_directory
from tensorboard_activis.read import array_file
from tensorboard_activis.stores.object_cache import object_cache
from tensorboard_activis.stores.object_store import ObjectStore
from tests.faults.victim import log_with_recorder
from tests.stores.slow_store import SlowStore

sys.modules["tensorboard.compat.notf"] = ModuleType("tensorboard.compat.notf")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from tests.serve.client import Client


def main(logdir: str, seconds: float, others: int, steps: int) -> dict[str, Any]:
    """Logs two runs of ours and `others` that have only events of others; returns what a first picture took."""
    asked: list[tuple[str, str]] = []
    for name in ("a", "b"):
        log = log_with_recorder(f"{logdir}/{name}", 1)
        for step in range(steps):
            log(step)
        log.close()  # type: ignore[attr-defined]
    for number in range(others):
        SlowStore.replace(f"{logdir.split('://')[1]}/other{number}/events.out.tfevents.1.x", _scalars())
    for name in ("listing", "status", "ranges", "keys_below"):
        real = getattr(ObjectStore, name)

        def counted(self: ObjectStore, key: str, *given: Any, _real: Any = real, _name: str = name) -> Any:
            before = len(SlowStore.requests)
            found = _real(self, key, *given)
            if len(SlowStore.requests) > before:
                asked.append((_name, key))
            return found

        setattr(ObjectStore, name, counted)
    object_cache.cache_clear()
    array_file._headers.clear()
    client = Client(logdir)  # type: ignore[arg-type]
    SlowStore.seconds = seconds
    asked.clear()
    SlowStore.requests.clear()
    begun = time.perf_counter()
    runs = client.json("runs")
    listed = time.perf_counter()
    graph = client.get("graph", run="a")
    where = {"run": "a", "step": steps - 1}
    rows = [{"subset": "all"}, {"expression": "label == 1"}]
    numbers, _ = client.numbers("matrix", **where, layer="stem", rows=rows)
    table = client.json("table", **where)
    drawn = time.perf_counter()
    cache = cache_directory()
    assert cache is not None
    return {
        "runs": runs,
        "graph": graph.status_code,
        "numbers": {name: array.tolist() for name, array in numbers.items()},
        "table": sorted(table),
        "asked": asked,
        "requests": len(SlowStore.requests),
        "bytes": sum(size for operation, _, size in SlowStore.requests if operation == "read"),
        "seconds": {"runs": listed - begun, "picture": drawn - begun},
        "cached": sorted(path.name for path in (cache / "objects").glob("*")),
    }


def _scalars() -> bytes:
    from tensorboard.compat.proto import event_pb2

    from tensorboard_activis.framing import framed

    event = event_pb2.Event(step=1)
    event.summary.value.add(tag="loss", simple_value=1.0)
    version = event_pb2.Event(file_version="brain.Event:2")
    return framed(version.SerializeToString()) + framed(event.SerializeToString())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("logdir")
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--others", type=int, default=0)
    parser.add_argument("--steps", type=int, default=3)
    given = parser.parse_args()
    print(json.dumps(main(given.logdir, given.seconds, given.others, given.steps)))
