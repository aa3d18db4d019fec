"""Serialization of a layer's positions. Decoding checks all that can be known without reading their arrays."""

import math

from tensorboard_activis import activis_pb2 as pb
from tensorboard_activis import schema
from tensorboard_activis.array_codec import decode_array, encode_array
from tensorboard_activis.errors import UnreadableError

#: Axes of positions, strongest instances of a neuron, and values of one stored map.
MAX_AXES, MAX_STRONGEST, MAX_STORED = 3, 1024, 1 << 16
#: Types of peaks, each with its highest value, which stands for none.
NO_PEAK = {"uint8": 2**8 - 1, "uint16": 2**16 - 1, "uint32": 2**32 - 1}
#: Positions of a map: an index is read as int32.
_MAX_POSITIONS = 2**31 - 1


def peak_type(positions: int) -> str:
    """The smallest type of peaks for this many positions."""
    return next(name for name, none in NO_PEAK.items() if positions <= none)


def encode_positions(positions: schema.Positions | None) -> pb.Positions | None:
    """The message of positions."""
    if positions is None:
        return None
    names = ("peaks", "strongest", "maps", "map_range", "starts", "pinned_maps", "pinned_range")
    there = {name: getattr(positions, name) for name in names if getattr(positions, name) is not None}
    return pb.Positions(sizes=positions.sizes, **{name: encode_array(array) for name, array in there.items()})


def decode_positions(layer: pb.Layer, instances: int, pinned: int) -> schema.Positions | None:
    """The positions in the message of a layer; None where there are none.

    Arguments:
        instances, pinned: kept instances, and how many of these are pinned.

    Raises:
        UnreadableError: types, shapes or sizes do not fit each other or the layer.
    """
    if not layer.HasField("positions"):
        return None
    message, what, neurons = layer.positions, f"{layer.name!r:.200}", layer.neurons
    sizes = tuple(message.sizes[: MAX_AXES + 1])
    open_ended = sizes == (-1,) and message.HasField("starts")
    if not open_ended and (
        len(sizes) > MAX_AXES or min(sizes, default=0) < 1 or math.prod(map(int, sizes)) > _MAX_POSITIONS
    ):
        raise UnreadableError(f"Layer {what} has positions of the impossible sizes {sizes}.")

    def array(name: str, dtypes: tuple[str, ...], shape: tuple[int, ...], stored: int | None = None) -> schema.Array:
        """Its stored sizes, from axis `stored` on, may be any; `shape` has 0 there."""
        found = decode_array(getattr(message, name), f"{name} of layer", layer.name)
        known = list(found.shape)
        if stored is not None:
            known[stored : stored + len(sizes)] = [0] * len(known[stored : stored + len(sizes)])
        if found.dtype not in dtypes or tuple(known) != shape:
            wanted = str(
                shape if stored is None else shape[:stored] + ("…",) * len(sizes) + shape[stored + len(sizes) :]
            )
            raise UnreadableError(
                f"The {name} of layer {what} are {found.dtype} {found.shape}; {' or '.join(dtypes)} {wanted} was expected."
            )
        return found

    peaks = array("peaks", tuple(NO_PEAK), (instances, neurons))
    if not open_ended and math.prod(sizes) > NO_PEAK[peaks.dtype]:
        raise UnreadableError(f"The peaks of layer {what} are {peaks.dtype}, which is too small for sizes {sizes}.")
    k = message.strongest.shape[1] if len(message.strongest.shape) == 2 else 0
    if not 1 <= k <= MAX_STRONGEST:
        raise UnreadableError(f"Layer {what} has {k} strongest instances per neuron; 1 to {MAX_STRONGEST:,} are read.")
    any_size = (0,) * len(sizes)
    strongest = array("strongest", ("int32",), (neurons, k))
    starts = array("starts", ("uint32",), (neurons, k)) if message.HasField("starts") else None
    maps = array("maps", ("uint8",), (neurons, k, *any_size), 2)
    map_range = array("map_range", ("float32",), (neurons, k, 2))
    pinned_maps = pinned_range = None
    if message.HasField("pinned_maps"):
        pinned_maps = array("pinned_maps", ("uint8",), (pinned, *any_size, neurons), 1)
        pinned_range = array("pinned_range", ("float32",), (pinned, neurons, 2))
    for stored in (maps.shape[2:], () if pinned_maps is None else pinned_maps.shape[1:-1]):
        if math.prod(stored) > MAX_STORED or any(
            small > large for small, large in zip(stored, sizes, strict=False) if large != -1
        ):
            raise UnreadableError(f"Layer {what} stores maps of {stored} for positions of {sizes}.")
    return schema.Positions(sizes, peaks, strongest, maps, map_range, starts, pinned_maps, pinned_range)
