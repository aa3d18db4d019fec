"""What is computed or answered for one snapshot is never given for another, whatever it says that it is."""

import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tensorboard_activis.blobs import event_files, read_blobs
from tensorboard_activis.capture.batch_record import BatchRecord
from tensorboard_activis.capture.recorder import Recorder
from tensorboard_activis.codec import decode_snapshot
from tensorboard_activis.query.projection.continuity import continuous_pca
from tensorboard_activis.query.projection.pca import Projection
from tensorboard_activis.read.array_file import ArrayFile
from tensorboard_activis.read.run import open_run
from tensorboard_activis.write.events import EventWriter
from tests.records import (
    CLASSES,
    Data,
    depth_of,
    small_data,
    small_graph,
    small_health,
    small_layers,
    small_positions,
    write_run,
)
from tests.serve.client import Client
from tests.serve.route_parameters import ROUTE_PARAMETERS, about

#: Large enough that all is in files, or so small that all numbers are in the event.
FILED, INLINE = 0, 1 << 16


@pytest.fixture(autouse=True)
def no_disk_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENSORBOARD_ACTIVIS_CACHE", "")


def answers(client: Client, run: str, names: dict[str, str] | None = None) -> tuple[dict[str, bytes], dict[str, str]]:
    """Bodies and ETags of all routes about a run; `names` are the ETags that the client has already."""
    bodies, etags = {}, {}
    for route, question in ROUTE_PARAMETERS.items():
        if route == "runs":
            continue
        headers = {"If-None-Match": f'"{names[route]}"'} if names else None
        response = client.get(route, headers, **about(question, run))
        assert response.status_code in (200, 304), response.get_data(as_text=True)
        etags[route] = response.headers["ETag"].strip('"')
        if response.status_code == 200:
            bodies[route] = response.get_data()
        else:
            assert names is not None
            assert etags[route] == names[route]
    return bodies, etags


def alone(run: Path, logdir: Path) -> dict[str, bytes]:
    """What a server says that has never seen anything but this run."""
    shutil.copytree(run, logdir / run.name)
    return answers(Client(logdir), run.name)[0]


def disguise(run: Path, like: Path) -> None:
    """Gives a run the session, times and names of files of another one, each of one step."""
    directory, (model,) = run / "activis", event_files(like / "activis")
    (events,) = event_files(directory)
    mine, theirs = (read_blobs(each.parent).blobs for each in (events, model))
    old, new = (decode_snapshot(blobs[-1].content) for blobs in (mine, theirs))
    events.unlink()
    writer = EventWriter(directory, new.session)
    writer.path = directory / model.name
    contents = {
        blob.tag: blob.content.replace(old.session.encode(), new.session.encode()).replace(
            struct.pack("<d", old.wall_time), struct.pack("<d", new.wall_time)
        )
        for blob in mine
    }
    writer.write_blobs(contents, new.step, theirs[-1].wall_time)
    writer.close()
    for path in directory.iterdir():
        path.rename(path.with_name(path.name.replace(old.session, new.session)))
    record = open_run(run).latest.record
    assert (record.session, record.step, record.wall_time) == (new.session, new.step, new.wall_time)


