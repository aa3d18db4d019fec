"""Maps of instances against the raw values that the run was made from, by numpy and by hand."""

import numpy as np
import pytest

from tensorboard_activis import open_run
from tensorboard_activis.errors import NotFoundError, QueryError
from tensorboard_activis.query.positions.maps import InstanceMaps, instance_maps
from tensorboard_activis.query.positions.neuron import count_peaks, neuron_positions
from tensorboard_activis.read.snapshot import SnapshotReader
from tests.positions import FLAT, MAP, SEQUENCE, STRONGEST, WINDOW, Truth, write_positions_run

Run = tuple[SnapshotReader, Truth]
NEURON = 2


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    log_dir = tmp_path_factory.mktemp("run")
    truth = write_positions_run(log_dir)
    return open_run(log_dir).latest, truth


def values_of(answer: InstanceMaps) -> list[np.ndarray]:
    """The values of each map, taken out of those of all."""
    sizes = [int(np.prod(one.map_sizes)) if one.map_sizes else 0 for one in answer.maps]
    assert sum(sizes) == answer.values.size
    parts = np.split(answer.values, np.cumsum(sizes)[:-1])
    return [part.reshape(one.map_sizes or (0,)) for part, one in zip(parts, answer.maps, strict=True)]


def strongest(truth: Truth, layer: str) -> list[int]:
    """The instances of largest mean, ties by index."""
    values = truth.values[layer][:, NEURON]
    mean = np.nanmean(values.reshape(len(values), -1), 1).astype(np.float16)
    return np.argsort(-mean, kind="stable")[:STRONGEST].tolist()


def step(values: np.ndarray) -> float:
    """Half a step of eight bits."""
    return float(np.nanmax(values) - np.nanmin(values)) / 254 / 2 + 1e-6


def test_a_sequence_has_a_value_and_a_token_at_each_position(run: Run) -> None:
    snapshot, truth = run
    everyone = list(range(len(truth.ids)))
    answer = instance_maps(snapshot, SEQUENCE, NEURON, everyone)
    kept = strongest(truth, SEQUENCE)
    for index, one, found in zip(everyone, answer.maps, values_of(answer), strict=True):
        raw = truth.values[SEQUENCE][index, NEURON]
        length = len(truth.tokens[index])
        assert (one.index, one.id, one.start, one.length) == (index, truth.ids[index], 0, length)
        assert one.tokens == tuple(truth.tokens[index])
        assert one.peak == np.nanargmax(raw)
        assert one.value == np.float16(np.nanmean(raw))
        known = "whole" if index == everyone[-1] or length <= WINDOW else "window"
        if index in kept or index == everyone[-1]:
            assert one.known == known
            there = ~np.isnan(found)
            assert there.sum() == (length if known == "whole" else WINDOW)
            assert there[one.peak]
            np.testing.assert_allclose(found[there], raw[:length][there], atol=step(raw))
        else:
            assert one.known == "peak"
            assert np.isnan(found).all()
            assert found.shape == (length,)


def test_a_long_sequence_is_shown_around_its_peak(run: Run) -> None:
    snapshot, truth = run
    long = [index for index, tokens in enumerate(truth.tokens) if len(tokens) > 4]
    answer = instance_maps(snapshot, SEQUENCE, NEURON, long, room=4)
    assert len(long) > 3
    for index, one in zip(long, answer.maps, strict=True):
        assert one.start == min(max(one.peak - 2, 0), len(truth.tokens[index]) - 4)
        assert one.tokens == tuple(truth.tokens[index][one.start : one.start + 4])
        assert one.length == len(truth.tokens[index])
        assert one.map_sizes == (4,)


def test_a_map_is_whole_or_its_peak_alone(run: Run) -> None:
    snapshot, truth = run
    everyone = list(range(len(truth.ids)))
    answer = instance_maps(snapshot, MAP, NEURON, everyone[::-1])
    kept = {*strongest(truth, MAP), everyone[-1]}
    assert answer.sizes == (3, 4)
    for index, one, found in zip(everyone[::-1], answer.maps, values_of(answer), strict=True):
        raw = truth.values[MAP][index, NEURON]
        assert one.peak == raw.argmax()
        assert (one.tokens, one.length) == (None, None)
        if index in kept:
            assert (one.known, one.map_sizes) == ("whole", (3, 4))
            np.testing.assert_allclose(found, raw, atol=step(raw))
        else:
            assert (one.known, one.map_sizes) == ("peak", ())


@pytest.mark.parametrize(("layer", "signed"), [(SEQUENCE, True), (MAP, False)])
def test_the_strongest_set_one_scale_for_all(run: Run, layer: str, signed: bool) -> None:
    snapshot, truth = run
    scale = instance_maps(snapshot, layer, NEURON, [0]).scale
    assert scale == neuron_positions(snapshot, layer, NEURON).scale
    raw = truth.values[layer][strongest(truth, layer), NEURON]
    assert scale.signed == signed
    assert np.nanpercentile(np.abs(raw), 90) < scale.end < 2.1 * np.nanmax(np.abs(raw))


