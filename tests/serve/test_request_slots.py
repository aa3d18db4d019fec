"""So many requests compute at a time; the others wait in order, and give up when their time is over or their client has gone."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tensorboard_activis.query.limits import AbandonedError, TooLargeError, time_limit
from tensorboard_activis.serve import request_slots as module
from tensorboard_activis.serve.request_slots import BusyError, RequestSlots
from tests.records import small_data, write_run
from tests.serve.client import Client
from tests.serve.route_parameters import ROUTE_PARAMETERS, ask, refused


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


class Worker(threading.Thread):
    """Takes a place, notes its name, and keeps the place until it is let go."""

    def __init__(
        self, slots: RequestSlots, began: list[str], name: str, gone: Callable[[], bool] = lambda: False
    ) -> None:
        super().__init__(name=name)
        self._slots, self._began, self._gone = slots, began, gone
        self.go = threading.Event()
        self.problem: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            with time_limit(240, self._gone), self._slots:
                self._began.append(self.name)
                self.go.wait(120)
        except BaseException as error:
            self.problem = error


def test_the_others_wait_in_the_order_in_which_they_came() -> None:
    slots = RequestSlots(2, 10)
    began: list[str] = []
    workers = []
    for number in range(5):
        workers.append(Worker(slots, began, str(number)))
        until(lambda: len(began) + len(slots._queue) == len(workers))
    assert began == ["0", "1"]
    for number, expected in ((1, ["0", "1", "2"]), (0, ["0", "1", "2", "3"]), (3, ["0", "1", "2", "3", "4"])):
        workers[number].go.set()
        until(lambda expected=expected: began == expected)  # type: ignore[misc]
        workers[number].join()
    for worker in workers:
        worker.go.set()
        worker.join()
        assert worker.problem is None
    with slots, slots:  # of two places, both are free again
        pass


def test_when_too_many_wait_the_next_is_refused() -> None:
    slots = RequestSlots(1, 2)
    began: list[str] = []
    workers = [Worker(slots, began, "0")]
    until(lambda: began == ["0"])
    workers += [Worker(slots, began, name) for name in "12"]
    until(lambda: len(slots._queue) == 2)
    with pytest.raises(BusyError, match="2 requests for activations are already waiting"), slots:
        pass
    for worker in workers:
        worker.go.set()
    for worker in workers:
        worker.join()
    assert sorted(began) == ["0", "1", "2"]


def test_one_that_gives_up_lets_the_next_one_on() -> None:
    slots = RequestSlots(1, 10)
    began: list[str] = []
    left = threading.Event()
    first = Worker(slots, began, "first")
    until(lambda: began == ["first"])
    leaves = Worker(slots, began, "leaves", left.is_set)
    until(lambda: len(slots._queue) == 1)
    stays = Worker(slots, began, "stays")
    until(lambda: len(slots._queue) == 2)
    left.set()
    leaves.join()
    assert isinstance(leaves.problem, AbandonedError)
    assert len(slots._queue) == 1
    with pytest.raises(TooLargeError, match="takes longer than 0.01 seconds"), time_limit(0.01), slots:
        pass
    first.go.set()
    until(lambda: began == ["first", "stays"])
    stays.go.set()
    stays.join()
    with slots:
        pass


def test_a_place_that_comes_to_one_who_gives_up_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    slots = RequestSlots(1, 10)

    def given_and_late() -> None:
        slots._release()  # what the other does in the moment between
        raise AbandonedError

    slots._acquire()
    monkeypatch.setattr(module, "_POLL_SECONDS", 0.0)
    monkeypatch.setattr(module, "check_time", given_and_late)
    with pytest.raises(AbandonedError), slots:
        pass
    assert slots._free == 1


def test_an_error_gives_the_place_up() -> None:
    slots = RequestSlots(1, 0)
    for error in (ValueError, KeyboardInterrupt, AbandonedError):
        with pytest.raises(error), slots:
            raise error
    with slots:
        pass


@pytest.fixture
def client(tmp_path: Path) -> Client:
    write_run(tmp_path / "run1", small_data(), (3, 5))
    return Client(tmp_path)


def test_routes_that_compute_wait_and_cheap_ones_do_not(client: Client) -> None:
    known = {route: ask(client, route).headers["ETag"] for route in ROUTE_PARAMETERS}
    slots = client._plugin._slots
    slots._limit = 0
    slots._free = 0
    for route in ROUTE_PARAMETERS:
        response = ask(client, route)
        if route in ("runs", "projection", "findings"):  # principal components and findings are kept
            assert response.status_code == 200, route
        else:
            assert "few seconds" in refused(response, 503, "busy")["message"], route
            assert response.headers["Retry-After"] == "2"
        again = client.get(route, headers={"If-None-Match": known[route]}, **ROUTE_PARAMETERS[route])
        assert again.status_code == (503 if route == "graph" else 304), route
    assert client.open("/data/plugin/activis/index.js").status_code == 200
    slots._free = 1
    for route in ROUTE_PARAMETERS:
        assert ask(client, route).status_code == 200
    assert slots._free == 1


@pytest.mark.parametrize("route", sorted(set(ROUTE_PARAMETERS) - {"runs"}))
def test_every_route_needs_one_place_and_gives_it_up(client: Client, route: str) -> None:
    slots = client._plugin._slots
    slots._free, slots._limit = 1, 0
    for other in ({}, {"layer": "nothing", "row": {"subset": "nothing"}, "expression": "(", "by": "nothing"}):
        assert ask(client, route, **other).status_code != 503
        assert slots._free == 1
    if route == "projection":
        assert ask(client, route, like={"run": "run1", "step": 5}).status_code == 200
        assert ask(client, route, method="tsne", like={"run": "run1", "step": 5}).status_code in (200, 400)
        assert slots._free == 1


def test_a_tab_that_asks_for_everything_at_once_is_answered(client: Client) -> None:
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda route=route: statuses.append(ask(client, route).status_code))
        for route in [*ROUTE_PARAMETERS] * 3
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * len(threads)
