"""Answers the requests of a tab that is shown in a notebook, in the kernel, by the plugin's own WSGI application."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Any, TypeAlias

from werkzeug.test import Client

from tensorboard_activis.metadata import PLUGIN_NAME
from tensorboard_activis.standalone.application import Application, application
from tensorboard_activis.stores.path import Location

#: Sends an answer: what is said of it, and its bytes.
Send: TypeAlias = Callable[[dict[str, Any], list[bytes]], object]

#: As many requests as a browser has open to one server.
_THREADS = 6
#: Seconds that the first request waits for the log directory to be read.
_FIRST_READ_SECONDS = 10.0


class Answers:
    """Answers messages of the widget, which are requests to the plugin's routes, on threads of its own.

    A message is `{"id", "method", "route", "search", "body"}`. `{"taken": id}` says at once that it came: a kernel that runs a
    cell takes nothing. The answer is `{"id", "status", "type"}` with the body as one buffer. The message `{"cancel": id}` drops a
    request that was not begun. The kernel stays free, and answers come as they are ready.

    Arguments:
        routes: the WSGI application with the plugin's routes below `/data/plugin/activis/`.
    """

    def __init__(self, routes: Application) -> None:
        self._routes = routes
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="activis")
        self._waiting: dict[str, Future[None]] = {}
        self._lock = threading.Lock()
        self._read = False

    def receive(self, message: object, send: Send) -> None:
        """Takes a message and returns at once; the answer is sent by another thread. Messages of another form are dropped."""
        if not isinstance(message, Mapping):
            return
        if isinstance(cancelled := message.get("cancel"), str):
            with self._lock:
                future = self._waiting.pop(cancelled, None)
            if future is not None:
                future.cancel()
            return
        if not isinstance(message.get("id"), str) or not isinstance(message.get("route"), str):
            return
        send({"taken": message["id"]}, [])
        with self._lock:  # a thread that is quicker than this line finds its own entry
            self._waiting[message["id"]] = self._threads.submit(self._answer, dict(message), send)

    def _answer(self, message: dict[str, Any], send: Send) -> None:
        with self._lock:
            self._waiting.pop(message["id"], None)
        try:
            if message["route"] == "runs" and not self._read:
                self._wait_for_runs()
            status, kind, body = self._asked(message)
        except Exception as error:  # nobody would see it on this thread, and the page would wait
            said = {"error": {"kind": "internal", "message": f"{type(error).__name__}: {error}"}}
            status, kind, body = 500, "application/json", json.dumps(said).encode()
        send({"id": message["id"], "status": status, "type": kind}, [body])

    def _asked(self, message: Mapping[str, Any]) -> tuple[int, str, bytes]:
        """Status, content type and body of the answer."""
        body = message.get("body")
        response = Client(self._routes).open(
            f"/data/plugin/{PLUGIN_NAME}/{message['route']}",
            method="POST" if message.get("method") == "POST" else "GET",
            query_string=str(message.get("search") or ""),
            data=body if isinstance(body, str) else None,
            content_type="application/json" if isinstance(body, str) else None,
        )
        return response.status_code, response.content_type or "", response.get_data()

    def _wait_for_runs(self) -> None:
        """Waits until the log directory was read once: a tab that is told of no runs asks again only after ten seconds."""
        end = time.monotonic() + _FIRST_READ_SECONDS
        while time.monotonic() < end:
            status, _, body = self._asked({"route": "runs"})
            if status != 200 or json.loads(body)["runs"]:
                break
            time.sleep(0.05)
        self._read = True


@cache
def answers_of(logdir: Location) -> Answers:
    """Those for a log directory: one reader of it, however often it is shown."""
    return Answers(application(logdir, own_process=False, docs=False))
