"""Fuzzes sequences of requests: t-SNE started, asked about and cancelled; answers asked for again by their ETag, in windows, in
other orders, by clients that leave.

What must hold: the same question has the same answer, whatever was asked in between, and every name (`ETag`) stands for one answer.
"""

import json
import os
import random
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode

import numpy as np

from tensorboard_activis.query import limits
from tests.hostile.board import Board
from tests.hostile.expressions import expression
from tests.hostile.requests import HttpRequest, request
from tests.hostile.tries import TryOne, try_all
from tests.serve.client import decoded
from tests.serve.route_parameters import ROUTE_PARAMETERS

ROWS = [{"subset": "all"}, {"subset": "ant"}, {"expression": "score < 0.6"}, {"instance": 3}]
STATES = {"not_started", "queued", "running", "done", "cancelled"}
LAYERS = (("head", 3), ("stem/relu", 5))


class Sequences:
    """Ten to thirty steps each, on one board; what was answered once is known to all."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._answers: dict[str, tuple[int, bytes]] = {}
        self._by_etag: dict[str, bytes] = {}

    def run(self, chance: random.Random) -> None:
        """One sequence. Raises Fault, AssertionError."""
        steps = (self._again, self._again, self._unchanged, self._window, self._tsne, self._abandoned, self._hostile)
        for _ in range(chance.randrange(10, 30)):
            chance.choice(steps)(chance)

    def _question(self, chance: random.Random) -> tuple[str, dict[str, Any]]:
        route = chance.choice(tuple(ROUTE_PARAMETERS))
        values = dict(ROUTE_PARAMETERS[route])
        if "run" in values:
            values["run"] = chance.choice(("run1", "run2"))
        if "step" in values:
            values["step"] = chance.choice((3, 5))
        if "expression" in values:
            values["expression"] = chance.choice(("correct", "score < 0.5", "label == 'ant'", expression(chance)))
        return route, values

    def _get(self, route: str, values: dict[str, Any], headers: dict[str, str] | None = None) -> Any:
        query = {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
        text = urlencode(query, errors="surrogatepass").encode()
        return self._board.ask(HttpRequest(route, query=text, headers=headers or {}))

    def _post(self, route: str, values: dict[str, Any]) -> Any:
        body = json.dumps(values).encode()
        return self._board.ask(HttpRequest(route, "POST", headers={"Content-Type": "application/json"}, body=body))

    def _again(self, chance: random.Random) -> None:
        route, values = self._question(chance)
        response = (self._get if chance.random() < 0.5 else self._post)(route, values)
        answer = response.status_code, response.get_data()
        assert answer == self._answers.setdefault(json.dumps([route, values]), answer), "another answer than before"
        etag = response.headers.get("ETag")
        if etag:
            assert self._by_etag.setdefault(etag, answer[1]) == answer[1], "one name for two answers"

    def _unchanged(self, chance: random.Random) -> None:
        route, values = self._question(chance)
        first = self._get(route, values)
        etag = first.headers.get("ETag")
        if not etag:
            return
        again = self._get(route, values, {"If-None-Match": etag})
        assert (again.status_code, again.get_data()) == (304, b"")
        other = self._get(route, values, {"If-None-Match": '"of-something-else"'})
        assert (other.status_code, other.get_data()) == (first.status_code, first.get_data())

    def _window(self, chance: random.Random) -> None:
        layer, neurons = chance.choice(LAYERS)
        start, stop = sorted((chance.randrange(neurons), chance.randrange(1, neurons + 1)))
        if start == stop:
            return
        sort = chance.choice(({"by": "index"}, {"by": "strongest"}, {"by": "row", "a": 1}, {"by": "clustered"}))
        values = {"run": "run1", "step": 5, "layer": layer, "rows": ROWS, "sort": sort}
        whole, _ = decoded(self._get("matrix", values))
        part, _ = decoded(self._get("matrix", values | {"window": [start, stop]}))
        np.testing.assert_array_equal(part["order"], whole["order"])
        for name in ("mean", "std"):
            expected = whole[name][:, whole["order"][start:stop]]
            np.testing.assert_allclose(part[name], expected, rtol=1e-6, atol=1e-6)

    def _tsne(self, chance: random.Random) -> None:
        values = {
            "run": chance.choice(("run1", "run2")),
            "step": chance.choice((3, 5)),
            "layer": "head",
            "method": "tsne",
        }
        action = chance.choice((None, None, "start", "cancel"))
        # A GET that asks for an action is refused and has no effect.
        before = self._state(self._get("projection", values))
        assert self._get("projection", values | {"action": "start"}).status_code == 400
        after = self._state(self._get("projection", values))
        assert after == before or before in ("queued", "running"), f"{before} became {after} by itself"
        if action is None:
            return
        response = self._post("projection", values | {"action": action})
        if response.status_code == 413:
            return
        state = self._state(response)
        assert state in ({"cancelled", "done"} if action == "cancel" else {"queued", "running", "done"}), (
            f"{action} gave {state}"
        )

    def _state(self, response: Any) -> str:
        assert response.status_code == 200, response.get_data()
        tensors, metadata = decoded(response)
        assert metadata["state"] in STATES
        assert tensors["xy"].shape == (17, 2)
        return str(metadata["state"])

    def _abandoned(self, chance: random.Random) -> None:
        """Its client has left at once, or after a while: nothing of it may stay behind."""
        route, values = self._question(chance)
        looks = iter([False] * chance.randrange(4))
        with (
            patch.object(limits, "_LOOK", 0.0),
            patch("tensorboard_activis.serve.routes.connection_closed", lambda environ: lambda: next(looks, True)),
        ):
            self._board.ask_and_leave(
                HttpRequest(
                    route, "POST", headers={"Content-Type": "application/json"}, body=json.dumps(values).encode()
                )
            )

    def _hostile(self, chance: random.Random) -> None:
        one = request(chance)
        if one.route != "projection":
            self._board.ask(one)


def main(inputs: int, seed: int, first: int, only: int | None) -> int:
    """Tries the sequences of these numbers; returns 1 if there was a fault."""

    def start(directory: Path) -> TryOne:
        os.environ["TENSORBOARD_ACTIVIS_CACHE"] = f"{directory}/cache"
        return Sequences(Board(directory)).run

    return try_all("sequences", inputs, seed, first, only, start, unit="sequences")