def test_what_lies_just_below_zero_needs_no_second_side(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of GELU: the scale then says that something lies below."""
    snapshot, _ = run
    values = np.full((1, 3, 4), 2.0, np.float32)
    values[0, 0, 0] = -0.17
    stored = snapshot.positions(MAP).strongest(NEURON)
    monkeypatch.setattr(
        "tensorboard_activis.read.positions.LayerPositions.strongest",
        lambda self, neuron: type(stored)(np.array([0]), np.array([1]), None, values),
    )
    scale = instance_maps(snapshot, MAP, NEURON, []).scale
    assert (scale.signed, scale.below) == (False, True)
    values[0, 0, 0] = -1
    assert instance_maps(snapshot, MAP, NEURON, []).scale.signed


def test_the_strongest_instances_come_with_their_maps(run: Run) -> None:
    snapshot, truth = run
    answer = neuron_positions(snapshot, SEQUENCE, NEURON)
    kept = strongest(truth, SEQUENCE)
    assert [one.index for one in answer.strongest] == kept
    other = instance_maps(snapshot, SEQUENCE, NEURON, kept)
    assert list(answer.strongest) == list(other.maps)
    np.testing.assert_array_equal(answer.values, other.values)


@pytest.mark.parametrize("layer", [SEQUENCE, MAP])
def test_peaks_are_counted_above_the_median(run: Run, layer: str) -> None:
    snapshot, truth = run
    answer = neuron_positions(snapshot, layer, NEURON)
    raw = truth.values[layer][:-1, NEURON].reshape(len(truth.ids) - 1, -1)  # without the pinned one
    mean = np.nanmean(raw, 1).astype(np.float16).astype(np.float64)
    peaks = np.nanargmax(raw, 1)
    chosen = peaks[mean > np.median(mean)]
    assert answer.counted == len(chosen) == len(mean) // 2
    longest = (peaks.max() + 1,) if layer == SEQUENCE else (3, 4)
    assert answer.longest == answer.cells == longest
    assert answer.counts.tolist() == np.bincount(chosen, minlength=int(np.prod(longest))).tolist()


def test_cells_are_coarser_than_a_large_map() -> None:
    cells, counts = count_peaks(np.array([0, 63, 64 * 63, 64 * 64 - 1, 64 * 64 - 1]), (64, 64))
    grid = counts.reshape(cells)
    assert cells == (16, 16)
    assert (grid[0, 0], grid[0, -1], grid[-1, 0], grid[-1, -1], grid.sum()) == (1, 1, 1, 2, 5)
    assert count_peaks(np.array([99]), (100,))[0] == (32,)
    assert count_peaks(np.array([], int), (0,))[1].size == 0


def test_tokens_at_the_peaks_by_their_mean(run: Run) -> None:
    snapshot, truth = run
    raw = truth.values[SEQUENCE][:-1, NEURON]
    means: dict[str, list[float]] = {}
    for index, values in enumerate(raw):
        token = truth.tokens[index][int(np.nanargmax(values))]
        means.setdefault(token, []).append(float(np.float16(np.nanmean(values))))
    expected = sorted(((np.mean(own), token, len(own)) for token, own in means.items() if len(own) >= 3), reverse=True)
    assert expected
    answer = neuron_positions(snapshot, SEQUENCE, NEURON)
    assert [(one.token, one.n) for one in answer.tokens] == [(token, n) for _, token, n in expected]
    np.testing.assert_allclose([one.mean for one in answer.tokens], [mean for mean, _, _ in expected])
    assert not neuron_positions(snapshot, MAP, NEURON).tokens


def test_tokens_that_are_fewer_than_the_positions_are_not_those_of_the_layer(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot, _ = run
    peaks = snapshot.peaks(SEQUENCE)[:, NEURON].copy()
    peaks[0] = 1000
    monkeypatch.setattr("tensorboard_activis.read.positions.LayerPositions.peaks", lambda self, neuron: peaks)
    answer = instance_maps(snapshot, SEQUENCE, NEURON, [0, 1])
    assert [one.tokens for one in answer.maps] == [None, None]


def test_tokens_are_content_and_no_column(run: Run) -> None:
    from tensorboard_activis.query.describe import describe_snapshot
    from tensorboard_activis.query.instances.columns import columns
    from tensorboard_activis.query.instances.table import Page, table_page

    snapshot, _ = run
    info = describe_snapshot(snapshot, "run")
    assert "token_texts" not in [one.name for one in info.columns]
    assert "token_texts" not in columns(snapshot).user
    assert "token_texts" not in table_page(snapshot, Page(limit=1)).rows[0]
    assert {one.name: one.positions for one in info.layers} == {SEQUENCE: (-1,), MAP: (3, 4), FLAT: ()}


def test_what_cannot_be_answered(run: Run) -> None:
    snapshot, truth = run
    with pytest.raises(NotFoundError, match="no positions"):
        neuron_positions(snapshot, FLAT, 0)
    with pytest.raises(NotFoundError, match="neurons 0 to 5; got 6"):
        neuron_positions(snapshot, SEQUENCE, 6)
    with pytest.raises(NotFoundError, match="kept instances go from 0 to"):
        instance_maps(snapshot, SEQUENCE, 0, [len(truth.ids)])
    with pytest.raises(QueryError, match="at most 256 instances"):
        instance_maps(snapshot, SEQUENCE, 0, [0] * 257)
    with pytest.raises(QueryError, match="room must be"):
        instance_maps(snapshot, SEQUENCE, 0, [0], room=-1)
