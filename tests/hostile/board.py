"""TensorBoard's application with two small runs behind it, asked by fuzzers; what must not happen is a Fault."""

import gzip
import json
import logging
import threading
import time
from collections.abc import Collection
from pathlib import Path
from unittest.mock import patch

import numpy as np
import werkzeug.test

from tensorboard_activis.query import limits
from tests.capture.test_recorder import recorder
from tests.hostile.peak import peak_megabytes
from tests.hostile.requests import HttpRequest
from tests.records import small_data
from tests.serve.client import Client

BASE = "/data/plugin/activis/"
#: Statuses of answers; 500 would be an error that nobody foresaw.
STATUSES = {200, 304, 400, 403, 404, 413, 422}
SECONDS, MEGABYTES = 2.0, 1024
#: Seconds of the processor between two looks at the limits of a request; 0.05 are meant, on a machine that does nothing else.
BETWEEN = 0.5
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
        self._last = 0.0
        self._longest = 0.0
        self._thread = threading.get_ident()
        self._errors: list[logging.LogRecord] = []
        logging.getLogger("tensorboard").setLevel(logging.ERROR)
        logging.getLogger("tensorboard_activis.serve.responses").addFilter(self._note)
        check = limits._Limit.check

        def watched(limit: limits._Limit) -> None:
            self._look()
            check(limit)

        patch.object(limits._Limit, "check", watched).start()

    def _note(self, record: logging.LogRecord) -> bool:
        self._errors.append(record)
        return False

    def _look(self) -> None:
        if threading.get_ident() != self._thread:  # of those that compute parts, each has a time of its own
            return
        now = time.thread_time()
        self._longest = max(self._longest, now - self._last)
        self._last = now

    def ask_and_leave(self, request: HttpRequest) -> None:
        """Asks for a client that leaves: it may be answered all the same. Raises Fault."""
        self.ask(request, {*STATUSES, 499})

    def ask(self, request: HttpRequest, statuses: Collection[int] = STATUSES) -> werkzeug.test.TestResponse:
        """The answer. Raises Fault."""
        begun = self._last = time.thread_time()
        self._longest = 0.0
        self._errors.clear()
        response = self._client.open(
            BASE + request.route,
            method=request.method,
            data=request.body,
            headers=request.headers,
            environ_overrides={"QUERY_STRING": request.query.decode("latin1")},
        )
        body = response.get_data()
        self._look()
        if self._errors:
            raise Fault(f"answers {response.status_code}") from (self._errors[0].exc_info or (None, None))[1]
        if response.status_code not in statuses:
            raise Fault(f"answers {response.status_code}: {body[:300]!r}")
        if time.thread_time() - begun > SECONDS or self._longest > BETWEEN:
            raise Fault(
                f"took {time.thread_time() - begun:.1f} s, {self._longest:.2f} s between two looks at the limits"
            )
        if peak_megabytes() > MEGABYTES:
            raise Fault(f"took {peak_megabytes():.0f} MB of memory")
        if SECRET.encode() in body or "Set-Cookie" in response.headers:
            raise Fault("told what it must not")
        if 400 <= response.status_code < 499 and request.method != "HEAD" and request.route:
            packed = response.headers.get("Content-Encoding") == "gzip"
            error = json.loads(gzip.decompress(body) if packed else body)["error"]
            if not 0 < len(error["message"]) < 2_000:
                raise Fault(f"says {len(error['message'])} characters")
        return response


def _write(path: Path, seed: int) -> None:
    data = small_data(seed=seed)
    log = recorder(path, strict=True)
    for step in (3, 5):
        with log.snapshot(step) as evaluation:
            evaluation.add(
                {name: values + np.float32(step) for name, values in data.activations.items()},
                labels=data.labels,
                outputs=data.logits,
                ids=data.ids.tolist(),
                texts=[f"a text of instance {index}, how many" for index in range(len(data.labels))],
                columns={"tags": [f"tag {index % 3}" for index in range(len(data.labels))]},
            )
    log.close()
