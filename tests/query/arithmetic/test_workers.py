"""Work in parts: in order, by few threads, and BLAS as it was afterwards."""

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from tensorboard_activis.query.arithmetic.workers import THREADS, in_parts
from tensorboard_activis.query.limits import AbandonedError, TooLargeError, time_limit


def blas_threads() -> set[int]:
    np.ones((2, 2)) @ np.ones((2, 2))
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_results_come_in_order_and_parts_are_taken_as_they_are_needed() -> None:
    taken: list[int] = []

    def parts():
        for part in range(50):
            taken.append(part)
            yield part

    found = in_parts(lambda part: part * part, parts())
    assert next(found) == 0
    assert len(taken) <= THREADS + 1
    assert list(found) == [part * part for part in range(1, 50)]


def test_however_many_ask_the_threads_are_few_and_blas_has_one_each() -> None:
    before = blas_threads()
    names: set[str] = set()
    inside: list[set[int]] = []

    def work(part: int) -> int:
        names.add(threading.current_thread().name)
        inside.append(blas_threads())
        return part

    askers = [threading.Thread(target=lambda: list(in_parts(work, range(20)))) for _ in range(5)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert len(inside) == 100
    assert all(found == {1} for found in inside)
    assert len(names) <= THREADS
    assert blas_threads() == before


def test_an_error_ends_the_query_and_nothing_else() -> None:
    before = blas_threads()

    def work(part: int) -> float:
        return 1 / (part - 3)

    with pytest.raises(ZeroDivisionError):
        list(in_parts(work, range(10)))
    assert blas_threads() == before
    assert list(in_parts(lambda part: part, range(3))) == [0, 1, 2]


def test_the_time_limit_of_a_request_ends_it_between_parts() -> None:
    with time_limit(-1), pytest.raises(TooLargeError, match="longer than -1 seconds"):
        list(in_parts(lambda part: part, range(3)))


def test_a_query_that_nobody_waits_for_ends_between_parts() -> None:
    done: list[int] = []
    waits = [True]

    def work(part: int) -> None:
        done.append(part)
        if part == 3:
            waits[0] = False
        time.sleep(0.02)

    with time_limit(60, lambda: not waits[0]), pytest.raises(AbandonedError):
        list(in_parts(work, range(1000)))
    assert 3 in done
    assert len(done) < 200
    count = len(done)
    time.sleep(0.1)
    assert len(done) <= count + THREADS


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_after_a_fork_there_are_threads_again() -> None:
    assert list(in_parts(lambda part: part, range(3))) == [0, 1, 2]
    child = os.fork()
    if child == 0:
        os._exit(0 if list(in_parts(lambda part: part, range(3))) == [0, 1, 2] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_library_that_is_loaded_after_the_first_query_has_one_thread_too() -> None:
    """SciPy has a BLAS of its own, and comes with what is imported late, such as the t-SNE."""
    program = """
import numpy as np
from threadpoolctl import ThreadpoolController, threadpool_info
from tensorboard_activis.query.arithmetic.workers import in_parts
threads = lambda _: sorted({one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"})
first = list(in_parts(threads, range(1)))
before = len(threadpool_info())
import scipy.linalg
assert len(threadpool_info()) > before
with ThreadpoolController().limit(limits=2, user_api="blas"):
    print(first, list(in_parts(threads, range(1))), threads(0))
"""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.split("\n")[0] == "[[1]] [[1]] [2]"
