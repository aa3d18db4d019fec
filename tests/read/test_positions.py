"""Peaks and maps are read as they were: compared with the raw values that the run was made from."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tensorboard_activis import open_run, schema
from tensorboard_activis.errors import NotFoundError, UnreadableError
from tensorboard_activis.read.snapshot import SnapshotReader
from tests.positions import FLAT, MAP, SEQUENCE, STRONGEST, WINDOW, Truth, write_positions_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[SnapshotReader, Truth, Path]:
    log_dir = tmp_path_factory.mktemp("run")
    truth = write_positions_run(log_dir)
    return open_run(log_dir).latest, truth, log_dir / "activis"


def damaged(snapshot: SnapshotReader, directory: Path, layer: str, **arrays: np.ndarray) -> SnapshotReader:
    """The snapshot with other arrays of positions in one layer."""
    inline: dict[str, Any] = {
        name: schema.Array(values.dtype.name, values.shape, values.tobytes()) for name, values in arrays.items()
    }
    layers = [
        dataclasses.replace(one, positions=dataclasses.replace(one.positions, **inline))
        if one.name == layer and one.positions is not None
        else one
        for one in snapshot.record.layers
    ]
    return SnapshotReader(dataclasses.replace(snapshot.record, layers=tuple(layers)), directory)


def test_sizes(run: tuple[SnapshotReader, Truth, Path]) -> None:
    snapshot, truth, _ = run
    assert [snapshot.position_sizes(layer) for layer in (SEQUENCE, MAP, FLAT)] == [(-1,), (3, 4), ()]
    assert snapshot.instances["token_texts"].to_pylist() == truth.tokens


@pytest.mark.parametrize("layer", [SEQUENCE, MAP])
def test_peaks_are_where_the_largest_values_are(run: tuple[SnapshotReader, Truth, Path], layer: str) -> None:
    snapshot, truth, _ = run
    peaks = snapshot.peaks(layer)
    assert peaks.dtype == np.int32
    flat = truth.values[layer].reshape(*peaks.shape, -1)
    assert (peaks == np.nanargmax(flat, 2)).all()


@pytest.mark.parametrize("layer", [SEQUENCE, MAP])
def test_the_strongest_have_their_values(run: tuple[SnapshotReader, Truth, Path], layer: str) -> None:
    snapshot, truth, _ = run
    for neuron in range(snapshot.layer(layer).neurons):
        table = snapshot.strongest(layer, neuron)
        value = snapshot.activations(layer)[:, neuron].astype(np.float32)
        rows = table["row"].to_numpy()
        assert rows.tolist() == np.argsort(-value, kind="stable")[:STRONGEST].tolist()
        assert table["id"].to_pylist() == truth.ids[rows].tolist()
        assert table["value"].to_pylist() == value[rows].tolist()
        assert table["peak"].to_pylist() == snapshot.peaks(layer)[rows, neuron].tolist()
        for place, row in enumerate(rows):
            raw = truth.values[layer][row, neuron]
            if layer == SEQUENCE:
                start = table["start"][place].as_py()
                raw = raw[~np.isnan(raw)][start : start + WINDOW]
            shown = np.array(table["values"][place].as_py())
            assert shown.shape == raw.shape
            assert np.abs(shown - raw).max() <= (raw.max() - raw.min()) / 254 / 2 + 1e-6


@pytest.mark.parametrize("layer", [SEQUENCE, MAP])
def test_a_pinned_instance_has_its_whole_map(run: tuple[SnapshotReader, Truth, Path], layer: str) -> None:
    snapshot, truth, _ = run
    row = snapshot.stored_instances - 1
    shown = snapshot.map(layer, row)
    raw = np.moveaxis(truth.values[layer][row], 0, -1)
    raw = raw[: len(truth.tokens[row])] if layer == SEQUENCE else raw
    assert shown.shape == raw.shape
    axes = tuple(range(raw.ndim - 1))
    assert (np.abs(shown - raw) <= (raw.max(axes) - raw.min(axes)) / 254 / 2 + 1e-6).all()


def test_what_is_not_there_is_said(run: tuple[SnapshotReader, Truth, Path]) -> None:
    snapshot, _, directory = run
    with pytest.raises(NotFoundError, match="'head' has no positions: its output is one number"):
        snapshot.peaks(FLAT)
    with pytest.raises(NotFoundError, match="Instance 0 is not pinned, .* name it in pinned="):
        snapshot.map(MAP, 0)
    with pytest.raises(NotFoundError, match="kept instances are 0 to 22; got 23"):
        snapshot.map(MAP, 23)
    with pytest.raises(NotFoundError, match="neurons 0 to 4; got 5"):
        snapshot.strongest(MAP, 5)
    layers = tuple(dataclasses.replace(layer, positions=None) for layer in snapshot.record.layers)
    old = SnapshotReader(dataclasses.replace(snapshot.record, layers=layers), directory)
    assert old.position_sizes(MAP) == ()
    with pytest.raises(NotFoundError, match="logged with positions=0, or by a version"):
        old.peaks(MAP)


def test_a_file_that_lies_is_refused(run: tuple[SnapshotReader, Truth, Path]) -> None:
    snapshot, _, directory = run
    peaks = snapshot.peaks(MAP).astype(np.uint8)
    far = damaged(snapshot, directory, MAP, peaks=np.where(peaks == peaks[0, 0], 12, peaks).astype(np.uint8))
    with pytest.raises(UnreadableError, match=r"a peak at position 12; its positions have the sizes \(3, 4\)"):
        far.peaks(MAP)
    none = damaged(snapshot, directory, MAP, peaks=np.full_like(peaks, 255))
    assert (none.peaks(MAP) == -1).all()
    strongest = np.full((5, STRONGEST), 23, np.int32)
    with pytest.raises(
        UnreadableError, match="has instance 23 among the strongest of neuron 0; the kept ones are 0 to 22"
    ):
        damaged(snapshot, directory, MAP, strongest=strongest).strongest(MAP, 0)
    empty = damaged(snapshot, directory, MAP, strongest=np.full((5, STRONGEST), -7, np.int32))
    assert empty.strongest(MAP, 0).num_rows == 0
    ranges = np.full((5, STRONGEST, 2), np.inf, np.float32)
    ranges[..., 0] = -np.inf
    assert np.isnan(damaged(snapshot, directory, MAP, map_range=ranges).strongest(MAP, 0)["values"][0].as_py()).any()
    problem = tuple(
        dataclasses.replace(layer, positions=None, positions_problem="It lies.") for layer in snapshot.record.layers
    )
    with pytest.raises(UnreadableError, match=r"It lies\."):
        SnapshotReader(dataclasses.replace(snapshot.record, layers=problem), directory).strongest(MAP, 0)


def test_a_log_from_before_there_were_positions_opens_as_ever() -> None:
    run = open_run(Path(__file__).parent / "written_before_classes_were_packed")
    snapshot = run.latest
    for layer in snapshot.layers:
        assert snapshot.position_sizes(layer) == ()
        assert snapshot.activations(layer).shape == (snapshot.stored_instances, snapshot.layers[layer].neurons)
        with pytest.raises(NotFoundError, match="(has no positions|were not recorded)"):
            snapshot.peaks(layer)
