"""The Python loader without its purging: what counts is found among all events, in the order in which they were written."""

import argparse
from pathlib import Path

import numpy as np
import pytest
from tensorboard import errors
from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
from tensorboard.context import RequestContext
from tensorboard.data.provider import RunTagFilter
from tensorboard.plugins import base_plugin

from tensorboard_activis import metadata
from tensorboard_activis.codec import decode_snapshot
from tensorboard_activis.serve.event_source import RequestScope
from tensorboard_activis.serve.newest import NewestOfEachStep
from tensorboard_activis.serve.runs import Runs
from tensorboard_activis.write.events import EventWriter
from tests.records import small_data, write_run

RUN, CONTEXT = f"run/{metadata.RUN_DIRECTORY}", RequestContext()
_QUESTION: dict = {
    "experiment_id": "",
    "plugin_name": metadata.PLUGIN_NAME,
    "downsample": 1_000,
    "run_tag_filter": RunTagFilter(runs=[RUN, "gone"]),
}


def multiplexer_of(logdir: Path) -> plugin_event_multiplexer.EventMultiplexer:
    multiplexer = plugin_event_multiplexer.EventMultiplexer(
        tensor_size_guidance={"activis": 0}, purge_orphaned_data=False
    )
    multiplexer.AddRunsFromDirectory(str(logdir))
    multiplexer.Reload()
    return multiplexer


def newest(logdir: Path) -> NewestOfEachStep:
    multiplexer = multiplexer_of(logdir)
    return NewestOfEachStep(data_provider.MultiplexerDataProvider(multiplexer, str(logdir)), multiplexer)


def test_the_newest_of_each_step(tmp_path: Path) -> None:
    directory = tmp_path / RUN
    directory.mkdir(parents=True)
    writer = EventWriter(directory, "s")
    for number, step in enumerate((10, 20, 20, 30, 15, 15)):
        writer.write_blob(metadata.SNAPSHOT_TAG, step, bytes([number]), float(number))
    writer.close()
    source = newest(tmp_path)
    data = source.read_blob_sequences(CONTEXT, **_QUESTION)[RUN][metadata.SNAPSHOT_TAG]
    assert [(one.step, one.wall_time) for one in data] == [(10, 0.0), (15, 5.0)]
    assert [source.read_blob(CONTEXT, blob_key=one.values[0].blob_key) for one in data] == [b"\0", b"\5"]
    key = data[0].values[0].blob_key.replace("10", "11")
    with pytest.raises(errors.NotFoundError):
        source.read_blob(CONTEXT, blob_key=key)
    with pytest.raises(errors.NotFoundError):
        source.read_blob(CONTEXT, blob_key=key.replace("run", "gone"))


def test_names_of_any_kind(tmp_path: Path) -> None:
    """Where TensorBoard's fast loader stumbles over its own keys."""
    name = 'ru"n\\ é\n'
    write_run(tmp_path / name, small_data(), (1, 2))
    source = newest(tmp_path)
    question = _QUESTION | {"run_tag_filter": RunTagFilter(runs=[f"{name}/activis"])}
    data = source.read_blob_sequences(CONTEXT, **question)[f"{name}/activis"][metadata.SNAPSHOT_TAG]
    assert [decode_snapshot(source.read_blob(CONTEXT, blob_key=one.values[0].blob_key)).step for one in data] == [1, 2]


def test_two_sessions_of_one_step_are_shown_as_the_newer(tmp_path: Path) -> None:
    old, new = small_data(seed=1), small_data(seed=2)
    write_run(tmp_path / "run", old, (1, 3))
    write_run(tmp_path / "run", new, (3,))
    multiplexer = multiplexer_of(tmp_path)
    context = base_plugin.TBContext(
        data_provider=data_provider.MultiplexerDataProvider(multiplexer, str(tmp_path)),
        multiplexer=multiplexer,
        logdir=str(tmp_path),
        flags=argparse.Namespace(logdir_spec=""),
    )
    runs = Runs(context)
    for step, data in ((1, old), (3, new)):
        mean = runs.snapshot(RequestScope(CONTEXT, ""), "run", step).summary("head").mean[0]
        np.testing.assert_allclose(mean, data.activations["head"].mean(axis=0), atol=1e-6)