def with_other_arrays(run: Path) -> None:
    """Turns the activations upside down, in place; sizes and times of the file stay."""
    (path,) = (run / "activis").glob("*.safetensors")
    times = os.stat(path)
    file = ArrayFile(path)
    with path.open("r+b") as out:
        for name in ("activations/0", "activations/1"):
            tensor = file.tensor(name)
            out.seek(tensor.begin)
            out.write(np.ascontiguousarray(file.read(tensor)[::-1]).tobytes())
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def imitation(good: Path, bad: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writes a good run, and one that says that it is the same and holds something else."""
    monkeypatch.setattr("tensorboard_activis.write.arrays.INLINE_BYTES", INLINE if kind == "record" else FILED)
    write_run(good, small_data(), (5,))
    if kind == "arrays":
        shutil.copytree(good, bad)
        with_other_arrays(bad)
        one, other = (open_run(run).latest for run in (good, bad))
        assert one.record.digest == other.record.digest
        assert one.digest != other.digest
    else:
        write_run(bad, small_data(seed=3), (5,))
        disguise(bad, good)


KINDS = pytest.mark.parametrize("kind", ["record", "files", "arrays"])


@KINDS
def test_a_run_that_imitates_another_shares_nothing_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    logs = tmp_path / "logs"
    imitation(logs / "run1", logs / "run2", kind, monkeypatch)
    expected = {run: alone(logs / run, tmp_path / run) for run in ("run1", "run2")}
    assert expected["run1"] != {route: body.replace(b"run2", b"run1") for route, body in expected["run2"].items()}
    client = Client(logs)
    good, names = answers(client, "run1")
    assert good == expected["run1"]
    bad, others = answers(client, "run2")
    assert bad == expected["run2"]
    assert answers(client, "run1")[0] == expected["run1"]
    different = [route for route in ROUTE_PARAMETERS if bad.get(route) != good.get(route)]
    assert different
    assert [route for route in different if names[route] == others[route]] == []


@KINDS
def test_a_run_that_is_replaced_by_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Removed, and another copied to its place, which has the same names, steps, sessions and times."""
    logs, other = tmp_path / "logs", tmp_path / "other" / "run1"
    imitation(logs / "run1", other, kind, monkeypatch)
    expected = alone(other, tmp_path / "alone")
    client = Client(logs)
    before, names = answers(client, "run1")
    client.json("runs")
    shutil.rmtree(logs / "run1")
    client.reload()  # TensorBoard forgets it
    shutil.copytree(other, logs / "run1")
    client.reload()
    after, _ = answers(client, "run1", names)
    assert before | after == expected
    assert after.keys() >= {"matrix", "projection", "activation"}
    (listed,) = client.json("runs")["runs"]
    assert listed["steps"][0]["digest"] == open_run(other).latest.record.digest
    assert listed["steps"][0]["accuracy"] == open_run(other).latest.record.metrics["accuracy"]


def test_files_that_are_replaced_under_a_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tensorboard_activis.write.arrays.INLINE_BYTES", FILED)
    write_run(tmp_path / "logs" / "run1", small_data(), (5,))
    client = Client(tmp_path / "logs")
    before, names = answers(client, "run1")
    assert answers(client, "run1", names) == ({}, names)
    with_other_arrays(tmp_path / "logs" / "run1")
    after, _ = answers(client, "run1", names)
    assert before | after == alone(tmp_path / "logs" / "run1", tmp_path / "alone")
    (table,) = (tmp_path / "logs" / "run1" / "activis").glob("*.parquet")
    table.unlink()
    question = ROUTE_PARAMETERS["snapshot"]
    described = client.get("snapshot", {"If-None-Match": f'"{names["snapshot"]}"'}, **question)
    assert described.status_code == 200
    assert "is missing" in described.get_data(as_text=True)


def write_step(recorder: Recorder, step: int, data: Data) -> None:
    with small_positions(data), recorder.snapshot(step) as evaluation:
        evaluation.add(
            BatchRecord(
                data.activations,
                inputs=data.images,
                labels=data.labels,
                outputs=data.logits,
                ids=data.ids.tolist(),
                channels="first",
                depth=depth_of(data, slice(None)),
            )
        )


@pytest.mark.parametrize("sessions", [1, 2])
@pytest.mark.parametrize("inline", [INLINE, FILED])
def test_a_step_that_is_logged_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inline: int, sessions: int
) -> None:
    monkeypatch.setattr("tensorboard_activis.write.arrays.INLINE_BYTES", inline)

    def begun() -> Recorder:
        made = Recorder(tmp_path / "logs" / "run1", small_graph(), small_layers(), class_names=CLASSES, strict=True)
        made.session.write_health(small_health(made.session.name))
        return made

    recorder = begun()
    for step in (3, 5):
        write_step(recorder, step, small_data())
    client = Client(tmp_path / "logs")
    before, names = answers(client, "run1")
    digests = [step["digest"] for step in client.json("runs")["runs"][0]["steps"]]
    if sessions == 2:
        recorder.close()
        recorder = begun()
    write_step(recorder, 5, small_data(seed=1))
    recorder.close()
    client.reload()
    after, _ = answers(client, "run1", names)
    assert before | after == alone(tmp_path / "logs" / "run1", tmp_path / "alone")
    same = {"graph", "findings"} | ({"health"} if sessions == 1 else set())  # the same graph; neither has findings
    assert set(after) == set(before) - same
    first, second = (step["digest"] for step in client.json("runs")["runs"][0]["steps"])
    assert first == digests[0]
    assert second not in digests


