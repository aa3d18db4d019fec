"""Names, directories, damage, caches and parameters behind the routes."""

import os
import time
from pathlib import Path

import pytest
import werkzeug.test

from tensorboard_activis.errors import QueryError
from tensorboard_activis.serve.cache import Cache
from tensorboard_activis.serve.damage import DamageWatch
from tensorboard_activis.serve.directories import Root, roots, run_directory, shown_name
from tensorboard_activis.serve.parameters import Parameters, parse_parameters
from tests.records import small_data, write_run
from tests.serve.client import Client


@pytest.mark.parametrize(
    ("logdir", "spec", "expected"),
    [
        ("logs", "", [Root("", "logs")]),
        ("", "a:/x,b:/y/z", [Root("a", "/x"), Root("b", "/y/z")]),
        ("", "/x,b:y", [Root("", "/x"), Root("b", "y")]),
        ("", "gs://bucket/x", [Root("", "gs://bucket/x")]),
        ("", "a:gs://bucket/x", [Root("a", "gs://bucket/x")]),
        ("", "", []),
    ],
)
def test_roots(logdir: str, spec: str, expected: list[Root]) -> None:
    assert roots(logdir, spec) == expected


def test_run_directories(tmp_path: Path) -> None:
    for inner in ("x/run/activis", "y/activis"):
        (tmp_path / inner).mkdir(parents=True)
    plain, named = [Root("", str(tmp_path / "x"))], [Root("a", str(tmp_path / "x")), Root("b", str(tmp_path / "y"))]
    assert run_directory("run/activis", plain) == tmp_path / "x/run/activis"
    assert run_directory(".", plain) == tmp_path / "x"
    assert run_directory("a/run/activis", named) == tmp_path / "x/run/activis"
    assert run_directory("b/activis", named) == tmp_path / "y/activis"
    assert run_directory("a", named) == tmp_path / "x"
    for name in ("nothing", "../y/activis", "run/../../y", "/etc", "run\0", "c/activis", "ab/run/activis"):
        assert run_directory(name, plain) is None
        assert run_directory(name, named) is None


@pytest.mark.parametrize(
    ("run", "shown"), [("run1/activis", "run1"), ("a/b/activis", "a/b"), ("activis", "."), ("x", "x"), (".", ".")]
)
def test_shown_names(run: str, shown: str) -> None:
    assert shown_name(run) == shown


def event_file(log_dir: Path) -> Path:
    (path,) = (log_dir / "activis").glob("*tfevents*")
    return path


def test_a_truncated_file_is_said_once_nobody_writes_it(tmp_path: Path) -> None:
    write_run(tmp_path, small_data(), (1, 2))
    path, watch = event_file(tmp_path), DamageWatch()
    assert watch.problems(path.parent) == []
    content = path.read_bytes()
    path.write_bytes(content[:-10])
    assert watch.problems(path.parent) == []  # perhaps it is being written
    os.utime(path, (time.time() - 100,) * 2)
    (problem,) = watch.problems(path.parent)
    assert "cut off in the middle of a record" in problem
    path.write_bytes(content)
    assert watch.problems(path.parent) == []


def test_a_damaged_file_is_said(tmp_path: Path) -> None:
    write_run(tmp_path, small_data(), (1, 2))
    path = event_file(tmp_path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    (problem,) = DamageWatch().problems(path.parent)
    assert "is damaged at byte" in problem


def test_a_truncated_run_still_shows_what_is_complete(tmp_path: Path) -> None:
    write_run(tmp_path / "run1", small_data(), (1, 2))
    path = event_file(tmp_path / "run1")
    path.write_bytes(path.read_bytes()[:-10])
    os.utime(path, (time.time() - 100,) * 2)
    client = Client(tmp_path)
    (run,) = client.json("runs")["runs"]
    assert "cut off" in run["problems"][0]
    assert [step["step"] for step in run["steps"]] == [1]
    assert client.json("snapshot", run="run1", step=1)["problems"] == []


def test_a_newer_session_supersedes_an_older_ones_later_steps(tmp_path: Path) -> None:
    write_run(tmp_path / "run1", small_data(), (10, 20, 30))
    time.sleep(0.01)
    write_run(tmp_path / "run1", small_data(seed=1), (25, 35))
    client = Client(tmp_path)
    (run,) = client.json("runs")["runs"]
    assert [step["step"] for step in run["steps"]] == [10, 20, 25, 35]
    assert client.error("snapshot", run="run1", step=30)[0] == 404


def test_a_step_that_is_logged_again_is_the_newer_one(tmp_path: Path) -> None:
    write_run(tmp_path / "run1", small_data(), (10, 20))
    time.sleep(1.1)  # event files are in the order of the second in which they were made
    data = small_data(seed=5)
    write_run(tmp_path / "run1", data, (20,))
    ten, twenty = Client(tmp_path).json("runs")["runs"][0]["steps"]
    assert twenty["accuracy"] == pytest.approx((data.logits.argmax(axis=1) == data.labels).mean())
    assert ten["accuracy"] != twenty["accuracy"]


def test_caches_forget_what_was_used_longest_ago() -> None:
    cache: Cache[str] = Cache(10)
    made: list[str] = []

    def get(key: str, weight: int) -> str:
        return cache.get(key, lambda: made.append(key) or key, lambda value: weight)  # type: ignore[func-returns-value]

    for key, weight in (("a", 4), ("b", 4), ("a", 4), ("c", 4), ("a", 4), ("b", 4)):
        get(key, weight)
    assert made == ["a", "b", "c", "b"]
    get("huge", 99)
    assert len(cache) == 1


def test_errors_are_not_remembered() -> None:
    cache: Cache[int] = Cache(3)
    with pytest.raises(ZeroDivisionError):
        cache.get("a", lambda: 1 // 0)
    assert cache.get("a", lambda: 7) == 7


@pytest.mark.parametrize("value", ["", "x", "1.5", "1e3", "9" * 30, True, None, 2.0, [1], 2**70])
def test_not_whole_numbers(value: object) -> None:
    for texts in (True, False):
        with pytest.raises(QueryError):
            Parameters({"n": value}, texts).integer("n")


def test_parameters_of_both_kinds() -> None:
    got = parse_parameters(
        werkzeug.test.EnvironBuilder(query_string={"n": "-3", "t": "é", "j": '{"a": [1]}', "b": "true"}).get_request()
    )
    posted = parse_parameters(
        werkzeug.test.EnvironBuilder(method="POST", json={"n": -3, "t": "é", "j": {"a": [1]}, "b": True}).get_request()
    )
    for given in (got, posted):
        assert (given.integer("n"), given.string("t"), given.structure("j"), given.boolean("b")) == (
            -3,
            "é",
            {"a": [1]},
            True,
        )
        assert (given.optional_string("none"), given.structure("none"), given.integer("none", 4)) == (None, None, 4)
        assert given.boolean("none") is False
