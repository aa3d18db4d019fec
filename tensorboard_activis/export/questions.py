"""Asks the plugin, in this process: an export holds what the server would have answered."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from werkzeug.test import Client

from tensorboard_activis.errors import UnreadableError
from tensorboard_activis.metadata import PLUGIN_NAME
from tensorboard_activis.serve.answers import SnapshotAnswers
from tensorboard_activis.serve.plugin import ActiVisPlugin
from tensorboard_activis.standalone.application import Application

#: Seconds between two looks at a search that runs in the background.
_EVERY = 0.05
#: Seconds without another step read after which what is known is taken.
_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a route said.

    Attributes:
        content: the body.
        failed: whether it is the JSON of an error.
    """

    content: bytes
    failed: bool = False

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.content)


class Questions:
    """Asks about one run. What is of one snapshot alone, thousands of questions, is answered without a request in between.

    Arguments:
        routes: the WSGI application with the plugin's routes below `/data/plugin/activis/`.
        plugin: the one that answers them.
        run: its name there.
    """

    def __init__(self, routes: Application, plugin: ActiVisPlugin, run: str) -> None:
        self._client, self._plugin = Client(routes), plugin
        self._answers: tuple[int, SnapshotAnswers] | None = None
        #: Applied to every answer.
        self.change: Callable[[Answer], Answer] = lambda answer: answer
        self.run = run

    def ask(self, route: str, step: int | None = None, **parameters: Any) -> Answer:
        """The answer of a route about the run, or about one of its steps; an error is an answer, too."""
        about = {"run": self.run} if step is None else {"run": self.run, "step": step}
        given = about | {name: value for name, value in parameters.items() if value is not None}
        if step is not None and SnapshotAnswers.knows(route):
            return self.change(Answer(*self._about(step).answer(route, given)))
        response = self._client.post(f"/data/plugin/{PLUGIN_NAME}/{route}", json=given)
        return self.change(Answer(response.get_data(), response.status_code != 200))

    def _about(self, step: int) -> SnapshotAnswers:
        if self._answers is None or self._answers[0] != step:
            self._answers = step, self._plugin.answers(self.run, step)
        return self._answers[1]

    def must(self, route: str, step: int | None = None, **parameters: Any) -> Answer:
        """The same; raises UnreadableError for an error."""
        answer = self.ask(route, step, **parameters)
        if answer.failed:
            raise UnreadableError(str(answer.json["error"]["message"]))
        return answer

    def findings(self, step: int) -> dict[str, Any]:
        """The answer `findings` once the search has ended; where it cannot be made, none, and the reason as a note."""
        answer = self.ask("findings", step)
        while not answer.failed and answer.json["state"] in ("not_started", "queued", "running"):
            action = "start" if answer.json["state"] == "not_started" else None
            if action is None:
                time.sleep(_EVERY)
            answer = self.ask("findings", step, action=action)
        if answer.failed:
            message = answer.json["error"]["message"]
            return {"findings": [], "notes": [f"Nothing was looked for. {message}"], "state": "done", "progress": 1.0}
        found: dict[str, Any] = answer.json
        return found


def runs_of(routes: Application) -> list[dict[str, Any]]:
    """The runs that the application lists, as in the answer of the route `runs`, once every step of them was read."""
    client = Client(routes)
    unread, since = -1, time.monotonic()
    while True:
        runs: list[dict[str, Any]] = client.get(f"/data/plugin/{PLUGIN_NAME}/runs").get_json()["runs"]
        left = sum(step["digest"] is None and step["problem"] is None for run in runs for step in run["steps"])
        if left != unread:
            unread, since = left, time.monotonic()
        if left == 0 or time.monotonic() - since > _PATIENCE:
            return runs
        time.sleep(_EVERY)
