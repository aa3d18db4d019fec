"""Positions that lie are found, and cost the layer its positions and nothing else."""

from typing import Any

import numpy as np
import pytest

from tensorboard_activis import activis_pb2 as pb
from tensorboard_activis import codec
from tensorboard_activis.positions_codec import NO_PEAK, peak_type


def array(dtype: str, *shape: int) -> pb.Array:
    return pb.Array(dtype=dtype, shape=shape, inline=bytes(int(np.prod(shape)) * np.dtype(dtype).itemsize))


def snapshot(**changes: Any) -> pb.Snapshot:
    """Of 4 instances, one of them pinned, and one layer of 2 neurons with maps of 5 x 6, stored as 3 x 4; k is 7."""
    good: dict[str, Any] = {
        "sizes": [5, 6],
        "peaks": array("uint8", 4, 2),
        "strongest": array("int32", 2, 7),
        "maps": array("uint8", 2, 7, 3, 4),
        "map_range": array("float32", 2, 7, 2),
        "pinned_maps": array("uint8", 1, 3, 4, 2),
        "pinned_range": array("float32", 1, 2, 2),
    }
    four = {name: array("float32", 1, 2) for name in ("mean", "std", "min", "max")}
    layer = pb.Layer(
        name="conv",
        neurons=2,
        activations=array("float16", 4, 2),
        summary=pb.Summary(count=array("int64", 1, 2), **four),
        positions=pb.Positions(**{name: value for name, value in (good | changes).items() if value is not None}),
    )
    return pb.Snapshot(seen=3, sample_size=3, pinned=1, subsets=[pb.Subset()], layers=[layer])


def test_good_positions_are_read() -> None:
    (layer,) = codec.decode_snapshot(snapshot().SerializeToString()).layers
    assert layer.positions is not None
    assert (layer.positions.sizes, layer.positions.is_sequence) == ((5, 6), False)
    assert layer.positions_problem == ""


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"sizes": [-1, 6]}, r"impossible sizes \(-1, 6\)"),
        ({"sizes": [0, 6]}, "impossible sizes"),
        ({"sizes": [2**62, 2**62]}, "impossible sizes"),
        ({"sizes": [1] * 1000}, r"impossible sizes \(1, 1, 1, 1\)"),
        ({"sizes": [-1]}, "impossible sizes"),  # only a sequence, which has starts, has no length
        ({"sizes": [-1], "starts": array("uint32", 2, 6)}, r"starts of layer 'conv' are uint32 \(2, 6\)"),
        ({"sizes": [-1], "starts": array("int32", 2, 7)}, r"uint32 \(2, 7\) was expected"),
        ({"sizes": [16, 16]}, r"uint8, which is too small for sizes \(16, 16\)"),
        ({"peaks": array("int32", 4, 2)}, r"peaks .* int32 \(4, 2\); uint8 or uint16 or uint32 \(4, 2\) was expected"),
        ({"peaks": array("uint8", 3, 2)}, r"\(3, 2\)"),
        ({"peaks": None}, "type ''"),
        ({"strongest": array("int32", 2, 0)}, "0 strongest instances per neuron; 1 to 1,024"),
        ({"strongest": pb.Array(dtype="int32", shape=[2, 2000])}, "2000 strongest"),
        ({"strongest": array("int32", 14)}, "0 strongest"),
        ({"strongest": array("float32", 2, 7)}, "strongest of layer 'conv' are float32"),
        ({"maps": array("uint8", 2, 7, 3)}, r"\(2, 7, '…', '…'\) was expected"),
        ({"maps": array("uint8", 2, 6, 3, 4)}, "maps of layer 'conv'"),
        ({"maps": array("uint8", 2, 7, 6, 6)}, r"stores maps of \(6, 6\) for positions of \(5, 6\)"),
        ({"maps": array("uint8", 2, 7, 3, 4, 1)}, "maps of layer 'conv'"),
        ({"map_range": array("float32", 2, 7)}, r"float32 \(2, 7, 2\) was expected"),
        ({"pinned_maps": array("uint8", 2, 3, 4, 2)}, "pinned_maps of layer"),
        ({"pinned_maps": array("uint8", 1, 7, 7, 2)}, r"stores maps of \(7, 7\)"),
        ({"pinned_range": None}, "type ''"),
        ({"pinned_range": pb.Array(dtype="float32", shape=[1, 2, 2], files=["/etc/passwd"])}, "'/etc/passwd'"),
    ],
)
def test_positions_that_lie_cost_their_layer_nothing_else(changes: dict[str, Any], problem: str) -> None:
    (layer,) = codec.decode_snapshot(snapshot(**changes).SerializeToString()).layers
    assert layer.positions is None
    assert layer.activations.shape == (4, 2)
    with pytest.raises(AssertionError, match=problem):
        raise AssertionError(layer.positions_problem)


def test_a_map_that_takes_too_much_is_refused() -> None:
    changed = snapshot(sizes=[300, 300], peaks=array("uint32", 4, 2), maps=array("uint8", 2, 7, 300, 300))
    (layer,) = codec.decode_snapshot(changed.SerializeToString()).layers
    assert layer.positions_problem == "Layer 'conv' stores maps of (300, 300) for positions of (300, 300)."


@pytest.mark.parametrize(
    ("positions", "dtype"), [(1, "uint8"), (255, "uint8"), (256, "uint16"), (65535, "uint16"), (65536, "uint32")]
)
def test_the_type_of_peaks_has_room_for_none(positions: int, dtype: str) -> None:
    assert peak_type(positions) == dtype
    assert positions - 1 < NO_PEAK[dtype] == np.iinfo(dtype).max