@KINDS
def test_a_layout_of_one_is_not_shown_for_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """By t-SNE, which is computed in the background: here it gives the activations themselves."""
    imitation(tmp_path / "run1", tmp_path / "run2", kind, monkeypatch)

    def tsne(activations: np.ndarray, initial: np.ndarray, report: object) -> np.ndarray:
        return activations[:, :2].astype(np.float32)

    monkeypatch.setattr("tensorboard_activis.query.projection.continuity.tsne", tsne)
    monkeypatch.setattr("tensorboard_activis.query.projection.continuity.version", lambda: "1")
    monkeypatch.setattr("tensorboard_activis.serve.projections.available", lambda: True)
    client = Client(tmp_path)
    for run in ("run1", "run2", "run1"):
        question: dict = {"run": run, "step": 5, "layer": "head"}
        state = client.action("start", **question)[1]["state"]
        while state != "done":
            _, metadata = client.numbers("projection", method="tsne", **question)
            state = metadata["state"]
        xy = client.numbers("projection", method="tsne", **question)[0]["xy"]
        np.testing.assert_array_equal(xy, open_run(tmp_path / run).latest.activations("head")[:, :2])


def test_rows_are_matched_by_id_where_names_of_files_lie(tmp_path: Path) -> None:
    """The other run's table has the name of this one's, and its instances in another order."""
    data = small_data()
    write_run(tmp_path / "run1", data, (5,))
    write_run(tmp_path / "run2", data, (5,))
    table = open_run(tmp_path / "run2").latest.instances
    (path,) = (tmp_path / "run2" / "activis").glob("*.parquet")
    turned = pq.read_table(path).take(list(range(table.num_rows))[::-1])
    pq.write_table(turned, path)
    client = Client(tmp_path)
    question: dict = {"run": "run1", "step": 5, "layer": "head", "rows": [{"instance": 0}]}
    there = {"run": "run2", "step": 5}
    mean = client.numbers("matrix", **question, rows_of=there)[0]["mean"][0]
    identity = turned["id"][0].as_py()
    np.testing.assert_allclose(mean, data.activations["head"][identity - 100], atol=1e-3)
    layout = client.numbers("projection", run="run1", step=5, layer="head", like=there)
    assert layout[1]["aligned"] == len(data.labels)


def test_equal_snapshots_follow_each_its_own_run(tmp_path: Path) -> None:
    """Principal components keep the signs of the step before: that of the own run, though the last is the same in both."""
    for number, run in enumerate(("one", "two")):
        write_run(tmp_path / run, small_data(40, seed=number), (1,), sample=None)
        write_run(tmp_path / run, small_data(40), (2,), sample=None)
    kept: dict[object, Projection] = {}

    def keep(key: object, make: Callable[[], Projection]) -> Projection:
        return kept.setdefault(key, make())

    one, two = (
        [run.snapshot(step) for step in run.steps] for run in map(open_run, (tmp_path / "one", tmp_path / "two"))
    )
    last = one[1]
    mixed = [*two[:1], last]
    assert not two[0].same_instances(last)
    for snapshots in (one, mixed, two):
        xy = continuous_pca(snapshots, "head", keep).xy
        np.testing.assert_array_equal(xy, continuous_pca(snapshots, "head").xy)
