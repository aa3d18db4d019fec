"""Log directories and HTTP requests for the load benchmarks."""

import json
import shutil
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tensorboard_activis import schema
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.recorder import Recorder


class Logs:
    """Runs of several sizes, written by the real recorder."""

    def __init__(self, directory: Path, layers: int = 4, neurons: int = 64, instances: int = 400) -> None:
        self.directory = directory
        shape = schema.Shape((-1, neurons))
        names = [f"layer{index}" for index in range(layers)]
        nodes = [
            schema.Node("", None, "module", "Net", "Net"),
            *(schema.Node(n, "", "module", n, "Linear") for n in names),
        ]
        self._graph = schema.Graph("torch", "Net", tuple(nodes), ())
        self._layers = [schema.LayerInfo(name, neurons, "none", 0, shape) for name in names]
        random_ = np.random.default_rng(0)
        self._values = random_.normal(size=(instances, neurons)).astype(np.float32)
        self._labels = random_.integers(0, 10, instances)

    def write(self, run: str, steps: int) -> None:
        """A run of so many snapshots."""
        with self.growing(run) as snapshots:
            for _ in range(steps):
                next(snapshots)

    @contextmanager
    def growing(self, run: str) -> Iterator[Iterator[int]]:
        """A run that has one snapshot more whenever the next step is asked for."""
        log = Recorder(self.directory / run, self._graph, self._layers, strict=True)

        def snapshots() -> Iterator[int]:
            step = 0
            while True:
                with log.snapshot(step) as evaluation:
                    values = {layer.name: self._values + 0.01 * step for layer in self._layers}
                    evaluation.add(BatchRecord(values, labels=self._labels, outputs=self._values[:, :10]))
                yield step
                step += 1

        yield snapshots()
        log.close()

    def remove(self, run: str) -> None:
        """As a user does it."""
        shutil.rmtree(self.directory / run, ignore_errors=True)


def get(
    address: str, etag: str | None = None, body: dict[str, Any] | None = None
) -> tuple[int, bytes, float, str | None]:
    """Status, body, seconds and name (`ETag`) of an answer; 304 when it is still the one that is known by this name.
    With a body, which is sent as JSON, it is a POST.

    Status 0: there was no answer, and the body says why.
    """
    headers = {} if etag is None else {"If-None-Match": etag}
    if body is not None:
        headers["Content-Type"] = "application/json"
    request = urllib.request.Request(address, None if body is None else json.dumps(body).encode(), headers)
    begun = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read(), time.monotonic() - begun, answer.headers["ETag"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), time.monotonic() - begun, error.headers["ETag"]
    except OSError as error:
        return 0, str(error).encode(), time.monotonic() - begun, None


def hang_up(address: str, after: float) -> None:
    """Asks, and closes the connection after so many seconds, as a browser does whose user moves on."""
    parts = urllib.parse.urlsplit(address)
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        connection.sendall(f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
        time.sleep(after)
