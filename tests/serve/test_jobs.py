"""Background jobs: one at a time, bounded, cancelled, failed."""

import os
import sys
import threading
import time
from collections.abc import Callable

import pytest

from tensorboard_activis.errors import ActiVisError
from tensorboard_activis.query.limits import TooLargeError
from tensorboard_activis.serve.jobs import QUEUE, Job, Jobs

#: The lowest priority that there is.
LOWEST = 19


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_job_runs_once_and_reports() -> None:
    jobs: Jobs[int] = Jobs()
    go, made = threading.Event(), []

    def work(job: Job[int]) -> int:
        made.append(job)
        assert job.report(0.5, 1)
        go.wait(120)
        return 2

    job = jobs.submit("a", work)
    until(lambda: job.progress == 0.5)
    assert (job.state, job.result) == ("running", 1)
    assert jobs.submit("a", work) is job
    go.set()
    until(lambda: job.state == "done")
    assert (job.result, job.progress, len(made)) == (2, 1.0, 1)
    assert jobs.submit("a", work) is job


def test_waiting_jobs_are_bounded_and_can_be_cancelled() -> None:
    jobs: Jobs[int] = Jobs()
    go = threading.Event()

    def work(job: Job[int]) -> int:
        while job.report(0.1, 0) and not go.is_set():
            time.sleep(0.005)
        return 3

    first = jobs.submit("first", work)
    until(lambda: first.state == "running")
    waiting = [jobs.submit(index, work) for index in range(QUEUE)]
    with pytest.raises(TooLargeError, match=f"{QUEUE} computations of this kind are already waiting"):
        jobs.submit("more", work)
    jobs.cancel(3)
    assert waiting[3].state == "cancelled"
    more = jobs.submit("more", work)
    jobs.cancel("first")
    until(lambda: waiting[0].state == "running")
    assert first.state == "cancelled"
    go.set()
    until(lambda: more.state == "done")
    assert waiting[3].result is None
    assert jobs.cancel("nothing") is None


def test_a_job_that_nobody_asks_for_ends_and_can_be_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tensorboard_activis.serve.jobs.ABANDONED_SECONDS", 60.0)
    jobs: Jobs[int] = Jobs()
    go, begun = threading.Event(), []

    def work(job: Job[int]) -> int:
        begun.append(job)
        while job.report(0.1, 0) and not go.is_set():
            time.sleep(0.005)
        return 3

    job, waiting = jobs.submit("a", work), jobs.submit("b", work)
    until(lambda: job.state == "running")
    for _ in range(5):  # its tab is open, and asks every 40 seconds
        job.last_polled -= 40
        assert jobs.submit("a", work) is job
        time.sleep(0.02)
    assert job.state == "running"
    for one in (job, waiting):
        one.last_polled -= 100
    until(lambda: job.state == "cancelled")
    until(lambda: waiting.state == "cancelled")
    assert begun == [job]
    go.set()
    again = jobs.submit("a", work)
    until(lambda: again.state == "done")
    assert again.result == 3


def test_results_are_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tensorboard_activis.serve.jobs.MAX_RESULT_BYTES", 25)
    jobs: Jobs[str] = Jobs(len)
    for key in "abc":
        job = jobs.submit(key, lambda job: 10 * "x")
        until(lambda job=job: job.state == "done")  # type: ignore[misc]
    jobs.submit("d", lambda job: "x")
    assert [key for key in "abc" if jobs.find(key)] == ["b", "c"]


@pytest.mark.parametrize("error", [ActiVisError("no"), KeyError("x")])
def test_a_failed_job_says_why_and_can_be_asked_again(error: Exception) -> None:
    jobs: Jobs[int] = Jobs()

    def fail(job: Job[int]) -> int:
        raise error

    job = jobs.submit("a", fail)
    until(lambda: job.state == "failed")
    assert job.problem is error
    again = jobs.submit("a", lambda job: 1)
    until(lambda: again.state == "done")


@pytest.mark.skipif(sys.platform != "linux", reason="only there has a thread a priority of its own")
def test_jobs_give_way_to_requests() -> None:
    jobs: Jobs[int] = Jobs()
    own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())  # 0, or what `nice` says
    job = jobs.submit("a", lambda job: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
    until(lambda: job.state == "done")
    assert job.result == min(own + 10, LOWEST)
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == own
