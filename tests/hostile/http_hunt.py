"""Fuzzes the HTTP routes: one request after another, each asked twice, which must give the same answer."""

import os
import random
from pathlib import Path

from tests.hostile.board import Board
from tests.hostile.requests import request
from tests.hostile.tries import TryOne, try_all


def main(inputs: int, seed: int, first: int, only: int | None) -> int:
    """Tries the requests of these numbers; returns 1 if there was a fault."""
    os.environ["TENSORBOARD_ACTIVIS_CACHE"] = ""

    def start(directory: Path) -> TryOne:
        board = Board(directory)

        def try_one(chance: random.Random) -> None:
            one = request(chance)
            try:
                answers = {board.ask(one).get_data() for _ in range(2)}
                assert len(answers) == 1, "two different answers to the same request"
            except Exception as error:
                error.add_note(f"{one!r:.600}")
                raise

        return try_one

    return try_all("http", inputs, seed, first, only, start, unit="requests")
