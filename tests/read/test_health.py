"""Parts of training health are joined: over sessions and restarts, with layers that come and go."""

from pathlib import Path

import numpy as np
import pytest

from tensorboard_activis import blobs, metadata, open_run
from tensorboard_activis.blobs import read_blobs
from tensorboard_activis.capture.recorder import Recorder
from tensorboard_activis.errors import NotFoundError, UnreadableError
from tensorboard_activis.health_codec import decode_health, make_health
from tensorboard_activis.health_part import HealthLayer, HealthPart
from tensorboard_activis.read import health as reading
from tensorboard_activis.read import run as reading_run
from tensorboard_activis.read.health import Health
from tests.records import small_data, small_graph, small_health, small_layers, write_run


def part(session: str, steps: range, value: float, layers: tuple[str, ...] = ("a", "b")) -> HealthPart:
    values = np.full((1, len(layers), len(steps)), value, np.float32)
    found = tuple(HealthLayer(name) for name in layers)
    return make_health(session, 0, tuple(steps), ("m",), found, values, values[0, 0], steps.step)


def of_parts(records: list[HealthPart]) -> Health:
    health = reading.joined(records)
    assert health is not None
    return health


def test_nothing_is_nothing():
    assert reading.joined([]) is None


def test_parts_of_a_session_follow_each_other():
    health = of_parts([part("s", range(0, 10, 2), 1), part("s", range(10, 20, 5), 2)])
    assert health.steps.tolist() == [0, 2, 4, 6, 8, 10, 15]
    assert health.values.tolist() == [[[1, 1, 1, 1, 1, 2, 2]] * 2]
    assert health.loss.tolist() == [1, 1, 1, 1, 1, 2, 2]
    assert health.every == 5


def test_after_a_restart_the_newer_counts_whatever_the_order_of_files():
    old = [part("s1", range(10), 1), part("s1", range(10, 20), 1), part("s1", range(20, 30), 1)]
    new = [part("s2", range(15, 18), 2), part("s2", range(18, 21), 2)]
    for records in ([*old, *new], [*new, *old]):
        health = of_parts(records)
        assert health.steps.tolist() == list(range(21))
        assert health.of("m", "a").tolist() == [1.0] * 15 + [2.0] * 6


def test_a_restart_from_the_beginning_replaces_all():
    assert of_parts([part("s1", range(50), 1), part("s2", range(3), 2)]).steps.tolist() == [0, 1, 2]


def test_layers_that_only_some_parts_have_are_nan_elsewhere():
    health = of_parts([part("s", range(2), 1, ("a", "gone")), part("s", range(2, 4), 2, ("new", "a"))])
    assert [layer.name for layer in health.layers] == ["new", "a", "gone"]
    np.testing.assert_array_equal(health.of("m", "new"), [np.nan, np.nan, 2, 2])
    np.testing.assert_array_equal(health.of("m", "gone"), [1, 1, np.nan, np.nan])
    with pytest.raises(KeyError, match="there are m of new, a, gone"):
        health.of("m", "c")


def test_more_than_memory_holds_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reading, "MOST_VALUES", 10)
    with pytest.raises(UnreadableError, match="at most 10 values"):
        of_parts([part("s", range(6), 1)])


def test_a_run_has_its_health(tmp_path: Path):
    write_run(tmp_path, small_data(), (1,))
    health = open_run(tmp_path).health
    assert [layer.name for layer in health.layers] == ["stem.conv", "head"]
    assert health.values.shape == (2, 2, 25)
    expected = np.arange(1, 101, dtype=np.float32).reshape(2, 2, 25) / 1024
    np.testing.assert_allclose(health.values, expected, rtol=2.0**-8)


def write_parts(log_dir: Path, count: int) -> None:
    """So many events of training health of one session, of four steps each."""
    recorder = Recorder(log_dir, small_graph(), small_layers(), strict=True)
    for number in range(count):
        steps = range(4 * number, 4 * number + 4)
        recorder.session.write_health(small_health(recorder.session.name, steps))
    recorder.close()


def test_so_many_events_are_held_and_decoded_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Counts what is held before it is joined, of a run with many more events than that."""
    write_parts(tmp_path, 40)
    directory = tmp_path / metadata.RUN_DIRECTORY
    sizes = [len(one.content) for one in read_blobs(directory).blobs if one.tag == metadata.HEALTH_TAG]
    assert len(sizes) == 40
    decoded: list[int] = []

    def counted(blob: bytes) -> HealthPart:
        decoded.append(len(blob))
        return decode_health(blob)

    monkeypatch.setattr(reading_run, "decode_health", counted)
    monkeypatch.setattr(blobs, "MOST_HEALTH", sum(sizes[:12]) + 12 * blobs.HEALTH_EVENT)
    run = open_run(tmp_path)
    assert decoded == sizes[:12]
    assert run.health.steps.tolist() == list(range(48))
    (problem,) = run.problems
    assert problem.startswith("Training health from step 51 on is not read: the 12 events before it take")


def test_a_run_without_health_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tensorboard_activis.capture.session.Session.write_health", lambda self, health: None)
    write_run(tmp_path, small_data(), (1,))
    with pytest.raises(NotFoundError, match="health=True"):
        _ = open_run(tmp_path).health


def test_health_of_another_session_is_joined_from_files(tmp_path: Path):
    write_run(tmp_path, small_data(), (1,))
    write_run(tmp_path, small_data(), (2,))
    assert open_run(tmp_path).health.steps.tolist() == list(range(25))
