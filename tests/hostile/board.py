"""TensorBoard's application with two small runs behind it, asked by fuzzers; what must not happen is a Fault."""

import gzip
import json
import logging
from collections.abc import Collection
from pathlib import Path

import numpy as np
import werkzeug.test

from tensorboard_activis.capture.batch_record import BatchRecord
from tests.capture.test_recorder import recorder
from tests.hostile.peak import forget_peak, peak_megabytes
from tests.hostile.requests import HttpRequest
from tests.hostile.watch import Watch
from tests.records import small_data
from tests.serve.client import Client

BASE = "/data/plugin/activis/"
#: Statuses of answers; 500 would be an error that nobody foresaw.
STATUSES = {200, 304, 400, 403, 404, 413, 422}
MEGABYTES = 1024
SECRET = "what-lies-outside-of-the-log-directory"


class Fault(Exception):
    """The board did what it must not."""


class Board:
    """Asks, and looks at status, time, memory, and what the answer holds."""

    def __init__(self, directory: Path) -> None:
        (directory / "secret").write_text(SECRET)
        logs = directory / "logs"
        for run, seed in (("run1", 0), ("run2", 1)):
            _write(logs / run, seed)
        self._client = Client(logs)
        self._watch = Watch()
        self._errors: list[logging.LogRecord] = []
        logging.getLogger("tensorboard").setLevel(logging.ERROR)
        logging.getLogger("tensorboard_activis.serve.responses").addFilter(self._note)

    def _note(self, record: logging.LogRecord) -> bool:
        self._errors.append(record)
        return False

    def ask_and_leave(self, request: HttpRequest) -> None:
        """Asks for a client that leaves: it may be answered all the same. Raises Fault and HeldError."""
        self.ask(request, {*STATUSES, 499})

    def ask(self, request: HttpRequest, statuses: Collection[int] = STATUSES) -> werkzeug.test.TestResponse:
        """The answer. Raises Fault and HeldError."""
        forget_peak()
        self._watch.start()
        self._errors.clear()
        response = self._client.open(
            BASE + request.route,
            method=request.method,
            data=request.body,
            headers=request.headers,
            environ_overrides={"QUERY_STRING": request.query.decode("latin1")},
        )
        body = response.get_data()
        slow = self._watch.problem()
        if self._errors:
            raise Fault(f"answers {response.status_code}") from (self._errors[0].exc_info or (None, None))[1]
        if response.status_code not in statuses:
            raise Fault(f"answers {response.status_code}: {body[:300]!r}")
        if slow is not None:
            raise Fault(slow)
        if peak_megabytes() > MEGABYTES:
            raise Fault(f"took {peak_megabytes():.0f} MB of memory")
        if SECRET.encode() in body or "Set-Cookie" in response.headers:
            raise Fault("told what it must not")
        if 400 <= response.status_code < 499 and request.method != "HEAD" and request.route:
            packed = response.headers.get("Content-Encoding") == "gzip"
            error = json.loads(gzip.decompress(body) if packed else body)["error"]
            if not 0 < len(error["message"]) < 2_000:
                raise Fault(f"says {len(error['message'])} characters")
        self._watch.check_held()
        return response


def _write(path: Path, seed: int) -> None:
    data = small_data(seed=seed)
    log = recorder(path, strict=True)
    for step in (3, 5):
        with log.snapshot(step) as evaluation:
            evaluation.add(
                BatchRecord(
                    {name: values + np.float32(step) for name, values in data.activations.items()},
                    labels=data.labels,
                    outputs=data.logits,
                    ids=data.ids.tolist(),
                    texts=[f"a text of instance {index}, how many" for index in range(len(data.labels))],
                    columns={"tags": [f"tag {index % 3}" for index in range(len(data.labels))]},
                )
            )
    log.close()
